/*
 * The signals of objects
 *
 * What sd_bus_emit_properties_changed() and its like would send, made from a class's vtable at once. sd-bus looks each property
 * up by path, interface and name, at each level of the path: some 30,000 instructions for a signal of three properties, which was
 * a third of all that policyd did for a start. The contents are the same: who follows them has what GetManagedObjects shows.
 */

#include "policyd/bus/bus-private.h"

#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define DBUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* Every object on the bus has them, and none has properties. */
static const char *const standard_interfaces[] = {
        "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.Introspectable", DBUS_PROPERTIES};

#define ANNOUNCED (SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)

static bool is_property(const sd_bus_vtable *v) {
        return v->type == _SD_BUS_VTABLE_PROPERTY || v->type == _SD_BUS_VTABLE_WRITABLE_PROPERTY;
}

static const sd_bus_vtable *find_property(const sd_bus_vtable *v, const char *name) {
        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (is_property(v) && streq(v->x.property.member, name))
                        return v;
        return NULL;
}

int emit_prepare(Bus *bus) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                const BusClass *class = bus_class(c);

                for (size_t i = 0; class->properties[i]; i++) {
                        if (!*class->properties[i])
                                continue;
                        if (i >= PROPERTIES_MAX)
                                return -E2BIG;
                        bus->properties[c][i] = find_property(class->vtable, class->properties[i]);
                        if (!bus->properties[c][i] || !(bus->properties[c][i]->flags & ANNOUNCED))
                                return -ENOENT;
                }
        }
        return 0;
}

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
                r = v->x.property.get(bus->bus, path, bus_class(o->class)->interface, v->x.property.member, m, field,
                        &error);
        else if (r >= 0)
                r = append_field(m, signature, field);
        sd_bus_error_free(&error);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The next property among those that changed; NULL: no more. */
static const sd_bus_vtable *next_changed(const Bus *bus, const Object *o, uint64_t *rest) {
        while (*rest) {
                const sd_bus_vtable *v = bus->properties[o->class][__builtin_ctzll(*rest)];

                *rest &= *rest - 1;
                if (v)
                        return v;
        }
        return NULL;
}

/* The values of those that are told, and the names of those that are only to be asked for again. */
static int append_changes(Bus *bus, sd_bus_message *m, const Object *o, const char *path) {
        const sd_bus_vtable *v;
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (uint64_t rest = o->changed; r >= 0 && (v = next_changed(bus, o, &rest));)
                if (v->flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
                        r = append_property(bus, m, o, path, v);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (uint64_t rest = o->changed; r >= 0 && (v = next_changed(bus, o, &rest));)
                if (v->flags & SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
                        r = sd_bus_message_append_basic(m, 's', v->x.property.member);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int emit_changed(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *path = OBJECT_PATH(o);
        uint64_t rest = o->changed;
        int r;

        if (!next_changed(bus, o, &rest))
                return 0;
        r = sd_bus_message_new_signal(bus->bus, &m, path, DBUS_PROPERTIES, "PropertiesChanged");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus_class(o->class)->interface);
        if (r >= 0)
                r = append_changes(bus, m, o, path);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}

static int append_interface(Bus *bus, sd_bus_message *m, const Object *o, const char *path) {
        int r;

        r = sd_bus_message_open_container(m, 'e', "sa{sv}");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus_class(o->class)->interface);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (const sd_bus_vtable *v = bus_class(o->class)->vtable; r >= 0 && v->type != _SD_BUS_VTABLE_END; v++)
                if (is_property(v))
                        r = append_property(bus, m, o, path, v);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int emit_append_object(Bus *bus, sd_bus_message *m, const Object *o) {
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

int emit_added(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(bus->bus, &m, POLICY_PATH, DBUS_OBJECT_MANAGER, "InterfacesAdded");
        if (r >= 0)
                r = emit_append_object(bus, m, o);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}

int emit_removed(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(bus->bus, &m, POLICY_PATH, DBUS_OBJECT_MANAGER, "InterfacesRemoved");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 'o', OBJECT_PATH(o));
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(standard_interfaces); i++)
                r = sd_bus_message_append_basic(m, 's', standard_interfaces[i]);
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus_class(o->class)->interface);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}
