/*
 * Hosts on disk
 *
 * What policyd must know before it has met the host again: how to dial it, who it was, and the last facts it
 * told. State and sequence numbers belong to the connection and are not stored.
 */

#include "policyd/store/records.h"

/* Of the types only what is another here than the type shows; the rest is in the types' own records. */
static void write_types(StrBuf *b, const Host *h) {
        bool any = false;

        for (size_t i = 0; i < h->types.n; i++) {
                const HostType *f = h->types.items[i];

                if (!host_type_differs(f))
                        continue;
                if (!any)
                        json_write_open(b, "types", '[');
                any = true;
                json_write_open(b, NULL, '{');
                json_write_uuid(b, "type", &f->type->object.id);
                json_write_u64(b, "size", f->size);
                json_write_u64(b, "framebuffer_size", f->framebuffer_size);
                json_write_text(
                        b, "internal_config", isempty(f->internal_config) ? "{}" : f->internal_config);
                json_write_close(b, '}');
        }
        if (any)
                json_write_close(b, ']');
}

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
        write_types(b, h);
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

static int get_type(Pool *pool, JsonReader *r, struct json_object *item, Host *h) {
        _cleanup_free_ char *config = NULL;
        struct json_object *object;
        TypeFacts facts = {};
        VgpuType *t;
        Uuid id;
        int q = 0;

        if (!json_object_is_type(item, json_type_object))
                return json_fail(r, "types", "holds something that is no object");
        q = q ?: json_get_uuid(r, item, "type", &id);
        q = q ?: json_get_u32(r, item, "size", &facts.size);
        q = q ?: json_get_u64(r, item, "framebuffer_size", &facts.framebuffer_size);
        q = q ?: json_get_object(r, item, "internal_config", &object);
        if (q < 0)
                return q;
        if (facts.size > PGPU_SIZE)
                return json_fail(
                        r, "types", "has a size of %u, more than a whole PGPU (%u)", facts.size, PGPU_SIZE);
        t = pool_get(pool, CLASS_VGPU_TYPE, &id);
        if (!t)
                return 0; /* the type itself could not be read; the host tells again */
        config = json_to_text(object);
        if (!config)
                return -ENOMEM;
        facts.internal_config = config;
        return pool_load_host_type(h, t, &facts);
}

static int host_resolve(Pool *pool, JsonReader *r, struct json_object *record, Object *o) {
        Host *h = CONTAINER_OF(o, Host, object);
        struct json_object *types;
        int q = 0;

        if (!json_object_object_get_ex(record, "types", &types))
                return 0;
        q = json_get_array(r, record, "types", &types);
        for (size_t i = 0; q == 0 && i < json_object_array_length(types); i++)
                q = get_type(pool, r, json_object_array_get_idx(types, i), h);
        return q;
}

const RecordCodec host_codec = {.build = host_build, .create = host_create, .resolve = host_resolve};
