/*
 * Why a start is refused
 *
 * Where the GPUs of some host would fit, what is missing there is the answer (the host that lacks least
 * memory, if it is memory). Else it is the nearest miss of the GPUs over the hosts that pass every other
 * check, or, where none does, over all usable hosts.
 */

#include "policyd/decide/denial.h"
#include "policyd/pool/pool-internal.h"

Denial *denial_free(Denial *d) {
        if (d)
                host_remedy_done(&d->remedy);
        free(d);
        return NULL;
}

/* *ret NULL: the request asks for no reason. */
static int deny(const Ranking *r, ErrorCode code, DenialKind kind, Allocation *a, Denial **ret) {
        *ret = NULL;
        a->refusal.code = code;
        if (r->request->without_reason)
                return 0;

        a->denial = *ret = calloc(1, sizeof(Denial));
        if (!a->denial)
                return -ENOMEM;
        a->denial->kind = kind;
        a->denial->demand = r->demand;
        return 0;
}

/* The demand is the denial's own. */
static const DemandKind *denial_kind(const Denial *d, const Ranking *r, const DemandKind *k) {
        return k ? &d->demand.kinds[k - r->demand.kinds] : NULL;
}

/* VGPUs need HVM; what is passed through needs all memory from the start. */
int deny_vm(const Ranking *r, Allocation *ret) {
        const Vm *vm = r->request->vm;
        Denial *d;
        int error;

        if (vm->vgpus.n > 0 && !vm->hvm)
                return deny(r, ERROR_FEATURE_REQUIRES_HVM, DENIAL_NEEDS_HVM, ret, &d);
        if (vm->target_is_max)
                return 0;
        if (vm->hvm && vm_passes_functions(vm))
                return deny(r, ERROR_INVALID_RECORD, DENIAL_FUNCTION_MEMORY, ret, &d);

        for_each(const Vgpu, v, &vm->vgpus) {
                if (!type_needs_iommu(v->type))
                        continue;
                error = deny(r, ERROR_INVALID_RECORD, DENIAL_TYPE_MEMORY, ret, &d);
                if (d)
                        d->type = v->type;
                return error;
        }

        return 0;
}

int deny_over_quota(const Ranking *r, Pgpu *const *pgpus, Allocation *ret) {
        const Vm *vm = r->request->vm;
        QuotaNeed needs[DEMAND_VGPUS_MAX];
        QuotaExcess excess;
        Denial *d;
        int error;
        size_t n;

        if (!vm->owned_by || r->pool->objects[CLASS_QUOTA].n == 0)
                return 0;
        n = quota_vm_needs(vm, r->request->reservation, pgpus, needs);
        if (!quota_exceeded(r->pool, vm->owner, needs, n, &excess))
                return 0;
        error = deny(r, ERROR_QUOTA_EXCEEDED, DENIAL_QUOTA, ret, &d);
        if (d) {
                d->quota = excess;
                d->hosts_could = pgpus;
        }
        return error;
}

/* The host where the GPUs fit and the least else is missing; of hosts without the memory, the one that lacks
 * least of it. */
static const Candidate *nearest_of_others(const Ranking *r) {
        const Candidate *best = NULL;

        for (size_t i = 0; i < r->n_fit; i++) {
                const Candidate *c = &r->candidates[i];
                bool c_memory = c->other == ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
                bool best_memory = best && best->other == ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;

                if (!best || (c_memory && (!best_memory || c->memory_available > best->memory_available)))
                        best = c;
        }

        return best;
}

static bool is_nearer_candidate(const Candidate *c, const Candidate *best) {
        if (!best)
                return true;
        if ((c->other == ERROR_NONE) != (best->other == ERROR_NONE))
                return c->other == ERROR_NONE;
        if (error_code_nearness(c->gpu) != error_code_nearness(best->gpu))
                return error_code_nearness(c->gpu) > error_code_nearness(best->gpu);
        return c->nearest.pgpu && verdict_is_nearer(&c->nearest, &best->nearest);
}

/* A host without a PGPU of the group passes no GPU check and so is no near miss while another has one. */
static const Candidate *nearest_of_gpus(const Ranking *r) {
        const Candidate *best = NULL;

        for (int with_pgpu = 1; with_pgpu >= 0 && !best; with_pgpu--)
                for (size_t i = r->n_fit; i < r->n; i++) {
                        const Candidate *c = &r->candidates[i];

                        if (c->usable == ERROR_NONE && (c->nearest.pgpu || !with_pgpu) &&
                                is_nearer_candidate(c, best))
                                best = c;
                }

        return best;
}

static int deny_on_host(const Ranking *r, const Candidate *c, Allocation *ret) {
        Denial *d;
        int error;

        if (c->usable == ERROR_NONE && c->gpu != ERROR_NONE)
                ret->nearest = c->nearest;
        error = deny(r, candidate_code(c), DENIAL_HOST, ret, &d);
        if (!d)
                return error;

        d->candidate = *c;
        d->candidate.scores = NULL;
        d->candidate.kind = denial_kind(d, r, c->kind);
        return host_remedy(r, &d->demand, &d->candidate, &d->remedy);
}

static int deny_without_hosts(const Ranking *r, Allocation *ret) {
        Denial *d;
        int error;

        if (r->request->only)
                return deny_on_host(r, &r->candidates[0], ret);
        error = deny(r, ERROR_NO_HOSTS_AVAILABLE, r->n > 0 ? DENIAL_NONE_USABLE : DENIAL_NO_HOSTS, ret, &d);
        return d && r->n > 0 ? unusable_host_remedy(r, &d->demand, NULL, &d->remedy) : error;
}

static int deny_empty_group(const Ranking *r, const DemandKind *k, Allocation *ret) {
        Denial *d;
        int error;

        error = deny(r, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, DENIAL_EMPTY_GROUP, ret, &d);
        if (d) {
                d->asked = denial_kind(d, r, k);
                pgpu_remedy_elsewhere(k->type, &d->demand, &d->remedy.pgpu);
        }
        return error;
}

/* Where all PGPUs of a group are on hosts that cannot be used, the nearest miss is one of those. */
static int deny_unusable_group(const Ranking *r, const DemandKind *k, Allocation *ret) {
        _cleanup_host_remedy_ HostRemedy remedy = {};
        Denial *d;
        int error;

        error = unusable_host_remedy(r, &r->demand, k->group, &remedy);
        if (error < 0)
                return error;
        pgpu_verdict(host_group_pgpu(remedy.host, k->group), k->type, r->request->reservation, &ret->nearest);
        error = deny(r, k->passthrough ? ERROR_VM_REQUIRES_GPU : ret->nearest.code, DENIAL_UNUSABLE_GROUP,
                ret, &d);
        if (!d)
                return error;

        d->asked = denial_kind(d, r, k);
        d->remedy = remedy;
        d->remedy.then.kind = denial_kind(d, r, remedy.then.kind);
        remedy = (HostRemedy){};
        return 0;
}

/* Stops at the first usable PGPU, so it takes long only for a group whose hosts all cannot be used. */
static bool group_is_usable(const GpuGroup *g) {
        for (size_t i = 0; i < g->pgpus.n; i++)
                if (host_is_usable(((Pgpu *) g->pgpus.items[i])->host))
                        return true;

        return false;
}

int deny_start(const Ranking *r, Allocation *ret) {
        bool usable = false;

        for (size_t i = 0; i < r->n; i++)
                usable |= r->candidates[i].usable == ERROR_NONE;
        if (!usable)
                return deny_without_hosts(r, ret);

        for (size_t k = 0; k < r->demand.n_kinds; k++) {
                const DemandKind *kind = &r->demand.kinds[k];

                if (kind->group->pgpus.n == 0)
                        return deny_empty_group(r, kind, ret);
                if (!r->request->only && !group_is_usable(kind->group))
                        return deny_unusable_group(r, kind, ret);
        }

        return deny_on_host(r, nearest_of_others(r) ?: nearest_of_gpus(r), ret);
}
