#pragma once

/*
 * A second master: another policyd that dials the same hosts for a time
 *
 * It begins with an older copy of the pool's database, which a backup's mark or a host makes known, or with an empty one; it starts
 * VMs, and ends when it is told that another one commands.
 */

#include "tests/proof/copies.h"

/* plain: with a copy that has no mark, if a host can tell that it is old; else with one that has, or with an empty database. */
bool other_begin(World *w, const Copy *copy, bool plain);
void other_act(World *w);                     /* starts a VM, or stops one */
void other_end(World *w);
