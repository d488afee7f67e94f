/*
 * Finished jobs: how long they stay, in which order they go, and what clients hear of it
 */

#include "tests/unit/policyd-service/world.h"

/* policyd again, with a limit of its own on finished jobs. */
static void start_again(World *w, uint64_t jobs_max_finished) {
        w->policy = policy_free(w->policy);
        w->options.jobs_max_finished = jobs_max_finished;
        world_start(w);
}

/* Two jobs each time. */
static void start_and_stop(World *w, const Uuid *vm, size_t times) {
        for (size_t i = 0; i < times; i++) {
                world_start_vm(w, vm, NULL);
                world_run(w);
                world_shutdown(w, vm, true, NULL);
                world_run(w);
        }
}

static size_t n_jobs(const World *w) {
        return policy_pool(w->policy)->objects[CLASS_JOB].n;
}

static void finished_jobs_go_in_time(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        w->options.job_keep_usec = 300000;
        start_again(w, 3);
        start_and_stop(w, &vm, 3);
        assert_int_equal(n_jobs(w), 3);
        assert_int_equal(w->n_job_new, 6);
        assert_int_equal(w->n_job_removed, 6);
        world_crash(w);
        assert_int_equal(n_jobs(w), 3);
        world_run_for(w, 400000);
        assert_int_equal(n_jobs(w), 0);
}

/* After a restart too the first to end is the first to go. */
static void finished_jobs_go_in_the_order_of_their_ends(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), jobs[3];

        w->options.job_keep_usec = 2000000;
        start_again(w, 2);
        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
                if (i == 2)
                        world_crash(w);
                if (i == 1)
                        world_shutdown(w, &vm, true, &jobs[i]);
                else
                        world_start_vm(w, &vm, &jobs[i]);
                world_run(w);
        }
        assert_null(pool_get(policy_pool(w->policy), CLASS_JOB, &jobs[0]));
        assert_string_equal(world_job_state(w, &jobs[1]), "done");
        assert_string_equal(world_job_state(w, &jobs[2]), "done");
}

/* From the disk they go many at once; what a crash brings back goes again before anybody sees it. */
static void finished_jobs_leave_the_disk_in_lumps(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        start_again(w, 2);
        start_and_stop(w, &vm, 50);
        assert_int_equal(n_jobs(w), 2);

        w->options.jobs_max_finished = 1000;
        world_crash(w);
        assert_in_range(n_jobs(w), 2 + 1, 2 + 64);
        w->options.jobs_max_finished = 2;
        world_crash(w);
        assert_int_equal(n_jobs(w), 2);
}

/* What went does not come back after a crash instead of what stayed. */
static void of_jobs_that_end_at_one_time_the_older_goes(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vms[2], jobs[2];

        for (size_t i = 0; i < 2; i++) {
                vms[i] = world_create_vm_with(w, i ? "b" : "a", "GRID K100", 1);
                world_start_vm(w, &vms[i], NULL);
                world_run(w);
        }
        start_again(w, 1);
        world_run(w);
        h->manual = true;
        for (size_t i = 0; i < 2; i++)
                world_shutdown(w, &vms[i], false, &jobs[i]);
        world_run(w);
        fake_vm_ends(h, &vms[1], "poweroff", NULL);
        fake_vm_ends(h, &vms[0], "poweroff", NULL);
        world_run(w);

        for (int round = 0; round < 2; round++) {
                assert_null(pool_get(policy_pool(w->policy), CLASS_JOB, &jobs[0]));
                assert_string_equal(world_job_state(w, &jobs[1]), "done");
                world_crash(w);
        }
}

static void a_finished_job_goes_by_itself(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        w->policy = policy_free(w->policy);
        w->options.job_keep_usec = 300000;
        world_start(w);
        world_start_vm(w, &vm, NULL);
        world_run_for(w, 400000);
        assert_int_equal(w->n_job_removed, 1);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_JOB].n, 0);
}

/* A guest may take hours to shut down: its job is the oldest, and yet the last that ended. */
static void an_old_job_that_ends_is_told_and_stays(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid slow = world_create_vm_with(w, "slow", "GRID K100", 1), vm, job, other;

        start_again(w, 1);
        vm = world_create_vm_with(w, "b", "GRID K100", 1);
        world_start_vm(w, &slow, NULL);
        world_run(w);
        h->manual = true;
        world_shutdown(w, &slow, false, &job);
        world_run(w);
        h->manual = false;
        world_start_vm(w, &vm, &other);
        world_run(w);
        assert_string_equal(world_job_state(w, &other), "done");

        world_run_for(w, 1000); /* of those that ended at one time the older job goes first */
        w->n_job_removed = 0;
        fake_vm_ends(h, &slow, "poweroff", NULL);
        world_run(w);
        assert_int_equal(w->n_job_removed, 1);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_null(pool_get(policy_pool(w->policy), CLASS_JOB, &other));
}

/* Even where no finished job is to stay, its end is told. */
static void jobs_that_do_not_stay_are_told(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);

        w->policy = policy_free(w->policy);
        w->options.jobs_max_finished = 0;
        world_start(w);
        world_start_vm(w, &vm, NULL);
        world_run(w);
        assert_int_equal(w->n_job_new, 1);
        assert_int_equal(w->n_job_removed, 1);
        assert_string_equal(w->last_result, "done");
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_JOB].n, 0);

        /* Nor does it come back as one that runs. */
        world_crash(w);
        assert_int_equal(policy_pool(w->policy)->objects[CLASS_JOB].n, 0);
        assert_string_equal(world_vm_state(w, &vm), "running");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finished_jobs_go_in_time),
                cmocka_unit_test(finished_jobs_go_in_the_order_of_their_ends),
                cmocka_unit_test(finished_jobs_leave_the_disk_in_lumps),
                cmocka_unit_test(of_jobs_that_end_at_one_time_the_older_goes),
                cmocka_unit_test(a_finished_job_goes_by_itself),
                cmocka_unit_test(an_old_job_that_ends_is_told_and_stays),
                cmocka_unit_test(jobs_that_do_not_stay_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
