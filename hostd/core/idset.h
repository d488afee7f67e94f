#pragma once

/*
 * Sets of identifiers: NULL-terminated vectors of strings that the vector owns
 *
 * Order is the order of adding. A NULL set is empty where it is only read.
 */

#include "common/base/macros.h"

char **idset_new(void); /* empty; NULL without memory */
char **idset_free(char **set);
DEFINE_CLEANUP(char **, idset_free)

size_t idset_size(char *const *set);
bool idset_equal(char *const *a, char *const *b); /* in the same order; neither is NULL */
bool idset_has(char *const *set, const char *id);
int idset_add(char ***set, const char *id);    /* a second time changes nothing */
void idset_remove(char **set, const char *id); /* absent is fine */
int idset_copy(char *const *set, char ***ret);
void idset_sort(char **set);
