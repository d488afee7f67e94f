#pragma once

/*
 * What happened, one line an event
 *
 * The only thing that is printed, and the only thing that the auditor reads: "<seconds> <who> <what> <name>=<value> …".
 */

#include <stdio.h>

#include "common/base/loop.h"

typedef struct History {
        Loop *loop;
        FILE *file;    /* NULL: it is not printed */
        bool muted;    /* what is added now did not happen */
        uint64_t n;    /* lines */
        uint64_t hash; /* of all of them: two histories are the same where these are */
        void (*heard)(const char *line, void *userdata);
        void *userdata;
} History;

/* A fault that was prepared takes effect: it counts, once. NULL: none was. */
void history_strike(uint64_t **count);

void history_add(History *h, const char *format, ...) _printf_(2, 3);
