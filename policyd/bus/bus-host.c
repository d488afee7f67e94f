/*
 * org.xenvgpu.Policy1.Host
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_remove, Host, hosts_remove(p, o, &refusal))
DEFINE_METHOD(method_enable, Host, hosts_set_enabled(p, o, /* enabled= */ true, &refusal))
DEFINE_METHOD(method_disable, Host, hosts_set_enabled(p, o, /* enabled= */ false, &refusal))
DEFINE_METHOD(method_reconnect, Host, hosts_reconnect(p, o, &refusal))
DEFINE_METHOD(method_declare_dead, Host, hosts_declare_dead(p, o, &refusal))

static DECLARE_GETTER(get_state) {
        return sd_bus_message_append_basic(reply, 's', host_state_to_string(*(const HostState *) userdata));
}

/* Empty until the host was first met. */
static DECLARE_GETTER(get_host_uuid) {
        const Uuid *id = userdata;

        return sd_bus_message_append_basic(reply, 's', uuid_is_null(id) ? "" : UUID_TEXT(id));
}

static const sd_bus_vtable host_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Remove", NOTHING, NOTHING, method_remove),
        METHOD("Enable", NOTHING, NOTHING, method_enable),
        METHOD("Disable", NOTHING, NOTHING, method_disable),
        METHOD("Reconnect", NOTHING, NOTHING, method_reconnect),
        METHOD("DeclareDead", NOTHING, NOTHING, method_declare_dead),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(Host, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("NameLabel", "s", NULL, offsetof(Host, name_label), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Address", "s", NULL, offsetof(Host, address), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("State", "s", get_state, offsetof(Host, state), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "StateReason", "s", NULL, offsetof(Host, state_reason), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Enabled", "b", get_bool, offsetof(Host, enabled), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("HostUUID", "s", get_host_uuid, offsetof(Host, host_uuid),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("BootID", "s", NULL, offsetof(Host, boot_id), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "MemoryTotal", "t", NULL, offsetof(Host, memory_total), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "MemoryFree", "t", NULL, offsetof(Host, memory_free), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Networks", "as", NULL, offsetof(Host, networks), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Storage", "as", NULL, offsetof(Host, storage), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PGPUs", "ao", get_refs, offsetof(Host, pgpus), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Problems", "as", NULL, offsetof(Host, problems), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Unheard", "b", get_bool, offsetof(Host, unheard), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_host = {
        .interface = POLICY_IFACE_HOST,
        .vtable = host_vtable,
        .properties = (const char *const[]){"", "", "State", "StateReason", "Enabled", "HostUUID", "BootID",
                "MemoryTotal", "MemoryFree", "Networks", "Storage", "PGPUs", "Problems", "Unheard",
                NULL},
};
