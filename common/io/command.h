#pragma once

/*
 * Commands: programs that we start and wait for
 *
 * A program is started with no signal blocked and SIGPIPE not ignored, also if this process blocks or ignores
 * them. argv is NULL-terminated; argv[0] is looked up in PATH where it has no slash.
 */

#include <sys/types.h>

#include "common/base/macros.h"

/* The descriptors that become its 0, 1 and 2; -1 means /dev/null for 0, and our own for the others.
 * file_or_null: the file that is executed instead of argv[0]. -ENOENT when there is no such file. */
int command_start(
        const char *file_or_null, const char *const *argv, int input, int output, int error, pid_t *ret);

/* Waits for its end; -ETIMEDOUT when it had to be killed after timeout (µs; 0: no limit). *ret_status is as
 * from waitpid(). */
int command_await(pid_t pid, uint64_t timeout, int *ret_status);

/* Starts a program and waits for it. Its output goes to our log, since our own stdout is for one sentence. 0
 * when it has ended, with whatever status. */
int command_run(const char *const *argv, uint64_t timeout, int *ret_status);
