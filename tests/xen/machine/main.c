/*
 * xen-test-machine: QEMU with GRID boards
 *
 * Usage: xen-test-machine [--board NAME]… -- QEMU ARGUMENT…
 *
 * Adds each board to QEMU's arguments (a root port, a switch behind it, a GPU behind each port of the
 * switch), starts QEMU with one socket a function, and answers on their other ends until QEMU ends, whose exit
 * status becomes ours. Told to end, it ends QEMU.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/xen/machine/board.h"
#include "tests/xen/machine/proxy.h"

#define FUNCTIONS_MAX 32
#define BOARDS_MAX 8
#define ARGUMENTS_PER_BOARD 4
#define ARGUMENTS_PER_FUNCTION 4 /* its own, and those of the port before a slot's first */

typedef struct Machine {
        const Board *boards[BOARDS_MAX];
        size_t n_boards, n_functions;
        Function functions[FUNCTIONS_MAX];
        int sockets[FUNCTIONS_MAX]; /* our ends; -1 once QEMU closed its own */
        char **qemu;           /* what the user gave */
        char **arguments;      /* with the boards; the texts are never freed, QEMU's start ends their use */
        size_t n_arguments;
} Machine;

static _printf_(1, 2) int fail(const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) fputs("xen-test-machine: ", stderr);
        (void) vfprintf(stderr, format, args);
        (void) fputc('\n', stderr);
        va_end(args);
        return -EINVAL;
}

static int read_arguments(Machine *m, int argc, char **argv) {
        int i = 1;

        for (; i + 1 < argc && streq(argv[i], "--board"); i += 2) {
                const Board *board = board_find(argv[i + 1]);

                if (!board)
                        return fail("there is no board '%s': take k1, k2 or k4000", argv[i + 1]);
                if (m->n_boards == BOARDS_MAX)
                        return fail("%d boards are the most", BOARDS_MAX);
                m->boards[m->n_boards++] = board;
        }
        if (i + 1 >= argc || !streq(argv[i], "--"))
                return fail("usage: xen-test-machine [--board NAME]… -- QEMU ARGUMENT…");
        m->qemu = argv + i + 1;
        return 0;
}

static _printf_(2, 3) void add_device(Machine *m, const char *format, ...) {
        va_list args;
        char *text;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                abort();
        va_end(args);
        m->arguments[m->n_arguments++] = (char *) "-device";
        m->arguments[m->n_arguments++] = text;
}

/* QEMU's end of the socket is inherited, ours is not. */
static int add_function(Machine *m, size_t board, unsigned port, unsigned fn, const FunctionSpec *spec) {
        int ends[2];

        if (m->n_functions == FUNCTIONS_MAX)
                return fail("%d functions are the most", FUNCTIONS_MAX);
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
                return -errno;
        (void) fcntl(ends[0], F_SETFD, FD_CLOEXEC);

        function_init(&m->functions[m->n_functions], spec);
        m->sockets[m->n_functions] = ends[0];
        add_device(m, "x-pci-proxy-dev,id=function%zu.%u.%u,bus=port%zu.%u,addr=0.%u,multifunction=%s,fd=%d", board,
                port, fn, board, port, fn, spec->has_others ? "on" : "off", ends[1]);
        m->n_functions++;
        return 0;
}

/* One slot: a port of the board's switch, the GPU behind it, and its sound where it has that. */
static int add_gpu(Machine *m, size_t board, unsigned port, const Board *spec) {
        int r;

        add_device(m, "xio3130-downstream,id=port%zu.%u,bus=switch%zu,chassis=%zu,slot=%u", board, port,
                board, board * 16 + port + 2, port);
        r = add_function(m, board, port, 0, &spec->gpu);
        if (r >= 0 && spec->sound.vendor)
                r = add_function(m, board, port, 1, &spec->sound);
        return r;
}

static int lay_out(Machine *m) {
        size_t n = 1 + m->n_boards * ARGUMENTS_PER_BOARD + FUNCTIONS_MAX * ARGUMENTS_PER_FUNCTION;
        int r;

        for (char **a = m->qemu; *a; a++)
                n++;
        m->arguments = calloc(n, sizeof(*m->arguments));
        if (!m->arguments)
                return -ENOMEM;
        for (char **a = m->qemu; *a; a++)
                m->arguments[m->n_arguments++] = *a;

        for (size_t i = 0; i < m->n_boards; i++) {
                add_device(m, "pcie-root-port,id=root%zu,chassis=%zu,slot=%zu", i, i * 16 + 1, i + 1);
                add_device(m, "x3130-upstream,id=switch%zu,bus=root%zu", i, i);
                for (unsigned port = 0; port < m->boards[i]->n_gpus; port++) {
                        r = add_gpu(m, i, port, m->boards[i]);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* The signals that we read ourselves must reach QEMU as ever. */
static _Noreturn void become_qemu(const Machine *m, const sigset_t *mask) {
        (void) sigprocmask(SIG_UNBLOCK, mask, NULL);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) execvp(m->arguments[0], m->arguments);
        (void) fail("cannot execute %s: %s", m->arguments[0], strerror(errno));
        _exit(127);
}

/* QEMU's ends, in this process, would keep its sockets open after its death. */
static void close_far_ends(const Machine *m) {
        for (size_t i = 0; i < m->n_arguments; i++) {
                const char *fd = strstr(m->arguments[i], ",fd=");

                if (fd && strncmp(m->arguments[i], "x-pci-proxy-dev,", strlen("x-pci-proxy-dev,")) == 0)
                        (void) close(atoi(fd + strlen(",fd=")));
        }
}

static void serve(Machine *m, size_t i) {
        int r;

        r = proxy_serve(m->sockets[i], &m->functions[i]);
        if (r > 0)
                return;
        if (r < 0)
                (void) fail("function %zu: %s; it answers no more", i, strerror(-r));
        m->sockets[i] = safe_close(m->sockets[i]);
}

/* Until QEMU has ended; its exit status. */
static int run(Machine *m, int signals, pid_t qemu) {
        struct pollfd fds[FUNCTIONS_MAX + 1];
        struct signalfd_siginfo info;
        int status;

        for (;;) {
                for (size_t i = 0; i < m->n_functions; i++)
                        fds[i] = (struct pollfd){.fd = m->sockets[i], .events = POLLIN};
                fds[m->n_functions] = (struct pollfd){.fd = signals, .events = POLLIN};
                if (poll(fds, m->n_functions + 1, -1) < 0)
                        continue;
                for (size_t i = 0; i < m->n_functions; i++)
                        if (fds[i].revents)
                                serve(m, i);
                if (!fds[m->n_functions].revents || read(signals, &info, sizeof(info)) != sizeof(info))
                        continue;
                if (info.ssi_signo != SIGCHLD)
                        (void) kill(qemu, SIGTERM);
                else if (waitpid(qemu, &status, WNOHANG) == qemu)
                        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
}

int main(int argc, char **argv) {
        static Machine machine;
        sigset_t mask;
        int signals;
        pid_t pid;

        if (read_arguments(&machine, argc, argv) < 0 || lay_out(&machine) < 0)
                return 2;

        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGINT);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return 2;
        signals = signalfd(-1, &mask, SFD_CLOEXEC);
        pid = signals < 0 ? -1 : fork();
        if (pid < 0) {
                (void) fail("cannot start: %s", strerror(errno));
                return 2;
        }
        if (pid == 0)
                become_qemu(&machine, &mask);
        close_far_ends(&machine);
        return run(&machine, signals, pid);
}
