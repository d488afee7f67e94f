#pragma once

/*
 * Who answers for the pool: what a person does beside calls, and what the pool asks of a person
 */

#include "tests/proof/world.h"

/* A host that is only cut off is taken for a dead one. False: it is online, or the call was refused, or nothing runs there. */
bool person_declares_dead(World *w, unsigned machine);
/* Rows that policyd names as unreadable are given up, and then forgotten. */
void person_removes_rows(World *w);
/* Of a VM that runs on two hosts, the one on the host that the pool names is ended, as the pool advises. */
void person_heeds(World *w);
