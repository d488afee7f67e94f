/*
 * How much of a PGPU a VGPU takes
 */

#include "policyd/pool/pool-internal.h"

uint32_t type_units(const VgpuType *t) {
        return t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : t->size;
}

const HostType *host_find_type(const Host *h, const VgpuType *t) {
        for_each(const HostType, of_host, &h->types)
                if (of_host->type == t)
                        return of_host;

        return NULL;
}

uint32_t pgpu_type_size(const Pgpu *p, const VgpuType *t) {
        const HostType *of_host;

        /* Nearly always all agree. */
        if (t->n_other_sizes == 0)
                return t->size;
        of_host = host_find_type(p->host, t);
        return of_host ? of_host->size : t->size;
}

uint32_t pgpu_type_units(const Pgpu *p, const VgpuType *t) {
        return t->implementation == TYPE_PASSTHROUGH ? PGPU_SIZE : pgpu_type_size(p, t);
}
