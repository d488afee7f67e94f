/*
 * org.xenvgpu.Policy1.GPUGroup
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_destroy, GpuGroup, groups_destroy)

static int set_algorithm(Policy *p, void *group, const char *text, Refusal *refusal) {
        return groups_set_algorithm(p, group, text, refusal);
}

static int method_set_allocation_algorithm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "algorithm", TEXT_LINE, set_algorithm, error);
}

static int set_name_label(Policy *p, void *group, const char *text, Refusal *refusal) {
        return groups_set_names(p, group, text, /* description_or_null= */ NULL, refusal);
}

static int method_set_name_label(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "name_label", TEXT_LINE, set_name_label, error);
}

static int set_name_description(Policy *p, void *group, const char *text, Refusal *refusal) {
        return groups_set_names(p, group, /* name_label_or_null= */ NULL, text, refusal);
}

static int method_set_name_description(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(
                m, userdata, "name_description", TEXT_LINES, set_name_description, error);
}

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
        Object *type = NULL;
        char *json = NULL;
        const char *path;
        int r;

        r = sd_bus_message_read(m, "o", &path);
        if (r < 0)
                return r;
        if (!streq(path, "/")) {
                r = object_argument(bus, path, CLASS_VGPU_TYPE, &type, error);
                if (r < 0)
                        return r;
        }
        r = bus_decided(groups_plan(bus->policy, g, (VgpuType *) type, &json, &refusal), &refusal, error);
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

static DECLARE_GETTER(get_algorithm) {
        return sd_bus_message_append(
                reply, "s", group_algorithm_to_string(*(const GroupAlgorithm *) userdata));
}

static const sd_bus_vtable gpu_group_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Destroy", NULL, NULL, method_destroy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetAllocationAlgorithm", SD_BUS_ARGS("s", algorithm), SD_BUS_NO_RESULT,
                method_set_allocation_algorithm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNameLabel", SD_BUS_ARGS("s", name_label), SD_BUS_NO_RESULT,
                method_set_name_label, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNameDescription", SD_BUS_ARGS("s", name_description), SD_BUS_NO_RESULT,
                method_set_name_description, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetRemainingCapacity", SD_BUS_ARGS("o", vgpu_type),
                SD_BUS_RESULT("t", capacity), method_get_remaining_capacity, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Plan", SD_BUS_ARGS("o", vgpu_type), SD_BUS_RESULT("s", json), method_plan,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetFailuresToTolerate", SD_BUS_NO_ARGS, SD_BUS_RESULT("u", hosts),
                method_get_failures_to_tolerate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(GpuGroup, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "NameLabel", "s", NULL, offsetof(GpuGroup, name_label), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("NameDescription", "s", NULL, offsetof(GpuGroup, name_description),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("AllocationAlgorithm", "s", get_algorithm, offsetof(GpuGroup, algorithm),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "GPUTypes", "as", NULL, offsetof(GpuGroup, gpu_types), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "PGPUs", "ao", get_refs, offsetof(GpuGroup, pgpus), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("VGPUs", "ao", get_refs, offsetof(GpuGroup, vgpus),
                SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("SupportedVGPUTypes", "ao", get_refs, offsetof(GpuGroup, supported),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("EnabledVGPUTypes", "ao", get_refs, offsetof(GpuGroup, enabled),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_gpu_group = {
        .interface = POLICY_IFACE_GPU_GROUP,
        .vtable = gpu_group_vtable,
        .properties = (const char *const[]){"NameLabel", "NameDescription", "AllocationAlgorithm", "GPUTypes",
                "PGPUs", "VGPUs", "SupportedVGPUTypes", "EnabledVGPUTypes", NULL},
};
