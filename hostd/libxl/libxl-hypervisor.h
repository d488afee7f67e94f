#pragma once

/*
 * The hypervisor ops on libxl
 */

#include "hostd/hypervisor/hypervisor.h"

/* folder: of the VM, where it is noted which PCI functions were taken for it. -EIO: not in dom0; the log says
 * more. */
int libxl_hypervisor_new(sd_event *event, Loop *loop, const char *folder, Hypervisor **ret);
