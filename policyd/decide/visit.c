/*
 * Calling the visitor: for each host, and for each VGPU and each PGPU of its group there
 */

#include "policyd/decide/remedy.h"
#include "policyd/pool/each.h"

/* The verdict of one VGPU on a PGPU of its group. For a VGPU that is pinned to another PGPU it is no
 * capacity, whatever room there is, and no remedy. */
static void vgpu_verdict(const Vgpu *v, const Pgpu *p, const Reservation *reservation, PgpuVerdict *ret,
        PgpuRemedy *ret_remedy) {
        pgpu_verdict(p, v->type, reservation, ret);
        if (v->pinned && pci_address_compare(&p->pci, &v->pinned_pci) != 0) {
                ret->code = ERROR_VM_REQUIRES_VGPU;
                ret->capacity = 0;
                ret->running = NULL;
        } else if (ret->code != ERROR_NONE)
                pgpu_remedy(p, v->type, reservation, /* d= */ NULL, ret_remedy);
}

static void visit_pgpus(const Ranking *r, const Candidate *c, const AllocVisitor *visitor) {
        const Reservation *reservation = r->request->reservation;
        const Vm *vm = r->request->vm;

        for (size_t i = 0; visitor->pgpu && i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                for_each(const Pgpu, p, &c->host->pgpus) {
                        PgpuRemedy remedy = {};
                        PgpuVerdict verdict;

                        if (p->group != v->group)
                                continue;
                        vgpu_verdict(v, p, reservation, &verdict, &remedy);
                        visitor->pgpu(c->host, v, &verdict, &remedy, visitor->userdata);
                }
        }
}

int visit_candidate(Ranking *r, const Candidate *c, const AllocVisitor *visitor, bool chosen) {
        _cleanup_host_remedy_ HostRemedy remedy = {};
        Pgpu *pgpus[DEMAND_VGPUS_MAX] = {};
        HostVerdict v = {
                .host = c->host,
                .code = candidate_code(c),
                .score = r->demand.n_vgpus > 0 ? c->scores[0] : 0,
                .chosen = chosen,
                .demand = &r->demand,
                .candidate = c,
                .remedy = &remedy,
        };
        int error = 0;

        visit_pgpus(r, c, visitor);
        if (!visitor->host)
                return 0;
        if (v.code != ERROR_NONE)
                error = host_remedy(r, &r->demand, c, &remedy);
        else {
                v.pgpus = pgpus;
                if (r->demand.n_vgpus > 0)
                        error = ranking_assigner(r) ? assigner_try(r->assigner, c->host, pgpus) : -ENOMEM;
        }
        if (error >= 0)
                visitor->host(&v, visitor->userdata);
        return MIN_OF(error, 0);
}
