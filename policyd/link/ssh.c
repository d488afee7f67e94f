/*
 * ssh as a transport
 *
 * BatchMode: nobody is there to type a password. StrictHostKeyChecking: the host proves itself by its key or
 * is not reached. ServerAlive: a dead network ends ssh, and so the link. "--" before the login: it can never
 * be read as an option.
 */

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "policyd/link/ssh.h"

#define SSH_LINE_MAX 512

extern char **environ;

struct Ssh {
        sd_event_source *child; /* owns the process: freeing it kills and reaps */
        sd_event_source *words;
        int stderr_fd;
        char line[SSH_LINE_MAX]; /* being read */
        size_t length;
        char last[SSH_LINE_MAX]; /* the last whole line */
        char ending[64];
};

static void take_line(Ssh *ssh) {
        ssh->line[ssh->length] = '\0';
        if (ssh->length > 0)
                memcpy(ssh->last, ssh->line, ssh->length + 1);
        ssh->length = 0;
}

static void take_words(Ssh *ssh, const char *text, size_t n) {
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) text[i];

                if (c == '\n' || c == '\r')
                        take_line(ssh);
                else if (ssh->length < SSH_LINE_MAX - 1)
                        ssh->line[ssh->length++] = c < ' ' || c >= 0x7f ? '?' : (char) c;
        }
}

/* A bounded gulp: a login that chatters for ever must not hold the loop. */
static ssize_t read_words(Ssh *ssh) {
        char buffer[4096];
        ssize_t n;

        n = read(ssh->stderr_fd, buffer, sizeof(buffer));
        if (n > 0)
                take_words(ssh, buffer, (size_t) n);
        return n;
}

static int on_words(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Ssh *ssh = userdata;
        ssize_t n = read_words(ssh);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

static int on_ended(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Ssh *ssh = userdata;

        if (info->si_code == CLD_EXITED)
                snprintf(ssh->ending, sizeof(ssh->ending), "ssh ended with status %d", info->si_status);
        else
                snprintf(ssh->ending, sizeof(ssh->ending), "ssh was ended by signal %d", info->si_status);
        return 0;
}

static int spawn_ssh(
        const char *program, const LinkAddress *address, int socket_fd, int stderr_fd, pid_t *ret) {
        const char *argv[20];
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, pipes;
        size_t n = 0;
        int r;

        argv[n++] = program;
        argv[n++] = "-oBatchMode=yes";
        argv[n++] = "-oStrictHostKeyChecking=yes";
        argv[n++] = "-oServerAliveInterval=10";
        argv[n++] = "-oServerAliveCountMax=3";
        argv[n++] = "-oClearAllForwardings=yes";
        argv[n++] = "-T";
        if (address->port) {
                argv[n++] = "-p";
                argv[n++] = address->port;
        }
        argv[n++] = "--";
        argv[n++] = address->login;
        argv[n++] = "systemd-stdio-bridge";
        argv[n] = NULL;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                posix_spawn_file_actions_destroy(&actions);
                return -r;
        }

        /* The daemon blocks the signals that its loop reads; ssh starts with none blocked. */
        sigemptyset(&none);
        sigemptyset(&pipes);
        sigaddset(&pipes, SIGPIPE);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &pipes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn_file_actions_adddup2(&actions, socket_fd, STDIN_FILENO);
        r = r ?: posix_spawn_file_actions_adddup2(&actions, socket_fd, STDOUT_FILENO);
        r = r ?: posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
        r = r ?: posix_spawnp(ret, program, &actions, &attributes, (char *const *) argv, environ);

        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int watch_ssh(Ssh *ssh, sd_event *event, pid_t pid) {
        sigset_t children;
        int r;

        /* sd-event watches a child only with SIGCHLD blocked, although it has a pidfd for it. */
        sigemptyset(&children);
        sigaddset(&children, SIGCHLD);
        sigprocmask(SIG_BLOCK, &children, NULL);

        r = sd_event_add_child(event, &ssh->child, pid, WEXITED, on_ended, ssh);
        if (r < 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                return r;
        }
        sd_event_source_set_child_process_own(ssh->child, true);
        return sd_event_add_io(event, &ssh->words, ssh->stderr_fd, EPOLLIN, on_words, ssh);
}

int ssh_open(sd_event *event, const char *program, const LinkAddress *address, Ssh **ret, int *ret_fd) {
        _cleanup_(ssh_closep) Ssh *ssh = NULL;
        _cleanup_close_ int near = -1, far = -1, errors = -1;
        int pair[2];
        pid_t pid;
        int r;

        ssh = calloc(1, sizeof(*ssh));
        if (!ssh)
                return -ENOMEM;
        ssh->stderr_fd = -1;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        near = pair[0];
        far = pair[1];
        /* ssh expects to block on its end. */
        if (fcntl(far, F_SETFL, 0) < 0)
                return -errno;
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        ssh->stderr_fd = pair[0];
        errors = pair[1];
        if (fcntl(ssh->stderr_fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;

        r = spawn_ssh(program, address, far, errors, &pid);
        if (r < 0)
                return r;
        r = watch_ssh(ssh, event, pid);
        if (r < 0)
                return r;

        *ret_fd = take_fd(near);
        *ret = take_ptr(ssh);
        return 0;
}

Ssh *ssh_close(Ssh *ssh) {
        if (!ssh)
                return NULL;
        sd_event_source_unref(ssh->words);
        sd_event_source_unref(ssh->child);
        safe_close(ssh->stderr_fd);
        free(ssh);
        return NULL;
}

const char *ssh_reason(Ssh *ssh) {
        /* The words may have come with the end of the socket, and the loop heard the socket first. */
        for (unsigned i = 0; i < 16 && read_words(ssh) > 0; i++)
                ;
        take_line(ssh);
        if (*ssh->last)
                return ssh->last;
        return *ssh->ending ? ssh->ending : NULL;
}
