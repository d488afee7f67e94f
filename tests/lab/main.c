/*
 * xenvgpu-lab: a whole pool on one machine, without Xen and without GPUs
 *
 * One table of verbs. Exit status: 0 done, 1 failed, 2 usage; `exec` passes its command's own.
 */

#include <stdio.h>

#include "tests/lab/fault.h"
#include "tests/lab/lab.h"
#include "tests/lab/verbs.h"

static const LabVerb verbs[] = {
        { "up",
                "DIR [--host NAME=CARD[,CARD…][:option=value…]]… [--set=DAEMON.NAME=VALUE]… "
                "[--timeout=SECONDS]",
                1, SIZE_MAX, verb_up },
        { "down", "DIR [--keep]", 1, 2, verb_down },
        { "env", "DIR", 1, 1, verb_env },
        { "exec", "DIR COMMAND [ARGUMENT…]", 2, SIZE_MAX, verb_exec },
        { "status", "DIR", 1, 1, verb_status },
        { "host-add", "DIR NAME=CARD[,CARD…][:option=value…]", 2, 2, verb_host_add },
        { "host-stop", "DIR NAME", 2, 2, verb_host_stop },
        { "host-kill", "DIR NAME", 2, 2, verb_host_kill },
        { "host-start", "DIR NAME [--no-wait]", 2, 3, verb_host_start },
        { "policyd-stop", "DIR", 1, 1, verb_policyd_stop },
        { "policyd-kill", "DIR", 1, 1, verb_policyd_kill },
        { "policyd-start", "DIR [--no-wait]", 1, 2, verb_policyd_start },
        { "guest", "DIR VM poweroff|reboot|crash|hang|emulator-crash|qemu-crash", 3, 3, verb_guest },
        { "fault", "DIR NAME FAULT", 3, 3, verb_fault },
};

static int help(void) {
        puts("xenvgpu-lab: a whole xenvgpu pool on one machine, without Xen and without GPUs\n");
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
                printf("  xenvgpu-lab %s %s\n", verbs[i].name, verbs[i].usage);
        puts("\nCards: k1 (four GPUs), k2 (two), gvt (Intel, GVT-g), mxgpu (AMD), sriov (Intel, SR-IOV), hgx (NVIDIA, eight H100), nic (no GPU), none; or alone @FILE, an "
             "`lspci -D -nn -xxx`\n"
             "listing, or @FOLDER, a recorded sysfs tree.\n"
             "Host options: memory=256GiB dom0_memory=4GiB cpus=16 iommu=true networks=xenbr0+… "
             "storage=/var/lib/xen/images+/guest\n\n"
             "Settings of the daemons: --set=policyd.order_timeout=10s, --set=hostd.concurrent_starts=1, "
             "…\n\n"
             "Faults:\n" FAULT_HELP "\n"
             "  xenvgpu-lab up lab --host alpha=k1 --host beta=k1,k2:memory=128GiB\n"
             "  eval \"$(xenvgpu-lab env lab)\"; xenvgpu pool-map\n"
             "  xenvgpu-lab down lab");
        return 0;
}

static int usage(const LabVerb *verb) {
        fprintf(stderr, "usage: xenvgpu-lab %s %s\n", verb->name, verb->usage);
        return 2;
}

int main(int argc, char **argv) {
        if (argc < 2) {
                fprintf(stderr, "usage: xenvgpu-lab VERB DIR …; `xenvgpu-lab --help` lists the verbs\n");
                return 2;
        }
        if (streq(argv[1], "--help") || streq(argv[1], "-h") || streq(argv[1], "help"))
                return help();
        if (streq(argv[1], "--version")) {
                puts("xenvgpu-lab " XENVGPU_VERSION);
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
                size_t n = (size_t) argc - 2;

                if (!streq(verbs[i].name, argv[1]))
                        continue;
                if (n < verbs[i].n_min || n > verbs[i].n_max)
                        return usage(&verbs[i]);
                return verbs[i].run(&verbs[i], (char *const *) argv + 2);
        }
        fprintf(stderr, "xenvgpu-lab: there is no verb '%s'; `xenvgpu-lab --help` lists them\n", argv[1]);
        return 2;
}
