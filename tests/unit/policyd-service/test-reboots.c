/*
 * A reboot, and an accident after each of its steps
 *
 * However it goes, in the end the VM runs once, where it was, and nobody could take its place meanwhile; or the
 * VM is halted and its job says that it failed.
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

#define STEPS_MAX 200

typedef struct Story {
        World *w;
        FakeHost *host;
        Uuid vm, job, other;
        Uuid pgpu; /* where it was */
} Story;

static ErrorCode reboot(Story *s, bool force) {
        Job *j = NULL;
        ErrorCode code = world_request(s->w, vms_reboot(s->w->policy, world_vm(s->w, &s->vm), force, &j, fresh(s->w)));

        if (j)
                s->job = j->object.id;
        return code;
}

static const Pgpu *place(const Story *s) {
        const Vgpu *v = world_vgpu(s->w, &s->vm, 0);

        return v->resident_on ?: v->scheduled_on;
}

/* Four VMs fill the four PGPUs of the host; a fifth waits for a place. */
static void set_up(Story *s, World *w, FakeHost *host) {
        *s = (Story){.w = w, .host = host};
        for (int i = 0; i < 4; i++) {
                Uuid vm = world_create_vm_with(w, i == 2 ? "a" : "b", "passthrough", 1);

                assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
                world_run(w);
                if (i == 2)
                        s->vm = vm;
        }
        s->other = world_create_vm_with(w, "c", "GRID K100", 1);
        s->pgpu = place(s)->object.id;
}

static void the_link_is_lost(Story *s) {
        fake_lose(s->host, "Connection reset by peer.");
}

static void policyd_is_killed(Story *s) {
        world_crash(s->w);
}

static void policyd_is_ended(Story *s) {
        world_restart(s->w);
}

static void the_host_reboots(Story *s) {
        fake_reboot(s->host);
}

static void another_vm_starts(Story *s) {
        assert_int_not_equal(world_start_vm(s->w, &s->other, NULL), ERROR_NONE);
}

static void the_host_is_disabled(Story *s) {
        assert_int_equal(world_request(s->w, hosts_set_enabled(s->w->policy, world_host(s->w, "alpha"), false, fresh(s->w))),
                ERROR_NONE);
}

static const struct {
        const char *name;
        void (*happen)(Story *s);
} accidents[] = {
        {"the link is lost", the_link_is_lost},
        {"policyd is killed", policyd_is_killed},
        {"policyd is ended", policyd_is_ended},
        {"the host reboots", the_host_reboots},
        {"another VM starts", another_vm_starts},
        {"the host is disabled", the_host_is_disabled},
};

/* One VM, where it was, and its job is done; or none, and the job has failed. */
static void check_end(const Story *s) {
        const PtrArray *jobs = &policy_pool(s->w->policy)->objects[CLASS_JOB];
        bool runs = streq(world_vm_state(s->w, &s->vm), "running");

        for (size_t i = 0; i < jobs->n; i++)
                assert_true(job_state_is_final(((Job *) jobs->items[i])->state));
        assert_int_equal(runs, fake_vm(s->host, &s->vm) != NULL);
        assert_true(!runs || uuid_equal(&place(s)->object.id, &s->pgpu));
}

/* Whether the reboot was over before as many steps. */
static bool try(size_t n, size_t accident, bool force) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        bool was_done;
        Job *j = NULL;
        size_t i = 0;
        Story s;

        set_up(&s, w, h);
        assert_int_equal(vms_reboot(w->policy, world_vm(w, &s.vm), force, &j, fresh(w)), 0);
        assert_non_null(j);
        s.job = j->object.id;
        while (i < n && world_step(w))
                i++;
        was_done = streq(world_job_state(w, &s.job), "done");
        accidents[accident].happen(&s);
        world_run_for(w, 60 * 1000000);
        check_end(&s);
        /* What was not committed is gone; all else comes to its end. */
        if (pool_get(policy_pool(w->policy), CLASS_JOB, &s.job))
                assert_string_equal(world_job_state(w, &s.job), "done");
        if (!was_done || accidents[accident].happen != the_host_reboots)
                assert_string_equal(world_vm_state(w, &s.vm), "running");
        return i < n;
}

static void a_reboot_comes_through_whatever_happens(void **state) {
        for (size_t k = 0; k < ARRAY_SIZE(accidents); k++)
                for (int force = 0; force <= 1; force++) {
                        size_t n = 0;

                        while (!try(n, k, force))
                                assert_true(++n < STEPS_MAX);
                        print_message("[          ] %s, %s: %zu steps\n", accidents[k].name, force ? "forced" : "asked", n);
                }
}

static void start_story(Story *s, World *w, FakeHost *h, bool force) {
        set_up(s, w, h);
        h->stubborn = true;
        assert_int_equal(reboot(s, force), ERROR_NONE);
        world_run(w);
}

/* The PGPU goes with the VM that ends there. */
static void one_whose_card_vanished_says_so(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        const Host *host = world_host(w, "alpha");
        Story s;

        set_up(&s, w, h);
        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].gone = streq(h->cards[i].pci, PCI_TEXT(&place(&s)->pci));
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(host->pgpus.n, 4);
        assert_int_equal(reboot(&s, false), ERROR_NONE);
        world_run(w);
        assert_int_equal(host->pgpus.n, 3);
        assert_null(place(&s));
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
        assert_non_null(startswith(world_job_state(w, &s.job), "failed"));
}

static void a_hard_shutdown_takes_its_place(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;
        Uuid job;

        start_story(&s, w, h, false);
        job = s.job;
        assert_int_equal(world_shutdown(w, &s.vm, false, &s.job), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_non_null(strstr(w->refusal.message, "is being rebooted"));
        assert_int_equal(world_shutdown(w, &s.vm, true, &s.job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");
        assert_string_equal(world_job_state(w, &s.job), "done");
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
}

static void a_forced_one_takes_the_place_of_one_that_waits(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;
        Uuid job;

        start_story(&s, w, h, false);
        job = s.job;
        assert_int_equal(reboot(&s, false), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_int_equal(reboot(&s, true), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");
        assert_string_equal(world_job_state(w, &s.job), "done");
        assert_string_equal(world_vm_state(w, &s.vm), "running");
        assert_int_equal(h->n_starts, 5);
}

static void one_that_is_cancelled_starts_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;

        start_story(&s, w, h, false);
        assert_int_equal(world_cancel(w, &s.job), ERROR_NONE);
        fake_vm_ends(h, &s.vm, "stopped", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &s.job), "cancelled OperationCancelled");
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
}

/* Its second half is a start that named its host. */
static void one_whose_start_fails_says_so(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;

        start_story(&s, w, h, false);
        h->broken = true;
        fake_vm_ends(h, &s.vm, "stopped", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &s.job), "failed FailedToStartEmulator");
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
}

static void a_dead_host_starts_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;

        start_story(&s, w, h, false);
        h->down = true;
        fake_lose(h, "Connection reset by peer.");
        world_run(w);
        assert_int_equal(world_request(w, hosts_declare_dead(w->policy, world_host(w, "alpha"), fresh(w))), ERROR_NONE);
        assert_string_equal(world_job_state(w, &s.job), "failed HostOffline");
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
}

/* Ensure */

static ErrorCode ensure(Story *s, const char *state, bool force) {
        Job *j = NULL;
        ErrorCode code = world_request(s->w, vms_ensure(s->w->policy, world_vm(s->w, &s->vm), state, force, &j, fresh(s->w)));

        s->job = j ? j->object.id : UUID_NULL;
        return code;
}

/* The pool did not pause it, and does not know what for. */
static void a_paused_vm_is_not_ensured_to_run(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s = {.w = w, .host = h};

        s.vm = world_create_vm(w, "web");
        assert_int_equal(world_start_vm(w, &s.vm, NULL), ERROR_NONE);
        world_run(w);
        fake_vm(h, &s.vm)->state = VM_STATE_PAUSED;
        fake_vm_event_with_token(h, &s.vm, &fake_vm(h, &s.vm)->token, VM_STATE_PAUSED);
        assert_string_equal(world_vm_state(w, &s.vm), "paused");
        assert_int_equal(ensure(&s, "running", false), ERROR_VM_BAD_POWER_STATE);
        assert_non_null(strstr(w->refusal.message, "'web' is paused on alpha"));
        assert_non_null(strstr(w->refusal.message, "xl unpause"));
        assert_int_equal(ensure(&s, "halted", true), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
}

static void ensure_leads_there_from_every_state(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;
        Uuid job;

        start_story(&s, w, h, false);
        job = s.job;
        /* The reboot leads there. */
        assert_int_equal(ensure(&s, "running", false), ERROR_NONE);
        assert_true(uuid_equal(&s.job, &job));
        assert_int_equal(ensure(&s, "halted", false), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_int_equal(ensure(&s, "halted", true), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
        assert_int_equal(ensure(&s, "halted", false), ERROR_NONE);
        assert_true(uuid_is_null(&s.job));

        h->manual = true;
        assert_int_equal(ensure(&s, "running", false), ERROR_NONE);
        job = s.job;
        world_run(w);
        assert_int_equal(ensure(&s, "running", false), ERROR_NONE);
        assert_true(uuid_equal(&s.job, &job));
        fake_vm_runs(h, &s.vm);
        world_run(w);
        assert_int_equal(ensure(&s, "running", false), ERROR_NONE);
        assert_true(uuid_is_null(&s.job));

        assert_int_equal(ensure(&s, "halted", false), ERROR_NONE);
        job = s.job;
        world_run(w);
        assert_int_equal(ensure(&s, "halted", false), ERROR_NONE);
        assert_true(uuid_equal(&s.job, &job));
        assert_int_equal(ensure(&s, "running", false), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_int_equal(ensure(&s, "halted", true), ERROR_NONE);
        assert_false(uuid_equal(&s.job, &job));
}

/* The VM kept it in the pool, and it leaves with the booking. */
static void a_card_that_vanished_is_no_place(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s;

        set_up(&s, w, h);
        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].gone = streq(h->cards[i].pci, PCI_TEXT(&place(&s)->pci));
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(reboot(&s, false), ERROR_NONE);
        world_run_for(w, 60 * 1000000);
        assert_string_equal(world_job_state(w, &s.job), "failed HostOffline");
        assert_string_equal(world_vm_state(w, &s.vm), "halted");
        assert_null(pool_get(policy_pool(w->policy), CLASS_PGPU, &s.pgpu));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_reboot_comes_through_whatever_happens),
                cmocka_unit_test(one_whose_card_vanished_says_so),
                cmocka_unit_test(a_hard_shutdown_takes_its_place),
                cmocka_unit_test(a_forced_one_takes_the_place_of_one_that_waits),
                cmocka_unit_test(one_that_is_cancelled_starts_nothing),
                cmocka_unit_test(one_whose_start_fails_says_so),
                cmocka_unit_test(a_dead_host_starts_nothing),
                cmocka_unit_test(a_card_that_vanished_is_no_place),
                cmocka_unit_test(a_paused_vm_is_not_ensured_to_run),
                cmocka_unit_test(ensure_leads_there_from_every_state),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
