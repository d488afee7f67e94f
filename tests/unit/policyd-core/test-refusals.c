/*
 * What a refused start says: the code, and a sentence that needs no log
 */

#include "policyd/pool/pool-internal.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX
#define _cleanup_allocation_ _cleanup_(allocation_done)

static void the_nearest_miss_is_told(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_allocation_ Allocation a = {}, b = {};
        Vm *vm = world_vm(p.w, "vm", K140Q, END);

        for (size_t i = 0; i < 4; i++) {
                world_disable_type(p.w, p.b[i], K140Q);
                world_resident(p.w, p.a[i], K100);
        }
        world_resident(p.w, p.a[0], K100);
        /* Running type is nearer than not enabled; of those, the PGPU with fewest VMs. */
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                "GRID K140Q needs a quarter of a PGPU", "0000:81:00.0 of alpha runs GRID K100 for VM",
                "Shut down VM", "2 hosts: 1 running other types, 1 where the type is not enabled", NULL);

        /* Insufficient is nearer still. */
        for (size_t i = 0; i < 4; i++)
                world_resident(p.w, p.b[3], K140Q);
        assert_int_equal(pool_set_pgpu_enabled(p.w->pool, p.b[3], &p.w->types[K140Q], 1), 0);
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "0000:83:00.0 of beta is full", NULL);
}

static void a_disabled_type_is_told_with_its_remedy(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_allocation_ Allocation a = {}, b = {};

        for (size_t i = 0; i < 2; i++)
                world_disable_type(p.w, p.k2[i], K260Q);
        a = world_start(p.w, world_vm(p.w, "vm", K260Q, END));
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_ENABLED, "GRID K260Q needs half of a PGPU",
                "not enabled there", "Enable GRID K260Q on 0000:84:00.0 of beta.", NULL);

        /* A type that is being disabled takes no new placement. */
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(pool_set_pgpu_disabling(p.w->pool, p.k2[i], &p.w->types[K200], 1), 0);
        b = world_start(p.w, world_vm(p.w, "vm", K200, END));
        assert_refused(&b.refusal, ERROR_VGPU_TYPE_NOT_ENABLED, "being disabled", NULL);
}

static void a_type_of_other_cards_is_told(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", END);
        _cleanup_allocation_ Allocation a = {};

        world_vgpu(p.w, vm, p.w->groups[K1], p.w->types[K240Q]);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED, "does not support GRID K240Q",
                "GRID K240Q is supported on 0000:84:00.0 of beta and 1 more", "group 'K2 group'", NULL);
}

static VgpuType *imported_type(World *w) {
        Uuid id = world_id(w);
        VgpuType *t;

        assert_int_equal(pool_add_vgpu_type(w->pool, &id, 0, "0001:nvidia,ffff,,1234,5678",
                                 "NVIDIA Corporation", "GRID X9", &t),
                0);
        return t;
}

static void hardware_that_nobody_has_is_told(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "imported", END), *other = world_vm(p.w, "other", END);
        VgpuType *t = imported_type(p.w);
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {};

        world_vgpu(p.w, vm, p.w->groups[K1], t);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED, "GRID X9 needs a PGPU that has it",
                "No host of the pool has the hardware for GRID X9", NULL);

        world_vgpu(p.w, other, world_group(p.w, "imported group"), t);
        b = world_start(p.w, other);
        assert_refused(&b.refusal, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, "'imported group' contains no PGPUs",
                "No host of the pool has the hardware for GRID X9", NULL);
        c = world_start_on(p.w, other, p.alpha);
        assert_refused(&c.refusal, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, NULL);
}

static void an_empty_group_is_told(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", END);
        _cleanup_allocation_ Allocation a = {};

        world_vgpu(p.w, vm, world_group(p.w, "empty"), p.w->types[K100]);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, "'empty' contains no PGPUs",
                "GRID K100 is supported on 0000:80:00.0 of alpha and 7 more", NULL);
}

static void passthrough_needs_a_whole_gpu(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", PASSTHROUGH, END);
        _cleanup_allocation_ Allocation a = {}, b = {};

        for (size_t i = 0; i < 4; i++) {
                world_resident(p.w, p.a[i], K100);
                if (i > 0)
                        world_resident(p.w, p.b[i], K140Q);
        }
        assert_ptr_equal(pair_start(&p, PASSTHROUGH), p.b[0]);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VM_REQUIRES_GPU, "passthrough needs a PGPU with nothing else on it",
                "2 hosts: 2 running other types", NULL);

        vm->target_is_max = false;
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_INVALID_RECORD, "target_memkb", NULL);
}

static void start_on_a_host_without_gpus_of_the_group(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", END);
        _cleanup_allocation_ Allocation a = world_start_on(p.w, world_vm(p.w, "vm", K200, END), p.alpha),
                                        b = {};

        assert_refused(&a.refusal, ERROR_VM_REQUIRES_VGPU, "cannot start on alpha",
                "alpha has no PGPU of group 'K2 group'", "0000:84:00.0 of beta and 1 more", NULL);

        world_vgpu(p.w, vm, p.w->groups[K2], p.w->types[PASSTHROUGH]);
        b = world_start_on(p.w, vm, p.alpha);
        assert_refused(&b.refusal, ERROR_VM_REQUIRES_GPU, NULL);
}

static void what_else_is_missing_is_told_where_the_gpus_fit(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K200, END);
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {}, d = {}, e = {};

        vm->memory = 66 * GIB;
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "beta is 2 GiB short of memory",
                "66 GiB", "2 hosts: 1 without a GPU of the group, 1 short of memory", NULL);

        assert_int_equal(strv_set(&vm->networks, (const char *const[]){"xenbr0", "vlan7", NULL}), 1);
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_VM_REQUIRES_NET, "beta has no network 'vlan7'", NULL);

        /* A disk is on a storage when it is that or stands below it; a name that begins alike is another's.
         */
        assert_int_equal(
                strv_set(&vm->storage, (const char *const[]){"/images/a.disk", "/images2/b.disk", NULL}), 1);
        c = world_start(p.w, vm);
        assert_refused(&c.refusal, ERROR_VM_REQUIRES_SR, "'/images2/b.disk'", NULL);

        vm = world_vm(p.w, "vm", PASSTHROUGH, END);
        p.alpha->iommu = p.beta->iommu = false;
        host_note(p.w->pool, p.alpha, PGPU_BITS_ALL);
        host_note(p.w->pool, p.beta, PGPU_BITS_ALL);
        d = world_start(p.w, vm);
        assert_refused(&d.refusal, ERROR_VM_REQUIRES_IOMMU, "has no IOMMU", NULL);

        vm = world_vm(p.w, "vm", K100, END);
        p.alpha->hvm = p.beta->hvm = false;
        host_note(p.w->pool, p.alpha, PGPU_BITS_ALL);
        host_note(p.w->pool, p.beta, PGPU_BITS_ALL);
        e = world_start(p.w, vm);
        assert_refused(&e.refusal, ERROR_FEATURE_REQUIRES_HVM, "cannot run HVM guests", NULL);
}

static void vgpus_need_an_hvm_guest(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "pv", K100, END);
        _cleanup_allocation_ Allocation a = {};

        vm->hvm = false;
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_FEATURE_REQUIRES_HVM, "'pv'", "c_info.type", NULL);
}

static void the_smallest_lack_of_memory_is_told(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);
        _cleanup_allocation_ Allocation a = {};

        vm->memory = 8 * GIB;
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 2 * GIB);
        pool_set_host_memory(p.w->pool, p.beta, 64 * GIB, 6 * GIB);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY, "beta is 2 GiB short",
                "2 hosts: 2 short of memory", NULL);
}

static Vm *resident_with(Pair *p, const char *name, uint64_t memory) {
        Vm *vm = world_resident(p->w, p->a[0], K100)->vm;

        assert_true(text_set(&vm->name_label, name) >= 0);
        vm->memory = memory;
        vm->memory_counted = true;
        return vm;
}

/* Of VMs that alone would do, the smallest; one that is just large enough is. */
static void no_larger_vm_than_need_be_is_to_go(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);
        _cleanup_allocation_ Allocation a = {};

        resident_with(&p, "large", 8 * GIB);
        resident_with(&p, "right", 4 * GIB);
        resident_with(&p, "small", 3 * GIB);
        vm->memory = 6 * GIB;
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 2 * GIB);
        a = world_start_on(p.w, vm, p.alpha);
        assert_refused(&a.refusal, ERROR_HOST_NOT_ENOUGH_FREE_MEMORY,
                "hut down VM 'right' on alpha or give this VM 4 GiB less memory", NULL);
}

/* The host with the right memory counts before one that lacks it. */
static void a_gpu_miss_comes_from_a_host_that_is_else_right(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K140Q, END);
        _cleanup_allocation_ Allocation a = {};

        vm->memory = 8 * GIB;
        pool_set_host_memory(p.w->pool, p.alpha, 64 * GIB, 2 * GIB);
        for (size_t i = 0; i < 4; i++) {
                for (size_t j = 0; j < 4; j++)
                        world_resident(p.w, p.a[i], K140Q);
                world_resident(p.w, p.b[i], K100);
        }
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE, "of beta", NULL);
}

static void hosts_that_cannot_be_used(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K200, END);
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {};
        PgpuVerdict nearest;

        pool_set_host_enabled(p.w->pool, p.beta, false);
        assert_int_equal(pgpu_capacity(p.k2[0], p.w->types[K200]), 0);
        assert_int_equal(group_capacity(p.w->groups[K2], p.w->types[K200], &nearest), 0);
        assert_int_equal(nearest.code, ERROR_HOST_DISABLED);
        a = world_start(p.w, vm);
        assert_refused(
                &a.refusal, ERROR_HOST_DISABLED, "beta is disabled", "Enable host beta", "1 disabled", NULL);
        b = world_start_on(p.w, vm, p.beta);
        assert_refused(&b.refusal, ERROR_HOST_DISABLED, "beta is disabled", "Enable host beta", NULL);

        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "connection refused");
        c = world_start(p.w, vm);
        assert_refused(&c.refusal, ERROR_HOST_OFFLINE, "beta is offline: connection refused",
                "Bring host beta back", "1 offline", NULL);
        d = world_start_on(p.w, vm, p.beta);
        assert_refused(&d.refusal, ERROR_HOST_OFFLINE, "connection refused", NULL);

        /* A reason that is a sentence of its own does not end ours. */
        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "The connection was lost.");
        f = world_start_on(p.w, vm, p.beta);
        assert_refused(&f.refusal, ERROR_HOST_OFFLINE,
                "beta is offline: the connection was lost. Bring host beta back online, and enable host "
                "beta.",
                NULL);
        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "SSH has no key");
        g = world_start_on(p.w, vm, p.beta);
        assert_refused(&g.refusal, ERROR_HOST_OFFLINE,
                "beta is offline: SSH has no key. Bring host beta back online, and enable host beta.", NULL);

        pool_set_host_state(p.w->pool, p.alpha, HOST_CONNECTING, "");
        e = world_start(p.w, vm);
        assert_refused(&e.refusal, ERROR_NO_HOSTS_AVAILABLE, "no host is online",
                "2 hosts: 1 offline, 1 not heard from yet;", NULL);
}

/* After a start of policyd nothing is known of a host but what was stored: not that it is away, nor that its
 * cards are. */
static void hosts_that_were_not_heard_from_yet(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K200, END);
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {}, d = {};

        pool_set_host_state(p.w->pool, p.beta, HOST_CONNECTING, HOST_NOT_HEARD);
        p.beta->heard = false;
        for (size_t i = 0; i < 2; i++)
                pool_set_pgpu_present(p.w->pool, p.k2[i], false);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_HOST_OFFLINE, "beta has not been heard from yet",
                "Try again in a moment, when beta has answered.", "1 not heard from yet;", NULL);
        assert_null(strstr(a.refusal.message, "offline"));
        assert_null(strstr(a.refusal.message, "does not suffice"));
        assert_null(strstr(a.refusal.message, "reported"));
        assert_int_equal(a.n_connecting, 1);
        assert_int_equal(a.counts[ERROR_HOST_OFFLINE], 0);
        b = world_start_on(p.w, vm, p.beta);
        assert_refused(&b.refusal, ERROR_HOST_OFFLINE,
                "beta has not been heard from yet. Try again in a moment, when beta has answered.", NULL);
        assert_null(strstr(b.refusal.message, "does not suffice"));

        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "connection refused");
        c = world_start_on(p.w, vm, p.beta);
        assert_refused(&c.refusal, ERROR_HOST_OFFLINE, "Bring host beta back online.", NULL);
        assert_null(strstr(c.refusal.message, "does not suffice"));

        /* What is easier comes first. */
        pool_set_host_state(p.w->pool, p.alpha, HOST_OFFLINE, "gone");
        pool_set_host_state(p.w->pool, p.beta, HOST_CONNECTING, HOST_NOT_HEARD);
        d = world_start(p.w, world_vm(p.w, "other", K200, END));
        assert_refused(
                &d.refusal, ERROR_NO_HOSTS_AVAILABLE, "Try again in a moment, when beta has answered.", NULL);
}

static void an_empty_pool_has_no_hosts(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_allocation_ Allocation a = world_start(w, world_vm(w, "vm", K100, END));

        assert_refused(&a.refusal, ERROR_NO_HOSTS_AVAILABLE, "the pool has no hosts", NULL);
}

static void a_card_that_is_no_longer_reported_is_not_used(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K200, END);
        _cleanup_allocation_ Allocation a = {}, b = {};

        for (size_t i = 0; i < 2; i++)
                pool_set_pgpu_present(p.w->pool, p.k2[i], false);
        a = world_start(p.w, vm);
        assert_refused(
                &a.refusal, ERROR_HOST_OFFLINE, "no longer reported", "Look for the card in beta", NULL);
        assert_refused(&a.refusal, ERROR_HOST_OFFLINE,
                "2 hosts: 1 without a GPU of the group, 1 whose GPU cannot be used;", NULL);
        assert_int_equal(a.counts[ERROR_HOST_OFFLINE], 1);
        pool_set_host_state(p.w->pool, p.alpha, HOST_OFFLINE, "gone");
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_HOST_OFFLINE, "2 hosts: 1 offline, 1 whose GPU cannot be used;", NULL);
}

static void a_card_that_a_stranger_has_is_not_used(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_allocation_ Allocation a = {}, b = {}, c = {};
        Vm *vm = world_vm(p.w, "vm", K200, END);

        assert_int_equal(pool_set_pgpu_held_by(p.w->pool, p.k2[0], "domain 'x' (id 7)"), 0);
        a = world_start(p.w, vm);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_ptr_equal(a.pgpus[0], p.k2[1]);

        assert_int_equal(pool_set_pgpu_held_by(p.w->pool, p.k2[1], "domain 'x' (id 7)"), 0);
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_HOST_OFFLINE,
                "of beta is held by domain 'x' (id 7), which is not of this pool.",
                "Shut down domain 'x' (id 7) of beta, or detach the function from it.", NULL);

        assert_int_equal(pool_set_pgpu_held_by(p.w->pool, p.k2[0], ""), 0);
        c = world_start(p.w, vm);
        assert_ptr_equal(c.pgpus[0], p.k2[0]);
}

static void a_pinned_vgpu_goes_to_its_address(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, END);
        Vgpu *v = vm->vgpus.items[0];
        _cleanup_allocation_ Allocation a = {}, b = {};

        v->pinned = true;
        v->pinned_pci = p.b[2]->pci;
        world_run(p.w, vm);
        assert_int_equal(pci_address_compare(&v->scheduled_on->pci, &v->pinned_pci), 0);
        assert_int_equal(allocation_release(p.w->pool, vm), 0);

        world_resident(p.w, p.a[2], K140Q);
        world_resident(p.w, p.b[2], K140Q);
        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE,
                "at 0000:82:00.0 as the VM's platform says", NULL);

        v->pinned_pci.bus = 0x10;
        b = world_start(p.w, vm);
        assert_refused(&b.refusal, ERROR_VM_REQUIRES_VGPU, "has no PGPU at 0000:10:00.0", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_nearest_miss_is_told),
                cmocka_unit_test(a_disabled_type_is_told_with_its_remedy),
                cmocka_unit_test(a_type_of_other_cards_is_told),
                cmocka_unit_test(hardware_that_nobody_has_is_told),
                cmocka_unit_test(an_empty_group_is_told),
                cmocka_unit_test(passthrough_needs_a_whole_gpu),
                cmocka_unit_test(start_on_a_host_without_gpus_of_the_group),
                cmocka_unit_test(what_else_is_missing_is_told_where_the_gpus_fit),
                cmocka_unit_test(vgpus_need_an_hvm_guest),
                cmocka_unit_test(the_smallest_lack_of_memory_is_told),
                cmocka_unit_test(no_larger_vm_than_need_be_is_to_go),
                cmocka_unit_test(a_gpu_miss_comes_from_a_host_that_is_else_right),
                cmocka_unit_test(hosts_that_cannot_be_used),
                cmocka_unit_test(hosts_that_were_not_heard_from_yet),
                cmocka_unit_test(an_empty_pool_has_no_hosts),
                cmocka_unit_test(a_card_that_is_no_longer_reported_is_not_used),
                cmocka_unit_test(a_card_that_a_stranger_has_is_not_used),
                cmocka_unit_test(a_pinned_vgpu_goes_to_its_address),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
