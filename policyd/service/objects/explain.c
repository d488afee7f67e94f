/*
 * Explain: the same decision with a visitor that writes everything down; and the record that a placed VM
 * keeps
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-get.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/operations/decision.h"
#include "policyd/service/operations/platform-vgpu.h"
#include "common/json/json-write.h"
#include "policyd/decide/assign.h"
#include "policyd/decide/quota.h"
#include "policyd/words/decision-words.h"
#include "policyd/service/base/json-text.h"

typedef struct Explanation {
        struct json_object *hosts;
        StrBuf pgpus; /* of the host whose verdict comes; an array not yet closed */
        const Vgpu *vgpu;
        StrBuf vgpu_text; /* what is the same of vgpu for each PGPU */
        StrBuf message,
                helps; /* used again for each: with a thousand PGPUs memory would cost as much as the words */
        int error;
} Explanation;

static struct json_object *append_object(struct json_object *array) {
        struct json_object *o = json_object_new_object();

        if (o && json_object_array_add(array, o) < 0) {
                json_object_put(o);
                return NULL;
        }
        return o;
}

static void tell_vgpu(Explanation *e, const Vgpu *v) {
        if (e->vgpu == v)
                return;
        e->vgpu = v;
        e->vgpu_text.len = 0;
        /* One that the platform form only asks for has no object yet. */
        if (!uuid_is_null(&v->object.id))
                strbuf_addf(&e->vgpu_text, ",\"vgpu\":\"%s\"", UUID_TEXT(&v->object.id));
        strbuf_add(&e->vgpu_text, ",\"type\":");
        json_quote(&e->vgpu_text, type_label(v->type));
}

/* PGPUs are most of the answer. */
static void tell_pgpu(
        const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const PgpuRemedy *remedy, void *userdata) {
        Explanation *e = userdata;
        StrBuf *b = &e->pgpus;
        PgpuHealth health;
        const char *reason, *standing_reason;

        e->message.len = e->helps.len = 0;
        sentence_vgpu_verdict(&e->message, vgpu, v);
        sentence_remedy(&e->helps, remedy);
        e->error = e->error ?: strbuf_error(&e->message) ?: strbuf_error(&e->helps);

        strbuf_add(b, b->len == 0 ? "[{\"pgpu\":\"" : ",{\"pgpu\":\"");
        strbuf_add(b, UUID_TEXT(&v->pgpu->object.id));
        strbuf_add(b, "\",\"pci_id\":\"");
        strbuf_add(b, PCI_TEXT(&v->pgpu->pci));
        strbuf_add(b, "\"");
        tell_vgpu(e, vgpu);
        strbuf_add(b, strempty(e->vgpu_text.text));
        b->error = b->error ?: e->vgpu_text.error;
        strbuf_addf(b, ",\"code\":\"%s\",\"capacity\":%u,\"size\":%u,\"used\":%u,\"need\":%u",
                v->code == ERROR_NONE ? "" : error_code_word(v->code), v->capacity, v->size, v->used,
                v->need);
        if (v->running) {
                strbuf_add(b, ",\"running\":");
                json_quote(b, type_label(v->running));
                strbuf_add(b, v->held ? ",\"held\":true" : ",\"held\":false");
        }
        if (pgpu_standing(v->pgpu, &standing_reason) != PLACE_GOOD) {
                strbuf_addf(b, ",\"standing\":\"%s\",\"standing_reason\":",
                        place_standing_to_string(pgpu_standing(v->pgpu, NULL)));
                json_quote(b, standing_reason);
        }
        strbuf_add(b, ",\"message\":");
        json_quote(b, strempty(e->message.text));
        if (!isempty(v->pgpu->held_by)) {
                strbuf_add(b, ",\"held_by\":");
                json_quote(b, v->pgpu->held_by);
        }
        health = pgpu_health(v->pgpu, &reason);
        if (health != PGPU_HEALTH_GOOD) {
                strbuf_addf(b, ",\"health\":\"%s\",\"health_reason\":", pgpu_health_to_string(health));
                json_quote(b, reason);
        }
        strbuf_add(b, ",\"remedy\":");
        json_quote(b, e->helps.len > 0 ? e->helps.text : "");
        strbuf_add(b, "}");
}

static void tell_host(const HostVerdict *v, void *userdata) {
        struct json_object *o;
        Explanation *e = userdata;
        int r;

        e->message.len = 0;
        sentence_host_verdict(&e->message, v);
        o = append_object(e->hosts);
        if (!o || strbuf_error(&e->message) < 0) {
                e->error = -ENOMEM;
                return;
        }
        strbuf_add(&e->pgpus, e->pgpus.len == 0 ? "[]" : "]");
        r = json_text_add(o, "pgpus", &e->pgpus);
        e->pgpus = (StrBuf){};
        r = r ?: json_add_uuid(o, "host", &v->host->object.id);
        r = r ?: json_add_string(o, "name_label", v->host->name_label);
        r = r ?: json_add_string(o, "code", v->code == ERROR_NONE ? "" : error_code_word(v->code));
        r = r ?: json_add_string(o, "message", strempty(e->message.text));
        r = r ?: json_add_u64(o, "score", v->score);
        r = r ?: json_add_u64(o, "tier", v->tier);
        if (v->last)
                r = r ?: json_add_bool(o, "last", true);
        r = r ?: json_add_u64(o, "vm_group_members", v->n_members);
        r = r ?: json_add_u64(o, "memory_need", v->memory_need);
        r = r ?: json_add_u64(o, "memory_available", v->memory_available);
        if (v->missing)
                r = r ?: json_add_string(o, "missing", v->missing);
        e->error = e->error ?: r;
}

/* The quotas that hold for the VM's owner; nothing when there are none. */
static int explain_quotas(struct json_object *o, const Pool *pool, const AllocRequest *request) {
        QuotaNeed needs[DEMAND_VGPUS_MAX];
        size_t n = quota_vm_needs(request->vm, request->reservation, /* pgpus_or_null= */ NULL, needs),
               at = 0;
        QuotaVerdict v;

        if (!quota_next(pool, request->vm->owner, needs, n, &at, &v))
                return 0;
        return json_add_quotas(o, pool, request->vm->owner, needs, n);
}

static int add_decision(struct json_object *o, const Vm *vm) {
        struct json_object *decision;

        if (!vm->decision)
                return 0;
        decision = json_tokener_parse(vm->decision);
        return decision ? json_add(o, "decision", decision) : -ENOMEM;
}

/* What a start would book. */
static int add_placement(struct json_object *o, const Vm *vm, const Allocation *a) {
        StrBuf b = {};

        json_write_open(&b, NULL, '{');
        decision_write_place(&b, vm, a);
        json_write_close(&b, '}');
        return json_text_add(o, "placement", &b);
}

static int add_counts(struct json_object *o, const Allocation *a) {
        StrBuf b = {};

        decision_write_counts(&b, NULL, a);
        return json_text_add(o, "counts", &b);
}

/* The PGPU that came nearest, where GPUs are what is missing. */
static int add_nearest(struct json_object *o, const PgpuVerdict *v) {
        struct json_object *nearest;
        int r;

        if (!v->pgpu)
                return 0;
        nearest = json_object_new_object();
        r = nearest ? json_add(o, "nearest", nearest) : -ENOMEM;
        r = r ?: json_add_uuid(nearest, "host", &v->pgpu->host->object.id);
        r = r ?: json_add_string(nearest, "name_label", v->pgpu->host->name_label);
        r = r ?: json_add_uuid(nearest, "pgpu", &v->pgpu->object.id);
        r = r ?: json_add_string(nearest, "pci_id", PCI_TEXT(&v->pgpu->pci));
        r = r ?: json_add_string(nearest, "code", error_code_word(v->code));
        r = r ?: json_add_u64(nearest, "size", v->size);
        r = r ?: json_add_u64(nearest, "used", v->used);
        return r ?: json_add_u64(nearest, "need", v->need);
}

/* Where the VM stands, or will: what is explained is one more like it. */
static int add_stand(struct json_object *o, const char *member, const Host *h) {
        struct json_object *stand;
        int r;

        if (!h)
                return 0;
        stand = json_object_new_object();
        r = stand ? json_add(o, member, stand) : -ENOMEM;
        r = r ?: json_add_uuid(stand, "host", &h->object.id);
        return r ?: json_add_string(stand, "name_label", h->name_label);
}

/* The same function as a start's, heard by a visitor; hosts stays empty where the VM itself is refused. */
static int explain(Policy *p, const Vm *vm, const StartOptions *o, struct json_object *json, Explanation *e,
        Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = o->on, .reservation = o->reservation};
        AllocVisitor visitor = {.host = tell_host, .pgpu = tell_pgpu, .userdata = e};
        _cleanup_vm_preview_ VmPreview preview = {};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = vm->booking == BOOKING_NONE ? old_check_start(&p->hosts, vm, refusal) : 0;
        if (r == 0 && refusal->code == ERROR_NONE)
                r = platform_vgpu_preview(&p->batch, vm, &preview, &request.vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = decide_start(p->batch.pool, &request, &visitor, &a);
        strbuf_done(&e->pgpus);
        strbuf_done(&e->vgpu_text);
        strbuf_done(&e->message);
        strbuf_done(&e->helps);
        if (r >= 0 && a.refusal.code != ERROR_NONE) {
                *refusal = a.refusal;
                a.refusal = (Refusal){};
                r = add_nearest(json, &a.nearest);
        } else if (r >= 0)
                r = add_placement(json, request.vm, &a);
        r = r ?: add_counts(json, &a);
        r = r ?: e->error;
        return r ?: explain_quotas(json, p->batch.pool, &request);
}

int vms_explain(Policy *p, Vm *vm, const StartOptions *options, char **ret_json) {
        static const StartOptions none;
        _cleanup_json_ struct json_object *json = json_object_new_object();
        Explanation e = {.hosts = json_object_new_array()};
        _cleanup_refusal_ Refusal refusal = {};
        bool placed;
        int r;

        if (!json || !e.hosts) {
                json_object_put(e.hosts);
                return -ENOMEM;
        }
        r = json_add(json, "hosts", e.hosts);
        r = r ?: explain(p, vm, options ?: &none, json, &e, &refusal);
        if (r < 0)
                return r;
        placed = refusal.code == ERROR_NONE;
        r = json_add_string(json, "power_state", power_state_to_string(vm->power_state));
        r = r ?: add_stand(json, "resident_on", vm->resident_on);
        r = r ?: add_stand(json, "scheduled_to_be_resident_on", vm->scheduled_on);
        r = r ?: json_add_string(json, "verdict", placed ? "placed" : "refused");
        r = r ?: json_add_string(json, "code", placed ? "" : error_code_word(refusal.code));
        r = r ?: json_add_string(json, "message", strempty(refusal.message));
        r = r ?: add_decision(json, vm);
        if (r < 0)
                return r;
        *ret_json = json_to_text(json);
        return *ret_json ? 0 : -ENOMEM;
}
