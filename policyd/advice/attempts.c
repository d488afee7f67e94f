/*
 * Attempts to free a PGPU
 *
 * The attempt with the fewest restarts is tried first; of equals, the one that was added first. An attempt that is derived
 * from a failed one has more restarts than it. If an attempt can be derived in several ways, it is in the list once.
 */

#include "policyd/advice/attempts.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"

static uint64_t free_units(const GpuGroup *g) {
        uint64_t n = 0;

        for_each(const Pgpu, p, &g->pgpus)
                if (p->present && host_is_usable(p->host))
                        n += PGPU_SIZE - MIN_OF(p->used, PGPU_SIZE);
        return n;
}

void attempts_init(Attempts *a, const GpuGroup *g) {
        *a = (Attempts){
                .n_tried_max = MIN_OF((size_t) CHAINS_TRIED_MAX, CHAIN_PGPUS_MAX / (g->pgpus.n + 1)),
                .free = free_units(g),
                .fewest_cut = SIZE_MAX,
        };
}

void attempts_done(Attempts *a) {
        for (size_t i = 0; i < a->all.n; i++)
                free(a->all.items[i]);
        ptr_array_done(&a->all);
}

static bool attempt_equal(const Attempt *x, const Attempt *y) {
        return x->pgpu == y->pgpu && x->others.n == y->others.n &&
               memcmp(x->others.vms, y->others.vms, x->others.n * sizeof(Vm *)) == 0;
}

int attempts_add(Attempts *a, const Attempt *attempt) {
        Attempt *n;

        for (size_t i = 0; i < a->all.n; i++)
                if (attempt_equal(a->all.items[i], attempt))
                        return 0;
        if (ptr_array_reserve(&a->all, 1) < 0)
                return -ENOMEM;
        n = malloc(sizeof(Attempt));
        if (!n)
                return -ENOMEM;

        *n = *attempt;
        n->begun = false;
        return ptr_array_add(&a->all, n);
}

const Attempt *attempts_next(Attempts *a) {
        Attempt *next = NULL;

        for_each(Attempt, other, &a->all)
                if (!other->begun && (!next || other->at_least < next->at_least))
                        next = other;
        if (next)
                next->begun = true;
        return next;
}

/* The VGPUs of the group need the same size wherever they are moved: if less than one PGPU is free in sum,
 * none can be freed. */
static bool attempts_are_vain(const Attempts *a) {
        return a->free < PGPU_SIZE;
}

void attempts_cut(Attempts *a, size_t n_restarts) {
        if (!attempts_are_vain(a))
                a->fewest_cut = MIN_OF(a->fewest_cut, n_restarts);
}

typedef struct Follow {
        Attempts *attempts;
        const Attempt *failed;
        const Relocation *moved;
        size_t n_added[2]; /* without, and with, room for all VMs of the set */
} Follow;

/* Looks for room in the pool as it is, and on the PGPUs that the moved VMs have left. */
static bool vgpu_has_room(const Follow *f, const Vgpu *v) {
        Attempts *a = f->attempts;
        Room *room = NULL;

        for (size_t i = 0; i < MIN_OF(a->n_rooms, ARRAY_SIZE(a->rooms)) && !room; i++)
                if (a->rooms[i].group == v->group && a->rooms[i].type == v->type)
                        room = &a->rooms[i];
        if (!room) {
                room = &a->rooms[a->n_rooms++ % ARRAY_SIZE(a->rooms)];
                *room = (Room){v->group, v->type, group_capacity(v->group, v->type, NULL) > 0};
        }

        for (size_t i = 0; i < f->moved->n && !room->any; i++)
                for (size_t j = 0; j < f->moved->items[i].vm->vgpus.n; j++)
                        if (f->moved->items[i].pgpus[j]->group == v->group &&
                                pgpu_capacity(f->moved->items[i].pgpus[j], v->type) > 0)
                                return true;
        return room->any;
}

static bool displaced_have_room(const Follow *f, const Displaced *d) {
        for (size_t i = 0; i < d->n; i++)
                for (size_t j = 0; j < d->vms[i]->vgpus.n; j++)
                        if (!vgpu_has_room(f, d->vms[i]->vgpus.items[j]))
                                return false;
        return true;
}

/* Adds the failed attempt with these VMs moved too. If one of them has no room, at least one more VM must be
 * moved. */
static int follow(const Displaced *d, void *userdata) {
        Follow *f = userdata;
        Attempt next = *f->failed;
        bool fits = d->n > 0, has_room;

        for (size_t i = 0; i < d->n && fits; i++)
                fits = displaced_add(&next.others, d->vms[i]);
        if (!fits || f->attempts->n_seen == FOLLOWERS_SEEN_MAX) {
                attempts_cut(f->attempts, next.n_restarts + 1);
                return fits;
        }
        f->attempts->n_seen++;

        has_room = displaced_have_room(f, d);
        next.n_restarts += next.others.n - f->failed->others.n;
        next.at_least = next.n_restarts + !has_room;
        if (f->n_added[has_room]++ < FOLLOWERS_ADDED_MAX)
                return attempts_add(f->attempts, &next);
        attempts_cut(f->attempts, next.at_least);
        return f->n_added[!has_room] >= FOLLOWERS_ADDED_MAX;
}

/* The VMs that found no place come first, because they matter most; the others' possible places matter
 * too. */
static int follow_all(Attempts *a, const Relocation *c, const Attempt *failed) {
        Follow f = {.attempts = a, .failed = failed, .moved = c};
        int r = 0;

        if (attempts_are_vain(a))
                return 0;
        if (a->n_tried >= a->n_tried_max) {
                attempts_cut(a, failed->n_restarts + 1);
                return 0;
        }

        for (size_t i = 0; i < c->n && r == 0; i++)
                r = displaced_for(c, c->items[i].vm, follow, &f);
        return r < 0 ? r : 0;
}

static int take_all(Relocation *c, const Attempt *attempt) {
        size_t n = attempt->pgpu->vgpus.n;
        Vgpu *vgpus[n + 1];
        int r = 0;

        for (size_t i = 0; i < n; i++)
                vgpus[i] = attempt->pgpu->vgpus.items[i];
        for (size_t i = 0; i < n && r >= 0; i++)
                r = relocation_take(c, vgpus[i]->vm);
        for (size_t i = 0; i < attempt->others.n && r >= 0; i++)
                r = relocation_take(c, attempt->others.vms[i]);
        return r;
}

/*
 * A start can name only the host, not the PGPU. If the moved VMs leave another PGPU of the host empty, the
 * group's algorithm must not prefer that one.
 */
static bool host_prefers_another(const Attempt *attempt) {
        const Pgpu *p = attempt->pgpu;
        bool by_fit = p->group->algorithm == ALGORITHM_BEST_FIT;
        uint64_t score = by_fit ? pgpu_fit_score(p, attempt->type, NULL, 1) : 0;

        for_each(const Pgpu, q, &p->host->pgpus) {
                uint64_t other = by_fit ? pgpu_fit_score(q, attempt->type, NULL, 1) : 0;

                if (q == p || q->group != p->group || q->vgpus.n + q->n_outsiders > 0 ||
                        q->standing > p->standing || pgpu_capacity(q, attempt->type) == 0)
                        continue;
                if (q->standing < p->standing || other < score || (other == score && pgpu_compare(q, p) < 0))
                        return true;
        }
        return false;
}

static void mark_others(const Attempt *attempt, Moves *moves) {
        for (size_t i = 0; i < moves->n; i++)
                for (size_t j = 0; j < attempt->others.n; j++)
                        moves->items[i].makes_room |= moves->items[i].vm == attempt->others.vms[j];
}

/* 1: all VMs have places on other PGPUs than the one that is freed. */
static int place_elsewhere(Attempts *a, Relocation *c, const Attempt *attempt, Moves *ret) {
        bool proven = true;
        int placed, r;

        placed = relocation_place(c, ret, &proven);
        relocation_unplace(c);
        if (placed != 0)
                return placed;
        if (!proven)
                attempts_cut(a, attempt->n_restarts);
        r = follow_all(a, c, attempt);
        return r < 0 ? r : 0;
}

int attempts_try(Attempts *a, Relocation *c, const Attempt *attempt, Moves *ret) {
        _cleanup_moves_ Moves moves = {};
        int placed, r;

        if (attempt->others.n > 0 && a->n_tried == a->n_tried_max) {
                attempts_cut(a, attempt->at_least);
                return 0;
        }
        a->n_tried += attempt->others.n > 0;

        placed = take_all(c, attempt);
        if (placed >= 0 && !host_prefers_another(attempt)) {
                pool_set_pgpu_present(c->pool, attempt->pgpu, false);
                placed = place_elsewhere(a, c, attempt, &moves);
                pool_set_pgpu_present(c->pool, attempt->pgpu, true);
        }
        r = placed < 0 ? placed : relocation_undo(c);
        if (r < 0)
                return r;

        mark_others(attempt, &moves);
        *ret = moves;
        moves = (Moves){};
        return placed;
}
