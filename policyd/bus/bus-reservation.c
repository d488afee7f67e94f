/*
 * org.xenvgpu.Policy1.Reservation
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Reservation, reservations_destroy(p, o, &refusal))

DEFINE_BUS_CLASS(reservation, RESERVATION, NULL,
        METHOD("Destroy", NOTHING, NOTHING, method_destroy))
