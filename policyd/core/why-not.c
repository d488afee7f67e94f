/*
 * Why not
 *
 * Which code a refused start gives, and its sentence. Where the GPUs of some host would fit, what is missing
 * there is the answer (the host that lacks least memory, if it is memory). Else it is the nearest miss of the
 * GPUs over the hosts that pass every other check, or, where none does, over all usable hosts. The sentence
 * ends with the hosts counted by what stops them.
 */

#include <stdio.h>

#include "common/parse.h"
#include "policyd/core/decider.h"
#include "policyd/core/pool-internal.h"
#include "policyd/core/sentence.h"

static const char *const code_counts[_ERROR_MAX] = {
        [ERROR_NONE] = "possible",
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
        [ERROR_NO_HOSTS_AVAILABLE] = "refused it just now",
        [ERROR_HOST_OFFLINE] = "offline",
};

/* "3 hosts: 2 full, 1 disabled" */
static void sentence_counts(StrBuf *b, const Ranking *r) {
        bool first = true;

        strbuf_addf(b, "%zu host%s: ", r->n_hosts, PLURAL(r->n_hosts));
        for (size_t code = 0; code < _ERROR_MAX; code++) {
                size_t n = r->counts[code] - (code == ERROR_HOST_OFFLINE ? r->n_disabled : 0);

                if (n == 0 || !code_counts[code])
                        continue;
                strbuf_addf(b, "%s%zu %s", first ? "" : ", ", n, code_counts[code]);
                first = false;
        }
        if (r->n_disabled > 0)
                strbuf_addf(b, "%s%zu disabled", first ? "" : ", ", r->n_disabled);
}

int refuse_vm(const Vm *vm, Refusal *ret) {
        if (vm->vgpus.n > 0 && !vm->hvm)
                return refusal_set(ret, ERROR_FEATURE_REQUIRES_HVM,
                        "VM '%s' has VGPUs, which only an HVM guest can use: set c_info.type to \"hvm\" in "
                        "its configuration.",
                        vm->name_label);

        for (size_t i = 0; i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                if (type_needs_iommu(v->type) && !vm->target_is_max)
                        return refusal_set(ret, ERROR_INVALID_RECORD,
                                "VM '%s' gets a whole PCI device (%s), which needs all its memory from the "
                                "start: set target_memkb equal to max_memkb in its configuration.",
                                vm->name_label, type_label(v->type));
        }

        return 0;
}

/* "GRID K140Q needs a quarter of a PGPU" */
static void sentence_need(StrBuf *b, const DemandKind *k) {
        if (k->passthrough)
                strbuf_add(b, "passthrough needs a PGPU with nothing else on it");
        else {
                strbuf_addf(b, "%s needs ", type_label(k->type));
                sentence_share(b, k->type->size);
        }
        if (k->pinned)
                strbuf_addf(b, ", at %s as the VM's platform says", PCI_TEXT(&k->pinned_pci));
}

/* What each kind wants, when every VGPU alone would fit: "2 x GRID K260Q and 1 x GRID K240Q". */
static void sentence_all(StrBuf *b, const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++)
                strbuf_addf(b, "%s%u x %s", list_separator(k, d->n_kinds), d->kinds[k].count,
                        type_label(d->kinds[k].type));
}

/* The GPUs of one host: what was needed, what is in the way. */
static void sentence_gpu_miss(StrBuf *b, const Candidate *c, const Demand *d) {
        const DemandKind *k = c->kind;

        if (c->together) {
                strbuf_addf(b, "%s cannot take ", c->host->name_label);
                sentence_all(b, d);
                strbuf_add(b, " at once, though each of them alone would find room");
                return;
        }

        if (!c->nearest.pgpu && k->pinned) {
                strbuf_addf(b, "%s has no PGPU at %s in group '%s'", c->host->name_label,
                        PCI_TEXT(&k->pinned_pci), k->group->name_label);
                return;
        }

        if (!c->nearest.pgpu) {
                strbuf_addf(b, "%s has no PGPU of group '%s'", c->host->name_label, k->group->name_label);
                return;
        }

        sentence_verdict(b, &c->nearest, k->type);
}

static void sentence_gpu_remedy(StrBuf *b, const Candidate *c, const Demand *d) {
        if (c->together)
                strbuf_add(b, "Shut down VMs on that host's GPUs, or spread the VGPUs over several VMs");
        else if (c->nearest.pgpu)
                sentence_remedy(b, &c->nearest, c->kind->type);
        else if (c->kind->group->pgpus.n > 0) {
                strbuf_add(b, "The group has ");
                sentence_pgpu(b, c->kind->group->pgpus.items[0]);
                if (c->kind->group->pgpus.n > 1)
                        strbuf_addf(b, " and %zu more", c->kind->group->pgpus.n - 1);
        }
}

/* What is missing beside GPUs, and how much. */
static void sentence_other_miss(StrBuf *b, const Candidate *c, const Vm *vm) {
        const char *host = c->host->name_label;

        if (c->other == ERROR_HOST_NOT_ENOUGH_FREE_MEMORY)
                strbuf_addf(b, "%s is %s short of memory: the VM needs %s and %s is free there", host,
                        SIZE_TEXT(vm->memory - c->memory_available), SIZE_TEXT(vm->memory),
                        SIZE_TEXT(c->memory_available));
        else if (c->other == ERROR_VM_REQUIRES_NET)
                strbuf_addf(b, "%s has no network '%s'", host, c->missing);
        else if (c->other == ERROR_VM_REQUIRES_SR)
                strbuf_addf(b, "%s cannot reach the storage '%s'", host, c->missing);
        else if (c->other == ERROR_VM_REQUIRES_IOMMU)
                strbuf_addf(b, "%s has no IOMMU, which giving a PCI device to a VM needs", host);
        else
                strbuf_addf(b, "%s cannot run HVM guests", host);
}

static const char *other_remedy(ErrorCode code) {
        static const char *const remedies[_ERROR_MAX] = {
                [ERROR_HOST_NOT_ENOUGH_FREE_MEMORY] = "Shut down VMs there, or give this one less memory",
                [ERROR_VM_REQUIRES_NET] = "Create the network there, or change the VM's nics",
                [ERROR_VM_REQUIRES_SR] = "Attach the storage there, or change the VM's disks",
                [ERROR_VM_REQUIRES_IOMMU] = "Switch it on in the host's firmware",
                [ERROR_FEATURE_REQUIRES_HVM] = "Switch it on in the host's firmware",
        };

        return remedies[code];
}

/* The host where the GPUs fit and least else is missing; memory by how much. */
static const Candidate *nearest_of_others(const Ranking *r) {
        const Candidate *best = NULL;

        for (size_t i = 0; i < r->n_fit; i++) {
                const Candidate *c = &r->candidates[i];
                bool c_memory = c->other == ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
                bool best_memory = best && best->other == ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;

                if (!best || (c_memory && (!best_memory || c->memory_available > best->memory_available)))
                        best = c;
        }

        return best;
}

static bool is_nearer_candidate(const Candidate *c, const Candidate *best) {
        if (!best)
                return true;
        if ((c->other == ERROR_NONE) != (best->other == ERROR_NONE))
                return c->other == ERROR_NONE;
        if (error_code_nearness(c->gpu) != error_code_nearness(best->gpu))
                return error_code_nearness(c->gpu) > error_code_nearness(best->gpu);
        return c->nearest.pgpu && verdict_is_nearer(&c->nearest, &best->nearest);
}

/* A host without a PGPU of the group passes no GPU check and so is no near miss while another has one. */
static const Candidate *nearest_of_gpus(const Ranking *r) {
        const Candidate *best = NULL;

        for (int with_pgpu = 1; with_pgpu >= 0 && !best; with_pgpu--)
                for (size_t i = r->n_fit; i < r->n; i++) {
                        const Candidate *c = &r->candidates[i];

                        if (c->usable == ERROR_NONE && (c->nearest.pgpu || !with_pgpu) &&
                                is_nearer_candidate(c, best))
                                best = c;
                }

        return best;
}

static void sentence_end(StrBuf *b, const Ranking *r) {
        strbuf_add(b, " (");
        sentence_counts(b, r);
        strbuf_add(b, ".)");
}

static int refuse_without_hosts(const Ranking *r, Refusal *ret) {
        const Vm *vm = r->request->vm;
        _cleanup_strbuf_ StrBuf b = {};

        if (r->request->only) {
                bool offline = r->candidates[0].usable == ERROR_HOST_OFFLINE;
                bool is_disabled = offline && r->request->only->state == HOST_ONLINE;

                strbuf_addf(&b, "VM '%s' cannot start on %s: ", vm->name_label, r->request->only->name_label);
                if (offline)
                        sentence_unusable_host(&b, r->request->only);
                else
                        strbuf_add(&b, "the host has refused it just now");
                strbuf_addf(&b, ". %s.",
                        is_disabled ? "Enable the host, or take another"
                                    : "Take another host, or leave the choice open");
                return refusal_take(ret, r->candidates[0].usable, &b);
        }

        if (r->n == 0)
                strbuf_addf(
                        &b, "VM '%s' cannot start: the pool has no hosts. Add one first.", vm->name_label);
        else {
                strbuf_addf(&b,
                        "VM '%s' cannot start: no host is online, enabled and willing. Enable a host, or "
                        "bring one back online.",
                        vm->name_label);
                sentence_end(&b, r);
        }
        return refusal_take(ret, ERROR_NO_HOSTS_AVAILABLE, &b);
}

static int refuse_empty_group(const Ranking *r, const DemandKind *k, Refusal *ret) {
        const Vm *vm = r->request->vm;
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "VM '%s' cannot start: group '%s' contains no PGPUs. ", vm->name_label,
                k->group->name_label);
        if (k->type->supported_on.n == 0)
                strbuf_addf(&b,
                        "No host of the pool has the hardware for %s; add one that has, and its cards to the "
                        "group.",
                        type_label(k->type));
        else {
                PgpuVerdict v = {.code = ERROR_VGPU_TYPE_NOT_SUPPORTED};

                strbuf_add(&b, "Move one to it, or use another group: ");
                sentence_remedy(&b, &v, k->type);
                strbuf_add(&b, ".");
        }
        return refusal_take(ret, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, &b);
}

static int refuse_for_gpus(const Ranking *r, const Candidate *c, Refusal *ret) {
        const AllocRequest *request = r->request;
        ErrorCode code = candidate_code(c);
        _cleanup_strbuf_ StrBuf b = {};
        size_t before;

        strbuf_addf(&b, "VM '%s' cannot start%s%s: ", request->vm->name_label, request->only ? " on " : "",
                request->only ? request->only->name_label : "");
        if (!c->together) {
                sentence_need(&b, c->kind);
                strbuf_add(&b, "; ");
        }
        sentence_gpu_miss(&b, c, &r->demand);
        strbuf_add(&b, ". ");
        before = b.len;
        sentence_gpu_remedy(&b, c, &r->demand);
        strbuf_add(&b, b.len > before ? "." : "");
        if (!request->only)
                sentence_end(&b, r);

        return refusal_take(ret, code, &b);
}

static int refuse_for_others(const Ranking *r, const Candidate *c, Refusal *ret) {
        const AllocRequest *request = r->request;
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "VM '%s' cannot start: ", request->vm->name_label);
        sentence_other_miss(&b, c, request->vm);
        strbuf_addf(&b, ". %s.", other_remedy(c->other));
        if (!request->only)
                sentence_end(&b, r);

        return refusal_take(ret, c->other, &b);
}

/* Where all PGPUs of a group are on hosts that cannot be used, the nearest miss is one of those. */
static int refuse_unusable_group(
        const Ranking *r, const DemandKind *k, Refusal *ret, PgpuVerdict *ret_nearest) {
        _cleanup_strbuf_ StrBuf b = {};
        PgpuVerdict v;

        pgpu_verdict(k->group->pgpus.items[0], k->type, r->request->reservation, &v);
        strbuf_addf(&b, "VM '%s' cannot start: no host that is online and enabled has a PGPU of group '%s'; ",
                r->request->vm->name_label, k->group->name_label);
        sentence_verdict(&b, &v, k->type);
        strbuf_add(&b, ". ");
        sentence_remedy(&b, &v, k->type);
        strbuf_add(&b, ".");
        sentence_end(&b, r);

        *ret_nearest = v;
        return refusal_take(ret, k->passthrough ? ERROR_VM_REQUIRES_GPU : v.code, &b);
}

/* Ends at the first: no longer than a group's PGPUs are all on hosts that cannot be used. */
static bool group_is_usable(const GpuGroup *g) {
        for (size_t i = 0; i < g->pgpus.n; i++)
                if (host_is_usable(((Pgpu *) g->pgpus.items[i])->host))
                        return true;

        return false;
}

int refuse_start(const Ranking *r, Refusal *ret, PgpuVerdict *ret_nearest) {
        const Candidate *c;
        bool usable = false;

        for (size_t i = 0; i < r->n; i++)
                usable |= r->candidates[i].usable == ERROR_NONE;
        if (!usable)
                return refuse_without_hosts(r, ret);

        for (size_t k = 0; k < r->demand.n_kinds; k++) {
                const DemandKind *kind = &r->demand.kinds[k];

                if (kind->group->pgpus.n == 0)
                        return refuse_empty_group(r, kind, ret);
                if (!r->request->only && !group_is_usable(kind->group))
                        return refuse_unusable_group(r, kind, ret, ret_nearest);
        }

        c = nearest_of_others(r);
        if (c)
                return refuse_for_others(r, c, ret);

        c = nearest_of_gpus(r);
        *ret_nearest = c->nearest;
        return refuse_for_gpus(r, c, ret);
}

/* What the visitor is told of one host. */
static void sentence_candidate(
        StrBuf *b, const Ranking *r, const Candidate *c, bool chosen, Pgpu *const *pgpus) {
        const Demand *d = &r->demand;
        size_t before;

        if (c->usable == ERROR_HOST_OFFLINE)
                sentence_unusable_host(b, c->host);
        else if (c->usable != ERROR_NONE)
                strbuf_addf(b, "%s has refused this start just now", c->host->name_label);
        else if (c->gpu != ERROR_NONE) {
                sentence_gpu_miss(b, c, d);
                strbuf_add(b, ". ");
                before = b->len;
                sentence_gpu_remedy(b, c, d);
                if (b->len == before)
                        b->len -= 2;
        } else if (c->other != ERROR_NONE) {
                sentence_other_miss(b, c, d->vm);
                strbuf_addf(b, ". %s", other_remedy(c->other));
        } else {
                strbuf_addf(b, "%s %s", c->host->name_label, chosen ? "would be chosen" : "could run it");
                for (size_t i = 0; i < d->n_vgpus; i++)
                        strbuf_addf(b, "%s%s at %s", i == 0 ? ": " : ", ",
                                type_label(d->kinds[d->kind_of[i]].type), PCI_TEXT(&pgpus[i]->pci));
        }
        strbuf_add(b, ".");
}

/* A PGPU of the group as one VGPU sees it. One that is pinned elsewhere sees nothing in it, whatever room
 * there is. */
static void vgpu_verdict(
        const Vgpu *v, const Pgpu *p, const Reservation *reservation, PgpuVerdict *ret, StrBuf *remedy) {
        pgpu_verdict(p, v->type, reservation, ret);
        if (!v->pinned || pci_address_compare(&p->pci, &v->pinned_pci) == 0) {
                sentence_remedy(remedy, ret, v->type);
                return;
        }

        ret->code = ERROR_VM_REQUIRES_VGPU;
        ret->capacity = 0;
        strbuf_addf(remedy, "The VM's platform asks for %s", PCI_TEXT(&v->pinned_pci));
}

static int visit_pgpus(const Ranking *r, const Candidate *c, const AllocVisitor *visitor) {
        const Vm *vm = r->request->vm;

        for (size_t i = 0; visitor->pgpu && i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                for (size_t j = 0; j < c->host->pgpus.n; j++) {
                        const Pgpu *p = c->host->pgpus.items[j];
                        _cleanup_strbuf_ StrBuf b = {};
                        _cleanup_free_ char *remedy = NULL;
                        PgpuVerdict verdict;

                        if (p->group != v->group)
                                continue;
                        vgpu_verdict(v, p, r->request->reservation, &verdict, &b);
                        remedy = strbuf_take(&b);
                        if (!remedy)
                                return -ENOMEM;
                        visitor->pgpu(c->host, v, &verdict, remedy, visitor->userdata);
                }
        }

        return 0;
}

int visit_candidate(Ranking *r, const Candidate *c, const AllocVisitor *visitor, bool chosen) {
        Pgpu *pgpus[DEMAND_VGPUS_MAX] = {};
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *message = NULL;
        HostVerdict v = {
                .host = c->host,
                .code = candidate_code(c),
                .score = r->demand.n_vgpus > 0 ? c->scores[0] : 0,
                .tier = c->tier,
                .memory_need = r->request->vm->memory,
                .memory_available = host_memory_available(c->host),
                .missing = c->missing,
        };
        int error;

        error = visit_pgpus(r, c, visitor);
        if (error >= 0 && v.code == ERROR_NONE) {
                v.pgpus = pgpus;
                if (r->demand.n_vgpus > 0)
                        error = assigner_try(r->assigner, c->host, pgpus);
        }
        if (error < 0)
                return error;
        if (!visitor->host)
                return 0;

        sentence_candidate(&b, r, c, chosen, pgpus);
        message = strbuf_take(&b);
        if (!message)
                return -ENOMEM;

        v.message = message;
        visitor->host(&v, visitor->userdata);
        return 0;
}
