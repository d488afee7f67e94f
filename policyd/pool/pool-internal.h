#pragma once

/*
 * Private to the files of the pool
 *
 * A change is made in two steps: reserve memory wherever a list may grow, then change; so a failure leaves
 * the pool as it was. object_note() is the one place where an object enters the list of changes.
 */

#include "common/base/strlist.h"
#include "policyd/pool/each.h"
#include "policyd/pool/pool.h"

/* Largest reason or error that the database reads back whole. */
#define SENTENCE_MAX_BYTES 4096

size_t ptr_array_index(const PtrArray *a, const void *p); /* SIZE_MAX: not in it */
int ptr_array_reserve(PtrArray *a, size_t n_more);
/* In a sorted array, where p stands, or would stand: before the first that is greater. */
typedef int (*PtrCompare)(const void *a, const void *b);
size_t ptr_array_position(const PtrArray *a, const void *p, PtrCompare compare);
int ptr_array_insert(PtrArray *a, void *p, PtrCompare compare);
int ptr_array_add(PtrArray *a, void *p);
void ptr_array_remove_at(PtrArray *a, size_t at);
bool ptr_array_remove(PtrArray *a, const void *p);
void ptr_array_done(PtrArray *a);

/* The list of these types, which has one user more and is never changed; -ENOMEM. */
int type_list_take(Pool *pool, VgpuType *const *types, size_t n, PtrArray *ret);
void type_list_drop(Pool *pool, const PtrArray *list);
void type_lists_free(Pool *pool); /* with the whole pool */

/* What stands on a PGPU, by type. */
struct PgpuUse {
        VgpuType *type;
        uint32_t n_vgpus, n_holds, n_outsiders;
};

/* Notes also the hosts whose scores depend on the object: the host of a PGPU, or the hosts where the VM is placed. */
void object_note(Pool *pool, Object *o, uint64_t properties, bool store);
/* A setter of one field: what is the same changes nothing and announces nothing. */
#define SET_AND_NOTE(pool, o, field, value, property)                                                        \
        do {                                                                                                 \
                if ((o)->field != (value)) {                                                                 \
                        (o)->field = (value);                                                                \
                        object_note(pool, &(o)->object, property, /* store= */ true);                        \
                }                                                                                            \
        } while (0)
/* For a change of what is no property, or of what leaves the host, the caller notes the host itself, with the bits of those PGPUs that
 * may offer something else now (PGPU_BIT), or the PGPU. */
void host_note(Pool *pool, Host *h, uint64_t pgpus);
void pgpu_note(Pool *pool, const Pgpu *p);
/* What is available may be another amount now. */
void host_note_memory(Pool *pool, Host *h);

/* An object is made, with empty texts, filled, registered, and linked last: a failure before only frees it. */
void *object_new(ObjectClass c, const Uuid *id); /* NULL: no memory */
/* The pool owns it then, *o is NULL, and ret, which points to a pointer of its type, has it; -EEXIST, -ENOMEM. */
int object_register(Pool *pool, Object **o, uint64_t key, void *ret);
void object_unregister(Pool *pool, Object *o);
size_t object_count(const Pool *pool);
void object_free(Object *o);
void object_freep(Object **o);
int owned_init(Object *o);  /* -ENOMEM */
void owned_free(Object *o); /* not the object itself */

/* "host/0000:84:00.0"; -ENOMEM keeps the old name. */
int pgpu_update_name(Pgpu *p);
int pgpu_compare(const void *a, const void *b); /* of PGPUs, by host name, then PCI address */
void outsiders_free(Outsider *outsiders, size_t n);
/* After the size of a type there has changed, or with fewer in the lists than before. */
void pgpu_recount(Pgpu *p);

/* Owners. Room for what an owner uses of a group is made first; counting cannot fail. NULL: no owner, does nothing. */
int owner_get(Pool *pool, const char *name, Owner **ret); /* made when it is new; NULL for "" */
void owner_settle(Pool *pool, Owner *o);                  /* removed when nothing names it any more */
int owner_prepare(Owner *o, const GpuGroup *g);
void owner_count(Pool *pool, Owner *o, const GpuGroup *g, int64_t vgpus, int64_t size);
void vm_disown(Pool *pool, Vm *vm);
void reservation_disown(Pool *pool, Reservation *r);
void quota_disown(Pool *pool, Quota *q);
void owners_forget_group(Pool *pool, const GpuGroup *g);
void owners_free(Pool *pool);

/* Whether the host is uneven, after it or one of its PGPUs changed. */
void host_update_standing(Pool *pool, Host *h);

/* Called before the host or the type is removed; and with the whole pool. */
void host_forget_types(Pool *pool, Host *h);
void type_forget_hosts(Pool *pool, VgpuType *t);
void host_free_types(Host *h);
int type_update_differences(Pool *pool, VgpuType *t); /* after what a host says, or the type shows, has changed */

/* Whether the i-th VGPU on a PGPU is the first of its VM there. */
static inline bool vgpu_is_first(const Pgpu *p, size_t i) {
        size_t first = 0;

        while (((const Vgpu *) p->vgpus.items[first])->vm != ((const Vgpu *) p->vgpus.items[i])->vm)
                first++;
        return first == i;
}

void vgpu_unplace(Pool *pool, Vgpu *v);
void vm_unplace(Pool *pool, Vm *vm);
