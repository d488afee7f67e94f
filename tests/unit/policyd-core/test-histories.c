/*
 * Random pools and random histories, always the same ones
 *
 * Choices are compared with a search that simply tries everything on the pool itself. Histories are thousands
 * of random steps after each of which the invariants hold, exactly those properties are announced whose value
 * has changed, what owners use is what counting everything gives, and the index gives the same answers as
 * looking at every host.
 */

#include <stdio.h>

#include "policyd/core/quota.h"
#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX
#define N_POOLS 4000
#define N_HISTORIES 60
#define N_STEPS 250

/* A generator of our own, so that every machine sees the same pools (xorshift64*). */
typedef struct Dice {
        uint64_t state;
} Dice;

static uint32_t roll(Dice *d, uint32_t sides) {
        d->state ^= d->state >> 12;
        d->state ^= d->state << 25;
        d->state ^= d->state >> 27;
        return (uint32_t) ((d->state * UINT64_C(2685821657736338717)) >> 33) % sides;
}

/* Everything is tried: reference for the choice of PGPUs */

typedef struct Try {
        World *w;
        Vm *vm;
        const Host *host;
        Pgpu *best[4];
} Try;

static bool is_liked_better(const Vgpu *v, const Pgpu *a, const Pgpu *b) {
        uint32_t x = pgpu_capacity(a, v->type), y = pgpu_capacity(b, v->type);

        return v->group->algorithm == ALGORITHM_BREADTH_FIRST ? x > y : x < y;
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
                        pgpu_capacity(p, v->type) == 0)
                        continue;
                for (; at > 0 && is_liked_better(v, p, order[at - 1]); at--)
                        order[at] = order[at - 1];
                order[at] = p;
                n++;
        }

        for (size_t j = 0; j < n; j++) {
                bool done;

                assert_int_equal(pool_set_vgpu_scheduled(t->w->pool, v, order[j]), 0);
                t->best[i] = order[j];
                done = try_all(t, i + 1);
                assert_int_equal(pool_set_vgpu_scheduled(t->w->pool, v, NULL), 0);
                if (done)
                        return true;
        }

        return false;
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

static World *random_world(Dice *d, bool mix) {
        static const char *const names[] = {"a", "b", "c"};
        World *w = world_new();
        size_t n_hosts = 1 + roll(d, 3);

        if (mix)
                some_types_mix(w, d);
        for (size_t i = 0; i < 2; i++)
                pool_set_group_algorithm(w->pool, w->groups[i], roll(d, 2));

        for (size_t i = 0; i < n_hosts; i++) {
                Host *h = world_host(w, names[i]);

                for (size_t j = roll(d, 5); j > 0; j--)
                        some_use(w, d, world_pgpu(w, h, roll(d, 4) == 0 ? K1 : K2));
        }
        return w;
}

static Vm *random_vm(World *w, Dice *d) {
        Vm *vm = world_vm(w, "new", END);

        for (size_t i = 1 + roll(d, 4); i > 0; i--) {
                WorldType type = roll(d, END);
                GpuGroup *g = w->groups[type <= K140Q || (type == PASSTHROUGH && roll(d, 2)) ? K1 : K2];
                Vgpu *v = world_vgpu(w, vm, g, w->types[type]);

                if (roll(d, 10) == 0) {
                        v->pinned = true;
                        v->pinned_pci = (PciAddress){.bus = (uint8_t) (0x80 + roll(d, 4))};
                }
        }
        return vm;
}

static void check_choice_on(World *w, Vm *vm, const Host *h, size_t *n_possible) {
        Allocation a = world_start_on(w, vm, h);
        Try t = {.w = w, .vm = vm, .host = h};
        bool possible = try_all(&t, 0);

        assert_int_equal(a.refusal.code == ERROR_NONE, possible);
        for (size_t i = 0; possible && i < vm->vgpus.n; i++)
                assert_ptr_equal(a.pgpus[i], t.best[i]);
        *n_possible += possible;
        allocation_done(&a);
}

/* The first VGPU's score, summed as XenServer does. */
static uint64_t host_score(const Vgpu *v, const Host *h) {
        uint64_t sum = 0;

        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((Pgpu *) h->pgpus.items[i])->group == v->group)
                        sum += pgpu_capacity(h->pgpus.items[i], v->type);

        return sum;
}

static void check_choice_of_host(World *w, Vm *vm) {
        const Vgpu *first = vm->vgpus.items[0];
        bool most_first = first->group->algorithm == ALGORITHM_BREADTH_FIRST;
        const PtrArray *hosts = &w->pool->objects[CLASS_HOST];
        Allocation a = world_start(w, vm);

        for (size_t i = 0; i < hosts->n; i++) {
                Try t = {.w = w, .vm = vm, .host = hosts->items[i]};
                uint64_t x, y;

                if (!try_all(&t, 0))
                        continue;
                assert_int_equal(a.refusal.code, ERROR_NONE);
                x = host_score(first, a.host);
                y = host_score(first, t.host);
                assert_true(most_first ? x >= y : x <= y);
        }
        if (a.refusal.code != ERROR_NONE)
                assert_true(a.refusal.message[0]);
        allocation_done(&a);
}

static void check_pools(bool mix, uint64_t seed) {
        Dice d = {.state = seed};
        size_t n_possible = 0, n_asked = 0;

        for (size_t i = 0; i < N_POOLS; i++) {
                World *w = random_world(&d, mix);
                Vm *vm = random_vm(w, &d);
                const PtrArray *hosts = &w->pool->objects[CLASS_HOST];

                for (size_t j = 0; j < hosts->n; j++, n_asked++)
                        check_choice_on(w, vm, hosts->items[j], &n_possible);
                check_choice_of_host(w, vm);

                /* Types that do not admit each other on one side only break the invariants' symmetry; these
                 * pools end unchecked. */
                pool_free(w->pool);
                free(w);
        }

        /* The dice must ask both kinds of question. */
        assert_true(n_possible > n_asked / 20 && n_possible < n_asked);
}

static void choices_equal_trying_everything(void **state) {
        check_pools(/* mix= */ false, 0x5eed);
}

static void choices_equal_trying_everything_where_types_mix(void **state) {
        check_pools(/* mix= */ true, 0x5eed5);
}

/* Histories: what is announced */

static uint64_t digest(uint64_t h, const void *p, size_t size) {
        for (size_t i = 0; i < size; i++)
                h = (h ^ ((const uint8_t *) p)[i]) * UINT64_C(1099511628211);

        return h;
}

static uint64_t digest_object(const void *object) {
        const Object *o = object;

        return o ? digest(7, &o->key, sizeof(o->key)) : 1;
}

static uint64_t digest_list(const PtrArray *a) {
        uint64_t h = 3;

        for (size_t i = 0; i < a->n; i++) {
                uint64_t one = digest_object(a->items[i]);

                h = digest(h, &one, sizeof(one));
        }
        return h;
}

/* A set: the order of what is resident is nobody's promise. */
static uint64_t digest_residents(const Pgpu *p) {
        uint64_t h = 5;

        for (size_t i = 0; i < p->vgpus.n; i++)
                if (((Vgpu *) p->vgpus.items[i])->resident_on == p)
                        h += digest_object(p->vgpus.items[i]);
        return h;
}

#define PROPERTIES_MAX 6

typedef struct Seen {
        uint64_t bit, value;
} Seen;

static size_t look(const Object *o, Seen ret[PROPERTIES_MAX]) {
        const Host *h = (const Host *) o;
        const Pgpu *p = (const Pgpu *) o;
        const GpuGroup *g = (const GpuGroup *) o;
        const VgpuType *t = (const VgpuType *) o;
        const Vm *vm = (const Vm *) o;
        const Vgpu *v = (const Vgpu *) o;
        const Quota *q = (const Quota *) o;
        size_t n = 0;

#define LOOK(property, digested)                                                                             \
        ret[n++] = (Seen) {                                                                                  \
                property, digested                                                                           \
        }
        switch (o->class) {
        case CLASS_HOST:
                LOOK(HOST_PGPUS, digest_list(&h->pgpus));
                LOOK(HOST_STATE, h->state);
                LOOK(HOST_ENABLED, h->enabled);
                LOOK(HOST_MEMORY_FREE, h->memory_free);
                break;
        case CLASS_PGPU:
                LOOK(PGPU_GPU_GROUP, digest_object(p->group));
                LOOK(PGPU_SUPPORTED, digest_list(&p->supported));
                LOOK(PGPU_ENABLED, digest_list(&p->enabled));
                LOOK(PGPU_RESIDENT_VGPUS, digest_residents(p));
                break;
        case CLASS_GPU_GROUP:
                LOOK(GROUP_PGPUS, digest_list(&g->pgpus));
                LOOK(GROUP_VGPUS, digest_list(&g->vgpus));
                LOOK(GROUP_SUPPORTED, digest_list(&g->supported));
                LOOK(GROUP_ENABLED, digest_list(&g->enabled));
                LOOK(GROUP_ALGORITHM, g->algorithm);
                break;
        case CLASS_VGPU_TYPE:
                LOOK(TYPE_SUPPORTED_ON, digest_list(&t->supported_on));
                LOOK(TYPE_ENABLED_ON, digest_list(&t->enabled_on));
                LOOK(TYPE_VGPUS, digest_list(&t->vgpus));
                break;
        case CLASS_VM:
                LOOK(VM_VGPUS, digest_list(&vm->vgpus));
                LOOK(VM_SCHEDULED, digest_object(vm->scheduled_on));
                LOOK(VM_RESIDENT_ON, digest_object(vm->resident_on));
                LOOK(VM_POWER_STATE, vm->power_state);
                LOOK(VM_OWNER, digest(9, vm->owner, strlen(vm->owner)));
                LOOK(VM_GROUPS, digest_object(vm->group));
                break;
        case CLASS_VGPU:
                LOOK(VGPU_SCHEDULED, digest_object(v->scheduled_on));
                LOOK(VGPU_RESIDENT_ON, digest_object(v->resident_on));
                break;
        case CLASS_RESERVATION:
                LOOK(RESERVATION_REMAINING, ((const Reservation *) o)->holds.n);
                break;
        case CLASS_QUOTA:
                LOOK(QUOTA_VGPUS_USED, owner_use(q->owned_by, q->group).vgpus);
                LOOK(QUOTA_SIZE_USED, owner_use(q->owned_by, q->group).size);
                LOOK(QUOTA_VGPUS_MAX, q->vgpus_max);
                break;
        case CLASS_VM_GROUP:
                LOOK(VM_GROUP_VMS, digest_list(&((const VmGroup *) o)->vms));
                break;
        case CLASS_JOB:
        case _CLASS_MAX:
        case _CLASS_INVALID:
                break;
        }
#undef LOOK
        return n;
}

typedef struct Snapshot {
        uint64_t key;
        Seen seen[PROPERTIES_MAX];
} Snapshot;

typedef struct History {
        World *w;
        Dice dice;
        Snapshot *before;
        size_t n_before, n_over_quota;
} History;

static size_t history_size(const History *h) {
        size_t n = 0;

        for (size_t c = 0; c < _CLASS_MAX; c++)
                n += h->w->pool->objects[c].n;
        return n;
}

static void history_look(History *h) {
        free(h->before);
        h->before = calloc(history_size(h) + 1, sizeof(Snapshot));
        assert_non_null(h->before);
        h->n_before = 0;
        for (size_t c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < h->w->pool->objects[c].n; i++) {
                        const Object *o = h->w->pool->objects[c].items[i];

                        h->before[h->n_before].key = o->key;
                        look(o, h->before[h->n_before++].seen);
                }
}

static const Snapshot *history_find(const History *h, uint64_t key) {
        for (size_t i = 0; i < h->n_before; i++)
                if (h->before[i].key == key)
                        return &h->before[i];

        return NULL;
}

/* A start that takes over what its owner's reservation held changes a use there and back. */
static bool may_be_announced_twice(const Object *o) {
        return o->class == CLASS_QUOTA;
}

/* Every change of value is announced, and what is announced has changed. */
static void history_check_announcements(History *h) {
        for (size_t c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < h->w->pool->objects[c].n; i++) {
                        const Object *o = h->w->pool->objects[c].items[i];
                        const Snapshot *before = history_find(h, o->key);
                        Seen now[PROPERTIES_MAX];
                        size_t n = look(o, now);

                        assert_int_equal(o->is_new, !before);
                        for (size_t j = 0; before && j < n; j++)
                                if ((now[j].value != before->seen[j].value) !=
                                                ((o->changed & now[j].bit) != 0) &&
                                        !((o->changed & now[j].bit) && may_be_announced_twice(o)))
                                        fail_msg("%s '%s': property %llx %s",
                                                object_class_to_string(o->class), object_name(o),
                                                (unsigned long long) now[j].bit,
                                                o->changed & now[j].bit ? "announced without a change"
                                                                        : "changed unannounced");
                        assert_true(o->in_changes || (o->changed == 0 && !o->must_store));
                }
}

static void *pick(History *h, ObjectClass c) {
        const PtrArray *all = &h->w->pool->objects[c];

        return all->n > 0 ? all->items[roll(&h->dice, (uint32_t) all->n)] : NULL;
}

static void step_hardware(History *h) {
        World *w = h->w;
        Host *host = pick(h, CLASS_HOST);
        Pgpu *p = pick(h, CLASS_PGPU);
        char name[16];

        switch (roll(&h->dice, 8)) {
        case 0:
                snprintf(name, sizeof(name), "host%u", roll(&h->dice, 100));
                if (w->pool->objects[CLASS_HOST].n < 5)
                        world_host(w, name);
                break;
        case 1:
        case 2:
                if (host && host->pgpus.n < 6)
                        world_pgpu(w, host, roll(&h->dice, 2));
                break;
        case 3:
                if (host && roll(&h->dice, 4) == 0)
                        pool_remove(w->pool, &host->object);
                break;
        case 4:
                if (p && roll(&h->dice, 3) == 0)
                        pool_remove(w->pool, &p->object);
                break;
        case 5:
                if (host)
                        pool_set_host_state(w->pool, host, roll(&h->dice, _HOST_STATE_MAX), "dice");
                break;
        case 6:
                if (host)
                        pool_set_host_enabled(w->pool, host, roll(&h->dice, 3) > 0);
                break;
        default:
                if (host)
                        pool_set_host_memory(w->pool, host, 64 * GIB, roll(&h->dice, 64) * GIB);
                break;
        }
}

static void step_policy(History *h) {
        World *w = h->w;
        Pgpu *p = pick(h, CLASS_PGPU);
        GpuGroup *g = pick(h, CLASS_GPU_GROUP);
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *types[_WORLD_TYPE_MAX];
        size_t n = 0;

        switch (roll(&h->dice, 4)) {
        case 0:
                pool_set_group_algorithm(w->pool, g, roll(&h->dice, _GROUP_ALGORITHM_MAX));
                break;
        case 1:
                if (!p)
                        break;
                assert_int_equal(rule_pgpu_set_group(p, g, &refusal), 0);
                if (refusal.code == ERROR_NONE)
                        assert_int_equal(pool_set_pgpu_group(w->pool, p, g), 0);
                break;
        case 2:
                for (size_t i = 0; p && i < p->supported.n; i++) {
                        refusal_done(&refusal);
                        assert_int_equal(rule_pgpu_disable_type(p, p->supported.items[i], &refusal), 0);
                        if (refusal.code != ERROR_NONE || roll(&h->dice, 4) > 0)
                                types[n++] = p->supported.items[i];
                }
                if (p)
                        assert_int_equal(pool_set_pgpu_enabled(w->pool, p, types, n), 0);
                break;
        default:
                if (w->pool->objects[CLASS_GPU_GROUP].n < 4)
                        world_group(w, "by hand");
                break;
        }
}

static void step_vm_group(History *h) {
        VmGroup *g = pick(h, CLASS_VM_GROUP);
        Vm *vm = pick(h, CLASS_VM);
        World *w = h->w;
        Uuid id = world_id(w);

        if (!g || roll(&h->dice, 8) == 0)
                assert_int_equal(
                        pool_add_vm_group(w->pool, &id, 0, "group", roll(&h->dice, _VM_PLACEMENT_MAX), &g), 0);
        else if (roll(&h->dice, 8) == 0)
                pool_remove(w->pool, &g->object);
        else if (vm)
                assert_int_equal(pool_set_vm_group(w->pool, vm, roll(&h->dice, 4) ? g : NULL), 0);
}

static const char *some_owner(History *h) {
        static const char *const names[] = {"", "ada", "bob", "eve"};

        return names[roll(&h->dice, ARRAY_SIZE(names))];
}

static void step_quota(History *h) {
        Quota *q = pick(h, CLASS_QUOTA);
        Vm *vm = pick(h, CLASS_VM);
        World *w = h->w;
        const char *owner = some_owner(h);
        Uuid id = world_id(w);
        int r;

        switch (roll(&h->dice, 4)) {
        case 0:
                r = pool_add_quota(w->pool, &id, 0, *owner ? owner : OWNER_ANY,
                        roll(&h->dice, 2) ? w->groups[roll(&h->dice, 2)] : NULL, &q);
                assert_true(r == 0 || r == -EEXIST);
                if (r == 0)
                        pool_set_quota_limits(w->pool, q, roll(&h->dice, 6), roll(&h->dice, 4) * PGPU_SIZE);
                break;
        case 1:
                if (q)
                        pool_set_quota_limits(w->pool, q, roll(&h->dice, 6), QUOTA_UNLIMITED);
                break;
        case 2:
                if (q && roll(&h->dice, 3) == 0)
                        pool_remove(w->pool, &q->object);
                break;
        default:
                if (vm)
                        assert_int_equal(pool_set_vm_owner(w->pool, vm, owner), 0);
                break;
        }
}

/* What was just started is within the quotas that hold for its owner. */
static void check_quotas(const World *w, const Vm *vm) {
        QuotaNeed needs[16];
        size_t n = quota_vm_needs(vm, NULL, NULL, needs);
        QuotaVerdict v;

        for (size_t at = 0; quota_next(w->pool, vm->owner, needs, n, &at, &v);) {
                assert_true(v.vgpus_need == 0 || v.used.vgpus <= v.quota->vgpus_max);
                assert_true(v.size_need == 0 || v.used.size <= v.quota->size_max);
        }
}

static void step_reservation(History *h) {
        World *w = h->w;
        WorldType type = roll(&h->dice, END);
        GpuGroup *g = w->groups[type <= K140Q ? K1 : K2];
        uint32_t count = 1 + roll(&h->dice, 4);
        Reservation *r = pick(h, CLASS_RESERVATION);
        _cleanup_free_ Pgpu **pgpus = NULL;
        _cleanup_refusal_ Refusal refusal = {};
        Uuid id = world_id(w);

        if (r && roll(&h->dice, 3) == 0) {
                pool_remove(w->pool, &r->object);
                return;
        }

        assert_int_equal(allocate_holds(w->pool, g, w->types[type], count, &pgpus, &refusal), 0);
        if (refusal.code != ERROR_NONE)
                return;
        assert_int_equal(pool_add_reservation(w->pool, &id, 0, "held", g, w->types[type], count, &r), 0);
        assert_int_equal(pool_set_reservation_owner(w->pool, r, some_owner(h)), 0);
        for (uint32_t i = 0; i < count; i++)
                assert_int_equal(pool_hold(w->pool, r, pgpus[i]), 0);
}

static void stop(World *w, Vm *vm) {
        assert_int_equal(allocation_release(w->pool, vm), 0);
        for (size_t i = 0; i < vm->vgpus.n; i++)
                assert_int_equal(pool_set_vgpu_resident(w->pool, vm->vgpus.items[i], NULL), 0);
        assert_int_equal(pool_set_vm_resident(w->pool, vm, NULL), 0);
        pool_set_vm_power_state(w->pool, vm, POWER_HALTED);
        pool_set_vm_booking(w->pool, vm, BOOKING_NONE, NULL);
}

static ErrorCode start(History *h, Vm *vm) {
        Reservation *r = roll(&h->dice, 2) ? pick(h, CLASS_RESERVATION) : NULL;
        AllocRequest request = {.vm = vm, .reservation = r};
        _cleanup_(allocation_done) Allocation a = {};
        Uuid token = world_id(h->w);

        assert_int_equal(allocate(h->w->pool, &request, NULL, &a), 0);
        if (a.refusal.code != ERROR_NONE)
                return a.refusal.code;
        assert_int_equal(allocation_apply(h->w->pool, vm, r, &a), 0);
        pool_set_vm_booking(h->w->pool, vm, BOOKING_RESERVED, &token);
        /* What it takes of its owner's reservation was in use before, quota or no quota. */
        if (!r || r->owned_by != vm->owned_by)
                check_quotas(h->w, vm);
        return ERROR_NONE;
}

static void step_vm(History *h) {
        Vm *vm = pick(h, CLASS_VM);
        World *w = h->w;

        switch (roll(&h->dice, 8)) {
        case 0:
        case 1:
                if (w->pool->objects[CLASS_VM].n < 40)
                        random_vm(w, &h->dice);
                break;
        case 2:
                if (vm && roll(&h->dice, 3) == 0)
                        pool_remove(w->pool, &vm->object);
                break;
        case 3:
        case 4:
        case 5:
                if (vm && vm->booking == BOOKING_NONE)
                        h->n_over_quota += start(h, vm) == ERROR_QUOTA_EXCEEDED;
                break;
        case 6:
                if (vm && vm->booking == BOOKING_RESERVED && vm->scheduled_on) {
                        world_settle(w, vm);
                        pool_set_vm_booking(w->pool, vm, BOOKING_RESIDENT, NULL);
                }
                break;
        default:
                if (vm)
                        stop(w, vm);
                break;
        }
}

/* The index gives the answer that looking at every host gives; a visitor, even a deaf one, makes the decider
 * look. */
static void check_index(History *h, const Vm *vm, size_t *n_asked) {
        AllocRequest request = {.vm = vm};
        AllocVisitor deaf = {};
        _cleanup_(allocation_done) Allocation quick = {}, slow = {};

        if (vm->booking != BOOKING_NONE || vm->vgpus.n != 1 || vm->scheduled_on || vm->resident_on)
                return;

        assert_int_equal(allocate(h->w->pool, &request, NULL, &quick), 0);
        assert_int_equal(allocate(h->w->pool, &request, &deaf, &slow), 0);
        assert_string_equal(strempty(quick.refusal.message), strempty(slow.refusal.message));
        assert_int_equal(quick.refusal.code, slow.refusal.code);
        assert_ptr_equal(quick.host, slow.host);
        assert_ptr_equal(quick.nearest.pgpu, slow.nearest.pgpu);
        assert_int_equal(quick.score, slow.score);
        if (quick.host)
                assert_ptr_equal(quick.pgpus[0], slow.pgpus[0]);
        assert_int_equal(quick.n_runners_up, slow.n_runners_up);
        for (size_t i = 0; i < quick.n_runners_up; i++)
                assert_ptr_equal(quick.runners_up[i].host, slow.runners_up[i].host);
        if (!quick.host)
                assert_memory_equal(quick.counts, slow.counts, sizeof(slow.counts));
        ++*n_asked;
}

static void histories_keep_the_pool_sound(void **state) {
        size_t n_started = 0, n_asked = 0, n_over_quota = 0;

        for (uint64_t seed = 1; seed <= N_HISTORIES; seed++) {
                History h = {.w = world_new(), .dice = {.state = seed * 7919}};

                for (size_t i = 0; i < N_STEPS; i++) {
                        world_drain(h.w);
                        assert_false(pool_has_changes(h.w->pool));
                        history_look(&h);
                        switch (roll(&h.dice, 10)) {
                        case 0:
                        case 1:
                                step_hardware(&h);
                                break;
                        case 2:
                                step_policy(&h);
                                break;
                        case 3:
                                step_reservation(&h);
                                break;
                        case 4:
                                step_quota(&h);
                                break;
                        case 5:
                                step_vm_group(&h);
                                break;
                        default:
                                step_vm(&h);
                                break;
                        }
                        assert_pool_is_sound(h.w);
                        history_check_announcements(&h);
                        for (size_t j = 0; j < 3 && h.w->pool->objects[CLASS_VM].n > 0; j++)
                                check_index(&h, pick(&h, CLASS_VM), &n_asked);
                }

                for (size_t i = 0; i < h.w->pool->objects[CLASS_VM].n; i++)
                        n_started += ((Vm *) h.w->pool->objects[CLASS_VM].items[i])->booking != BOOKING_NONE;
                n_over_quota += h.n_over_quota;
                free(h.before);
                world_free(h.w);
        }

        assert_true(n_over_quota > N_HISTORIES);
        assert_true(n_started > N_HISTORIES && n_asked > N_HISTORIES * N_STEPS / 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(choices_equal_trying_everything),
                cmocka_unit_test(choices_equal_trying_everything_where_types_mix),
                cmocka_unit_test(histories_keep_the_pool_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
