/*
 * Signals
 *
 * Called by the policy after a commit and its replies: one PropertiesChanged for each changed object,
 * InterfacesAdded and -Removed, and the Manager's own. A signal that cannot be sent is dropped: what is true
 * stands in the properties.
 */

#include "policyd/bus/bus-private.h"

#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define DBUS_OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define ANNOUNCED (SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE | SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)

static const sd_bus_vtable *find_property(const sd_bus_vtable *v, const char *name) {
        for (; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_PROPERTY && streq(v->x.property.member, name))
                        return v;
        return NULL;
}

int announce_prepare(Bus *bus) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                const BusClass *class = bus->classes[c];

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
                        r = show_property(bus, m, o, path, v);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (uint64_t rest = o->changed; r >= 0 && (v = next_changed(bus, o, &rest));)
                if (v->flags & SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION)
                        r = sd_bus_message_append_basic(m, 's', v->x.property.member);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int send_changed(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *path = OBJECT_PATH(o);
        uint64_t rest = o->changed;
        int r;

        if (!next_changed(bus, o, &rest))
                return 0;
        r = sd_bus_message_new_signal(bus->bus, &m, path, DBUS_PROPERTIES, "PropertiesChanged");
        if (r >= 0)
                r = sd_bus_message_append_basic(m, 's', bus->classes[o->class]->interface);
        if (r >= 0)
                r = append_changes(bus, m, o, path);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}

static int send_added(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(bus->bus, &m, POLICY_PATH, DBUS_OBJECT_MANAGER, "InterfacesAdded");
        if (r >= 0)
                r = show_object(bus, m, o);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}

static int send_removed(Bus *bus, const Object *o) {
        return sd_bus_emit_interfaces_removed(bus->bus, OBJECT_PATH(o), "org.freedesktop.DBus.Peer",
                "org.freedesktop.DBus.Introspectable", DBUS_PROPERTIES, bus->classes[o->class]->interface, NULL);
}

uint32_t count_hosts_online(Bus *bus) {
        const PtrArray *hosts = &policy_pool(bus->policy)->objects[CLASS_HOST];
        uint32_t n = 0;

        for (size_t i = 0; i < hosts->n; i++)
                n += ((const Host *) hosts->items[i])->state == HOST_ONLINE;
        return n;
}

/* What goes with a change of a host: the epoch with its coming, the sentence with its mark. In one signal. */
static void announce_manager(Bus *bus, uint64_t changed) {
        uint32_t online = count_hosts_online(bus);
        uint64_t epoch = policy_epoch(bus->policy);
        char *names[4] = {};
        size_t n = 0;

        if (online != bus->hosts_online)
                names[n++] = (char *) "HostsOnline";
        if (changed & HOST_UNHEARD)
                names[n++] = (char *) "OldDatabase";
        /* A host for which it was raised comes online next. */
        if (n > 0 && epoch != bus->epoch)
                names[n++] = (char *) "Epoch";
        if (n == 0)
                return;
        bus->hosts_online = online;
        bus->epoch = epoch;
        sd_bus_emit_properties_changed_strv(bus->bus, POLICY_PATH, POLICY_IFACE_MANAGER, names);
}

static void on_changed(const Object *o, void *userdata) {
        Bus *bus = userdata;

        if (o->removed) {
                if (!o->is_new)
                        (void) send_removed(bus, o);
        } else if (o->is_new)
                (void) send_added(bus, o);
        else
                (void) send_changed(bus, o);
        if (o->class == CLASS_HOST)
                announce_manager(bus, o->changed);
}

static void on_job_new(const Job *j, void *userdata) {
        Bus *bus = userdata;

        sd_bus_emit_signal(bus->bus, POLICY_PATH, POLICY_IFACE_MANAGER, "JobNew", "o", OBJECT_PATH(j));
}

static void on_job_removed(const Job *j, const char *result, void *userdata) {
        Bus *bus = userdata;

        sd_bus_emit_signal(
                bus->bus, POLICY_PATH, POLICY_IFACE_MANAGER, "JobRemoved", "os", OBJECT_PATH(j), result);
}

/* What was shown between the last commit and the failed one never was: nothing to take back. */
static void on_rebuilt(void *userdata) {
        Bus *bus = userdata;

        announce_manager(bus, HOST_UNHEARD);
        sd_bus_emit_properties_changed(
                bus->bus, POLICY_PATH, POLICY_IFACE_MANAGER, "UnreadableRows", "RowsSetAside", NULL);
}

static void on_status(const char *line, void *userdata) {
        Bus *bus = userdata;

        if (bus->options.status)
                bus->options.status(line, bus->options.userdata);
}

static void on_stale(const char *message, void *userdata) {
        Bus *bus = userdata;

        /* The policy has logged why; the unit does not start policyd again after this status. */
        sd_event_exit(bus->event, POLICY_EXIT_STALE);
}

const PolicyListener *bus_listener(void) {
        static const PolicyListener listener = {
                .changed = on_changed,
                .job_new = on_job_new,
                .job_removed = on_job_removed,
                .rebuilt = on_rebuilt,
                .status = on_status,
                .stale = on_stale,
        };

        return &listener;
}
