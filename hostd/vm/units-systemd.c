/*
 * Units of systemd
 *
 * The unit is made and started, and then systemd is asked for its process. If the unit exists already,
 * systemd is about to start it again by itself, or has done so: then that start is made to happen now, and
 * counts as ours.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "common/base/uuid.h"
#include "common/daemon/log-ids.h"
#include "common/daemon/log.h"
#include "hostd/vm/units.h"

#define NAME_MAX_SHOWN 96

#define VM_UNIT "xenvgpu-domain"

struct UnitCall {
        Units *units;
        char *unit;
        SystemdCall *call;
        UnitStarted done;    /* of a start */
        UnitStopped stopped; /* of a stop */
        void *userdata;
        bool is_tool, was_there;
};

static UnitCall *unit_call_free(UnitCall *s) {
        if (!s)
                return NULL;
        (void) systemd_forget(s->call);
        free(s->unit);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(UnitCall *, unit_call_free)

static void finish(UnitCall *s, int result, const ProcessId *process) {
        UnitStarted done = s->done;
        void *userdata = s->userdata;

        (void) unit_call_free(s);
        done(result, process, userdata);
}

static UnitCall *unit_call_new(Units *units, const char *template, const char *instance, void *userdata) {
        UnitCall *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        s->units = units;
        s->userdata = userdata;
        s->unit = text_printf("%s@%s.service", template, instance);
        if (s->unit)
                return s;
        free(s);
        return NULL;
}

/* 1. Asked for. */

static void on_started(int result, const char *error, void *userdata);
static void on_there_already(int result, const char *error, void *userdata);

/*
 * A name in a unit's file: a backslash at its end would join the next line, and a percent sign begins what systemd
 * replaces. Both become an underscore; characters that are not one line of text are replaced as everywhere.
 */
static void describe(const char *vm, const char *name_label, char *buf, size_t size) {
        char name[NAME_MAX_SHOWN];

        text_short(name_label, name, sizeof(name));
        for (char *c = name; *c; c++)
                if (*c == '\\' || *c == '%')
                        *c = '_';
        text_format(buf, size, "Virtual machine %s (%s)", name, vm);
}

/* Frees call where that fails. */
static int ask_to_start(UnitCall *call, const char *description, const char *field_or_null, const char *const *argv,
        UnitStarted done, UnitCall **ret) {
        _cleanup_(unit_call_freep) UnitCall *s = call;
        int r;

        if (!s)
                return -ENOMEM;
        s->done = done;
        r = systemd_start_transient(
                s->units->systemd, s->unit, description, field_or_null, argv, on_started, s, &s->call);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

static int systemd_start(Units *units, const char *vm, const char *name_label, const char *const *argv,
        UnitStarted done, void *userdata, UnitCall **ret) {
        char description[NAME_MAX_SHOWN + 64], field[sizeof(FIELD_VM) + UUID_TEXT_MAX];

        describe(vm, name_label, description, sizeof(description));
        text_format(field, sizeof(field), FIELD_VM "%s", vm);
        return ask_to_start(unit_call_new(units, VM_UNIT, vm, userdata), description, field, argv, done, ret);
}

static int systemd_start_tool(Units *units, const UnitTool *tool, const char *const *argv, UnitStarted done, void *userdata,
        UnitCall **ret) {
        UnitCall *call = unit_call_new(units, tool->template, tool->instance, userdata);

        if (call)
                call->is_tool = true;
        return ask_to_start(call, tool->description, /* field= */ NULL, argv, done, ret);
}

/* 2. Started. */

static void on_main_pid(int result, sd_bus_message *value, void *userdata);

static void ask_main_pid(UnitCall *s) {
        int r;

        r = systemd_read_property(s->units->systemd, s->unit, "org.freedesktop.systemd1.Service", "MainPID", "u",
                on_main_pid, s, &s->call);
        if (r < 0)
                finish(s, r, &(ProcessId){});
}

static void on_started(int result, const char *error, void *userdata) {
        UnitCall *s = userdata;
        int r = result;

        s->call = NULL;
        s->was_there = result == -EEXIST;
        if (s->was_there)
                r = systemd_start_unit(s->units->systemd, s->unit, on_there_already, s, &s->call);
        else if (result >= 0)
                ask_main_pid(s);
        if (r < 0)
                finish(s, r, &(ProcessId){});
}

static void on_there_already(int result, const char *error, void *userdata) {
        UnitCall *s = userdata;

        s->call = NULL;
        if (result < 0)
                finish(s, result, &(ProcessId){});
        else
                ask_main_pid(s);
}

/* 3. … as this process. Gone already: the caller finds one that is dead. */

static void on_main_pid(int result, sd_bus_message *value, void *userdata) {
        UnitCall *s = userdata;
        ProcessId process = {};
        uint32_t pid = 0;
        int r = result;

        s->call = NULL;
        if (r >= 0)
                r = sd_bus_message_read(value, "u", &pid);
        if (r >= 0 && pid > 0 && process_id_of((pid_t) pid, &process) < 0)
                process = (ProcessId){.pid = (pid_t) pid};
        finish(s, r < 0 ? r : s->is_tool && s->was_there, &process);
}

/* A stop is over when no process of the unit is left that systemd would end, and no restart of it is due. */

static void on_stopped(int result, const char *error, void *userdata) {
        UnitCall *s = userdata;
        UnitStopped stopped = s->stopped;
        void *stopped_userdata = s->userdata;

        s->call = NULL;
        if (result < 0 && result != -ENOENT)
                log_warning("systemd could not stop %s, ignoring: %s", s->unit, error);
        (void) unit_call_free(s);
        stopped(stopped_userdata);
}

static int systemd_stop(Units *units, const char *vm, UnitStopped done, void *userdata, UnitCall **ret) {
        _cleanup_(unit_call_freep) UnitCall *s = unit_call_new(units, VM_UNIT, vm, userdata);
        int r;

        if (!s)
                return -ENOMEM;
        s->stopped = done;
        r = systemd_stop_unit(units->systemd, s->unit, on_stopped, s, &s->call);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

const UnitsOps units_systemd = {
        .name = "systemd",
        .start = systemd_start,
        .start_tool = systemd_start_tool,
        .forget = unit_call_free,
        .stop = systemd_stop,
};
