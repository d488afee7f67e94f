/*
 * policyd assembled
 */

#include "policyd/program.h"

#include "common/daemon/database.h"
#include "common/daemon/event-loop.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/lmdb/table.h"

static int load(Program *p, sd_event *event, const PolicydSettings *settings, const char *state_dir,
        PolicyOptions *options, LinkSettings *links) {
        int r;

        r = mkdir_parents(state_dir, 0700);
        if (r < 0)
                return log_errno(r, "Failed to create %s", state_dir);
        p->ssh_folder = path_join(state_dir, ".ssh");
        if (!p->ssh_folder)
                return log_errno(-ENOMEM, "Failed to begin");
        links->ssh_folder = p->ssh_folder;
        r = event_loop_new(event, &p->loop);
        r = r ?: links_new(p->loop, event, links, settings->logins_max, &p->links);
        if (r < 0)
                return log_errno(r, "Failed to make the loop and the links");
        options->loop = p->loop;
        options->links = p->links;
        p->database = db_in_folder(state_dir);
        options->database = &p->database;
        database_catch_bus_error();
        r = policy_new(options, bus_listener(), p->bus, &p->policy);
        if (r == -EBUSY)
                log_error("Another process uses the state folder %s; stop it first", state_dir);
        if (r == -EUCLEAN)
                return r;
        return r < 0 ? log_errno(r, "Failed to load the pool from %s", state_dir) : 0;
}

static int serve(Program *p, const PolicydSettings *settings) {
        int r;

        r = bus_start(p->bus);
        if (r == -EEXIST) {
                log_error("Another process on the bus %s has the name org.xenvgpu.Policy1; only one policyd "
                          "can serve a bus",
                        settings->bus);
                return r;
        }
        if (r < 0)
                return log_errno(r, "Failed to serve on the bus %s", settings->bus);
        r = policy_start(p->policy);
        return r < 0 ? log_errno(r, "Failed to dial the hosts") : 0;
}

int program_start(Program *p, sd_event *event, const PolicydSettings *settings, const char *state_dir,
        void (*status)(void *userdata), void *userdata) {
        PolicyOptions policy_options;
        BusOptions bus_options;
        LinkSettings links;
        int r;

        policyd_settings_apply(settings, &policy_options, &links, &bus_options);
        bus_options.status = status;
        bus_options.userdata = userdata;
        r = bus_new(event, &bus_options, &p->bus);
        if (r < 0)
                return log_errno(r, "Failed to make the bus side");
        r = load(p, event, settings, state_dir, &policy_options, &links);
        if (r < 0)
                return r;
        bus_set_policy(p->bus, p->policy);
        return serve(p, settings);
}

void program_apply(Program *p, const PolicydSettings *settings) {
        PolicyOptions policy_options;
        BusOptions bus_options;
        LinkSettings links;

        policyd_settings_apply(settings, &policy_options, &links, &bus_options);
        links_set(p->links, &links);
        policy_set_limits(p->policy, &policy_options);
}

void program_done(Program *p) {
        policy_free(p->policy);
        bus_free(p->bus);
        links_free(p->links);
        free(p->ssh_folder);
        event_loop_free(p->loop);
}
