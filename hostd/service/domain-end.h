#pragma once

/*
 * Ending a domain that hostd did not start
 *
 * It has a GPU of this host, and the pool's administrator wants that back. A process of its own destroys it, as `xl destroy` does; its
 * xl, where one watches over it, sees that and ends. hostd waits for none of this: the inventory tells when the domain is gone.
 */

#include "hostd/service/host.h"
#include "protocol/refusal.h"

typedef struct DomainEnd DomainEnd;

/* *ret_note: what else ends with it, a sentence or "". Refused: NoSuchObject. Once more while one is under way changes nothing. */
int domain_end(Hostd *h, const Uuid *domain, char **ret_note, Refusal *refusal);
void domain_ends_forget(Hostd *h); /* they go on */
