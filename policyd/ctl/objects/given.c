/*
 * Fields with a value on the command line
 */

#include "policyd/ctl/objects/given.h"

#include <ctype.h>

#include "common/base/strbuf.h"
#include "common/base/uuid.h"
#include "policyd/ctl/not-here.h"

#define FILTERS_MAX 16 /* of one call */
#define OTHERS "/="

Given given_fields(const Ctl *ctl, const ClassInfo *class) {
        Given given = {};

        for (size_t i = 0; i < ctl->args.n; i++) {
                const Arg *arg = &ctl->args.args[i];

                if (verb_has_key(ctl->verb, arg->key) || !field_find(class, arg->key, &given.items[given.n].field))
                        continue;
                given.items[given.n++].value = arg->value;
        }
        return given;
}

bool given_passes(View *v, const ViewObject *o, const Given *filters) {
        for (size_t i = 0; i < filters->n; i++) {
                const char *value = filters->items[i].value, *other = startswith(value, OTHERS);

                if (field_matches(v, o, filters->items[i].field, other ?: value) == (other != NULL))
                        return false;
        }
        return true;
}

/*
 * Filters that List compares as we do, so that policyd can do it: uuids in small letters, and words with one spelling.
 * Names match in any case, and a reference matches by the name of its object; List knows neither, so we compare those.
 */
static bool is_exact(const ClassInfo *class, FieldName name, const char *text) {
        Uuid id;

        if (name.as_label || name.field->kind != FIELD_VALUE || startswith(text, OTHERS))
                return false;
        if (streq(name.field->property, "UUID"))
                return uuid_from_string(text, &id) >= 0;
        return field_words(class, name) != NULL;
}

typedef struct Pushed {
        ClientOption filters[FILTERS_MAX + 1];
        char *texts[FILTERS_MAX];
        size_t n;
} Pushed;

static void pushed_done(Pushed *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->texts[i]);
}

static int push_filters(const ClassInfo *class, const Given *given, Pushed *p) {
        for (size_t i = 0; i < given->n && p->n < FILTERS_MAX; i++) {
                FieldName field = given->items[i].field;
                char *text;

                if (!is_exact(class, field, given->items[i].value))
                        continue;
                text = strdup(given->items[i].value);
                if (!text)
                        return -ENOMEM;
                for (char *c = text; *c; c++)
                        *c = (char) tolower((unsigned char) *c);
                p->texts[p->n] = text;
                p->filters[p->n++] =
                        (ClientOption){ .name = field.field->property, .type = 's', .text = text };
        }
        return 0;
}

int given_load(Ctl *ctl, const ClassInfo *class, const Given *filters) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **objects = NULL;
        _cleanup_(pushed_done) Pushed pushed = {};
        size_t n;
        int r;

        r = push_filters(class, filters, &pushed);
        if (r >= 0)
                r = view_load_class(ctl->view, class, pushed.n > 0 ? pushed.filters : NULL, &error);
        if (r >= 0)
                r = view_collect(ctl->view, class, &objects, &n);
        for (size_t i = 0; r >= 0 && i < filters->n; i++)
                r = view_load_labels(ctl->view, objects, n, filters->items[i].field, &error);
        return r < 0 ? ctl_failed(r, &error) : 0;
}

int given_select(Ctl *ctl, const ClassInfo *class, const Given *filters, ViewObject ***ret, size_t *ret_n) {
        _cleanup_free_ ViewObject **objects = NULL;
        size_t n, n_left = 0;

        if (view_list(ctl->view, class, &objects, &n) < 0)
                return ctl_no_memory();
        for (size_t i = 0; i < n; i++)
                if (given_passes(ctl->view, objects[i], filters))
                        objects[n_left++] = objects[i];
        *ret = take_ptr(objects);
        *ret_n = n_left;
        return 0;
}

static int check_word(const Field *f, const char *const *words, const char *text) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; words[i]; i++) {
                if (strcasecmp(words[i], text) == 0)
                        return 0;
                strbuf_addf(&b, "%s%s", i == 0 ? "" : !words[i + 1] ? " or " : ", ", words[i]);
        }
        return strbuf_error(&b) < 0 ? ctl_no_memory() : ctl_usage("%s is never %s; it is %s", f->name, text, b.text);
}

int given_check_words(const ClassInfo *class, const Given *given) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < given->n; i++) {
                const char *value = given->items[i].value, *const *words = field_words(class, given->items[i].field);

                if (words)
                        r = check_word(given->items[i].field.field, words, startswith(value, OTHERS) ?: value);
        }
        return r;
}

int field_unknown(const ClassInfo *class, const char *name) {
        const char *why = field_not_here(class, name);
        Nearest nearest = {};
        const Field *f;

        if (why)
                return ctl_say_not_here(name, why);
        for (size_t i = 0; (f = class_field(class, i)); i++)
                nearest_look(&nearest, name, f->name);
        return ctl_usage("a %s has no field '%s'%s%s%s `xenvgpu help %s-list` lists them", class->name, name,
                nearest.best ? "; did you mean " : "", strempty(nearest.best), nearest.best ? "?" : ";", class->name);
}
