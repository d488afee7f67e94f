#pragma once

/*
 * What ssh-keyscan and ssh-keygen print of a host's keys
 *
 * ssh-keyscan writes a line for each key, "HOST TYPE KEY"; ssh-keygen one for each of these, in the same
 * order: "BITS FINGERPRINT HOST (TYPE)". Lines that begin with "#" are comments in both.
 */

#include "common/base/macros.h"

/* *ret_key: "TYPE KEY" of the key with this fingerprint, or NULL; then *ret_other is the fingerprint of the
 * host's key of type ED25519, else ECDSA, else another, whatever their order; or NULL if it has none. The caller
 * frees both. -ENOMEM. */
int host_key_choose(const char *keys, const char *prints, const char *fingerprint, char **ret_key, char **ret_other);
