#pragma once

/*
 * Texts as a client may send them: of any script, the longest that is allowed and one byte more, none, and some that no bus takes
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/dice.h"

/* max: the bytes that are allowed. The caller frees it. */
char *text_strange(Dice *d, size_t max);
/* Of one line, and good: whoever takes texts at all takes it. */
char *text_good(Dice *d, size_t max);

/* Whether every reader can show it: each bus, each terminal. This is the auditor's own judgement, and not common/base/text.c's. */
bool text_can_be_sent(const char *text);

/* What stands for a text in a history, which has one line for an event. */
uint64_t text_hash(const char *text);
