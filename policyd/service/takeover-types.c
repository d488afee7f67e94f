/*
 * Types: found or created from what hosts and imports say
 *
 * A host's report refreshes the record field by field, since the files on the host are the source; an import
 * only finds, and creates what is not there with size 0: unusable until a host with the hardware fills it in.
 */

#include "policyd/service/internal.h"
#include "policyd/service/object-log.h"

static int set_text(char **field, const char *value, uint64_t property, uint64_t *changed) {
        int r;

        r = text_set(field, value);
        if (r > 0)
                *changed |= property;
        return r < 0 ? r : 0;
}

static void set_number(uint32_t *field, uint32_t value, uint64_t property, uint64_t *changed) {
        if (*field == value)
                return;
        *field = value;
        *changed |= property;
}

static int type_refresh(Policy *p, VgpuType *t, const TypeRecord *record) {
        _cleanup_free_ char *config = NULL;
        uint64_t changed = 0;
        bool stored;
        int r = 0;

        config = json_to_text(record->internal_config);
        if (!config)
                return -ENOMEM;
        if (!isempty(record->identifier))
                r = pool_set_type_identifier(p->pool, t, record->identifier);
        r = r ?: set_text(&t->vendor_name, record->vendor_name, TYPE_VENDOR_NAME, &changed);
        r = r ?: set_text(&t->model_name, record->model_name, TYPE_MODEL_NAME, &changed);
        if (r < 0)
                return r;
        if (t->framebuffer_size != record->framebuffer_size) {
                t->framebuffer_size = record->framebuffer_size;
                changed |= TYPE_FRAMEBUFFER;
        }
        set_number(&t->max_heads, record->max_heads, TYPE_HEADS, &changed);
        set_number(&t->max_resolution_x, record->max_resolution_x, TYPE_RESOLUTION_X, &changed);
        set_number(&t->max_resolution_y, record->max_resolution_y, TYPE_RESOLUTION_Y, &changed);
        if (t->experimental != record->experimental) {
                t->experimental = record->experimental;
                changed |= TYPE_EXPERIMENTAL;
        }
        r = text_set(&t->internal_config, config);
        if (r < 0)
                return r;
        stored = r > 0 || changed;
        r = pool_set_type_size(p->pool, t, record->size, (TypeImplementation) record->implementation);
        r = r
                    ?: pool_set_type_compatible(p->pool, t,
                               (const char *const *) record->compatible_types_on_pgpu,
                               (const char *const *) record->compatible_types_in_vm);
        if (stored)
                pool_touch(p->pool, &t->object, changed, /* store= */ true);
        return r;
}

static int type_create(Policy *p, const TypeRecord *record, VgpuType **ret, Refusal *refusal) {
        VgpuType *t;
        Uuid id;
        int r;

        r = policy_check_limit(p, CLASS_VGPU_TYPE, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = policy_new_uuid(&id);
        if (r < 0)
                return r;
        r = pool_add_vgpu_type(p->pool, &id, 0, strempty(record->identifier), strempty(record->vendor_name),
                strempty(record->model_name), &t);
        if (r < 0)
                return r;
        batch_open(p);
        *ret = t;
        return 0;
}

/* What an import says of a type whose hardware the pool has never seen: names and looks, but nothing that
 * could be run. */
static int type_describe(Policy *p, VgpuType *t, const TypeRecord *record) {
        t->framebuffer_size = record->framebuffer_size;
        t->max_heads = record->max_heads;
        t->max_resolution_x = record->max_resolution_x;
        t->max_resolution_y = record->max_resolution_y;
        t->experimental = record->experimental;
        return pool_set_type_size(p->pool, t, 0, (TypeImplementation) record->implementation);
}

int type_from_record(Policy *p, const TypeRecord *record, bool refresh, VgpuType **ret, Refusal *refusal) {
        VgpuType *t = NULL;
        bool created;
        int r;

        r = rule_find_type(p->pool, record->identifier, record->vendor_name, record->model_name, &t, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        created = !t;
        if (created) {
                r = type_create(p, record, &t, refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        if (refresh)
                r = type_refresh(p, t, record);
        else if (created)
                r = type_describe(p, t, record);
        if (r < 0)
                return batch_poison(p, r);
        *ret = t;
        return 0;
}

int type_passthrough(Policy *p, VgpuType **ret) {
        _cleanup_refusal_ Refusal refusal = {};
        TypeRecord record = {.identifier = (char *) PASSTHROUGH_IDENTIFIER,
                .implementation = VGPU_IMPLEMENTATION_PASSTHROUGH,
                .vendor_name = (char *) "",
                .model_name = (char *) "passthrough"};
        int r;

        r = type_from_record(p, &record, /* refresh= */ false, ret, &refusal);
        return r < 0 ? r : refusal.code != ERROR_NONE ? -ENOBUFS : 0;
}

/* One bad entry loses that entry alone. */
int takeover_types(Policy *p, Host *h, const Inventory *inventory) {
        for (size_t i = 0; i < inventory->n_types; i++) {
                _cleanup_refusal_ Refusal refusal = {};
                VgpuType *t;
                int r;

                r = type_from_record(p, &inventory->types[i], /* refresh= */ true, &t, &refusal);
                if (r < 0)
                        return r;
                if (refusal.code != ERROR_NONE)
                        log_host(LOG_WARNING, NULL, h,
                                "Host %s reports a VGPU type that cannot be taken over: %s", h->name_label,
                                refusal.message);
        }
        return 0;
}

void types_collect(Policy *p) {
        const PtrArray *types = &p->pool->objects[CLASS_VGPU_TYPE];

        for (size_t i = types->n; i > 0; i--) {
                VgpuType *t = types->items[i - 1];

                if (!type_is_garbage(p->pool, t))
                        continue;
                log_info("VGPU type %s (%s) is on no PGPU and no VGPU any more; it is removed.",
                        t->model_name, t->identifier);
                pool_remove(p->pool, &t->object);
                batch_open(p);
        }
}
