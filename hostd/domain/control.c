/*
 * The socket on which a VM's program is heard and spoken to
 */

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/daemon/log.h"
#include "hostd/domain/control.h"
#include "hostd/run/run-socket.h"

typedef struct Client {
        Control *control;
        int fd;
        sd_event_source *source;
        LineReader reader;
} Client;

struct Control {
        sd_event *event;
        int fd;
        sd_event_source *source;
        Client *clients[CONTROL_CLIENTS_MAX];
        char *line; /* what was published last, with its newline */
        ControlStop stop;
        void *userdata;
};

static Client *client_free(Client *client) {
        if (!client)
                return NULL;
        sd_event_source_disable_unref(client->source);
        safe_close(client->fd);
        free(client);
        return NULL;
}
DEFINE_CLEANUP(Client *, client_free)

static void drop(Client *client) {
        Control *c = client->control;

        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (c->clients[i] == client)
                        c->clients[i] = NULL;
        (void) client_free(client);
}

/* A record goes whole or the client goes: a reader so slow that its buffer is full has lost the thread
 * anyway. */
static int send_line(const Client *client, const char *line) {
        size_t size = strlen(line);

        return send(client->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size ? 0 : -EPIPE;
}

static int obey(Client *client, const char *line) {
        _cleanup_json_ struct json_object *o = NULL;
        Control *c = client->control;
        JsonReader reader = {};
        const char *command;
        bool force = false;
        Uuid token = UUID_NULL;
        int r;

        r = json_parse_cleaned(&reader, line, strlen(line), &o);
        if (r >= 0)
                r = json_get_string(&reader, o, "command", &command);
        if (r >= 0 && !streq(command, "stop"))
                r = json_fail(&reader, "command", "is '%s'; 'stop' is the only one", command);
        if (r >= 0)
                r = json_opt_uuid(&reader, o, "token", &token);
        if (r >= 0)
                r = json_opt_bool(&reader, o, "force", &force);
        if (r < 0) {
                log_warning("A command on the socket cannot be used, ignoring its sender: %s", reader.error);
                return r;
        }
        c->stop(&token, force, c->userdata);
        return 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Client *client = userdata;
        const char *line;
        int r;

        r = line_reader_fill(&client->reader, fd);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0) {
                drop(client);
                return 0;
        }
        while ((line = line_reader_next(&client->reader)))
                if (obey(client, line) < 0) {
                        drop(client);
                        return 0;
                }
        return 0;
}

static int admit(Control *c, size_t place, int fd) {
        _cleanup_(client_freep) Client *client = NULL;
        int r;

        client = calloc(1, sizeof(*client));
        if (!client) {
                safe_close(fd);
                return -ENOMEM;
        }
        client->control = c;
        client->fd = fd;
        r = sd_event_add_io(c->event, &client->source, fd, EPOLLIN, on_client, client);
        if (r >= 0 && c->line)
                r = send_line(client, c->line);
        if (r < 0)
                return r;
        c->clients[place] = take_ptr(client);
        return 0;
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        Control *c = userdata;
        int fd;

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (!c->clients[i]) {
                        (void) admit(c, i, fd);
                        return 0;
                }
        log_warning("More than %d clients on the socket, ignoring another.", CONTROL_CLIENTS_MAX);
        safe_close(fd);
        return 0;
}

int control_new(sd_event *event, const char *folder, ControlStop stop, void *userdata, Control **ret) {
        _cleanup_(control_freep) Control *c = NULL;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->fd = -1;
        c->event = sd_event_ref(event);
        c->stop = stop;
        c->userdata = userdata;

        r = run_socket_listen(folder, &c->fd);
        if (r >= 0)
                r = sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_connection, c);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

Control *control_free(Control *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                (void) client_free(c->clients[i]);
        sd_event_source_disable_unref(c->source);
        safe_close(c->fd);
        sd_event_unref(c->event);
        free(c->line);
        free(c);
        return NULL;
}

int control_publish(Control *c, const RunRecord *record) {
        _cleanup_free_ char *text = run_record_to_text(record);
        char *line;

        if (!text || asprintf(&line, "%s\n", text) < 0)
                return -ENOMEM;
        if (streq_ptr(line, c->line)) {
                free(line);
                return 0;
        }
        free(c->line);
        c->line = line;

        /* Not dropped here: what is published may be the answer to a command that is being read from this
         * very client. */
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                if (c->clients[i] && send_line(c->clients[i], line) < 0)
                        (void) shutdown(c->clients[i]->fd, SHUT_RDWR);
        return 0;
}
