#pragma once

/*
 * Whether a file is root's alone
 *
 * What root reads for orders must be nobody else's to write: the file, and each folder above it, since who may
 * write a folder may put another file there. A folder for everybody with the sticky bit (/tmp) passes: what
 * root made in it stays.
 */

#include "common/base/macros.h"

/*
 * Looks from the root folder down to the path; what is not there yet ends the look. 0 and *ret NULL when it is root's alone, 0 and *ret
 * a clause ("/etc/xenvgpu belongs to user 998") when not, which the caller frees. Else a negative errno.
 */
int file_trust_fault(const char *path, char **ret);
