/*
 * org.xenvgpu.Policy1.VGPU
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Vgpu, vgpus_destroy(p, o, &refusal))

static DECLARE_GETTER(get_device) {
        char text[16];

        snprintf(text, sizeof(text), "%" PRIu32, *(const uint32_t *) userdata);
        return sd_bus_message_append_basic(reply, 's', text);
}

static const sd_bus_vtable vgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(Vgpu, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("VM", "o", get_ref, offsetof(Vgpu, vm), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("GPUGroup", "o", get_ref, offsetof(Vgpu, group), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Type", "o", get_ref, offsetof(Vgpu, type), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Device", "s", get_device, offsetof(Vgpu, device), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("CurrentlyAttached", "b", get_bool, offsetof(Vgpu, currently_attached),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("ScheduledToBeResidentOn", "o", get_ref, offsetof(Vgpu, scheduled_on),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "ResidentOn", "o", get_ref, offsetof(Vgpu, resident_on), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vgpu = {
        .interface = POLICY_IFACE_VGPU,
        .vtable = vgpu_vtable,
        .properties = (const char *const[]){"", "", "", "", "CurrentlyAttached", "ScheduledToBeResidentOn",
                "ResidentOn", NULL},
};
