/*
 * org.xenvgpu.Policy1.Quota
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD_READING(method_set_vgpus_max, Quota, uint64_t max, sd_bus_message_read(m, "t", &max),
        quotas_set_limits(p, o, max, o->size_max, &refusal))
DEFINE_METHOD_READING(method_set_size_max, Quota, uint64_t max, sd_bus_message_read(m, "t", &max),
        quotas_set_limits(p, o, o->vgpus_max, max, &refusal))
DEFINE_METHOD(method_destroy, Quota, quotas_destroy(p, o, &refusal))

DEFINE_BUS_CLASS(quota, QUOTA, NULL,
        METHOD("SetVGPUsMax", ("t", vgpus_max), NOTHING, method_set_vgpus_max),
        METHOD("SetSizeMax", ("t", size_max), NOTHING, method_set_size_max),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy))
