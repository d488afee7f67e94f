/*
 * xenvgpu-prove: histories by seed, each audited
 *
 * Ends with 1 where a promise was broken; the seeds of those histories are named, and --print shows one. A run of some minutes, and one
 * with --require-all, also ends with 1 where a method, a state or an error was reached by nobody.
 */

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/base/parse.h"
#include "common/daemon/log.h"
#include "tests/proof/audit.h"
#include "tests/proof/faults.h"
#include "tests/proof/readers.h"
#include "tests/proof/inventory-seen.h"
#include "tests/proof/report.h"
#include "tests/proof/script.h"
#include "tests/proof/work.h"

#define QUIET (900 * SECOND)
#define RESCAN (700 * SECOND) /* each function of a board is reset, one of which may take so long */
#define CHECK_EVERY 8 /* events */
#define CHECK_STORED_EVERY 100

typedef struct Options {
        uint64_t seed, seeds, events, hosts, minutes;
        bool print, twice, no_faults, require_all;
        Script *script; /* or NULL */
} Options;

/* Who reads a history. */
typedef struct Readers {
        Audit *audit;
        Coverage *coverage; /* NULL: it was read before */
} Readers;

static void on_line(const char *line, void *userdata) {
        const Readers *r = userdata;

        audit_line(line, r->audit);
        if (r->coverage)
                coverage_line(r->coverage, line);
}

/* In steps: policyd is started again after each, if another master ended it. */
static void rest(World *w) {
        for (int i = 0; i < 20; i++) {
                world_run(w, QUIET / 20);
                person_heeds(w);
        }
}

static void play(World *w, Work *work, Mirror *mirror, Coverage *coverage, Faults *f, const Options *o) {
        work_begin(w);
        world_run(w, SECOND);
        for (unsigned i = 0; !o->no_faults && i < w->n_machines; i++)
                w->machines[i].trouble = true;
        for (uint64_t i = 0; i < o->events; i++) {
                world_run(w, (uint64_t) dice_exponential(&w->dice, 300000));
                faults_mend(f);
                if (!o->no_faults && chance(&w->dice, 60))
                        faults_make(f);
                else if (w->policy)
                        work_call(work);
                if (w->policy && coverage)
                        coverage_pool(coverage, policy_pool(w->policy));
                if (w->policy && i % CHECK_EVERY == 0)
                        world_check(w);
                /* A reservation is over before all is quiet. What waits for its commit goes on waiting. */
                if (w->policy && !w->undecided && !w->rows_spoilt && i % CHECK_STORED_EVERY == 0 && !pool_has_changes(policy_pool(w->policy)))
                        world_check_stored(w);
        }
        faults_mend_all(f);
        for (unsigned i = 0; i < w->n_machines; i++)
                w->machines[i].trouble = false;
        work_end(work);
        rest(w);
        for (unsigned i = 0; i < w->n_machines; i++)
                if (boards_has_one(&w->machines[i]))
                        machine_rescan(&w->machines[i]);
        world_run(w, RESCAN);
        history_add(&w->history, "check rescanned");
        history_add(&w->history, "check quiet");
        world_check(w);
        world_check_stored(w);
        world_list(w);
        read_all(w, mirror);
        /* What is on disk says the same. */
        world_crash_policyd(w);
        world_start_policyd(w);
        read_all(w, mirror);
        rest(w);
        world_list(w);
        read_all(w, mirror);
}

/* Whoever reads of a process that died wants to know of which history. */

static char dying_words[64];

static void on_death(int signal) {
        (void) !write(STDOUT_FILENO, dying_words, strlen(dying_words));
        raise(signal); /* its own action is back */
}

static void watch_for_death(void) {
        static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE};
        const struct sigaction action = {.sa_handler = on_death, .sa_flags = (int) (SA_RESETHAND | SA_NODEFER)};

        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                (void) sigaction(signals[i], &action, NULL);
}

/* One history; what it comes to. */
static uint64_t prove(const Options *o, uint64_t seed, bool again, Totals *t) {
        Audit *audit = audit_new(again ? NULL : stdout);
        Readers readers = {.audit = audit, .coverage = again || o->script ? NULL : t->coverage};
        Dice dice = {.state = seed};
        unsigned hosts = o->script ? script_hosts(o->script) : (unsigned) (o->hosts ?: chance_between(&dice, 2, MACHINES_MAX));
        World *w = world_new(seed, hosts, !o->script || script_has_boards(o->script), o->print && !again ? stdout : NULL, on_line, &readers);
        Mirror *mirror = o->script && !script_is_mirrored(o->script) ? NULL : mirror_new(w);
        Work *work = work_new(w, mirror, again ? t->methods_again : t->methods);
        Faults f = {.world = w};
        uint64_t hash;

        (void) snprintf(dying_words, sizeof(dying_words), "seed %" PRIu64 ": the process died\n", seed);
        w->net.claimed = inventory_seen;
        w->net.claimed_userdata = w;
        if (o->script)
                script_play(o->script, w, mirror);
        else
                play(w, work, mirror, readers.coverage, &f, o);
        hash = w->history.hash;
        if (!again) {
                if (audit_broken(audit) > 0)
                        printf("seed %" PRIu64 ": %zu broken\n", seed, audit_broken(audit));
                t->histories++;
                t->calls += w->calls;
                t->lines += w->history.n;
                t->broken += audit_broken(audit);
                for (size_t i = 0; i < _FAULT_MAX; i++)
                        t->faults[i] += f.n[i];
                for (unsigned i = 0; i < w->n_machines; i++)
                        trouble_count_add(&t->troubles, &w->machines[i].troubles);
        }
        mirror_free(mirror);
        faults_done(&f);
        world_free(w);
        work_free(work);
        audit_free(audit);
        return hash;
}

static double seconds(clockid_t clock) {
        struct timespec now;

        clock_gettime(clock, &now);
        return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int read_options(int argc, char **argv, Options *o) {
        static const struct option options[] = {
                {"seed", required_argument, NULL, 's'},
                {"seeds", required_argument, NULL, 'n'},
                {"events", required_argument, NULL, 'e'},
                {"hosts", required_argument, NULL, 'h'},
                {"minutes", required_argument, NULL, 'm'},
                {"print", no_argument, NULL, 'p'},
                {"twice", no_argument, NULL, '2'},
                {"no-faults", no_argument, NULL, 'f'},
                {"require-all", no_argument, NULL, 'a'},
                {"script", required_argument, NULL, 'x'},
                {},
        };
        uint64_t *numbers[256] = {
                ['s'] = &o->seed, ['n'] = &o->seeds, ['e'] = &o->events, ['h'] = &o->hosts, ['m'] = &o->minutes};
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == '?' || (c < 256 && numbers[c] && parse_u64(optarg, numbers[c]) < 0))
                        return -EINVAL;
                o->print |= c == 'p';
                o->twice |= c == '2';
                o->no_faults |= c == 'f';
                o->require_all |= c == 'a';
                if (c == 'x' && script_read(optarg, &o->script) < 0)
                        return -EINVAL;
                if (c == 'x')
                        script_seeds(o->script, &o->seed, &o->seeds);
        }
        return optind < argc || o->hosts > MACHINES_MAX || o->hosts == 1 ? -EINVAL : 0;
}

int main(int argc, char **argv) {
        Options o = {.seed = 1, .seeds = 1, .events = 400};
        double began = seconds(CLOCK_MONOTONIC);
        Totals totals = {};
        size_t n_missing;

        if (read_options(argc, argv, &o) < 0) {
                fprintf(stderr, "Usage: xenvgpu-prove [--seed S] [--seeds N] [--events N] [--hosts 2..16] "
                                "[--minutes N] [--print] [--twice] [--no-faults] [--require-all] [--script FILE]\n");
                return 2;
        }
        watch_for_death();
        log_setup("xenvgpu-prove", LOG_CRIT);
        if (work_check_methods(stderr) + coverage_check_page(stderr) > 0)
                return 1;
        totals_init(&totals);
        for (uint64_t i = 0; o.minutes ? seconds(CLOCK_MONOTONIC) - began < 60.0 * (double) o.minutes : i < o.seeds; i++) {
                uint64_t first = prove(&o, o.seed + i, /* again= */ false, &totals);

                if (o.twice && prove(&o, o.seed + i, /* again= */ true, &totals) != first) {
                        printf("seed %" PRIu64 ": another history when played again\n", o.seed + i);
                        totals.changed++;
                }
        }
        n_missing = report(&totals, seconds(CLOCK_PROCESS_CPUTIME_ID), /* whole= */ !o.script);
        totals_done(&totals);
        script_free(o.script);
        return totals.broken > 0 || totals.changed > 0 || ((o.require_all || o.minutes > 0) && n_missing > 0);
}
