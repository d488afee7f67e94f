/*
 * xenvgpu-crowd: a full pool to look at
 *
 * The real policyd with played hosts, each VM running with a K100. Prints the address of policyd's bus and its process
 * id, and ends with its standard input. What shows a pool (a page, an exporter) is tried with it at size.
 */

#include <poll.h>

#include "common/base/parse.h"
#include "protocol/names.h"
#include "tests/bench/stage.h"

static int make_start(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        int r = sd_bus_message_new_method_call(bus, ret, POLICY_BUS_NAME, s->vms[i], POLICY_IFACE_VM, "Start");

        return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
}

static int start_all(Stage *s, size_t n) {
        _cleanup_free_ double *latency = calloc(n, sizeof(double));
        Flight f = {
                .stage = s, .n_connections = CONNECTIONS_MAX, .n_total = n, .make = make_start, .latency = latency};
        int r = latency ? stage_add_vms(s, n) : -ENOMEM;

        r = r < 0 ? r : flight_run(&f);
        return r < 0 ? r : stage_wait_jobs(s, n);
}

static int hold(Stage *s) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        char byte;

        printf("address=%s\npid=%d\n", s->address, s->policyd);
        fflush(stdout);
        for (;;) {
                if (stage_turn(s, 100) < 0)
                        return -EIO;
                if (poll(&in, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0)
                        return 0;
        }
}

int main(int argc, char *argv[]) {
        _cleanup_stage_ Stage s = {};
        uint64_t hosts, pgpus, vms;
        int r;

        if (argc != 4 || parse_u64(argv[1], &hosts) < 0 || parse_u64(argv[2], &pgpus) < 0 || parse_u64(argv[3], &vms) < 0) {
                fprintf(stderr, "usage: xenvgpu-crowd HOSTS PGPUS-OF-EACH VMS\n");
                return 2;
        }
        bench_dir = getenv("TMPDIR") ?: "/var/tmp";
        r = stage_open(&s, hosts, pgpus);
        r = r < 0 ? r : start_all(&s, vms);
        r = r < 0 ? r : hold(&s);
        if (r < 0)
                fprintf(stderr, "xenvgpu-crowd: %s\n", strerror(-r));
        return r < 0;
}
