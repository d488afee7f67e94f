/*
 * Objects, and the references between them
 */

#include "policyd/check/check-private.h"
#include "policyd/pool/former-card.h"

#include <stdlib.h>

/* Each reference between two classes: the owner's list of items, and what the item says of it: one or two references to the
 * owner, or a list of owners, in which the owner stands as often as the item stands in its list. */
typedef struct Mutual {
        ObjectClass owner, item;
        size_t list;
        size_t refs[2];
        size_t back;
} Mutual;

#define OF(type, member) offsetof(type, member)
static const Mutual mutual[] = {
        {CLASS_HOST, CLASS_PGPU, OF(Host, pgpus), .refs = {OF(Pgpu, host)}},
        {CLASS_HOST, CLASS_VM, OF(Host, vms), .refs = {OF(Vm, resident_on), OF(Vm, scheduled_on)}},
        {CLASS_PGPU, CLASS_VGPU, OF(Pgpu, vgpus), .refs = {OF(Vgpu, resident_on), OF(Vgpu, scheduled_on)}},
        {CLASS_PGPU, CLASS_RESERVATION, OF(Pgpu, holds), .back = OF(Reservation, holds)},
        {CLASS_GPU_GROUP, CLASS_PGPU, OF(GpuGroup, pgpus), .refs = {OF(Pgpu, group)}},
        {CLASS_GPU_GROUP, CLASS_VGPU, OF(GpuGroup, vgpus), .refs = {OF(Vgpu, group)}},
        {CLASS_VGPU_TYPE, CLASS_VGPU, OF(VgpuType, vgpus), .refs = {OF(Vgpu, type)}},
        {CLASS_VM, CLASS_VGPU, OF(Vm, vgpus), .refs = {OF(Vgpu, vm)}},
        {CLASS_VM_GROUP, CLASS_VM, OF(VmGroup, vms), .refs = {OF(Vm, group)}},
};

static const PtrArray *list_at(const void *o, size_t offset) {
        return (const PtrArray *) ((const char *) o + offset);
}

static const void *ref_at(const void *o, size_t offset) {
        return offset ? *(const void *const *) ((const char *) o + offset) : NULL;
}

/* Pairs of a list and an item, sorted */

static int compare_pairs(const void *x, const void *y) {
        const CheckPair *a = x, *b = y;

        if (a->list != b->list)
                return a->list < b->list ? -1 : 1;
        return a->item < b->item ? -1 : a->item > b->item;
}

static void index_list(Check *c, const PtrArray *list) {
        CheckPair *more = c->pairs;

        if (c->n_pairs + list->n > c->pairs_size) {
                c->pairs_size = 2 * (c->n_pairs + list->n) + 64;
                more = reallocarray(c->pairs, c->pairs_size, sizeof(*more));
                if (!more) {
                        c->findings->error = -ENOMEM;
                        return;
                }
                c->pairs = more;
        }
        for (size_t i = 0; i < list->n; i++)
                c->pairs[c->n_pairs++] = (CheckPair){list, list->items[i]};
}

void check_index(Check *c) {
        const Owner *owner;

        for (const Mutual *m = mutual; m < mutual + ARRAY_SIZE(mutual) && c->findings->error == 0; m++) {
                for_each_while(c->findings->error == 0, const Object, o, &c->pool->objects[m->owner])
                        index_list(c, list_at(o, m->list));
                for_each_while(m->back && c->findings->error == 0, const Object, item, &c->pool->objects[m->item])
                        index_list(c, list_at(item, m->back));
        }
        for (size_t i = 0; c->findings->error == 0 && (owner = hashmap_next(c->pool->owners, &i));) {
                index_list(c, &owner->vms);
                index_list(c, &owner->reservations);
                index_list(c, &owner->quotas);
        }
        if (c->n_pairs > 0)
                qsort(c->pairs, c->n_pairs, sizeof(*c->pairs), compare_pairs);
}

size_t check_count(const Check *c, const PtrArray *list, const void *item) {
        const CheckPair wanted = {list, item};
        size_t low = 0, high = c->n_pairs, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_pairs(&c->pairs[middle], &wanted) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < c->n_pairs && compare_pairs(&c->pairs[low + n], &wanted) == 0)
                n++;
        return n;
}

/* The invariants */

void check_identity(Check *c) {
        for (ObjectClass class = 0; class < _CLASS_MAX; class++) {
                const Object *before = NULL;

                for_each(const Object, o, &c->pool->objects[class]) {
                        CHECK(c, o, o->class == class && !o->removed, "is in the list of another class, or of removed objects");
                        CHECK(c, o, pool_get(c->pool, class, &o->id) == o, "is not found by its uuid");
                        CHECK(c, o,
                                o->key > 0 && o->key < c->pool->next_key && (!before || before->key < o->key),
                                "has a storage key that is out of order");
                        before = o;
                }
        }
}

static const char *words_of(ObjectClass class) {
        return object_class_to_string(class);
}

static void check_owner(Check *c, const Mutual *m, const Object *o) {
        const PtrArray *list = list_at(o, m->list);

        for_each(const Object, item, list) {
                size_t n = check_count(c, list, item);
                bool known = m->back ? check_count(c, list_at(item, m->back), o) == n
                                     : ref_at(item, m->refs[0]) == o || ref_at(item, m->refs[1]) == o;

                CHECK(c, o, known, "lists the %s '%s', which does not refer to it", words_of(m->item), object_name(item));
                CHECK(c, o, n == 1 || m->back, "lists the %s '%s' %zu times", words_of(m->item), object_name(item), n);
        }
}

/* Types do not list their PGPUs. */
static bool types_are_there(const Check *c, const PtrArray *types) {
        for_each(const VgpuType, t, types)
                if (!ptr_array_contains(&c->pool->objects[CLASS_VGPU_TYPE], t))
                        return false;
        return true;
}

static void check_item(Check *c, const Mutual *m, const Object *item) {
        for (size_t i = 0; i < ARRAY_SIZE(m->refs); i++) {
                const Object *o = ref_at(item, m->refs[i]);

                CHECK(c, item, !o || check_count(c, list_at(o, m->list), item) == 1,
                        "refers to the %s '%s', which does not list it", words_of(m->owner), object_name(o));
        }
        for (size_t i = 0; m->back && i < list_at(item, m->back)->n; i++) {
                const Object *o = list_at(item, m->back)->items[i];

                CHECK(c, item, check_count(c, list_at(o, m->list), item) > 0, "lists the %s '%s', which does not list it",
                        words_of(m->owner), object_name(o));
        }
}

void check_mutual(Check *c) {
        for (const Mutual *m = mutual; m < mutual + ARRAY_SIZE(mutual); m++) {
                for_each(const Object, o, &c->pool->objects[m->owner])
                        check_owner(c, m, o);
                for_each(const Object, item, &c->pool->objects[m->item])
                        check_item(c, m, item);
        }
        CHECK_EACH(c, VGPU, Vgpu, v)
                CHECK(c, v, v->vm && v->group && v->type, "has no VM, group or type");
        CHECK_EACH(c, PGPU, Pgpu, p) {
                CHECK(c, p, p->host, "has no host");
                CHECK(c, p, types_are_there(c, &p->supported) && types_are_there(c, &p->enabled), "has a type that is gone");
        }
        CHECK_EACH(c, VM, Vm, vm)
                CHECK(c, vm,
                        !vm->reservation ||
                                pool_get(c->pool, CLASS_RESERVATION, &vm->reservation->object.id) == vm->reservation,
                        "used up a reservation that is gone");
}

void check_order(Check *c) {
        CHECK_EACH(c, HOST, Host, h)
                for (size_t i = 1; i < h->pgpus.n; i++)
                        CHECK(c, h,
                                pci_address_compare(&((Pgpu *) h->pgpus.items[i - 1])->pci, &((Pgpu *) h->pgpus.items[i])->pci) <= 0,
                                "lists its PGPUs out of order");
        CHECK_EACH(c, GPU_GROUP, GpuGroup, g)
                for (size_t i = 1; i < g->pgpus.n; i++)
                        CHECK(c, g, pgpu_compare(g->pgpus.items[i - 1], g->pgpus.items[i]) <= 0, "lists its PGPUs out of order");
        CHECK_EACH(c, VM, Vm, vm)
                for (size_t i = 1; i < vm->vgpus.n; i++)
                        CHECK(c, vm, ((Vgpu *) vm->vgpus.items[i - 1])->device < ((Vgpu *) vm->vgpus.items[i])->device,
                                "has two VGPUs at one device, or lists them out of order");
}

void check_former(Check *c) {
        uint64_t before = 0;

        CHECK(c, NULL, c->pool->former.n <= FORMER_CARDS_MAX, "The pool keeps %zu cards that left it, of at most %d", c->pool->former.n,
                FORMER_CARDS_MAX);
        for_each(const FormerCard, f, &c->pool->former) {
                const Pgpu *p = pool_get(c->pool, CLASS_PGPU, &f->id);

                if (p)
                        check_found(c, p, "is kept as a card that left the pool too");
                CHECK(c, NULL, !uuid_is_null(&f->machine), "The card %s left the pool, and of no machine", UUID_TEXT(&f->id));
                CHECK(c, NULL, f->number > before && f->number < c->pool->next_key,
                        "The card %s left the pool under a number that is not its own", UUID_TEXT(&f->id));
                before = f->number;
        }
}
