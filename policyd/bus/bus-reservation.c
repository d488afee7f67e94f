/*
 * org.xenvgpu.Policy1.Reservation
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Reservation, reservations_destroy(p, o, &refusal))

static DECLARE_GETTER(get_remaining) {
        const PtrArray *holds = userdata;

        return sd_bus_message_append(reply, "u", (uint32_t) holds->n);
}

static const sd_bus_vtable reservation_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        SD_BUS_PROPERTY(
                "UUID", "s", get_uuid, offsetof(Reservation, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "NameLabel", "s", NULL, offsetof(Reservation, name_label), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("GPUGroup", "o", get_ref, offsetof(Reservation, group), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Type", "o", get_ref, offsetof(Reservation, type), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Count", "u", NULL, offsetof(Reservation, count), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Remaining", "u", get_remaining, offsetof(Reservation, holds),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Expires", "t", NULL, offsetof(Reservation, expires), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Owner", "s", NULL, offsetof(Reservation, owner), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_reservation = {
        .interface = POLICY_IFACE_RESERVATION,
        .vtable = reservation_vtable,
        .properties = (const char *const[]){"", "", "", "", "Remaining", "Expires", "", NULL},
};
