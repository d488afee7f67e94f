/*
 * Problems: what somebody should see to, at the host that has it
 *
 * A host's list is made anew from those who know of one: each source adds its sentences, what asks for an act
 * first. It is kept nowhere else, so whoever changes what a source looks at calls host_problems_update(); a
 * new sentence is logged once, when it comes.
 */

#include <stdarg.h>
#include <stdio.h>

#include "policyd/service/internal.h"
#include "policyd/service/object-log.h"

#define PROBLEMS_MAX 64

typedef struct Problems {
        const char *texts[PROBLEMS_MAX + 2]; /* they and a count of the others, NULL-terminated */
        char *owned[PROBLEMS_MAX + 1];
        size_t n, n_left_out;
        int error;
} Problems;

static void problems_done(Problems *list) {
        for (size_t i = 0; i < ARRAY_SIZE(list->owned); i++)
                free(list->owned[i]);
}

_printf_(2, 3) static void problem_add(Problems *list, const char *format, ...) {
        va_list ap;

        if (list->n >= PROBLEMS_MAX) {
                list->n_left_out++;
                return;
        }
        va_start(ap, format);
        if (vasprintf(&list->owned[list->n], format, ap) < 0) {
                list->owned[list->n] = NULL;
                list->error = -ENOMEM;
        }
        va_end(ap);
        list->texts[list->n] = list->owned[list->n];
        list->n += list->owned[list->n] ? 1 : 0;
}

static int problems_end(Problems *list) {
        if (list->n_left_out > 0 &&
                asprintf(&list->owned[list->n], "%zu more are not shown; the host's journal has them.",
                        list->n_left_out) < 0) {
                list->owned[list->n] = NULL;
                return -ENOMEM;
        }
        list->texts[list->n] = list->owned[list->n];
        return list->error;
}

/* What hostd found wrong with its own facts. */
static void add_reported(const Policy *p, const Host *h, Problems *list) {
        const Peer *peer = hashmap_get(p->peers, &h->object.id);

        for (char **problem = peer ? peer->report.problems : NULL; problem && *problem; problem++)
                problem_add(list, "%s", *problem);
}

/* Who knows of problems of a host. */
static void (*const host_sources[])(const Policy *p, const Host *h, Problems *list) = {
        add_reported,
};

static bool has_problem(const Host *h, const char *text) {
        for (char **problem = h->problems; *problem; problem++)
                if (streq(*problem, text))
                        return true;
        return false;
}

int host_problems_update(Policy *p, Host *h) {
        _cleanup_(problems_done) Problems list = {};
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(host_sources); i++)
                host_sources[i](p, h, &list);
        r = problems_end(&list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.n; i++)
                if (!has_problem(h, list.texts[i]))
                        log_host(LOG_NOTICE, MSG_TYPE_FILE_PROBLEM, h, "Host %s: %s", h->name_label,
                                list.texts[i]);
        r = pool_set_host_problems(p->pool, h, list.texts);
        if (pool_has_changes(p->pool))
                batch_open(p);
        return r;
}
