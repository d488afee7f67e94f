#pragma once

/*
 * The virtual function of an MxGPU VGPU
 *
 * AMD's gimtool divides a physical function (the PGPU) into virtual ones; then each VM gets one of them as a
 * PCI device. The division is made before the first of them is used, once: it stands until the host reboots,
 * or another type with other numbers is wanted while none of them is in use. gimtool runs for one PGPU at a
 * time, whichever the VMs are (XenServer's rule: its driver takes no two at once).
 *
 * A helper process does it (hostd/helper/helper-process.h), under a lock that gimtool itself inherits, so
 * that it is free only when both have ended. Below the runtime folder stand
 *
 *   mxgpu/lock
 *   mxgpu/<address of the PGPU>     {"num_vfs":4,"vf_fb_mib":1920}: how it is divided
 *   vm/<uuid>/function.json         {"physical":"0000:05:00.0","virtual":"0000:05:02.0"}: what the VM has
 *
 * which do not survive a reboot, and neither does the division itself. A function is free again when the VM's
 * folder is gone or its record says halted.
 */

#include "common/base/pci-address.h"
#include "hostd/helper/helper-process.h"

#define VIRTUAL_FUNCTION_VERB "--choose-virtual-function"

typedef struct VirtualFunctionWish {
        const char *folder;  /* run folder of the VM */
        const char *sysfs;   /* "/sys/bus/pci" */
        const char *gimtool; /* looked up where it has no slash */
        uint64_t timeout;    /* of one run of gimtool, µs */
        PciAddress physical;
        uint32_t num_vfs;
        uint32_t vf_fb_mib; /* frame buffer of each, MiB */
} VirtualFunctionWish;

/* Its answer is the function's address. Asked again for the same VM it is the same one, as long as it stands. */
HelperWork virtual_function_work(const VirtualFunctionWish *wish);

/* The helper: argv is the program, the verb, its arguments; the exit status. */
int virtual_function_main(int argc, char **argv);
