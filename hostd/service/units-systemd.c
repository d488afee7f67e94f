/*
 * Units of systemd
 *
 * Asked for, started, and then asked which process it is. Where the unit is there already, systemd is about
 * to start it again by itself, or has: then that start is hurried on and is ours as well.
 */

#include <stdio.h>

#include "common/daemon/log.h"
#include "hostd/service/units.h"

struct UnitStart {
        Units *units;
        char *unit;
        SystemdCall *call;
        UnitStarted done;
        void *userdata;
};

static UnitStart *unit_start_free(UnitStart *s) {
        if (!s)
                return NULL;
        (void) systemd_forget(s->call);
        free(s->unit);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(UnitStart *, unit_start_free)

static void finish(UnitStart *s, int result, const ProcessId *process) {
        UnitStarted done = s->done;
        void *userdata = s->userdata;

        (void) unit_start_free(s);
        done(result, process, userdata);
}

static char *unit_name(const char *vm) {
        char *name;

        return asprintf(&name, "xenvgpu-domain@%s.service", vm) < 0 ? NULL : name;
}

/* 1. Asked for. */

static void on_started(int result, const char *error, void *userdata);
static void on_there_already(int result, const char *error, void *userdata);

static int systemd_start(Units *units, const char *vm, const char *const *argv, UnitStarted done,
        void *userdata, UnitStart **ret) {
        _cleanup_(unit_start_freep) UnitStart *s = NULL;
        char description[96];
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->units = units;
        s->done = done;
        s->userdata = userdata;
        s->unit = unit_name(vm);
        if (!s->unit)
                return -ENOMEM;
        (void) snprintf(description, sizeof(description), "Virtual machine %s", vm);
        r = systemd_start_transient(
                units->systemd, s->unit, description, argv, on_started, s, &s->call);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

/* 2. Started. */

static void on_main_pid(int result, sd_bus_message *value, void *userdata);

static void ask_main_pid(UnitStart *s) {
        int r;

        r = systemd_read_property(s->units->systemd, s->unit, "org.freedesktop.systemd1.Service", "MainPID", "u",
                on_main_pid, s, &s->call);
        if (r < 0)
                finish(s, r, &(ProcessId){});
}

static void on_started(int result, const char *error, void *userdata) {
        UnitStart *s = userdata;
        int r = result;

        s->call = NULL;
        if (result == -EEXIST)
                r = systemd_start_unit(s->units->systemd, s->unit, on_there_already, s, &s->call);
        else if (result >= 0)
                ask_main_pid(s);
        if (r < 0)
                finish(s, r, &(ProcessId){});
}

static void on_there_already(int result, const char *error, void *userdata) {
        UnitStart *s = userdata;

        s->call = NULL;
        if (result < 0)
                finish(s, result, &(ProcessId){});
        else
                ask_main_pid(s);
}

/* 3. … as this process. Gone already: the caller finds one that is dead. */

static void on_main_pid(int result, sd_bus_message *value, void *userdata) {
        UnitStart *s = userdata;
        ProcessId process = {};
        uint32_t pid = 0;
        int r = result;

        s->call = NULL;
        if (r >= 0)
                r = sd_bus_message_read(value, "u", &pid);
        if (r >= 0 && pid > 0 && process_id_of((pid_t) pid, &process) < 0)
                process = (ProcessId){.pid = (pid_t) pid};
        finish(s, MIN_OF(r, 0), &process);
}

/* Whether it could be stopped shows in whether it runs. */
static void systemd_stop(Units *units, const char *vm) {
        _cleanup_free_ char *unit = unit_name(vm);
        int r = -ENOMEM;

        if (unit)
                r = systemd_stop_unit(units->systemd, unit, NULL, NULL, NULL);
        if (r < 0)
                (void) log_errno(r, "Cannot ask systemd to stop the unit of VM %s, ignoring", vm);
}

const UnitsOps units_systemd = {
        .name = "systemd",
        .start = systemd_start,
        .forget = unit_start_free,
        .stop = systemd_stop,
};
