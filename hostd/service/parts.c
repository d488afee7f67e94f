/*
 * The parts of this machine that a host is built on
 */

#include "common/daemon/database.h"
#include "common/daemon/event-loop.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/lmdb/table.h"
#include "hostd/service/parts.h"

static const char way_back[] = "Nothing was changed, and guests run on. Put a backup of the folder in its "
                               "place. Without one, move all that is in it away: the "
                               "host then begins anew under another uuid, takes over the VMs whose run "
                               "folders are there, and has to be added to its pool again.";

static int open_store(HostParts *p) {
        const DbSource database = db_in_folder(p->state_dir);
        _cleanup_free_ char *problem = NULL;
        Uuid new_host = UUID_NULL;
        int r;

        database_catch_bus_error();
        r = loop_new_uuid(p->loop, &new_host);
        if (r >= 0)
                r = mkdir_parents(p->state_dir, 0700);
        if (r >= 0)
                r = host_store_open(&database, &new_host, &problem, &p->store);
        if (r == -EBUSY) {
                log_error("Another xenvgpu-hostd works in %s: one is enough.", p->state_dir);
                return r;
        }
        return r < 0 ? database_log_failure(p->state_dir, r, problem, way_back) : 0;
}

static int open_units(HostParts *p) {
        Units *units = &p->units;
        int r = 0;

        units->event = p->event;
        units->ops = streq(p->settings->units, units_process.name) ? &units_process : &units_systemd;
        if (units->ops == &units_systemd)
                r = systemd_open(p->event, p->settings->bus, &units->systemd);
        return r < 0 ? log_errno(r, "Failed to connect to systemd on %s", p->settings->bus) : 0;
}

/* Notes of divisions, as older versions named their folder. */
static void rename_notes(const HostParts *p) {
        _cleanup_free_ char *before = path_join(p->runtime_dir, "mxgpu"), *now = path_join(p->runtime_dir, "divisions");

        if (before && now && rename(before, now) < 0 && errno != ENOENT)
                (void) log_errno(-errno, "Failed to rename %s to %s, ignoring", before, now);
}

int host_parts_open(HostParts *p, sd_event *event, const HostSettings *settings, const char *state_dir,
        const char *runtime_dir) {
        int r;

        *p = (HostParts){
                .event = sd_event_ref(event),
                .settings = settings,
                .state_dir = state_dir,
                .runtime_dir = runtime_dir,
        };
        rename_notes(p);
        r = event_loop_new(event, &p->loop);
        if (r >= 0)
                r = open_units(p);
        if (r >= 0)
                r = open_store(p);
        return r < 0 ? r : programs_open(&p->programs, event, runtime_dir);
}

void host_parts_close(HostParts *p) {
        host_store_close(p->store);
        systemd_close(p->units.systemd);
        programs_close(&p->programs);
        event_loop_free(p->loop);
        sd_event_unref(p->event);
        *p = (HostParts){};
}
