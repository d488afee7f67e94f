#pragma once

/*
 * The record of a VM, for a pool that does not have it
 */

#include "hostd/service/host.h"

/*
 * The start order of a VM that runs here, as hostd keeps it; the caller frees it. Refused are a VM that is not here (NoSuchObject), one
 * whose order cannot be read (VMBadPowerState), and a domain that hostd did not start (OtherOperationInProgress): the sentence names the
 * process of xl that watches over it, and says how the VM comes to the pool.
 */
int host_get_vm(Hostd *h, const Uuid *vm, char **ret, Refusal *refusal);
