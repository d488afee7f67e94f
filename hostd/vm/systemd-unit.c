/*
 * What the unit of a VM is like
 *
 * Transient, since it lives no longer than its VM and its command line is that of this start. An
 * administrator can change it in xenvgpu-domain@.service.d/ as for any unit.
 *
 * KillMode=process: qemu and the emulator are in its cgroup and must survive the end of the program, which
 * finds them when it is started again. To stop the unit, systemd asks the program, which asks the guest. The
 * unit is ordered after everything that a guest needs, so a host that shuts down stops it first.
 */

#include "hostd/run/program.h"
#include "hostd/vm/systemd-private.h"

#define RESTART_DELAY UINT64_C(1000000)
/* The program gives a guest its time to power off (hostd/domain/main.c); then it has the same time for taking
 * the domain down. */
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

int systemd_start_transient(Systemd *s, const char *unit, const char *description, const char *const *argv,
        SystemdJobDone done, void *userdata, SystemdCall **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = systemd_new_call(s, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "replace");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)(sv)(sv)",
                        "Description", "s", description,
                        "Slice", "s", "xenvgpu.slice",
                        "Type", "s", "exec",
                        "KillMode", "s", "process",
                        "Restart", "s", "on-failure",
                        "CollectMode", "s", "inactive-or-failed",
                        "RestartUSec", "t", RESTART_DELAY,
                        "TimeoutStopUSec", "t", STOP_TIMEOUT);
        /* What guests need; and xendomains, which saves or ends every domain of the host when the host goes down: ours are
         * gone by then. */
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "After", "as", 9, "basic.target", "network.target",
                        "remote-fs.target", "xen.service", "xenstored.service", "xenconsoled.service",
                        "xen-init-dom0.service", "xendomains.service", "xenvgpu-hostd.service");
        /* Exit statuses, then signals. */
        if (r >= 0)
                r = sd_bus_message_append(
                        m, "(sv)", "RestartPreventExitStatus", "(aiai)", 1, DOMAIN_PROGRAM_EXIT_BUSY, 0);
        if (r >= 0)
                r = append_command(m, argv);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        /* No further units along with it. */
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : systemd_call_job(s, m, done, userdata, ret);
}
