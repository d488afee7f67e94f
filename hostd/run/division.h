#pragma once

/*
 * How hostd has divided a PGPU into virtual functions
 *
 * Below the runtime folder, which does not survive a boot any more than a division does:
 *
 *   divisions/lock                      held (flock) by the one helper that divides, undivides or chooses
 *   divisions/<address of the PGPU>     {"num_vfs":4,"vf_fb_mib":0,"type":"0001:sriov,…","made":true,"autoprobe":true}
 *   divisions/<address>.suspect         a sentence: why that virtual function is given to no VM
 *   vm/<uuid>/function.json             {"physical":"0000:05:00.0","virtual":"0000:05:02.0"}: what the VM has
 *
 * The note of a division is written before the first function is made, with "made" false, so that a helper that was cut off
 * leaves no functions that look like somebody else's. The kernel decides what there is: a PGPU that has functions and no
 * note, or another number than its note says, was divided by somebody else, and its division is fixed.
 */

#include "common/base/pci-address.h"

/* xenvgpu-domain with it looks again at suspect functions: RUNTIME SYSFS PGPU 0|1 (whether it may take them back). */
#define DIVISION_LOOK_VERB "--look-at-functions"

#define DIVISION_AUTOPROBE "sriov_drivers_autoprobe"

typedef struct Division {
        uint32_t num_vfs, vf_fb_mib;
        char *type; /* identifier, or "" of one by gimtool */
        bool made;
        bool autoprobe; /* sriov_drivers_autoprobe, as it was before */
} Division;

void division_done(Division *d);

/* folder is the one above divisions/. -ENOENT; -EBADMSG. */
int division_read(const char *runtime, const PciAddress *physical, Division *ret);
/* The one of the functions that stand. -ENOENT also where they are not those of the note: somebody else took these back. */
int division_read_of(const char *runtime, const PciAddress *physical, size_t n_functions, Division *ret);
/* Forgets the note of a PGPU that has no functions any more, unless a helper is at work, or the next one has still to undo
 * something by that note. */
int division_forget_stale(const char *runtime, const char *sysfs, const PciAddress *physical);
int division_write(const char *runtime, const PciAddress *physical, const Division *d);
int division_forget(const char *runtime, const PciAddress *physical); /* no note is fine */

/* Why a function is given to nobody; the caller frees. -ENOENT: it may be given. */
int division_read_suspicion(const char *runtime, const PciAddress *function, char **ret);
int division_suspect(const char *runtime, const PciAddress *function, const char *why);
int division_trust(const char *runtime, const PciAddress *function); /* no suspicion is fine */

/* The function that a VM has; folder is the VM's. */
typedef struct FunctionNote {
        PciAddress physical, virtual;
} FunctionNote;

int function_note_read(const char *folder, FunctionNote *ret); /* -ENOENT; -EBADMSG */
int function_note_write(const char *folder, const FunctionNote *note);
int function_note_forget(const char *folder); /* no note is fine */
