/*
 * Choices in thousands of random pools
 *
 * Each is compared with a search that simply tries everything on the pool itself.
 */

#include "policyd/decide/verdict.h"
#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX
#define N_POOLS 4000

typedef struct Try {
        World *w;
        Vm *vm;
        const Host *host;
        Reservation *reservation; /* that the start names, or NULL */
        bool good;                /* no PGPU where starts failed */
        Pgpu *best[4];
} Try;

static uint32_t capacity_for(const Try *t, const Pgpu *p, const Vgpu *v) {
        PgpuVerdict verdict;

        pgpu_verdict(p, v->type, t->reservation, &verdict);
        return verdict.capacity;
}

static bool holds_for(const Try *t, const Pgpu *p, const Vgpu *v) {
        return t->reservation && t->reservation->type == v->type && t->reservation->group == v->group &&
               ptr_array_contains(&p->holds, t->reservation);
}

/* What is held for the start comes first. */
static bool is_liked_better(const Try *t, const Vgpu *v, const Pgpu *a, const Pgpu *b) {
        uint32_t x = capacity_for(t, a, v), y = capacity_for(t, b, v);

        if (holds_for(t, a, v) != holds_for(t, b, v))
                return holds_for(t, a, v);
        if (a->standing != b->standing)
                return a->standing < b->standing;

        return v->group->algorithm == ALGORITHM_BREADTH_FIRST ? x > y : x < y;
}

/* No start failed there, or something is held there for this one; or was, before what is placed now. */
static bool is_good_for(const Try *t, size_t n_placed, const Pgpu *p) {
        if (p->standing == PLACE_GOOD || (t->reservation && ptr_array_contains(&p->holds, t->reservation)))
                return true;
        for (size_t i = 0; i < n_placed; i++)
                if (t->best[i] == p)
                        return true;

        return false;
}

/* Depth first through all choices in the order of liking; the pool itself holds what is placed. */
static bool try_all(Try *t, size_t i) {
        Pgpu *order[16];
        size_t n = 0;
        Vgpu *v;

        if (i == t->vm->vgpus.n)
                return true;

        v = t->vm->vgpus.items[i];
        for (size_t j = 0; j < t->host->pgpus.n; j++) {
                Pgpu *p = t->host->pgpus.items[j];
                size_t at = n;

                if (p->group != v->group ||
                        (v->pinned && pci_address_compare(&p->pci, &v->pinned_pci) != 0) ||
                        capacity_for(t, p, v) == 0 || (t->good && !is_good_for(t, i, p)))
                        continue;
                for (; at > 0 && is_liked_better(t, v, p, order[at - 1]); at--)
                        order[at] = order[at - 1];
                order[at] = p;
                n++;
        }

        for (size_t j = 0; j < n; j++) {
                bool done, held = holds_for(t, order[j], v);

                if (held)
                        pool_unhold(t->w->pool, t->reservation, order[j]);
                assert_int_equal(pool_set_vgpu_scheduled(t->w->pool, v, order[j]), 0);
                t->best[i] = order[j];
                done = try_all(t, i + 1);
                assert_int_equal(pool_set_vgpu_scheduled(t->w->pool, v, NULL), 0);
                if (held)
                        assert_int_equal(pool_hold(t->w->pool, t->reservation, order[j]), 0);
                if (done)
                        return true;
        }

        return false;
}

/* On good PGPUs, or else on any. */
static bool try_both(Try *t) {
        t->good = true;
        if (try_all(t, 0))
                return true;
        t->good = false;
        return try_all(t, 0);
}

static void some_types_mix(World *w, Dice *d) {
        for (WorldType t = K100; t < PASSTHROUGH; t++) {
                const char *on_pgpu[_WORLD_TYPE_MAX + 1] = {};
                size_t n = 0;

                for (WorldType other = K100; other < PASSTHROUGH; other++)
                        if (other == t ? roll(d, 8) > 0 : roll(d, 3) == 0)
                                on_pgpu[n++] = w->types[other]->identifier;
                assert_int_equal(pool_set_type_compatible(w->pool, w->types[t], on_pgpu, NULL), 0);
        }
}

static void some_use(World *w, Dice *d, Pgpu *p) {
        VgpuType *enabled[_WORLD_TYPE_MAX];
        size_t n = 0;

        if (roll(d, 6) == 0)
                assert_int_equal(pool_set_pgpu_standing(w->pool, p, PLACE_LAST, "x"), 0);

        for (size_t i = 0; i < p->supported.n; i++)
                if (roll(d, 4) > 0)
                        enabled[n++] = p->supported.items[i];
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, enabled, n), 0);

        for (size_t i = roll(d, 6); i > 0 && n > 0; i--) {
                VgpuType *t = enabled[roll(d, (uint32_t) n)];

                for (WorldType type = 0; type < END; type++)
                        if (w->types[type] == t && pgpu_capacity(p, t) > 0)
                                world_resident(w, p, type);
        }
}

/* Of some types it has other instances than the host before. */
static void some_sizes(World *w, Dice *d, Host *h) {
        for (WorldType t = K100; t < PASSTHROUGH; t++) {
                TypeFacts facts = {.size = w->types[t]->size, .internal_config = "{}"};

                if (roll(d, 3) == 0)
                        facts.size = PGPU_SIZE / (1 + roll(d, 9));
                assert_true(pool_set_host_type(w->pool, h, w->types[t], &facts) >= 0);
        }
}

/* Its files have not all types; a board that others divided has the types of that division alone; cards are lost, and places
 * suspect. */
static void some_lack(World *w, Dice *d, Host *h, Pgpu *p, uint32_t host_types) {
        VgpuType *supported[_WORLD_TYPE_MAX];
        bool fixed = roll(d, 5) == 0;
        size_t n = 0;

        for (size_t i = 0; i < p->supported.n; i++) {
                VgpuType *t = p->supported.items[i];

                for (WorldType type = 0; type < END; type++)
                        if (w->types[type] == t && (host_types >> type & 1) && !(fixed && (t->implementation == TYPE_PASSTHROUGH || n > 0)))
                                supported[n++] = t;
        }
        assert_int_equal(pool_set_pgpu_supported(w->pool, p, supported, n), 0);
        assert_int_equal(pool_set_pgpu_division(w->pool, p, fixed ? "fixed 4" : "none"), 0);
        if (roll(d, 12) == 0)
                pool_set_pgpu_present(w->pool, p, false);
        if (roll(d, 8) == 0)
                assert_int_equal(pool_set_pgpu_standing(w->pool, p, PLACE_SUSPECT, "x"), 0);
        if (roll(d, 30) == 0)
                assert_int_equal(pool_set_host_standing(w->pool, h, PLACE_SUSPECT, "x"), 0);
}

/* What has room, counted from nothing but what stands there. */
static bool is_suspect(const Pgpu *p) {
        return p->standing == PLACE_SUSPECT || p->host->standing == PLACE_SUSPECT;
}

static bool is_there(const Pgpu *p) {
        return p->present && p->host->state == HOST_ONLINE && p->host->enabled;
}

static uint32_t room_by_hand(const Pgpu *p, const VgpuType *t) {
        const HostType *of_host = host_find_type(p->host, t);
        uint32_t instances = t->implementation == TYPE_PASSTHROUGH ? 1 : PGPU_SIZE / (of_host ? of_host->size : t->size);
        bool others_are_well = false;

        if (!is_there(p) || !ptr_array_contains(&p->enabled, t))
                return 0;
        for (size_t i = 0; i < p->vgpus.n; i++)
                if (((const Vgpu *) p->vgpus.items[i])->type != t)
                        return 0;
        for (size_t i = 0; i < p->group->pgpus.n; i++)
                others_are_well |= is_there(p->group->pgpus.items[i]) && !is_suspect(p->group->pgpus.items[i]);
        if (is_suspect(p) && others_are_well)
                return 0;
        return p->vgpus.n < instances ? instances - (uint32_t) p->vgpus.n : 0;
}

static void check_room(const World *w) {
        const PtrArray *pgpus = &w->pool->objects[CLASS_PGPU];

        for (size_t i = 0; i < pgpus->n; i++)
                for (WorldType t = 0; t < END; t++)
                        assert_int_equal(pgpu_capacity(pgpus->items[i], w->types[t]), room_by_hand(pgpus->items[i], w->types[t]));
}

static World *random_world(Dice *d, bool mix, bool unequal) {
        static const char *const names[] = {"a", "b", "c"};
        World *w = world_new();
        size_t n_hosts = 1 + roll(d, 3);

        if (mix)
                some_types_mix(w, d);
        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], roll(d, 2));

        for (size_t i = 0; i < n_hosts; i++) {
                Host *h = world_host(w, names[i]);
                uint32_t host_types = unequal ? roll(d, 1u << END) | roll(d, 1u << END) : UINT32_MAX;

                some_sizes(w, d, h);
                for (size_t j = roll(d, 5); j > 0; j--) {
                        Pgpu *p = world_pgpu(w, h, roll(d, 4) == 0 ? K1 : K2);

                        if (unequal)
                                some_lack(w, d, h, p, host_types);
                        some_use(w, d, p);
                }
        }
        return w;
}

/* Of the type of one of the VM's VGPUs, wherever there is room; NULL when there is none. */
static Reservation *some_reservation(World *w, Dice *d, const Vm *vm) {
        const Vgpu *v = vm->vgpus.items[roll(d, (uint32_t) vm->vgpus.n)];
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ Pgpu **pgpus = NULL;
        uint32_t count = 1 + roll(d, 6);
        Uuid id = world_id(w);
        Reservation *r;

        assert_int_equal(holds_in_words(w->pool, v->group, v->type, count, &pgpus, &refusal), 0);
        if (refusal.code != ERROR_NONE)
                return NULL;
        assert_int_equal(pool_add_reservation(w->pool, &id, 0, "held", v->group, v->type, count, &r), 0);
        for (uint32_t i = 0; i < count; i++)
                assert_int_equal(pool_hold(w->pool, r, pgpus[i]), 0);
        return r;
}

static void check_choice_on(World *w, Vm *vm, const Host *h, Reservation *r, size_t *n_possible) {
        AllocRequest request = {.vm = vm, .only = h, .reservation = r};
        Try t = {.w = w, .vm = vm, .host = h, .reservation = r};
        bool possible = try_both(&t);
        Allocation a = {};

        assert_int_equal(allocate_in_words(w->pool, &request, NULL, &a), 0);
        assert_int_equal(a.refusal.code == ERROR_NONE, possible);
        for (size_t i = 0; possible && i < vm->vgpus.n; i++)
                assert_ptr_equal(a.pgpus[i], t.best[i]);
        *n_possible += possible;
        allocation_done(&a);
}

/* The first VGPU's score, summed as XenServer does. */
static uint64_t score_of(const Vgpu *v, const Host *h) {
        uint64_t sum = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((Pgpu *) h->pgpus.items[i])->group == v->group)
                        sum += pgpu_capacity(h->pgpus.items[i], v->type);

        return sum;
}

static bool uses_good_places(const Allocation *a) {
        for (size_t i = 0; i < a->n_pgpus; i++)
                if (pgpu_standing(a->pgpus[i], NULL) != PLACE_GOOD)
                        return false;

        return true;
}

static void check_choice_of_host(World *w, Vm *vm) {
        const Vgpu *first = vm->vgpus.items[0];
        bool most_first = first->group->algorithm == ALGORITHM_BREADTH_FIRST;
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        Allocation a = world_start(w, vm);

        for (size_t i = 0; i < hosts->n; i++) {
                Try t = {.w = w, .vm = vm, .host = hosts->items[i]};
                uint64_t x, y;

                if (!try_both(&t))
                        continue;
                assert_int_equal(a.refusal.code, ERROR_NONE);
                /* Places where starts failed come behind all others. */
                t.good = t.good && t.host->standing == PLACE_GOOD;
                if (!t.good && uses_good_places(&a))
                        continue;
                assert_true(!t.good || uses_good_places(&a));
                x = score_of(first, a.host);
                y = score_of(first, t.host);
                assert_true(most_first ? x >= y : x <= y);
        }
        if (a.refusal.code != ERROR_NONE)
                assert_true(a.refusal.message[0]);
        allocation_done(&a);
}

/* What is known of the PGPU before changes no verdict. */
static void check_verdicts(const World *w) {
        const PtrArray *pgpus = &w->pool->objects[CLASS_PGPU];

        for (WorldType t = 0; t < END; t++) {
                Offer offer = {};

                for (size_t i = 0; i < pgpus->n; i++) {
                        PgpuVerdict next, alone;

                        pgpu_verdict_next(&offer, pgpus->items[i], w->types[t], NULL, &next);
                        pgpu_verdict(pgpus->items[i], w->types[t], NULL, &alone);
                        assert_int_equal(next.code, alone.code);
                        assert_int_equal(next.capacity, alone.capacity);
                }
        }
}

/* What best-fit keeps of a host is what a look at each of its PGPUs gives; of some, virtual functions are suspect. */
static void check_best_fit(World *w, Dice *d) {
        const PtrArray *pgpus = &w->pool->objects[CLASS_PGPU];

        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], ALGORITHM_BEST_FIT);
        for (size_t i = 0; i < pgpus->n; i++) {
                if (roll(d, 4) > 0)
                        continue;
                assert_int_equal(pool_set_pgpu_division(w->pool, pgpus->items[i], "fixed 8"), 0);
                pool_set_pgpu_suspects(w->pool, pgpus->items[i], 1 + roll(d, 3));
        }
        for (WorldType t = 0; t < END; t++)
                assert_decided_alike(w, &(AllocRequest){.vm = world_vm(w, "fit", t, END)});
}

static void check_pools(bool mix, bool unequal, uint64_t seed) {
        Dice d = {.state = seed};
        size_t n_possible = 0, n_asked = 0;

        for (size_t i = 0; i < N_POOLS; i++) {
                World *w = random_world(&d, mix, unequal);
                Vm *vm = random_vm(w, &d);
                const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
                Reservation *r;

                if (!mix)
                        check_room(w);
                for (size_t j = 0; j < hosts->n; j++, n_asked++)
                        check_choice_on(w, vm, hosts->items[j], NULL, &n_possible);
                check_choice_of_host(w, vm);

                r = vm->vgpus.n > 0 && roll(&d, 2) ? some_reservation(w, &d, vm) : NULL;
                for (size_t j = 0; r && j < hosts->n; j++, n_asked++)
                        check_choice_on(w, vm, hosts->items[j], r, &n_possible);
                check_verdicts(w);
                check_best_fit(w, &d);

                /* Types that do not admit each other on one side only break the invariants' symmetry; these
                 * pools end unchecked. */
                pool_free(w->pool);
                free(w);
        }

        /* The dice must ask both kinds of question. */
        assert_true(n_possible > n_asked / 20 && n_possible < n_asked);
}

static void choices_equal_trying_everything(void **state) {
        check_pools(/* mix= */ false, /* unequal= */ false, 0x5eed);
}

static void choices_equal_trying_everything_where_types_mix(void **state) {
        check_pools(/* mix= */ true, /* unequal= */ false, 0x5eed5);
}

/* Hosts with other type files, boards that are divided, lost cards and suspect places. */
static void choices_equal_trying_everything_in_unequal_pools(void **state) {
        check_pools(/* mix= */ false, /* unequal= */ true, 0x5eed55);
        check_pools(/* mix= */ true, /* unequal= */ true, 0x5eed555);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(choices_equal_trying_everything),
                cmocka_unit_test(choices_equal_trying_everything_where_types_mix),
                cmocka_unit_test(choices_equal_trying_everything_in_unequal_pools),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
