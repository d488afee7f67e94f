/*
 * Objects in messages
 *
 * Writes what sd-bus would show of an object, directly from the table of its class. sd-bus would look up each
 * property of each object by path, interface and name, and would send messages that are too large for a bus.
 * A client that follows the signals has the same as GetManagedObjects shows.
 */

#include "policyd/bus/bus-private.h"

/* No object takes fewer bytes than this, so an answer that cannot be sent is not even made. */
#define OBJECT_BYTES_MIN 384

/* Every object on the bus has them, and none has properties. */
static const char *const standard_interfaces[] = {"org.freedesktop.DBus.Peer",
        "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties"};

static int append_member(sd_bus_message *m, const Object *o, const Property *p) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', p->name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', p->signature);
        if (r >= 0)
                r = append_property(m, o, p);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_interface(Bus *bus, sd_bus_message *m, const Object *o) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus->classes[o->class]->interface);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_member(m, o, &property_uuid);
        for (const Property *p = class_properties(o->class); r >= 0 && p->name; p++)
                r = append_member(m, o, p);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_append_object(Bus *bus, sd_bus_message *m, const Object *o) {
        int r;

        r = sd_bus_message_append_basic(m, 'o', OBJECT_PATH(o));
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sa{sv}}");
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(standard_interfaces); i++)
                r = sd_bus_message_append(m, "{sa{sv}}", standard_interfaces[i], 0);
        if (r >= 0)
                r = append_interface(bus, m, o);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* All objects */

static size_t count_objects(Bus *bus) {
        size_t n = 0;

        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                n += policy_pool(bus->policy)->objects[c].n;
        return n;
}

static int append_entry(Bus *bus, sd_bus_message *m, const Object *o) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "oa{sa{sv}}");
        if (r >= 0)
                r = bus_append_object(bus, m, o);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_objects(Bus *bus, sd_bus_message *m) {
        const PtrArray *objects = policy_pool(bus->policy)->objects;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{oa{sa{sv}}}");
        for (ObjectClass c = 0; r >= 0 && c < _CLASS_MAX; c++)
                for (size_t i = 0; r >= 0 && i < objects[c].n; i++)
                        r = append_entry(bus, m, objects[c].items[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Only a sealed message can be read. Any cookie will do, since nobody answers a reply. */
static int measure(sd_bus_message *m, size_t *ret) {
        int r;

        r = sd_bus_message_seal(m, /* cookie= */ 1, /* timeout_usec= */ 0);
        return r < 0 ? r : bus_message_size(m, ret);
}

int method_get_managed_objects(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
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
        r = sd_bus_send(bus->replies, reply, NULL);
        return r < 0 ? r : 1;
}

/* References */

size_t bus_count_references(const Object *o, const char *property_or_empty) {
        size_t n = 0;

        for (const Property *p = class_properties(o->class); p->name; p++)
                if (isempty(property_or_empty) || streq(property_or_empty, p->name))
                        n += property_count(o, p);
        return n;
}

int bus_check_properties(const Object *o, const char *property_or_empty, sd_bus_error *error) {
        if (bus_count_references(o, property_or_empty) <= BUS_MESSAGE_MAX / OBJECT_PATH_MAX)
                return 0;
        return bus_refuse_size(
                error, isempty(property_or_empty) ? "What the object refers to" : property_or_empty);
}
