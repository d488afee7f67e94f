/*
 * Deciding and booking
 *
 * A start takes the first host of the ranking that passes every check; the assignment on it is computed
 * again, since keeping one for each host would cost more than it saves. Booking changes the model in the same
 * step as the decision was made on it, so that two starts never get one slot.
 */

#include "policyd/decide/denial.h"
#include "policyd/pool/pool-internal.h"

#define RESERVATIONS_TRIED_MAX 4 /* of an owner over its quota */

void allocation_done(Allocation *a) {
        refusal_done(&a->refusal);
        denial_free(a->denial);
        free(a->pgpus);
        *a = (Allocation){};
}

static int allocation_choose(Ranking *r, const Candidate *chosen, Allocation *ret) {
        size_t n = r->demand.n_vgpus;
        int error;

        ret->pgpus = calloc(n + 1, sizeof(Pgpu *));
        if (!ret->pgpus)
                return -ENOMEM;

        if (n > 0) {
                error = ranking_assigner(r) ? assigner_try(r->assigner, chosen->host, ret->pgpus) : -ENOMEM;
                if (error < 0)
                        return error;
        }

        ret->n_pgpus = n;
        ret->host = (Host *) chosen->host;
        ret->score = n > 0 ? chosen->scores[0] : 0;
        return 0;
}

/* Those that could have run it too, best first: the decision record names them. */
static void allocation_list_runners_up(const Ranking *r, const Candidate *chosen, Allocation *ret) {
        for (size_t i = 0; i < r->n_fit && ret->n_runners_up < ALLOC_RUNNERS_UP; i++) {
                const Candidate *c = &r->candidates[i];

                if (c == chosen || c->other != ERROR_NONE)
                        continue;
                ret->runners_up[ret->n_runners_up].host = (Host *) c->host;
                ret->runners_up[ret->n_runners_up++].score = r->demand.n_vgpus > 0 ? c->scores[0] : 0;
        }
}

static int decide(Ranking *r, const AllocVisitor *visitor, Allocation *ret) {
        const Candidate *chosen = NULL;
        bool hosts_could = false;
        int error;

        error = deny_vm(r, ret);
        if (error >= 0 && ret->refusal.code == ERROR_NONE)
                error = deny_over_quota(r, /* pgpus= */ NULL, ret);
        if (error < 0)
                return error;

        memcpy(ret->counts, r->counts, sizeof(ret->counts));
        ret->n_hosts = r->n_hosts;
        ret->n_gone = r->n_gone;
        ret->n_connecting = r->n_connecting;
        for (size_t i = 0; i < r->n; i++) {
                const Candidate *c = &r->candidates[i];
                bool is_best = !chosen && candidate_code(c) == ERROR_NONE && ret->refusal.code == ERROR_NONE;

                hosts_could |= candidate_code(c) == ERROR_NONE;
                if (is_best)
                        chosen = c;
                if (visitor) {
                        error = visit_candidate(r, c, visitor, is_best);
                        if (error < 0)
                                return error;
                }
        }

        if (ret->denial)
                ret->denial->hosts_could = hosts_could;
        if (ret->refusal.code != ERROR_NONE)
                return 0;
        if (!chosen)
                return deny_start(r, ret);

        allocation_list_runners_up(r, chosen, ret);
        error = allocation_choose(r, chosen, ret);
        /* The reservation may hold room on other PGPUs than the chosen ones, so the quota is checked again. */
        if (error >= 0 && r->request->reservation)
                error = deny_over_quota(r, ret->pgpus, ret);
        return error;
}

int allocate(
        const Pool *pool, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret) {
        _cleanup_(allocation_done) Allocation a = {};
        _cleanup_ranking_ Ranking r;
        int error;

        ranking_init(&r);
        /* A visitor is called for every host, so every host is evaluated. */
        error = visitor_or_null ? 0 : ranking_from_scores(&r, pool, request);
        if (error <= 0) {
                ranking_done(&r);
                error = ranking_scan(&r, pool, request);
        }
        if (error >= 0)
                error = decide(&r, visitor_or_null, &a);
        if (error < 0)
                return error;

        *ret = a;
        a = (Allocation){};
        return 0;
}

/* Another decision */

static bool reservation_is_for(const Reservation *reservation, const Vm *vm) {
        for_each(const Vgpu, v, &vm->vgpus)
                if (v->type == reservation->type && v->group == reservation->group)
                        return reservation->holds.n > 0;

        return false;
}

/* Held instances of the owner's reservations count as used already, so a start that names one may keep the quota. */
static int try_reservations(const Pool *pool, AllocRequest *request, const Reservation **ret) {
        const PtrArray *own = &request->vm->owned_by->reservations;
        size_t n_tried = 0;

        for (size_t i = 0; i < own->n && n_tried < RESERVATIONS_TRIED_MAX && !*ret; i++) {
                _cleanup_(allocation_done) Allocation a = {};
                int error;

                request->reservation = own->items[i];
                if (!reservation_is_for(request->reservation, request->vm))
                        continue;
                n_tried++;
                error = allocate(pool, request, NULL, &a);
                if (error < 0)
                        return error;
                if (a.refusal.code == ERROR_NONE)
                        *ret = request->reservation;
        }

        return 0;
}

static int try_hosts(const Pool *pool, AllocRequest *request, const Host **ret) {
        _cleanup_(allocation_done) Allocation a = {};
        const Host *named = request->only;
        int error;

        request->only = NULL;
        error = allocate(pool, request, NULL, &a);
        if (error >= 0 && a.host != named)
                *ret = a.host;
        return error;
}

int allocate_otherwise(const Pool *pool, const AllocRequest *request, Allocation *a) {
        AllocRequest other = *request;
        Denial *d = a->denial;

        other.without_reason = true;
        if (d && d->kind == DENIAL_QUOTA && !request->reservation)
                return try_reservations(pool, &other, &d->other_reservation);
        if (d && d->kind == DENIAL_HOST && request->only)
                return try_hosts(pool, &other, &d->other_host);
        return 0;
}

int allocation_apply(Pool *pool, Vm *vm, Reservation *reservation_or_null, const Allocation *a) {
        int r;

        if (a->refusal.code != ERROR_NONE || !a->host || a->n_pgpus != vm->vgpus.n)
                return -EINVAL;

        /* The holds that the start uses up are released first, so that nothing counts twice. */
        r = pool_set_vm_scheduled(pool, vm, a->host);
        for (size_t i = 0; r >= 0 && i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                v->used_hold = reservation_serves(reservation_or_null, a->pgpus[i], v->type) &&
                               pgpu_own_holds(a->pgpus[i], reservation_or_null) > 0;
                if (v->used_hold) {
                        pool_unhold(pool, reservation_or_null, a->pgpus[i]);
                        vm->reservation = reservation_or_null;
                }
                r = pool_set_vgpu_scheduled(pool, v, a->pgpus[i]);
        }

        if (r < 0)
                (void) allocation_release(pool, vm);
        return r;
}

int allocation_release(Pool *pool, Vm *vm) {
        Reservation *reservation = vm->reservation;
        int r = 0;

        for_each(Vgpu, v, &vm->vgpus) {
                Pgpu *p = v->scheduled_on;

                if (!p)
                        continue;
                (void) pool_set_vgpu_scheduled(pool, v, NULL);
                /* A hold whose VGPU became resident is used up; any other is held again on its PGPU. */
                if (v->used_hold && v->resident_on != p && reservation &&
                        reservation_serves(reservation, p, v->type) && pool_hold(pool, reservation, p) < 0)
                        r = -ENOMEM;
                v->used_hold = false;
        }

        (void) pool_set_vm_scheduled(pool, vm, NULL);
        if (reservation) {
                vm->reservation = NULL;
                object_note(pool, &vm->object, 0, /* store= */ true);
        }
        return r;
}
