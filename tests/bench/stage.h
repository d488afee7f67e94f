#pragma once

/*
 * A stage: a bus, the real policyd on it, and a host player
 *
 * All are processes of their own with real sockets between them; state and databases stand in the benchmark's
 * folder, on the disk whose commits are measured. A listener receives every announcement that policyd makes.
 */

#include <stdio.h>

#include <systemd/sd-bus.h>

#include "tests/bench/bench.h"

#define CONNECTIONS_MAX 64
#define PATH_SIZE 96

typedef struct Stage {
        char sockets[64], disk[256], address[128];
        pid_t bus, player, policyd;
        FILE *player_says;
        int epoll;
        sd_bus *connections[CONNECTIONS_MAX], *listener;
        char (*vms)[PATH_SIZE];
        size_t n_vms, n_hosts;
        uint64_t heap_empty;              /* policyd's heap before the first host */
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
int stage_add_bare_vms(Stage *s, size_t n); /* without it */
int stage_add_vgpus(Stage *s, size_t n);    /* for the last n VMs */
/* The path of the object of that name, PATH_SIZE bytes. */
int stage_find(Stage *s, const char *class, const char *name, char *ret);
/* policyd ends and starts again; *ret_cpu: its CPU time, in ns, until it answers. */
int stage_restart(Stage *s, uint64_t *ret_cpu);
int stage_wait_hosts(Stage *s);
/* Until so many jobs have ended since the listener began. */
int stage_wait_jobs(Stage *s, uint64_t n_ended);
/* One turn of the loop: the number of connections that something came for, 0 after timeout_ms. */
int stage_turn(Stage *s, int timeout_ms);
/* Turns the loop until nothing came for ms. */
int stage_settle(Stage *s, int ms);
/* "bench: WHAT: why" on stderr; returns the error. */
int stage_say(const char *what, int error);

/* What the played hosts were ordered since they began. */
typedef struct PlayerTally {
        uint64_t n_starts, n_stops, n_refused;
} PlayerTally;
int stage_ask_player(Stage *s, PlayerTally *ret);

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
