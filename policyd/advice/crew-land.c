/*
 * How a crew lands
 *
 * The largest VGPUs land first: they find room least easily. Who finds none all the same goes first in the
 * next order, since what the others take may be all that it could have. That nearly always strands the
 * fewest. Where it strands more than a bound says, other hosts than the best are tried too, from the last of
 * the crew backwards, as long as landings are left.
 */

#include "policyd/advice/crew.h"
#include "policyd/pool/pool-internal.h"
#include "policyd/decide/verdict.h"
#include "policyd/words/decision-words.h"

#define ORDERS_MAX 32
#define LANDINGS_MAX 2048 /* of one search */
#define HOSTS_TRIED_MAX 8 /* for one VM in one place of the order */

typedef struct Landing {
        Vm *vm;
        Host *host; /* NULL: nowhere */
} Landing;

typedef struct Search {
        Crew *crew;
        Landing *best;   /* in its order, crew->n */
        size_t n_failed; /* of the best */
        size_t bound;    /* no landing strands fewer */
        size_t landings_left;
        bool cut; /* not every host was tried */
} Search;

static void search_done(Search *s) {
        free(s->best);
}

static uint64_t vm_largest(const Vm *vm) {
        uint64_t most = 0;

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const VgpuType *t = ((const Vgpu *) vm->vgpus.items[i])->type;

                most = MAX_OF(most, t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : (uint64_t) t->size);
        }
        return most * (DEMAND_VGPUS_MAX + 1) + vm->vgpus.n;
}

static int compare_lifted(const void *a, const void *b) {
        const Lifted *x = a, *y = b;
        uint64_t p = vm_largest(x->vm), q = vm_largest(y->vm);

        if (p != q)
                return p > q ? -1 : 1;
        return x->vm->object.key < y->vm->object.key ? -1 : x->vm != y->vm;
}

/* 1: it landed; 0: nowhere, and why. */
static int crew_land(Crew *c, const AllocRequest *request, char **ret_reason) {
        Vm *vm = (Vm *) request->vm;
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = allocate(c->copy, request, NULL, &a);
        if (r < 0)
                return r;
        if (a.refusal.code != ERROR_NONE) {
                r = ret_reason ? refuse_start(request, /* brief= */ true, &a) : 0;
                if (r >= 0 && ret_reason)
                        *ret_reason = take_ptr(a.refusal.message);
                return r;
        }
        r = allocation_apply(c->copy, vm, NULL, &a);
        return r < 0 ? r : 1;
}

/* What stands now is the best, when it strands fewer than what was. */
static void search_note(Search *s, size_t n_failed) {
        if (n_failed >= s->n_failed)
                return;
        s->n_failed = n_failed;
        for (size_t i = 0; i < s->crew->n; i++)
                s->best[i] = (Landing){s->crew->items[i].vm, s->crew->items[i].vm->scheduled_on};
}

/* Orders */

/* One after another; how many found nowhere, and the first of them. */
static int crew_land_in_order(Crew *c, size_t *ret_first_failed) {
        int n_failed = 0;

        for (size_t i = 0; i < c->n; i++) {
                int r = crew_land(c, &(AllocRequest){.vm = c->items[i].vm, .without_reason = true}, NULL);

                if (r < 0)
                        return r;
                if (r == 0 && n_failed++ == 0)
                        *ret_first_failed = i;
        }
        return n_failed;
}

/* Who found nowhere goes first, once; false when it was first already. */
static bool crew_promote(Crew *c, size_t i) {
        Lifted l = c->items[i];

        if (l.promoted)
                return false;

        l.promoted = true;
        memmove(&c->items[1], &c->items[0], i * sizeof(Lifted));
        c->items[0] = l;
        return true;
}

static int search_orders(Search *s) {
        Crew *c = s->crew;
        size_t first_failed = 0;
        int n_failed;

        if (c->n > 1)
                qsort(c->items, c->n, sizeof(Lifted), compare_lifted);
        for (size_t i = 0; i < c->n; i++)
                c->items[i].promoted = false;

        for (size_t i = 0; i < ORDERS_MAX; i++) {
                n_failed = crew_land_in_order(c, &first_failed);
                if (n_failed < 0)
                        return n_failed;
                search_note(s, (size_t) n_failed);
                crew_take_off(c);
                if (n_failed == 0 || !crew_promote(c, first_failed))
                        break;
        }
        return 0;
}

/* The bound */

/* How many of the crew have their first VGPU of the same type and group as the i-th and could land alone; 0
 * where one before it has been counted for that. */
static size_t count_kind(const Crew *c, const bool *alone, size_t i) {
        const Vgpu *v = c->items[i].vm->vgpus.n > 0 ? c->items[i].vm->vgpus.items[0] : NULL;
        size_t n = 0;

        for (size_t j = 0; j < c->n && v && alone[i]; j++) {
                const PtrArray *vgpus = &c->items[j].vm->vgpus;
                const Vgpu *w = vgpus->n > 0 ? vgpus->items[0] : NULL;

                if (!alone[j] || !w || w->type != v->type || w->group != v->group)
                        continue;
                if (j < i)
                        return 0;
                n++;
        }
        return n;
}

/* For how many VMs of so much memory there is room. */
static uint64_t count_memory(const Pool *copy, uint64_t memory) {
        const PtrArray *hosts = &copy->objects[CLASS_HOST];
        uint64_t n = 0;

        for (size_t i = 0; i < hosts->n && memory > 0; i++)
                if (host_is_usable(hosts->items[i]))
                        n += host_memory_available(hosts->items[i]) / memory;
        return memory > 0 ? n : UINT64_MAX;
}

/* Who could not land alone cannot land behind others. */
static int search_bound_alone(Search *s, bool *alone) {
        Crew *c = s->crew;

        for (size_t i = 0; i < c->n; i++) {
                int r = crew_land(c, &(AllocRequest){.vm = c->items[i].vm, .without_reason = true}, NULL);

                if (r < 0)
                        return r;
                crew_take_off_vm(c, c->items[i].vm);
                alone[i] = r > 0;
                s->bound += r == 0;
        }
        return 0;
}

/*
 * Of the rest no more can than have room for their first VGPUs, type by type, and no more than have memory if
 * each needed as little as the one that needs least.
 */
static void search_bound_together(Search *s, const bool *alone) {
        Crew *c = s->crew;
        size_t n_alone = c->n - s->bound, n_short = 0;
        uint64_t least = UINT64_MAX, n_memory;

        for (size_t i = 0; i < c->n; i++) {
                size_t n = count_kind(c, alone, i);
                const Vgpu *v = n > 0 ? c->items[i].vm->vgpus.items[0] : NULL;
                uint64_t room = v ? group_capacity(v->group, v->type, NULL) : 0;

                n_short += n > room ? n - (size_t) room : 0;
                least = alone[i] ? MIN_OF(least, c->items[i].vm->memory) : least;
        }
        n_memory = n_alone > 0 ? count_memory(c->copy, least) : 0;
        if (n_memory < n_alone)
                n_short = MAX_OF(n_short, n_alone - (size_t) n_memory);
        s->bound += n_short;
}

static int search_find_bound(Search *s) {
        bool alone[s->crew->n + 1];
        int r;

        r = search_bound_alone(s, alone);
        if (r >= 0 && s->bound < s->n_failed)
                search_bound_together(s, alone);
        return r;
}

/* Other hosts */

static bool search_is_over(const Search *s) {
        return s->n_failed <= s->bound || s->landings_left == 0;
}

static int search_from(Search *s, size_t i, size_t n_failed);

/* The i-th lands on one host after another, and the rest behind it. */
static int search_hosts(Search *s, size_t i, size_t n_failed) {
        Vm *vm = s->crew->items[i].vm;
        const Host *tried[HOSTS_TRIED_MAX];
        AllocRequest request = {.vm = vm, .avoid = tried, .without_reason = true};
        int r;

        while (!search_is_over(s)) {
                if (request.n_avoid == HOSTS_TRIED_MAX) {
                        s->cut = true;
                        break;
                }
                s->landings_left--;
                r = crew_land(s->crew, &request, NULL);
                if (r <= 0)
                        return r;
                tried[request.n_avoid++] = vm->scheduled_on;
                r = search_from(s, i + 1, n_failed);
                crew_take_off_vm(s->crew, vm);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int search_from(Search *s, size_t i, size_t n_failed) {
        int r;

        if (n_failed >= s->n_failed)
                return 0;
        if (i == s->crew->n) {
                search_note(s, n_failed);
                return 0;
        }
        r = search_hosts(s, i, n_failed);
        return r < 0 || search_is_over(s) ? r : search_from(s, i + 1, n_failed + 1);
}

static int search_all(Search *s) {
        int r;

        r = search_orders(s);
        if (r < 0 || s->n_failed == 0)
                return r;
        r = search_find_bound(s);
        if (r < 0 || s->n_failed == s->bound)
                return r;

        s->landings_left = MIN_OF((size_t) LANDINGS_MAX, s->crew->landings_left);
        s->crew->landings_left -= s->landings_left;
        r = search_from(s, 0, 0);
        s->crew->landings_left += s->landings_left;
        return r;
}

/* Moves */

static int land_and_tell(Crew *c, const Pool *pool, const Landing *l, Move *m) {
        const AllocRequest request = {.vm = l->vm, .only = l->host};
        int r;

        r = crew_land(c, &request, &m->reason);
        if (r <= 0)
                return r;
        m->to = pool_get(pool, CLASS_HOST, &l->vm->scheduled_on->object.id);
        if (l->vm->vgpus.n > 0)
                m->pgpu = pool_get(
                        pool, CLASS_PGPU, &((Vgpu *) l->vm->vgpus.items[0])->scheduled_on->object.id);
        return 0;
}

/* The best once more: everyone on their host in its order, and then why the others find nowhere. */
static int search_to_moves(const Search *s, const Pool *pool, Moves *ret) {
        _cleanup_moves_ Moves moves = {.items = calloc(s->crew->n + 1, sizeof(Move))};
        int r = 0;

        if (!moves.items)
                return -ENOMEM;

        for (size_t i = 0; i < s->crew->n; i++) {
                const Vm *vm = pool_get(pool, CLASS_VM, &s->best[i].vm->object.id);

                moves.items[moves.n++] = (Move){.vm = vm, .from = vm->resident_on};
        }
        for (size_t i = 0; i < moves.n && r >= 0; i++)
                if (s->best[i].host)
                        r = land_and_tell(s->crew, pool, &s->best[i], &moves.items[i]);
        for (size_t i = 0; i < moves.n && r >= 0; i++)
                if (!s->best[i].host)
                        r = land_and_tell(s->crew, pool, &s->best[i], &moves.items[i]);
        if (r < 0)
                return r;

        for (size_t i = 0; i < moves.n; i++)
                moves.n_failed += !moves.items[i].to;
        *ret = moves;
        moves = (Moves){};
        return 0;
}

int crew_land_all(Crew *c, const Pool *pool, Moves *ret_moves, bool *ret_proven) {
        _cleanup_(search_done) Search s = {.crew = c, .n_failed = c->n + 1};
        int r;

        s.best = calloc(c->n + 1, sizeof(Landing));
        if (!s.best)
                return -ENOMEM;
        r = search_all(&s);
        if (r >= 0 && ret_moves)
                r = search_to_moves(&s, pool, ret_moves);
        if (r < 0)
                return r;

        if (ret_proven)
                *ret_proven = s.n_failed <= s.bound || (s.landings_left > 0 && !s.cut);
        return s.n_failed == 0;
}
