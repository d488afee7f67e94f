/*
 * Old databases: what a copy does not know is not started a second time
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static void assert_said(World *w, const char *text) {
        if (!strstr(strempty(w->refusal.message), text))
                fail_msg("'%s' does not say '%s'", strempty(w->refusal.message), text);
}

static size_t count_unheard(World *w) {
        const PtrArray *hosts = &policy_pool(w->policy)->objects[CLASS_HOST];
        size_t n = 0;

        for (size_t i = 0; i < hosts->n; i++)
                n += ((const Host *) hosts->items[i])->unheard;
        return n;
}

static char *say_old(World *w) {
        char *text;

        assert_int_equal(policy_old_database(w->policy, &text), 0);
        return text;
}

/* Started with other options, by a caller that names the uuid. */
static Uuid import_vm(World *w, const Uuid *id) {
        _cleanup_refusal_ Refusal refusal = {};
        char record[512];
        Vm *vm;

        snprintf(record, sizeof(record), "{\"uuid\":\"%s\",\"name_label\":\"imported\"," VM_CONFIG "}",
                UUID_TEXT(id));
        assert_int_equal(vms_create(w->policy, record, &vm, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w);
        return vm->object.id;
}

/* v is halted in the copy and runs on alpha, whose link is cut; policyd begins with the copy. */
static World *world_with_an_old_copy(FakeHost **a, FakeHost **b, Uuid *ret_v, bool restarted) {
        World *w = world_of_two_k1(a, b);

        *ret_v = world_create_vm_with(w, "v", "GRID K100", 1);
        world_copy(w);
        if (restarted)
                world_restart(w);
        assert_int_equal(world_start_vm_on(w, ret_v, "alpha", NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, ret_v), "running");
        return w;
}

/* beta holds a higher epoch than the copy: that is enough. */
static void a_restored_copy_starts_nothing_twice(void **state) {
        FakeHost *a, *b;
        Uuid v, newer;
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ true);
        _cleanup_free_ char *text = NULL;

        a->down = true;
        world_restore(w);
        assert_int_equal(count_unheard(w), 1);
        assert_true(world_host(w, "alpha")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        assert_said(w, "VM 'v' may run already on alpha, not heard since");
        assert_int_equal(world_start_vm_on(w, &v, "beta", NULL), ERROR_HOST_OFFLINE);
        assert_int_equal(a->n_starts + b->n_starts, 1);
        text = say_old(w);
        assert_non_null(strstr(text, "is an old copy"));
        assert_non_null(strstr(text, "Not heard since: alpha"));
        assert_non_null(strstr(text, "Hosts that were added after it was made are not known"));

        newer = world_create_vm_with(w, "newer", "GRID K100", 1);
        assert_int_equal(world_start_vm(w, &newer, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &newer), "running");

        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);
        assert_int_equal(count_unheard(w), 0);
        assert_string_equal(world_vm(w, &v)->resident_on->name_label, "alpha");
        assert_int_equal(a->n_starts, 1);
}

/* A copy of a running policyd, which nobody restarted: the epoch is the same, the orders are not. */
static void a_copy_with_an_equal_epoch_is_known_by_orders(void **state) {
        FakeHost *a, *b;
        Uuid v, other;
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ false);
        _cleanup_free_ char *told = NULL;

        other = world_create_vm_with(w, "other", "GRID K100", 1);
        assert_int_equal(world_start_vm_on(w, &other, "beta", NULL), ERROR_NONE);
        world_run(w);
        a->down = true;
        world_restore(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        assert_said(w, "took orders after it was made");
        assert_int_equal(a->n_starts, 1);

        /* It counts on from what the hosts had: the next start is no news to it, and the mark stays. */
        world_restart(w);
        assert_int_equal(count_unheard(w), 1);
        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);
        world_restart(w);
        world_restart(w);
        assert_int_equal(count_unheard(w), 0);
        assert_string_equal(world_vm_state(w, &v), "running");
        told = say_old(w);
        assert_string_equal(told, "");
}

/* Nothing was done since it was made, and nobody can know that. */
static void a_backup_bears_its_mark(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);
        _cleanup_free_ char *told = NULL;

        world_backup(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_NONE);
        assert_int_equal(world_shutdown(w, &v, true, NULL), ERROR_NONE);
        world_run(w);
        a->epoch = b->epoch = 1;
        a->orders = b->orders = 0;
        a->down = true;
        for (size_t i = 0; i < 2; i++) {
                _cleanup_free_ char *text = NULL;

                world_restore(w);
                assert_true(world_host(w, "alpha")->unheard);
                assert_false(world_host(w, "beta")->unheard);
                assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
                assert_said(w, "it was restored from the backup of 2023-11-14 22:13:20 UTC");
                text = say_old(w);
                assert_non_null(strstr(text, "the backup of 2023-11-14"));
        }
        world_crash(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);
        assert_int_equal(count_unheard(w), 0);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_NONE);
        world_run(w);

        /* Its story ends with the next start. */
        world_restart(w);
        told = say_old(w);
        assert_string_equal(told, "");
}

/* A claim tells of orders that went to another host. */
static void a_claim_tells_of_orders_elsewhere(void **state) {
        FakeHost *a, *b;
        Uuid v;
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ false);

        fake_lose(b, "A short break.");
        world_run(w);
        assert_int_equal(b->orders, a->orders);
        a->down = true;
        world_restore(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

static void the_marks_outlive_restarts(void **state) {
        FakeHost *a, *b;
        Uuid v;
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ true);

        a->down = true;
        world_restore(w);
        for (size_t i = 0; i < 3; i++) {
                world_restart(w);
                assert_int_equal(count_unheard(w), 1);
                assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        }
        /* The same copy once more: beta is heard again, and alpha is still not. */
        world_restore(w);
        assert_int_equal(count_unheard(w), 1);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        assert_int_equal(a->n_starts + b->n_starts, 1);
}

static void a_current_database_marks_nothing(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v[11], late;

        v[10] = world_create_vm_with(w, "x", "GRID K100", 1);
        assert_int_equal(world_start_vm_on(w, &v[10], "alpha", NULL), ERROR_NONE);
        world_run(w);
        late = world_create_vm_with(w, "late", "GRID K100", 1);
        a->down = true;
        fake_lose(a, "It is dead.");
        for (size_t i = 0; i < 10; i++) {
                if (i % 2)
                        world_crash(w);
                else
                        world_restart(w);
                assert_int_equal(count_unheard(w), 0);
                v[i] = world_create_vm_with(w, "v", "GRID K100", 1);
                assert_int_equal(world_start_vm(w, &v[i], NULL), ERROR_NONE);
                world_run(w);
                assert_string_equal(world_vm_state(w, &v[i]), "running");
                assert_int_equal(world_shutdown(w, &v[i], true, NULL), ERROR_NONE);
                world_run(w);
        }
        assert_int_equal(world_start_vm(w, &late, NULL), ERROR_NONE);
        world_run(w);
        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);
        world_restart(w);
        assert_int_equal(count_unheard(w), 0);
}

/* The numbers of orders stand with the VMs; they are not fewer for the VMs that are gone. */
static void a_destroyed_vm_takes_no_orders_along(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        _cleanup_refusal_ Refusal refusal = {};
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        assert_int_equal(world_start_vm_on(w, &v, "alpha", NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(world_shutdown(w, &v, true, NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(a->orders, 2);
        assert_int_equal(vms_destroy(w->policy, world_vm(w, &v), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w);
        b->down = true;
        world_crash(w);
        world_crash(w);
        assert_int_equal(count_unheard(w), 0);
}

static void the_dead_are_declared(void **state) {
        FakeHost *a, *b;
        Uuid v;
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ true);
        _cleanup_refusal_ Refusal refusal = {}, dead = {};

        a->down = true;
        world_restore(w);
        assert_int_equal(hosts_remove(w->policy, world_host(w, "alpha"), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_HOST_IN_USE);
        assert_int_equal(hosts_declare_dead(w->policy, world_host(w, "alpha"), &dead), 0);
        assert_int_equal(dead.code, ERROR_NONE);
        world_run(w);
        assert_int_equal(count_unheard(w), 0);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &v)->resident_on->name_label, "beta");
        world_restart(w);
        assert_int_equal(count_unheard(w), 0);
}

/* Nobody could know before; from then on it counts, also for what was asked for already. */
static void what_is_found_late_counts_from_then_on(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1), other = world_create_vm_with(w, "o", "GRID K100", 1);

        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_copy(w);
        assert_int_equal(world_start_vm_on(w, &other, "beta", NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(world_start_vm_on(w, &v, "gamma", NULL), ERROR_NONE);
        world_run(w);

        b->down = c->down = true;
        world_restore(w);
        assert_int_equal(count_unheard(w), 0);
        b->down = false;
        fake_lose(b, "It comes back.");
        world_run(w);
        assert_int_equal(count_unheard(w), 1);
        assert_true(world_host(w, "gamma")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        assert_said(w, "gamma");
        world_crash(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

/* By then it has given more orders itself than were given in the time that it does not know. */
static void later_orders_do_not_hide_those_of_an_earlier_epoch(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1), other = world_create_vm_with(w, "o", "GRID K100", 1);

        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_copy(w);
        assert_int_equal(world_start_vm_on(w, &other, "beta", NULL), ERROR_NONE);
        world_run(w);
        b->down = c->down = true;
        world_restore(w);
        for (size_t i = 0; i < 4; i++) {
                Uuid n = world_create_vm_with(w, "n", "GRID K100", 1);

                assert_int_equal(world_start_vm(w, &n, NULL), ERROR_NONE);
                world_run(w);
        }
        world_restart(w);
        assert_int_equal(count_unheard(w), 0);
        b->down = false;
        fake_lose(b, "It comes back.");
        world_run(w);
        assert_int_equal(count_unheard(w), 1);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

/* A start that another host refused goes to no third one meanwhile. */
static void a_start_that_goes_on_is_held_back(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1), other = world_create_vm_with(w, "o", "GRID K100", 1), job;

        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_copy(w);
        assert_int_equal(world_start_vm_on(w, &other, "gamma", NULL), ERROR_NONE);
        world_run(w);
        b->down = c->down = true;
        world_restore(w);
        a->refuse = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        a->deaf = true;
        assert_int_equal(world_start_vm(w, &v, &job), ERROR_NONE);
        world_run(w);
        c->down = false;
        fake_lose(c, "It comes back.");
        world_run(w);
        assert_true(world_host(w, "beta")->unheard);
        a->deaf = false;
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed HostNotEnoughFreeMemory");
        assert_string_equal(world_vm_state(w, &v), "halted");
        assert_int_equal(c->n_starts, 1);
}

/* What it heard before is worth nothing then. Started again on purpose it takes over, also where the host that said so
 * is slow to answer. */
static void one_that_was_overtaken_knows_that_it_is_old(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        b->epoch = 50;
        fake_lose(b, "Another master came.");
        world_run(w);
        assert_int_equal(w->n_stale, 1);
        b->silent = true;
        a->epoch = 50;
        world_restart(w);
        while (policy_epoch(w->policy) == 0)
                world_run_for(w, 100000);
        assert_int_equal(policy_epoch(w->policy), 51);
        assert_false(world_host(w, "alpha")->unheard);
        assert_true(world_host(w, "beta")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        b->silent = false;
        world_run(w);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_NONE);
        assert_int_equal(w->n_stale, 1);
}

/* Killed between the first greeting and the new epoch, which waits for the hosts that are away. */
static void what_is_found_while_gathering_outlives_a_crash(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1),
             other = world_create_vm_with(w, "o", "GRID K100", 1);

        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_copy(w);
        assert_int_equal(world_start_vm_on(w, &v, "alpha", NULL), ERROR_NONE);
        assert_int_equal(world_start_vm_on(w, &other, "beta", NULL), ERROR_NONE);
        world_run(w);
        a->silent = c->silent = true;
        world_restore(w);
        assert_int_equal(policy_epoch(w->policy), 0);
        a->silent = c->silent = false;
        a->down = true;
        world_crash(w);
        assert_int_not_equal(policy_epoch(w->policy), 0);
        assert_true(world_host(w, "alpha")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

/* Its claim never arrived, and another policyd claimed the host meanwhile. */
static void one_that_was_overtaken_before_it_commands_is_old(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        a->down = true;
        b->lose_claims = true;
        world_restart(w);
        assert_int_equal(policy_epoch(w->policy), 2);
        assert_int_equal(b->epoch, 1);
        b->epoch = 50;
        b->lose_claims = false;
        fake_lose(b, "Another master came.");
        world_run(w);
        assert_int_equal(w->n_stale, 0);
        assert_int_equal(policy_epoch(w->policy), 51);
        assert_true(world_host(w, "alpha")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

/* The host said so in answer to an order, and cannot be asked any more when it is started again. */
static void one_that_was_told_so_knows_that_it_is_old(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        fake_stale(a);
        assert_int_equal(w->n_stale, 1);
        a->down = true;
        world_restart(w);
        assert_true(world_host(w, "alpha")->unheard);
        assert_false(world_host(w, "beta")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

/* Another policyd claims the host between the greeting and the claim. */
static void a_claim_that_is_refused_before_it_commands_is_made_again(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        a->down = true;
        b->silent = true;
        world_restart(w);
        b->silent = false;
        while (policy_epoch(w->policy) == 0)
                assert_true(world_step(w) || sim_loop_step(w->sim));
        b->epoch = policy_epoch(w->policy);
        b->instance = (Uuid){.bytes = {7}};
        world_run(w);
        assert_int_equal(w->n_stale, 0);
        assert_int_equal(policy_epoch(w->policy), b->epoch);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
        assert_true(world_host(w, "alpha")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

static void a_host_that_is_added_again_is_waited_for(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        world_copy(w);
        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_restart(w);
        assert_int_equal(world_start_vm_on(w, &v, "gamma", NULL), ERROR_NONE);
        world_run(w);
        world_restore(w);
        assert_int_equal(count_unheard(w), 0);
        c->down = true;
        assert_int_equal(world_add_host(w, c), ERROR_NONE);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        assert_said(w, "gamma");
        c->down = false;
        fake_lose(c, "It comes up.");
        world_run(w);
        assert_int_equal(w->n_stale, 0);
        assert_string_equal(world_vm(w, &v)->resident_on->name_label, "gamma");
}

/* Its maker names the uuid: the lost time may have known it. */
static void an_imported_vm_may_be_known_elsewhere(void **state) {
        FakeHost *a, *b;
        Uuid v, id = {.bytes = {1, 2, 3, [6] = 0x40, [8] = 0x80}};
        _cleanup_world_ World *w = world_with_an_old_copy(&a, &b, &v, /* restarted= */ true);

        a->down = true;
        world_restore(w);
        import_vm(w, &id);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_HOST_OFFLINE);
        world_crash(w);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_HOST_OFFLINE);
        a->down = false;
        fake_lose(a, "It comes back.");
        world_run(w);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
}

static void a_failed_commit_forgets_no_mark(void **state) {
        FakeHost *a, *b, *c;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1), other = world_create_vm_with(w, "o", "GRID K100", 1);

        c = fake_host_add("gamma");
        fake_k1_add(c);
        world_add_host(w, c);
        world_copy(w);
        assert_int_equal(world_start_vm_on(w, &other, "beta", NULL), ERROR_NONE);
        world_run(w);
        b->down = c->down = true;
        world_restore(w);
        b->down = false;
        fake_lose(b, "It comes back.");
        while (!world_host(w, "gamma")->unheard)
                assert_true(world_step(w));
        world_fail_next_commit(w);
        assert_true(world_host(w, "gamma")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
        world_run_for(w, 1500000);
        world_crash(w);
        assert_true(world_host(w, "gamma")->unheard);
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_HOST_OFFLINE);
}

static void hosts_that_do_not_count_work_as_before(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid v = world_create_vm_with(w, "v", "GRID K100", 1);

        a->orders = b->orders = 0;
        a->counts_not = b->counts_not = true;
        assert_int_equal(world_start_vm(w, &v, NULL), ERROR_NONE);
        world_run(w);
        world_crash(w);
        assert_int_equal(count_unheard(w), 0);
        assert_string_equal(world_vm_state(w, &v), "running");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_restored_copy_starts_nothing_twice),
                cmocka_unit_test(a_copy_with_an_equal_epoch_is_known_by_orders),
                cmocka_unit_test(a_backup_bears_its_mark),
                cmocka_unit_test(a_claim_tells_of_orders_elsewhere),
                cmocka_unit_test(the_marks_outlive_restarts),
                cmocka_unit_test(a_current_database_marks_nothing),
                cmocka_unit_test(a_destroyed_vm_takes_no_orders_along),
                cmocka_unit_test(the_dead_are_declared),
                cmocka_unit_test(what_is_found_late_counts_from_then_on),
                cmocka_unit_test(later_orders_do_not_hide_those_of_an_earlier_epoch),
                cmocka_unit_test(a_start_that_goes_on_is_held_back),
                cmocka_unit_test(one_that_was_overtaken_knows_that_it_is_old),
                cmocka_unit_test(what_is_found_while_gathering_outlives_a_crash),
                cmocka_unit_test(one_that_was_overtaken_before_it_commands_is_old),
                cmocka_unit_test(one_that_was_told_so_knows_that_it_is_old),
                cmocka_unit_test(a_claim_that_is_refused_before_it_commands_is_made_again),
                cmocka_unit_test(a_host_that_is_added_again_is_waited_for),
                cmocka_unit_test(an_imported_vm_may_be_known_elsewhere),
                cmocka_unit_test(a_failed_commit_forgets_no_mark),
                cmocka_unit_test(hosts_that_do_not_count_work_as_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
