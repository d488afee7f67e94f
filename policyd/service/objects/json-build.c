/*
 * Objects as JSON for the wire: every D-Bus property under its D-Bus name
 *
 * References are object paths, an empty one is "/"; the rest as the property's type has it.
 */

#include "policyd/service/objects/policy-private.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-write.h"

static void write_tuple(StrBuf *b, const char *member, const PropertyTuple *tuple) {
        json_write_open(b, member, '[');
        for (size_t i = 0; i < PROPERTY_TUPLE_MAX && tuple->items[i]; i++)
                json_write_string(b, NULL, tuple->items[i]);
        json_write_close(b, ']');
}

static void write_list(StrBuf *b, const Object *o, const Property *p) {
        char path[OBJECT_PATH_MAX];
        PropertyTuple tuple;
        const char *next;

        json_write_open(b, p->name, '[');
        if (p->signature[1] == 'o')
                for (size_t i = 0; (next = property_next_path(o, p, &i, path));)
                        json_write_string(b, NULL, next);
        else
                for (size_t i = 0; property_tuple(o, p, i, &tuple); i++)
                        write_tuple(b, NULL, &tuple);
        json_write_close(b, ']');
}

static void write_property(StrBuf *b, const Object *o, const Property *p) {
        char buf[PROPERTY_TEXT_MAX], path[OBJECT_PATH_MAX];
        PropertyTuple tuple;

        switch (*p->signature) {
        case 's':
                json_write_string(b, p->name, property_text(o, p, buf));
                return;
        case 'b':
                json_write_bool(b, p->name, property_number(o, p) != 0);
                return;
        case 'i':
                snprintf(buf, sizeof(buf), "%" PRId32, (int32_t) property_number(o, p));
                json_write_text(b, p->name, buf);
                return;
        case 'd':
                json_write_double(b, p->name, property_fraction(o, p));
                return;
        case 'o':
                json_write_string(b, p->name, property_next_path(o, p, &(size_t){0}, path) ?: "/");
                return;
        case '(':
                (void) property_tuple(o, p, 0, &tuple);
                write_tuple(b, p->name, &tuple);
                return;
        case 'a':
                if (p->signature[1] == 's')
                        json_write_strv(b, p->name, property_texts(o, p));
                else if (p->signature[1] == '{')
                        json_write_text(b, p->name, property_map(o, p));
                else
                        write_list(b, o, p);
                return;
        default:
                json_write_u64(b, p->name, property_number(o, p));
        }
}

void object_write_json(StrBuf *b, const Object *o) {
        json_write_open(b, NULL, '{');
        json_write_string(b, "path", OBJECT_PATH(o));
        json_write_uuid(b, "uuid", &o->id);
        json_write_uuid(b, "UUID", &o->id);
        for (const Property *p = class_properties(o->class); p->name; p++)
                write_property(b, o, p);
        json_write_close(b, '}');
}
