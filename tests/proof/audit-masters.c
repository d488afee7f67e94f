/*
 * Where a VM may run twice, since nobody can know better
 */

#include "tests/proof/audit-line.h"
#include "tests/proof/audit-masters.h"

typedef struct Order {
        Id token, host, by;
        bool declared; /* its host, dead */
        Id lacks; /* ",h0,h3,": the hosts that its master did not have */
} Order;

typedef struct HostId {
        Id id;
} HostId;

struct MastersAudit {
        LIST(Order) orders;
        LIST(HostId) hosts; /* of the pool, as it was listed last */
        bool listed;        /* all of it */
};

MastersAudit *masters_audit_new(void) {
        MastersAudit *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        return a;
}

MastersAudit *masters_audit_free(MastersAudit *a) {
        if (!a)
                return NULL;
        free(a->orders.items);
        free(a->hosts.items);
        free(a);
        return NULL;
}

static void on_model(MastersAudit *a, const char *line) {
        Id id, word;

        if (*line_value(line, "host", id)) {
                if (a->listed)
                        a->hosts.n = 0;
                a->listed = false;
                memcpy(ADD(&a->hosts)->id, id, sizeof(Id));
        }
        a->listed |= streq(line_word(line, 2, word), "end");
}

/* An order counts from when it is sent: its host may be declared dead before it takes it, and may die as it takes it. It may be sent
 * twice: what its master did not have at the first time counts. */
void masters_audit_line(MastersAudit *a, const char *line) {
        Id does, token, host;
        Order *o;

        if (streq(line_word(line, 1, does), "model"))
                on_model(a, line);
        line_value(line, "host", host);
        for (size_t i = 0; streq(line_word(line, 2, does), "declares-dead") && i < a->orders.n; i++)
                a->orders.items[i].declared |= streq(a->orders.items[i].host, host);
        if (!streq(line_word(line, 2, does), "is-sent") || !*line_value(line, "token", token))
                return;
        for (size_t i = 0; i < a->orders.n; i++)
                if (streq(a->orders.items[i].token, token))
                        return;
        o = ADD(&a->orders);
        memcpy(o->token, token, sizeof(Id));
        line_word(line, 1, o->host);
        line_value(line, "by", o->by);
        line_value(line, "lacks", o->lacks);
}

static const Order *find(const MastersAudit *a, const char *token) {
        for (size_t i = 0; i < a->orders.n; i++)
                if (streq(a->orders.items[i].token, token))
                        return &a->orders.items[i];
        return NULL;
}

static bool lacks(const Order *o, const char *host) {
        char word[ID_MAX + 2];

        (void) snprintf(word, sizeof(word), ",%s,", host);
        return strstr(o->lacks, word);
}

bool masters_were_blind(const MastersAudit *a, const char *host, const char *token, const char *other_host, const char *other_token) {
        const Order *o = find(a, token), *other = find(a, other_token);

        return o && other && !streq(o->by, other->by) && (lacks(o, other_host) || lacks(other, host));
}

bool masters_declared_dead(const MastersAudit *a, const char *token) {
        const Order *o = find(a, token);

        return o && o->declared;
}

bool masters_lost_sight(const MastersAudit *a, const char *token) {
        const Order *o = find(a, token);

        for (size_t i = 0; o && i < a->hosts.n; i++)
                if (streq(a->hosts.items[i].id, o->host))
                        return false;
        return o && (o->declared || streq(o->by, "other"));
}
