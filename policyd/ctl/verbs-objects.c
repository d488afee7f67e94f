/*
 * Verbs that every class has: -list, -param-list, -param-get, -param-set, -param-add, -param-remove
 */

#include <ctype.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/uuid.h"
#include "policyd/ctl/verbs.h"

#define FILTERS_MAX 16 /* of one call */

static PrintStyle style_of(const Ctl *ctl) {
        return ctl->args.json ? PRINT_JSON : ctl->args.minimal ? PRINT_MINIMAL : PRINT_RECORDS;
}

static void columns_done_p(Columns *columns) {
        columns_done(columns);
}

/* With --minimal and no params=, the uuids. */
static int choose_columns(const Ctl *ctl, Columns *ret) {
        const char *params = ctl_arg(ctl, "params");
        _cleanup_free_ char *unknown = NULL;
        int r;

        if (!params && ctl->args.minimal)
                params = "uuid";
        r = columns_choose(ctl->class, params, ret, &unknown);
        if (r == -EINVAL)
                return ctl_usage("a %s has no field '%s'; `xenvgpu help %s-list` lists them",
                        ctl->class->name, strempty(unknown), ctl->class->name);
        return r < 0 ? ctl_usage("params= has more than %d fields", COLUMNS_MAX) : 0;
}

/* The fields that were given a value; keys of the verb itself are none. */
typedef struct Given {
        struct {
                FieldName field;
                const char *value;
        } items[ARGS_MAX];
        size_t n;
} Given;

static Given given_fields(const Ctl *ctl) {
        Given given = {};

        for (size_t i = 0; i < ctl->args.n; i++) {
                const Arg *arg = &ctl->args.args[i];

                if (verb_has_key(ctl->verb, arg->key) ||
                        !field_find(ctl->class, arg->key, &given.items[given.n].field))
                        continue;
                given.items[given.n++].value = arg->value;
        }
        return given;
}

static bool object_passes(View *v, const ViewObject *o, const Given *filters) {
        for (size_t i = 0; i < filters->n; i++)
                if (!field_matches(v, o, filters->items[i].field, filters->items[i].value))
                        return false;
        return true;
}

/*
 * Filters that List compares as we do, so that policyd can do it: uuids in small letters, and words with one spelling.
 * Names match in any case, and a reference matches by the name of its object; List knows neither, so we compare those.
 */
static bool is_exact(FieldName name, const char *text) {
        static const char *const words[] = { "State", "PowerState", "AllocationAlgorithm", "Placement" };
        Uuid id;

        if (name.as_label || name.field->kind != FIELD_VALUE)
                return false;
        if (streq(name.field->property, "UUID"))
                return uuid_from_string(text, &id) >= 0;
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (streq(name.field->property, words[i]))
                        return true;
        return false;
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

static int push_filters(const Given *given, Pushed *p) {
        for (size_t i = 0; i < given->n && p->n < FILTERS_MAX; i++) {
                FieldName field = given->items[i].field;
                char *text;

                if (!is_exact(field, given->items[i].value))
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

/* Loads the objects whose labels the order, the filters and the columns need. */
static int load_labels(Ctl *ctl, const Given *filters, const Columns *columns, ClientError *error) {
        _cleanup_free_ ViewObject **objects = NULL;
        FieldName name;
        size_t n;
        int r;

        r = view_collect(ctl->view, ctl->class, &objects, &n);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ctl->class->sort) && ctl->class->sort[i]; i++)
                if (field_find(ctl->class, ctl->class->sort[i], &name))
                        r = view_load_labels(ctl->view, objects, n, name, error);
        for (size_t i = 0; r >= 0 && i < filters->n; i++)
                r = view_load_labels(ctl->view, objects, n, filters->items[i].field, error);
        for (size_t i = 0; r >= 0 && i < columns->n; i++)
                if (columns->fields[i].as_label || columns->fields[i].field->kind == FIELD_LABEL)
                        r = view_load_labels(ctl->view, objects, n, columns->fields[i], error);
        return r;
}

static int verb_list(Ctl *ctl) {
        _cleanup_(columns_done_p) Columns columns = {};
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **objects = NULL;
        _cleanup_(pushed_done) Pushed pushed = {};
        const Given filters = given_fields(ctl);
        size_t n, n_left = 0;
        int r;

        r = choose_columns(ctl, &columns);
        if (r != 0)
                return r;
        r = push_filters(&filters, &pushed);
        if (r >= 0)
                r = view_load_class(ctl->view, ctl->class, pushed.n > 0 ? pushed.filters : NULL, &error);
        if (r >= 0)
                r = load_labels(ctl, &filters, &columns, &error);
        if (r < 0)
                return ctl_failed(r, &error);
        if (view_list(ctl->view, ctl->class, &objects, &n) < 0)
                return ctl_no_memory();
        for (size_t i = 0; i < n; i++)
                if (object_passes(ctl->view, objects[i], &filters))
                        objects[n_left++] = objects[i];
        r = print_objects(stdout, ctl->view, objects, n_left, &columns, style_of(ctl));
        return r < 0 ? ctl_failed(r, &(ClientError){}) : EXIT_DONE;
}

/* The object that uuid= names, with its properties. */
static int find_object(Ctl *ctl, ViewObject **ret) {
        _cleanup_free_ char *path = NULL;
        ViewObject *o;
        int r;

        r = ctl_find(ctl, ctl->class, ctl_arg(ctl, "uuid"), &path);
        if (r != 0)
                return r;
        o = view_get(ctl->view, path);
        if (!o)
                return ctl_say_error("org.xenvgpu.Error.NoSuchObject", "The object was removed just now.");
        *ret = o;
        return 0;
}

static int verb_param_list(Ctl *ctl) {
        _cleanup_(columns_done_p) Columns columns = {};
        ViewObject *o;
        int r;

        r = find_object(ctl, &o);
        if (r != 0)
                return r;
        if (columns_choose(ctl->class, "all", &columns, NULL) < 0 ||
                print_objects(stdout, ctl->view, &o, 1, &columns, style_of(ctl)) < 0)
                return ctl_no_memory();
        return EXIT_DONE;
}

static int unknown_field(const Ctl *ctl, const char *name) {
        return ctl_usage("a %s has no field '%s'; `xenvgpu help %s-list` lists them", ctl->class->name, name,
                ctl->class->name);
}

static int verb_param_get(Ctl *ctl) {
        const char *name = ctl_arg(ctl, "param-name"), *key = ctl_arg(ctl, "param-key");
        _cleanup_free_ char *text = NULL;
        FieldName field;
        ViewObject *o;
        int r;

        if (!field_find(ctl->class, name, &field))
                return unknown_field(ctl, name);
        if (key)
                return ctl_usage("the field '%s' is no map: it has no keys", field.field->name);
        r = find_object(ctl, &o);
        if (r != 0)
                return r;
        if (ctl->args.json) {
                _cleanup_json_ struct json_object *value = field_json(ctl->view, o, field);

                return print_json(stdout, value) < 0 ? EXIT_REFUSED : EXIT_DONE;
        }
        text = field_text(ctl->view, o, field);
        if (!text)
                return ctl_no_memory();
        if (ctl->args.minimal)
                print_bare(stdout, text);
        else
                fputs(text, stdout);
        putchar('\n');
        return EXIT_DONE;
}

/* "a,b" or "a; b", as a list is printed, each by uuid or unique name. */
static int find_each(Ctl *ctl, const ClassInfo *class, const char *list, char ***ret) {
        _cleanup_(strv_freep) char **paths = calloc(strlen(list) + 2, sizeof(char *));
        _cleanup_free_ char *copy = strdup(list);
        char *state = NULL;
        size_t n = 0;
        int r;

        if (!paths || !copy)
                return ctl_no_memory();
        for (char *item = strtok_r(copy, ",;", &state); item; item = strtok_r(NULL, ",;", &state)) {
                item += strspn(item, " ");
                if (!*item)
                        continue;
                r = ctl_find(ctl, class, item, &paths[n]);
                if (r != 0)
                        return r;
                n++;
        }
        *ret = take_ptr(paths);
        return 0;
}

static int set_boolean(Ctl *ctl, const char *path, const Field *f, const char *value) {
        _cleanup_free_ char *methods = strdup(f->set);
        char *no = methods ? strchr(methods, ' ') : NULL;
        bool flag;

        if (!no)
                return ctl_no_memory();
        *no++ = 0;
        if (parse_boolean(value, &flag) < 0)
                return ctl_usage("%s=%s is neither true nor false", f->name, value);
        return ctl_call(ctl, path, ctl->class->interface, flag ? methods : no, NULL, "");
}

static int set_field(Ctl *ctl, const char *path, const Field *f, const char *value) {
        const char *interface = ctl->class->interface;
        int r;

        switch (f->set_type) {
        case 'o': {
                _cleanup_free_ char *to = NULL;

                r = ctl_find(ctl, class_find(f->set_class), value, &to);
                return r != 0 ? r : ctl_call(ctl, path, interface, f->set, NULL, "o", to);
        }
        case 'O': {
                _cleanup_(strv_freep) char **to = NULL;

                r = find_each(ctl, class_find(f->set_class), value, &to);
                return r != 0 ? r
                              : ctl_call(ctl, path, interface, f->set, NULL, "O", (const char *const *) to);
        }
        case 'b':
                return set_boolean(ctl, path, f, value);
        case 't': {
                uint64_t number;

                if (field_parse_number(f, value, &number) < 0)
                        return ctl_usage_number(f, value);
                return ctl_call(ctl, path, interface, f->set, NULL, "t", number);
        }
        default:
                return ctl_call(ctl, path, interface, f->set, NULL, "s", value);
        }
}

static int not_changeable(const Ctl *ctl, const Field *f, const char *how) {
        return ctl_usage("the field '%s' of a %s cannot be %s", f->name, ctl->class->name, how);
}

/* All names are checked before the first is set. */
static int verb_param_set(Ctl *ctl) {
        const Given given = given_fields(ctl);
        _cleanup_free_ char *path = NULL;
        int r;

        for (size_t i = 0; i < given.n; i++)
                if (given.items[i].field.as_label || !given.items[i].field.field->set)
                        return not_changeable(ctl, given.items[i].field.field, "set");
        if (given.n == 0)
                return ctl_usage("nothing to set: give FIELD=value");

        r = ctl_find(ctl, ctl->class, ctl_arg(ctl, "uuid"), &path);
        for (size_t i = 0; r == 0 && i < given.n; i++)
                r = set_field(ctl, path, given.items[i].field.field, given.items[i].value);
        return r;
}

static int change_list(Ctl *ctl, const char *path, const Field *f, const char *values, bool add) {
        _cleanup_(strv_freep) char **to = NULL;
        int r;

        r = find_each(ctl, class_find(f->set_class), values, &to);
        for (size_t i = 0; r == 0 && to[i]; i++)
                r = ctl_call(ctl, path, ctl->class->interface, add ? f->add : f->remove, NULL, "o", to[i]);
        return r;
}

/* param-name=FIELD param-key=value, as xe has it; or FIELD=value. */
static int change_lists(Ctl *ctl, bool add) {
        static const char how[] = "added to or removed from";
        const char *name = ctl_arg(ctl, "param-name"), *key = ctl_arg(ctl, "param-key");
        const Given given = given_fields(ctl);
        _cleanup_free_ char *path = NULL;
        FieldName named = {};
        int r;

        for (size_t i = 0; i < given.n; i++)
                if (given.items[i].field.as_label || !given.items[i].field.field->add)
                        return not_changeable(ctl, given.items[i].field.field, how);
        if (name && !field_find(ctl->class, name, &named))
                return unknown_field(ctl, name);
        if (name && !named.field->add)
                return not_changeable(ctl, named.field, how);
        if (!name != !key)
                return ctl_usage("param-name= and param-key= go together");

        r = ctl_find(ctl, ctl->class, ctl_arg(ctl, "uuid"), &path);
        if (r == 0 && name)
                r = change_list(ctl, path, named.field, key, add);
        for (size_t i = 0; r == 0 && i < given.n; i++)
                r = change_list(ctl, path, given.items[i].field.field, given.items[i].value, add);
        return r == 0 && !name && given.n == 0 ?
                ctl_usage("nothing to change: give param-name=FIELD param-key=value") :
                r;
}

static int verb_param_add(Ctl *ctl) {
        return change_lists(ctl, true);
}

static int verb_param_remove(Ctl *ctl) {
        return change_lists(ctl, false);
}

static const Verb verbs[] = {
        { "-list", "Lists the objects; FIELD=value filters, params=all or params=a,b chooses fields.",
                .run = verb_list,
                .keys = VERB_KEYS_FIELDS,
                .args = { ARG_MAY("params") } },
        { "-param-list", "All fields of one object.", .run = verb_param_list, .args = { ARG_KEY("uuid") } },
        { "-param-get", "One field of one object.",
                .run = verb_param_get,
                .args = { ARG_KEY("uuid"), ARG_KEY("param-name"), ARG_MAY("param-key") } },
        { "-param-set", "Sets fields: FIELD=value.",
                .run = verb_param_set,
                .keys = VERB_KEYS_SETTERS,
                .args = { ARG_KEY("uuid") } },
        { "-param-add", "Adds to a list: param-name=FIELD param-key=value, or FIELD=value.",
                .run = verb_param_add,
                .keys = VERB_KEYS_LISTS,
                .args = { ARG_KEY("uuid"), ARG_MAY("param-name"), ARG_MAY("param-key") } },
        { "-param-remove", "Removes from a list: param-name=FIELD param-key=value, or FIELD=value.",
                .run = verb_param_remove,
                .keys = VERB_KEYS_LISTS,
                .args = { ARG_KEY("uuid"), ARG_MAY("param-name"), ARG_MAY("param-key") } },
};

const VerbTable generic_verbs = VERB_TABLE(verbs);
