/*
 * Restarts, crashes, failed commits: nothing acknowledged is lost, nothing starts twice, every booking is
 * resolved
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static void objects_survive(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;
        size_t n[_CLASS_MAX];

        world_start_vm(w, &vm, &job);
        world_run(w);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                n[c] = policy_pool(w->policy)->objects[c].n;
        world_crash(w);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                assert_int_equal(policy_pool(w->policy)->objects[c].n, n[c]);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts + b->n_starts, 1);
}

/* Killed between the commit and the order: the host has never heard of it. */
static void booked_and_not_sent(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_crash(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_job_state(w, &job), "failed HostOffline");
        assert_int_equal(a->n_starts + b->n_starts, 0);
}

static void sent_and_starting(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->manual = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        world_crash(w);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        assert_string_equal(world_job_state(w, &job), "running");
        fake_vm_runs(a, &vm);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts + b->n_starts, 1);
}

static void it_ended_while_policyd_was_away(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid failed = world_create_vm_with(w, "failed", "GRID K100", 1),
             stopped = world_create_vm_with(w, "stopped", "GRID K100", 1), job;

        world_start_vm(w, &stopped, NULL);
        world_run(w);
        a->manual = true;
        world_start_vm_on(w, &failed, "alpha", &job);
        world_run(w);
        w->policy = policy_free(w->policy);
        fake_vm_ends(a, &failed, "failed", "org.xenvgpu.Error.DomainFailed");
        fake_vm_ends(a, &stopped, "poweroff", NULL);
        world_start(w);
        assert_string_equal(world_vm_state(w, &failed), "halted");
        assert_string_equal(world_job_state(w, &job), "failed DomainFailed");
        assert_string_equal(world_vm_state(w, &stopped), "halted");
}

static void its_host_stays_away(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;
        _cleanup_refusal_ Refusal refusal = {};

        a->manual = true;
        world_start_vm_on(w, &vm, "alpha", &job);
        world_run(w);
        a->down = true;
        w->options.order_timeout_usec = 50000;
        world_crash(w);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        world_run_for(w, 100000);
        assert_string_equal(world_job_state(w, &job), "failed HostOffline");
        assert_string_equal(world_vm_state(w, &vm), "sent");
        hosts_declare_dead(w->policy, world_host(w, "alpha"), &refusal);
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");

        /* The dead host comes back with it: reported, and neither believed nor started again. */
        fake_vm(a, &vm)->state = VM_STATE_RUNNING;
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(a->n_starts, 1);
        assert_int_equal(b->n_starts, 1);
}

static void a_shutdown_is_continued(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        a->manual = true;
        assert_int_equal(world_shutdown(w, &vm, true, &job), ERROR_NONE);
        world_crash(w);
        assert_int_equal(a->n_stops, 1);
        assert_true(a->last_force);
        assert_string_equal(world_job_state(w, &job), "running");
        fake_vm_ends(a, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void the_host_runs_what_the_pool_had_halted(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), token = {.bytes = {5}},
             stranger = {.bytes = {6}};

        fake_vm_put(a, &vm, &token, VM_STATE_RUNNING);
        fake_vm_put(a, &stranger, &token, VM_STATE_RUNNING);
        fake_lose(a, "A short break.");
        world_run(w);
        assert_int_equal(world_vm(w, &vm)->booking, BOOKING_RESIDENT);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "alpha");
        assert_null(pool_get(policy_pool(w->policy), CLASS_VM, &stranger));
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_VM_BAD_POWER_STATE);
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

/* A pool that was lost and is filled again while its guests run: none of them may start a second time. */
static void a_stranger_that_the_pool_is_told_of_runs(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid runs = {.bytes = {6}}, ended = {.bytes = {7}}, token = {.bytes = {5}};
        char record[256];
        Vm *vm;

        fake_vm_put(a, &runs, &token, VM_STATE_RUNNING);
        fake_vm_put(a, &ended, &token, VM_STATE_RUNNING);
        fake_lose(a, "A short break.");
        world_run(w);
        fake_vm_ends(a, &ended, "poweroff", NULL);
        world_run(w);

        for (unsigned i = 0; i < 2; i++) {
                snprintf(record, sizeof(record),
                        "{\"uuid\":\"%s\",\"name_label\":\"vm\",\"config\":{\"c_info\":{\"type\":\"hvm\"},"
                        "\"b_info\":{\"max_memkb\":1024}}}",
                        UUID_TEXT(i == 0 ? &runs : &ended));
                assert_int_equal(world_request(w, vms_create(w->policy, record, &vm, &w->refusal)), ERROR_NONE);
        }
        assert_string_equal(world_vm_state(w, &runs), "running");
        assert_string_equal(world_vm(w, &runs)->resident_on->name_label, "alpha");
        assert_int_equal(world_start_vm(w, &runs, NULL), ERROR_VM_BAD_POWER_STATE);
        assert_string_equal(world_vm_state(w, &ended), "halted");
        fake_vm_ends(a, &runs, "poweroff", NULL);
        world_run(w);
        assert_string_equal(world_vm_state(w, &runs), "halted");
}

static void a_reboot_of_the_host_releases_its_vms(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        fake_reboot(a);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_host(w, "alpha")->boot_id, "another-boot");
}

/* Memory that the host's report knows is not subtracted a second time. */
static void memory_is_counted_once(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        const Host *host = world_host(w, "alpha");
        uint64_t available = host_memory_available(host);

        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        assert_true(host_memory_available(host) == available - world_vm(w, &vm)->memory);
        fake_inventory_changed(a);
        world_run(w);
        assert_true(host_memory_available(host) == available - (UINT64_C(1) << 30));
        fake_vm_ends(a, &vm, "poweroff", NULL);
        world_run(w);
        assert_true(host_memory_available(host) == available);

        /* Nor is what no report knew of given back. */
        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        fake_vm_ends(a, &vm, "poweroff", NULL);
        world_run(w);
        assert_true(host_memory_available(host) == available);
}

/* A VM of a host that is away, which runs elsewhere by now: where it is seen is where it is. */
static void a_host_that_is_away_has_no_say(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), token = {.bytes = {5}};

        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        a->down = true;
        fake_lose(a, "No route to host.");
        fake_vm_put(b, &vm, &token, VM_STATE_RUNNING);
        fake_lose(b, "A short break.");
        world_run(w);
        assert_int_equal(world_vm(w, &vm)->booking, BOOKING_RESIDENT);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");
}

/* A full map: the request that does not fit is refused, everything before it stays, and smaller ones go on.
 */
static void a_failed_commit_changes_nothing(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;
        _cleanup_free_ char *big = NULL;
        Pool *pool;
        size_t n;
        Vm *failed;

        world_start_vm(w, &vm, &job);
        world_run(w);
        n = policy_pool(w->policy)->objects[CLASS_VM].n;
        big = malloc(1000001);
        memset(big, 'x', 1000000);
        big[1000000] = '\0';
        w->committed = ERROR_NONE;
        for (int i = 0; i < 40 && w->committed == ERROR_NONE; i++) {
                _cleanup_free_ char *record = NULL;

                n = policy_pool(w->policy)->objects[CLASS_VM].n;
                assert_true(asprintf(&record,
                                    "{\"name_label\":\"big\",\"platform\":{\"x\":\"%s\"},\"config\":{\"c_"
                                    "info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1024}}}",
                                    big) > 0);
                (void) world_request(w, vms_create(w->policy, record, &failed, &w->refusal));
        }
        assert_int_equal(w->committed, ERROR_STORAGE_FAILED);
        assert_int_equal(w->n_rebuilt, 1);
        pool = policy_pool(w->policy);
        assert_int_equal(pool->objects[CLASS_VM].n, n);
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(((Pgpu *) pool->objects[CLASS_PGPU].items[0])->present, true);
}

static void what_a_host_said_in_a_failed_commit_is_asked_again(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->manual = true;
        world_start_vm_on(w, &vm, "alpha", &job);
        world_run(w);
        fake_vm_runs(a, &vm);
        world_fail_next_commit(w);
        assert_int_equal(w->n_rebuilt, 1);
        assert_int_equal(world_host(w, "alpha")->state, HOST_CONNECTING);
        assert_int_equal(world_host(w, "beta")->state, HOST_ONLINE);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        world_run_for(w, 1200000);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts, 1);
}

static void a_start_whose_commit_fails_is_never_sent(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        StartOptions options = {};
        _cleanup_refusal_ Refusal refusal = {};
        Job *j;

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, &refusal), 0);
        world_fail_next_commit(w);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_int_equal(a->n_starts + b->n_starts, 0);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
}

static void a_second_policyd_on_the_folder_is_refused(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Policy *first = w->policy;

        assert_int_equal(world_open(w), -EBUSY);
        w->policy = first;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(objects_survive),
                cmocka_unit_test(booked_and_not_sent),
                cmocka_unit_test(sent_and_starting),
                cmocka_unit_test(it_ended_while_policyd_was_away),
                cmocka_unit_test(its_host_stays_away),
                cmocka_unit_test(a_shutdown_is_continued),
                cmocka_unit_test(the_host_runs_what_the_pool_had_halted),
                cmocka_unit_test(a_stranger_that_the_pool_is_told_of_runs),
                cmocka_unit_test(a_reboot_of_the_host_releases_its_vms),
                cmocka_unit_test(memory_is_counted_once),
                cmocka_unit_test(a_host_that_is_away_has_no_say),
                cmocka_unit_test(a_failed_commit_changes_nothing),
                cmocka_unit_test(what_a_host_said_in_a_failed_commit_is_asked_again),
                cmocka_unit_test(a_start_whose_commit_fails_is_never_sent),
                cmocka_unit_test(a_second_policyd_on_the_folder_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
