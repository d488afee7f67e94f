/*
 * Objects in messages
 *
 * What sd-bus would show of an object, written from its class's vtable at once: sd-bus looks each property of each object up by
 * path, interface and name, and would send what no bus carries. Who follows the signals has what GetManagedObjects shows.
 */

#include "policyd/bus/bus-private.h"

/* No object is told in less: nothing is made that cannot be sent. */
#define OBJECT_BYTES_MIN 384

/* Every object on the bus has them, and none has properties. */
static const char *const standard_interfaces[] = {"org.freedesktop.DBus.Peer",
        "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties"};

/* Properties without a getter are fields as they are. */
static int append_field(sd_bus_message *m, const char *signature, void *field) {
        switch (*signature) {
        case 's':
                return sd_bus_message_append_basic(m, 's', strempty(*(const char *const *) field));
        case 'a':
                return sd_bus_message_append_strv(m, *(char ***) field);
        default:
                return sd_bus_message_append_basic(m, *signature, field);
        }
}

static int append_property(Bus *bus, sd_bus_message *m, const Object *o, const char *path, const sd_bus_vtable *v) {
        const char *signature = v->x.property.signature;
        void *field = (uint8_t *) o + v->x.property.offset;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', v->x.property.member);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', signature);
        if (r >= 0 && v->x.property.get)
                r = v->x.property.get(bus->bus, path, bus->classes[o->class]->interface, v->x.property.member, m, field,
                        &error);
        else if (r >= 0)
                r = append_field(m, signature, field);
        sd_bus_error_free(&error);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_interface(Bus *bus, sd_bus_message *m, const Object *o, const char *path) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus->classes[o->class]->interface);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (const sd_bus_vtable *v = bus->classes[o->class]->vtable; r >= 0 && v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_PROPERTY)
                        r = append_property(bus, m, o, path, v);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_object(Bus *bus, sd_bus_message *m, const Object *o) {
        const char *path = OBJECT_PATH(o);
        int r;

        r = sd_bus_message_append_basic(m, 'o', path);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(standard_interfaces); i++)
                r = sd_bus_message_append(m, "{sa{sv}}", standard_interfaces[i], 0);
        if (r >= 0)
                r = append_interface(bus, m, o, path);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* All objects */

static size_t count_objects(Bus *bus) {
        size_t n = 0;

        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                n += policy_pool(bus->policy)->objects[c].n;
        return n;
}

static int append_class(Bus *bus, sd_bus_message *m, const PtrArray *objects) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < objects->n; i++) {
                r = sd_bus_message_open_container(m, 'e', "oa{sa{sv}}");
                if (r >= 0)
                        r = append_object(bus, m, objects->items[i]);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r;
}

static int append_objects(Bus *bus, sd_bus_message *m) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}");
        for (ObjectClass c = 0; r >= 0 && c < _CLASS_MAX; c++)
                r = append_class(bus, m, &policy_pool(bus->policy)->objects[c]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Only what is sealed can be read; a reply's cookie is nobody's to ask for. */
static int measure(sd_bus_message *m, size_t *ret) {
        int r;

        r = sd_bus_message_seal(m, /* cookie= */ 1, /* timeout_usec= */ 0);
        return r < 0 ? r : bus_message_size(m, ret);
}

int bus_answer_managed(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        size_t size = 0;
        int r;

        if (!sd_bus_message_has_signature(m, ""))
                return sd_bus_error_set(
                        error, SD_BUS_ERROR_INVALID_ARGS, "GetManagedObjects takes no arguments.");
        if (count_objects(bus) > BUS_MESSAGE_MAX / OBJECT_BYTES_MIN)
                return bus_refuse_size(error, "The pool");
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_objects(bus, reply);
        if (r >= 0)
                r = measure(reply, &size);
        if (r < 0)
                return r;
        if (size > BUS_MESSAGE_MAX)
                return bus_refuse_size(error, "The pool");
        r = sd_bus_send(bus->bus, reply, NULL);
        return r < 0 ? r : 1;
}

/* References */

size_t bus_count_references(Bus *bus, const Object *o, const char *property_or_empty) {
        const sd_bus_vtable *v = bus->classes[o->class]->vtable;
        size_t n = 0;

        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_PROPERTY && v->x.property.get == get_refs &&
                        (isempty(property_or_empty) || streq(property_or_empty, v->x.property.member)))
                        n += ((const PtrArray *) ((const uint8_t *) o + v->x.property.offset))->n;
        return n;
}

int bus_check_properties(Bus *bus, const Object *o, const char *property_or_empty, sd_bus_error *error) {
        if (bus_count_references(bus, o, property_or_empty) <= BUS_MESSAGE_MAX / OBJECT_PATH_MAX)
                return 0;
        return bus_refuse_size(
                error, isempty(property_or_empty) ? "What the object refers to" : property_or_empty);
}
