/*
 * Random histories, always the same ones
 *
 * Thousands of random steps after each of which the invariants hold, exactly those properties are announced
 * whose value has changed, what owners use is what counting everything gives, and the scores
 * that are kept give the same answers as looking at every host.
 */

#include <stdio.h>

#include "policyd/decide/quota.h"
#include "tests/unit/policyd-core/dice.h"

#define END _WORLD_TYPE_MAX
#define N_HISTORIES 60
#define N_STEPS 250

/* What is announced */

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

static uint64_t digest_outsiders(const Pgpu *p) {
        uint64_t h = 7;

        for (size_t i = 0; i < p->n_outsiders; i++)
                h = digest(h + digest_object(p->outsiders[i].type), &p->outsiders[i].vm, sizeof(Uuid));
        return h;
}

static uint64_t digest_pgpus_of(const VgpuType *t, bool supported) {
        uint64_t h = 11;
        const Pgpu *p;

        for (size_t i = 0; (p = type_next_pgpu(t, supported, &i));)
                h = digest(h, &p->object.id, sizeof(Uuid));
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
                LOOK(HOST_MEMORY_COMPUTED, host_memory_available(h));
                break;
        case CLASS_PGPU:
                LOOK(PGPU_GPU_GROUP, digest_object(p->group));
                LOOK(PGPU_SUPPORTED, digest_list(&p->supported));
                LOOK(PGPU_ENABLED, digest_list(&p->enabled));
                LOOK(PGPU_RESIDENT_VGPUS, digest_residents(p));
                LOOK(PGPU_OUTSIDE, digest_outsiders(p));
                break;
        case CLASS_GPU_GROUP:
                LOOK(GROUP_PGPUS, digest_list(&g->pgpus));
                LOOK(GROUP_VGPUS, digest_list(&g->vgpus));
                LOOK(GROUP_SUPPORTED, digest_list(&g->supported));
                LOOK(GROUP_ENABLED, digest_list(&g->enabled));
                LOOK(GROUP_ALGORITHM, g->algorithm);
                break;
        case CLASS_VGPU_TYPE:
                LOOK(TYPE_SUPPORTED_ON, digest_pgpus_of(t, /* supported= */ true));
                LOOK(TYPE_ENABLED_ON, digest_pgpus_of(t, /* supported= */ false));
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
        size_t n_hosts_max;
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

/* A card is found in another slot. */
static void step_place(History *h, Pgpu *p) {
        static const char *const switches[] = {"", "0000:10:00.0", "0000:20:00.0", "0000:30:00.0"};

        assert_int_equal(
                pool_set_pgpu_place(h->w->pool, p, (int32_t) roll(&h->dice, 3) - 1, switches[roll(&h->dice, ARRAY_SIZE(switches))]), 0);
}

/* Its host's files, or its division, leave it other types than before; what runs there does so on. */
static void step_files(History *h, Pgpu *p) {
        bool k1 = streq(p->device_id, "0ff2");
        VgpuType *types[_WORLD_TYPE_MAX];
        size_t n = 0;

        for (WorldType t = 0; t < END; t++) {
                bool of_card = t == PASSTHROUGH || k1 == (t <= K140Q), used = false;

                for (size_t i = 0; i < p->vgpus.n; i++)
                        used |= ((const Vgpu *) p->vgpus.items[i])->type == h->w->types[t];
                for (size_t i = 0; i < p->holds.n; i++)
                        used |= ((const Reservation *) p->holds.items[i])->type == h->w->types[t];
                if (of_card && (used || roll(&h->dice, 4) > 0))
                        types[n++] = h->w->types[t];
        }
        assert_int_equal(pool_set_pgpu_supported(h->w->pool, p, types, n), 0);
        assert_int_equal(pool_set_pgpu_enabled(h->w->pool, p, types, n), 0);
        assert_int_equal(pool_set_pgpu_division(h->w->pool, p, roll(&h->dice, 2) ? "none" : "fixed 4"), 0);
}

static void step_hardware(History *h) {
        World *w = h->w;
        Host *host = pick(h, CLASS_HOST);
        Pgpu *p = pick(h, CLASS_PGPU);
        char name[16];
        Uuid id;

        switch (roll(&h->dice, 10)) {
        case 0:
                snprintf(name, sizeof(name), "host%u", roll(&h->dice, 100));
                if (w->pool->objects[CLASS_HOST].n < h->n_hosts_max) {
                        host = world_host(w, name);
                        id = world_id(w);
                        pool_set_host_machine(w->pool, host, &id);
                }
                break;
        case 8:
                if (host) {
                        const HostFacts facts = {
                                .boot_id = host->boot_id,
                                .networks = host->networks,
                                .storage = host->storage,
                                .iommu = roll(&h->dice, 4) > 0,
                                .hvm = roll(&h->dice, 4) > 0,
                        };

                        assert_int_equal(pool_set_host_facts(w->pool, host, &facts), 0);
                }
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
                        pool_set_host_state(w->pool, host,
                                roll(&h->dice, 3) ? HOST_ONLINE : roll(&h->dice, _HOST_STATE_MAX), "dice");
                break;
        case 6:
                if (host)
                        pool_set_host_enabled(w->pool, host, roll(&h->dice, 3) > 0);
                break;
        case 9:
                if (p && roll(&h->dice, 2))
                        step_place(h, p);
                else if (p)
                        step_files(h, p);
                break;
        default:
                if (host)
                        pool_set_host_memory(w->pool, host, 64 * GIB, roll(&h->dice, 64) * GIB);
                break;
        }
}

/* Starts failed at a place, or it is good again; in time most are. */
static void step_standing(History *h, Pgpu *p) {
        PlaceStanding standing = roll(&h->dice, 2) ? PLACE_GOOD : roll(&h->dice, _PLACE_STANDING_MAX);

        if (!p)
                return;
        if (roll(&h->dice, 3) == 0)
                assert_int_equal(pool_set_host_standing(h->w->pool, p->host, standing, "Starts failed."), 0);
        else
                assert_int_equal(pool_set_pgpu_standing(h->w->pool, p, standing, "Starts failed."), 0);
}

/* A driver is updated, on one host; sometimes back to what it was. */
static void step_sizes(History *h, Pgpu *p) {
        static const uint32_t instances[] = {1, 2, 3, 4, 8, 16};
        TypeFacts facts = {.internal_config = roll(&h->dice, 2) ? "{}" : "{\"type_id\":\"1\"}"};
        VgpuType *t;

        if (!p || p->supported.n == 0)
                return;
        t = p->supported.items[roll(&h->dice, (uint32_t) p->supported.n)];
        if (t->implementation == TYPE_PASSTHROUGH || t->vgpus.n > 0)
                return;
        facts.size = PGPU_SIZE / instances[roll(&h->dice, ARRAY_SIZE(instances))];
        for (size_t i = 0; i < h->w->pool->objects[CLASS_RESERVATION].n; i++)
                if (((Reservation *) h->w->pool->objects[CLASS_RESERVATION].items[i])->type == t)
                        return;
        assert_true(pool_set_host_type(h->w->pool, p->host, t, &facts) >= 0);
}

static void step_policy(History *h) {
        World *w = h->w;
        Pgpu *p = pick(h, CLASS_PGPU);
        GpuGroup *g = pick(h, CLASS_GPU_GROUP);
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *types[_WORLD_TYPE_MAX];
        size_t n = 0;

        switch (roll(&h->dice, 7)) {
        case 6:
                step_sizes(h, p);
                break;
        case 5:
                step_standing(h, p);
                break;
        case 4:
                if (p)
                        pool_set_pgpu_present(w->pool, p, roll(&h->dice, 3) > 0);
                break;
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

/* Something comes that is not of the pool, where its host would let it, or all of it goes. */
static void step_outside(History *h) {
        World *w = h->w;
        Pgpu *p = pick(h, CLASS_PGPU);
        VgpuType *t = w->types[roll(&h->dice, _WORLD_TYPE_MAX)];

        if (!p)
                return;
        if (roll(&h->dice, 3) == 0 || pgpu_capacity(p, t) == 0) {
                assert_int_equal(pool_set_pgpu_outsiders(w->pool, p, NULL, 0), 0);
                return;
        }
        Outsider outsiders[p->n_outsiders + 1];

        for (size_t i = 0; i < p->n_outsiders; i++)
                outsiders[i] = p->outsiders[i];
        outsiders[p->n_outsiders] = (Outsider){.vm = world_id(w), .name = (char *) "stray", .type = t};
        assert_int_equal(pool_set_pgpu_outsiders(w->pool, p, outsiders, p->n_outsiders + 1), 0);
}

static void step_vm_group(History *h) {
        VmGroup *g = pick(h, CLASS_VM_GROUP);
        Vm *vm = pick(h, CLASS_VM);
        World *w = h->w;
        Uuid id = world_id(w);

        if (!g || roll(&h->dice, 8) == 0)
                assert_int_equal(
                        pool_add_vm_group(w->pool, &id, 0, "group", roll(&h->dice, _VM_PLACEMENT_MAX), &g),
                        0);
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

        assert_int_equal(holds_in_words(w->pool, g, w->types[type], count, &pgpus, &refusal), 0);
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

        assert_int_equal(allocate_in_words(h->w->pool, &request, NULL, &a), 0);
        if (a.refusal.code != ERROR_NONE)
                return a.refusal.code;
        assert_int_equal(allocation_apply(h->w->pool, vm, r, &a), 0);
        pool_set_vm_booking(h->w->pool, vm, BOOKING_RESERVED, &token);
        /* What it takes of its owner's reservation was in use before, quota or no quota. */
        if (!r || r->owned_by != vm->owned_by)
                check_quotas(h->w, vm);
        return ERROR_NONE;
}

static void wish_set_affinity(History *h, Vm *vm) {
        const Host *host = pick(h, CLASS_HOST);
        char id[UUID_TEXT_MAX] = "";
        const char *const affinities[] = {"", "nowhere", host ? host->name_label : "", id};

        if (host)
                uuid_to_string(roll(&h->dice, 2) ? &host->object.id : &host->host_uuid, id);
        assert_true(text_set(&vm->affinity, affinities[roll(&h->dice, 4)]) >= 0);
        pool_touch(h->w->pool, &vm->object, VM_AFFINITY, /* store= */ true);
}

static void step_vm(History *h) {
        Vm *vm = pick(h, CLASS_VM);
        World *w = h->w;

        switch (roll(&h->dice, 8)) {
        case 0:
        case 1:
                if (w->pool->objects[CLASS_VM].n < 40) {
                        vm = roll(&h->dice, 6) == 0 ? world_vm(w, "plain", END) : random_vm(w, &h->dice);
                        vm->memory = (1 + roll(&h->dice, 16)) * GIB;
                        wish_set_affinity(h, vm);
                }
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

/* A start as nobody but a client could think of it: with a reservation, an affinity, after refusals. */
typedef struct Wish {
        Vm *vm;
        const Reservation *reservation;
        const Host *avoid[2];
        size_t n_avoid;
} Wish;

static Wish wish_make(History *h) {
        Wish w = {.vm = pick(h, CLASS_VM)};

        if (roll(&h->dice, 3) == 0)
                w.reservation = pick(h, CLASS_RESERVATION);
        if (roll(&h->dice, 3) == 0)
                for (uint32_t n = 1 + roll(&h->dice, 2); w.n_avoid < n && pick(h, CLASS_HOST);)
                        w.avoid[w.n_avoid++] = pick(h, CLASS_HOST);
        return w;
}

/* The scores that are kept give the answer that looking at every host gives; a visitor makes the decider look. */
static void check_scores(History *h, const Wish *wish, size_t *n_asked) {
        const Vm *vm = wish->vm;
        AllocRequest request = {
                .vm = vm, .reservation = wish->reservation, .avoid = wish->avoid, .n_avoid = wish->n_avoid};

        if (vm->booking != BOOKING_NONE || vm->scheduled_on || vm->resident_on)
                return;

        assert_decided_alike(h->w, &request);
        ++*n_asked;
}

/* Every third pool is large enough for more hosts to fit than a decision names. */
static void history_begin(History *h, uint64_t seed) {
        *h = (History){.w = world_new(), .dice = {.state = seed * 7919}, .n_hosts_max = seed % 3 ? 5 : 16};
        if (seed == N_HISTORIES)
                h->n_hosts_max = 150;
        while (seed % 3 == 0 && h->w->pool->objects[CLASS_HOST].n < h->n_hosts_max)
                world_pgpu(h->w, world_host(h->w, "large"), roll(&h->dice, 2));
}

static void histories_keep_the_pool_sound(void **state) {
        size_t n_started = 0, n_asked = 0, n_over_quota = 0;

        for (uint64_t seed = 1; seed <= N_HISTORIES; seed++) {
                History h;

                history_begin(&h, seed);
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
                        case 6:
                                step_outside(&h);
                                break;
                        default:
                                step_vm(&h);
                                break;
                        }
                        assert_pool_is_sound(h.w);
                        history_check_announcements(&h);
                        for (size_t j = 0; j < 4 && h.w->pool->objects[CLASS_VM].n > 0; j++) {
                                Wish wish = wish_make(&h);

                                check_scores(&h, &wish, &n_asked);
                        }
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
                cmocka_unit_test(histories_keep_the_pool_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
