#pragma once

/*
 * The auditor of what clients were told: what calls promise (promises.h), and idempotency keys
 *
 *   lost       what was acknowledged does not read back, as List says it, or a host: a property, that something is there or gone,
 *              which types are enabled. What a client made goes only when somebody ends it, or what it belongs to
 *   key        a call with a key that was used was carried out again, answered otherwise, or refused as another call
 */

#include <stdbool.h>

typedef struct ClientsAudit ClientsAudit;

/* said: what is broken, in its word and a sentence. */
ClientsAudit *clients_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata);
ClientsAudit *clients_audit_free(ClientsAudit *a);
void clients_audit_line(ClientsAudit *a, const char *line);
