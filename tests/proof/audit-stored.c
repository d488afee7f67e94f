/*
 * What lasts
 */

#include <inttypes.h>
#include <stdarg.h>

#include "tests/proof/audit-line.h"
#include "tests/proof/audit-stored.h"

#define SLACK 1.0      /* seconds: a date is that of the batch */
#define TOLD_WITHIN 1  /* seconds after a decision */
#define STAYS_MAX 700.0 /* seconds after which no clock that was set back explains it */

typedef struct Reservation {
        Id id, call;
        bool acked, ended; /* somebody asked to end it */
        double made, lasts; /* seconds */
        uint64_t date;      /* µs, of policyd's clock */
        unsigned count, spent;
} Reservation;

/* A start with what is reserved. It spends that when its guest runs. */
typedef struct Use {
        Id vm, reservation;
        unsigned gpus;
} Use;

typedef struct Host {
        Id id;
        uint64_t epoch;
} Host;

struct StoredAudit {
        void (*said)(void *userdata, const char *word, const char *sentence);
        void *userdata;
        LIST(Reservation) reservations;
        LIST(Use) uses;
        LIST(Host) hosts;
        double jumped_at; /* policyd's clock, last */
        uint64_t clock_was; /* before that */
};

StoredAudit *stored_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata) {
        StoredAudit *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        a->said = said;
        a->jumped_at = -TOLD_WITHIN;
        a->userdata = userdata;
        return a;
}

StoredAudit *stored_audit_free(StoredAudit *a) {
        if (!a)
                return NULL;
        free(a->reservations.items);
        free(a->uses.items);
        free(a->hosts.items);
        free(a);
        return NULL;
}

_printf_(3, 4) static void broken(StoredAudit *a, const char *word, const char *format, ...) {
        char sentence[256];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        a->said(a->userdata, word, sentence);
}

static uint64_t number_of(const char *line, const char *name) {
        Id text;

        return strtoull(line_value(line, name, text), NULL, 10);
}

/* Reservations */

static Reservation *find_reservation(StoredAudit *a, const char *id) {
        for (size_t i = 0; i < a->reservations.n; i++)
                if (streq(a->reservations.items[i].id, id))
                        return &a->reservations.items[i];
        return NULL;
}

static void on_reserve(StoredAudit *a, const char *call, const char *line) {
        Reservation *r;
        Id id;

        if (!*line_value(line, "reservation", id) || !strstr(line, " seconds="))
                return;
        r = ADD(&a->reservations);
        memcpy(r->id, id, sizeof(Id));
        memcpy(r->call, call, sizeof(Id));
        r->made = strtod(line, NULL);
        r->lasts = (double) number_of(line, "seconds");
        r->date = number_of(line, "date");
        r->count = (unsigned) number_of(line, "count");
}

static void on_start(StoredAudit *a, const char *line) {
        Id id;
        Use *u;

        if (!*line_value(line, "reservation", id))
                return;
        u = ADD(&a->uses);
        memcpy(u->reservation, id, sizeof(Id));
        line_value(line, "vm", u->vm);
}

static void on_client(StoredAudit *a, const char *line) {
        Id call, what, id;
        Reservation *r;

        line_value(line, "call", call);
        line_word(line, 3, what);
        if (streq(what, "Manager.Reserve"))
                on_reserve(a, call, line);
        else if (streq(what, "VM.Start") || streq(what, "VM.StartOn"))
                on_start(a, line);
        else if (streq(what, "Reservation.Destroy")) {
                r = find_reservation(a, line_value(line, "reservation", id));
                if (r)
                        r->ended = true;
        } else if (streq(what, "acked"))
                for (size_t i = 0; i < a->reservations.n; i++)
                        a->reservations.items[i].acked |= streq(a->reservations.items[i].call, call);
}

static void on_domain(StoredAudit *a, const char *line) {
        Id vm, does;
        unsigned n = 0;

        if (!streq(line_word(line, 4, does), "created"))
                return;
        for (const char *at = strstr(line, " gpu="); at; at = strstr(at + 1, " gpu="))
                n++;
        line_value(line, "vm", vm);
        for (size_t i = 0; i < a->uses.n; i++)
                if (streq(a->uses.items[i].vm, vm))
                        a->uses.items[i].gpus = n;
}

static void on_guest(StoredAudit *a, const char *line) {
        Id vm, does;

        if (!streq(line_word(line, 4, does), "runs"))
                return;
        line_value(line, "vm", vm);
        for (size_t i = a->uses.n; i-- > 0;) {
                const Use *u = &a->uses.items[i];
                Reservation *r = streq(u->vm, vm) ? find_reservation(a, u->reservation) : NULL;

                if (r)
                        r->spent += u->gpus;
                if (streq(u->vm, vm))
                        REMOVE(&a->uses, i);
        }
}

/* A clock that was set ahead ends it by its date; one that was set back ends it by its duration. It was decided a moment before it is told, maybe
 * by the clock before it jumped back. */
static bool is_over(const StoredAudit *a, const Reservation *r, const char *line) {
        double now = strtod(line, NULL), date = (double) number_of(line, "date");

        if (now - a->jumped_at < TOLD_WITHIN)
                date = MAX_OF(date, (double) a->clock_was);
        return now - r->made >= r->lasts - SLACK || date >= (double) r->date + (r->lasts - SLACK) * 1e6;
}

static void on_gone(StoredAudit *a, const char *line) {
        Reservation *r;
        Id id;

        r = find_reservation(a, line_value(line, "reservation", id));
        if (!r)
                return;
        if (r->acked && !r->ended && r->spent < r->count && !is_over(a, r, line) && !strstr(line, " row=spoilt"))
                broken(a, "lost", "reservation %s of %u for %.0f s went before its time", r->id, r->count, r->lasts);
        *r = a->reservations.items[--a->reservations.n];
}

static void on_listed(StoredAudit *a, const char *line) {
        Id id;
        const Reservation *r = find_reservation(a, line_value(line, "reservation", id));

        if (!r || !r->acked)
                return;
        if (number_of(line, "remaining") + r->spent < r->count)
                broken(a, "lost", "of reservation %s %u of %u were used", r->id, r->spent, r->count);
        if (strtod(line, NULL) - r->made > r->lasts + STAYS_MAX)
                broken(a, "stays", "reservation %s was for %.0f s", r->id, r->lasts);
}

/* Hosts */

static Host *host_of(StoredAudit *a, const char *id) {
        Host *h;

        for (size_t i = 0; i < a->hosts.n; i++)
                if (streq(a->hosts.items[i].id, id))
                        return &a->hosts.items[i];
        h = ADD(&a->hosts);
        memcpy(h->id, id, strlen(id) + 1);
        return h;
}

static void on_epoch(StoredAudit *a, const char *host, const char *line) {
        Host *h = host_of(a, host);
        uint64_t epoch = number_of(line, "epoch");
        Id code;

        line_value(line, "code", code);
        if (*code && !streq(code, "none"))
                return;
        if (epoch < h->epoch)
                broken(a, "epoch-fell", "%s has epoch %" PRIu64 " after %" PRIu64, host, epoch, h->epoch);
        h->epoch = epoch;
}

void stored_audit_line(StoredAudit *a, const char *line) {
        Id who, what, id;

        line_word(line, 1, who);
        line_word(line, 2, what);
        if (streq(who, "client"))
                on_client(a, line);
        else if (streq(who, "policyd") && streq(what, "gone"))
                on_gone(a, line);
        else if (streq(who, "clock")) {
                a->jumped_at = strtod(line, NULL);
                a->clock_was = number_of(line, "was");
        }
        else if (streq(who, "policyd") && streq(what, "restored"))
                a->reservations.n = a->uses.n = 0;
        else if (streq(who, "model") && *line_value(line, "remaining", id))
                on_listed(a, line);
        else if (streq(who, "model") && *line_value(line, "claim-of", id))
                on_epoch(a, id, line);
        else if (streq(what, "claim"))
                on_epoch(a, who, line);
        else if (streq(what, "restored"))
                host_of(a, who)->epoch = 0;
        else if (streq(what, "domain"))
                on_domain(a, line);
        else if (streq(what, "guest"))
                on_guest(a, line);
}
