/*
 * Starting and stopping: every ending releases, and only the host's word does
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static void starts_runs_and_halts(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        h->manual = true;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        assert_string_equal(world_job_state(w, &job), "running");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        fake_vm_progress(h, &vm, "emulator", 0.6);
        world_run(w);
        assert_string_equal(world_job(w, &job)->stage, "emulator");

        fake_vm_runs(h, &vm);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_true(world_vgpu(w, &vm, 0)->currently_attached);
        assert_string_equal(w->last_result, "done");
        assert_non_null(world_vm(w, &vm)->decision);

        fake_vm_ends(h, &vm, "poweroff", NULL);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_int_equal(h->n_starts, 1);
}

/* The host's program died while it built the domain, and begins again. */
/* The start stays when the VM halts; its domain is told by the host, after a restart too. */
static void it_is_said_since_when_a_vm_runs_and_as_which_domain(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid id = world_create_vm_with(w, "a", "GRID K100", 1);
        uint64_t since;

        assert_int_equal(world_vm(w, &id)->start_time, 0);
        assert_int_equal(world_start_vm(w, &id, NULL), ERROR_NONE);
        world_run(w);
        since = world_vm(w, &id)->start_time;
        assert_true(since > 0);
        world_restart(w);
        world_run(w);
        assert_int_equal(world_vm(w, &id)->start_time, since);
        assert_int_equal(world_vm(w, &id)->domid, 3);
        assert_int_equal(world_shutdown(w, &id, true, NULL), ERROR_NONE);
        world_run(w);
        assert_int_equal(world_vm(w, &id)->domid, 0);
        assert_int_equal(world_vm(w, &id)->start_time, since);
}

static void a_start_that_begins_again_shows_no_step_back(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        h->manual = true;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        fake_vm_progress(h, &vm, "qemu", 0.7);
        world_run(w);
        fake_vm_progress(h, &vm, "create", 0.2);
        world_run(w);
        assert_string_equal(world_job(w, &job)->stage, "create");
        assert_true(world_job(w, &job)->progress > 0.69);
        fake_vm_progress(h, &vm, "unpause", 0.9);
        world_run(w);
        assert_true(world_job(w, &job)->progress > 0.89);
}

static void shuts_down(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        assert_int_equal(world_shutdown(w, &vm, false, NULL), ERROR_VM_BAD_POWER_STATE);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_OTHER_OPERATION_IN_PROGRESS);
        world_run(w);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_VM_BAD_POWER_STATE);
        assert_int_equal(world_shutdown(w, &vm, false, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_false(h->last_force);
}

static void a_hard_shutdown_overtakes_a_clean_one(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), clean, hard;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        h->manual = true;
        assert_int_equal(world_shutdown(w, &vm, false, &clean), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &clean), "running");
        assert_int_equal(world_shutdown(w, &vm, false, NULL), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_int_equal(world_shutdown(w, &vm, true, &hard), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &clean), "cancelled OperationCancelled");
        assert_int_equal(h->n_stops, 2);
        assert_true(h->last_force);
        fake_vm_ends(h, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &hard), "done");
}

static void a_refusing_host_is_asked_once_and_the_next_one_runs_it(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->refuse = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_int_equal(a->n_starts, 1);
        assert_int_equal(b->n_starts, 1);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "beta");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(world_host(w, "alpha")->vms.n, 0);
}

/* Somebody passed a PGPU through by hand: another one of the host does, until it is given back. */
static void a_stranger_costs_his_pgpu_and_not_the_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), other, job;
        const Pgpu *first = world_host(w, "alpha")->pgpus.items[0];

        a->cards[0].held_by = "domain 'x' (id 7)";
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(a->n_starts, 2);
        assert_int_equal(b->n_starts, 0);
        assert_ptr_equal(((Vgpu *) world_vm(w, &vm)->vgpus.items[0])->resident_on,
                world_host(w, "alpha")->pgpus.items[1]);
        assert_string_equal(first->held_by, "domain 'x' (id 7)");
        assert_false(first->present);

        a->cards[0].held_by = NULL;
        fake_inventory_changed(a);
        world_run(w);
        assert_null(first->held_by);
        assert_true(first->present);
        other = world_create_vm_with(w, "b", "GRID K140Q", 1);
        assert_int_equal(world_start_vm_on(w, &other, "alpha", &job), ERROR_NONE);
        world_run(w);
        assert_ptr_equal(((Vgpu *) world_vm(w, &other)->vgpus.items[0])->resident_on, first);
}

/* A GPU that fell off the bus gets nothing new, keeps what it has, and is well again when its host says so.
 */
static void a_lost_pgpu_is_offered_to_nobody(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1),
             other = world_create_vm_with(w, "b", "GRID K100", 1), job;
        Pgpu *first = world_host(w, "alpha")->pgpus.items[0];

        h->cards[0].lost = "Its PCI configuration reads all ones.";
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(first->health, PGPU_HEALTH_LOST);
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_ptr_equal(((Vgpu *) world_vm(w, &vm)->vgpus.items[0])->resident_on,
                world_host(w, "alpha")->pgpus.items[1]);

        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].lost = "Its PCI configuration reads all ones.";
        fake_inventory_changed(h);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(world_start_vm(w, &other, &job), ERROR_HOST_OFFLINE);
        assert_non_null(strstr(w->refusal.message, "is lost: its PCI configuration reads all ones"));

        h->cards[0].lost = NULL;
        fake_inventory_changed(h);
        world_run(w);
        assert_int_equal(first->health, PGPU_HEALTH_GOOD);
        assert_null(first->health_reason);
        assert_int_equal(world_start_vm(w, &other, &job), ERROR_NONE);
        world_run(w);
        assert_ptr_equal(((Vgpu *) world_vm(w, &other)->vgpus.items[0])->resident_on, first);
}

static void a_host_whose_pgpus_strangers_have_is_named_with_them(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        for (size_t i = 0; i < h->n_cards; i++)
                h->cards[i].held_by = "domain 'x' (id 7)";
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed PGPUInUseByVM");
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_HOST_OFFLINE);
        assert_non_null(
                strstr(w->refusal.message, "is held by domain 'x' (id 7), which is not of this pool"));
}

static void when_all_refuse_the_job_fails_with_the_last_word(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->refuse = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        b->refuse = ERROR_PGPU_INSUFFICIENT_CAPACITY;
        world_start_vm(w, &vm, &job);
        world_run(w);
        assert_int_equal(a->n_starts + b->n_starts, 2);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_job_state(w, &job), "failed PGPUInsufficientCapacity");
}

static void a_refusal_about_the_vm_ends_the_job_at_once(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->refuse = b->refuse = ERROR_INVALID_RECORD;
        world_start_vm(w, &vm, &job);
        world_run(w);
        assert_int_equal(a->n_starts + b->n_starts, 1);
        assert_string_equal(world_job_state(w, &job), "failed InvalidRecord");
}

static void start_on_tries_no_other_host(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        b->refuse = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
        assert_int_equal(world_start_vm_on(w, &vm, "beta", &job), ERROR_NONE);
        world_run(w);
        assert_int_equal(a->n_starts, 0);
        assert_string_equal(world_job_state(w, &job), "failed HostNotEnoughFreeMemory");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void a_domain_that_fails_releases(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        h->manual = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        fake_vm_ends(h, &vm, "failed", "org.xenvgpu.Error.FailedToStartEmulator");
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed FailedToStartEmulator");
        assert_string_equal(world_job(w, &job)->error_message,
                "Host 'alpha' did not start VM 'a' on PGPU 0000:07:00.0: It broke. It is not tried elsewhere, "
                "since its host does not say that the guest never ran.");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

/* The order arrived, its answer did not: the VM must not start anywhere else. */
static void a_link_cut_after_delivery_starts_nothing_twice(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->mute = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        assert_non_null(fake_vm(a, &vm));
        a->mute = a->deaf = false;
        a->down = true;
        fake_lose(a, "The cable was cut.");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        assert_string_equal(world_job_state(w, &job), "running");
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_OTHER_OPERATION_IN_PROGRESS);

        fake_vm(a, &vm)->state = VM_STATE_RUNNING;
        a->down = false;
        fake_lose(a, "");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_string_equal(world_job_state(w, &job), "done");
        assert_int_equal(b->n_starts, 0);
}

static void a_lost_order_is_released_by_the_inventory(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        a->deaf = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        a->deaf = false;
        fake_lose(a, "The cable was cut.");
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_job_state(w, &job), "failed HostOffline");
        assert_int_equal(a->n_starts, 0);
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
}

/* The host comes back, without it of course, while the booking is on its way to the disk. */
static void an_inventory_before_the_order_releases_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        StartOptions options = {};
        _cleanup_refusal_ Refusal refusal = {};
        Job *j;

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, &refusal), 0);
        fake_lose(h, "A short break.");
        while (fake_step())
                ;
        assert_int_equal(world_host(w, "alpha")->state, HOST_ONLINE);
        assert_int_equal(world_vm(w, &vm)->booking, BOOKING_RESERVED);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_int_equal(h->n_starts, 1);
}

/* Neither the order nor the cancelling of it arrived. */
static void a_cancelled_order_that_was_lost_is_cancelled(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        h->manual = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        h->deaf = true;
        assert_int_equal(world_cancel(w, &job), ERROR_NONE);
        world_run(w);
        h->deaf = false;
        fake_reboot(h);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");
}

static void the_job_of_a_silent_host_ends_and_the_booking_stays(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;
        _cleanup_refusal_ Refusal refusal = {};

        policy_free(w->policy);
        w->options.order_timeout_usec = 50000;
        world_start(w);
        h->deaf = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        h->down = true;
        fake_lose(h, "No route to host.");
        world_run_for(w, 150000);
        assert_string_equal(world_job_state(w, &job), "failed HostOffline");
        assert_string_equal(world_vm_state(w, &vm), "sent");
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_HOST_OFFLINE);
        assert_int_equal(world_shutdown(w, &vm, true, NULL), ERROR_HOST_OFFLINE);

        assert_int_equal(hosts_declare_dead(w->policy, world_host(w, "alpha"), &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void a_start_is_cancelled_before_and_after_it_was_sent(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;
        StartOptions options = {};
        _cleanup_refusal_ Refusal refusal = {};
        Job *j;

        /* In the same batch, so that nothing was sent. */
        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, &refusal), 0);
        job = j->object.id;
        assert_int_equal(world_cancel(w, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");
        assert_int_equal(h->n_starts, 0);
        assert_int_equal(world_cancel(w, &job), ERROR_NO_SUCH_OBJECT);

        h->manual = true;
        assert_int_equal(world_start_vm(w, &vm, &job), ERROR_NONE);
        world_run(w);
        assert_int_equal(world_cancel(w, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "sent");
        assert_true(h->last_force);
        fake_vm_ends(h, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "cancelled OperationCancelled");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void a_hard_shutdown_ends_a_start(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), start, stop;

        h->manual = true;
        world_start_vm(w, &vm, &start);
        world_run(w);
        assert_int_equal(world_shutdown(w, &vm, false, NULL), ERROR_OTHER_OPERATION_IN_PROGRESS);
        assert_int_equal(world_shutdown(w, &vm, true, &stop), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &start), "cancelled OperationCancelled");
        fake_vm_ends(h, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &stop), "done");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void an_event_of_another_token_changes_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), other = {.bytes = {9}};

        world_start_vm(w, &vm, NULL);
        world_run(w);
        fake_vm_event_with_token(h, &vm, &other, VM_STATE_HALTED);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
}

static void a_k1_takes_32_k100_and_not_one_more(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm;

        for (int i = 0; i < 32; i++) {
                char name[16];

                snprintf(name, sizeof(name), "vm%d", i);
                vm = world_create_vm_with(w, name, "GRID K100", 1);
                assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_NONE);
        }
        world_run(w);
        vm = world_create_vm_with(w, "one-more", "GRID K100", 1);
        assert_int_equal(world_start_vm(w, &vm, NULL), ERROR_PGPU_INSUFFICIENT_CAPACITY);
        assert_int_equal(h->n_vms, 32);
}

static void a_dry_run_books_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        StartOptions options = {.dry_run = true};
        _cleanup_refusal_ Refusal refusal = {};
        Job *j = NULL;

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_null(j);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_int_equal(h->n_starts, 0);
}

static void passthrough_travels_as_a_pci_record(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "passthrough", 1);

        world_start_vm(w, &vm, NULL);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "running");
        assert_true(world_vgpu(w, &vm, 0)->currently_attached);
        assert_int_equal(fake_vm(h, &vm)->order.n_vgpus, 0);
        assert_int_equal(fake_vm(h, &vm)->order.n_pcis, 1);
}

static void a_host_that_knows_no_such_vm_ends_the_shutdown(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        h->vms[0].uuid.bytes[0] ^= 1;
        assert_int_equal(world_shutdown(w, &vm, false, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
        assert_string_equal(world_job_state(w, &job), "done");
}

static void cancelling_a_shutdown_ends_the_waiting_only(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), clean, hard;

        world_start_vm(w, &vm, NULL);
        world_run(w);
        h->manual = true;
        world_shutdown(w, &vm, false, &clean);
        world_run(w);
        assert_int_equal(world_cancel(w, &clean), ERROR_NONE);
        assert_string_equal(world_job_state(w, &clean), "cancelled OperationCancelled");
        assert_string_equal(world_vm_state(w, &vm), "running");

        assert_int_equal(world_shutdown(w, &vm, true, &hard), ERROR_NONE);
        world_run(w);
        assert_int_equal(world_cancel(w, &hard), ERROR_OTHER_OPERATION_IN_PROGRESS);
        fake_vm_ends(h, &vm, "destroyed", NULL);
        world_run(w);
        assert_string_equal(world_job_state(w, &hard), "done");
}

static void a_refused_stop_fails_its_job_and_changes_nothing(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        h->manual = true;
        world_start_vm(w, &vm, &job);
        world_run(w);
        h->refuse = ERROR_INTERNAL_ERROR;
        assert_int_equal(world_cancel(w, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "running");
        fake_vm_runs(h, &vm);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");

        assert_int_equal(world_shutdown(w, &vm, false, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "failed InternalError");
        assert_string_equal(world_vm_state(w, &vm), "running");
}

/* The link gave it back: the connection was lost, or claimed anew, before it was sent. */
static void a_stop_that_never_left_goes_with_the_next_inventory(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), job;

        world_start_vm_on(w, &vm, "alpha", NULL);
        world_run(w);
        a->refuse = ERROR_HOST_OFFLINE;
        assert_int_equal(world_shutdown(w, &vm, true, &job), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "running");

        a->refuse = ERROR_NONE;
        fake_lose(a, "A short break.");
        world_run(w);
        assert_string_equal(world_job_state(w, &job), "done");
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

static void count_commit(ErrorCode code, const char *message, void *userdata) {
        assert_int_equal(code, ERROR_NONE);
        (*(unsigned *) userdata)++;
}

/* Whoever comes waits for the loop to be idle, but not for ever: the batch has a size. */
static void a_batch_is_committed_when_it_is_full(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        unsigned n = 0;

        w->policy = policy_free(w->policy);
        w->options.batch_max = 3;
        world_start(w);
        for (unsigned i = 1; i <= 4; i++) {
                assert_int_equal(policy_when_committed(w->policy, count_commit, &n), 0);
                assert_int_equal(n, i < 3 ? 0 : 3);
        }
        world_run(w);
        assert_int_equal(n, 4);
}

/* policyd again, with a host's words lingering; the VM's order is with the host, and nothing is open. */
static void send_order_again(World *w, FakeHost *h, uint64_t linger_usec, const Uuid *vm) {
        w->policy = policy_free(w->policy);
        w->options.linger_usec = linger_usec;
        world_start(w);
        world_run_for(w, linger_usec + 100000);
        h->manual = true;
        assert_int_equal(world_start_vm(w, vm, NULL), ERROR_NONE);
        world_run(w);
        assert_string_equal(world_vm_state(w, vm), "sent");
        world_run_for(w, linger_usec + 100000);
}

/* What a host says waits a moment for a request to share its commit with; a request waits for nothing. */
static void the_word_of_a_host_shares_the_commit_of_a_request(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        size_t n_changed;
        unsigned n = 0;

        send_order_again(w, h, 300000, &vm);
        n_changed = w->n_changed;
        fake_vm_runs(h, &vm);
        world_run(w);
        assert_int_equal(w->n_changed, n_changed);
        assert_int_equal(policy_when_committed(w->policy, count_commit, &n), 0);
        world_run(w);
        assert_int_equal(n, 1);
        assert_true(w->n_changed > n_changed);
        assert_string_equal(w->last_result, "done");

        n_changed = w->n_changed;
        fake_vm_ends(h, &vm, "poweroff", NULL);
        world_run(w);
        assert_int_equal(w->n_changed, n_changed);
        world_run_for(w, 400000);
        assert_true(w->n_changed > n_changed);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

typedef struct OtherWork {
        World *world;
        LoopTimer *timer;
} OtherWork;

static void on_other_work(void *userdata) {
        OtherWork *other = userdata;

        sim_loop_work(other->world->sim, 200);
        assert_int_equal(loop_timer_arm(other->timer, LOOP_SOON), 0);
}

/* A host's word would be committed after 2 ms; with a request the batch takes what else arrives, 20 ms at
 * most. */
static void a_request_waits_for_what_arrives_with_it_but_not_for_ever(void **state) {
        FakeHost *h;
        _cleanup_world_ World *w = world_of_one_k1(&h);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1);
        Loop *loop = sim_loop_of(w->sim);
        OtherWork other = {.world = w};
        uint64_t start, now;
        unsigned n = 0;

        send_order_again(w, h, 2000, &vm);
        /* So that timers come through, and the commit does not. */
        assert_int_equal(
                loop_timer_new(loop, LOOP_MONOTONIC, /* priority= */ 10, on_other_work, &other, &other.timer), 0);
        on_other_work(&other);
        start = loop_now(loop, LOOP_MONOTONIC);
        fake_vm_runs(h, &vm);
        while (fake_step())
                ;
        assert_int_equal(policy_when_committed(w->policy, count_commit, &n), 0);
        do {
                assert_true(sim_loop_turn(w->sim));
                now = loop_now(loop, LOOP_MONOTONIC);
                if (now < start + 20000)
                        assert_int_equal(n, 0);
        } while (n == 0 && now < start + 21000);
        assert_int_equal(n, 1);
        loop_timer_free(other.timer);
        world_run(w);
        assert_string_equal(w->last_result, "done");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(starts_runs_and_halts),
                cmocka_unit_test(a_start_that_begins_again_shows_no_step_back),
                cmocka_unit_test(it_is_said_since_when_a_vm_runs_and_as_which_domain),
                cmocka_unit_test(shuts_down),
                cmocka_unit_test(a_hard_shutdown_overtakes_a_clean_one),
                cmocka_unit_test(a_refusing_host_is_asked_once_and_the_next_one_runs_it),
                cmocka_unit_test(a_stranger_costs_his_pgpu_and_not_the_host),
                cmocka_unit_test(a_lost_pgpu_is_offered_to_nobody),
                cmocka_unit_test(a_host_whose_pgpus_strangers_have_is_named_with_them),
                cmocka_unit_test(when_all_refuse_the_job_fails_with_the_last_word),
                cmocka_unit_test(a_refusal_about_the_vm_ends_the_job_at_once),
                cmocka_unit_test(start_on_tries_no_other_host),
                cmocka_unit_test(a_domain_that_fails_releases),
                cmocka_unit_test(a_link_cut_after_delivery_starts_nothing_twice),
                cmocka_unit_test(a_lost_order_is_released_by_the_inventory),
                cmocka_unit_test(an_inventory_before_the_order_releases_nothing),
                cmocka_unit_test(a_cancelled_order_that_was_lost_is_cancelled),
                cmocka_unit_test(the_job_of_a_silent_host_ends_and_the_booking_stays),
                cmocka_unit_test(a_start_is_cancelled_before_and_after_it_was_sent),
                cmocka_unit_test(a_hard_shutdown_ends_a_start),
                cmocka_unit_test(an_event_of_another_token_changes_nothing),
                cmocka_unit_test(a_k1_takes_32_k100_and_not_one_more),
                cmocka_unit_test(a_dry_run_books_nothing),
                cmocka_unit_test(passthrough_travels_as_a_pci_record),
                cmocka_unit_test(a_host_that_knows_no_such_vm_ends_the_shutdown),
                cmocka_unit_test(cancelling_a_shutdown_ends_the_waiting_only),
                cmocka_unit_test(a_refused_stop_fails_its_job_and_changes_nothing),
                cmocka_unit_test(a_stop_that_never_left_goes_with_the_next_inventory),
                cmocka_unit_test(a_batch_is_committed_when_it_is_full),
                cmocka_unit_test(the_word_of_a_host_shares_the_commit_of_a_request),
                cmocka_unit_test(a_request_waits_for_what_arrives_with_it_but_not_for_ever),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
