/*
 * xenvgpu-lab-qemu: stands in for qemu, and for the guest in it
 *
 * Records its arguments in the domain's folder (qemu.argv, one a line), says in xenstore that the device
 * model runs, and lives until it is told to end or its domain is gone. As the guest it answers a wish to shut
 * down by powering off, unless the folder holds a file `hang`. Faults come from the simulated host's
 * faults.json, member "qemu".
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>

#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "tests/lab/emulator/stand-in.h"

#define LOOK_NS 200000000
#define SHUTDOWN_NS 150000000L /* what a guest takes to power off */
#define FAULT_EXIT_STATUS 4

typedef struct Qemu {
        uint32_t domid;
        bool wants_emulator; /* -vgpu among the arguments */
        XenStore *xs;
        char *folder;
        int signal_fd, folder_fd;
        Fault fault;
} Qemu;

static int complain(const char *what) {
        fprintf(stderr, "xenvgpu-lab-qemu: %s\n", what);
        return EXIT_FAILURE;
}

static int read_arguments(char **argv, Qemu *q) {
        for (char **a = argv + 1; *a; a++) {
                if (streq(*a, "-xen-domid") && a[1] && parse_u32(a[1], &q->domid) < 0)
                        return -EINVAL;
                if (streq(*a, "-vgpu"))
                        q->wants_emulator = true;
        }
        return q->domid > 0 ? 0 : -EINVAL;
}

static int record_arguments(const Qemu *q, char **argv) {
        _cleanup_free_ char *path = path_join(q->folder, "qemu.argv"), *text = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        for (char **a = argv; *a; a++)
                strbuf_addf(&b, "%s\n", *a);
        text = strbuf_take(&b);
        if (!path || !text)
                return -ENOMEM;
        return file_write_atomic(path, text, strlen(text), 0644);
}

static bool file_is(const Qemu *q, const char *name, const char *content) {
        _cleanup_free_ char *path = path_join(q->folder, name), *line = NULL;

        return path && file_read_line(path, &line) >= 0 && (!content || streq(line, content));
}

static bool has_file(const Qemu *q, const char *name) {
        _cleanup_free_ char *path = path_join(q->folder, name);

        return path && access(path, F_OK) >= 0;
}

/* The guest saw the wish; xenstore's protocol is that it empties the key. */
static void take_wish(Qemu *q) {
        _cleanup_free_ char *wish = NULL, *path = path_join(q->folder, "state");
        static const char poweroff[] = "shutdown poweroff";

        if (xenstore_read(q->xs, &wish, "/local/domain/%" PRIu32 "/control/shutdown", q->domid) < 0 ||
                !streq(wish, "poweroff") || has_file(q, "hang") || !file_is(q, "state", "running"))
                return;
        (void) xenstore_write(q->xs, "", "/local/domain/%" PRIu32 "/control/shutdown", q->domid);
        (void) nanosleep(&(struct timespec){ .tv_nsec = SHUTDOWN_NS }, NULL);
        if (path && file_is(q, "state", "running"))
                (void) file_write_atomic(path, poweroff, strlen(poweroff), 0644);
}

static void drain_folder(int fd) {
        char events[4096];

        while (read(fd, events, sizeof(events)) > 0)
                ;
}

static int live(Qemu *q) {
        int64_t ms = q->fault.mode == FAULT_DIE_AFTER ? (int64_t) q->fault.ms : -1;

        for (;;) {
                switch (stand_in_wait(q->signal_fd, q->xs, q->folder_fd, ms)) {
                case WOKEN_SIGNAL:
                        return EXIT_SUCCESS;
                case WOKEN_LOST:
                        return EXIT_FAILURE;
                case WOKEN_DEADLINE:
                        return FAULT_EXIT_STATUS;
                case WOKEN_FD:
                        drain_folder(q->folder_fd);
                        if (!has_file(q, "config.json"))
                                return EXIT_SUCCESS;
                        /* Unpaused, perhaps: an earlier wish counts now. */
                        take_wish(q);
                        break;
                case WOKEN_XENSTORE:
                        take_wish(q);
                        break;
                }
        }
}

/* Where the user's inotify instances are used up, a timer makes us look five times a second. */
static int watch_folder(Qemu *q) {
        const struct itimerspec often = { .it_value.tv_nsec = LOOK_NS, .it_interval.tv_nsec = LOOK_NS };

        q->folder_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (q->folder_fd >= 0)
                return inotify_add_watch(q->folder_fd, q->folder, IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF);
        if (errno != EMFILE)
                return -1;
        q->folder_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        return q->folder_fd < 0 ? -1 : timerfd_settime(q->folder_fd, 0, &often, NULL);
}

static int start(Qemu *q, char **argv) {
        _cleanup_free_ char *emulator = NULL, *sim_dir = NULL;

        if (stand_in_sim_dir(q->xs, &sim_dir) < 0 || stand_in_fault(sim_dir, "qemu", &q->fault) < 0)
                return complain("cannot use the simulated host's faults.json");
        if (asprintf(&q->folder, "%s/dom/%" PRIu32, sim_dir, q->domid) < 0)
                return complain("no memory");
        if (q->fault.mode == FAULT_EXIT_AT_ONCE)
                return FAULT_EXIT_STATUS;
        if (record_arguments(q, argv) < 0)
                return complain("no such domain");
        if (q->wants_emulator &&
                xenstore_read(q->xs, &emulator, "/local/domain/%" PRIu32 "/vgpu-pid", q->domid) < 0)
                return complain("-vgpu without a display emulator");

        if (q->fault.mode == FAULT_SLOW &&
                stand_in_wait(q->signal_fd, q->xs, -1, (int64_t) q->fault.ms) == WOKEN_SIGNAL)
                return EXIT_SUCCESS;

        if (watch_folder(q) < 0 ||
                xenstore_watch(q->xs, "/local/domain/%" PRIu32 "/control/shutdown", q->domid) < 0)
                return complain("cannot watch the domain");

        if (q->fault.mode != FAULT_NEVER_READY &&
                xenstore_write(q->xs, "running", "/local/domain/0/device-model/%" PRIu32 "/state", q->domid) <
                        0)
                return complain("cannot write to xenstore");
        return live(q);
}

int main(int argc, char **argv) {
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_close_ int signal_fd = -1;
        Qemu q = { .folder_fd = -1 };
        int status;

        if (streq(argv[argc - 1], "-version")) {
                (void) puts("xenvgpu-lab-qemu " XENVGPU_VERSION ", in place of qemu");
                return EXIT_SUCCESS;
        }
        if (read_arguments(argv, &q) < 0)
                return complain("-xen-domid is missing or bad");
        if (stand_in_signals(&signal_fd) < 0 || xenstore_open(&xs) < 0)
                return complain("cannot reach xenstore");
        q.xs = xs;
        q.signal_fd = signal_fd;

        status = start(&q, argv);
        safe_close(q.folder_fd);
        free(q.folder);
        return status;
}
