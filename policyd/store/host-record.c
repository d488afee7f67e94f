/*
 * Hosts on disk
 *
 * What policyd must know before it has met the host again: how to dial it, who it was, and the last facts it
 * told. State and sequence numbers belong to the connection and are not stored.
 */

#include "policyd/store/records.h"

static void host_build(const Object *o, StrBuf *b) {
        const Host *h = CONTAINER_OF(o, Host, object);

        json_write_string(b, "name_label", h->name_label);
        json_write_string(b, "address", h->address);
        json_write_bool(b, "enabled", h->enabled);
        if (!uuid_is_null(&h->host_uuid))
                json_write_uuid(b, "host_uuid", &h->host_uuid);
        json_write_string(b, "boot_id", strempty(h->boot_id));
        json_write_u64(b, "memory_total", h->memory_total);
        json_write_u64(b, "memory_free", h->memory_free);
        json_write_bool(b, "iommu", h->iommu);
        json_write_bool(b, "hvm", h->hvm);
        json_write_strv(b, "networks", (const char *const *) h->networks);
        json_write_strv(b, "storage", (const char *const *) h->storage);
        if (h->unheard)
                json_write_bool(b, "unheard", true);
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
        bool enabled, unheard = false;
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
        q = q ?: json_opt_bool(r, record, "unheard", &unheard);
        if (q < 0)
                return q;
        pool_set_host_enabled(pool, h, enabled);
        pool_set_host_memory(pool, h, total, available);
        pool_set_host_unheard(pool, h, unheard);
        return 0;
}

const RecordCodec host_codec = {.build = host_build, .create = host_create};
