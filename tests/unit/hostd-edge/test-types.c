/*
 * Type files of a host, from the bytes to the types of a card
 */

#include <sys/stat.h>

#include "hostd/core/idset.h"
#include "hostd/edge/hardware.h"
#include "hostd/edge/nvidia-library.h"
#include "hostd/edge/nvidia-xml-read.h"
#include "tests/unit/hostd-edge/test.h"

#define TYPE_BODY(multi)                                                                                     \
        "<framebuffer>0x10000000</framebuffer><numHeads> 2\n</numHeads><display width=\"1920\" "             \
        "height=\"0x4B0\"/>"                                                                                 \
        "<more>0x400000</more><multiVgpuSupported>" multi "</multiVgpuSupported></vgpuType>"
#define TYPE(id, name, dev, sub)                                                                             \
        "<vgpuType id=\"" id "\" name=\"" name "\" class=\"NVS\"><devId vendorId=\"0x10de\" deviceId=\"" dev \
        "\" subsystemId=\"" sub "\"/>" TYPE_BODY("0")
#define SUPPORTED(id, max)                                                                                   \
        "<supportedVgpu vgpuId=\"" id "\"><maxVgpus>" max                                                    \
        "</maxVgpus><digest type=\"x\">ignored</digest></supportedVgpu>"
#define PGPU(attributes, dev, sub, supported)                                                                \
        "<pgpu" attributes "><devId vendorId=\"0x10de\" deviceId=\"" dev "\" subsystemId=\"" sub             \
        "\"/>" supported "</pgpu>"
#define DOCUMENT(content)                                                                                    \
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!DOCTYPE vgpu SYSTEM "                                 \
        "\"http://nowhere.invalid/vgpuConfig.dtd\">\n"                                                       \
        "<vgpuconfig><version>1.0</version><globalSettings><devId "                                          \
        "deviceId=\"0x9\"/></globalSettings>\n" content "\n</vgpuconfig>\n"

/* Three types on three cards: 3333 with board 4444, 3334 with any board, 3335 with board 4445. */
#define CASES                                                                                                \
        DOCUMENT(TYPE("11", "TYPE FOO1", "0x1111", "0x2222") TYPE("20", "TYPE FOO2", "0x1112", "0x2223")     \
                        TYPE("21", "TYPE FOO3", "0x1111", "0x2222") PGPU("", "0x3333", "0x4444",             \
                                SUPPORTED("11", "8")) PGPU("", "0X3334", "0x0", SUPPORTED("11", "8"))        \
                                PGPU("", "0x3335", "0x4445", SUPPORTED("20", "8") SUPPORTED("21", "16")))

static NvidiaXml read_text(const char *text, Told *told) {
        ProblemSink sink = sink_to(told);
        NvidiaXml x;

        assert_ok(nvidia_xml_read(text, strlen(text), &sink, &x));
        return x;
}

static size_t match(const NvidiaXml *x, uint16_t device, uint16_t subsystem, NvidiaXmlMatch **ret) {
        size_t n;

        assert_ok(nvidia_xml_match(x, device, subsystem, ret, &n));
        return n;
}

static void missing_file_gives_nothing(void **state) {
        TypeFileSettings settings = { .nvidia_xml = in_folder(state, "this-file-is-not-there.xml") };
        TypeCatalog c;

        assert_ok(type_files_read(&settings, &(ProblemSink){}, &c));
        assert_int_equal(c.xml.n_types, 0);
        type_catalog_done(&c);
}

static void assert_foo(const NvidiaXmlMatch *m, const char *id, uint16_t vdev, uint32_t max) {
        assert_string_equal(m->type->id, id);
        assert_string_equal(m->type->vclass, "NVS");
        assert_int_equal(m->type->vdev, vdev);
        assert_int_equal(m->type->framebuffer, 268435456);
        assert_int_equal(m->type->heads, 2);
        assert_int_equal(m->type->max_x, 1920);
        assert_int_equal(m->type->max_y, 1200);
        assert_false(m->type->multi_vgpu_supported);
        assert_int_equal(m->max_vgpus, max);
        assert_false(m->pgpu->sriov);
}

static void board_of_its_own(void **state) {
        _cleanup_free_ NvidiaXmlMatch *m = NULL;
        Told told = {};
        NvidiaXml x = read_text(CASES, &told);

        assert_int_equal(told.n, 0);
        assert_int_equal(match(&x, 0x3333, 0x4444, &m), 1);
        assert_foo(&m[0], "11", 0x1111, 8);
        nvidia_xml_done(&x);
}

static void two_types_in_the_order_of_the_types(void **state) {
        _cleanup_free_ NvidiaXmlMatch *m = NULL;
        Told told = {};
        NvidiaXml x = read_text(CASES, &told);

        assert_int_equal(match(&x, 0x3335, 0x4445, &m), 2);
        assert_foo(&m[0], "20", 0x1112, 8);
        assert_foo(&m[1], "21", 0x1111, 16);
        nvidia_xml_done(&x);
}

static void other_boards_and_any_board(void **state) {
        NvidiaXmlMatch *m;
        Told told = {};
        NvidiaXml x = read_text(CASES, &told);

        assert_int_equal(match(&x, 0x3333, 0x4445, &m), 0);
        free(m);
        assert_int_equal(match(&x, 0x9999, 0x4444, &m), 0);
        free(m);
        assert_int_equal(match(&x, 0x3334, 0xabcd, &m), 1);
        assert_int_equal(m[0].pgpu->psubdev, 0);
        free(m);
        nvidia_xml_done(&x);
}

static void bad_elements_cost_themselves_alone(void **state) {
        static const struct {
                const char *text, *reason;
                size_t n_types, n_pgpus;
        } cases[] = {
                { DOCUMENT("<vgpuType id=\"1\" name=\"a\"/>" TYPE("11", "good", "0x1", "0x2")),
                        "has no attribute class", 1, 0 },
                { DOCUMENT("<vgpuType name=\"a\" class=\"b\"/>" TYPE("11", "good", "0x1", "0x2")),
                        "has no attribute id", 1, 0 },
                { DOCUMENT(TYPE("12", "", "0x1", "0x2") TYPE("11", "good", "0x1", "0x2")),
                        "attribute name is empty", 1, 0 },
                { DOCUMENT(TYPE("12", "a", "0x10000", "0x2") TYPE("11", "good", "0x1", "0x2")),
                        "deviceId of its <devId> is no number", 1, 0 },
                { DOCUMENT(TYPE("12", "a", "0x1", "x") TYPE("11", "good", "0x1", "0x2")), "subsystemId", 1,
                        0 },
                { DOCUMENT(TYPE("11", "a", "0x1", "0x2") TYPE("11", "b", "0x1", "0x2")),
                        "an earlier one has the id '11'", 1, 0 },
                { DOCUMENT("<vgpuType id=\"1\" name=\"a\" class=\"b\"><devId deviceId=\"1\" "
                           "subsystemId=\"1\"/></vgpuType>" TYPE("11", "good", "0x1", "0x2")),
                        "a part of it is missing", 1, 0 },
                { DOCUMENT("<vgpuType id=\"1\" name=\"a\" class=\"b\"><display width=\"1\"/></vgpuType>" TYPE(
                          "11", "good", "0x1", "0x2")),
                        "<display> has no attribute height", 1, 0 },
                { DOCUMENT("<vgpuType id=\"1\" name=\"a\" "
                           "class=\"b\"><framebuffer>lots</framebuffer></vgpuType>" TYPE(
                                   "11", "good", "0x1", "0x2")),
                        "<framebuffer> is no number", 1, 0 },
                { DOCUMENT("<pgpu><devId deviceId=\"1\"/></pgpu>" PGPU("", "1", "2", "")),
                        "has no attribute subsystemId", 0, 1 },
                { DOCUMENT("<pgpu/>" PGPU("", "1", "2", "")),
                        "this pgpu is left out: a part of it is missing", 0, 1 },
                { DOCUMENT(PGPU("", "1", "2", SUPPORTED("11", "0") SUPPORTED("12", "8"))),
                        "this supportedVgpu is left out: its <maxVgpus> is no number from 1", 0, 1 },
                { DOCUMENT(PGPU("", "1", "2", "<supportedVgpu><maxVgpus>8</maxVgpus></supportedVgpu>")),
                        "has no attribute vgpuId", 0, 1 },
                { DOCUMENT(PGPU(" hostVgpuMode=\"other\"", "1", "2", "")),
                        "hostVgpuMode 'other' is not known", 0, 1 },
                { DOCUMENT(PGPU("", "1", "2", "")) "<more/>", "read up to here only", 0, 1 },
                { "<vgpuconfig>" TYPE("11", "good", "1", "2") "<vgpuType id=\"12\" name=\"cut",
                        "read up to here only", 1, 0 },
                { "no XML at all", "read up to here only", 0, 0 },
                { "", "read up to here only", 0, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Told told = {};
                NvidiaXml x = read_text(cases[i].text, &told);

                assert_int_equal(told.n, 1);
                assert_contains(told.reason, cases[i].reason);
                assert_int_equal(x.n_types, cases[i].n_types);
                assert_int_equal(x.n_pgpus, cases[i].n_pgpus);
                nvidia_xml_done(&x);
        }
}

static void several_and_sriov_are_flags(void **state) {
        Told told = {};
        NvidiaXml x =
                read_text(DOCUMENT("<vgpuType id=\"1\" name=\"a\" class=\"b\"><devId deviceId=\"1\" "
                                   "subsystemId=\"1\"/>" TYPE_BODY(
                                           "1") "<vgpuType id=\"2\" name=\"a\" class=\"b\"><devId "
                                                "deviceId=\"1\" "
                                                "subsystemId=\"2\"/><framebuffer>1</framebuffer><numHeads>1</"
                                                "numHeads><display width=\"1\" "
                                                "height=\"1\"/></vgpuType>" PGPU(" hostVgpuMode=\"sriov\"",
                                                        "1", "2", "")),
                        &told);

        assert_int_equal(told.n, 0);
        assert_true(x.types[0].multi_vgpu_supported);
        assert_false(x.types[1].multi_vgpu_supported);
        assert_true(x.pgpus[0].sriov);
        nvidia_xml_done(&x);
}

static void hostile_documents_end_early(void **state) {
        char deep[NVIDIA_XML_DEPTH_MAX * 8], *many;
        size_t size = 0;
        Told told = {};
        NvidiaXml x;

        x = read_text("<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>", &told);
        assert_contains(told.reason, "declares entities");
        nvidia_xml_done(&x);

        *deep = '\0';
        for (int i = 0; i < NVIDIA_XML_DEPTH_MAX + 4; i++)
                strcat(deep, "<pgpu>");
        x = read_text(deep, &told);
        assert_contains(told.reason, "too deeply");
        nvidia_xml_done(&x);

        many = calloc(1, 200000);
        size += (size_t) sprintf(many, "<vgpuconfig>");
        for (int i = 0; i < NVIDIA_XML_ELEMENTS_MAX + 4; i++)
                size += (size_t) sprintf(many + size, "<vgpuType/>");
        x = read_text(many, &told);
        assert_contains(told.reason, "too many elements");
        nvidia_xml_done(&x);

        assert_ok(nvidia_xml_read(many, NVIDIA_XML_SIZE_MAX + 1, NULL, &x));
        assert_int_equal(x.n_types, 0);
        free(many);
}

/* A host whose cards are given as lines of a listing. */
typedef struct Host {
        Hardware hardware;
        char *listing;
} Host;

static void add_card(void **state, unsigned bus, unsigned vendor, unsigned device, unsigned subsystem) {
        _cleanup_free_ char *before = NULL;
        char text[8192];

        if (file_read(in_folder(state, "listing"), sizeof(text), &before, NULL) < 0)
                before = strdup("");
        snprintf(text, sizeof(text),
                "%s0000:%02x:00.0 VGA\n"
                "00: %02x %02x %02x %02x 00 00 00 00 a1 00 00 03 00 00 00 00\n"
                "10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
                "20: 00 00 00 00 00 00 00 00 00 00 00 00 %02x %02x %02x %02x\n"
                "30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n\n",
                before, bus, vendor & 0xff, vendor >> 8, device & 0xff, device >> 8, vendor & 0xff,
                vendor >> 8, subsystem & 0xff, subsystem >> 8);
        write_file(state, "listing", text);
}

static void scan_host(void **state, const char *types, Host *h) {
        _cleanup_free_ char *confs = path_join(types, "vgx"), *xml = path_join(types, "vgpuConfig.xml");
        _cleanup_free_ char *gvtg = path_join(types, "gvt-g-whitelist"),
                            *mxgpu = path_join(types, "mxgpu-whitelist");
        _cleanup_free_ char *driver = path_join(types, "libnvidia-vgpu.so");
        HardwareSettings settings = { .files = { .nvidia_conf_dir = confs,
                                              .nvidia_xml = xml,
                                              .nvidia_driver = driver,
                                              .gvtg_list = gvtg,
                                              .mxgpu_list = mxgpu } };

        h->listing = strdup(in_folder(state, "listing"));
        settings.pci.listing = h->listing;
        assert_ok(hardware_scan(&settings, &h->hardware));
}

static void host_done(Host *h) {
        hardware_done(&h->hardware);
        free(h->listing);
}
#define _cleanup_host_ _cleanup_(host_done)

static void assert_supported(const Hardware *h, size_t i, const char *const *models) {
        size_t n = 0;

        for (; models[n]; n++) {
                const HostType *t;

                assert_non_null(h->pgpus[i].supported[n]);
                t = host_type_find(h->types, h->n_types, h->pgpus[i].supported[n]);
                assert_non_null(t);
                assert_string_equal(t->model_name, models[n]);
        }
        assert_null(h->pgpus[i].supported[n]);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The table of design: K100 8 and K140Q 4 on a K1; K200 8, K240Q 4 and K260Q 2 on a K2. */
static void k1_and_k2_have_their_types(void **state) {
        static const struct {
                const char *identifier, *model;
                uint32_t size, heads, x, y;
                uint64_t framebuffer;
        } table[] = {
                {"0001:nvidia,0ff2,,0fe7,101e", "GRID K100", PGPU_SIZE / 8, 2, 1920, 1200, 268435456},
                {"0001:nvidia,0ff2,,0ff7,1037", "GRID K140Q", PGPU_SIZE / 4, 2, 2560, 1600, 1006632960},
                {"0001:nvidia,11bf,,118d,101d", "GRID K200", PGPU_SIZE / 8, 2, 1920, 1200, 268435456},
                {"0001:nvidia,11bf,,11b0,101a", "GRID K240Q", PGPU_SIZE / 4, 2, 2560, 1600, 1006632960},
                {"0001:nvidia,11bf,,11b0,101b", "GRID K260Q", PGPU_SIZE / 2, 4, 2560, 1600, 2013265920},
        };
        _cleanup_host_ Host h = {};

        add_card(state, 0x84, 0x10de, 0x0ff2, 0x1012);
        add_card(state, 0x85, 0x10de, 0x11bf, 0x100a);
        scan_host(state, FIXTURES "/types", &h);
        assert_int_equal(strv_count(h.hardware.problems), 0);
        assert_supported(&h.hardware, 0, LIST("passthrough", "GRID K100", "GRID K140Q"));
        assert_supported(&h.hardware, 1, LIST("passthrough", "GRID K200", "GRID K240Q", "GRID K260Q"));
        assert_int_equal(h.hardware.n_types, 6);

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                const HostType *t = host_type_find(h.hardware.types, h.hardware.n_types, table[i].identifier);
                TypeRecord record;
                char *itself[2];

                assert_non_null(t);
                assert_ok(hardware_type_record(t, itself, &record));
                assert_string_equal(record.vendor_name, "NVIDIA Corporation");
                assert_string_equal(record.model_name, table[i].model);
                assert_int_equal(record.size, table[i].size);
                assert_int_equal(record.max_heads, table[i].heads);
                assert_int_equal(record.max_resolution_x, table[i].x);
                assert_int_equal(record.max_resolution_y, table[i].y);
                assert_int_equal(record.framebuffer_size, table[i].framebuffer);
                assert_int_equal(record.implementation, TYPE_NVIDIA);
                assert_string_equal(record.compatible_types_on_pgpu[0], table[i].identifier);
                assert_null(record.compatible_types_in_vm[0]);
                assert_contains(json_object_to_json_string(record.internal_config), "grid_k");
                json_object_put(record.internal_config);
        }
}

static void records_of_the_other_kinds(void **state) {
        static const HostType kinds[] = {
                { .implementation = TYPE_GVT_G, .low_gm_sz = 128, .high_gm_sz = 384, .fence_sz = 4 },
                { .implementation = TYPE_MXGPU, .vgpus_per_pgpu = 4 },
                { .implementation = TYPE_NVIDIA_SRIOV,
                        .type_id = (char *) "232",
                        .vclass = (char *) "Quadro",
                        .self_compatible_in_vm = true },
                { .implementation = TYPE_PASSTHROUGH },
        };
        static const char *const configs[] = {
                "{ \"vgt_low_gm_sz\": \"128\", \"vgt_high_gm_sz\": \"384\", \"vgt_fence_sz\": \"4\" }",
                "{ \"vgpus_per_pgpu\": \"4\" }",
                "{ \"type_id\": \"232\", \"vclass\": \"Quadro\" }",
                "{ }",
        };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                HostType t = kinds[i];
                TypeRecord record;
                char *itself[2];

                t.identifier = t.vendor_name = t.model_name = (char *) "x";
                assert_ok(hardware_type_record(&t, itself, &record));
                assert_string_equal(json_object_to_json_string(record.internal_config), configs[i]);
                assert_int_equal(record.compatible_types_in_vm[0] != NULL, t.self_compatible_in_vm);
                json_object_put(record.internal_config);
        }
}

static void inventory_shows_the_pgpu(void **state) {
        InventoryPgpu record;
        _cleanup_host_ Host h = {};
        PgpuIds ids;

        add_card(state, 0x84, 0x10de, 0x0ff2, 0x1012);
        scan_host(state, FIXTURES "/types", &h);
        record = hardware_pgpu_record(&h.hardware.pgpus[0], &ids);
        assert_string_equal(record.vendor_id, "10de");
        assert_string_equal(record.device_id, "0ff2");
        assert_string_equal(record.subsystem_vendor_id, "10de");
        assert_string_equal(record.subsystem_device_id, "1012");
        assert_string_equal(record.driver, "");
        assert_string_equal(record.supported[0], "0001:passthrough");
        assert_null(record.enabled);
}

static void subsystem_may_be_unknown(void **state) {
        Pgpu p = { .vendor_name = (char *) "",
                .device_name = (char *) "",
                .driver = (char *) "",
                .bridge = (char *) "" };
        InventoryPgpu record;
        PgpuIds ids;

        record = hardware_pgpu_record(&p, &ids);
        assert_string_equal(record.subsystem_vendor_id, "");
        assert_string_equal(record.subsystem_device_id, "");
}

static bool strv_contains_part(char *const *list, const char *part) {
        for (; *list; list++)
                if (strstr(*list, part))
                        return true;
        return false;
}

static void other_vendors_follow_their_files(void **state) {
        _cleanup_host_ Host h = {};

        add_card(state, 0x84, 0x10de, 0x13f2, 0x115e);
        add_card(state, 0x85, 0x10de, 0x1eb8, 0x1234);
        add_card(state, 0x86, 0x1002, 0x6929, 0x0334);
        add_card(state, 0x87, 0x8086, 0x041a, 0x0001);
        add_card(state, 0x88, 0x1a03, 0x2000, 0x0001);
        scan_host(state, FIXTURES "/types", &h);
        assert_supported(&h.hardware, 0, LIST("passthrough", "GRID M60-0B", "GRID M60-2Q"));
        assert_supported(&h.hardware, 1, LIST("passthrough"));
        assert_supported(&h.hardware, 2, LIST("AMD MxGPU 2 GiB", "AMD MxGPU 4 GiB"));
        assert_supported(&h.hardware, 3, LIST("passthrough"));
        assert_supported(&h.hardware, 4, LIST("passthrough"));

        /* A T4's type is listed as one that cannot run; and a listing tells no BAR sizes. */
        assert_non_null(host_type_find(h.hardware.types, h.hardware.n_types, "0001:nvidia,1eb8,,1eb8,130f"));
        assert_int_equal(strv_count(h.hardware.problems), 2);
        assert_true(strv_contains_part(h.hardware.problems, "PGPU 0000:85:00.0 runs none of its 1 VGPU types with SR-IOV"));
        assert_true(strv_contains_part(h.hardware.problems,
                FIXTURES "/types/gvt-g-whitelist:2: type 'Intel GVT-g' is left out on PGPU 0000:87:00.0"));
}

static void problems_name_file_and_line(void **state) {
        _cleanup_free_ char *types = strdup(in_folder(state, "types"));
        _cleanup_host_ Host h = {};

        add_card(state, 0x84, 0x10de, 0x0ff2, 0x1012);
        write_file(state, "types/vgx/a.conf", "# fine\nplugin0.pdev_id nonsense\n");
        write_file(state, "types/vgx/b.conf", "");
        write_file(state, "types/vgx/.c.conf.swp", "plugin0.pdev_id nonsense\n");
        write_file(state, "types/vgx/folder/d.conf", "plugin0.pdev_id nonsense\n");
        write_file(state, "types/vgx/\xff.conf", "plugin0.pdev_id nonsense\n");
        write_file(state, "types/vgpuConfig.xml", "<vgpuconfig>\n<pgpu/>\n</vgpuconfig>");
        write_file(state, "types/gvt-g-whitelist", "\n\nnonsense\n");
        assert_ok(mkdir_parents(in_folder(state, "types/mxgpu-whitelist"), 0700));
        scan_host(state, types, &h);
        assert_supported(&h.hardware, 0, LIST("passthrough"));
        assert_int_equal(strv_count(h.hardware.problems), 5);
        assert_contains(
                h.hardware.problems[0], "vgx/a.conf:2: this type is left out: plugin0.pdev_id must be");
        assert_contains(
                h.hardware.problems[1], "vgx/b.conf: this type is left out: plugin0.pdev_id is missing");
        assert_contains(h.hardware.problems[2], "vgx/\xef\xbf\xbd.conf: the file is not read");
        assert_contains(h.hardware.problems[3], "vgpuConfig.xml:2: this pgpu is left out");
        assert_contains(h.hardware.problems[4], "gvt-g-whitelist:3: this type is left out");
}

static void problems_are_capped(void **state) {
        _cleanup_free_ char *types = strdup(in_folder(state, "types"));
        char text[3000];
        _cleanup_host_ Host h = {};

        for (size_t i = 0; i + 2 < sizeof(text); i += 2)
                memcpy(text + i, "x\n", 3);
        write_file(state, "types/gvt-g-whitelist", text);
        scan_host(state, types, &h);
        assert_int_equal(h.hardware.n_pgpus, 0);
        assert_int_equal(strv_count(h.hardware.problems), 257);
        assert_contains(h.hardware.problems[256], "more problems are not shown");
        assert_contains(h.hardware.problems[0], "this host shows no PGPUs");
}

static void unreadable_files_are_told(void **state) {
        _cleanup_free_ char *types = strdup(in_folder(state, "types"));
        _cleanup_host_ Host h = {};

        write_file(state, "listing", "rubbish\n");
        assert_ok(mkdir_parents(types, 0700));
        assert_ok(mkfifo(in_folder(state, "types/gvt-g-whitelist"), 0600));
        scan_host(state, types, &h);
        assert_int_equal(strv_count(h.hardware.problems), 3);
        assert_contains(h.hardware.problems[0], "listing:1: this line is skipped");
        assert_contains(h.hardware.problems[1], "no device in it can be read");
        assert_contains(h.hardware.problems[2], "the file cannot be read");
}

static void host_driver_allows_several(void **state) {
        _cleanup_free_ char *types = strdup(in_folder(state, "types")), *driver = NULL;
        _cleanup_host_ Host h = {}, g = {};

        add_card(state, 0x84, 0x10de, 0x0001, 0x0002);
        write_file(state, "types/vgpuConfig.xml",
                DOCUMENT("<vgpuType id=\"1\" name=\"a\" class=\"b\"><devId deviceId=\"1\" "
                         "subsystemId=\"1\"/>" TYPE_BODY("1") PGPU("", "1", "2", SUPPORTED("1", "4"))));
        scan_host(state, types, &h);
        assert_false(h.hardware.types[1].self_compatible_in_vm);
        assert_int_equal(strv_count(h.hardware.problems), 1);
        assert_contains(h.hardware.problems[0], "no VM gets several VGPUs of a type that could be several: NVIDIA's host driver is not there: no ");

        driver = strdup(in_folder(state, "types/libnvidia-vgpu.so"));
        assert_ok(symlink("libnvidia-vgpu.so.470.63", driver));
        scan_host(state, types, &g);
        assert_true(g.hardware.types[1].self_compatible_in_vm);
}

/* As Debian has it: links to links, some of them relative, with a version of one number on the way. */
static void driver_is_found_through_links(void **state) {
        static const struct {
                const char *target, *said;
                int r;
        } cases[] = {
                {"libnvidia-vgpu.so.1", "470.63", 1},
                {"libnvidia-vgpu.so.430.43", "430.43", 1},
                {"elsewhere/loop", "leads to no libnvidia-vgpu.so.VERSION", 0},
                {"libnvidia-vgpu.so.2", "leads to no libnvidia-vgpu.so.VERSION", 0},
        };
        _cleanup_free_ char *link = strdup(in_folder(state, "libnvidia-vgpu.so")), *paths = NULL, *none = NULL;

        assert_ok(mkdir_parents(in_folder(state, "elsewhere"), 0700));
        assert_ok(symlink("elsewhere/alternative", in_folder(state, "libnvidia-vgpu.so.1")));
        assert_ok(symlink("../libnvidia-vgpu.so.470.63", in_folder(state, "elsewhere/alternative")));
        assert_ok(symlink("loop", in_folder(state, "elsewhere/loop")));
        assert_true(asprintf(&paths, "/no/libnvidia-vgpu.so %s", link) > 0);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *said = NULL;

                assert_ok(symlink(cases[i].target, link));
                assert_int_equal(nvidia_library_version(paths, &said), cases[i].r);
                assert_contains(said, cases[i].said);
                assert_ok(unlink(link));
        }
        assert_int_equal(nvidia_library_version(paths, &none), 0);
        assert_string_equal(none, "NVIDIA's host driver is not there: no /no/libnvidia-vgpu.so");
}

/* 256 MiB of aperture on one PGPU and 1024 MiB on the other: what fits on both counts. */
static void one_type_of_two_sizes_has_the_larger(void **state) {
        static const char *const regions[] = { "0x0 0xfffffff 0x0", "0x0 0x3fffffff 0x0" };
        _cleanup_free_ char *sys = NULL;
        HardwareSettings settings = { .files = { .gvtg_list = FIXTURES "/types/gvt-g-whitelist" } };
        _cleanup_(hardware_done) Hardware h = {};

        for (size_t i = 0; i < 2; i++) {
                static const char *const values[][2] = { { "vendor", "0x8086" }, { "device", "0x041a" },
                        { "class", "0x030000" } };
                char name[64], text[128];

                for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
                        snprintf(name, sizeof(name), "sys/devices/0000:0%zu:02.0/%s", i, values[j][0]);
                        write_file(state, name, values[j][1]);
                }
                snprintf(name, sizeof(name), "sys/devices/0000:0%zu:02.0/resource", i);
                snprintf(text, sizeof(text), "0x0 0x0 0x0\n0x0 0x0 0x0\n%s\n", regions[i]);
                write_file(state, name, text);
        }
        sys = strdup(in_folder(state, "sys"));
        settings.pci.sysfs_path = sys;
        assert_ok(hardware_scan(&settings, &h));
        assert_int_equal(h.n_pgpus, 2);
        assert_supported(&h, 0, LIST("passthrough", "Intel GVT-g"));
        assert_supported(&h, 1, LIST("passthrough", "Intel GVT-g"));
        assert_int_equal(h.types[1].instances, 1);
        assert_int_equal(h.types[1].size, PGPU_SIZE);
        assert_contains(h.problems[0], "7 of type '0001:gvt-g,041a,80,180,4' fit there and 1 on another");
}

/* The samples that $XENVGPU_SHARED_CASES holds, where the test runner names it. */
static void shared_samples_are_read(void **state) {
        const char *folder = getenv("XENVGPU_SHARED_CASES");
        char xml[512], gvtg[512], mxgpu[512], confs[512];
        TypeFileSettings settings = {
                .nvidia_xml = xml, .nvidia_conf_dir = confs, .gvtg_list = gvtg, .mxgpu_list = mxgpu
        };
        _cleanup_(type_catalog_done) TypeCatalog c = {};

        if (!folder) {
                skip();
                return;
        }
        snprintf(xml, sizeof(xml), "%s/data/nvidia-whitelist.xml", folder);
        snprintf(gvtg, sizeof(gvtg), "%s/data/gvt-g-whitelist-mixed", folder);
        snprintf(mxgpu, sizeof(mxgpu), "%s/data/mxgpu-whitelist-mixed", folder);
        snprintf(confs, sizeof(confs), "%s/data", folder);
        assert_ok(type_files_read(&settings, &(ProblemSink){}, &c));
        assert_int_equal(c.xml.n_types, 3);
        assert_int_equal(c.xml.n_pgpus, 3);
        assert_int_equal(c.n_gvtg, 2);
        assert_int_equal(c.n_mxgpu, 2);

        /* Of all files in that folder two are .conf files. */
        assert_int_equal(c.n_confs, 2);
        assert_true(c.confs[0].conf.any_psubdev);
        assert_int_equal(c.confs[1].conf.psubdev, 0x4444);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                CASE_IN_FOLDER("NV-WL-1", missing_file_gives_nothing),
                CASE("NV-WL-3", board_of_its_own),
                CASE("NV-WL-5", two_types_in_the_order_of_the_types),
                cmocka_unit_test(other_boards_and_any_board),
                cmocka_unit_test(bad_elements_cost_themselves_alone),
                cmocka_unit_test(several_and_sriov_are_flags),
                cmocka_unit_test(hostile_documents_end_early),
                IN_FOLDER(k1_and_k2_have_their_types),
                IN_FOLDER(inventory_shows_the_pgpu),
                cmocka_unit_test(subsystem_may_be_unknown),
                cmocka_unit_test(records_of_the_other_kinds),
                IN_FOLDER(other_vendors_follow_their_files),
                IN_FOLDER(problems_name_file_and_line),
                IN_FOLDER(problems_are_capped),
                IN_FOLDER(unreadable_files_are_told),
                IN_FOLDER(host_driver_allows_several),
                IN_FOLDER(driver_is_found_through_links),
                IN_FOLDER(one_type_of_two_sizes_has_the_larger),
                cmocka_unit_test(shared_samples_are_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
