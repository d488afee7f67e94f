/*
 * Reading and playing a script
 */

#include <inttypes.h>
#include <stdarg.h>

#include "common/base/parse.h"
#include "tests/proof/net-private.h"
#include "tests/proof/readers.h"
#include "tests/proof/script-private.h"

#define QUIET (900 * SECOND)

/* Reading */

static int complain(const Script *s, unsigned number, const char *what, const char *word) {
        fprintf(stderr, "%s:%u: %s: %s\n", s->path, number, what, word);
        return -EINVAL;
}

static void split(char *text, Line *l) {
        char *rest = NULL;

        text[strcspn(text, "#\n")] = '\0';
        for (char *word = strtok_r(text, " \t", &rest); word && l->n < WORDS_MAX; word = strtok_r(NULL, " \t", &rest))
                l->words[l->n++] = strdup(word);
}

static int number_of(const Script *s, const Line *l, unsigned i, uint64_t *ret) {
        return parse_u64(l->words[i], ret) < 0 ? complain(s, l->number, "No number", l->words[i]) : 0;
}

/* 1: it says how the script is played. */
static int read_head(Script *s, const Line *l) {
        uint64_t hosts;
        int r;

        if (streq(l->words[0], "hosts") && l->n == 2) {
                r = number_of(s, l, 1, &hosts);
                s->hosts = (unsigned) hosts;
                if (r == 0 && (hosts < 1 || hosts > MACHINES_MAX))
                        r = complain(s, l->number, "Too many hosts, or none", l->words[1]);
                return r ?: 1;
        }
        if (streq(l->words[0], "boards")) {
                s->boards = true;
                return 1;
        }
        if (streq(l->words[0], "unmirrored")) {
                s->unmirrored = true;
                return 1;
        }
        if (!streq(l->words[0], "seeds") || l->n != 3)
                return 0;
        r = number_of(s, l, 1, &s->first_seed);
        return r ?: number_of(s, l, 2, &s->n_seeds) ?: 1;
}

static void line_done(Line *l) {
        for (unsigned i = 0; i < l->n; i++)
                free(l->words[i]);
}

static int add_line(Script *s, Line *l) {
        int r;

        r = read_head(s, l);
        if (r != 0) {
                line_done(l);
                return r;
        }
        l->verb = script_verb(l->words[0]);
        s->lines = reallocarray(s->lines, s->n_lines + 1, sizeof(Line));
        if (!s->lines)
                abort();
        s->lines[s->n_lines++] = *l;
        if (!l->verb)
                return complain(s, l->number, "No verb", l->words[0]);
        if (l->n - 1 < l->verb->least || l->n - 1 > l->verb->most)
                return complain(s, l->number, "Too many words, or too few", l->words[0]);
        return 0;
}

int script_read(const char *path, Script **ret) {
        _cleanup_(script_freep) Script *s = calloc(1, sizeof(*s));
        _cleanup_free_ char *text = NULL;
        FILE *file = fopen(path, "re");
        size_t size = 0;
        int r = 0;

        if (!s)
                abort();
        *s = (Script){.path = path, .hosts = 2, .first_seed = 1, .n_seeds = 1};
        if (!file)
                return complain(s, 0, "It cannot be read", strerror(errno));
        for (unsigned number = 1; r >= 0 && getline(&text, &size, file) >= 0; number++) {
                Line l = {.number = number};

                split(text, &l);
                if (l.n > 0)
                        r = add_line(s, &l);
        }
        fclose(file);
        if (r < 0)
                return r;
        *ret = take_ptr(s);
        return 0;
}

Script *script_free(Script *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_lines; i++)
                line_done(&s->lines[i]);
        free(s->lines);
        free(s);
        return NULL;
}

unsigned script_hosts(const Script *s) {
        return s->hosts;
}

bool script_is_mirrored(const Script *s) {
        return !s->unmirrored;
}

bool script_has_boards(const Script *s) {
        return s->boards;
}

void script_seeds(const Script *s, uint64_t *ret_first, uint64_t *ret_n) {
        *ret_first = s->first_seed;
        *ret_n = s->n_seeds;
}

/* Playing */

void script_broken(Script *s, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&what, format, args) < 0)
                abort();
        va_end(args);
        history_add(&s->world->history, "script broken line=%u %s", s->line ? s->line->number : 0, what);
}

static void note_answer(Script *s, const char *line) {
        char call[32];
        const char *at;

        (void) snprintf(call, sizeof(call), "client call=%" PRIu64 " ", s->world->calls);
        at = strstr(line, call);
        if (!at)
                return;
        at += strlen(call);
        if (startswith(at, "acked") || startswith(at, "refused") || startswith(at, "failed") || startswith(at, "error"))
                (void) snprintf(s->answer, sizeof(s->answer), "%s", at);
        else
                s->answer[0] = '\0';
}

static void on_line(const char *line, void *userdata) {
        Script *s = userdata;

        note_answer(s, line);
        s->came |= s->awaited && strstr(line, s->awaited);
        s->heard(line, s->userdata);
        if (s->never && strstr(line, s->never)) {
                s->never = NULL;
                script_broken(s, "it came");
        }
}

bool script_run_until(Script *s, uint64_t usec, bool (*reached)(Script *s, char *const *words), char *const *words) {
        uint64_t until = loop_now(s->world->loop, LOOP_MONOTONIC) + usec;

        while (!reached(s, words)) {
                if (world_turn(s->world))
                        continue;
                if (!sim_loop_pass(s->world->sim, until))
                        return false;
        }
        return true;
}

/* What was broken is mended, and time passes until nothing is under way. */
void script_quiet(Script *s) {
        World *w = s->world;

        sim_db_fail(w->db, SIM_DB_WORKS, 0, 0);
        for (unsigned i = 0; i < w->n_machines; i++) {
                net_slow(&w->net, &w->machines[i], 0);
                w->net.ways[i].closed = false;
                w->machines[i].trouble = w->machines[i].deaf = false;
                machine_fail_commits(&w->machines[i], false);
                machine_power_on(&w->machines[i]);
                machine_start_hostd(&w->machines[i]);
        }
        world_start_policyd(w);
        world_run(w, QUIET);
        s->quiet = true;
}

void script_play(Script *s, World *w, Mirror *mirror_or_null) {
        s->world = w;
        s->n_vms = 0;
        s->never = NULL;
        s->heard = w->history.heard;
        s->userdata = w->history.userdata;
        w->history.heard = on_line;
        w->history.userdata = s;
        for (size_t i = 0; i < s->n_lines; i++) {
                s->line = &s->lines[i];
                s->quiet = false;
                s->line->verb->play(s, s->line->words + 1, s->line->n - 1);
        }
        s->line = NULL;
        if (!s->quiet)
                script_quiet(s);
        world_check(w);
        world_check_stored(w);
        world_list(w);
        if (mirror_or_null)
                read_all(w, mirror_or_null);
        s->kept = sim_db_free(s->kept);
        if (s->held)
                message_free(take_ptr(s->held));
        w->history.heard = s->heard;
        w->history.userdata = s->userdata;
}
