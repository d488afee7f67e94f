/*
 * Evaluating and ranking hosts
 *
 * Each host is looked at once: can it be used, do its GPUs take all VGPUs, does it have memory, networks,
 * storage, IOMMU and HVM. Hosts whose GPUs fit are sorted into tiers: those where starts failed come last;
 * then the number of VMs of the VM's anti-affine group there decides, then the scores of the VM's VGPUs,
 * first VGPU first; inside a tier the host that the VM has an affinity to comes first, then the host with the
 * most free memory, then the name decides.
 */

#include "policyd/decide/decider.h"
#include "policyd/decide/nearness.h"
#include "policyd/pool/pool-internal.h"
#include "protocol/config-keys.h"

bool type_needs_iommu(const VgpuType *t) {
        switch (t->implementation) {
        case TYPE_PASSTHROUGH:
        case TYPE_NVIDIA_SRIOV:
        case TYPE_MXGPU:
        case TYPE_SRIOV:
                return true;
        case TYPE_NVIDIA:
        case TYPE_GVT_G:
        case _VGPU_IMPLEMENTATION_MAX:
        case _VGPU_IMPLEMENTATION_INVALID:
                break;
        }

        return false;
}

static bool request_avoids(const AllocRequest *request, const Host *h) {
        for (size_t i = 0; i < request->n_avoid; i++)
                if (request->avoid[i] == h)
                        return true;

        return false;
}

const char *first_missing(char *const *wanted, char *const *there) {
        for (; wanted && *wanted; wanted++)
                if (!strv_contains(there, *wanted))
                        return *wanted;

        return NULL;
}

/* A disk is the storage itself, or a path below it. */
static bool storage_holds(const char *storage, const char *disk) {
        size_t n = strlen(storage);

        if (strncmp(storage, disk, n) != 0)
                return false;
        return disk[n] == '\0' || disk[n] == '/' || (n > 0 && storage[n - 1] == '/');
}

const char *first_disk_without_storage(char *const *disks, char *const *storage) {
        for (; disks && *disks; disks++) {
                char *const *s = storage;

                while (s && *s && !storage_holds(*s, *disks))
                        s++;
                if (!s || !*s)
                        return *disks;
        }

        return NULL;
}

bool vm_passes_functions(const Vm *vm) {
        return vm->functions && vm->functions[0];
}

bool vm_passes_others(const Vm *vm) {
        for (char *const *f = vm->functions; f && *f; f++)
                if (!vm_function_is_vgpu(vm, *f))
                        return true;
        return false;
}

const char *first_objection(const Vm *vm, const Host *h) {
        if (!h->allowed_config_keys)
                return NULL;
        for (char *const *o = vm->objections; o && *o; o++)
                if (!config_objection_is_allowed((const char *const *) h->allowed_config_keys, *o))
                        return *o;
        return NULL;
}

/* A PV guest does without an IOMMU. */
bool demand_needs_iommu(const Demand *d) {
        if (d->vm->hvm && vm_passes_functions(d->vm))
                return true;
        for (size_t k = 0; k < d->n_kinds; k++)
                if (type_needs_iommu(d->kinds[k].type))
                        return true;
        return false;
}

static bool function_is_taken(const Vm *vm, const Host *h, const char *function) {
        if (h->taken_functions && strv_contains(h->taken_functions, function))
                return true;
        for_each(const Vm, other, &h->vms)
                if (!uuid_equal(&other->object.id, &vm->object.id) &&
                        strv_contains(other->functions, function))
                        return true;
        return false;
}

const char *first_function_not_free(const Vm *vm, const Host *h) {
        bool told = h->functions != NULL;

        for (char *const *f = vm->functions; f && *f; f++)
                if (!vm_function_is_vgpu(vm, *f) && ((told && !strv_contains(h->functions, *f)) || function_is_taken(vm, h, *f)))
                        return *f;
        return NULL;
}

void candidate_check_facts(Candidate *c, const Demand *d) {
        const Vm *vm = d->vm;
        const Host *h = c->host;

        if ((c->missing = first_disk_without_storage(vm->storage, h->storage)))
                c->other = ERROR_VM_REQUIRES_SR;
        else if ((c->missing = first_missing(vm->networks, h->networks)))
                c->other = ERROR_VM_REQUIRES_NET;
        else if ((h->refuses_pcidevs && vm_passes_others(vm)) || first_objection(vm, h))
                c->other = ERROR_CONFIG_NOT_ALLOWED;
        else if ((c->missing = first_function_not_free(vm, h)))
                c->other = ERROR_VM_REQUIRES_PCI;
        else if (demand_needs_iommu(d) && !h->iommu)
                c->other = ERROR_VM_REQUIRES_IOMMU;
        else if (vm->hvm && !h->hvm)
                c->other = ERROR_FEATURE_REQUIRES_HVM;
}

/* Everything but the GPUs, in XenServer's order. */
static void candidate_check_others(Candidate *c, const Demand *d) {
        c->memory_available = host_memory_available(c->host);
        candidate_check_facts(c, d);
        if (c->other == ERROR_NONE && d->vm->memory > c->memory_available)
                c->other = ERROR_HOST_NOT_ENOUGH_FREE_MEMORY;
}

/* Compares two misses on one host. If they are equally near, the one that needs less to be removed is better,
 * and first fewer VMs outside the pool. */
static bool is_better_miss(const PgpuVerdict *a, const PgpuVerdict *b) {
        if (verdict_is_nearer(a, b))
                return true;

        if (a->code != b->code || a->held != b->held)
                return false;
        if (a->pgpu->n_outsiders != b->pgpu->n_outsiders)
                return a->pgpu->n_outsiders < b->pgpu->n_outsiders;
        return pgpu_load(a->pgpu) < pgpu_load(b->pgpu);
}

uint64_t host_score(const Host *h, const DemandKind *k, const Reservation *reservation,
        PgpuVerdict *ret_nearest, uint32_t *ret_own) {
        bool best_fit = k->group->algorithm == ALGORITHM_BEST_FIT, possible = false;
        PgpuVerdict nearest = {};
        uint64_t score = 0;
        uint32_t own = 0;
        Offer offer = {};

        for_each(const Pgpu, p, &h->pgpus) {
                PgpuVerdict v;

                if (p->group != k->group)
                        continue;

                pgpu_verdict_next(&offer, p, k->type, reservation, &v);
                if (demand_kind_matches(k, p) && v.capacity == 0 && is_better_miss(&v, &nearest))
                        nearest = v;
                if (v.capacity == 0)
                        continue;

                possible |= demand_kind_matches(k, p);
                if (best_fit) {
                        uint64_t stranded = pgpu_fit_score(p, k->type, reservation, v.capacity);

                        score = score == 0 ? stranded : MIN_OF(score, stranded);
                } else
                        score += v.capacity;
                if (k->reserved)
                        own += pgpu_own_holds(p, reservation);
        }

        *ret_own = MIN_OF(own, k->count);
        *ret_nearest = nearest;
        return possible ? score : 0;
}

static void candidate_fail_gpu(Candidate *c, const DemandKind *k, const PgpuVerdict *nearest) {
        c->kind = k;
        c->nearest = *nearest;
        c->gpu = nearest->pgpu ? nearest->code : ERROR_VM_REQUIRES_VGPU;
}

/* The PGPU that a VGPU would take alone: if several do not fit together, the refusal names that one. */
static void candidate_fail_together(Candidate *c, const Demand *d) {
        const DemandKind *k = &d->kinds[d->kind_of[d->n_vgpus - 1]];

        c->kind = k;
        c->together = true;
        c->gpu = ERROR_PGPU_INSUFFICIENT_CAPACITY;
        for_each_while(!c->nearest.pgpu, const Pgpu, p, &c->host->pgpus)
                if (demand_kind_matches(k, p))
                        pgpu_verdict(p, k->type, d->reservation, &c->nearest);
}

/* Whether starts failed on the host itself, or on every PGPU that the one VGPU could have there. */
static bool candidate_is_last(const Candidate *c, const Demand *d) {
        if (!c->host->uneven || c->host->standing != PLACE_GOOD || d->n_vgpus == 0)
                return c->host->standing != PLACE_GOOD;

        for_each(const Pgpu, p, &c->host->pgpus) {
                PgpuVerdict v;

                if (p->standing != PLACE_GOOD || !demand_kind_matches(&d->kinds[0], p))
                        continue;
                pgpu_verdict(p, d->kinds[0].type, d->reservation, &v);
                if (v.capacity > 0)
                        return false;
        }
        return true;
}

static bool pgpus_are_good(Pgpu *const *pgpus, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (pgpus[i]->standing != PLACE_GOOD)
                        return false;

        return true;
}

static bool demand_has_best_fit(const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++)
                if (d->kinds[k].group->algorithm == ALGORITHM_BEST_FIT)
                        return true;
        return false;
}

int candidate_check_gpus(Candidate *c, const Demand *d, Assigner *assigner) {
        uint64_t scores[DEMAND_VGPUS_MAX];
        Pgpu *pgpus[DEMAND_VGPUS_MAX];
        int r;

        for (size_t k = 0; k < d->n_kinds; k++) {
                PgpuVerdict nearest;
                uint32_t own;

                scores[k] = host_score(c->host, &d->kinds[k], d->reservation, &nearest, &own);
                c->n_own += own;
                if (scores[k] == 0) {
                        candidate_fail_gpu(c, &d->kinds[k], &nearest);
                        return 0;
                }
        }

        for (size_t i = 0; i < d->n_vgpus; i++)
                c->scores[i] = scores[d->kind_of[i]];

        if (d->n_vgpus <= 1) {
                c->last = candidate_is_last(c, d);
                return 0;
        }

        r = assigner_try(assigner, c->host, pgpus);
        if (r < 0)
                return r;
        if (r == 0)
                candidate_fail_together(c, d);
        else {
                c->last = c->host->standing != PLACE_GOOD || !pgpus_are_good(pgpus, d->n_vgpus);
                c->spread = demand_has_best_fit(d) ? 0 : pgpus_spread(pgpus, d->n_vgpus);
        }
        return 0;
}

int candidate_evaluate(Candidate *c, const Demand *d, Assigner *assigner, const AllocRequest *request) {
        c->usable = host_usable_code(c->host);
        if (c->usable != ERROR_NONE)
                return 0;
        if (request_avoids(request, c->host)) {
                c->usable = ERROR_NO_HOSTS_AVAILABLE;
                return 0;
        }

        c->n_members = vm_group_members_on(d->vm, c->host);
        candidate_check_others(c, d);
        return candidate_check_gpus(c, d, assigner);
}

ErrorCode candidate_code(const Candidate *c) {
        if (c->usable != ERROR_NONE)
                return c->usable;
        if (c->gpu != ERROR_NONE)
                return c->kind->passthrough ? ERROR_VM_REQUIRES_GPU : c->gpu;
        return c->other;
}

/* Distinguishes a full host from one that runs another type, for passthrough too. */
ErrorCode candidate_reason(const Candidate *c) {
        return c->usable == ERROR_NONE && c->gpu != ERROR_NONE ? c->gpu : candidate_code(c);
}

static bool candidate_fits_gpus(const Candidate *c) {
        return c->usable == ERROR_NONE && c->gpu == ERROR_NONE;
}

/* By what makes a tier: what the reservation holds, then whether starts failed there, then how few of the
 * VM's group are there, then each VGPU's score in the direction of its group's algorithm, then how near to each other its PGPUs
 * would be. */
static int compare_tier(const Candidate *a, const Candidate *b, const Demand *d) {
        if (a->n_own != b->n_own)
                return a->n_own > b->n_own ? -1 : 1;
        if (a->last != b->last)
                return a->last ? 1 : -1;
        if (a->n_members != b->n_members)
                return a->n_members < b->n_members ? -1 : 1;

        for (size_t i = 0; i < d->n_vgpus; i++) {
                bool most_first = d->kinds[d->kind_of[i]].group->algorithm == ALGORITHM_BREADTH_FIRST;

                if (a->scores[i] != b->scores[i])
                        return (a->scores[i] < b->scores[i]) != most_first ? -1 : 1;
        }

        if (a->spread != b->spread)
                return a->spread < b->spread ? -1 : 1;
        return 0;
}

bool vm_prefers(const Vm *vm, const Host *h) {
        return vm->affinity[0] &&
               (streq(vm->affinity, h->name_label) || streq(vm->affinity, UUID_TEXT(&h->object.id)) ||
                       (!uuid_is_null(&h->host_uuid) && streq(vm->affinity, UUID_TEXT(&h->host_uuid))));
}

static int compare_candidates(const void *x, const void *y, void *userdata) {
        const Candidate *a = x, *b = y;
        const Demand *d = userdata;
        bool a_fits = candidate_fits_gpus(a), b_fits = candidate_fits_gpus(b);
        bool a_preferred, b_preferred;
        int c;

        if (a_fits != b_fits)
                return a_fits ? -1 : 1;

        if (a_fits) {
                c = compare_tier(a, b, d);
                if (c != 0)
                        return c;

                a_preferred = vm_prefers(d->vm, a->host);
                b_preferred = vm_prefers(d->vm, b->host);
                if (a_preferred != b_preferred)
                        return a_preferred ? -1 : 1;
                if (a->memory_available != b->memory_available)
                        return a->memory_available > b->memory_available ? -1 : 1;
        }

        c = strcmp(a->host->name_label, b->host->name_label);
        return c ?: (a->host->object.key < b->host->object.key ? -1 : 1);
}

void ranking_sort(Ranking *r) {
        qsort_r(r->candidates, r->n, sizeof(Candidate), compare_candidates, &r->demand);

        r->n_fit = 0;
        while (r->n_fit < r->n && candidate_fits_gpus(&r->candidates[r->n_fit])) {
                Candidate *c = &r->candidates[r->n_fit];

                if (r->n_fit > 0)
                        c->tier = c[-1].tier + (compare_tier(&c[-1], c, &r->demand) != 0);
                r->n_fit++;
        }
}

void ranking_done(Ranking *r) {
        r->assigner = assigner_free(r->assigner);
        free(r->candidates);
        free(r->scores);
        ranking_init(r);
}

int ranking_prepare(Ranking *r, const Pool *pool, const AllocRequest *request, size_t n_max) {
        int error;

        ranking_init(r);
        r->pool = pool;
        r->request = request;
        error = demand_init(&r->demand, request->vm, request->reservation);
        if (error < 0)
                return error;

        r->candidates = malloc((n_max + 1) * sizeof(Candidate));
        r->scores = calloc(n_max * r->demand.n_vgpus + 1, sizeof(uint64_t));
        if (!r->candidates || !r->scores)
                return -ENOMEM;
        return r->demand.n_vgpus <= 1 || ranking_assigner(r) ? 0 : -ENOMEM;
}

Assigner *ranking_assigner(Ranking *r) {
        if (!r->assigner)
                r->assigner = assigner_new(&r->demand);
        return r->assigner;
}

int ranking_add(Ranking *r, const Host *h) {
        Candidate *c = &r->candidates[r->n];

        *c = (Candidate){.host = h, .scores = r->scores + r->n * r->demand.n_vgpus};
        r->n++;
        return candidate_evaluate(c, &r->demand, r->assigner, r->request);
}

static void ranking_count(Ranking *r) {
        r->n_hosts = r->n;
        for (size_t i = 0; i < r->n; i++)
                if (r->candidates[i].host->state == HOST_CONNECTING)
                        r->n_connecting++;
                else {
                        r->counts[candidate_reason(&r->candidates[i])]++;
                        r->n_gone += r->candidates[i].gpu == ERROR_HOST_OFFLINE;
                }
}

int ranking_scan(Ranking *r, const Pool *pool, const AllocRequest *request) {
        const PtrArray *hosts = &pool->objects[CLASS_HOST];
        size_t n = request->only ? 1 : hosts->n;
        int error;

        error = ranking_prepare(r, pool, request, n);
        for (size_t i = 0; error >= 0 && i < n; i++)
                error = ranking_add(r, request->only ?: hosts->items[i]);
        if (error < 0)
                return error;

        ranking_sort(r);
        ranking_count(r);
        return 0;
}
