/*
 * Units as plain processes
 *
 * Two forks: the first child only forks and leaves, so that init adopts the second, which executes the
 * program. A pipe that closes on exec carries two things back: the second child's pid, written before it
 * executes, and the errno if that fails. End of file after the pid means that the program runs.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "hostd/vm/units.h"

struct UnitCall {
        int fd; /* read end of the pipe */
        pid_t helper;
        sd_event_source *source;
        UnitStarted done;
        void *userdata;

        pid_t pid;
        int error;
};

/* What systemd tells hostd about itself must not reach a program that is not hostd. */
static const char *const private_environment[] = {
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"};

static void reset_process(void) {
        sigset_t none;
        int null;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) signal(SIGHUP, SIG_DFL);

        for (size_t i = 0; i < ARRAY_SIZE(private_environment); i++)
                (void) unsetenv(private_environment[i]);

        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
                (void) dup2(null, STDIN_FILENO);
                (void) safe_close(null);
        }
        (void) dup2(STDERR_FILENO, STDOUT_FILENO);
        (void) chdir("/");
}

/* Runs in the second child; returns only to leave. */
static void execute(int pipe_fd, const char *const *argv) {
        int fd, error;
        pid_t pid;

        (void) setsid();
        reset_process();

        fd = dup3(pipe_fd, STDERR_FILENO + 1, O_CLOEXEC);
        if (fd < 0)
                fd = pipe_fd; /* it was that number already */
        (void) close_range((unsigned) fd + 1, ~0U, 0);

        pid = getpid();
        if (write(fd, &pid, sizeof(pid)) != sizeof(pid))
                return;

        execv(argv[0], (char *const *) argv);
        error = errno;
        if (write(fd, &error, sizeof(error)) != sizeof(error))
                return;
}

static UnitCall *unit_call_free(UnitCall *s) {
        if (!s)
                return NULL;

        sd_event_source_disable_unref(s->source);
        safe_close(s->fd);
        /* It does nothing but fork and leave: this does not wait. */
        if (s->helper > 0)
                (void) waitpid(s->helper, NULL, 0);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(UnitCall *, unit_call_free)

/* The pid, then perhaps an errno, then end of file. */
static int on_pipe(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        UnitCall *s = userdata;
        ProcessId process = {};
        UnitStarted done = s->done;
        void *done_userdata = s->userdata;
        ssize_t n;
        int r;

        n = read(fd, s->pid == 0 ? (void *) &s->pid : (void *) &s->error, sizeof(int));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n == sizeof(int))
                return 0;

        if (s->pid == 0)
                r = -ECHILD;
        else if (s->error > 0)
                r = -s->error;
        else
                r = process_id_of(s->pid, &process);
        /* The program was started and has ended already: the caller finds a dead process. */
        if (r == -ESRCH) {
                process = (ProcessId){.pid = s->pid};
                r = 0;
        }

        unit_call_free(s);
        done(r, &process, done_userdata);
        return 0;
}

static int process_start(Units *units, const char *vm, const char *const *argv, UnitStarted done,
        void *userdata, UnitCall **ret) {
        _cleanup_(unit_call_freep) UnitCall *s = NULL;
        _cleanup_close_ int write_end = -1;
        int fds[2], r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->fd = -1;
        s->done = done;
        s->userdata = userdata;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        s->fd = fds[0];
        write_end = fds[1];
        if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;

        r = sd_event_add_io(units->event, &s->source, s->fd, EPOLLIN, on_pipe, s);
        if (r < 0)
                return r;

        s->helper = fork();
        if (s->helper < 0)
                return -errno;
        if (s->helper == 0) {
                if (fork() == 0)
                        execute(write_end, argv);
                _exit(EXIT_FAILURE);
        }

        *ret = take_ptr(s);
        return 0;
}

const UnitsOps units_process = {
        .name = "process",
        .start = process_start,
        .forget = unit_call_free,
};
