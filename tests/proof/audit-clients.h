#pragma once

/*
 * The auditor of what clients were told: texts that were acknowledged, and idempotency keys
 *
 *   lost       a text, a number or a switch that was acknowledged is not there, as List says it
 *   key        a call with a key that was used was carried out again, answered otherwise, or refused as another call
 */

#include <stdbool.h>

typedef struct ClientsAudit ClientsAudit;

/* said: what is broken, in its word and a sentence. */
ClientsAudit *clients_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata);
ClientsAudit *clients_audit_free(ClientsAudit *a);
void clients_audit_line(ClientsAudit *a, const char *line);
