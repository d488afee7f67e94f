/*
 * Why a start is refused
 *
 * What is in the way comes first, on the host that comes nearest; then what would help, and whether that
 * suffices; at the end the hosts counted by what stops them, or another host that could run the VM.
 */

#include "policyd/words/decision-words.h"

static const char *const code_counts[_ERROR_MAX] = {
        [ERROR_NONE] = "possible",
        [ERROR_PGPU_UNHEALTHY] = "suspect",
        [ERROR_PGPU_INSUFFICIENT_CAPACITY] = "full",
        [ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE] = "running other types",
        [ERROR_VGPU_TYPE_NOT_ENABLED] = "where the type is not enabled",
        [ERROR_VGPU_TYPE_NOT_SUPPORTED] = "that cannot run the type",
        [ERROR_VM_REQUIRES_VGPU] = "without a GPU of the group",
        [ERROR_VM_REQUIRES_IOMMU] = "without an IOMMU",
        [ERROR_FEATURE_REQUIRES_HVM] = "without HVM",
        [ERROR_HOST_NOT_ENOUGH_FREE_MEMORY] = "short of memory",
        [ERROR_VM_REQUIRES_SR] = "without the storage",
        [ERROR_VM_REQUIRES_NET] = "without the network",
        [ERROR_VM_REQUIRES_PCI] = "without the PCI device",
        [ERROR_CONFIG_NOT_ALLOWED] = "that do not allow the config",
        [ERROR_NO_HOSTS_AVAILABLE] = "refused it just now",
        [ERROR_HOST_OFFLINE] = "offline",
        [ERROR_HOST_DISABLED] = "disabled",
};

static void sentence_count(StrBuf *b, size_t n, const char *what, bool *first) {
        if (n == 0 || !what)
                return;
        strbuf_addf(b, "%s%zu %s", *first ? "" : ", ", n, what);
        *first = false;
}

/* "3 hosts: 2 full, 1 disabled" */
static void sentence_counts(StrBuf *b, const Allocation *a) {
        bool first = true;

        strbuf_addf(b, " %zu host%s: ", a->n_hosts, PLURAL(a->n_hosts));
        for (ErrorCode code = 0; code < _ERROR_MAX; code++)
                sentence_count(b, a->counts[code] - (code == ERROR_HOST_OFFLINE ? a->n_gone : 0),
                        code_counts[code], &first);
        sentence_count(b, a->n_gone, "whose GPU cannot be used", &first);
        sentence_count(b, a->n_connecting, "not heard from yet", &first);
        strbuf_add(b, "; vm-explain tells of each.");
}

/* "GRID K140Q needs a quarter of a PGPU; ", "2 x GRID M60-2Q need a quarter of a PGPU each; "; how much an
 * imported type takes is known once a host has it. */
static void sentence_need(StrBuf *b, const DemandKind *k, const Pgpu *of_or_null) {
        uint32_t size = of_or_null ? pgpu_type_size(of_or_null, k->type) : k->type->size;

        if (k->count > 1)
                strbuf_addf(b, "%u x ", k->count);
        strbuf_addf(b, "%s need%s ", type_label(k->type), k->count > 1 ? "" : "s");
        if (k->passthrough)
                strbuf_add(b, "a PGPU with nothing else on it");
        else if (size == 0)
                strbuf_add(b, "a PGPU that has it");
        else
                sentence_share(b, size);
        strbuf_add(b, k->count > 1 ? " each" : "");
        if (k->pinned)
                strbuf_addf(b, ", at %s as the VM's %s says", PCI_TEXT(&k->pinned_pci), k->passthrough ? "config" : "platform");
        strbuf_add(b, "; ");
}

static void sentence_on_host(StrBuf *b, const Denial *d) {
        const Candidate *c = &d->candidate;

        if (d->remedy.kind == REMEDY_NONE) {
                strbuf_add(
                        b, "the host has refused it just now. Take another host, or leave the choice open.");
                return;
        }
        if (c->usable == ERROR_NONE && c->gpu != ERROR_NONE && !c->together)
                sentence_need(b, c->kind, c->nearest.pgpu);
        sentence_host(b, &d->demand, c, &d->remedy);
}

static void sentence_empty_group(StrBuf *b, const DemandKind *k, const PgpuRemedy *remedy) {
        _cleanup_strbuf_ StrBuf steps = {};

        strbuf_addf(b, "group '%s' contains no PGPUs.", k->group->name_label);
        if (remedy->elsewhere)
                strbuf_add(&steps, "Move one to it, or use another group: ");
        sentence_elsewhere(&steps, remedy);
        if (!remedy->elsewhere && !remedy->successor && !remedy->hardware)
                strbuf_add(&steps, ", and its cards to the group");
        sentence_add_steps(b, &steps);
}

static void sentence_unusable_group(StrBuf *b, const Denial *d, const PgpuVerdict *nearest) {
        strbuf_addf(b, "no host that is online and enabled has a PGPU of group '%s'; ",
                d->asked->group->name_label);
        sentence_verdict(b, nearest, d->asked->type);
        strbuf_add(b, ".");
        sentence_host_remedy(b, &d->demand, NULL, &d->remedy);
}

/* Room under a quota is no room on the hosts, so these are named too; with a reservation the start may need
 * no room under the quota. */
static void sentence_over_quota(StrBuf *b, const Denial *d) {
        strbuf_addf(b, "VM '%s' cannot start", d->demand.vm->name_label);
        sentence_quota(b, &d->quota);
        if (!d->hosts_could)
                strbuf_add(b, " As things are, no host could take it either; vm-explain tells of each.");
        if (d->other_reservation)
                strbuf_addf(
                        b, " With reservation '%s' it could start now.", d->other_reservation->name_label);
}

/* An IOMMU cannot be used beside memory that is filled on demand, so libxl refuses both in one guest. */
static void sentence_memory(StrBuf *b, const Denial *d) {
        const Vm *vm = d->demand.vm;

        strbuf_addf(b, "VM '%s' gets %s %s%s%s, which needs all its memory from the start: it starts with ", vm->name_label,
                d->type ? "a whole PCI device" : "the PCI device", d->type ? "(" : "",
                d->type ? type_label(d->type) : vm->functions[0], d->type ? ")" : "");
        sentence_size(b, vm->memory_target, /* up= */ false);
        strbuf_add(b, " of at most ");
        sentence_size(b, vm->memory_max, /* up= */ true);
        strbuf_add(b, ", and libxl gives no device to a guest whose memory is filled on demand. Make both equal with vm-memory-set, "
                      "or target_memkb and max_memkb (xl.cfg: memory and maxmem) in its configuration.");
}

/* Of the VM itself. */
static void sentence_vm(StrBuf *b, const Denial *d) {
        const Vm *vm = d->demand.vm;

        if (d->kind == DENIAL_NEEDS_HVM)
                strbuf_addf(b,
                        "VM '%s' has VGPUs, which only an HVM guest can use: set c_info.type to \"hvm\" in "
                        "its configuration.",
                        vm->name_label);
        else
                sentence_memory(b, d);
}

/* Of the hosts. */
static void sentence_hosts(StrBuf *b, const Denial *d, const Allocation *a) {
        switch (d->kind) {
        case DENIAL_NO_HOSTS:
                strbuf_add(b, "the pool has no hosts. Add one first.");
                break;
        case DENIAL_NONE_USABLE:
                strbuf_add(b, "no host is online, enabled and willing.");
                if (d->remedy.host)
                        sentence_host_remedy(b, &d->demand, NULL, &d->remedy);
                else
                        strbuf_add(b, " Each has refused this start just now; their logs say why.");
                break;
        case DENIAL_EMPTY_GROUP:
                sentence_empty_group(b, d->asked, &d->remedy.pgpu);
                break;
        case DENIAL_UNUSABLE_GROUP:
                sentence_unusable_group(b, d, &a->nearest);
                break;
        case DENIAL_HOST:
                sentence_on_host(b, d);
                break;
        case DENIAL_NEEDS_HVM:
        case DENIAL_FUNCTION_MEMORY:
        case DENIAL_TYPE_MEMORY:
        case DENIAL_QUOTA:
                break;
        }
}

static void sentence_start(StrBuf *b, const AllocRequest *request, bool brief, const Allocation *a) {
        const Host *only = request->only;
        const Denial *d = a->denial;

        if (d->kind == DENIAL_QUOTA) {
                sentence_over_quota(b, d);
                return;
        }
        if (d->kind < DENIAL_QUOTA) {
                sentence_vm(b, d);
                return;
        }

        if (!brief)
                strbuf_addf(b, "VM '%s' cannot start%s%s: ", request->vm->name_label, only ? " on " : "",
                        only ? only->name_label : "");
        sentence_hosts(b, d, a);
        if (d->other_host)
                strbuf_addf(b, " Host %s could run it now.", d->other_host->name_label);
        if (!brief && !only && d->kind != DENIAL_NO_HOSTS && d->kind != DENIAL_EMPTY_GROUP)
                sentence_counts(b, a);
}

int refuse_start(const AllocRequest *request, bool brief, Allocation *a) {
        _cleanup_strbuf_ StrBuf b = {};

        sentence_start(&b, request, brief, a);
        return refusal_take(&a->refusal, a->refusal.code, &b);
}

int refuse_quota(const char *what, const char *name, const char *cannot, const QuotaExcess *e, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "%s '%s' %s", what, name, cannot);
        sentence_quota(&b, e);
        return refusal_take(ret, ERROR_QUOTA_EXCEEDED, &b);
}
