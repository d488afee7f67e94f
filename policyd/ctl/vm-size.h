#pragma once

/*
 * How large a VM is: the members of its libxl config that say it
 *
 * All functions return 0 or the exit status, with the error printed.
 */

#include "policyd/ctl/ctl.h"

typedef struct VmSize {
        uint64_t max, target; /* bytes; 0: as it is */
        uint32_t vcpus;       /* the same */
} VmSize;

/* key: how the error names it. */
int vm_read_memory(const char *key, const char *text, uint64_t *ret);
int vm_read_vcpus(const char *key, const char *text, uint32_t *ret);

int vm_config_set_size(struct json_object *config, const VmSize *size);
/* Of a halted VM: its config is read, changed and written. */
int vm_set_size(Ctl *ctl, const char *vm, const VmSize *size);
/* A field of the class vm. */
int vm_set_size_field(Ctl *ctl, const char *vm, const Field *f, const char *value);
