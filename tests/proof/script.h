#pragma once

/*
 * A script of events: one history that is written down
 *
 * A line is a verb and its words; # begins a comment. The tables at the ends of script-verbs.c, script-faults.c and
 * script-calls.c have the verbs. Delays and chances still come from the seed, so that a script is played with some seeds:
 * "seeds FROM COUNT" says which, "hosts N" how many hosts there are.
 * "unmirrored": it has commits that are there although they failed, which ends the daemon, and of which no signal can tell.
 * What a line expects and does not find is a broken promise (audit.h).
 */

#include "tests/proof/mirror.h"

typedef struct Script Script;

/* -EINVAL: it cannot be read, which was said on stderr. */
int script_read(const char *path, Script **ret);
Script *script_free(Script *s);
DEFINE_CLEANUP(Script *, script_free)

unsigned script_hosts(const Script *s);
void script_seeds(const Script *s, uint64_t *ret_first, uint64_t *ret_n);
bool script_is_mirrored(const Script *s);
bool script_has_boards(const Script *s);
/* To its end, and until everything is quiet; then everything is read. */
void script_play(Script *s, World *w, Mirror *mirror_or_null);
