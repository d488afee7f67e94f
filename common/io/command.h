#pragma once

/*
 * Commands: programs that we start and wait for
 *
 * A program is started with no signal blocked or SIGPIPE ignored, whatever we do. argv is NULL-terminated; argv[0] is looked up in PATH
 * where it has no slash.
 */

#include <sys/types.h>

#include "common/base/macros.h"

/* The descriptors of ours that become its 0, 1 and 2; -1: /dev/null for 0, and as ours for the others. file_or_null: what is
 * executed in place of argv[0]. -ENOENT when it is not there. */
int command_start(
        const char *file_or_null, const char *const *argv, int input, int output, int error, pid_t *ret);

/* Waits; -ETIMEDOUT when it had to be killed after timeout (µs; 0: it is waited for without limit). *ret_status is as from
 * waitpid(). */
int command_await(pid_t pid, uint64_t timeout, int *ret_status);

/* Both, for a program whose words go to our log, since our own stdout is for one sentence. 0 once it has ended, however
 * that was. */
int command_run(const char *const *argv, uint64_t timeout, int *ret_status);
