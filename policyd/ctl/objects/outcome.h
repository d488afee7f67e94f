#pragma once

/*
 * What came of a change, for --json
 *
 * A verb that changes says nothing to people. A program gets a record: the uuid of the object, the job if there was one, and the
 * outcome; of several objects an array, where those that refused have their error.
 */

#include "policyd/ctl/ctl.h"

/* Of the object that ctl_find_key() found last, by the exit status. Returns the status, or that of a failure. */
int outcome_note(Ctl *ctl, int status);
/* Unless something stands on standard output, or one object alone refused, whose error is printed in the end. */
int outcome_print(Ctl *ctl, int status);
