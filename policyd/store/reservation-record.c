/*
 * Reservations on disk
 *
 * "holds" names a PGPU once for each instance that is still held there.
 */

#include "policyd/store/records.h"

static void reservation_build(const Object *o, StrBuf *b) {
        const Reservation *v = CONTAINER_OF(o, Reservation, object);

        json_write_string(b, "name_label", v->name_label);
        stored_write_reference(b, "gpu_group", &v->group->object);
        stored_write_reference(b, "type", &v->type->object);
        json_write_u64(b, "count", v->count);
        if (v->expires != UINT64_MAX)
                json_write_u64(b, "expires", v->expires);
        if (v->lasts > 0)
                json_write_u64(b, "lasts", v->lasts);
        json_write_string(b, "owner", strempty(v->owner));
        stored_write_references(b, "holds", &v->holds);
}

static int reservation_create(
        Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        GpuGroup *group;
        VgpuType *type;
        Reservation *v;
        const char *name, *owner;
        uint32_t count;
        int q = 0;

        q = q ?: json_get_string(r, record, "name_label", &name);
        q = q ?: stored_get_reference(pool, r, record, "gpu_group", CLASS_GPU_GROUP, &group);
        q = q ?: stored_get_reference(pool, r, record, "type", CLASS_VGPU_TYPE, &type);
        q = q ?: json_get_u32(r, record, "count", &count);
        q = q ?: pool_add_reservation(pool, id, key, name, group, type, count, &v);
        if (q < 0)
                return q;
        v->expires = UINT64_MAX;
        q = q ?: json_opt_u64(r, record, "expires", &v->expires);
        q = q ?: json_opt_u64(r, record, "lasts", &v->lasts);
        q = q ?: json_get_string(r, record, "owner", &owner);
        return q ?: pool_set_reservation_owner(pool, v, owner);
}

static int reservation_resolve(Pool *pool, JsonReader *r, struct json_object *record, Object *o) {
        Reservation *v = CONTAINER_OF(o, Reservation, object);
        _cleanup_free_ void **pgpus = NULL;
        size_t n;
        int q;

        q = stored_get_references(pool, r, record, "holds", CLASS_PGPU, &pgpus, &n);
        if (q < 0)
                return q;
        if (n > v->count)
                return json_fail(r, "holds", "names %zu PGPUs for %u instances", n, v->count);
        for (size_t i = 0; i < n && q == 0; i++)
                q = pool_hold(pool, v, pgpus[i]);
        return q;
}

const RecordCodec reservation_codec = {
        .build = reservation_build, .create = reservation_create, .resolve = reservation_resolve};
