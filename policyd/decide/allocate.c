/*
 * Deciding and booking
 *
 * A start takes the first host of the ranking that passes every check; the assignment on it is computed
 * again, since keeping one for each host would cost more than it saves. Booking changes the model in the same
 * step as the decision was made on it, so that two starts never get one slot.
 */

#include "policyd/decide/decider.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/quota.h"
#include "policyd/words/sentence.h"

#define RESERVATIONS_TRIED_MAX 4 /* of an owner over its quota */

void allocation_done(Allocation *a) {
        refusal_done(&a->refusal);
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

static bool reservation_is_for(const Reservation *reservation, const Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                if (v->type == reservation->type && v->group == reservation->group)
                        return reservation->holds.n > 0;
        }

        return false;
}

/* What the owner's own reservations hold is in use already: a start that names one may keep the quota. */
static int find_reservation_of_owner(const Ranking *r, const Reservation **ret) {
        const Vm *vm = r->request->vm;
        size_t n_tried = 0;

        for (size_t i = 0; i < vm->owned_by->reservations.n && n_tried < RESERVATIONS_TRIED_MAX; i++) {
                const Reservation *own = vm->owned_by->reservations.items[i];
                _cleanup_(allocation_done) Allocation a = {};
                AllocRequest request = *r->request;
                int error;

                if (!reservation_is_for(own, vm))
                        continue;
                n_tried++;
                request.reservation = own;
                error = allocate(r->pool, &request, NULL, &a);
                if (error < 0)
                        return error;
                if (a.refusal.code == ERROR_NONE) {
                        *ret = own;
                        return 0;
                }
        }

        return 0;
}

/* What makes room under a quota makes none on hosts; and a reservation may spare it. */
static int refuse_over_quota(const Ranking *r, bool any_could, Refusal *refusal) {
        const Reservation *own = NULL;
        _cleanup_strbuf_ StrBuf b = {};
        int error = 0;

        if (!r->request->reservation && !r->request->rehearsal)
                error = find_reservation_of_owner(r, &own);
        if (error < 0)
                return error;

        strbuf_add(&b, refusal->message);
        if (!any_could)
                strbuf_add(&b, " As things are, no host could take it either; vm-explain tells of each.");
        if (own)
                strbuf_addf(&b, " With reservation '%s' it could start now.", own->name_label);
        return refusal_take(refusal, ERROR_QUOTA_EXCEEDED, &b);
}

static int decide(Ranking *r, const AllocVisitor *visitor, Allocation *ret) {
        const Candidate *chosen = NULL;
        bool any_could = false;
        int error;

        error = refuse_vm(r->request->vm, &ret->refusal);
        if (error >= 0 && ret->refusal.code == ERROR_NONE)
                error = quota_check_start(r->pool, r->request, /* pgpus_or_null= */ NULL, &ret->refusal);
        if (error < 0)
                return error;

        memcpy(ret->counts, r->counts, sizeof(ret->counts));
        ret->n_connecting = r->n_connecting;
        for (size_t i = 0; i < r->n; i++) {
                const Candidate *c = &r->candidates[i];
                bool is_best = !chosen && candidate_code(c) == ERROR_NONE && ret->refusal.code == ERROR_NONE;

                any_could |= candidate_code(c) == ERROR_NONE;
                if (is_best)
                        chosen = c;
                if (visitor) {
                        error = visit_candidate(r, c, visitor, is_best);
                        if (error < 0)
                                return error;
                }
        }

        if (ret->refusal.code == ERROR_QUOTA_EXCEEDED)
                return refuse_over_quota(r, any_could, &ret->refusal);
        if (ret->refusal.code != ERROR_NONE)
                return 0;
        if (!chosen)
                return refuse_start(r, &ret->refusal, &ret->nearest);

        allocation_list_runners_up(r, chosen, ret);
        error = allocation_choose(r, chosen, ret);
        /* Its reservation may hold room elsewhere than where it goes. */
        if (error >= 0 && r->request->reservation)
                error = quota_check_start(r->pool, r->request, ret->pgpus, &ret->refusal);
        return error;
}

int allocate(
        const Pool *pool, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret) {
        _cleanup_(allocation_done) Allocation a = {};
        _cleanup_ranking_ Ranking r;
        int error;

        ranking_init(&r);
        /* A visitor wants to hear of every host. */
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

int allocation_apply(Pool *pool, Vm *vm, Reservation *reservation_or_null, const Allocation *a) {
        int r;

        if (a->refusal.code != ERROR_NONE || !a->host || a->n_pgpus != vm->vgpus.n)
                return -EINVAL;

        /* What the start uses up of its reservation is given free first, so that nothing counts twice. */
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

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];
                Pgpu *p = v->scheduled_on;

                if (!p)
                        continue;
                (void) pool_set_vgpu_scheduled(pool, v, NULL);
                /* What became resident is spent; what did not is held again, where it was. */
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
