#pragma once

/*
 * The table that a run ends with
 */

#include "tests/proof/coverage.h"
#include "tests/proof/faults.h"
#include "tests/proof/work.h"

typedef struct Totals {
        uint64_t histories, calls, lines, broken, changed;
        uint64_t faults[_FAULT_MAX];
        TroubleCount troubles;
        MethodCount *methods, *methods_again; /* of histories that were played again */
        Coverage *coverage;
} Totals;

void totals_init(Totals *t);
void totals_done(Totals *t);
/* seconds: of processor time. whole: with each method, state and error. Returns how many of these nobody reached. */
size_t report(const Totals *t, double seconds, bool whole);
