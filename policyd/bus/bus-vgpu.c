/*
 * org.xenvgpu.Policy1.VGPU
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Vgpu, vgpus_destroy(p, o, &refusal))

DEFINE_BUS_CLASS(vgpu, VGPU, NULL,
        METHOD("Destroy", NOTHING, NOTHING, method_destroy))
