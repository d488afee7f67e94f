/*
 * Long answers are made by a child
 *
 * A child is a copy of this process: it sees the pool as it was committed, however it changes meanwhile, and
 * this one goes on with what others ask. It calls the method's handler, writes what the handler would have
 * sent into a pipe, and ends. There is one at a time; it ends with this process, when it takes too long, and when
 * nobody waits for its answer any more: who left is looked for once a child has run for a moment.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policyd/bus/bus-private.h"

#define CHILD_USEC_MAX UINT64_C(60000000)
#define LOOK_USEC UINT64_C(200000)
#define PIPE_BYTES (1 << 20)

/* What stands in the pipe: a letter, and text behind it. */
#define GIVES_TEXT 's'
#define GIVES_NUMBER 'u'
#define GIVES_ERROR 'e' /* name, newline, sentence */

struct Child {
        Bus *bus;
        sd_bus_message *message;
        pid_t pid;
        int fd;
        sd_event_source *readable, *deadline, *look;
        sd_bus_slot *leaving, *asking;
        StrBuf said;
};

/* In the child */

static void say(int fd, const char *text, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, text, n);

                if (k < 0 && errno != EINTR)
                        _exit(EXIT_FAILURE);
                if (k > 0) {
                        text += k;
                        n -= (size_t) k;
                }
        }
}

static _Noreturn void say_and_end(int fd, char letter, const char *text) {
        say(fd, &letter, 1);
        say(fd, text, strlen(text));
        _exit(EXIT_SUCCESS);
}

bool child_gives_text(Bus *bus, const char *text) {
        if (bus->child_output < 0)
                return false;
        say_and_end(bus->child_output, GIVES_TEXT, text);
}

bool child_gives_number(Bus *bus, uint32_t n) {
        char text[16];

        if (bus->child_output < 0)
                return false;
        snprintf(text, sizeof(text), "%" PRIu32, n);
        say_and_end(bus->child_output, GIVES_NUMBER, text);
}

/* The connection, the database's lock and the hosts are the parent's: it may end and begin anew while this
 * one is not done. */
static int keep_one(int fd) {
        if (dup2(fd, STDERR_FILENO + 1) < 0)
                _exit(EXIT_FAILURE);
        (void) close_range(STDERR_FILENO + 2, ~0U, 0);
        return STDERR_FILENO + 1;
}

static _Noreturn void work(
        Bus *bus, sd_bus_message *m, sd_bus_message_handler_t handler, void *object, int fd, pid_t parent) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* It may have ended before that. */
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        bus->child_output = fd = keep_one(fd);
        r = handler(m, object, &error);
        /* It gave no answer, so this is why. */
        if (r >= 0)
                r = -EIO;
        if (!sd_bus_error_is_set(&error))
                sd_bus_error_set_errno(&error, r);
        if (asprintf(&text, "%s\n%s", error.name, strempty(error.message)) < 0)
                _exit(EXIT_FAILURE);
        say_and_end(fd, GIVES_ERROR, text);
}

/* In the parent */

static Child *child_free(Child *c) {
        if (!c)
                return NULL;
        c->bus->child = NULL;
        sd_event_source_disable_unref(c->readable);
        sd_event_source_disable_unref(c->deadline);
        sd_event_source_disable_unref(c->look);
        sd_bus_slot_unref(c->leaving);
        sd_bus_slot_unref(c->asking);
        safe_close(c->fd);
        if (c->pid > 0) {
                (void) kill(c->pid, SIGKILL);
                (void) waitpid(c->pid, NULL, 0);
        }
        sd_bus_message_unref(c->message);
        strbuf_done(&c->said);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Child *, child_free)

/* One that was killed has written a part, which would be taken for the whole. */
static bool has_ended_well(Child *c) {
        int status = 0;
        pid_t pid = c->pid;

        c->pid = 0;
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Its end of the pipe is closed, so it ends now. */
static void give(Child *c) {
        _cleanup_free_ char *said = has_ended_well(c) ? strbuf_take(&c->said) : NULL;
        char *text = said ? said + 1 : NULL, *sentence = NULL;

        if (isempty(said))
                sd_bus_reply_method_errorf(c->message, error_code_name(ERROR_INTERNAL_ERROR),
                        "The answer could not be made: its process ended without one.");
        else if (*said == GIVES_TEXT)
                (void) bus_send_text(c->message, text);
        else if (*said == GIVES_NUMBER)
                (void) sd_bus_reply_method_return(c->message, "u", (uint32_t) strtoul(text, NULL, 10));
        else {
                sentence = strchr(text, '\n');
                if (sentence)
                        *sentence++ = '\0';
                (void) sd_bus_reply_method_errorf(c->message, text, "%s", strempty(sentence));
        }
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Child *c = userdata;
        Bus *bus = c->bus;
        char bytes[64 << 10];
        ssize_t n;

        n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0) {
                strbuf_add_n(&c->said, bytes, (size_t) n);
                return 0;
        }
        give(c);
        child_free(c);
        queue_go_on(bus);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Child *c = userdata;
        Bus *bus = c->bus;

        (void) sd_bus_reply_method_errorf(c->message, error_code_name(ERROR_LIMIT_REACHED),
                "%s took longer than %u s and was ended; ask for less at once.",
                sd_bus_message_get_member(c->message), (unsigned) (CHILD_USEC_MAX / 1000000));
        child_free(c);
        queue_go_on(bus);
        return 0;
}

static void give_up(Child *c) {
        Bus *bus = c->bus;

        child_free(c);
        queue_go_on(bus);
}

static int on_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        give_up(userdata);
        return 0;
}

static int on_asked(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        int is_there = true;

        if (!sd_bus_message_is_method_error(reply, NULL) && sd_bus_message_read(reply, "b", &is_there) >= 0 &&
                !is_there)
                give_up(userdata);
        return 0;
}

/* Most answers are made by now, and cost nothing of this. First it is listened, then asked: so nobody leaves unseen. */
static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_free_ char *match = NULL;
        Child *c = userdata;
        const char *name = strempty(sd_bus_message_get_sender(c->message));

        if (asprintf(&match,
                    "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                    "member='NameOwnerChanged',arg0='%s',arg2=''",
                    name) < 0) {
                match = NULL;
                return 0;
        }
        if (sd_bus_add_match_async(c->bus->bus, &c->leaving, match, on_left, NULL, c) >= 0)
                (void) sd_bus_call_method_async(c->bus->bus, &c->asking, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", on_asked, c, "s", name);
        return 0;
}

static int watch(Child *c) {
        sd_event *event = c->bus->event;
        int r;

        r = sd_event_add_io(event, &c->readable, c->fd, EPOLLIN, on_readable, c);
        if (r >= 0)
                r = sd_event_add_time_relative(
                        event, &c->look, CLOCK_MONOTONIC, LOOK_USEC, 0, on_look, c);
        return r < 0 ? r
                     : sd_event_add_time_relative(
                               event, &c->deadline, CLOCK_MONOTONIC, CHILD_USEC_MAX, 0, on_deadline, c);
}

static int start(Bus *bus, sd_bus_message *m, sd_bus_message_handler_t handler, void *object) {
        _cleanup_(child_freep) Child *c = NULL;
        _cleanup_close_ int writing = -1;
        pid_t parent = getpid();
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        writing = fds[1];
        c = calloc(1, sizeof(*c));
        if (!c) {
                safe_close(fds[0]);
                return -ENOMEM;
        }
        *c = (Child){.bus = bus, .message = sd_bus_message_ref(m), .fd = fds[0]};
        (void) fcntl(c->fd, F_SETFL, O_NONBLOCK);
        (void) fcntl(c->fd, F_SETPIPE_SZ, PIPE_BYTES);
        r = watch(c);
        if (r < 0)
                return r;
        c->pid = fork();
        if (c->pid < 0)
                return -errno;
        if (c->pid == 0)
                work(bus, m, handler, object, writing, parent);
        bus->child = take_ptr(c);
        return 0;
}

static const sd_bus_vtable *find_method(const sd_bus_vtable *v, const char *member) {
        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && streq(v->x.method.member, member))
                        return v;
        return NULL;
}

int child_answer(Bus *bus, sd_bus_message *m) {
        const char *path = sd_bus_message_get_path(m);
        bool is_manager = streq(path, POLICY_PATH);
        Object *o = is_manager ? NULL : object_at(bus, path);
        const sd_bus_vtable *v = is_manager ? bus_manager_vtable : o ? bus_class(o->class)->vtable : NULL;

        v = v ? find_method(v, sd_bus_message_get_member(m)) : NULL;
        if (!v || !sd_bus_message_has_signature(m, v->x.method.signature))
                return 0;
        return start(bus, m, v->x.method.handler, is_manager ? (void *) bus : (void *) o) < 0 ? 0 : 1;
}

void child_stop(Bus *bus) {
        child_free(bus->child);
}
