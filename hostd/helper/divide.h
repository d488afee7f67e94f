#pragma once

/*
 * Dividing a PGPU into virtual functions, and taking them back
 *
 * For a helper that holds the lock of divisions, since all of it may take long. A division is recorded (hostd/run/division.h)
 * before it is made. What is done depends on what the kernel shows and on the note:
 *
 *   no function, any note          divided, unless the host keeps its divisions as they are
 *   functions, no note             fixed: somebody else made them. Used if their number fits; never taken back
 *   functions, a note that fits    used
 *   functions, another note        taken back if no VM has one, then divided
 *   functions, "made" is false     a helper was cut off: taken back, then divided
 */

#include "common/base/pci-address.h"
#include "common/base/uuid.h"
#include "hostd/core/sriov-types.h"

typedef struct DivisionWish {
        const char *folder;  /* run folder of the VM */
        const char *sysfs;   /* "/sys/bus/pci" */
        const char *gimtool; /* looked up where it has no slash */
        uint64_t timeout;    /* of one run of gimtool, µs */
        bool keep;           /* every division is fixed (setting sriov_division) */
        PciAddress physical;
        uint32_t num_vfs;
        uint32_t vf_fb_mib;  /* frame buffer of each, MiB; 0: the driver's */
        const char *type;    /* SR-IOV: identifier; "": gimtool divides */
        uint64_t exec_quantum_ms, preempt_timeout_us; /* SR-IOV; 0: the driver's */
        const char *priority;                         /* "": the driver's */
} DivisionWish;

/* The PGPU with its functions, under the lock. */
typedef struct Board {
        const DivisionWish *wish;
        char *runtime; /* the folder above vm/ */
        int lock;
        PciAddress functions[SRIOV_FUNCTIONS_MAX]; /* that stand, by address */
        size_t n_functions;
        PciAddress taken[SRIOV_FUNCTIONS_MAX]; /* by other VMs */
        size_t n_taken;
        Uuid taker; /* one of them */
} Board;

void board_done(Board *b);
int board_list_functions(Board *b);

/* Whether it was made ready for a guest by another program. */
bool board_is_held_by_others(const Board *b, const PciAddress *function);

/* Both print a sentence where they return -EIO. */
int board_divide(Board *b);
int board_undivide(Board *b);
/* Takes back what the kernel made for hostd and nobody uses. 1: done; 0: that is not so. */
int board_take_back(Board *b);

/* Prints the sentence; -EIO. */
int division_fail(const char *format, ...) _printf_(1, 2);
