#pragma once

/*
 * A copy of this process at work
 *
 * A worker sees all of this process's memory as it was when it began, however it changes meanwhile, and may block. What it writes
 * to its output comes back at its end. It holds none of this process's descriptors: the connection, the database's lock and the
 * hosts are not its own. It ends with this process, with worker_free(), or when it takes too long.
 */

#include <systemd/sd-event.h>

#include "common/base/macros.h"

typedef struct Worker Worker;

typedef struct WorkerEnd {
        const char *said; /* all that it wrote, with a NUL behind it; "" also without memory */
        size_t n_said;
        int status; /* as waitpid() has it; a worker that was killed may have said a part */
        bool late;  /* its time was up, and it was ended; status says nothing */
} WorkerEnd;

typedef struct WorkerTask {
        int keep_fd;        /* stays open in the worker; -1: none */
        uint64_t usec_max;  /* 0: no bound */
        void (*work)(int output, int kept_fd, void *userdata); /* in the worker */
        void (*ended)(const WorkerEnd *end, void *userdata);   /* from the loop, once; frees the worker or not: it has ended */
        void *userdata;
} WorkerTask;

int worker_start(sd_event *event, const WorkerTask *task, Worker **ret);
/* Kills it where it still runs; ended() is not called. NULL is fine; returns NULL. */
Worker *worker_free(Worker *w);
DEFINE_CLEANUP(Worker *, worker_free)

/* In the worker: writes all, or ends it. */
void worker_write(int output, const void *bytes, size_t n);
