#pragma once

/*
 * The processes of a lab, by role
 *
 * Each host stands alone: its bus, its xenstore and its relay are its machine and live from `up` to `down`;
 * hostd is the daemon under test and comes and goes. Errors are printed.
 */

#include "tests/lab/lab.h"

bool world_is_up(const Lab *lab); /* any process of the lab is alive */

int world_start_master_bus(const Lab *lab);
/* Hardware, type files, host facts; then bus, xenstore and relay. A new boot: run folder and domains of an
 * earlier one are swept away. */
int world_boot_host(const Lab *lab, const LabHost *host);
int world_start_hostd(const Lab *lab, const LabHost *host);
int world_start_policyd(const Lab *lab);

/* signo SIGTERM or SIGKILL; -ESRCH (printed) when it was not running. */
int world_end_hostd(const Lab *lab, const LabHost *host, int signo);
int world_end_policyd(const Lab *lab, int signo);

bool world_hostd_is_alive(const LabHost *host);
bool world_policyd_is_alive(const Lab *lab);

/* Every domain of the host dies at once, as in a power cut. */
int world_kill_domains(const LabHost *host);

/* Ends every process of the lab: daemons first and politely, then whatever is left. */
int world_end(const Lab *lab);

/* The last lines of a log, to stderr. */
void world_show_log(const char *title, const char *path);
void world_show_host_log(const LabHost *host);
void world_show_policyd_log(const Lab *lab);
