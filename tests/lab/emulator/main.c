/*
 * xenvgpu-lab-emulator: stands in for the vendor's display emulator
 *
 * Takes the same arguments and refuses wrong ones, says the same in xenstore, ends on SIGTERM. Faults come
 * from the simulated host's faults.json, member "emulator".
 */

#include <inttypes.h>
#include <stdio.h>

#include "tests/lab/emulator/emulator-arguments.h"
#include "tests/lab/emulator/stand-in.h"

#define START_MS 20 /* in "initialising", as short as it may be and still be seen */
#define FAULT_EXIT_STATUS 3

typedef struct Emulator {
        EmulatorArguments arguments;
        XenStore *xs;
        int signal_fd;
        Fault fault;
} Emulator;

static int complain(const char *what) {
        fprintf(stderr, "xenvgpu-lab-emulator: %s\n", what);
        return EXIT_FAILURE;
}

static int set_state(const Emulator *e, const char *state) {
        return e->arguments.form_6x ? 0
                                    : xenstore_write(e->xs, state, "/local/domain/%" PRIu32 "/vgpu/state",
                                              e->arguments.domid);
}

static int set_pid(const Emulator *e) {
        char pid[16];

        (void) snprintf(pid, sizeof(pid), "%d", getpid());
        return xenstore_write(e->xs, pid, "/local/domain/%" PRIu32 "/vgpu-pid", e->arguments.domid);
}

/* Returns the exit status once it is told to end, or -1 after ms. */
static int wait_end(const Emulator *e, int64_t ms) {
        for (;;) {
                switch (stand_in_wait(e->signal_fd, e->xs, -1, ms)) {
                case WOKEN_SIGNAL:
                        return EXIT_SUCCESS;
                case WOKEN_LOST:
                        return EXIT_FAILURE;
                case WOKEN_DEADLINE:
                        return -1;
                case WOKEN_XENSTORE:
                case WOKEN_FD:
                        break;
                }
        }
}

static int report_error(const Emulator *e) {
        (void) xenstore_write(e->xs, "7", "/local/domain/%" PRIu32 "/vgpu/error-code", e->arguments.domid);
        (void) set_state(e, "error");
        /* The toolstack reads the code before it ends us. */
        (void) wait_end(e, 2000);
        return EXIT_FAILURE;
}

static int live(const Emulator *e) {
        int r;

        switch (e->fault.mode) {
        case FAULT_EXIT_AT_ONCE:
                return FAULT_EXIT_STATUS;
        case FAULT_NEVER_READY:
                return wait_end(e, -1);
        case FAULT_ERROR:
                return report_error(e);
        case FAULT_SLOW:
                r = wait_end(e, (int64_t) e->fault.ms);
                if (r >= 0)
                        return r;
                break;
        case FAULT_NONE:
        case FAULT_NEVER_RUNNING:
        case FAULT_DIE_AFTER:
        case _FAULT_MODE_MAX:
                break;
        }

        if (set_pid(e) < 0 || set_state(e, "initialising") < 0)
                return complain("cannot write to xenstore");
        if (e->fault.mode == FAULT_NEVER_RUNNING)
                return wait_end(e, -1);
        r = wait_end(e, START_MS);
        if (r >= 0)
                return r;
        if (set_state(e, "running") < 0)
                return complain("cannot write to xenstore");

        r = wait_end(e, e->fault.mode == FAULT_DIE_AFTER ? (int64_t) e->fault.ms : -1);
        return r < 0 ? FAULT_EXIT_STATUS : r;
}

int main(int argc, char **argv) {
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *error = NULL, *sim_dir = NULL, *known = NULL;
        _cleanup_close_ int signal_fd = -1;
        Emulator e = {};

        if (emulator_arguments_parse(argv, &e.arguments, &error) < 0)
                return complain(error ? error : "bad arguments");
        if (stand_in_signals(&signal_fd) < 0 || xenstore_open(&xs) < 0)
                return complain("cannot reach xenstore");
        if (xenstore_read(xs, &known, "/local/domain/%" PRIu32 "/name", e.arguments.domid) < 0)
                return complain("no such domain");
        if (stand_in_sim_dir(xs, &sim_dir) < 0 || stand_in_fault(sim_dir, "emulator", &e.fault) < 0)
                return complain("cannot use the simulated host's faults.json");

        e.xs = xs;
        e.signal_fd = signal_fd;
        return live(&e);
}
