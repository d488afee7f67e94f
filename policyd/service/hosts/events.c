/*
 * Events: the host's word while the link stands
 *
 * An event counts when its token is current for the VM and the VM is booked on the host that speaks; anything
 * else is an echo of the past and changes nothing.
 */

#include <stdio.h>

#include "policyd/service/internal.h"
#include "policyd/service/base/object-log.h"

static Vm *current_vm(Policy *p, const Host *h, const Uuid *id, const Uuid *token) {
        Vm *vm = pool_get(p->pool, CLASS_VM, id);

        if (!vm || vm_host(vm) != h || !booking_token_is(vm, token)) {
                log_debug("Host %s speaks of VM %s under a token that is not current, ignoring.",
                        h->name_label, UUID_TEXT(id));
                return NULL;
        }
        return vm;
}

static void vm_runs(Policy *p, Vm *vm, Host *h, PowerState power) {
        Operation *op = operation_of(p, vm);

        if (vm->booking != BOOKING_RESIDENT)
                log_vm(LOG_INFO, MSG_VM_STARTED, vm, h, "VM %s runs on host %s.", vm->name_label,
                        h->name_label);
        booking_running(p, vm, h, power);
        if (!op || op->kind != OPERATION_START)
                return;
        places_started(p, vm);
        if (!operation_job(op)->cancel_requested)
                operation_finish(op, JOB_DONE, ERROR_NONE, "");
}

void host_said_vm(Policy *p, Host *h, const VmEvent *event) {
        Vm *vm = current_vm(p, h, &event->uuid, &event->head.token);
        Operation *op;

        if (!vm)
                return;
        op = operation_of(p, vm);
        if (op)
                operation_heard(op);
        switch (event->state) {
        case VM_STATE_STARTING:
                if (op && op->kind == OPERATION_START && !operation_job(op)->cancel_requested)
                        operation_progress(op, event->stage, MAX_OF(0.1, MIN_OF(event->progress, 0.99)));
                break;
        case VM_STATE_RUNNING:
                vm_runs(p, vm, h, POWER_RUNNING);
                break;
        case VM_STATE_PAUSED:
                vm_runs(p, vm, h, POWER_PAUSED);
                break;
        case VM_STATE_STOPPING:
                if (op && op->kind != OPERATION_START)
                        operation_progress(op, event->stage, MAX_OF(0.2, MIN_OF(event->progress, 0.99)));
                break;
        case VM_STATE_HALTED:
                start_halted(p, vm, h, event);
                break;
        case _VM_STATE_MAX:
        case _VM_STATE_INVALID:
                break;
        }
}

Vgpu *vm_find_vgpu(Vm *vm, const Uuid *id, const char *device_or_null) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];
                char device[16];

                if (!uuid_is_null(id) && uuid_equal(&v->object.id, id))
                        return v;
                snprintf(device, sizeof(device), "%u", v->device);
                if (uuid_is_null(id) && device_or_null && streq(device, device_or_null))
                        return v;
        }
        return NULL;
}

void host_said_vgpu_state(Policy *p, Host *h, Vgpu *v, const PciAddress *pci, bool attached) {
        Pgpu *pgpu;

        if (!attached) {
                pool_set_vgpu_attached(p->pool, v, false);
                return;
        }
        pgpu = host_find_pgpu(h, pci);
        if (!pgpu) {
                log_warning(
                        "Host %s says that a VGPU of VM %s is on %s, where the pool knows no PGPU, ignoring.",
                        h->name_label, v->vm->name_label, PCI_TEXT(pci));
                return;
        }
        if (v->resident_on != pgpu) {
                if (v->scheduled_on && v->scheduled_on != pgpu)
                        log_vm(LOG_WARNING, MSG_HOST_CORRECTED, v->vm, h,
                                "The VGPU of VM %s is on %s of host %s, not on %s where it was scheduled.",
                                v->vm->name_label, PCI_TEXT(pci), h->name_label,
                                PCI_TEXT(&v->scheduled_on->pci));
                booking_vgpu_resident(p, v, pgpu, /* attached= */ true);
        }
        pool_set_vgpu_attached(p->pool, v, true);
}

void host_said_vgpu(Policy *p, Host *h, const VgpuEvent *event) {
        Vm *vm = current_vm(p, h, &event->vm, &event->head.token);
        Operation *op = vm ? operation_of(p, vm) : NULL;
        Vgpu *v = vm ? vm_find_vgpu(vm, &event->uuid, event->device) : NULL;

        if (op)
                operation_heard(op);
        if (!v)
                return;
        if (!op && v->currently_attached && v->resident_on && event->state.active && !event->state.plugged)
                log_vm(LOG_WARNING, MSG_EMULATOR_DIED, vm, h,
                        "The display emulator of VM %s on host %s is gone.", vm->name_label, h->name_label);
        host_said_vgpu_state(p, h, v, &event->pgpu, event->state.plugged || event->state.active);
}

void host_said_pci(Policy *p, Host *h, const PciEvent *event) {
        Vm *vm = current_vm(p, h, &event->vm, &event->head.token);

        for (size_t i = 0; vm && i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];
                const Pgpu *pgpu = v->resident_on ?: v->scheduled_on;

                if (v->type->implementation != TYPE_PASSTHROUGH || !pgpu ||
                        pci_address_compare(&pgpu->pci, &event->address) != 0)
                        continue;
                host_said_vgpu_state(p, h, v, &event->address, event->plugged);
        }
}
