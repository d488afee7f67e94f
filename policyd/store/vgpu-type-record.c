/*
 * VGPU types on disk
 *
 * The pool's own record of a type, close to the one that travels (protocol/type-record.h); internal_config
 * stays a JSON object inside, so that a dump of the table reads well.
 */

#include "policyd/store/records.h"

#include "protocol/type-record.h"

static int type_build(const Object *o, struct json_object *record) {
        const VgpuType *t = CONTAINER_OF(o, VgpuType, object);
        struct json_object *config;
        int r = 0;

        config = json_tokener_parse(isempty(t->internal_config) ? "{}" : t->internal_config);
        if (!config)
                return -ENOMEM;
        r = json_add(record, "internal_config", config);
        r = r ?: json_add_string(record, "identifier", strempty(t->identifier));
        r = r
                    ?: json_add_string(record, "implementation",
                               vgpu_implementation_to_string((VgpuImplementation) t->implementation));
        r = r ?: json_add_string(record, "vendor_name", strempty(t->vendor_name));
        r = r ?: json_add_string(record, "model_name", strempty(t->model_name));
        r = r ?: json_add_u64(record, "framebuffer_size", t->framebuffer_size);
        r = r ?: json_add_u64(record, "max_heads", t->max_heads);
        r = r ?: json_add_u64(record, "max_resolution_x", t->max_resolution_x);
        r = r ?: json_add_u64(record, "max_resolution_y", t->max_resolution_y);
        r = r ?: json_add_u64(record, "size", t->size);
        r = r ?: json_add_bool(record, "experimental", t->experimental);
        r = r
                    ?: json_add_strv(record, "compatible_types_on_pgpu",
                               (const char *const *) t->compatible_on_pgpu);
        r = r ?: json_add_strv(record, "compatible_types_in_vm", (const char *const *) t->compatible_in_vm);
        return r;
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
        q = q ?: pool_set_type_size(pool, t, size, (TypeImplementation) implementation);
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
