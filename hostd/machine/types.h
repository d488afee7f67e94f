#pragma once

/*
 * Which types a PGPU may run, and the hardware that says which it could
 */

#include "hostd/core/enablement.h"
#include "hostd/service/host.h"

/* wanted: identifiers or unique model names. Stored before it returns. Refusals: HOST_CLAIMED and those of
 * enablement_change(). */
int host_change_types(Host *h, const char *caller, const PciAddress *pgpu, EnablementChange change,
        const char *const *wanted, HostRefusal *ret);
