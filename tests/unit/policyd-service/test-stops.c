/*
 * A hard shutdown in every state, whatever becomes of its order
 *
 * Each state of a VM that docs/states.md knows is tried with each accident. However it goes, in the end the
 * VM runs nowhere, the pool knows it, and no job goes on.
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

/* Each brings a halted VM of alpha into a state; the job of what still goes on, where there is one. */

typedef struct Story {
        World *w;
        FakeHost *host;
        Uuid vm, job;
} Story;

static void decided(Story *s) {
        StartOptions options = {};
        Job *j;

        assert_int_equal(vms_start(s->w->policy, world_vm(s->w, &s->vm), &options, &j, fresh(s->w)), 0);
        s->job = j->object.id;
}

static void queued(Story *s) {
        s->host->busy = true;
        assert_int_equal(world_start_vm(s->w, &s->vm, &s->job), ERROR_NONE);
        world_run(s->w);
        s->host->busy = false;
}

static void starting(Story *s) {
        s->host->manual = true;
        assert_int_equal(world_start_vm(s->w, &s->vm, &s->job), ERROR_NONE);
        world_run(s->w);
        fake_vm_progress(s->host, &s->vm, "create", 0.3);
}

static void cancelling(Story *s) {
        starting(s);
        s->host->deaf = true;
        assert_int_equal(world_cancel(s->w, &s->job), ERROR_NONE);
        world_run(s->w);
        s->host->deaf = false;
}

static void running(Story *s) {
        assert_int_equal(world_start_vm(s->w, &s->vm, NULL), ERROR_NONE);
        world_run(s->w);
        assert_string_equal(world_vm_state(s->w, &s->vm), "running");
}

static void paused(Story *s) {
        running(s);
        fake_vm(s->host, &s->vm)->state = VM_STATE_PAUSED;
        fake_vm_event_with_token(s->host, &s->vm, &fake_vm(s->host, &s->vm)->token, VM_STATE_PAUSED);
        assert_string_equal(world_vm_state(s->w, &s->vm), "paused");
}

static void asked(Story *s) {
        running(s);
        s->host->stubborn = true;
        assert_int_equal(world_shutdown(s->w, &s->vm, false, &s->job), ERROR_NONE);
}

static void stopping(Story *s) {
        asked(s);
        world_run(s->w);
        assert_int_equal(fake_vm(s->host, &s->vm)->state, VM_STATE_STOPPING);
}

static void asked_and_given_up(Story *s) {
        stopping(s);
        assert_int_equal(world_cancel(s->w, &s->job), ERROR_NONE);
}

static void asked_and_lost(Story *s) {
        running(s);
        s->host->stubborn = s->host->deaf = true;
        assert_int_equal(world_shutdown(s->w, &s->vm, false, &s->job), ERROR_NONE);
        world_run(s->w);
        s->host->deaf = false;
}

static const struct {
        const char *name;
        void (*enter)(Story *s);
} states[] = {
        {"decided", decided},
        {"its order is in the queue", queued},
        {"starting", starting},
        {"its start is being cancelled", cancelling},
        {"running", running},
        {"paused", paused},
        {"asked to shut down", asked},
        {"stopping", stopping},
        {"stopping, and nobody waits", asked_and_given_up},
        {"asked to shut down, the order lost", asked_and_lost},
};

/* What becomes of the hard shutdown. */

static void hard(Story *s) {
        ErrorCode code = world_shutdown(s->w, &s->vm, true, &s->job);

        assert_int_equal(code, ERROR_NONE);
}

static void arrives(Story *s) {
        hard(s);
}

static void order_is_lost(Story *s) {
        s->host->deaf = true;
        hard(s);
        world_run(s->w);
        s->host->deaf = false;
        fake_lose(s->host, "Connection reset by peer.");
}

/* Twice in a row, and the host speaks of the VM in between. */
static void order_is_lost_again(Story *s) {
        order_is_lost(s);
        s->host->deaf = true;
        world_run(s->w);
        s->host->deaf = false;
        fake_lose(s->host, "Connection reset by peer.");
}

static void answer_is_lost(Story *s) {
        s->host->mute = true;
        hard(s);
        world_run(s->w);
        s->host->mute = s->host->deaf = false;
        fake_lose(s->host, "Connection reset by peer.");
}

static void policyd_is_killed(Story *s) {
        hard(s);
        world_crash(s->w);
}

static void policyd_is_killed_and_the_order_lost(Story *s) {
        s->host->deaf = true;
        hard(s);
        world_run(s->w);
        s->host->deaf = false;
        world_crash(s->w);
}

static void policyd_is_killed_and_the_answer_lost(Story *s) {
        s->host->mute = true;
        hard(s);
        world_run(s->w);
        s->host->mute = s->host->deaf = false;
        world_crash(s->w);
}

static void asked_for_again(Story *s) {
        Uuid job;

        s->host->deaf = true;
        hard(s);
        world_run(s->w);
        s->host->deaf = false;
        job = s->job;
        if (!job_state_is_final(world_job(s->w, &job)->state)) {
                hard(s);
                assert_true(uuid_equal(&s->job, &job));
        }
}

static void the_host_reboots(Story *s) {
        s->host->deaf = true;
        hard(s);
        world_run(s->w);
        s->host->deaf = false;
        fake_reboot(s->host);
}

static void its_commit_fails(Story *s) {
        Job *j;

        (void) vms_shutdown(s->w->policy, world_vm(s->w, &s->vm), true, &j, fresh(s->w));
        world_fail_next_commit(s->w);
        world_run_for(s->w, 1200000);
        if (fake_vm(s->host, &s->vm))
                hard(s);
}

static const struct {
        const char *name;
        void (*happen)(Story *s);
} accidents[] = {
        {"none", arrives},
        {"the order is lost", order_is_lost},
        {"the order is lost twice", order_is_lost_again},
        {"the answer is lost", answer_is_lost},
        {"policyd is killed", policyd_is_killed},
        {"policyd is killed, the order lost", policyd_is_killed_and_the_order_lost},
        {"policyd is killed, the answer lost", policyd_is_killed_and_the_answer_lost},
        {"it is asked for again", asked_for_again},
        {"the host reboots", the_host_reboots},
        {"its commit fails", its_commit_fails},
};

static void check_end(const Story *s) {
        const PtrArray *jobs = &policy_pool(s->w->policy)->objects[CLASS_JOB];

        assert_string_equal(world_vm_state(s->w, &s->vm), "halted");
        assert_null(fake_vm(s->host, &s->vm));
        for (size_t i = 0; i < jobs->n; i++)
                assert_true(job_state_is_final(((Job *) jobs->items[i])->state));
}

static void try(size_t at, size_t accident) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s = {.w = w, .host = h, .vm = world_create_vm_with(w, "a", "GRID K100", 1)};

        print_message("[          ] %s; %s\n", states[at].name, accidents[accident].name);
        states[at].enter(&s);
        h->stubborn = true;
        accidents[accident].happen(&s);
        world_run(w);
        check_end(&s);

        /* It can be used again. */
        h->manual = h->stubborn = false;
        assert_int_equal(world_start_vm(w, &s.vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &s.vm), "running");
}

static void a_hard_shutdown_ends_in_every_state(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                for (size_t k = 0; k < ARRAY_SIZE(accidents); k++)
                        if (accidents[k].happen != its_commit_fails || states[i].enter == running ||
                                states[i].enter == stopping)
                                try(i, k);
}

/* The host speaks of the VM and has not the order: the job ends in time, and the next one comes through. */
static void a_job_whose_order_is_lost_ends_although_the_host_speaks(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Story s = {.w = w, .host = h, .vm = world_create_vm_with(w, "a", "GRID K100", 1)};

        stopping(&s);
        policy_free(w->policy);
        w->options.order_timeout_usec = 50000;
        world_start(w);
        h->deaf = true;
        hard(&s);
        fake_lose(h, "Connection reset by peer.");
        world_run(w);
        fake_vm_event_with_token(h, &s.vm, &fake_vm(h, &s.vm)->token, VM_STATE_STOPPING);
        world_run_for(w, 150000);
        assert_string_equal(world_job_state(w, &s.job), "failed HostOffline");
        h->deaf = false;
        hard(&s);
        world_run(w);
        check_end(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_hard_shutdown_ends_in_every_state),
                cmocka_unit_test(a_job_whose_order_is_lost_ends_although_the_host_speaks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
