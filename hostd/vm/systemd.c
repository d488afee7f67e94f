/*
 * systemd, as we use it
 *
 * A call is a message that waits for its reply. A job is a call whose reply names a job, and which then waits
 * for the signal JobRemoved with that name.
 */

#include <stdio.h>

#include "common/daemon/bus-open.h"
#include "common/daemon/log.h"
#include "common/base/text.h"
#include "hostd/run/program.h"
#include "hostd/vm/systemd.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* Longer than systemd needs to answer while it is loading units on a slow host. The job itself has no limit
 * here: the unit has its own. */
#define REPLY_TIMEOUT (60 * UINT64_C(1000000))

struct SystemdCall {
        Systemd *systemd;
        SystemdCall *prev, *next;
        sd_bus_slot *slot; /* while the reply is awaited */
        char *job;         /* its path, once systemd has named it */
        SystemdJobDone job_done;
        SystemdPropertyRead property_read;
        char type; /* of the property */
        void *userdata;
};

struct Systemd {
        sd_bus *bus;
        SystemdCall *calls;
};

SystemdCall *systemd_forget(SystemdCall *call) {
        if (!call)
                return NULL;
        if (call->prev)
                call->prev->next = call->next;
        else if (call->systemd->calls == call)
                call->systemd->calls = call->next;
        if (call->next)
                call->next->prev = call->prev;
        sd_bus_slot_unref(call->slot);
        free(call->job);
        free(call);
        return NULL;
}

static SystemdCall *call_new(Systemd *s, void *userdata) {
        SystemdCall *call;

        call = calloc(1, sizeof(*call));
        if (!call)
                return NULL;
        call->systemd = s;
        call->userdata = userdata;
        call->next = s->calls;
        if (call->next)
                call->next->prev = call;
        s->calls = call;
        return call;
}

/* 1. A job is asked for, and systemd names it. */

static void end_job(SystemdCall *call, int result, const char *error) {
        SystemdJobDone done = call->job_done;
        void *userdata = call->userdata;

        (void) systemd_forget(call);
        if (done)
                done(result, error, userdata);
}

static int error_to_errno(const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.UnitExists"))
                return -EEXIST;
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.NoSuchUnit"))
                return -ENOENT;
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY))
                return -ENOTCONN;
        return -EIO;
}

static int on_job_named(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        SystemdCall *call = userdata;
        const char *path;

        call->slot = sd_bus_slot_unref(call->slot);
        if (error) {
                end_job(call, error_to_errno(error), strempty(error->message));
                return 0;
        }
        if (sd_bus_message_read(reply, "o", &path) >= 0)
                call->job = strdup(path);
        if (!call->job)
                end_job(call, -EIO, "systemd's answer is not understood");
        return 0;
}

static int call_job(Systemd *s, sd_bus_message *m, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        SystemdCall *call;
        int r;

        call = call_new(s, userdata);
        if (!call)
                return -ENOMEM;
        call->job_done = done;
        r = sd_bus_call_async(s->bus, &call->slot, m, on_job_named, call, REPLY_TIMEOUT);
        if (r < 0) {
                (void) systemd_forget(call);
                return r;
        }
        if (ret)
                *ret = call;
        return 0;
}

static int new_call(Systemd *s, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(s->bus, ret, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, member);
}

static int call_unit(Systemd *s, const char *member, const char *unit, SystemdJobDone done, void *userdata,
        SystemdCall **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_call(s, member, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        return r < 0 ? r : call_job(s, m, done, userdata, ret);
}

int systemd_start_unit(
        Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        return call_unit(s, "StartUnit", unit, done, userdata, ret);
}

int systemd_stop_unit(
        Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        return call_unit(s, "StopUnit", unit, done, userdata, ret);
}

/*
 * What the unit of a VM is like: transient, since it lives no longer than its VM and its command line is that of
 * this start. An administrator can change it in xenvgpu-domain@.service.d/ as for any unit.
 *
 * KillMode=process: qemu and the emulator are in its cgroup and must survive the end of the program, which
 * finds them when it is started again. To stop the unit, systemd asks the program, which asks the guest. The
 * unit is ordered after everything that a guest needs, so a host that shuts down stops it first.
 */

#define RESTART_DELAY UINT64_C(1000000)
/* The program gives a guest a minute to power off (hostd/domain/domain-begin.c); then it has two for taking the domain
 * down. Where a card keeps it longer than that (hostd/helper/passthrough.c) it is killed and its helper is not: the program
 * that hostd starts next waits for that one. A host that goes down does not wait: its boot resets the card. */
#define STOP_TIMEOUT (180 * UINT64_C(1000000))

static int append_command(sd_bus_message *m, const char *const *argv) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", argv[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, (char **) argv);
        /* A failure counts. */
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        for (int i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* Each field is bytes, since the journal takes any. */
static int append_log_field(sd_bus_message *m, const char *field) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "LogExtraFields");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "aay");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', field, strlen(field));
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

int systemd_start_transient(Systemd *s, const char *unit, const char *description, const char *log_field_or_null,
        const char *const *argv, SystemdJobDone done, void *userdata, SystemdCall **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = new_call(s, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s",
                        description, "Slice", "s", "xenvgpu.slice", "Type", "s", "exec", "KillMode", "s",
                        "process", "Restart", "s", "on-failure", "CollectMode", "s", "inactive-or-failed",
                        "RestartUSec", "t", RESTART_DELAY, "TimeoutStopUSec", "t", STOP_TIMEOUT);
        /* Exit statuses, then signals. */
        if (r >= 0)
                r = sd_bus_message_append(
                        m, "(sv)", "RestartPreventExitStatus", "(aiai)", 1, DOMAIN_PROGRAM_EXIT_BUSY, 0);
        if (r >= 0 && log_field_or_null)
                r = append_log_field(m, log_field_or_null);
        if (r >= 0)
                r = append_command(m, argv);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        /* No further units along with it. */
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : call_job(s, m, done, userdata, ret);
}

/* 2. The job is over. */

static int result_to_errno(const char *result) {
        if (streq(result, "done") || streq(result, "skipped"))
                return 0;
        return streq(result, "canceled") ? -ECANCELED : -EIO;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *path, *unit, *result;
        Systemd *s = userdata;
        char error[128];

        if (sd_bus_message_read(m, "uoss", NULL, &path, &unit, &result) < 0)
                return 0;
        for (SystemdCall *call = s->calls; call; call = call->next)
                if (call->job && streq(call->job, path)) {
                        text_format(error, sizeof(error), "the job ended with '%s'", result);
                        end_job(call, result_to_errno(result), error);
                        return 0;
                }
        return 0;
}

/* A property of a unit. systemd knows a path for every name, also of units that do not exist. */

static int on_property(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        SystemdCall *call = userdata;
        SystemdPropertyRead done = call->property_read;
        void *done_userdata = call->userdata;
        char type[2] = { call->type };
        int r = 0;

        (void) systemd_forget(call);
        if (sd_bus_message_is_method_error(reply, NULL))
                r = -sd_bus_message_get_errno(reply);
        else
                r = sd_bus_message_enter_container(reply, 'v', type);
        done(MIN_OF(r, 0), r < 0 ? NULL : reply, done_userdata);
        return 0;
}

int systemd_read_property(Systemd *s, const char *unit, const char *interface, const char *property,
        const char *type, SystemdPropertyRead done, void *userdata, SystemdCall **ret) {
        _cleanup_free_ char *path = NULL;
        SystemdCall *call;
        int r;

        r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path);
        if (r < 0)
                return r;
        call = call_new(s, userdata);
        if (!call)
                return -ENOMEM;
        call->property_read = done;
        call->type = type[0];
        r = sd_bus_call_method_async(s->bus, &call->slot, SYSTEMD_NAME, path, PROPERTIES,
                "Get", on_property, call, "ss", interface, property);
        if (r < 0) {
                (void) systemd_forget(call);
                return r;
        }
        *ret = call;
        return 0;
}

/* A unit's state: two questions, since the first loads nothing. To look for a unit that does not exist takes systemd far longer. */

static void end_read(SystemdCall *call, int result) {
        SystemdPropertyRead done = call->property_read;
        void *userdata = call->userdata;

        (void) systemd_forget(call);
        done(result, NULL, userdata);
}

static int on_unit_named(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        SystemdCall *call = userdata;
        const char *path;
        int r;

        call->slot = sd_bus_slot_unref(call->slot);
        r = error ? error_to_errno(error) : sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = sd_bus_call_method_async(call->systemd->bus, &call->slot, SYSTEMD_NAME, path, PROPERTIES, "Get", on_property, call,
                        "ss", SYSTEMD_NAME ".Unit", "ActiveState");
        if (r < 0)
                end_read(call, r);
        return 0;
}

int systemd_read_state(Systemd *s, const char *unit, SystemdPropertyRead done, void *userdata, SystemdCall **ret) {
        SystemdCall *call = call_new(s, userdata);
        int r;

        if (!call)
                return -ENOMEM;
        call->property_read = done;
        call->type = 's';
        r = sd_bus_call_method_async(s->bus, &call->slot, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "GetUnit", on_unit_named, call,
                "s", unit);
        if (r < 0) {
                (void) systemd_forget(call);
                return r;
        }
        *ret = call;
        return 0;
}

/* The connection. The bus handles its messages in their order, so that the match and the subscription are in
 * force before any job that is asked for later. */

static int on_setup_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (error && !sd_bus_error_has_name(error, "org.freedesktop.systemd1.AlreadySubscribed"))
                log_warning("systemd does not tell us of its jobs: %s", strempty(error->message));
        return 0;
}

/* sd-bus ends the calls that await a reply; jobs that are under way are ended here. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *s = userdata;
        SystemdCall *call, *next;

        for (call = s->calls; call; call = next) {
                next = call->next;
                if (call->job) {
                        end_job(call, -EIO, "the system bus is gone");
                        next = s->calls; /* the list may be another one now */
                }
        }
        return 0;
}

int systemd_open(sd_event *event, const char *address, Systemd **ret) {
        _cleanup_(systemd_closep) Systemd *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        r = bus_open(address, "systemd", &s->bus);
        if (r >= 0)
                r = sd_bus_attach_event(s->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(s->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                        "JobRemoved", on_job_removed, on_setup_reply, s);
        if (r >= 0)
                r = sd_bus_call_method_async(s->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
                        "Subscribe", on_setup_reply, s, NULL);
        if (r >= 0)
                r = sd_bus_match_signal_async(s->bus, NULL, "org.freedesktop.DBus.Local",
                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                        on_disconnected, NULL, s);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

int systemd_flush(Systemd *s) {
        return sd_bus_is_ready(s->bus) > 0 ? sd_bus_flush(s->bus) : -ENOTCONN;
}

Systemd *systemd_close(Systemd *s) {
        if (!s)
                return NULL;
        while (s->calls)
                (void) systemd_forget(s->calls);
        sd_bus_close_unref(s->bus);
        free(s);
        return NULL;
}
