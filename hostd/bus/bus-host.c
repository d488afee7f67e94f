/*
 * hostd on its bus
 *
 * In the order of a start: connect, publish, begin the host, ask for the name. Then the listener turns what
 * the host tells into signals, and the departures of bus names into the end of claimers.
 */

#include "common/daemon/bus-open.h"
#include "common/daemon/log.h"
#include "hostd/bus/bus-internal.h"
#include "hostd/service/claim.h"
#include "protocol/names.h"

/* What the host tells. */

static int emit_text(BusHost *b, const char *member, const char *json) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(b->bus, &m, HOST_PATH, HOST_IFACE_MANAGER, member);
        if (r >= 0)
                r = bus_append_long_text(m, json);
        return r < 0 ? r : sd_bus_send(b->bus, m, NULL);
}

static void on_signal(HostSignal signal, const char *json, void *userdata) {
        static const char *const names[_HOST_SIGNAL_MAX] = {
                [HOST_SIGNAL_VM_EVENT] = "VMEvent",
                [HOST_SIGNAL_VGPU_EVENT] = "VGPUEvent",
                [HOST_SIGNAL_PCI_EVENT] = "PCIEvent",
                [HOST_SIGNAL_INVENTORY_CHANGED] = "InventoryChanged",
        };
        BusHost *b = userdata;
        int r;

        r = emit_text(b, names[signal], json);
        if (r < 0)
                (void) log_errno(r, "Failed to send %s, ignoring", names[signal]);
}

static void on_property(HostProperty property, void *userdata) {
        static const char *const names[_HOST_PROPERTY_MAX][5] = {
                [HOST_PROPERTY_CLAIM] = {"Epoch", "Orders", "ClaimedBy", "Claimer"},
                [HOST_PROPERTY_ORDERS] = {"Orders"},
                [HOST_PROPERTY_MEMORY_FREE] = {"MemoryFree"},
        };
        BusHost *b = userdata;

        (void) sd_bus_emit_properties_changed_strv(
                b->bus, HOST_PATH, HOST_IFACE_MANAGER, (char **) names[property]);
}

static void on_status(void *userdata) {
        BusHost *b = userdata;

        b->handlers->status(b->userdata);
}

static const HostListener listener = {
        .signal = on_signal,
        .property = on_property,
        .pgpu.added = bus_pgpu_send_added,
        .pgpu.removed = bus_pgpu_send_removed,
        .pgpu.changed = bus_pgpu_send_changed,
        .status = on_status,
};

/* What the bus tells. */

static int on_name_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *after;
        BusHost *b = userdata;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0 && isempty(after))
                host_caller_left(b->host, name);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        log_error("The bus is gone; ending. The VMs run on, and are taken up at the next start.");
        return 0;
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        BusHost *b = userdata;
        uint32_t answer = 0;

        if (e) {
                log_error("The bus does not let us own %s: %s", HOST_BUS_NAME, strempty(e->message));
                return sd_event_exit(sd_bus_get_event(b->bus), EXIT_FAILURE);
        }
        /* 1: primary owner; 4: it was ours already. */
        if (sd_bus_message_read(m, "u", &answer) < 0 || (answer != 1 && answer != 4)) {
                log_error("Another process owns %s on this bus: one hostd for each host is enough.",
                        HOST_BUS_NAME);
                return sd_event_exit(sd_bus_get_event(b->bus), EXIT_FAILURE);
        }
        b->handlers->ready(b->userdata);
        return 0;
}

/* Starting. */

static int connect_bus(BusHost *b, sd_event *event, const char *address) {
        int r;

        r = bus_open(address, "hostd", &b->bus);
        if (r >= 0)
                r = sd_bus_attach_event(b->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(b->bus, true);
        return r < 0 ? log_errno(r, "Failed to connect to the bus at %s", address) : 0;
}

int bus_host_publish(BusHost *b) {
        int r;

        r = sd_bus_add_object_manager(b->bus, NULL, HOST_PATH);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                        b->bus, NULL, HOST_PATH, HOST_IFACE_MANAGER, bus_manager_vtable, b);
        if (r >= 0)
                r = bus_pgpu_add(b);
        if (r >= 0)
                r = sd_bus_match_signal_async(b->bus, NULL, "org.freedesktop.DBus.Local",
                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local", "Disconnected",
                        on_disconnected, NULL, b);
        /* Names that leave, and no others: before the first claim, so that none is missed. */
        if (r >= 0)
                r = sd_bus_add_match_async(b->bus, NULL,
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                        on_name_left, NULL, b);
        return r < 0 ? log_errno(r, "Failed to publish the host") : 0;
}

int bus_host_new(sd_event *event, const char *address, Hostd *host, const BusHostHandlers *handlers,
        void *userdata, BusHost **ret) {
        _cleanup_(bus_host_freep) BusHost *b = NULL;
        int r;

        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->host = host;
        b->handlers = handlers;
        b->userdata = userdata;

        r = connect_bus(b, event, address);
        if (r >= 0)
                r = bus_host_publish(b);
        if (r >= 0)
                r = host_begin(host, &listener, b);
        if (r >= 0)
                r = sd_bus_request_name_async(b->bus, NULL, HOST_BUS_NAME, 0, on_name, b);
        if (r < 0)
                return r;

        *ret = take_ptr(b);
        return 0;
}

BusHost *bus_host_free(BusHost *b) {
        if (!b)
                return NULL;

        bus_close(b->bus);
        free(b);
        return NULL;
}
