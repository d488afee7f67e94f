#pragma once

/*
 * Sets of identifiers: NULL-terminated vectors of strings that the vector owns
 *
 * Order is the order of adding. A NULL set is empty. strv_free() frees one.
 */

#include "common/base/strlist.h"

int idset_add(char ***set, const char *id);    /* a second time changes nothing */
void idset_remove(char **set, const char *id); /* absent is fine */
void idset_sort(char **set);
