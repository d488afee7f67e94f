/*
 * Durable placement through the real daemon
 *
 * VM.Start of a one-VGPU VM up to its reply, one at a time, and 16 and 64 in flight. The floor beside it is
 * an echo service: its method takes what Start takes, answers with a path of the same length, and sends the
 * very signals that one Start was seen to cause, to the same listener over the same bus; and a commit of one
 * record to the same disk. Both are measured in the same interleaved rounds.
 */

#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "protocol/names.h"
#include "tests/bench/stage.h"

#define ECHO_NAME "org.xenvgpu.Bench.Echo"
#define SIGNALS_MAX 64
#define N_HOSTS 64
#define N_PGPUS 8

/* OpenStack Placement 8.0, candidates and claim, measured once with 64 hosts of eight; these two are no floors of the same rounds. */
#define PLACEMENT_P50_USEC 94000.0
#define PLACEMENT_RATE_16 12.0

typedef struct Load {
        const char *name;
        size_t n_connections, n_calls;
} Load;

typedef struct Measured {
        double p50, p99, rate;
} Measured;

/* The echo service, in a process of its own */

typedef struct Echo {
        sd_bus *bus;
        sd_bus_message **signals;
        size_t n_signals;
} Echo;

static int echo_signal(Echo *e, sd_bus_message *like) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(
                e->bus, &m, sd_bus_message_get_path(like), ECHO_NAME, sd_bus_message_get_member(like));
        if (r >= 0)
                r = sd_bus_message_rewind(like, true);
        if (r >= 0)
                r = sd_bus_message_copy(m, like, true);
        return r < 0 ? r : sd_bus_send(e->bus, m, NULL);
}

static int method_echo(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Echo *e = userdata;
        int r;

        r = sd_bus_reply_method_return(m, "o", POLICY_PATH "/job/_11111111_2222_4333_8444_555555555555");
        for (size_t i = 0; i < e->n_signals && r >= 0; i++)
                r = echo_signal(e, e->signals[i]);
        return r < 0 ? r : 1;
}

static const sd_bus_vtable echo_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Start", "a{sv}", "o", method_echo, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int echo_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        *ret = userdata;
        return 1;
}

static int echo_serve(const Stage *s) {
        Echo e = {.signals = s->kept, .n_signals = s->n_kept};
        sd_event *event;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = sd_bus_new(&e.bus);
        if (r >= 0)
                r = sd_bus_set_address(e.bus, s->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(e.bus, true);
        if (r >= 0)
                r = sd_bus_start(e.bus);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(
                        e.bus, NULL, POLICY_PATH, POLICY_IFACE_VM, echo_vtable, echo_find, &e);
        if (r >= 0)
                r = sd_bus_request_name(e.bus, ECHO_NAME, 0);
        if (r >= 0)
                r = sd_bus_attach_event(e.bus, event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? r : sd_event_loop(event);
}

static int start_echo(Stage *s, pid_t *ret) {
        pid_t pid;

        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(echo_serve(s) < 0 ? 1 : 0);
        }

        *ret = pid;
        for (unsigned i = 0; i < 500; i++, usleep(10000))
                if (sd_bus_call_method(s->connections[0], "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus", "GetNameOwner", NULL, NULL, "s", ECHO_NAME) >= 0)
                        return 0;
        return -ETIMEDOUT;
}

/* Calls */

static int make_call(
        sd_bus *bus, const char *name, const char *path, const char *member, sd_bus_message **ret) {
        int r = sd_bus_message_new_method_call(bus, ret, name, path, POLICY_IFACE_VM, member);

        return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
}

static int make_echo(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        return make_call(bus, ECHO_NAME, s->vms[i], "Start", ret);
}

static int make_start(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        return make_call(bus, POLICY_BUS_NAME, s->vms[i], "Start", ret);
}

static int make_stop(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        return make_call(bus, POLICY_BUS_NAME, s->vms[i], "HardShutdown", ret);
}

static int fly(Stage *s, const Load *load, int (*make)(Stage *, sd_bus *, size_t, sd_bus_message **, void *),
        Measured *ret) {
        _cleanup_free_ double *latency = calloc(load->n_calls, sizeof(double));
        Flight f = {.stage = s,
                .n_connections = load->n_connections,
                .n_total = load->n_calls,
                .make = make,
                .latency = latency};
        int r;

        if (!latency)
                return -ENOMEM;
        r = flight_run(&f);
        if (r < 0)
                return r;

        ret->rate = (double) load->n_calls / f.seconds;
        ret->p50 = percentile(latency, load->n_calls, 0.5);
        ret->p99 = percentile(latency, load->n_calls, 0.99);
        return 0;
}

/* Starts, timed, and everything as it was before. */
static int fly_starts(Stage *s, const Load *load, Measured *ret) {
        const Load stops = {.n_connections = CONNECTIONS_MAX, .n_calls = load->n_calls};
        uint64_t n_ended = s->n_jobs_ended;
        Measured ignored;
        int r;

        r = fly(s, load, make_start, ret);
        if (r >= 0)
                r = stage_wait_jobs(s, n_ended + load->n_calls);
        if (r >= 0)
                r = fly(s, &stops, make_stop, &ignored);
        if (r >= 0)
                r = stage_wait_jobs(s, n_ended + 2 * load->n_calls);
        return r < 0 ? r : stage_settle(s, 20);
}

/* The signals of one Start, from the call until its VM runs and nothing more comes. */
static int keep_signals(Stage *s) {
        const Load one = {.n_connections = 1, .n_calls = 1};
        uint64_t n_ended = s->n_jobs_ended;
        sd_bus_message **kept;
        Measured ignored;
        int r;

        kept = calloc(SIGNALS_MAX, sizeof(sd_bus_message *));
        if (!kept)
                return -ENOMEM;
        s->kept = kept;
        s->kept_max = SIGNALS_MAX;
        r = fly(s, &one, make_start, &ignored);
        if (r >= 0)
                r = stage_wait_jobs(s, n_ended + 1);
        if (r >= 0)
                r = stage_settle(s, 100);
        s->kept_max = s->n_kept; /* no more */
        if (r >= 0)
                r = fly(s, &one, make_stop, &ignored);
        return r < 0 ? r : stage_wait_jobs(s, n_ended + 2);
}

static int commit_median(Floor *f, size_t n, double *ret) {
        _cleanup_free_ double *times = calloc(n, sizeof(double));

        if (!times)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                uint64_t start = now_ns();
                int r = floor_commit(f);

                if (r < 0)
                        return r;
                times[i] = (double) (now_ns() - start) / 1000;
        }
        *ret = percentile(times, n, 0.5);
        return 0;
}

enum { SEQUENTIAL, SIXTEEN, SIXTY_FOUR, N_LOADS };

typedef struct Results {
        Series alone, throughput, own, p99, placement, placement16;
} Results;

static void note_round(Report *r, size_t round, const Load *loads, const Measured *echo,
        const Measured *start, double commit, Results *results) {
        char name[64];

        for (size_t i = 0; i < N_LOADS; i++) {
                const Measured *both[] = {&echo[i], &start[i]};

                for (size_t j = 0; j < 2; j++) {
                        snprintf(
                                name, sizeof(name), "%s %s p50 us", loads[i].name, j == 0 ? "echo" : "Start");
                        report_round(r, "durable", round, name, both[j]->p50);
                        snprintf(
                                name, sizeof(name), "%s %s p99 us", loads[i].name, j == 0 ? "echo" : "Start");
                        report_round(r, "durable", round, name, both[j]->p99);
                        snprintf(name, sizeof(name), "%s %s per s", loads[i].name, j == 0 ? "echo" : "Start");
                        report_round(r, "durable", round, name, both[j]->rate);
                }
                printf("  %5zu  %-10s %9.0f %9.0f %9.0f  %9.0f %9.0f %9.0f", round, loads[i].name,
                        echo[i].p50, echo[i].p99, echo[i].rate, start[i].p50, start[i].p99, start[i].rate);
                if (i == SEQUENTIAL)
                        printf(" %9.0f", commit);
                putchar('\n');
        }
        fflush(stdout);
        report_round(r, "durable", round, "LMDB commit p50 us", commit);

        series_add(&results->alone, start[SEQUENTIAL].p50 / (echo[SEQUENTIAL].p50 + commit));
        series_add(&results->throughput, start[SIXTY_FOUR].rate / echo[SIXTY_FOUR].rate);
        series_add(&results->own, start[SIXTY_FOUR].rate / start[SEQUENTIAL].rate);
        series_add(&results->p99, start[SIXTY_FOUR].p99 / echo[SIXTY_FOUR].p99);
        series_add(&results->placement, PLACEMENT_P50_USEC / start[SEQUENTIAL].p50);
        series_add(&results->placement16, start[SIXTEEN].rate / PLACEMENT_RATE_16);
}

static int run_rounds(Report *r, Stage *s, Floor *f, Results *results) {
        const Load loads[N_LOADS] = {{"one", 1, r->quick ? 50 : 200}, {"16", 16, r->quick ? 128 : 512},
                {"64", 64, r->quick ? 256 : 1024}};
        int error = 0;

        printf("  %5s  %-10s %9s %9s %9s  %9s %9s %9s %9s\n", "round", "in flight", "echo p50", "p99 us",
                "per s", "Start p50", "p99 us", "per s", "commit us");
        for (size_t round = 0; round < (r->quick ? 3u : 7u); round++) {
                Measured echo[N_LOADS], start[N_LOADS];
                double commit = 0;

                for (size_t i = 0; i < N_LOADS && error >= 0; i++) {
                        error = fly(s, &loads[i], make_echo, &echo[i]);
                        if (error >= 0)
                                error = stage_settle(s, 20);
                        if (error >= 0)
                                error = fly_starts(s, &loads[i], &start[i]);
                        if (error >= 0 && i == SEQUENTIAL)
                                error = commit_median(f, loads[i].n_calls, &commit);
                }
                if (error < 0)
                        return error;
                note_round(r, round, loads, echo, start, commit, results);
        }
        return 0;
}

int bench_durable(Report *r) {
        const Load warm = {.n_connections = CONNECTIONS_MAX, .n_calls = r->quick ? 256 : 1024};
        _cleanup_(floor_freep) Floor *f = NULL;
        _cleanup_stage_ Stage s = {};
        Results results = {};
        Measured ignored;
        pid_t echo = 0;
        int error;

        printf("Durable placement: VM.Start up to its reply, %d hosts of %d PGPUs\n", N_HOSTS, N_PGPUS);
        error = floor_new(&f);
        if (error >= 0)
                error = stage_open(&s, N_HOSTS, N_PGPUS);
        if (error >= 0)
                error = stage_add_vms(&s, warm.n_calls);
        if (error >= 0)
                error = fly_starts(&s, &warm, &ignored);
        if (error >= 0)
                error = keep_signals(&s);
        if (error >= 0)
                error = start_echo(&s, &echo);
        if (error >= 0) {
                printf("  one Start causes %zu signals, and so does one echo\n", s.n_kept);
                report_round(r, "durable", 0, "signals of one Start", (double) s.n_kept);
                error = run_rounds(r, &s, f, &results);
        }
        if (echo > 0) {
                kill(echo, SIGTERM);
                waitpid(echo, NULL, 0);
        }
        if (error < 0)
                return error;

        report_target(r, "alone: Start p50 / (echo p50 + LMDB commit p50)", series_median(&results.alone),
                1.25, false);
        report_target(
                r, "64 in flight: Start rate / echo rate", series_median(&results.throughput), 0.65, true);
        report_target(
                r, "64 in flight: Start rate / own sequential rate", series_median(&results.own), 4, true);
        report_target(r, "64 in flight: Start p99 / echo p99", series_median(&results.p99), 2, false);
        report_target(r, "alone: OpenStack Placement's p50 / Start p50", series_median(&results.placement),
                150, true);
        report_target(r, "16 in flight: Start rate / OpenStack Placement's",
                series_median(&results.placement16), 400, true);
        return 0;
}
