#pragma once

/*
 * The auditor: reads a history, line by line, and says where a promise was broken
 *
 * It knows nothing of the code; what runs where is the word of the hypervisor and the kernel. docs/invariants are, each with its word:
 *
 *   domain-twice   two domains of one VM, or a new one beside what is left of an older one
 *   over-early     a host said that a VM is over, and something of it ran
 *   pgpu-overfull  more on a PGPU than fits, types that exclude each other, or something beside a passthrough
 *   lost           what was acknowledged is not there
 *   job-twice      a job ended twice
 *   job-open       a job has not ended, though everything is quiet
 *   disagree       the pool says of a VM what does not hold, though everything is quiet
 *   monitor        what monitors the GPUs was stopped by a host, which has neither started nor noted it
 *   unreadable     one of the two, or a client, cannot read what is said
 *   reader         two ways to read the same say something else
 *   mirror         a mirror that follows the signals says something else than the pool
 *   lost, key      what clients were told (audit-clients.h)
 *   lost, stays, epoch-fell   what lasts (audit-stored.h)
 *   expected       a script expected something else
 *   found=…        the checker of the product found it (docs/invariants.md)
 *   internal       a call failed for no reason that a client could have given
 */

#include <stdio.h>

#include "common/base/macros.h"

typedef struct Audit Audit;

Audit *audit_new(FILE *file); /* where broken promises are named */
Audit *audit_free(Audit *a);
void audit_line(const char *line, void *audit);
size_t audit_broken(const Audit *a);
