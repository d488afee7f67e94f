/*
 * org.xenvgpu.Policy1.Quota
 */

#include "policyd/bus/bus-private.h"

static int set_limits(
        sd_bus_message *m, Quota *q, uint64_t vgpus_max, uint64_t size_max, sd_bus_error *error) {
        Bus *bus = q->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};

        return bus_finish(
                bus, m, quotas_set_limits(bus->policy, q, vgpus_max, size_max, &refusal), &refusal, error);
}

static int method_set_vgpus_max(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Quota *q = userdata;
        uint64_t max;
        int r;

        r = sd_bus_message_read(m, "t", &max);
        return r < 0 ? r : set_limits(m, q, max, q->size_max, error);
}

static int method_set_size_max(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Quota *q = userdata;
        uint64_t max;
        int r;

        r = sd_bus_message_read(m, "t", &max);
        return r < 0 ? r : set_limits(m, q, q->vgpus_max, max, error);
}

DEFINE_METHOD(method_destroy, Quota, quotas_destroy(p, o, &refusal))

DEFINE_BUS_CLASS(quota, QUOTA, NULL,
        METHOD("SetVGPUsMax", ("t", vgpus_max), NOTHING, method_set_vgpus_max),
        METHOD("SetSizeMax", ("t", size_max), NOTHING, method_set_size_max),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy))
