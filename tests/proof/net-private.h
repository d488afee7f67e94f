#pragma once

/*
 * Lines and what is on its way on them
 */

#include "tests/proof/net.h"

typedef enum LineState {
        LINE_IDLE,
        LINE_RETRYING,
        LINE_DIALING,
        LINE_ABSENT, /* connected; no hostd */
        LINE_GREETING,
        LINE_WAITING,
        LINE_CLAIMING,
        LINE_CLAIMED,
        _LINE_STATE_MAX,
} LineState;

typedef enum MessageKind {
        MESSAGE_HELLO,
        MESSAGE_CLAIM,
        MESSAGE_CALL,
        MESSAGE_LEFT, /* the bus name is gone */
        MESSAGE_GREETING,
        MESSAGE_ABSENT,
        MESSAGE_CAME,
        MESSAGE_WENT,
        MESSAGE_CLAIMED,
        MESSAGE_ANSWER,
        MESSAGE_SIGNAL,
        _MESSAGE_KIND_MAX,
} MessageKind;

typedef enum CallKind {
        CALL_START,
        CALL_STOP,
        CALL_TYPES,
        CALL_ADD_TYPE,
        CALL_REMOVE_TYPE,
        CALL_GET,
        CALL_END,
        CALL_CLEAR,
        CALL_RELEASE,
        _CALL_KIND_MAX,
} CallKind;

struct Message {
        Net *net;
        Machine *machine;
        Message *previous, *next;
        LoopTimer *timer;
        LoopTimer *taking; /* it lies in hostd's queue, until its loop comes to it */
        MessageKind kind;
        uint64_t at;      /* when it arrives */
        uint64_t connection, incarnation, call;
        CallKind what;
        bool is_others;   /* a call of another policyd */
        uint32_t lacks;   /* of a call: machines that its policyd does not have, as bits */
        PciAddress pgpu;
        char **types;
        char *text;       /* order, inventory, event, the refusal's sentence */
        ErrorCode code;   /* of an answer */
        LinkClaim claim;
        uint64_t held;
        Told told;
        LinkGreeting greeting;
        char *claimed_by, *boot_id;
};

typedef struct LineCall {
        struct LineCall *next;
        HostLink *line;
        LoopTimer *timer; /* its answer is late */
        uint64_t id;
        bool sent;
        Message *message; /* until it is sent */
        LinkReply reply;
        void *userdata;
} LineCall;

typedef struct KeptSignal {
        struct KeptSignal *next;
        Told told;
        char *text;
} KeptSignal;

struct HostLink {
        Net *net;
        HostLink *next;
        Machine *machine;
        bool is_other; /* of another policyd */
        uint64_t serial;
        LinkOwner owner;
        void *userdata;
        LineState state;
        bool silent;          /* cut, and not noticed yet */
        uint64_t connection;  /* 0: none */
        uint64_t incarnation; /* of the hostd that greeted */
        uint64_t epoch, seq;
        uint64_t retry_delay;
        LoopTimer *timer;     /* the next try, the end of a dial, or what is waited for */
        LineCall *calls;
        KeptSignal *kept;
};

Message *message_new(Net *net, Machine *m, MessageKind kind, uint64_t connection);
void message_free(Message *m);
void message_send(Message *m);
bool message_is_to_host(const Message *m);
void net_break(Net *net, HostLink *line); /* its connection is no more */

/* host-side.c: what hostd answers. Takes the message. */
void host_side_take(Message *m);

/* lines.c */
HostLink *line_of_connection(const Net *net, uint64_t connection);
HostLink *line_of_serial(const Net *net, uint64_t serial);
void line_deliver(HostLink *line, Message *m);
void line_lose(HostLink *line, const char *reason);
void line_silence(HostLink *line); /* nothing comes or goes on it any more, which shows after a while */
void line_watch(HostLink *line); /* for keepalives that a frozen hostd does not answer */
extern const Links line_links;
Links line_other_links(void);
