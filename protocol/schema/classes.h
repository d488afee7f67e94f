#pragma once

/*
 * The classes of the pool: each property, and each field of a row, in one line
 *
 * One list macro for each class. Whoever needs something of a class expands its list with macros of its own: policyd/pool/pool.h the
 * bits that say what changed, policyd/pool/property.c how a property is read, policyd/bus the vtable and the signals, policyd/store the
 * row of the database, policyd/ctl the fields of the command line. A list says nothing of where a value stands in memory: source is
 * the name that the struct, or the accessor of a computed property, has for it.
 *
 *   P(x, bit, name, signature, change, type, source, row, field, kind)   a property
 *       bit        what policyd/pool calls the change: NAME_LABEL of a host is HOST_NAME_LABEL
 *       name       on D-Bus and in List's JSON
 *       signature  its type there
 *       change     CONST, CHANGES (announced with the value), INVALIDATES (announced as to be asked for again: long lists)
 *       type       how the value is kept: see below
 *       source     where
 *       row        ROW(member): stored under that name; OPT(member): stored unless it is nothing (false, 0, the null UUID, or what its
 *                  type has as nothing); SET(member): stored unless it is NULL; NONE: not stored, it is told by hosts or follows from
 *                  the rest; NONE_OR_NULL: the same, and NULL where there is none
 *       field      on the command line, as xe calls it
 *       kind       how the command line shows it: VALUE, STRINGS, MAP, REF, REFS, TIME, PERCENT, ERROR, OUTSIDE, LIMIT
 *   R(x, type, source, row)                                              stored, and not shown
 *
 * The order is that of the row, which stays as it is on disk; the bus shows its properties in the same order. UUID is a property of
 * each class and in no list: it is the object's identity and never changes. x is passed on to each P and R: what the expansion needs
 * to know of the class.
 *
 * Types: TEXT (one line), LINES (text with newlines), JSON (text of an object), OWNER (text; the pool keeps who has what), BOOL, U32, U64,
 * LIMIT (U64, of which the largest is nothing), FRACTION, UUID, PCI, DEVICE (a number, shown as a text), WORD(enum), TEXTS, MAP (JSON,
 * of texts alone), REF(class), REFS(class). TEXT_OF, NUMBER_OF, PATHS_OF and TUPLES_OF(name) are computed by the function of that name in property.c. CUSTOM(name), and
 * those computed that are stored, are written and read by hand in policyd/store/row-classes.c.
 */

/* C(class, prefix, struct, word): the prefix of the bits, the struct in the pool, and the word in paths and for Find and List. */
#define POOL_CLASSES(C)                                                                                                \
        C(HOST, HOST, Host, "host")                                                                                    \
        C(PGPU, PGPU, Pgpu, "pgpu")                                                                                    \
        C(GPU_GROUP, GROUP, GpuGroup, "gpu_group")                                                                     \
        C(VGPU_TYPE, TYPE, VgpuType, "vgpu_type")                                                                      \
        C(VM, VM, Vm, "vm")                                                                                            \
        C(VGPU, VGPU, Vgpu, "vgpu")                                                                                    \
        C(RESERVATION, RESERVATION, Reservation, "reservation")                                                        \
        C(QUOTA, QUOTA, Quota, "quota")                                                                                \
        C(VM_GROUP, VM_GROUP, VmGroup, "vm_group")                                                                     \
        C(JOB, JOB, Job, "job")

/* An R or a P that gives nothing. */
#define SCHEMA_SKIP(...)

#define HOST_SCHEMA(P, R, x)                                                                                           \
        P(x, NAME_LABEL, "NameLabel", "s", CHANGES, TEXT, name_label, ROW("name_label"), "name-label", VALUE)          \
        P(x, ADDRESS, "Address", "s", CONST, TEXT, address, ROW("address"), "address", VALUE)                          \
        P(x, STATE, "State", "s", CHANGES, WORD(host_state), state, NONE, "state", VALUE)                              \
        P(x, STATE_REASON, "StateReason", "s", CHANGES, TEXT, state_reason, NONE, "state-reason", VALUE)               \
        P(x, ENABLED, "Enabled", "b", CHANGES, BOOL, enabled, ROW("enabled"), "enabled", VALUE)                        \
        P(x, HOST_UUID, "HostUUID", "s", CHANGES, UUID, host_uuid, OPT("host_uuid"), "host-uuid", VALUE)               \
        P(x, HOSTNAME, "Hostname", "s", CHANGES, TEXT, hostname, OPT("hostname"), "hostname", VALUE)                   \
        P(x, BOOT_ID, "BootID", "s", CHANGES, TEXT, boot_id, ROW("boot_id"), "boot-id", VALUE)                         \
        P(x, MEMORY_TOTAL, "MemoryTotal", "t", CHANGES, U64, memory_total, ROW("memory_total"), "memory-total", VALUE) \
        P(x, MEMORY_FREE, "MemoryFree", "t", CHANGES, U64, memory_free, ROW("memory_free"), "memory-free", VALUE)      \
        P(x, IOMMU, "IOMMU", "b", CHANGES, BOOL, iommu, ROW("iommu"), "iommu", VALUE)                                  \
        P(x, HVM, "HVM", "b", CHANGES, BOOL, hvm, ROW("hvm"), "hvm", VALUE)                                            \
        P(x, NETWORKS, "Networks", "as", CHANGES, TEXTS, networks, ROW("networks"), "networks", STRINGS)               \
        P(x, STORAGE, "Storage", "as", CHANGES, TEXTS, storage, ROW("storage"), "storage", STRINGS)                    \
        R(x, CUSTOM(host_types), types, OPT("types"))                                                                  \
        P(x, PGPUS, "PGPUs", "ao", CHANGES, REFS(PGPU), pgpus, NONE, "PGPU-uuids", REFS)                               \
        P(x, PROBLEMS, "Problems", "as", CHANGES, TEXTS, problems, NONE, "problems", STRINGS)                          \
        P(x, OUTSIDE_VMS, "OutsideVMs", "as", CHANGES, TEXTS, outside_vms, NONE_OR_NULL, "outside-VMs", STRINGS)       \
        P(x, NAME_DESCRIPTION, "NameDescription", "s", CHANGES, LINES, name_description, OPT("name_description"),      \
                "name-description", VALUE)                                                                             \
        P(x, OTHER_CONFIG, "OtherConfig", "a{ss}", CHANGES, MAP, other_config, SET("other_config"), "other-config",    \
                MAP)                                                                                                   \
        P(x, TAGS, "Tags", "as", CHANGES, TEXTS, tags, SET("tags"), "tags", STRINGS)                                   \
        P(x, UNHEARD, "Unheard", "b", CHANGES, BOOL, unheard, OPT("unheard"), "unheard", VALUE)                        \
        P(x, MEMORY_COMPUTED, "MemoryFreeComputed", "t", CHANGES, NUMBER_OF(memory_computed), object, NONE,            \
                "memory-free-computed", VALUE)                                                                         \
        P(x, FINGERPRINT, "Fingerprint", "s", CHANGES, TEXT, fingerprint, OPT("fingerprint"), "fingerprint", VALUE)

#define PGPU_SCHEMA(P, R, x)                                                                                          \
        P(x, HOST, "Host", "o", CONST, REF(HOST), host, ROW("host"), "host-uuid", REF)                                \
        P(x, PCI_ID, "PCIID", "s", CHANGES, PCI, pci, ROW("pci_id"), "pci-id", VALUE)                                   \
        R(x, TEXT, vendor_id, ROW("vendor_id"))                                                                       \
        R(x, TEXT, device_id, ROW("device_id"))                                                                       \
        R(x, TEXT, subsystem_vendor_id, ROW("subsystem_vendor_id"))                                                   \
        R(x, TEXT, subsystem_device_id, ROW("subsystem_device_id"))                                                   \
        P(x, VENDOR_NAME, "VendorName", "s", CHANGES, TEXT, vendor_name, ROW("vendor_name"), "vendor-name", VALUE)    \
        P(x, DEVICE_NAME, "DeviceName", "s", CHANGES, TEXT, device_name, ROW("device_name"), "device-name", VALUE)    \
        R(x, TEXT, driver, ROW("driver"))                                                                             \
        P(x, DISPLAY, "IsSystemDisplayDevice", "b", CHANGES, BOOL, is_system_display_device,                          \
                ROW("is_system_display_device"), "is-system-display-device", VALUE)                                   \
        P(x, GPU_GROUP, "GPUGroup", "o", CHANGES, REF(GPU_GROUP), group, SET("gpu_group"), "gpu-group-uuid", REF)     \
        P(x, SUPPORTED, "SupportedVGPUTypes", "ao", CHANGES, REFS(VGPU_TYPE), supported, ROW("supported"),            \
                "supported-VGPU-types", REFS)                                                                         \
        P(x, ENABLED, "EnabledVGPUTypes", "ao", CHANGES, REFS(VGPU_TYPE), enabled, ROW("enabled"),                    \
                "enabled-VGPU-types", REFS)                                                                           \
        P(x, RESIDENT_VGPUS, "ResidentVGPUs", "ao", CHANGES, PATHS_OF(resident_vgpu), object, NONE, "resident-VGPUs", \
                REFS)                                                                                                 \
        P(x, SCHEDULED_VGPUS, "ScheduledVGPUs", "ao", CHANGES, PATHS_OF(scheduled_vgpu), object, NONE,                \
                "scheduled-VGPUs", REFS)                                                                              \
        P(x, RESERVATIONS, "Reservations", "ao", CHANGES, REFS(RESERVATION), holds, NONE, "reservations", REFS)       \
        P(x, OUTSIDE, "OutsideVGPUs", "a(sso)", CHANGES, TUPLES_OF(outsider), object, NONE, "outside-VGPUs", OUTSIDE) \
        P(x, HEALTH, "Health", "s", CHANGES, TEXT_OF(health), object, NONE, "health", VALUE)                          \
        P(x, HEALTH_REASON, "HealthReason", "s", CHANGES, TEXT_OF(health_reason), object, NONE, "health-reason",      \
                VALUE)                                                                                                \
        P(x, OTHER_CONFIG, "OtherConfig", "a{ss}", CHANGES, MAP, other_config, SET("other_config"), "other-config",   \
                MAP)                                                                                                  \
        P(x, DIVISION, "Division", "s", CHANGES, TEXT, division, OPT("division"), "division", VALUE)                  \
        P(x, NUMA_NODE, "NUMANode", "i", CHANGES, NUMBER_OF(pgpu_node), object, NONE, "numa-node", VALUE)             \
        P(x, PCI_SWITCH, "PCISwitch", "s", CHANGES, TEXT, pci_switch, NONE_OR_NULL, "pci-switch", VALUE)              \
        P(x, SERIAL_NUMBER, "SerialNumber", "s", CHANGES, TEXT, serial_number, OPT("serial_number"), "serial-number", \
                VALUE)                                                                                                \
        R(x, TEXTS, keeping, SET("keeping"))                                                                          \
        P(x, WHOLE, "Size", "t", CONST, NUMBER_OF(whole_pgpu), object, NONE, "size", VALUE)

#define GPU_GROUP_SCHEMA(P, R, x)                                                                                    \
        P(x, NAME_LABEL, "NameLabel", "s", CHANGES, TEXT, name_label, ROW("name_label"), "name-label", VALUE)        \
        P(x, NAME_DESCRIPTION, "NameDescription", "s", CHANGES, LINES, name_description, ROW("name_description"),    \
                "name-description", VALUE)                                                                           \
        P(x, ALGORITHM, "AllocationAlgorithm", "s", CHANGES, WORD(group_algorithm), algorithm,                       \
                ROW("allocation_algorithm"), "allocation-algorithm", VALUE)                                          \
        P(x, GPU_TYPES, "GPUTypes", "as", CHANGES, TEXTS, gpu_types, ROW("gpu_types"), "GPU-types", STRINGS)         \
        P(x, PGPUS, "PGPUs", "ao", CHANGES, REFS(PGPU), pgpus, NONE, "PGPU-uuids", REFS)                             \
        P(x, VGPUS, "VGPUs", "ao", INVALIDATES, REFS(VGPU), vgpus, NONE, "VGPU-uuids", REFS)                         \
        P(x, SUPPORTED, "SupportedVGPUTypes", "ao", CHANGES, REFS(VGPU_TYPE), supported, NONE,                       \
                "supported-VGPU-types", REFS)                                                                        \
        P(x, OTHER_CONFIG, "OtherConfig", "a{ss}", CHANGES, MAP, other_config, SET("other_config"), "other-config",  \
                MAP)                                                                                                 \
        P(x, ENABLED, "EnabledVGPUTypes", "ao", CHANGES, REFS(VGPU_TYPE), enabled, NONE, "enabled-VGPU-types", REFS)

#define VGPU_TYPE_SCHEMA(P, R, x)                                                                                     \
        R(x, JSON, internal_config, ROW("internal_config"))                                                           \
        P(x, IDENTIFIER, "Identifier", "s", CHANGES, TEXT, identifier, ROW("identifier"), "identifier", VALUE)        \
        P(x, IMPLEMENTATION, "Implementation", "s", CHANGES, WORD(vgpu_implementation), implementation,               \
                ROW("implementation"), "implementation", VALUE)                                                       \
        P(x, VENDOR_NAME, "VendorName", "s", CHANGES, TEXT, vendor_name, ROW("vendor_name"), "vendor-name", VALUE)    \
        P(x, MODEL_NAME, "ModelName", "s", CHANGES, TEXT, model_name, ROW("model_name"), "model-name", VALUE)         \
        P(x, FRAMEBUFFER, "FramebufferSize", "t", CHANGES, U64, framebuffer_size, ROW("framebuffer_size"),            \
                "framebuffer-size", VALUE)                                                                            \
        P(x, HEADS, "MaxHeads", "t", CHANGES, U32, max_heads, ROW("max_heads"), "max-heads", VALUE)                   \
        P(x, RESOLUTION_X, "MaxResolutionX", "t", CHANGES, U32, max_resolution_x, ROW("max_resolution_x"),            \
                "max-resolution-x", VALUE)                                                                            \
        P(x, RESOLUTION_Y, "MaxResolutionY", "t", CHANGES, U32, max_resolution_y, ROW("max_resolution_y"),            \
                "max-resolution-y", VALUE)                                                                            \
        P(x, SIZE, "Size", "t", CHANGES, U32, size, ROW("size"), "size", VALUE)                                       \
        P(x, EXPERIMENTAL, "Experimental", "b", CHANGES, BOOL, experimental, ROW("experimental"), "experimental",     \
                VALUE)                                                                                                \
        P(x, COMPATIBLE_ON_PGPU, "CompatibleTypesOnPGPU", "as", CHANGES, TEXTS, compatible_on_pgpu,                   \
                ROW("compatible_types_on_pgpu"), "compatible-types-on-pgpu", STRINGS)                                 \
        P(x, COMPATIBLE_IN_VM, "CompatibleTypesInVM", "as", CHANGES, TEXTS, compatible_in_vm,                         \
                ROW("compatible_types_in_vm"), "compatible-types-in-vm", STRINGS)                                     \
        P(x, HOST_DIFFERENCES, "HostDifferences", "as", CHANGES, TEXTS, differences, NONE_OR_NULL, "host-differences", \
                STRINGS)                                                                                              \
        P(x, SUPPORTED_ON, "SupportedOnPGPUs", "ao", INVALIDATES, PATHS_OF(supported_on), object, NONE,               \
                "supported-on-PGPUs", REFS)                                                                           \
        P(x, ENABLED_ON, "EnabledOnPGPUs", "ao", INVALIDATES, PATHS_OF(enabled_on), object, NONE,                     \
                "enabled-on-PGPUs", REFS)                                                                             \
        P(x, VGPUS, "VGPUs", "ao", INVALIDATES, REFS(VGPU), vgpus, NONE, "VGPU-uuids", REFS)

#define VM_SCHEMA(P, R, x)                                                                                            \
        P(x, NAME_LABEL, "NameLabel", "s", CHANGES, TEXT, name_label, ROW("name_label"), "name-label", VALUE)         \
        P(x, OWNER, "Owner", "s", CHANGES, OWNER, owner, ROW("owner"), "owner", VALUE)                                \
        P(x, AFFINITY, "Affinity", "s", CHANGES, TEXT, affinity, ROW("affinity"), "affinity", VALUE)                  \
        P(x, POWER_STATE, "PowerState", "s", CHANGES, WORD(power_state), power_state, ROW("power_state"),             \
                "power-state", VALUE)                                                                                 \
        R(x, WORD(booking_state), booking, ROW("booking"))                                                            \
        P(x, RESIDENT_ON, "ResidentOn", "o", CHANGES, REF(HOST), resident_on, SET("resident_on"), "resident-on", REF) \
        P(x, SCHEDULED, "ScheduledToBeResidentOn", "o", CHANGES, REF(HOST), scheduled_on, SET("scheduled_on"),        \
                "scheduled-to-be-resident-on", REF)                                                                   \
        R(x, UUID, token, OPT("token"))                                                                               \
        R(x, UUID, stop_token, OPT("stop_token"))                                                                     \
        R(x, U64, order, OPT("order"))                                                                                \
        R(x, BOOL, uuid_given, OPT("uuid_given"))                                                                     \
        R(x, BOOL, memory_counted, ROW("memory_counted"))                                                             \
        R(x, REF(RESERVATION), reservation, SET("reservation"))                                                       \
        P(x, VGPUS, "VGPUs", "ao", CHANGES, REFS(VGPU), vgpus, NONE, "VGPU-uuids", REFS)                              \
        P(x, GROUPS, "Groups", "ao", CHANGES, REF(VM_GROUP), group, SET("vm_group"), "groups", REFS)                  \
        R(x, JSON, decision, SET("decision"))                                                                         \
        P(x, PLATFORM, "Platform", "a{ss}", CHANGES, MAP, platform, ROW("platform"), "platform", MAP)                 \
        R(x, JSON, config, ROW("config"))                                                                             \
        P(x, NAME_DESCRIPTION, "NameDescription", "s", CHANGES, LINES, name_description, SET("name_description"),     \
                "name-description", VALUE)                                                                            \
        P(x, OTHER_CONFIG, "OtherConfig", "a{ss}", CHANGES, MAP, other_config, SET("other_config"), "other-config",   \
                MAP)                                                                                                  \
        P(x, TAGS, "Tags", "as", CHANGES, TEXTS, tags, SET("tags"), "tags", STRINGS)                                  \
        P(x, START_TIME, "StartTime", "t", CHANGES, U64, start_time, OPT("start_time"), "start-time", TIME)           \
        P(x, DOMAIN, "DomainID", "i", CHANGES, NUMBER_OF(vm_domain), object, NONE, "dom-id", VALUE)                   \
        P(x, MEMORY_MAX, "MemoryStaticMax", "t", CHANGES, U64, memory_max, NONE, "memory-static-max", VALUE)          \
        P(x, MEMORY_TARGET, "MemoryDynamicMax", "t", CHANGES, U64, memory_target, NONE, "memory-dynamic-max", VALUE)  \
        P(x, VCPUS, "VCPUsMax", "u", CHANGES, U32, vcpus, NONE, "VCPUs-max", VALUE)                                   \
        P(x, PROBLEMS, "Problems", "as", CHANGES, TEXTS, problems, NONE_OR_NULL, "problems", STRINGS)

#define VGPU_SCHEMA(P, R, x)                                                                                          \
        P(x, VM, "VM", "o", CONST, REF(VM), vm, ROW("vm"), "vm-uuid", REF)                                            \
        P(x, GROUP, "GPUGroup", "o", CONST, REF(GPU_GROUP), group, ROW("gpu_group"), "gpu-group-uuid", REF)           \
        P(x, TYPE, "Type", "o", CONST, REF(VGPU_TYPE), type, ROW("type"), "type-uuid", REF)                           \
        P(x, DEVICE, "Device", "s", CONST, DEVICE, device, ROW("device"), "device", VALUE)                            \
        P(x, EXTRA_ARGS, "ExtraArgs", "s", CHANGES, TEXT, extra_args, ROW("extra_args"), "extra-args", VALUE)         \
        R(x, CUSTOM(pinned_pci), pinned_pci, OPT("pinned_pci"))                                                       \
        P(x, ATTACHED, "CurrentlyAttached", "b", CHANGES, BOOL, currently_attached, ROW("currently_attached"),        \
                "currently-attached", VALUE)                                                                          \
        P(x, SCHEDULED, "ScheduledToBeResidentOn", "o", CHANGES, REF(PGPU), scheduled_on, SET("scheduled_on"),        \
                "scheduled-to-be-resident-on", REF)                                                                   \
        P(x, RESIDENT_ON, "ResidentOn", "o", CHANGES, REF(PGPU), resident_on, SET("resident_on"), "resident-on", REF) \
        P(x, OTHER_CONFIG, "OtherConfig", "a{ss}", CHANGES, MAP, other_config, SET("other_config"), "other-config",   \
                MAP)                                                                                                  \
        P(x, FUNCTION, "Function", "s", CHANGES, TEXT, function, SET("function"), "function", VALUE)                  \
        R(x, BOOL, used_hold, OPT("used_hold"))

#define RESERVATION_SCHEMA(P, R, x)                                                                         \
        P(x, NAME_LABEL, "NameLabel", "s", CONST, TEXT, name_label, ROW("name_label"), "name-label", VALUE) \
        P(x, GROUP, "GPUGroup", "o", CONST, REF(GPU_GROUP), group, ROW("gpu_group"), "gpu-group-uuid", REF) \
        P(x, TYPE, "Type", "o", CONST, REF(VGPU_TYPE), type, ROW("type"), "type-uuid", REF)                 \
        P(x, COUNT, "Count", "u", CONST, U32, count, ROW("count"), "count", VALUE)                          \
        P(x, REMAINING, "Remaining", "u", CHANGES, NUMBER_OF(remaining), object, NONE, "remaining", VALUE)  \
        P(x, EXPIRES, "Expires", "t", CHANGES, LIMIT, expires, OPT("expires"), "expires", TIME)             \
        R(x, U64, lasts, OPT("lasts"))                                                                      \
        P(x, OWNER, "Owner", "s", CONST, OWNER, owner, ROW("owner"), "owner", VALUE)                        \
        R(x, REFS(PGPU), holds, ROW("holds"))

#define QUOTA_SCHEMA(P, R, x)                                                                                 \
        P(x, OWNER, "Owner", "s", CONST, OWNER, owner, ROW("owner"), "owner", VALUE)                          \
        P(x, GROUP, "GPUGroup", "o", CONST, REF(GPU_GROUP), group, SET("gpu_group"), "gpu-group-uuid", REF)   \
        P(x, VGPUS_MAX, "VGPUsMax", "t", CHANGES, LIMIT, vgpus_max, OPT("vgpus_max"), "vgpus-max", LIMIT)     \
        P(x, SIZE_MAX, "SizeMax", "t", CHANGES, LIMIT, size_max, OPT("size_max"), "size-max", LIMIT)          \
        P(x, VGPUS_USED, "VGPUsUsed", "t", CHANGES, NUMBER_OF(vgpus_used), object, NONE, "vgpus-used", VALUE) \
        P(x, SIZE_USED, "SizeUsed", "t", CHANGES, NUMBER_OF(size_used), object, NONE, "size-used", VALUE)

#define VM_GROUP_SCHEMA(P, R, x)                                                                                     \
        P(x, NAME_LABEL, "NameLabel", "s", CHANGES, TEXT, name_label, ROW("name_label"), "name-label", VALUE)        \
        P(x, NAME_DESCRIPTION, "NameDescription", "s", CHANGES, LINES, name_description, ROW("name_description"),    \
                "name-description", VALUE)                                                                           \
        P(x, PLACEMENT, "Placement", "s", CHANGES, WORD(placement), placement, ROW("placement"), "placement", VALUE) \
        P(x, VMS, "VMs", "ao", INVALIDATES, REFS(VM), vms, NONE, "VM-uuids", REFS)

#define JOB_SCHEMA(P, R, x)                                                                                   \
        P(x, OPERATION, "Operation", "s", CONST, TEXT, operation, ROW("operation"), "operation", VALUE)       \
        P(x, STATE, "State", "s", CHANGES, WORD(job_state), state, ROW("state"), "state", VALUE)              \
        P(x, PROGRESS, "Progress", "d", CHANGES, FRACTION, progress, ROW("progress"), "progress", PERCENT)    \
        P(x, STAGE, "Stage", "s", CHANGES, TEXT, stage, ROW("stage"), "stage", VALUE)                         \
        P(x, OBJECTS, "Objects", "ao", CONST, PATHS_OF(job_objects), object, ROW("objects"), "objects", REFS) \
        R(x, UUID, token, OPT("token"))                                                                       \
        R(x, BOOL, cancel_requested, ROW("cancel_requested"))                                                 \
        R(x, TEXT, phase, SET("phase"))                                                                       \
        R(x, TEXT, first_try, SET("first_try"))                                                               \
        R(x, UUID, first_host, OPT("first_host"))                                                             \
        P(x, ERROR, "Error", "(ss)", CHANGES, TUPLES_OF(job_error), object, OPT("error"), "error", ERROR)     \
        P(x, START_TIME, "StartTime", "t", CONST, U64, start_time, ROW("start_time"), "start-time", TIME)     \
        P(x, END_TIME, "EndTime", "t", CHANGES, U64, end_time, ROW("end_time"), "end-time", TIME)             \
        P(x, STARTED_BY, "StartedBy", "s", CHANGES, TEXT, started_by, SET("started_by"), "started-by", VALUE) \
        P(x, EXPECTED_END_TIME, "ExpectedEndTime", "t", CHANGES, U64, expected_end_time,                      \
                OPT("expected_end_time"), "expected-end-time", TIME)
