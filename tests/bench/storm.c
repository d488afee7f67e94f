/*
 * A boot storm, and a start with what it left
 *
 * As many VMs as the pool holds start at once, through the real policyd, on hosts that a player plays. Then
 * nothing may be left scheduled, and the player must not have refused an order: it would be a double booking.
 * policyd is then started again over that full pool, and asked what people ask of one.
 */

#include <math.h>

#include "common/json/json-get.h"
#include "protocol/names.h"
#include "tests/bench/stage.h"

static int make_start(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        int r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, s->vms[i], POLICY_IFACE_VM, "Start");

        return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
}

typedef struct Tally {
        size_t n, n_scheduled, n_halted, n_overfull;
} Tally;

/* One page of objects. */
static int list(Stage *s, const char *class, uint32_t offset, struct json_object **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *page = NULL;
        struct json_object *objects;
        JsonReader reader = {};
        const char *text;
        int r;

        r = stage_call(
                s, &reply, POLICY_PATH, POLICY_IFACE_MANAGER, "List", "sa{sv}uu", class, 0, offset, 500);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &text);
        if (r >= 0)
                r = json_parse(&reader, text, strlen(text), &page);
        if (r >= 0)
                r = json_get_array(&reader, page, "objects", &objects);
        if (r >= 0)
                *ret = json_object_get(objects);
        return r;
}

static void tally_object(struct json_object *o, const char *class, Tally *t) {
        JsonReader reader = {};
        struct json_object *resident = NULL;
        const char *text = "";

        t->n++;
        if (streq(class, "vm")) {
                if (json_get_string(&reader, o, "ScheduledToBeResidentOn", &text) >= 0 && !isempty(text) &&
                        !streq(text, "/"))
                        t->n_scheduled++;
                if (json_get_string(&reader, o, "PowerState", &text) < 0 || !streq(text, "running"))
                        t->n_halted++;
        } else if (json_get_array(&reader, o, "ResidentVGPUs", &resident) >= 0)
                t->n_overfull += json_object_array_length(resident) > 8;
}

static int tally(Stage *s, const char *class, Tally *ret) {
        for (uint32_t offset = 0;; offset += 500) {
                _cleanup_json_ struct json_object *page = NULL;
                size_t n;
                int r;

                r = list(s, class, offset, &page);
                if (r < 0)
                        return r;
                n = json_object_array_length(page);
                for (size_t i = 0; i < n; i++)
                        tally_object(json_object_array_get_idx(page, i), class, ret);
                if (n < 500)
                        return 0;
        }
}

static int storm(Report *r, Stage *s, size_t n) {
        _cleanup_free_ double *latency = calloc(n, sizeof(double));
        Flight f = {.stage = s,
                .n_connections = CONNECTIONS_MAX,
                .n_total = n,
                .make = make_start,
                .latency = latency};
        Tally vms = {}, pgpus = {};
        PlayerTally player = {};
        uint64_t start = now_ns();
        double all, p99;
        int error;

        if (!latency)
                return -ENOMEM;
        error = flight_run(&f);
        if (error >= 0)
                error = stage_wait_jobs(s, n);
        if (error < 0)
                return error;
        all = (double) (now_ns() - start) / 1e9;
        p99 = percentile(latency, n, 0.99);

        error = stage_ask_player(s, &player);
        if (error >= 0)
                error = tally(s, "vm", &vms);
        if (error >= 0)
                error = tally(s, "pgpu", &pgpus);
        if (error < 0)
                return error;

        printf("  %zu starts in %.2f s: %.0f per s, p50 %.0f us, p99 %.0f us; every VM running after %.2f "
               "s\n",
                n, f.seconds, (double) n / f.seconds, percentile(latency, n, 0.5), p99, all);
        report_round(r, "storm", 0, "starts per s", (double) n / f.seconds);
        report_round(r, "storm", 0, "p99 us", p99);
        report_round(r, "storm", 0, "seconds until all run", all);
        report_target(r, "storm: VMs that do not run", (double) (n - (vms.n - vms.n_halted)), 0, false);
        report_target(r, "storm: orders that the hosts refused", (double) player.n_refused, 0, false);
        report_target(r, "storm: VMs left scheduled", (double) vms.n_scheduled, 0, false);
        report_target(r, "storm: PGPUs with more VGPUs than they hold", (double) pgpus.n_overfull, 0, false);
        return 0;
}

/* CPU of policyd for one call, in µs: the median of several, each asked alone. What a child of it took of each is told beside: others do not wait for that. */
static double cpu_of_call(Stage *s, size_t n, bool refused, const char *path, const char *interface,
        const char *member, const char *class) {
        uint64_t children = children_cpu_ns_of(s->policyd);
        double times[200];

        for (size_t i = 0; i < n; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
                uint64_t start = cpu_ns_of(s->policyd);
                int r;

                r = sd_bus_message_new_method_call(
                        s->connections[0], &m, POLICY_BUS_NAME, path, interface, member);
                if (r >= 0 && class)
                        r = sd_bus_message_append(m, "sa{sv}uu", class, 0, 0, 500);
                else if (r >= 0 && streq(member, "Metrics"))
                        r = sd_bus_message_append(m, "s", "text");
                else if (r >= 0 && streq(member, "Start"))
                        r = sd_bus_message_append(m, "a{sv}", 0);
                if (r >= 0)
                        r = sd_bus_call(s->connections[0], m, 0, NULL, NULL);
                if (refused ? r >= 0 : r < 0)
                        return NAN;
                times[i] = (double) (cpu_ns_of(s->policyd) - start) / 1000;
        }
        children = children_cpu_ns_of(s->policyd) - children;
        if (children > 0)
                printf("  %s: %.1f ms of CPU in a child of policyd, beside\n", member,
                        (double) children / 1e6 / (double) n);
        return percentile(times, n, 0.5);
}

static int start_again(Report *r, Stage *s) {
        const char *last = s->vms[s->n_vms - 1];
        uint64_t cpu, heap;
        double mib;
        int error;

        error = stage_restart(s, &cpu);
        if (error >= 0)
                error = stage_wait_hosts(s);
        if (error >= 0)
                error = stage_settle(s, 500);
        if (error < 0)
                return error;

        heap = heap_of(s->policyd);
        mib = (double) resident_of(s->policyd) / (1 << 20);
        printf("  started again over the full pool: %.3f s of CPU until ready, %.3f s until every host is "
               "online, %.1f MiB "
               "resident\n",
                (double) cpu / 1e9, (double) cpu_ns_of(s->policyd) / 1e9, mib);
        printf("  %.1f MiB of that are its own, %.1f MiB more than with an empty pool: hosts, PGPUs, VMs, "
               "VGPUs and "
               "jobs\n",
                (double) heap / (1 << 20), (double) (heap - MIN_OF(heap, s->heap_empty)) / (1 << 20));
        report_round(r, "start-up", 0, "resident MiB", mib);
        report_round(r, "start-up", 0, "heap MiB", (double) heap / (1 << 20));
        report_round(r, "start-up", 0, "heap MiB of an empty pool", (double) s->heap_empty / (1 << 20));
        report_target(r, "start-up: s of CPU until ready", (double) cpu / 1e9, 1, false);
        report_target(r, "Capacity: ms of CPU",
                cpu_of_call(s, 50, false, POLICY_PATH, POLICY_IFACE_MANAGER, "Capacity", NULL) / 1000, 5,
                false);
        report_target(r, "Metrics: ms of CPU",
                cpu_of_call(s, 50, false, POLICY_PATH, POLICY_IFACE_MANAGER, "Metrics", NULL) / 1000, 5, false);
        report_target(r, "Explain of a one-VGPU VM: ms of CPU",
                cpu_of_call(s, 50, false, last, POLICY_IFACE_VM, "Explain", NULL) / 1000, 5, false);
        report_target(r, "List, a page of 500 VMs: ms of CPU",
                cpu_of_call(s, 50, false, POLICY_PATH, POLICY_IFACE_MANAGER, "List", "vm") / 1000, 5, false);
        report_target(r, "a refused Start: us of CPU",
                cpu_of_call(s, 200, true, last, POLICY_IFACE_VM, "Start", NULL), 100, false);
        return 0;
}

/* policyd's own memory once it has read the pool from disk and every host is online: what a pool costs, and
 * not what its making cost. */
static int heap_again(Stage *s, double *ret) {
        uint64_t cpu;
        int r;

        r = stage_restart(s, &cpu);
        if (r >= 0)
                r = stage_wait_hosts(s);
        if (r >= 0)
                r = stage_settle(s, 200);
        *ret = (double) heap_of(s->policyd) - (double) s->heap_empty;
        return r;
}

/* The same hosts with one PGPU each, to tell what the others cost. */
static int heap_of_small_hosts(size_t n_hosts, double *ret) {
        _cleanup_stage_ Stage s = {.epoll = -1};
        int r;

        r = stage_open(&s, n_hosts, 1);
        return r < 0 ? r : heap_again(&s, ret);
}

/* The VMs of the storm, and on the way what a host, a PGPU, a VM and a VGPU cost. */
static int add_vms(Report *r, Stage *s, size_t n_pgpus, size_t n) {
        double small = 0, hosts = 0, bare = 0, whole = 0, n_more = (double) (s->n_hosts * (n_pgpus - 1));
        int error;

        error = heap_of_small_hosts(s->n_hosts, &small);
        if (error >= 0)
                error = heap_again(s, &hosts);
        if (error >= 0)
                error = stage_add_bare_vms(s, n);
        if (error >= 0)
                error = heap_again(s, &bare);
        if (error >= 0)
                error = stage_add_vgpus(s, n);
        if (error >= 0)
                error = heap_again(s, &whole);
        if (error < 0)
                return error;
        printf("  a host of one PGPU takes %.1f KiB of memory with its connection, a halted VM without VGPUs "
               "%.2f "
               "KiB\n",
                small / 1024 / (double) s->n_hosts, (bare - hosts) / 1024 / (double) n);
        report_round(r, "memory", 0, "KiB of a host", small / 1024 / (double) s->n_hosts);
        report_round(r, "memory", 0, "KiB of a VM", (bare - hosts) / 1024 / (double) n);
        report_target(r, "memory: KiB for each PGPU", (hosts - small) / 1024 / n_more, 1, false);
        report_target(r, "memory: KiB for each VGPU", (whole - bare) / 1024 / (double) n, 1, false);
        return 0;
}

int bench_storm(Report *r) {
        size_t n_hosts = r->quick ? 16 : 64, n_pgpus = r->quick ? 8 : 16, n = n_hosts * n_pgpus * 8;
        _cleanup_free_ char *tunables = strdup(getenv("GLIBC_TUNABLES") ?: "");
        _cleanup_stage_ Stage s = {.epoll = -1};
        double ignored;
        int error;

        printf("Boot storm: %zu VM starts on %zu hosts of %zu PGPUs, and a start of policyd with them\n", n,
                n_hosts, n_pgpus);
        /* Memory is told without huge pages, which come 2 MiB at a time. */
        unsetenv("GLIBC_TUNABLES");
        error = stage_open(&s, n_hosts, n_pgpus);
        if (error >= 0)
                error = add_vms(r, &s, n_pgpus, n);
        if (!tunables || setenv("GLIBC_TUNABLES", tunables, /* overwrite= */ 1) < 0)
                error = -ENOMEM;
        if (error >= 0)
                error = heap_again(&s, &ignored);
        if (error >= 0)
                error = storm(r, &s, n);
        if (error >= 0)
                error = stage_add_vms(&s, 1); /* which finds no room */
        return error < 0 ? error : start_again(r, &s);
}
