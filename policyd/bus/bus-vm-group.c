/*
 * org.xenvgpu.Policy1.VMGroup
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD_OF_TEXT(method_set_name_label, VmGroup, "name_label", TEXT_LINE,
        vm_groups_set_name_label(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_description, VmGroup, "name_description", TEXT_LINES,
        vm_groups_set_name_description(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_placement, VmGroup, "placement", TEXT_LINE,
        vm_groups_set_placement(p, o, text, &refusal))
DEFINE_METHOD(method_destroy, VmGroup, vm_groups_destroy(p, o, &refusal))

DEFINE_BUS_CLASS(vm_group, VM_GROUP, NULL,
        METHOD("SetNameLabel", ("s", name_label), NOTHING, method_set_name_label),
        METHOD("SetNameDescription", ("s", name_description), NOTHING, method_set_name_description),
        METHOD("SetPlacement", ("s", placement), NOTHING, method_set_placement),
        METHOD("Destroy", NOTHING, NOTHING, method_destroy))
