#pragma once

/*
 * A storage in memory (policyd/store/storage.h)
 *
 * It keeps rows as the database does, so that what is read again was encoded and decoded; it outlives the policy that writes
 * to it, as a disk does.
 */

#include "policyd/store/storage.h"

int sim_storage_new(Storage **ret);
Storage *sim_storage_free(Storage *s);
/* Writes come to this from now on, as -ENOSPC for a disk that is full; 0: they succeed. */
void sim_storage_fail(Storage *s, int error);
