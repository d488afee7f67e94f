#pragma once

/*
 * The display emulator as a process
 *
 * It must run on when the device model becomes qemu, must not be qemu's child, and its exit status must be
 * known while we wait for it. So a second process, the keeper, stands between: it is an orphan
 * (xenvgpu-domain reaps those), forks the emulator, tells us its pid and, should it end, its status; when we
 * become qemu (or die), the keeper sees its socket close and leaves.
 *
 * The emulator is executed only once released. Until then its pid can be recorded; were we to die before
 * that, it would end without having run. So there is never an emulator that no record names.
 */

#include "common/io/pidfd.h"

typedef struct Emulator {
        ProcessId id;
        int link; /* to the keeper; readable: emulator_read_end() knows the end. -1: none */
} Emulator;

#define EMULATOR_NONE ((Emulator){ .link = -1 })

/* arguments[0] is looked up in the emulator's PATH. environment: all that it gets. Both NULL-terminated. output:
 * where its stdout and stderr go; -1: to our stderr. */
int emulator_start(char *const *arguments, char *const *environment, int output, Emulator *ret);
int emulator_release(Emulator *e);

/* Once the link is readable: 0 and the status as from waitpid(), or -ENODATA when the keeper is gone too. */
int emulator_read_end(Emulator *e, int *ret_status);

/* SIGTERM, then SIGKILL after a while; returns when it is gone. */
void emulator_stop(Emulator *e);
void emulator_done(Emulator *e); /* the process goes on */

/* "exited unexpectedly with status 3", "was killed by signal 9 (Killed)"; the caller frees it. */
char *emulator_end_to_text(int status);
