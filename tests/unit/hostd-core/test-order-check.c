/*
 * The last guard: a host with a K1, a GVT-g GPU and an MxGPU, and orders that it takes or refuses
 *
 * The K1's first PGPU is 0000:84:00.0 with a sound function beside it, its second is 0000:85:00.0.
 */

#include "hostd/core/order-check.h"
#include "tests/unit/hostd-core/test.h"

#define K100 "0001:nvidia,0ff2,,0fe7,101e"
#define K140Q "0001:nvidia,0ff2,,0ff7,1037"
#define A40 "0001:nvidia,2235,,2235,1500"
#define K200 "0001:nvidia,11bf,,118d,101d"
#define GVT "0001:gvt-g,041a,80,180,4"
#define MX "0001:mxgpu,6929,8000000"
#define PASS PASSTHROUGH_IDENTIFIER

#define ADDRESS(bus_, fn_) ((PciAddress){ .bus = (bus_), .fn = (fn_) })
#define TYPE(kind_, id, name, instances_)                                                                    \
        .implementation = (kind_), .identifier = (char *) (id), .model_name = (char *) (name),                         \
        .instances = (instances_), .size = PGPU_SIZE / (instances_), .self_compatible_on_pgpu = true

static const HostType types[] = {
        { .implementation = TYPE_PASSTHROUGH,
                .identifier = (char *) PASS,
                .model_name = (char *) "passthrough",
                .instances = 1},
        {TYPE(TYPE_NVIDIA, K200, "GRID K200", 8), .config_file = (char *) "/t/grid_k200.conf",
                .type_id = (char *) "14"},
        {TYPE(TYPE_NVIDIA, K100, "GRID K100", 8), .config_file = (char *) "/t/grid_k100.conf",
                .type_id = (char *) "11"},
        {TYPE(TYPE_NVIDIA, K140Q, "GRID K140Q", 4), .type_id = (char *) "12"},
        {TYPE(TYPE_NVIDIA_SRIOV, A40, "NVIDIA A40-8Q", 6), .type_id = (char *) "560"},
        {TYPE(TYPE_GVT_G, GVT, "Intel GVT-g", 7), .low_gm_sz = 128, .high_gm_sz = 384, .fence_sz = 4},
        {TYPE(TYPE_MXGPU, MX, "small", 4), .framebuffer_size = 134217728, .vgpus_per_pgpu = 4},
};

static char *k1_types[] = { (char *) PASS, (char *) K100, (char *) K140Q, NULL };
static char *no_k140q[] = { (char *) PASS, (char *) K100, NULL };
static char *intel_types[] = { (char *) GVT, NULL };
static char *amd_types[] = { (char *) MX, NULL };
static PciAddress sound = { 0, 0x84, 0, 1 };

static Pgpu pgpus[] = {
        { .address = { 0, 0x00, 2, 0 },
                .device_name = (char *) "GT2",
                .is_system_display_device = true,
                .supported = intel_types,
                .enabled = intel_types },
        { .address = { 0, 0x84, 0, 0 },
                .device_name = (char *) "K1",
                .supported = k1_types,
                .enabled = k1_types,
                .companions = &sound,
                .n_companions = 1 },
        { .address = { 0, 0x85, 0, 0 },
                .device_name = (char *) "K1",
                .supported = k1_types,
                .enabled = no_k140q },
        { .address = { 0, 0x90, 0, 0 },
                .device_name = (char *) "S7150",
                .supported = amd_types,
                .enabled = amd_types },
};

static HostView host_with(const Occupant *occupants, size_t n) {
        return (HostView){
                .pgpus = pgpus,
                .n_pgpus = ARRAY_SIZE(pgpus),
                .types = types,
                .n_types = ARRAY_SIZE(types),
                .occupants = occupants,
                .n_occupants = n,
                .hvm = true,
                .iommu = true,
                .memory_free = 8ull << 30,
        };
}

static OrderRequest order_for(const OrderGpu *gpus, size_t n) {
        return (OrderRequest){ .name_label = "vm1",
                .hvm = true,
                .memory = 1u << 30,
                .target_memory = 1u << 30,
                .max_memory = 1u << 30,
                .gpus = gpus,
                .n_gpus = n };
}

static OrderGpu k100_on(uint8_t bus, const char *device) {
        return (OrderGpu){ .kind = TYPE_NVIDIA,
                .device = device,
                .address = ADDRESS(bus, 0),
                .config_file = "/t/grid_k100.conf" };
}

static OrderGpu passthrough_of(uint8_t bus) {
        return (OrderGpu){ .kind = TYPE_PASSTHROUGH, .address = ADDRESS(bus, 0) };
}

/* The code; the sentence must contain part. */
static ErrorCode check(const HostView *view, const OrderRequest *request, const char *part) {
        const HostType *chosen[32] = {};
        _cleanup_refusal_ Refusal refusal = {};

        assert_ok(order_check(view, request, chosen, &refusal));
        if (refusal.code != ERROR_NONE)
                assert_contains(refusal.message, part);
        return refusal.code;
}

static ErrorCode check_gpus(const HostView *view, const OrderGpu *gpus, size_t n, const char *part) {
        OrderRequest request = order_for(gpus, n);

        return check(view, &request, part);
}

static ErrorCode check_one(const HostView *view, OrderGpu gpu, const char *part) {
        return check_gpus(view, &gpu, 1, part);
}

static void nothing_starts_on_a_lost_gpu(void **state) {
        HostView view = host_with(NULL, 0);

        pgpus[2].is_lost = true;
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), "0000:85:00.0 does not answer"), ERROR_PGPU_UNHEALTHY);
        assert_int_equal(check_one(&view, k100_on(0x84, "0"), ""), ERROR_NONE);
        pgpus[2].is_lost = false;
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), ""), ERROR_NONE);
}

static void nothing_starts_where_all_functions_are_suspect(void **state) {
        HostView view = host_with(NULL, 0);

        pgpus[2].n_functions = 4;
        pgpus[2].n_suspect = 3;
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), ""), ERROR_NONE);
        pgpus[2].n_suspect = 4;
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), "All 4 virtual functions of PGPU 0000:85:00.0 are suspect"),
                ERROR_PGPU_UNHEALTHY);
        assert_int_equal(check_one(&view, passthrough_of(0x85), "are suspect"), ERROR_PGPU_UNHEALTHY);
        pgpus[2].n_functions = pgpus[2].n_suspect = 0;
}

/* libxl would take the function of domain 0. */
static void what_xen_cannot_be_told_of_is_not_passed_through(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu whole = passthrough_of(0x85), shared = k100_on(0x85, "0");

        pgpus[2].address.domain = whole.address.domain = shared.address.domain = 0x10000;
        assert_int_equal(check_one(&view, whole, "Nothing of PGPU 10000:85:00.0 can be passed through"),
                ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_int_equal(check_one(&view, shared, ""), ERROR_NONE);
        pgpus[2].address.domain = 0;
}

static void implementations_mean_types(void **state) {
        HostView view = host_with(NULL, 0);
        static const struct {
                OrderGpu gpu;
                const char *identifier;
        } cases[] = {
                {{.kind = TYPE_NVIDIA,
                         .device = "0",
                         .address = {.bus = 0x84},
                         .config_file = "/t/grid_k100.conf"},
                        K100},
                {{.kind = TYPE_NVIDIA,
                         .device = "0",
                         .address = {.bus = 0x84},
                         .config_file = "/t/grid_k100.conf,foo=bar"},
                        K100},
                {{.kind = TYPE_NVIDIA,
                         .device = "0",
                         .address = {.bus = 0x84},
                         .config_file = "/usr/share/nvidia/vgx/grid_k100.conf"},
                        K100},
                {{.kind = TYPE_NVIDIA,
                         .device = "0",
                         .address = {.bus = 0x84},
                         .config_file = "grid_k100.conf",
                         .type_id = "12"},
                        K100},
                {{.kind = TYPE_NVIDIA, .device = "20", .address = {.bus = 0x84}, .type_id = "12"}, K140Q},
                {{.kind = TYPE_GVT_G,
                         .device = "0",
                         .address = {.dev = 2},
                         .low_gm_sz = 128,
                         .high_gm_sz = 384,
                         .fence_sz = 4},
                        GVT},
                {{.kind = TYPE_MXGPU,
                         .device = "0",
                         .address = {.bus = 0x90},
                         .framebufferbytes = 134217728,
                         .vgpus_per_pgpu = 4},
                        MX},
                {{.kind = TYPE_PASSTHROUGH, .address = {.bus = 0x84}}, PASS},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                OrderRequest request = order_for(&cases[i].gpu, 1);
                const HostType *chosen = NULL;
                Refusal refusal = {};

                assert_ok(order_check(&view, &request, &chosen, &refusal));
                assert_int_equal(refusal.code, ERROR_NONE);
                assert_string_equal(chosen->identifier, cases[i].identifier);
                assert_ok(order_check(&view, &request, NULL, &refusal));
        }
}

/* Two of the driver's folders may hold files of one name: the VM's own path decides before the name does. */
static void the_very_path_goes_before_the_name(void **state) {
        const HostType same_name[] = {
                { TYPE(TYPE_NVIDIA, K140Q, "GRID K140Q", 4), .config_file = (char *) "/old/grid.conf" },
                { TYPE(TYPE_NVIDIA, K100, "GRID K100", 8), .config_file = (char *) "/new/grid.conf" },
        };
        HostView view = host_with(NULL, 0);
        OrderGpu gpu = k100_on(0x84, "0");

        view.types = same_name;
        view.n_types = ARRAY_SIZE(same_name);
        gpu.config_file = "/new/grid.conf";
        assert_string_equal(order_gpu_find_type(&view, &pgpus[1], &gpu)->identifier, K100);
        gpu.config_file = "/old/grid.conf";
        assert_string_equal(order_gpu_find_type(&view, &pgpus[1], &gpu)->identifier, K140Q);
}

static void unknown_implementations_are_refused(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu gpu = k100_on(0x84, "0");

        gpu.config_file = "/t/grid_k180.conf";
        assert_int_equal(check_one(&view, gpu, "grid_k180.conf"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu.config_file = "";
        assert_int_equal(check_one(&view, gpu, "config file"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu.config_file = "/t/grid_k200.conf";
        assert_int_equal(
                check_one(&view, gpu, "does not support VGPU type GRID K200"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu.config_file = NULL;
        gpu.type_id = "99";
        assert_int_equal(check_one(&view, gpu, "type_id '99'"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu.type_id = NULL;
        assert_int_equal(check_one(&view, gpu, "neither"), ERROR_INVALID_RECORD);
        gpu = (OrderGpu){ .kind = TYPE_GVT_G, .device = "0", .address = { .dev = 2 }, .low_gm_sz = 64 };
        assert_int_equal(check_one(&view, gpu, "low_gm_sz 64"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu = (OrderGpu){ .kind = TYPE_MXGPU,
                .device = "0",
                .address = ADDRESS(0x90, 0),
                .framebufferbytes = 1,
                .vgpus_per_pgpu = 4 };
        assert_int_equal(check_one(&view, gpu, "1 bytes"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        gpu = (OrderGpu){ .kind = _VGPU_IMPLEMENTATION_INVALID, .device = "0", .address = ADDRESS(0x84, 0) };
        assert_int_equal(check_one(&view, gpu, "passthrough"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_int_equal(
                check_one(&view, k100_on(0x99, "0"), "no PGPU at 0000:99:00.0"), ERROR_VM_REQUIRES_VGPU);
        assert_int_equal(
                check_one(&view, passthrough_of(0x99), "no PGPU at 0000:99:00.0"), ERROR_VM_REQUIRES_GPU);
}

static void disabled_types_are_refused(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu gpu = {.kind = TYPE_NVIDIA, .device = "0", .address = ADDRESS(0x85, 0), .type_id = "12"};

        assert_int_equal(
                check_one(&view, gpu, "not enabled on PGPU 0000:85:00.0"), ERROR_VGPU_TYPE_NOT_ENABLED);
}

static void display_device_is_not_passed_through(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu gpu = { .kind = TYPE_PASSTHROUGH, .address = { .dev = 2 } };

        assert_int_equal(check_one(&view, gpu, "system display device"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_int_equal(
                check_one(&view, passthrough_of(0x90), "does not support"), ERROR_VGPU_TYPE_NOT_SUPPORTED);

        /* Where no PGPU at all can be passed through the type itself is unknown. */
        view.types++;
        view.n_types--;
        assert_int_equal(check_one(&view, gpu, "system display device"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
}

static void running_types_decide(void **state) {
        Occupant occupants[] = {{.pgpu = ADDRESS(0x84, 0), .identifier = K140Q, .size = PGPU_SIZE / 4}};
        HostView view = host_with(occupants, 1);

        assert_int_equal(check_one(&view, k100_on(0x84, "0"), "runs GRID K140Q"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), ""), ERROR_NONE);
        assert_int_equal(check_one(&view, passthrough_of(0x84), "runs GRID K140Q"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);

        /* A type whose file has gone meanwhile still takes only its own kind. */
        occupants[0].identifier = "0001:nvidia,0ff2,,dead,beef";
        assert_int_equal(check_one(&view, k100_on(0x84, "0"), "0001:nvidia,0ff2,,dead,beef"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
}

static void occupant_of_a_vanished_type_takes_its_own_kind(void **state) {
        static char *again[] = { (char *) "0001:nvidia,0ff2,,dead,beef", NULL };
        Pgpu p = { .address = ADDRESS(0x84, 0),
                .device_name = (char *) "K1",
                .supported = again,
                .enabled = again };
        HostType t = {TYPE(TYPE_NVIDIA, "0001:nvidia,0ff2,,dead,beef", "own", 8), .type_id = (char *) "1"};
        Occupant occupants[] = {
                { .pgpu = ADDRESS(0x84, 0), .identifier = "0001:nvidia,0ff2,,dead,beee", .size = 1 }
        };
        HostView view = host_with(occupants, 1);
        OrderGpu gpu = {.kind = TYPE_NVIDIA, .device = "0", .address = ADDRESS(0x84, 0), .type_id = "1"};

        view.pgpus = &p;
        view.n_pgpus = 1;
        view.types = &t;
        view.n_types = 1;
        assert_int_equal(check_one(&view, gpu, "beee"), ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        occupants[0].identifier = "0001:nvidia,0ff2,1012,dead,beef"; /* before its file meant any board */
        assert_int_equal(check_one(&view, gpu, ""), ERROR_NONE);
        occupants[0].identifier = "0001:nvidia,0ff2,,dead,beef";
        assert_int_equal(check_one(&view, gpu, ""), ERROR_NONE);
}

static void k1_takes_eight_and_no_ninth(void **state) {
        Occupant occupants[8] = {};
        HostView view;

        for (size_t i = 0; i < 8; i++)
                occupants[i] =
                        (Occupant){.pgpu = ADDRESS(0x84, 0), .identifier = K100, .size = PGPU_SIZE / 8};
        view = host_with(occupants, 7);
        assert_int_equal(check_one(&view, k100_on(0x84, "0"), ""), ERROR_NONE);
        view = host_with(occupants, 8);
        assert_int_equal(
                check_one(&view, k100_on(0x84, "0"), "8 of 8 are taken"), ERROR_PGPU_INSUFFICIENT_CAPACITY);
        assert_int_equal(check_one(&view, k100_on(0x85, "0"), ""), ERROR_NONE);
}

static void one_order_counts_against_itself(void **state) {
        Occupant occupants[7] = {};
        HostView view = host_with(occupants, 7);
        OrderGpu two[] = { k100_on(0x84, "0"), k100_on(0x84, "1") };
        OrderGpu mixed[] = { k100_on(0x84, "0"),
                { .kind = TYPE_NVIDIA, .device = "1", .address = ADDRESS(0x84, 0), .type_id = "12" } };
        OrderGpu with_pass[] = { k100_on(0x84, "0"), passthrough_of(0x84) };
        OrderGpu pass_first[] = { passthrough_of(0x84), k100_on(0x84, "0") };

        for (size_t i = 0; i < 7; i++)
                occupants[i] =
                        (Occupant){.pgpu = ADDRESS(0x84, 0), .identifier = K100, .size = PGPU_SIZE / 8};
        assert_int_equal(check_gpus(&view, two, 2, "8 of 8"), ERROR_PGPU_INSUFFICIENT_CAPACITY);
        two[1].address = ADDRESS(0x85, 0);
        assert_int_equal(check_gpus(&view, two, 2, ""), ERROR_NONE);
        view = host_with(NULL, 0);
        assert_int_equal(check_gpus(&view, mixed, 2, "runs GRID K100"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_int_equal(check_gpus(&view, with_pass, 2, "runs GRID K100"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_int_equal(check_gpus(&view, pass_first, 2, "runs passthrough"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
}

static void passthrough_is_alone(void **state) {
        Occupant occupants[] = { { .pgpu = ADDRESS(0x84, 0), .identifier = PASS } };
        HostView view = host_with(occupants, 1);

        assert_int_equal(check_one(&view, passthrough_of(0x84), "runs passthrough"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_int_equal(check_one(&view, k100_on(0x84, "0"), "runs passthrough"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
        assert_int_equal(check_one(&view, passthrough_of(0x85), ""), ERROR_NONE);

        /* Another function of the slot is taken along. */
        occupants[0].pgpu = ADDRESS(0x84, 3);
        assert_int_equal(check_one(&view, k100_on(0x84, "0"), "runs passthrough"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);

        /* Even when no file or card offers it any more. */
        view.types++;
        view.n_types--;
        assert_int_equal(
                check_one(&view, k100_on(0x84, "0"), PASS), ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE);
}

/* Its emulator would get the physical function, and run eight of them where six fit. */
static void sriov_types_of_nvidia_start_nowhere(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu gpu = {.kind = TYPE_NVIDIA, .device = "0", .address = ADDRESS(0x84, 0), .type_id = "560"};

        assert_int_equal(check_one(&view, gpu, "which libxl cannot do"), ERROR_VGPU_TYPE_NOT_SUPPORTED);
}

static void companions_travel_with_their_pgpu(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu both[] = { { .kind = TYPE_PASSTHROUGH, .address = ADDRESS(0x84, 1) }, passthrough_of(0x84) };
        OrderRequest request = order_for(both, 2);
        const HostType *chosen[2] = { types, types };
        Refusal refusal = {};

        assert_ok(order_check(&view, &request, chosen, &refusal));
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_null(chosen[0]);
        assert_string_equal(chosen[1]->identifier, PASS);
        assert_int_equal(check_one(&view, both[0], "belongs to PGPU 0000:84:00.0"), ERROR_VM_REQUIRES_GPU);
}

static void devices_have_numbers_of_their_own(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu two[] = { k100_on(0x84, "0"), k100_on(0x85, "0") };
        OrderGpu twice[] = { passthrough_of(0x84), k100_on(0x85, "0"), passthrough_of(0x84) };
        static const char *const bad[] = { "-1", "21", "x", "", NULL };

        assert_int_equal(check_gpus(&view, two, 2, "device 0"), ERROR_DEVICE_ALREADY_EXISTS);
        assert_int_equal(check_gpus(&view, twice, 3, "0000:84:00.0 twice"), ERROR_DEVICE_ALREADY_EXISTS);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(check_one(&view, k100_on(0x84, bad[i]), "0 to 20"), ERROR_INVALID_DEVICE);
}

static void functions_of_the_config_count(void **state) {
        static const char *const nic[] = { "0000:04:00.0", NULL };
        HostView view = host_with(NULL, 0);
        OrderRequest request = order_for(NULL, 0);

        request.functions = nic;
        assert_int_equal(check(&view, &request, ""), ERROR_NONE);
        view.taken = nic;
        assert_int_equal(check(&view, &request, "is given to another VM"), ERROR_VM_REQUIRES_PCI);
        view.taken = NULL;
        request.target_memory /= 2;
        assert_int_equal(check(&view, &request, "both must be equal"), ERROR_INVALID_RECORD);
        view.iommu = false;
        assert_int_equal(check(&view, &request, "0000:04:00.0 is to be passed through"), ERROR_VM_REQUIRES_IOMMU);
        request.hvm = false;
        assert_int_equal(check(&view, &request, ""), ERROR_NONE);
        request.functions = (const char *const[]){ "10000:e1:00.0", NULL };
        assert_int_equal(check(&view, &request, "more than the 16 bits that Xen has"), ERROR_VM_REQUIRES_PCI);
}

static void host_and_vm_must_fit_beyond_gpus(void **state) {
        HostView view = host_with(NULL, 0);
        OrderGpu k100 = k100_on(0x84, "0"), pass = passthrough_of(0x84), pair[2];
        OrderGpu mxgpu = { .kind = TYPE_MXGPU,
                .device = "0",
                .address = { .bus = 0x90 },
                .framebufferbytes = 134217728,
                .vgpus_per_pgpu = 4 };
        OrderRequest request = order_for(&k100, 1);

        request.hvm = false;
        assert_int_equal(check(&view, &request, "is not HVM"), ERROR_FEATURE_REQUIRES_HVM);
        request.n_gpus = 0;
        assert_int_equal(check(&view, &request, ""), ERROR_NONE);
        request.hvm = true;
        view.hvm = false;
        assert_int_equal(check(&view, &request, "has no HVM"), ERROR_FEATURE_REQUIRES_HVM);

        view = host_with(NULL, 0);
        pair[0] = mxgpu;
        pair[1] = k100_on(0x84, "1");
        request = order_for(pair, 2);
        assert_int_equal(check(&view, &request, "the MxGPU one at device 0 stands in a VM alone"),
                ERROR_VGPU_TYPE_NOT_COMPATIBLE);
        view.iommu = false;
        assert_int_equal(check_one(&view, k100, ""), ERROR_NONE);
        assert_int_equal(check_one(&view, pass, "no IOMMU"), ERROR_VM_REQUIRES_IOMMU);
        assert_int_equal(check_one(&view, mxgpu, "A virtual function of PGPU 0000:90:00.0"), ERROR_VM_REQUIRES_IOMMU);
        view.iommu = true;
        request = order_for(&pass, 1);
        request.target_memory /= 2;
        assert_int_equal(check(&view, &request, "both must be equal"), ERROR_INVALID_RECORD);

        request = order_for(&k100, 1);
        request.memory = (8ull << 30) + (512u << 20);
        assert_int_equal(check(&view, &request, "too little"), ERROR_HOST_NOT_ENOUGH_FREE_MEMORY);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_starts_on_a_lost_gpu),
                cmocka_unit_test(nothing_starts_where_all_functions_are_suspect),
                cmocka_unit_test(what_xen_cannot_be_told_of_is_not_passed_through),
                cmocka_unit_test(implementations_mean_types),
                cmocka_unit_test(the_very_path_goes_before_the_name),
                cmocka_unit_test(unknown_implementations_are_refused),
                cmocka_unit_test(disabled_types_are_refused),
                cmocka_unit_test(display_device_is_not_passed_through),
                cmocka_unit_test(running_types_decide),
                cmocka_unit_test(occupant_of_a_vanished_type_takes_its_own_kind),
                cmocka_unit_test(k1_takes_eight_and_no_ninth),
                cmocka_unit_test(one_order_counts_against_itself),
                cmocka_unit_test(passthrough_is_alone),
                cmocka_unit_test(sriov_types_of_nvidia_start_nowhere),
                cmocka_unit_test(companions_travel_with_their_pgpu),
                cmocka_unit_test(devices_have_numbers_of_their_own),
                cmocka_unit_test(functions_of_the_config_count),
                cmocka_unit_test(host_and_vm_must_fit_beyond_gpus),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
