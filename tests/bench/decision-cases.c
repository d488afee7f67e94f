/*
 * Decisions that are not just one VGPU anywhere
 *
 * Each kind of start is decided again and again, not booked, while VGPUs come and go in between; in a small
 * pool and a large one, in the same rounds. Then refusals with their sentences, the hardest assignment that
 * a host of 16 PGPUs can be asked for, and what the model takes of memory.
 */

#include <malloc.h>
#include <math.h>

#include "policyd/words/decision-words.h"
#include "tests/bench/bench-pool.h"
#include "tests/bench/decision.h"

#define TURNS 256

enum { SMALL, LARGE, _SIZE_MAX };

static const size_t n_hosts[_SIZE_MAX] = {64, 1000};
#define MEMORY_HOSTS 10000

/* What is asked for: a VM, and what goes with its request. */
typedef struct Case {
        Vm *vm;
        Reservation *reservation;
        const Host *avoid;
} Case;

static Uuid case_id(uint64_t n) {
        Uuid id = {.bytes = {0xca, 0x5e}};

        for (size_t i = 0; i < 8; i++)
                id.bytes[15 - i] = (uint8_t) (n >> (8 * i));
        return id;
}

static int add_vgpu(BenchPool *b, Vm *vm, size_t type) {
        Uuid id = case_id(vm->object.key * 32 + vm->vgpus.n);
        Vgpu *v;

        return pool_add_vgpu(b->world.pool, &id, 0, vm, b->world.groups[0], b->world.types[type],
                (uint32_t) vm->vgpus.n, &v);
}

static int make_twins(BenchPool *b, Case *c) {
        int r = bench_pool_add_vm(b, 2, &c->vm);

        return r < 0 ? r : add_vgpu(b, c->vm, 2);
}

static int make_mixed(BenchPool *b, Case *c) {
        int r = bench_pool_add_vm(b, 0, &c->vm);

        return r < 0 ? r : add_vgpu(b, c->vm, 2);
}

static int make_whole(BenchPool *b, Case *c) {
        return bench_pool_add_vm(b, N_TYPES_MAX, &c->vm);
}

static int make_pinned(BenchPool *b, Case *c) {
        int r = bench_pool_add_vm(b, 0, &c->vm);

        if (r >= 0) {
                Vgpu *v = c->vm->vgpus.items[0];

                v->pinned = true;
                v->pinned_pci = bench_pool_pgpu(b, 3)->pci;
        }
        return r;
}

static int make_fond(BenchPool *b, Case *c) {
        const PtrArray *hosts = &b->world.pool->objects[CLASS_HOST];
        int r = bench_pool_add_vm(b, 1, &c->vm);

        return r < 0 ? r
                     : MIN_OF(text_set(&c->vm->affinity, ((Host *) hosts->items[hosts->n / 2])->name_label),
                               0);
}

static int make_reserved(BenchPool *b, Case *c) {
        _cleanup_free_ Pgpu **pgpus = NULL;
        HoldsDenial denial;
        Uuid id = case_id(1);
        int r;

        r = bench_pool_add_vm(b, 1, &c->vm);
        if (r >= 0)
                r = allocate_holds(b->world.pool, b->world.groups[0], b->world.types[1], 8, &pgpus, &denial);
        if (r >= 0)
                r = pool_add_reservation(b->world.pool, &id, 0, "bench", b->world.groups[0],
                        b->world.types[1], 8, &c->reservation);
        for (size_t i = 0; pgpus && i < 8 && r >= 0; i++)
                r = pool_hold(b->world.pool, c->reservation, pgpus[i]);
        return r;
}

static int make_spread(BenchPool *b, Case *c) {
        Uuid id = case_id(2);
        VmGroup *g;
        int r;

        r = pool_add_vm_group(b->world.pool, &id, 0, "bench", PLACEMENT_ANTI_AFFINITY, &g);
        if (r >= 0)
                r = bench_pool_add_vm(b, 1, &c->vm);
        if (r >= 0)
                r = pool_set_vm_group(b->world.pool, c->vm, g);
        for (size_t i = 0; i < 8 && r >= 0; i++)
                r = pool_set_vm_group(b->world.pool, b->running.items[i * 7], g);
        return r;
}

static int make_refused(BenchPool *b, Case *c) {
        c->avoid = b->world.pool->objects[CLASS_HOST].items[0];
        return bench_pool_add_vm(b, 0, &c->vm);
}

/* Refusals */

static int make_unsupported(BenchPool *b, Case *c) {
        Uuid id = case_id(3), vgpu = case_id(4);
        VgpuType *t;
        Vgpu *v;
        int r;

        r = pool_add_vgpu_type(b->world.pool, &id, 0, "0001:nvidia,11bf,115e,11bf,0001", "", "nobody's", &t);
        if (r >= 0)
                r = sim_world_add_vm(&b->world, &(Arrival){}, &c->vm);
        return r < 0 ? r : pool_add_vgpu(b->world.pool, &vgpu, 0, c->vm, b->world.groups[0], t, 0, &v);
}

static int make_too_large(BenchPool *b, Case *c) {
        int r = bench_pool_add_vm(b, 0, &c->vm);

        if (r >= 0)
                c->vm->memory = UINT64_C(2) << 40;
        return r;
}

static int make_too_many(BenchPool *b, Case *c) {
        int r = bench_pool_add_vm(b, 2, &c->vm);

        for (size_t i = 0; i < 19 && r >= 0; i++)
                r = add_vgpu(b, c->vm, 2);
        return r;
}

static const struct {
        const char *name;
        int (*make)(BenchPool *b, Case *c);
        bool refusal;
} cases[] = {
        {"two VGPUs of one type", make_twins, false},
        {"two VGPUs of two types", make_mixed, false},
        {"a whole PGPU", make_whole, false},
        {"a pinned VGPU", make_pinned, false},
        {"an affinity", make_fond, false},
        {"a reservation of eight", make_reserved, false},
        {"eight others of its anti-affine group", make_spread, false},
        {"after a host refused", make_refused, false},
        {"refused: nobody supports the type", make_unsupported, true},
        {"refused: memory is short everywhere", make_too_large, true},
        {"refused: more VGPUs than a host takes", make_too_many, true},
};

static double time_case(BenchPool *b, const Case *c, bool refusal) {
        AllocRequest request = {
                .vm = c->vm, .reservation = c->reservation, .avoid = &c->avoid, .n_avoid = !!c->avoid};
        static double times[TURNS];

        for (size_t i = 0; i < TURNS; i++) {
                _cleanup_(allocation_done) Allocation a = {};
                uint64_t start;
                Turn t;

                if (bench_pool_turn(b, &t) < 0)
                        return NAN;
                start = now_ns();
                if (allocate(b->world.pool, &request, NULL, &a) < 0 ||
                        (a.denial && refuse_start(&request, /* brief= */ false, &a) < 0))
                        return NAN;
                times[i] = (double) (now_ns() - start);
                if ((a.refusal.code != ERROR_NONE) != refusal)
                        return NAN;
        }
        return percentile(times, TURNS, 0.5);
}

static int measure_case(Report *r, size_t i, BenchPool *pools, Series *growth, Series *large) {
        Series times[_SIZE_MAX] = {};
        Case asked[_SIZE_MAX] = {};
        int error = 0;

        for (int size = SMALL; size < _SIZE_MAX && error >= 0; size++)
                error = cases[i].make(&pools[size], &asked[size]);
        if (error < 0)
                return error;

        for (size_t round = 0; round < (r->quick ? 2u : 5u) + 1; round++) {
                double now[_SIZE_MAX];

                for (int size = SMALL; size < _SIZE_MAX; size++)
                        now[size] = time_case(&pools[size], &asked[size], cases[i].refusal);
                if (round == 0)
                        continue; /* its scores are worked out by the first */
                for (int size = SMALL; size < _SIZE_MAX; size++)
                        series_add(&times[size], now[size]);
                series_add(growth, now[LARGE] / now[SMALL]);
                report_round(r, "decision ns, 64 hosts", round - 1, cases[i].name, now[SMALL]);
                report_round(r, "decision ns, 1,000 hosts", round - 1, cases[i].name, now[LARGE]);
        }
        *large = times[LARGE];
        printf("  %-40s %9.0f %9.0f\n", cases[i].name, series_median(&times[SMALL]),
                series_median(&times[LARGE]));
        for (int size = SMALL; size < _SIZE_MAX; size++) {
                if (asked[size].reservation)
                        pool_remove(pools[size].world.pool, &asked[size].reservation->object);
                sim_world_remove_vm(&pools[size].world, asked[size].vm);
        }
        return 0;
}

static int measure_cases(Report *r) {
        BenchPool pools[_SIZE_MAX] = {};
        Series growth[ARRAY_SIZE(cases)] = {}, large[ARRAY_SIZE(cases)] = {};
        char name[96];
        int error = 0;

        printf("Other starts and refusals, half full, depth-first (medians, ns)\n");
        printf("  %-40s %9s %9s\n", "", "64 hosts", "1,000");
        for (int size = SMALL; size < _SIZE_MAX && error >= 0; size++)
                error = bench_pool_make(&pools[size], n_hosts[size], /* wide= */ false, 50, ALGORITHM_DEPTH_FIRST);
        for (size_t i = 0; i < ARRAY_SIZE(cases) && error >= 0; i++)
                error = measure_case(r, i, pools, &growth[i], &large[i]);
        for (int size = SMALL; size < _SIZE_MAX; size++)
                bench_pool_done(&pools[size]);

        for (size_t i = 0; i < ARRAY_SIZE(cases) && error >= 0; i++) {
                if (cases[i].refusal) {
                        snprintf(name, sizeof(name), "%s: us", cases[i].name);
                        report_target(r, name, series_median(&large[i]) / 1000, 100, false);
                } else {
                        snprintf(name, sizeof(name), "%s: 1,000 hosts / 64 hosts", cases[i].name);
                        report_target(r, name, series_median(&growth[i]), 8, false);
                }
        }
        return error;
}

/* The hardest assignment: eight VGPUs of mixed types, sixteen PGPUs, and one is missing */

static int make_hard_host(BenchPool *b, Vm **ret) {
        static const char text[] =
                "{\"types\":{\"K200\":8,\"K240Q\":4,\"K260Q\":2},\"cards\":{\"K2\":{\"pgpus\":16,\"types\":["
                "\"K200\",\"K240Q\",\"K260Q\"]}},\"hosts\":[{\"name\":\"h\",\"cards\":[\"K2\"]}]}";
        char error[256];
        int r;

        *b = (BenchPool){.dice = {.state = 1}};
        r = shape_parse(text, strlen(text), &b->shape, error, sizeof(error));
        if (r >= 0)
                r = sim_world_new(&b->shape, ALGORITHM_DEPTH_FIRST, &b->world);
        if (r < 0)
                return r;
        b->world.shape = &b->shape;
        b->n_pgpus = b->world.pool->objects[CLASS_PGPU].n;
        pool_set_host_memory(b->world.pool, b->world.pool->objects[CLASS_HOST].items[0], UINT64_C(1) << 40,
                UINT64_C(1) << 40);

        /* K260Q on the first three only, which take six of the seven that are wanted. */
        for (size_t i = 0; i < b->n_pgpus && r >= 0; i++) {
                VgpuType *enabled[] = {b->world.types[0], b->world.types[1], b->world.types[2]};
                Vm *vm;

                r = pool_set_pgpu_enabled(b->world.pool, bench_pool_pgpu(b, i), enabled, i < 3 ? 3 : 2);
                if (r >= 0 && i >= 8)
                        r = bench_pool_add_vm(b, i % 2, &vm);
                if (r >= 0 && i >= 8)
                        r = bench_pool_put(b, vm, bench_pool_pgpu(b, i));
        }
        if (r >= 0)
                r = bench_pool_add_vm(b, 2, ret);
        for (size_t i = 1; i < 8 && r >= 0; i++)
                r = add_vgpu(b, *ret, i == 3 ? 1 : 2);
        return r;
}

static int measure_hard(Report *r) {
        BenchPool b = {};
        double times[64];
        Vm *vm = NULL;
        int error;

        error = make_hard_host(&b, &vm);
        for (size_t i = 0; i < ARRAY_SIZE(times) && error >= 0; i++) {
                _cleanup_(allocation_done) Allocation a = {};
                const AllocRequest request = {.vm = vm};
                uint64_t start;

                /* The host counts as changed, so that it is looked at anew. */
                pool_set_pgpu_present(b.world.pool, bench_pool_pgpu(&b, 0), true);
                start = cpu_ns();
                error = allocate(b.world.pool, &request, NULL, &a);
                if (error >= 0 && a.denial)
                        error = refuse_start(&request, /* brief= */ false, &a);
                times[i] = (double) (cpu_ns() - start);
                if (error >= 0 && a.refusal.code != ERROR_PGPU_INSUFFICIENT_CAPACITY)
                        error = -EINVAL;
        }
        bench_pool_done(&b);
        if (error >= 0)
                report_target(r, "8 mixed VGPUs on 16 PGPUs, one too many: us of CPU, refusal and remedy",
                        percentile(times, ARRAY_SIZE(times), 0.5) / 1000, 100, false);
        return error;
}

/* Memory */

static double heap_used(void) {
        struct mallinfo2 m = mallinfo2();

        return (double) (m.uordblks + m.hblkhd);
}

/* What a pool takes once every type was asked for, so that its scores are there; and how many VGPUs it has.
 */
static int measure_heap(size_t hosts, bool wide, uint32_t percent, double *ret_bytes, size_t *ret_pgpus, size_t *ret_vgpus) {
        double before = heap_used();
        BenchPool b = {};
        int error;

        error = bench_pool_make(&b, hosts, wide, percent, ALGORITHM_BEST_FIT);
        for (size_t i = 0; i < TURNS && error >= 0; i++) {
                Turn t;

                error = bench_pool_turn(&b, &t);
        }
        *ret_bytes = heap_used() - before;
        *ret_pgpus = b.n_pgpus;
        *ret_vgpus = b.running.n;
        bench_pool_done(&b);
        return error;
}

static int measure_memory(Report *r) {
        double empty, full;
        size_t n_pgpus, n_none, n_vgpus;
        int error;

        error = measure_heap(MEMORY_HOSTS, /* wide= */ false, 0, &empty, &n_pgpus, &n_none);
        if (error >= 0)
                error = measure_heap(MEMORY_HOSTS, /* wide= */ false, 95, &full, &n_pgpus, &n_vgpus);
        if (error < 0)
                return error;

        printf("Memory of 10,000 hosts with %zu PGPUs: %.1f MiB; and with %zu VGPUs, each of a VM of its "
               "own: %.1f MiB\n",
                n_pgpus, empty / 1048576, n_vgpus, full / 1048576);
        report_target(r, "bytes for a PGPU, its host and the scores included", empty / (double) n_pgpus, 1024,
                false);
        report_target(r, "bytes for a VGPU, its VM included", (full - empty) / (double) n_vgpus, 1024, false);

        error = measure_heap(1000, /* wide= */ true, 0, &empty, &n_pgpus, &n_none);
        if (error < 0)
                return error;
        report_target(r, "bytes for a PGPU of 20 types, 16 on a host", empty / (double) n_pgpus, 1024, false);
        return 0;
}

int bench_decision_cases(Report *r) {
        int error;

        error = measure_cases(r);
        if (error >= 0)
                error = measure_hard(r);
        return error < 0 ? error : measure_memory(r);
}
