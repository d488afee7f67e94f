/*
 * xenvgpu-policyd: the settings, and the program that they make
 */

#include "common/daemon/database.h"
#include "common/daemon/frame.h"
#include "policyd/check-database.h"
#include "policyd/program.h"

static void describe(char buf[static DAEMON_STATUS_MAX], void *userdata) {
        policy_describe(((Program *) userdata)->policy, buf, DAEMON_STATUS_MAX);
}

static void on_status(void *userdata) {
        daemon_status_changed(userdata);
}

static int run(Daemon *daemon, PolicydSettings *settings, Program *program) {
        int r;

        r = settings_init(policyd_settings, n_policyd_settings, settings);
        if (r >= 0)
                r = settings_load(policyd_settings, n_policyd_settings, "policyd", daemon->config_path,
                        daemon->extra_args, settings);
        if (r >= 0)
                r = policyd_settings_check(settings);
        if (r >= 0)
                r = program_start(program, daemon->event, settings, daemon->state_dir, on_status, daemon);
        if (r < 0)
                return database_exit_status(r);

        daemon_set_describe(daemon, describe, program);
        daemon_ready(daemon);
        return daemon_run(daemon);
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
        PolicydSettings settings = {};
        Program program = {};
        Daemon daemon = {};
        int r;

        r = daemon_init(&daemon, &info, argc, argv);
        if (r != 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        r = check ? check_database(check) : run(&daemon, &settings, &program);
        program_done(&program);
        settings_done(policyd_settings, n_policyd_settings, &settings);
        daemon_done(&daemon);
        return r;
}
