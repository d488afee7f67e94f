#pragma once

/*
 * A copy of this process that answers a call
 *
 * A worker sees the memory of this process as it was when the worker began, and may block. It has a
 * connection of its own to this process: when a reply has arrived there completely, it is passed to the bus
 * unchanged. The worker has closed all descriptors of this process: those of the bus, of the database's lock
 * and of the hosts. It ends with this process, with worker_free(), or when it takes too long.
 */

#include <systemd/sd-bus.h>

#include "common/base/macros.h"

typedef struct Worker Worker;

typedef struct WorkerEnd {
        bool answered; /* a reply went on */
        bool late;     /* its time was up, and it was ended */
        int status;    /* as waitpid() has it; -1: late */
} WorkerEnd;

typedef struct WorkerTask {
        sd_bus *bus;       /* where replies go */
        sd_bus_message *message; /* to answer; the worker keeps a reference */
        int keep_fd;       /* stays open in the worker; -1: none */
        uint64_t usec_max; /* 0: no bound */
        void (*work)(sd_bus_message *m, sd_bus *replies, int kept_fd, void *userdata); /* in the worker */
        /* From the loop, once; may free the worker. */
        void (*ended)(sd_bus_message *m, const WorkerEnd *end, void *userdata);
        void *userdata;
} WorkerTask;

int worker_start(sd_event *event, const WorkerTask *task, Worker **ret);
/* Kills it where it still runs; ended() is not called. NULL is fine; returns NULL. */
Worker *worker_free(Worker *w);
DEFINE_CLEANUP(Worker *, worker_free)
