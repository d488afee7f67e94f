/*
 * Bookings: what a VM holds, and the three ways in which the host's word changes it
 *
 * running (scheduled becomes resident), adopted (the host runs what policyd did not know to be there),
 * released. All together for the VM and each VGPU, so that nothing is left half held. docs/states.md has the
 * whole story.
 */

#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "policyd/service/internal.h"

Host *vm_host(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

bool booking_token_is(const Vm *vm, const Uuid *token) {
        if (uuid_is_null(token))
                return false;
        return uuid_equal(&vm->token, token) || uuid_equal(&vm->stop_token, token);
}

Pgpu *host_find_pgpu(const Host *h, const PciAddress *pci) {
        Pgpu *absent = NULL;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                Pgpu *pgpu = h->pgpus.items[i];

                if (pci_address_compare(&pgpu->pci, pci) != 0)
                        continue;
                if (pgpu->present)
                        return pgpu;
                absent = pgpu;
        }
        return absent;
}

void booking_vgpu_resident(Policy *p, Vgpu *v, Pgpu *pgpu, bool attached) {
        if (batch_poison(p, pool_set_vgpu_resident(p->pool, v, pgpu)) < 0)
                return;
        (void) batch_poison(p, pool_set_vgpu_scheduled(p->pool, v, NULL));
        if (attached)
                pool_set_vgpu_attached(p->pool, v, true);
}

void booking_running(Policy *p, Vm *vm, Host *h, PowerState power) {
        batch_open(p);
        if (batch_poison(p, pool_set_vm_resident(p->pool, vm, h)) < 0)
                return;
        (void) batch_poison(p, pool_set_vm_scheduled(p->pool, vm, NULL));
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                /* A guest that runs has its devices, whichever event comes first. */
                if (v->scheduled_on)
                        booking_vgpu_resident(p, v, v->scheduled_on, /* attached= */ true);
        }
        pool_set_vm_power_state(p->pool, vm, power);
        pool_set_vm_booking(p->pool, vm, BOOKING_RESIDENT, NULL);
}

void booking_adopt(Policy *p, Vm *vm, Host *h, const Uuid *token) {
        if (vm->booking != BOOKING_NONE)
                booking_release(p, vm);
        batch_open(p);
        if (batch_poison(p, pool_set_vm_scheduled(p->pool, vm, h)) < 0)
                return;
        pool_set_vm_booking(p->pool, vm, BOOKING_SENT, token);
}

void booking_release(Policy *p, Vm *vm) {
        Host *h = vm_host(vm);

        batch_open(p);
        /* Until the host reports again, what the VM had counts as free. */
        if (h && vm->memory_counted)
                pool_set_host_memory(
                        p->pool, h, h->memory_total, MIN_OF(h->memory_total, h->memory_free + vm->memory));
        (void) batch_poison(p, allocation_release(p->pool, vm));

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                (void) pool_set_vgpu_scheduled(p->pool, v, NULL);
                (void) pool_set_vgpu_resident(p->pool, v, NULL);
                pool_set_vgpu_attached(p->pool, v, false);
        }
        (void) pool_set_vm_scheduled(p->pool, vm, NULL);
        (void) pool_set_vm_resident(p->pool, vm, NULL);
        pool_set_vm_power_state(p->pool, vm, POWER_HALTED);
        vm->stop_token = UUID_NULL;
        pool_set_vm_booking(p->pool, vm, BOOKING_NONE, NULL);
        pool_touch(p->pool, &vm->object, 0, /* store= */ true);

        if (h)
                takeover_collect_absent(p, h);
}
