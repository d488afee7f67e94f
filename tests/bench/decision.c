/*
 * What a decision costs
 *
 * Pools of 64, 1,000 and 10,000 hosts of eight PGPUs and three types, empty, half full and nearly full, and of sixteen PGPUs and
 * twenty types, half full, in which VGPUs come and go: each turn starts one VM and stops another. A decision is allocate(): it brings the scores up to
 * date, chooses, and names the runners-up and the counts. Booking and leaving change the model. Beside them,
 * in the same rounds, the plainest thing that could work, a scan over a flat array of PGPUs, and an LMDB
 * commit. What is compared is measured in one round, pool after pool. Pools have some hundred hosts: 1,000 have
 * targets, and 10,000 only show how it goes on.
 *
 * Dice fill the pools, not the algorithm, and what is measured are the first thousands of turns after that:
 * the scores are there, yet hardly any VM was replaced. The turns before a round's measured ones bring back what the
 * other pools, the scan and the commits have put out of the caches; they do not change the pool's shape.
 */

#include <math.h>

#include "tests/bench/bench-pool.h"
#include "tests/bench/decision.h"

#define TURNS 512
#define WARM_TURNS 128 /* not measured: another pool was at work before */

static const size_t n_hosts[] = {64, 1000, 10000};
#define SIZE_WITH_TARGETS 1 /* of these */
static const struct Filling {
        uint32_t percent;
        bool wide; /* 16 PGPUs of 20 types */
} fills[] = {{0, false}, {50, false}, {95, false}, {50, true}};

#define N_SIZES ARRAY_SIZE(n_hosts)
#define N_FILLS ARRAY_SIZE(fills)

typedef struct FlatPgpu {
        uint32_t used;
        uint8_t type; /* that runs, or N_TYPES_MAX */
        uint32_t enabled;
} FlatPgpu;

/* The flat array as the pool is now. */
static void flat_copy(const BenchPool *b, FlatPgpu *flat) {
        for (size_t i = 0; i < b->n_pgpus; i++) {
                const Pgpu *p = bench_pool_pgpu(b, i);
                uint8_t type = p->vgpus.n == 0 ? N_TYPES_MAX : 0;

                while (type < N_TYPES_MAX && b->world.types[type] != ((Vgpu *) p->vgpus.items[0])->type)
                        type++;
                flat[i] = (FlatPgpu){.used = p->used, .type = type, .enabled = UINT32_MAX};
        }
}

/* The PGPU with the least room that is enough, by looking at each. */
static size_t flat_scan(const FlatPgpu *flat, size_t n, uint8_t type, uint32_t size) {
        uint32_t least = UINT32_MAX;
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < n; i++) {
                const FlatPgpu *p = &flat[i];
                uint32_t room = (PGPU_SIZE - p->used) / size;

                if ((p->type == type || p->type == N_TYPES_MAX) && (p->enabled >> type & 1) && room > 0 &&
                        room < least) {
                        least = room;
                        found = i;
                }
        }
        return found;
}

static double time_scan(const BenchPool *b) {
        _cleanup_free_ FlatPgpu *flat = calloc(b->n_pgpus, sizeof(FlatPgpu));
        size_t n = MAX_OF((size_t) 4, 200000 / b->n_pgpus);
        volatile size_t keep;
        uint64_t start;

        if (!flat)
                return NAN;

        flat_copy(b, flat);
        start = now_ns();
        for (size_t i = 0; i < n; i++)
                keep = flat_scan(
                        flat, b->n_pgpus, (uint8_t) (i % b->n_types), b->world.types[i % b->n_types]->size);
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

/* Of one size of pool, over the rounds. */
typedef struct Cell {
        Series decision, p99, booking, leaving, scan, commit, share, growth;
} Cell;

/* The medians of some turns. */
typedef struct Medians {
        double decision, p99, booking, leaving;
} Medians;

static int time_turns(BenchPool *b, Medians *ret) {
        static double decisions[TURNS], bookings[TURNS], leavings[TURNS];

        for (size_t i = 0; i < WARM_TURNS + TURNS; i++) {
                size_t at = i < WARM_TURNS ? 0 : i - WARM_TURNS;
                Turn t;
                int r = bench_pool_turn(b, &t);

                if (r < 0)
                        return r;
                decisions[at] = t.decision;
                bookings[at] = t.booking;
                leavings[at] = t.leaving;
        }

        ret->decision = percentile(decisions, TURNS, 0.5);
        ret->p99 = percentile(decisions, TURNS, 0.99);
        ret->booking = percentile(bookings, TURNS, 0.5);
        ret->leaving = percentile(leavings, TURNS, 0.5);
        return 0;
}

static const char *words_of(const struct Filling *f) {
        return f->wide ? ", 16 PGPUs of 20 types" : "";
}

static void report_cell(Report *r, size_t round, GroupAlgorithm a, size_t fill, size_t size, const Cell *c) {
        const struct {
                const char *name;
                const Series *series;
        } numbers[] = {
                {"decision ns", &c->decision},
                {"decision p99 ns", &c->p99},
                {"booking ns", &c->booking},
                {"leaving ns", &c->leaving},
                {"linear scan ns", &c->scan},
                {"LMDB commit ns", &c->commit},
        };
        char name[64];

        snprintf(name, sizeof(name), "%s %zu hosts %u %% full%s", group_algorithm_to_string(a), n_hosts[size],
                fills[fill].percent, words_of(&fills[fill]));
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                report_round(r, numbers[i].name, round, name, numbers[i].series->values[round]);
}

/* One round: every size of pool in turn, so that a ratio is of one time. */
static int measure_round(Floor *f, BenchPool *pools, Cell *cells) {
        double smallest = 0;

        for (size_t size = 0; size < N_SIZES; size++) {
                Cell *c = &cells[size];
                double commit;
                Medians m;
                int r = time_turns(&pools[size], &m);

                if (r < 0)
                        return r;
                if (size == 0)
                        smallest = m.decision;
                series_add(&c->decision, m.decision);
                series_add(&c->p99, m.p99);
                series_add(&c->booking, m.booking);
                series_add(&c->leaving, m.leaving);
                series_add(&c->growth, m.decision / smallest);
                series_add(&c->scan, time_scan(&pools[size]));
                commit = time_commits(f);
                series_add(&c->commit, commit);
                series_add(&c->share, 100 * m.decision / commit);
        }
        return 0;
}

static int measure_pools(Report *r, Floor *f, GroupAlgorithm a, size_t fill, BenchPool *pools, Cell *cells) {
        Medians warm;
        int error = 0;

        for (size_t size = 0; size < N_SIZES && error >= 0; size++) {
                error = bench_pool_make(&pools[size], n_hosts[size], fills[fill].wide, fills[fill].percent, a);
                if (error >= 0)
                        error = time_turns(&pools[size], &warm); /* the scores are worked out by the first */
        }
        for (size_t round = 0; round < (r->quick ? 3u : 9u) && error >= 0; round++) {
                error = measure_round(f, pools, cells);
                for (size_t size = 0; size < N_SIZES && error >= 0; size++)
                        report_cell(r, round, a, fill, size, &cells[size]);
        }
        return error;
}

static int measure(Report *r, Floor *f, GroupAlgorithm a, size_t fill, Cell *cells) {
        BenchPool pools[N_SIZES] = {};
        int error;

        error = measure_pools(r, f, a, fill, pools, cells);
        for (size_t size = 0; size < N_SIZES; size++) {
                const Cell *c = &cells[size];

                if (error >= 0)
                        printf("  %-14s %4u %% %5zu%s %9.0f %8.0f %8.0f %8.0f %12.0f %12.0f\n",
                                group_algorithm_to_string(a), fills[fill].percent, n_hosts[size], fills[fill].wide ? "w" : " ",
                                series_median(&c->decision), series_median(&c->p99),
                                series_median(&c->booking), series_median(&c->leaving),
                                series_median(&c->scan), series_median(&c->commit));
                bench_pool_done(&pools[size]);
        }
        fflush(stdout);
        return error;
}

static void report_growth(Report *r, GroupAlgorithm a, size_t fill, const Cell *c) {
        char name[96];

        snprintf(name, sizeof(name), "%s, %u %% full%s: 1,000 hosts / 64 hosts", group_algorithm_to_string(a),
                fills[fill].percent, words_of(&fills[fill]));
        report_target(r, name, series_median(&c->growth), 8, false);
        snprintf(name, sizeof(name), "%s, %u %% full%s, 1,000 hosts: %% of an LMDB commit",
                group_algorithm_to_string(a), fills[fill].percent, words_of(&fills[fill]));
        report_target(r, name, series_median(&c->share), 5, false);
}

int bench_decision(Report *r) {
        static Cell cells[_GROUP_ALGORITHM_MAX][N_FILLS][N_SIZES];
        _cleanup_(floor_freep) Floor *f = NULL;
        int error;

        error = floor_new(&f);
        if (error < 0)
                return error;

        printf("One decision for one VGPU, eight PGPUs of three types on each host; w: sixteen of twenty (medians, ns)\n");
        printf("  %-14s %6s %6s %9s %8s %8s %8s %12s %12s\n", "algorithm", "full", "hosts", "decision",
                "its p99", "booking", "leaving", "linear scan", "LMDB commit");
        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                for (size_t fill = 0; fill < N_FILLS; fill++) {
                        error = measure(r, f, a, fill, cells[a][fill]);
                        if (error < 0)
                                return error;
                }

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++)
                for (size_t fill = 0; fill < N_FILLS; fill++)
                        report_growth(r, a, fill, &cells[a][fill][SIZE_WITH_TARGETS]);

        return bench_decision_cases(r);
}
