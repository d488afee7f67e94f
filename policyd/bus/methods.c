/*
 * What each method does
 *
 * The one place that says so, and it need not: what of ours is not named here has its place among the requests
 * that wait taken before it is handled, as one that changes, and what is open committed before, as one that
 * reads. A change that is named shares the commit of those around it; a read that is named needs no place; what
 * takes long must be named to wait for its turn.
 */

#include "policyd/bus/bus-private.h"

typedef struct MethodRow {
        const char *interface, *member;
        MethodKind kind;
} MethodRow;

static const MethodRow rows[] = {
        {POLICY_IFACE_MANAGER, "AddHost", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "CreateGPUGroup", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "CreateVM", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "ImportVM", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "CreateVGPU", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "Reserve", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "CreateQuota", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "CreateVMGroup", METHOD_CHANGES},
        {POLICY_IFACE_MANAGER, "Find", METHOD_READS},
        {POLICY_IFACE_MANAGER, "Backup", METHOD_READS}, /* a place would keep its descriptor open after the answer */
        {POLICY_IFACE_MANAGER, "List", METHOD_TAKES_LONG},
        {POLICY_IFACE_MANAGER, "ListOwners", METHOD_TAKES_LONG},
        {POLICY_IFACE_MANAGER, "Capacity", METHOD_TAKES_LONG},
        {POLICY_IFACE_MANAGER, "CheckHostFailure", METHOD_TAKES_LONG},
        {POLICY_IFACE_HOST, "Remove", METHOD_CHANGES},
        {POLICY_IFACE_HOST, "Enable", METHOD_CHANGES},
        {POLICY_IFACE_HOST, "Disable", METHOD_CHANGES},
        {POLICY_IFACE_HOST, "Reconnect", METHOD_CHANGES},
        {POLICY_IFACE_HOST, "DeclareDead", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "SetGPUGroup", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "ClearHealth", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "AddEnabledVGPUType", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "RemoveEnabledVGPUType", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "SetEnabledVGPUTypes", METHOD_CHANGES},
        {POLICY_IFACE_GPU_GROUP, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", METHOD_CHANGES},
        {POLICY_IFACE_GPU_GROUP, "SetNameLabel", METHOD_CHANGES},
        {POLICY_IFACE_GPU_GROUP, "SetNameDescription", METHOD_CHANGES},
        {POLICY_IFACE_PGPU, "GetRemainingCapacity", METHOD_READS},
        {POLICY_IFACE_GPU_GROUP, "GetRemainingCapacity", METHOD_READS},
        {POLICY_IFACE_GPU_GROUP, "Plan", METHOD_TAKES_LONG},
        {POLICY_IFACE_GPU_GROUP, "GetFailuresToTolerate", METHOD_TAKES_LONG},
        {POLICY_IFACE_VM, "Start", METHOD_CHANGES},
        {POLICY_IFACE_VM, "StartOn", METHOD_CHANGES},
        {POLICY_IFACE_VM, "Shutdown", METHOD_CHANGES},
        {POLICY_IFACE_VM, "HardShutdown", METHOD_CHANGES},
        {POLICY_IFACE_VM, "SetConfig", METHOD_CHANGES},
        {POLICY_IFACE_VM, "SetNameLabel", METHOD_CHANGES},
        {POLICY_IFACE_VM, "SetAffinity", METHOD_CHANGES},
        {POLICY_IFACE_VM, "SetOwner", METHOD_CHANGES},
        {POLICY_IFACE_VM, "SetGroups", METHOD_CHANGES},
        {POLICY_IFACE_VM, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_VM, "GetConfig", METHOD_READS},
        {POLICY_IFACE_VM, "Export", METHOD_READS},
        {POLICY_IFACE_VM, "Explain", METHOD_TAKES_LONG},
        {POLICY_IFACE_VM, "ExplainStart", METHOD_TAKES_LONG},
        {POLICY_IFACE_VGPU, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_RESERVATION, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_QUOTA, "SetVGPUsMax", METHOD_CHANGES},
        {POLICY_IFACE_QUOTA, "SetSizeMax", METHOD_CHANGES},
        {POLICY_IFACE_QUOTA, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_VM_GROUP, "SetNameLabel", METHOD_CHANGES},
        {POLICY_IFACE_VM_GROUP, "SetNameDescription", METHOD_CHANGES},
        {POLICY_IFACE_VM_GROUP, "SetPlacement", METHOD_CHANGES},
        {POLICY_IFACE_VM_GROUP, "Destroy", METHOD_CHANGES},
        {POLICY_IFACE_JOB, "Cancel", METHOD_CHANGES},
        {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", METHOD_SHOWS_ALL},
        {"org.freedesktop.DBus.Introspectable", "Introspect", METHOD_TAKES_LONG},
};

MethodKind method_kind(const char *interface, const char *member) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (streq_ptr(member, rows[i].member) && streq_ptr(interface, rows[i].interface))
                        return rows[i].kind;
        return startswith(strempty(interface), POLICY_BUS_NAME ".") ? METHOD_UNKNOWN : METHOD_READS;
}
