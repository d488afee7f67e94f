/*
 * What follows from several lines
 */

#include "tests/proof/audit-line.h"
#include "tests/proof/coverage-private.h"

/* Of a VM on a host. */
typedef struct Place {
        Id host, vm, stage;
} Place;

typedef struct Start {
        Id call, vm, job;
        bool acked, on_host, runs;
} Start;

struct CoverageWatch {
        void (*mark)(void *userdata, const char *word);
        void *userdata;
        LIST(Place) places;
        LIST(Start) starts;
        uint32_t hostds; /* that run: a bit for each machine */
};

CoverageWatch *coverage_watch_new(void (*mark)(void *userdata, const char *word), void *userdata) {
        CoverageWatch *w = calloc(1, sizeof(*w));

        if (!w)
                abort();
        w->mark = mark;
        w->userdata = userdata;
        return w;
}

CoverageWatch *coverage_watch_free(CoverageWatch *w) {
        free(w->places.items);
        free(w->starts.items);
        free(w);
        return NULL;
}

static void mark(CoverageWatch *w, const char *what, const char *how) {
        char word[2 * ID_MAX];

        (void) snprintf(word, sizeof(word), "%s=%s", what, how);
        w->mark(w->userdata, word);
}

/* Programs */

static Place *place_of(CoverageWatch *w, const char *host, const char *line) {
        Place *p;
        Id vm;

        line_value(line, "vm", vm);
        for (size_t i = w->places.n; i-- > 0;)
                if (streq(w->places.items[i].vm, vm) && streq(w->places.items[i].host, host))
                        return &w->places.items[i];
        p = ADD(&w->places);
        memcpy(p->host, host, sizeof(Id));
        memcpy(p->vm, vm, sizeof(Id));
        return p;
}

static void on_program(CoverageWatch *w, const char *host, const char *line) {
        unsigned number = (unsigned) strtoul(host + 1, NULL, 10);
        Id does, word;

        line_word(line, 4, does);
        if (streq(does, "starts") && streq(line_word(line, 5, word), "adopts"))
                mark(w, "adopted", place_of(w, host, line)->stage);
        if (streq(does, "ends") && (streq(line_value(line, "why", word), "killed") || streq(word, "failed")))
                mark(w, "died", w->hostds >> (number & 31) & 1 ? "hostd-runs" : "without-hostd");
}

static void on_phase(CoverageWatch *w, const char *line) {
        Id vm;

        line_value(line, "vm", vm);
        for (size_t i = 0; i < w->starts.n; i++)
                w->starts.items[i].on_host |= streq(w->starts.items[i].vm, vm);
}

static void on_runs(CoverageWatch *w, const char *line) {
        Id vm;

        line_value(line, "vm", vm);
        for (size_t i = 0; i < w->starts.n; i++)
                w->starts.items[i].runs |= streq(w->starts.items[i].vm, vm);
}

static void on_host(CoverageWatch *w, const char *host, const char *what, const char *line) {
        uint32_t bit = UINT32_C(1) << (strtoul(host + 1, NULL, 10) & 31);
        Id does;

        if (streq(what, "hostd"))
                w->hostds = streq(line_word(line, 3, does), "starts") ? w->hostds | bit : w->hostds & ~bit;
        else if (streq(what, "stage"))
                line_value(line, "is", place_of(w, host, line)->stage);
        else if (streq(what, "program"))
                on_program(w, host, line);
        else if (streq(what, "emulator") && streq(line_word(line, 4, does), "ends") &&
                streq(place_of(w, host, line)->stage, "running"))
                mark(w, "emulator", "ends-while-running");
        else if (streq(what, "vm-phase"))
                on_phase(w, line);
        else if (streq(what, "guest") && strstr(line, " runs"))
                on_runs(w, line);
}

/* Starts, as policyd sees them */

static void on_client(CoverageWatch *w, const char *line) {
        Id call, what, job;
        Start *s;

        line_value(line, "call", call);
        line_word(line, 3, what);
        for (size_t i = 0; i < w->starts.n; i++)
                if (streq(w->starts.items[i].call, call))
                        w->starts.items[i].acked |= streq(what, "acked");
        if ((!streq(what, "VM.Start") && !streq(what, "VM.StartOn")) || !*line_value(line, "job", job))
                return;
        s = ADD(&w->starts);
        memcpy(s->call, call, sizeof(Id));
        memcpy(s->job, job, sizeof(Id));
        line_value(line, "vm", s->vm);
}

static void on_job(CoverageWatch *w, const char *word, const char *line) {
        Id what;

        if (!streq(line_word(line, 3, what), "ended"))
                return;
        for (size_t i = w->starts.n; i-- > 0;)
                if (streq(w->starts.items[i].job, word + strlen("job=")))
                        REMOVE(&w->starts, i);
}

/* policyd dies. */
static void on_end(CoverageWatch *w, bool undecided) {
        for (size_t i = w->starts.n; i-- > 0;) {
                const Start *s = &w->starts.items[i];

                mark(w, "dies-when", !s->acked ? (undecided ? "committed" : "decided") : s->runs ? "running" :
                                s->on_host ? "answered" : "handed");
                if (!s->acked)
                        REMOVE(&w->starts, i);
        }
}

void coverage_watch_line(CoverageWatch *w, const char *line) {
        Id who, what;

        line_word(line, 1, who);
        line_word(line, 2, what);
        if (streq(who, "client"))
                on_client(w, line);
        else if (streq(who, "policyd") && startswith(what, "job="))
                on_job(w, what, line);
        else if (streq(who, "policyd") && (streq(what, "ends") || streq(what, "undecided")))
                on_end(w, streq(what, "undecided"));
        else if (*who == 'h')
                on_host(w, who, what, line);
}
