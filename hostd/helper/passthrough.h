#pragma once

/*
 * PCI functions that go to a guest, and come back
 *
 * Taking a function away from dom0's driver may take long, or for ever while something uses it. So it is done
 * by a helper process (hostd/helper/assign.h) that can be given up. What is taken stands in functions.json of
 * the VM's run folder before it is touched, so that whoever comes after us gives it back. A function that was
 * assignable already is used and left as it was.
 */

#include <systemd/sd-event.h>

#include "common/base/pci-address.h"

typedef struct Passthrough Passthrough;

/* result: 0, -EIO or -ETIMEDOUT with a sentence that lives during the call. Free the Passthrough then, or
 * earlier to give up. */
typedef void (*PassthroughDone)(int result, const char *error, void *userdata);

int passthrough_take(sd_event *event, const char *folder, const PciAddress *functions, size_t n,
        PassthroughDone done, void *userdata, Passthrough **ret);

/* -ENOENT: nothing is noted as taken; nothing is called then. */
int passthrough_give_back(
        sd_event *event, const char *folder, PassthroughDone done, void *userdata, Passthrough **ret);

Passthrough *passthrough_free(Passthrough *p); /* ends the helper */
DEFINE_CLEANUP(Passthrough *, passthrough_free)
