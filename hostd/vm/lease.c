/*
 * The lease on what monitors the GPUs
 *
 * Each unit goes its own way through its stages (docs/states.md): on as long as there is a hold, and back when
 * there is none. A hold is granted when every unit is held, and refused when one is stuck.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/run/json-file.h"
#include "hostd/vm/lease.h"

#define NOTE "lease.json" /* {"stopped":["xcp-rrdd-gpumon.service"]} */
#define NOTE_SIZE_MAX 65536
#define UNITS_MAX 16
/* XenServer checks each second whether the unit has stopped. */
#define LOOK_PAUSE UINT64_C(1000000)

typedef enum Stage {
        UNIT_IDLE,
        UNIT_LOOKING,  /* whether it runs */
        UNIT_STOPPING, /* and holds wait for that */
        UNIT_STUCK,    /* it would not stop; no hold waits */
        UNIT_HELD,     /* stopped */
        UNIT_STARTING,
} Stage;

typedef struct Unit {
        Lease *lease;
        char *name;
        Stage stage;
        bool restart; /* it was stopped by us and is owed a start */
        SystemdCall *call;
        LoopTimer *timeout; /* of the stop */
        LoopTimer *pause;   /* before the next look */
} Unit;

struct LeaseHold {
        Lease *lease;
        LeaseHold *prev, *next;
        LeaseGranted granted;
        void *userdata;
        LoopTimer *answer; /* made when it is granted or refused */
        bool refused;
        char *error;
};

struct Lease {
        Loop *loop;
        Systemd *systemd;
        uint64_t stop_timeout;
        char *note;
        Unit units[UNITS_MAX];
        size_t n_units;
        LeaseHold *holds;
        bool settled;
};

/* The note. */

typedef struct Note {
        char **stopped;
} Note;

static const RecordField note_fields[] = {FIELD(Note, stopped, REQUIRED, STRV)};
static const RecordTable note_table = RECORD_TABLE(Note, note_fields);

static void write_note(Lease *l) {
        char *names[UNITS_MAX + 1] = {};
        size_t n = 0;
        int r;

        for (size_t i = 0; i < l->n_units; i++)
                if (l->units[i].restart)
                        names[n++] = l->units[i].name;
        r = json_file_write_record(l->note, NULL, &note_table, &(Note){names}, 0600);
        /* A failed note does not stop the VM's start: it is needed only after a crash. */
        if (r < 0)
                (void) log_errno(r, "Cannot write %s, ignoring", l->note);
}

static int add_unit(Lease *l, const char *name, bool restart) {
        Unit *u;

        for (size_t i = 0; i < l->n_units; i++)
                if (streq(l->units[i].name, name)) {
                        l->units[i].restart = restart;
                        return 0;
                }
        if (l->n_units == UNITS_MAX) {
                log_warning("More than %d monitoring units, ignoring %s.", UNITS_MAX, name);
                return 0;
        }
        u = &l->units[l->n_units];
        *u = (Unit){.lease = l, .restart = restart, .name = strdup(name)};
        if (!u->name)
                return -ENOMEM;
        l->n_units++;
        return 0;
}

/* Units that the settings no longer name are started again, too. */
static int read_note(Lease *l) {
        Note note;
        int r;

        r = json_file_read_record(l->note, NULL, NOTE_SIZE_MAX, &note_table, &note);
        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                (void) log_errno(r, "Cannot read %s, ignoring", l->note);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (char **name = note.stopped; r >= 0 && *name; name++)
                r = add_unit(l, *name, /* restart= */ true);
        record_done(&note_table, &note);
        return r;
}

/* Holds: their callbacks are called from the loop. */

static void on_answer(void *userdata) {
        LeaseHold *h = userdata;
        _cleanup_free_ char *error = take_ptr(h->error);

        h->granted(h->refused ? -EBUSY : 0, strempty(error), h->userdata);
}

static void answer(LeaseHold *h) {
        int r;

        r = loop_call_soon(h->lease->loop, &h->answer, on_answer, h);
        if (r < 0)
                loop_exit(h->lease->loop, r);
}

/* Those that wait, if every unit is held. */
static void grant(Lease *l) {
        for (size_t i = 0; i < l->n_units; i++)
                if (l->units[i].stage != UNIT_HELD)
                        return;
        for (LeaseHold *h = l->holds; h; h = h->next)
                if (!h->answer)
                        answer(h);
}

static void refuse(Unit *u) {
        log_warning("The monitoring unit %s does not stop; VMs with GPUs cannot start meanwhile.", u->name);
        for (LeaseHold *h = u->lease->holds; h; h = h->next) {
                if (h->answer)
                        continue;
                h->refused = true;
                h->error = text_printf(
                        "The unit %s, which keeps the GPUs' driver busy, did not stop within %.1f seconds: "
                        "stop it, then start the VM again.",
                        u->name, (double) u->lease->stop_timeout / 1e6);
                answer(h);
        }
}

/* No hold is left: started again, where that is owed. */

static void start(Unit *u);

static void wind_up(Unit *u) {
        if (u->restart) {
                start(u);
                return;
        }
        u->stage = UNIT_IDLE;
        write_note(u->lease);
}

static void unit_is_inactive(Unit *u) {
        loop_timer_stop(u->timeout);
        /* An administrator stopped it, as the refusal asked, so that a VM can start; it is started again after
         * that. */
        if (u->stage == UNIT_STUCK)
                u->stage = UNIT_IDLE;
        else if (u->stage != UNIT_LOOKING && u->stage != UNIT_STOPPING)
                return;
        else if (u->lease->holds) {
                u->stage = UNIT_HELD;
                grant(u->lease);
        } else
                wind_up(u);
}

/* 1. Does it run? */

static void look(void *userdata);
static void stop(Unit *u);

static void look_later(Unit *u) {
        int r;

        r = loop_call_in(u->lease->loop, &u->pause, LOOK_PAUSE, look, u);
        if (r < 0)
                loop_exit(u->lease->loop, r);
}

/* ours: else someone else is stopping it, and we only wait for that. */
static void unit_runs(Unit *u, bool ours) {
        if (u->lease->holds) {
                u->stage = UNIT_STOPPING;
                if (ours) {
                        log_info("Stopping %s while a VM takes a GPU.", u->name);
                        u->restart = true;
                        write_note(u->lease);
                }
                stop(u);
        } else if (u->restart) {
                /* Nobody waits any more; but asked to stop before, it may still do so. */
                u->stage = UNIT_STUCK;
                stop(u);
        } else
                wind_up(u);
}

static void on_looked(int result, sd_bus_message *value, void *userdata) {
        const char *state = "inactive";
        Unit *u = userdata;
        int r = result;

        u->call = NULL;
        if (r >= 0)
                r = sd_bus_message_read(value, "s", &state);
        /* If systemd does not answer, VMs start anyway. */
        if (r < 0 && r != -ENOENT)
                (void) log_errno(r, "Cannot ask systemd for the state of %s, taking it for stopped", u->name);

        if (streq(state, "inactive") || streq(state, "failed"))
                unit_is_inactive(u);
        else if (u->stage == UNIT_LOOKING)
                unit_runs(u, !streq(state, "deactivating"));
        else
                look_later(u); /* still not dead */
}

static void look(void *userdata) {
        Unit *u = userdata;
        int r;

        loop_timer_stop(u->pause);
        u->call = systemd_forget(u->call);
        r = systemd_read_state(u->lease->systemd, u->name, on_looked, u, &u->call);
        if (r < 0) {
                (void) log_errno(r, "Cannot ask systemd for the state of %s", u->name);
                look_later(u);
        }
}

static void begin(Unit *u) {
        u->stage = UNIT_LOOKING;
        look(u);
}

/* 2. It is stopped. */

static void on_stopped(int result, const char *error, void *userdata) {
        Unit *u = userdata;

        u->call = NULL;
        if (result >= 0) {
                unit_is_inactive(u);
                return;
        }
        log_warning("Stopping %s: %s. Waiting for its end.", u->name, error);
        look_later(u);
}

static void on_timeout(void *userdata) {
        Unit *u = userdata;

        if (u->stage != UNIT_STOPPING)
                return;
        u->stage = UNIT_STUCK;
        refuse(u);
}

static void stop(Unit *u) {
        int r;

        r = loop_call_in(u->lease->loop, &u->timeout, u->lease->stop_timeout, on_timeout, u);
        if (r >= 0)
                r = systemd_stop_unit(u->lease->systemd, u->name, on_stopped, u, &u->call);
        if (r < 0) {
                (void) log_errno(r, "Cannot ask systemd to stop %s", u->name);
                look_later(u);
        }
}

/* 3. It is started again. */

static void on_started(int result, const char *error, void *userdata) {
        Unit *u = userdata;

        u->call = NULL;
        if (result < 0)
                log_error("The monitoring unit %s could not be started again: %s.", u->name, error);
        /* Where systemd was not asked, it stays noted, for the next start of a VM or the next hostd. */
        u->restart = result == -ENOTCONN;
        if (u->lease->holds)
                begin(u);
        else if (u->restart)
                u->stage = UNIT_IDLE;
        else
                wind_up(u);
}

static void start(Unit *u) {
        int r;

        log_info("Starting %s again.", u->name);
        u->stage = UNIT_STARTING;
        r = systemd_start_unit(u->lease->systemd, u->name, on_started, u, &u->call);
        if (r < 0)
                on_started(-ENOTCONN, strerror(-r), u);
}

/* What VMs do with it. */

int lease_take(Lease *l, LeaseGranted granted, void *userdata, LeaseHold **ret) {
        LeaseHold *h;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->lease = l;
        h->granted = granted;
        h->userdata = userdata;
        h->next = l->holds;
        if (h->next)
                h->next->prev = h;
        l->holds = h;
        *ret = h;

        for (size_t i = 0; i < l->n_units; i++)
                if (l->units[i].stage == UNIT_IDLE || l->units[i].stage == UNIT_STUCK)
                        begin(&l->units[i]);
        grant(l);
        return 0;
}

LeaseHold *lease_release(LeaseHold *h) {
        Lease *l;

        if (!h)
                return NULL;
        l = h->lease;
        if (h->prev)
                h->prev->next = h->next;
        else if (l)
                l->holds = h->next;
        if (h->next)
                h->next->prev = h->prev;

        for (size_t i = 0; l && !l->holds && i < l->n_units; i++)
                if (l->units[i].stage == UNIT_HELD)
                        wind_up(&l->units[i]);
        loop_timer_free(h->answer);
        free(h->error);
        free(h);
        return NULL;
}

void lease_settle(Lease *l) {
        l->settled = true;
        for (size_t i = 0; i < l->n_units; i++)
                if (l->units[i].stage == UNIT_IDLE && l->units[i].restart)
                        start(&l->units[i]);
}

void lease_pay(Lease *l) {
        bool asked = false;

        for (size_t i = 0; l->settled && !l->holds && i < l->n_units; i++) {
                Unit *u = &l->units[i];

                if (!u->restart)
                        continue;
                log_info("Starting %s again before leaving.", u->name);
                if (systemd_start_unit(l->systemd, u->name, NULL, NULL, NULL) < 0)
                        continue;
                u->restart = false;
                asked = true;
        }
        /* If the call cannot be sent, the unit stays noted. */
        if (asked && systemd_flush(l->systemd) >= 0)
                write_note(l);
}

int lease_open(Loop *loop, Systemd *systemd, char *const *units, uint64_t stop_timeout,
        const char *runtime_dir, Lease **ret) {
        _cleanup_(lease_closep) Lease *l = NULL;
        int r = 0;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->loop = loop;
        l->systemd = systemd;
        l->stop_timeout = stop_timeout;
        l->note = path_join(runtime_dir, NOTE);
        if (!l->note)
                return -ENOMEM;
        for (; systemd && r >= 0 && units && *units; units++)
                r = add_unit(l, *units, /* restart= */ false);
        if (systemd && r >= 0)
                r = read_note(l);
        if (r < 0)
                return r;
        *ret = take_ptr(l);
        return 0;
}

Lease *lease_close(Lease *l) {
        LeaseHold *h, *next;

        if (!l)
                return NULL;
        for (h = l->holds; h; h = next) {
                next = h->next;
                h->lease = NULL;
                h->prev = h->next = NULL;
                h->answer = loop_timer_free(h->answer);
        }
        for (size_t i = 0; i < l->n_units; i++) {
                Unit *u = &l->units[i];

                (void) systemd_forget(u->call);
                loop_timer_free(u->timeout);
                loop_timer_free(u->pause);
                free(u->name);
        }
        free(l->note);
        free(l);
        return NULL;
}
