#pragma once

/*
 * The virtual function of an MxGPU or SR-IOV VGPU
 *
 * A physical function (the PGPU) is divided into virtual ones; then each VM gets one of them as a PCI device. AMD's gimtool
 * divides for MxGPU types, the kernel (sriov_numvfs) for SR-IOV types: hostd/helper/divide.h. The division is made before
 * the first function is used, and stands until the host reboots, or another division or the whole PGPU is wanted while no VM
 * has a function.
 *
 * A helper process does it (hostd/helper/helper-process.h), under one lock of the host. Below the runtime folder stand the
 * notes of hostd/run/division.h, and for each VM
 *
 *   vm/<uuid>/function.json         {"physical":"0000:05:00.0","virtual":"0000:05:02.0"}: what the VM has
 *
 * A function is free again when the VM is over: its program has it reset, and looks whether it answers, before the VM's end
 * is reported. One that fails is suspect, and given to nobody. Also when the VM's folder is gone or its record says halted.
 */

#include "hostd/helper/divide.h"
#include "hostd/helper/helper-process.h"

#define VIRTUAL_FUNCTION_VERB "--choose-virtual-function"
#define VIRTUAL_FUNCTION_UNDIVIDE_VERB "--undivide"
#define VIRTUAL_FUNCTION_FREE_VERB "--free-virtual-function"

/* Its answer is the function's address. Asked again for the same VM it is the same one, as long as it stands. */
HelperWork virtual_function_work(const DivisionWish *wish);

/* A PGPU is to be passed through as a whole: its functions are taken back, if they are ours and no VM has one. */
HelperWork virtual_function_undivide_work(const DivisionWish *wish);

/* The VM is over: the function of its note is reset and looked at. Nothing to do without a note. */
HelperWork virtual_function_free_work(const char *folder, const char *sysfs);

/* The helper: argv is the program, the verb, its arguments; the exit status. */
int virtual_function_main(int argc, char **argv);
