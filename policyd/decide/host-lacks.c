/*
 * What a host lacks beside GPUs
 *
 * All of it, since a remedy that leaves something out is none. Memory is made by VMs that go, the largest
 * first, or the one that alone is large enough; or by asking for less.
 */

#include "policyd/pool/pool-internal.h"
#include "policyd/words/remedy.h"

/* Unlike what is available, below 0 where more is booked than is free: so much has to go before anything
 * helps. */
static int64_t memory_balance(const Host *h) {
        int64_t balance = (int64_t) h->memory_free;

        for (size_t i = 0; i < h->vms.n; i++)
                if (!((const Vm *) h->vms.items[i])->memory_counted)
                        balance -= (int64_t) ((const Vm *) h->vms.items[i])->memory;
        return balance;
}

static uint64_t memory_short(const Demand *d, const Host *h, uint64_t freed) {
        int64_t there = MAX_OF(memory_balance(h) + (int64_t) freed, (int64_t) 0);

        return d->vm->memory > (uint64_t) there ? d->vm->memory - (uint64_t) there : 0;
}

uint64_t memory_to_free(const Demand *d, const Host *h) {
        int64_t missing = (int64_t) d->vm->memory - memory_balance(h);

        return missing > 0 ? (uint64_t) missing : 0;
}

/* The text after `last` in a list of which every text is distinct. */
static char *const *texts_after(char *const *list, const char *last) {
        while (*list != last)
                list++;
        return list + 1;
}

typedef const char *(*FindMissing)(char *const *wanted, char *const *there);

/* "has no network 'a' and 'b'"; returns 1 when anything is missing. */
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

size_t sentence_lacks(StrBuf *b, const Demand *d, const Host *h, uint64_t freed) {
        uint64_t missing = memory_short(d, h, freed);
        const Vm *vm = d->vm;
        size_t n = 0;

        n += sentence_missing(
                b, "cannot reach the storage", "", first_disk_without_storage, vm->storage, h->storage);
        n += sentence_missing(
                b, "has no network", n > 0 ? " and " : "", first_missing, vm->networks, h->networks);
        if (h->refuses_pcidevs && vm_passes_functions(vm))
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
                sentence_size_short(b, missing);
                strbuf_add(b, " short of memory: the VM needs ");
                sentence_size_short(b, vm->memory);
                strbuf_add(b, " and ");
                sentence_size_there(b, host_memory_available(h));
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
        uint64_t sum = 0;
        size_t n = 0;

        if (!vms) {
                b->error = -ENOMEM;
                return;
        }
        if (h->vms.n > 0)
                memcpy(vms, h->vms.items, h->vms.n * sizeof(Vm *));
        qsort(vms, h->vms.n, sizeof(Vm *), compare_memory);

        while (n < h->vms.n && sum < to_free)
                sum += vms[n++]->memory;
        if (sum >= to_free) {
                size_t first = n == 1 ? 0 : SIZE_MAX;

                for (size_t i = 1; first == i - 1 && i < h->vms.n && vms[i]->memory >= to_free; i++)
                        first = i;
                if (first == SIZE_MAX)
                        first = 0;
                sentence_step(b, "shut down VM%s ", PLURAL(n));
                for (size_t i = 0; i < n; i++)
                        strbuf_addf(b, "%s'%s'", list_separator(i, n), vms[first + i]->name_label);
                strbuf_addf(b, " on %s or give this VM ", h->name_label);
        } else
                sentence_step(b, "give this VM ");
        sentence_size_short(b, missing);
        strbuf_add(b, " less memory");
}

void sentence_lacks_remedy(StrBuf *b, const Demand *d, const Host *h) {
        uint64_t missing = memory_short(d, h, 0);
        const char *host = h->name_label;

        if (first_disk_without_storage(d->vm->storage, h->storage))
                sentence_step(b,
                        "attach the storage to %s (the setting storage of its hostd.conf names what VMs may "
                        "use) or change the VM's disks",
                        host);
        if (first_missing(d->vm->networks, h->networks))
                sentence_step(b, "create the network on %s or change the VM's nics", host);
        if (h->refuses_pcidevs && vm_passes_functions(d->vm))
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
