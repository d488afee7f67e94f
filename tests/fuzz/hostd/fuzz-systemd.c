/*
 * systemd that says anything: answers of any type to each call, errors of any name, jobs that end before they are named, twice or
 * never, and a bus that hangs up
 *
 * The real connection dials a socket on which this file is both the bus and systemd. A start and a stop call back once at most, and
 * once for certain when the connection has ended.
 */

#include "common/daemon/log.h"
#include "hostd/vm/units.h"
#include "tests/fuzz/bus-peer.h"
#include "tests/fuzz/fuzz.h"
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
        BusPeer peer;
        Units units;
        Asked asked[CALLS_MAX];
        size_t n_asked;
} Fuzz;

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
                r = systemd_read_state(f->units.systemd, "dcgm.service", on_state, a, &(SystemdCall *){NULL});
        else if (what % 2)
                r = units_systemd.start(&f->units, VM, bytes_text(&f->peer.bytes, false, f->peer.text), argv, on_started, a, &a->call);
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

        return which < 220 ? words[which % ARRAY_SIZE(words)] : bytes_text(b, which >= 240, f->peer.text);
}

static const char *any_path(Bytes *b, void *userdata) {
        static const char *const jobs[] = {SYSTEMD_PATH "/job/1", SYSTEMD_PATH "/job/2", SYSTEMD_PATH "/job/3", "/"};

        return jobs[bytes_take(b) % ARRAY_SIZE(jobs)];
}

static int append_proper(BusPeer *p, sd_bus_message *m, sd_bus_message *reply) {
        const char *member = sd_bus_message_get_member(m);

        if (streq(member, "Hello"))
                return sd_bus_message_append(reply, "s", ":1.9");
        if (strstr(member, "Unit"))
                return sd_bus_message_append(reply, "o", any_path(&p->bytes, NULL));
        if (streq(member, "Get"))
                return sd_bus_message_append(reply, "v", "u", (uint32_t) bytes_number(&p->bytes));
        return 0;
}

static const char *const signatures[] = {"", "o", "v", "s", "u", "as", "a{sv}", "vv", "oo", "t"};

static const char *const errors[] = {SYSTEMD ".UnitExists", SYSTEMD ".NoSuchUnit", "org.freedesktop.DBus.Error.NoReply",
        "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.UnknownObject", "org.example.Error"};

static const BusSaying saying = {
        .service = SYSTEMD,
        .owner = ":1.1",
        .append_proper = append_proper,
        .signatures = signatures,
        .n_signatures = ARRAY_SIZE(signatures),
        .errors = errors,
        .n_errors = ARRAY_SIZE(errors),
        .proper_below = 150,
        .error_from = 190,
};

static void tell(Fuzz *f, uint8_t what) {
        static const char *const members[] = {"JobRemoved", "JobRemoved", "JobRemoved", "JobNew", "UnitRemoved"};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (f->peer.bus && sd_bus_message_new_signal(f->peer.bus, &m, SYSTEMD_PATH, SYSTEMD ".Manager", members[what % ARRAY_SIZE(members)]) >= 0 &&
                message_fill(m, what < 100 ? "uoss" : what < 110 ? "uo" : "as", &f->peer.bytes, &f->peer.words) >= 0)
                bus_peer_send(&f->peer, m, what % 7 == 0 ? ":1.6" : ":1.1");
}

static void turn(Fuzz *f) {
        /* A step of the authentication is no progress to sd-bus. */
        for (unsigned idle = 0; idle < 4; idle++) {
                int r = bus_peer_turn(&f->peer);

                if (sd_event_run(f->event, 0) > 0 || r > 0)
                        idle = 0;
        }
}

static void step(Fuzz *f, uint8_t what) {
        if (what < 112)
                tell(f, what);
        else if (what < 230)
                ask(f, what);
        else if (what < 245)
                forget(f, what);
        else if (what < 248)
                bus_peer_hang_up(&f->peer);
        if (what % 4 != 0) /* else the next comes at once */
                turn(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "bus"), *address = NULL;
        Fuzz f = {.peer = {.saying = &saying, .words = {.text = any_text, .path = any_path, .fd = -1, .userdata = &f}, .bytes = {data, size}}};

        log_setup("fuzz", LOG_EMERG);
        bus_peer_listen(&f.peer, path);
        demand(asprintf(&address, "unix:path=%s", path) >= 0 && sd_event_new(&f.event) >= 0);
        demand(systemd_open(f.event, address, &f.units.systemd) >= 0);
        f.units.ops = &units_systemd;
        f.units.event = f.event;
        for (unsigned i = 0; i < STEPS_MAX && f.peer.bytes.left > 0; i++)
                step(&f, bytes_take(&f.peer.bytes));
        turn(&f);
        bus_peer_hang_up(&f.peer);
        turn(&f);
        for (size_t i = 0; i < f.n_asked; i++)
                demand(f.asked[i].n_ends == 1);
        systemd_close(f.units.systemd);
        sd_event_unref(f.event);
        bus_peer_done(&f.peer);
        return 0;
}
