#pragma once

/*
 * systemd, as we use it
 *
 * Jobs (units that are started and stopped) and single properties, over D-Bus, without ever waiting for an
 * answer. The end of a job is the signal JobRemoved, which is subscribed to before the first job is asked for;
 * so a job that ends at once is not missed.
 */

#include <systemd/sd-bus.h>

#include "common/base/macros.h"

typedef struct Systemd Systemd;
typedef struct SystemdCall SystemdCall;

/* address: of the system bus. The connection is made in the background; calls wait for it. */
int systemd_open(sd_event *event, const char *address, Systemd **ret);
/* Calls that are under way end without calling back. */
Systemd *systemd_close(Systemd *s);
DEFINE_CLEANUP(Systemd *, systemd_close)

/*
 * Called once, from the loop; the call is gone by then. result: 0: the job is done; -EEXIST: there is such a
 * unit; -ENOENT: there is no such unit; -ECANCELED: another job took its place; -ENOTCONN: nobody knows whether
 * systemd heard of it; -EIO. error lives during the call. NULL if the result is not needed; then ret may be NULL too.
 */
typedef void (*SystemdJobDone)(int result, const char *error, void *userdata);

int systemd_start_unit(
        Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret);
int systemd_stop_unit(
        Systemd *s, const char *unit, SystemdJobDone done, void *userdata, SystemdCall **ret);

/* A unit that exists as long as it runs: it runs argv in the slice, is started again when the program dies,
 * and leaves the program's children alive when it is stopped. log_field, "NAME=value", is in each line of the journal
 * that comes from it; NULL: none. */
int systemd_start_transient(Systemd *s, const char *unit, const char *description, const char *log_field_or_null,
        const char *const *argv, SystemdJobDone done, void *userdata, SystemdCall **ret);

/* value is NULL on failure, else a message that stands before the property's value. */
typedef void (*SystemdPropertyRead)(int result, sd_bus_message *value, void *userdata);
int systemd_read_property(Systemd *s, const char *unit, const char *interface, const char *property,
        const char *type, SystemdPropertyRead done, void *userdata, SystemdCall **ret);
/* ActiveState, a text. -ENOENT: systemd has not loaded the unit, so it does not run. */
int systemd_read_state(Systemd *s, const char *unit, SystemdPropertyRead done, void *userdata, SystemdCall **ret);

/* Sends what was asked for, before a close. -ENOTCONN: nothing can be sent. */
int systemd_flush(Systemd *s);

/* Does not call back any more; a job goes on. NULL is fine. */
SystemdCall *systemd_forget(SystemdCall *call);
