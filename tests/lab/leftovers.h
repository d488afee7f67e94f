#pragma once

/*
 * What `down` leaves: the logs
 *
 * A lab that went down keeps DIR/policyd/log and DIR/hosts/NAME/log, so that what its daemons said can still be read; state, hardware,
 * sockets and pids go. A file "down" marks the folder, so that the next `up` knows that it may start afresh there.
 */

#include "tests/lab/lab.h"

/* 0 or a negative errno; the lab's processes have ended. */
int lab_reduce_to_logs(const Lab *lab);

/* Whether the folder is what lab_reduce_to_logs() left (or a folder that is not there at all). */
bool lab_is_down_for_good(const char *folder);

/* Removes what is left of an earlier lab; 0 when there is nothing of one. */
int lab_remove_leftovers(const char *folder);
