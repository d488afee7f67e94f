/*
 * Readers beside each other
 *
 * How long others wait for a short answer (Find) while some pipeline the longest ones. The floor is the same
 * call with nobody beside, in the same round.
 */

#include <inttypes.h>

#include "protocol/names.h"
#include "tests/bench/stage.h"

#define FINDS_MAX 20000
#define FINDS_QUICK 1000
#define PIPELINED 8 /* calls that each of the others keeps open */
#define N_LONG 4    /* callers, one for each of these methods */

typedef struct Long {
        Stage *stage;
        sd_bus *bus;
        const char *group;
        size_t kind;
        uint64_t n_answers;
        bool ending;
        unsigned n_open;
        int error;
} Long;

static int make_long(Long *l, sd_bus_message **ret) {
        const char *vm = l->stage->vms[0], *path = POLICY_PATH, *interface = POLICY_IFACE_MANAGER,
                   *member = "Capacity";
        int r;

        if (l->kind == 1) {
                path = vm;
                interface = POLICY_IFACE_VM;
                member = "Explain";
        } else if (l->kind == 2)
                member = "List";
        else if (l->kind == 3) {
                path = l->group;
                interface = POLICY_IFACE_GPU_GROUP;
                member = "Plan";
        }
        r = sd_bus_message_new_method_call(l->bus, ret, POLICY_BUS_NAME, path, interface, member);
        if (r >= 0 && l->kind == 2)
                r = sd_bus_message_append(*ret, "sa{sv}uu", "vm", 0, 0, 1000);
        if (r >= 0 && l->kind == 3)
                r = sd_bus_message_append(*ret, "o", "/");
        return r;
}

static int ask_long(Long *l);

static int on_long(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Long *l = userdata;

        l->n_open--;
        if (sd_bus_message_is_method_error(reply, NULL))
                l->error = stage_say(sd_bus_message_get_error(reply)->message, -EREMOTEIO);
        l->n_answers++;
        if (!l->ending && l->error >= 0)
                l->error = ask_long(l);
        return 1;
}

static int ask_long(Long *l) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = make_long(l, &m);
        if (r >= 0)
                r = sd_bus_call_async(l->bus, NULL, m, on_long, l, UINT64_MAX);
        if (r < 0)
                return r;
        l->n_open++;
        return sd_bus_flush(l->bus);
}

static int make_find(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        int r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "Find");

        return r < 0 ? r : sd_bus_message_append(*ret, "ss", "host", "h0001");
}

static int find_p99(Stage *s, size_t n, double *ret) {
        _cleanup_free_ double *latency = calloc(n, sizeof(double));
        Flight f = {.stage = s, .n_connections = 1, .n_total = n, .make = make_find, .latency = latency};
        int r;

        if (!latency)
                return -ENOMEM;
        r = flight_run(&f);
        *ret = percentile(latency, n, 0.99);
        return r;
}

/* The long ones go on while the short ones are measured. */
static int find_p99_beside(Stage *s, const char *group, size_t n, double *ret, uint64_t *ret_answers) {
        Long others[N_LONG];
        int r = 0, q;

        for (size_t i = 0; i < N_LONG; i++)
                others[i] = (Long){.stage = s, .bus = s->connections[i + 1], .group = group, .kind = i};
        for (size_t k = 0; k < PIPELINED * N_LONG && r >= 0; k++)
                r = ask_long(&others[k % N_LONG]);
        if (r >= 0)
                r = find_p99(s, n, ret);
        for (size_t i = 0; i < N_LONG; i++) {
                others[i].ending = true;
                ret_answers[i] = others[i].n_answers;
        }
        for (size_t i = 0; i < N_LONG; i++)
                while (others[i].n_open > 0 && others[i].error >= 0)
                        if ((q = stage_turn(s, 1000)) < 0)
                                return q;
        for (size_t i = 0; i < N_LONG && r >= 0; i++)
                r = others[i].error;
        return r;
}

int bench_readers(Report *r) {
        size_t n_hosts = r->quick ? 16 : 64, n_vms = r->quick ? 500 : 4000, rounds = r->quick ? 3 : 9;
        size_t n_finds = r->quick ? FINDS_QUICK : FINDS_MAX;
        _cleanup_stage_ Stage s = {.epoll = -1};
        char group[PATH_SIZE] = "";
        Series ratios = {};
        int error;

        printf("Readers: p99 of Find beside %d clients that keep %d calls of Capacity, Explain, List or Plan "
               "open, %zu hosts, %zu VMs\n",
                N_LONG, PIPELINED, n_hosts, n_vms);
        error = stage_open(&s, n_hosts, 16);
        if (error >= 0)
                error = stage_add_vms(&s, n_vms);
        if (error >= 0)
                error = stage_find(
                        &s, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", group);
        for (size_t i = 0; i < rounds && error >= 0; i++) {
                uint64_t answers[N_LONG] = {};
                double alone = 0, beside = 0;

                error = find_p99(&s, n_finds, &alone);
                if (error >= 0)
                        error = find_p99_beside(&s, group, n_finds, &beside, answers);
                if (error < 0)
                        break;
                printf("  alone %.0f us, beside %.0f us; meanwhile %" PRIu64 " Capacity, %" PRIu64
                       " Explain, %" PRIu64 " List, %" PRIu64 " Plan\n",
                        alone, beside, answers[0], answers[1], answers[2], answers[3]);
                report_round(r, "readers", i, "p99 us of Find alone", alone);
                report_round(r, "readers", i, "p99 us of Find beside", beside);
                series_add(&ratios, beside / alone);
        }
        if (error >= 0)
                report_target(r, "readers: p99 of Find beside long calls / alone", series_median(&ratios), 10,
                        false);
        return error;
}
