/*
 * What stops one host, and what would help there
 *
 * Every remedy is complete: the sentence also names what the steps on one PGPU or on several, or a usable
 * host, would leave undone. It names everything that a host lacks beside GPUs, because a remedy that leaves
 * something out does not help.
 */

#include <inttypes.h>

#include "policyd/pool/each.h"
#include "policyd/words/decision-words.h"

/* What it lacks beside GPUs */

/* The text after `last` in a list of which every text is distinct. */
static char *const *texts_after(char *const *list, const char *last) {
        while (*list != last)
                list++;
        return list + 1;
}

typedef const char *(*FindMissing)(char *const *wanted, char *const *there);

/* "has no network 'a' or 'b'"; returns 1 when anything is missing. */
static size_t sentence_missing(StrBuf *b, const char *before, const char *separator, FindMissing find,
        char *const *wanted, char *const *there) {
        const char *last = find(wanted, there);

        if (!last)
                return 0;
        strbuf_addf(b, "%s%s '%s'", separator, before, last);
        while ((last = find(texts_after(wanted, last), there))) {
                strbuf_addf(b, " or '%s'", last);
                wanted = texts_after(wanted, last) - 1;
        }
        return 1;
}

static void sentence_key(StrBuf *b, const char *objection) {
        strbuf_add_n(b, objection, strcspn(objection, "="));
}

/* What the host would lack if so many more bytes were free: "has no network 'x' and is 1 GiB short of memory:
 * …"; returns how many things. */
static size_t sentence_lacks(StrBuf *b, const Demand *d, const Host *h, uint64_t freed) {
        uint64_t missing = memory_short(d, h, freed);
        const Vm *vm = d->vm;
        size_t n = 0;

        n += sentence_missing(
                b, "cannot reach the storage", "", first_disk_without_storage, vm->storage, h->storage);
        n += sentence_missing(
                b, "has no network", n > 0 ? " and " : "", first_missing, vm->networks, h->networks);
        if (h->refuses_pcidevs && vm_passes_others(vm))
                strbuf_addf(b, "%sdoes not allow pcidevs in a VM's config", n++ > 0 ? " and " : "");
        if (first_objection(vm, h)) {
                strbuf_addf(b, "%sdoes not allow what the VM's config says as ", n++ > 0 ? " and " : "");
                sentence_key(b, first_objection(vm, h));
        }
        if (first_function_not_free(vm, h))
                strbuf_addf(b, "%shas no PCI device %s that is free to give", n++ > 0 ? " and " : "",
                        first_function_not_free(vm, h));
        if (demand_needs_iommu(d) && !h->iommu)
                strbuf_addf(
                        b, "%shas no IOMMU, which giving a PCI device to a VM needs", n++ > 0 ? " and " : "");
        if (vm->hvm && !h->hvm)
                strbuf_addf(b, "%scannot run HVM guests", n++ > 0 ? " and " : "");
        if (missing > 0) {
                strbuf_add(b, n++ > 0 ? " and is " : "is ");
                sentence_size(b, missing, /* up= */ true);
                strbuf_add(b, " short of memory: the VM needs ");
                sentence_size(b, vm->memory, /* up= */ true);
                strbuf_add(b, " and ");
                sentence_size(b, host_memory_available(h), /* up= */ false);
                strbuf_add(b, " is free there");
        }
        return n;
}

static int compare_memory(const void *a, const void *b) {
        const Vm *x = *(Vm *const *) a, *y = *(Vm *const *) b;

        if (x->memory != y->memory)
                return x->memory > y->memory ? -1 : 1;
        return x->object.key < y->object.key ? -1 : 1;
}

/* "shut down VM 'a' there (4 GiB)": the fewest VMs, and none of them larger than need be when one will do. */
static void sentence_free_memory(StrBuf *b, const Host *h, uint64_t missing, uint64_t to_free) {
        _cleanup_free_ Vm **vms = calloc(h->vms.n + 1, sizeof(Vm *));
        size_t n = 0, first = 0;
        uint64_t sum = 0;

        if (!vms) {
                b->error = -ENOMEM;
                return;
        }
        if (h->vms.n > 0)
                memcpy(vms, h->vms.items, h->vms.n * sizeof(Vm *));
        qsort(vms, h->vms.n, sizeof(Vm *), compare_memory);

        while (n < h->vms.n && sum < to_free)
                sum += vms[n++]->memory;
        while (n == 1 && first + 1 < h->vms.n && vms[first + 1]->memory >= to_free)
                first++;
        if (sum >= to_free) {
                sentence_step(b, "shut down VM%s ", PLURAL(n));
                for (size_t i = 0; i < n; i++)
                        sentence_name(b, i, n, vms[first + i]->name_label);
                strbuf_addf(b, " on %s or give this VM ", h->name_label);
        } else
                sentence_step(b, "give this VM ");
        sentence_size(b, missing, /* up= */ true);
        strbuf_add(b, " less memory");
}

/* The steps that would mend it, each with its alternative. */
static void sentence_lacks_remedy(StrBuf *b, const Demand *d, const Host *h) {
        uint64_t missing = memory_short(d, h, 0);
        const char *host = h->name_label;

        if (first_disk_without_storage(d->vm->storage, h->storage))
                sentence_step(b,
                        "attach the storage to %s (the setting storage of its hostd.conf names what VMs may "
                        "use) or change the VM's disks",
                        host);
        if (first_missing(d->vm->networks, h->networks))
                sentence_step(b, "create the network on %s or change the VM's nics", host);
        if (h->refuses_pcidevs && vm_passes_others(d->vm))
                sentence_step(b,
                        "add pcidevs to the setting allowed_config_keys of %s's hostd.conf, or take them out "
                        "(a GPU is given as a "
                        "passthrough VGPU)",
                        host);
        if (first_objection(d->vm, h)) {
                sentence_step(b, "change it, or add ");
                sentence_key(b, first_objection(d->vm, h));
                strbuf_addf(b, " to the setting allowed_config_keys of %s's hostd.conf", host);
        }
        if (first_function_not_free(d->vm, h))
                sentence_step(b,
                        "free the device on %s (SIGHUP lets its hostd look again) or change the VM's pcidevs",
                        host);
        if ((demand_needs_iommu(d) && !h->iommu) || (d->vm->hvm && !h->hvm))
                sentence_step(b, "switch it on in the firmware of %s", host);
        if (missing > 0)
                sentence_free_memory(b, h, missing, memory_to_free(d, h));
}

/* Its GPUs */

/* What each kind wants, when every VGPU alone would fit: "2 x GRID K260Q and 1 x GRID K240Q". */
static void sentence_all(StrBuf *b, const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++)
                strbuf_addf(b, "%s%u x %s", list_separator(k, d->n_kinds), d->kinds[k].count,
                        type_label(d->kinds[k].type));
}

/* What there is of each kind, if it were alone. */
static void sentence_room(StrBuf *b, const Host *h, const Demand *d) {
        for (size_t k = 0; k < d->n_kinds; k++) {
                const DemandKind *kind = &d->kinds[k];
                uint64_t room = 0;

                for (size_t i = 0; i < h->pgpus.n; i++) {
                        PgpuVerdict v;

                        if (!demand_kind_matches(kind, h->pgpus.items[i]))
                                continue;
                        pgpu_verdict(h->pgpus.items[i], kind->type, d->reservation, &v);
                        room += v.capacity;
                }
                strbuf_addf(b, "%s%" PRIu64 " x %s", k > 0 ? " or " : "", room, type_label(kind->type));
        }
}

/* "alpha has 4 of 8 whole GPUs free, and 9 are wanted" */
static void sentence_whole_free(StrBuf *b, const Candidate *c, const Demand *d) {
        const DemandKind *k = c->kind;
        size_t n = 0, n_free = 0;

        for_each(const Pgpu, p, &c->host->pgpus) {
                PgpuVerdict v;

                if (!demand_kind_matches(k, p))
                        continue;
                pgpu_verdict(p, k->type, d->reservation, &v);
                n++;
                n_free += v.capacity > 0;
        }
        strbuf_addf(b, "%s has %zu of %zu whole GPU%s free, and %u are wanted", c->host->name_label, n_free, n, PLURAL(n), k->count);
}

void sentence_gpu_miss(StrBuf *b, const Candidate *c, const Demand *d) {
        const DemandKind *k = c->kind;

        if (k->passthrough && k->count > 1 && c->nearest.pgpu && (d->n_kinds == 1 || !c->together)) {
                sentence_whole_free(b, c, d);
                if (c->together)
                        return;
                strbuf_add(b, ": ");
        }
        if (c->together) {
                strbuf_addf(b, "%s cannot take ", c->host->name_label);
                sentence_all(b, d);
                strbuf_add(b, " at once: it has room for ");
                sentence_room(b, c->host, d);
        } else if (c->nearest.pgpu)
                sentence_verdict(b, &c->nearest, k->type);
        else if (k->pinned)
                strbuf_addf(b, "%s has no PGPU at %s in group '%s'", c->host->name_label,
                        PCI_TEXT(&k->pinned_pci), k->group->name_label);
        else
                strbuf_addf(b, "%s has no PGPU of group '%s'", c->host->name_label, k->group->name_label);
}

/* What stops the VM on a host that can be used. */
static void sentence_miss(StrBuf *b, const Candidate *c, const Demand *d) {
        if (c->gpu != ERROR_NONE) {
                sentence_gpu_miss(b, c, d);
                return;
        }
        strbuf_addf(b, "%s ", c->host->name_label);
        (void) sentence_lacks(b, d, c->host, /* freed= */ 0);
}

/* What would help */

/* A host without a PGPU that the VGPU may go to. */
static void sentence_group_steps(StrBuf *b, const DemandKind *k) {
        if (k->group->pgpus.n == 0)
                return;
        if (k->pinned)
                sentence_step(b, "replace the VGPU by one that may go anywhere (%s, vgpu-create): the group has ",
                        k->passthrough ? "take it out of the config's pcidevs" : "vgpu-destroy");
        else
                sentence_step(b, "the group has ");
        sentence_pgpu(b, k->group->pgpus.items[0]);
        if (k->group->pgpus.n > 1)
                strbuf_addf(b, " and %zu more", k->group->pgpus.n - 1);
}

/* Those of one kind: "shut down VMs 'a' and 'b'". */
static void sentence_steps_of(StrBuf *b, const HostRemedy *r, StepKind kind, const char *what) {
        size_t n = 0, at = 0;

        for (size_t i = 0; i < r->n_steps; i++)
                n += r->steps[i].kind == kind;
        if (n > 0)
                sentence_step(b, "%s%s ", what, PLURAL(n));
        for (size_t i = 0; i < r->n_steps; i++)
                if (r->steps[i].kind == kind)
                        sentence_name(b, at++, n, object_name(r->steps[i].what));
}

static void sentence_host_steps(StrBuf *b, const HostRemedy *r, const Host *refusing) {
        for (size_t i = 0; i < r->n_steps; i++)
                if (r->steps[i].kind == STEP_ENABLE)
                        sentence_enable(b, CONTAINER_OF(r->steps[i].what, VgpuType, object),
                                r->host->pgpus.items[r->steps[i].pgpu]);
        sentence_steps_of(b, r, STEP_STOP, "shut down VM");
        sentence_steps_of(b, r, STEP_RELEASE, "destroy reservation");
        if (r->host != refusing)
                strbuf_addf(b, ": then %s can take them", r->host->name_label);
}

/* What the steps leave undone on that host. */
static void sentence_rest(StrBuf *b, const Demand *d, const HostRemedy *r) {
        _cleanup_strbuf_ StrBuf rest = {};
        bool any = true;

        if (r->kind != REMEDY_USABLE)
                any = sentence_lacks(&rest, d, r->host, r->memory) > 0;
        else if (candidate_code(&r->then) == ERROR_NONE)
                any = false;
        else
                sentence_miss(&rest, &r->then, d);
        b->error = b->error ?: rest.error;
        if (any)
                strbuf_addf(b, " That alone does not suffice: %s%s%s.",
                        r->kind == REMEDY_USABLE ? "" : r->host->name_label,
                        r->kind == REMEDY_USABLE ? "" : " also ", strempty(rest.text));
}

void sentence_host_remedy(StrBuf *b, const Demand *d, const Candidate *c, const HostRemedy *remedy) {
        _cleanup_strbuf_ StrBuf steps = {};
        bool leaves_rest = false;

        switch (remedy->kind) {
        case REMEDY_NONE:
                return;
        case REMEDY_FEWER:
                strbuf_addf(b,
                        " Not even with nothing else on its PGPUs could %s take them all: give the VM fewer "
                        "VGPUs, or spread them over several VMs.",
                        remedy->host->name_label);
                return;
        case REMEDY_USABLE:
                sentence_make_usable(&steps, remedy->host);
                leaves_rest = true;
                break;
        case REMEDY_FACTS:
                sentence_lacks_remedy(&steps, d, remedy->host);
                break;
        case REMEDY_GROUP:
                sentence_group_steps(&steps, c->kind);
                break;
        case REMEDY_PGPU:
                sentence_pgpu_remedy(&steps, &remedy->pgpu);
                leaves_rest = remedy->pgpu.supported;
                break;
        case REMEDY_STEPS:
                sentence_host_steps(&steps, remedy, c->host);
                leaves_rest = true;
                break;
        case REMEDY_OUTSIDERS:
                sentence_end_outsiders(&steps, remedy->pgpu.pgpu);
                strbuf_add(&steps, ", and ask again");
                break;
        }

        sentence_add_steps(b, &steps);
        if (leaves_rest)
                sentence_rest(b, d, remedy);
}

void sentence_host(StrBuf *b, const Demand *d, const Candidate *c, const HostRemedy *remedy) {
        if (host_is_usable(c->host))
                sentence_miss(b, c, d);
        else
                sentence_unusable_host(b, c->host);
        strbuf_add(b, ".");
        sentence_host_remedy(b, d, c, remedy);
}

/* Verdicts */

/* "GRID M60-2Q at 0000:83:00.0, 3 x GRID M60-2Q at 0000:84:00.0" */
static void sentence_places(StrBuf *b, const Demand *d, Pgpu *const *pgpus) {
        for (size_t i = 0, n; i < d->n_vgpus; i += n) {
                const VgpuType *t = d->kinds[d->kind_of[i]].type;

                for (n = 1; i + n < d->n_vgpus && pgpus[i + n] == pgpus[i] &&
                            d->kinds[d->kind_of[i + n]].type == t;
                        n++)
                        ;
                strbuf_add(b, i == 0 ? ": " : ", ");
                if (n > 1)
                        strbuf_addf(b, "%zu x ", n);
                strbuf_addf(b, "%s at %s", type_label(t), PCI_TEXT(&pgpus[i]->pci));
        }
}

/* What is known of where several PGPUs hang: "; all behind PCI switch 0000:81:00.0". */
static void sentence_nearness(StrBuf *b, Pgpu *const *pgpus, size_t n) {
        bool several = false, one_switch = true, one_node = true, known = true;

        for (size_t i = 0; i < n; i++) {
                several |= pgpus[i] != pgpus[0];
                one_switch &= pgpus[i]->pci_switch && streq_ptr(pgpus[i]->pci_switch, pgpus[0]->pci_switch);
                one_node &= pgpus[i]->numa_node == pgpus[0]->numa_node;
                known &= pgpus[i]->numa_node >= 0;
        }
        if (!several)
                return;
        if (one_switch)
                strbuf_addf(b, "; all behind PCI switch %s", pgpus[0]->pci_switch);
        if (known && one_node)
                strbuf_addf(b, "%son NUMA node %" PRIi32, one_switch ? ", " : "; all ", pgpus[0]->numa_node);
        else if (known)
                strbuf_add(b, "; on several NUMA nodes, since none alone has as good PGPUs");
}

void sentence_host_verdict(StrBuf *b, const HostVerdict *v) {
        if (v->code != ERROR_NONE && v->remedy->kind != REMEDY_NONE) {
                sentence_host(b, v->demand, v->candidate, v->remedy);
                return;
        }
        if (v->code != ERROR_NONE) {
                strbuf_addf(b, "%s has refused this start just now.", v->host->name_label);
                return;
        }

        strbuf_addf(b, "%s %s", v->host->name_label, v->chosen ? "would be chosen" : "could run it");
        sentence_places(b, v->demand, v->pgpus);
        sentence_nearness(b, v->pgpus, v->demand->n_vgpus);
        if (v->candidate->n_members > 0)
                strbuf_addf(b, "; %zu VM%s of group '%s' %s there", v->candidate->n_members,
                        PLURAL(v->candidate->n_members), v->demand->vm->group->name_label,
                        v->candidate->n_members == 1 ? "is" : "are");
        if (v->candidate->last)
                strbuf_add(b, "; it comes last, since starts failed there");
        strbuf_add(b, ".");
}
