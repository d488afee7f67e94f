#pragma once

/*
 * What the tests of hostd's core share
 *
 * Cases of XenServer's own tests carry their ids as names: CASE("GVT-L-1", function).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/macros.h"
#include "hostd/core/problem.h"

#define CASE(id, function)                                                                                   \
        { .name = (id), .test_func = (function) }
#define assert_ok(expression) assert_int_equal((expression), 0)

/* The problems that a parser told of. */
typedef struct Told {
        unsigned n;
        unsigned line;    /* of the last one */
        char reason[600]; /* of the last one */
} Told;

static inline _unused_ void tell(const char *path, unsigned line, const char *reason, void *userdata) {
        Told *told = userdata;

        told->n++;
        told->line = line;
        snprintf(told->reason, sizeof(told->reason), "%s", reason);
}

static inline _unused_ ProblemSink sink_to(Told *told) {
        return (ProblemSink){ .handler = tell, .userdata = told };
}

static inline _unused_ void assert_contains(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("'%s' does not contain '%s'", text, part);
}
