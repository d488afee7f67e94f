#pragma once

/*
 * Text that may travel
 *
 * Names out of type files go into JSON, D-Bus strings and terminals: they must be UTF-8 without control
 * characters.
 */

#include "common/macros.h"

#define CLEAN_NAME_MAX 255

/* Not empty, at most CLEAN_NAME_MAX bytes, UTF-8, no control characters. */
bool text_is_clean_name(const char *text, size_t size);

/* Replaces each byte that may not travel by '?'. */
void text_make_clean(char *text);
