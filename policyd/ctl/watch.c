/*
 * Changes of the pool as they come, until interrupted
 *
 *   14:08:24  vm desk-1: power-state halted -> running
 *   14:08:24  job 5c8e…: done
 *
 * On a terminal they are the last lines of a screen whose rest is the pool map, as it is now; in a pipe each is a line, and with --json
 * each line an object.
 * The view holds the last value of each property; a signal brings the new one, and both are printed.
 */

#include <stdio.h>
#include <time.h>

#include "common/json/json-get.h"
#include "policyd/ctl/map.h"
#include "policyd/ctl/screen/screen.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

#define POLICY_RULE "type='signal',sender='" POLICY_BUS_NAME "'"
#define OWNER_RULE                                                                                           \
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" POLICY_BUS_NAME "'"

#define CHANGES_MAX 200    /* that are kept to be shown */
#define LOOK_PAUSE_MS 1000 /* the terminal may have another size */
#define DRAW_PAUSE_NS 200000000L
#define BURST_MAX 10000

typedef struct Watch {
        Ctl *ctl;
        FILE *out; /* of changes: stdout, or what is kept for the screen */
        char *text;
        size_t size;
        char *changes[CHANGES_MAX]; /* the newest last */
        size_t n;
} Watch;

static void print_time(FILE *out) {
        time_t now = time(NULL);
        char text[16];
        struct tm tm;

        localtime_r(&now, &tm);
        strftime(text, sizeof(text), "%H:%M:%S", &tm);
        fprintf(out, "%s  ", text);
}

static void print_object(const Watch *w, const ViewObject *o) {
        _cleanup_free_ char *label = object_label(w->ctl->view, o->path);

        fprintf(w->out, "%s %s", o->class->name, isempty(label) ? o->uuid : label);
        if (streq(o->class->name, "job"))
                fprintf(w->out, " %s", o->uuid);
}

/* What happened to an object, or with path NULL to policyd itself. field: it was changed. */
typedef struct Change {
        const char *path, *event, *words; /* words: the end of a line for people, NULL: the values */
        const Field *field;
        const char *before, *now;
} Change;

static void print_as_json(const Watch *w, const Change *c) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const ClassInfo *class = c->path ? class_of_path(c->path) : NULL;
        _cleanup_free_ char *label = c->path ? object_label(w->ctl->view, c->path) : NULL;
        time_t now = time(NULL);
        char when[32], uuid[37];
        struct tm tm;
        int r = o ? 0 : -ENOMEM;

        strftime(when, sizeof(when), "%Y%m%dT%H:%M:%SZ", gmtime_r(&now, &tm));
        r = r ?: json_add_string(o, "time", when) ?: json_add_string(o, "event", c->event);
        if (r == 0 && class)
                r = json_add_string(o, "class", class->name) ?: json_add_string(o, "uuid", path_to_uuid(c->path, uuid)) ?:
                    json_add_string(o, "name-label", strempty(label));
        if (r == 0 && c->field)
                r = json_add_string(o, "field", c->field->name) ?: json_add_string(o, "before", c->before) ?:
                    json_add_string(o, "now", c->now);
        if (r == 0)
                fprintf(w->out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void print_as_line(const Watch *w, const Change *c) {
        const ViewObject *o = c->path ? view_get(w->ctl->view, c->path) : NULL;
        const ClassInfo *class = c->path ? class_of_path(c->path) : NULL;
        char uuid[37];

        print_time(w->out);
        if (o)
                print_object(w, o);
        else if (c->path)
                fprintf(w->out, "%s %s", class ? class->name : "object", path_to_uuid(c->path, uuid));
        if (!c->field) {
                fprintf(w->out, "%s\n", c->words);
                return;
        }
        fprintf(w->out, ": %s ", c->field->name);
        print_line(w->out, *c->before ? c->before : "-");
        fputs(w->ctl->utf8 ? " → " : " -> ", w->out);
        print_line(w->out, *c->now ? c->now : "-");
        fputc('\n', w->out);
}

static void print_one(const Watch *w, const Change *c) {
        if (w->ctl->args.json)
                print_as_json(w, c);
        else
                print_as_line(w, c);
}

/* References are shown by name, since people read this. What policyd reckons with follows from the booking, which has a line. */
static void print_change(const Watch *w, const ViewObject *o, const Field *field, const char *before) {
        const FieldName name = { .field = field, .as_label = true };
        _cleanup_free_ char *now = field_text(w->ctl->view, o, name);

        if (now && !streq(before, now) && !streq(field->property, "MemoryFreeComputed"))
                print_one(w, &(Change){.path = o->path, .event = "changed", .field = field, .before = before, .now = now});
}

static void apply_property(const Watch *w, const char *path, const char *property, struct json_object *value) {
        ViewObject *o = view_get(w->ctl->view, path);
        const Field *field;

        for (size_t i = 0; o && (field = class_field(o->class, i)); i++) {
                _cleanup_free_ char *before = NULL;

                if (!streq(field->property, property))
                        continue;
                before = field_text(w->ctl->view, o, (FieldName){ .field = field, .as_label = true });
                view_set(w->ctl->view, path, property, json_object_get(value));
                print_change(w, o, field, strempty(before));
                return;
        }
}

static void properties_changed(const Watch *w, const ClientSignal *s) {
        struct json_object *changed = json_object_array_get_idx(s->args, 1);

        if (!class_of_path(s->path) || !json_object_is_type(changed, json_type_object))
                return;
        json_object_object_foreach(changed, property, value) apply_property(w, s->path, property, value);
}

static void interfaces_added(const Watch *w, const ClientSignal *s) {
        const char *path = answer_nth_text(s->args, 0);
        _cleanup_json_ struct json_object *objects = json_object_new_object();

        if (!objects || !class_of_path(path))
                return;
        json_object_object_add(objects, path, json_object_get(json_object_array_get_idx(s->args, 1)));
        view_add_all(w->ctl->view, objects);
        if (view_get(w->ctl->view, path))
                print_one(w, &(Change){.path = path, .event = "added", .words = ": added"});
}

static void interfaces_removed(const Watch *w, const ClientSignal *s) {
        const char *path = answer_nth_text(s->args, 0);

        print_one(w, &(Change){.path = path, .event = "removed", .words = ": removed"});
        view_forget(w->ctl->view, path);
}

static int owner_changed(const Watch *w, const ClientSignal *s) {
        if (isempty(answer_nth_text(s->args, 2))) {
                print_one(w, &(Change){.event = "policyd-lost", .words = "policyd went away"});
                return 0;
        }
        print_one(w, &(Change){.event = "policyd-back", .words = "policyd is back"});
        return ctl_load(w->ctl);
}

static int show(const Watch *w, const ClientSignal *s) {
        if (streq(s->member, "PropertiesChanged"))
                properties_changed(w, s);
        else if (streq(s->member, "InterfacesAdded"))
                interfaces_added(w, s);
        else if (streq(s->member, "InterfacesRemoved"))
                interfaces_removed(w, s);
        else if (streq(s->member, "NameOwnerChanged"))
                return owner_changed(w, s);
        return 0;
}

/* The next change; -ETIMEDOUT: none came in that time. */
static int next(Watch *w, int timeout_ms) {
        _cleanup_client_signal_ ClientSignal signal = {};
        int r = client_wait_signal(w->ctl->client, timeout_ms, &signal);

        return r < 0 ? r : show(w, &signal);
}

/* Lines */

static int watch_lines(Watch *w) {
        int r = 0;

        w->out = stdout;
        while (r == 0) {
                fflush(stdout);
                r = next(w, -1);
        }
        return r < 0 ? ctl_failed(r, &(ClientError){}) : r;
}

/* The screen */

static void keep_change(Watch *w, const char *line) {
        if (w->n == CHANGES_MAX) {
                free(w->changes[0]);
                memmove(w->changes, w->changes + 1, --w->n * sizeof(*w->changes));
        }
        w->changes[w->n] = strdup(line);
        w->n += w->changes[w->n] ? 1 : 0;
}

/* What was printed since the last time, as lines of their own. */
static void keep_changes(Watch *w) {
        char *rest, *line;

        if (w->out && fclose(w->out) == 0)
                for (rest = w->text; (line = strsep(&rest, "\n"));)
                        if (*line)
                                keep_change(w, line);
        free(w->text);
        w->text = NULL;
        w->out = open_memstream(&w->text, &w->size);
}

/* So many lines at most, and how many more there are. */
static void add_lines(StrBuf *b, const char *text, size_t max) {
        size_t n = 0;

        for (const char *c = text; *c; c++)
                n += *c == '\n';
        for (size_t i = 0; i < n && (n <= max || i + 1 < max); i++) {
                size_t length = strcspn(text, "\n") + 1;

                strbuf_add_n(b, text, length);
                text += length;
        }
        if (n > max)
                strbuf_addf(b, "and %zu more lines: xenvgpu pool-map [host=]\n", n - max + 1);
}

static void draw(const Watch *w) {
        MapStyle style = {.utf8 = w->ctl->utf8, .colour = !getenv("NO_COLOR")};
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *map = NULL;
        unsigned rows, columns;
        size_t size = 0, n;
        FILE *out;

        screen_size(&rows, &columns);
        style.width = MIN_OF(MAX_OF(columns, MAP_WIDTH_MIN), MAP_WIDTH_MAX);
        out = open_memstream(&map, &size);
        if (!out)
                return;
        (void) map_draw(out, w->ctl->view, NULL, &style);
        if (fclose(out) != 0)
                return;
        n = MIN_OF(w->n, rows / 3);
        add_lines(&b, map, rows > n + 2 ? rows - n - 2 : 1);
        strbuf_add(&b, "\n");
        strbuf_add(&b, n > 0 ? "Changes, the newest last; Ctrl-C ends.\n" : "No change yet; Ctrl-C ends.\n");
        for (size_t i = w->n - n; i < w->n; i++)
                strbuf_addf(&b, "%s\n", w->changes[i]);
        if (strbuf_error(&b) == 0)
                screen_draw(b.text, rows);
}

/* A burst of changes is drawn once. */
static int next_burst(Watch *w) {
        int r = next(w, LOOK_PAUSE_MS);

        if (r == 0)
                (void) nanosleep(&(struct timespec){.tv_nsec = DRAW_PAUSE_NS}, NULL);
        for (unsigned i = 0; i < BURST_MAX && r == 0; i++)
                r = next(w, 0);
        return r == -ETIMEDOUT ? 0 : r;
}

static int watch_screen(Watch *w) {
        int r = 0;

        keep_changes(w);
        screen_open();
        while (r == 0 && w->out) {
                draw(w);
                r = next_burst(w);
                keep_changes(w);
        }
        screen_close();
        while (w->n > 0)
                free(w->changes[--w->n]);
        if (!w->out)
                return ctl_no_memory();
        (void) fclose(w->out);
        free(w->text);
        return r < 0 ? ctl_failed(r, &(ClientError){}) : r;
}

int verb_watch(Ctl *ctl) {
        _cleanup_client_error_ ClientError error = {};
        Watch w = {.ctl = ctl};
        int r;

        r = client_subscribe(ctl->client, POLICY_RULE, &error);
        if (r >= 0)
                r = client_subscribe(ctl->client, OWNER_RULE, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        r = ctl_load(ctl);
        if (r != 0)
                return r;
        return screen_is_possible() && !ctl->args.json ? watch_screen(&w) : watch_lines(&w);
}
