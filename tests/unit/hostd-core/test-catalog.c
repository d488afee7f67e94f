/*
 * The catalog: which types a card gets from what the files say
 *
 * Cards and entries are made by hand here; reading files is the edge's.
 */

#include "hostd/core/idset.h"
#include "hostd/core/type-catalog.h"
#include "tests/unit/hostd-core/test.h"

typedef struct Types {
        HostType *types;
        size_t n;
} Types;

typedef struct Problems {
        unsigned n;
        char path[64]; /* of the last one */
        char reason[600];
} Problems;

static void on_problem(const char *path, unsigned line, const char *reason, void *userdata) {
        Problems *p = userdata;

        p->n++;
        snprintf(p->path, sizeof(p->path), "%s", strempty(path));
        snprintf(p->reason, sizeof(p->reason), "%s", reason);
}

static const char *name_of(
        uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice, void *userdata) {
        return device == 0x0fe7 && subdevice == 0x101e ? "GRID K100" : NULL;
}

static const NameSource names = { name_of, NULL };

static Pgpu card(uint16_t vendor, uint16_t device) {
        return (Pgpu){
                .address = { 0, 0x84, 0, 0 },
                .vendor_id = vendor,
                .device_id = device,
                .subsystem_vendor_id = vendor,
                .subsystem_device_id = 0x1012,
                .subsystem_known = true,
                .vendor_name = (char *) "Vendor",
                .device_name = (char *) "Device",
                .driver = (char *) "",
        };
}

static Types types_of(const TypeCatalog *c, const Pgpu *p, Problems *problems) {
        const ProblemSink sink = {.handler = problems ? on_problem : NULL, .userdata = problems};
        Types t;

        assert_ok(catalog_types_for(c, p, &names, &sink, &t.types, &t.n));
        return t;
}

static void assert_types(Types t, const char *const *identifiers) {
        size_t n = 0;

        for (; identifiers[n]; n++) {
                assert_true(n < t.n);
                assert_string_equal(t.types[n].identifier, identifiers[n]);
        }
        assert_int_equal(t.n, n);
        host_types_free(t.types, t.n);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static CatalogConf k100_conf(const char *path) {
        return (CatalogConf){ (char *) path, { .pdev = 0x0ff2,
                                                     .any_psubdev = true,
                                                     .vdev = 0x0fe7,
                                                     .vsubdev = 0x101e,
                                                     .framebuffer = 268435456,
                                                     .heads = 2,
                                                     .instances = 8,
                                                     .max_x = 1920,
                                                     .max_y = 1200 } };
}

static void k1_gets_passthrough_then_its_conf_types(void **state) {
        CatalogConf confs[] = {
                k100_conf("/etc/types/grid_k100.conf"),
                { (char *) "/etc/types/odd.name", { .pdev = 0x0ff2,
                                                          .psubdev = 0x1012,
                                                          .vdev = 0x0ff7,
                                                          .vsubdev = 0x1037,
                                                          .instances = 4 } },
                { (char *) "other-board.conf", { .pdev = 0x0ff2,
                                                       .psubdev = 0x9999,
                                                       .vdev = 0x0ff7,
                                                       .vsubdev = 0x1037,
                                                       .instances = 4 } },
                { (char *) "k200.conf", { .pdev = 0x11bf,
                                                .any_psubdev = true,
                                                .vdev = 0x118d,
                                                .vsubdev = 0x101d,
                                                .instances = 8 } },
        };
        TypeCatalog c = { .confs = confs, .n_confs = ARRAY_SIZE(confs) };
        Pgpu p = card(PCI_VENDOR_NVIDIA, 0x0ff2);
        Types t = types_of(&c, &p, NULL);

        assert_int_equal(t.n, 3);
        assert_string_equal(t.types[1].model_name, "GRID K100");
        assert_string_equal(t.types[1].config_file, "/etc/types/grid_k100.conf");
        assert_int_equal(t.types[1].size, 131072);
        assert_int_equal(t.types[1].implementation, TYPE_NVIDIA);
        assert_string_equal(t.types[2].model_name, "odd.name");
        assert_types(t,
                LIST("0001:passthrough", "0001:nvidia,0ff2,,0fe7,101e", "0001:nvidia,0ff2,1012,0ff7,1037"));

        /* Without a known board, only what fits any board. */
        p.subsystem_known = false;
        assert_types(types_of(&c, &p, NULL), LIST("0001:passthrough", "0001:nvidia,0ff2,,0fe7,101e"));
}

static void two_conf_files_of_one_type_are_told(void **state) {
        CatalogConf confs[] = { k100_conf("a.conf"), k100_conf("b.conf") };
        TypeCatalog c = { .confs = confs, .n_confs = 2 };
        Pgpu p = card(PCI_VENDOR_NVIDIA, 0x0ff2);
        Problems problems = {};

        assert_types(types_of(&c, &p, &problems), LIST("0001:passthrough", "0001:nvidia,0ff2,,0fe7,101e"));
        assert_int_equal(problems.n, 1);
        assert_string_equal(problems.path, "b.conf");
        assert_contains(problems.reason, "a.conf describes the same one");
        assert_types(types_of(&c, &p, NULL), LIST("0001:passthrough", "0001:nvidia,0ff2,,0fe7,101e"));
}

static NvidiaXmlType xml_type(const char *id, uint16_t vdev) {
        return (NvidiaXmlType){ .id = (char *) id,
                .name = (char *) "TYPE FOO",
                .vclass = (char *) "NVS",
                .vdev = vdev,
                .vsubdev = 0x101e,
                .framebuffer = 1 << 28,
                .heads = 2,
                .max_x = 1920,
                .max_y = 1200,
                .multi_vgpu_supported = true,
                .line = 9 };
}

static void xml_types_come_in_their_order(void **state) {
        NvidiaXmlType types[] = { xml_type("20", 0x1112), xml_type("21", 0x0fe7), xml_type("22", 0x1112),
                xml_type("23", 0x1114) };
        NvidiaXmlSupported exact[] = { { (char *) "21", 16 }, { (char *) "20", 8 }, { (char *) "22", 4 } };
        NvidiaXmlSupported wild[] = { { (char *) "21", 2 }, { (char *) "23", 2 } };
        NvidiaXmlPgpu pgpus[] = {
                { .pdev = 0x0ff2, .psubdev = 0x7777, .supported = wild, .n_supported = 2 },
                { .pdev = 0x0ff2, .psubdev = 0x1012, .supported = exact, .n_supported = 3 },
                { .pdev = 0x0ff2, .psubdev = 0, .sriov = true, .supported = wild, .n_supported = 2 },
        };
        TypeCatalog c = { .xml = { types, 4, pgpus, 3 } };
        Pgpu p = card(PCI_VENDOR_NVIDIA, 0x0ff2);
        Problems problems = {};
        Types t = types_of(&c, &p, &problems);

        assert_int_equal(problems.n, 1);
        assert_contains(problems.reason, "vgpuType 22");
        assert_int_equal(t.n, 4);
        assert_string_equal(t.types[1].type_id, "20");
        assert_string_equal(t.types[1].vclass, "NVS");
        assert_string_equal(t.types[1].model_name, "TYPE FOO");
        assert_int_equal(t.types[2].instances, 16);
        assert_string_equal(t.types[2].model_name, "GRID K100");
        assert_int_equal(t.types[3].implementation, TYPE_NVIDIA_SRIOV);
        assert_false(t.types[2].self_compatible_in_vm);
        assert_types(t, LIST("0001:passthrough", "0001:nvidia,0ff2,1012,1112,101e",
                                "0001:nvidia,0ff2,1012,0fe7,101e", "0001:nvidia,0ff2,,1114,101e"));
}

static void driver_decides_on_several_and_on_config_files(void **state) {
        NvidiaXmlType types[] = { xml_type("11", 0x0fe7) };
        NvidiaXmlSupported supported[] = { { (char *) "11", 8 } };
        NvidiaXmlPgpu pgpus[] = { { .pdev = 0x0ff2, .supported = supported, .n_supported = 1 } };
        CatalogConf confs[] = { k100_conf("grid_k100.conf"), k100_conf("again.conf") };
        TypeCatalog c = { .confs = confs, .n_confs = 2, .xml = { types, 1, pgpus, 1 } };
        Pgpu p = card(PCI_VENDOR_NVIDIA, 0x0ff2);
        Problems problems = {};
        Types t;

        t = types_of(&c, &p, &problems);
        assert_int_equal(t.n, 2);
        assert_string_equal(t.types[1].type_id, "11");
        assert_string_equal(t.types[1].config_file, "grid_k100.conf");
        assert_false(t.types[1].self_compatible_in_vm);
        assert_int_equal(problems.n, 1);
        host_types_free(t.types, t.n);

        c.multi_vgpu = true;
        t = types_of(&c, &p, NULL);
        assert_null(t.types[1].config_file);
        assert_true(t.types[1].self_compatible_in_vm);
        host_types_free(t.types, t.n);
}

static TypeListEntry gvtg(const char *name) {
        return (TypeListEntry){ .pdev = 0x041a,
                .name = (char *) name,
                .low_gm_sz = 128,
                .high_gm_sz = 384,
                .fence_sz = 4,
                .framebuffer = 128 << 20,
                .line = 2 };
}

static void gvtg_needs_an_aperture(void **state) {
        TypeListEntry entries[] = { gvtg("Intel GVT-g"), gvtg("the same again") };
        TypeCatalog c = { .gvtg_path = "list", .gvtg = entries, .n_gvtg = 1 };
        Pgpu p = card(PCI_VENDOR_INTEL, 0x041a);
        Problems problems = {};
        Types t;

        p.bars_known = true;
        p.bar2_size = 1024u << 20;
        t = types_of(&c, &p, NULL);
        assert_int_equal(t.types[1].instances, 7);
        assert_int_equal(t.types[1].size, 149796);
        assert_types(t, LIST("0001:passthrough", "0001:gvt-g,041a,80,180,4"));

        p.bar2_size = 128u << 20;
        assert_types(types_of(&c, &p, &problems), LIST("0001:passthrough"));
        assert_contains(problems.reason, "enlarge the aperture in the BIOS");

        p.bars_known = false;
        assert_types(types_of(&c, &p, &problems), LIST("0001:passthrough"));
        assert_contains(problems.reason, "not known");
        assert_string_equal(problems.path, "list");

        p.bars_known = true;
        p.bar2_size = 1024u << 20;
        c.n_gvtg = 2;
        assert_types(types_of(&c, &p, &problems), LIST("0001:passthrough", "0001:gvt-g,041a,80,180,4"));
        assert_contains(problems.reason, "'the same again' is left out");
}

static void amd_has_vgpu_types_or_passthrough(void **state) {
        TypeListEntry entries[] = {
                { .pdev = 0x6929, .name = (char *) "small", .framebuffer = 128 << 20, .vgpus_per_pgpu = 4 },
                { .pdev = 0x6929, .name = (char *) "again", .framebuffer = 128 << 20, .vgpus_per_pgpu = 8 },
                { .pdev = 0x6929, .name = (char *) "none", .framebuffer = 256 << 20 },
                { .pdev = 0x6929, .name = (char *) "too many", .framebuffer = 1, .vgpus_per_pgpu = 1u << 21 },
        };
        TypeCatalog c = { .mxgpu = entries, .n_mxgpu = 4 };
        Pgpu p = card(PCI_VENDOR_AMD, 0x6929);
        Problems problems = {};
        Types t = types_of(&c, &p, &problems);

        assert_int_equal(problems.n, 3);
        assert_int_equal(t.types[0].implementation, TYPE_MXGPU);
        assert_types(t, LIST("0001:mxgpu,6929,8000000"));
        p.device_id = 1;
        assert_types(types_of(&c, &p, NULL), LIST("0001:passthrough"));
}

static void fixed_division_offers_types_of_its_number(void **state) {
        TypeListEntry mxgpu[] = { { .pdev = 0x6929, .name = (char *) "S7150 1/4", .framebuffer = 1, .vgpus_per_pgpu = 4 } };
        SriovType sriov[] = {
                { .vendor = PCI_VENDOR_AMD, .pdev = 0x6929, .any_psubdev = true, .name = (char *) "1/2", .vfs_per_pgpu = 2 },
                { .vendor = PCI_VENDOR_AMD, .pdev = 0x6929, .any_psubdev = true, .name = (char *) "1/4", .vfs_per_pgpu = 4 },
        };
        TypeCatalog c = { .mxgpu = mxgpu, .n_mxgpu = 1, .sriov = sriov, .n_sriov = 2 };
        Pgpu p = card(PCI_VENDOR_AMD, 0x6929);

        p.total_functions = 4;
        assert_types(types_of(&c, &p, NULL), LIST("0001:mxgpu,6929,1", "0001:sriov,1002,6929,,2,0,0,0,", "0001:sriov,1002,6929,,4,0,0,0,"));
        p.n_functions = 2;
        assert_types(types_of(&c, &p, NULL), LIST("0001:sriov,1002,6929,,2,0,0,0,"));
        p.n_functions = 4;
        assert_types(types_of(&c, &p, NULL), LIST("0001:mxgpu,6929,1", "0001:sriov,1002,6929,,4,0,0,0,"));
        c.keeps_divisions = true;
        assert_types(types_of(&c, &p, NULL), LIST("0001:mxgpu,6929,1", "0001:sriov,1002,6929,,4,0,0,0,"));
        p.n_functions = 0; /* nobody would divide it */
        assert_types(types_of(&c, &p, NULL), LIST("0001:passthrough"));
}

static void display_device_of_dom0_is_not_passed_through(void **state) {
        CatalogConf confs[] = { k100_conf("grid_k100.conf") };
        TypeCatalog c = { .confs = confs, .n_confs = 1 };
        Pgpu p = card(PCI_VENDOR_NVIDIA, 0x0ff2), other = card(0x1af4, 1);
        Types t;

        p.is_system_display_device = true;
        assert_types(types_of(&c, &p, NULL), LIST("0001:nvidia,0ff2,,0fe7,101e"));
        p.driver = (char *) "pciback";
        assert_types(types_of(&c, &p, NULL), LIST("0001:passthrough", "0001:nvidia,0ff2,,0fe7,101e"));

        other.is_system_display_device = true;
        t = types_of(&c, &other, NULL);
        assert_int_equal(t.n, 0);
        host_types_free(t.types, t.n);
        other.is_system_display_device = false;
        assert_types(types_of(&c, &other, NULL), LIST("0001:passthrough"));
}

static void candidates_are_display_functions(void **state) {
        char *const amd[] = {(char *) "1002", NULL}, *const one[] = {(char *) "1DA3:1020", NULL};

        assert_true(pgpu_is_candidate(0x0300, 0x10de, 0x0ff2, NULL));
        assert_true(pgpu_is_candidate(0x0302, 0x10de, 0x2235, amd));
        assert_true(pgpu_is_candidate(0x0380, 0x1002, 0x740f, amd)); /* MI210 */
        assert_true(pgpu_is_candidate(0x1200, 0x1002, 0x74a5, amd)); /* MI325X */
        assert_false(pgpu_is_candidate(0x1200, 0x1002, 0x74a5, NULL));
        assert_false(pgpu_is_candidate(0x1200, 0x8086, 0x7d1d, amd)); /* Intel's NPU */
        assert_true(pgpu_is_candidate(0x1200, 0x1da3, 0x1020, one));
        assert_false(pgpu_is_candidate(0x1200, 0x1da3, 0x1000, one));
        assert_false(pgpu_is_candidate(0x0403, 0x1002, 0xab28, amd));
}

static void functions_find_their_pgpu(void **state) {
        PciAddress sound = { 0, 0x84, 0, 1 }, nothing = { 0, 0x99, 0, 0 };
        Pgpu pgpus[] = { card(1, 1), card(1, 1) };

        pgpus[0].address.bus = 0x83;
        pgpus[1].companions = &sound;
        pgpus[1].n_companions = 1;
        assert_ptr_equal(pgpu_find(pgpus, 2, &pgpus[1].address), &pgpus[1]);
        assert_null(pgpu_find(pgpus, 2, &sound));
        assert_ptr_equal(pgpu_find_by_function(pgpus, 2, &sound), &pgpus[1]);
        assert_null(pgpu_find_by_function(pgpus, 2, &nothing));
}

static void passthrough_stands_alone(void **state) {
        HostType t;

        assert_ok(host_type_make_passthrough(&t));
        assert_false(host_type_allows_beside(&t, &t));
        host_type_done(&t);
        assert_int_equal(host_type_size(0), 0);
        assert_int_equal(host_type_size(8), 131072);
}

/* What a reader hands over is freed by the catalog. */
static void catalog_owns_its_entries(void **state) {
        TypeCatalog c = { .confs = calloc(1, sizeof(CatalogConf)), .n_confs = 1 };
        NvidiaXmlPgpu *p;

        c.confs[0].path = strdup("a.conf");
        c.xml.types = calloc(1, sizeof(NvidiaXmlType));
        c.xml.types[0].id = strdup("1");
        c.xml.n_types = 1;
        c.xml.pgpus = p = calloc(1, sizeof(*p));
        p->supported = calloc(1, sizeof(NvidiaXmlSupported));
        p->supported[0].vgpu_id = strdup("1");
        p->n_supported = 1;
        c.xml.n_pgpus = 1;
        type_catalog_done(&c);
        assert_null(c.confs);
}

static void pgpu_frees_all(void **state) {
        Pgpu p = { .vendor_name = strdup("a"),
                .device_name = strdup("b"),
                .driver = strdup(""),
                .bridge = strdup(""),
        };

        assert_ok(idset_add(&p.supported, "x"));
        assert_true(pgpu_supports(&p, "x"));
        assert_false(pgpu_enables(&p, "x"));
        pgpu_done(&p);
        assert_null(p.supported);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(k1_gets_passthrough_then_its_conf_types),
                cmocka_unit_test(two_conf_files_of_one_type_are_told),
                cmocka_unit_test(xml_types_come_in_their_order),
                cmocka_unit_test(driver_decides_on_several_and_on_config_files),
                cmocka_unit_test(gvtg_needs_an_aperture),
                cmocka_unit_test(amd_has_vgpu_types_or_passthrough),
                cmocka_unit_test(fixed_division_offers_types_of_its_number),
                cmocka_unit_test(display_device_of_dom0_is_not_passed_through),
                cmocka_unit_test(candidates_are_display_functions),
                cmocka_unit_test(functions_find_their_pgpu),
                cmocka_unit_test(passthrough_stands_alone),
                cmocka_unit_test(catalog_owns_its_entries),
                cmocka_unit_test(pgpu_frees_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
