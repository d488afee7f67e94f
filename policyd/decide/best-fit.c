/*
 * What a placement strands
 *
 * Placing a VGPU on a PGPU takes from every other type that is enabled there the instances that it could
 * still have had: on an untouched homogeneous PGPU all of them, on one that runs the type already none. Each
 * lost instance weighs what its type's share of the group's demand is, in millionths; where nothing was asked
 * for yet, the shares are equal.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

#define SHARES 1000000u
#define DEMAND_MEMORY 4096u /* requests for one type after which older ones count half */

static uint64_t demand_share(uint64_t demand, uint64_t total, size_t n_types) {
        return total > 0 ? demand * SHARES / total : SHARES / MAX_OF(n_types, (size_t) 1);
}

/* How many instances of s still fit after one t was placed on a PGPU on which `used` is taken. */
static uint32_t capacity_after(const Pgpu *p, const VgpuType *s, const VgpuType *t, uint32_t used) {
        uint32_t size = pgpu_type_size(p, s), taken = used + pgpu_type_size(p, t);

        if (size == 0 || !type_may_join(t, s) || taken > PGPU_SIZE)
                return 0;

        return (PGPU_SIZE - taken) / size;
}

size_t pgpu_losses(const Pgpu *p, const VgpuType *t, const Reservation *reservation, PgpuLoss *ret) {
        size_t n = 0;

        if (!host_is_usable(p->host) || !p->present || pgpu_is_left_out(p))
                return 0;
        for_each(const VgpuType, s, &p->enabled) {
                uint32_t before, after, used;

                if (s == t || ptr_array_contains(&p->disabling, s))
                        continue;

                /* Boards have dozens of types, so it is not looked up once more whether each is enabled. */
                before = pgpu_room_of_enabled(p, s, reservation, &used);
                after = before > 0 ? capacity_after(p, s, t, used) : 0;
                if (before > after)
                        ret[n++] = (PgpuLoss){.type = s, .instances = before - after};
        }

        return n;
}

uint64_t losses_stranding(const PgpuLoss *losses, size_t n, const PtrArray *types) {
        uint64_t demand = 0, stranding = 0;

        for_each(VgpuType, t, types)
                demand += t->demand;
        for (size_t i = 0; i < n; i++)
                stranding += losses[i].instances * demand_share(losses[i].type->demand, demand, types->n);

        return stranding;
}

uint64_t pgpu_stranding(const Pgpu *p, const VgpuType *t, const Reservation *reservation) {
        PgpuLoss losses[p->enabled.n + 1];
        size_t n = pgpu_losses(p, t, reservation, losses);

        return losses_stranding(losses, n, p->group ? &p->group->enabled : &p->enabled);
}

uint64_t pgpu_fit_score(const Pgpu *p, const VgpuType *t, const Reservation *reservation, uint32_t capacity) {
        return fit_score(pgpu_stranding(p, t, reservation), capacity);
}

void demand_note(Pool *pool, const Vm *vm) {
        const PtrArray *types = &pool->objects[CLASS_VGPU_TYPE];
        bool full = false;

        for_each(Vgpu, v, &vm->vgpus)
                full |= ++v->type->demand >= DEMAND_MEMORY;

        for_each_while(full, VgpuType, t, types)
                t->demand /= 2;
}
