#pragma once

/*
 * A pool in one process: policyd's service, the hosts' services, the lines between them, and one clock
 *
 * All of it is the production code but for what it stands on. Every choice comes from the seed, so that one seed is one history.
 */

#include "policyd/service/policy.h"
#include "tests/proof/net.h"
#include "tests/sim/sim-db.h"
#include "tests/sim/sim-loop.h"

#define MACHINES_MAX 16
#define SECOND UINT64_C(1000000)

/* Who follows the pool by the signals of changes. */
typedef struct WorldWatcher {
        void (*changed)(const Object *o, void *userdata);
        void (*started)(void *userdata); /* policyd, anew */
} WorldWatcher;

typedef struct World {
        SimLoop *sim;
        Loop *loop;
        Dice dice;
        History history;
        SimDb *db;        /* of policyd: what was committed */
        Policy *policy;   /* NULL: it does not run */
        PolicyOptions options;
        bool crashing;    /* what it tells now nobody hears */
        bool undecided;   /* its last commit may be on disk or not: it ends with this turn */
        bool stale;       /* it said that another one commands */
        unsigned dies_within; /* policyd: before the n-th event that follows another in the same instant */
        uint64_t *dies_count; /* one more is added then */
        Policy *other;    /* another policyd that dials the same hosts; NULL: there is none */
        SimDb *other_db;
        bool other_stale;
        Net net;
        Machine machines[MACHINES_MAX];
        unsigned n_machines;
        uint64_t calls;
        bool rows_spoilt; /* policyd's database may have a row that cannot be read, and that nobody removed yet */
        bool declared; /* a host dead, and it was not */
        const WorldWatcher *watcher; /* or NULL */
        void *watcher_userdata;
} World;

/* boards: some machines have a board with virtual functions. heard: each line of the history, as it is added. */
World *world_new(uint64_t seed, unsigned n_machines, bool boards, FILE *file_or_null,
        void (*heard)(const char *line, void *userdata), void *userdata);
World *world_free(World *w);
DEFINE_CLEANUP(World *, world_free)

void world_run(World *w, uint64_t usec);
bool world_turn(World *w); /* what is due first; false where nothing is */
void world_start_policyd(World *w);
void world_crash_policyd(World *w);
void world_check(World *w); /* what the checker of the product finds, to the history */
void world_check_stored(World *w); /* stored.c: whether the database holds what the model says, to the history */
void world_list(World *w); /* what the pool says and what runs, to the history */
