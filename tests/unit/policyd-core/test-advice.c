/*
 * What a pool could hold, and what would happen if
 *
 * Packing, plans that free a PGPU, and host failures, in pools small enough to see the answer. Nothing of it
 * may change the pool.
 */

#include <stdio.h>

#include "policyd/advice/packing.h"
#include "policyd/advice/simulation.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

static uint64_t packed(const GpuGroup *g, const VgpuType *t) {
        return group_capacity_packed(g, t, group_capacity(g, t, NULL));
}

static void nothing_changed(World *w) {
        assert_false(pool_has_changes(w->pool));
        assert_pool_is_sound(w);
}

static void packed_capacity_closes_the_gaps(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        GpuGroup *g = p.w->groups[K1];

        /* Three PGPUs with one K100 each would fit on one; five are empty. */
        for (size_t i = 0; i < 3; i++)
                world_resident(p.w, p.a[i], K100);
        assert_int_equal(group_capacity(g, p.w->types[K140Q], NULL), 5 * 4);
        assert_int_equal(packed(g, p.w->types[K140Q]), 7 * 4);
        assert_int_equal(group_capacity(g, p.w->types[K100], NULL), 8 * 8 - 3);
        assert_int_equal(packed(g, p.w->types[K100]), 8 * 8 - 3);
        assert_int_equal(group_capacity(g, p.w->types[PASSTHROUGH], NULL), 5);
        assert_int_equal(packed(g, p.w->types[PASSTHROUGH]), 7);
}

/* What others can leave free depends on where they may go. */
static void packing_respects_what_is_enabled(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        GpuGroup *g = p.w->groups[K1];

        for (size_t i = 0; i < 4; i++)
                world_disable_type(p.w, p.b[i], K100);
        world_resident(p.w, p.a[0], K140Q); /* could go to beta, where no K100 can */
        assert_int_equal(group_capacity(g, p.w->types[K100], NULL), 3 * 8);
        assert_int_equal(packed(g, p.w->types[K100]), 4 * 8);

        for (size_t i = 0; i < 4; i++)
                world_disable_type(p.w, p.b[i], K140Q);
        assert_int_equal(packed(g, p.w->types[K100]), 3 * 8);
}

static void offline_hosts_pack_nothing(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        world_resident(p.w, p.a[0], K140Q);
        pool_set_host_state(p.w->pool, p.alpha, HOST_OFFLINE, "gone");
        assert_int_equal(packed(p.w->groups[K1], p.w->types[K100]), 4 * 8);
}

static void an_empty_pgpu_can_become_each_type(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        GpuGroup *g = p.w->groups[K2];
        VgpuType *k200 = p.w->types[K200], *k260q = p.w->types[K260Q];
        Pgpu *kinds[EMPTY_KINDS_MAX], *empty = p.k2[1];

        assert_int_equal(group_find_empty(g, kinds), 1);
        world_disable_type(p.w, empty, K260Q);
        assert_int_equal(group_find_empty(g, kinds), 2);
        world_resident(p.w, p.k2[0], K200);
        assert_int_equal(group_find_empty(g, kinds), 1);
        assert_ptr_equal(kinds[0], empty);
        assert_int_equal(group_capacity(g, k260q, NULL), 0);
        assert_int_equal(capacity_after(0, empty, k260q, k260q), 2);
        assert_int_equal(capacity_after(15, empty, k260q, k200), 7);
        assert_int_equal(group_capacity(g, k200, NULL), 15);
        assert_int_equal(capacity_after(15, empty, k200, k200), 15);
        world_resident(p.w, p.k2[1], K200);
        assert_int_equal(group_find_empty(g, kinds), 0);
}

static void a_plan_moves_the_fewest(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        Vgpu *alone;

        /* Every PGPU runs K100; the last of beta has one VM, the others two. */
        for (size_t i = 0; i < 4; i++)
                for (size_t n = 0; n < 2; n++) {
                        world_resident(p.w, p.a[i], K100);
                        if (i < 3)
                                world_resident(p.w, p.b[i], K100);
                }
        alone = world_resident(p.w, p.b[3], K100);
        assert_int_equal(pool_set_vgpu_function(p.w->pool, alone, "0000:85:00.4"), 0);
        world_drain(p.w);

        assert_int_equal(plan_free_pgpu(p.w->pool, p.w->groups[K1], p.w->types[PASSTHROUGH], &plan), 0);
        assert_ptr_equal(plan.pgpu, p.b[3]);
        assert_int_equal(plan.moves.n, 1);
        assert_ptr_equal(plan.moves.items[0].vm, alone->vm);
        assert_ptr_equal(plan.moves.items[0].from, p.beta);
        assert_non_null(plan.moves.items[0].to);
        assert_true(plan.moves.items[0].pgpu && plan.moves.items[0].pgpu != p.b[3]);
        nothing_changed(p.w);
        assert_string_equal(alone->function, "0000:85:00.4");
}

static void an_empty_pgpu_needs_no_plan(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};

        world_resident(p.w, p.k2[0], K200);
        for (WorldType t = K200; t <= K260Q; t++)
                world_disable_type(p.w, p.k2[1], t);
        assert_int_equal(plan_free_pgpu(p.w->pool, p.w->groups[K2], p.w->types[K240Q], &plan), 0);
        assert_ptr_equal(plan.pgpu, p.k2[1]);
        assert_int_equal(plan.moves.n, 0);
        assert_true(plan.enable);
}

/* Everything is tried: the fewest VMs that stand elsewhere when one PGPU is empty. */
typedef struct Search {
        World *w;
        Vgpu *vgpus[8];
        Pgpu *home[8], *at[8];
        size_t n, best;
} Search;

static bool may_stand(const Search *s, size_t i, const Pgpu *p) {
        uint32_t used = s->vgpus[i]->type->size;

        if (p != s->home[i] && !ptr_array_contains(&p->enabled, s->vgpus[i]->type))
                return false;
        for (size_t j = 0; j < i; j++) {
                if (s->at[j] != p)
                        continue;
                if (s->vgpus[j]->type != s->vgpus[i]->type)
                        return false;
                used += s->vgpus[j]->type->size;
        }
        return used <= PGPU_SIZE;
}

static void search(Search *s, size_t i, size_t n_moved) {
        const PtrArray *pgpus = &s->w->pool->objects[CLASS_PGPU];
        bool taken;

        if (n_moved >= s->best)
                return;
        for (size_t k = 0; k < pgpus->n; k++) {
                if (i == s->n) {
                        taken = false;
                        for (size_t j = 0; j < s->n; j++)
                                taken |= s->at[j] == pgpus->items[k];
                        s->best = taken ? s->best : MIN_OF(s->best, n_moved);
                        continue;
                }
                if (!may_stand(s, i, pgpus->items[k]))
                        continue;
                s->at[i] = pgpus->items[k];
                search(s, i + 1, n_moved + (s->at[i] != s->home[i]));
        }
}

static void check_random_plan(unsigned seed, bool some_disabled) {
        static const char *const names[] = {"a", "b", "c"};
        _cleanup_world_ World *w = world_new();
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        Search s = {.w = w, .best = SIZE_MAX};
        const PtrArray *pgpus;

        pool_set_group_algorithm(w->pool, w->groups[K2], seed % _GROUP_ALGORITHM_MAX);
        for (size_t i = 0; i < 2 + seed / 3 % 2; i++) {
                Host *h = world_host(w, names[i]);

                for (size_t j = 0; j < 1 + (seed >> i) % 2; j++)
                        world_pgpu(w, h, K2);
        }
        pgpus = &w->pool->objects[CLASS_PGPU];
        for (unsigned i = 0, mix = seed * 2654435761u; i < 14 && s.n < 7;
                i++, mix = mix * 1664525u + 1013904223u) {
                WorldType t = K200 + (mix >> 16) % 3;
                Pgpu *p = pgpus->items[(mix >> 8) % pgpus->n];

                if (pgpu_capacity(p, w->types[t]) == 0)
                        continue;
                s.vgpus[s.n] = world_resident(w, p, t);
                s.home[s.n++] = p;
                if (some_disabled && (mix >> 24) % 4 == 0)
                        world_disable_type(w, pgpus->items[(mix >> 12) % pgpus->n], t);
        }

        search(&s, 0, 0);
        assert_int_equal(plan_free_pgpu(w->pool, w->groups[K2], w->types[PASSTHROUGH], &plan), 0);
        assert_int_equal(plan.pgpu ? plan.moves.n : SIZE_MAX, s.best);
}

static void no_plan_has_fewer_restarts(void **state) {
        for (unsigned seed = 1; seed <= 600; seed++) {
                check_random_plan(seed, /* some_disabled= */ false);
                check_random_plan(seed, /* some_disabled= */ true);
        }
}

/* A large VM can go only where two others are, and of these one only where a third leaves room for a small
 * one. */
static void who_stands_in_the_way_is_moved_too(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *here = world_host(w, "here"), *there = world_host(w, "there"), *aside = world_host(w, "aside");
        Pgpu *p = world_pgpu(w, here, K2), *q = world_pgpu(w, there, K2), *r = world_pgpu(w, aside, K2);
        Vm *large = world_resident(w, p, K260Q)->vm;
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {}, none = {};

        large->memory = 8 * GIB;
        world_resident(w, q, K260Q);
        world_resident(w, q, K260Q);
        world_resident(w, r, K260Q);
        pool_set_host_memory(w->pool, there, 64 * GIB, 10 * GIB);
        pool_set_host_memory(w->pool, aside, 64 * GIB, 2 * GIB);
        world_disable_type(w, p, K260Q);
        pool_set_host_enabled(w->pool, aside, false);
        world_drain(w);
        assert_int_equal(plan_free_pgpu(w->pool, w->groups[K2], w->types[PASSTHROUGH], &none), 0);
        assert_null(none.pgpu);
        assert_false(none.incomplete);
        assert_non_null(
                strstr(none.reason, "Nor is there room when VMs that stand elsewhere are restarted too."));

        pool_set_host_enabled(w->pool, aside, true);
        world_drain(w);
        assert_int_equal(plan_free_pgpu(w->pool, w->groups[K2], w->types[PASSTHROUGH], &plan), 0);
        assert_false(plan.incomplete);
        assert_ptr_equal(plan.pgpu, p);
        assert_int_equal(plan.moves.n, 2);
        for (size_t i = 0; i < 2; i++) {
                const Move *m = &plan.moves.items[i];

                assert_ptr_equal(m->from, m->vm == large ? here : there);
                assert_ptr_equal(m->pgpu, m->vm == large ? q : r);
                assert_int_equal(m->makes_room, m->vm != large);
        }
        nothing_changed(w);
}

/* There is no plan; the reason has all the words, ended by NULL. */
static void assert_no_plan(Pair *p, Card group, WorldType type, ...) {
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        const char *word;
        va_list words;

        world_drain(p->w);
        assert_int_equal(plan_free_pgpu(p->w->pool, p->w->groups[group], p->w->types[type], &plan), 0);
        assert_null(plan.pgpu);
        assert_int_equal(plan.moves.n, 0);
        va_start(words, type);
        while ((word = va_arg(words, const char *)))
                if (!strstr(plan.reason, word))
                        fail_msg("\"%s\" is not in: %s", word, plan.reason);
        va_end(words);
        nothing_changed(p->w);
}

/* Of two PGPUs with VMs that have nowhere to go, the one that strands fewer is spoken of. */
static void without_room_the_nearest_pgpu_is_named(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        world_resident(p.w, p.k2[0], K200);
        world_resident(p.w, p.k2[0], K200);
        world_resident(p.w, p.k2[1], K260Q);
        assert_no_plan(&p, K2, PASSTHROUGH, p.k2[1]->name, " comes nearest, but its VM finds no room",
                "runs GRID K200 for VM", NULL);

        world_resident(p.w, p.k2[1], K260Q);
        assert_no_plan(
                &p, K2, PASSTHROUGH, p.k2[0]->name, "none of its 2 VMs finds room elsewhere. VM '", NULL);
}

/* 160 PGPUs, full of K100s and of K140Qs in turn; of the latter so many have one less. */
static void fill_group(World *w, size_t n_gaps) {
        for (size_t h = 0; h < 40; h++) {
                char name[16];
                Host *host;

                snprintf(name, sizeof(name), "host%zu", h);
                host = world_host(w, name);
                for (size_t i = 0; i < 4; i++) {
                        Pgpu *p = world_pgpu(w, host, K1);
                        bool small = i % 2 == 0;
                        bool gap = !small && n_gaps > 0;

                        n_gaps -= gap;
                        for (size_t n = gap; n < (small ? 8 : 4); n++)
                                world_resident(w, p, small ? K100 : K140Q);
                }
        }
        world_drain(w);
}

/* More PGPUs than are tried; but what stands in the group fills it, whichever of them it left. */
static void a_full_group_has_no_plan_for_certain(void **state) {
        for (size_t n_gaps = 0; n_gaps <= 4; n_gaps++) {
                _cleanup_world_ World *w = world_new();
                _cleanup_(pgpu_plan_done) PgpuPlan plan = {};

                fill_group(w, n_gaps);
                assert_int_equal(plan_free_pgpu(w->pool, w->groups[K1], w->types[PASSTHROUGH], &plan), 0);
                if (n_gaps < 4) {
                        assert_null(plan.pgpu);
                        assert_false(plan.incomplete);
                        assert_non_null(
                                strstr(plan.reason, "Nor is there room when VMs that stand elsewhere"));
                } else {
                        assert_non_null(plan.pgpu);
                        assert_int_equal(plan.moves.n, 3);
                }
                nothing_changed(w);
        }
}

static void where_nothing_can_be_tried_it_says_what_would_help(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Uuid id = world_id(p.w);
        Reservation *r;
        Vgpu *v;

        assert_int_equal(
                pool_add_reservation(p.w->pool, &id, 0, "course", p.w->groups[K2], p.w->types[K200], 2, &r),
                0);
        assert_int_equal(pool_hold(p.w->pool, r, p.k2[0]), 0);
        assert_int_equal(pool_hold(p.w->pool, r, p.k2[1]), 0);
        assert_no_plan(&p, K2, PASSTHROUGH, "Of the group's 2 PGPUs 2 are held by reservations. ",
                "Destroy reservation 'course', and ask again.", NULL);

        pool_unhold(p.w->pool, r, p.k2[1]);
        v = world_scheduled(p.w, p.k2[1], K200);
        assert_no_plan(&p, K2, PASSTHROUGH, "1 is held by reservations, 1 has VMs that are starting. ",
                "Wait until VM '", v->vm->name_label, "' runs, and ask again.", NULL);

        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "gone");
        assert_no_plan(&p, K2, PASSTHROUGH,
                "Of the group's 2 PGPUs 2 cannot be used. Bring host beta back online, ", NULL);
        pool_set_host_state(p.w->pool, p.beta, HOST_ONLINE, "");
        pool_set_pgpu_present(p.w->pool, p.k2[0], false);
        pool_set_pgpu_present(p.w->pool, p.k2[1], false);
        assert_no_plan(&p, K2, PASSTHROUGH, "Look for the card in beta, and ask again.", NULL);
}

/* Who wants the PGPU would be given the other, which cannot be had whole: so nothing is tried. */
static void a_plan_needs_the_preferred_pgpu_unheld(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Uuid id = world_id(p.w);
        Reservation *r;

        assert_int_equal(
                pool_add_reservation(p.w->pool, &id, 0, "course", p.w->groups[K2], p.w->types[K200], 1, &r),
                0);
        assert_int_equal(pool_hold(p.w->pool, r, p.k2[0]), 0);
        world_resident(p.w, p.k2[1], K200);
        assert_no_plan(&p, K2, K200, "Of the group's 2 PGPUs 1 is held by reservations. ",
                "Destroy reservation 'course', and ask again.", NULL);
}

/* An empty PGPU is of no use where the VM that wants it could not start. */
static void a_plan_leaves_out_hosts_that_lack_an_iommu(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_(pgpu_plan_done) PgpuPlan whole = {}, part = {};
        GpuGroup *g = p.w->groups[K1];

        p.alpha->iommu = false;
        for (size_t i = 0; i < 4; i++)
                world_resident(p.w, p.b[i], K100);
        world_drain(p.w);
        assert_int_equal(plan_free_pgpu(p.w->pool, g, p.w->types[PASSTHROUGH], &whole), 0);
        assert_ptr_equal(whole.pgpu->host, p.beta);
        assert_int_equal(whole.moves.n, 1);
        assert_int_equal(plan_free_pgpu(p.w->pool, g, p.w->types[K140Q], &part), 0);
        assert_ptr_equal(part.pgpu->host, p.alpha);
        assert_int_equal(part.moves.n, 0);

        p.beta->iommu = false;
        assert_no_plan(&p, K1, PASSTHROUGH, "Of the group's 8 PGPUs 8 are on hosts without an IOMMU. ",
                "Switch the IOMMU on in the firmware of ", NULL);
        p.beta->hvm = false;
        assert_no_plan(&p, K2, K200, "Of the group's 2 PGPUs 2 are on hosts without HVM. ",
                "Switch HVM on in the firmware of beta, and ask again.", NULL);
}

static void a_failed_host_leaves_what_fits(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_moves_ Moves moves = {};

        world_resident(p.w, p.a[0], K100);
        world_resident(p.w, p.b[0], K140Q);
        world_resident(p.w, p.k2[0], K200);
        world_drain(p.w);

        assert_int_equal(simulate_host_failure(p.w->pool, p.beta, &moves), 0);
        assert_int_equal(moves.n, 2);
        assert_int_equal(moves.n_failed, 1);
        for (size_t i = 0; i < 2; i++) {
                const Vgpu *v = moves.items[i].vm->vgpus.items[0];

                assert_ptr_equal(moves.items[i].from, p.beta);
                assert_ptr_equal(moves.items[i].to, v->type == p.w->types[K140Q] ? p.alpha : NULL);
                assert_true((moves.items[i].reason != NULL) == (moves.items[i].to == NULL));
        }
        nothing_changed(p.w);
}

/* Memory of the hosts that are left counts, and what starts first takes it. */
static void failed_hosts_need_memory_elsewhere(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_moves_ Moves moves = {};

        for (size_t i = 0; i < 3; i++)
                world_resident(p.w, p.b[i], K100);
        pool_set_host_memory(p.w->pool, p.alpha, 4 * GIB, 2 * GIB);
        assert_int_equal(simulate_host_failure(p.w->pool, p.beta, &moves), 0);
        assert_int_equal(moves.n, 3);
        assert_int_equal(moves.n_failed, 1);
}

static World *three_hosts(Host *h[static 3], Pgpu *pgpus[static 3]) {
        World *w = world_new();
        static const char *const names[] = {"a", "b", "c"};

        for (size_t i = 0; i < 3; i++) {
                h[i] = world_host(w, names[i]);
                pgpus[i] = world_pgpu(w, h[i], K2);
        }
        return w;
}

static size_t tolerated(World *w) {
        size_t n = SIZE_MAX;

        world_drain(w);
        assert_int_equal(find_failures_to_tolerate(w->pool, w->groups[K2], &n), 0);
        nothing_changed(w);
        return n;
}

static void failures_are_tolerated_while_room_is_left(void **state) {
        Host *h[3];
        Pgpu *p[3];
        _cleanup_world_ World *w = three_hosts(h, p);

        /* Nothing runs: even the last host may stand alone. */
        assert_int_equal(tolerated(w), 2);
        world_resident(w, p[0], K260Q);
        world_resident(w, p[1], K260Q);
        assert_int_equal(tolerated(w), 2);
        world_resident(w, p[2], K260Q);
        assert_int_equal(tolerated(w), 1);
        world_resident(w, p[2], K260Q);
        /* Any one may still fail: the others have two halves free. */
        assert_int_equal(tolerated(w), 1);
        world_resident(w, p[1], K260Q);
        assert_int_equal(tolerated(w), 0);
}

/* A limit that fell below the use stops nothing that runs, but it would not let it start again. */
static void an_owner_over_its_quota_is_stranded(void **state) {
        Host *h[3];
        Pgpu *p[3];
        _cleanup_world_ World *w = three_hosts(h, p);
        Vm *first = world_resident(w, p[0], K260Q)->vm, *second = world_resident(w, p[1], K260Q)->vm;
        _cleanup_moves_ Moves kept = {}, over = {};
        Uuid id = world_id(w);
        Quota *q;

        assert_int_equal(pool_add_quota(w->pool, &id, 0, "lab", NULL, &q), 0);
        pool_set_quota_limits(w->pool, q, 2, QUOTA_UNLIMITED);
        assert_int_equal(pool_set_vm_owner(w->pool, first, "lab"), 0);
        assert_int_equal(pool_set_vm_owner(w->pool, second, "lab"), 0);
        assert_int_equal(simulate_host_failure(w->pool, h[0], &kept), 0);
        assert_int_equal(kept.n_failed, 0);

        pool_set_quota_limits(w->pool, q, 1, QUOTA_UNLIMITED);
        assert_int_equal(simulate_host_failure(w->pool, h[0], &over), 0);
        assert_int_equal(over.n_failed, 1);
        assert_non_null(strstr(over.items[0].reason, "owner 'lab' may use 1 VGPU"));
}

/* Two of a group that fall with their host land on different ones. */
static void a_group_stays_spread(void **state) {
        Host *h[3];
        Pgpu *p[3];
        _cleanup_world_ World *w = three_hosts(h, p);
        Vm *vms[] = {world_resident(w, p[0], K260Q)->vm, world_resident(w, p[0], K260Q)->vm};
        _cleanup_moves_ Moves moves = {};
        Uuid id = world_id(w);
        VmGroup *g;

        assert_int_equal(pool_add_vm_group(w->pool, &id, 0, "web", PLACEMENT_ANTI_AFFINITY, &g), 0);
        for (size_t i = 0; i < ARRAY_SIZE(vms); i++)
                assert_int_equal(pool_set_vm_group(w->pool, vms[i], g), 0);
        assert_int_equal(simulate_host_failure(w->pool, h[0], &moves), 0);
        assert_int_equal(moves.n, 2);
        assert_int_equal(moves.n_failed, 0);
        assert_ptr_not_equal(moves.items[0].to, moves.items[1].to);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(packed_capacity_closes_the_gaps),
                cmocka_unit_test(packing_respects_what_is_enabled),
                cmocka_unit_test(offline_hosts_pack_nothing),
                cmocka_unit_test(an_empty_pgpu_can_become_each_type),
                cmocka_unit_test(a_plan_moves_the_fewest),
                cmocka_unit_test(an_empty_pgpu_needs_no_plan),
                cmocka_unit_test(no_plan_has_fewer_restarts),
                cmocka_unit_test(who_stands_in_the_way_is_moved_too),
                cmocka_unit_test(without_room_the_nearest_pgpu_is_named),
                cmocka_unit_test(a_full_group_has_no_plan_for_certain),
                cmocka_unit_test(where_nothing_can_be_tried_it_says_what_would_help),
                cmocka_unit_test(a_plan_needs_the_preferred_pgpu_unheld),
                cmocka_unit_test(a_plan_leaves_out_hosts_that_lack_an_iommu),
                cmocka_unit_test(a_failed_host_leaves_what_fits),
                cmocka_unit_test(failed_hosts_need_memory_elsewhere),
                cmocka_unit_test(failures_are_tolerated_while_room_is_left),
                cmocka_unit_test(an_owner_over_its_quota_is_stranded),
                cmocka_unit_test(a_group_stays_spread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
