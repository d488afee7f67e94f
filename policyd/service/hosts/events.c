/*
 * Events: what a host reports while it is connected
 *
 * An event counts if its token is current for the VM and the VM is booked on the host that sent it; any other
 * event is out of date and changes nothing.
 */

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/bookings.h"
#include "policyd/service/hosts/reconcile.h"

static Vm *current_vm(Hosts *hs, const Host *h, const Uuid *id, const Uuid *token) {
        Vm *vm = pool_get(hs->batch->pool, CLASS_VM, id);

        if (!vm || vm_host(vm) != h || !booking_token_is(vm, token)) {
                if (vm)
                        log_vm(LOG_DEBUG, NULL, vm, h,
                                "Host %s speaks of VM %s under a token that is not current, ignoring.",
                                h->name_label, UUID_TEXT(id));
                else
                        log_host(LOG_DEBUG, NULL, h, "Host %s speaks of a VM that is not of the pool, ignoring: %s.",
                                h->name_label, UUID_TEXT(id));
                return NULL;
        }
        return vm;
}

static void vm_runs(Hosts *hs, Vm *vm, Host *h, PowerState power) {
        if (vm->booking != BOOKING_RESIDENT)
                log_vm(LOG_INFO, MSG_VM_STARTED, vm, h, "VM %s runs on host %s.", vm->name_label,
                        h->name_label);
        booking_running(hs, vm, h, power);
}

void host_vm_event(Hosts *hs, Host *h, const VmEvent *event) {
        Vm *vm = current_vm(hs, h, &event->uuid, &event->head.token);

        if (!vm)
                return;
        if (event->state == VM_STATE_RUNNING || event->state == VM_STATE_PAUSED)
                vm_runs(hs, vm, h, event->state == VM_STATE_PAUSED ? POWER_PAUSED : POWER_RUNNING);
        if (event->state != VM_STATE_HALTED && event->domid > 0) {
                batch_open(hs->batch);
                pool_set_vm_domain(hs->batch->pool, vm, event->domid);
        }
        hs->listener->vm_event(vm, h, event, hs->userdata);
}

void host_set_vgpu_attached(Hosts *hs, Host *h, Vgpu *v, const PciAddress *pci, bool attached) {
        Pgpu *pgpu;

        if (!attached) {
                pool_set_vgpu_attached(hs->batch->pool, v, false);
                return;
        }
        pgpu = host_find_pgpu(h, pci);
        if (!pgpu) {
                log_vm(LOG_WARNING, NULL, v->vm, h,
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
                booking_vgpu_resident(hs, v, pgpu, /* attached= */ true);
        }
        pool_set_vgpu_attached(hs->batch->pool, v, true);
}

void host_set_vgpu_function(Hosts *hs, Vgpu *v, const char *function) {
        PciAddress address;

        if (v->resident_on && pci_address_from_string(strempty(function), &address) >= 0)
                (void) batch_poison(hs->batch, pool_set_vgpu_function(hs->batch->pool, v, function));
}

void host_vgpu_event(Hosts *hs, Host *h, const VgpuEvent *event) {
        Vm *vm = current_vm(hs, h, &event->vm, &event->head.token);
        bool has_job = vm && hs->listener->vm_mentioned(vm, hs->userdata);
        Vgpu *v = vm ? vm_find_vgpu(vm, &event->uuid, event->device) : NULL;

        if (!v)
                return;
        if (!has_job && v->currently_attached && v->resident_on && event->state.active &&
                !event->state.plugged)
                log_vm(LOG_WARNING, MSG_EMULATOR_DIED, vm, h,
                        "The display emulator of VM %s on host %s is gone.", vm->name_label, h->name_label);
        host_set_vgpu_attached(hs, h, v, &event->pgpu, event->state.plugged || event->state.active);
        host_set_vgpu_function(hs, v, event->function);
}

void host_pci_event(Hosts *hs, Host *h, const PciEvent *event) {
        Vm *vm = current_vm(hs, h, &event->vm, &event->head.token);

        for (size_t i = 0; vm && i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];
                const Pgpu *pgpu = v->resident_on ?: v->scheduled_on;

                if (v->type->implementation != TYPE_PASSTHROUGH || !pgpu ||
                        pci_address_compare(&pgpu->pci, &event->address) != 0)
                        continue;
                host_set_vgpu_attached(hs, h, v, &event->address, event->plugged);
        }
}
