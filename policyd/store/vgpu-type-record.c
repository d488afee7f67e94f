/*
 * VGPU types on disk
 *
 * The pool's own record of a type, close to the one that travels (protocol/type-record.h); internal_config
 * stays a JSON object inside, so that a dump of the table reads well.
 */

#include "policyd/store/records.h"

#include "protocol/type-record.h"

static void type_build(const Object *o, StrBuf *b) {
        const VgpuType *t = CONTAINER_OF(o, VgpuType, object);

        json_write_text(b, "internal_config", isempty(t->internal_config) ? "{}" : t->internal_config);
        json_write_string(b, "identifier", strempty(t->identifier));
        json_write_string(b, "implementation",
                vgpu_implementation_to_string(t->implementation));
        json_write_string(b, "vendor_name", strempty(t->vendor_name));
        json_write_string(b, "model_name", strempty(t->model_name));
        json_write_u64(b, "framebuffer_size", t->framebuffer_size);
        json_write_u64(b, "max_heads", t->max_heads);
        json_write_u64(b, "max_resolution_x", t->max_resolution_x);
        json_write_u64(b, "max_resolution_y", t->max_resolution_y);
        json_write_u64(b, "size", t->size);
        json_write_bool(b, "experimental", t->experimental);
        json_write_strv(b, "compatible_types_on_pgpu", (const char *const *) t->compatible_on_pgpu);
        json_write_strv(b, "compatible_types_in_vm", (const char *const *) t->compatible_in_vm);
}

static int implementation_from_string(const char *text) {
        return vgpu_implementation_from_string(text);
}

/* Size, implementation and compatibility feed the pool's indexes, so they go through its setters. */
static int type_read_indexed(Pool *pool, JsonReader *r, struct json_object *record, VgpuType *t) {
        _cleanup_(strv_freep) char **on_pgpu = NULL, **in_vm = NULL;
        int implementation, q = 0;
        uint32_t size;

        q = q ?: json_get_u32(r, record, "size", &size);
        q = q ?: stored_get_word(r, record, "implementation", implementation_from_string, &implementation);
        q = q ?: json_get_strv(r, record, "compatible_types_on_pgpu", &on_pgpu);
        q = q ?: json_get_strv(r, record, "compatible_types_in_vm", &in_vm);
        if (q < 0)
                return q;
        if (size > PGPU_SIZE)
                return json_fail(r, "size", "is %u, more than a whole PGPU (%u)", size, PGPU_SIZE);
        q = q ?: pool_set_type_size(pool, t, size, (VgpuImplementation) implementation);
        q = q
                    ?: pool_set_type_compatible(
                               pool, t, (const char *const *) on_pgpu, (const char *const *) in_vm);
        return q;
}

static int type_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        const char *identifier, *vendor, *model;
        struct json_object *config;
        _cleanup_free_ char *text = NULL;
        VgpuType *t;
        int q = 0;

        q = q ?: json_get_string(r, record, "identifier", &identifier);
        q = q ?: json_get_string(r, record, "vendor_name", &vendor);
        q = q ?: json_get_string(r, record, "model_name", &model);
        q = q ?: json_get_object(r, record, "internal_config", &config);
        q = q ?: pool_add_vgpu_type(pool, id, key, identifier, vendor, model, &t);
        if (q < 0)
                return q;

        text = json_to_text(config);
        if (!text)
                return -ENOMEM;
        q = text_set(&t->internal_config, text);
        if (q < 0)
                return q;
        q = json_get_u64(r, record, "framebuffer_size", &t->framebuffer_size);
        q = q ?: json_get_u32(r, record, "max_heads", &t->max_heads);
        q = q ?: json_get_u32(r, record, "max_resolution_x", &t->max_resolution_x);
        q = q ?: json_get_u32(r, record, "max_resolution_y", &t->max_resolution_y);
        q = q ?: json_get_bool(r, record, "experimental", &t->experimental);
        q = q ?: type_read_indexed(pool, r, record, t);
        return q;
}

const RecordCodec vgpu_type_codec = {.build = type_build, .create = type_create};
