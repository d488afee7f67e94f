/*
 * Verbs that every class has: -list, -param-list, -param-get, -param-set, -param-add, -param-remove, -param-clear
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/strlist.h"
#include "common/json/json-get.h"
#include "policyd/ctl/objects/given.h"
#include "policyd/ctl/vm-size.h"

/* The object that uuid= names, with its properties. */
static int find_object(Ctl *ctl, ViewObject **ret) {
        _cleanup_free_ char *path = NULL;
        ViewObject *o;
        int r;

        r = ctl_find_key(ctl, "uuid", ctl->class->name, &path);
        if (r != 0)
                return r;
        o = view_get(ctl->view, path);
        if (!o)
                return ctl_say_error("org.xenvgpu.Error.NoSuchObject", "The object was removed just now.");
        *ret = o;
        return 0;
}

static int verb_param_list(Ctl *ctl) {
        Columns columns = {};
        ViewObject *o;
        int r;

        r = find_object(ctl, &o);
        if (r != 0)
                return r;
        if (columns_choose(ctl->class, "all", &columns, NULL) >= 0)
                r = print_objects(stdout, ctl->view, &o, 1, &columns, style_of(ctl));
        columns_done(&columns);
        return r < 0 ? ctl_no_memory() : EXIT_DONE;
}

static int verb_param_get(Ctl *ctl) {
        const char *name = ctl_arg(ctl, "param-name"), *key = ctl_arg(ctl, "param-key");
        _cleanup_free_ char *text = NULL;
        FieldName field;
        ViewObject *o;
        int r;

        if (!field_find(ctl->class, name, &field))
                return field_unknown(ctl->class, name);
        if (key && field.field->kind != FIELD_MAP)
                return ctl_usage("the field '%s' is no map: it has no keys", field.field->name);
        field.key = field.key ?: key;
        r = find_object(ctl, &o);
        if (r != 0)
                return r;
        if (field.key && !answer_member(object_property(o, field.field->property), field.key))
                return ctl_say_error("org.xenvgpu.Error.NoSuchKey", "The map has no such key; without param-key= it is shown whole.");
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

/* The names of the two methods that change a map or a set. */
static const char *entries_method(const Field *f, const char *how, char buf[static 64]) {
        snprintf(buf, 64, "%s%s", how, f->entries);
        return buf;
}

/* "KEY=value" with the map's name before it, or the words of a set. */
static int set_entries(Ctl *ctl, const char *path, FieldName name, const char *value) {
        const char *entry[] = { name.key, value, NULL }, *none[] = { NULL };
        const char *interface = ctl->class->interface;
        _cleanup_strlist_ StrList words = {};
        _cleanup_(strv_freep) char **set = NULL;
        char method[64];

        if (name.key)
                return ctl_call(ctl, path, interface, entries_method(name.field, "Change", method), NULL, "MS", entry, none);
        if (name.field->kind == FIELD_MAP)
                return ctl_usage("'%s' is a map: set an entry by %s:KEY=value, and empty it by -param-clear", name.field->name,
                        name.field->name);
        strlist_add_split(&words, value, ",");
        if (strlist_take(&words, &set) < 0)
                return ctl_no_memory();
        return ctl_call(ctl, path, interface, entries_method(name.field, "Set", method), NULL, "S", (const char *const *) set);
}

static int set_reference(Ctl *ctl, const char *path, const Field *f, const char *value) {
        _cleanup_free_ char *to = NULL;
        int r = *value ? ctl_find(ctl, class_find(f->set_class), value, &to) : 0;

        return r != 0 ? r : ctl_call(ctl, path, ctl->class->interface, f->set, NULL, "o", to ?: "/");
}

static int set_field(Ctl *ctl, const char *path, FieldName name, const char *value) {
        const char *interface = ctl->class->interface;
        const Field *f = name.field;
        int r;

        if (f->entries)
                return set_entries(ctl, path, name, value);
        switch (f->set_type) {
        case 'o':
                return set_reference(ctl, path, f, value);
        case 'O': {
                _cleanup_(strv_freep) char **to = NULL;

                r = find_each(ctl, class_find(f->set_class), value, &to);
                return r != 0 ? r
                              : ctl_call(ctl, path, interface, f->set, NULL, "O", (const char *const *) to);
        }
        case 'c':
                return vm_set_size_field(ctl, path, f, value);
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
        const Given given = given_fields(ctl, ctl->class);
        _cleanup_free_ char *path = NULL;
        int r;

        for (size_t i = 0; i < given.n; i++)
                if (given.items[i].field.as_label || !field_is_settable(given.items[i].field.field))
                        return not_changeable(ctl, given.items[i].field.field, "set");
        if (given.n == 0)
                return ctl_usage("nothing to set: give FIELD=value");

        r = ctl_find_key(ctl, "uuid", ctl->class->name, &path);
        for (size_t i = 0; r == 0 && i < given.n; i++)
                r = set_field(ctl, path, given.items[i].field, given.items[i].value);
        return r;
}

/* Objects one by one; of a map an entry, of a set a word. */
static int change_list(Ctl *ctl, const char *path, FieldName name, const char *key, const char *value, bool add) {
        const char *entry[] = { key, value, NULL }, *word[] = { key, NULL }, *none[] = { NULL };
        const char *interface = ctl->class->interface;
        _cleanup_(strv_freep) char **to = NULL;
        const Field *f = name.field;
        char method[64];
        int r;

        if (f->entries)
                return ctl_call(ctl, path, interface, entries_method(f, "Change", method), NULL,
                        f->kind == FIELD_MAP ? "MS" : "SS", !add ? none : f->kind == FIELD_MAP ? entry : word, add ? none : word);
        r = find_each(ctl, class_find(f->set_class), key, &to);
        for (size_t i = 0; r == 0 && to[i]; i++)
                r = ctl_call(ctl, path, interface, add ? f->add : f->remove, NULL, "o", to[i]);
        return r;
}

static bool is_list(const Field *f) {
        return f->add || f->entries;
}

/* What is added or removed: param-name=FIELD with param-key=VALUE, or of a map with KEY=value; or FIELD=value. */
typedef struct Changes {
        struct {
                FieldName field;
                const char *key, *value;
        } items[ARGS_MAX];
        size_t n;
} Changes;

static void changes_add(Changes *c, FieldName field, const char *key, const char *value) {
        c->items[c->n].field = field;
        c->items[c->n].key = key;
        c->items[c->n++].value = value;
}

static int read_named(Ctl *ctl, FieldName named, bool add, Changes *c) {
        const char *key = ctl_arg(ctl, "param-key"), *value = ctl_arg(ctl, "param-value");
        bool is_map = named.field->kind == FIELD_MAP;

        if (key && add && is_map && !value)
                return ctl_usage("'%s' is a map: give KEY=value after param-name=, or param-key= and param-value=", named.field->name);
        if (key)
                changes_add(c, named, key, value);
        for (size_t i = 0; is_map && i < ctl->args.n; i++)
                if (!verb_has_key(ctl->verb, ctl->args.args[i].key))
                        changes_add(c, named, ctl->args.args[i].name, ctl->args.args[i].value);
        return 0;
}

static int read_changes(Ctl *ctl, bool add, Changes *c) {
        static const char how[] = "added to or removed from";
        const char *name = ctl_arg(ctl, "param-name");
        FieldName named = {};

        if (name && !field_find(ctl->class, name, &named))
                return field_unknown(ctl->class, name);
        if (name && !is_list(named.field))
                return not_changeable(ctl, named.field, how);
        if (name && named.field->kind == FIELD_MAP)
                return read_named(ctl, named, add, c);
        const Given given = given_fields(ctl, ctl->class);

        for (size_t i = 0; i < given.n; i++) {
                FieldName field = given.items[i].field;
                bool is_entry = field.field->kind == FIELD_MAP;

                if (field.as_label || !is_list(field.field))
                        return not_changeable(ctl, field.field, how);
                if (is_entry && !field.key)
                        return ctl_usage("'%s' is a map: give %s:KEY=value", field.field->name, field.field->name);
                changes_add(c, field, is_entry ? field.key : given.items[i].value, given.items[i].value);
        }
        return name ? read_named(ctl, named, add, c) : 0;
}

static int change_lists(Ctl *ctl, bool add) {
        _cleanup_free_ char *path = NULL;
        Changes changes = {};
        int r;

        r = read_changes(ctl, add, &changes);
        if (r != 0)
                return r;
        if (changes.n == 0)
                return ctl_usage("nothing to change: give param-name=FIELD param-key=value, or of a map param-name=FIELD KEY=value");
        r = ctl_find_key(ctl, "uuid", ctl->class->name, &path);
        for (size_t i = 0; r == 0 && i < changes.n; i++)
                r = change_list(ctl, path, changes.items[i].field, changes.items[i].key, changes.items[i].value, add);
        return r;
}

static int verb_param_add(Ctl *ctl) {
        return change_lists(ctl, true);
}

static int verb_param_remove(Ctl *ctl) {
        return change_lists(ctl, false);
}

/* As it is in a new object: an empty text, list or map, no reference. */
static int verb_param_clear(Ctl *ctl) {
        const char *name = ctl_arg(ctl, "param-name"), *none[] = { NULL };
        _cleanup_free_ char *path = NULL;
        FieldName field;
        char method[64];
        int r;

        if (!field_find(ctl->class, name, &field))
                return field_unknown(ctl->class, name);
        if (field.as_label || !field_is_settable(field.field) || (field.field->set && !strchr("soO", field.field->set_type)))
                return not_changeable(ctl, field.field, "cleared");
        r = ctl_find_key(ctl, "uuid", ctl->class->name, &path);
        if (r != 0)
                return r;
        if (!field.field->entries)
                return set_field(ctl, path, field, "");
        return ctl_call(ctl, path, ctl->class->interface, entries_method(field.field, "Set", method), NULL,
                field.field->kind == FIELD_MAP ? "M" : "S", none);
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
        { "-param-add", "Adds to a list or map: param-name=FIELD param-key=value, or of a map param-name=FIELD KEY=value.",
                .run = verb_param_add,
                .keys = VERB_KEYS_LISTS,
                .args = { ARG_KEY("uuid"), ARG_MAY("param-name"), ARG_MAY("param-key"), ARG_MAY("param-value") } },
        { "-param-remove", "Removes from a list or map: param-name=FIELD param-key=value, or FIELD=value.",
                .run = verb_param_remove,
                .keys = VERB_KEYS_LISTS,
                .args = { ARG_KEY("uuid"), ARG_MAY("param-name"), ARG_MAY("param-key") } },
        { "-param-clear", "Empties a field: param-name=FIELD.",
                .run = verb_param_clear,
                .args = { ARG_KEY("uuid"), ARG_KEY("param-name") } },
};

const VerbTable generic_verbs = VERB_TABLE(verbs);
