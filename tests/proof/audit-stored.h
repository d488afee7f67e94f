#pragma once

/*
 * The auditor of what lasts: reservations, and the epochs of hosts
 *
 *   lost         a reservation went before its time, though nobody ended it and nothing used it up, or holds less than is left of it
 *   stays        a reservation is there long after its time
 *   epoch-fell   a host took a claim of a lower epoch than one that it took before
 */

typedef struct StoredAudit StoredAudit;

/* said: what is broken, in its word and a sentence. */
StoredAudit *stored_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata);
StoredAudit *stored_audit_free(StoredAudit *a);
void stored_audit_line(StoredAudit *a, const char *line);
