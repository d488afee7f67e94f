/*
 * Objects made of their rows
 *
 * Links to other objects are set by the pool's functions, which keep both sides; all other values are taken
 * over as they were read. Objects that it refers to were loaded before (load.c has the order).
 */

#include "policyd/store/row.h"

#include "policyd/store/vm-needs.h"
#include "protocol/gpu-record.h"

#define CREATE(name, type, ...)                                                                              \
        static int create_##name(RowReader *row, const void *values, Object **ret) {                         \
                const type *in = values;                                                                     \
                type *o;                                                                                     \
                int q;                                                                                       \
                                                                                                             \
                q = pool_add_##name(row->pool, &row->id, row->key, __VA_ARGS__, &o);                          \
                if (q >= 0)                                                                                  \
                        *ret = &o->object;                                                                   \
                return q;                                                                                    \
        }
CREATE(host, Host, in->name_label, in->address)
CREATE(pgpu, Pgpu, in->host, &in->pci, in->vendor_id, in->device_id)
CREATE(gpu_group, GpuGroup, in->name_label)
CREATE(vgpu_type, VgpuType, in->identifier, in->vendor_name, in->model_name)
CREATE(vm, Vm, in->name_label)
CREATE(vgpu, Vgpu, in->vm, in->group, in->type, in->device)
CREATE(reservation, Reservation, in->name_label, in->group, in->type, in->count)
CREATE(quota, Quota, in->owner, in->group)
CREATE(vm_group, VmGroup, in->name_label, in->placement)
CREATE(job, Job, in->operation)

static int link_host_type(RowReader *row, Host *h, const RowHostType *said) {
        const TypeFacts facts = {said->size, said->framebuffer_size, said->internal_config, said->identifier};
        VgpuType *t = pool_get(row->pool, CLASS_VGPU_TYPE, &said->type);

        if (said->size > PGPU_SIZE)
                return json_fail(&row->json, "types", "has a size of %u, more than a whole PGPU (%u)", said->size, PGPU_SIZE);
        /* If the type itself could not be read, the host reports these values again. */
        return t ? pool_load_host_type(h, t, &facts) : 0;
}

static int link_host(RowReader *row, const void *values, Object *o) {
        RowHostTypes said = {};
        int q;

        q = record_parse(&row_host_types, &row->json, row->record, &said);
        for (size_t i = 0; i < said.n_types && q == 0; i++)
                q = link_host_type(row, CONTAINER_OF(o, Host, object), &said.types[i]);
        record_done(&row_host_types, &said);
        return q;
}

/* If the host's row has no value of its own for a type, the type's value is the host's too. Rows of schema 4
 * never have one. */
static int link_host_types(Pgpu *p) {
        int q = 0;

        for (size_t i = 0; i < p->supported.n && q == 0; i++) {
                VgpuType *t = p->supported.items[i];
                const TypeFacts facts = {.size = t->size,
                        .framebuffer_size = t->framebuffer_size,
                        .internal_config = strempty(t->internal_config)};

                q = pool_load_host_type(p->host, t, &facts);
        }
        return q;
}

static int link_pgpu(RowReader *row, const void *values, Object *o) {
        Pgpu *p = CONTAINER_OF(o, Pgpu, object);
        const Pgpu *in = values;
        int q = 0;

        q = q ?: pool_set_pgpu_group(row->pool, p, in->group);
        q = q ?: pool_set_pgpu_supported(row->pool, p, (VgpuType *const *) in->supported.items, in->supported.n);
        q = q ?: pool_set_pgpu_enabled(row->pool, p, (VgpuType *const *) in->enabled.items, in->enabled.n);
        return q ?: link_host_types(p);
}

static int link_vgpu_type(RowReader *row, const void *values, Object *o) {
        const VgpuType *in = values;

        if (in->size > PGPU_SIZE)
                return json_fail(&row->json, "size", "is %u, more than a whole PGPU (%u)", in->size, PGPU_SIZE);
        return 0;
}

/* A booking must have a place and a token; without them it could never be released. */
static int check_booking(RowReader *row, const Vm *vm) {
        bool somewhere = vm->scheduled_on || vm->resident_on;

        if (vm->booking == BOOKING_NONE)
                return somewhere ? json_fail(&row->json, "booking", "is 'none' while a host is named") : 0;
        if (!somewhere)
                return json_fail(&row->json, "booking", "is '%s' without a host", booking_state_to_string(vm->booking));
        if (uuid_is_null(&vm->token))
                return json_fail(&row->json, "token", "is missing");
        return 0;
}

/*
 * "reserved" on disk means that the order may have been sent since: the mark "sent" is not worth a commit of its own, so both are read
 * alike and the host's inventory decides (docs/states.md).
 */
static int link_vm(RowReader *row, const void *values, Object *o) {
        Vm *vm = CONTAINER_OF(o, Vm, object);
        const Vm *in = values;
        int q = 0;

        q = q ?: check_booking(row, in);
        q = q ?: pool_set_vm_owner(row->pool, vm, in->owner);
        q = q ?: pool_set_vm_group(row->pool, vm, in->group);
        q = q ?: vm_refresh_needs(row->pool, &row->json, vm);
        q = q ?: pool_set_vm_resident(row->pool, vm, in->resident_on);
        q = q ?: pool_set_vm_scheduled(row->pool, vm, in->scheduled_on);
        vm->reservation = in->reservation;
        if (q == 0)
                pool_set_vm_booking(row->pool, vm, in->booking == BOOKING_RESERVED ? BOOKING_SENT : in->booking, &in->token);
        return q;
}

/* It may have a virtual function of its PGPU, which stands in its row; rows that were written before have none, and get the PGPU's own. */
static int link_resident(RowReader *row, Vgpu *v, Pgpu *pgpu) {
        _cleanup_free_ char *stored = take_ptr(v->function);
        int r;

        r = pool_set_vgpu_resident(row->pool, v, pgpu);
        if (r == 0 && (!v->function || !isempty(stored))) {
                free(v->function);
                v->function = take_ptr(stored);
        }
        return r;
}

static int link_vgpu(RowReader *row, const void *values, Object *o) {
        Vgpu *v = CONTAINER_OF(o, Vgpu, object);
        const Vgpu *in = values;
        int q = 0;

        if (in->device > VGPU_DEVICE_MAX)
                return json_fail(&row->json, "device", "is %u; devices are 0 to %d", in->device, VGPU_DEVICE_MAX);
        if (json_object_object_get_ex(row->record, "pinned_pci", NULL)) {
                q = json_get_pci_text(&row->json, row->record, "pinned_pci", &v->pinned_pci);
                v->pinned = true;
        }
        q = q ?: pool_set_vgpu_scheduled(row->pool, v, in->scheduled_on);
        q = q ?: link_resident(row, v, in->resident_on);
        if (q < 0 || in->type->implementation == TYPE_PASSTHROUGH)
                return q;
        /* The VGPU's video memory counts for its VM. */
        q = vm_refresh_needs(row->pool, &row->json, v->vm);
        pool_touch(row->pool, &v->vm->object, 0, /* store= */ false);
        return q;
}

/* "holds" names a PGPU once for each instance that is still held there. */
static int link_reservation(RowReader *row, const void *values, Object *o) {
        Reservation *v = CONTAINER_OF(o, Reservation, object);
        const Reservation *in = values;
        int q;

        if (in->holds.n > in->count)
                return json_fail(&row->json, "holds", "names %zu PGPUs for %u instances", in->holds.n, in->count);
        q = pool_set_reservation_owner(row->pool, v, in->owner);
        for (size_t i = 0; i < in->holds.n && q == 0; i++)
                q = pool_hold(row->pool, v, in->holds.items[i]);
        return q;
}

static int link_job_error(RowReader *row, Job *j) {
        const char *error = NULL, *message = "";
        ErrorCode code;
        int q;

        q = json_opt_string(&row->json, row->record, "error", &error);
        q = q ?: json_opt_string(&row->json, row->record, "error_message", &message);
        if (q < 0 || !error)
                return q;
        code = error_code_from_name(error);
        return pool_set_job_error(row->pool, j, code == _ERROR_INVALID ? ERROR_INTERNAL_ERROR : code, message);
}

static int link_job(RowReader *row, const void *values, Object *o) {
        Job *j = CONTAINER_OF(o, Job, object);
        RowJobObjects said = {};
        int q;

        q = record_parse(&row_job_objects, &row->json, row->record, &said);
        if (q < 0)
                return q;
        for (size_t i = 0; i < said.n_objects; i++)
                j->objects[i] = said.objects[i];
        j->n_objects = said.n_objects;
        record_done(&row_job_objects, &said);
        return link_job_error(row, j);
}

static int create_owners_quota(RowReader *row, const void *values, Object **ret) {
        const Quota *in = values;
        int q;

        q = create_quota(row, values, ret);
        if (q == -EEXIST)
                return json_fail(&row->json, "owner", "is '%s', who has a quota for that group already", in->owner);
        return q == -EINVAL ? json_fail(&row->json, "owner", "is empty") : q;
}

typedef struct RowClass {
        int (*create)(RowReader *row, const void *values, Object **ret);
        int (*link)(RowReader *row, const void *values, Object *o); /* or NULL */
} RowClass;

static const RowClass classes[_CLASS_MAX] = {
        [CLASS_HOST] = {create_host, link_host},
        [CLASS_PGPU] = {create_pgpu, link_pgpu},
        [CLASS_GPU_GROUP] = {create_gpu_group, NULL},
        [CLASS_VGPU_TYPE] = {create_vgpu_type, link_vgpu_type},
        [CLASS_VM] = {create_vm, link_vm},
        [CLASS_VGPU] = {create_vgpu, link_vgpu},
        [CLASS_RESERVATION] = {create_reservation, link_reservation},
        [CLASS_QUOTA] = {create_owners_quota, NULL},
        [CLASS_VM_GROUP] = {create_vm_group, NULL},
        [CLASS_JOB] = {create_job, link_job},
};

/* A half-made object would show wrong values. */
static int make_object(RowReader *row, ObjectClass c, void *values, Object **ret) {
        Object *o;
        int q;

        q = classes[c].create(row, values, &o);
        if (q < 0)
                return q;
        row_take_plain(row_table(c), o, values);
        if (classes[c].link)
                q = classes[c].link(row, values, o);
        if (q < 0)
                pool_remove(row->pool, o);
        else
                *ret = o;
        return q;
}

int row_load(RowReader *row, ObjectClass c, Object **ret) {
#define MEMBER(class, x, type, ...) type of_##class;
        union {
                POOL_CLASSES(MEMBER)
        } values;
        int q;

        q = record_parse(row_table(c), &row->json, row->record, &values);
        if (q < 0)
                return q;
        q = make_object(row, c, &values, ret);
        record_done(row_table(c), &values);
        return q;
}
