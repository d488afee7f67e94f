#pragma once

/*
 * A second master: another policyd that dials the same hosts for a time
 *
 * It begins with an older copy of the pool's database, which a backup's mark makes known, or with an empty one; it starts VMs, and
 * ends when it is told that another one commands.
 */

#include "tests/proof/copies.h"

bool other_begin(World *w, const Copy *copy); /* a copy without a mark is not taken: then an empty database */
void other_act(World *w);                     /* starts a VM, or stops one */
void other_end(World *w);
