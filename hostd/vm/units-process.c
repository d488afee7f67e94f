/*
 * Units as plain processes
 *
 * A child of ours starts the program, tells us by a pipe how that went, and leaves, so that init adopts the
 * program.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/io/command.h"
#include "hostd/vm/units.h"

struct UnitCall {
        int fd; /* read end of the pipe */
        pid_t helper;
        sd_event_source *source;
        UnitStarted done;
        void *userdata;
};

typedef struct Outcome {
        int result; /* 0, or why it could not be executed */
        pid_t pid;
} Outcome;

/* What systemd tells hostd about itself must not reach a program that is not hostd. */
static const char *const private_environment[] = {
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"};

/* In the child. */
static _Noreturn void start_program(int pipe_fd, const char *const *argv) {
        Outcome o = {};

        (void) setsid();
        (void) signal(SIGHUP, SIG_DFL);
        (void) chdir("/");
        for (size_t i = 0; i < ARRAY_SIZE(private_environment); i++)
                (void) unsetenv(private_environment[i]);
        (void) close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        o.result = command_start(NULL, argv, /* input= */ -1, STDERR_FILENO, /* error= */ -1, &o.pid);
        _exit(write(pipe_fd, &o, sizeof(o)) == sizeof(o) ? EXIT_SUCCESS : EXIT_FAILURE);
}

static UnitCall *unit_call_free(UnitCall *s) {
        if (!s)
                return NULL;

        sd_event_source_disable_unref(s->source);
        safe_close(s->fd);
        /* It does nothing but start the program and leave: this does not wait. */
        if (s->helper > 0)
                (void) waitpid(s->helper, NULL, 0);
        free(s);
        return NULL;
}
DEFINE_CLEANUP(UnitCall *, unit_call_free)

static int on_pipe(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        UnitCall *s = userdata;
        Outcome o = {.result = -ECHILD};
        ProcessId process = {};
        UnitStarted done = s->done;
        void *done_userdata = s->userdata;
        int r;

        /* A child that died has told nothing. */
        r = read(fd, &o, sizeof(o)) == sizeof(o) && o.result == 0 ? process_id_of(o.pid, &process) : o.result;
        /* The program was started and has ended already: the caller finds a dead process. */
        if (r == -ESRCH) {
                process = (ProcessId){.pid = o.pid};
                r = 0;
        }

        unit_call_free(s);
        done(r, &process, done_userdata);
        return 0;
}

static int process_start(Units *units, const char *vm, const char *name_label, const char *const *argv,
        UnitStarted done, void *userdata, UnitCall **ret) {
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
        r = sd_event_add_io(units->event, &s->source, s->fd, EPOLLIN, on_pipe, s);
        if (r < 0)
                return r;

        s->helper = fork();
        if (s->helper < 0)
                return -errno;
        if (s->helper == 0)
                start_program(write_end, argv);

        *ret = take_ptr(s);
        return 0;
}

static int process_start_tool(Units *units, const UnitTool *tool, const char *const *argv, UnitStarted done, void *userdata,
        UnitCall **ret) {
        return process_start(units, tool->instance, /* name_label= */ NULL, argv, done, userdata, ret);
}

const UnitsOps units_process = {
        .name = "process",
        .start = process_start,
        .start_tool = process_start_tool,
        .forget = unit_call_free,
};
