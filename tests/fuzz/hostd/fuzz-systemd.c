/*
 * systemd that says anything: answers of any type to each call, errors of any name, jobs that end before they are named, twice or
 * never, and a bus that hangs up
 *
 * The real connection dials a socket on which this file is both the bus and systemd. A start and a stop call back once at most, and
 * once for certain when the connection has ended.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include "common/daemon/log.h"
#include "hostd/vm/units.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"
#include "tests/fuzz/scratch.h"

#define STEPS_MAX 40
#define CALLS_MAX 8
#define VM "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"

typedef struct Asked {
        UnitCall *call;
        unsigned n_ends;
} Asked;

typedef struct Fuzz {
        sd_event *event;
        int listener;
        sd_bus *peer; /* NULL: nobody is connected */
        Units units;
        Asked asked[CALLS_MAX];
        size_t n_asked;
        Bytes bytes;
        char text[MESSAGE_TEXT_MAX];
} Fuzz;

static void demand(bool holds) {
        if (!holds)
                abort();
}

/* hostd's side */

static void on_stopped(void *userdata) {
        Asked *a = userdata;

        a->call = NULL;
        demand(++a->n_ends == 1);
}

static void on_started(int result, const ProcessId *process, void *userdata) {
        demand(process && (result >= 0 || process->pid == 0));
        on_stopped(userdata);
}

/* As a lease reads whether a unit runs. */
static void on_state(int result, sd_bus_message *value, void *userdata) {
        const char *state;

        demand((result >= 0) == (value != NULL));
        if (value)
                (void) sd_bus_message_read(value, "s", &state);
        on_stopped(userdata);
}

static void ask(Fuzz *f, uint8_t what) {
        const char *const argv[] = {"/usr/libexec/xenvgpu/xenvgpu-domain", "--folder=/run/x", NULL};
        Asked *a = &f->asked[f->n_asked];
        int r;

        if (f->n_asked == CALLS_MAX)
                return;
        if (what >= 200)
                r = systemd_read_property(f->units.systemd, "dcgm.service", "org.freedesktop.systemd1.Unit", "ActiveState", "s",
                        on_state, a, &(SystemdCall *){NULL});
        else if (what % 2)
                r = units_systemd.start(&f->units, VM, bytes_text(&f->bytes, false, f->text), argv, on_started, a, &a->call);
        else
                r = units_systemd.stop(&f->units, VM, on_stopped, a, &a->call);
        if (r >= 0)
                f->n_asked++;
}

static void forget(Fuzz *f, uint8_t which) {
        Asked *a = f->n_asked > 0 ? &f->asked[which % f->n_asked] : NULL;

        if (!a || !a->call)
                return;
        a->call = units_systemd.forget(a->call);
        demand(++a->n_ends == 1);
}

/* systemd's side */

static const char *any_text(Bytes *b, void *userdata) {
        static const char *const words[] = {"", "done", "failed", "canceled", "timeout", "dependency", "skipped", "active", "inactive",
                "xenvgpu-domain@" VM ".service", SYSTEMD, ":1.9", "No such unit.", "日本語", "\x1b[1mno"};
        uint8_t which = bytes_take(b);
        Fuzz *f = userdata;

        return which < 220 ? words[which % ARRAY_SIZE(words)] : bytes_text(b, which >= 240, f->text);
}

static const char *any_path(Bytes *b, void *userdata) {
        static const char *const jobs[] = {SYSTEMD_PATH "/job/1", SYSTEMD_PATH "/job/2", SYSTEMD_PATH "/job/3", "/"};

        return jobs[bytes_take(b) % ARRAY_SIZE(jobs)];
}

static MessageWords words_of(Fuzz *f) {
        return (MessageWords){.text = any_text, .path = any_path, .fd = -1, .userdata = f};
}

static void send_from(Fuzz *f, sd_bus_message *m, const char *sender) {
        if (f->peer && sd_bus_message_set_sender(m, sender) >= 0)
                (void) sd_bus_send(f->peer, m, NULL);
}

static int append_proper(Fuzz *f, sd_bus_message *m, sd_bus_message *reply) {
        const char *member = sd_bus_message_get_member(m);

        if (streq(member, "Hello"))
                return sd_bus_message_append(reply, "s", ":1.9");
        if (strstr(member, "Unit"))
                return sd_bus_message_append(reply, "o", any_path(&f->bytes, f));
        if (streq(member, "Get"))
                return sd_bus_message_append(reply, "v", "u", (uint32_t) bytes_number(&f->bytes));
        return 0;
}

static int append_any(Fuzz *f, sd_bus_message *reply) {
        static const char *const signatures[] = {"", "o", "v", "s", "u", "as", "a{sv}", "vv", "oo", "t"};
        const MessageWords words = words_of(f);

        return message_fill(reply, signatures[bytes_take(&f->bytes) % ARRAY_SIZE(signatures)], &f->bytes, &words);
}

static int make_error(Fuzz *f, sd_bus_message *m, sd_bus_message **ret) {
        static const char *const names[] = {SYSTEMD ".UnitExists", SYSTEMD ".NoSuchUnit", "org.freedesktop.DBus.Error.NoReply",
                "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.UnknownObject", "org.example.Error"};

        return sd_bus_message_new_method_errorf(m, ret, names[bytes_take(&f->bytes) % ARRAY_SIZE(names)], "%s", any_text(&f->bytes, f));
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *to = sd_bus_message_get_destination(m);
        Fuzz *f = userdata;
        uint8_t how;
        int r;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 1;
        how = bytes_take(&f->bytes);
        if (how >= 240)
                return 1;
        r = how >= 190 ? make_error(f, m, &reply) : sd_bus_message_new_method_return(m, &reply);
        if (r >= 0 && how < 190)
                r = how < 150 ? append_proper(f, m, reply) : append_any(f, reply);
        if (r >= 0)
                send_from(f, reply, to && streq(to, SYSTEMD) ? ":1.1" : "org.freedesktop.DBus");
        return 1;
}

static void tell(Fuzz *f, uint8_t what) {
        static const char *const members[] = {"JobRemoved", "JobRemoved", "JobRemoved", "JobNew", "UnitRemoved"};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const MessageWords words = words_of(f);

        if (f->peer && sd_bus_message_new_signal(f->peer, &m, SYSTEMD_PATH, SYSTEMD ".Manager", members[what % ARRAY_SIZE(members)]) >= 0 &&
                message_fill(m, what < 100 ? "uoss" : what < 110 ? "uo" : "as", &f->bytes, &words) >= 0)
                send_from(f, m, what % 7 == 0 ? ":1.6" : ":1.1");
}

/* Connections */

static void accept_link(Fuzz *f) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        f->peer = sd_bus_close_unref(f->peer);
        demand(sd_bus_new(&f->peer) >= 0 && sd_bus_set_fd(f->peer, fd, fd) >= 0 &&
                sd_bus_set_server(f->peer, true, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) >= 0 &&
                sd_bus_add_filter(f->peer, NULL, on_call, f) >= 0 && sd_bus_start(f->peer) >= 0);
}

static void turn(Fuzz *f) {
        /* A step of the authentication is no progress to sd-bus. */
        for (unsigned idle = 0; idle < 4; idle++) {
                int r = f->peer ? sd_bus_process(f->peer, NULL) : 0;

                accept_link(f);
                if (r < 0)
                        f->peer = sd_bus_close_unref(f->peer);
                if (sd_event_run(f->event, 0) > 0 || r > 0)
                        idle = 0;
        }
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void) unlink(path);
        demand(fd >= 0 && bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, 8) == 0);
        return fd;
}

static void step(Fuzz *f, uint8_t what) {
        if (what < 112)
                tell(f, what);
        else if (what < 230)
                ask(f, what);
        else if (what < 245)
                forget(f, what);
        else if (what < 248)
                f->peer = sd_bus_close_unref(f->peer);
        if (what % 4 != 0) /* else the next comes at once */
                turn(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "bus"), *address = NULL;
        Fuzz f = {.bytes = {data, size}};

        log_setup("fuzz", LOG_EMERG);
        f.listener = listen_at(path);
        demand(asprintf(&address, "unix:path=%s", path) >= 0 && sd_event_new(&f.event) >= 0);
        demand(systemd_open(f.event, address, &f.units.systemd) >= 0);
        f.units.ops = &units_systemd;
        f.units.event = f.event;
        for (unsigned i = 0; i < STEPS_MAX && f.bytes.left > 0; i++)
                step(&f, bytes_take(&f.bytes));
        turn(&f);
        f.peer = sd_bus_close_unref(f.peer);
        turn(&f);
        for (size_t i = 0; i < f.n_asked; i++)
                demand(f.asked[i].n_ends == 1);
        systemd_close(f.units.systemd);
        sd_event_unref(f.event);
        close(f.listener);
        return 0;
}
