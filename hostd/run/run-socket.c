/*
 * The socket of a run folder
 *
 * The address goes through /proc/self/fd, since a run folder may be deeper than an address is long.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hostd/run/run-socket.h"
#include "protocol/record.h"

#define BACKLOG 8

/* The address holds as long as the folder is open. */
static int open_socket(const char *folder, struct sockaddr_un *ret_address, int *ret_folder, int *ret) {
        _cleanup_close_ int dir = -1, fd = -1;

        dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        (void) snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/socket", dir);
        *ret_folder = take_fd(dir);
        *ret = take_fd(fd);
        return 0;
}

int run_socket_listen(const char *folder, int *ret) {
        _cleanup_close_ int dir = -1, fd = -1;
        struct sockaddr_un address;
        int r;

        r = open_socket(folder, &address, &dir, &fd);
        if (r < 0)
                return r;
        if (unlink(address.sun_path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
                return -errno;

        *ret = take_fd(fd);
        return 0;
}

int run_socket_connect(const char *folder, int *ret) {
        _cleanup_close_ int dir = -1, fd = -1;
        struct sockaddr_un address;
        int r;

        r = open_socket(folder, &address, &dir, &fd);
        if (r < 0)
                return r;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        *ret = take_fd(fd);
        return 0;
}

static const WordTable commands = { .words = (const char *const[]){ "stop" }, .n = 1 };

static const RecordField stop_fields[] = {
        FIELD(StopCommand, command, REQUIRED, WORD, .words = &commands),
        FIELD(StopCommand, token, OPTIONAL, UUID),
        FIELD(StopCommand, force, OPTIONAL, BOOL),
};
static const RecordTable stop_table = RECORD_TABLE(StopCommand, stop_fields);

int run_socket_parse_stop(JsonReader *r, const char *line, StopCommand *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int e;

        e = json_parse_cleaned(r, line, strlen(line), &o);
        return e < 0 ? e : record_parse(&stop_table, r, o, ret);
}

int run_socket_send_stop(int fd, const Uuid *token, bool force) {
        char line[128];
        int n;

        n = snprintf(line, sizeof(line), "{\"command\":\"stop\",\"token\":\"%s\",\"force\":%s}\n",
                UUID_TEXT(token), force ? "true" : "false");

        /* A line this short goes whole or not at all. */
        return send(fd, line, (size_t) n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int line_reader_fill(LineReader *l, int fd) {
        ssize_t n;

        if (l->taken > 0) {
                l->used -= l->taken;
                memmove(l->data, l->data + l->taken, l->used);
                l->taken = 0;
        }
        if (l->used == sizeof(l->data))
                return -EMSGSIZE;

        n = recv(fd, l->data + l->used, sizeof(l->data) - l->used, MSG_DONTWAIT);
        if (n < 0)
                return errno == EINTR ? -EAGAIN : -errno;
        l->used += (size_t) n;
        return n > 0;
}

const char *line_reader_next(LineReader *l) {
        char *line = l->data + l->taken, *end;

        end = memchr(line, '\n', l->used - l->taken);
        if (!end)
                return NULL;

        *end = '\0';
        l->taken = (size_t) (end - l->data) + 1;
        return line;
}
