/*
 * xenvgpu-hostd: the device manager of one host
 *
 * Assembles the parts and runs the loop.
 */

#include "common/daemon/database.h"
#include "common/daemon/frame.h"
#include "common/daemon/log.h"
#include "hostd/bus/bus-host.h"
#include "hostd/service/parts.h"
#include "hostd/selftest/selftest.h"
#include "hostd/edge/settings.h"

typedef struct Program {
        Daemon daemon;
        HostSettings settings;
        HostParts parts;
        Hostd *host;
        BusHost *bus;
        bool self_test, json;
} Program;

static void describe(char buf[static DAEMON_STATUS_MAX], void *userdata) {
        (void) host_describe(((Program *) userdata)->host, buf);
}

/* The first member is the frame. */
static void on_ready(void *userdata) { daemon_ready(userdata); }
static void on_status(void *userdata) { daemon_status_changed(userdata); }

static const BusHostHandlers handlers = {.ready = on_ready, .status = on_status};

/* The settings, and whether they can be taken or not, the hardware and its type files. */
static void on_reload(void *userdata) {
        Program *p = userdata;

        (void) host_settings_reload(p->daemon.config_path, p->daemon.extra_args, &p->settings);
        (void) host_rescan(p->host);
        log_info("The hardware and its type files were read again.");
}

/* 0, or the exit status. */
static int start(Program *p) {
        const Daemon *d = &p->daemon;
        int r;

        r = host_parts_open(&p->parts, d->event, &p->settings, d->state_dir, d->runtime_dir);
        if (r >= 0)
                r = host_open(&p->parts, &p->host);
        daemon_set_describe(&p->daemon, describe, p);
        if (r >= 0)
                r = bus_host_new(d->event, p->settings.bus, p->host, &handlers, p, &p->bus);
        daemon_set_reload(&p->daemon, on_reload, p);
        return r < 0 ? database_exit_status(r) : 0;
}

static int run(Program *p) {
        const Daemon *d = &p->daemon;

        if (host_settings_load(d->config_path, d->extra_args, &p->settings) < 0)
                return EXIT_FAILURE;
        return p->self_test || p->json ? selftest_run(&p->settings, d->state_dir, d->runtime_dir, p->json) != 0
                                       : start(p) ?: daemon_run(&p->daemon);
}

int main(int argc, char **argv) {
        Program program = {};
        const DaemonFlag flags[] = {
                {"self-test", "see whether VMs with GPUs can run here", .given = &program.self_test, .looks_only = true},
                {"json", "the same, printed as JSON", .given = &program.json, .looks_only = true},
                {},
        };
        const DaemonInfo info = {
                .name = "xenvgpu-hostd",
                .summary = "Device manager of virtual GPUs on this host",
                .default_state = "/var/lib/xenvgpu-hostd",
                .default_runtime = "/run/xenvgpu",
                .default_config = "/etc/xenvgpu/hostd.conf",
                .settings = host_setting_table,
                .n_settings = host_n_settings,
                .flags = flags,
        };
        int r;

        r = daemon_init(&program.daemon, &info, argc, argv);
        if (r != 0)
                return r > 0 ? EXIT_SUCCESS : EXIT_FAILURE;

        r = run(&program);
        /* The VMs run on. */
        (void) host_close(program.host);
        (void) bus_host_free(program.bus);
        host_parts_close(&program.parts);
        host_settings_done(&program.settings);
        daemon_done(&program.daemon);
        return r;
}
