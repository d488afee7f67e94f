#pragma once

/*
 * A mirror of the pool, as a client keeps one
 *
 * It reads everything when policyd has started, and follows the signals of changes from then on. Whenever nothing waits for a
 * commit it must say what the pool says.
 */

#include "tests/proof/world.h"

typedef struct Mirror Mirror;

Mirror *mirror_new(World *w); /* it watches the world */
Mirror *mirror_free(Mirror *m);
/* Of one class; what differs goes to the history. After policy_flush() alone. */
void mirror_compare(Mirror *m, ObjectClass c);
