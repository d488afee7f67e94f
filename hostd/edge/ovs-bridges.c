/*
 * Bridges of Open vSwitch
 *
 * In the order of a connection's life: made, asked with, heard from, lost.
 */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/daemon/log.h"
#include "common/json/json-get.h"
#include "common/base/uuid.h"
#include "common/base/text.h"
#include "hostd/core/idset.h"
#include "hostd/edge/ovs-bridges.h"

#define MESSAGE_MAX (1u << 20)
#define BRIDGES_MAX 4096
#define RETRY_FIRST (1 * UINT64_C(1000000))
#define RETRY_MAX (60 * UINT64_C(1000000))

#define MONITOR                                                                                              \
        "{\"method\":\"monitor\",\"id\":\"bridges\",\"params\":[\"Open_vSwitch\",null,{\"Bridge\":{"         \
        "\"columns\":[\"name\"]}}]}"

struct OvsBridges {
        Loop *loop;
        sd_event *event;
        char *socket;
        OvsBridgesChanged changed;
        void *userdata;

        int fd;
        sd_event_source *source;
        LoopTimer *retry;
        uint64_t retry_delay;
        struct json_tokener *tokener;
        size_t message_size; /* of the one that is not complete yet */

        struct json_object *bridges; /* names by row, the database's key of it */
};

static void disconnect(OvsBridges *o) {
        o->source = sd_event_source_disable_unref(o->source);
        o->fd = safe_close(o->fd);
        if (o->tokener)
                json_tokener_free(o->tokener);
        o->tokener = NULL;
}

OvsBridges *ovs_bridges_free(OvsBridges *o) {
        if (!o)
                return NULL;
        disconnect(o);
        loop_timer_free(o->retry);
        json_object_put(o->bridges);
        free(o->socket);
        sd_event_unref(o->event);
        free(o);
        return NULL;
}

/* 1. Made. */

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static void lose(OvsBridges *o, const char *why);

/* A unix socket takes a short request whole; if it does not, the server is stuck. */
static int send_text(OvsBridges *o, const char *text) {
        size_t size = strlen(text);
        ssize_t n = send(o->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        return n < 0 ? -errno : (size_t) n == size ? 0 : -EAGAIN;
}

static int open_connection(OvsBridges *o) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        if (strlen(o->socket) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) strcpy(address.sun_path, o->socket);
        o->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (o->fd < 0)
                return -errno;
        if (connect(o->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        o->tokener = json_tokener_new();
        if (!o->tokener)
                return -ENOMEM;
        o->message_size = 0;
        r = sd_event_add_io(o->event, &o->source, o->fd, EPOLLIN, on_readable, o);
        return r < 0 ? r : send_text(o, MONITOR);
}

void ovs_bridges_try(OvsBridges *o) {
        int r;

        if (!o || o->fd >= 0)
                return;
        loop_timer_stop(o->retry);
        r = open_connection(o);
        if (r >= 0)
                return;
        disconnect(o);
        /* No Open vSwitch is normal; only a lost connection is an error. */
        if (o->retry_delay > 0)
                lose(o, strerror(-r));
}

static void on_retry(void *userdata) {
        ovs_bridges_try(userdata);
}

/* 2. Heard from. */

static int set_row(OvsBridges *o, const char *row, const char *name) {
        /* A name that is no clean text is left out: a VM's config could not name that network. */
        if (!text_is_name(name, strlen(name)))
                return 0;
        if (json_object_object_length(o->bridges) >= BRIDGES_MAX &&
                !json_object_object_get_ex(o->bridges, row, NULL))
                return -ENOMEM;
        return json_add_string(o->bridges, row, name);
}

/* {"Bridge":{"<row>":{"new":{"name":"xenbr0"}}}}; a row without "new" is gone. */
static int read_update(OvsBridges *o, struct json_object *tables) {
        struct json_object *rows = JSON_AT(tables, "Bridge");
        int r = 0;

        if (!rows && json_object_is_type(tables, json_type_object))
                return 0;
        if (!json_object_is_type(rows, json_type_object))
                return -EBADMSG;
        json_object_object_foreach(rows, row, change) {
                struct json_object *name = JSON_AT(change, "new", "name");

                if (r < 0)
                        break;
                if (name)
                        r = set_row(o, row, strempty(json_object_get_string(name)));
                else if (!JSON_AT(change, "new"))
                        json_object_object_del(o->bridges, row);
        }
        return r;
}

static int answer_echo(OvsBridges *o, struct json_object *id) {
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        int r;

        r = answer ? json_add(answer, "result", json_object_new_array()) : -ENOMEM;
        if (r >= 0 && (json_object_object_add(answer, "error", NULL) < 0 ||
                              json_object_object_add(answer, "id", json_object_get(id)) < 0))
                r = -ENOMEM;
        return r < 0 ? r : send_text(o, json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
}

/* A whole message: the answer to our request, an update, or the server's question whether we live. */
static int read_message(OvsBridges *o, struct json_object *message) {
        const char *method = json_object_get_string(JSON_AT(message, "method"));
        struct json_object *params = JSON_AT(message, "params"), *result = JSON_AT(message, "result");
        int r;

        if (method) {
                if (streq(method, "echo"))
                        return answer_echo(o, JSON_AT(message, "id"));
                if (!streq(method, "update") || !json_object_is_type(params, json_type_array))
                        return 0;
                r = read_update(o, json_object_array_get_idx(params, 1));
        } else {
                if (!result)
                        return -EBADMSG;
                /* All that there is, after a lost connection too. */
                json_object_put(o->bridges);
                o->bridges = json_object_new_object();
                r = o->bridges ? read_update(o, result) : -ENOMEM;
        }
        if (r >= 0) {
                o->retry_delay = RETRY_FIRST;
                o->changed(o->userdata);
        }
        return r;
}

static int read_bytes(OvsBridges *o, const char *bytes, size_t size) {
        while (size > 0) {
                _cleanup_json_ struct json_object *message = NULL;
                size_t used;
                int r;

                message = json_tokener_parse_ex(o->tokener, bytes, (int) size);
                if (!message && json_tokener_get_error(o->tokener) != json_tokener_continue)
                        return -EBADMSG;
                used = message ? json_tokener_get_parse_end(o->tokener) : size;
                o->message_size = message ? 0 : o->message_size + used;
                if (o->message_size > MESSAGE_MAX)
                        return -EMSGSIZE;
                bytes += used;
                size -= used;
                r = message ? read_message(o, message) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        OvsBridges *o = userdata;
        char bytes[4096];
        ssize_t n;
        int r;

        n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                lose(o, n < 0 ? strerror(errno) : "it closed the connection");
                return 0;
        }
        r = read_bytes(o, bytes, (size_t) n);
        if (r < 0)
                lose(o, r == -EBADMSG ? "its words are not understood" : strerror(-r));
        return 0;
}

/* 3. Lost. */

static void lose(OvsBridges *o, const char *why) {
        int r;

        disconnect(o);
        if (o->retry_delay <= RETRY_FIRST)
                log_warning(
                        "Open vSwitch's database at %s cannot be followed, trying again: %s", o->socket, why);
        if (o->retry_delay == 0)
                o->retry_delay = RETRY_FIRST;
        r = loop_call_in(o->loop, &o->retry, o->retry_delay, on_retry, o);
        if (r < 0)
                (void) log_errno(r, "Cannot wait for Open vSwitch's database, ignoring");
        o->retry_delay = MIN_OF(2 * o->retry_delay, RETRY_MAX);
}

int ovs_bridges_new(Loop *loop, sd_event *event, const char *socket_path, OvsBridgesChanged changed, void *userdata,
        OvsBridges **ret) {
        OvsBridges *o;

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        o->fd = -1;
        o->loop = loop;
        o->event = sd_event_ref(event);
        o->changed = changed;
        o->userdata = userdata;
        o->socket = strdup(socket_path);
        o->bridges = json_object_new_object();
        if (!o->socket || !o->bridges) {
                (void) ovs_bridges_free(o);
                return -ENOMEM;
        }
        ovs_bridges_try(o);
        *ret = o;
        return 0;
}

int ovs_bridges_add_to(const OvsBridges *o, char ***list) {
        int r = 0;

        if (!o || !o->bridges)
                return 0;
        json_object_object_foreach(o->bridges, row, name) {
                (void) row;
                if (r >= 0)
                        r = idset_add(list, json_object_get_string(name));
        }
        return MIN_OF(r, 0);
}
