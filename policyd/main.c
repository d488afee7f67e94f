/*
 * xenvgpu-policyd: the settings, and the program that they make
 */

#include "common/daemon/database.h"
#include "common/daemon/frame.h"
#include "policyd/check-database.h"
#include "policyd/program.h"

typedef struct Policyd {
        Daemon daemon;
        PolicydSettings settings;
        Program program;
} Policyd;

static void describe(char buf[static DAEMON_STATUS_MAX], void *userdata) {
        policy_describe(((Policyd *) userdata)->program.policy, buf, DAEMON_STATUS_MAX);
}

static void on_status(void *userdata) {
        daemon_status_changed(&((Policyd *) userdata)->daemon);
}

static void on_reload(void *userdata) {
        Policyd *p = userdata;

        if (policyd_settings_reload(p->daemon.config_path, p->daemon.extra_args, &p->settings) >= 0)
                program_apply(&p->program, &p->settings);
}

static int run(Policyd *p) {
        Daemon *d = &p->daemon;
        int r;

        r = policyd_settings_read(d->config_path, d->extra_args, &p->settings);
        if (r >= 0)
                r = program_start(&p->program, d->event, &p->settings, d->state_dir, on_status, p);
        if (r < 0)
                return database_exit_status(r);

        daemon_set_reload(d, on_reload, p);
        daemon_set_describe(d, describe, p);
        daemon_ready(d);
        return daemon_run(d);
}

int main(int argc, char **argv) {
        const char *check = NULL;
        const DaemonFlag flags[] = {
                {"check", "look at the database in DIR for what must not be, change nothing, and end", .looks_only = true,
                        .value = &check, .value_name = "DIR"},
                {},
        };
        const DaemonInfo info = {
                .name = "xenvgpu-policyd",
                .summary = "policy engine of a pool with virtual GPUs",
                .default_state = "/var/lib/xenvgpu-policyd",
                .default_runtime = "/run/xenvgpu-policyd",
                .default_config = "/etc/xenvgpu/policyd.conf",
                .settings = policyd_settings,
                .n_settings = n_policyd_settings,
                .flags = flags,
        };
        Policyd p = {};
        int r;

        r = daemon_init(&p.daemon, &info, argc, argv);
        if (r != 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = check ? check_database(check) : run(&p);
        program_done(&p.program);
        settings_done(policyd_settings, n_policyd_settings, &p.settings);
        daemon_done(&p.daemon);
        return r;
}
