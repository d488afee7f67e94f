/*
 * The table of a run
 */

#include <inttypes.h>

#include "tests/proof/report.h"

void totals_init(Totals *t) {
        *t = (Totals){
                .methods = calloc(work_n_methods(), sizeof(MethodCount)),
                .methods_again = calloc(work_n_methods(), sizeof(MethodCount)),
                .coverage = coverage_new(),
        };
        if (!t->methods || !t->methods_again)
                abort();
}

void totals_done(Totals *t) {
        free(t->methods);
        free(t->methods_again);
        t->coverage = coverage_free(t->coverage);
}

static void print_rate(const char *what, uint64_t n, double seconds) {
        printf("%s: %" PRIu64 " (%.0f a minute of one core)\n", what, n, (double) n * 60 / seconds);
}

static void print_faults(const Totals *t, double seconds) {
        uint64_t faults = 0;

        for (size_t i = 0; i < _FAULT_MAX; i++)
                faults += t->faults[i];
        print_rate("faults", faults, seconds);
        for (size_t i = 0; i < _FAULT_MAX; i++)
                printf("    %-70s %" PRIu64 "\n", fault_to_string((Fault) i), t->faults[i]);
}

static void print_troubles(const TroubleCount *c) {
        printf("troubles of emulators, guests and what they stand on, and the stage of the VM's program then:\n");
        for (Trouble t = 0; t < _TROUBLE_MAX; t++) {
                printf("    %-70s %" PRIu64, trouble_to_string(t), trouble_count_of(c, t));
                trouble_count_print(c, t);
                printf("\n");
        }
}

/* Kinds that never came. */
static size_t count_missing(const Totals *t) {
        size_t n = 0;

        for (size_t i = 0; i < _FAULT_MAX; i++)
                n += t->faults[i] == 0;
        for (Trouble k = 0; k < _TROUBLE_MAX; k++)
                n += trouble_count_of(&t->troubles, k) == 0;
        return n;
}

static size_t print_methods(const Totals *t, bool whole) {
        size_t n = work_n_methods(), n_missing = 0, n_elsewhere = 0;

        printf("methods of both interfaces, how often they were called, acknowledged, refused:\n");
        for (size_t i = 0; i < n; i++) {
                const MethodCount *c = &t->methods[i];
                const char *elsewhere, *name = work_method_name(i, &elsewhere);

                n_elsewhere += elsewhere != NULL;
                n_missing += !elsewhere && c->called == 0;
                if (elsewhere && whole)
                        printf("    %-70s %s\n", name, elsewhere);
                else if (whole || (!elsewhere && c->called == 0))
                        printf("    %-70s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name, c->called, c->acked, c->refused);
        }
        printf("  %zu of %zu, %zu by other tests\n", n - n_missing - n_elsewhere, n, n_elsewhere);
        return n_missing;
}

size_t report(const Totals *t, double seconds, bool whole) {
        size_t n_missing = 0;

        if (whole) {
                n_missing += print_methods(t, whole);
                n_missing += coverage_print(t->coverage, stdout, whole);
        }
        printf("histories: %" PRIu64 "\n", t->histories);
        print_rate("events", t->lines, seconds);
        print_rate("calls", t->calls, seconds);
        print_faults(t, seconds);
        print_troubles(&t->troubles);
        n_missing += whole ? count_missing(t) : 0;
        if (whole)
                printf("methods, states, errors and faults that nobody reached: %zu\n", n_missing);
        printf("histories that differ when played again: %" PRIu64 "\nbroken: %" PRIu64 "\n", t->changed, t->broken);
        return n_missing;
}
