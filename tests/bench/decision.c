/*
 * What a decision costs
 *
 * Pools of 64, 1,000 and 10,000 hosts of eight PGPUs, empty, half full and nearly full, with VGPUs coming and
 * going: each step books one VGPU and lets another go, and only allocate() is timed. Beside it, in the same
 * rounds, the plainest thing that could work, a scan over a flat array of PGPUs, and an LMDB commit.
 */

#include <math.h>
#include <time.h>

#include "tests/bench/bench.h"
#include "tests/sim/dice.h"
#include "tests/sim/world.h"

#define N_TYPES 3
#define STEPS 512

static const size_t n_hosts[] = {64, 1000, 10000};
static const uint32_t fills[] = {0, 50, 95};

typedef struct FlatPgpu {
        uint32_t used;
        uint8_t type; /* that runs, or N_TYPES */
        uint8_t enabled;
} FlatPgpu;

typedef struct Bench {
        Shape shape;
        SimWorld world;
        Dice dice;
        FlatPgpu *flat;
        size_t n_pgpus;
        Vm **vms; /* that are there */
        size_t n_vms, size;
} Bench;

static void bench_done(Bench *b) {
        sim_world_done(&b->world);
        shape_done(&b->shape);
        free(b->flat);
        free(b->vms);
}

static Pgpu *pgpu_at(const Bench *b, size_t i) {
        return b->world.pool->objects[CLASS_PGPU].items[i];
}

static size_t dice_below(Dice *d, size_t n) {
        return (size_t) (dice_uniform(d) * (double) n);
}

static Arrival arrival_of(size_t type) {
        Arrival a = {.n_vgpus = 1};

        a.vgpus[0].type = (uint8_t) type;
        return a;
}

static int bench_keep(Bench *b, Vm *vm) {
        if (b->n_vms == b->size) {
                size_t size = MAX_OF(2 * b->size, (size_t) 1024);
                Vm **vms = realloc(b->vms, size * sizeof(Vm *));

                if (!vms)
                        return -ENOMEM;
                b->vms = vms;
                b->size = size;
        }
        b->vms[b->n_vms++] = vm;
        return 0;
}

static int put_vgpu(Bench *b, Pgpu *p, size_t type) {
        Arrival a = arrival_of(type);
        Vm *vm;
        int r;

        r = sim_world_add_vm(&b->world, &a, &vm);
        if (r >= 0)
                r = pool_set_vm_scheduled(b->world.pool, vm, p->host);
        if (r >= 0)
                r = pool_set_vgpu_scheduled(b->world.pool, vm->vgpus.items[0], p);
        return r < 0 ? r : bench_keep(b, vm);
}

/* PGPU after PGPU gets one type and, up to the share, its VGPUs. */
static int bench_fill(Bench *b, uint32_t percent) {
        for (size_t i = 0; percent > 0 && i < b->n_pgpus; i++) {
                size_t type = i % N_TYPES;
                uint32_t size = b->world.types[type]->size, n = 0;
                int r;

                while (dice_uniform(&b->dice) * 100 < percent && (n + 1) * size <= PGPU_SIZE) {
                        r = put_vgpu(b, pgpu_at(b, i), type);
                        if (r < 0)
                                return r;
                        n++;
                }
        }
        return 0;
}

static int bench_make(Bench *b, size_t hosts, uint32_t percent, GroupAlgorithm algorithm) {
        char text[256], error[256];
        int r;

        *b = (Bench){.dice = {.state = 1}};
        snprintf(text, sizeof(text),
                "{\"types\":{\"K200\":8,\"K240Q\":4,\"K260Q\":2},\"cards\":{\"K2\":{\"pgpus\":2,\"types\":["
                "\"K200\",\"K240Q\","
                "\"K260Q\"]}},\"hosts\":[{\"name\":\"h\",\"count\":%zu,\"cards\":[\"K2\",\"K2\",\"K2\","
                "\"K2\"]}]}",
                hosts);
        r = shape_parse(text, strlen(text), &b->shape, error, sizeof(error));
        if (r >= 0)
                r = sim_world_new(&b->shape, algorithm, &b->world);
        if (r < 0)
                return r;

        b->world.shape = &b->shape;
        b->n_pgpus = b->world.pool->objects[CLASS_PGPU].n;
        b->flat = calloc(b->n_pgpus, sizeof(FlatPgpu));
        return b->flat ? bench_fill(b, percent) : -ENOMEM;
}

/* The flat array as the pool is now. */
static void flat_copy(Bench *b) {
        for (size_t i = 0; i < b->n_pgpus; i++) {
                const Pgpu *p = pgpu_at(b, i);
                uint8_t type = 0;

                while (type < N_TYPES &&
                        (p->vgpus.n == 0 || b->world.types[type] != ((Vgpu *) p->vgpus.items[0])->type))
                        type++;
                b->flat[i] = (FlatPgpu){.used = p->used, .type = type, .enabled = 7};
        }
}

/* The PGPU with the least room that is enough, by looking at each. */
static size_t flat_scan(const Bench *b, uint8_t type, uint32_t size) {
        uint32_t least = UINT32_MAX;
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < b->n_pgpus; i++) {
                const FlatPgpu *p = &b->flat[i];
                uint32_t room = (PGPU_SIZE - p->used) / size;

                if ((p->type == type || p->type == N_TYPES) && (p->enabled >> type & 1) && room > 0 &&
                        room < least) {
                        least = room;
                        found = i;
                }
        }
        return found;
}

static double time_scan(Bench *b) {
        volatile size_t keep;
        size_t n = MAX_OF((size_t) 4, 200000 / b->n_pgpus);
        uint64_t start;

        flat_copy(b);
        start = now_ns();
        for (size_t i = 0; i < n; i++)
                keep = flat_scan(b, (uint8_t) (i % N_TYPES), b->world.types[i % N_TYPES]->size);
        (void) keep;
        return (double) (now_ns() - start) / (double) n;
}

static double time_commits(Floor *f) {
        double times[32];

        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                uint64_t start = now_ns();

                if (floor_commit(f) < 0)
                        return NAN;
                times[i] = (double) (now_ns() - start);
        }
        return percentile(times, ARRAY_SIZE(times), 0.5);
}

static void bench_drop(Bench *b, size_t i) {
        sim_world_remove_vm(&b->world, b->vms[i]);
        b->vms[i] = b->vms[--b->n_vms];
}

/* One VGPU more, timed, and one fewer, so that the fill stays. Returns the median of the decisions. */
static double time_decisions(Bench *b, size_t n_keep, double *ret_p99) {
        static double times[STEPS];
        double p50;

        for (size_t i = 0; i < STEPS; i++) {
                Arrival a = arrival_of(dice_below(&b->dice, N_TYPES));
                Allocation decided = {};
                AllocRequest request = {};
                uint64_t start;
                bool refused;
                Vm *vm;

                if (sim_world_add_vm(&b->world, &a, &vm) < 0)
                        return NAN;
                request.vm = vm;
                demand_note(b->world.pool, vm);
                start = now_ns();
                if (allocate(b->world.pool, &request, NULL, &decided) < 0)
                        return NAN;
                times[i] = (double) (now_ns() - start);

                refused = decided.refusal.code != ERROR_NONE;
                if (refused || allocation_apply(b->world.pool, vm, NULL, &decided) < 0 ||
                        bench_keep(b, vm) < 0)
                        sim_world_remove_vm(&b->world, vm);
                allocation_done(&decided);
                while (b->n_vms > n_keep)
                        bench_drop(b, dice_below(&b->dice, b->n_vms));
        }
        p50 = percentile(times, STEPS, 0.5);
        *ret_p99 = percentile(times, STEPS, 0.99);
        return p50;
}

typedef struct Cell {
        Series decision, scan, commit, share;
} Cell;

static int measure(Report *r, Floor *f, size_t size, size_t fill, GroupAlgorithm a, Cell *cell) {
        _cleanup_(bench_done) Bench b = {};
        double p99, warm;
        size_t n_keep;
        int error;

        error = bench_make(&b, n_hosts[size], fills[fill], a);
        if (error < 0)
                return error;
        n_keep = b.n_vms;
        warm = time_decisions(&b, n_keep, &p99); /* the index is built by the first */
        if (isnan(warm))
                return -ENOMEM;

        for (size_t round = 0; round < (r->quick ? 3u : 7u); round++) {
                double decision = time_decisions(&b, n_keep, &p99), scan = time_scan(&b),
                       commit = time_commits(f);
                char name[64];

                series_add(&cell->decision, decision);
                series_add(&cell->scan, scan);
                series_add(&cell->commit, commit);
                series_add(&cell->share, 100 * decision / commit);
                snprintf(name, sizeof(name), "%s %zu hosts %u %% full", group_algorithm_to_string(a),
                        n_hosts[size], fills[fill]);
                report_round(r, "decision ns", round, name, decision);
                report_round(r, "decision p99 ns", round, name, p99);
                report_round(r, "linear scan ns", round, name, scan);
                report_round(r, "LMDB commit ns", round, name, commit);
        }
        return 0;
}

static void report_growth(Report *r, GroupAlgorithm a, size_t fill, const Cell *small, const Cell *large) {
        char name[96];

        snprintf(name, sizeof(name), "%s, %u %% full: 10,000 hosts / 64 hosts", group_algorithm_to_string(a),
                fills[fill]);
        report_target(r, name, series_median(&large->decision) / series_median(&small->decision), 4, false);
        snprintf(name, sizeof(name), "%s, %u %% full, 10,000 hosts: %% of an LMDB commit",
                group_algorithm_to_string(a), fills[fill]);
        report_target(r, name, series_median(&large->share), 1, false);
}

int bench_decision(Report *r) {
        static Cell cells[_GROUP_ALGORITHM_MAX][ARRAY_SIZE(fills)][ARRAY_SIZE(n_hosts)];
        _cleanup_(floor_freep) Floor *f = NULL;
        int error;

        error = floor_new(&f);
        if (error < 0)
                return error;

        printf("One decision for one VGPU, eight PGPUs on each host (medians, ns)\n");
        printf("  %-14s %6s %6s %12s %12s %12s\n", "algorithm", "full", "hosts", "decision", "linear scan",
                "LMDB commit");
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                for (size_t fill = 0; fill < ARRAY_SIZE(fills); fill++)
                        for (size_t size = 0; size < ARRAY_SIZE(n_hosts); size++) {
                                Cell *c = &cells[a][fill][size];

                                error = measure(r, f, size, fill, a, c);
                                if (error < 0)
                                        return error;
                                printf("  %-14s %4u %% %6zu %12.0f %12.0f %12.0f\n",
                                        group_algorithm_to_string(a), fills[fill], n_hosts[size],
                                        series_median(&c->decision), series_median(&c->scan),
                                        series_median(&c->commit));
                                fflush(stdout);
                        }

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                for (size_t fill = 0; fill < ARRAY_SIZE(fills); fill++)
                        report_growth(
                                r, a, fill, &cells[a][fill][0], &cells[a][fill][ARRAY_SIZE(n_hosts) - 1]);
        return 0;
}
