#pragma once

/*
 * A database in memory (common/base/db.h), for both daemons
 *
 * It keeps rows as the database on disk does, so that what is read again was encoded and decoded. It outlives
 * the daemon that opens it, as a disk does: what was committed is found by the next that opens it, and nothing
 * else is.
 */

#include "common/base/db.h"

typedef struct SimDb SimDb;

int sim_db_new(SimDb **ret);
SimDb *sim_db_free(SimDb *s); /* after all that have it open have closed it */
DEFINE_CLEANUP(SimDb *, sim_db_free)
const DbSource *sim_db_source(const SimDb *s);

typedef enum SimDbFault {
        SIM_DB_WORKS,
        SIM_DB_NOT_WRITTEN, /* a commit fails, and nothing was changed: the disk is full */
        SIM_DB_WRITTEN,     /* a commit fails after it has written: it is found again all the same */
        SIM_DB_LOST,        /* the process ends in a commit, before it has written */
} SimDbFault;
/* Of the commits that change anything; the next n of them go well. */
void sim_db_fail(SimDb *s, SimDbFault fault, int error, unsigned n);
/* Adds one with the next commit that fails so, and no more; forgotten when commits work again. */
void sim_db_count_fault(SimDb *s, uint64_t *count);
/* Called after a commit that failed and has written, or in which the process ends. A daemon ends there and answers nobody
 * (DbOptions.undecided); here it goes on to the end of its turn, on a database that is cut off, and must not be heard any more; the
 * next one finds a database that works. NULL: such a commit only fails. */
void sim_db_on_undecided(SimDb *s, void (*undecided)(void *userdata), void *userdata);
/* Somebody pulls the plug: until the next open each call comes to -EIO and changes nothing. */
void sim_db_cut(SimDb *s);
/* A copy of what is committed, as cp makes one of a running daemon's; and back, while it is not open. */
SimDb *sim_db_copy(const SimDb *s);
void sim_db_restore(SimDb *s, const SimDb *copy);
/* The medium spoils the value of a row, while it is not open. False: there is no such row. */
bool sim_db_spoil(SimDb *s, unsigned table, const void *key, size_t key_size);
size_t sim_db_count(const SimDb *s); /* rows that are committed */
