/*
 * Reading and writing traces
 */

#include <math.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "tests/sim/trace.h"

int trace_add(Trace *t, const Arrival *a) {
        if (t->n == t->size) {
                size_t size = MAX_OF(2 * t->size, (size_t) 256);
                Arrival *items = realloc(t->items, size * sizeof(Arrival));

                if (!items)
                        return -ENOMEM;
                t->items = items;
                t->size = size;
        }

        t->items[t->n++] = *a;
        return 0;
}

void trace_done(Trace *t) {
        free(t->items);
        *t = (Trace){};
}

double arrival_size(const Shape *s, const Arrival *a) {
        double size = 0;

        for (size_t i = 0; i < a->n_vgpus; i++)
                size += a->vgpus[i].type == TYPE_PASSTHROUGH_INDEX
                                ? 1.0
                                : 1.0 / s->types[a->vgpus[i].type].instances;

        return size;
}

static int parse_vgpu(JsonReader *r, const Shape *s, const char *text, Arrival *a) {
        const char *colon = strchr(text, ':'), *type = colon ? colon + 1 : text;
        size_t group = SIZE_MAX, t = shape_find_type(s, type);
        char name[SHAPE_NAME_MAX];

        if (a->n_vgpus == ARRIVAL_VGPUS_MAX)
                return json_fail(r, "vgpus", "has more than %d entries", ARRIVAL_VGPUS_MAX);
        if (t == SIZE_MAX && !streq(type, "passthrough"))
                return json_fail(r, "vgpus", "names '%s', which is no type of the pool", type);

        if (colon && (size_t) (colon - text) < sizeof(name)) {
                snprintf(name, sizeof(name), "%.*s", (int) (colon - text), text);
                group = shape_find_group(s, name);
        } else if (!colon && t != SIZE_MAX)
                group = shape_group_of_type(s, t);
        if (group == SIZE_MAX)
                return json_fail(
                        r, "vgpus", "has '%s', which leads to no group of the pool; write GROUP:TYPE", text);

        if (t != SIZE_MAX && !shape_group_has_type(s, group, t))
                return json_fail(r, "vgpus", "has '%s', a type that no card of that group supports", text);

        a->vgpus[a->n_vgpus].group = (uint8_t) group;
        a->vgpus[a->n_vgpus++].type = t == SIZE_MAX ? TYPE_PASSTHROUGH_INDEX : (uint8_t) t;
        return 0;
}

static int parse_arrival(JsonReader *r, const Shape *s, struct json_object *o, Arrival *ret) {
        _cleanup_(strv_freep) char **vgpus = NULL;
        int error;

        *ret = (Arrival){};
        error = json_get_double(r, o, "at", &ret->at);
        if (error >= 0)
                error = json_get_double(r, o, "stay", &ret->stay);
        if (error >= 0)
                error = json_get_strv(r, o, "vgpus", &vgpus);
        if (error < 0)
                return error;
        if (!isfinite(ret->at) || !isfinite(ret->stay) || ret->stay < 0)
                return json_fail(r, "stay", "is not a time");

        for (size_t i = 0; vgpus[i] && error >= 0; i++)
                error = parse_vgpu(r, s, vgpus[i], ret);
        return error;
}

static int parse_line(const Shape *s, const char *line, size_t size, Trace *t, JsonReader *reader) {
        _cleanup_json_ struct json_object *o = NULL;
        Arrival a;
        int r;

        r = json_parse(reader, line, size, &o);
        if (r >= 0)
                r = parse_arrival(reader, s, o, &a);
        if (r >= 0 && t->n > 0 && a.at < t->items[t->n - 1].at)
                r = json_fail(reader, "at", "is before the line above");
        return r < 0 ? r : trace_add(t, &a);
}

int trace_parse(const Shape *s, const char *text, size_t size, Trace *ret, char *error, size_t error_size) {
        _cleanup_trace_ Trace t = {};
        const char *end = text + size;

        for (size_t line = 1; text < end; line++) {
                const char *newline = memchr(text, '\n', (size_t) (end - text)) ?: end;
                JsonReader reader = {};
                int r = 0;

                if (newline > text)
                        r = parse_line(s, text, (size_t) (newline - text), &t, &reader);
                if (r < 0) {
                        snprintf(error, error_size, "line %zu: %s", line,
                                r == -ENOMEM ? "out of memory" : reader.error);
                        return r;
                }
                text = newline + 1;
        }

        *ret = t;
        t = (Trace){};
        return 0;
}

char *arrival_to_text(const Shape *s, const Arrival *a) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *vgpus = json_object_new_array();

        if (!o || !vgpus) {
                json_object_put(vgpus);
                return NULL;
        }

        for (size_t i = 0; i < a->n_vgpus; i++) {
                bool whole = a->vgpus[i].type == TYPE_PASSTHROUGH_INDEX;
                char text[2 * SHAPE_NAME_MAX];

                snprintf(text, sizeof(text), "%s:%s", s->cards[a->vgpus[i].group].group_name,
                        whole ? "passthrough" : s->types[a->vgpus[i].type].name);
                json_object_array_add(vgpus, json_object_new_string(text));
        }

        if (json_add_double(o, "at", a->at) < 0 || json_add_double(o, "stay", a->stay) < 0 ||
                json_add(o, "vgpus", vgpus) < 0)
                return NULL;
        return json_to_text(o);
}
