/*
 * Fields as people and scripts read them
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "policyd/ctl/view/made.h"
#include "protocol/errors.h"

#define LIST_SEPARATOR "; "

/* For a PGPU the host too, since addresses repeat from host to host. */
char *object_label(View *v, const char *path) {
        const ViewObject *o = path ? view_get(v, path) : NULL;
        char uuid[37], *text;

        if (!o)
                return strdup(strempty(path_to_uuid(strempty(path), uuid)));
        if (!streq(o->class->name, "pgpu"))
                return strdup(object_text(o, o->class->label));
        if (asprintf(&text, "%s/%s", object_text(object_ref(v, o, "Host"), "NameLabel"),
                    object_text(o, "PCIID")) < 0)
                return NULL;
        return text;
}

/* "0000:83:00.0", or "83:00.0", as the map shows it. */
static bool is_address(const char *address, const char *text) {
        const char *shorter = startswith(address, "0000:");

        return strcasecmp(address, text) == 0 || (shorter && strcasecmp(shorter, text) == 0);
}

bool pgpu_label_is(const char *label, const char *text) {
        const char *slash = strrchr(label, '/'), *given = strrchr(text, '/');
        size_t n = slash ? (size_t) (slash - label) : 0;

        if (given && ((size_t) (given - text) != n || strncmp(label, text, n) != 0))
                return false;
        return is_address(slash ? slash + 1 : label, given ? given + 1 : text);
}

static bool is_called(View *v, const char *path, const char *text) {
        _cleanup_free_ char *label = object_label(v, path);
        const ClassInfo *c = class_of_path(path);

        return label && (streq(label, text) || (c && streq(c->name, "pgpu") && pgpu_label_is(label, text)));
}

/* "desk-1 (<uuid>) has GRID K100"; of a domain of which only a name is known, the name. */
static char *outsider_text(View *v, struct json_object *one) {
        _cleanup_free_ char *type = NULL;
        char *text;

        if (!*answer_nth_text(one, 0))
                return strdup(answer_nth_text(one, 1));
        type = object_label(v, answer_nth_text(one, 2));
        if (!type ||
                asprintf(&text, "%s (%s) has %s", answer_nth_text(one, 1), answer_nth_text(one, 0), type) < 0)
                return NULL;
        return text;
}

static bool is_label(FieldName name) {
        return name.as_label || name.field->kind == FIELD_LABEL;
}

/* One of a list, or the value of a reference. */
static char *element_text(View *v, struct json_object *element, FieldName name) {
        const char *text = strempty(json_object_get_string(element));
        char uuid[37];

        if (name.field->kind == FIELD_OUTSIDE)
                return outsider_text(v, element);
        if (name.field->kind == FIELD_STRINGS)
                return strdup(text);
        return is_label(name) ? object_label(v, text) : strdup(path_to_uuid(text, uuid));
}

static char *list_text(View *v, struct json_object *value, FieldName name) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < json_object_array_length(value); i++) {
                _cleanup_free_ char *one = element_text(v, json_object_array_get_idx(value, i), name);

                if (!one)
                        return NULL;
                strbuf_add(&b, i > 0 ? LIST_SEPARATOR : "");
                strbuf_add(&b, one);
        }
        return strbuf_take(&b);
}

/* "vga: std; videoram: 16", as xe has it. */
static char *map_text(struct json_object *map) {
        _cleanup_strbuf_ StrBuf b = {};
        bool first = true;

        json_object_object_foreach(map, key, value) {
                strbuf_addf(&b, "%s%s: %s", first ? "" : LIST_SEPARATOR, key, strempty(json_object_get_string(value)));
                first = false;
        }
        return strbuf_take(&b);
}

/* What was made, as a text: lists and maps as those that policyd tells. */
static char *made_text(struct json_object *made) {
        _cleanup_strbuf_ StrBuf b = {};

        if (json_object_is_type(made, json_type_object))
                return map_text(made);
        if (!json_object_is_type(made, json_type_array))
                return strdup(strempty(json_object_get_string(made)));
        for (size_t i = 0; i < json_object_array_length(made); i++)
                strbuf_addf(&b, "%s%s", i > 0 ? LIST_SEPARATOR : "", answer_nth_text(made, i));
        return strbuf_take(&b);
}

static struct json_object *list_json(View *v, struct json_object *value, FieldName name) {
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; array && i < json_object_array_length(value); i++) {
                _cleanup_free_ char *one = element_text(v, json_object_array_get_idx(value, i), name);

                json_object_array_add(array, json_object_new_string(strempty(one)));
        }
        return array;
}

/* In xe's format of dates. 0 means not yet, the largest number never. */
static char *time_text(uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[32];
        struct tm tm;

        if (usec == UINT64_MAX)
                return strdup("never");
        if (usec == 0 || !gmtime_r(&seconds, &tm) ||
                strftime(text, sizeof(text), "%Y%m%dT%H:%M:%SZ", &tm) == 0)
                return strdup("");
        return strdup(text);
}

/* "CODE: sentence", as on stderr. */
static char *error_text(struct json_object *value) {
        const char *name = answer_nth_text(value, 0);
        ErrorCode code = error_code_from_name(name);
        char *text;

        if (!*name)
                return strdup("");
        if (asprintf(&text, "%s: %s", code >= 0 ? error_code_xapi(code) : name, answer_nth_text(value, 1)) < 0)
                return NULL;
        return text;
}

static char *percent_text(double value) {
        char *text;

        return asprintf(&text, "%.0f%%", value * 100) < 0 ? NULL : text;
}

static char *resolution_text(const ViewObject *o) {
        uint64_t x = object_number(o, "MaxResolutionX"), y = object_number(o, "MaxResolutionY");
        char *text;

        return asprintf(&text, "%" PRIu64 "x%" PRIu64, x, y) < 0 ? NULL : text;
}

#define UNLIMITED "unlimited"
#define PGPU_UNITS UINT64_C(1048576)

static char *limit_text(uint64_t limit) {
        char *text;

        if (limit == UINT64_MAX)
                return strdup(UNLIMITED);
        return asprintf(&text, "%" PRIu64, limit) < 0 ? NULL : text;
}

/* With three digits behind the point, without trailing zeros. */
static char *pgpus_text(uint64_t units) {
        char *text;

        if (units == UINT64_MAX)
                return strdup(UNLIMITED);
        if (asprintf(&text, "%.3f", (double) units / PGPU_UNITS) < 0)
                return NULL;
        for (size_t n = strlen(text); text[n - 1] == '0' || text[n - 1] == '.'; n--) {
                bool is_point = text[n - 1] == '.';

                text[n - 1] = '\0';
                if (is_point)
                        break;
        }
        return text;
}

/* "2", "2.5", "0.125": up to six digits behind the point. */
static int parse_pgpus(const char *text, uint64_t *ret) {
        const char *point = strchr(text, '.'), *digits = point ? point + 1 : "";
        _cleanup_free_ char *whole_text = strndup(text, point ? (size_t) (point - text) : strlen(text));
        uint64_t whole, part = 0, scale = 1;

        if (!whole_text || parse_u64(whole_text, &whole) < 0 || whole > UINT64_MAX / PGPU_UNITS - 1 ||
                (point && !*digits) || strlen(digits) > 6)
                return -EINVAL;
        for (; *digits; digits++, scale *= 10) {
                int digit = parse_digit(*digits, 10);

                if (digit < 0)
                        return -EINVAL;
                part = part * 10 + (uint64_t) digit;
        }
        *ret = whole * PGPU_UNITS + (part * PGPU_UNITS + scale / 2) / scale;
        return 0;
}

int field_parse_number(const Field *f, const char *text, uint64_t *ret) {
        if (strcasecmp(text, UNLIMITED) == 0) {
                *ret = UINT64_MAX;
                return 0;
        }
        if (f->kind == FIELD_PGPUS)
                return parse_pgpus(text, ret);
        return parse_u64(text, ret) < 0 ? -EINVAL : 0;
}

char *field_text(View *v, const ViewObject *o, FieldName name) {
        struct json_object *value = object_property(o, name.field->property);
        _cleanup_json_ struct json_object *made = NULL;

        if (!value)
                return strdup("");
        if (name.key)
                return strdup(answer_text(value, name.key));
        switch (name.field->kind) {
        case FIELD_VALUE:
                return strdup(strempty(json_object_get_string(value)));
        case FIELD_STRINGS:
        case FIELD_REF:
        case FIELD_REFS:
        case FIELD_LABEL:
        case FIELD_OUTSIDE:
                return json_object_is_type(value, json_type_array) ? list_text(v, value, name)
                                                                   : element_text(v, value, name);
        case FIELD_MAP:
                return map_text(value);
        case FIELD_RESOLUTION:
                return resolution_text(o);
        case FIELD_PERCENT:
                return percent_text(json_object_get_double(value));
        case FIELD_TIME:
                return time_text(json_object_get_uint64(value));
        case FIELD_ERROR:
                return error_text(value);
        case FIELD_LIMIT:
                return limit_text(json_object_get_uint64(value));
        case FIELD_PGPUS:
                return pgpus_text(json_object_get_uint64(value));
        case FIELD_FIXED:
        case FIELD_IS:
        case FIELD_VIA:
        case FIELD_REVERSE:
        case FIELD_CAPACITIES:
        case FIELD_ALLOWED:
        case FIELD_CURRENT:
        case FIELD_POSSIBLE:
                made = field_make(v, o, name.field);
                return made ? made_text(made) : NULL;
        }
        return strdup("");
}

struct json_object *field_json(View *v, const ViewObject *o, FieldName name) {
        struct json_object *value = object_property(o, name.field->property);
        FieldKind kind = name.field->kind;
        _cleanup_free_ char *text = NULL;

        if (value && kind >= FIELD_FIXED)
                return field_make(v, o, name.field);
        if (value && kind == FIELD_MAP)
                return name.key ? json_object_get(answer_member(value, name.key)) : json_object_get(value);
        if (value && kind == FIELD_PGPUS && json_object_get_uint64(value) != UINT64_MAX)
                return json_object_new_double((double) json_object_get_uint64(value) / PGPU_UNITS);
        if (value && (kind == FIELD_VALUE || kind == FIELD_PERCENT || kind == FIELD_TIME || kind == FIELD_LIMIT ||
                             kind == FIELD_PGPUS))
                return json_object_get(value);
        if (value && json_object_is_type(value, json_type_array) && kind != FIELD_ERROR)
                return list_json(v, value, name);
        text = field_text(v, o, name);
        return text ? json_object_new_string(text) : NULL;
}

/* One of a list that was made. */
static bool made_matches(View *v, const ViewObject *o, const Field *f, const char *text) {
        _cleanup_json_ struct json_object *made = field_make(v, o, f);

        for_each_answer(one, made)
                if (streq(strempty(json_object_get_string(one)), text))
                        return true;
        return false;
}

static bool element_matches(View *v, struct json_object *element, FieldKind kind, const char *text) {
        const char *value = strempty(json_object_get_string(element));
        char uuid[37];

        if (kind == FIELD_STRINGS)
                return streq(value, text);
        if (strcasecmp(path_to_uuid(value, uuid), text) == 0)
                return true;
        return *uuid && is_called(v, value, text);
}

bool field_matches(View *v, const ViewObject *o, FieldName name, const char *text) {
        struct json_object *value = object_property(o, name.field->property);
        _cleanup_free_ char *whole = field_text(v, o, name);
        FieldKind kind = name.field->kind;

        if (!whole || !value)
                return whole && streq(whole, text);
        if (kind == FIELD_VALUE ? strcasecmp(whole, text) == 0 : streq(whole, text))
                return true;
        if (kind >= FIELD_FIXED)
                return made_matches(v, o, name.field, text);
        /* uuid= takes a name in lists, as it does where one object is meant. */
        if (streq(name.field->property, "UUID"))
                return is_called(v, o->path, text);
        if (kind != FIELD_REF && kind != FIELD_REFS && kind != FIELD_STRINGS && kind != FIELD_LABEL)
                return false;
        if (!json_object_is_type(value, json_type_array))
                return element_matches(v, value, kind, text);
        for (size_t i = 0; i < json_object_array_length(value); i++)
                if (element_matches(v, json_object_array_get_idx(value, i), kind, text))
                        return true;
        return false;
}
