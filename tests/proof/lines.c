/*
 * policyd's end of the lines: what policyd/link does over sd-bus, over queues
 *
 * Dial, greet, claim, pass events in their order, lose, dial again. A call that may have been delivered ends as unknown when its
 * connection does, one that was not sent as refused.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/strlist.h"
#include "tests/proof/net-private.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define CALLS_OUTSTANDING_MAX 4 /* fewer than in the daemon, so that calls wait */
#define CALL_TIMEOUT (20 * SECOND)
#define RETRY_MIN (250 * MS)
#define RETRY_MAX (30 * SECOND)

HostLink *line_of_connection(const Net *net, uint64_t connection) {
        for (HostLink *line = net->hosts; line; line = line->next)
                if (line->connection == connection && !line->silent)
                        return line;
        return NULL;
}

HostLink *line_of_serial(const Net *net, uint64_t serial) {
        for (HostLink *line = net->hosts; line; line = line->next)
                if (line->serial == serial)
                        return line;
        return NULL;
}

/* After its owner was called: it is there, and the same hostd at the other end of the same connection. */
typedef struct Pin {
        Net *net;
        uint64_t serial, connection, incarnation;
} Pin;

static Pin pin(const HostLink *line) {
        return (Pin){line->net, line->serial, line->connection, line->incarnation};
}

static bool is_same(const Pin *p) {
        HostLink *line = line_of_serial(p->net, p->serial);

        return line && line->connection == p->connection && line->incarnation == p->incarnation;
}

static void say(HostLink *line, const char *what) {
        history_add(line->net->history, "%s link %s %s", line->is_other ? "other" : "policyd", line->machine->name, what);
}

/* Calls */

static void line_call_free(LineCall *c) {
        if (c->message)
                message_free(c->message);
        loop_timer_free(c->timer);
        free(c);
}

static void finish(HostLink *line, LineCall *call, LinkOutcome outcome, ErrorCode code, const char *text) {
        LineCall c = *call;

        for (LineCall **at = &line->calls; *at; at = &(*at)->next)
                if (*at == call) {
                        *at = call->next;
                        break;
                }
        line_call_free(call);
        c.reply(line, outcome, code, text, c.userdata);
}

static void drop_calls(HostLink *line, const char *reason) {
        Net *net = line->net;
        uint64_t serial = line->serial;

        while ((line = line_of_serial(net, serial)) && line->calls) {
                bool sent = line->calls->sent;

                finish(line, line->calls, sent ? LINK_UNKNOWN : LINK_REFUSED, ERROR_HOST_OFFLINE, reason);
        }
}

static void send(HostLink *line, Message *m) {
        m->incarnation = line->incarnation;
        if (line->silent || line->net->dead)
                message_free(m);
        else
                message_send(m);
}

/* Whether it was delivered, nobody knows; the next claim settles it. */
static void on_call_timeout(void *userdata) {
        LineCall *c = userdata;
        HostLink *line = c->line;
        Pin p = pin(line);

        finish(line, c, LINK_UNKNOWN, ERROR_HOST_OFFLINE, "Connection timed out");
        if (is_same(&p))
                line_lose(line, "hostd left a call without a clear answer: Connection timed out");
}

static void send_waiting(HostLink *line) {
        size_t n = 0;

        for (LineCall *c = line->calls; c; c = c->next)
                n += c->sent;
        for (LineCall *c = line->calls; c && n < CALLS_OUTSTANDING_MAX; c = c->next) {
                if (c->sent)
                        continue;
                c->sent = true;
                n++;
                if (loop_call_in(line->net->loop, &c->timer, CALL_TIMEOUT, on_call_timeout, c) < 0)
                        abort();
                send(line, take_ptr(c->message));
        }
}

/* sd-bus has no room, or finds the connection broken, before policyd knows of it. */
static bool is_full(HostLink *line) {
        struct NetWay *way = &line->net->ways[line->machine->number];

        if (!way->full)
                return false;
        way->full = false;
        if (way->count)
                (*way->count)++;
        history_add(line->net->history, "net %s is-full", line->machine->name);
        return true;
}

static int call(HostLink *line, CallKind what, const char *text, const PciAddress *pgpu, const char *const *types,
        LinkReply reply, void *userdata) {
        LineCall *c, **at;

        if (line->state != LINE_CLAIMED)
                return -ENOTCONN;
        if (is_full(line))
                return -ENOBUFS;
        c = calloc(1, sizeof(*c));
        *c = (LineCall){.line = line, .id = ++line->net->calls, .reply = reply, .userdata = userdata};
        c->message = message_new(line->net, line->machine, MESSAGE_CALL, line->connection);
        c->message->call = c->id;
        c->message->what = what;
        c->message->text = text ? strdup(text) : NULL;
        if (pgpu)
                c->message->pgpu = *pgpu;
        if (types && strv_copy((char *const *) types, &c->message->types) < 0)
                abort();
        for (at = &line->calls; *at; at = &(*at)->next)
                ;
        *at = c;
        send_waiting(line);
        return 0;
}

/* The end of a connection */

static void drop_kept(HostLink *line) {
        KeptSignal *next;

        for (KeptSignal *k = take_ptr(line->kept); k; k = next) {
                next = k->next;
                free(k->text);
                free(k);
        }
}

static void on_timer(void *userdata);

static void wait_for(HostLink *line, uint64_t usec) {
        if (loop_call_in(line->net->loop, &line->timer, usec, on_timer, line) < 0)
                abort();
}

static void tell_lost(HostLink *line, const char *reason) {
        Net *net = line->net;
        uint64_t serial = line->serial;
        Pin p = pin(line);

        say(line, "lost");
        drop_calls(line, reason);
        line = line_of_serial(net, serial);
        if (line && is_same(&p))
                line->owner.lost(line, reason, line->userdata);
}

void line_lose(HostLink *line, const char *reason) {
        if (line->state == LINE_RETRYING || line->state == LINE_IDLE)
                return;
        line->state = LINE_RETRYING;
        line->silent = false;
        drop_kept(line);
        if (line->connection > 0)
                net_break(line->net, line);
        line->retry_delay = MIN_OF(line->retry_delay ? 2 * line->retry_delay : RETRY_MIN, RETRY_MAX);
        wait_for(line, line->retry_delay + chance_between(line->net->dice, 0, line->retry_delay / 4));
        tell_lost(line, reason);
}

void line_silence(HostLink *line) {
        line->silent = true;
        wait_for(line, chance_between(line->net->dice, 20 * SECOND, 30 * SECOND));
}

void line_watch(HostLink *line) {
        if (line->state != LINE_CLAIMED || line->silent)
                return;
        if (line->machine->is_frozen)
                wait_for(line, chance_between(line->net->dice, 20 * SECOND, 30 * SECOND));
        else
                loop_timer_stop(line->timer);
}

static void lose_peer(HostLink *line, const char *reason) {
        line->state = LINE_ABSENT;
        line->incarnation = 0;
        loop_timer_stop(line->timer);
        drop_kept(line);
        tell_lost(line, reason);
}

/* From dialling to claimed */

static void say_hello(HostLink *line) {
        line->state = LINE_GREETING;
        send(line, message_new(line->net, line->machine, MESSAGE_HELLO, line->connection));
        wait_for(line, 20 * SECOND);
}

static void on_timer(void *userdata) {
        HostLink *line = userdata;
        Net *net = line->net;

        if (line->state == LINE_RETRYING) {
                line->state = LINE_DIALING;
                wait_for(line, chance_between(net->dice, MS, 50 * MS));
        } else if (line->state == LINE_DIALING && (!line->machine->is_on || net->ways[line->machine->number].closed)) {
                history_strike(&net->ways[line->machine->number].count_closed);
                line_lose(line, "The host's bus cannot be reached: Connection refused.");
        } else if (line->state == LINE_DIALING) {
                line->connection = ++net->connections;
                say_hello(line);
        } else
                line_lose(line, "The host did not answer in time.");
}

static int line_claim(HostLink *line, const LinkClaim *claim) {
        Message *m;

        if (line->state < LINE_WAITING)
                return -ENOTCONN;
        if (is_full(line))
                return -ENOBUFS;
        m = message_new(line->net, line->machine, MESSAGE_CLAIM, line->connection);
        m->claim = *claim;
        line->state = LINE_CLAIMING;
        send(line, m);
        wait_for(line, 20 * SECOND);
        /* Waiting orders have the epoch of the claim before this one. */
        for (LineCall *c = line->calls, *next; c; c = next) {
                next = c->next;
                if (!c->sent) {
                        finish(line, c, LINK_REFUSED, ERROR_HOST_OFFLINE, "The host was claimed anew.");
                        next = line->calls;
                }
        }
        return 0;
}

static void on_greeting(HostLink *line, const Message *m) {
        _cleanup_free_ char *reason = NULL;
        LinkClaim claim = {};
        Pin p;
        int r;

        line->incarnation = m->incarnation;
        line->state = LINE_WAITING;
        loop_timer_stop(line->timer);
        p = pin(line);
        r = line->owner.greeted(line, &m->greeting, &claim, &reason, line->userdata);
        if (!is_same(&p))
                return;
        if (r < 0)
                line_lose(line, reason ?: "The host was not accepted.");
        else if (r > 0 && line_claim(line, &claim) < 0 && is_same(&p))
                line_lose(line, "The host's bus takes no messages.");
}

static void on_claim_refused(HostLink *line, const Message *m) {
        Pin p = pin(line);

        line->state = LINE_WAITING;
        if (m->code == ERROR_STALE_EPOCH) {
                line->owner.stale(line, m->text, line->userdata);
                if (!is_same(&p) || line->state != LINE_WAITING)
                        return;
        }
        line_lose(line, m->text);
}

/* Events */

static bool take_seq(HostLink *line, uint64_t seq, bool inventory) {
        if (inventory ? seq < line->seq : seq <= line->seq)
                return false;
        line->seq = seq;
        return true;
}

#define DEFINE_PASS(kind, type)                                                                              \
        static int pass_##kind(HostLink *line, JsonReader *r, struct json_object *o) {                       \
                type event = {};                                                                             \
                int k = kind##_parse(r, o, &event);                                                          \
                                                                                                             \
                if (k >= 0 && take_seq(line, event.head.seq, /* inventory= */ false))                        \
                        line->owner.kind(line, &event, line->userdata);                                      \
                kind##_done(&event);                                                                         \
                return k;                                                                                    \
        }
DEFINE_PASS(vm_event, VmEvent)
DEFINE_PASS(vgpu_event, VgpuEvent)
DEFINE_PASS(pci_event, PciEvent)

static int pass_inventory(HostLink *line, JsonReader *r, struct json_object *o) {
        Inventory inventory = {};
        int k = inventory_parse(r, o, &inventory);

        if (k >= 0 && inventory.epoch > line->epoch)
                line->owner.stale(line, "The host was claimed with a higher epoch.", line->userdata);
        else if (k >= 0 && take_seq(line, inventory.seq, /* inventory= */ true))
                line->owner.inventory(line, &inventory, line->userdata);
        inventory_done(&inventory);
        return k;
}

static void pass(HostLink *line, Told told, const char *text) {
        static int (*const passes[_TOLD_MAX])(HostLink *, JsonReader *, struct json_object *) = {
                [TOLD_VM] = pass_vm_event,
                [TOLD_VGPU] = pass_vgpu_event,
                [TOLD_PCI] = pass_pci_event,
                [TOLD_INVENTORY] = pass_inventory,
        };
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        Pin p = pin(line);

        if (json_parse_cleaned(&reader, text, strlen(text), &o) < 0 || passes[told](line, &reader, o) < 0) {
                history_add(p.net->history, "policyd cannot-read %s", reader.error);
                if (is_same(&p))
                        line_lose(line, "An event of hostd cannot be read.");
        }
}

static void keep(HostLink *line, const Message *m) {
        KeptSignal *k = calloc(1, sizeof(*k)), **at;

        *k = (KeptSignal){.told = m->told, .text = strdup(m->text)};
        for (at = &line->kept; *at; at = &(*at)->next)
                ;
        *at = k;
}

static void replay(HostLink *line, uint64_t seq) {
        KeptSignal *next, *all = take_ptr(line->kept);
        Pin p = pin(line);

        line->seq = seq;
        for (KeptSignal *k = all; k; k = next) {
                next = k->next;
                if (is_same(&p))
                        pass(line, k->told, k->text);
                free(k->text);
                free(k);
        }
}

static void on_claimed(HostLink *line, const Message *m) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *reason = NULL;
        Inventory inventory = {};
        JsonReader reader = {};
        uint64_t seq;
        Pin p;
        int r;

        loop_timer_stop(line->timer);
        if (m->code != ERROR_NONE) {
                on_claim_refused(line, m);
                return;
        }
        if (json_parse_cleaned(&reader, m->text, strlen(m->text), &o) < 0 ||
                inventory_parse(&reader, o, &inventory) < 0) {
                history_add(line->net->history, "policyd cannot-read %s", reader.error);
                line_lose(line, "hostd's inventory cannot be read.");
                return;
        }
        seq = inventory.seq;
        line->epoch = m->held;
        line->state = LINE_CLAIMED;
        line->retry_delay = 0;
        line_watch(line);
        if (line->is_other)
                history_strike(&line->net->count_other);
        say(line, "claimed");
        p = pin(line);
        if (line->net->claimed && !line->is_other)
                line->net->claimed(line->machine, &inventory, line->net->claimed_userdata);
        r = line->owner.claimed(line, m->held, &inventory, &reason, line->userdata);
        inventory_done(&inventory);
        if (!is_same(&p))
                return;
        if (r < 0)
                line_lose(line, reason ?: "The host's inventory was not accepted.");
        else
                replay(line, seq);
}

static void on_answer(HostLink *line, const Message *m) {
        Pin p = pin(line);

        for (LineCall *c = line->calls; c; c = c->next)
                if (c->id == m->call && c->sent) {
                        finish(line, c, m->code ? LINK_REFUSED : LINK_DONE, m->code, m->text);
                        break;
                }
        if (!is_same(&p))
                return;
        if (m->code == ERROR_STALE_EPOCH)
                line->owner.stale(line, m->text, line->userdata);
        if (is_same(&p))
                send_waiting(line);
}

void line_deliver(HostLink *line, Message *m) {
        bool same = m->incarnation == line->incarnation && m->incarnation > 0;

        switch (m->kind) {
        case MESSAGE_GREETING:
                if (line->state == LINE_GREETING)
                        on_greeting(line, m);
                break;
        case MESSAGE_ABSENT:
                if (line->state == LINE_GREETING)
                        lose_peer(line, "hostd does not run on the host.");
                break;
        case MESSAGE_WENT:
                if (line->state > LINE_ABSENT)
                        lose_peer(line, "hostd stopped.");
                break;
        case MESSAGE_CAME:
                if (line->state > LINE_GREETING)
                        lose_peer(line, "hostd was replaced.");
                if (line->state == LINE_ABSENT)
                        say_hello(line);
                break;
        case MESSAGE_CLAIMED:
                if (same && line->state == LINE_CLAIMING)
                        on_claimed(line, m);
                break;
        case MESSAGE_ANSWER:
                if (same)
                        on_answer(line, m);
                break;
        case MESSAGE_SIGNAL:
                if (same && line->state == LINE_CLAIMED)
                        pass(line, m->told, m->text);
                else if (same && line->state == LINE_CLAIMING)
                        keep(line, m);
                break;
        default:
                break;
        }
}

/* What policyd is handed. */

static ErrorCode check_address(const char *address, char **ret_message) {
        unsigned number;

        if (sscanf(address, "unix:path=/h%u", &number) == 1 && number < ARRAY_SIZE(((Net *) NULL)->ways))
                return ERROR_NONE;
        *ret_message = strdup("This is no machine's address.");
        return ERROR_INVALID_ADDRESS;
}

static int make_for(Net *net, bool is_other, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        unsigned number;
        HostLink *line;

        if (sscanf(address, "unix:path=/h%u", &number) != 1 || number >= net->n_machines)
                return -EINVAL;
        line = calloc(1, sizeof(*line));
        *line = (HostLink){.net = net,
                .next = net->hosts,
                .machine = &net->machines[number],
                .is_other = is_other,
                .serial = ++net->serials,
                .owner = *owner,
                .userdata = userdata};
        net->hosts = line;
        *ret = line;
        return 0;
}

static int make(Links *links, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        return make_for(CONTAINER_OF(links, Net, links), /* is_other= */ false, address, owner, userdata, ret);
}

static int make_other(Links *links, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        return make_for(CONTAINER_OF(links, Net, other_links), /* is_other= */ true, address, owner, userdata, ret);
}

static HostLink *line_free(HostLink *line) {
        if (!line)
                return NULL;
        for (HostLink **at = &line->net->hosts; *at; at = &(*at)->next)
                if (*at == line) {
                        *at = line->next;
                        break;
                }
        if (line->connection > 0)
                net_break(line->net, line);
        for (LineCall *c = line->calls, *next; c; c = next) {
                next = c->next;
                line_call_free(c);
        }
        drop_kept(line);
        loop_timer_free(line->timer);
        free(line);
        return NULL;
}

static int line_start(HostLink *line) {
        line->state = LINE_RETRYING;
        wait_for(line, 0);
        return 0;
}

/* Addresses here are no logins, so there is never one. */
static int set_fingerprint(HostLink *line, const char *fingerprint) {
        return 0;
}

static void forget_key(HostLink *line) {
}

static void dial_now(HostLink *line) {
        line->retry_delay = 0;
        if (line->state == LINE_RETRYING)
                wait_for(line, 0);
}

static int start_vm(HostLink *line, const char *order, LinkReply reply, void *userdata) {
        return call(line, CALL_START, order, NULL, NULL, reply, userdata);
}

static int stop_vm(HostLink *line, const char *order, LinkReply reply, void *userdata) {
        return call(line, CALL_STOP, order, NULL, NULL, reply, userdata);
}

static int change_types(HostLink *line, const PciAddress *pgpu, LinkTypesChange change, const char *const *identifiers,
        LinkReply reply, void *userdata) {
        static const CallKind kinds[_LINK_TYPES_CHANGE_MAX] = {CALL_TYPES, CALL_ADD_TYPE, CALL_REMOVE_TYPE};

        return call(line, kinds[change], NULL, pgpu, identifiers, reply, userdata);
}

static int get_vm(HostLink *line, const char *uuid, LinkReply reply, void *userdata) {
        return call(line, CALL_GET, uuid, NULL, NULL, reply, userdata);
}

static int end_vm(HostLink *line, const char *order, LinkReply reply, void *userdata) {
        return call(line, CALL_END, order, NULL, NULL, reply, userdata);
}

static int clear_health(HostLink *line, const PciAddress *pgpu, LinkReply reply, void *userdata) {
        return call(line, CALL_CLEAR, NULL, pgpu, NULL, reply, userdata);
}

static int release(HostLink *line, LinkReply reply, void *userdata) {
        return call(line, CALL_RELEASE, NULL, NULL, NULL, reply, userdata);
}

static bool withdraw(HostLink *line, const void *userdata) {
        for (LineCall **at = &line->calls; *at; at = &(*at)->next) {
                LineCall *c = *at;

                if (c->sent || c->userdata != userdata)
                        continue;
                *at = c->next;
                line_call_free(c);
                return true;
        }
        return false;
}

const Links line_links = {
        .check_address = check_address,
        .make = make,
        .free = line_free,
        .start = line_start,
        .claim = line_claim,
        .set_fingerprint = set_fingerprint,
        .forget_key = forget_key,
        .dial_now = dial_now,
        .reset = line_lose,
        .start_vm = start_vm,
        .stop_vm = stop_vm,
        .change_types = change_types,
        .get_vm = get_vm,
        .end_vm = end_vm,
        .clear_health = clear_health,
        .release = release,
        .withdraw = withdraw,
};

Links line_other_links(void) {
        Links links = line_links;

        links.make = make_other;
        return links;
}
