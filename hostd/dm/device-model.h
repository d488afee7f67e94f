#pragma once

/*
 * xenvgpu-dm: the device model that first starts the display emulator, then becomes qemu
 *
 * The hypervisor's library executes it with qemu's arguments. It finds its VM's run folder, reads the order,
 * and leaves in dm.json what became of the emulator.
 */

#include "hostd/run/program.h"

/* Returns only on failure, after dm.json and the log say why; the exit status. */
int device_model_run(const DomainProgram *settings, char **argv);
