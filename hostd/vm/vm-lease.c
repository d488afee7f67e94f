/*
 * A VM that takes a GPU, and what monitors the GPUs
 */

#include "hostd/vm/vm-end.h"
#include "hostd/vm/vm-lease.h"

#define TELL_AFTER (500 * UINT64_C(1000))

/* 1. Taken before the program is started. */

static void on_granted(int result, const char *error, void *userdata) {
        HostVm *vm = userdata;

        loop_timer_stop(vm->timer);
        if (result < 0)
                vm_end(vm, "failed", ERROR_DOMAIN_FAILED, error);
        else
                vm->next(vm);
}

static void begin_without(HostVm *vm, int error) {
        log_vm(LOG_WARNING, NULL, vm, "Cannot have the monitoring units stopped for VM %s, ignoring: %s",
                UUID_TEXT(&vm->uuid), strerror(-error));
        vm->next(vm);
}

/* A monitor may take ten seconds to stop; meanwhile the VM's stage says what it waits for. */
static void send_slow(HostVm *vm) {
        char *stage = strdup("lease");

        if (stage) {
                free(vm->record.stage);
                vm->record.stage = stage;
                vm->context->listener->record(vm, vm->context->userdata);
        }
}

void vm_lease(HostVm *vm, void (*go_on)(HostVm *vm)) {
        int r;

        if (!vm->wants_lease) {
                go_on(vm);
                return;
        }
        vm->next = go_on;
        vm_set_phase(vm, VM_PHASE_LEASING);
        vm_enter_start(vm, START_LEASE);
        r = lease_take(vm->context->lease, on_granted, vm, &vm->lease);
        if (r < 0)
                begin_without(vm, r);
        else if (!loop_timer_is_armed(vm->timer)) /* else a stop is due */
                vm_arm(vm, TELL_AFTER, send_slow);
}

/* 2. Taken again. */

static void on_granted_again(int result, const char *error, void *userdata) {
        const HostVm *vm = userdata;

        if (result < 0)
                log_vm(LOG_WARNING, NULL, vm, "While VM %s is being started: %s", UUID_TEXT(&vm->uuid), error);
}

void vm_lease_again(HostVm *vm) {
        int r;

        if (!vm->wants_lease || vm->lease || vm->record.state != VM_STATE_STARTING)
                return;
        r = lease_take(vm->context->lease, on_granted_again, vm, &vm->lease);
        if (r < 0)
                log_vm(LOG_WARNING, NULL, vm, "Cannot keep the monitoring units stopped for VM %s, ignoring: %s",
                        UUID_TEXT(&vm->uuid), strerror(-r));
}

/* 3. Over: the VM runs. Its end releases the lease in vm_free(). */

void vm_lease_over(HostVm *vm) {
        if (vm->record.state != VM_STATE_STARTING)
                vm->lease = lease_release(vm->lease);
}
