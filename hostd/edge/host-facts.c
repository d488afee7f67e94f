/*
 * Facts of the host beside its GPUs
 */

#include "common/json/json-get.h"
#include "hostd/edge/host-facts.h"

void host_facts_done(HostFacts *f) {
        strv_free(f->networks);
        strv_free(f->storage);
        free(f->hostname);
        free(f->boot_id);
        *f = (HostFacts){};
}

int host_facts_read(HostFactsSource *source, HostFacts *ret) {
        return source->ops->read(source, ret);
}

int host_facts_memory_free(HostFactsSource *source, uint64_t *ret) {
        return source->ops->memory_free(source, ret);
}

int host_facts_find_domain(HostFactsSource *source, const Uuid *uuid, uint32_t *ret_domid) {
        return source->ops->find_domain(source, uuid, ret_domid);
}

int host_facts_list_functions(HostFactsSource *source, DomainFunction **ret, size_t *ret_n) {
        return source->ops->list_functions(source, ret, ret_n);
}

void domain_functions_free(DomainFunction *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(list[i].name);
        free(list);
}

HostFactsSource *host_facts_source_free(HostFactsSource *source) {
        return source ? source->ops->free(source) : NULL;
}
