#pragma once

/*
 * Files named on the command line: FILE, @FILE (curl's and config='s spelling), "-" for standard input or
 * output
 *
 * 0, or the exit status with the error printed.
 */

#include "common/base/macros.h"

#define FILE_ARGUMENT_MAX (4u << 20)

int file_argument_read(const char *argument, char **ret, size_t *ret_size);
int file_argument_write(const char *argument_or_null, const char *text);
