#pragma once

/*
 * The arguments of the display emulator, checked as strictly as the real one checks them
 */

#include "common/base/pci-address.h"

#define EMULATOR_DEVICES_MAX 21

typedef struct EmulatorArguments {
        uint32_t domid, vcpus;
        bool form_6x; /* --gpu and --config */
        size_t n_devices;
        PciAddress slots[EMULATOR_DEVICES_MAX];
        bool noconsole, resume;
} EmulatorArguments;

/* -EINVAL with a sentence in *ret_error (caller frees). Looks whether config files are there. */
int emulator_arguments_parse(char **argv, EmulatorArguments *ret, char **ret_error);
