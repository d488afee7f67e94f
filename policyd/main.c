/*
 * xenvgpu-policyd: assembles the policy engine
 */

#include "common/daemon/database.h"
#include "common/daemon/frame.h"
#include "common/daemon/log.h"
#include "policyd/bus/settings.h"

typedef struct Program {
        Daemon daemon;
        PolicydSettings settings;
        Bus *bus;
        Policy *policy;
} Program;

static void on_status(const char *line, void *userdata) {
        Program *p = userdata;

        daemon_status(&p->daemon, "%s", line);
}

static int start_policy(Program *p) {
        PolicyOptions policy_options;
        BusOptions bus_options;
        int r;

        policyd_settings_apply(&p->settings, p->daemon.state_dir, &policy_options, &bus_options);
        bus_options.status = on_status;
        bus_options.userdata = p;

        database_catch_bus_error();
        r = bus_new(p->daemon.event, &bus_options, &p->bus);
        if (r < 0)
                return log_errno(r, "Failed to make the bus side");
        r = policy_new(p->daemon.event, &policy_options, bus_listener(), p->bus, &p->policy);
        if (r == -EBUSY)
                log_error("Another process uses the state folder %s; stop it first", p->daemon.state_dir);
        if (r == -EUCLEAN)
                return r;
        if (r < 0)
                return log_errno(r, "Failed to load the pool from %s", p->daemon.state_dir);
        bus_set_policy(p->bus, p->policy);

        r = bus_start(p->bus);
        if (r == -EEXIST) {
                log_error("Another process on the bus %s has the name org.xenvgpu.Policy1; only one policyd "
                          "can serve a bus",
                        p->settings.bus);
                return r;
        }
        if (r < 0)
                return log_errno(r, "Failed to serve on the bus %s", p->settings.bus);
        r = policy_start(p->policy);
        return r < 0 ? log_errno(r, "Failed to dial the hosts") : 0;
}

static int run(Program *p) {
        int r;

        r = settings_init(policyd_settings, n_policyd_settings, &p->settings);
        if (r >= 0)
                r = settings_load(policyd_settings, n_policyd_settings, "policyd", p->daemon.config_path,
                        p->daemon.extra_args, &p->settings);
        if (r >= 0)
                r = policyd_settings_check(&p->settings);
        if (r >= 0)
                r = start_policy(p);
        if (r < 0)
                return database_exit_status(r);

        daemon_ready(&p->daemon, "Serving the pool");
        return daemon_run(&p->daemon);
}

int main(int argc, char **argv) {
        const DaemonInfo info = {
                .name = "xenvgpu-policyd",
                .summary = "policy engine of a pool with virtual GPUs",
                .default_state = "/var/lib/xenvgpu-policyd",
                .default_runtime = "/run/xenvgpu-policyd",
                .default_config = "/etc/xenvgpu/policyd.conf",
                .settings = policyd_settings,
                .n_settings = n_policyd_settings,
        };
        Program p = {};
        int r;

        r = daemon_init(&p.daemon, &info, argc, argv);
        if (r != 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = run(&p);
        policy_free(p.policy);
        bus_free(p.bus);
        settings_done(policyd_settings, n_policyd_settings, &p.settings);
        daemon_done(&p.daemon);
        return r;
}
