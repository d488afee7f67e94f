#pragma once

/*
 * The played hosts, and what the files of the player share
 *
 * Each host has a socket, at which it answers as a system bus with hostd on it would (wire.c), and the state
 * of a hostd: who claims it, what its PGPUs may run, what runs (host.c). What it decides is decided by
 * hostd's own core: epochs, enablement, the check of an order. It says what happens in hostd's records
 * (tell.c). There is no disk and no VM behind it: an order is carried out at once, and nothing outlives the
 * process.
 */

#include <systemd/sd-bus.h>

#include "common/base/hashmap.h"
#include "hostd/core/enablement.h"
#include "hostd/core/epoch.h"
#include "hostd/core/order-check.h"
#include "protocol/inventory.h"
#include "protocol/order.h"

#define HOSTS_MAX 1024
#define PGPUS_MAX 64
#define ENDED_MAX 512
#define N_TYPES 21 /* 20 of the card, and passthrough */

typedef struct Player Player;
typedef struct PlayedHost PlayedHost;
typedef struct Connection Connection;

/* Something that epoll watches. */
typedef struct Source {
        void (*ready)(void *userdata);
        void *userdata;
        int fd;
} Source;

struct Connection {
        PlayedHost *host;
        sd_bus *bus;
        Source source;
        char name[32]; /* its unique name */
        bool gone;
        Connection *next;
};

typedef struct PlayedGpu {
        PciAddress address;
        const HostType *type;
        Uuid uuid;      /* of the VGPU; null for passthrough */
        char device[8]; /* "" for passthrough */
} PlayedGpu;

typedef struct PlayedVm {
        Uuid id, token;
        char *name_label;
        uint64_t memory;
        PlayedGpu *gpus;
        size_t n_gpus;
} PlayedVm;

typedef struct PlayedEnd {
        Uuid id, token;
        uint64_t seq;
        const char *reason;
} PlayedEnd;

struct PlayedHost {
        Player *player;
        unsigned number;
        Source listening;
        Connection *connections;
        unsigned n_names;

        uint64_t seq, claim_seq,
                read_seq; /* of the last event; told by the last claim; read by its claimer */
        HostClaim claim;
        char claimer[32]; /* "": away, or none */
        Pgpu pgpus[PGPUS_MAX];
        Enablement enablement[PGPUS_MAX];
        HashMap *vms;
        PlayedEnd ended[ENDED_MAX];
        size_t n_ended;
};

struct Player {
        int epoll;
        Source signals;
        HostType types[N_TYPES];
        PlayedHost *hosts;
        unsigned n_hosts, n_pgpus;
        uint64_t memory; /* of each host, bytes */
        uint64_t n_starts, n_stops, n_refused;
        bool ends;
};

extern const char played_boot_id[];

int player_watch(Player *p, Source *s);

/* hardware.c */
int types_make(HostType types[static N_TYPES]);
int pgpu_make(Pgpu *ret, unsigned number);
int type_record_make(const HostType *t, TypeRecord *ret);

/* host.c: 0, with the refusal set when it is one. */
int host_make(PlayedHost *h, Player *p, unsigned number);
void host_done(PlayedHost *h);
void host_uuid(const PlayedHost *h, Uuid *ret);
uint64_t host_memory_free(const PlayedHost *h);
int host_claim(PlayedHost *h, const char *caller, uint64_t epoch, const char *pool, const char *instance,
        Refusal *refusal);
int host_release(PlayedHost *h, const char *caller, Refusal *refusal);
void host_caller_left(PlayedHost *h, const char *name);
int host_change_types(PlayedHost *h, const char *caller, Pgpu *p, EnablementChange change,
        const char *const *wanted, Refusal *refusal);
int host_check_caller(PlayedHost *h, const char *caller, Refusal *refusal);

/* orders.c: what is to be told of an order that was taken; its answer goes first. */
typedef struct Taken {
        PlayedVm *started; /* tell that it runs */
        PlayedVm *stopped; /* tell that it ended, and free it */
        bool force;
        const PlayedEnd *ended; /* tell again */
} Taken;
int host_take_start(PlayedHost *h, const char *caller, const char *text, Taken *ret, Refusal *refusal);
int host_take_stop(PlayedHost *h, const char *caller, const char *text, Taken *ret, Refusal *refusal);
PlayedVm *played_vm_free(PlayedVm *vm);

/* tell.c */
char *inventory_text(const PlayedHost *h);
int tell_inventory(PlayedHost *h);
int tell_started(PlayedHost *h, const PlayedVm *vm);
int tell_stopped(PlayedHost *h, const PlayedVm *vm, bool force);
int tell_ended_again(PlayedHost *h, const PlayedEnd *end);

/* wire.c */
int host_listen(PlayedHost *h, const char *folder);
int host_emit(PlayedHost *h, const char *member, const char *json);
void connection_free(Connection *c);
