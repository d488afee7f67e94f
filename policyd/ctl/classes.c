/*
 * The classes of the pool and their fields
 *
 * The order is that of xe's records. Each D-Bus property stands here under its dashed name or xe's.
 */

#include "policyd/ctl/classes.h"
#include "protocol/names.h"

#define RO(n, p)                                                                                             \
        { .name = n, .property = p, .kind = FIELD_VALUE }
#define COLUMN(n, p)                                                                                         \
        { .name = n, .property = p, .kind = FIELD_VALUE, .in_list = true }
#define REF(n, p)                                                                                            \
        { .name = n, .property = p, .kind = FIELD_REF }
#define REFS(n, p)                                                                                           \
        { .name = n, .property = p, .kind = FIELD_REFS }
#define STRINGS(n, p)                                                                                        \
        { .name = n, .property = p, .kind = FIELD_STRINGS }
#define LABEL(n, p)                                                                                          \
        { .name = n, .property = p, .kind = FIELD_LABEL }
#define LABEL_COLUMN(n, p)                                                                                   \
        { .name = n, .property = p, .kind = FIELD_LABEL, .in_list = true }
/* A column of text that a method sets. */
#define TEXT_COLUMN(n, p, m)                                                                                 \
        { .name = n, .property = p, .kind = FIELD_VALUE, .in_list = true, .set = m, .set_type = 's' }

static const Field host_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("name-label", "NameLabel"),
        COLUMN("state", "State"),
        COLUMN("state-reason", "StateReason"),
        { .name = "enabled",
                .property = "Enabled",
                .in_list = true,
                .set = "Enable Disable",
                .set_type = 'b' },
        COLUMN("address", "Address"),
        RO("host-uuid", "HostUUID"),
        RO("boot-id", "BootID"),
        RO("memory-total", "MemoryTotal"),
        RO("memory-free", "MemoryFree"),
        STRINGS("networks", "Networks"),
        STRINGS("storage", "Storage"),
        REFS("PGPU-uuids", "PGPUs"),
        STRINGS("problems", "Problems"),
        RO("unheard", "Unheard"),
};

static const Field pgpu_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("pci-id", "PCIID"),
        COLUMN("vendor-name", "VendorName"),
        COLUMN("device-name", "DeviceName"),
        { .name = "gpu-group-uuid",
                .property = "GPUGroup",
                .kind = FIELD_REF,
                .in_list = true,
                .set = "SetGPUGroup",
                .set_type = 'o',
                .set_class = "gpu-group" },
        LABEL("gpu-group-name-label", "GPUGroup"),
        REF("host-uuid", "Host"),
        LABEL_COLUMN("host-name-label", "Host"),
        RO("is-system-display-device", "IsSystemDisplayDevice"),
        RO("health", "Health"),
        RO("health-reason", "HealthReason"),
        REFS("supported-VGPU-types", "SupportedVGPUTypes"),
        { .name = "enabled-VGPU-types",
                .property = "EnabledVGPUTypes",
                .kind = FIELD_REFS,
                .set = "SetEnabledVGPUTypes",
                .set_type = 'O',
                .set_class = "vgpu-type",
                .add = "AddEnabledVGPUType",
                .remove = "RemoveEnabledVGPUType" },
        REFS("resident-VGPUs", "ResidentVGPUs"),
        REFS("scheduled-VGPUs", "ScheduledVGPUs"),
        REFS("reservations", "Reservations"),
        { .name = "outside-VGPUs", .property = "OutsideVGPUs", .kind = FIELD_OUTSIDE },
        RO("size", "Size"),
};

static const Field gpu_group_fields[] = {
        COLUMN("uuid", "UUID"),
        TEXT_COLUMN("name-label", "NameLabel", "SetNameLabel"),
        TEXT_COLUMN("name-description", "NameDescription", "SetNameDescription"),
        REFS("VGPU-uuids", "VGPUs"),
        REFS("PGPU-uuids", "PGPUs"),
        STRINGS("GPU-types", "GPUTypes"),
        REFS("enabled-VGPU-types", "EnabledVGPUTypes"),
        REFS("supported-VGPU-types", "SupportedVGPUTypes"),
        { .name = "allocation-algorithm",
                .property = "AllocationAlgorithm",
                .set = "SetAllocationAlgorithm",
                .set_type = 's' },
};

static const Field vgpu_type_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("vendor-name", "VendorName"),
        COLUMN("model-name", "ModelName"),
        { .name = "max-resolution", .property = "MaxResolutionX", .kind = FIELD_RESOLUTION, .in_list = true },
        COLUMN("max-heads", "MaxHeads"),
        RO("max-resolution-x", "MaxResolutionX"),
        RO("max-resolution-y", "MaxResolutionY"),
        RO("framebuffer-size", "FramebufferSize"),
        RO("size", "Size"),
        REFS("supported-on-PGPUs", "SupportedOnPGPUs"),
        REFS("enabled-on-PGPUs", "EnabledOnPGPUs"),
        REFS("VGPU-uuids", "VGPUs"),
        RO("implementation", "Implementation"),
        RO("identifier", "Identifier"),
        RO("experimental", "Experimental"),
};

static const Field vm_fields[] = {
        COLUMN("uuid", "UUID"),
        TEXT_COLUMN("name-label", "NameLabel", "SetNameLabel"),
        COLUMN("power-state", "PowerState"),
        REF("resident-on", "ResidentOn"),
        LABEL("resident-on-name-label", "ResidentOn"),
        REF("scheduled-to-be-resident-on", "ScheduledToBeResidentOn"),
        LABEL("scheduled-to-be-resident-on-name-label", "ScheduledToBeResidentOn"),
        { .name = "affinity", .property = "Affinity", .set = "SetAffinity", .set_type = 's' },
        { .name = "owner", .property = "Owner", .set = "SetOwner", .set_type = 's' },
        REFS("VGPU-uuids", "VGPUs"),
        { .name = "groups",
                .property = "Groups",
                .kind = FIELD_REFS,
                .set = "SetGroups",
                .set_type = 'O',
                .set_class = "vm-group" },
        STRINGS("problems", "Problems"),
};

static const Field vm_group_fields[] = {
        COLUMN("uuid", "UUID"),
        TEXT_COLUMN("name-label", "NameLabel", "SetNameLabel"),
        TEXT_COLUMN("name-description", "NameDescription", "SetNameDescription"),
        TEXT_COLUMN("placement", "Placement", "SetPlacement"),
        { .name = "VM-uuids", .property = "VMs", .kind = FIELD_REFS, .in_list = true },
};

static const Field vgpu_fields[] = {
        COLUMN("uuid", "UUID"),
        { .name = "vm-uuid", .property = "VM", .kind = FIELD_REF, .in_list = true },
        LABEL("vm-name-label", "VM"),
        COLUMN("device", "Device"),
        { .name = "gpu-group-uuid", .property = "GPUGroup", .kind = FIELD_REF, .in_list = true },
        LABEL("gpu-group-name-label", "GPUGroup"),
        RO("currently-attached", "CurrentlyAttached"),
        REF("type-uuid", "Type"),
        LABEL("type-model-name", "Type"),
        REF("resident-on", "ResidentOn"),
        REF("scheduled-to-be-resident-on", "ScheduledToBeResidentOn"),
};

static const Field reservation_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("name-label", "NameLabel"),
        REF("gpu-group-uuid", "GPUGroup"),
        LABEL_COLUMN("gpu-group-name-label", "GPUGroup"),
        REF("type-uuid", "Type"),
        LABEL_COLUMN("type-model-name", "Type"),
        COLUMN("count", "Count"),
        COLUMN("remaining", "Remaining"),
        { .name = "expires", .property = "Expires", .kind = FIELD_TIME, .in_list = true },
        RO("owner", "Owner"),
};

static const Field quota_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("owner", "Owner"),
        REF("gpu-group-uuid", "GPUGroup"),
        LABEL_COLUMN("gpu-group-name-label", "GPUGroup"),
        COLUMN("vgpus-used", "VGPUsUsed"),
        { .name = "vgpus-max",
                .property = "VGPUsMax",
                .kind = FIELD_LIMIT,
                .in_list = true,
                .set = "SetVGPUsMax",
                .set_type = 't' },
        { .name = "pgpus-used", .property = "SizeUsed", .kind = FIELD_PGPUS, .in_list = true },
        { .name = "pgpus-max",
                .property = "SizeMax",
                .kind = FIELD_PGPUS,
                .in_list = true,
                .set = "SetSizeMax",
                .set_type = 't' },
        RO("size-used", "SizeUsed"),
        { .name = "size-max",
                .property = "SizeMax",
                .kind = FIELD_LIMIT,
                .set = "SetSizeMax",
                .set_type = 't' },
};

static const Field job_fields[] = {
        COLUMN("uuid", "UUID"),
        COLUMN("operation", "Operation"),
        COLUMN("state", "State"),
        { .name = "progress", .property = "Progress", .kind = FIELD_PERCENT, .in_list = true },
        RO("stage", "Stage"),
        REFS("objects", "Objects"),
        { .name = "error", .property = "Error", .kind = FIELD_ERROR },
        { .name = "start-time", .property = "StartTime", .kind = FIELD_TIME, .in_list = true },
        { .name = "end-time", .property = "EndTime", .kind = FIELD_TIME },
};

#define CLASS(n, w, i, l, f, ...)                                                                            \
        {                                                                                                    \
                .name = n, .word = w, .interface = i, .label = l, .sort = { __VA_ARGS__ }, .fields = f,      \
                .n_fields = ARRAY_SIZE(f)                                                                    \
        }

const ClassInfo classes[] = {
        CLASS("host", "host", POLICY_IFACE_HOST, "NameLabel", host_fields, "name-label"),
        CLASS("pgpu", "pgpu", POLICY_IFACE_PGPU, "PCIID", pgpu_fields, "host-name-label", "pci-id"),
        CLASS("gpu-group", "gpu_group", POLICY_IFACE_GPU_GROUP, "NameLabel", gpu_group_fields, "name-label"),
        CLASS("vgpu-type", "vgpu_type", POLICY_IFACE_VGPU_TYPE, "ModelName", vgpu_type_fields, "vendor-name",
                "model-name"),
        CLASS("vm", "vm", POLICY_IFACE_VM, "NameLabel", vm_fields, "name-label"),
        CLASS("vgpu", "vgpu", POLICY_IFACE_VGPU, "UUID", vgpu_fields, "vm-name-label", "device"),
        CLASS("reservation", "reservation", POLICY_IFACE_RESERVATION, "NameLabel", reservation_fields,
                "name-label"),
        CLASS("quota", "quota", POLICY_IFACE_QUOTA, "Owner", quota_fields, "owner", "gpu-group-name-label"),
        CLASS("vm-group", "vm_group", POLICY_IFACE_VM_GROUP, "NameLabel", vm_group_fields, "name-label"),
        CLASS("job", "job", POLICY_IFACE_JOB, "Operation", job_fields, "start-time"),
};
const size_t n_classes = ARRAY_SIZE(classes);

const ClassInfo *class_find(const char *name) {
        for (size_t i = 0; i < n_classes; i++)
                if (streq(classes[i].name, name) || streq(classes[i].word, name))
                        return &classes[i];
        return NULL;
}

const ClassInfo *class_of_path(const char *path) {
        const char *rest = startswith(path, POLICY_PATH "/"), *slash = rest ? strchr(rest, '/') : NULL;

        for (size_t i = 0; slash && i < n_classes; i++)
                if (strlen(classes[i].word) == (size_t) (slash - rest) &&
                        strncmp(classes[i].word, rest, (size_t) (slash - rest)) == 0)
                        return &classes[i];
        return NULL;
}

/* Length of a name without the ending, or 0 when it has another. */
static size_t without_ending(const char *name, const char *ending) {
        size_t n = strlen(name), e = strlen(ending);

        return n > e && strcasecmp(name + n - e, ending) == 0 ? n - e : 0;
}

static size_t stem_length(const char *name) {
        size_t n;

        if ((n = without_ending(name, "-uuids")) > 0 || (n = without_ending(name, "-uuid")) > 0)
                return n;
        return strlen(name);
}

/* "pgpus" means "PGPU-uuids", and "host" "host-uuid", since that is how their properties are called. */
static const Field *find_reference(const ClassInfo *c, const char *name, size_t n) {
        for (size_t i = 0; i < c->n_fields; i++) {
                const Field *f = &c->fields[i];
                size_t stem = stem_length(f->name);

                if (f->kind != FIELD_REF && f->kind != FIELD_REFS)
                        continue;
                if (stem == n && strncasecmp(f->name, name, n) == 0)
                        return f;
                if (f->kind == FIELD_REFS && stem + 1 == n && strncasecmp(f->name, name, stem) == 0 &&
                        (name[stem] == 's' || name[stem] == 'S'))
                        return f;
        }
        return NULL;
}

bool field_find(const ClassInfo *c, const char *name, FieldName *ret) {
        const Field *f;
        size_t n;

        for (size_t i = 0; i < c->n_fields; i++)
                if (strcasecmp(c->fields[i].name, name) == 0) {
                        *ret = (FieldName){ .field = &c->fields[i] };
                        return true;
                }

        f = find_reference(c, name, stem_length(name));
        if (f) {
                *ret = (FieldName){ .field = f };
                return true;
        }
        if ((n = without_ending(name, "-name-label")) > 0 || (n = without_ending(name, "-name-labels")) > 0) {
                f = find_reference(c, name, n);
                if (f) {
                        *ret = (FieldName){ .field = f, .as_label = true };
                        return true;
                }
        }
        return false;
}

const char *field_mark(const Field *f) {
        bool is_set = f->kind == FIELD_REFS || f->kind == FIELD_STRINGS || f->kind == FIELD_OUTSIDE, is_writable = f->set;

        return is_set ? (is_writable ? "(SRW)" : "(SRO)") : (is_writable ? "( RW)" : "( RO)");
}
