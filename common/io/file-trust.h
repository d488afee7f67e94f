#pragma once

/*
 * Whether only root can write a file
 *
 * If root obeys a file, nobody else may be able to write it, or any folder above it, since a user who may
 * write a folder can put another file there. A folder that everybody may write but that has the sticky bit
 * (/tmp) is accepted, since nobody can replace what root made in it.
 */

#include "common/base/macros.h"

/*
 * Checks each folder from / down to the path, and stops where a part does not exist yet. 0 and *ret NULL when
 * only root can write it, 0 and *ret a clause ("/etc/xenvgpu belongs to user 998") when not, which the caller
 * frees. Else a negative errno.
 */
int file_trust_fault(const char *path, char **ret);
