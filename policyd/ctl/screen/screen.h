#pragma once

/*
 * A terminal's whole screen, drawn again as it changes
 *
 * It is the terminal's second page: what stood there before comes back when the screen is closed, when a signal ends the
 * program, and while it is stopped (Ctrl-Z). One screen at a time, because signals know of one only.
 */

#include <stddef.h>

#include "common/base/macros.h"

/* Whether standard output is a terminal that can move its cursor. */
bool screen_is_possible(void);

void screen_open(void);
void screen_close(void);

/* As it is now; 24 and 80 where the terminal does not say. */
void screen_size(unsigned *ret_rows, unsigned *ret_columns);

/* Its lines from the top, each cut at the terminal's edge; lines that do not fit are left out. */
void screen_draw(const char *text, unsigned rows);
