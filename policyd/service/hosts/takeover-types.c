/*
 * Types: found or created from what hosts and imports say
 *
 * The files on each host are the source of what counts and starts there, which is kept for the host; how the type
 * looks in the pool is what its lead reports, so that it does not change back and forth if two hosts differ. An
 * import only finds, and creates what is not there with size 0: unusable until a host with the hardware fills it in.
 */

#include "policyd/words/rules.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/takeover.h"

static void set_number(Hosts *hs, VgpuType *t, uint32_t *field, uint32_t value, uint64_t property) {
        if (*field == value)
                return;
        *field = value;
        pool_touch(hs->batch->pool, &t->object, property, /* store= */ true);
}

/* A list with what the type shows in the place of what its lead calls it. */
static int translate(const VgpuType *t, const TypeRecord *record, char **list, char ***ret) {
        _cleanup_(strv_freep) char **shown = NULL;
        int r;

        r = strv_copy(list, &shown);
        for (char **i = shown; r >= 0 && i && *i; i++)
                if (streq(*i, record->identifier))
                        r = text_set(i, t->identifier);
        if (r >= 0)
                *ret = take_ptr(shown);
        return MIN_OF(r, 0);
}

static int set_compatible(Pool *pool, VgpuType *t, const TypeRecord *record) {
        _cleanup_(strv_freep) char **on_pgpu = NULL, **in_vm = NULL;
        int r;

        r = translate(t, record, record->compatible_types_on_pgpu, &on_pgpu);
        r = r ?: translate(t, record, record->compatible_types_in_vm, &in_vm);
        return r ?: pool_set_type_compatible(pool, t, (const char *const *) on_pgpu, (const char *const *) in_vm);
}

/* Updates how the type looks, from the report of its lead. An identifier that another type shows already is left to it. */
static int type_refresh(Hosts *hs, VgpuType *t, const TypeRecord *record) {
        const TextChange changes[] = {
                {&t->vendor_name, record->vendor_name, TYPE_VENDOR_NAME},
                {&t->model_name, record->model_name, TYPE_MODEL_NAME},
        };
        Pool *pool = hs->batch->pool;
        int r = 0;

        if (!isempty(record->identifier) && !pool_type_by_identifier(pool, record->identifier))
                r = pool_set_type_identifier(pool, t, record->identifier);
        r = r ?: object_set_texts(hs->batch, &t->object, changes, ARRAY_SIZE(changes));
        if (r < 0)
                return r;
        set_number(hs, t, &t->max_heads, record->max_heads, TYPE_HEADS);
        set_number(hs, t, &t->max_resolution_x, record->max_resolution_x, TYPE_RESOLUTION_X);
        set_number(hs, t, &t->max_resolution_y, record->max_resolution_y, TYPE_RESOLUTION_Y);
        if (t->experimental != record->experimental) {
                t->experimental = record->experimental;
                pool_touch(pool, &t->object, TYPE_EXPERIMENTAL, /* store= */ true);
        }
        r = pool_set_type_size(pool, t, record->size, record->implementation);
        return r ?: set_compatible(pool, t, record);
}

static int type_create(Hosts *hs, const TypeRecord *record, VgpuType **ret, Refusal *refusal) {
        VgpuType *t;
        Uuid id;
        int r;

        r = check_limit(hs->batch, CLASS_VGPU_TYPE, 1, refusal);
        r = r ?: batch_new_uuid(hs->batch, &id);
        r = r
                    ?: pool_add_vgpu_type(hs->batch->pool, &id, 0, strempty(record->identifier),
                               strempty(record->vendor_name), strempty(record->model_name), &t);
        if (r != 0)
                return r;
        batch_open(hs->batch);
        log_own_change(t, "VGPU type %s (%s) is new.", t->model_name, t->identifier);
        *ret = t;
        return 0;
}

/* What an import says of a type whose hardware the pool has never seen: names and looks, but nothing that
 * could be run. */
static int type_describe(Hosts *hs, VgpuType *t, const TypeRecord *record) {
        t->framebuffer_size = record->framebuffer_size;
        t->max_heads = record->max_heads;
        t->max_resolution_x = record->max_resolution_x;
        t->max_resolution_y = record->max_resolution_y;
        t->experimental = record->experimental;
        return pool_set_type_size(hs->batch->pool, t, 0, record->implementation);
}

/* When the lead's values change, other hosts may differ from them now, or no more. */
static int update_other_hosts(Hosts *hs, const VgpuType *t) {
        int r = 0;

        for (size_t i = 0; i < t->of_hosts.n && r == 0; i++)
                r = host_problems_update(hs, ((const HostType *) t->of_hosts.items[i])->host);
        return r;
}

static int type_update(Hosts *hs, Host *h, VgpuType *t, const TypeRecord *record) {
        _cleanup_free_ char *config = json_to_text(record->internal_config);
        const TypeFacts facts = {.size = record->size,
                .framebuffer_size = record->framebuffer_size,
                .internal_config = config,
                .identifier = record->identifier};
        int r, changed;

        if (!config)
                return -ENOMEM;
        changed = pool_set_host_type(hs->batch->pool, h, t, &facts);
        if (changed < 0 || !t->lead || t->lead->host != h)
                return MIN_OF(changed, 0);
        r = type_refresh(hs, t, record);
        return r < 0 || !changed ? r : update_other_hosts(hs, t);
}

int type_from_record(
        Hosts *hs, const TypeRecord *record, const TypeReport *report, VgpuType **ret, Refusal *refusal) {
        VgpuType *t = NULL;
        bool created;
        int r;

        r = type_match(hs->batch->pool, report, record, &t, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        created = !t;
        if (created) {
                r = type_create(hs, record, &t, refusal);
                if (r < 0 || refusal->code != ERROR_NONE)
                        return r;
        }
        if (report->host)
                r = type_update(hs, report->host, t, record);
        else if (created)
                r = type_describe(hs, t, record);
        if (r < 0)
                return batch_poison(hs->batch, r);
        *ret = t;
        return 0;
}

int type_passthrough(Hosts *hs, VgpuType **ret) {
        _cleanup_refusal_ Refusal refusal = {};
        TypeRecord record = {.identifier = (char *) PASSTHROUGH_IDENTIFIER,
                .implementation = TYPE_PASSTHROUGH,
                .vendor_name = (char *) "",
                .model_name = (char *) "passthrough"};
        int r;

        r = type_from_record(hs, &record, &(TypeReport){}, ret, &refusal);
        return r < 0 ? r : refusal.code != ERROR_NONE ? -ENOBUFS : 0;
}

/* A bad entry is left out; the others are taken. */
int takeover_types(Hosts *hs, Host *h, const Inventory *inventory) {
        _cleanup_free_ VgpuType **types = calloc(inventory->n_types + 1, sizeof(*types));
        TypeReport report = {.host = h, .inventory = inventory, .types = types};

        if (!types)
                return -ENOMEM;
        for (size_t i = 0; i < inventory->n_types; i++) {
                _cleanup_refusal_ Refusal refusal = {};
                VgpuType *t;
                int r;

                r = type_from_record(hs, &inventory->types[i], &report, &t, &refusal);
                if (r < 0)
                        return r;
                if (refusal.code != ERROR_NONE)
                        log_host(LOG_WARNING, NULL, h,
                                "Host %s reports a VGPU type that cannot be taken over: %s", h->name_label,
                                refusal.message);
                else
                        types[report.n++] = t;
        }
        pool_label_types(hs->batch->pool);
        return pool_keep_host_types(hs->batch->pool, h, types, report.n);
}

void types_collect(Hosts *hs) {
        const PtrArray *types = &hs->batch->pool->objects[CLASS_VGPU_TYPE];
        size_t n = types->n;

        for (size_t i = types->n; i > 0; i--) {
                VgpuType *t = types->items[i - 1];

                if (!type_is_garbage(hs->batch->pool, t))
                        continue;
                log_own_change(t, "VGPU type %s (%s) is on no host, no PGPU and no VGPU any more; it is removed.",
                        t->model_name, t->identifier);
                object_remove(hs->batch, &t->object);
        }
        if (types->n < n)
                pool_label_types(hs->batch->pool);
}
