#pragma once

/*
 * The memory of a guest of libxl's, as a file
 */

#include "hostd/helper/core-dump.h"

int libxl_dump_core(const CoreDump *d, char **ret_path, int *ret_excess, char **ret_why);
