/*
 * Durable placement through the real daemon
 *
 * VM.Start of a one-VGPU VM up to its reply, one at a time, and 16 and 64 in flight. The floor beside it is
 * an echo service: its method takes what Start takes, answers with a path of the same length, and sends the
 * very signals that one Start was seen to cause, as many for each call as Starts under the same load just
 * did, to the same listener over the same bus; and a commit of one record to the same disk. Both are measured
 * in the same interleaved rounds.
 *
 * The time of a call says little on a machine that does other things too; so the CPU time that each process
 * spent for one call stands beside it, from the first call until the last VM runs.
 */

#include <math.h>

#include "protocol/names.h"
#include "tests/bench/echo.h"

#define SIGNALS_MAX 64
#define N_HOSTS 64
#define N_PGPUS 8

/* OpenStack Placement 8.0, candidates and claim, measured once with 64 hosts of eight on a machine of two
 * cores; these two are constants and no floors of the same rounds. */
#define PLACEMENT_P50_USEC 94000.0
#define PLACEMENT_RATE_16 12.0

typedef struct Load {
        const char *name;
        size_t n_connections, n_calls;
} Load;

/* Processes whose CPU time is told: the service is policyd, or the echo. */
enum { CPU_SERVICE, CPU_BUS, CPU_CLIENT, CPU_PLAYER, N_CPU };

typedef struct Measured {
        double p50, p99, rate;
        double cpu[N_CPU]; /* µs for one call */
        double signals;    /* for one call */
} Measured;

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

typedef struct Meter {
        pid_t pids[N_CPU];
        uint64_t cpu[N_CPU], n_signals;
} Meter;

static void meter_begin(Meter *m, const Stage *s, pid_t service) {
        *m = (Meter){.pids = {[CPU_SERVICE] = service,
                             [CPU_BUS] = s->bus,
                             [CPU_CLIENT] = getpid(),
                             [CPU_PLAYER] = s->player},
                .n_signals = s->n_signals};
        for (size_t i = 0; i < N_CPU; i++)
                m->cpu[i] = cpu_ns_of(m->pids[i]);
}

static void meter_end(const Meter *m, const Stage *s, size_t n_calls, Measured *ret) {
        for (size_t i = 0; i < N_CPU; i++)
                ret->cpu[i] = (double) (cpu_ns_of(m->pids[i]) - m->cpu[i]) / 1000 / (double) n_calls;
        ret->signals = (double) (s->n_signals - m->n_signals) / (double) n_calls;
}

static int fly_echoes(Stage *s, const Echo *echo, const Load *load, Measured *ret) {
        Meter meter;
        int r;

        meter_begin(&meter, s, echo_pid(echo));
        r = fly(s, load, make_echo, ret);
        if (r >= 0)
                r = stage_settle(s, 20);
        meter_end(&meter, s, load->n_calls, ret);
        return r;
}

/* Starts, timed, and everything as it was before. */
static int fly_starts(Stage *s, const Load *load, Measured *ret) {
        const Load stops = {.n_connections = CONNECTIONS_MAX, .n_calls = load->n_calls};
        uint64_t n_ended = s->n_jobs_ended;
        Measured ignored;
        Meter meter;
        int r;

        meter_begin(&meter, s, s->policyd);
        r = fly(s, load, make_start, ret);
        if (r >= 0)
                r = stage_wait_jobs(s, n_ended + load->n_calls);
        if (r >= 0)
                r = stage_settle(s, 20);
        meter_end(&meter, s, load->n_calls, ret);
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

enum { ALONE, SIXTEEN, SIXTY_FOUR, N_LOADS };

typedef struct Results {
        Series alone, rate[N_LOADS], p99[N_LOADS], own, echo_own, placement, placement16;
} Results;

static double sum_cpu(const Measured *m) {
        double sum = 0;

        for (size_t i = 0; i < N_CPU; i++)
                sum += m->cpu[i];
        return sum;
}

static void note_one(Report *r, size_t round, const char *load, const char *what, const Measured *m) {
        static const char *const processes[N_CPU] = {"service", "bus", "client", "hosts"};
        char name[64];

        snprintf(name, sizeof(name), "%s %s p50 us", load, what);
        report_round(r, "durable", round, name, m->p50);
        snprintf(name, sizeof(name), "%s %s p99 us", load, what);
        report_round(r, "durable", round, name, m->p99);
        snprintf(name, sizeof(name), "%s %s per s", load, what);
        report_round(r, "durable", round, name, m->rate);
        snprintf(name, sizeof(name), "%s %s signals", load, what);
        report_round(r, "durable", round, name, m->signals);
        for (size_t i = 0; i < N_CPU; i++) {
                snprintf(name, sizeof(name), "%s %s CPU us of %s", load, what, processes[i]);
                report_round(r, "durable", round, name, m->cpu[i]);
        }
        printf("  %5zu  %-4s %-5s %9.0f %9.0f %9.0f  %7.0f %7.0f %7.0f %7.0f %7.0f  %7.1f\n", round, load,
                what, m->p50, m->p99, m->rate, m->cpu[CPU_SERVICE], m->cpu[CPU_BUS], m->cpu[CPU_CLIENT],
                m->cpu[CPU_PLAYER], sum_cpu(m), m->signals);
}

static void note_round(Report *r, size_t round, const Load *loads, const Measured *echo,
        const Measured *start, double commit, Results *results) {
        for (size_t i = 0; i < N_LOADS; i++) {
                note_one(r, round, loads[i].name, "echo", &echo[i]);
                note_one(r, round, loads[i].name, "Start", &start[i]);
                series_add(&results->rate[i], start[i].rate / echo[i].rate);
                series_add(&results->p99[i], start[i].p99 / echo[i].p99);
        }
        printf("  %5zu  LMDB commit %8.0f\n", round, commit);
        fflush(stdout);
        report_round(r, "durable", round, "LMDB commit p50 us", commit);

        series_add(&results->alone, start[ALONE].p50 / (echo[ALONE].p50 + commit));
        series_add(&results->own, start[SIXTY_FOUR].rate / start[ALONE].rate);
        series_add(&results->echo_own, echo[SIXTY_FOUR].rate / echo[ALONE].rate);
        series_add(&results->placement, PLACEMENT_P50_USEC / start[ALONE].p50);
        series_add(&results->placement16, start[SIXTEEN].rate / PLACEMENT_RATE_16);
}

/* Start and echo at one load; the echo's signals are as many as those of the Starts just before it. */
static int fly_both(Stage *s, Echo *echo, const Load *load, Measured *ret_echo, Measured *ret_start) {
        int r;

        r = fly_starts(s, load, ret_start);
        if (r < 0)
                return r;
        echo_set_signals(echo, ret_start->signals);
        return fly_echoes(s, echo, load, ret_echo);
}

static int run_rounds(Report *r, Stage *s, Echo *e, Floor *f, Results *results) {
        const Load loads[N_LOADS] = {{"1", 1, r->quick ? 50 : 200}, {"16", 16, r->quick ? 128 : 512},
                {"64", 64, r->quick ? 256 : 1024}};
        int error = 0;

        printf("  %44s %40s\n", "", "CPU us for one call");
        printf("  %5s  %-4s %-5s %9s %9s %9s  %7s %7s %7s %7s %7s  %7s\n", "round", "in flight", "", "p50 us",
                "p99 us", "per s", "service", "bus", "client", "hosts", "all", "signals");
        for (size_t round = 0; round < (r->quick ? 3u : 7u); round++) {
                Measured echo[N_LOADS] = {}, start[N_LOADS] = {};
                double commit = 0;

                for (size_t i = 0; i < N_LOADS && error >= 0; i++) {
                        error = fly_both(s, e, &loads[i], &echo[i], &start[i]);
                        if (error >= 0 && i == ALONE)
                                error = commit_median(f, loads[i].n_calls, &commit);
                }
                if (error < 0)
                        return error;
                note_round(r, round, loads, echo, start, commit, results);
        }
        return 0;
}

static void report_durable(Report *r, const Results *results) {
        report_target(r, "alone: Start p50 / (echo p50 + LMDB commit p50)", series_median(&results->alone),
                1.25, false);
        report_target(r, "16 in flight: Start rate / echo rate", series_median(&results->rate[SIXTEEN]), 0.65,
                true);
        report_target(
                r, "16 in flight: Start p99 / echo p99", series_median(&results->p99[SIXTEEN]), 2, false);
        report_target(r, "64 in flight: Start rate / echo rate", series_median(&results->rate[SIXTY_FOUR]),
                0.5, true);
        report_target(
                r, "64 in flight: Start rate / own sequential rate", series_median(&results->own), 4, true);
        printf("    (the echo's own rate at 64 in flight is %.2f times its sequential one)\n",
                series_median(&results->echo_own));
        report_target(
                r, "64 in flight: Start p99 / echo p99", series_median(&results->p99[SIXTY_FOUR]), 2, false);
        report_target(r, "alone: Placement's p50 (constant, 94 ms) / Start p50",
                series_median(&results->placement), 150, true);
        report_target(r, "16 in flight: Start rate / Placement's (constant, 12 per s)",
                series_median(&results->placement16), 400, true);
}

int bench_durable(Report *r) {
        const Load warm = {.n_connections = CONNECTIONS_MAX, .n_calls = r->quick ? 256 : 1024};
        _cleanup_(floor_freep) Floor *f = NULL;
        _cleanup_stage_ Stage s = {.epoll = -1};
        _cleanup_(echo_freep) Echo *echo = NULL;
        Results results = {};
        Measured ignored;
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
                error = echo_new(&s, &echo);
        if (error >= 0) {
                printf("  one Start causes %zu signals; an echo sends the same\n", s.n_kept);
                report_round(r, "durable", 0, "signals of one Start", (double) s.n_kept);
                error = run_rounds(r, &s, echo, f, &results);
        }
        if (error < 0)
                return error;

        report_durable(r, &results);
        return 0;
}
