/*
 * Advice against trying everything
 *
 * Random pools of a few K2 PGPUs with some types disabled, memory that is scarce in every other one; in every third, hosts are
 * unequal: their files lack types, a board is divided by others for one type, a card is lost. What a
 * simulation and the packing say is compared with a search through every way to place the VMs, written
 * without the decider.
 */

#include <sys/wait.h>
#include <unistd.h>

#include "policyd/advice/packing.h"
#include "policyd/advice/simulation.h"
#include "policyd/decide/verdict.h"
#include "tests/unit/policyd-core/dice.h"

#define POOLS 500
#define HOSTS_MAX 4
#define PGPUS_MAX (2 * HOSTS_MAX)
#define VMS_MAX 8
#define TYPES (PASSTHROUGH - K200 + 1)

/* What the search moves: how many of which type are on a PGPU, and what memory a host has. */
typedef struct Spot {
        const Pgpu *pgpu;
        const Host *host;
        const VgpuType *type;
        uint32_t n;
        bool closed;
} Spot;

typedef struct Board {
        Spot spots[PGPUS_MAX];
        const Host *hosts[HOSTS_MAX];
        uint64_t memory[HOSTS_MAX];
        bool down[HOSTS_MAX];
        size_t n_spots, n_hosts;
        Vm *lifted[VMS_MAX];
        size_t n_lifted, fewest_stranded;
} Board;

static uint32_t instances(const Host *h, const VgpuType *t) {
        const HostType *of_host = host_find_type(h, t);

        return t->implementation == TYPE_PASSTHROUGH ? 1 : PGPU_SIZE / (of_host ? of_host->size : t->size);
}

static bool type_fits(const Spot *s, const VgpuType *t) {
        return !s->closed && s->pgpu->present && ptr_array_contains(&s->pgpu->enabled, t) &&
               (s->n == 0 || (s->type == t && s->n < instances(s->pgpu->host, t)));
}

static void board_add_host(Board *b, const Host *h) {
        b->hosts[b->n_hosts] = h;
        b->memory[b->n_hosts] = h->memory_free;
        b->down[b->n_hosts++] = !h->enabled;
        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];
                const VgpuType *t = p->vgpus.n > 0 ? ((const Vgpu *) p->vgpus.items[0])->type : NULL;

                b->spots[b->n_spots++] = (Spot){.pgpu = p, .host = h, .type = t, .n = (uint32_t) p->vgpus.n};
        }
}

static void board_lift(Board *b, Vm *vm) {
        b->lifted[b->n_lifted++] = vm;
        for (size_t i = 0; i < b->n_hosts; i++)
                if (b->hosts[i] == vm->resident_on)
                        b->memory[i] += vm->memory;
        for (size_t i = 0; i < vm->vgpus.n; i++)
                for (size_t j = 0; j < b->n_spots; j++)
                        b->spots[j].n -= b->spots[j].pgpu == ((Vgpu *) vm->vgpus.items[i])->resident_on;
}

static Board board_new(const World *w) {
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        Board b = {};

        for (size_t i = 0; i < hosts->n; i++)
                board_add_host(&b, hosts->items[i]);
        return b;
}

static void search_vms(Board *b, size_t at, size_t stranded);

static void search_vgpus(Board *b, size_t at, size_t vgpu, const Host *h, size_t stranded) {
        const Vgpu *v;

        if (vgpu == b->lifted[at]->vgpus.n) {
                search_vms(b, at + 1, stranded);
                return;
        }

        v = b->lifted[at]->vgpus.items[vgpu];
        for (size_t i = 0; i < b->n_spots; i++) {
                Spot before = b->spots[i];

                if (before.host != h || !type_fits(&before, v->type))
                        continue;
                b->spots[i].type = v->type;
                b->spots[i].n++;
                search_vgpus(b, at, vgpu + 1, h, stranded);
                b->spots[i] = before;
        }
}

static void search_vms(Board *b, size_t at, size_t stranded) {
        if (stranded >= b->fewest_stranded)
                return;
        if (at == b->n_lifted) {
                b->fewest_stranded = stranded;
                return;
        }

        for (size_t i = 0; i < b->n_hosts; i++) {
                if (b->down[i] || b->memory[i] < b->lifted[at]->memory)
                        continue;
                b->memory[i] -= b->lifted[at]->memory;
                search_vgpus(b, at, 0, b->hosts[i], stranded);
                b->memory[i] += b->lifted[at]->memory;
        }
        search_vms(b, at + 1, stranded + 1);
}

static size_t fewest_stranded(Board *b) {
        b->fewest_stranded = b->n_lifted + 1;
        search_vms(b, 0, 0);
        return b->fewest_stranded;
}

/* The worlds */

static bool can_run(const Pgpu *p, const VgpuType *t) {
        Spot s = {.pgpu = p, .n = (uint32_t) p->vgpus.n};

        s.type = s.n > 0 ? ((Vgpu *) p->vgpus.items[0])->type : NULL;
        return type_fits(&s, t);
}

static void add_vm(World *w, Dice *d, Host *h, bool scarce) {
        Pgpu *p = h->pgpus.items[roll(d, (uint32_t) h->pgpus.n)];
        WorldType type = roll(d, 8) == 0 ? K200 : (WorldType) (K240Q + roll(d, 3));
        Vgpu *v;

        if (!can_run(p, w->types[type]))
                return;
        v = world_resident(w, p, type);
        v->vm->memory_counted = true; /* memory_free is without it */
        if (scarce)
                v->vm->memory = (1 + roll(d, 3)) * GIB;

        p = h->pgpus.items[roll(d, (uint32_t) h->pgpus.n)];
        if (roll(d, 4) == 0 && can_run(p, w->types[K240Q]))
                assert_int_equal(pool_set_vgpu_resident(
                                         w->pool, world_vgpu(w, v->vm, w->groups[K2], w->types[K240Q]), p),
                        0);
}

/* The types that its host's files have, or the one of its division. */
static void lack_types(World *w, Dice *d, Pgpu *p, uint32_t host_types) {
        VgpuType *left[TYPES];
        bool fixed = roll(d, 6) == 0;
        size_t n = 0;

        for (WorldType t = K200; t <= PASSTHROUGH; t++)
                if ((host_types >> t & 1) && !(fixed && (t == PASSTHROUGH || n > 0)))
                        left[n++] = w->types[t];
        assert_int_equal(pool_set_pgpu_supported(w->pool, p, left, n), 0);
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, left, n), 0);
        assert_int_equal(pool_set_pgpu_division(w->pool, p, fixed ? "fixed 4" : "none"), 0);
        if (roll(d, 10) == 0)
                pool_set_pgpu_present(w->pool, p, false);
}

/* Its driver has other numbers of some types. */
static void other_sizes(World *w, Dice *d, Host *h) {
        for (WorldType t = K200; t < PASSTHROUGH; t++) {
                TypeFacts facts = {.size = w->types[t]->size, .internal_config = "{}"};

                if (roll(d, 3) == 0)
                        facts.size = PGPU_SIZE / (1 + roll(d, 4));
                assert_true(pool_set_host_type(w->pool, h, w->types[t], &facts) >= 0);
        }
}

typedef enum Unequal {
        EQUAL,
        TYPES_DIFFER,
        SIZES_DIFFER, /* too */
} Unequal;

/* Crowded: hardly a PGPU has room left. */
static World *random_world(Dice *d, bool scarce, bool crowded, Unequal unequal) {
        size_t n_hosts = 2 + roll(d, HOSTS_MAX - 1), n_vms = crowded ? 2 * VMS_MAX : 1 + roll(d, VMS_MAX - 2);
        World *w = world_new();
        Host *hosts[HOSTS_MAX];

        pool_set_group_algorithm(w->pool, w->groups[K2], (GroupAlgorithm) roll(d, _GROUP_ALGORITHM_MAX));
        for (size_t i = 0; i < n_hosts; i++) {
                uint32_t host_types = unequal ? roll(d, 1u << (PASSTHROUGH + 1)) | roll(d, 1u << (PASSTHROUGH + 1)) : UINT32_MAX;

                hosts[i] = world_host(w, (const char[]){(char) ('a' + i), '\0'});
                if (unequal == SIZES_DIFFER)
                        other_sizes(w, d, hosts[i]);
                if (scarce)
                        pool_set_host_memory(w->pool, hosts[i], 16 * GIB, (1 + roll(d, 6)) * GIB);
                for (size_t n = 1 + roll(d, 2); n > 0; n--) {
                        Pgpu *p = world_pgpu(w, hosts[i], K2);

                        if (unequal)
                                lack_types(w, d, p, host_types);
                        for (WorldType t = K200; t <= PASSTHROUGH; t++)
                                if (roll(d, 4) == 0)
                                        world_disable_type(w, p, t);
                }
                pool_set_host_enabled(w->pool, hosts[i], roll(d, 12) != 0);
        }
        for (size_t i = 0; i < n_vms && w->pool->objects[CLASS_VM].n < VMS_MAX; i++)
                add_vm(w, d, hosts[roll(d, (uint32_t) n_hosts)], scarce);
        world_drain(w);
        return w;
}

static void in_random_worlds(void (*check)(World *w), Unequal unequal) {
        for (uint64_t seed = 1; seed <= POOLS; seed++) {
                Dice d = {.state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1};
                _cleanup_world_ World *w =
                        random_world(&d, /* scarce= */ seed % 2, /* crowded= */ seed % 4 >= 2, seed % 3 ? EQUAL : unequal);

                check(w);
                assert_false(pool_has_changes(w->pool));
        }
}

/* Hosts that fail: bit i of the set is the i-th host of the board. */
static Board board_after_failure(const World *w, uint32_t set) {
        const PtrArray *vms = &w->pool->objects[CLASS_VM];
        Board b = board_new(w);

        for (size_t i = 0; i < b.n_hosts; i++)
                for (size_t j = 0; j < vms->n && (set >> i & 1); j++)
                        if (((Vm *) vms->items[j])->resident_on == b.hosts[i])
                                board_lift(&b, vms->items[j]);
        for (size_t i = 0; i < b.n_hosts; i++)
                b.down[i] |= set >> i & 1;
        return b;
}

static size_t n_estimates;

static void check_each_host(World *w) {
        for (size_t i = 0; i < w->pool->objects[CLASS_HOST].n; i++) {
                Board b = board_after_failure(w, UINT32_C(1) << i);
                _cleanup_moves_ Moves moves = {};

                assert_int_equal(simulate_host_failure(w->pool, (Host *) b.hosts[i], &moves), 0);
                assert_int_equal(moves.n, b.n_lifted);
                assert_int_equal(moves.n_failed, fewest_stranded(&b));
                n_estimates += moves.estimate;
        }
}

static bool any_may_fail(World *w, size_t k) {
        size_t n_hosts = w->pool->objects[CLASS_HOST].n;

        for (uint32_t set = 0; set < UINT32_C(1) << n_hosts; set++) {
                Board b = board_after_failure(w, set);

                if ((size_t) __builtin_popcount(set) == k && fewest_stranded(&b) > 0)
                        return false;
        }
        return true;
}

static void check_failures(World *w) {
        size_t expected = 0, tolerated;

        while (expected + 1 < w->pool->objects[CLASS_HOST].n && any_may_fail(w, expected + 1))
                expected++;
        assert_int_equal(find_failures_to_tolerate(w->pool, w->groups[K2], &tolerated), 0);
        assert_int_equal(tolerated, expected);
}

/* Whether the lifted ones leave another PGPU of the host empty, which could be had in its place. */
static bool leaves_another(const Board *b, size_t spot, const VgpuType *t) {
        for (size_t i = 0; i < b->n_spots; i++)
                if (i != spot && b->spots[i].host == b->spots[spot].host && b->spots[i].n == 0 &&
                        b->spots[i].pgpu->present && ptr_array_contains(&b->spots[i].pgpu->enabled, t))
                        return true;
        return false;
}

/* The fewest restarts, of any VMs, that empty the PGPU for a type; SIZE_MAX when nothing does. */
static size_t restarts_to_empty(const World *w, size_t spot, const VgpuType *t, bool may_leave_another) {
        const PtrArray *vms = &w->pool->objects[CLASS_VM];
        Board start = board_new(w);
        size_t best = SIZE_MAX;

        if (!start.spots[spot].host->enabled || !start.spots[spot].pgpu->present ||
                !ptr_array_contains(&start.spots[spot].pgpu->supported, t))
                return SIZE_MAX;
        start.spots[spot].closed = true;
        for (uint32_t set = 0; set < UINT32_C(1) << vms->n; set++) {
                Board b = start;

                if ((size_t) __builtin_popcount(set) >= best)
                        continue;
                for (size_t i = 0; i < vms->n; i++)
                        if (set >> i & 1)
                                board_lift(&b, vms->items[i]);
                if (b.spots[spot].n == 0 && (may_leave_another || !leaves_another(&b, spot, t)) &&
                        fewest_stranded(&b) == 0)
                        best = b.n_lifted;
        }
        return best;
}

static size_t fewest_restarts(const World *w, const VgpuType *t, bool may_leave_another) {
        size_t n_spots = board_new(w).n_spots, best = SIZE_MAX;

        for (size_t i = 0; i < n_spots; i++)
                best = MIN_OF(best, restarts_to_empty(w, i, t, may_leave_another));
        return best;
}

static void stop_vm(Pool *pool, Vm *vm) {
        Host *h = vm->resident_on;

        pool_set_host_memory(pool, h, h->memory_total, h->memory_free + vm->memory);
        for (size_t i = 0; i < vm->vgpus.n; i++)
                assert_int_equal(pool_set_vgpu_resident(pool, vm->vgpus.items[i], NULL), 0);
        assert_int_equal(pool_set_vm_resident(pool, vm, NULL), 0);
        pool_set_vm_power_state(pool, vm, POWER_HALTED);
        vm->memory_counted = false;
}

static void start_vm(Pool *pool, Vm *vm, const Object *on) {
        const AllocRequest request = {.vm = vm, .only = pool_get(pool, CLASS_HOST, &on->id)};
        _cleanup_(allocation_done) Allocation a = {};

        assert_int_equal(allocate(pool, &request, NULL, &a), 0);
        if (a.refusal.code != ERROR_NONE)
                fail_msg("the plan cannot be followed: %s", a.refusal.message);
        assert_int_equal(allocation_apply(pool, vm, NULL, &a), 0);
}

/* The steps, done with the decider itself: who wanted a whole PGPU has it, and everybody runs again. */
static void follow_steps(const World *w, const PgpuPlan *plan) {
        const Uuid ids[] = {{.bytes = {0xff, 1}}, {.bytes = {0xff, 2}}};
        VgpuType *whole = w->types[PASSTHROUGH];
        Pgpu *p = (Pgpu *) plan->pgpu;
        Vm *vm;
        Vgpu *v;

        for (size_t i = 0; i < plan->moves.n; i++)
                stop_vm(w->pool, (Vm *) plan->moves.items[i].vm);

        if (plan->enable)
                assert_int_equal(pool_set_pgpu_enabled(w->pool, p, &whole, 1), 0);
        assert_int_equal(pool_add_vm(w->pool, &ids[0], 0, "whole", &vm), 0);
        vm->hvm = vm->target_is_max = true;
        assert_int_equal(pool_add_vgpu(w->pool, &ids[1], 0, vm, p->group, whole, 0, &v), 0);
        start_vm(w->pool, vm, &p->host->object);
        assert_ptr_equal(v->scheduled_on, p);
        for (size_t i = 0; i < plan->moves.n; i++)
                start_vm(w->pool, (Vm *) plan->moves.items[i].vm, &plan->moves.items[i].to->object);
}

/* In a child, since the pool is needed as it is. */
static void follow_plan(const World *w, const PgpuPlan *plan) {
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                follow_steps(w, plan);
                _exit(EXIT_SUCCESS);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static size_t n_incomplete;

static void check_plans(World *w) {
        for (WorldType t = K200; t <= PASSTHROUGH; t++) {
                _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
                size_t n_restarts;

                assert_int_equal(plan_free_pgpu(w->pool, w->groups[K2], w->types[t], &plan), 0);
                n_restarts = plan.pgpu ? plan.moves.n : SIZE_MAX;
                assert_true(n_restarts >= fewest_restarts(w, w->types[t], /* may_leave_another= */ true));
                assert_true(n_restarts <= fewest_restarts(w, w->types[t], /* may_leave_another= */ false));
                n_incomplete += plan.incomplete;
                if (plan.pgpu && t == PASSTHROUGH)
                        follow_plan(w, &plan);
        }
}

/* Every PGPU is given one type or none; what counts is what is left of t once all others have theirs. */
static uint32_t most_left(
        const World *w, const Board *b, size_t spot, WorldType t, const uint32_t used[], uint32_t room[]) {
        uint32_t most;

        if (spot == b->n_spots) {
                for (size_t i = 0; i < TYPES; i++)
                        if (room[i] < used[i])
                                return 0;
                return room[t - K200] - used[t - K200];
        }

        most = most_left(w, b, spot + 1, t, used, room);
        for (size_t i = 0; i < TYPES && b->spots[spot].host->enabled; i++) {
                const VgpuType *type = w->types[K200 + i];

                if (!b->spots[spot].pgpu->present || !ptr_array_contains(&b->spots[spot].pgpu->enabled, type))
                        continue;
                room[i] += instances(b->spots[spot].host, type);
                most = MAX_OF(most, most_left(w, b, spot + 1, t, used, room));
                room[i] -= instances(b->spots[spot].host, type);
        }
        return most;
}

static void check_packing(World *w) {
        uint32_t used[TYPES] = {}, room[TYPES] = {};
        Board b = board_new(w);

        for (size_t i = 0; i < b.n_spots; i++)
                for (size_t t = 0; t < TYPES; t++)
                        if (b.spots[i].host->enabled && b.spots[i].type == w->types[K200 + t])
                                used[t] += b.spots[i].n;
        for (WorldType t = K200; t <= PASSTHROUGH; t++) {
                uint64_t now = group_capacity(w->groups[K2], w->types[t], NULL);

                assert_int_equal(group_capacity_packed(w->groups[K2], w->types[t], now),
                        most_left(w, &b, 0, t, used, room));
        }
}

static void a_failed_host_strands_the_fewest(void **state) {
        n_estimates = 0;
        in_random_worlds(check_each_host, SIZES_DIFFER);
        assert_int_equal(n_estimates, 0);
}

static void failures_are_tolerated_as_far_as_possible(void **state) {
        in_random_worlds(check_failures, SIZES_DIFFER);
}

static void a_plan_has_the_fewest_restarts(void **state) {
        n_incomplete = 0;
        in_random_worlds(check_plans, TYPES_DIFFER);
        assert_in_range(n_incomplete, 0, POOLS / 50);
}

static void packed_is_the_most_that_fits(void **state) {
        in_random_worlds(check_packing, TYPES_DIFFER);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_failed_host_strands_the_fewest),
                cmocka_unit_test(failures_are_tolerated_as_far_as_possible),
                cmocka_unit_test(a_plan_has_the_fewest_restarts),
                cmocka_unit_test(packed_is_the_most_that_fits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
