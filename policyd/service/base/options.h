#pragma once

/*
 * What policyd is built on (loop, links, storage) and its settings, passed in by its caller; every layer of
 * the service reads them
 */

#include "common/base/loop.h"
#include "policyd/link/links.h"
#include "policyd/store/store.h"

typedef struct PolicyOptions {
        /* They must outlive the policy. */
        Loop *loop;
        Links *links;
        const DbSource *database;

        size_t map_size, map_max; /* of the database, bytes */
        uint64_t batch_max;     /* requests per commit */
        uint64_t linger_usec;   /* a batch that no client waits for is committed after that long; 0: at once */
        uint64_t job_keep_usec; /* a finished job stays that long (an hour) */
        uint64_t jobs_max_finished;  /* 1,000 */
        uint64_t limits[_CLASS_MAX]; /* objects of each class that may exist */
        uint64_t order_timeout_usec;
        uint64_t place_last_usec; /* a host or PGPU comes last that long after starts failed there */
} PolicyOptions;

/* How a batch ended: ERROR_NONE after the commit, or the failure. */
typedef void (*PolicyCommitted)(ErrorCode code, const char *message, void *userdata);

/* Of one start. */
typedef struct StartOptions {
        Host *on;                 /* NULL: any */
        Reservation *reservation; /* or NULL */
        bool dry_run;             /* decides, books nothing, *ret_job stays NULL */
} StartOptions;
