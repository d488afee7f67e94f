/*
 * Capacity: what each group could still take, and why not more
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-write.h"
#include "policyd/advice/packing.h"
#include "policyd/pool/property.h"
#include "policyd/words/decision-words.h"
#include "protocol/type-record.h"

static uint32_t instances_on(const Pgpu *p, const VgpuType *t) {
        uint32_t units = pgpu_type_units(p, t);

        return units > 0 ? (PGPU_SIZE - p->suspect) / units : 0;
}

TypeCounts group_count_type(const GpuGroup *g, const VgpuType *t) {
        TypeCounts n = {};

        for_each(const Pgpu, p, &g->pgpus) {
                if (p->present && p->host->state == HOST_ONLINE && p->host->enabled &&
                        ptr_array_contains(&p->enabled, t))
                        n.total += instances_on(p, t);
                for_each(const Vgpu, v, &p->vgpus) {
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
static void write_nearest(StrBuf *b, const PgpuVerdict *nearest, const VgpuType *t) {
        _cleanup_strbuf_ StrBuf said = {}, helps = {};
        PgpuRemedy steps;

        pgpu_remedy(nearest->pgpu, t, /* own= */ NULL, /* d= */ NULL, &steps);
        sentence_verdict(&said, nearest, t);
        strbuf_add(&said, ".");
        sentence_remedy(&helps, &steps);
        json_write_string(b, "message", said.text);
        json_write_string(b, "remedy", helps.text);
        b->error = b->error ?: said.error ?: helps.error;
        json_write_uuid(b, "pgpu", &nearest->pgpu->object.id);
        json_write_string(b, "host", nearest->pgpu->host->name_label);
        json_write_string(b, "pci_id", PCI_TEXT(&nearest->pgpu->pci));
        json_write_u64(b, "size", nearest->size);
        json_write_u64(b, "used", nearest->used);
        json_write_u64(b, "need", nearest->need);
}

static void write_reason(StrBuf *b, const GpuGroup *g, const VgpuType *t, const PgpuVerdict *nearest) {
        _cleanup_strbuf_ StrBuf message = {};

        json_write_open(b, "reason", '{');
        json_write_string(b, "code", error_code_word(nearest->code));
        if (nearest->pgpu)
                write_nearest(b, nearest, t);
        else {
                strbuf_addf(&message, "Group '%s' has no PGPUs.", g->name_label);
                json_write_string(b, "message", message.text);
                b->error = b->error ?: message.error;
        }
        json_write_close(b, '}');
}

static void write_group_type(StrBuf *b, const GpuGroup *g, const VgpuType *t, uint64_t *ret_available) {
        TypeCounts n = group_count_type(g, t);
        PgpuVerdict nearest = {};

        *ret_available = group_capacity(g, t, &nearest);
        json_write_open(b, NULL, '{');
        json_write_uuid(b, "uuid", &t->object.id);
        json_write_string(b, "path", OBJECT_PATH(t));
        json_write_string(b, "model_name", t->model_name);
        json_write_string(b, "identifier", t->identifier);
        json_write_u64(b, "total", n.total);
        json_write_u64(b, "used", n.used);
        json_write_u64(b, "scheduled", n.scheduled);
        json_write_u64(b, "reserved", n.reserved);
        json_write_u64(b, "outside", n.outside);
        json_write_u64(b, "free", *ret_available);
        json_write_u64(b, "packed", group_capacity_packed(g, t, *ret_available));
        if (*ret_available == 0)
                write_reason(b, g, t, &nearest);
        json_write_close(b, '}');
}

/* Changes are most of the answer where there are many types: each of them with what is then free of each. */

/* What the group could take of each type once an empty PGPU ran one. */
static void write_change(
        StrBuf *b, const GpuGroup *g, const uint64_t *now, const Pgpu *empty, const VgpuType *t) {
        json_write_open(b, NULL, '{');
        json_write_string(b, "identifier", t->identifier);
        json_write_string(b, "pgpu", empty->name);
        json_write_bool(b, "enable", !ptr_array_contains(&empty->enabled, t));
        json_write_open(b, "free", '[');
        for (size_t i = 0; i < g->supported.n; i++) {
                const VgpuType *of = g->supported.items[i];

                json_write_open(b, NULL, '{');
                json_write_string(b, "identifier", of->identifier);
                json_write_u64(b, "free", capacity_after(now[i], empty, t, of));
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
        json_write_close(b, '}');
}

/* For each type, the empty PGPUs that have it enabled, then those where it would have to be. */
static int write_changes(StrBuf *b, const GpuGroup *g, const uint64_t *now) {
        Pgpu *empty[EMPTY_KINDS_MAX];
        size_t n = group_find_empty(g, empty), begin;

        json_write_open(b, "changes", '[');
        begin = b->len;
        for (size_t i = 0; i < g->supported.n; i++)
                for (size_t k = 0; k < 2 * n; k++) {
                        const VgpuType *t = g->supported.items[i];
                        const Pgpu *p = empty[k % n];

                        if (!ptr_array_contains(&p->supported, t) ||
                                ptr_array_contains(&p->enabled, t) != (k < n))
                                continue;
                        write_change(b, g, now, p, t);
                        if (b->len - begin > POLICY_ANSWER_MAX)
                                return -EMSGSIZE;
                }
        json_write_close(b, ']');
        return 0;
}

static const VgpuType *running_type(const Pgpu *p) {
        return p->vgpus.n > 0       ? ((Vgpu *) p->vgpus.items[0])->type
               : p->n_outsiders > 0 ? p->outsiders[0].type
               : p->holds.n > 0     ? ((Reservation *) p->holds.items[0])->type
                                    : NULL;
}

static void write_pgpu_type(StrBuf *b, const Pgpu *p, const VgpuType *t) {
        PgpuVerdict v = {};

        pgpu_verdict(p, t, NULL, &v);
        json_write_open(b, NULL, '{');
        json_write_string(b, "identifier", t->identifier);
        json_write_u64(b, "remaining", v.capacity);
        if (v.code != ERROR_NONE)
                json_write_string(b, "code", error_code_word(v.code));
        json_write_close(b, '}');
}

static void write_pgpu(StrBuf *b, const Pgpu *p) {
        const VgpuType *running = running_type(p);
        const char *ill = NULL;
        PgpuHealth health = pgpu_health(p, &ill);

        json_write_open(b, NULL, '{');
        json_write_uuid(b, "uuid", &p->object.id);
        json_write_string(b, "host", p->host->name_label);
        json_write_string(b, "pci_id", PCI_TEXT(&p->pci));
        json_write_u64(b, "used", pgpu_units_used(p));
        json_write_u64(b, "size", PGPU_SIZE);
        json_write_string(b, "running", running ? running->identifier : "");
        if (health != PGPU_HEALTH_GOOD) {
                json_write_string(b, "health", pgpu_health_to_string(health));
                json_write_string(b, "health_reason", strempty(ill));
        }
        json_write_open(b, "types", '[');
        for (size_t i = 0; i < p->supported.n; i++)
                write_pgpu_type(b, p, p->supported.items[i]);
        json_write_close(b, ']');
        json_write_close(b, '}');
}

static int write_group(StrBuf *b, const GpuGroup *g) {
        _cleanup_free_ uint64_t *now = calloc(g->supported.n + 1, sizeof(uint64_t));
        int r;

        if (!now)
                return -ENOMEM;
        json_write_open(b, NULL, '{');
        json_write_uuid(b, "uuid", &g->object.id);
        json_write_string(b, "path", OBJECT_PATH(g));
        json_write_string(b, "name_label", g->name_label);
        json_write_string(b, "algorithm", group_algorithm_to_string(g->algorithm));
        json_write_open(b, "types", '[');
        for (size_t i = 0; i < g->supported.n; i++)
                write_group_type(b, g, g->supported.items[i], &now[i]);
        json_write_close(b, ']');
        r = write_changes(b, g, now);
        json_write_open(b, "pgpus", '[');
        for (size_t i = 0; i < g->pgpus.n && r == 0; i++)
                write_pgpu(b, g->pgpus.items[i]);
        json_write_close(b, ']');
        json_write_close(b, '}');
        return r;
}

int policy_capacity(Policy *p, char **ret_json) {
        const PtrArray *all = &p->batch.pool->objects[CLASS_GPU_GROUP];
        _cleanup_strbuf_ StrBuf b = {};
        int r = 0;

        json_write_open(&b, NULL, '{');
        json_write_open(&b, "groups", '[');
        for (size_t i = 0; i < all->n && r == 0; i++)
                r = write_group(&b, all->items[i]);
        if (r < 0)
                return r;
        json_write_close(&b, ']');
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
}
