/*
 * Commits that fail: what is true without the disk stays true, and a disk that stays full costs no processor
 */

#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/policyd-service/world.h"

/* As on a full disk: no file of ours may grow past its first byte, nor be written there. */
static void disk_is_full(bool full) {
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = full ? 1 : limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What a host reported last is not stored with each report; a host that was silent meanwhile is not asked
 * again. */
static void memory_of_silent_hosts_stays_known(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        uint64_t available, memory_free;

        assert_int_equal(world_start_vm_on(w, &vm, "beta", NULL), ERROR_NONE);
        world_run(w);
        b->memory /= 4;
        fake_inventory_changed(b);
        world_run(w);
        memory_free = world_host(w, "beta")->memory_free;
        available = host_memory_available(world_host(w, "beta"));

        world_fail_next_commit(w);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
        assert_true(world_host(w, "beta")->memory_free == memory_free);
        assert_true(host_memory_available(world_host(w, "beta")) == available);
}

/* A free host that was claimed higher before makes us raise our epoch; when that cannot be stored it is met
 * again. */
static void a_host_that_raises_the_epoch_is_not_forgotten(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        c = fake_host_add("gamma");
        c->epoch = 50;
        c->down = true;
        assert_int_equal(world_add_host(w, c), ERROR_NONE);
        assert_int_equal(world_host(w, "gamma")->state, HOST_OFFLINE);

        c->down = false;
        fake_lose(c, "");
        while (fake_step())
                ;
        world_fail_next_commit(w);
        world_run_for(w, 1300000);
        assert_int_equal(world_host(w, "gamma")->state, HOST_ONLINE);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_true(policy_epoch(w->policy) > 50);
}

static void an_expiry_that_cannot_be_stored_waits(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), id;
        Vgpu *v = world_vm(w, &vm)->vgpus.items[0];
        Reservation *reservation;

        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_equal(
                reservations_create(w->policy, "r", v->group, v->type, 1, 1, "me", &reservation, &w->refusal), 0);
        id = reservation->object.id;
        world_run(w);

        disk_is_full(true);
        for (unsigned i = 0; i < 200; i++) {
                sim_loop_run(w->sim, 10000);
                assert_true(w->n_rebuilt < 4);
        }
        assert_true(w->n_rebuilt > 0);
        disk_is_full(false);
        world_run_for(w, 2200000);
        assert_null(pool_get(policy_pool(w->policy), CLASS_RESERVATION, &id));
        assert_string_equal(world_vm_state(w, &vm), "running");
}

/* What is open at the end cannot be stored: nothing is made again that nobody would end. */
static void an_end_on_a_full_disk_makes_nothing_again(void **state) {
        FakeHost *a, *b;
        World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        unsigned n;

        world_run(w);
        n = w->n_rebuilt;
        assert_int_equal(vms_set_owner(w->policy, world_vm(w, &vm), "lab", &w->refusal), 0);
        disk_is_full(true);
        w->policy = policy_free(w->policy);
        disk_is_full(false);
        assert_int_equal(w->n_rebuilt, n);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(memory_of_silent_hosts_stays_known),
                cmocka_unit_test(a_host_that_raises_the_epoch_is_not_forgotten),
                cmocka_unit_test(an_expiry_that_cannot_be_stored_waits),
                cmocka_unit_test(an_end_on_a_full_disk_makes_nothing_again),
        };

        /* The write is to fail, not the process. */
        signal(SIGXFSZ, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
