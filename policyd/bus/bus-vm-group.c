/*
 * org.xenvgpu.Policy1.VMGroup
 */

#include "policyd/bus/bus-private.h"

static int set_name_label(Policy *p, void *group, const char *text, Refusal *refusal) {
        return vm_groups_set_name_label(p, group, text, refusal);
}

static int method_set_name_label(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "name_label", TEXT_LINE, set_name_label, error);
}

static int set_name_description(Policy *p, void *group, const char *text, Refusal *refusal) {
        return vm_groups_set_name_description(p, group, text, refusal);
}

static int method_set_name_description(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(
                m, userdata, "name_description", TEXT_LINES, set_name_description, error);
}

static int set_placement(Policy *p, void *group, const char *text, Refusal *refusal) {
        return vm_groups_set_placement(p, group, text, refusal);
}

static int method_set_placement(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_change_by_text(m, userdata, "placement", TEXT_LINE, set_placement, error);
}

DEFINE_METHOD(method_destroy, VmGroup, vm_groups_destroy)

static DECLARE_GETTER(get_placement) {
        return sd_bus_message_append_basic(reply, 's', placement_to_string(*(const VmPlacement *) userdata));
}

static const sd_bus_vtable vm_group_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("SetNameLabel", SD_BUS_ARGS("s", name_label), SD_BUS_NO_RESULT,
                method_set_name_label, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetNameDescription", SD_BUS_ARGS("s", name_description), SD_BUS_NO_RESULT,
                method_set_name_description, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("SetPlacement", SD_BUS_ARGS("s", placement), SD_BUS_NO_RESULT,
                method_set_placement, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Destroy", NULL, NULL, method_destroy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(VmGroup, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY(
                "NameLabel", "s", NULL, offsetof(VmGroup, name_label), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("NameDescription", "s", NULL, offsetof(VmGroup, name_description),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Placement", "s", get_placement, offsetof(VmGroup, placement),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "VMs", "ao", get_refs, offsetof(VmGroup, vms), SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vm_group = {
        .interface = POLICY_IFACE_VM_GROUP,
        .vtable = vm_group_vtable,
        .properties = (const char *const[]){"NameLabel", "NameDescription", "Placement", "VMs", NULL},
};
