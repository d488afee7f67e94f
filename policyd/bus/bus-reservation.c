/*
 * org.xenvgpu.Policy1.Reservation
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Reservation, reservations_destroy(p, o, &refusal))

static const sd_bus_vtable reservation_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        BUS_PROPERTIES(RESERVATION_SCHEMA)
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_reservation = {
        .interface = POLICY_IFACE_RESERVATION,
        .vtable = reservation_vtable,
};
