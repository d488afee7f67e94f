#pragma once

/*
 * A second look at virtual functions that are suspect
 *
 * After a rescan, and when an administrator says that a PGPU was looked after, a process of its own (a reset may take 72 s)
 * resets each suspect function that no VM has, and trusts it again if that goes well. If it may, and no VM has a function of the
 * PGPU, all of them are taken back instead; the next VM has the PGPU divided anew. hostd waits for none of this: the inventory
 * tells what came of it.
 */

#include "hostd/service/host.h"

typedef struct SecondLook SecondLook;

/* The functions that VMs have and those that are suspect, as they are now. 1: something has changed; 0; -ENOMEM. */
int host_look_at_divisions(Hostd *h);

/* At one PGPU. While one is under way there, another one follows it. */
int second_look(Hostd *h, const PciAddress *pgpu, bool undivide);
/* At each PGPU that has suspect functions. Failures are logged. */
void second_look_at_all(Hostd *h);

/* Forgets all that are under way; they go on. */
void second_looks_forget(Hostd *h);
