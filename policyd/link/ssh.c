/*
 * ssh as a transport
 *
 * Options: BatchMode, since nobody can type a password. StrictHostKeyChecking, so that a host whose key is
 * not known is refused. ServerAlive, so that ssh ends when the network is dead, and with it the link. "--"
 * before the login, so that the login is never read as an option.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/io/command.h"
#include "policyd/link/child.h"
#include "policyd/link/ssh.h"

#define WORDS_MAX 4096 /* a changed host key takes about 900 bytes to tell, a banner may be longer */

struct Ssh {
        sd_event_source *child; /* owns the process: freeing it kills and reaps */
        sd_event_source *stderr_source;
        int stderr_fd;
        pid_t pid;
        SshSettings settings;
        char words[WORDS_MAX + 2]; /* the end of what it said; room for a last newline */
        size_t length;
        bool ended;
        int status, signal;
};

/* Text beyond the limit is dropped at the front, in whole lines where possible. */
static void drop_words(Ssh *ssh, size_t n) {
        const char *line = memchr(ssh->words + n - 1, '\n', ssh->length - n + 1);
        size_t gone = line ? (size_t) (line - ssh->words) + 1 : n;

        ssh->length -= gone;
        memmove(ssh->words, ssh->words + gone, ssh->length);
}

static void take_words(Ssh *ssh, const char *text, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char c = text[i] == '\r' || text[i] == '\0' ? '\n' : text[i];

                if (c == '\n' && (ssh->length == 0 || ssh->words[ssh->length - 1] == '\n'))
                        continue;
                if (ssh->length >= WORDS_MAX)
                        drop_words(ssh, WORDS_MAX / 4);
                ssh->words[ssh->length++] = c;
        }
}

/* Reads a limited amount, so that a login that writes for ever does not block the loop. */
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

        ssh->ended = true;
        *(info->si_code == CLD_EXITED ? &ssh->status : &ssh->signal) = info->si_status;
        ssh->settings.ended(ssh->settings.userdata);
        return 0;
}

static int spawn_ssh(
        const SshSettings *settings, const LinkAddress *address, int socket_fd, int stderr_fd, pid_t *ret) {
        char patience[64], known[PATH_MAX + 64], identity[PATH_MAX + 64];
        const char *argv[24];
        size_t n = 0;

        snprintf(patience, sizeof(patience), "-oConnectTimeout=%" PRIu64,
                MAX_OF(settings->answer_usec / 1000000, UINT64_C(1)));
        argv[n++] = settings->program;
        argv[n++] = "-oBatchMode=yes";
        argv[n++] = "-oStrictHostKeyChecking=yes";
        argv[n++] = "-oServerAliveInterval=10";
        argv[n++] = "-oServerAliveCountMax=3";
        argv[n++] = patience;
        argv[n++] = "-oClearAllForwardings=yes";
        argv[n++] = "-T";
        if (settings->known_hosts) {
                snprintf(known, sizeof(known), "-oUserKnownHostsFile=%s", settings->known_hosts);
                argv[n++] = known;
                argv[n++] = "-oGlobalKnownHostsFile=none";
        }
        if (settings->identity) {
                snprintf(identity, sizeof(identity), "-oIdentityFile=%s", settings->identity);
                argv[n++] = identity;
        }
        if (address->port) {
                argv[n++] = "-p";
                argv[n++] = address->port;
        }
        argv[n++] = "--";
        argv[n++] = address->login;
        argv[n++] = "systemd-stdio-bridge";
        argv[n] = NULL;
        return command_start(NULL, argv, socket_fd, socket_fd, stderr_fd, ret);
}

static int watch_ssh(Ssh *ssh, sd_event *event) {
        int r = child_watch(event, ssh->pid, on_ended, ssh, &ssh->child);

        return r < 0 ? r : sd_event_add_io(event, &ssh->stderr_source, ssh->stderr_fd, EPOLLIN, on_words, ssh);
}

int ssh_open(
        sd_event *event, const SshSettings *settings, const LinkAddress *address, Ssh **ret, int *ret_fd) {
        _cleanup_(ssh_closep) Ssh *ssh = NULL;
        _cleanup_close_ int near = -1, far = -1, errors = -1;
        int pair[2], r;

        ssh = calloc(1, sizeof(*ssh));
        if (!ssh)
                return -ENOMEM;
        ssh->stderr_fd = -1;
        ssh->status = ssh->signal = -1;
        ssh->settings = *settings;

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

        r = spawn_ssh(settings, address, far, errors, &ssh->pid);
        if (r < 0)
                return r;
        r = watch_ssh(ssh, event);
        if (r < 0)
                return r;

        *ret_fd = take_fd(near);
        *ret = take_ptr(ssh);
        return 0;
}

Ssh *ssh_close(Ssh *ssh) {
        if (!ssh)
                return NULL;
        sd_event_source_disable_unref(ssh->stderr_source);
        sd_event_source_disable_unref(ssh->child);
        safe_close(ssh->stderr_fd);
        free(ssh);
        return NULL;
}

const char *ssh_words(Ssh *ssh) {
        /* ssh may have written its last lines when it closed the socket, and the loop may have handled the
         * socket first. */
        for (unsigned i = 0; i < 16 && read_words(ssh) > 0; i++)
                ;
        take_words(ssh, "\n", 1);
        ssh->words[ssh->length] = '\0';
        return ssh->words;
}

bool ssh_has_ended(const Ssh *ssh, int *ret_status, int *ret_signal) {
        *ret_status = ssh->status;
        *ret_signal = ssh->signal;
        return ssh->ended;
}

pid_t ssh_pid(const Ssh *ssh) {
        return ssh->pid;
}
