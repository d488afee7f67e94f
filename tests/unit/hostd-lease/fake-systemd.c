/*
 * A small systemd on a private bus
 */

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/json/json-get.h"
#include "common/base/macros.h"
#include "tests/unit/hostd-lease/fake-systemd.h"

#define MANAGER "org.freedesktop.systemd1.Manager"
#define ROOT "/org/freedesktop/systemd1"

/* Jobs. */

static char *new_job(FakeSystemd *f) {
        char *path;

        f->job_before_subscription |= !f->subscribed;
        assert_true(asprintf(&path, ROOT "/job/%u", ++f->n_jobs) > 0);
        return path;
}

static void remove_job(FakeSystemd *f, const char *job, const char *result) {
        assert_true(sd_bus_emit_signal(f->connection, ROOT, MANAGER, "JobRemoved", "uoss", f->n_jobs, job,
                            "any.service", result) >= 0);
}

/* The reply that names the job, then, at once, its end: whoever is slow to listen misses it. */
static int reply_done(FakeSystemd *f, sd_bus_message *m) {
        _cleanup_free_ char *job = new_job(f);

        assert_true(sd_bus_reply_method_return(m, "o", job) >= 0);
        remove_job(f, job, "done");
        return 1;
}

static int method_subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeSystemd *f = userdata;

        f->subscribed = true;
        return sd_bus_reply_method_return(m, NULL);
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeSystemd *f = userdata;

        f->n_starts++;
        if (f->start_is_lost)
                return sd_bus_error_set(error, SD_BUS_ERROR_NO_REPLY, "The connection was terminated.");
        f->active = true;
        return reply_done(f, m);
}

static int on_death(sd_event_source *source, uint64_t usec, void *userdata) {
        FakeSystemd *f = userdata;

        f->active = false;
        if (f->stopping_job)
                remove_job(f, f->stopping_job, "done");
        free(take_ptr(f->stopping_job));
        return 0;
}

static int method_stop(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeSystemd *f = userdata;

        f->n_stops++;
        f->job_before_subscription |= !f->subscribed;
        if (f->dies_after > 0 && !f->death)
                assert_true(sd_event_add_time_relative(f->event, &f->death, CLOCK_MONOTONIC, f->dies_after, 1000,
                                    on_death, f) >= 0);
        if (f->stop_fails)
                return sd_bus_error_set(error, "org.freedesktop.DBus.Error.Failed", "stop failed");
        if (f->dies_after > 0 || f->never_dies) {
                free(f->stopping_job);
                f->stopping_job = new_job(f);
                return sd_bus_reply_method_return(m, "o", f->stopping_job);
        }
        f->active = false;
        return reply_done(f, m);
}

/* Transient units. */

static void read_text(sd_bus_message *m, char **ret) {
        const char *text;

        assert_true(sd_bus_message_read(m, "v", "s", &text) >= 0);
        free(*ret);
        *ret = strdup(text);
}

static void read_command(sd_bus_message *m, char ***ret) {
        const char *path;

        assert_true(sd_bus_message_enter_container(m, 'v', "a(sasb)") >= 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "(sasb)") >= 0);
        assert_true(sd_bus_message_enter_container(m, 'r', "sasb") > 0);
        assert_true(sd_bus_message_read(m, "s", &path) >= 0);
        *ret = strv_free(*ret);
        assert_true(sd_bus_message_read_strv(m, ret) >= 0);
        assert_string_equal(path, (*ret)[0]);
        assert_true(sd_bus_message_skip(m, "b") >= 0);
        for (int i = 0; i < 3; i++)
                assert_true(sd_bus_message_exit_container(m) >= 0);
}

static void read_one_field(sd_bus_message *m, char **ret) {
        const void *bytes;
        size_t n;

        assert_true(sd_bus_message_enter_container(m, 'v', "aay") >= 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "ay") >= 0);
        assert_true(sd_bus_message_read_array(m, 'y', &bytes, &n) >= 0);
        free(*ret);
        *ret = strndup(bytes, n);
        assert_true(sd_bus_message_exit_container(m) >= 0);
        assert_true(sd_bus_message_exit_container(m) >= 0);
}

static int method_start_transient(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        FakeSystemd *f = userdata;
        const char *unit, *mode, *name;

        assert_true(sd_bus_message_read(m, "ss", &unit, &mode) >= 0);
        free(f->unit);
        f->unit = strdup(unit);
        assert_true(sd_bus_message_enter_container(m, 'a', "(sv)") >= 0);
        while (sd_bus_message_enter_container(m, 'r', "sv") > 0) {
                assert_true(sd_bus_message_read(m, "s", &name) >= 0);
                if (streq(name, "ExecStart"))
                        read_command(m, &f->command);
                else if (streq(name, "KillMode"))
                        read_text(m, &f->kill_mode);
                else if (streq(name, "Restart"))
                        read_text(m, &f->restart);
                else if (streq(name, "Slice"))
                        read_text(m, &f->slice);
                else if (streq(name, "Description"))
                        read_text(m, &f->description);
                else if (streq(name, "LogExtraFields"))
                        read_one_field(m, &f->log_field);
                else
                        assert_true(sd_bus_message_skip(m, "v") >= 0);
                assert_true(sd_bus_message_exit_container(m) >= 0);
        }
        assert_true(sd_bus_message_exit_container(m) >= 0);
        assert_true(sd_bus_message_skip(m, "a(sa(sv))") >= 0);
        if (f->exists)
                return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitExists", "It is there already.");
        return reply_done(f, m);
}

/* Units. */

static int property_state(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        FakeSystemd *f = userdata;

        f->n_looks++;
        return sd_bus_message_append(reply, "s", !f->active ? "inactive"
                : f->stopping_job || f->deactivating ? "deactivating" : "active");
}

static int method_get_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *path = NULL;
        FakeSystemd *f = userdata;
        const char *unit;

        assert_true(sd_bus_message_read(m, "s", &unit) >= 0);
        if (f->not_loaded)
                return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "It is not loaded.");
        assert_true(sd_bus_path_encode(ROOT "/unit", unit, &path) >= 0);
        return sd_bus_reply_method_return(m, "o", path);
}

static int property_main_pid(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const FakeSystemd *f = userdata;

        return sd_bus_message_append(reply, "u", f->main_pid);
}

static int find_unit(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        *ret = userdata;
        return 1;
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Subscribe", NULL, NULL, method_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetUnit", "s", "o", method_get_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartUnit", "ss", "o", method_start, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopUnit", "ss", "o", method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", method_start_transient,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("ActiveState", "s", property_state, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("MainPID", "u", property_main_pid, 0, 0),
        SD_BUS_VTABLE_END,
};

void fake_systemd_make(FakeSystemd *f) {
        *f = (FakeSystemd){};
        private_bus_make(&f->bus);
        assert_true(sd_event_new(&f->event) >= 0);
        f->connection = private_bus_connect(&f->bus, f->event);
        assert_true(sd_bus_add_object_vtable(
                            f->connection, NULL, ROOT, MANAGER, manager_vtable, f) >= 0);
        assert_true(sd_bus_add_fallback_vtable(f->connection, NULL, ROOT "/unit",
                            "org.freedesktop.systemd1.Unit", unit_vtable, find_unit, f) >= 0);
        assert_true(sd_bus_add_fallback_vtable(f->connection, NULL, ROOT "/unit",
                            "org.freedesktop.systemd1.Service", service_vtable, find_unit, f) >= 0);
        assert_true(sd_bus_request_name(f->connection, "org.freedesktop.systemd1", 0) >= 0);
}

void fake_systemd_done(FakeSystemd *f) {
        sd_event_source_disable_unref(f->death);
        sd_bus_flush_close_unref(f->connection);
        sd_event_unref(f->event);
        private_bus_done(&f->bus);
        free(f->stopping_job);
        free(f->unit);
        free(f->kill_mode);
        free(f->restart);
        free(f->slice);
        free(f->description);
        free(f->log_field);
        strv_free(f->command);
}
