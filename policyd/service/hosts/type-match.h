#pragma once

/*
 * Which type of the pool a host or an import means
 *
 * By identifier: first what this host calls so, then what the pool does. A driver update may change the board in an
 * identifier (protocol/type-identifier.h). If the host names the old one no more, and a guest gets the same of both, it
 * is the same type under its new identifier; a type that this host had goes before one of other hosts. So VMs keep
 * their type, and the hosts of a pool may be updated one after another. What differs is a type of its own.
 */

#include "policyd/service/hosts/peers.h"

typedef struct TypeReport {
        Host *host; /* NULL: an import */
        const Inventory *inventory;
        VgpuType **types; /* of the host, found so far */
        size_t n;
} TypeReport;

/* *ret NULL: none, it is to be made. A refusal: two match. */
int type_match(const Pool *pool, const TypeReport *report, const TypeRecord *record, VgpuType **ret, Refusal *refusal);
/* The type of what runs on a host: under the identifier that it had when it was started. NULL: not known. */
VgpuType *type_of_running(const Pool *pool, const Host *h, const char *identifier);
