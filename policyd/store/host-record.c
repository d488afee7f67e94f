/*
 * Hosts on disk
 *
 * What policyd must know before it has met the host again: how to dial it, who it was, and the last facts it
 * told. State and sequence numbers belong to the connection and are not stored.
 */

#include "policyd/store/records.h"

static int host_build(const Object *o, struct json_object *record) {
        const Host *h = CONTAINER_OF(o, Host, object);
        int r = 0;

        r = r ?: json_add_string(record, "name_label", h->name_label);
        r = r ?: json_add_string(record, "address", h->address);
        r = r ?: json_add_bool(record, "enabled", h->enabled);
        if (!uuid_is_null(&h->host_uuid))
                r = r ?: json_add_uuid(record, "host_uuid", &h->host_uuid);
        r = r ?: json_add_string(record, "boot_id", strempty(h->boot_id));
        r = r ?: json_add_u64(record, "memory_total", h->memory_total);
        r = r ?: json_add_u64(record, "memory_free", h->memory_free);
        r = r ?: json_add_bool(record, "iommu", h->iommu);
        r = r ?: json_add_bool(record, "hvm", h->hvm);
        r = r ?: json_add_strv(record, "networks", (const char *const *) h->networks);
        r = r ?: json_add_strv(record, "storage", (const char *const *) h->storage);
        return r;
}

static int get_strv(JsonReader *r, struct json_object *record, const char *member, char ***field) {
        _cleanup_(strv_freep) char **v = NULL;
        int q;

        q = json_get_strv(r, record, member, &v);
        if (q < 0)
                return q;
        q = strv_set(field, (const char *const *) v);
        return q < 0 ? q : 0;
}

static int host_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        const char *name, *address;
        uint64_t total, available;
        bool enabled;
        Host *h;
        int q = 0;

        q = q ?: json_get_string(r, record, "name_label", &name);
        q = q ?: json_get_string(r, record, "address", &address);
        q = q ?: json_get_bool(r, record, "enabled", &enabled);
        q = q ?: json_get_u64(r, record, "memory_total", &total);
        q = q ?: json_get_u64(r, record, "memory_free", &available);
        q = q ?: pool_add_host(pool, id, key, name, address, &h);
        if (q < 0)
                return q;

        q = q ?: json_opt_uuid(r, record, "host_uuid", &h->host_uuid);
        q = q ?: stored_get_text(r, record, "boot_id", &h->boot_id);
        q = q ?: json_get_bool(r, record, "iommu", &h->iommu);
        q = q ?: json_get_bool(r, record, "hvm", &h->hvm);
        q = q ?: get_strv(r, record, "networks", &h->networks);
        q = q ?: get_strv(r, record, "storage", &h->storage);
        if (q < 0)
                return q;
        pool_set_host_enabled(pool, h, enabled);
        pool_set_host_memory(pool, h, total, available);
        return 0;
}

const RecordCodec host_codec = {.build = host_build, .create = host_create};
