/*
 * Lists and records, as xe prints them
 */

#include "common/base/strlist.h"
#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/ctl/view/print.h"

#define INDENT 4

void columns_done(Columns *columns) {
        for (size_t i = 0; i < columns->n; i++)
                free((char *) columns->names[i]);
        *columns = (Columns){};
}

static int columns_add(Columns *columns, FieldName field, const char *name) {
        if (columns->n >= COLUMNS_MAX)
                return -E2BIG;
        columns->names[columns->n] = strdup(name);
        if (!columns->names[columns->n])
                return -ENOMEM;
        if (field.key)
                field.key = strchr(columns->names[columns->n], ':') + 1;
        columns->fields[columns->n++] = field;
        return 0;
}

static int choose_listed(const ClassInfo *c, const char *params, Columns *columns, char **ret_unknown) {
        _cleanup_free_ char *copy = strdup(params);
        char *state = NULL;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        for (char *name = strtok_r(copy, ",", &state); r >= 0 && name; name = strtok_r(NULL, ",", &state)) {
                FieldName field;

                if (!field_find(c, name, &field)) {
                        *ret_unknown = strdup(name);
                        return -EINVAL;
                }
                r = columns_add(
                        columns, field, strcasecmp(field.field->name, name) == 0 ? field.field->name : name);
        }
        if (r >= 0 && columns->n == 0) {
                *ret_unknown = strdup("");
                return -EINVAL;
        }
        return r;
}

int columns_choose(const ClassInfo *c, const char *params, Columns *ret, char **ret_unknown) {
        Columns columns = {};
        const Field *f;
        int r = 0;

        if (params && strcasecmp(params, "all") != 0)
                r = choose_listed(c, params, &columns, ret_unknown);
        else
                for (size_t i = 0; r >= 0 && (f = class_field(c, i)); i++)
                        if (params ? f->kind != FIELD_POSSIBLE : f->in_list)
                                r = columns_add(&columns, (FieldName){ .field = f }, f->name);
        if (r < 0) {
                columns_done(&columns);
                return r;
        }
        *ret = columns;
        return 0;
}

static bool have_twins(const ClassInfo *c, ViewObject *const *objects, size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < i; k++)
                        if (streq(object_text(objects[i], c->label), object_text(objects[k], c->label)))
                                return true;
        return false;
}

static bool is_unusual(const Field *f, ViewObject *const *objects, size_t n) {
        for (size_t i = 0; f->usual && i < n; i++) {
                const char *value = object_text(objects[i], f->property);

                if (*value && !streq(value, f->usual))
                        return true;
        }
        return false;
}

int columns_add_unusual(const ClassInfo *c, ViewObject *const *objects, size_t n, Columns *columns) {
        FieldName field;
        const Field *f;
        int r = 0;

        if (c->apart && have_twins(c, objects, n) && field_find(c, c->apart, &field))
                r = columns_add(columns, field, c->apart);
        for (size_t i = 0; r >= 0 && (f = class_field(c, i)); i++)
                if (is_unusual(f, objects, n))
                        r = columns_add(columns, (FieldName){ .field = f }, f->name);
        return r;
}

void print_line(FILE *out, const char *value) {
        _cleanup_strbuf_ StrBuf b = {};

        text_escape(&b, value);
        fputs(strempty(b.text), out);
}

static int print_record(FILE *out, View *v, const ViewObject *o, const Columns *columns, int width) {
        for (size_t i = 0; i < columns->n; i++) {
                _cleanup_free_ char *value = field_text(v, o, columns->fields[i]), *key = NULL;

                if (!value || asprintf(&key, "%s %s", columns->names[i],
                                      columns->fields[i].as_label ? "( RO)"
                                                                  : field_mark(columns->fields[i].field)) < 0)
                        return -ENOMEM;
                fprintf(out, i == 0 ? "%-*s: " : "%*s: ", width, key);
                print_line(out, value);
                fputc('\n', out);
        }
        fputs("\n\n", out);
        return 0;
}

static int print_records(FILE *out, View *v, ViewObject *const *objects, size_t n, const Columns *columns) {
        int width = 0, r = 0;

        for (size_t i = 0; i < columns->n; i++)
                width = MAX_OF(width, (int) strlen(columns->names[i]));
        width += (int) strlen(" ( RO)") + INDENT;
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = print_record(out, v, objects[i], columns, width);
        return r;
}

void print_bare(FILE *out, const char *value) {
        for (; *value; value++) {
                if (*value == ',' || *value == '\\')
                        fputc('\\', out);
                fputc(*value, out);
        }
}

static void print_bare_line(FILE *out, const char *value) {
        _cleanup_strbuf_ StrBuf b = {};

        text_escape(&b, value);
        print_bare(out, strempty(b.text));
}

/* One line; the fields of a record follow each other, as the records do. */
static int print_minimal(FILE *out, View *v, ViewObject *const *objects, size_t n, const Columns *columns) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < columns->n; k++) {
                        _cleanup_free_ char *value = field_text(v, objects[i], columns->fields[k]);

                        if (!value)
                                return -ENOMEM;
                        fputs(i + k > 0 ? "," : "", out);
                        print_bare_line(out, value);
                }
        fputc('\n', out);
        return 0;
}

static bool any_json;

bool print_was_json(void) {
        return any_json;
}

int print_json(FILE *out, struct json_object *o) {
        const char *text = json_object_to_json_string_ext(
                o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

        if (!text)
                return -ENOMEM;
        any_json = true;
        fprintf(out, "%s\n", text);
        return 0;
}

static int spell_member(struct json_object *o, const char *name) {
        _cleanup_free_ char *dashed = strdup(name);

        for (char *p = dashed; p && *p; p++)
                *p = *p == '_' ? '-' : *p;
        if (!dashed)
                return -ENOMEM;
        return json_object_object_get_ex(o, dashed, NULL) ? 0 : json_add(o, dashed, json_object_get(answer_member(o, name)));
}

static int spell_members(struct json_object *o) {
        _cleanup_strlist_ StrList names = {};
        _cleanup_(strv_freep) char **list = NULL;
        int r = 0;

        json_object_object_foreach(o, name, value) {
                (void) value;
                if (strchr(name, '_'))
                        strlist_add(&names, name);
        }
        r = strlist_take(&names, &list);
        for (size_t i = 0; r >= 0 && list[i]; i++)
                r = spell_member(o, list[i]);
        return r;
}

/* What is inside comes first, so that both spellings share it. */
static int spell(struct json_object *o) {
        int r = 0;

        for_each_answer(one, o)
                r = r < 0 ? r : spell(one);
        if (r < 0 || !json_object_is_type(o, json_type_object))
                return r;
        json_object_object_foreach(o, name, value) {
                (void) name;
                r = r < 0 ? r : spell(value);
        }
        return r < 0 ? r : spell_members(o);
}

int print_spelled(FILE *out, struct json_object *o) {
        int r = spell(o);

        return r < 0 ? r : print_json(out, o);
}

static int print_as_json(FILE *out, View *v, ViewObject *const *objects, size_t n, const Columns *columns) {
        _cleanup_json_ struct json_object *array = json_object_new_array();

        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_new_object();

                if (!o || json_object_array_add(array, o) < 0)
                        return -ENOMEM;
                for (size_t k = 0; k < columns->n; k++)
                        if (json_add(o, columns->names[k], field_json(v, objects[i], columns->fields[k])) < 0)
                                return -ENOMEM;
        }
        return print_json(out, array);
}

int print_objects(
        FILE *out, View *v, ViewObject *const *objects, size_t n, const Columns *columns, PrintStyle style) {
        switch (style) {
        case PRINT_RECORDS:
                return print_records(out, v, objects, n, columns);
        case PRINT_MINIMAL:
                return print_minimal(out, v, objects, n, columns);
        case PRINT_JSON:
                return print_as_json(out, v, objects, n, columns);
        }
        return -EINVAL;
}
