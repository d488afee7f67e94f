#pragma once

/*
 * What xenvgpu-dm is told through its environment
 *
 * The hypervisor's library runs the device model with arguments of its own making, so whatever else the
 * device model must know travels in variables that xenvgpu-domain sets before it creates the domain:
 * XENVGPU_RUN_FOLDER, XENVGPU_EMULATOR, XENVGPU_EMULATOR_FORM, XENVGPU_EMULATOR_TIMEOUT (µs), XENVGPU_QEMU,
 * XENVGPU_QEMU_VGPU_ARGS.
 */

#include "hostd/run/program.h"

/* Where the emulator looks for programs, and is looked for itself: all of its environment on a real host. */
#define DM_EMULATOR_PATH "/sbin:/usr/sbin:/bin:/usr/bin"

typedef struct DmSettings {
        const char *folder; /* NULL: find it by the domain's uuid */
        const char *emulator;
        EmulatorForm emulator_form;
        uint64_t emulator_timeout; /* µs */
        const char *qemu, *qemu_vgpu_args;
} DmSettings;

/* Sets the variables in our own environment, from the arguments of xenvgpu-domain. -ENOMEM. */
int dm_settings_export(const DomainProgram *p);

/* Reads them back; the texts belong to the environment. A variable that is not set takes the default; -EINVAL
 * names the bad one in *ret_bad. */
int dm_settings_import(DmSettings *ret, const char **ret_bad);
