#pragma once

/*
 * What a claim's inventory has, and what the pool has, before policyd takes it over; to the history
 */

#include "tests/proof/world.h"

void inventory_seen(const Machine *m, const Inventory *inventory, void *world);
