/*
 * org.xenvgpu.Policy1.VGPUType: made from what hosts report; nothing to call
 */

#include "policyd/bus/bus-private.h"

static const sd_bus_vtable vgpu_type_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_PROPERTIES(VGPU_TYPE_SCHEMA)
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vgpu_type = {
        .interface = POLICY_IFACE_VGPU_TYPE,
        .vtable = vgpu_type_vtable,
};
