/*
 * Signals
 *
 * Called by the policy after a commit and its replies: one PropertiesChanged for each changed object,
 * InterfacesAdded and -Removed, and the Manager's own. A signal that cannot be sent is dropped; the
 * properties still have the true values.
 */

#include <limits.h>

#include "policyd/bus/bus-private.h"

/* Constant properties were sent in InterfacesAdded and do not change. */
static int send_changed(Bus *bus, const Object *o) {
        const Property *properties = class_properties(o->class);
        char *names[sizeof(o->changed) * CHAR_BIT + 1];
        size_t n = 0;

        for (uint64_t rest = o->changed; rest; rest &= rest - 1) {
                const Property *p = &properties[__builtin_ctzll(rest)];

                if (p->change != PROPERTY_CONST)
                        names[n++] = (char *) p->name;
        }
        names[n] = NULL;
        return n == 0 ? 0
                      : sd_bus_emit_properties_changed_strv(
                                bus->bus, OBJECT_PATH(o), bus->classes[o->class]->interface, names);
}

/* Not by sd-bus, which would leave out the properties that are only invalidated later. */
static int send_added(Bus *bus, const Object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(
                bus->bus, &m, POLICY_PATH, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
        if (r >= 0)
                r = bus_append_object(bus, m, o);
        return r < 0 ? r : sd_bus_send(bus->bus, m, NULL);
}

/* Not by sd-bus, which would look for the object to see its interfaces, but the object is gone. */
static int send_removed(Bus *bus, const Object *o) {
        return sd_bus_emit_interfaces_removed(bus->bus, OBJECT_PATH(o), "org.freedesktop.DBus.Peer",
                "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Properties",
                bus->classes[o->class]->interface, NULL);
}

uint32_t count_hosts_online(Bus *bus) {
        const PtrArray *hosts = &policy_pool(bus->policy)->objects[CLASS_HOST];
        uint32_t n = 0;

        for (size_t i = 0; i < hosts->n; i++)
                n += ((const Host *) hosts->items[i])->state == HOST_ONLINE;
        return n;
}

/* A change of a host may change properties of the Manager too: its coming online the epoch, its mark the
 * sentence about an old database. They are sent in one signal. */
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

/* No signal was sent since the last commit, so a failed commit has nothing to undo. */
static void on_rebuilt(void *userdata) {
        Bus *bus = userdata;

        announce_manager(bus, HOST_UNHEARD);
        sd_bus_emit_properties_changed(
                bus->bus, POLICY_PATH, POLICY_IFACE_MANAGER, "UnreadableRows", "RowsSetAside", NULL);
}

static void on_status(void *userdata) {
        Bus *bus = userdata;

        if (bus->options.status)
                bus->options.status(bus->options.userdata);
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
