/*
 * The command line without a pool behind it: arguments, fields, filters, lists and the map
 */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/json/json-get.h"
#include "common/base/strbuf.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/status-problems.h"
#include "policyd/ctl/verbs.h"
#include "protocol/schema/classes.h"
#include "protocol/schema/words.h"
#include "protocol/vgpu-implementation.h"
#include "tests/unit/ctl/fixture.h"

#define PARSE(...)                                                                                           \
        ({                                                                                                   \
                const char *const _argv_[] = {"xenvgpu", __VA_ARGS__, NULL};                                 \
                args_done(&args);                                                                            \
                args_parse((int) ARRAY_SIZE(_argv_) - 1, (char *const *) _argv_, &args, &error);             \
        })

static void test_arguments(void **state) {
        _cleanup_free_ char *error = NULL;
        Args args = {};

        assert_int_equal(PARSE("vm-start", "UUID=a=b", "--force", "--minimal", "--host", "root@m"), 0);
        assert_string_equal(args.verb, "vm-start");
        assert_string_equal(args_get(&args, "uuid"), "a=b");
        assert_string_equal(args_get(&args, "force"), "true");
        assert_true(args.minimal);
        assert_string_equal(args.host, "root@m");
        assert_null(args_get(&args, "device"));
        args_done(&args);
}

static void test_arguments_refused(void **state) {
        _cleanup_free_ char *error = NULL;
        Args args = {};

        assert_int_equal(PARSE("vm-list", "--minimal", "--json"), -EINVAL);
        free(take_ptr(error));
        assert_int_equal(PARSE("vm-list", "uuid=1", "Uuid=2"), -EINVAL);
        assert_non_null(strstr(error, "'uuid' is given twice"));
        free(take_ptr(error));
        assert_int_equal(PARSE("vm-list", "name"), -EINVAL);
        free(take_ptr(error));
        assert_int_equal(PARSE("vm-list", "--host"), -EINVAL);
        free(take_ptr(error));
        assert_int_equal(PARSE("vm-list", "=x"), -EINVAL);
}

static void test_arguments_renamed(void **state) {
        _cleanup_free_ char *error = NULL;
        Args args = {};

        assert_int_equal(PARSE("vgpu-create", "vm=x", "group=y"), 0);
        assert_int_equal(args_rename(&args, args.args[0].key, "vm-uuid"), 0); /* its own text, which goes */
        assert_int_equal(args_rename(&args, "none", "device"), 0);
        assert_string_equal(args_get(&args, "vm-uuid"), "x");
        assert_null(args_get(&args, "vm"));
        assert_null(args_get(&args, "device"));
        args_done(&args);
}

static void test_verbs(void **state) {
        char name[64];
        VerbName v;

        assert_true(verb_find("vgpu-create", &v));
        assert_null(v.class);
        assert_true(verb_find("gpu-group-param-set", &v));
        assert_string_equal(v.class->name, "gpu-group");
        assert_true(verb_find("vgpu-type-list", &v));
        assert_string_equal(v.class->name, "vgpu-type");
        assert_false(verb_find("vgpu_list", &v));
        for (size_t i = 0; verb_nth(i, name, &v); i++)
                assert_true(v.verb->run || v.verb->method);
        assert_true(edit_distance("vm-strat", "vm-start") == 1);
        assert_true(edit_distance("hots", "host") == 1);
        assert_true(edit_distance("abcd", "badc") == 2);
        assert_true(edit_distance("ca", "abc") == 3);
        assert_true(edit_distance("", "abc") == 3);
}

static void check_keys(const char *verb, int expected, const char *key, const char *value) {
        Args args = {.n = 1, .args = {{.key = strdup(key), .value = value}}};
        VerbName v;

        assert_true(verb_find(verb, &v));
        assert_int_equal(verb_check(verb, v, &args), expected);
        args_done(&args);
}

static void test_keys(void **state) {
        check_keys("vm-list", 0, "power-state", "running");
        check_keys("vm-list", 0, "resident-on-name-label", "alpha");
        check_keys("vm-list", EXIT_USAGE, "colour", "red");
        check_keys("vm-start", 0, "uuid", "x");
        check_keys("vm-start", EXIT_USAGE, "uuid", "");
        check_keys("vm-start", 0, "name-label", "x");
        check_keys("vm-start", 0, "vm", "x");
        check_keys("vm-start", EXIT_USAGE, "multiple", "true"); /* of what? */
        check_keys("vm-explain", EXIT_USAGE, "multiple", "true");
        check_keys("event-wait", EXIT_USAGE, "power-state", "halted");
        check_keys("vm-create", 0, "platform:vgpu_config", "x");
        check_keys("status", EXIT_USAGE, "uuid", "x");
        check_keys("vm-create", 0, "name", "x");
        check_keys("gpu-group-create", 0, "name-label", "x");
        check_keys("vm-start", EXIT_USAGE, "nom", "x");
}

/* The fixture in a view without a client. */
static View *view_of_fixture(void) {
        _cleanup_json_ struct json_object *objects = NULL;
        JsonReader reader = {};
        View *v = NULL;

        assert_int_equal(json_parse(&reader, pool_fixture, strlen(pool_fixture), &objects), 0);
        assert_int_equal(view_new(NULL, &v), 0);
        assert_int_equal(view_add_all(v, objects), 0);
        return v;
}

static ViewObject *object_named(View *v, const char *class_name, const char *label) {
        const ClassInfo *c = class_find(class_name);
        _cleanup_free_ ViewObject **list = NULL;
        size_t n;

        assert_int_equal(view_list(v, c, &list, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (streq(object_text(list[i], c->label), label))
                        return list[i];
        fail_msg("no %s %s", class_name, label);
        return NULL;
}

static void expect_field(View *v, const ViewObject *o, const char *name, const char *expected) {
        _cleanup_free_ char *text = NULL;
        FieldName field;

        assert_true(field_find(o->class, name, &field));
        text = field_text(v, o, field);
        assert_string_equal(text, expected);
}

static void test_fields(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        const ViewObject *vm = object_named(v, "vm", "desk-10"), *halted = object_named(v, "vm", "desk-2"),
                         *pgpu = object_named(v, "pgpu", "0000:86:00.0"),
                         *type = object_named(v, "vgpu-type", "GRID K140Q"),
                         *job = object_named(v, "job", "VM.Start"), *host = object_named(v, "host", "alpha");

        expect_field(v, vm, "power-state", "running");
        expect_field(v, vm, "Resident-On", "00000001-0000-4000-8000-000000000001");
        expect_field(v, vm, "resident-on-name-label", "alpha");
        expect_field(v, halted, "resident-on", "");
        expect_field(v, halted, "resident-on-name-label", "");
        expect_field(v, vm, "vgpus", "00000060-0000-4000-8000-000000000060");
        expect_field(v, pgpu, "host-name-label", "alpha");
        expect_field(v, pgpu, "host", "00000001-0000-4000-8000-000000000001");
        expect_field(v, pgpu, "enabled-vgpu-types-name-label", "GRID K100");
        expect_field(v, pgpu, "SUPPORTED-VGPU-TYPES-NAME-LABEL", "GRID K100; GRID K140Q; passthrough");
        expect_field(v, type, "max-resolution", "2560x1600");
        expect_field(v, type, "framebuffer-size", "1006632960");
        expect_field(v, job, "error", "FAILED_TO_START_EMULATOR: The emulator did not come up.");
        expect_field(v, job, "progress", "60%");
        expect_field(v, job, "start-time", "20231114T22:13:20Z");
        expect_field(v, host, "networks", "xenbr0; xenbr1");
        expect_field(v, host, "pgpus-name-label",
                "alpha/0000:83:00.0; alpha/0000:84:00.0; alpha/0000:85:00.0; alpha/0000:86:00.0");
}

/* What xe has and policyd does not tell. */
static void test_fields_that_are_made(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        ViewObject *vm = object_named(v, "vm", "desk-10"), *halted = object_named(v, "vm", "desk-2"),
                   *pgpu = object_named(v, "pgpu", "0000:86:00.0"), *type = object_named(v, "vgpu-type", "GRID K140Q"),
                   *host = object_named(v, "host", "alpha");
        FieldName field;

        expect_field(v, vm, "is-control-domain", "false");
        expect_field(v, vm, "allowed-operations", "clean_shutdown; hard_shutdown; clean_reboot; hard_reboot; export");
        expect_field(v, halted, "allowed-operations", "start; start_on; export; copy; destroy");
        expect_field(v, host, "host-metrics-live", "true");
        assert_true(field_find(host->class, "resident_VMs", &field));
        assert_true(field_matches(v, host, field, vm->uuid));
        assert_false(field_matches(v, host, field, halted->uuid));
        view_set(v, type->path, "SupportedOnPGPUs", json_tokener_parse("[\"/org/xenvgpu/Policy1/pgpu/_00000010_0000_4000_8000_000000000010\"]"));
        assert_true(field_find(type->class, "supported-on-gpu-groups", &field));
        assert_true(field_matches(v, type, field, "00000040-0000-4000-8000-000000000040"));
        assert_true(field_find(pgpu->class, "supported-VGPU-max-capacities", &field));

        view_set(v, vm->path, "Platform", json_tokener_parse("{\"vga\":\"std\",\"videoram\":\"16\"}"));
        expect_field(v, vm, "platform", "vga: std; videoram: 16");
        expect_field(v, vm, "platform:videoram", "16");
        expect_field(v, vm, "platform:nothing", "");
        assert_false(field_find(vm->class, "name-label:x", &field));
}

static void expect_all_fields(const ViewObject *o) {
        json_object_object_foreach(o->properties, property, value) {
                bool found = false;

                assert_non_null(value);
                for (size_t f = 0; f < o->class->n_fields; f++)
                        found |= streq(o->class->fields[f].property, property);
                if (!found)
                        fail_msg("%s.%s is no field", o->class->name, property);
        }
}

/* Every D-Bus property is a field. */
static void test_every_property_is_a_field(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();

        for (size_t c = 0; c < n_classes; c++) {
                _cleanup_free_ ViewObject **list = NULL;
                size_t n;

                assert_int_equal(view_list(v, &classes[c], &list, &n), 0);
                for (size_t i = 0; i < n; i++)
                        expect_all_fields(list[i]);
        }
}

/* Every property whose values are words has them here too, as the schema has them, and no other has any: who waits for one that the field
 * never takes is told so, and the completion offers them. */
#define WORDS_TEXT(value, word) word " "
static const struct {
        const char *type, *words;
} lists_of_words[] = {
        {"WORD(host_state)", HOST_STATES(WORDS_TEXT)},
        {"WORD(group_algorithm)", GROUP_ALGORITHMS(WORDS_TEXT)},
        {"WORD(power_state)", POWER_STATES(WORDS_TEXT)},
        {"WORD(placement)", PLACEMENTS(WORDS_TEXT)},
        {"WORD(job_state)", JOB_STATES(WORDS_TEXT)},
        {"WORD(vgpu_implementation)", VGPU_IMPLEMENTATIONS(WORDS_TEXT)},
        {"TEXT_OF(health)", PGPU_HEALTHS(WORDS_TEXT)},
};

static void expect_words(const char *class, const char *property, const char *type, const char *name) {
        const char *expected = "", *const *words;
        char text[512] = "";
        FieldName field;

        for (size_t i = 0; i < ARRAY_SIZE(lists_of_words); i++)
                expected = streq(lists_of_words[i].type, type) ? lists_of_words[i].words : expected;
        if (startswith(type, "WORD(") && !*expected)
                fail_msg("this test has no words of %s", type);
        for (size_t i = 0; i < n_classes; i++) {
                if (!streq(strempty(classes[i].word), class))
                        continue;
                assert_true(field_find(&classes[i], name, &field));
                words = field_words(&classes[i], field);
                for (size_t k = 0; words && words[k]; k++)
                        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", words[k]);
                if (!streq(text, expected))
                        fail_msg("%s.%s has the words '%s', not '%s'", class, property, text, expected);
                return;
        }
        fail_msg("there is no class %s", class);
}

#define EXPECT_WORDS(class, bit, property, signature, change, type, source, row, field, shown_as) \
        expect_words(class, property, #type, field);
#define EXPECT_WORDS_OF(class, prefix, type, word) class##_SCHEMA(EXPECT_WORDS, SCHEMA_SKIP, word)

static void test_words_are_those_of_the_schema(void **state) {
        POOL_CLASSES(EXPECT_WORDS_OF)
}

static bool matches(View *v, const ViewObject *o, const char *name, const char *text) {
        FieldName field;

        assert_true(field_find(o->class, name, &field));
        return field_matches(v, o, field, text);
}

static void test_filters(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        const ViewObject *vm = object_named(v, "vm", "desk-10"),
                         *pgpu = object_named(v, "pgpu", "0000:86:00.0");

        assert_true(matches(v, vm, "power-state", "running"));
        assert_false(matches(v, vm, "power-state", "halted"));
        assert_true(matches(v, vm, "resident-on", "alpha"));
        assert_true(matches(v, vm, "resident-on", "00000001-0000-4000-8000-000000000001"));
        assert_false(matches(v, vm, "resident-on", ""));
        assert_true(matches(v, vm, "scheduled-to-be-resident-on", ""));
        assert_true(matches(v, pgpu, "supported-VGPU-types", "GRID K140Q"));
        assert_false(matches(v, pgpu, "enabled-VGPU-types", "GRID K140Q"));
        assert_true(matches(v, vm, "uuid", vm->uuid));
        assert_true(matches(v, vm, "uuid", "desk-10"));
        assert_false(matches(v, vm, "uuid", "desk-1"));
        for (const char *const *name = (const char *const[]){"alpha/0000:86:00.0", "alpha/86:00.0", "86:00.0", "0000:86:00.0", NULL}; *name; name++)
                assert_true(matches(v, pgpu, "uuid", *name));
        for (const char *const *name = (const char *const[]){"alph/86:00.0", "beta/86:00.0", "/86:00.0", "86:00.1", "alpha/", "", NULL}; *name; name++)
                assert_false(matches(v, pgpu, "uuid", *name));
}

/* What a printer writes. */
static char *printed(View *v, const char *class_name, const char *params, PrintStyle style) {
        _cleanup_free_ ViewObject **list = NULL;
        _cleanup_free_ char *unknown = NULL;
        Columns columns;
        char *text = NULL;
        size_t n, size;
        FILE *out;

        assert_int_equal(view_list(v, class_find(class_name), &list, &n), 0);
        assert_int_equal(columns_choose(class_find(class_name), params, &columns, &unknown), 0);
        out = open_memstream(&text, &size);
        assert_int_equal(print_objects(out, v, list, n, &columns, style), 0);
        fclose(out);
        columns_done(&columns);
        return text;
}

static void test_records(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_free_ char *text =
                printed(v, "gpu-group", "uuid,name-label,VGPU-uuids,allocation-algorithm", PRINT_RECORDS);

        assert_non_null(strstr(text, "uuid ( RO)                    : 00000041-0000-4000-8000-000000000041\n"
                                     "              name-label ( RW): K2 group\n"
                                     "              VGPU-uuids (SRO): \n"
                                     "    allocation-algorithm ( RW): breadth-first\n"
                                     "\n\n"));
}

static void test_minimal(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_free_ char *names = printed(v, "vm", "name-label", PRINT_MINIMAL),
                            *none = printed(v, "quota", "uuid", PRINT_MINIMAL);

        assert_string_equal(names, "cad,desk-2,desk-10\n");
        assert_string_equal(none, "\n");
}

static void test_minimal_values_are_told_apart(void **state) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        print_bare(out, "Advanced Micro Devices, Inc. [AMD/ATI]");
        print_bare(out, "\\,\\");
        print_bare(out, "");
        fclose(out);
        assert_string_equal(text, "Advanced Micro Devices\\, Inc. [AMD/ATI]"
                                  "\\\\\\,\\\\");
}

static void test_json(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_free_ char *text = printed(v, "host", "name-label,memory-free,networks", PRINT_JSON);
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        struct json_object *host, *value;

        assert_int_equal(json_parse(&reader, text, strlen(text), &o), 0);
        host = json_object_array_get_idx(o, 0);
        assert_true(json_object_object_get_ex(host, "memory-free", &value));
        assert_true(json_object_get_uint64(value) == 64424509440);
        assert_true(json_object_object_get_ex(host, "networks", &value));
        assert_int_equal(json_object_array_length(value), 2);
}

static void test_unknown_column(void **state) {
        _cleanup_free_ char *unknown = NULL;
        Columns columns;

        assert_int_equal(columns_choose(class_find("vm"), "uuid,colour", &columns, &unknown), -EINVAL);
        assert_string_equal(unknown, "colour");
        free(take_ptr(unknown));
        assert_int_equal(columns_choose(class_find("vm"), ",", &columns, &unknown), -EINVAL);
        assert_string_equal(unknown, "");
}

static char *capacity_printed(const char *group, bool as_json) {
        static const char answer[] =
                "{\"groups\":["
                "{\"uuid\":\"1\",\"name_label\":\"one\",\"algorithm\":\"best-fit\",\"types\":[]},"
                "{\"uuid\":\"2\",\"name_label\":\"two\",\"algorithm\":\"best-fit\",\"types\":[]},"
                "{\"uuid\":\"3\",\"name_label\":\"three\",\"algorithm\":\"best-fit\",\"types\":[]}]}";
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(capacity_print(out, answer, group, /* every_type= */ false, as_json), EXIT_DONE);
        fclose(out);
        return text;
}

/* The group asked for, in words and in JSON. */
static void test_capacity_of_one_group(void **state) {
        for (int as_json = 0; as_json < 2; as_json++) {
                _cleanup_free_ char *all = capacity_printed(NULL, as_json),
                                    *one = capacity_printed("2", as_json);

                assert_non_null(strstr(all, "one"));
                assert_non_null(strstr(all, "three"));
                assert_non_null(strstr(one, "two"));
                assert_null(strstr(one, "one"));
                assert_null(strstr(one, "three"));
        }
}

static struct json_object *map_pgpu(struct json_object *map, size_t host, size_t n) {
        struct json_object *card = answer_nth(answer_member(answer_nth(map, host), "cards"), 0);

        return answer_nth(answer_member(card, "pgpus"), n);
}

static struct json_object *map_slot(struct json_object *pgpu, size_t n) {
        return answer_nth(answer_member(pgpu, "slots"), n);
}

static void test_map_model(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_json_ struct json_object *map = NULL;
        struct json_object *cards, *p;

        assert_int_equal(map_build(v, NULL, &map), 0);
        assert_int_equal(answer_length(map), 2);
        cards = answer_member(answer_nth(map, 0), "cards");
        assert_int_equal(answer_length(cards), 1);
        assert_string_equal(answer_text(answer_nth(cards, 0), "name"), "GRID K1");
        assert_int_equal(answer_length(answer_member(answer_nth(cards, 0), "pgpus")), 4);
        cards = answer_member(answer_nth(map, 1), "cards");
        assert_int_equal(answer_length(answer_member(answer_nth(cards, 0), "pgpus")), 2);

        p = map_pgpu(map, 0, 0);
        assert_int_equal(answer_length(answer_member(p, "slots")), 2);
        /* desk-2 stands before desk-10 */
        assert_string_equal(answer_text(map_slot(p, 0), "state"), "scheduled");
        assert_string_equal(answer_text(map_slot(p, 1), "state"), "resident");
        assert_true(answer_number(p, "used") == 2 * 131072);
        assert_true(map_instances(answer_number(p, "size"), map_object(map_slot(p, 0))) == 8);
        assert_true(map_object(map_slot(p, 0)) == map_object(map_slot(p, 1)));

        /* What a reservation holds stands behind what runs, and takes its share. */
        p = map_pgpu(map, 0, 1);
        assert_int_equal(answer_length(answer_member(p, "slots")), 3);
        assert_true(*answer_text(map_slot(p, 0), "vgpu-uuid"));
        assert_false(*answer_text(map_slot(p, 2), "vgpu-uuid"));
        assert_string_equal(map_slot_name(map_slot(p, 2)), "monday");
        assert_true(answer_number(map_slot(p, 2), "size") == 262144);
        assert_true(map_instances(answer_number(p, "size"), map_object(map_slot(p, 2))) == 4);

        /* Who is not of the pool takes his share, or all. */
        p = map_pgpu(map, 1, 1);
        assert_int_equal(answer_length(answer_member(p, "slots")), 1);
        assert_string_equal(map_slot_name(map_slot(p, 0)), "astray");
        assert_true(answer_number(p, "used") > 0 && answer_number(p, "used") < answer_number(p, "size"));
        p = map_pgpu(map, 1, 0);
        assert_string_equal(map_slot_name(map_slot(p, 0)), "domain 'x' (id 7)");
        assert_true(answer_number(p, "used") == answer_number(p, "size"));
}

static void test_who_is_not_of_the_pool_is_listed(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_free_ char *text = printed(v, "pgpu", "pci-id,outside-VGPUs", PRINT_RECORDS),
                            *json = printed(v, "pgpu", "outside-VGPUs", PRINT_JSON);

        assert_non_null(
                strstr(text, "outside-VGPUs (SRO): astray (000000aa-0000-4000-8000-0000000000aa) has "));
        assert_non_null(strstr(text, "outside-VGPUs (SRO): domain 'x' (id 7)\n"));
        assert_non_null(strstr(json, "astray (000000aa-0000-4000-8000-0000000000aa) has "));
}

static void test_status_tells_problems(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        _cleanup_json_ struct json_object *problems = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        size_t size;
        FILE *out = open_memstream(&text, &size);

        status_write_problems(&b, v);
        assert_non_null(startswith(b.text, "\"problems\":[{\"class\":\"vm\",\"uuid\":\""));
        assert_non_null(strstr(b.text, ",\"name-label\":\"beta\",\"problem\":\"A second one.\"}]"));

        problems = json_tokener_parse(b.text + strlen("\"problems\":"));
        status_print_problems(out, problems);
        fclose(out);
        assert_string_equal(text,
                "VM cad: It runs twice.\nhost beta: VM runs here.\nhost beta: A second one.\n");
}

static size_t count_lines(const char *text) {
        size_t n_lines = 0;

        for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, n_lines++)
                if (end - line > 80)
                        fail_msg("%s", line);
        return n_lines;
}

static char *print_capacity(const char *json, bool every_type) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(capacity_print(out, json, NULL, every_type, /* as_json= */ false), EXIT_DONE);
        fclose(out);
        return text;
}

/* A host of an A16, say: 200 types of twelve sizes, most of which find no room beside what runs. */
static void test_capacity_of_200_types_is_a_page(void **state) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *page = NULL, *rows = NULL;

        strbuf_add(&b, "{\"groups\":[{\"uuid\":\"1\",\"name_label\":\"A16\",\"algorithm\":\"best-fit\",\"types\":[");
        for (unsigned i = 0; i < 200; i++)
                strbuf_addf(&b,
                        "%s{\"model_name\":\"NVIDIA A16-%u%c\",\"identifier\":\"%u\",\"total\":%u,\"used\":0,\"scheduled\":0,"
                        "\"reserved\":0,\"outside\":0,\"free\":%u,\"packed\":%u%s}",
                        i ? "," : "", i / 4, "ABCQ"[i % 4], i, i % 12 + 1, i % 5 ? 0 : i % 12 + 1, i % 5 ? 0 : i % 12 + 1,
                        i % 5 ? ",\"reason\":{\"code\":\"VGPUTypeNotCompatibleWithRunningType\",\"message\":\"0000:01:00.0 of "
                                "alpha runs NVIDIA A16-1Q for VM 'a', and it cannot share a PGPU with it.\",\"remedy\":\"Shut "
                                "down VM 'a'\"}"
                              : "");
        strbuf_add(&b, "]}]}");
        page = print_capacity(b.text, /* every_type= */ false);
        rows = print_capacity(b.text, /* every_type= */ true);
        assert_true(count_lines(page) <= 50);
        assert_non_null(strstr(page, "    160 types, of each none free, 0 packed:\n"));
        assert_non_null(strstr(page, " more\n"));
        assert_true(count_lines(rows) >= 200);
        assert_null(strstr(rows, " more\n"));
}

/* One host whose board has sixty types is a page of a terminal's width. */
static void test_capacity_of_many_types_is_a_page(void **state) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        strbuf_add(&b, "{\"groups\":[{\"uuid\":\"1\",\"name_label\":\"A40\",\"algorithm\":\"best-fit\",\"types\":[");
        for (unsigned i = 0; i < 60; i++)
                strbuf_addf(&b,
                        "%s{\"model_name\":\"NVIDIA A40-%u%c\",\"identifier\":\"%u\",\"total\":%u,\"used\":%u,"
                        "\"scheduled\":0,\"reserved\":0,\"outside\":%u,\"free\":%u,\"packed\":%u%s}",
                        i ? "," : "", i / 4, "ABCQ"[i % 4], i, 32 >> i % 6, i == 7, i == 7, i % 3 ? 32 >> i % 6 : 0,
                        32 >> i % 6,
                        i % 3 ? ""
                              : ",\"reason\":{\"code\":\"VGPUTypeNotEnabled\",\"message\":\"0000:01:00.0 of alpha "
                                "supports the type, but the type is not enabled there\",\"remedy\":\"Enable it on "
                                "0000:01:00.0 of alpha\"}");
        strbuf_add(&b, "],\"changes\":[{\"identifier\":\"1\",\"pgpu\":\"a\",\"free\":[]}]}]}");

        text = print_capacity(b.text, /* every_type= */ false);
        assert_non_null(strstr(text, "    NVIDIA A40-1Q      "));
        assert_non_null(strstr(text, "1 of those in use is not of this pool"));
        assert_non_null(strstr(text, "    10 types, of each 8 in all, 8 free, 8 packed:\n"));
        assert_non_null(strstr(text, "of the first, VGPU_TYPE_NOT_ENABLED: 0000:01:00.0 of alpha"));
        assert_true(count_lines(text) <= 50);
}

static char *drawn(unsigned width, bool utf8, bool colour) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        const MapStyle style = {.width = width, .utf8 = utf8, .colour = colour};
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(map_draw(out, v, NULL, &style), 0);
        fclose(out);
        return text;
}

static void test_map_in_ascii(void **state) {
        _cleanup_free_ char *text = drawn(80, false, false);

        for (const char *p = text; *p; p++)
                assert_true((*p >= 0x20 && *p < 0x7f) || *p == '\n');
        assert_non_null(strstr(text, "alpha  online, 60 GiB of 64 GiB free"));
        assert_non_null(strstr(text, "beta  offline: ssh: no route to host"));
        assert_non_null(strstr(text, "+ GRID K1 ---"));
        assert_non_null(strstr(text, "| 83:00.0 GRID K100    2/8  "));
        assert_non_null(strstr(text, "not enabled: GRID K140Q, passthrough"));
        assert_non_null(strstr(text, "8x GRID K100, 4x GRID K140Q"));
}

static ViewObject *pgpu_at(View *v, const char *pci_id) {
        _cleanup_free_ ViewObject **list = NULL;
        size_t n;

        assert_int_equal(view_list(v, class_find("pgpu"), &list, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (streq(object_text(list[i], "PCIID"), pci_id))
                        return list[i];
        fail();
        return NULL;
}

/* An address is what one types, so that no width cuts it; and what is lost has no room to show. */
static void test_map_of_a_long_address_and_a_lost_gpu(void **state) {
        for (unsigned width = MAP_WIDTH_MIN; width < 120; width += 20) {
                _cleanup_(view_freep) View *v = view_of_fixture();
                const MapStyle style = {.width = width};
                _cleanup_free_ char *text = NULL;
                ViewObject *first = pgpu_at(v, "0000:83:00.0"), *second = pgpu_at(v, "0000:85:00.0");
                size_t size;
                FILE *out = open_memstream(&text, &size);

                view_set(v, first->path, "PCIID", json_object_new_string("10008:01:00.0"));
                view_set(v, first->path, "Health", json_object_new_string("lost"));
                view_set(v, first->path, "HealthReason", json_object_new_string("It is gone."));
                view_set(v, second->path, "Health", json_object_new_string("lost"));
                assert_int_equal(map_draw(out, v, NULL, &style), 0);
                fclose(out);
                assert_non_null(strstr(text, "| 10008:01:00.0!"));
                assert_non_null(strstr(text, "lost: It is gone."));
                assert_non_null(strstr(text, "85:00.0      !lost "));
                char *line = strstr(text, "| 10008:01:00.0!");
                assert_null(memchr(line + 16, '.', (size_t) (strchr(line, '\n') - line) - 16));
        }
}

/* What is wrong with a card that VMs are on, and how it is divided; long lines go on in the next. */
static void test_map_of_an_ill_and_divided_gpu(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        ViewObject *first = pgpu_at(v, "0000:83:00.0");
        const MapStyle style = {.width = 60};
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        view_set(v, first->path, "Health", json_object_new_string("suspect"));
        view_set(v, first->path, "HealthReason",
                json_object_new_string("The reset of 0000:83:00.1 failed, and no VM is given this function any more."));
        view_set(v, first->path, "Division", json_object_new_string("ours 4"));
        assert_int_equal(map_draw(out, v, NULL, &style), 0);
        fclose(out);
        assert_non_null(strstr(text, "| 83:00.0!"));
        assert_non_null(strstr(text, "|         suspect: The reset of 0000:83:00.1 failed, and   |\n"
                                     "|         no VM is given this function any more.           |"));
        assert_non_null(strstr(text, "|         4 virtual functions, made by xenvgpu"));
        assert_null(strstr(text, "84:00.0!"));
}

/* Frames close: each line of a card has the same width, at any width. The legend fits a terminal of 80 columns. */
static void test_map_widths(void **state) {
        for (unsigned width = MAP_WIDTH_MIN; width < 200; width++) {
                _cleanup_free_ char *text = drawn(width, false, false);
                char *save = NULL;

                for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                        if (*line == '|' || *line == '+')
                                assert_int_equal(strlen(line), width);
                        else if (width >= 80 && (strstr(line, " resident ") || strstr(line, "room for n")))
                                assert_true(strlen(line) <= width);
        }
}

/* Of 64 hosts, two of which have cards. */
static void test_map_of_many_hosts(void **state) {
        _cleanup_(view_freep) View *v = view_of_fixture();
        const MapStyle style = {.width = 80};
        _cleanup_free_ char *text = NULL;
        size_t size, n = 0;
        FILE *out = open_memstream(&text, &size);
        char *save = NULL;

        for (unsigned i = 3; i <= 64; i++) {
                struct json_object *objects = json_object_new_object(), *object = json_object_new_object(),
                                   *host = json_object_new_object();
                char path[80], uuid[40], name[16];

                snprintf(uuid, sizeof(uuid), "%08x-0000-4000-8000-000000000000", 0xa00 + i);
                snprintf(path, sizeof(path), "/org/xenvgpu/Policy1/host/_%08x_0000_4000_8000_000000000000", 0xa00 + i);
                snprintf(name, sizeof(name), "host%u", i);
                json_object_object_add(host, "UUID", json_object_new_string(uuid));
                json_object_object_add(host, "NameLabel", json_object_new_string(name));
                json_object_object_add(host, "State", json_object_new_string("online"));
                json_object_object_add(host, "Enabled", json_object_new_boolean(i != 9));
                json_object_object_add(object, "org.xenvgpu.Policy1.Host", host);
                json_object_object_add(objects, path, object);
                assert_int_equal(view_add_all(v, objects), 0);
                json_object_put(objects);
        }
        assert_int_equal(map_draw(out, v, NULL, &style), 0);
        fclose(out);
        assert_non_null(strstr(text, " disabled   no GPUs\n") ?: strstr(text, " disabled   no GPUs "));
        assert_non_null(strstr(text, " taken: GRID K1"));
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (strlen(line) > 80)
                        fail_msg("%s", line);
                n++;
        }
        assert_in_range(n, 65, 68);
}

static void test_map_in_colour(void **state) {
        _cleanup_free_ char *plain = drawn(120, true, false), *coloured = drawn(120, true, true);

        assert_null(strchr(plain, '\033'));
        assert_non_null(strchr(coloured, '\033'));
        assert_non_null(strstr(plain, "■desk-10"));
        assert_non_null(strstr(plain, "□desk-2"));
        assert_non_null(strstr(plain, "◇monday"));
        assert_non_null(strstr(plain, "▲astray"));
        assert_non_null(strstr(plain, "held outside"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_arguments_refused),
                cmocka_unit_test(test_arguments_renamed),
                cmocka_unit_test(test_verbs),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_fields_that_are_made),
                cmocka_unit_test(test_every_property_is_a_field),
                cmocka_unit_test(test_words_are_those_of_the_schema),
                cmocka_unit_test(test_filters),
                cmocka_unit_test(test_records),
                cmocka_unit_test(test_minimal),
                cmocka_unit_test(test_minimal_values_are_told_apart),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_unknown_column),
                cmocka_unit_test(test_capacity_of_one_group),
                cmocka_unit_test(test_capacity_of_many_types_is_a_page),
                cmocka_unit_test(test_capacity_of_200_types_is_a_page),
                cmocka_unit_test(test_who_is_not_of_the_pool_is_listed),
                cmocka_unit_test(test_status_tells_problems),
                cmocka_unit_test(test_map_model),
                cmocka_unit_test(test_map_in_ascii),
                cmocka_unit_test(test_map_of_a_long_address_and_a_lost_gpu),
                cmocka_unit_test(test_map_of_an_ill_and_divided_gpu),
                cmocka_unit_test(test_map_widths),
                cmocka_unit_test(test_map_of_many_hosts),
                cmocka_unit_test(test_map_in_colour),
        };

        setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
