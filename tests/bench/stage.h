#pragma once

/*
 * A stage: a bus, the real policyd on it, and a host player
 *
 * All are processes of their own with real sockets between them; state and databases stand in the benchmark's
 * folder, on the disk whose commits are measured. A listener receives every announcement that policyd makes.
 */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "tests/bench/bench.h"

#define CONNECTIONS_MAX 64
#define PATH_SIZE 96

typedef struct Stage {
        char sockets[64], disk[256], address[128];
        pid_t bus, player, policyd;
        sd_event *event;
        sd_bus *connections[CONNECTIONS_MAX], *listener;
        char (*vms)[PATH_SIZE];
        size_t n_vms, n_hosts;
        uint64_t n_signals, n_jobs_ended; /* heard by the listener */
        /* While not NULL, every signal is kept here too. */
        sd_bus_message **kept;
        size_t n_kept, kept_max;
} Stage;

/* Programs are found through $XENVGPU_POLICYD and $XENVGPU_HOST_PLAYER. Every host is online on return. */
int stage_open(Stage *s, size_t n_hosts, size_t n_pgpus);
void stage_close(Stage *s);
#define _cleanup_stage_ _cleanup_(stage_close)
/* Halted VMs with one VGPU of GRID K100 each. */
int stage_add_vms(Stage *s, size_t n);
/* policyd ends and starts again; *ret_cpu: its CPU time, in ns, until it answers. */
int stage_restart(Stage *s, uint64_t *ret_cpu);
int stage_wait_hosts(Stage *s);
/* Until so many jobs have ended since the listener began. */
int stage_wait_jobs(Stage *s, uint64_t n_ended);
/* Turns the loop until nothing came for ms. */
int stage_settle(Stage *s, uint64_t ms);

/*
 * Calls in flight: n_total calls over n_connections, one at a time on each. make() builds the i-th call,
 * got() sees its answer. Latencies in µs stand in latency (n_total of them).
 */
typedef struct Flight {
        Stage *stage;
        size_t n_connections, n_total;
        int (*make)(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata);
        int (*got)(Stage *s, size_t i, sd_bus_message *reply, void *userdata); /* may be NULL: errors fail */
        void *userdata;
        double *latency;
        double seconds; /* from the first call to the last answer */
} Flight;

int flight_run(Flight *f);

/* One call on the first connection, answered: 0. */
int stage_call(Stage *s, sd_bus_message **ret_reply, const char *path, const char *interface,
        const char *member, const char *types, ...);
