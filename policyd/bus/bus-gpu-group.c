/*
 * org.xenvgpu.Policy1.GPUGroup
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, GpuGroup, groups_destroy(p, o, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_allocation_algorithm, GpuGroup, "algorithm", TEXT_LINE,
        groups_set_algorithm(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_label, GpuGroup, "name_label", TEXT_LINE,
        groups_set_names(p, o, text, /* description_or_null= */ NULL, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_description, GpuGroup, "name_description", TEXT_LINES,
        groups_set_names(p, o, /* name_label_or_null= */ NULL, text, &refusal))

static int method_get_remaining_capacity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        GpuGroup *g = userdata;
        Bus *bus = g->object.userdata;
        PgpuVerdict nearest;
        Object *type;
        int r;

        r = object_read(bus, m, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "t", group_capacity(g, (VgpuType *) type, &nearest));
}

static int method_plan(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        GpuGroup *g = userdata;
        Bus *bus = g->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        char *json = NULL;
        Object *type;
        int r;

        r = object_read_or_none(bus, m, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        r = bus_decided(bus, groups_plan(bus->policy, g, (VgpuType *) type, &json, &refusal), &refusal, error);
        return r < 0 ? r : bus_reply_text(bus, m, r, json, error);
}

static int method_get_failures_to_tolerate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        GpuGroup *g = userdata;
        Bus *bus = g->object.userdata;
        uint32_t n;
        int r;

        r = groups_failures_to_tolerate(bus->policy, g, &n);
        return r < 0 ? r : bus_reply_number(bus, m, n);
}

DEFINE_BUS_CLASS(gpu_group, GPU_GROUP,
        METHOD_KINDS({"GetRemainingCapacity", METHOD_READS}, {"Plan", METHOD_TAKES_LONG},
                {"GetFailuresToTolerate", METHOD_TAKES_LONG}),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy),
        METHOD("SetAllocationAlgorithm", ("s", algorithm), NOTHING, method_set_allocation_algorithm),
        METHOD("SetNameLabel", ("s", name_label), NOTHING, method_set_name_label),
        METHOD("SetNameDescription", ("s", name_description), NOTHING, method_set_name_description),
        METHOD("GetRemainingCapacity", ("o", vgpu_type), ("t", capacity), method_get_remaining_capacity),
        METHOD("Plan", ("o", vgpu_type), ("s", json), method_plan),
        METHOD("GetFailuresToTolerate", NOTHING, ("u", hosts), method_get_failures_to_tolerate),
        METHODS_OF_MAP("OtherConfig"))
