#pragma once

/*
 * What placement needs to know of a VM, read from its config
 *
 * Not stored: it is read again, so that it cannot disagree with the config. It depends on the VM's VGPUs (video memory), so it is read
 * again when they change.
 */

#include "common/json/json-get.h"
#include "policyd/pool/pool.h"

/* -EINVAL with the sentence in the reader. */
int vm_refresh_needs(Pool *pool, JsonReader *r, Vm *vm);
