/*
 * What hosts run that the pool did not order: VMs that came by another master's hand, and those that the pool
 * does not know
 */

#include "tests/unit/policyd-service/world.h"

#include <stdio.h>

static const Host *where(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

/* The claim alone, without a commit of what was decided meanwhile. */
static void claim_again(FakeHost *h) {
        fake_lose(h, "A short break.");
        while (fake_step())
                ;
}

/* Decided, and the order not sent, when another host says that it runs the VM. */
static void a_booking_that_was_not_sent_gives_way(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid vm = world_create_vm_with(w, "a", "GRID K100", 1), token = {.bytes = {5}}, job;
        StartOptions options = {.on = world_host(w, "beta")};
        Job *j;

        assert_int_equal(vms_start(w->policy, world_vm(w, &vm), &options, &j, fresh(w)), 0);
        job = j->object.id;
        assert_int_equal(world_vm(w, &vm)->booking, BOOKING_RESERVED);
        fake_vm_put(a, &vm, &token, VM_STATE_RUNNING);
        claim_again(a);
        world_run(w);
        assert_int_equal(b->n_starts, 0);
        assert_string_equal(world_vm(w, &vm)->resident_on->name_label, "alpha");
        assert_string_equal(world_job_state(w, &job), "failed OtherOperationInProgress");
        fake_vm_ends(a, &vm, "poweroff", NULL);
        world_run(w);
        assert_string_equal(world_vm_state(w, &vm), "halted");
}

/* The same for one that waits behind others; one that may have left stays. */
static void an_order_in_the_queue_is_taken_back(void **state) {
        FakeHost *a, *b;
        _cleanup_world_ World *w = world_of_two_k1(&a, &b);
        Uuid token = {.bytes = {5}};

        for (unsigned sent = 0; sent < 2; sent++) {
                Uuid vm = world_create_vm_with(w, sent ? "sent" : "queued", "GRID K100", 1), job;

                b->busy = !sent;
                b->deaf = sent;
                assert_int_equal(world_start_vm_on(w, &vm, "beta", &job), ERROR_NONE);
                world_run(w);
                assert_int_equal(world_vm(w, &vm)->booking, BOOKING_SENT);
                fake_vm_put(a, &vm, &token, VM_STATE_STARTING);
                claim_again(a);
                world_run(w);
                b->busy = b->deaf = false;
                world_run(w);
                assert_int_equal(b->n_starts, sent);
                assert_string_equal(where(world_vm(w, &vm))->name_label, sent ? "beta" : "alpha");
                assert_string_equal(
                        world_job_state(w, &job), sent ? "done" : "failed OtherOperationInProgress");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_booking_that_was_not_sent_gives_way),
                cmocka_unit_test(an_order_in_the_queue_is_taken_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
