/*
 * Fields as people and scripts read them
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/json/json-get.h"
#include "common/strbuf.h"
#include "policyd/ctl/view.h"
#include "protocol/errors.h"

#define LIST_SEPARATOR "; "

/* What people call the object: its label, and for a PGPU the host too, since addresses repeat from host to
 * host. */
static char *object_label(View *v, const char *path) {
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

static char *element_text(View *v, struct json_object *element, bool as_label, bool is_path) {
        const char *text = strempty(json_object_get_string(element));
        char uuid[37];

        if (!is_path)
                return strdup(text);
        return as_label ? object_label(v, text) : strdup(path_to_uuid(text, uuid));
}

static char *list_text(View *v, struct json_object *value, bool as_label, bool is_path) {
        _cleanup_strbuf_ StrBuf b = {};

        for (size_t i = 0; i < json_object_array_length(value); i++) {
                _cleanup_free_ char *one =
                        element_text(v, json_object_array_get_idx(value, i), as_label, is_path);

                if (!one)
                        return NULL;
                strbuf_add(&b, i > 0 ? LIST_SEPARATOR : "");
                strbuf_add(&b, one);
        }
        return strbuf_take(&b);
}

/* As xe writes dates. 0: not yet; the largest number: never. */
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
        const char *name = json_nth_text(value, 0);
        ErrorCode code = error_code_from_name(name);
        char *text;

        if (!*name)
                return strdup("");
        if (asprintf(&text, "%s: %s", code >= 0 ? error_code_xapi(code) : name, json_nth_text(value, 1)) < 0)
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

char *field_text(View *v, const ViewObject *o, FieldName name) {
        struct json_object *value = object_property(o, name.field->property);
        FieldKind kind = name.field->kind;
        bool as_label = name.as_label || kind == FIELD_LABEL;

        if (!value)
                return strdup("");
        switch (kind) {
        case FIELD_VALUE:
                return strdup(strempty(json_object_get_string(value)));
        case FIELD_STRINGS:
                return list_text(v, value, false, false);
        case FIELD_REF:
        case FIELD_REFS:
        case FIELD_LABEL:
                return json_object_is_type(value, json_type_array) ? list_text(v, value, as_label, true)
                                                                   : element_text(v, value, as_label, true);
        case FIELD_RESOLUTION:
                return resolution_text(o);
        case FIELD_PERCENT:
                return percent_text(json_object_get_double(value));
        case FIELD_TIME:
                return time_text(json_object_get_uint64(value));
        case FIELD_ERROR:
                return error_text(value);
        }
        return strdup("");
}

struct json_object *field_json(View *v, const ViewObject *o, FieldName name) {
        struct json_object *value = object_property(o, name.field->property), *array;
        bool is_path = name.field->kind != FIELD_STRINGS;

        if (value && (name.field->kind == FIELD_VALUE || name.field->kind == FIELD_PERCENT ||
                             name.field->kind == FIELD_TIME))
                return json_object_get(value);
        if (!value || !json_object_is_type(value, json_type_array) || name.field->kind == FIELD_ERROR) {
                _cleanup_free_ char *text = field_text(v, o, name);

                return text ? json_object_new_string(text) : NULL;
        }

        array = json_object_new_array();
        for (size_t i = 0; array && i < json_object_array_length(value); i++) {
                _cleanup_free_ char *one = element_text(v, json_object_array_get_idx(value, i),
                        name.as_label || name.field->kind == FIELD_LABEL, is_path);

                json_object_array_add(array, json_object_new_string(strempty(one)));
        }
        return array;
}

static bool element_matches(View *v, struct json_object *element, FieldKind kind, const char *text) {
        const char *value = strempty(json_object_get_string(element));
        _cleanup_free_ char *label = NULL;
        char uuid[37];

        if (kind == FIELD_STRINGS)
                return streq(value, text);
        if (strcasecmp(path_to_uuid(value, uuid), text) == 0)
                return true;
        if (!*uuid)
                return false;
        label = object_label(v, value);
        return label && streq(label, text);
}

bool field_matches(View *v, const ViewObject *o, FieldName name, const char *text) {
        struct json_object *value = object_property(o, name.field->property);
        _cleanup_free_ char *whole = field_text(v, o, name);
        FieldKind kind = name.field->kind;

        if (!whole || !value)
                return whole && streq(whole, text);
        if (kind == FIELD_VALUE ? strcasecmp(whole, text) == 0 : streq(whole, text))
                return true;
        /* uuid= takes a name in lists, as it does where one object is meant. */
        if (streq(name.field->property, "UUID")) {
                _cleanup_free_ char *label = object_label(v, o->path);

                return label && streq(label, text);
        }
        if (kind != FIELD_REF && kind != FIELD_REFS && kind != FIELD_STRINGS && kind != FIELD_LABEL)
                return false;
        if (!json_object_is_type(value, json_type_array))
                return element_matches(v, value, kind, text);
        for (size_t i = 0; i < json_object_array_length(value); i++)
                if (element_matches(v, json_object_array_get_idx(value, i), kind, text))
                        return true;
        return false;
}
