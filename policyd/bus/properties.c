/*
 * Properties in messages
 */

#include "common/json/json-get.h"
#include "policyd/bus/bus-private.h"

static int append_paths(sd_bus_message *m, const Object *o, const Property *p) {
        char path[OBJECT_PATH_MAX];
        const char *next;
        int r;

        r = sd_bus_message_open_container(m, 'a', "o");
        for (size_t i = 0; r >= 0 && (next = property_next_path(o, p, &i, path));)
                r = sd_bus_message_append_basic(m, 'o', next);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* content: "sso" */
static int append_tuple(sd_bus_message *m, const char *content, const PropertyTuple *tuple) {
        int r;

        r = sd_bus_message_open_container(m, 'r', content);
        for (size_t i = 0; r >= 0 && content[i]; i++)
                r = sd_bus_message_append_basic(m, content[i], tuple->items[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_tuples(sd_bus_message *m, const Object *o, const Property *p) {
        bool is_list = *p->signature == 'a';
        const char *tuple = p->signature + is_list;
        char content[PROPERTY_TUPLE_MAX + 1] = {};
        PropertyTuple next;
        int r = 0;

        memcpy(content, tuple + 1, strlen(tuple) - 2);
        if (is_list)
                r = sd_bus_message_open_container(m, 'a', tuple);
        for (size_t i = 0; r >= 0 && property_tuple(o, p, i, &next); i++)
                r = append_tuple(m, content, &next);
        return r < 0 || !is_list ? r : sd_bus_message_close_container(m);
}

static int append_map(sd_bus_message *m, const char *json) {
        _cleanup_json_ struct json_object *map = json_tokener_parse(json);
        int r;

        r = map ? sd_bus_message_open_container(m, 'a', "{ss}") : -ENOMEM;
        if (r < 0)
                return r;
        json_object_object_foreach(map, key, value) {
                r = sd_bus_message_append(m, "{ss}", key, strempty(json_object_get_string(value)));
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, char type, uint64_t number) {
        uint32_t narrow = (uint32_t) number; /* as sd-bus wants u and b */

        return sd_bus_message_append_basic(m, type, type == 't' ? (const void *) &number : &narrow);
}

int append_property(sd_bus_message *m, const Object *o, const Property *p) {
        char buf[PROPERTY_TEXT_MAX], path[OBJECT_PATH_MAX];

        switch (*p->signature) {
        case 's':
                return sd_bus_message_append_basic(m, 's', property_text(o, p, buf));
        case 'd':
                return sd_bus_message_append_basic(m, 'd', (double[]){property_fraction(o, p)});
        case 'o':
                return sd_bus_message_append_basic(m, 'o', property_next_path(o, p, &(size_t){0}, path) ?: "/");
        case '(':
                return append_tuples(m, o, p);
        case 'a':
                if (p->signature[1] == 's')
                        return sd_bus_message_append_strv(m, (char **) property_texts(o, p));
                if (p->signature[1] == '{')
                        return append_map(m, property_map(o, p));
                return p->signature[1] == 'o' ? append_paths(m, o, p) : append_tuples(m, o, p);
        default:
                return append_number(m, *p->signature, property_number(o, p));
        }
}

DECLARE_GETTER(get_property) {
        const Object *o = userdata;

        return append_property(reply, o, property_find(o->class, property) ?: &property_uuid);
}
