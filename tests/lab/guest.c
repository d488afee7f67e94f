/*
 * What a guest, or its programs, do by themselves
 *
 * A guest's own end is a word in a file of its simulated domain, as a real one's is a shutdown code in Xen;
 * the programs of a VM are met by signals.
 */

#include <signal.h>
#include <stdio.h>

#include "common/io/file.h"
#include "tests/lab/guest.h"
#include "tests/lab/runs.h"

typedef enum GuestTarget {
        GUEST_DOMAIN,
        GUEST_EMULATOR,
        GUEST_QEMU,
} GuestTarget;

static const struct GuestAction {
        const char *name;
        GuestTarget target;
        const char *file, *word; /* in the domain's folder */
        int signo;               /* what the program gets */
} guest_actions[] = {
        { "poweroff", GUEST_DOMAIN, "state", "shutdown poweroff", 0 },
        { "reboot", GUEST_DOMAIN, "state", "shutdown reboot", 0 },
        { "crash", GUEST_DOMAIN, "state", "shutdown crash", 0 },
        { "emulator-crash", GUEST_EMULATOR, NULL, NULL, SIGKILL },
        { "qemu-crash", GUEST_QEMU, NULL, NULL, SIGKILL },
        { "hang", GUEST_DOMAIN, "hang", "", 0 }, /* it hears no wish to shut down */
};

static const struct GuestAction *find_action(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(guest_actions); i++)
                if (streq(guest_actions[i].name, name))
                        return &guest_actions[i];
        return NULL;
}

bool guest_action_exists(const char *action) {
        return find_action(action);
}

static int write_domain_file(const Run *run, const char *name, const char *word) {
        _cleanup_free_ char *folder = NULL, *path = NULL;

        if (asprintf(&folder, "%s/sim/dom/%u", run->host->folder, run->domid) < 0 ||
                asprintf(&path, "%s/%s", folder, name) < 0)
                return -ENOMEM;
        if (run->domid == 0 || access(folder, F_OK) < 0)
                return -ESRCH;
        return file_write_atomic(path, word, strlen(word), 0644);
}

int guest_act(const Lab *lab, const char *vm, const char *action) {
        const struct GuestAction *a = find_action(action);
        Run run = {};
        int r;

        r = runs_find(lab, vm, &run);
        if (r < 0)
                return r;
        switch (a->target) {
        case GUEST_DOMAIN:
                r = write_domain_file(&run, a->file, a->word);
                break;
        case GUEST_EMULATOR:
                r = process_signal(&run.emulator, a->signo);
                break;
        case GUEST_QEMU:
                r = process_signal(&run.qemu, a->signo);
                break;
        }
        if (r == -ESRCH)
                lab_fail(r, "VM '%s' on %s has no %s now", vm, run.host->spec.name,
                        a->target == GUEST_DOMAIN     ? "domain"
                        : a->target == GUEST_EMULATOR ? "emulator"
                                                      : "device model");
        else if (r < 0)
                lab_fail(r, "cannot play '%s' for VM '%s': %s", action, vm, strerror(-r));
        run_done(&run);
        return r;
}
