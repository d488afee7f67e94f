/*
 * Explain: the same decision with a visitor that writes everything down; and the record that a placed VM
 * keeps
 */

#include "policyd/service/internal.h"

#include "common/json/json-get.h"
#include "policyd/core/assign.h"
#include "policyd/core/quota.h"
#include "policyd/core/sentence.h"

typedef struct Explanation {
        struct json_object *hosts;
        struct json_object *pgpus; /* of the host that is being told about, until its verdict comes */
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

/* One object for each PGPU of the pool. */

static int add_text(struct json_object *o, const char *literal, const char *value) {
        return json_add_literal(o, literal, json_object_new_string(strempty(value)));
}

static int add_number(struct json_object *o, const char *literal, uint64_t value) {
        return json_add_literal(o, literal, json_object_new_uint64(value));
}

static void tell_pgpu(const Host *h, const Vgpu *vgpu, const PgpuVerdict *v, const char *message,
        const char *remedy, void *userdata) {
        Explanation *e = userdata;
        struct json_object *o;
        int r = 0;

        if (!e->pgpus)
                e->pgpus = json_object_new_array();
        o = e->pgpus ? append_object(e->pgpus) : NULL;
        if (!o) {
                e->error = -ENOMEM;
                return;
        }
        if (v->pgpu) {
                r = r ?: add_text(o, "pgpu", UUID_TEXT(&v->pgpu->object.id));
                r = r ?: add_text(o, "pci_id", PCI_TEXT(&v->pgpu->pci));
        }
        /* One that the platform form only asks for has no object yet. */
        if (!uuid_is_null(&vgpu->object.id))
                r = r ?: add_text(o, "vgpu", UUID_TEXT(&vgpu->object.id));
        r = r ?: add_text(o, "type", type_label(vgpu->type));
        r = r ?: add_text(o, "code", v->code == ERROR_NONE ? "" : error_code_word(v->code));
        r = r ?: add_number(o, "capacity", v->capacity);
        r = r ?: add_number(o, "size", v->size);
        r = r ?: add_number(o, "used", v->used);
        r = r ?: add_number(o, "need", v->need);
        if (v->running) {
                r = r ?: add_text(o, "running", type_label(v->running));
                r = r ?: json_add_literal(o, "held", json_object_new_boolean(v->held));
        }
        r = r ?: add_text(o, "message", message);
        r = r ?: add_text(o, "remedy", remedy);
        e->error = e->error ?: r;
}

static void tell_host(const HostVerdict *v, void *userdata) {
        struct json_object *pgpus, *o;
        Explanation *e = userdata;
        int r = 0;

        pgpus = e->pgpus ? take_ptr(e->pgpus) : json_object_new_array();
        o = append_object(e->hosts);
        if (!o || !pgpus) {
                json_object_put(pgpus);
                e->error = -ENOMEM;
                return;
        }
        r = json_add(o, "pgpus", pgpus);
        r = r ?: json_add_uuid(o, "host", &v->host->object.id);
        r = r ?: json_add_string(o, "name_label", v->host->name_label);
        r = r ?: json_add_string(o, "code", v->code == ERROR_NONE ? "" : error_code_word(v->code));
        r = r ?: json_add_string(o, "message", strempty(v->message));
        r = r ?: json_add_u64(o, "score", v->score);
        r = r ?: json_add_u64(o, "tier", v->tier);
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
        size_t n = quota_vm_needs(request->vm, request->reservation, /* pgpus_or_null= */ NULL, needs), at = 0;
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

/* The same function as a start's, heard by a visitor; hosts stays empty where the VM itself is refused. */
static int explain(Policy *p, const Vm *vm, const StartOptions *o, struct json_object *json, Explanation *e,
        Refusal *refusal) {
        AllocRequest request = {.vm = vm, .only = o->on, .reservation = o->reservation};
        AllocVisitor visitor = {.host = tell_host, .pgpu = tell_pgpu, .userdata = e};
        _cleanup_vm_preview_ VmPreview preview = {};
        _cleanup_(allocation_done) Allocation a = {};
        int r;

        r = platform_vgpu_preview(p, vm, &preview, &request.vm, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = allocate(p->pool, &request, &visitor, &a);
        json_object_put(take_ptr(e->pgpus));
        if (r >= 0 && a.refusal.code != ERROR_NONE) {
                *refusal = a.refusal;
                a.refusal = (Refusal){};
        }
        r = r ?: e->error;
        return r ?: explain_quotas(json, p->pool, &request);
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
        r = r ?: json_add_string(json, "verdict", placed ? "placed" : "refused");
        r = r ?: json_add_string(json, "code", placed ? "" : error_code_word(refusal.code));
        r = r ?: json_add_string(json, "message", strempty(refusal.message));
        r = r ?: add_decision(json, vm);
        if (r < 0)
                return r;
        *ret_json = json_to_text(json);
        return *ret_json ? 0 : -ENOMEM;
}

/* The decision record */

static int add_host(struct json_object *o, const Host *h, uint64_t score) {
        int r = 0;

        r = r ?: json_add_uuid(o, "host", &h->object.id);
        r = r ?: json_add_string(o, "name_label", h->name_label);
        r = r ?: json_add_u64(o, "score", score);
        return r;
}

static int add_placements(struct json_object *o, const Vm *vm, const Allocation *a) {
        struct json_object *array = json_object_new_array(), *item;
        int r;

        r = array ? json_add(o, "pgpus", array) : -ENOMEM;
        for (size_t i = 0; i < a->n_pgpus && r == 0; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                item = append_object(array);
                r = item ? json_add_uuid(item, "vgpu", &v->object.id) : -ENOMEM;
                r = r ?: json_add_uuid(item, "pgpu", &a->pgpus[i]->object.id);
                r = r ?: json_add_string(item, "pci_id", PCI_TEXT(&a->pgpus[i]->pci));
        }
        return r;
}

static int add_runners_up(struct json_object *o, const Allocation *a) {
        struct json_object *array = json_object_new_array(), *item;
        int r;

        r = array ? json_add(o, "runners_up", array) : -ENOMEM;
        for (size_t i = 0; i < a->n_runners_up && r == 0; i++) {
                item = append_object(array);
                r = item ? add_host(item, a->runners_up[i].host, a->runners_up[i].score) : -ENOMEM;
        }
        return r;
}

static int add_counts(struct json_object *o, const Allocation *a) {
        struct json_object *counts = json_object_new_object();
        int r;

        r = counts ? json_add(o, "counts", counts) : -ENOMEM;
        for (ErrorCode code = 0; code < _ERROR_MAX && r == 0; code++)
                if (a->counts[code] > 0)
                        r = json_add_u64(
                                counts, code == ERROR_NONE ? "fits" : error_code_word(code), a->counts[code]);
        return r;
}

int decision_to_text(Policy *p, const Vm *vm, const Allocation *a, char **ret) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        int r;

        r = o ? json_add_u64(o, "time", policy_now(p)) : -ENOMEM;
        r = r ?: add_host(o, a->host, a->score);
        r = r ?: add_placements(o, vm, a);
        r = r ?: add_runners_up(o, a);
        r = r ?: add_counts(o, a);
        if (r < 0)
                return r;
        *ret = json_to_text(o);
        return *ret ? 0 : -ENOMEM;
}
