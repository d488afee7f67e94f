#pragma once

/*
 * The lines between policyd and the machines: queues in memory, in the place of D-Bus (policyd/link/links.h)
 *
 * Messages of one direction of a connection arrive in the order in which they were sent, each after a delay; those of two
 * connections in any order. A connection has a number, which is its bus name; hostd hears that a name left the bus after what it
 * had sent before. What was under way when a connection was cut has arrived, or not, or comes late, by chance. hostd's answers and
 * events carry which hostd they are of.
 */

#include "policyd/link/links.h"
#include "tests/proof/machine.h"

typedef struct Message Message;

typedef enum NetStrike {
        NET_STRIKE_NONE,
        NET_CUT_BEFORE,   /* the connection breaks as a message arrives, which is lost */
        NET_CUT_AFTER,    /* it breaks once one has arrived */
        NET_CUT_GREETING, /* it breaks as hostd's answer to the hello is read */
        NET_LOSE_ANSWER,  /* to a call: nothing else is wrong */
} NetStrike;

typedef struct Net {
        Links links;       /* what policyd is handed */
        Links other_links; /* another policyd */
        Loop *loop;
        Dice *dice;
        History *history;
        Machine *machines;
        unsigned n_machines;
        HostLink *hosts; /* those that policyd made */
        Message *messages;
        bool dead; /* policyd died in this turn of the loop: what it sends now it does not send */
        uint64_t connections, calls, serials;
        uint64_t *count_other; /* of the first claim by another policyd; or NULL */
        void (*claimed)(const Machine *m, const Inventory *inventory, void *userdata); /* before policyd takes it over; or NULL */
        void *claimed_userdata;
        struct NetWay {
                uint64_t delay[2]; /* up to which each message is later: to policyd, to the host */
                bool closed;       /* nothing can connect */
                uint64_t *count_slow, *count_closed; /* of a message that is later, of a connection that cannot be made */
                NetStrike strike;  /* what the next message of its kind meets */
                bool full;         /* the next call or claim cannot be sent */
                uint64_t *count;   /* of strikes, and of what could not be sent */
        } ways[16];
} Net;

extern const MachineListener net_listener; /* for the machines; its userdata is the net */

void net_init(Net *net);
void net_done(Net *net);
/* The connection to the machine breaks; silent: policyd notices late, for want of answers. False: there is none. */
void net_slow(Net *net, const Machine *m, uint64_t delay); /* in both directions */
void net_frozen(Net *net, const Machine *m); /* or thawed: its links hear nothing of hostd, which shows after a while */
bool net_cut(Net *net, const Machine *m, bool silent);
