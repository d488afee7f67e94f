/*
 * org.xenvgpu.Policy1.VGPU
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Vgpu, vgpus_destroy(p, o, &refusal))

static const sd_bus_vtable vgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        BUS_PROPERTIES(VGPU_SCHEMA)
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vgpu = {
        .interface = POLICY_IFACE_VGPU,
        .vtable = vgpu_vtable,
};
