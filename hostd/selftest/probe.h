#pragma once

/*
 * Asking the machine: programs and modules
 */

#include "common/base/macros.h"

/* Where a program is found: itself when it has a slash, else in the colon-separated path. NULL: nowhere (or
 * no memory); the caller frees. */
char *probe_find_program(const char *name, const char *path);

/*
 * Runs a program without standard input and gives it five seconds; argv[0] is a path. *ret_output (may be
 * NULL): what it printed on stdout and stderr, at most 64 KiB; the caller frees. The exit status;
 * -ETIMEDOUT; -EIO when a signal ended it; other errors when it cannot be run.
 */
int probe_run(const char *const *argv, char **ret_output);

/* Whether the kernel has a module (as "xen-pciback"), as a file that could be loaded or built in. */
bool probe_module_exists(const char *name);
