/*
 * Advice: what would happen, and what a person could do
 *
 * Simulations (policyd/advice/simulation.h), in words and JSON. Nothing here changes
 * anything.
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-get.h"
#include "common/base/strbuf.h"
#include "policyd/advice/simulation.h"
#include "policyd/words/sentence.h"
#include "protocol/type-record.h"

static int add_object(struct json_object *o, const char *member, struct json_object **ret) {
        struct json_object *value = json_object_new_object();
        int r = value ? json_add(o, member, value) : -ENOMEM;

        if (r >= 0)
                *ret = value;
        return r;
}

static int add_array(struct json_object *o, const char *member, struct json_object **ret) {
        struct json_object *value = json_object_new_array();
        int r = value ? json_add(o, member, value) : -ENOMEM;

        if (r >= 0)
                *ret = value;
        return r;
}

static int add_pgpu(struct json_object *o, const char *member, const Pgpu *p) {
        struct json_object *value = NULL;
        int r;

        r = add_object(o, member, &value);
        r = r ?: json_add_uuid(value, "uuid", &p->object.id);
        r = r ?: json_add_string(value, "host", p->host->name_label);
        return r ?: json_add_string(value, "pci_id", PCI_TEXT(&p->pci));
}

static int add_move(struct json_object *moves, const Move *m) {
        struct json_object *o = json_object_new_object();
        int r;

        if (!o)
                return -ENOMEM;
        if (json_object_array_add(moves, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        r = json_add_uuid(o, "vm", &m->vm->object.id);
        r = r ?: json_add_string(o, "name_label", m->vm->name_label);
        r = r ?: json_add_string(o, "from", m->from->name_label);
        r = r ?: json_add_string(o, "to", m->to ? m->to->name_label : "");
        if (r == 0 && m->pgpu)
                r = json_add_string(o, "pci_id", PCI_TEXT(&m->pgpu->pci));
        if (r == 0 && m->makes_room)
                r = json_add_bool(o, "makes_room", true);
        if (r == 0 && m->reason)
                r = json_add_string(o, "reason", m->reason);
        return r;
}

static int add_moves(struct json_object *o, const Moves *moves) {
        struct json_object *list = NULL;
        int r;

        r = add_array(o, "moves", &list);
        for (size_t i = 0; i < moves->n && r == 0; i++)
                r = add_move(list, &moves->items[i]);
        return r;
}

static int add_step(struct json_object *steps, StrBuf *b) {
        _cleanup_free_ char *text = strbuf_take(b);
        struct json_object *s = text ? json_object_new_string(text) : NULL;

        if (!s)
                return -ENOMEM;
        if (json_object_array_add(steps, s) < 0) {
                json_object_put(s);
                return -ENOMEM;
        }
        return 0;
}

/*
 * The order matters: once all are down the PGPU is empty, and it is taken before they start again, so that
 * none of them comes back to it.
 */
static int add_steps(struct json_object *o, const PgpuPlan *plan, const VgpuType *t) {
        struct json_object *steps = NULL;
        int r;

        r = add_array(o, "steps", &steps);
        for (size_t i = 0; i < plan->moves.n && r == 0; i++) {
                const Move *m = &plan->moves.items[i];
                StrBuf b = {};

                strbuf_addf(&b, "Shut down VM '%s' on %s%s: xenvgpu vm-shutdown uuid=%s", m->vm->name_label,
                        m->from->name_label, m->makes_room ? ", which makes room for others" : "",
                        UUID_TEXT(&m->vm->object.id));
                r = add_step(steps, &b);
        }
        if (r == 0 && plan->enable) {
                StrBuf b = {};

                strbuf_addf(&b,
                        "Enable %s on %s: xenvgpu pgpu-param-add uuid=%s param-name=enabled-VGPU-types "
                        "param-key=%s",
                        type_label(t), plan->pgpu->name, UUID_TEXT(&plan->pgpu->object.id),
                        UUID_TEXT(&t->object.id));
                r = add_step(steps, &b);
        }
        if (r == 0) {
                StrBuf b = {};

                strbuf_addf(&b, "Start the VM that wants %s: xenvgpu vm-start uuid=... on=%s", type_label(t),
                        plan->pgpu->host->name_label);
                r = add_step(steps, &b);
        }
        for (size_t i = 0; i < plan->moves.n && r == 0; i++) {
                const Move *m = &plan->moves.items[i];
                StrBuf b = {};

                strbuf_addf(&b, "Start VM '%s' again: xenvgpu vm-start uuid=%s on=%s", m->vm->name_label,
                        UUID_TEXT(&m->vm->object.id), m->to->name_label);
                r = add_step(steps, &b);
        }
        return r;
}

static int plan_message(const PgpuPlan *plan, const GpuGroup *g, const VgpuType *t, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (!plan->pgpu)
                strbuf_addf(&b, "No PGPU of group '%s' can be freed for %s by restarting VMs elsewhere. %s",
                        g->name_label, type_label(t), plan->reason);
        else if (plan->moves.n == 0)
                strbuf_addf(&b, "PGPU %s is free already%s.", plan->pgpu->name,
                        plan->enable ? "; the type has to be enabled there" : "");
        else
                strbuf_addf(&b, "%zu restart%s free%s PGPU %s for %s.", plan->moves.n,
                        plan->moves.n == 1 ? "" : "s", plan->moves.n == 1 ? "s" : "", plan->pgpu->name,
                        type_label(t));
        if (plan->pgpu && plan->incomplete)
                strbuf_add(&b, " There may be a plan with fewer: not every one was tried.");
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

static int plan_to_json(const PgpuPlan *plan, const GpuGroup *g, const VgpuType *t, char **ret_json) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *message = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        r = plan_message(plan, g, t, &message);
        r = r ?: json_add_uuid(o, "gpu_group", &g->object.id);
        r = r ?: json_add_uuid(o, "vgpu_type", &t->object.id);
        r = r ?: json_add_bool(o, "possible", plan->pgpu != NULL);
        r = r ?: json_add_string(o, "message", message);
        r = r ?: json_add_u64(o, "restarts", plan->moves.n);
        r = r ?: json_add_bool(o, "complete", !plan->incomplete);
        if (r == 0 && plan->pgpu) {
                r = add_pgpu(o, "pgpu", plan->pgpu);
                r = r ?: json_add_bool(o, "enable", plan->enable);
                r = r ?: add_moves(o, &plan->moves);
                r = r ?: add_steps(o, plan, t);
        }
        if (r < 0)
                return r;
        *ret_json = json_to_text(o);
        return *ret_json ? 0 : -ENOMEM;
}

int groups_plan(Policy *p, GpuGroup *g, const VgpuType *type_or_null, char **ret_json, Refusal *refusal) {
        const VgpuType *t = type_or_null ?: pool_type_by_identifier(p->batch.pool, PASSTHROUGH_IDENTIFIER);
        _cleanup_(pgpu_plan_done) PgpuPlan plan = {};
        int r;

        if (g->pgpus.n == 0)
                return refusal_set(refusal, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, "Group '%s' has no PGPUs.",
                        g->name_label);
        if (!t || !ptr_array_contains(&g->supported, t))
                return refusal_set(refusal, ERROR_VGPU_TYPE_NOT_SUPPORTED,
                        "No PGPU of group '%s' supports %s.", g->name_label,
                        t ? type_label(t) : "passthrough");

        r = plan_free_pgpu(p->batch.pool, g, t, &plan);
        return r < 0 ? r : plan_to_json(&plan, g, t, ret_json);
}

int groups_failures_to_tolerate(Policy *p, GpuGroup *g, uint32_t *ret) {
        size_t n;
        int r;

        r = find_failures_to_tolerate(p->batch.pool, g, &n);
        if (r >= 0)
                *ret = (uint32_t) n;
        return r;
}

static int failure_message(const Host *h, const Moves *moves, char **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        if (moves->n == 0)
                strbuf_addf(&b, "No VM runs on host '%s'.", h->name_label);
        else if (moves->n == 1)
                strbuf_addf(&b, "If host '%s' fails, its one running VM %s elsewhere.", h->name_label,
                        moves->n_failed == 0 ? "can start" : "finds no room");
        else if (moves->n_failed == 0)
                strbuf_addf(&b, "If host '%s' fails, all of its %zu running VMs can start elsewhere.",
                        h->name_label, moves->n);
        else
                strbuf_addf(&b, "If host '%s' fails, %zu of its %zu running VMs find%s no room elsewhere.",
                        h->name_label, moves->n_failed, moves->n, moves->n_failed == 1 ? "s" : "");
        if (moves->estimate)
                strbuf_add(&b, " That is an estimate: not every order and host was tried, so perhaps more of "
                               "them can start.");
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

int hosts_check_failure(Policy *p, Host *h, char **ret_json) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *message = NULL;
        _cleanup_moves_ Moves moves = {};
        int r;

        if (!o)
                return -ENOMEM;
        r = simulate_host_failure(p->batch.pool, h, &moves);
        r = r ?: failure_message(h, &moves, &message);
        r = r ?: json_add_uuid(o, "host", &h->object.id);
        r = r ?: json_add_string(o, "name_label", h->name_label);
        r = r ?: json_add_bool(o, "survives", moves.n_failed == 0);
        r = r ?: json_add_bool(o, "estimate", moves.estimate);
        r = r ?: json_add_string(o, "message", message);
        r = r ?: json_add_u64(o, "running", moves.n);
        r = r ?: json_add_u64(o, "stranded", moves.n_failed);
        r = r ?: add_moves(o, &moves);
        if (r < 0)
                return r;
        *ret_json = json_to_text(o);
        return *ret_json ? 0 : -ENOMEM;
}
