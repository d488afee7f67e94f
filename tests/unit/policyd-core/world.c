/*
 * Pools for tests
 */

#include <stdio.h>

#include "tests/unit/policyd-core/world.h"

static const struct {
        const char *name, *identifier, *model_name;
        uint32_t instances; /* per PGPU; 0: passthrough */
} type_facts[_WORLD_TYPE_MAX] = {
        [K100] = {"k100", "0001:nvidia,0ff2,,0fe7,101e", "GRID K100", 8},
        [K140Q] = {"k140q", "0001:nvidia,0ff2,,0ff7,1037", "GRID K140Q", 4},
        [K200] = {"k200", "0001:nvidia,11bf,,118d,101d", "GRID K200", 8},
        [K240Q] = {"k240q", "0001:nvidia,11bf,,11b0,101a", "GRID K240Q", 4},
        [K260Q] = {"k260q", "0001:nvidia,11bf,,11b0,101b", "GRID K260Q", 2},
        [PASSTHROUGH] = {"passthrough", "0001:passthrough", "passthrough", 0},
};

Uuid world_id(World *w) {
        uint32_t n = ++w->ids;
        Uuid id = {.bytes = {0xfe, 0xed}};

        for (size_t i = 0; i < 4; i++)
                id.bytes[12 + i] = (uint8_t) (n >> (24 - 8 * i));
        return id;
}

static VgpuType *add_type(World *w, WorldType type) {
        VgpuType *t;
        Uuid id = world_id(w);
        bool vgpu = type_facts[type].instances > 0;

        assert_int_equal(pool_add_vgpu_type(w->pool, &id, 0, type_facts[type].identifier,
                                 vgpu ? "NVIDIA Corporation" : "", type_facts[type].model_name, &t),
                0);
        assert_int_equal(pool_set_type_size(w->pool, t, vgpu ? PGPU_SIZE / type_facts[type].instances : 0,
                                 vgpu ? TYPE_NVIDIA : TYPE_PASSTHROUGH),
                0);
        if (vgpu)
                assert_int_equal(pool_set_type_compatible(
                                         w->pool, t, (const char *const[]){t->identifier, NULL}, NULL),
                        0);
        return t;
}

GpuGroup *world_group(World *w, const char *name) {
        Uuid id = world_id(w);
        GpuGroup *g;

        assert_int_equal(pool_add_gpu_group(w->pool, &id, 0, name, &g), 0);
        return g;
}

World *world_new(void) {
        World *w = calloc(1, sizeof(World));

        assert_non_null(w);
        w->pool = pool_new();
        assert_non_null(w->pool);
        for (WorldType t = 0; t < _WORLD_TYPE_MAX; t++)
                w->types[t] = add_type(w, t);
        w->groups[K1] = world_group(w, "K1 group");
        w->groups[K2] = world_group(w, "K2 group");
        return w;
}

World *world_free(World *w) {
        if (!w)
                return NULL;

        assert_pool_is_sound(w);
        pool_free(w->pool);
        free(w);
        return NULL;
}

VgpuType *world_type_by_name(World *w, const char *name) {
        for (WorldType t = 0; t < _WORLD_TYPE_MAX; t++)
                if (streq(type_facts[t].name, name))
                        return w->types[t];

        return NULL;
}

Host *world_host(World *w, const char *name) {
        Uuid id = world_id(w);
        Host *h;

        assert_int_equal(pool_add_host(w->pool, &id, 0, name, "unix:path=/none", &h), 0);
        pool_set_host_state(w->pool, h, HOST_ONLINE, "");
        pool_set_host_memory(w->pool, h, 64 * GIB, 64 * GIB);
        h->hvm = h->iommu = true;
        assert_int_equal(strv_set(&h->networks, (const char *const[]){"xenbr0", NULL}), 1);
        assert_int_equal(strv_set(&h->storage, (const char *const[]){"/images", NULL}), 1);
        return h;
}

Pgpu *world_pgpu(World *w, Host *h, Card card) {
        VgpuType *k1[] = {w->types[K100], w->types[K140Q], w->types[PASSTHROUGH]};
        VgpuType *k2[] = {w->types[K200], w->types[K240Q], w->types[K260Q], w->types[PASSTHROUGH]};
        VgpuType **types = card == K1 ? k1 : k2;
        size_t n = card == K1 ? ARRAY_SIZE(k1) : ARRAY_SIZE(k2);
        PciAddress pci = {.bus = (uint8_t) (0x80 + h->pgpus.n)};
        Uuid id = world_id(w);
        Pgpu *p;

        assert_int_equal(
                pool_add_pgpu(w->pool, &id, 0, h, &pci, "10de", card == K1 ? "0ff2" : "11bf", &p), 0);
        assert_int_equal(pool_set_pgpu_supported(w->pool, p, types, n), 0);
        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, types, n), 0);
        assert_int_equal(pool_set_pgpu_group(w->pool, p, w->groups[card]), 0);
        return p;
}

Vgpu *world_vgpu(World *w, Vm *vm, GpuGroup *g, VgpuType *t) {
        Uuid id = world_id(w);
        Vgpu *v;

        assert_int_equal(pool_add_vgpu(w->pool, &id, 0, vm, g, t, (uint32_t) vm->vgpus.n, &v), 0);
        return v;
}

static GpuGroup *group_of_type(World *w, WorldType type) {
        return w->groups[type == K100 || type == K140Q || type == PASSTHROUGH ? K1 : K2];
}

Vm *world_vm(World *w, const char *name, ...) {
        Uuid id = world_id(w);
        va_list args;
        Vm *vm;

        assert_int_equal(pool_add_vm(w->pool, &id, 0, name, &vm), 0);
        vm->memory = GIB;

        va_start(args, name);
        for (WorldType t = va_arg(args, WorldType); t < _WORLD_TYPE_MAX; t = va_arg(args, WorldType))
                world_vgpu(w, vm, group_of_type(w, t), w->types[t]);
        va_end(args);
        return vm;
}

static Vgpu *vgpu_at(World *w, Pgpu *p, WorldType type, bool resident) {
        char name[24];
        Vgpu *v;
        Vm *vm;

        snprintf(name, sizeof(name), "vm-%u", w->ids + 1);
        vm = world_vm(w, name, _WORLD_TYPE_MAX);
        v = world_vgpu(w, vm, p->group ?: group_of_type(w, type), w->types[type]);

        if (resident) {
                assert_int_equal(pool_set_vm_resident(w->pool, vm, p->host), 0);
                assert_int_equal(pool_set_vgpu_resident(w->pool, v, p), 0);
                pool_set_vm_power_state(w->pool, vm, POWER_RUNNING);
        } else {
                assert_int_equal(pool_set_vm_scheduled(w->pool, vm, p->host), 0);
                assert_int_equal(pool_set_vgpu_scheduled(w->pool, v, p), 0);
        }
        return v;
}

Vgpu *world_resident(World *w, Pgpu *p, WorldType type) {
        return vgpu_at(w, p, type, /* resident= */ true);
}

Vgpu *world_scheduled(World *w, Pgpu *p, WorldType type) {
        return vgpu_at(w, p, type, /* resident= */ false);
}

void world_disable_type(World *w, Pgpu *p, WorldType type) {
        VgpuType *rest[_WORLD_TYPE_MAX];
        size_t n = 0;

        for (size_t i = 0; i < p->enabled.n; i++)
                if (p->enabled.items[i] != w->types[type])
                        rest[n++] = p->enabled.items[i];

        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, rest, n), 0);
}

int allocate_in_words(
        const Pool *pool, const AllocRequest *request, const AllocVisitor *visitor, Allocation *ret) {
        int r;

        r = allocate(pool, request, visitor, ret);
        if (r < 0 || ret->refusal.code == ERROR_NONE)
                return r;
        r = allocate_otherwise(pool, request, ret);
        if (r >= 0)
                r = refuse_start(request, /* brief= */ false, ret);
        if (r < 0)
                allocation_done(ret);
        return r;
}

int holds_in_words(const Pool *pool, const GpuGroup *g, const VgpuType *t, uint32_t count, Pgpu ***ret_pgpus,
        Refusal *ret) {
        HoldsDenial denial;
        int r;

        r = allocate_holds(pool, g, t, count, ret_pgpus, &denial);
        return r < 0 || denial.code == ERROR_NONE ? r : refuse_holds(g, t, count, &denial, ret);
}

Allocation world_start_on(World *w, Vm *vm, const Host *h) {
        AllocRequest request = {.vm = vm, .only = h};
        Allocation a;

        assert_int_equal(allocate_in_words(w->pool, &request, NULL, &a), 0);
        return a;
}

Allocation world_start(World *w, Vm *vm) {
        return world_start_on(w, vm, NULL);
}

void assert_decided_alike(const World *w, const AllocRequest *request) {
        AllocVisitor visitor = {};
        _cleanup_(allocation_done) Allocation quick = {}, slow = {};

        assert_int_equal(allocate_in_words(w->pool, request, NULL, &quick), 0);
        assert_int_equal(allocate_in_words(w->pool, request, &visitor, &slow), 0);
        assert_string_equal(strempty(quick.refusal.message), strempty(slow.refusal.message));
        assert_int_equal(quick.refusal.code, slow.refusal.code);
        assert_ptr_equal(quick.host, slow.host);
        assert_ptr_equal(quick.nearest.pgpu, slow.nearest.pgpu);
        assert_int_equal(quick.score, slow.score);
        assert_int_equal(quick.n_pgpus, slow.n_pgpus);
        for (size_t i = 0; i < quick.n_pgpus; i++)
                assert_ptr_equal(quick.pgpus[i], slow.pgpus[i]);
        assert_int_equal(quick.n_runners_up, slow.n_runners_up);
        for (size_t i = 0; i < quick.n_runners_up; i++) {
                assert_ptr_equal(quick.runners_up[i].host, slow.runners_up[i].host);
                assert_int_equal(quick.runners_up[i].score, slow.runners_up[i].score);
        }
        assert_int_equal(quick.n_connecting, slow.n_connecting);
        assert_memory_equal(quick.counts, slow.counts, sizeof(slow.counts));
}

static void rank_host(const HostVerdict *v, void *userdata) {
        WorldRanking *r = userdata;

        if (v->code != ERROR_NONE)
                return;
        assert_true(r->n < RANKED_MAX);
        r->hosts[r->n] = v->host;
        r->tiers[r->n++] = v->candidate->tier;
}

WorldRanking world_rank(const World *w, const AllocRequest *request) {
        _cleanup_(allocation_done) Allocation a = {};
        WorldRanking r = {};
        const AllocVisitor visitor = {.host = rank_host, .userdata = &r};

        assert_int_equal(allocate(w->pool, request, &visitor, &a), 0);
        return r;
}

void world_run(World *w, Vm *vm) {
        _cleanup_(allocation_done) Allocation a = world_start(w, vm);

        if (a.refusal.code != ERROR_NONE)
                fail_msg("%s", a.refusal.message);
        assert_int_equal(allocation_apply(w->pool, vm, NULL, &a), 0);
}

void world_settle(World *w, Vm *vm) {
        assert_int_equal(pool_set_vm_resident(w->pool, vm, vm->scheduled_on), 0);
        assert_int_equal(pool_set_vm_scheduled(w->pool, vm, NULL), 0);
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                Vgpu *v = vm->vgpus.items[i];

                assert_int_equal(pool_set_vgpu_resident(w->pool, v, v->scheduled_on), 0);
                assert_int_equal(pool_set_vgpu_scheduled(w->pool, v, NULL), 0);
        }
        pool_set_vm_power_state(w->pool, vm, POWER_RUNNING);
}

size_t world_drain(World *w) {
        size_t n = 0;

        for (Object *o = pool_take_changes(w->pool), *next; o; o = next, n++) {
                next = o->next_changed;
                pool_forget(w->pool, o);
        }

        return n;
}

void assert_pool_is_sound(const World *w) {
        char buf[256];
        const char *wrong = pool_check(w->pool, buf, sizeof(buf));

        if (wrong)
                fail_msg("%s", wrong);
}

void assert_refused(const Refusal *r, ErrorCode code, ...) {
        va_list args;

        if (r->code != code)
                fail_msg("expected %s, got %s: %s", error_code_word(code),
                        r->code ? error_code_word(r->code) : "none", strempty(r->message));

        va_start(args, code);
        for (const char *word = va_arg(args, const char *); word; word = va_arg(args, const char *))
                if (!strstr(r->message, word))
                        fail_msg("'%s' is not in: %s", word, r->message);
        va_end(args);
}

void pair_done(Pair *p) {
        world_free(p->w);
}

Pair pair_new(void) {
        Pair p = {.w = world_new()};

        p.alpha = world_host(p.w, "alpha");
        p.beta = world_host(p.w, "beta");
        for (size_t i = 0; i < 4; i++) {
                p.a[i] = world_pgpu(p.w, p.alpha, K1);
                p.b[i] = world_pgpu(p.w, p.beta, K1);
        }
        for (size_t i = 0; i < 2; i++)
                p.k2[i] = world_pgpu(p.w, p.beta, K2);
        return p;
}

Pgpu *pair_start(Pair *p, WorldType type) {
        Vm *vm = world_vm(p->w, "vm", type, _WORLD_TYPE_MAX);

        world_run(p->w, vm);
        return ((Vgpu *) vm->vgpus.items[0])->scheduled_on;
}
