/*
 * Coverage
 */

#include <inttypes.h>

#include "common/base/hashmap.h"
#include "policyd/pool/each.h"
#include "tests/proof/audit-line.h"
#include "tests/proof/coverage-private.h"

#define ROWS_MAX 200
#define PARTS_MAX 4 /* lines that must be seen for one row */

/* One line that is looked for. */
typedef struct Pattern Pattern;
struct Pattern {
        Pattern *next; /* with the same first word */
        char words[120]; /* as they stand in the table */
        size_t first; /* bytes of the first word */
        uint64_t *count;
};

struct Coverage {
        HashMap *patterns; /* by first word */
        uint64_t counts[ROWS_MAX][PARTS_MAX];
        uint64_t errors[_ERROR_MAX];
        Uuid starting; /* a VM whose start uses an instance of a reservation */
        CoverageWatch *watch;
};

static void add_pattern(Coverage *c, const char *words, size_t n, uint64_t *count) {
        Pattern *p = calloc(1, sizeof(*p)), *before;

        if (!p || n >= sizeof(p->words))
                abort();
        memcpy(p->words, words, n);
        p->first = strcspn(p->words, " ");
        p->count = count;
        p->words[p->first] = '\0'; /* the key; the rest stands behind */
        before = hashmap_get(c->patterns, p->words);
        if (before) {
                p->next = before->next;
                before->next = p;
        } else if (hashmap_put(c->patterns, p->words, p) < 0)
                abort();
}

static void add_row(Coverage *c, const char *seen, uint64_t counts[static PARTS_MAX]) {
        size_t part = 0;

        for (const char *at = seen; *at; at += *at != '\0') {
                size_t n = strcspn(at, ";|");

                add_pattern(c, at, n, &counts[part]);
                at += n;
                part += *at == ';';
                if (part == PARTS_MAX)
                        abort();
        }
}

static void mark(void *coverage, const char *word) {
        Coverage *c = coverage;
        char line[128];

        (void) snprintf(line, sizeof(line), "0 0 %s", word);
        coverage_line(c, line);
}

Coverage *coverage_new(void) {
        Coverage *c = calloc(1, sizeof(*c));

        if (!c || !(c->patterns = hashmap_new_string()))
                abort();
        for (size_t i = 0; coverage_rows[i].section; i++) {
                if (i == ROWS_MAX)
                        abort();
                if (coverage_rows[i].seen)
                        add_row(c, coverage_rows[i].seen, c->counts[i]);
        }
        c->watch = coverage_watch_new(mark, c);
        return c;
}

Coverage *coverage_free(Coverage *c) {
        Pattern *p, *next;

        if (!c)
                return NULL;
        for (size_t i = 0; (p = hashmap_next(c->patterns, &i));)
                for (Pattern *q = p->next; q; q = next) {
                        next = q->next;
                        free(q);
                }
        for (size_t i = 0; (p = hashmap_next(c->patterns, &i));)
                p->next = NULL;
        for (size_t i = 0; (p = hashmap_next(c->patterns, &i));)
                free(p);
        hashmap_free(c->patterns);
        coverage_watch_free(c->watch);
        free(c);
        return NULL;
}

/* Lines */

static bool has_word(const char *line, const char *word, size_t n) {
        for (const char *at = strstr(line, word); at; at = strstr(at + 1, word))
                if ((at == line || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
                        return true;
        return false;
}

static bool matches(const Pattern *p, const char *line) {
        const char *at = p->words + p->first + 1;

        while (at < p->words + sizeof(p->words) && *at) {
                char word[sizeof(p->words)];
                size_t n = strcspn(at, " ");

                memcpy(word, at, n);
                word[n] = '\0';
                if (!has_word(line, word, n))
                        return false;
                at += n + (at[n] == ' ');
        }
        return true;
}

static void note_error(Coverage *c, const char *word) {
        for (ErrorCode code = ERROR_NONE + 1; code < _ERROR_MAX; code++)
                if (streq(error_code_word(code), word))
                        c->errors[code]++;
}

void coverage_line(Coverage *c, const char *line) {
        const char *at = line + strcspn(line, " ");
        char word[64];

        while (*at == ' ') {
                size_t n = strcspn(++at, " ");

                memcpy(word, at, MIN_OF(n, sizeof(word) - 1));
                word[MIN_OF(n, sizeof(word) - 1)] = '\0';
                for (Pattern *p = hashmap_get(c->patterns, word); p; p = p->next)
                        if (matches(p, line))
                                ++*p->count;
                if (startswith(word, "code="))
                        note_error(c, word + strlen("code="));
                at += n;
        }
        if (!startswith(line, "0 0 "))
                coverage_watch_line(c->watch, line);
}

/* What no line tells */
void coverage_pool(Coverage *c, const Pool *pool) {
        for_each(const Vm, vm, &pool->objects[CLASS_VM]) {
                char word[32];

                (void) snprintf(word, sizeof(word), "booking=%s", booking_state_to_string(vm->booking));
                mark(c, word);
                for_each(const Vgpu, v, &vm->vgpus)
                        if (v->used_hold) {
                                mark(c, "hold=used");
                                c->starting = vm->object.id;
                        }
                if (uuid_equal(&c->starting, &vm->object.id) && vm->booking == BOOKING_RESIDENT) {
                        mark(c, "hold=spent");
                        c->starting = UUID_NULL;
                }
        }
        for_each(const Reservation, r, &pool->objects[CLASS_RESERVATION])
                if (r->holds.n > 0)
                        mark(c, "hold=held");
        for_each(const Host, h, &pool->objects[CLASS_HOST]) {
                if (!h->uneven)
                        continue;
                if (h->standing != PLACE_GOOD)
                        mark(c, h->standing == PLACE_LAST ? "host-place=last" : "host-place=suspect");
                for_each(const Pgpu, p, &h->pgpus)
                        if (p->standing != PLACE_GOOD)
                                mark(c, p->standing == PLACE_LAST ? "pgpu-place=last" : "pgpu-place=suspect");
        }
}

/* The page */

static bool is_row(const char *section, const char *row) {
        for (const CoverageRow *r = coverage_rows; r->section; r++)
                if (streq(r->section, section) && streq(r->row, row))
                        return true;
        return false;
}

/* The text of a cell, without the blanks around it. */
static const char *read_cell(const char *line, unsigned i, char ret[static 160]) {
        size_t n;

        for (line++; i > 0; i--)
                line += strcspn(line, "|") + 1;
        line += strspn(line, " ");
        n = MIN_OF(strcspn(line, "|"), (size_t) 159);
        while (n > 0 && line[n - 1] == ' ')
                n--;
        memcpy(ret, line, n);
        ret[n] = '\0';
        return ret;
}

typedef struct PageRow {
        char section[330], row[330];
} PageRow;

/* Rows of tables of which the first cell is that of another row are known by two. */
static void tell_apart(char (*lines)[1024], size_t n, const char *section, PageRow *ret) {
        for (size_t i = 0; i < n; i++) {
                char first[160], other[160], second[160];
                bool repeats = false;

                read_cell(lines[i], 0, first);
                for (size_t k = 0; k < n && !repeats; k++)
                        repeats = k != i && streq(first, read_cell(lines[k], 0, other));
                (void) snprintf(ret[i].section, sizeof(ret[i].section), "%s", section);
                (void) snprintf(ret[i].row, sizeof(ret[i].row), "%s%s%s", first, repeats ? " / " : "",
                        repeats ? read_cell(lines[i], 1, second) : "");
        }
}

static size_t read_page(FILE *page, PageRow *rows) {
        static char lines[64][1024];
        char line[1024], section[160] = "";
        size_t n = 0, n_lines = 0;

        for (;;) {
                bool more = fgets(line, sizeof(line), page);

                if (more && *line == '|' && n_lines < ARRAY_SIZE(lines)) {
                        memcpy(lines[n_lines++], line, sizeof(line));
                        continue;
                }
                /* The first two are the head and the line below it. */
                if (n_lines > 2 && n + n_lines < ROWS_MAX) {
                        char table[330], head[160];

                        read_cell(lines[0], 0, head);
                        (void) snprintf(table, sizeof(table), "%s%s%s", section, *head ? ", " : "", head);
                        tell_apart(lines + 2, n_lines - 2, table, rows + n);
                        n += n_lines - 2;
                }
                n_lines = 0;
                if (!more)
                        return n;
                if (*line == '#')
                        (void) snprintf(section, sizeof(section), "%.*s", (int) strcspn(line + strspn(line, "# "), "\n"),
                                line + strspn(line, "# "));
        }
}

size_t coverage_check_page(FILE *file) {
        static PageRow rows[ROWS_MAX];
        FILE *page = fopen(STATES_PAGE, "re");
        size_t n, n_missing = 0;

        if (!page) {
                fprintf(file, "%s cannot be read.\n", STATES_PAGE);
                return 1;
        }
        n = read_page(page, rows);
        (void) fclose(page);
        for (size_t i = 0; i < n; i++)
                if (!is_row(rows[i].section, rows[i].row)) {
                        fprintf(file, "docs/states.md, %s: nobody looks for the row: %s\n", rows[i].section, rows[i].row);
                        n_missing++;
                }
        for (const CoverageRow *r = coverage_rows; r->section; r++) {
                bool found = false;

                for (size_t i = 0; i < n && !found; i++)
                        found = streq(rows[i].section, r->section) && streq(rows[i].row, r->row);
                if (!found)
                        fprintf(file, "docs/states.md, %s: there is no row: %s\n", r->section, r->row);
                n_missing += !found;
        }
        return n_missing;
}

/* The table */

static uint64_t count_of(const Coverage *c, size_t row) {
        uint64_t least = UINT64_MAX;
        size_t parts = 1;

        for (const char *at = coverage_rows[row].seen; *at; at++)
                parts += *at == ';';
        for (size_t i = 0; i < parts; i++)
                least = MIN_OF(least, c->counts[row][i]);
        return least;
}

static void print_row(FILE *file, const char *name, uint64_t count, const char *elsewhere) {
        if (elsewhere)
                fprintf(file, "    %-70.70s %s\n", name, elsewhere);
        else
                fprintf(file, "    %-70.70s %" PRIu64 "\n", name, count);
}

static size_t print_states(const Coverage *c, FILE *file, bool whole, size_t *ret_elsewhere) {
        const char *section = "";
        size_t n_missing = 0;

        *ret_elsewhere = 0;
        for (size_t i = 0; coverage_rows[i].section; i++) {
                const CoverageRow *r = &coverage_rows[i];
                uint64_t count = r->seen ? count_of(c, i) : 0;
                const char *other = count > 0 ? NULL : r->elsewhere;

                *ret_elsewhere += other != NULL;
                n_missing += !other && count == 0;
                if (!whole && (other || count > 0))
                        continue;
                if (!streq(section, r->section))
                        fprintf(file, "  %s\n", r->section);
                section = r->section;
                print_row(file, r->row, count, other);
        }
        return n_missing;
}

size_t coverage_print(const Coverage *c, FILE *file, bool whole) {
        size_t n_states, n_errors = 0, n_rows = 0, elsewhere, errors_elsewhere = 0;

        fprintf(file, "states that were reached, or are by another test:\n");
        n_states = print_states(c, file, whole, &elsewhere);
        while (coverage_rows[n_rows].section)
                n_rows++;
        fprintf(file, "  %zu of %zu, %zu by other tests\n", n_rows - elsewhere - n_states, n_rows, elsewhere);
        fprintf(file, "errors that were reached, or are by another test:\n");
        for (ErrorCode code = ERROR_NONE + 1; code < _ERROR_MAX; code++) {
                const char *other = c->errors[code] > 0 ? NULL : coverage_error_elsewhere(code);

                errors_elsewhere += other != NULL;
                n_errors += !other && c->errors[code] == 0;
                if (whole || (!other && c->errors[code] == 0))
                        print_row(file, error_code_word(code), c->errors[code], other);
        }
        fprintf(file, "  %zu of %d, %zu by other tests\n", _ERROR_MAX - 1 - n_errors - errors_elsewhere, _ERROR_MAX - 1,
                errors_elsewhere);
        return n_states + n_errors;
}
