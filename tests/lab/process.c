/*
 * The processes of a lab
 *
 * A started program is ours only until `xenvgpu-lab` exits; afterwards it is known by pid and start time.
 * That the exec went well is heard through a pipe that closes on exec.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "common/io/file.h"
#include "common/base/parse.h"
#include "tests/lab/lab.h"
#include "tests/lab/process.h"

#define ENVIRON_MAX (1u << 20)
#define KILL_ROUNDS 20

static int record(const ProcessStart *start, pid_t pid) {
        _cleanup_free_ char *start_file = NULL;
        ProcessId id;
        char text[32];
        int r;

        r = process_id_of(pid, &id);
        if (r < 0)
                return r;
        if (asprintf(&start_file, "%s.start", start->pid_file) < 0)
                return -ENOMEM;
        snprintf(text, sizeof(text), "%llu\n", (unsigned long long) id.start_time);
        r = file_write_atomic(start_file, text, strlen(text), 0644);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "%d\n", (int) pid);
        return file_write_atomic(start->pid_file, text, strlen(text), 0644);
}

/* In the child: never returns. */
static void child_exec(const ProcessStart *start, int report) {
        int null_fd, log_fd, r;

        setsid();
        null_fd = open("/dev/null", O_RDONLY);
        log_fd = open(start->log_file, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (null_fd < 0 || log_fd < 0 || dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
                goto out;
        if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
                goto out;
        report = 3;
        close_range(4, UINT_MAX, 0);

        signal(SIGPIPE, SIG_DFL);
        unsetenv("JOURNAL_STREAM");
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        setenv(LAB_MARK, start->mark, 1);
        for (size_t i = 0; start->environment && start->environment[i]; i++)
                putenv((char *) start->environment[i]);
        execv(start->argv[0], (char *const *) start->argv);

out:
        r = -errno;
        if (write(report, &r, sizeof(r)) < 0)
                _exit(126);
        _exit(127);
}

int process_start(const ProcessStart *start) {
        _cleanup_close_ int in = -1, out = -1;
        int fds[2], result = 0;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        in = fds[0];
        out = fds[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                child_exec(start, out);

        out = safe_close(out);
        if (read(in, &result, sizeof(result)) == sizeof(result)) {
                waitpid(pid, NULL, 0);
                return result;
        }
        return record(start, pid);
}

ProcessId process_recorded(const char *pid_file) {
        _cleanup_free_ char *pid = NULL, *started = NULL, *start_file = NULL;
        ProcessId id = {};
        uint64_t number;

        if (asprintf(&start_file, "%s.start", pid_file) < 0)
                return (ProcessId){};
        if (file_read_line(pid_file, &pid) < 0 || file_read_line(start_file, &started) < 0 ||
                parse_u64(pid, &number) < 0 || parse_u64(started, &id.start_time) < 0)
                return (ProcessId){};
        id.pid = (pid_t) number;
        return process_is_alive(&id) ? id : (ProcessId){};
}

bool process_recorded_alive(const char *pid_file) {
        return process_recorded(pid_file).pid > 0;
}

static void forget(const char *pid_file) {
        _cleanup_free_ char *start_file = NULL;

        unlink(pid_file);
        if (asprintf(&start_file, "%s.start", pid_file) >= 0)
                unlink(start_file);
}

/* A pidfd is readable once the process is gone; a child of ours is reaped on the way. */
static int wait_gone(const ProcessId *id, unsigned timeout_ms) {
        _cleanup_close_ int fd = process_open(id);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;

        if (fd < 0)
                return 0;
        r = poll(&p, 1, (int) timeout_ms);
        if (r < 0)
                return -errno;
        if (r == 0)
                return -ETIMEDOUT;
        waitpid(id->pid, NULL, WNOHANG);
        return 0;
}

int process_end(const char *pid_file, int signo, unsigned timeout_ms) {
        ProcessId id = process_recorded(pid_file);
        int r;

        if (id.pid == 0) {
                forget(pid_file);
                return -ESRCH;
        }
        r = process_signal(&id, signo);
        if (r < 0 && r != -ESRCH)
                return r;
        r = wait_gone(&id, timeout_ms);
        if (r < 0)
                return r;
        forget(pid_file);
        return 0;
}

static bool environment_has(pid_t pid, const char *assignment) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size, n = strlen(assignment);

        if (asprintf(&path, "/proc/%d/environ", (int) pid) < 0 ||
                file_read(path, ENVIRON_MAX, &text, &size) < 0)
                return false;
        for (const char *p = text; p < text + size; p += strlen(p) + 1)
                if (strncmp(p, assignment, n + 1) == 0)
                        return true;
        return false;
}

static int kill_marked_once(const char *assignment) {
        DIR *d = opendir("/proc");
        struct dirent *entry;
        int n = 0;

        if (!d)
                return -errno;
        while ((entry = readdir(d))) {
                ProcessId id;
                uint32_t pid;

                if (parse_u32(entry->d_name, &pid) < 0 || (pid_t) pid == getpid() ||
                        process_id_of((pid_t) pid, &id) < 0 || !process_is_alive(&id) ||
                        !environment_has(id.pid, assignment))
                        continue;
                n++;
                /* A leader's group holds what gave up the environment: the emulator keeps only PATH. */
                if (getpgid(id.pid) == id.pid && id.pid != getpgrp())
                        kill(-id.pid, SIGKILL);
                process_signal(&id, SIGKILL);
                wait_gone(&id, 1000);
        }
        closedir(d);
        return n;
}

int process_kill_marked(const char *mark) {
        _cleanup_free_ char *assignment = NULL;
        int total = 0, n;

        if (asprintf(&assignment, "%s=%s", LAB_MARK, mark) < 0)
                return -ENOMEM;
        for (unsigned round = 0; round < KILL_ROUNDS; round++) {
                n = kill_marked_once(assignment);
                if (n <= 0)
                        return n < 0 ? n : total;
                total += n;
        }
        return total;
}

/* Where a program may stand, seen from the folder of xenvgpu-lab itself: the build tree first, then an
 * installed prefix. */
static const char *const program_places[] = {
        ".",
        "../../policyd",
        "../../policyd/ctl",
        "../../hostd",
        "../../hostd/dm",
        "../../hostd/domain",
        "xenstored",
        "emulator",
        "qemu",
        "gimtool",
        "kernel",
        "../libexec/xenvgpu",
        "../libexec/xenvgpu-lab",
        "../lib/xenvgpu",
};

static bool try_program(const char *folder, const char *place, const char *name, char **ret) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s/%s", folder, place, name) < 0 || access(path, X_OK) < 0)
                return false;
        *ret = realpath(path, NULL);
        return *ret;
}

int program_find(const char *name, char **ret) {
        const char *bin = getenv("XENVGPU_BIN");
        char self[PATH_MAX];
        ssize_t n;

        if (!isempty(bin) && try_program(bin, ".", name, ret))
                return 0;

        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n < 0)
                return lab_fail(
                        -errno, "cannot find out where xenvgpu-lab itself stands: %s", strerror(errno));
        self[n] = 0;
        *strrchr(self, '/') = 0;
        for (size_t i = 0; i < ARRAY_SIZE(program_places); i++)
                if (try_program(self, program_places[i], name, ret))
                        return 0;
        return lab_fail(-ENOENT,
                "cannot find the program %s: it stands neither in $XENVGPU_BIN%s%s, nor in a build tree or "
                "an installation "
                "beside %s",
                name, isempty(bin) ? "" : " = ", strempty(bin), self);
}
