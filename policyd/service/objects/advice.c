/*
 * Advice: what would happen, and what a person could do
 *
 * Simulations (policyd/advice/simulation.h), in words and JSON. Nothing is changed by them.
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-write.h"
#include "policyd/advice/simulation.h"
#include "policyd/words/sentence.h"

/* A sentence as a value; it is used up. */
static void write_sentence(StrBuf *b, const char *member_or_null, StrBuf *sentence) {
        json_write_string(b, member_or_null, sentence->text);
        b->error = b->error ?: sentence->error;
        strbuf_done(sentence);
}

static void write_moves(StrBuf *b, const Moves *moves) {
        json_write_open(b, "moves", '[');
        for (size_t i = 0; i < moves->n; i++) {
                const Move *m = &moves->items[i];

                json_write_open(b, NULL, '{');
                json_write_uuid(b, "vm", &m->vm->object.id);
                json_write_string(b, "name_label", m->vm->name_label);
                json_write_string(b, "from", m->from->name_label);
                json_write_string(b, "to", m->to ? m->to->name_label : "");
                if (m->pgpu)
                        json_write_string(b, "pci_id", PCI_TEXT(&m->pgpu->pci));
                if (m->makes_room)
                        json_write_bool(b, "makes_room", true);
                if (m->reason)
                        json_write_string(b, "reason", m->reason);
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

/*
 * The order matters: after all VMs are shut down the PGPU is empty, and it is taken before they start again,
 * so that none of them returns to it.
 */
static void write_steps(StrBuf *b, const PgpuPlan *plan, const VgpuType *t) {
        StrBuf step = {};

        json_write_open(b, "steps", '[');
        for (size_t i = 0; i < plan->moves.n; i++) {
                const Move *m = &plan->moves.items[i];

                strbuf_addf(&step, "Shut down VM '%s' on %s%s: xenvgpu vm-shutdown uuid=%s",
                        m->vm->name_label, m->from->name_label,
                        m->makes_room ? ", which makes room for others" : "", UUID_TEXT(&m->vm->object.id));
                write_sentence(b, NULL, &step);
        }
        if (plan->enable) {
                strbuf_addf(&step,
                        "Enable %s on %s: xenvgpu pgpu-param-add uuid=%s param-name=enabled-VGPU-types "
                        "param-key=%s",
                        type_label(t), plan->pgpu->name, UUID_TEXT(&plan->pgpu->object.id),
                        UUID_TEXT(&t->object.id));
                write_sentence(b, NULL, &step);
        }
        strbuf_addf(&step, "Start the VM that wants %s: xenvgpu vm-start uuid=... on=%s", type_label(t),
                plan->pgpu->host->name_label);
        write_sentence(b, NULL, &step);
        for (size_t i = 0; i < plan->moves.n; i++) {
                const Move *m = &plan->moves.items[i];

                strbuf_addf(&step, "Start VM '%s' again: xenvgpu vm-start uuid=%s on=%s", m->vm->name_label,
                        UUID_TEXT(&m->vm->object.id), m->to->name_label);
                write_sentence(b, NULL, &step);
        }
        json_write_close(b, ']');
}

static void sentence_plan(StrBuf *b, const PgpuPlan *plan, const GpuGroup *g, const VgpuType *t) {
        if (!plan->pgpu)
                strbuf_addf(b, "No PGPU of group '%s' can be freed for %s by restarting VMs elsewhere. %s",
                        g->name_label, type_label(t), plan->reason);
        else if (plan->moves.n == 0)
                strbuf_addf(b, "PGPU %s is free already%s.", plan->pgpu->name,
                        plan->enable ? "; the type has to be enabled there" : "");
        else
                strbuf_addf(b, "%zu restart%s free%s PGPU %s for %s.", plan->moves.n,
                        plan->moves.n == 1 ? "" : "s", plan->moves.n == 1 ? "s" : "", plan->pgpu->name,
                        type_label(t));
        if (plan->pgpu && plan->incomplete)
                strbuf_add(b, " There may be a plan with fewer: not every one was tried.");
}

static int plan_to_json(const PgpuPlan *plan, const GpuGroup *g, const VgpuType *t, char **ret_json) {
        _cleanup_strbuf_ StrBuf b = {};
        const Pgpu *p = plan->pgpu;
        StrBuf message = {};

        sentence_plan(&message, plan, g, t);
        json_write_open(&b, NULL, '{');
        json_write_uuid(&b, "gpu_group", &g->object.id);
        json_write_uuid(&b, "vgpu_type", &t->object.id);
        json_write_bool(&b, "possible", p != NULL);
        write_sentence(&b, "message", &message);
        json_write_u64(&b, "restarts", plan->moves.n);
        json_write_bool(&b, "complete", !plan->incomplete);
        if (p) {
                json_write_open(&b, "pgpu", '{');
                json_write_uuid(&b, "uuid", &p->object.id);
                json_write_string(&b, "host", p->host->name_label);
                json_write_string(&b, "pci_id", PCI_TEXT(&p->pci));
                json_write_close(&b, '}');
                json_write_bool(&b, "enable", plan->enable);
                write_moves(&b, &plan->moves);
                write_steps(&b, plan, t);
        }
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
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

static void sentence_failure(StrBuf *b, const Host *h, const Moves *moves) {
        if (moves->n == 0)
                strbuf_addf(b, "No VM runs on host '%s'.", h->name_label);
        else if (moves->n == 1)
                strbuf_addf(b, "If host '%s' fails, its one running VM %s elsewhere.", h->name_label,
                        moves->n_failed == 0 ? "can start" : "finds no room");
        else if (moves->n_failed == 0)
                strbuf_addf(b, "If host '%s' fails, all of its %zu running VMs can start elsewhere.",
                        h->name_label, moves->n);
        else
                strbuf_addf(b, "If host '%s' fails, %zu of its %zu running VMs find%s no room elsewhere.",
                        h->name_label, moves->n_failed, moves->n, moves->n_failed == 1 ? "s" : "");
        if (moves->estimate)
                strbuf_add(b, " That is an estimate: not every order and host was tried, so perhaps more of "
                              "them can start.");
}

int hosts_check_failure(Policy *p, Host *h, char **ret_json) {
        _cleanup_moves_ Moves moves = {};
        _cleanup_strbuf_ StrBuf b = {};
        StrBuf message = {};
        int r;

        r = simulate_host_failure(p->batch.pool, h, &moves);
        if (r < 0)
                return r;
        sentence_failure(&message, h, &moves);
        json_write_open(&b, NULL, '{');
        json_write_uuid(&b, "host", &h->object.id);
        json_write_string(&b, "name_label", h->name_label);
        json_write_bool(&b, "survives", moves.n_failed == 0);
        json_write_bool(&b, "estimate", moves.estimate);
        write_sentence(&b, "message", &message);
        json_write_u64(&b, "running", moves.n);
        json_write_u64(&b, "stranded", moves.n_failed);
        write_moves(&b, &moves);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
}
