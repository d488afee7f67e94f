/*
 * Facts of the host beside its GPUs
 */

#include "common/json/json-get.h"
#include "hostd/core/grow.h"
#include "hostd/edge/machine-facts.h"

void machine_facts_done(MachineFacts *f) {
        strv_free(f->networks);
        strv_free(f->storage);
        free(f->hostname);
        free(f->boot_id);
        *f = (MachineFacts){};
}

int machine_facts_read(MachineFactsSource *source, MachineFacts *ret) {
        return source->ops->read(source, ret);
}

int machine_facts_memory_free(MachineFactsSource *source, uint64_t *ret) {
        return source->ops->memory_free(source, ret);
}

typedef struct DomainSearch {
        const Uuid *uuid;
        uint32_t domid;
} DomainSearch;

static int look_at_domain(const HostDomain *domain, void *userdata) {
        DomainSearch *search = userdata;

        search->domid = domain->domid;
        return uuid_equal(&domain->uuid, search->uuid);
}

int machine_facts_find_domain(MachineFactsSource *source, const Uuid *uuid, uint32_t *ret_domid) {
        DomainSearch search = {.uuid = uuid};
        int r;

        r = source->ops->each_domain(source, /* functions= */ false, look_at_domain, &search);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret_domid = search.domid;
        return 0;
}

typedef struct FunctionList {
        DomainFunction *items;
        size_t n;
} FunctionList;

static int add_functions(const HostDomain *domain, void *userdata) {
        FunctionList *list = userdata;

        for (size_t i = 0; i < domain->n_functions; i++) {
                char *name = strdup(domain->name);

                if (!name || GROW(list->items, list->n) < 0) {
                        free(name);
                        return -ENOMEM;
                }
                list->items[list->n++] = (DomainFunction){
                        .address = domain->functions[i],
                        .domid = domain->domid,
                        .uuid = domain->uuid,
                        .name = name,
                };
        }
        return 0;
}

int machine_facts_list_functions(MachineFactsSource *source, DomainFunction **ret, size_t *ret_n) {
        FunctionList list = {};
        int r;

        r = source->ops->each_domain(source, /* functions= */ true, add_functions, &list);
        if (r < 0) {
                domain_functions_free(list.items, list.n);
                return r;
        }
        *ret = list.items;
        *ret_n = list.n;
        return 0;
}

void domain_functions_free(DomainFunction *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(list[i].name);
        free(list);
}

bool machine_facts_node(MachineFactsSource *source, const PciAddress *function, uint32_t *ret) {
        return source->ops->node && source->ops->node(source, function, ret);
}

MachineFactsSource *machine_facts_source_free(MachineFactsSource *source) {
        return source ? source->ops->free(source) : NULL;
}
