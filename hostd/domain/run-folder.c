/*
 * The run folder of a VM and its socket: the real ones
 */

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/domain/run-folder.h"
#include "hostd/helper/folder-watch.h"
#include "hostd/run/run-socket.h"

#define DM_RECORD "dm.json"
#define CLIENTS_MAX 8

typedef struct EventFolder EventFolder;

typedef struct Client {
        EventFolder *folder;
        int fd;
        sd_event_source *source;
        LineReader reader;
} Client;

struct EventFolder {
        RunFolder folder;
        sd_event *event;
        const char *path;

        FolderWatch *watch;
        DmChanged changed;
        void *changed_userdata;

        int fd;
        sd_event_source *source;
        Client *clients[CLIENTS_MAX];
        char *line; /* the last record sent, with its newline */
        StopOrdered stop;
        void *stop_userdata;
};

static EventFolder *of(RunFolder *f) {
        return CONTAINER_OF(f, EventFolder, folder);
}

/* The files. */

static int read_order(RunFolder *f, JsonReader *r, StartOrder *ret) {
        return run_order_read(r, of(f)->path, ret);
}

static int read_record(RunFolder *f, RunRecord *ret) {
        return run_record_read(of(f)->path, ret);
}

static int write_record(RunFolder *f, const RunRecord *record) {
        return run_record_write(of(f)->path, record);
}

static int read_dm(RunFolder *f, DmRecord *ret) {
        return dm_record_read(of(f)->path, ret);
}

static void on_folder(const char *name_or_null, void *userdata) {
        EventFolder *e = userdata;

        if (!name_or_null || streq(name_or_null, DM_RECORD))
                e->changed(e->changed_userdata);
}

static void unwatch_dm(RunFolder *f) {
        of(f)->watch = folder_watch_free(of(f)->watch);
}

static int watch_dm(RunFolder *f, DmChanged changed, void *userdata) {
        EventFolder *e = of(f);
        _cleanup_free_ char *old = path_join(e->path, DM_RECORD);

        unwatch_dm(f);
        if (!old || (unlink(old) < 0 && errno != ENOENT))
                return old ? -errno : -ENOMEM;
        e->changed = changed;
        e->changed_userdata = userdata;
        return folder_watch_new(e->event, e->path, IN_MOVED_TO, on_folder, e, &e->watch);
}

/* The socket. */

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
        EventFolder *e = client->folder;

        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (e->clients[i] == client)
                        e->clients[i] = client_free(client);
}

/* A record is sent whole, or the client is dropped: a client whose buffer is full reads too slowly to follow
 * the changes. */
static int send_line(const Client *client, const char *line) {
        size_t size = strlen(line);

        return send(client->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) size ? 0 : -EPIPE;
}

static int obey(EventFolder *e, const char *line) {
        JsonReader reader = {};
        StopCommand command;
        int r;

        r = run_socket_parse_stop(&reader, line, &command);
        if (r < 0)
                log_warning("A command on the socket cannot be used, ignoring its sender: %s", reader.error);
        else
                e->stop(&command.token, command.force, e->stop_userdata);
        return r;
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Client *client = userdata;
        const char *line;
        int r;

        r = line_reader_fill(&client->reader, fd);
        if (r == -EAGAIN)
                return 0;
        while (r > 0 && (line = line_reader_next(&client->reader)))
                if (obey(client->folder, line) < 0)
                        r = 0;
        if (r <= 0)
                drop(client);
        return 0;
}

static int admit(EventFolder *e, size_t place, int fd) {
        _cleanup_(client_freep) Client *client = calloc(1, sizeof(*client));
        int r;

        if (!client) {
                safe_close(fd);
                return -ENOMEM;
        }
        client->folder = e;
        client->fd = fd;
        r = sd_event_add_io(e->event, &client->source, fd, EPOLLIN, on_client, client);
        if (r >= 0 && e->line)
                r = send_line(client, e->line);
        if (r < 0)
                return r;
        e->clients[place] = take_ptr(client);
        return 0;
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
        EventFolder *e = userdata;
        int fd;

        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (!e->clients[i]) {
                        (void) admit(e, i, fd);
                        return 0;
                }
        log_warning("More than %d clients on the socket, ignoring another.", CLIENTS_MAX);
        safe_close(fd);
        return 0;
}

static int listen_in(RunFolder *f, StopOrdered stop, void *userdata) {
        EventFolder *e = of(f);
        int r;

        e->stop = stop;
        e->stop_userdata = userdata;
        r = run_socket_listen(e->path, &e->fd);
        return r < 0 ? r : sd_event_add_io(e->event, &e->source, e->fd, EPOLLIN, on_connection, e);
}

static void notify(RunFolder *f, const RunRecord *record) {
        _cleanup_free_ char *text = run_record_to_text(record);
        EventFolder *e = of(f);
        char *line;

        if (!text || asprintf(&line, "%s\n", text) < 0)
                return;
        if (streq_ptr(line, e->line)) {
                free(line);
                return;
        }
        free(e->line);
        e->line = line;

        /* A client is not dropped here: the record may be sent while an order of that client is being
         * read. */
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (e->clients[i] && send_line(e->clients[i], line) < 0)
                        (void) shutdown(e->clients[i]->fd, SHUT_RDWR);
}

static const RunFolderOps ops = {
        .read_order = read_order,
        .read_record = read_record,
        .write_record = write_record,
        .read_dm = read_dm,
        .watch_dm = watch_dm,
        .unwatch_dm = unwatch_dm,
        .listen = listen_in,
        .notify = notify,
};

int event_folder_new(sd_event *event, const char *path, RunFolder **ret) {
        EventFolder *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->folder.ops = &ops;
        e->event = sd_event_ref(event);
        e->path = path;
        e->fd = -1;
        *ret = &e->folder;
        return 0;
}

RunFolder *event_folder_free(RunFolder *f) {
        EventFolder *e = f ? of(f) : NULL;

        if (!e)
                return NULL;
        unwatch_dm(f);
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                (void) client_free(e->clients[i]);
        sd_event_source_disable_unref(e->source);
        safe_close(e->fd);
        sd_event_unref(e->event);
        free(e->line);
        free(e);
        return NULL;
}
