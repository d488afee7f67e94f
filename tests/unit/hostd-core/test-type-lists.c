/*
 * Type lists of Intel and AMD: what one line means, and what a bad one costs
 */

#include "hostd/core/type-list.h"
#include "tests/unit/hostd-core/test.h"

#define GVTG_TAIL                                                                                            \
        " low_gm_sz=128 high_gm_sz=384 fence_sz=4 framebuffer_sz=128 max_heads=1 resolution=1920x1080"

static int read_gvtg_line(const char *line, Told *told, TypeListEntry *ret) {
        ProblemSink sink = sink_to(told);

        return type_list_parse_line(&type_list_gvtg, line, strlen(line), 7, &sink, ret);
}

static void assert_gvtg(const TypeListEntry *e, uint16_t pdev, bool experimental, const char *name) {
        assert_int_equal(e->pdev, pdev);
        assert_int_equal(e->experimental, experimental);
        assert_string_equal(e->name, name);
        assert_int_equal(e->low_gm_sz, 128);
        assert_int_equal(e->high_gm_sz, 384);
        assert_int_equal(e->fence_sz, 4);
        assert_int_equal(e->framebuffer, 134217728);
        assert_int_equal(e->heads, 1);
        assert_int_equal(e->max_x, 1920);
        assert_int_equal(e->max_y, 1080);
}

static void gvtg_empty_line(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(read_gvtg_line("", &told, &e), 0);
        assert_int_equal(told.n, 0);
}

static void gvtg_nonsense_line(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(read_gvtg_line("nonsense123", &told, &e), -EINVAL);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.line, 7);
}

static void gvtg_whole_line(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(read_gvtg_line("1234 experimental=0 name='myvgpu'" GVTG_TAIL, &told, &e), 1);
        assert_gvtg(&e, 0x1234, false, "myvgpu");
        type_list_entry_done(&e);
}

static void gvtg_experimental_is_anything_but_0(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(read_gvtg_line("1234 experimental=1 name='myvgpu'" GVTG_TAIL, &told, &e), 1);
        assert_gvtg(&e, 0x1234, true, "myvgpu");
        type_list_entry_done(&e);
        assert_int_equal(read_gvtg_line("abCD experimental=y name='a b'" GVTG_TAIL, &told, &e), 1);
        assert_gvtg(&e, 0xabcd, true, "a b");
        type_list_entry_done(&e);
}

static void gvtg_trailing_text_is_ignored(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(
                read_gvtg_line("1234 experimental=0 name='myvgpu'" GVTG_TAIL " monitor_config_file=/my/file",
                        &told, &e),
                1);
        assert_gvtg(&e, 0x1234, false, "myvgpu");
        type_list_entry_done(&e);
}

static void gvtg_bad_lines_say_what_is_wrong(void **state) {
        static const struct {
                const char *line, *reason;
        } cases[] = {
                { "123 experimental=0 name='v'" GVTG_TAIL, "four hex digits" },
                { "12345 experimental=0 name='v'" GVTG_TAIL, "four hex digits" },
                { "12g4 experimental=0 name='v'" GVTG_TAIL, "four hex digits" },
                { "1234 name='v'" GVTG_TAIL, "experimental" },
                { "1234 experimental=", "experimental" },
                { "1234 experimental=0 name=v" GVTG_TAIL, "name=" },
                { "1234 experimental=0 name='v", "name=" },
                { "1234 experimental=0 name=''" GVTG_TAIL, "the name is empty" },
                { "1234 experimental=0 name='v' low_gm_sz=0", "low_gm_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=-1", "low_gm_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=99999999999999999999", "low_gm_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=1", "high_gm_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1", "fence_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1", "framebuffer_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1 "
                  "framebuffer_sz=18446744073709551615",
                        "framebuffer_sz" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1 framebuffer_sz=1",
                        "max_heads" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1 framebuffer_sz=1 "
                  "max_heads=4294967296",
                        "max_heads" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1 framebuffer_sz=1 "
                  "max_heads=1",
                        "resolution" },
                { "1234 experimental=0 name='v' low_gm_sz=1 high_gm_sz=1 fence_sz=1 framebuffer_sz=1 "
                  "max_heads=1 resolution=1920",
                        "resolution" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                TypeListEntry e;
                Told told = {};

                assert_int_equal(read_gvtg_line(cases[i].line, &told, &e), -EINVAL);
                assert_contains(told.reason, cases[i].reason);
        }
}

/* A byte that nobody can show costs no type. */
static void gvtg_names_are_cleaned(void **state) {
        Told told = {};
        TypeListEntry e;

        assert_true(read_gvtg_line("1234 experimental=0 name='A\xff \x1b\xc2\x9b\xef\xbf\xbe'" GVTG_TAIL, &told, &e) > 0);
        assert_string_equal(e.name, "A\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
        free(e.name);
}

/* Of the entries for 1234, as the card's own list. */
static size_t gvtg_for_1234(const char *text, TypeListEntry **ret, size_t *ret_n) {
        size_t n = 0;

        assert_ok(type_list_parse(&type_list_gvtg, text, strlen(text), NULL, ret, ret_n));
        for (size_t i = 0; i < *ret_n; i++)
                n += (*ret)[i].pdev == 0x1234;
        return n;
}

static void gvtg_empty_list(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(gvtg_for_1234("", &entries, &n), 0);
        type_list_free(entries, n);
}

static void gvtg_list_of_one_card(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(gvtg_for_1234("1234 experimental=0 name='GVT-g on 1234'" GVTG_TAIL
                                       " monitor_config_file=/path/to/file1\n"
                                       "1234 experimental=1 name='GVT-g on 1234 (experimental)'" GVTG_TAIL
                                       " monitor_config_file=/path/to/file2\n",
                                 &entries, &n),
                2);
        assert_gvtg(&entries[0], 0x1234, false, "GVT-g on 1234");
        assert_gvtg(&entries[1], 0x1234, true, "GVT-g on 1234 (experimental)");
        type_list_free(entries, n);
}

static void gvtg_list_of_two_cards(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(gvtg_for_1234("1234 experimental=0 name='GVT-g on 1234'" GVTG_TAIL "\n"
                                       "5678 experimental=0 name='GVT-g on 5678'" GVTG_TAIL "\n",
                                 &entries, &n),
                1);
        assert_int_equal(n, 2);
        assert_gvtg(&entries[0], 0x1234, false, "GVT-g on 1234");
        type_list_free(entries, n);
}

static void gvtg_bad_line_costs_itself_alone(void **state) {
        static const char text[] = "# a comment\r\n"
                                   "1234 experimental=0 name='one'" GVTG_TAIL "\r\n"
                                   "\x01\x02 rubbish \xff\n"
                                   "   \n"
                                   "1234 experimental=0 name='two'" GVTG_TAIL;
        TypeListEntry *entries;
        Told told = {};
        ProblemSink sink = sink_to(&told);
        size_t n;

        assert_ok(type_list_parse(&type_list_gvtg, text, sizeof(text) - 1, &sink, &entries, &n));
        assert_int_equal(n, 2);
        assert_string_equal(entries[1].name, "two");
        assert_int_equal(entries[1].line, 5);
        assert_int_equal(told.n, 1);
        assert_int_equal(told.line, 3);
        type_list_free(entries, n);
}

static void lists_are_capped(void **state) {
        static const char gvtg[] = "1234 experimental=0 name='v'" GVTG_TAIL "\n";
        static const char mxgpu[] = "1234 experimental=0 name='v' framebuffer_sz=1 vgpus_per_pgpu=1\n";
        char *text = malloc(1200 * sizeof(gvtg));
        TypeListEntry *g;
        TypeListEntry *m;
        Told told = {};
        ProblemSink sink = sink_to(&told);
        size_t n;

        *text = '\0';
        for (int i = 0; i < 1200; i++)
                strcpy(text + (size_t) i * (sizeof(gvtg) - 1), gvtg);
        assert_ok(type_list_parse(&type_list_gvtg, text, strlen(text), &sink, &g, &n));
        assert_int_equal(n, 1024);
        type_list_free(g, n);

        for (int i = 0; i < 1200; i++)
                strcpy(text + (size_t) i * (sizeof(mxgpu) - 1), mxgpu);
        assert_ok(type_list_parse(&type_list_mxgpu, text, strlen(text), &sink, &m, &n));
        assert_int_equal(n, 1024);
        type_list_free(m, n);
        assert_int_equal(told.n, 2);
        assert_contains(told.reason, "more than 1024");
        free(text);
}

static void gvtg_counts_by_the_aperture(void **state) {
        assert_int_equal(gvtg_instances(1024ull << 20, 128), 7);
        assert_int_equal(gvtg_instances(256ull << 20, 128), 1);
        assert_int_equal(gvtg_instances(128ull << 20, 128), 0);
        assert_int_equal(gvtg_instances(0, 128), 0);
        assert_int_equal(gvtg_instances(1024ull << 20, 0), 0);
        assert_int_equal(gvtg_instances(UINT64_MAX, 1), (UINT64_MAX >> 20) - 1 > UINT32_MAX ? UINT32_MAX : 0);
}

static int read_mxgpu_line(const char *line, Told *told, TypeListEntry *ret) {
        ProblemSink sink = sink_to(told);

        return type_list_parse_line(&type_list_mxgpu, line, strlen(line), 3, &sink, ret);
}

static void assert_mxgpu(const TypeListEntry *e, uint16_t pdev, bool experimental, const char *name,
        uint64_t framebuffer, uint64_t per_pgpu) {
        assert_int_equal(e->pdev, pdev);
        assert_int_equal(e->experimental, experimental);
        assert_string_equal(e->name, name);
        assert_int_equal(e->framebuffer, framebuffer);
        assert_int_equal(e->vgpus_per_pgpu, per_pgpu);
}

static void mxgpu_empty_line(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(read_mxgpu_line("", &told, &e), 0);
        assert_int_equal(told.n, 0);
}

static void mxgpu_bad_lines_say_what_is_wrong(void **state) {
        static const struct {
                const char *line, *reason;
        } cases[] = {
                { "nonsense123", "four hex digits" },
                { "1234 experimental=0 name='v' vgpus_per_pgpu=5", "framebuffer_sz" },
                { "1234 experimental=0 name='v' framebuffer_sz=1", "vgpus_per_pgpu" },
                { "1234 experimental=0 name='v' framebuffer_sz=1 vgpus_per_pgpu=x", "vgpus_per_pgpu" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                TypeListEntry e;
                Told told = {};

                assert_int_equal(read_mxgpu_line(cases[i].line, &told, &e), -EINVAL);
                assert_contains(told.reason, cases[i].reason);
                assert_int_equal(told.line, 3);
        }
}

static void mxgpu_whole_line(void **state) {
        TypeListEntry e;
        Told told = {};

        assert_int_equal(
                read_mxgpu_line(
                        "1234 experimental=0 name='mymxgpu' framebuffer_sz=256 vgpus_per_pgpu=5", &told, &e),
                1);
        assert_mxgpu(&e, 0x1234, false, "mymxgpu", 268435456, 5);
        type_list_entry_done(&e);
        assert_int_equal(
                read_mxgpu_line("1234 experimental=1 name='mymxgpu' framebuffer_sz=256 vgpus_per_pgpu=5 more",
                        &told, &e),
                1);
        assert_mxgpu(&e, 0x1234, true, "mymxgpu", 268435456, 5);
        type_list_entry_done(&e);
}

static size_t mxgpu_for_1234(const char *text, TypeListEntry **ret, size_t *ret_n) {
        size_t n = 0;

        assert_ok(type_list_parse(&type_list_mxgpu, text, strlen(text), NULL, ret, ret_n));
        for (size_t i = 0; i < *ret_n; i++)
                n += (*ret)[i].pdev == 0x1234;
        return n;
}

static void mxgpu_empty_list(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(mxgpu_for_1234("", &entries, &n), 0);
        type_list_free(entries, n);
}

/* Neither list ends with a newline: the last line counts all the same. */
static void mxgpu_list_of_one_card(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(mxgpu_for_1234("1234 experimental=0 name='Small AMD MxGPU on 1234' "
                                        "framebuffer_sz=128 vgpus_per_pgpu=4\n"
                                        "1234 experimental=1 name='Big AMD MxGPU on 1234' framebuffer_sz=256 "
                                        "vgpus_per_pgpu=2",
                                 &entries, &n),
                2);
        assert_mxgpu(&entries[0], 0x1234, false, "Small AMD MxGPU on 1234", 134217728, 4);
        assert_mxgpu(&entries[1], 0x1234, true, "Big AMD MxGPU on 1234", 268435456, 2);
        type_list_free(entries, n);
}

static void mxgpu_list_of_two_cards(void **state) {
        TypeListEntry *entries;
        size_t n;

        assert_int_equal(mxgpu_for_1234("bad line\n"
                                        "1234 experimental=0 name='Small AMD MxGPU on 1234' "
                                        "framebuffer_sz=128 vgpus_per_pgpu=4\n"
                                        "2345 experimental=0 name='Small AMD MxGPU on 2345' "
                                        "framebuffer_sz=128 vgpus_per_pgpu=4",
                                 &entries, &n),
                1);
        assert_int_equal(n, 2);
        assert_mxgpu(&entries[0], 0x1234, false, "Small AMD MxGPU on 1234", 134217728, 4);
        type_list_free(entries, n);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                CASE("GVT-L-1", gvtg_empty_line),
                CASE("GVT-L-3", gvtg_whole_line),
                CASE("GVT-WL-1", gvtg_empty_list),
                CASE("GVT-WL-3", gvtg_list_of_one_card),
                CASE("GVT-WL-5", gvtg_list_of_two_cards),
                CASE("H-GVT-1", gvtg_trailing_text_is_ignored),
                CASE("MX-L-1", mxgpu_empty_line),
                CASE("MX-L-3", mxgpu_whole_line),
                CASE("MX-WL-1", mxgpu_empty_list),
                CASE("MX-WL-3", mxgpu_list_of_one_card),
                CASE("MX-WL-5", mxgpu_list_of_two_cards),
                cmocka_unit_test(gvtg_nonsense_line),
                cmocka_unit_test(gvtg_experimental_is_anything_but_0),
                cmocka_unit_test(gvtg_bad_lines_say_what_is_wrong),
                cmocka_unit_test(gvtg_names_are_cleaned),
                cmocka_unit_test(gvtg_bad_line_costs_itself_alone),
                cmocka_unit_test(gvtg_counts_by_the_aperture),
                cmocka_unit_test(lists_are_capped),
                cmocka_unit_test(mxgpu_bad_lines_say_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
