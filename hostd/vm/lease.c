/*
 * The lease on what monitors the GPUs
 *
 * At each unit a hold waits, is inside, or is out. The unit's state machine (hostd/core/lease.h) decides for
 * all holds that wait there. A hold is granted when it is inside at every unit.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/json/json-get.h"
#include "hostd/core/lease.h"
#include "hostd/vm/lease.h"

#define NOTE "lease.json"
#define NOTE_SIZE_MAX 65536
#define UNITS_MAX 16
/* XenServer checks each second whether the unit has stopped. */
#define LOOK_PAUSE UINT64_C(1000000)

typedef enum Place {
        PLACE_OUT,
        PLACE_WAITING,
        PLACE_INSIDE,
} Place;

typedef struct Unit {
        Lease *lease;
        size_t index;
        char *name;
        LeaseUnit machine;
        SystemdCall *call;
        LoopTimer *timeout; /* of the stop */
        LoopTimer *pause;   /* before the next look */
} Unit;

struct LeaseHold {
        Lease *lease;
        LeaseHold *prev, *next;
        LeaseGranted granted;
        void *userdata;
        Place places[UNITS_MAX];
        LoopTimer *deferred;
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

static void feed(Unit *u, LeaseInput input);

/* The note: {"stopped":["xcp-rrdd-gpumon.service"]} */

static void write_note(Lease *l) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        const char *names[UNITS_MAX + 1] = {};
        size_t n = 0;
        int r = -ENOMEM;

        for (size_t i = 0; i < l->n_units; i++)
                if (l->units[i].machine.restart)
                        names[n++] = l->units[i].name;
        if (o && json_add_strv(o, "stopped", names) >= 0)
                text = json_to_text(o);
        if (text)
                r = file_write_atomic(l->note, text, strlen(text), 0600);
        /* A failed note does not stop the VM's start: it is needed only after a crash. */
        if (r < 0)
                (void) log_errno(r, "Cannot write %s, ignoring", l->note);
}

static int add_unit(Lease *l, const char *name, LeaseUnit machine) {
        Unit *u;

        for (size_t i = 0; i < l->n_units; i++)
                if (streq(l->units[i].name, name)) {
                        l->units[i].machine = machine;
                        return 0;
                }
        if (l->n_units == UNITS_MAX) {
                log_warning("More than %d monitoring units, ignoring %s.", UNITS_MAX, name);
                return 0;
        }
        u = &l->units[l->n_units];
        *u = (Unit){.lease = l, .index = l->n_units, .machine = machine, .name = strdup(name)};
        if (!u->name)
                return -ENOMEM;
        l->n_units++;
        return 0;
}

/* Units that the settings no longer name are started again, too. */
static int read_note(Lease *l) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_read(l->note, NOTE_SIZE_MAX, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = json_parse_cleaned(&reader, text, size, &o);
        if (r >= 0)
                r = json_get_strv(&reader, o, "stopped", &names);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                (void) log_errno(r, "Cannot read %s, ignoring", l->note);
                return 0;
        }
        for (char **name = names; *name; name++) {
                r = add_unit(l, *name, LEASE_UNIT_OWED);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Holds: their callbacks are called from the loop. */

static bool is_granted(const LeaseHold *h) {
        for (size_t i = 0; i < h->lease->n_units; i++)
                if (h->places[i] != PLACE_INSIDE)
                        return false;
        return true;
}

static void on_answer(void *userdata) {
        LeaseHold *h = userdata;
        _cleanup_free_ char *error = take_ptr(h->error);

        h->granted(h->refused ? -EBUSY : 0, strempty(error), h->userdata);
}

static void answer(LeaseHold *h) {
        int r;

        if (h->deferred)
                return;
        r = loop_call_soon(h->lease->loop, &h->deferred, on_answer, h);
        if (r < 0)
                loop_exit(h->lease->loop, r);
}

static void let_in(Unit *u) {
        for (LeaseHold *h = u->lease->holds; h; h = h->next) {
                if (h->places[u->index] != PLACE_WAITING)
                        continue;
                h->places[u->index] = PLACE_INSIDE;
                if (!h->refused && is_granted(h))
                        answer(h);
        }
}

/* A hold that one unit refuses stays inside, or waits, at the others until it is released. */
static void turn_away(Unit *u) {
        log_warning("The monitoring unit %s does not stop; VMs with GPUs cannot start meanwhile.", u->name);
        for (LeaseHold *h = u->lease->holds; h; h = h->next) {
                if (h->places[u->index] != PLACE_WAITING)
                        continue;
                h->places[u->index] = PLACE_OUT;
                if (h->refused)
                        continue;
                h->refused = true;
                if (asprintf(&h->error,
                            "The unit %s, which keeps the GPUs' driver busy, did not stop within %.1f seconds: "
                            "stop it, then start the VM again.",
                            u->name, (double) u->lease->stop_timeout / 1e6) < 0)
                        h->error = NULL;
                answer(h);
        }
}

/* 1. Does it run? */

static void look(void *userdata);

static LeaseInput input_of_state(const char *state) {
        if (streq(state, "inactive") || streq(state, "failed"))
                return LEASE_INPUT_INACTIVE;
        return streq(state, "deactivating") ? LEASE_INPUT_ENDING : LEASE_INPUT_RUNNING;
}

static void look_later(Unit *u) {
        int r;

        r = loop_call_in(u->lease->loop, &u->pause, LOOK_PAUSE, look, u);
        if (r < 0)
                loop_exit(u->lease->loop, r);
}

static void on_looked(int result, sd_bus_message *value, void *userdata) {
        const char *state = "inactive";
        Unit *u = userdata;
        LeaseInput input;
        int r = result;

        u->call = NULL;
        if (r >= 0)
                r = sd_bus_message_read(value, "s", &state);
        /* If systemd does not answer, VMs start anyway. */
        if (r < 0)
                (void) log_errno(r, "Cannot ask systemd for the state of %s, taking it for stopped", u->name);

        input = input_of_state(state);
        if (input != LEASE_INPUT_INACTIVE && u->machine.stage != LEASE_LOOKING)
                look_later(u); /* still not dead */
        else
                feed(u, input);
}

static void look(void *userdata) {
        Unit *u = userdata;
        int r;

        u->call = systemd_forget(u->call);
        r = systemd_read_property(u->lease->systemd, u->name, "org.freedesktop.systemd1.Unit", "ActiveState",
                "s", on_looked, u, &u->call);
        if (r < 0) {
                (void) log_errno(r, "Cannot ask systemd for the state of %s", u->name);
                look_later(u);
        }
}

/* 2. It is stopped. */

static void on_stopped(int result, const char *error, void *userdata) {
        Unit *u = userdata;

        u->call = NULL;
        if (result >= 0) {
                feed(u, LEASE_INPUT_INACTIVE);
                return;
        }
        log_warning("Stopping %s: %s. Waiting for its end.", u->name, error);
        look_later(u);
}

static void on_timeout(void *userdata) {
        feed(userdata, LEASE_INPUT_TIMEOUT);
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
        feed(u, LEASE_INPUT_STARTED);
}

static void start(Unit *u) {
        int r;

        log_info("Starting %s again.", u->name);
        r = systemd_start_unit(u->lease->systemd, u->name, on_started, u, &u->call);
        if (r < 0)
                on_started(r, strerror(-r), u);
}

static void feed(Unit *u, LeaseInput input) {
        LeaseAction action;

        lease_unit_step(&u->machine, input, &action);
        if (u->machine.stage != LEASE_STOPPING)
                loop_timer_stop(u->timeout);
        switch (action) {
        case LEASE_ACTION_NONE:
                break;
        case LEASE_ACTION_LOOK:
                loop_timer_stop(u->pause);
                look(u);
                break;
        case LEASE_ACTION_STOP:
                log_info("Stopping %s while a VM takes a GPU.", u->name);
                write_note(u->lease);
                stop(u);
                break;
        case LEASE_ACTION_AWAIT:
                stop(u);
                break;
        case LEASE_ACTION_GRANT:
                let_in(u);
                break;
        case LEASE_ACTION_REFUSE:
                turn_away(u);
                break;
        case LEASE_ACTION_START:
                start(u);
                break;
        case LEASE_ACTION_FORGET:
                write_note(u->lease);
                break;
        }
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

        if (l->n_units == 0)
                answer(h);
        for (size_t i = 0; i < l->n_units; i++) {
                h->places[i] = PLACE_WAITING;
                feed(&l->units[i], LEASE_INPUT_ENTER);
        }
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

        for (size_t i = 0; l && i < l->n_units; i++)
                if (h->places[i] != PLACE_OUT)
                        feed(&l->units[i],
                                h->places[i] == PLACE_INSIDE ? LEASE_INPUT_LEAVE : LEASE_INPUT_GIVE_UP);
        loop_timer_free(h->deferred);
        free(h->error);
        free(h);
        return NULL;
}

void lease_settle(Lease *l) {
        l->settled = true;
        for (size_t i = 0; i < l->n_units; i++)
                feed(&l->units[i], LEASE_INPUT_SETTLE);
}

void lease_pay(Lease *l) {
        bool asked = false;

        for (size_t i = 0; l->settled && i < l->n_units; i++) {
                Unit *u = &l->units[i];

                if (!u->machine.restart || u->machine.n_inside > 0 || u->machine.n_waiting > 0)
                        continue;
                log_info("Starting %s again before leaving.", u->name);
                if (systemd_start_unit(l->systemd, u->name, NULL, NULL, NULL) < 0)
                        continue;
                u->machine.restart = false;
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
                r = add_unit(l, *units, (LeaseUnit){});
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
                h->deferred = loop_timer_free(h->deferred);
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
