/*
 * org.xenvgpu.Policy1.VGPUType: made from what hosts report; nothing to call
 */

#include "policyd/bus/bus-private.h"

DEFINE_BUS_CLASS(vgpu_type, VGPU_TYPE, NULL)
