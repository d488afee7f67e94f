#pragma once

/*
 * The key with which policyd logs in to hosts
 */

#include "common/base/macros.h"

/* The private key's path below this folder; the caller frees it. NULL without memory. */
char *pool_key_file(const char *folder);

/* The public key, "TYPE KEY COMMENT"; it is made if there is none. Blocks for some milliseconds, so it is for a
 * process of its own. -EEXIST when the private key is there without the public one, -EIO when ssh-keygen failed,
 * -ENOENT without ssh-keygen. */
int pool_key_read(const char *folder, char **ret);
