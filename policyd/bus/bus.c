/*
 * The connection to the master's bus
 *
 * It is made once, at start. If it is lost, policyd ends: without its bus it is of no use, and a new process
 * with a fresh model is the simplest repair. Hosts and guests do not notice.
 */

#include <grp.h>
#include <stdio.h>

#include "common/daemon/bus-open.h"
#include "common/daemon/log.h"
#include "policyd/bus/bus-private.h"

#define SYSTEM_BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

static const BusClass *const classes[_CLASS_MAX] = {
        [CLASS_HOST] = &bus_class_host,
        [CLASS_PGPU] = &bus_class_pgpu,
        [CLASS_GPU_GROUP] = &bus_class_gpu_group,
        [CLASS_VGPU_TYPE] = &bus_class_vgpu_type,
        [CLASS_VM] = &bus_class_vm,
        [CLASS_VGPU] = &bus_class_vgpu,
        [CLASS_RESERVATION] = &bus_class_reservation,
        [CLASS_QUOTA] = &bus_class_quota,
        [CLASS_VM_GROUP] = &bus_class_vm_group,
        [CLASS_JOB] = &bus_class_job,
};

static Pool *pool_of(void *userdata) {
        return policy_pool(((Bus *) userdata)->policy);
}

/* Once, at start: it may ask a name service. */
static uint32_t find_group(const char *name) {
        const struct group *g = *name ? getgrnam(name) : NULL;

        return g ? g->gr_gid : UINT32_MAX;
}

static void on_job_began(const Uuid *job, const char *who, void *userdata) {
        Bus *bus = userdata;

        if (bus->policy)
                (void) policy_set_job_started_by(bus->policy, job, who);
}

int bus_new(sd_event *event, const BusOptions *options, Bus **ret) {
        _cleanup_(bus_freep) Bus *bus = NULL;

        bus = calloc(1, sizeof(*bus));
        if (!bus)
                return -ENOMEM;
        bus->event = sd_event_ref(event);
        bus->options = *options;
        bus->classes = classes;
        bus->manager = &bus_class_manager;
        bus->address = strdup(strempty(options->address));
        bus->group = strdup(strempty(options->group));
        bus->gid = find_group(strempty(options->group));
        if (!bus->address || !bus->group || callers_init(&bus->callers, options->requests_max) < 0)
                return -ENOMEM;
        bus->callers.refused = bus_refuse_unknown;
        bus->callers.refused_userdata = bus;
        queue_init(&bus->queue, event, &bus->callers);
        bus->changes = (ChangeLog){.pool = pool_of, .began = on_job_began, .userdata = bus};
        change_log_init(&bus->changes, &bus->callers);
        *ret = take_ptr(bus);
        return 0;
}

Bus *bus_free(Bus *bus) {
        if (!bus)
                return NULL;
        bus->policy = NULL; /* it went before */
        requests_drop(&bus->requests);
        change_log_done(&bus->changes);
        backup_stop(bus);
        long_answer_stop(bus);
        queue_done(&bus->queue);
        callers_done(&bus->callers);
        bus_close(bus->bus);
        sd_event_unref(bus->event);
        free(bus->address);
        free(bus->group);
        free(bus);
        return NULL;
}

void bus_set_policy(Bus *bus, Policy *policy) {
        bus->policy = policy;
}

static int bus_connect(Bus *bus) {
        const char *address = bus->address;
        int r;

        if (!*address || streq(address, "system"))
                address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS") ?: SYSTEM_BUS_ADDRESS;
        r = sd_bus_new(&bus->bus);
        bus->replies = bus->bus;
        if (r >= 0)
                r = sd_bus_set_address(bus->bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus->bus, true);
        return r < 0 ? r : sd_bus_start(bus->bus);
}

static int show_class(Bus *bus, ObjectClass c) {
        ShownClass *shown = bus->shown + c;
        int r;

        shown->bus = bus;
        shown->class = c;
        snprintf(shown->path, sizeof(shown->path), POLICY_PATH "/%s", object_class_to_string(c));
        r = sd_bus_add_fallback_vtable(
                bus->bus, NULL, shown->path, classes[c]->interface, classes[c]->vtable, bus_find_object, bus);
        return r < 0 ? r : sd_bus_add_node_enumerator(bus->bus, NULL, shown->path, bus_enumerate, shown);
}

/* The bus disconnects a client that breaks its rules, or it ends itself; policyd cannot tell which. */
static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;

        log_error("The connection to the master's bus %s has ended, stopping; policyd serves again once it is started anew.",
                isempty(bus->address) ? "system" : bus->address);
        return 0;
}

int bus_show(Bus *bus) {
        int r;

        r = sd_bus_add_filter(bus->bus, NULL, bus_receive, bus);
        if (r >= 0)
                r = callers_watch(&bus->callers, bus->bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                        bus->bus, NULL, POLICY_PATH, bus->manager->interface, bus->manager->vtable, bus);
        if (r >= 0)
                r = sd_bus_add_object_manager(bus->bus, NULL, POLICY_PATH);
        for (ObjectClass c = 0; r >= 0 && c < _CLASS_MAX; c++)
                r = show_class(bus, c);
        return r;
}

int bus_start(Bus *bus) {
        int r;

        r = bus_connect(bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus->bus, true);
        if (r >= 0)
                r = sd_bus_match_signal(bus->bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, bus);
        if (r >= 0)
                r = bus_show(bus);
        /* The objects come before the name, so that a client that sees the name also sees the pool. */
        if (r >= 0)
                r = sd_bus_request_name(bus->bus, POLICY_BUS_NAME, 0);
        return r < 0 ? r : sd_bus_attach_event(bus->bus, bus->event, SD_EVENT_PRIORITY_NORMAL);
}
