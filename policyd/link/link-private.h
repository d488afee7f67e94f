#pragma once

/*
 * The parts of a link
 *
 * Each file calls those after it: link.c connects and keeps the connection alive; greet.c leads from
 * "connected" to "claimed"; calls.c sends orders, and events.c passes signals on; lose.c ends a connection,
 * and call-list.c answers its calls; wire.c puts it on the event loop.
 *
 * The owner may free the link in any callback. So each function that the loop calls holds a reference
 * (link_ref), and after a call to the owner asks link_is_same() whether the link still has the same
 * connection.
 */

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "common/daemon/message-list.h"
#include "policyd/link/address.h"
#include "policyd/link/host-key.h"
#include "policyd/link/link.h"
#include "policyd/link/ssh.h"
#include "policyd/link/wire.h"

typedef enum LinkState {
        LINK_IDLE,        /* before link_start() */
        LINK_DIALING,     /* the transport connects and authenticates; until the Connected signal */
        LINK_SUBSCRIBING, /* matches are installed, the owner of hostd's name is asked for */
        LINK_ABSENT,      /* the bus is there, hostd is not: NameOwnerChanged goes on */
        LINK_GREETING,    /* hostd's properties are read */
        LINK_WAITING,     /* greeted; the owner claims later */
        LINK_CLAIMING,    /* Claim is sent; events are kept */
        LINK_CLAIMED,     /* orders and events flow */
        LINK_RETRYING,    /* no connection; a timer dials again, or the login waits for its turn */
} LinkState;

typedef struct LinkCall LinkCall;
struct LinkCall {
        HostLink *link;
        sd_bus_message *message;
        sd_bus_slot *slot; /* while it is outstanding */
        bool sent;
        bool answers_text; /* a text, which is the message of its reply */
        LinkReply reply;
        void *userdata;
        TAILQ_ENTRY(LinkCall) others;
};

struct HostLink {
        Loop *loop;
        sd_event *event;
        LinkAddress address;
        char *cannot_dial; /* why the address is none to dial; else NULL */
        LinkOwner owner;
        void *userdata;
        const LinkSettings *settings;
        unsigned n_ref;
        bool freed;

        LinkState state;
        uint64_t generation; /* of the connection to hostd; grows with each loss */
        Wire *wire; /* NULL: there is none */
        Ssh *ssh;
        char *fingerprint;     /* of the host's key; NULL: known_hosts decides */
        char *key_file;        /* where that key is stored; NULL without a fingerprint */
        HostKeySearch *search; /* for that key, before ssh is started */
        bool doubts_key;       /* ssh refused the stored one: it is searched for again */
        char *peer; /* hostd's unique name: orders go to the process that was claimed, and to no successor of
                       it */
        sd_bus_slot *connected_slot, *disconnected_slot, *owner_slot, *signal_slot;
        sd_bus_slot *step_slot; /* the greeting's call that is outstanding */
        sd_bus_slot *ping_slot;
        LoopTimer *deadline, *retry, *keepalive;
        LoopFunction on_retry; /* dials again */
        uint64_t retry_delay;
        Login login;
        bool dropped;               /* the other side ended the connection */
        char noise[WIRE_NOISE_MAX]; /* what came first, where it is not the bus's */
        bool heard;                 /* anything since the last tick of the keepalive */
        unsigned pings_missed;

        bool counts;    /* hostd keeps the number of the last order */
        uint64_t epoch; /* of the claim in force */
        uint64_t seq;   /* of the last event that was passed on */
        MessageList kept;

        TAILQ_HEAD(, LinkCall) calls; /* in the order in which they were asked for: first those sent, then
                                         those waiting */
        LinkCall *next_unsent;
        size_t n_calls, n_sent;
};

/*
 * What callbacks of sd-bus return here: after 0 from the callback of a call that timed out, sd-bus (252) goes
 * on with the connection that the callback may have closed, and asserts.
 */
#define LINK_HANDLED 1

#define LINK_NOT_REACHED "The host's bus ended the connection before it could be used."

/* lose.c */
HostLink *link_ref(HostLink *link);
HostLink *link_unref(HostLink *link);
DEFINE_CLEANUP(HostLink *, link_unref)
static inline bool link_is_same(const HostLink *link, uint64_t generation) {
        return !link->freed && link->generation == generation;
}
void link_close(HostLink *link);
int link_arm_retry(HostLink *link, uint64_t usec);
/* Closes a connection that failed, answers its calls, informs the owner, and connects again later. */
void link_lose(HostLink *link, const char *reason);
/* The other side ended the connection: like link_lose(), but if a login was under way, only after ssh has
 * given its reason. */
void link_dropped(HostLink *link);
/* hostd left the bus (or was replaced): like link_lose(), but the connection to the bus stays open, to see
 * when hostd comes back. */
void link_lose_peer(HostLink *link, const char *reason);
char *link_error_text(sd_bus_message *reply); /* a good text that the caller frees; NULL without memory */

/* call-list.c */
void link_call_append(HostLink *link, LinkCall *call);
LinkCall *link_call_free(LinkCall *call);
void link_call_finish(LinkCall *call, LinkOutcome outcome, ErrorCode code, const char *message);
void link_drop_calls(HostLink *link, const char *reason);
void link_refuse_waiting(HostLink *link, const char *reason);

/* events.c */
int link_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error);
/* After the claim: passes on what came while it was under way. */
void link_replay_events(HostLink *link, uint64_t inventory_seq);

/* greet.c: from the Connected signal on. */
void link_subscribe(HostLink *link);
