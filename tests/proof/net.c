/*
 * What is on its way between policyd and the machines
 */

#include "common/base/strlist.h"
#include "tests/proof/net-private.h"

static struct NetWay *way_of(Message *m) {
        return &m->net->ways[m->machine->number];
}

Message *message_new(Net *net, Machine *machine, MessageKind kind, uint64_t connection) {
        Message *m = calloc(1, sizeof(*m));

        if (!m)
                abort();
        *m = (Message){.net = net, .machine = machine, .kind = kind, .connection = connection};
        return m;
}

void message_free(Message *m) {
        if (m->previous)
                m->previous->next = m->next;
        else if (m->net->messages == m)
                m->net->messages = m->next;
        if (m->next)
                m->next->previous = m->previous;
        loop_timer_free(m->timer);
        loop_timer_free(m->taking);
        strv_free(m->types);
        free(m->text);
        free(m->claimed_by);
        free(m->boot_id);
        free(m);
}

bool message_is_to_host(const Message *m) {
        return m->kind <= MESSAGE_LEFT;
}

static bool is_struck(const Message *m, NetStrike strike) {
        switch (strike) {
        case NET_CUT_BEFORE:
        case NET_CUT_AFTER:
                return true;
        case NET_CUT_GREETING:
                return m->kind == MESSAGE_GREETING;
        case NET_LOSE_ANSWER:
                return m->kind == MESSAGE_ANSWER;
        case NET_STRIKE_NONE:
                break;
        }
        return false;
}

static NetStrike take_strike(const Message *m) {
        struct NetWay *way = &m->net->ways[m->machine->number];
        NetStrike strike = way->strike;

        if (!is_struck(m, strike) || !line_of_connection(m->net, m->connection))
                return NET_STRIKE_NONE;
        way->strike = NET_STRIKE_NONE;
        (*way->count)++;
        history_add(m->net->history, "net %s strikes", m->machine->name);
        return strike;
}

static void cut_now(Net *net, uint64_t connection) {
        HostLink *line = line_of_connection(net, connection);

        if (line)
                line_lose(line, "The connection to the host's bus was lost.");
}

static void deliver(Message *m);

static void arrive(void *userdata) {
        Message *m = userdata;
        Net *net = m->net;
        uint64_t connection = m->connection;

        switch (take_strike(m)) {
        case NET_CUT_BEFORE:
        case NET_CUT_GREETING:
                message_free(m);
                cut_now(net, connection);
                break;
        case NET_CUT_AFTER:
                deliver(m);
                cut_now(net, connection);
                break;
        case NET_LOSE_ANSWER:
                message_free(m);
                break;
        case NET_STRIKE_NONE:
                deliver(m);
                break;
        }
}

static void deliver(Message *m) {
        HostLink *line;

        if (message_is_to_host(m)) {
                host_side_take(m);
                return;
        }
        if ((line = line_of_connection(m->net, m->connection)))
                line_deliver(line, m);
        message_free(m);
}

static void arrive_at(Message *m, uint64_t at) {
        m->at = at;
        if (loop_call_at(m->net->loop, &m->timer, LOOP_MONOTONIC, at, arrive, m) < 0)
                abort();
}

/* Whether it goes the same way on the same connection, and has not arrived. */
static bool is_beside(const Message *m, uint64_t connection, bool to_host) {
        return m->connection == connection && message_is_to_host(m) == to_host && !m->taking;
}

/* Who sends the call, and which machines it does not have. */
static void note_sender(Message *m) {
        const HostLink *sender = line_of_connection(m->net, m->connection);

        m->is_others = sender && sender->is_other;
        m->lacks = (UINT32_C(1) << m->net->n_machines) - 1;
        for (const HostLink *line = m->net->hosts; line; line = line->next)
                if (line->is_other == m->is_others)
                        m->lacks &= ~(UINT32_C(1) << line->machine->number);
}

/* A start order: its token, who gives it, and the machines that this one does not have: ",h0,h3,". */
static void add_order(const Message *m) {
        const char *token = m->what == CALL_START && m->text ? strstr(m->text, "\"token\":\"") : NULL;
        char machines[160];
        size_t n = 0;

        if (!token)
                return;
        machines[0] = '\0';
        for (unsigned i = 0; i < m->net->n_machines && n < sizeof(machines); i++)
                if (m->lacks & UINT32_C(1) << i)
                        n += (size_t) snprintf(machines + n, sizeof(machines) - n, "h%u,", i);
        history_add(m->net->history, "%s is-sent order=start token=%.36s by=%s lacks=,%s", m->machine->name, token + strlen("\"token\":\""),
                m->is_others ? "other" : "policyd", machines);
}

void message_send(Message *m) {
        bool to_host = message_is_to_host(m);
        Dice *d = m->net->dice;
        uint64_t at = loop_now(m->net->loop, LOOP_MONOTONIC) + chance_between(d, 50, 2000) +
                chance_between(d, 0, way_of(m)->delay[to_host]);

        if (way_of(m)->delay[to_host] > 0)
                history_strike(&way_of(m)->count_slow);
        for (const Message *o = m->net->messages; o; o = o->next)
                if (is_beside(o, m->connection, to_host))
                        at = MAX_OF(at, o->at + 1);
        if (m->kind == MESSAGE_CALL) {
                note_sender(m);
                add_order(m);
        }
        m->next = m->net->messages;
        if (m->next)
                m->next->previous = m;
        m->net->messages = m;
        arrive_at(m, at);
}

/* What the machines tell goes to whoever is connected. */

static void tell_all(Machine *machine, MessageKind kind, Told told, const char *text, Net *net) {
        for (HostLink *line = net->hosts; line; line = line->next) {
                Message *m;

                if (line->machine != machine || line->connection == 0 || line->silent)
                        continue;
                m = message_new(net, machine, kind, line->connection);
                m->incarnation = machine->incarnation;
                m->told = told;
                m->text = text ? strdup(text) : NULL;
                message_send(m);
        }
}

static void on_tell(Machine *m, Told told, const char *json, void *userdata) {
        tell_all(m, MESSAGE_SIGNAL, told, json, userdata);
}

static void on_came(Machine *m, void *userdata) {
        tell_all(m, MESSAGE_CAME, 0, NULL, userdata);
}

/* What it had not read yet goes with it. */
static void on_went(Machine *m, void *userdata) {
        Net *net = userdata;
        Message *next;

        for (Message *o = net->messages; o; o = next) {
                next = o->next;
                if (o->machine == m && o->taking)
                        message_free(o);
        }
        tell_all(m, MESSAGE_WENT, 0, NULL, userdata);
}

const MachineListener net_listener = {.tell = on_tell, .came = on_came, .went = on_went};

/*
 * Of what policyd has sent on it the last ones are lost, by chance; then its name leaves the bus there. What is not lost may come
 * long after the next connection was made: the network holds it back.
 */
void net_break(Net *net, HostLink *line) {
        uint64_t n = 0, connection = line->connection;
        uint64_t later = chance(net->dice, 300) ? chance_between(net->dice, 0, 30000000) : 0;
        bool only_the_end = chance(net->dice, 500);
        Message *left, *next;

        line->connection = line->incarnation = 0;
        for (Message *m = net->messages; m; m = m->next)
                n += is_beside(m, connection, /* to_host= */ true);
        n = chance_between(net->dice, 0, n);
        for (Message *m = net->messages; m; m = next) {
                next = m->next;
                if (!is_beside(m, connection, /* to_host= */ true))
                        continue;
                if (n > 0) {
                        message_free(m);
                        n--;
                } else if (!only_the_end)
                        arrive_at(m, m->at + later);
        }
        left = message_new(net, line->machine, MESSAGE_LEFT, connection);
        message_send(left);
        arrive_at(left, left->at + (only_the_end ? later : 0));
}

void net_init(Net *net) {
        net->links = line_links;
        net->other_links = line_other_links();
}

void net_done(Net *net) {
        while (net->messages)
                message_free(net->messages);
}

void net_slow(Net *net, const Machine *m, uint64_t delay) {
        net->ways[m->number].delay[0] = net->ways[m->number].delay[1] = delay;
}

void net_frozen(Net *net, const Machine *m) {
        for (HostLink *line = net->hosts; line; line = line->next)
                if (line->machine == m)
                        line_watch(line);
}

bool net_cut(Net *net, const Machine *m, bool silent) {
        for (HostLink *line = net->hosts; line; line = line->next) {
                if (line->machine != m || line->connection == 0 || line->silent)
                        continue;
                if (silent)
                        line_silence(line);
                else
                        line_lose(line, "The connection to the host's bus was lost.");
                return true;
        }
        return false;
}
