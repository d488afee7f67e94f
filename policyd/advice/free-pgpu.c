/*
 * Freeing a PGPU
 *
 * An attempt takes all VMs of a PGPU, and other VMs that are in their way, and places them anew without that
 * PGPU. Attempts are made in the order of their restarts, first those that move no other VM; an attempt that
 * fails adds attempts with more VMs that could make room. So the first attempt in which all VMs find a place
 * has the fewest restarts. If none succeeds, the reason is that of the PGPU that came nearest, or, if no PGPU
 * can be tried, what prevents it.
 */

#include "policyd/advice/attempts.h"
#include "policyd/decide/decider.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/words/decision-words.h"

#define PGPUS_TRIED_MAX 128

void pgpu_plan_done(PgpuPlan *p) {
        moves_done(&p->moves);
        free(p->reason);
        *p = (PgpuPlan){};
}

/* Whether a PGPU could be emptied at all; what stays comes before what passes. */
typedef enum Obstacle {
        OBSTACLE_NONE,
        OBSTACLE_TYPE,     /* it does not support the type */
        OBSTACLE_UNUSABLE, /* its host, or it, cannot be used */
        OBSTACLE_HVM,      /* its host has none */
        OBSTACLE_IOMMU,    /* its host has none, and the type needs it */
        OBSTACLE_OUTSIDE,  /* a VM that is not of the pool runs there */
        OBSTACLE_HELD,     /* by reservations */
        OBSTACLE_STARTING, /* a VM there does not run yet */
        _OBSTACLE_MAX,
} Obstacle;

typedef struct FreeCandidate {
        Pgpu *pgpu;
        size_t n_vms;
        bool enable;
} FreeCandidate;

typedef struct FreeSearch {
        FreeCandidate *candidates;
        size_t n, n_left_out;
        /* The PGPUs that cannot be tried: how many for each obstacle, and the first of them. */
        size_t n_stuck[_OBSTACLE_MAX];
        const Pgpu *stuck[_OBSTACLE_MAX];
        bool any_stuck;
} FreeSearch;

static void search_done(FreeSearch *s) {
        free(s->candidates);
}

static int compare_candidates(const void *a, const void *b) {
        const FreeCandidate *x = a, *y = b;

        if (x->n_vms != y->n_vms)
                return x->n_vms < y->n_vms ? -1 : 1;
        if (x->enable != y->enable)
                return x->enable ? 1 : -1;
        return pgpu_compare(x->pgpu, y->pgpu);
}

static const Vgpu *find_starting(const Pgpu *p) {
        for_each(const Vgpu, v, &p->vgpus)
                if (v->resident_on != p || v->vm->resident_on != p->host || v->scheduled_on ||
                        v->vm->scheduled_on)
                        return v;
        return NULL;
}

static Obstacle find_obstacle(const Pgpu *p, const VgpuType *t) {
        if (!ptr_array_contains(&p->supported, t))
                return OBSTACLE_TYPE;
        if (!p->present || !host_is_usable(p->host) || pgpu_is_left_out(p) || pgpu_is_all_suspect(p))
                return OBSTACLE_UNUSABLE;
        if (!p->host->hvm)
                return OBSTACLE_HVM;
        if (!p->host->iommu && type_needs_iommu(t))
                return OBSTACLE_IOMMU;
        if (p->n_outsiders > 0)
                return OBSTACLE_OUTSIDE;
        if (p->holds.n > 0)
                return OBSTACLE_HELD;
        return find_starting(p) ? OBSTACLE_STARTING : OBSTACLE_NONE;
}

static size_t count_vms(const Pgpu *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->vgpus.n; i++)
                n += vgpu_is_first(p, i);
        return n;
}

static int search_init(FreeSearch *s, const GpuGroup *g, const VgpuType *t) {
        s->candidates = calloc(g->pgpus.n + 1, sizeof(FreeCandidate));
        if (!s->candidates)
                return -ENOMEM;

        for_each(Pgpu, p, &g->pgpus) {
                Obstacle o = find_obstacle(p, t);

                if (o == OBSTACLE_NONE)
                        s->candidates[s->n++] = (FreeCandidate){.pgpu = p,
                                .n_vms = count_vms(p),
                                .enable = !ptr_array_contains(&p->enabled, t)};
                else if (s->n_stuck[o]++ == 0) {
                        s->stuck[o] = p;
                        s->any_stuck = true;
                }
        }

        qsort(s->candidates, s->n, sizeof(FreeCandidate), compare_candidates);
        s->n_left_out = s->n - MIN_OF(s->n, (size_t) PGPUS_TRIED_MAX);
        s->n -= s->n_left_out;
        return 0;
}

/* Words */

/* "Of the group's 8 PGPUs 6 are held by reservations, 2 have VMs that are starting." */
static void sentence_stuck(StrBuf *b, const FreeSearch *s, const GpuGroup *g) {
        static const char *const words[_OBSTACLE_MAX][2] = {
                [OBSTACLE_TYPE] = {"does not support it", "do not support it"},
                [OBSTACLE_UNUSABLE] = {"cannot be used", "cannot be used"},
                [OBSTACLE_HVM] = {"is on a host without HVM", "are on hosts without HVM"},
                [OBSTACLE_IOMMU] = {"is on a host without an IOMMU", "are on hosts without an IOMMU"},
                [OBSTACLE_OUTSIDE] = {"runs VMs that are not of this pool",
                        "run VMs that are not of this pool"},
                [OBSTACLE_HELD] = {"is held by reservations", "are held by reservations"},
                [OBSTACLE_STARTING] = {"has VMs that are starting", "have VMs that are starting"},
        };
        bool first = true;

        strbuf_addf(b, "Of the group's %zu PGPU%s", g->pgpus.n, PLURAL(g->pgpus.n));
        for (size_t o = 0; o < _OBSTACLE_MAX; o++) {
                if (s->n_stuck[o] == 0)
                        continue;
                strbuf_addf(b, "%s%zu %s", first ? " " : ", ", s->n_stuck[o], words[o][s->n_stuck[o] > 1]);
                first = false;
        }
        strbuf_add(b, ".");
}

/* What would let one of them be tried: to wait is named before releasing a reservation, that before work on a host. */
static void sentence_unstick(StrBuf *b, const FreeSearch *s) {
        if (s->stuck[OBSTACLE_STARTING])
                sentence_step(b, "wait until VM '%s' runs",
                        find_starting(s->stuck[OBSTACLE_STARTING])->vm->name_label);
        else if (s->stuck[OBSTACLE_HELD]) {
                sentence_step(b, "destroy ");
                (void) sentence_reservations(b, "", &s->stuck[OBSTACLE_HELD]->holds, NULL);
        } else if (s->stuck[OBSTACLE_OUTSIDE])
                sentence_end_outsiders(b, s->stuck[OBSTACLE_OUTSIDE]);
        else if (s->stuck[OBSTACLE_UNUSABLE]) {
                const Pgpu *p = s->stuck[OBSTACLE_UNUSABLE];

                if (host_is_usable(p->host))
                        sentence_recover(b, p);
                else
                        sentence_make_usable(b, p->host);
        } else if (s->stuck[OBSTACLE_IOMMU])
                sentence_step(b, "switch the IOMMU on in the firmware of %s",
                        s->stuck[OBSTACLE_IOMMU]->host->name_label);
        else if (s->stuck[OBSTACLE_HVM])
                sentence_step(
                        b, "switch HVM on in the firmware of %s", s->stuck[OBSTACLE_HVM]->host->name_label);
}

/* Why nothing can be tried. */
static int explain_stuck(const FreeSearch *s, const GpuGroup *g, char **ret) {
        _cleanup_strbuf_ StrBuf b = {}, steps = {};

        sentence_stuck(&b, s, g);
        sentence_unstick(&steps, s);
        b.error = b.error ?: steps.error;
        if (steps.len > 0)
                strbuf_addf(&b, " %s, and ask again.", steps.text);
        return strbuf_give(&b, ret);
}

/* Why the PGPU that comes nearest cannot be emptied, and what keeps others from being tried. */
static int explain_nearest(const FreeSearch *s, const GpuGroup *g, const Attempts *a, const Pgpu *p,
        const Moves *moves, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "PGPU %s comes nearest, but ", p->name);
        if (moves->n == 1)
                strbuf_add(&b, "its VM finds no room elsewhere.");
        else if (moves->n_failed == moves->n)
                strbuf_addf(&b, "none of its %zu VMs finds room elsewhere.", moves->n);
        else
                strbuf_addf(&b, "%zu of its %zu VMs find%s no room elsewhere.", moves->n_failed, moves->n,
                        moves->n_failed == 1 ? "s" : "");
        for (size_t i = 0; i < moves->n; i++) {
                const Move *m = &moves->items[i];

                if (m->to)
                        continue;
                strbuf_addf(&b, " VM '%s': %s", m->vm->name_label, m->reason);
                break;
        }
        if (a->fewest_cut == SIZE_MAX)
                strbuf_add(&b, " Nor is there room when VMs that stand elsewhere are restarted too.");
        else
                strbuf_addf(&b,
                        " Restarting VMs that stand elsewhere too was tried in %zu ways, which are not all.",
                        a->n_tried);
        if (s->any_stuck) {
                strbuf_add(&b, " ");
                sentence_stuck(&b, s, g);
        }
        return strbuf_give(&b, ret);
}

/* One for each candidate alone. */
static int attempts_begin(Attempts *a, const FreeSearch *s, const GpuGroup *g, const VgpuType *t) {
        int r = 0;

        attempts_init(a, g);
        if (s->n_left_out > 0)
                attempts_cut(a, s->candidates[s->n].n_vms);
        for (size_t i = 0; i < s->n && r >= 0; i++) {
                const FreeCandidate *c = &s->candidates[i];

                r = attempts_add(a, &(Attempt){.pgpu = c->pgpu,
                                            .type = t,
                                            .enable = c->enable,
                                            .n_restarts = c->n_vms,
                                            .at_least = c->n_vms});
        }
        return r;
}

/* The first attempt that succeeds, or why there is none. */
static int try_candidates(
        Relocation *l, const FreeSearch *s, const GpuGroup *g, const VgpuType *t, PgpuPlan *ret) {
        _cleanup_attempts_ Attempts attempts = {};
        _cleanup_moves_ Moves nearest = {};
        const Pgpu *nearest_pgpu = NULL;
        int r;

        r = attempts_begin(&attempts, s, g, t);
        while (r >= 0) {
                const Attempt *i = attempts_next(&attempts);
                _cleanup_moves_ Moves moves = {};

                if (!i)
                        break;
                r = attempts_try(&attempts, l, i, &moves);
                if (r > 0) {
                        ret->pgpu = i->pgpu;
                        ret->enable = i->enable;
                        ret->incomplete = attempts.fewest_cut < i->n_restarts;
                        ret->moves = moves;
                        moves = (Moves){};
                        return 0;
                }
                if (r < 0 || i->others.n > 0 || moves.n == 0 ||
                        (nearest_pgpu && moves.n_failed >= nearest.n_failed))
                        continue;
                nearest_pgpu = i->pgpu;
                moves_done(&nearest);
                nearest = moves;
                moves = (Moves){};
        }
        if (r < 0)
                return r;

        ret->incomplete = attempts.fewest_cut < SIZE_MAX;
        /* No attempt failed for lack of room, but each host prefers another PGPU with room. That one is
         * stuck, or it would have been chosen. */
        if (!nearest_pgpu)
                return explain_stuck(s, g, &ret->reason);
        return explain_nearest(s, g, &attempts, nearest_pgpu, &nearest, &ret->reason);
}

int plan_free_pgpu(Pool *pool, const GpuGroup *g, const VgpuType *t, PgpuPlan *ret) {
        _cleanup_(search_done) FreeSearch search = {};
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        _cleanup_relocation_ Relocation l;
        int r;

        relocation_init(&l, pool);
        r = search_init(&search, g, t);
        if (r >= 0 && search.n == 0)
                r = explain_stuck(&search, g, &plan.reason);
        else if (r >= 0)
                r = try_candidates(&l, &search, g, t, &plan);
        if (r < 0)
                return r;

        *ret = plan;
        plan = (PgpuPlan){};
        return 0;
}
