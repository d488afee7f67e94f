#pragma once

/*
 * The lab as a client of its own pool: adding hosts, and waiting until they are online
 *
 * Nothing is polled: names and properties are waited for by their signals. Errors are printed, with the
 * reason that the pool gives and the ends of the logs.
 */

#include "tests/lab/lab.h"

/* Until each host's hostd and policyd are on their buses. */
int pool_wait_daemons(const Lab *lab, unsigned timeout_ms);
int pool_wait_hostd(const LabHost *host, unsigned timeout_ms);
int pool_wait_policyd(const Lab *lab, unsigned timeout_ms);

/* Adds the hosts that the pool does not have yet, each under its relay's address. */
int pool_add_hosts(const Lab *lab);

/* name NULL: every host of the lab. */
int pool_wait_online(const Lab *lab, const char *name, unsigned timeout_ms);

/* The state of each host as the pool sees it, one line each; a pool that does not answer is said to be away.
 */
void pool_print(const Lab *lab);

/* hostd's Rescan(); -EREMOTEIO when it was refused, with the reason printed. */
int pool_rescan(const LabHost *host);
