/*
 * What is in the way on one PGPU, and what would help there
 */

#include "policyd/words/decision-words.h"
#include "policyd/pool/pool-internal.h"

static void sentence_suspects(StrBuf *b, const Pgpu *p, bool has_users) {
        if (p->suspect > 0)
                strbuf_addf(b, "%s%u suspect virtual function%s", has_users ? ", and " : "", p->n_suspect, PLURAL(p->n_suspect));
}

void sentence_verdict(StrBuf *b, const PgpuVerdict *v, const VgpuType *t) {
        const Pgpu *p = v->pgpu;
        const char *reason;

        switch (error_code_nearness(v->code)) {
        case 5:
                sentence_pgpu(b, p);
                strbuf_add(b, " is left out: ");
                if (pgpu_is_all_suspect(p))
                        reason = strempty(p->health_reason);
                else
                        (void) pgpu_standing(p, &reason);
                sentence_clause(b, reason);
                return;
        case 4:
                sentence_pgpu(b, p);
                if (t->implementation == TYPE_PASSTHROUGH || v->used >= v->size)
                        strbuf_add(b, " is full: it has ");
                else
                        strbuf_addf(b, " has only %u %% of it left: it has ",
                                (unsigned) ((uint64_t) (v->size - v->used) * 100 / v->size));
                sentence_suspects(b, p, sentence_users(b, p, NULL) > 0);
                return;
        case 3:
                sentence_pgpu(b, p);
                strbuf_addf(b, " %s %s for ", v->held ? "is kept for" : "runs", type_label(v->running));
                (void) sentence_users(b, p, NULL);
                strbuf_addf(b, ", and %s cannot share a PGPU with it", type_label(t));
                return;
        case 2:
                sentence_pgpu(b, p);
                strbuf_addf(b, " supports %s, but the type is %s there", type_label(t),
                        ptr_array_contains(&p->disabling, t) ? "being disabled" : "not enabled");
                return;
        case 1:
                sentence_pgpu(b, p);
                strbuf_addf(b, " does not support %s", type_label(t));
                if (t->implementation == TYPE_NVIDIA_SRIOV)
                        strbuf_add(b, ", and no host can: " NVIDIA_SRIOV_REASON);
                return;
        default:
                sentence_pgpu(b, p);
                if (v->code == ERROR_NONE)
                        strbuf_addf(b, " has room for %u %s", v->capacity, type_label(t));
                else if (!isempty(p->held_by) && p->host->state == HOST_ONLINE)
                        strbuf_addf(b, " is held by %s, which is not of this pool", p->held_by);
                else if (p->health == PGPU_HEALTH_LOST && p->host->state == HOST_ONLINE) {
                        strbuf_add(b, " is lost: ");
                        sentence_clause(b, strempty(p->health_reason));
                } else if (!p->present && p->host->state == HOST_ONLINE)
                        strbuf_add(b, " is no longer reported by its host");
                else {
                        strbuf_add(b, " cannot be used while ");
                        sentence_unusable_host(b, p->host);
                }
        }
}

static bool all_are_picked(const Pgpu *p, Picks picks) {
        return picks == PICK_ALL || picks == PICK_ALL >> (PICKS_MAX - MAX_OF(p->vgpus.n, (size_t) 1));
}

/* "shut down VM 'a'", "shut down one of the VMs there", "shut down VMs 'a' and 'c'" */
static void sentence_stop(StrBuf *b, const Pgpu *p, Picks picks, bool one) {
        size_t n = 0, at = 0;

        for (size_t i = 0; i < p->vgpus.n; i++)
                n += is_picked(picks, i) && vgpu_is_first(p, i);
        if (n == 0)
                return;
        if (n > 1 && all_are_picked(p, picks)) {
                sentence_step(b, "shut down %s the VMs there", one ? "one of" : "all");
                return;
        }

        sentence_step(b, "shut down %sVM%s ", one && n > 1 ? "one of " : "", PLURAL(n));
        for (size_t i = 0; i < p->vgpus.n; i++)
                if (is_picked(picks, i) && vgpu_is_first(p, i))
                        sentence_name(b, at++, n, ((const Vgpu *) p->vgpus.items[i])->vm->name_label);
}

/* True: a start that names fix->use needs no other reservation to be released. */
static bool sentence_release(StrBuf *b, const PgpuRemedy *fix) {
        const PtrArray *holds = &fix->pgpu->holds;
        bool only_use = true;
        size_t n = 0;

        for (size_t i = 0; i < holds->n; i++) {
                const Reservation *r = holds->items[i];

                if (!is_picked(fix->release, i) || ptr_array_index(holds, r) < i)
                        continue;
                only_use &= r == fix->use;
                if (n++ == 0)
                        sentence_step(b, "destroy reservation '%s'", r->name_label);
                else
                        strbuf_addf(b, " and reservation '%s'", r->name_label);
        }
        return only_use;
}

void sentence_recover(StrBuf *b, const Pgpu *p) {
        if (!isempty(p->held_by))
                sentence_step(b, "shut down %s of %s, or detach the function from it", p->held_by,
                        p->host->name_label);
        else if (p->present)
                sentence_step(b, "mend it and clear its health (pgpu-clear-health uuid=%s)",
                        UUID_TEXT(&p->object.id));
        else if (p->reported && p->health == PGPU_HEALTH_LOST)
                sentence_step(b, "switch %s off and on, or look after the card in it", p->host->name_label);
        else
                sentence_step(b, "look for the card in %s", p->host->name_label);
}

/* "end VM 'a', which is not of this pool, on beta itself" */
void sentence_end_outsiders(StrBuf *b, const Pgpu *p) {
        sentence_step(b, "end ");
        (void) sentence_outsiders(b, "", p, NULL);
        strbuf_addf(b, ", on %s itself", p->host->name_label);
}

static bool suspects_are_all_in_the_way(const PgpuRemedy *fix) {
        return pgpu_is_all_suspect(fix->pgpu) || (fix->pgpu->suspect > 0 && !fix->enable && !fix->stop && !fix->one_of &&
                                                         !fix->release && !fix->end_outsiders);
}

static void sentence_fix(StrBuf *b, const PgpuRemedy *fix) {
        const Pgpu *p = fix->pgpu;
        bool only_use;

        if (host_is_usable(p->host) && (!p->present || pgpu_is_left_out(p) || suspects_are_all_in_the_way(fix)))
                sentence_recover(b, p);
        if (fix->enable)
                sentence_enable(b, fix->type, p);
        sentence_stop(b, p, fix->stop, /* one= */ false);
        sentence_stop(b, p, fix->one_of, /* one= */ true);
        only_use = sentence_release(b, fix);
        if (fix->end_outsiders)
                sentence_end_outsiders(b, p);
        if (fix->use && !fix->stop && !fix->one_of && only_use)
                strbuf_add(b, " or start with it");
        else if (fix->use)
                strbuf_addf(b, ", or start with reservation '%s'", fix->use->name_label);
}

/* For a type that no PGPU supports. */
static void sentence_nowhere(StrBuf *b, const PgpuRemedy *remedy) {
        const VgpuType *t = remedy->type;

        if (t->implementation == TYPE_NVIDIA_SRIOV)
                sentence_step(b, "take another type, or a whole PGPU");
        else if (remedy->successor)
                sentence_step(b,
                        "no type file of a host has %s any more; %s has taken its place: destroy the VGPU and create one of type %s",
                        type_label(t), type_label(remedy->successor), UUID_TEXT(&remedy->successor->object.id));
        else if (remedy->hardware)
                sentence_step(b,
                        "%s of %s is the hardware for %s, which the type files of that host do not have; install the driver "
                        "or the type file that has it",
                        PCI_TEXT(&remedy->hardware->pci), remedy->hardware->host->name_label, type_label(t));
        else
                sentence_step(b, "no host of the pool has the hardware for %s; add one that has", type_label(t));
}

void sentence_elsewhere(StrBuf *b, const PgpuRemedy *remedy) {
        const VgpuType *t = remedy->type;
        const Pgpu *p = remedy->elsewhere;

        if (!p) {
                sentence_nowhere(b, remedy);
                return;
        }

        strbuf_addf(b, "%s is supported on ", type_label(t));
        sentence_pgpu(b, p);
        if (t->n_supported_on > 1)
                strbuf_addf(b, " and %zu more", t->n_supported_on - 1);
        if (!p->group)
                return;
        strbuf_addf(b, "; give the VM a VGPU of group '%s'", p->group->name_label);
        if (remedy->room > 0)
                strbuf_addf(b, ", where that one has room for %u", remedy->room);
        else
                strbuf_add(b, t->n_supported_on > ELSEWHERE_MAX ? ", once there is room"
                                                                : ", where it finds no room now either");
}

void sentence_pgpu_remedy(StrBuf *b, const PgpuRemedy *remedy) {
        if (remedy->supported)
                sentence_fix(b, remedy);
        else if (remedy->type)
                sentence_elsewhere(b, remedy);
}

void sentence_make_usable(StrBuf *b, const Host *h) {
        if (h->state == HOST_CONNECTING)
                sentence_step(b, "try again in a moment, when %s has answered", h->name_label);
        if (h->state == HOST_OFFLINE)
                sentence_step(b, "bring host %s back online", h->name_label);
        if (!h->enabled)
                sentence_step(b, "enable host %s", h->name_label);
}

void sentence_remedy(StrBuf *b, const PgpuRemedy *remedy) {
        if (remedy->pgpu && !host_is_usable(remedy->pgpu->host))
                sentence_make_usable(b, remedy->pgpu->host);
        sentence_pgpu_remedy(b, remedy);
}

void sentence_vgpu_verdict(StrBuf *b, const Vgpu *vgpu, const PgpuVerdict *v) {
        if (v->code != ERROR_VM_REQUIRES_VGPU) {
                sentence_verdict(b, v, vgpu->type);
                return;
        }
        sentence_pgpu(b, v->pgpu);
        strbuf_addf(b, " is not %s, which the VM's %s asks for", PCI_TEXT(&vgpu->pinned_pci),
                vgpu_is_of_config(vgpu) ? "config" : "platform");
}

int refuse_holds(
        const GpuGroup *g, const VgpuType *t, uint32_t count, const HoldsDenial *denial, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {}, steps = {};

        strbuf_addf(&b, "Group '%s' has room for %llu %s, not for %u", g->name_label,
                (unsigned long long) denial->possible, type_label(t), count);
        if (denial->possible > 0)
                strbuf_add(&b, ". Reserve fewer, or shut down VMs in the group.");
        else if (!denial->nearest.pgpu)
                strbuf_add(&b, ": it contains no PGPUs. Move PGPUs to it, or take another group.");
        else {
                strbuf_add(&b, ": ");
                sentence_verdict(&b, &denial->nearest, t);
                sentence_remedy(&steps, &denial->remedy);
                strbuf_addf(&b, ". %s.", strempty(steps.text));
                b.error = b.error ?: steps.error;
                strbuf_add(&b, count > 1 ? " Then ask again: that makes room for one at least." : "");
        }
        return refusal_take(ret, denial->code, &b);
}
