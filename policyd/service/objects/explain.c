/*
 * Explain: the same decision with a visitor that writes everything down; and the record that a placed VM
 * keeps
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-write.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/operations/decision.h"
#include "policyd/service/operations/platform-vgpu.h"
#include "policyd/words/decision-words.h"

typedef struct Explanation {
        StrBuf *json;
        bool in_host; /* its PGPUs are being written */
        const Vgpu *vgpu;
        StrBuf vgpu_text; /* what is the same of vgpu for each PGPU */
        StrBuf message,
                helps; /* used again for each: with a thousand PGPUs memory would cost as much as the words */
} Explanation;

static void explanation_done(Explanation *e) {
        strbuf_done(&e->message);
        strbuf_done(&e->helps);
}

static void begin_host(Explanation *e) {
        if (e->in_host)
                return;
        e->in_host = true;
        json_write_open(e->json, NULL, '{');
        json_write_open(e->json, "pgpus", '[');
}

static void write_words(Explanation *e, const char *member, const StrBuf *words) {
        json_write_string(e->json, member, words->len > 0 ? words->text : "");
        e->json->error = e->json->error ?: words->error;
}

/* PGPUs are most of the answer. */
static void write_pgpu(
        const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const PgpuRemedy *remedy, void *userdata) {
        Explanation *e = userdata;
        const char *health_reason, *standing_reason;
        PlaceStanding standing = pgpu_standing(v->pgpu, &standing_reason);
        PgpuHealth health = pgpu_health(v->pgpu, &health_reason);
        StrBuf *b = e->json;

        e->message.len = e->helps.len = 0;
        sentence_vgpu_verdict(&e->message, vgpu, v);
        sentence_remedy(&e->helps, remedy);

        begin_host(e);
        json_write_open(b, NULL, '{');
        json_write_uuid(b, "pgpu", &v->pgpu->object.id);
        json_write_string(b, "pci_id", PCI_TEXT(&v->pgpu->pci));
        /* One that the platform form only asks for has no object yet. */
        if (!uuid_is_null(&vgpu->object.id))
                json_write_uuid(b, "vgpu", &vgpu->object.id);
        json_write_string(b, "type", type_label(vgpu->type));
        json_write_string(b, "code", v->code == ERROR_NONE ? "" : error_code_word(v->code));
        json_write_u64(b, "capacity", v->capacity);
        json_write_u64(b, "size", v->size);
        json_write_u64(b, "used", v->used);
        json_write_u64(b, "need", v->need);
        if (v->running) {
                json_write_string(b, "running", type_label(v->running));
                json_write_bool(b, "held", v->held);
        }
        if (standing != PLACE_GOOD) {
                json_write_string(b, "standing", place_standing_to_string(standing));
                json_write_string(b, "standing_reason", standing_reason);
        }
        write_words(e, "message", &e->message);
        if (!isempty(v->pgpu->held_by))
                json_write_string(b, "held_by", v->pgpu->held_by);
        if (health != PGPU_HEALTH_GOOD) {
                json_write_string(b, "health", pgpu_health_to_string(health));
                json_write_string(b, "health_reason", health_reason);
        }
        write_words(e, "remedy", &e->helps);
        json_write_close(b, '}');
}

static void write_host(const HostVerdict *v, void *userdata) {
        const Candidate *c = v->candidate;
        Explanation *e = userdata;
        StrBuf *b = e->json;

        e->message.len = 0;
        sentence_host_verdict(&e->message, v);
        begin_host(e);
        e->in_host = false;
        json_write_close(b, ']');
        json_write_uuid(b, "host", &v->host->object.id);
        json_write_string(b, "name_label", v->host->name_label);
        json_write_string(b, "code", v->code == ERROR_NONE ? "" : error_code_word(v->code));
        write_words(e, "message", &e->message);
        json_write_u64(b, "score", v->score);
        json_write_u64(b, "tier", c->tier);
        if (c->last)
                json_write_bool(b, "last", true);
        json_write_u64(b, "vm_group_members", c->n_members);
        json_write_u64(b, "memory_need", v->demand->vm->memory);
        json_write_u64(b, "memory_available", host_memory_available(v->host));
        if (c->missing)
                json_write_string(b, "missing", c->missing);
        json_write_close(b, '}');
}

/* The quotas that hold for the VM's owner; nothing when there are none. */
static void write_quotas(StrBuf *b, const Pool *pool, const AllocRequest *request) {
        QuotaNeed needs[DEMAND_VGPUS_MAX];
        size_t n = quota_vm_needs(request->vm, request->reservation, /* pgpus_or_null= */ NULL, needs),
               at = 0;
        QuotaVerdict v;

        if (quota_next(pool, request->vm->owner, needs, n, &at, &v))
                json_write_quotas(b, pool, request->vm->owner, needs, n);
}

/* What a start would book. */
static void write_placement(StrBuf *b, const Vm *vm, const Allocation *a) {
        json_write_open(b, "placement", '{');
        decision_write_place(b, vm, a);
        json_write_close(b, '}');
}

/* The PGPU that came nearest, where GPUs are what is missing. */
static void write_nearest(StrBuf *b, const PgpuVerdict *v) {
        if (!v->pgpu)
                return;
        json_write_open(b, "nearest", '{');
        json_write_uuid(b, "host", &v->pgpu->host->object.id);
        json_write_string(b, "name_label", v->pgpu->host->name_label);
        json_write_uuid(b, "pgpu", &v->pgpu->object.id);
        json_write_string(b, "pci_id", PCI_TEXT(&v->pgpu->pci));
        json_write_string(b, "code", error_code_word(v->code));
        json_write_u64(b, "size", v->size);
        json_write_u64(b, "used", v->used);
        json_write_u64(b, "need", v->need);
        json_write_close(b, '}');
}

/* Where the VM stands, or will: what is explained is one more like it. */
static void write_stand(StrBuf *b, const char *member, const Host *h) {
        if (!h)
                return;
        json_write_open(b, member, '{');
        json_write_uuid(b, "host", &h->object.id);
        json_write_string(b, "name_label", h->name_label);
        json_write_close(b, '}');
}

/* 1: may it start, as far as that is asked before a decision? */
static int check_start(Policy *p, const Vm *vm, VmPreview *preview, const Vm **ret, Refusal *refusal) {
        int r;

        r = vm->booking == BOOKING_NONE ? old_check_start(&p->hosts, vm, refusal) : 0;
        if (r == 0 && refusal->code == ERROR_NONE)
                r = platform_vgpu_preview(&p->batch, vm, preview, ret, refusal);
        return r < 0 ? r : refusal->code == ERROR_NONE;
}

/* Decides by the same function as a start, with a visitor; hosts stays empty if the VM itself is refused. */
static int explain(Policy *p, const Vm *vm, const StartOptions *o, StrBuf *b, Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = o->on, .reservation = o->reservation};
        _cleanup_(explanation_done) Explanation e = {.json = b};
        AllocVisitor visitor = {.host = write_host, .pgpu = write_pgpu, .userdata = &e};
        _cleanup_vm_preview_ VmPreview preview = {};
        _cleanup_(allocation_done) Allocation a = {};
        int may_start, r;

        json_write_open(b, "hosts", '[');
        may_start = r = check_start(p, vm, &preview, &request.vm, refusal);
        if (may_start > 0)
                r = decide_start(p->batch.pool, &request, &visitor, &a);
        json_write_close(b, ']');
        if (r < 0 || !may_start)
                return r;

        if (a.refusal.code != ERROR_NONE) {
                *refusal = a.refusal;
                a.refusal = (Refusal){};
                write_nearest(b, &a.nearest);
        } else
                write_placement(b, request.vm, &a);
        decision_write_counts(b, "counts", &a);
        write_quotas(b, p->batch.pool, &request);
        return 0;
}

int vms_explain(Policy *p, Vm *vm, const StartOptions *options, char **ret_json) {
        static const StartOptions none;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_strbuf_ StrBuf b = {};
        bool placed;
        int r;

        json_write_open(&b, NULL, '{');
        r = explain(p, vm, options ?: &none, &b, &refusal);
        if (r < 0)
                return r;
        placed = refusal.code == ERROR_NONE;
        json_write_string(&b, "power_state", power_state_to_string(vm->power_state));
        write_stand(&b, "resident_on", vm->resident_on);
        write_stand(&b, "scheduled_to_be_resident_on", vm->scheduled_on);
        json_write_string(&b, "verdict", placed ? "placed" : "refused");
        json_write_string(&b, "code", placed ? "" : error_code_word(refusal.code));
        json_write_string(&b, "message", refusal.message);
        if (vm->decision)
                json_write_text(&b, "decision", vm->decision);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
}
