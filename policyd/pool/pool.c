/*
 * The pool, whole: made, freed, and what is removed kept until nobody needs it
 */

#include "policyd/pool/pool-internal.h"

static void host_clear(Host *h) {
        free(h->name_label);
        free(h->address);
        free(h->state_reason);
        free(h->boot_id);
        texts_free(h->networks);
        texts_free(h->functions);
        texts_free(h->allowed_config_keys);
        texts_free(h->taken_functions);
        texts_free(h->storage);
        free(h->standing_reason);
        host_free_types(h);
        texts_free(h->problems);
        ptr_array_done(&h->pgpus);
        ptr_array_done(&h->vms);
}

static void pgpu_clear(Pgpu *p) {
        free(p->vendor_id);
        free(p->device_id);
        free(p->subsystem_vendor_id);
        free(p->subsystem_device_id);
        free(p->vendor_name);
        free(p->device_name);
        free(p->driver);
        free(p->held_by);
        free(p->standing_reason);
        free(p->health_reason);
        free(p->name);
        ptr_array_done(&p->supported);
        ptr_array_done(&p->enabled);
        ptr_array_done(&p->disabling);
        ptr_array_done(&p->vgpus);
        ptr_array_done(&p->holds);
        outsiders_free(p->outsiders, p->n_outsiders);
        free(p->uses);
}

static void group_clear(GpuGroup *g) {
        free(g->name_label);
        free(g->name_description);
        texts_free(g->gpu_types);
        ptr_array_done(&g->pgpus);
        ptr_array_done(&g->vgpus);
        ptr_array_done(&g->supported);
        ptr_array_done(&g->enabled);
        for (size_t i = 0; i < g->counts.n; i++)
                free(g->counts.items[i]);
        ptr_array_done(&g->counts);
}

static void type_clear(VgpuType *t) {
        free(t->identifier);
        free(t->vendor_name);
        free(t->model_name);
        free(t->internal_config);
        ptr_array_done(&t->of_hosts);
        texts_free(t->compatible_on_pgpu);
        texts_free(t->compatible_in_vm);
        ptr_array_done(&t->supported_on);
        ptr_array_done(&t->enabled_on);
        ptr_array_done(&t->vgpus);
}

static void vm_clear(Vm *vm) {
        free(vm->name_label);
        free(vm->owner);
        free(vm->affinity);
        free(vm->platform);
        free(vm->config);
        free(vm->decision);
        texts_free(vm->networks);
        texts_free(vm->functions);
        texts_free(vm->objections);
        texts_free(vm->storage);
        ptr_array_done(&vm->vgpus);
        texts_free(vm->problems);
}

static void reservation_clear(Reservation *r) {
        free(r->name_label);
        free(r->owner);
        ptr_array_done(&r->holds);
}

static void vm_group_clear(VmGroup *g) {
        free(g->name_label);
        free(g->name_description);
        ptr_array_done(&g->vms);
}

static void job_clear(Job *j) {
        free(j->operation);
        free(j->stage);
        free(j->error_message);
        free(j->first_try);
}

void object_free(Object *o) {
        switch (o->class) {
        case CLASS_HOST:
                host_clear((Host *) o);
                break;
        case CLASS_PGPU:
                pgpu_clear((Pgpu *) o);
                break;
        case CLASS_GPU_GROUP:
                group_clear((GpuGroup *) o);
                break;
        case CLASS_VGPU_TYPE:
                type_clear((VgpuType *) o);
                break;
        case CLASS_VM:
                vm_clear((Vm *) o);
                break;
        case CLASS_VGPU:
                free(((Vgpu *) o)->extra_args);
                break;
        case CLASS_RESERVATION:
                reservation_clear((Reservation *) o);
                break;
        case CLASS_QUOTA:
                free(((Quota *) o)->owner);
                break;
        case CLASS_VM_GROUP:
                vm_group_clear((VmGroup *) o);
                break;
        case CLASS_JOB:
                job_clear((Job *) o);
                break;
        case _CLASS_MAX:
        case _CLASS_INVALID:
                break;
        }

        free(o);
}

Pool *pool_new(void) {
        Pool *pool = calloc(1, sizeof(Pool));

        if (!pool)
                return NULL;

        pool->next_key = 1;
        pool->notes = calloc(1, sizeof(PoolNotes));
        pool->owners = hashmap_new_string();
        for (size_t c = 0; c < _CLASS_MAX; c++)
                pool->by_id[c] = hashmap_new_uuid();

        for (size_t c = 0; c < _CLASS_MAX; c++)
                if (!pool->by_id[c] || !pool->notes || !pool->owners)
                        return pool_free(pool);

        return pool;
}

static void notes_free(PoolNotes *notes) {
        if (!notes)
                return;

        if (notes->kept)
                notes->kept_free(notes->kept);
        free(notes);
}

Pool *pool_free(Pool *pool) {
        if (!pool)
                return NULL;

        owners_free(pool);
        for (size_t c = 0; c < _CLASS_MAX; c++) {
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        object_free(pool->objects[c].items[i]);
                ptr_array_done(&pool->objects[c]);
                hashmap_free(pool->by_id[c]);
        }

        for (size_t i = 0; i < pool->removed.n; i++)
                object_free(pool->removed.items[i]);
        ptr_array_done(&pool->removed);
        notes_free(pool->notes);
        ptr_array_done(&pool->uneven);
        free(pool);
        return NULL;
}

void pool_forget(Pool *pool, Object *o) {
        if (o->removed) {
                ptr_array_remove(&pool->removed, o);
                object_free(o);
                return;
        }

        o->changed = 0;
        o->is_new = o->must_store = o->in_changes = false;
        o->next_changed = NULL;
}
