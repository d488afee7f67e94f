/*
 * Why not
 *
 * Which code a refused start gives, and its sentence. Where the GPUs of some host would fit, what is missing
 * there is the answer (the host that lacks least memory, if it is memory). Else it is the nearest miss of the
 * GPUs over the hosts that pass every other check, or, where none does, over all usable hosts. Then comes
 * what would help, and whether that suffices; at the end the hosts counted by what stops them.
 */

#include <inttypes.h>

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"

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

/* "3 hosts: 2 full, 1 disabled" */
static void sentence_counts(StrBuf *b, const Ranking *r) {
        bool first = true;

        strbuf_addf(b, "%zu host%s: ", r->n_hosts, PLURAL(r->n_hosts));
        for (size_t code = 0; code < _ERROR_MAX; code++) {
                if (r->counts[code] == 0 || !code_counts[code])
                        continue;
                strbuf_addf(b, "%s%" PRIu32 " %s", first ? "" : ", ", r->counts[code], code_counts[code]);
                first = false;
        }
        if (r->n_connecting > 0)
                strbuf_addf(b, "%s%zu not heard from yet", first ? "" : ", ", r->n_connecting);
}

int refuse_vm(const Vm *vm, Refusal *ret) {
        if (vm->vgpus.n > 0 && !vm->hvm)
                return refusal_set(ret, ERROR_FEATURE_REQUIRES_HVM,
                        "VM '%s' has VGPUs, which only an HVM guest can use: set c_info.type to \"hvm\" in "
                        "its configuration.",
                        vm->name_label);

        if (vm->hvm && vm_passes_functions(vm) && !vm->target_is_max)
                return refusal_set(ret, ERROR_INVALID_RECORD,
                        "VM '%s' gets the PCI device %s, which needs all its memory from the start: set "
                        "target_memkb equal to max_memkb in its configuration.",
                        vm->name_label, vm->functions[0]);

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

/* "GRID K140Q needs a quarter of a PGPU", "2 x GRID M60-2Q need a quarter of a PGPU each"; how much an
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
                strbuf_addf(b, ", at %s as the VM's platform says", PCI_TEXT(&k->pinned_pci));
}

#define PLANS_MAX 8 /* hosts tried for one that could take several VGPUs */

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
        if (r->request->rehearsal)
                return;
        strbuf_add(b, " ");
        sentence_counts(b, r);
        strbuf_add(b, "; vm-explain tells of each.");
}

/* Where the start named a host that refuses: who would not. Or the counts. */
static int sentence_others(StrBuf *b, const Ranking *r) {
        _cleanup_(allocation_done) Allocation a = {};
        AllocRequest request = *r->request;
        int error;

        if (!request.only) {
                sentence_end(b, r);
                return 0;
        }

        request.only = NULL;
        error = allocate(r->pool, &request, NULL, &a);
        if (error >= 0 && a.host && a.host != r->request->only)
                strbuf_addf(b, " Host %s could run it now.", a.host->name_label);
        return error;
}

static void sentence_begin(StrBuf *b, const Ranking *r) {
        const Host *only = r->request->only;

        if (r->request->rehearsal)
                return;

        strbuf_addf(b, "VM '%s' cannot start%s%s: ", r->request->vm->name_label, only ? " on " : "",
                only ? only->name_label : "");
}

static int refuse_on_unusable(const Ranking *r, Refusal *ret) {
        const Candidate *c = &r->candidates[0];
        _cleanup_strbuf_ StrBuf b = {};
        int error = 0;

        sentence_begin(&b, r);
        if (!host_is_usable(c->host)) {
                sentence_unusable_host(&b, c->host);
                strbuf_add(&b, ".");
                error = sentence_usable_remedy(&b, r, c->host);
        } else
                strbuf_add(
                        &b, "the host has refused it just now. Take another host, or leave the choice open.");
        if (error >= 0)
                error = sentence_others(&b, r);
        return error < 0 ? error : refusal_take(ret, c->usable, &b);
}

static int refuse_without_hosts(const Ranking *r, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};
        const Host *h = NULL;
        int error;

        if (r->request->only)
                return refuse_on_unusable(r, ret);

        sentence_begin(&b, r);
        if (r->n == 0) {
                strbuf_add(&b, "the pool has no hosts. Add one first.");
                return refusal_take(ret, ERROR_NO_HOSTS_AVAILABLE, &b);
        }

        strbuf_add(&b, "no host is online, enabled and willing.");
        error = find_unusable(r, NULL, &h);
        if (error >= 0 && h)
                error = sentence_usable_remedy(&b, r, h);
        else if (error >= 0)
                strbuf_add(&b, " Each has refused this start just now; their logs say why.");
        if (error < 0)
                return error;
        sentence_end(&b, r);
        return refusal_take(ret, ERROR_NO_HOSTS_AVAILABLE, &b);
}

static int refuse_empty_group(const Ranking *r, const DemandKind *k, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};

        sentence_begin(&b, r);
        strbuf_addf(&b, "group '%s' contains no PGPUs. ", k->group->name_label);
        if (k->type->supported_on.n == 0)
                strbuf_addf(&b,
                        "No host of the pool has the hardware for %s; add one that has, and its cards to the "
                        "group.",
                        type_label(k->type));
        else {
                strbuf_add(&b, "Move one to it, or use another group: ");
                sentence_elsewhere(&b, k->type, &r->demand);
                strbuf_add(&b, ".");
        }
        return refusal_take(ret, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS, &b);
}

static int refuse_for_gpus(const Ranking *r, const Candidate *c, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {};
        int error;

        sentence_begin(&b, r);
        if (!c->together) {
                sentence_need(&b, c->kind, c->nearest.pgpu);
                strbuf_add(&b, "; ");
        }
        sentence_gpu_miss(&b, c, &r->demand);
        strbuf_add(&b, ".");
        error = sentence_gpu_remedy(&b, r, c);
        if (error >= 0)
                error = sentence_others(&b, r);
        return error < 0 ? error : refusal_take(ret, candidate_code(c), &b);
}

static int refuse_for_others(const Ranking *r, const Candidate *c, Refusal *ret) {
        _cleanup_strbuf_ StrBuf b = {}, steps = {};
        int error;

        sentence_begin(&b, r);
        sentence_miss(&b, c, &r->demand);
        strbuf_add(&b, ".");
        sentence_lacks_remedy(&steps, &r->demand, c->host);
        sentence_add_steps(&b, &steps);
        error = sentence_others(&b, r);
        return error < 0 ? error : refusal_take(ret, c->other, &b);
}

static const Pgpu *group_pgpu_on(const GpuGroup *g, const Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++)
                if (((const Pgpu *) h->pgpus.items[i])->group == g)
                        return h->pgpus.items[i];

        return g->pgpus.items[0];
}

/* Where all PGPUs of a group are on hosts that cannot be used, the nearest miss is one of those. */
static int refuse_unusable_group(
        const Ranking *r, const DemandKind *k, Refusal *ret, PgpuVerdict *ret_nearest) {
        _cleanup_strbuf_ StrBuf b = {};
        const Host *h = NULL;
        PgpuVerdict v;
        int error;

        error = find_unusable(r, k->group, &h);
        if (error < 0)
                return error;
        h = h ?: ((const Pgpu *) k->group->pgpus.items[0])->host;

        pgpu_verdict(group_pgpu_on(k->group, h), k->type, r->request->reservation, &v);
        sentence_begin(&b, r);
        strbuf_addf(
                &b, "no host that is online and enabled has a PGPU of group '%s'; ", k->group->name_label);
        sentence_verdict(&b, &v, k->type);
        strbuf_add(&b, ".");
        error = sentence_usable_remedy(&b, r, h);
        if (error < 0)
                return error;
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
