/*
 * Capacity: what each group could still take, and why not more
 */

#include "policyd/service/objects/policy-private.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "common/base/strbuf.h"
#include "policyd/advice/packing.h"
#include "policyd/words/decision-words.h"
#include "policyd/service/base/json-text.h"
#include "protocol/type-record.h"

static int new_member(struct json_object *array, struct json_object **ret) {
        struct json_object *o = json_object_new_object();

        if (!o)
                return -ENOMEM;
        if (json_object_array_add(array, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        *ret = o;
        return 0;
}

static int new_array(struct json_object *o, const char *member, struct json_object **ret) {
        struct json_object *array = json_object_new_array();
        int r;

        r = array ? json_add(o, member, array) : -ENOMEM;
        if (r < 0)
                return r;
        *ret = array;
        return 0;
}

typedef struct Counts {
        uint64_t total, used, scheduled, reserved, outside;
} Counts;

static uint32_t instances_on(const Pgpu *p, const VgpuType *t) {
        uint32_t units = pgpu_type_units(p, t);

        return units > 0 ? PGPU_SIZE / units : 0;
}

/* total: instances on the group's usable PGPUs if nothing else ran there. */
static Counts count_type(const GpuGroup *g, const VgpuType *t) {
        Counts n = {};

        for (size_t i = 0; i < g->pgpus.n; i++) {
                const Pgpu *p = g->pgpus.items[i];

                if (p->present && p->host->state == HOST_ONLINE && p->host->enabled &&
                        ptr_array_contains(&p->enabled, t))
                        n.total += instances_on(p, t);
                for (size_t k = 0; k < p->vgpus.n; k++) {
                        const Vgpu *v = p->vgpus.items[k];

                        if (v->type != t)
                                continue;
                        if (v->resident_on == p)
                                n.used++;
                        else
                                n.scheduled++;
                }
                for (size_t k = 0; k < p->holds.n; k++)
                        if (((Reservation *) p->holds.items[k])->type == t)
                                n.reserved++;
                for (size_t k = 0; k < p->n_outsiders; k++)
                        n.outside += p->outsiders[k].type == t;
        }
        n.used += n.outside;
        return n;
}

/* What the nearest miss is, as a start would say it. */
static int add_nearest(struct json_object *reason, const PgpuVerdict *nearest, const VgpuType *t) {
        _cleanup_strbuf_ StrBuf said = {}, helps = {};
        _cleanup_free_ char *message = NULL, *remedy = NULL;
        PgpuRemedy steps;
        int r;

        pgpu_remedy(nearest->pgpu, t, /* own= */ NULL, /* d= */ NULL, &steps);
        sentence_verdict(&said, nearest, t);
        strbuf_add(&said, ".");
        sentence_remedy(&helps, &steps);
        message = strbuf_take(&said);
        remedy = strbuf_take(&helps);
        if (!message || !remedy)
                return -ENOMEM;

        r = json_add_string(reason, "message", message);
        r = r ?: json_add_string(reason, "remedy", remedy);
        r = r ?: json_add_uuid(reason, "pgpu", &nearest->pgpu->object.id);
        r = r ?: json_add_string(reason, "host", nearest->pgpu->host->name_label);
        r = r ?: json_add_string(reason, "pci_id", PCI_TEXT(&nearest->pgpu->pci));
        r = r ?: json_add_u64(reason, "size", nearest->size);
        r = r ?: json_add_u64(reason, "used", nearest->used);
        return r ?: json_add_u64(reason, "need", nearest->need);
}

static int add_reason(
        struct json_object *o, const GpuGroup *g, const VgpuType *t, const PgpuVerdict *nearest) {
        struct json_object *reason = json_object_new_object();
        _cleanup_free_ char *message = NULL;
        int r;

        r = reason ? json_add(o, "reason", reason) : -ENOMEM;
        if (r < 0)
                return r;
        if (nearest->pgpu) {
                r = json_add_string(reason, "code", error_code_word(nearest->code));
                return r ?: add_nearest(reason, nearest, t);
        }

        if (asprintf(&message, "Group '%s' has no PGPUs.", g->name_label) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        r = json_add_string(reason, "code", error_code_word(ERROR_GPU_GROUP_CONTAINS_NO_PGPUS));
        return r ?: json_add_string(reason, "message", message);
}

static int add_group_type(
        struct json_object *types, const GpuGroup *g, const VgpuType *t, uint64_t *ret_available) {
        Counts n = count_type(g, t);
        PgpuVerdict nearest = {};
        struct json_object *o;
        uint64_t available;
        int r;

        r = new_member(types, &o);
        if (r < 0)
                return r;
        available = *ret_available = group_capacity(g, t, &nearest);
        r = r ?: json_add_uuid(o, "uuid", &t->object.id);
        r = r ?: json_add_string(o, "path", OBJECT_PATH(t));
        r = r ?: json_add_string(o, "model_name", strempty(t->model_name));
        r = r ?: json_add_string(o, "identifier", strempty(t->identifier));
        r = r ?: json_add_u64(o, "total", n.total);
        r = r ?: json_add_u64(o, "used", n.used);
        r = r ?: json_add_u64(o, "scheduled", n.scheduled);
        r = r ?: json_add_u64(o, "reserved", n.reserved);
        r = r ?: json_add_u64(o, "outside", n.outside);
        r = r ?: json_add_u64(o, "free", available);
        r = r ?: json_add_u64(o, "packed", group_capacity_packed(g, t, available));
        return r == 0 && available == 0 ? add_reason(o, g, t, &nearest) : r;
}

/* Changes are most of the answer where there are many types: each of them with what is then free of each. */

/* What the group could take of each type once an empty PGPU ran one. */
static void write_change(
        StrBuf *b, const GpuGroup *g, const uint64_t *now, const Pgpu *empty, const VgpuType *t) {
        strbuf_add(b, "{\"identifier\":");
        json_quote(b, strempty(t->identifier));
        strbuf_add(b, ",\"pgpu\":");
        json_quote(b, empty->name);
        strbuf_addf(
                b, ",\"enable\":%s,\"free\":[", ptr_array_contains(&empty->enabled, t) ? "false" : "true");
        for (size_t i = 0; i < g->supported.n; i++) {
                const VgpuType *of = g->supported.items[i];

                strbuf_add(b, i > 0 ? ",{\"identifier\":" : "{\"identifier\":");
                json_quote(b, strempty(of->identifier));
                strbuf_addf(b, ",\"free\":%" PRIu64 "}", capacity_after(now[i], empty, t, of));
        }
        strbuf_add(b, "]}");
}

/* For each type, the empty PGPUs that have it enabled, then those where it would have to be. */
static int add_changes(struct json_object *group, const GpuGroup *g, const uint64_t *now) {
        Pgpu *empty[EMPTY_KINDS_MAX];
        size_t n = group_find_empty(g, empty);
        StrBuf b = {};

        strbuf_add(&b, "[");
        for (size_t i = 0; i < g->supported.n; i++)
                for (size_t k = 0; k < 2 * n; k++) {
                        const VgpuType *t = g->supported.items[i];
                        const Pgpu *p = empty[k % n];

                        if (!ptr_array_contains(&p->supported, t) ||
                                ptr_array_contains(&p->enabled, t) != (k < n))
                                continue;
                        if (b.len > 1)
                                strbuf_add(&b, ",");
                        write_change(&b, g, now, p, t);
                        if (b.len > POLICY_ANSWER_MAX) {
                                strbuf_done(&b);
                                return -EMSGSIZE;
                        }
                }
        strbuf_add(&b, "]");
        return json_text_add(group, "changes", &b);
}

static const VgpuType *running_type(const Pgpu *p) {
        return p->vgpus.n > 0       ? ((Vgpu *) p->vgpus.items[0])->type
               : p->n_outsiders > 0 ? p->outsiders[0].type
               : p->holds.n > 0     ? ((Reservation *) p->holds.items[0])->type
                                    : NULL;
}

/* The PGPUs are most of the answer. */

static void write_pgpu_type(StrBuf *b, const Pgpu *p, const VgpuType *t) {
        PgpuVerdict v = {};

        pgpu_verdict(p, t, NULL, &v);
        strbuf_add(b, "{\"identifier\":");
        json_quote(b, strempty(t->identifier));
        strbuf_addf(b, ",\"remaining\":%u", v.capacity);
        if (v.code != ERROR_NONE) {
                strbuf_add(b, ",\"code\":");
                json_quote(b, error_code_word(v.code));
        }
        strbuf_add(b, "}");
}

static void write_pgpu(StrBuf *b, const Pgpu *p) {
        const VgpuType *running = running_type(p);

        strbuf_addf(b, "{\"uuid\":\"%s\",\"host\":", UUID_TEXT(&p->object.id));
        json_quote(b, p->host->name_label);
        strbuf_addf(b, ",\"pci_id\":\"%s\",\"used\":%u,\"size\":%u,\"running\":", PCI_TEXT(&p->pci),
                pgpu_units_used(p), PGPU_SIZE);
        json_quote(b, running ? running->identifier : "");
        strbuf_add(b, ",\"types\":[");
        for (size_t i = 0; i < p->supported.n; i++) {
                if (i > 0)
                        strbuf_add(b, ",");
                write_pgpu_type(b, p, p->supported.items[i]);
        }
        strbuf_add(b, "]}");
}

static int add_pgpus(struct json_object *group, const GpuGroup *g) {
        StrBuf b = {};

        strbuf_add(&b, "[");
        for (size_t i = 0; i < g->pgpus.n; i++) {
                if (i > 0)
                        strbuf_add(&b, ",");
                write_pgpu(&b, g->pgpus.items[i]);
        }
        strbuf_add(&b, "]");
        return json_text_add(group, "pgpus", &b);
}

static int add_group(struct json_object *groups, const GpuGroup *g) {
        _cleanup_free_ uint64_t *now = calloc(g->supported.n + 1, sizeof(uint64_t));
        struct json_object *o, *types;
        int r;

        r = now ? new_member(groups, &o) : -ENOMEM;
        if (r < 0)
                return r;
        r = r ?: json_add_uuid(o, "uuid", &g->object.id);
        r = r ?: json_add_string(o, "path", OBJECT_PATH(g));
        r = r ?: json_add_string(o, "name_label", g->name_label);
        r = r ?: json_add_string(o, "algorithm", group_algorithm_to_string(g->algorithm));
        r = r ?: new_array(o, "types", &types);
        for (size_t i = 0; i < g->supported.n && r == 0; i++)
                r = add_group_type(types, g, g->supported.items[i], &now[i]);
        r = r ?: add_changes(o, g, now);
        r = r ?: add_pgpus(o, g);
        return r;
}

int policy_capacity(Policy *p, char **ret_json) {
        _cleanup_json_ struct json_object *capacity = json_object_new_object();
        const PtrArray *all = &p->batch.pool->objects[CLASS_GPU_GROUP];
        struct json_object *groups;
        int r;

        r = capacity ? new_array(capacity, "groups", &groups) : -ENOMEM;
        for (size_t i = 0; i < all->n && r == 0; i++)
                r = add_group(groups, all->items[i]);
        if (r < 0)
                return r;
        *ret_json = json_to_text(capacity);
        return *ret_json ? 0 : -ENOMEM;
}
