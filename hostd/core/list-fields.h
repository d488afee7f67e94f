#pragma once

/*
 * Fields that the Intel and AMD lists share
 *
 * Both have one type a line and begin alike: PPPP experimental=C name='…'. Each function returns NULL, or
 * what is wrong with the line: a sentence without a full stop, valid until the program ends.
 */

#include "hostd/core/text-lines.h"

#define TYPE_LIST_ENTRIES_MAX 1024

/* True for lines that hold no entry: empty ones and comments. */
bool list_line_is_empty(TextSpan line);

const char *list_take_head(TextSpan *line, uint16_t *ret_pdev, bool *ret_experimental, TextSpan *ret_name);

/* MiB, given back in bytes. */
bool list_take_mib(TextSpan *line, const char *field, uint64_t *ret_bytes);
