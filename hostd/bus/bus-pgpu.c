/*
 * org.xenvgpu.Host1.PGPU
 *
 * One fallback for all PGPUs: an object is found by the address in its path, so that there is nothing to keep
 * in step with the hardware. The object's userdata is the Pgpu; the BusHost is that of the vtable's slot.
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "hostd/bus/bus-internal.h"
#include "protocol/names.h"

#define PGPU_PATH_MAX (sizeof(HOST_PATH_PGPU) + PCI_ADDRESS_TEXT_MAX + 2)

static void pgpu_path(const PciAddress *address, char ret[static PGPU_PATH_MAX]) {
        (void) stpcpy(stpcpy(ret, HOST_PATH_PGPU "/"),
                pci_address_to_path_element(address, (char[PCI_ADDRESS_TEXT_MAX + 1]){}));
}

static BusHost *current_host(sd_bus *bus) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
}

static int find_pgpu(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        const char *element = startswith(path, HOST_PATH_PGPU "/");
        BusHost *b = userdata;
        PciAddress address;
        const Pgpu *p;

        if (!element || pci_address_from_path_element(element, &address) < 0)
                return 0;
        p = host_get_pgpu(b->host, &address);
        if (!p)
                return 0;
        *ret = (void *) p;
        return 1;
}

static int enumerate_pgpus(
        sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        _cleanup_strlist_ StrList paths = {};
        BusHost *b = userdata;
        const Pgpu *pgpus;
        size_t n;

        /* sd-bus asks for the objects below prefix: the root, our node, or a PGPU, which has none below it. */
        if (startswith(prefix, HOST_PATH_PGPU "/"))
                return 0;

        pgpus = host_get_pgpus(b->host, &n);
        for (size_t i = 0; i < n; i++) {
                char path[PGPU_PATH_MAX];

                pgpu_path(&pgpus[i].address, path);
                strlist_add(&paths, path);
        }
        return strlist_take(&paths, ret);
}

static int change_types(
        sd_bus_message *m, Pgpu *p, EnablementChange change, const char *const *wanted, sd_bus_error *error) {
        BusHost *b = current_host(sd_bus_message_get_bus(m));
        _cleanup_refusal_ Refusal refusal = {};
        PciAddress address = p->address;
        int r;

        r = host_change_types(
                b->host, strempty(sd_bus_message_get_sender(m)), &address, change, wanted, &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

/* The bus bounds the message. */
static int read_types(sd_bus_message *m, StrList *ret, sd_bus_error *error) {
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_at_end(m, /* complete= */ false)) == 0) {
                r = bus_text(m, "type", &text, error);
                if (r >= 0)
                        strlist_add(ret, text);
        }
        return r < 0 ? r : ret->error ?: sd_bus_message_exit_container(m);
}

static int method_set(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_strlist_ StrList wanted = {};
        int r;

        r = read_types(m, &wanted, error);
        return r < 0 ? r : change_types(m, userdata, ENABLEMENT_SET, (const char *const *) wanted.items, error);
}

static int change_one(sd_bus_message *m, void *userdata, EnablementChange change, sd_bus_error *error) {
        const char *wanted[2] = {};
        int r;

        r = bus_text(m, "type", &wanted[0], error);
        return r < 0 ? r : change_types(m, userdata, change, wanted, error);
}

static int method_add(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_one(m, userdata, ENABLEMENT_ADD, error);
}

static int method_remove(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_one(m, userdata, ENABLEMENT_REMOVE, error);
}

static int method_clear_health(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusHost *b = current_host(sd_bus_message_get_bus(m));
        const PciAddress address = ((const Pgpu *) userdata)->address;
        _cleanup_refusal_ Refusal refusal = {};
        int r;

        r = host_clear_health(b->host, strempty(sd_bus_message_get_sender(m)), &address, &refusal);
        r = bus_check(r, &refusal, error);
        return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int append_id(sd_bus_message *reply, uint16_t id, bool known) {
        char text[5] = "";

        if (known)
                (void) snprintf(text, sizeof(text), "%04x", id);
        return sd_bus_message_append(reply, "s", text);
}

#define PGPU_GETTER(name, statement)                                                                         \
        static int property_##name(sd_bus *bus, const char *path, const char *interface,                     \
                const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error) {          \
                const Pgpu *p = userdata;                                                                    \
                                                                                                             \
                statement;                                                                                   \
        }

PGPU_GETTER(address, return sd_bus_message_append(reply, "s", PCI_TEXT(&p->address)))
PGPU_GETTER(vendor_id, return append_id(reply, p->vendor_id, true))
PGPU_GETTER(device_id, return append_id(reply, p->device_id, true))
PGPU_GETTER(subsystem_vendor_id, return append_id(reply, p->subsystem_vendor_id, p->subsystem_known))
PGPU_GETTER(subsystem_id, return append_id(reply, p->subsystem_device_id, p->subsystem_known))
PGPU_GETTER(division, return sd_bus_message_append(reply, "s", pgpu_division(p, (char[PGPU_DIVISION_MAX]){})))
PGPU_GETTER(health, return sd_bus_message_append(reply, "s", pgpu_condition(p)))
PGPU_GETTER(health_reason, return sd_bus_message_append(reply, "s", pgpu_condition_reason(p)))
PGPU_GETTER(is_display, return sd_bus_message_append(reply, "b", p->is_system_display_device))

static int property_resident(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {

        _cleanup_(strv_freep) char **resident = NULL;
        const Pgpu *p = userdata;
        int r;

        r = host_get_resident_vgpus(current_host(bus)->host, &p->address, &resident);
        return r < 0 ? r : sd_bus_message_append_strv(reply, resident);
}

const sd_bus_vtable bus_pgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("SetEnabledTypes", SD_BUS_ARGS("as", identifiers), SD_BUS_NO_RESULT,
                method_set, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AddEnabledType", SD_BUS_ARGS("s", identifier), SD_BUS_NO_RESULT, method_add,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveEnabledType", SD_BUS_ARGS("s", identifier), SD_BUS_NO_RESULT,
                method_remove, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ClearHealth", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, method_clear_health,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Address", "s", property_address, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("VendorID", "s", property_vendor_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("DeviceID", "s", property_device_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "SubsystemVendorID", "s", property_subsystem_vendor_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("SubsystemID", "s", property_subsystem_id, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("VendorName", "s", NULL, offsetof(Pgpu, vendor_name), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DeviceName", "s", NULL, offsetof(Pgpu, device_name), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Driver", "s", NULL, offsetof(Pgpu, driver), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SupportedTypes", "as", NULL, offsetof(Pgpu, supported), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("EnabledTypes", "as", NULL, offsetof(Pgpu, enabled), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ResidentVGPUs", "as", property_resident, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "IsSystemDisplayDevice", "b", property_is_display, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Division", "s", property_division, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Health", "s", property_health, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("HealthReason", "s", property_health_reason, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

int bus_pgpu_add(BusHost *b) {
        int r;

        r = sd_bus_add_fallback_vtable(
                b->bus, NULL, HOST_PATH_PGPU, HOST_IFACE_PGPU, bus_pgpu_vtable, find_pgpu, b);
        if (r < 0)
                return r;
        return sd_bus_add_node_enumerator(b->bus, NULL, HOST_PATH_PGPU, enumerate_pgpus, b);
}

/* A signal that cannot be sent is ignored: the next inventory has the same. */

void bus_pgpu_send_added(const PciAddress *address, void *userdata) {
        const BusHost *b = userdata;
        char path[PGPU_PATH_MAX];

        pgpu_path(address, path);
        (void) sd_bus_emit_interfaces_added(b->bus, path, HOST_IFACE_PGPU, NULL);
}

void bus_pgpu_send_removed(const PciAddress *address, void *userdata) {
        const BusHost *b = userdata;
        char path[PGPU_PATH_MAX];

        pgpu_path(address, path);
        (void) sd_bus_emit_interfaces_removed(b->bus, path, HOST_IFACE_PGPU, NULL);
}

void bus_pgpu_send_changed(const PciAddress *address, PgpuProperty property, void *userdata) {
        static const char *const names[_PGPU_PROPERTY_MAX][3] = {
                [PGPU_PROPERTY_SUPPORTED_TYPES] = {"SupportedTypes"},
                [PGPU_PROPERTY_ENABLED_TYPES] = {"EnabledTypes"},
                [PGPU_PROPERTY_RESIDENT_VGPUS] = {"ResidentVGPUs"},
                [PGPU_PROPERTY_NAMES] = {"VendorName", "DeviceName"},
                [PGPU_PROPERTY_DRIVER] = {"Driver"},
                [PGPU_PROPERTY_DISPLAY] = {"IsSystemDisplayDevice"},
                [PGPU_PROPERTY_DIVISION] = {"Division"},
                [PGPU_PROPERTY_HEALTH] = {"Health", "HealthReason"},
        };
        const BusHost *b = userdata;
        char path[PGPU_PATH_MAX];

        pgpu_path(address, path);
        (void) sd_bus_emit_properties_changed_strv(b->bus, path, HOST_IFACE_PGPU, (char **) names[property]);
}
