/*
 * org.xenvgpu.Policy1.VGPU
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, Vgpu, vgpus_destroy(p, o, &refusal))

DEFINE_METHOD_OF_TEXT(method_set_extra_args, Vgpu, "extra_args", TEXT_LINE, vgpus_set_extra_args(p, o, text, &refusal))

DEFINE_BUS_CLASS(vgpu, VGPU, NULL,
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        METHOD("SetExtraArgs", ("s", extra_args), NOTHING, method_set_extra_args),
        METHODS_OF_MAP("OtherConfig"))
