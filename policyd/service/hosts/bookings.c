/*
 * Bookings: what a VM holds, and the three ways in which a report of its host changes that
 *
 * running (scheduled becomes resident), adopted (the host runs what policyd did not know to be there),
 * released. All together for the VM and each VGPU, so that nothing is left half held. docs/states.md has the
 * whole story.
 */

#include "policyd/service/hosts/bookings.h"

#include "policyd/decide/allocate.h"
#include "policyd/service/hosts/takeover.h"

bool booking_token_is(const Vm *vm, const Uuid *token) {
        if (uuid_is_null(token))
                return false;
        return uuid_equal(&vm->token, token) || uuid_equal(&vm->stop_token, token);
}

void booking_vgpu_resident(Hosts *hs, Vgpu *v, Pgpu *pgpu, bool attached) {
        if (batch_poison(hs->batch, pool_set_vgpu_resident(hs->batch->pool, v, pgpu)) < 0)
                return;
        v->used_hold = false; /* the start cannot give it back any more */
        (void) batch_poison(hs->batch, pool_set_vgpu_scheduled(hs->batch->pool, v, NULL));
        if (attached)
                pool_set_vgpu_attached(hs->batch->pool, v, true);
}

void booking_running(Hosts *hs, Vm *vm, Host *h, PowerState power) {
        batch_open(hs->batch);
        if (vm->booking != BOOKING_RESIDENT)
                pool_set_vm_start_time(hs->batch->pool, vm, batch_date(hs->batch));
        if (batch_poison(hs->batch, pool_set_vm_resident(hs->batch->pool, vm, h)) < 0)
                return;
        (void) batch_poison(hs->batch, pool_set_vm_scheduled(hs->batch->pool, vm, NULL));
        for_each(Vgpu, v, &vm->vgpus) {
                /* A guest that runs has its devices, whichever event comes first. */
                if (v->scheduled_on)
                        booking_vgpu_resident(hs, v, v->scheduled_on, /* attached= */ true);
        }
        pool_set_vm_power_state(hs->batch->pool, vm, power);
        pool_set_vm_booking(hs->batch->pool, vm, BOOKING_RESIDENT, NULL);
}

void booking_adopt(Hosts *hs, Vm *vm, Host *h, const Uuid *token) {
        if (vm->booking != BOOKING_NONE)
                booking_release(hs, vm);
        batch_open(hs->batch);
        if (batch_poison(hs->batch, pool_set_vm_scheduled(hs->batch->pool, vm, h)) < 0)
                return;
        pool_set_vm_booking(hs->batch->pool, vm, BOOKING_SENT, token);
}

void booking_release(Hosts *hs, Vm *vm) {
        Host *h = vm_host(vm);

        batch_open(hs->batch);
        /* Until the host reports again, what the VM had counts as free. */
        if (h && vm->memory_counted)
                pool_set_host_memory(hs->batch->pool, h, h->memory_total,
                        MIN_OF(h->memory_total, h->memory_free + vm->memory));
        (void) batch_poison(hs->batch, allocation_release(hs->batch->pool, vm));

        for_each(Vgpu, v, &vm->vgpus) {
                (void) pool_set_vgpu_scheduled(hs->batch->pool, v, NULL);
                (void) pool_set_vgpu_resident(hs->batch->pool, v, NULL);
                pool_set_vgpu_attached(hs->batch->pool, v, false);
        }
        (void) pool_set_vm_scheduled(hs->batch->pool, vm, NULL);
        (void) pool_set_vm_resident(hs->batch->pool, vm, NULL);
        pool_set_vm_power_state(hs->batch->pool, vm, POWER_HALTED);
        pool_set_vm_domain(hs->batch->pool, vm, 0);
        vm->stop_token = UUID_NULL;
        pool_set_vm_booking(hs->batch->pool, vm, BOOKING_NONE, NULL);
        pool_touch(hs->batch->pool, &vm->object, 0, /* store= */ true);

        if (h)
                takeover_collect_absent(hs, h);
}
