/*
 * XenServer's own cases about what travels to the host: each test bears the case's id
 *
 * metadata_generate_vgpu, metadata_generate_multi_vgpu and the historical generate_vgpu_metadata_config_file
 * and vgpu_extra_args are asked of the orders that policyd builds; metadata_video_mode, metadata_video_ram
 * and their historical forms of protocol/vm-record.h.
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/service/operations/orders.h"

typedef struct Placement {
        const char *platform;
        const char *type_config; /* internal_config of the type */
        unsigned n_vgpus;
        VgpuImplementation implementation;
} Placement;

/*
 * The cases' world: PGPU n at 0000:NN:00.0, VGPU n with device n, scheduled there. Returns the order's VGPU
 * records. The uuids end in n + 1 where the cases have n: here the uuid of zeros means "none".
 */
static struct json_object *order_vgpus(World *w, const Placement *c) {
        Pool *pool;
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ struct json_object *order = NULL;
        struct json_object *vgpus;
        Host *h;
        GpuGroup *g;
        VgpuType *t;
        Vm *vm;
        Uuid id = {.bytes = {1}};

        world_start(w);
        pool = policy_pool(w->policy);
        assert_int_equal(pool_add_host(pool, &id, 0, "h", "system", &h), 0);
        assert_int_equal(pool_add_gpu_group(pool, &id, 0, "g", &g), 0);
        assert_int_equal(pool_add_vgpu_type(pool, &id, 0, "0001:nvidia,0ff2,,0fe7,101e", "NVIDIA Corporation",
                                 "GRID K100", &t),
                0);
        pool_set_type_size(pool, t, 131072, c->implementation);
        t->framebuffer_size = 134217728;
        text_set(&t->internal_config, c->type_config);
        assert_int_equal(pool_add_vm(pool, &id, 0, "vm", &vm), 0);
        text_set(&vm->platform, c->platform);
        text_set(&vm->config, "{}");
        for (unsigned i = 0; i < c->n_vgpus; i++) {
                Uuid n = {.bytes = {[15] = (uint8_t) (i + 1)}}, pgpu_id = {.bytes = {2, [15] = (uint8_t) i}};
                PciAddress pci = {.bus = (uint8_t) i};
                Pgpu *pgpu;
                Vgpu *v;

                assert_int_equal(pool_add_pgpu(pool, &pgpu_id, 0, h, &pci, "10de", "0ff2", &pgpu), 0);
                assert_int_equal(pool_add_vgpu(pool, &n, 0, vm, g, t, i, &v), 0);
                assert_int_equal(pool_set_vgpu_scheduled(pool, v, pgpu), 0);
        }
        assert_int_equal(order_build_start(&(Peer){.epoch = 1}, vm, &text), 0);
        order = json_tokener_parse(text);
        assert_true(json_object_object_get_ex(order, "vgpus", &vgpus));
        return json_object_get(vgpus);
}

static struct json_object *implementation(struct json_object *vgpus, size_t i) {
        struct json_object *o;

        assert_true(json_object_object_get_ex(json_object_array_get_idx(vgpus, i), "implementation", &o));
        assert_string_equal(json_object_get_string(json_object_array_get_idx(o, 0)), "Nvidia");
        return json_object_array_get_idx(o, 1);
}

static void assert_member(struct json_object *o, const char *member, const char *expected) {
        struct json_object *value;

        assert_true(json_object_object_get_ex(o, member, &value));
        assert_string_equal(json_object_get_string(value), expected);
}

static void assert_slot(struct json_object *o, int dev) {
        struct json_object *address, *value;

        assert_true(json_object_object_get_ex(o, "virtual_pci_address", &address));
        assert_true(json_object_object_get_ex(address, "dev", &value));
        assert_int_equal(json_object_get_int(value), dev);
        assert_true(json_object_object_get_ex(address, "bus", &value));
        assert_int_equal(json_object_get_int(value), 0);
}

static void MD_1(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *vgpus = order_vgpus(w, &(Placement){"{}", "{}", 0, TYPE_NVIDIA});

        assert_int_equal(json_object_array_length(vgpus), 0);
}

static void MD_3(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *vgpus =
                order_vgpus(w, &(Placement){"{}", "{\"type_id\":\"type_id_1\"}", 1, TYPE_NVIDIA});
        struct json_object *nvidia = implementation(vgpus, 0);

        assert_int_equal(json_object_array_length(vgpus), 1);
        assert_slot(nvidia, 11);
        assert_member(nvidia, "type_id", "type_id_1");
        assert_member(nvidia, "uuid", "00000000-0000-0000-0000-000000000001");
        assert_member(nvidia, "extra_args", "");
        assert_false(json_object_object_get_ex(nvidia, "physical_pci_address", NULL));
        assert_false(json_object_object_get_ex(nvidia, "config_file", NULL));
        assert_false(json_object_object_get_ex(nvidia, "vclass", NULL));
}

static void MM_1(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *vgpus =
                order_vgpus(w, &(Placement){"{}", "{\"type_id\":\"type_id_1\"}", 2, TYPE_NVIDIA});

        assert_int_equal(json_object_array_length(vgpus), 2);
        for (int i = 0; i < 2; i++) {
                struct json_object *nvidia = implementation(vgpus, (size_t) i);

                assert_slot(nvidia, 11 + i);
                assert_member(nvidia, "type_id", "type_id_1");
                assert_member(nvidia, "uuid",
                        i ? "00000000-0000-0000-0000-000000000002" : "00000000-0000-0000-0000-000000000001");
        }
}

#define K100_CONF "/usr/share/nvidia/vgx/grid_k100.conf"

static void H_MD_1(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *vgpus =
                order_vgpus(w, &(Placement){"{}", "{\"config_file\":\"" K100_CONF "\"}", 1, TYPE_NVIDIA});

        assert_member(implementation(vgpus, 0), "config_file", K100_CONF);
}

/* In 2015 the arguments were appended to config_file with a comma; now they travel beside it and the
 * emulator's argument joins them the same way. */
static void extra_args(const char *platform, const char *expected) {
        _cleanup_world_ World *w = world_new();
        _cleanup_json_ struct json_object *vgpus =
                order_vgpus(w, &(Placement){platform, "{\"config_file\":\"" K100_CONF "\"}", 1, TYPE_NVIDIA});
        struct json_object *nvidia = implementation(vgpus, 0), *file, *args;
        char joined[256];

        assert_true(json_object_object_get_ex(nvidia, "config_file", &file));
        assert_true(json_object_object_get_ex(nvidia, "extra_args", &args));
        snprintf(joined, sizeof(joined), "%s%s%s", json_object_get_string(file),
                *json_object_get_string(args) ? "," : "", json_object_get_string(args));
        assert_string_equal(joined, expected);
}

static void H_EX_1(void **state) {
        extra_args("{}", K100_CONF);
}

static void H_EX_3(void **state) {
        extra_args("{\"vgpu_extra_args\":\"foo=bar,baz=123\"}", K100_CONF ",foo=bar,baz=123");
}

/* The other two vendors' records, as the contract has them. */
static void GVT_g_and_MxGPU(void **state) {
        static const char gvt_g[] =
                "{\"vgt_low_gm_sz\":\"128\",\"vgt_high_gm_sz\":\"384\",\"vgt_fence_sz\":\"4\"}";
        static const struct {
                Placement placement;
                const char *expected;
        } cases[] = {
                {{"{}", gvt_g, 1, TYPE_GVT_G},
                        "[\"GVT_g\",{\"low_gm_sz\":128,\"high_gm_sz\":384,\"fence_sz\":4}]"},
                {{"{}", "{\"vgpus_per_pgpu\":\"4\"}", 1, TYPE_MXGPU},
                        "[\"MxGPU\",{\"vgpus_per_pgpu\":4,\"framebufferbytes\":134217728}]"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_world_ World *w = world_new();
                _cleanup_json_ struct json_object *vgpus = order_vgpus(w, &cases[i].placement);
                struct json_object *o;

                assert_true(
                        json_object_object_get_ex(json_object_array_get_idx(vgpus, 0), "implementation", &o));
                assert_string_equal(
                        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), cases[i].expected);
        }
}

/* Video mode and memory, from the platform alone. */

static const VmRecord *record(const char *platform) {
        static VmRecord r;

        json_object_put(r.platform);
        r.platform = json_tokener_parse(platform);
        assert_non_null(r.platform);
        return &r;
}

#define PCI "\"vgpu_pci_id\":\"0000:0a:00.0\""
#define CONF "\"vgpu_config\":\"" K100_CONF "\""
#define MANUAL "\"vgpu_manual_setup\":\"true\""

typedef struct VideoCase {
        const char *id, *platform, *card;
        uint32_t mib; /* 0: not asked */
} VideoCase;

static void video_cases(void **state) {
        static const VideoCase cases[] = {
                {"VM-1", "{}", "Cirrus", 0},
                {"VM-3", "{\"vga\":\"cirrus\"}", "Cirrus", 0},
                {"VM-5", "{\"igd_passthrough\":\"true\"}", "IGD_passthrough", 0},
                {"VM-7", "{\"igd_passthrough\":\"true\",\"vga\":\"std\"}", "IGD_passthrough", 0},
                {"VR-1", "{}", "Cirrus", 4},
                {"VR-3", "{\"vga\":\"cirrus\"}", "Cirrus", 4},
                {"H-VM-1", "{" MANUAL "," PCI "," CONF "}", "Vgpu", 0},
                {"H-VM-3", "{\"vga\":\"std\"," MANUAL "," PCI "," CONF "}", "Vgpu", 0},
                {"H-VM-5", "{\"vga\":\"cirrus\"," MANUAL "," PCI "}", "Cirrus", 0},
                {"H-VM-7", "{" MANUAL "," CONF "}", "Cirrus", 0},
                {"H-VM-9", "{\"vga\":\"std\"," MANUAL "," CONF "}", "Standard_VGA", 0},
                {"H-VR-1", "{" MANUAL "," PCI "," CONF "}", "Vgpu", 16},
                {"H-VR-3", "{" MANUAL "," PCI "," CONF ",\"videoram\":\"32\"}", "Vgpu", 32},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const VmRecord *r = record(cases[i].platform);
                const char *card = video_card_to_string(vm_record_video_card(r, /* has_vgpu= */ false));
                uint32_t mib = vm_record_video_mib(r, /* has_vgpu= */ false);

                if (!streq(card, cases[i].card))
                        fail_msg("%s: %s instead of %s", cases[i].id, card, cases[i].card);
                if (cases[i].mib != 0 && mib != cases[i].mib)
                        fail_msg("%s: %u MiB instead of %u", cases[i].id, mib, cases[i].mib);
        }
        json_object_put(record("{}")->platform);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                {"MD-1", MD_1, NULL, NULL, NULL},
                {"MD-3", MD_3, NULL, NULL, NULL},
                {"MM-1", MM_1, NULL, NULL, NULL},
                {"H-MD-1", H_MD_1, NULL, NULL, NULL},
                {"H-EX-1", H_EX_1, NULL, NULL, NULL},
                {"H-EX-3", H_EX_3, NULL, NULL, NULL},
                {"GVT-g and MxGPU", GVT_g_and_MxGPU, NULL, NULL, NULL},
                {"VM-1 VM-3 VM-5 VM-7 VR-1 VR-3 H-VM-1 H-VM-3 H-VM-5 H-VM-7 H-VM-9 H-VR-1 H-VR-3",
                        video_cases, NULL, NULL, NULL},
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
