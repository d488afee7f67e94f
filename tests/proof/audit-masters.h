#pragma once

/*
 * Where a VM may run twice, since nobody can know better
 *
 * Two masters of one pool. Of two masters, each learns of the other from the hosts that both of them have. A host that only one of them has (it was removed
 * from the other's pool, or added to this one's, after the database was copied) tells the other nothing, so both may start a VM, one of
 * them there. docs/reliability.md says so. This, and nothing else, is excused here: the two orders came from different masters, and one
 * of these did not have the host of the other order when it gave its own.
 *
 * A host that a person declared dead while its guests ran. The pool believes that, and starts them elsewhere. What is excused are the
 * orders that this host had taken before; the pool must say so, and the person ends one of the two (tests/proof/person.c). Where
 * the person has removed the host as well, the pool knows nothing of what runs there.
 */

#include <stdbool.h>

typedef struct MastersAudit MastersAudit;

MastersAudit *masters_audit_new(void);
MastersAudit *masters_audit_free(MastersAudit *a);
void masters_audit_line(MastersAudit *a, const char *line);
/* Of two orders for one VM, on two hosts. */
bool masters_were_blind(const MastersAudit *a, const char *host, const char *token, const char *other_host, const char *other_token);
/* Of an order: its host was declared dead after it had taken it. */
bool masters_declared_dead(const MastersAudit *a, const char *token);
/* Or another master gave it; and the pool, as it was listed last, does not have that host. */
bool masters_lost_sight(const MastersAudit *a, const char *token);
