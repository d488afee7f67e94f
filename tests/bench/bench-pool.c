/*
 * A pool of policyd/pool in which VGPUs come and go
 */

#include "tests/bench/bench-pool.h"

#include "common/base/strbuf.h"

static int list_add(VmList *l, Vm *vm) {
        if (l->n == l->size) {
                size_t size = MAX_OF(2 * l->size, (size_t) 1024);
                Vm **items = realloc(l->items, size * sizeof(Vm *));

                if (!items)
                        return -ENOMEM;
                l->items = items;
                l->size = size;
        }
        l->items[l->n++] = vm;
        return 0;
}

void bench_pool_done(BenchPool *b) {
        sim_world_done(&b->world);
        shape_done(&b->shape);
        free(b->running.items);
        for (size_t i = 0; i < N_TYPES_MAX; i++)
                free(b->halted[i].items);
}

Pgpu *bench_pool_pgpu(const BenchPool *b, size_t i) {
        return b->world.pool->objects[CLASS_PGPU].items[i];
}

size_t dice_below(Dice *d, size_t n) {
        return (size_t) (dice_uniform(d) * (double) n);
}

int bench_pool_add_vm(BenchPool *b, size_t type, Vm **ret) {
        Arrival a = {.n_vgpus = 1};
        int r;

        a.vgpus[0].type = type < N_TYPES_MAX ? (uint8_t) type : TYPE_PASSTHROUGH_INDEX;
        r = sim_world_add_vm(&b->world, &a, ret);
        if (r >= 0)
                (*ret)->memory = VM_MEMORY;
        return r;
}

int bench_pool_put(BenchPool *b, Vm *vm, Pgpu *p) {
        int r;

        r = pool_set_vm_scheduled(b->world.pool, vm, p->host);
        return r < 0 ? r : pool_set_vgpu_scheduled(b->world.pool, vm->vgpus.items[0], p);
}

/* PGPU after PGPU gets one type and, up to the share, its VGPUs. */
static int bench_pool_fill(BenchPool *b, uint32_t percent) {
        for (size_t i = 0; percent > 0 && i < b->n_pgpus; i++) {
                size_t type = i % b->n_types;
                uint32_t size = b->world.types[type]->size, n = 0;

                while (dice_uniform(&b->dice) * 100 < percent && (n + 1) * size <= PGPU_SIZE) {
                        Vm *vm;

                        if (bench_pool_add_vm(b, type, &vm) < 0 ||
                                bench_pool_put(b, vm, bench_pool_pgpu(b, i)) < 0 ||
                                list_add(&b->running, vm) < 0)
                                return -ENOMEM;
                        n++;
                }
        }
        sim_world_forget(&b->world);
        b->n_running = b->running.n;
        return 0;
}

/* Eight boards of one or two PGPUs, whose types are K0, K1, … */
static void write_shape(StrBuf *b, size_t hosts, bool wide) {
        static const unsigned instances[N_TYPES_MAX] = {8, 4, 2, 32, 24, 20, 16, 12, 10, 9, 7, 6, 5, 3, 1, 8, 4, 2, 16, 1};
        size_t n = wide ? N_TYPES_MAX : 3;

        for (size_t i = 0; i < n; i++)
                strbuf_addf(b, "%s\"K%zu\":%u", i == 0 ? "{\"types\":{" : ",", i, instances[i]);
        for (size_t i = 0; i < n; i++)
                strbuf_addf(b, "%s\"K%zu\"", i == 0 ? "},\"cards\":{\"K2\":{\"pgpus\":2,\"types\":[" : ",", i);
        strbuf_addf(b, "]}},\"hosts\":[{\"name\":\"h\",\"count\":%zu,\"cards\":[", hosts);
        for (size_t i = 0; i < (wide ? 8 : 4); i++)
                strbuf_addf(b, "%s\"K2\"", i == 0 ? "" : ",");
        strbuf_add(b, "]}]}");
}

int bench_pool_make(BenchPool *b, size_t hosts, bool wide, uint32_t percent, GroupAlgorithm algorithm) {
        _cleanup_strbuf_ StrBuf text = {};
        char error[256];
        int r;

        *b = (BenchPool){.dice = {.state = 1}, .n_types = wide ? N_TYPES_MAX : 3};
        write_shape(&text, hosts, wide);
        r = strbuf_error(&text);
        if (r >= 0)
                r = shape_parse(text.text, text.len, &b->shape, error, sizeof(error));
        if (r >= 0)
                r = sim_world_new(&b->shape, algorithm, &b->world);
        if (r < 0)
                return r;

        b->world.shape = &b->shape;
        b->n_pgpus = b->world.pool->objects[CLASS_PGPU].n;
        for (size_t i = 0; i < hosts; i++)
                pool_set_host_memory(b->world.pool, b->world.pool->objects[CLASS_HOST].items[i],
                        UINT64_C(1) << 40, UINT64_C(1) << 40);
        return bench_pool_fill(b, percent);
}

static int bench_pool_take_halted(BenchPool *b, size_t type, Vm **ret) {
        VmList *l = &b->halted[type];

        if (l->n == 0)
                return bench_pool_add_vm(b, type, ret);
        *ret = l->items[--l->n];
        return 0;
}

static size_t type_of(const BenchPool *b, const Vm *vm) {
        const VgpuType *t = ((const Vgpu *) vm->vgpus.items[0])->type;
        size_t i = 0;

        while (b->world.types[i] != t)
                i++;
        return i;
}

static int bench_pool_stop_some(BenchPool *b, double *ret_leaving) {
        uint64_t start = now_ns();
        size_t n = 0;

        while (b->running.n > b->n_running) {
                size_t i = dice_below(&b->dice, b->running.n);
                Vm *vm = b->running.items[i];

                b->running.items[i] = b->running.items[--b->running.n];
                if (allocation_release(b->world.pool, vm) < 0 || list_add(&b->halted[type_of(b, vm)], vm) < 0)
                        return -ENOMEM;
                n++;
        }
        *ret_leaving = n > 0 ? (double) (now_ns() - start) / (double) n : 0;
        return 0;
}

int bench_pool_turn(BenchPool *b, Turn *ret) {
        size_t type = dice_below(&b->dice, b->n_types);
        _cleanup_(allocation_done) Allocation a = {};
        AllocRequest request = {};
        uint64_t start;
        Vm *vm;
        int r;

        if (bench_pool_take_halted(b, type, &vm) < 0)
                return -ENOMEM;
        demand_note(b->world.pool, vm);
        request.vm = vm;
        start = now_ns();
        r = allocate(b->world.pool, &request, NULL, &a);
        *ret = (Turn){.decision = (double) (now_ns() - start), .refused = a.refusal.code != ERROR_NONE};
        if (r < 0)
                return r;

        start = now_ns();
        if (!ret->refused)
                r = allocation_apply(b->world.pool, vm, NULL, &a);
        ret->booking = (double) (now_ns() - start);
        if (r >= 0)
                r = list_add(ret->refused ? &b->halted[type] : &b->running, vm);
        if (r >= 0)
                r = bench_pool_stop_some(b, &ret->leaving);
        sim_world_forget(&b->world);
        return r;
}
