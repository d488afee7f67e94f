/*
 * The pool in one process: a VM starts and stops over the lines, and the same seed gives the same history
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/daemon/log.h"
#include "tests/proof/world.h"

#define RECORD                                                                                               \
        "{\"name_label\":\"one\",\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":"         \
        "1048576,\"target_memkb\":1048576,\"max_vcpus\":1}}}"

static Vm *create_vm(World *w) {
        Pool *pool = policy_pool(w->policy);
        Refusal refusal = {};
        Object *type;
        Vgpu *vgpu;
        Vm *vm;

        assert_int_equal(vms_create(w->policy, RECORD, &vm, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(pool_find(pool, CLASS_VGPU_TYPE, "GRID K140Q", &type), 0);
        assert_int_equal(vgpus_create(w->policy, vm, pool->objects[CLASS_GPU_GROUP].items[0], (VgpuType *) type, NULL,
                                 "", &vgpu, &refusal),
                0);
        assert_int_equal(refusal.code, ERROR_NONE);
        return vm;
}

static uint64_t start_and_stop(uint64_t seed) {
        World *w = world_new(seed, 2, /* boards= */ false, /* file= */ NULL, NULL, NULL);
        StartOptions options = {};
        Refusal refusal = {};
        uint64_t hash;
        Host *host;
        Job *job;
        Vm *vm;

        assert_int_equal(hosts_add(w->policy, "h0", "unix:path=/h0", "", &host, &refusal), 0);
        assert_int_equal(hosts_add(w->policy, "h1", "unix:path=/h1", "", &host, &refusal), 0);
        world_run(w, 5 * SECOND);
        assert_int_equal(host->state, HOST_ONLINE);

        vm = create_vm(w);
        assert_int_equal(vms_start(w->policy, vm, &options, &job, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w, 60 * SECOND);
        assert_int_equal(vm->booking, BOOKING_RESIDENT);
        assert_int_equal(guests_count(&w->machines[0]) + guests_count(&w->machines[1]), 1);

        assert_int_equal(vms_shutdown(w->policy, vm, /* force= */ false, &job, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w, 60 * SECOND);
        assert_int_equal(vm->booking, BOOKING_NONE);
        assert_int_equal(guests_count(&w->machines[0]) + guests_count(&w->machines[1]), 0);

        hash = w->history.hash;
        world_free(w);
        return hash;
}

static void a_seed_is_a_history(void **state) {
        uint64_t first = start_and_stop(1);

        assert_int_equal(start_and_stop(1), first);
        assert_int_not_equal(start_and_stop(2), first);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_seed_is_a_history),
        };

        log_setup("test-proof", LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
