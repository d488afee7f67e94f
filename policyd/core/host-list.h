#pragma once

/*
 * A long sorted list of hosts
 *
 * Blocks of pointers, each sorted and all before the next: what comes or goes moves the rest of one block
 * only, so that a change costs the same in a pool of ten thousand hosts as in one of ten.
 */

#include "policyd/core/pool.h"

typedef struct HostEntry HostEntry;

typedef struct HostList {
        PtrArray blocks; /* HostBlock, none empty */
        size_t n;
} HostList;

/* By host_entry_compare(); -ENOMEM leaves it as it was. */
int host_list_insert(HostList *l, HostEntry *e);
/* e stands in it under the key that it has now. */
void host_list_remove(HostList *l, const HostEntry *e);
void host_list_done(HostList *l); /* not the entries */

/* for (HostCursor c = {.list = l}; (e = host_cursor_next(&c));) … ; the list must not change meanwhile. */
typedef struct HostCursor {
        const HostList *list;
        size_t block, at;
} HostCursor;

HostEntry *host_cursor_next(HostCursor *c);
