/*
 * Placing the VMs of a relocation
 *
 * VMs with the largest VGPUs are placed first, because they find room least easily. A VM that finds none is
 * first in the next order, because the others may have taken the only room that it could have. That nearly
 * always leaves the fewest VMs without a place. If it leaves more than a lower bound says, other hosts than
 * the best are tried too, from the last VM backwards, until the limit of starts is reached.
 */

#include "policyd/advice/relocation.h"
#include "policyd/decide/verdict.h"
#include "policyd/words/decision-words.h"

#define ORDERS_MAX 32
#define STARTS_MAX 2048   /* of one search */
#define HOSTS_OF_VM_MAX 8 /* for one VM in one place of the order */

typedef struct Place {
        Vm *vm;
        const Host *from;
        const Host *to; /* NULL: nowhere */
} Place;

typedef struct Search {
        Relocation *moved;
        Place *best;     /* in its order, moved->n */
        size_t n_failed; /* of the best */
        size_t bound;    /* no order leaves fewer without a place */
        size_t starts_left;
        bool cut; /* not every host was tried */
} Search;

static void search_done(Search *s) {
        free(s->best);
}

static uint64_t vm_largest(const Vm *vm) {
        uint64_t most = 0;

        for (size_t i = 0; i < vm->vgpus.n; i++)
                most = MAX_OF(most, (uint64_t) type_units(((const Vgpu *) vm->vgpus.items[i])->type));
        return most * (DEMAND_VGPUS_MAX + 1) + vm->vgpus.n;
}

static int compare_moved(const void *a, const void *b) {
        const MovedVm *x = a, *y = b;
        uint64_t p = vm_largest(x->vm), q = vm_largest(y->vm);

        if (p != q)
                return p > q ? -1 : 1;
        return x->vm->object.key < y->vm->object.key ? -1 : x->vm != y->vm;
}

/* 1: it has a place; 0: it has none, and ret_reason says why. */
static int place_vm(Relocation *c, const AllocRequest *request, char **ret_reason) {
        Vm *vm = (Vm *) request->vm;
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = allocate(c->pool, request, NULL, &a);
        if (r < 0)
                return r;
        if (a.refusal.code != ERROR_NONE) {
                r = ret_reason ? refuse_start(request, /* brief= */ true, &a) : 0;
                if (r >= 0 && ret_reason)
                        *ret_reason = take_ptr(a.refusal.message);
                return r;
        }
        r = allocation_apply(c->pool, vm, NULL, &a);
        return r < 0 ? r : 1;
}

/* Keeps the present places as the best, if they leave fewer VMs without one than the best before. */
static void search_note(Search *s, size_t n_failed) {
        if (n_failed >= s->n_failed)
                return;
        s->n_failed = n_failed;
        for (size_t i = 0; i < s->moved->n; i++) {
                const MovedVm *m = &s->moved->items[i];

                s->best[i] = (Place){m->vm, m->resident_on, m->vm->scheduled_on};
        }
}

/* Orders */

/* Places the VMs one after another; returns how many found no place, and the first of them. */
static int place_in_order(Relocation *c, size_t *ret_first_failed) {
        int n_failed = 0;

        for (size_t i = 0; i < c->n; i++) {
                int r = place_vm(c, &(AllocRequest){.vm = c->items[i].vm, .without_reason = true}, NULL);

                if (r < 0)
                        return r;
                if (r == 0 && n_failed++ == 0)
                        *ret_first_failed = i;
        }
        return n_failed;
}

/* Puts a VM that found no place first in the order, once; false when that was done already. */
static bool promote(Relocation *c, size_t i) {
        MovedVm l = c->items[i];

        if (l.promoted)
                return false;

        l.promoted = true;
        memmove(&c->items[1], &c->items[0], i * sizeof(MovedVm));
        c->items[0] = l;
        return true;
}

static int search_orders(Search *s) {
        Relocation *c = s->moved;
        size_t first_failed = 0;
        int n_failed;

        if (c->n > 1)
                qsort(c->items, c->n, sizeof(MovedVm), compare_moved);
        for (size_t i = 0; i < c->n; i++)
                c->items[i].promoted = false;

        for (size_t i = 0; i < ORDERS_MAX; i++) {
                n_failed = place_in_order(c, &first_failed);
                if (n_failed < 0)
                        return n_failed;
                search_note(s, (size_t) n_failed);
                relocation_unplace(c);
                if (n_failed == 0 || !promote(c, first_failed))
                        break;
        }
        return 0;
}

/* The bound */

/* How many VMs could be placed alone and have a first VGPU of the same type and group as the i-th; 0 if an
 * earlier VM was counted for these. */
static size_t count_kind(const Relocation *c, const bool *alone, size_t i) {
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
static uint64_t count_memory(const Pool *pool, uint64_t memory) {
        const PtrArray *hosts = &pool->objects[CLASS_HOST];
        uint64_t n = 0;

        for (size_t i = 0; i < hosts->n && memory > 0; i++)
                if (host_is_usable(hosts->items[i]))
                        n += host_memory_available(hosts->items[i]) / memory;
        return memory > 0 ? n : UINT64_MAX;
}

/* A VM that cannot be placed alone cannot be placed after others either. */
static int search_bound_alone(Search *s, bool *alone) {
        Relocation *c = s->moved;

        for (size_t i = 0; i < c->n; i++) {
                int r = place_vm(c, &(AllocRequest){.vm = c->items[i].vm, .without_reason = true}, NULL);

                if (r < 0)
                        return r;
                relocation_unplace_vm(c, c->items[i].vm);
                alone[i] = r > 0;
                s->bound += r == 0;
        }
        return 0;
}

/*
 * Of the other VMs, at most as many can be placed as there is room for their first VGPUs, type by type, and
 * at most as many as there is memory for if each needed only as much as the smallest.
 */
static void search_bound_together(Search *s, const bool *alone) {
        Relocation *c = s->moved;
        size_t n_alone = c->n - s->bound, n_short = 0;
        uint64_t least = UINT64_MAX, n_memory;

        for (size_t i = 0; i < c->n; i++) {
                size_t n = count_kind(c, alone, i);
                const Vgpu *v = n > 0 ? c->items[i].vm->vgpus.items[0] : NULL;
                uint64_t room = v ? group_capacity(v->group, v->type, NULL) : 0;

                n_short += n > room ? n - (size_t) room : 0;
                least = alone[i] ? MIN_OF(least, c->items[i].vm->memory) : least;
        }
        n_memory = n_alone > 0 ? count_memory(c->pool, least) : 0;
        if (n_memory < n_alone)
                n_short = MAX_OF(n_short, n_alone - (size_t) n_memory);
        s->bound += n_short;
}

static int search_find_bound(Search *s) {
        bool alone[s->moved->n + 1];
        int r;

        r = search_bound_alone(s, alone);
        if (r >= 0 && s->bound < s->n_failed)
                search_bound_together(s, alone);
        return r;
}

/* Other hosts */

static bool search_is_over(const Search *s) {
        return s->n_failed <= s->bound || s->starts_left == 0;
}

static int search_from(Search *s, size_t i, size_t n_failed);

/* Tries the i-th VM on one host after another, and places the later VMs after it. */
static int search_hosts(Search *s, size_t i, size_t n_failed) {
        Vm *vm = s->moved->items[i].vm;
        const Host *tried[HOSTS_OF_VM_MAX];
        AllocRequest request = {.vm = vm, .avoid = tried, .without_reason = true};
        int r;

        while (!search_is_over(s)) {
                if (request.n_avoid == HOSTS_OF_VM_MAX) {
                        s->cut = true;
                        break;
                }
                s->starts_left--;
                r = place_vm(s->moved, &request, NULL);
                if (r <= 0)
                        return r;
                tried[request.n_avoid++] = vm->scheduled_on;
                r = search_from(s, i + 1, n_failed);
                relocation_unplace_vm(s->moved, vm);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int search_from(Search *s, size_t i, size_t n_failed) {
        int r;

        if (n_failed >= s->n_failed)
                return 0;
        if (i == s->moved->n) {
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

        s->starts_left = MIN_OF((size_t) STARTS_MAX, s->moved->starts_left);
        s->moved->starts_left -= s->starts_left;
        r = search_from(s, 0, 0);
        s->moved->starts_left += s->starts_left;
        return r;
}

/* Moves */

static int place_and_note(Relocation *c, const Place *place, Move *m) {
        int r;

        r = place_vm(c, &(AllocRequest){.vm = place->vm, .only = place->to}, &m->reason);
        if (r <= 0)
                return r;
        m->to = place->vm->scheduled_on;
        if (place->vm->vgpus.n > 0)
                m->pgpu = ((Vgpu *) place->vm->vgpus.items[0])->scheduled_on;
        return 0;
}

/* Makes the best places once more, each VM on its host and in that order, and then finds why the others have none. */
static int search_to_moves(const Search *s, Moves *ret) {
        _cleanup_moves_ Moves moves = {.items = calloc(s->moved->n + 1, sizeof(Move)), .n = s->moved->n};
        int r = 0;

        if (!moves.items)
                return -ENOMEM;

        for (int nowhere = 0; nowhere <= 1; nowhere++)
                for (size_t i = 0; i < moves.n && r >= 0; i++) {
                        moves.items[i].vm = s->best[i].vm;
                        moves.items[i].from = s->best[i].from;
                        if ((s->best[i].to == NULL) == nowhere)
                                r = place_and_note(s->moved, &s->best[i], &moves.items[i]);
                }
        if (r < 0)
                return r;

        for (size_t i = 0; i < moves.n; i++)
                moves.n_failed += !moves.items[i].to;
        *ret = moves;
        moves = (Moves){};
        return 0;
}

int relocation_place(Relocation *c, Moves *ret_moves, bool *ret_proven) {
        _cleanup_(search_done) Search s = {.moved = c, .n_failed = c->n + 1};
        int r;

        s.best = calloc(c->n + 1, sizeof(Place));
        if (!s.best)
                return -ENOMEM;
        r = search_all(&s);
        if (r >= 0 && ret_moves)
                r = search_to_moves(&s, ret_moves);
        if (r < 0)
                return r;

        if (ret_proven)
                *ret_proven = s.n_failed <= s.bound || (s.starts_left > 0 && !s.cut);
        return s.n_failed == 0;
}
