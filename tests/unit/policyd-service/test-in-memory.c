/*
 * policyd's service without a disk: what it keeps in memory it finds again, and a write that fails is a commit
 * that fails
 */

#include "tests/unit/policyd-service/world.h"

static void a_pool_in_memory_outlives_policyd(void **state) {
        SimDb *memory;
        FakeHost *h;
        World *w = world_new();
        Uuid vm, job;

        assert_int_equal(sim_db_new(&memory), 0);
        w->memory = memory;
        h = fake_host_add("alpha");
        fake_k1_add(h);
        world_start(w);
        assert_int_equal(world_add_host(w, h), ERROR_NONE);
        vm = world_create_vm_with(w, "a", "GRID K100", 1);
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");

        world_restart(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);

        sim_db_fail(memory, SIM_DB_NOT_WRITTEN, -ENOSPC, 0);
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_STORAGE_FAILED);
        assert_string_equal(world_vm_state(w, &vm), "running");
        sim_db_fail(memory, SIM_DB_WORKS, 0, 0);
        world_run_for(w, 2000000);
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");

        world_restart(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        world_free(w);
        sim_db_free(memory);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pool_in_memory_outlives_policyd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
