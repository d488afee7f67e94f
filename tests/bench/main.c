/*
 * xenvgpu-bench
 *
 * Runs the benchmarks that are named, or all, and prints a table and each target with its limit. The exit
 * code is 0 also when a target is not met: a machine is not a defect. tests/bench/run builds and starts it.
 */

#include <getopt.h>

#include "tests/bench/bench.h"

static const struct {
        const char *name;
        int (*run)(Report *r);
} benches[] = {
        {"decision", bench_decision},
        {"durable", bench_durable},
        {"storm", bench_storm},
        {"search", bench_search},
        {"readers", bench_readers},
};

static bool is_wanted(const char *name, char *const *names) {
        if (!*names)
                return true;
        for (; *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

static int usage(void) {
        fprintf(stderr, "usage: xenvgpu-bench [--json=FILE] [--quick] [--dir=FOLDER]");
        for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
                fprintf(stderr, " [%s]", benches[i].name);
        fprintf(stderr, "\n");
        return 2;
}

static bool is_bench(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
                if (streq(name, benches[i].name))
                        return true;
        fprintf(stderr, "bench: there is no benchmark '%s'\n", name);
        return false;
}

/* Before minutes are spent on what could not be written. */
static bool can_write(const char *path) {
        FILE *f = fopen(path, "ae");

        if (!f) {
                fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
                return false;
        }
        fclose(f);
        return true;
}

/* What the numbers are from, in words that name no machine. */
static void print_machine(const char *when) {
        double load[3] = {};

        if (getloadavg(load, 3) < 1)
                return;
        printf("Load of this machine of %ld CPUs %s: %.2f (one minute; the benchmark counts itself)\n",
                sysconf(_SC_NPROCESSORS_ONLN), when, load[0]);
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {{"json", required_argument, NULL, 'j'},
                {"quick", no_argument, NULL, 'q'}, {"dir", required_argument, NULL, 'd'}, {}};
        _cleanup_(report_done) Report r = {};
        const char *json = NULL;
        bool quick = false;
        int c, error = 0;

        bench_dir = getenv("TMPDIR") ?: bench_dir;
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case 'j':
                        json = optarg;
                        break;
                case 'q':
                        quick = true;
                        break;
                case 'd':
                        bench_dir = optarg;
                        break;
                default:
                        return usage();
                }
        for (int i = optind; i < argc; i++)
                if (!is_bench(argv[i]))
                        return usage();
        if (json && !can_write(json))
                return EXIT_FAILURE;

        if (report_init(&r, quick) < 0)
                return EXIT_FAILURE;
        print_machine("before");
        for (size_t i = 0; i < ARRAY_SIZE(benches) && error >= 0; i++) {
                if (!is_wanted(benches[i].name, argv + optind))
                        continue;
                error = benches[i].run(&r);
                if (error < 0)
                        fprintf(stderr, "bench: %s failed: %s\n", benches[i].name, strerror(-error));
        }

        print_machine("after");
        if (error >= 0)
                printf("%s\n", r.all_met ? "Every target is met." : "Not every target is met.");
        if (json && error >= 0)
                error = report_write(&r, json);
        if (json && error < 0)
                fprintf(stderr, "bench: %s was not written\n", json);
        return error < 0 ? EXIT_FAILURE : 0;
}
