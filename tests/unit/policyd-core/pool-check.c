/*
 * The invariants of the pool
 *
 * Every reference is followed in both directions. Written without the helpers that keep the pool, so that an
 * error in those shows here.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "tests/unit/policyd-core/pool-check.h"
#include "policyd/pool/pool-internal.h"

typedef struct Check {
        const Pool *pool;
        char *buf;
        size_t size;
        bool failed;
} Check;

static void _printf_(3, 4) check_fail(Check *c, const Object *o, const char *format, ...) {
        char what[160];
        va_list args;

        if (c->failed)
                return;

        va_start(args, format);
        text_vformat(what, sizeof(what), format, args);
        va_end(args);
        text_format(c->buf, c->size, "%s '%s' (%s) %s", object_class_to_string(o->class), object_name(o),
                UUID_TEXT(&o->id), what);
        c->failed = true;
}

static size_t count_in(const PtrArray *a, const void *p) {
        size_t n = 0;

        for (size_t i = 0; i < a->n; i++)
                n += a->items[i] == p;

        return n;
}

#define CHECK(c, o, condition, ...)                                                                          \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        check_fail(c, o, __VA_ARGS__);                                                       \
        } while (0)

static void check_objects(Check *c) {
        for (ObjectClass class = 0; class < _CLASS_MAX; class ++) {
                const PtrArray *all = &c->pool->objects[class];
                const Object *before = NULL;

                for (size_t i = 0; i < all->n; before = all->items[i++]) {
                        const Object *o = all->items[i];

                        CHECK(c, o, o->class == class && !o->removed, "is in the wrong list");
                        CHECK(c, o, pool_get(c->pool, class, &o->id) == o, "is not found by its id");
                        CHECK(c, o,
                                o->key > 0 && o->key < c->pool->next_key && (!before || before->key < o->key),
                                "has its key out of order");
                }
        }
}

static void check_host(Check *c, const Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                CHECK(c, &h->object, p->host == h && !p->object.removed, "lists a PGPU that is not its own");
                CHECK(c, &h->object,
                        i == 0 || pci_address_compare(&((Pgpu *) h->pgpus.items[i - 1])->pci, &p->pci) <= 0,
                        "lists its PGPUs out of order");
        }

        for_each(const Vm, vm, &h->vms) {
                CHECK(c, &h->object, count_in(&h->vms, vm) == 1, "lists a VM twice");
                CHECK(c, &h->object, vm->scheduled_on == h || vm->resident_on == h,
                        "lists VM '%s', which is elsewhere", vm->name_label);
        }
}

static bool lists_identifier(const VgpuType *running, const VgpuType *joining) {
        for (char **i = running->compatible_on_pgpu; i && *i; i++)
                if (streq(*i, joining->identifier))
                        return true;

        return false;
}

/* Of two that share a PGPU, at least one came second, and was admitted by the list of the first. */
static bool may_be_together(const VgpuType *a, const VgpuType *b) {
        return lists_identifier(a, b) || lists_identifier(b, a);
}

/* What is kept by type, against the lists. */
static void check_pgpu_uses(Check *c, const Pgpu *p) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_uses; i++) {
                const struct PgpuUse *u = &p->uses[i];
                uint32_t n_vgpus = 0, n_holds = 0, n_outsiders = 0;

                for_each(Vgpu, v, &p->vgpus)
                        n_vgpus += v->type == u->type;
                for_each(Reservation, r, &p->holds)
                        n_holds += r->type == u->type;
                for (size_t j = 0; j < p->n_outsiders; j++)
                        n_outsiders += p->outsiders[j].type == u->type;
                CHECK(c, &p->object, n_outsiders == u->n_outsiders, "has %u outsiders of %s, and it is %u",
                        u->n_outsiders, u->type->identifier, n_outsiders);
                CHECK(c, &p->object,
                        n_vgpus == u->n_vgpus && n_holds == u->n_holds && n_vgpus + n_holds + n_outsiders > 0,
                        "has %u VGPUs of %s and %u held, and it is %u and %u", u->n_vgpus,
                        u->type->identifier, u->n_holds, n_vgpus, n_holds);
                n += n_vgpus + n_holds + n_outsiders;
        }
        CHECK(c, &p->object, n == pgpu_load(p), "has a type in use that is not counted");
}

static void check_pgpu_use(Check *c, const Pgpu *p) {
        const VgpuType *types[pgpu_load(p) + 1];
        uint64_t used = 0;
        size_t n = 0;

        for_each(const Vgpu, v, &p->vgpus) {
                CHECK(c, &p->object, v->scheduled_on == p || v->resident_on == p,
                        "lists a VGPU that is elsewhere");
                CHECK(c, &p->object, count_in(&p->vgpus, v) == 1, "lists a VGPU twice");
                types[n++] = v->type;
        }
        for_each(const Reservation, r, &p->holds) {
                CHECK(c, &p->object, count_in(&p->holds, r) == count_in(&r->holds, p),
                        "disagrees with reservation '%s'", r->name_label);
                types[n++] = r->type;
        }
        for (size_t i = 0; i < p->n_outsiders; i++)
                types[n++] = p->outsiders[i].type;

        for (size_t i = 0; i < n; i++) {
                used += pgpu_type_size(p, types[i]);
                for (size_t j = 0; j < i; j++)
                        CHECK(c, &p->object, may_be_together(types[i], types[j]), "has %s and %s together",
                                types[i]->identifier, types[j]->identifier);
        }
        CHECK(c, &p->object, p->used == used, "says that %u is used, and it is %llu", p->used,
                (unsigned long long) used);
        check_pgpu_uses(c, p);
        CHECK(c, &p->object, used <= PGPU_SIZE, "is over its capacity: %llu", (unsigned long long) used);
}

static void check_pgpu(Check *c, const Pgpu *p) {
        CHECK(c, &p->object, count_in(&p->host->pgpus, p) == 1, "is not in its host's list");
        CHECK(c, &p->object, !p->group || count_in(&p->group->pgpus, p) == 1, "is not in its group's list");

        for_each(VgpuType, t, &p->supported)
                CHECK(c, &p->object, count_in(&t->supported_on, p) == 1,
                        "is not known to a type that it supports");
        for (size_t i = 0; i < p->enabled.n; i++)
                CHECK(c, &p->object, count_in(&((VgpuType *) p->enabled.items[i])->enabled_on, p) == 1,
                        "is not known to a type that it enables");

        check_pgpu_use(c, p);
}

static void check_union(Check *c, const GpuGroup *g, bool supported) {
        const PtrArray *list = supported ? &g->supported : &g->enabled,
                       *types = &c->pool->objects[CLASS_VGPU_TYPE];
        size_t n = 0;

        for (size_t i = 0; i < types->n; i++) {
                bool wanted = false;

                for_each_while(!wanted, const Pgpu, p, &g->pgpus)
                        wanted = count_in(supported ? &p->supported : &p->enabled, types->items[i]) > 0;
                CHECK(c, &g->object, count_in(list, types->items[i]) == wanted,
                        "has a wrong union of %s types", supported ? "supported" : "enabled");
                n += wanted;
        }
        CHECK(c, &g->object, list->n == n, "has an unknown type in its union");
}

static void check_group(Check *c, const GpuGroup *g) {
        for (size_t i = 0; i < g->pgpus.n; i++) {
                const Pgpu *p = g->pgpus.items[i], *before = i > 0 ? g->pgpus.items[i - 1] : NULL;

                CHECK(c, &g->object, p->group == g, "lists a PGPU of another group");
                CHECK(c, &g->object,
                        !before || before->host == p->host ||
                                strcmp(before->host->name_label, p->host->name_label) <= 0,
                        "lists its PGPUs out of order");
        }
        for_each(Vgpu, v, &g->vgpus)
                CHECK(c, &g->object, v->group == g,
                        "lists a VGPU of another group");

        check_union(c, g, /* supported= */ true);
        check_union(c, g, /* supported= */ false);
}

static void check_type(Check *c, const VgpuType *t) {
        for_each(Pgpu, p, &t->supported_on)
                CHECK(c, &t->object, count_in(&p->supported, t) == 1,
                        "lists a PGPU that does not support it");
        for_each(Pgpu, pgpu, &t->enabled_on)
                CHECK(c, &t->object, count_in(&pgpu->enabled, t) == 1,
                        "lists a PGPU that does not enable it");
        for_each(Vgpu, v, &t->vgpus)
                CHECK(c, &t->object, v->type == t, "lists a VGPU of another type");
}

static void check_vm(Check *c, const Vm *vm) {
        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                CHECK(c, &vm->object, v->vm == vm, "lists a VGPU of another VM");
                CHECK(c, &vm->object, i == 0 || ((Vgpu *) vm->vgpus.items[i - 1])->device < v->device,
                        "has two VGPUs at device %u", v->device);
        }

        CHECK(c, &vm->object, !vm->scheduled_on || count_in(&vm->scheduled_on->vms, vm) == 1,
                "is scheduled on a host that does not list it");
        CHECK(c, &vm->object, !vm->resident_on || count_in(&vm->resident_on->vms, vm) == 1,
                "is resident on a host that does not list it");
        CHECK(c, &vm->object,
                !vm->reservation ||
                        pool_get(c->pool, CLASS_RESERVATION, &vm->reservation->object.id) == vm->reservation,
                "used up a reservation that is gone");
        CHECK(c, &vm->object, !vm->group || count_in(&vm->group->vms, vm) == 1, "is not in its group's list");
}

static void check_vgpu(Check *c, const Vgpu *v) {
        CHECK(c, &v->object, count_in(&v->vm->vgpus, v) == 1, "is not in its VM's list");
        CHECK(c, &v->object, count_in(&v->group->vgpus, v) == 1, "is not in its group's list");
        CHECK(c, &v->object, count_in(&v->type->vgpus, v) == 1, "is not in its type's list");
        CHECK(c, &v->object, !v->scheduled_on || count_in(&v->scheduled_on->vgpus, v) == 1,
                "is scheduled on a PGPU that does not list it");
        CHECK(c, &v->object, !v->resident_on || count_in(&v->resident_on->vgpus, v) == 1,
                "is resident on a PGPU that does not list it");
        CHECK(c, &v->object,
                !v->scheduled_on || v->scheduled_on->host == v->vm->scheduled_on ||
                        v->scheduled_on->host == v->vm->resident_on,
                "of VM '%s' is scheduled on another host than its VM", v->vm->name_label);
}

static void check_reservation(Check *c, const Reservation *r) {
        CHECK(c, &r->object, r->holds.n <= r->count, "holds %zu instances of %u", r->holds.n, r->count);
        for_each(Pgpu, p, &r->holds)
                CHECK(c, &r->object, count_in(&p->holds, r) > 0,
                        "holds a PGPU that does not know of it");
}

static void check_vm_group(Check *c, const VmGroup *g) {
        for_each(Vm, vm, &g->vms)
                CHECK(c, &g->object, vm->group == g, "lists a VM of another group");
}

static void count_use(OwnerUse *use, const GpuGroup *group, uint64_t n, const VgpuType *t) {
        if (use->group && use->group != group)
                return;
        use->vgpus += n;
        use->size += n * (t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : t->size);
}

/* What a quota's owner uses, counted again over the whole pool. */
static void check_quota(Check *c, const Quota *q) {
        const PtrArray *vgpus = &c->pool->objects[CLASS_VGPU],
                       *reservations = &c->pool->objects[CLASS_RESERVATION];
        OwnerUse counted = {.group = q->group}, kept = owner_use(q->owned_by, q->group);

        CHECK(c, &q->object, streq(q->owned_by->name, q->owner), "is listed as %s's", q->owned_by->name);
        for_each(const Vgpu, v, vgpus)
                if (streq(v->vm->owner, q->owner) && (v->scheduled_on || v->resident_on))
                        count_use(&counted, v->group, 1, v->type);
        for_each(const Reservation, r, reservations)
                if (streq(r->owner, q->owner))
                        count_use(&counted, r->group, r->holds.n, r->type);
        CHECK(c, &q->object, counted.vgpus == kept.vgpus && counted.size == kept.size,
                "counts %llu VGPUs of %llu units, and it is %llu of %llu", (unsigned long long) kept.vgpus,
                (unsigned long long) kept.size, (unsigned long long) counted.vgpus,
                (unsigned long long) counted.size);
}

const char *pool_check(const Pool *pool, char *buf, size_t size) {
        Check c = {.pool = pool, .buf = buf, .size = size};

        check_objects(&c);
        for (size_t i = 0; i < pool->objects[CLASS_HOST].n; i++)
                check_host(&c, pool->objects[CLASS_HOST].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_PGPU].n; i++)
                check_pgpu(&c, pool->objects[CLASS_PGPU].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_GPU_GROUP].n; i++)
                check_group(&c, pool->objects[CLASS_GPU_GROUP].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_VGPU_TYPE].n; i++)
                check_type(&c, pool->objects[CLASS_VGPU_TYPE].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_VM].n; i++)
                check_vm(&c, pool->objects[CLASS_VM].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_VGPU].n; i++)
                check_vgpu(&c, pool->objects[CLASS_VGPU].items[i]);
        for (size_t i = 0; i < pool->objects[CLASS_RESERVATION].n; i++)
                check_reservation(&c, pool->objects[CLASS_RESERVATION].items[i]);

        for (size_t i = 0; i < pool->objects[CLASS_QUOTA].n; i++)
                check_quota(&c, pool->objects[CLASS_QUOTA].items[i]);

        for (size_t i = 0; i < pool->objects[CLASS_VM_GROUP].n; i++)
                check_vm_group(&c, pool->objects[CLASS_VM_GROUP].items[i]);

        return c.failed ? buf : NULL;
}
