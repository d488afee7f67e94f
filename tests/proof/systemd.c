/*
 * systemd of a machine, in the place of hostd/vm/systemd.c
 *
 * The units of VMs' programs, which it starts again when they die, and those of what monitors the GPUs, which may be slow to stop
 * or refuse. What hostd asked for goes on when hostd dies.
 */

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "common/base/strlist.h"
#include "tests/proof/machine-private.h"

#define RESTART_DELAY SECOND
#define STOP_TIMEOUT (180 * SECOND)
#define STARTS_MAX 5
#define STARTS_WITHIN (10 * SECOND)

typedef enum UnitState {
        UNIT_ACTIVE,
        UNIT_DEACTIVATING,
        UNIT_INACTIVE,
        UNIT_WAITING, /* for its next start */
} UnitState;

typedef struct SystemUnit SystemUnit;

struct SystemUnit {
        Systemd *systemd;
        SystemUnit *next;
        char *name;
        UnitState state;
        bool owed; /* a monitor that hostd has stopped, and not started since */
        Step step;
        /* of a VM's program */
        char **argv; /* NULL: a monitor */
        ProcessId process;
        ProcessWatch *watch;
        uint64_t starts[STARTS_MAX];
};

typedef enum Verb {
        VERB_START,
        VERB_START_TRANSIENT,
        VERB_STOP,
        VERB_READ,
} Verb;

struct SystemdCall {
        Systemd *systemd;
        SystemdCall *next;
        Verb verb;
        char *unit, *property;
        char **argv;
        SystemdJobDone job_done; /* NULL: forgotten */
        SystemdPropertyRead property_read;
        void *userdata;
        bool waits; /* for the end of the unit's stop */
        LoopTimer *timer;
};

struct Systemd {
        Machine *machine;
        sd_bus *bus; /* that messages are made of; nobody is at its other end */
        int other_end;
        SystemUnit *units;
        SystemdCall *calls;
};

static Machine *machine_of(const SystemUnit *u) {
        return u->systemd->machine;
}

static SystemUnit *find(const Systemd *s, const char *name) {
        for (SystemUnit *u = s->units; u; u = u->next)
                if (streq(u->name, name))
                        return u;
        return NULL;
}

/* Calls */

static void call_free(SystemdCall *call) {
        for (SystemdCall **at = &call->systemd->calls; *at; at = &(*at)->next)
                if (*at == call) {
                        *at = call->next;
                        break;
                }
        loop_timer_free(call->timer);
        strv_free(call->argv);
        free(call->unit);
        free(call->property);
        free(call);
}

static void finish(SystemdCall *call, int result, const char *error) {
        SystemdJobDone done = call->systemd->machine->inside->hostd_loop.is_over ? NULL : call->job_done;
        void *userdata = call->userdata;

        call_free(call);
        if (done)
                done(result, error, userdata);
}

static SystemdCall *find_waiting(const Systemd *s, const char *unit, Verb verb) {
        for (SystemdCall *call = s->calls; call; call = call->next)
                if (call->waits && call->verb == verb && streq(call->unit, unit))
                        return call;
        return NULL;
}

static void finish_all(Systemd *s, const char *unit, Verb verb, int result, const char *error) {
        SystemdCall *call;

        while ((call = find_waiting(s, unit, verb)))
                finish(call, result, error);
}

/* Units */

static void set_state(SystemUnit *u, UnitState state) {
        static const char *const words[] = {"active", "deactivating", "inactive", "waiting"};

        u->state = state;
        if (!u->argv)
                history_add(machine_of(u)->history, "%s monitor unit=%s %s", machine_of(u)->name, u->name, words[state]);
}

static SystemUnit *unit_new(Systemd *s, const char *name) {
        SystemUnit *u = calloc(1, sizeof(*u));

        if (!u)
                abort();
        *u = (SystemUnit){.systemd = s, .next = s->units, .name = strdup(name)};
        s->units = u;
        return u;
}

static void unit_free(SystemUnit *u) {
        for (SystemUnit **at = &u->systemd->units; *at; at = &(*at)->next)
                if (*at == u) {
                        *at = u->next;
                        break;
                }
        process_unwatch(u->watch);
        step_done(&u->step);
        strv_free(u->argv);
        free(u->name);
        free(u);
}

/* A VM's program */

static void on_main_end(int status, void *userdata);

static void execute(void *userdata) {
        SystemUnit *u = userdata;
        Machine *m = machine_of(u);

        memmove(u->starts, u->starts + 1, sizeof(u->starts) - sizeof(*u->starts));
        u->starts[STARTS_MAX - 1] = loop_now(m->loop, LOOP_MONOTONIC);
        u->process = unit_execute(m, (const char *const *) u->argv)->id;
        u->watch = process_unwatch(u->watch);
        if (process_watch(m, m->loop, &u->process, on_main_end, u, &u->watch) < 0)
                abort();
        set_state(u, UNIT_ACTIVE);
}

static void unit_over(SystemUnit *u) {
        Systemd *s = u->systemd;
        _cleanup_free_ char *name = strdup(u->name);

        unit_free(u);
        finish_all(s, name, VERB_STOP, 0, "");
        finish_all(s, name, VERB_START, -ENOENT, "There is no such unit.");
}

static void on_main_end(int status, void *userdata) {
        SystemUnit *u = userdata;
        Machine *m = machine_of(u);

        u->process = (ProcessId){};
        step_stop(&u->step);
        if (u->state == UNIT_DEACTIVATING && find_waiting(u->systemd, u->name, VERB_START)) {
                execute(u);
                finish_all(u->systemd, u->name, VERB_START, 0, "");
                return;
        }
        if (u->state == UNIT_DEACTIVATING || status == 0 || status == DOMAIN_PROGRAM_EXIT_BUSY << 8 ||
                (u->starts[0] > 0 && loop_now(m->loop, LOOP_MONOTONIC) < u->starts[0] + STARTS_WITHIN)) {
                unit_over(u);
                return;
        }
        set_state(u, UNIT_WAITING);
        step_in(m->loop, &u->step, RESTART_DELAY, execute, u);
}

static void on_stop_late(void *userdata) {
        SystemUnit *u = userdata;
        Process *p = process_find(machine_of(u), &u->process);

        if (p)
                process_kill(p);
}

/* A monitor */

static void start_waiting(SystemUnit *u) {
        if (!find_waiting(u->systemd, u->name, VERB_START))
                return;
        u->owed = false;
        set_state(u, UNIT_ACTIVE);
        finish_all(u->systemd, u->name, VERB_START, 0, "");
}

static void on_monitor_stopped(void *userdata) {
        SystemUnit *u = userdata;

        u->owed = true;
        set_state(u, UNIT_INACTIVE);
        finish_all(u->systemd, u->name, VERB_STOP, 0, "");
        start_waiting(u);
}

static void on_monitor_goes_on(void *userdata) {
        SystemUnit *u = userdata;

        machine_count(machine_of(u), TROUBLE_MONITOR_FAILS, NULL);
        set_state(u, UNIT_ACTIVE);
        finish_all(u->systemd, u->name, VERB_STOP, -EIO, "the job ended with 'failed'");
        finish_all(u->systemd, u->name, VERB_START, 0, "");
}

static void stop_monitor(SystemUnit *u) {
        Machine *m = machine_of(u);
        uint64_t lasts = trouble(m, 150) ? chance_between(m->dice, 8 * SECOND, 60 * SECOND) :
                                           chance_between(m->dice, 20 * MS, 2 * SECOND);

        if (lasts >= 8 * SECOND)
                machine_count(m, TROUBLE_MONITOR_HANGS, NULL);
        set_state(u, UNIT_DEACTIVATING);
        step_in(m->loop, &u->step, lasts, trouble(m, 60) ? on_monitor_goes_on : on_monitor_stopped, u);
}

/* What is asked for. */

static void stop(SystemdCall *call, SystemUnit *u) {
        Process *p = process_find(machine_of(u), &u->process);

        call->waits = true;
        if (u->state == UNIT_DEACTIVATING)
                return;
        if (u->state == UNIT_INACTIVE)
                finish(call, 0, "");
        else if (!u->argv)
                stop_monitor(u);
        else if (!p)
                unit_over(u);
        else {
                set_state(u, UNIT_DEACTIVATING);
                step_in(machine_of(u)->loop, &u->step, STOP_TIMEOUT, on_stop_late, u);
                process_ask(p);
        }
}

static void start(SystemdCall *call, SystemUnit *u) {
        Systemd *s = u->systemd;

        /* The new job takes the place of the old one, and begins once the unit is down. */
        if (u->state == UNIT_DEACTIVATING) {
                call->waits = true;
                finish_all(s, call->unit, VERB_STOP, -ECANCELED, "the job ended with 'canceled'");
                return;
        }
        if (u->state == UNIT_WAITING) {
                step_stop(&u->step);
                execute(u);
        }
        u->owed = false;
        if (u->state == UNIT_INACTIVE && trouble(s->machine, 60)) {
                machine_count(s->machine, TROUBLE_MONITOR_FAILS, NULL);
                finish(call, -EIO, "the job ended with 'failed'");
                return;
        }
        if (u->state == UNIT_INACTIVE)
                set_state(u, UNIT_ACTIVE);
        finish(call, 0, "");
}

static void start_transient(SystemdCall *call) {
        Systemd *s = call->systemd;
        SystemUnit *u;

        if (find(s, call->unit)) {
                finish(call, -EEXIST, "There is such a unit.");
                return;
        }
        if (trouble(s->machine, 10)) {
                finish(call, -EIO, "the job ended with 'failed'");
                return;
        }
        u = unit_new(s, call->unit);
        u->argv = take_ptr(call->argv);
        execute(u);
        finish(call, 0, "");
}

static void answer_property(SystemdCall *call) {
        static const char *const words[] = {"active", "deactivating", "inactive", "activating"};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        SystemdPropertyRead done = call->property_read;
        const SystemUnit *u = find(call->systemd, call->unit);
        Systemd *s = call->systemd;
        void *userdata = call->userdata;
        int r;

        r = sd_bus_message_new_method_call(s->bus, &m, "a.a", "/", "a.a", "A");
        if (r >= 0 && streq(call->property, "MainPID"))
                r = sd_bus_message_append(m, "u", u ? (uint32_t) u->process.pid : 0);
        else if (r >= 0)
                r = sd_bus_message_append(m, "s", u ? words[u->state] : "inactive");
        if (r >= 0)
                r = sd_bus_message_seal(m, 1, 0);
        if (r >= 0)
                r = sd_bus_message_rewind(m, /* complete= */ true);
        if (r < 0)
                abort();
        call_free(call);
        if (!done || s->machine->inside->hostd_loop.is_over)
                return;
        if (trouble(s->machine, 10))
                done(-ETIMEDOUT, NULL, userdata);
        else
                done(0, m, userdata);
}

static void perform(void *userdata) {
        SystemdCall *call = userdata;
        SystemUnit *u = find(call->systemd, call->unit);

        if (call->verb == VERB_READ)
                answer_property(call);
        else if (call->verb == VERB_START_TRANSIENT)
                start_transient(call);
        else if (!u)
                finish(call, -ENOENT, "There is no such unit.");
        else if (call->verb == VERB_START)
                start(call, u);
        else
                stop(call, u);
}

static SystemdCall *call_new(Systemd *s, Verb verb, const char *unit, void *userdata) {
        Machine *m = s->machine;
        SystemdCall *call = calloc(1, sizeof(*call));

        if (!call)
                abort();
        *call = (SystemdCall){.systemd = s, .next = s->calls, .verb = verb, .unit = strdup(unit), .userdata = userdata};
        s->calls = call;
        if (loop_call_in(m->loop, &call->timer, soon_or_late(m, MS, 30 * MS), perform, call) < 0)
                abort();
        return call;
}

/* What hostd/vm/systemd.h says. */

static int job(Systemd *s, Verb verb, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        SystemdCall *call;

        /* hostd is dead, and its parts are being freed. */
        if (s->machine->inside->crashing)
                return -ENOTCONN;
        call = call_new(s, verb, unit, userdata);
        call->job_done = done;
        if (ret)
                *ret = call;
        return 0;
}

int systemd_start_unit(Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        return job(s, VERB_START, unit, done, userdata, ret);
}

int systemd_stop_unit(Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        return job(s, VERB_STOP, unit, done, userdata, ret);
}

int systemd_start_transient(Systemd *s, const char *unit, const char *description, const char *log_field,
        const char *const *argv, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        int r = job(s, VERB_START_TRANSIENT, unit, done, userdata, ret);

        return r < 0 ? r : strv_copy((char *const *) argv, &(*ret)->argv);
}

int systemd_read_property(Systemd *s, const char *unit, const char *interface, const char *property, const char *type,
        SystemdPropertyRead done, void *userdata, SystemdCall **ret) {
        SystemdCall *call = call_new(s, VERB_READ, unit, userdata);

        call->property = strdup(property);
        call->property_read = done;
        *ret = call;
        return 0;
}

int systemd_read_state(Systemd *s, const char *unit, SystemdPropertyRead done, void *userdata, SystemdCall **ret) {
        return systemd_read_property(s, unit, NULL, "ActiveState", "s", done, userdata, ret);
}

int systemd_flush(Systemd *s) {
        return 0;
}

SystemdCall *systemd_forget(SystemdCall *call) {
        if (call) {
                call->job_done = NULL;
                call->property_read = NULL;
        }
        return NULL;
}

int systemd_open(sd_event *event, const char *address, Systemd **ret) {
        return -EOPNOTSUPP;
}

Systemd *systemd_close(Systemd *s) {
        if (!s)
                return NULL;
        systemd_power_off(s);
        sd_bus_close_unref(s->bus);
        safe_close(s->other_end);
        free(s);
        return NULL;
}

/* The machine */

static int open_bus(Systemd *s) {
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                return -errno;
        s->other_end = fds[1];
        r = sd_bus_new(&s->bus);
        if (r >= 0)
                r = sd_bus_set_fd(s->bus, fds[0], fds[0]);
        return r < 0 ? r : sd_bus_start(s->bus);
}

Systemd *systemd_new(Machine *m) {
        Systemd *s = calloc(1, sizeof(*s));

        if (!s)
                abort();
        s->machine = m;
        if (open_bus(s) < 0)
                abort();
        return s;
}

void systemd_power_on(Systemd *s, char *const *monitors) {
        for (; monitors && *monitors; monitors++)
                set_state(unit_new(s, *monitors), chance(s->machine->dice, 800) ? UNIT_ACTIVE : UNIT_INACTIVE);
}

void systemd_list(const Systemd *s, const char *note) {
        for (const SystemUnit *u = s->units; u; u = u->next)
                if (u->owed && u->state == UNIT_INACTIVE)
                        history_add(s->machine->history, "%s monitor unit=%s %s", s->machine->name, u->name,
                                strstr(note, u->name) ? "noted" : "forgotten");
}

void systemd_power_off(Systemd *s) {
        while (s->calls)
                call_free(s->calls);
        while (s->units)
                unit_free(s->units);
}
