/*
 * Being a bus, with org.xenvgpu.Host1 on it
 *
 * A client gets a unique name, is told who owns hostd's name, and may match what it likes: every signal goes
 * to every connection of the host. A connection that ends is a name that has left.
 */

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/daemon/bus-text.h"
#include "protocol/errors.h"
#include "protocol/names.h"
#include "tests/bench/player/player.h"

#define DRIVER "org.freedesktop.DBus"
#define OWN_NAME ":1.1"

/* Signals */

static int send_to(Connection *c, const char *member, const char *json) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(c->bus, &m, HOST_PATH, HOST_IFACE_MANAGER, member);
        if (r >= 0)
                r = sd_bus_message_set_sender(m, OWN_NAME);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", json);
        return r < 0 ? r : sd_bus_send(c->bus, m, NULL);
}

int host_emit(PlayedHost *h, const char *member, const char *json) {
        for (Connection *c = h->connections; c; c = c->next)
                if (!c->gone && send_to(c, member, json) < 0)
                        c->gone = true; /* it leaves with its next turn */
        return 0;
}

/* The manager's methods. One that has answered returns 1: after 0 sd-bus would answer again, with an error. */

static int check(int r, const Refusal *refusal, sd_bus_error *error) {
        if (r < 0)
                return r;
        if (refusal->code != ERROR_NONE)
                return sd_bus_error_set(error, error_code_name(refusal->code), refusal->message);
        return 0;
}

static int method_claim(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *inventory = NULL;
        const char *pool, *instance;
        Connection *c = userdata;
        uint64_t epoch;
        int r;

        r = sd_bus_message_read(m, "tss", &epoch, &pool, &instance);
        if (r < 0)
                return r;
        r = check(host_claim(c->host, c->name, epoch, pool, instance, &refusal), &refusal, error);
        if (r < 0)
                return r;
        inventory = inventory_text(c->host);
        return inventory ? sd_bus_reply_method_return(m, "ts", c->host->claim.epoch, inventory) : -ENOMEM;
}

static int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        Connection *c = userdata;
        int r;

        r = check(host_release(c->host, c->name, &refusal), &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_get_inventory(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *inventory = inventory_text(((Connection *) userdata)->host);

        return inventory ? sd_bus_reply_method_return(m, "s", inventory) : -ENOMEM;
}

static int method_start_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        Connection *c = userdata;
        const char *text;
        Taken taken = {};
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = check(host_take_start(c->host, c->name, text, &taken, &refusal), &refusal, error);
        if (r >= 0)
                r = sd_bus_reply_method_return(m, NULL);
        if (r >= 0 && taken.started)
                r = tell_started(c->host, taken.started);
        if (r >= 0 && taken.ended)
                r = tell_ended_again(c->host, taken.ended);
        return r < 0 ? r : 1;
}

static int method_stop_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        Connection *c = userdata;
        const char *text;
        Taken taken = {};
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = check(host_take_stop(c->host, c->name, text, &taken, &refusal), &refusal, error);
        if (r >= 0)
                r = sd_bus_reply_method_return(m, NULL);
        if (r >= 0 && taken.stopped)
                r = tell_stopped(c->host, taken.stopped, taken.force);
        played_vm_free(taken.stopped);
        return r < 0 ? r : 1;
}

static int method_rescan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        int r = sd_bus_reply_method_return(m, NULL);

        if (r >= 0)
                r = tell_inventory(((Connection *) userdata)->host);
        return r < 0 ? r : 1;
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const PlayedHost *h = ((Connection *) userdata)->host;
        Uuid uuid;

        host_uuid(h, &uuid);
        return sd_bus_message_append(reply, "s",
                streq(property, "HostUUID")     ? UUID_TEXT(&uuid)
                : streq(property, "BootID")     ? played_boot_id
                : streq(property, "ClaimedBy")  ? strempty(h->claim.pool)
                : streq(property, "Claimer")    ? h->claimer
                : streq(property, "Hypervisor") ? "simulated"
                                                : XENVGPU_VERSION);
}

static int get_number(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const PlayedHost *h = ((Connection *) userdata)->host;

        return sd_bus_message_append(
                reply, "t", streq(property, "Epoch") ? h->claim.epoch : host_memory_free(h));
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Claim", "tss", "ts", method_claim, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Release", NULL, NULL, method_release, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetInventory", NULL, "s", method_get_inventory, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartVM", "s", NULL, method_start_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopVM", "s", NULL, method_stop_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Rescan", NULL, NULL, method_rescan, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("HostUUID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("BootID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ClaimedBy", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Claimer", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Hypervisor", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "t", get_number, 0, 0),
        SD_BUS_PROPERTY("MemoryFree", "t", get_number, 0, 0),
        SD_BUS_VTABLE_END,
};

/* The PGPUs' methods */

static int find_pgpu(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        PlayedHost *h = ((Connection *) userdata)->host;
        const char *element = startswith(path, HOST_PATH_PGPU "/");

        for (unsigned i = 0; element && i < h->player->n_pgpus; i++) {
                char own[PCI_ADDRESS_TEXT_MAX + 1];

                if (!streq(element, pci_address_to_path_element(&h->pgpus[i].address, own)))
                        continue;
                *ret = &h->pgpus[i];
                return 1;
        }
        return 0;
}

static Connection *connection_of(sd_bus_message *m) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(sd_bus_message_get_bus(m)));
}

static int change(
        sd_bus_message *m, Pgpu *p, EnablementChange change, const char *const *wanted, sd_bus_error *error) {
        _cleanup_refusal_ Refusal refusal = {};
        Connection *c = connection_of(m);
        int r;

        r = check(host_change_types(c->host, c->name, p, change, wanted, &refusal), &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int method_set(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(strv_freep) char **wanted = NULL;
        int r = sd_bus_message_read_strv(m, &wanted);

        return r < 0 ? r
                     : change(m, userdata, ENABLEMENT_SET,
                               wanted ? (const char *const *) wanted : (const char *const[]){NULL}, error);
}

static int method_change_one(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        bool add = streq(sd_bus_message_get_member(m), "AddEnabledType");
        const char *wanted[2] = {};
        int r = bus_read_text(m, "type", TEXT_LINE, error_code_name(ERROR_INVALID_RECORD), &wanted[0], error);

        return r < 0 ? r : change(m, userdata, add ? ENABLEMENT_ADD : ENABLEMENT_REMOVE, wanted, error);
}

static int get_resident(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const PlayedHost *h = ((Connection *) sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus)))->host;
        const Pgpu *p = userdata;
        const PlayedVm *vm;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus && r >= 0; k++) {
                        const PlayedGpu *g = &vm->gpus[k];
                        char text[128];

                        if (pci_address_compare(&g->address, &p->address) != 0)
                                continue;
                        if (*g->device)
                                snprintf(text, sizeof(text), "%s", UUID_TEXT(&g->uuid));
                        else
                                snprintf(text, sizeof(text), "%s/%s", UUID_TEXT(&vm->id),
                                        PCI_TEXT(&g->address));
                        r = sd_bus_message_append(reply, "s", text);
                }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_enabled(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Pgpu *p = userdata;

        return sd_bus_message_append_strv(reply, streq(property, "EnabledTypes") ? p->enabled : p->supported);
}

static const sd_bus_vtable pgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetEnabledTypes", "as", NULL, method_set, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("AddEnabledType", "s", NULL, method_change_one, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveEnabledType", "s", NULL, method_change_one, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SupportedTypes", "as", get_enabled, 0, 0),
        SD_BUS_PROPERTY("EnabledTypes", "as", get_enabled, 0, 0),
        SD_BUS_PROPERTY("ResidentVGPUs", "as", get_resident, 0, 0),
        SD_BUS_VTABLE_END,
};

/* The bus's own calls */

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Connection *c = userdata;
        const char *name;

        if (!sd_bus_message_is_method_call(m, DRIVER, NULL))
                return 0;
        if (sd_bus_message_is_method_call(m, DRIVER, "Hello"))
                return sd_bus_reply_method_return(m, "s", c->name);
        if (sd_bus_message_is_method_call(m, DRIVER, "GetNameOwner")) {
                if (sd_bus_message_read(m, "s", &name) > 0 && streq(name, HOST_BUS_NAME))
                        return sd_bus_reply_method_return(m, "s", OWN_NAME);
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "No such name.");
        }
        if (sd_bus_message_is_method_call(m, DRIVER, "AddMatch") ||
                sd_bus_message_is_method_call(m, DRIVER, "RemoveMatch"))
                return sd_bus_reply_method_return(m, NULL);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ((Connection *) userdata)->gone = true;
        return 0;
}

/* Connections */

void connection_free(Connection *c) {
        Connection **link = &c->host->connections;

        while (*link != c)
                link = &(*link)->next;
        *link = c->next;
        host_caller_left(c->host, c->name);
        sd_bus_close_unref(c->bus);
        free(c);
}

static void on_ready(void *userdata) {
        Connection *c = userdata;
        int r;

        while ((r = sd_bus_process(c->bus, NULL)) > 0 && !c->gone)
                ;
        if (r >= 0 && !c->gone && sd_bus_is_ready(c->bus) > 0)
                r = sd_bus_flush(c->bus);
        if (r < 0 || c->gone)
                connection_free(c);
}

static int publish(Connection *c) {
        int r;

        r = sd_bus_add_filter(c->bus, NULL, on_message, c);
        if (r >= 0)
                r = sd_bus_match_signal(
                        c->bus, NULL, NULL, NULL, DRIVER ".Local", "Disconnected", on_disconnected, c);
        if (r >= 0)
                r = sd_bus_add_object_vtable(c->bus, NULL, HOST_PATH, HOST_IFACE_MANAGER, manager_vtable, c);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(
                        c->bus, NULL, HOST_PATH_PGPU, HOST_IFACE_PGPU, pgpu_vtable, find_pgpu, c);
        return r;
}

static int serve(PlayedHost *h, int fd) {
        Connection *c = calloc(1, sizeof(Connection));
        sd_id128_t id = SD_ID128_NULL;
        int r;

        if (!c) {
                safe_close(fd);
                return -ENOMEM;
        }
        *c = (Connection){.host = h, .next = h->connections};
        c->source = (Source){.ready = on_ready, .userdata = c, .fd = fd};
        snprintf(c->name, sizeof(c->name), ":1.%u", ++h->n_names + 1);
        h->connections = c;

        r = sd_bus_new(&c->bus);
        if (r < 0)
                safe_close(fd);
        else
                r = sd_bus_set_fd(c->bus, fd, fd);
        if (r >= 0)
                r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_server(c->bus, true, id);
        if (r >= 0)
                r = sd_bus_set_trusted(c->bus, true);
        if (r >= 0)
                r = sd_bus_start(c->bus);
        if (r >= 0)
                r = publish(c);
        if (r >= 0)
                r = player_watch(h->player, &c->source);
        if (r < 0) {
                connection_free(c);
                return r;
        }
        /* The first words of the client were read with the start; they are answered here. */
        on_ready(c);
        return 0;
}

static void on_connection(void *userdata) {
        PlayedHost *h = userdata;
        int fd = accept4(h->listening.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
                (void) serve(h, fd);
}

int host_listen(PlayedHost *h, const char *folder) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        r = snprintf(address.sun_path, sizeof(address.sun_path), "%s/h%04u", folder, h->number + 1);
        if (r >= (int) sizeof(address.sun_path))
                return -ENAMETOOLONG;
        h->listening = (Source){.ready = on_connection,
                .userdata = h,
                .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        if (h->listening.fd < 0 || bind(h->listening.fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
                listen(h->listening.fd, 16) < 0)
                return -errno;
        return player_watch(h->player, &h->listening);
}
