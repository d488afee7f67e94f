/*
 * Others beside a search
 *
 * Every PGPU of the pool is full, so a plan for a whole one looks at many ways to move VMs. One client asks
 * for one plan after the other, and another reads a property again and again: how long that takes is compared
 * with how long it takes alone.
 */

#include "protocol/names.h"
#include "tests/bench/stage.h"

#define PLAN_SIZE 4

typedef struct Search {
        char group[PATH_SIZE], type[PATH_SIZE];
        bool *is_plan; /* by call */
        bool plans;    /* the first connection asks for plans */
        size_t n_plans, n_refused;
} Search;

static int make_start(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        int r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, s->vms[i], POLICY_IFACE_VM, "Start");

        return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
}

static int start_all(Stage *s) {
        _cleanup_free_ double *latency = calloc(s->n_vms, sizeof(double));
        uint64_t n_ended = s->n_jobs_ended;
        Flight f = {.stage = s,
                .n_connections = CONNECTIONS_MAX,
                .n_total = s->n_vms,
                .make = make_start,
                .latency = latency};
        int r;

        if (!latency)
                return -ENOMEM;
        r = flight_run(&f);
        if (r >= 0)
                r = stage_wait_jobs(s, n_ended + s->n_vms);
        return r < 0 ? r : stage_settle(s, 500);
}

static int make_call(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        Search *search = userdata;
        int r;

        search->is_plan[i] = search->plans && bus == s->connections[0];
        if (search->is_plan[i]) {
                search->n_plans++;
                r = sd_bus_message_new_method_call(
                        bus, ret, POLICY_BUS_NAME, search->group, POLICY_IFACE_GPU_GROUP, "Plan");
                return r < 0 ? r : sd_bus_message_append(*ret, "o", search->type);
        }
        r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, s->vms[i % s->n_vms], "org.freedesktop.DBus.Properties", "Get");
        return r < 0 ? r : sd_bus_message_append(*ret, "ss", POLICY_IFACE_VM, "PowerState");
}

static int got(Stage *s, size_t i, sd_bus_message *reply, void *userdata) {
        Search *search = userdata;

        search->n_refused += sd_bus_message_is_method_error(reply, NULL) > 0;
        return 0;
}

/* Latencies in us: of the reads into *ret_p99, of the plans into *ret_plan (their median). */
static int measure(Stage *s, Search *search, size_t n, double *ret_p99, double *ret_plan) {
        _cleanup_free_ double *latency = calloc(n, sizeof(double)), *reads = calloc(n, sizeof(double)),
                              *plans = calloc(n, sizeof(double));
        Flight f = {.stage = s,
                .n_connections = search->plans ? 2 : 1,
                .n_total = n,
                .make = make_call,
                .got = got,
                .userdata = search,
                .latency = latency};
        size_t n_reads = 0, n_plans = 0;
        int r;

        if (!latency || !reads || !plans)
                return -ENOMEM;
        r = flight_run(&f);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (search->is_plan[i])
                        plans[n_plans++] = latency[i];
                else
                        reads[n_reads++] = latency[i];
        *ret_p99 = percentile(reads, n_reads, 0.99);
        *ret_plan = n_plans > 0 ? percentile(plans, n_plans, 0.5) : 0;
        return 0;
}

static int compare(Report *r, Stage *s, Search *search, size_t n) {
        double alone, beside, plan, ignored;
        int error;

        error = measure(s, search, n, &alone, &ignored);
        search->plans = true;
        if (error >= 0)
                error = measure(s, search, n, &beside, &plan);
        if (error < 0)
                return error;
        printf("  Properties.Get: p99 %.0f us alone, %.0f us beside %zu plans of %.1f ms each, %.1f times; "
               "policyd is %.0f MiB\n",
                alone, beside, search->n_plans, plan / 1000, beside / alone,
                (double) resident_of(s->policyd) / (1 << 20));
        report_round(r, "search", 0, "p99 us alone", alone);
        report_round(r, "search", 0, "p99 us beside plans", beside);
        report_round(r, "search", 0, "ms of a plan", plan / 1000);
        report_target(r, "search: p99 of Properties.Get beside plans, ms", beside / 1000, 5, false);
        report_target(r, "search: calls that were refused", (double) search->n_refused, 0, false);
        report_target(r, "search: plans that were made meanwhile", (double) search->n_plans, PLAN_SIZE, true);
        return 0;
}

int bench_search(Report *r) {
        size_t n_hosts = r->quick ? 16 : 1000, n = r->quick ? 2000 : 20000;
        _cleanup_stage_ Stage s = {.epoll = -1};
        Search search = {};
        int error;

        printf("Others beside a search: %zu hosts, every PGPU full\n", n_hosts);
        search.is_plan = calloc(n, sizeof(bool));
        if (!search.is_plan)
                return -ENOMEM;
        error = stage_open(&s, n_hosts, 1);
        if (error >= 0)
                error = stage_add_vms(&s, n_hosts * 8 - 3);
        if (error >= 0)
                error = start_all(&s);
        if (error >= 0)
                error = stage_find(
                        &s, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", search.group);
        if (error >= 0)
                error = stage_find(&s, "vgpu_type", "GRID K140Q", search.type);
        if (error >= 0)
                error = compare(r, &s, &search, n);
        free(search.is_plan);
        return error;
}
