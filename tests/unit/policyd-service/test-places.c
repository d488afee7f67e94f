/*
 * Starts that fail at their place: tried once more, told with both places, and what becomes of the places
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#include "policyd/decide/place-health.h"

#define EMULATOR "org.xenvgpu.Error.FailedToStartEmulator"

static Uuid new_vm(World *w, const char *name) {
        return world_create_vm_with(w, name, "GRID K100", 1);
}

static Uuid start(World *w, const Uuid *vm) {
        Uuid job;

        assert_int_equal(world_start_vm(w, vm, &job), ERROR_NONE);
        world_run(w);
        return job;
}

static Pgpu *pgpu_of(World *w, const char *host, size_t i) {
        return world_host(w, host)->pgpus.items[i];
}

/* Booked nowhere, and nothing is used. */
static void assert_nothing_is_booked(World *w) {
        const PtrArray *pgpus = &policy_pool(w->policy)->objects[CLASS_PGPU];

        for (size_t i = 0; i < pgpus->n; i++)
                assert_int_equal(((Pgpu *) pgpus->items[i])->used, 0);
}

static void assert_says(const char *text, ...) {
        const char *part;
        va_list ap;

        va_start(ap, text);
        while ((part = va_arg(ap, const char *)))
                if (!strstr(text, part))
                        fail_msg("'%s' does not say '%s'", text, part);
        va_end(ap);
}

#define assert_runs_on(w, vm, name)                                                                          \
        do {                                                                                                 \
                assert_string_equal(world_vm_state(w, vm), "running");                                       \
                assert_string_equal(world_vm(w, vm)->resident_on->name_label, name);                         \
        } while (0)

static void a_start_that_fails_is_tried_on_another_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job;

        a->broken = true;
        b->manual = true;
        job = start(w, &vm);
        assert_string_equal(world_job_state(w, &job), "running");
        assert_string_equal(world_job(w, &job)->stage, "second try: accepted");
        assert_string_equal(world_vm(w, &vm)->scheduled_on->name_label, "beta");
        assert_int_equal(pgpu_of(w, "alpha", 0)->used, 0);
        fake_vm_runs(b, &vm);
        world_run(w);
        assert_runs_on(w, &vm, "beta");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts, 1);
        assert_int_equal(b->n_starts, 1);

        /* It counts now: nobody else is sent there, and the host says why. */
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_LAST);
        assert_says(world_host(w, "alpha")->problems[0], "comes last", "1 VM failed there", "it broke",
                "host-enable", NULL);
        assert_int_equal(pgpu_of(w, "alpha", 0)->standing, PLACE_LAST);
        b->manual = false;
        vm = new_vm(w, "other");
        (void) start(w, &vm);
        assert_runs_on(w, &vm, "beta");
        assert_int_equal(a->n_starts, 1);
}

static void where_all_fail_the_error_names_both_places(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "web"), job;

        a->broken = b->broken = true;
        job = start(w, &vm);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_says(world_job(w, &job)->error_message,
                "Host 'alpha' did not start VM 'web' on PGPU 0000:07:00.0: It broke. It was tried once more: "
                "Host 'beta' did not start VM 'web' on PGPU 0000:07:00.0: It broke.",
                NULL);
        assert_int_equal(a->n_starts + b->n_starts, 2);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_nothing_is_booked(w);
}

static void a_vm_that_fails_everywhere_harms_no_place(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        a->broken = b->broken = true;
        for (int i = 0; i < 4; i++) {
                char name[16];
                Uuid vm;

                (void) snprintf(name, sizeof(name), "vm%d", i);
                vm = new_vm(w, name);
                (void) start(w, &vm);
        }
        assert_int_equal(a->n_starts, 4);
        assert_int_equal(b->n_starts, 4);
        assert_int_equal(policy_pool(w->policy)->n_uneven, 0);
        assert_null(world_host(w, "alpha")->problems[0]);
}

/* Two of three hosts are broken: each VM finds one of them twice, until a second VM's failure counts. */
static void two_bad_hosts_of_three_are_found_out(void **state) {
        FakeHost *a, *b, *c = NULL;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid first = new_vm(w, "first"), second = new_vm(w, "second"), third = new_vm(w, "third"), job;

        c = fake_host_add("gamma");
        fake_k1_add(c);
        assert_int_equal(world_add_host(w, c), ERROR_NONE);
        a->broken = b->broken = true;
        job = start(w, &first);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_int_equal(policy_pool(w->policy)->n_uneven, 0);
        job = start(w, &second);
        (void) start(w, &third);
        assert_runs_on(w, &third, "gamma");
        assert_int_equal(a->n_starts, 2);
}

static void with_one_host_another_pgpu_is_tried(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = new_vm(w, "vm"), job;

        h->cards[0].broken = true;
        job = start(w, &vm);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_ptr_equal(world_vgpu(w, &vm, 0)->resident_on, pgpu_of(w, "alpha", 1));
        assert_int_equal(h->n_starts, 2);
        assert_true(pgpu_of(w, "alpha", 0)->present);
        assert_int_equal(pgpu_of(w, "alpha", 0)->standing, PLACE_LAST);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_GOOD);
        assert_says(world_host(w, "alpha")->problems[0], "PGPU 0000:07:00.0 comes last", "pgpu-clear-health",
                NULL);
}

static void start_on_stays_on_its_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), whole = world_create_vm_with(w, "none", "GRID K100", 0), job;

        a->broken = true;
        assert_int_equal(world_start_vm_on(w, &vm, "alpha", &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_says(world_job(w, &job)->error_message, "PGPU 0000:07:00.0", "PGPU 0000:08:00.0", NULL);
        assert_int_equal(a->n_starts, 2);
        assert_int_equal(b->n_starts, 0);

        /* Without VGPUs there is nowhere else on it. */
        assert_int_equal(world_start_vm_on(w, &whole, "alpha", &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_says(world_job(w, &job)->error_message, "Host 'alpha' did not start VM 'none': It broke.",
                "The start named this host", NULL);
        assert_int_equal(a->n_starts, 3);
}

/* Only the host's word that the guest never ran allows a second try. */
static void a_guest_that_may_have_run_is_started_once(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job;

        a->manual = true;
        job = start(w, &vm);
        fake_vm_ends(a, &vm, "failed", EMULATOR);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_says(world_job(w, &job)->error_message, "Host 'alpha'", "not tried elsewhere", NULL);
        assert_int_equal(b->n_starts, 0);
        assert_int_equal(policy_pool(w->policy)->n_uneven, 0);
}

static void a_silent_host_is_no_reason_to_try_again(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job;

        w->options.order_timeout_usec = 50000;
        world_restart(w);
        a->manual = true;
        job = start(w, &vm);
        a->down = true;
        fake_lose(a, "Cut.");
        world_run_for(w, 100000);
        assert_string_equal(world_job_state(w, &job), "failed HostOffline");
        assert_int_equal(b->n_starts, 0);

        /* Its word comes when the job is over: the booking is released, and that is all. */
        fake_vm_fails(a, &vm, EMULATOR);
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_int_equal(b->n_starts, 0);
}

static void a_cancelled_start_is_not_tried_again(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), other = new_vm(w, "other"), job, stop;

        a->manual = true;
        job = start(w, &vm);
        assert_int_equal(world_cancel(w, &job), ERROR_NONE);
        fake_vm_fails(a, &vm, EMULATOR);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");

        job = start(w, &other);
        assert_int_equal(world_shutdown(w, &other, true, &stop), ERROR_NONE);
        fake_vm_fails(a, &other, EMULATOR);
        world_run(w);
        assert_string_equal(world_job_state(w, &stop), "done");
        assert_int_equal(b->n_starts, 0);
        assert_int_equal(policy_pool(w->policy)->n_uneven, 0);
}

/* Killed after the second booking was committed, and before its order left. */
static void there_is_no_third_try_after_a_crash(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job;

        a->broken = true;
        b->manual = true;
        job = start(w, &vm);
        world_crash(w);
        assert_string_equal(world_job_state(w, &job), "running");
        assert_string_equal(world_vm_state(w, &vm), "sent");
        fake_vm_fails(b, &vm, EMULATOR);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_says(world_job(w, &job)->error_message, "Host 'alpha'", "tried once more: Host 'beta'", NULL);
        assert_int_equal(a->n_starts, 1);
        assert_int_equal(b->n_starts, 1);
        assert_nothing_is_booked(w);
}

/* It failed while policyd was away: the host's inventory tells, and it goes on from there. */
static void it_failed_while_policyd_was_away(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job;

        a->manual = true;
        job = start(w, &vm);
        w->policy = policy_free(w->policy);
        fake_vm_fails(a, &vm, EMULATOR);
        a->down = true;
        world_start(w);
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_runs_on(w, &vm, "beta");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(b->n_starts, 1);
}

/* The old slot goes and the new one comes in one commit: killed before it, the first booking stands, and the
 * host tells again; killed after it, the second. */
static void the_booking_moves_in_one_commit(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm"), job, token;

        a->manual = b->manual = true;
        job = start(w, &vm);
        token = world_vm(w, &vm)->token;
        fake_vm_fails(a, &vm, EMULATOR);
        assert_string_equal(world_vm(w, &vm)->scheduled_on->name_label, "beta");
        assert_int_equal(pgpu_of(w, "alpha", 0)->used, 0);
        a->ended[a->n_ended++] = (FakeEnded){.uuid = vm,
                .token = token,
                .reason = "failed",
                .error_name = EMULATOR,
                .before_unpause = true};
        a->down = true;
        world_crash(w);
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(world_vm(w, &vm)->scheduled_on->name_label, "beta");
        assert_int_equal(pgpu_of(w, "alpha", 0)->used, 0);
        assert_int_equal(pgpu_of(w, "beta", 0)->used, PGPU_SIZE / 8);
        assert_int_equal(b->n_starts, 1);

        world_crash(w);
        assert_int_equal(pgpu_of(w, "alpha", 0)->used, 0);
        assert_int_equal(pgpu_of(w, "beta", 0)->used, PGPU_SIZE / 8);
        fake_vm_runs(b, &vm);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_runs_on(w, &vm, "beta");
        assert_int_equal(a->n_starts, 1);
        assert_int_equal(b->n_starts, 1);
}

static void a_reservation_and_a_quota_hold(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        StartOptions options = {};
        Uuid vm = new_vm(w, "vm");
        Reservation *r;
        Job *job;

        assert_int_equal(world_request(w, reservations_create(w->policy, "mine",
                                                  ((Pgpu *) pgpu_of(w, "alpha", 0))->group,
                                                  world_type(w, "GRID K100"), 2, 600, "", &r, fresh(w))),
                ERROR_NONE);
        assert_ptr_equal(((Pgpu *) r->holds.items[0])->host, world_host(w, "alpha"));
        a->broken = true;
        options.reservation = r;
        assert_int_equal(world_request(w, vms_start(w->policy, world_vm(w, &vm), &options, &job, fresh(w))),
                ERROR_NONE);
        world_run(w);
        assert_runs_on(w, &vm, "beta");
        /* What it would have used up is held again. */
        assert_int_equal(r->holds.n, 2);
}

static void it_comes_last_for_the_time_that_is_set(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm");

        w->options.place_last_usec = 1500000;
        world_restart(w);
        a->broken = true;
        (void) start(w, &vm);
        assert_runs_on(w, &vm, "beta");
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_LAST);
        world_run_for(w, 1600000);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_GOOD);
        assert_null(world_host(w, "alpha")->problems[0]);
}

static void fail_three_on(World *w, const char *host) {
        for (int i = 0; i < 3; i++) {
                char name[16];
                Uuid vm, job;

                (void) snprintf(name, sizeof(name), "bad%d", i);
                vm = new_vm(w, name);
                assert_int_equal(world_start_vm_on(w, &vm, host, &job), ERROR_NONE);
                world_run(w);
                assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        }
}

static void three_vms_make_a_host_suspect(void **state) {
        const char *reason;
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm");

        a->broken = true;
        fail_three_on(w, "alpha");
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_SUSPECT);
        assert_int_equal(pgpu_health(pgpu_of(w, "alpha", 3), &reason), PGPU_HEALTH_SUSPECT);
        assert_string_equal(reason, "The starts of 3 VMs failed there, the last so: it broke.");
        assert_int_equal(group_capacity(pgpu_of(w, "alpha", 0)->group, world_type(w, "GRID K100"), NULL), 32);
        assert_says(world_host(w, "alpha")->problems[0],
                "The host is suspect and left out, unless its group has nothing else. ", "3 VMs", "Mend it",
                NULL);
        assert_int_equal(world_start_vm_on(w, &vm, "alpha", NULL), ERROR_PGPU_UNHEALTHY);
        assert_says(
                w->refusal.message, "alpha", "left out", "pgpu-clear-health", "Host beta could run it", NULL);

        /* An administrator's word. */
        a->broken = false;
        assert_int_equal(
                world_request(w, hosts_set_enabled(w->policy, world_host(w, "alpha"), true, fresh(w))),
                ERROR_NONE);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_GOOD);
        assert_int_equal(world_start_vm_on(w, &vm, "alpha", NULL), ERROR_NONE);
}

static void clearing_a_pgpu_clears_its_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = new_vm(w, "vm");

        a->broken = true;
        fail_three_on(w, "alpha");
        a->broken = false;
        assert_int_equal(world_request(w, pgpus_clear_health(w->policy, pgpu_of(w, "alpha", 3), fresh(w))),
                ERROR_NONE);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_GOOD);
        assert_int_equal(world_start_vm_on(w, &vm, "alpha", NULL), ERROR_NONE);
}

static void a_machine_that_booted_anew_is_good(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        a->broken = true;
        fail_three_on(w, "alpha");
        fake_reboot(a);
        world_run(w);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_GOOD);
        assert_int_equal(policy_pool(w->policy)->n_uneven, 0);
}

/* What is remembered of places outlives a failed commit, since the host said it. */
static void a_failed_commit_forgets_no_place(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);

        a->broken = true;
        fail_three_on(w, "alpha");
        (void) groups_create(w->policy, "g", "", &(GpuGroup *){NULL}, fresh(w));
        world_fail_next_commit(w);
        world_run_for(w, 300000);
        assert_int_equal(world_host(w, "alpha")->standing, PLACE_SUSPECT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_start_that_fails_is_tried_on_another_host),
                cmocka_unit_test(where_all_fail_the_error_names_both_places),
                cmocka_unit_test(a_vm_that_fails_everywhere_harms_no_place),
                cmocka_unit_test(two_bad_hosts_of_three_are_found_out),
                cmocka_unit_test(with_one_host_another_pgpu_is_tried),
                cmocka_unit_test(start_on_stays_on_its_host),
                cmocka_unit_test(a_guest_that_may_have_run_is_started_once),
                cmocka_unit_test(a_silent_host_is_no_reason_to_try_again),
                cmocka_unit_test(a_cancelled_start_is_not_tried_again),
                cmocka_unit_test(there_is_no_third_try_after_a_crash),
                cmocka_unit_test(it_failed_while_policyd_was_away),
                cmocka_unit_test(the_booking_moves_in_one_commit),
                cmocka_unit_test(a_reservation_and_a_quota_hold),
                cmocka_unit_test(it_comes_last_for_the_time_that_is_set),
                cmocka_unit_test(three_vms_make_a_host_suspect),
                cmocka_unit_test(clearing_a_pgpu_clears_its_host),
                cmocka_unit_test(a_machine_that_booted_anew_is_good),
                cmocka_unit_test(a_failed_commit_forgets_no_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
