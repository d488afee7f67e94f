/*
 * xenvgpu-sim
 *
 * Replays traces of arrivals against pools with the decider of policyd, and compares the algorithms. It knows
 * no daemon, no clock and no disk but the files that it is given.
 */

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "tests/sim/bound.h"
#include "tests/sim/compare.h"
#include "tests/sim/plot.h"

#define FILE_MAX (256u << 20)
#define LOAD_MAX 100.0

typedef struct Arguments {
        const char *pool, *trace, *plots;
        Mix mix;
        GroupAlgorithm algorithm;
        double load;
        uint64_t seed, seeds;
        bool json;
} Arguments;

static const char usage[] =
        "xenvgpu-sim pool [even|unequal]                     print a pool's description\n"
        "xenvgpu-sim generate --mix=morning|churn|bursts [--pool=FILE] [--load=0.9] [--seed=1]\n"
        "                                                    print a trace, one JSON object per line\n"
        "xenvgpu-sim replay [--trace=FILE] [--pool=FILE] [--algorithm=NAME] [--json]\n"
        "                                                    what each algorithm makes of it\n"
        "xenvgpu-sim compare [--seeds=30] [--json] [--plots=FOLDER]\n"
        "                                                    every mix, pool and load; exit code 3 when "
        "best-fit is\n"
        "                                                    not the best\n"
        "FILE may be '-', and a pool 'even' or 'unequal' (the default is even).\n";

static int fail(const char *what, const char *why) {
        fprintf(stderr, "xenvgpu-sim: %s: %s\n", what, why);
        return EXIT_FAILURE;
}

static int read_text(const char *path, char **ret, size_t *ret_size) {
        return streq(path, "-") ? file_read_fd(STDIN_FILENO, FILE_MAX, ret, ret_size) : file_read(path, FILE_MAX, ret, ret_size);
}

static int load_shape(const char *name, Shape *ret) {
        const char *text = shape_text(name);
        _cleanup_free_ char *owned = NULL;
        char error[512];
        size_t size;
        int r;

        if (!text) {
                r = read_text(name, &owned, &size);
                if (r < 0)
                        return fail(name, strerror(-r));
                text = owned;
        }

        r = shape_parse(text, strlen(text), ret, error, sizeof(error));
        return r < 0 ? fail(name, error) : 0;
}

static int verb_pool(const char *name) {
        const char *text = shape_text(name);

        if (!text)
                return fail(name, "is neither 'even' nor 'unequal'");
        fputs(text, stdout);
        return 0;
}

static int verb_generate(const Arguments *args) {
        _cleanup_shape_ Shape s = {};
        _cleanup_trace_ Trace t = {};
        int r;

        r = load_shape(args->pool, &s);
        if (r != 0)
                return r;
        r = mix_generate(args->mix, &s, args->load, args->seed, &t);
        if (r < 0)
                return fail(args->pool, r == -EINVAL ? "lacks a type of the mix" : strerror(-r));

        for (size_t i = 0; i < t.n; i++) {
                _cleanup_free_ char *line = arrival_to_text(&s, &t.items[i]);

                if (!line)
                        return fail(args->pool, strerror(ENOMEM));
                puts(line);
        }
        return 0;
}

static int print_outcome(
        const Arguments *args, const Shape *s, GroupAlgorithm a, const Outcome *o, double bound) {
        _cleanup_json_ struct json_object *json = NULL;
        _cleanup_free_ char *text = NULL;

        if (!args->json) {
                printf("%-14s refused %6zu of %zu VMs (%.2f %%, at least %.0f by any packing); size accepted "
                       "%.2f %%; stranded "
                       "%.2f PGPUs; opened %.2f, at most %zu; %zu openings\n",
                        group_algorithm_to_string(a), o->n_refused, o->n_arrivals,
                        100.0 * (double) o->n_refused / (double) MAX_OF(o->n_arrivals, (size_t) 1), bound,
                        o->asked_size > 0 ? 100 - 100 * o->refused_size / o->asked_size : 100, o->stranded,
                        o->opened, o->opened_most, o->n_openings);
                for (size_t i = 0; i <= SHAPE_TYPES_MAX; i++)
                        if (o->refused_by_type[i] > 0)
                                printf("%-14s   %s %zu\n", "",
                                        i < s->n_types ? s->types[i].name : "passthrough",
                                        o->refused_by_type[i]);
                return 0;
        }

        json = json_object_new_object();
        if (!json || json_add_string(json, "algorithm", group_algorithm_to_string(a)) < 0 ||
                json_add_u64(json, "arrivals", o->n_arrivals) < 0 ||
                json_add_u64(json, "refused", o->n_refused) < 0 ||
                json_add_double(json, "bound", bound) < 0 ||
                json_add_double(json, "asked_size", o->asked_size) < 0 ||
                json_add_double(json, "refused_size", o->refused_size) < 0 ||
                json_add_double(json, "stranded", o->stranded) < 0 ||
                json_add_double(json, "opened", o->opened) < 0 ||
                json_add_u64(json, "opened_most", o->opened_most) < 0 ||
                json_add_u64(json, "openings", o->n_openings) < 0)
                return fail("outcome", strerror(ENOMEM));
        text = json_to_text(json);
        puts(strempty(text));
        return 0;
}

static int verb_replay(const Arguments *args) {
        _cleanup_free_ char *text = NULL;
        _cleanup_shape_ Shape s = {};
        _cleanup_trace_ Trace t = {};
        char error[512];
        double bound;
        size_t size;
        int r;

        if (streq(args->pool, "-") && streq(args->trace, "-"))
                return fail(
                        "replay", "only one of --pool and --trace can be '-', as the trace is if not named");
        r = load_shape(args->pool, &s);
        if (r != 0)
                return r;
        r = read_text(args->trace, &text, &size);
        if (r < 0)
                return fail(args->trace, strerror(-r));
        if (trace_parse(&s, text, size, &t, error, sizeof(error)) < 0)
                return fail(args->trace, error);
        if (refusal_bound(&s, &t, &bound) < 0)
                return fail(args->trace, strerror(ENOMEM));

        for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                Outcome o;

                if (args->algorithm >= 0 && args->algorithm != a)
                        continue;
                r = replay(&s, &t, a, NULL, &o);
                if (r < 0)
                        return fail(args->trace, strerror(-r));
                r = print_outcome(args, &s, a, &o, bound);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int verb_compare(const Arguments *args) {
        Scenario scenarios[COMPARE_SCENARIOS];
        _cleanup_free_ char *text = NULL;
        bool met = true;
        int r;

        r = compare_all(args->seeds, scenarios);
        if (r >= 0 && args->plots)
                r = plot_all(scenarios, COMPARE_SCENARIOS, args->plots);
        if (r < 0)
                return fail("compare", strerror(-r));

        if (args->json) {
                text = compare_to_json(scenarios, COMPARE_SCENARIOS);
                puts(strempty(text));
        } else
                compare_print(scenarios, COMPARE_SCENARIOS);

        for (size_t i = 0; i < COMPARE_SCENARIOS; i++)
                met &= scenario_is_met(&scenarios[i]);
        return met ? 0 : 3;
}

static int take_load(const char *text, double *ret) {
        char *end;
        double load = strtod(text, &end);

        if (isempty(text) || *end || !(load > 0 && load <= LOAD_MAX))
                return fail(text, "is not a load above 0, up to 100");
        *ret = load;
        return 0;
}

static int take_option(Arguments *args, int option) {
        switch (option) {
        case 'p':
                args->pool = optarg;
                return 0;
        case 't':
                args->trace = optarg;
                return 0;
        case 'o':
                args->plots = optarg;
                return 0;
        case 'm':
                args->mix = mix_from_string(optarg);
                return args->mix < 0 ? fail(optarg, "is none of morning, churn and bursts") : 0;
        case 'a':
                args->algorithm = group_algorithm_from_string(optarg);
                return args->algorithm < 0
                               ? fail(optarg, "is none of depth-first, breadth-first and best-fit")
                               : 0;
        case 'l':
                return take_load(optarg, &args->load);
        case 's':
                return parse_u64(optarg, &args->seed) < 0 ? fail(optarg, "is not a seed, a whole number") : 0;
        case 'n':
                return parse_u64(optarg, &args->seeds) < 0 || args->seeds < 1 ||
                                       args->seeds > COMPARE_SEEDS_MAX
                               ? fail(optarg, "is not a number of seeds from 1 to 1000")
                               : 0;
        case 'j':
                args->json = true;
                return 0;
        default:
                fputs(usage, stderr);
                return EXIT_FAILURE;
        }
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {{"pool", required_argument, NULL, 'p'},
                {"trace", required_argument, NULL, 't'}, {"plots", required_argument, NULL, 'o'},
                {"mix", required_argument, NULL, 'm'}, {"algorithm", required_argument, NULL, 'a'},
                {"load", required_argument, NULL, 'l'}, {"seed", required_argument, NULL, 's'},
                {"seeds", required_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'},
                {"help", no_argument, NULL, 'h'}, {}};
        Arguments args = {.pool = "even",
                .trace = "-",
                .mix = MIX_CHURN,
                .algorithm = _GROUP_ALGORITHM_INVALID,
                .load = 0.9,
                .seed = 1,
                .seeds = 30};
        const char *verb;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'h') {
                        fputs(usage, stdout);
                        return EXIT_SUCCESS;
                }
                if (take_option(&args, c) != 0)
                        return EXIT_FAILURE;
        }

        verb = optind < argc ? argv[optind] : "";
        if (streq(verb, "pool"))
                return verb_pool(optind + 1 < argc ? argv[optind + 1] : args.pool);
        if (streq(verb, "generate"))
                return verb_generate(&args);
        if (streq(verb, "replay"))
                return verb_replay(&args);
        if (streq(verb, "compare"))
                return verb_compare(&args);

        fputs(usage, stderr);
        return EXIT_FAILURE;
}
