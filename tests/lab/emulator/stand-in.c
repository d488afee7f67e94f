/*
 * What the stand-ins for emulator and qemu have in common
 */

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "tests/lab/emulator/stand-in.h"

#define FAULTS_SIZE_MAX 65536

static const char *const fault_words[_FAULT_MODE_MAX] = {
        [FAULT_NONE] = "none",
        [FAULT_EXIT_AT_ONCE] = "exit-at-once",
        [FAULT_NEVER_READY] = "never-ready",
        [FAULT_NEVER_RUNNING] = "never-running",
        [FAULT_ERROR] = "error",
        [FAULT_SLOW] = "slow=",
        [FAULT_DIE_AFTER] = "die-after=",
};

int fault_parse(const char *text, Fault *ret) {
        for (int i = 0; i < _FAULT_MODE_MAX; i++) {
                Fault fault = { .mode = (FaultMode) i };
                const char *rest = startswith(text, fault_words[i]);

                if (!rest)
                        continue;
                if (i == FAULT_SLOW || i == FAULT_DIE_AFTER ? parse_u64(rest, &fault.ms) < 0 : *rest != '\0')
                        continue;
                *ret = fault;
                return 0;
        }
        return -EINVAL;
}

int stand_in_sim_dir(XenStore *xs, char **ret) {
        const char *set = getenv("XENVGPU_SIM_DIR");

        if (!isempty(set)) {
                *ret = strdup(set);
                return *ret ? 0 : -ENOMEM;
        }
        return xenstore_read(xs, ret, "/lab/sim-dir");
}

int stand_in_fault(const char *sim_dir, const char *program, Fault *ret) {
        _cleanup_free_ char *path = path_join(sim_dir, "faults.json"), *text = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        const char *word = "none";
        JsonReader reader = {};
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(path, FAULTS_SIZE_MAX, &text, &size);
        if (r == -ENOENT) {
                *ret = (Fault){};
                return 0;
        }
        if (r >= 0)
                r = json_parse_cleaned(&reader, text, size, &o);
        if (r >= 0)
                r = json_opt_string(&reader, o, program, &word);
        return r < 0 ? r : fault_parse(word, ret);
}

int stand_in_signals(int *ret) {
        sigset_t mask;
        int fd;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &mask, SFD_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

static int64_t now_ms(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Woken stand_in_wait(int signal_fd, XenStore *xs, int extra_fd, int64_t ms) {
        struct pollfd fds[] = {
                { .fd = signal_fd, .events = POLLIN },
                { .fd = xenstore_fd(xs), .events = POLLIN },
                { .fd = extra_fd, .events = POLLIN },
        };
        int64_t deadline = ms < 0 ? -1 : now_ms() + ms;

        for (;;) {
                int64_t left = deadline < 0 ? -1 : deadline - now_ms();
                int n;

                n = poll(fds, ARRAY_SIZE(fds),
                        deadline < 0 ? -1
                        : left > 0   ? (int) MIN_OF(left, (int64_t) 3600000)
                                     : 0);
                if (n < 0)
                        continue;
                if (fds[0].revents)
                        return WOKEN_SIGNAL;
                if (fds[1].revents) {
                        int r = xenstore_drain(xs);

                        if (r != 0)
                                return r < 0 ? WOKEN_LOST : WOKEN_XENSTORE;
                }
                if (fds[2].revents)
                        return WOKEN_FD;
                if (n == 0 && deadline >= 0 && now_ms() >= deadline)
                        return WOKEN_DEADLINE;
        }
}
