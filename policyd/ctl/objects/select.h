#pragma once

/*
 * The objects that a verb is called on: uuid=, CLASS= (vm=, host=, …), or FIELD=value as -list filters
 *
 * As in xe, several are only meant with --multiple.
 */

#include "policyd/ctl/verbs.h"

/* Their uuids, or the one text of uuid= as it was given; the caller frees. 0 or the exit status. */
int select_objects(Ctl *ctl, const ClassInfo *class, char ***ret);
