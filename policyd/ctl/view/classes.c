/*
 * The classes of the pool and their fields
 *
 * What a property is called and how it is shown stands in protocol/schema. Here is the order of xe's records, what a list shows, and
 * what can be set; a property that has no row here comes last, read only.
 */

#include "policyd/ctl/view/classes.h"
#include "protocol/names.h"
#include "protocol/schema/classes.h"
#include "protocol/schema/words.h"
#include "protocol/vgpu-implementation.h"

/* Of each property of a class, its names and how it is shown; and all as fields that are read only. */
#define NAMES(class, bit, on_bus, signature, change, type, source, row, field, shown_as)                              \
        static const char class##_##bit##_name[] = field, class##_##bit##_property[] = on_bus;                       \
        enum { class##_##bit##_kind = FIELD_##shown_as };
#define ALL(class, bit, ...) { AS(class##_##bit) },

/* Each joins class and bit at once: a bit may have the name of a macro (SIZE_MAX). */
#define AS(id) .name = id##_name, .property = id##_property, .kind = (FieldKind) id##_kind
#define RO(class, bit) { AS(class##_##bit) }
#define UNUSUAL(class, bit, ordinary) { AS(class##_##bit), .usual = ordinary }
#define COLUMN(class, bit) { AS(class##_##bit), .in_list = true }
/* Those that a method sets: to a text, a number, an object of a class or several. */
#define SET(class, bit, type, method, ...) { AS(class##_##bit), .set = method, .set_type = type, ##__VA_ARGS__ }
#define SET_COLUMN(class, bit, type, method, ...) \
        { AS(class##_##bit), .in_list = true, .set = method, .set_type = type, ##__VA_ARGS__ }
/* Maps and sets of texts. */
#define ENTRIES(class, bit, method) { AS(class##_##bit), .entries = method }
/* A property once more, in another form. */
#define FORM(n, class, bit, shown_as, ...) \
        { .name = n, .property = class##_##bit##_property, .kind = FIELD_##shown_as, ##__VA_ARGS__ }
#define LABEL(n, class, bit) FORM(n, class, bit, LABEL)
#define LABEL_COLUMN(n, class, bit) FORM(n, class, bit, LABEL, .in_list = true)

#define FIXED(n, text) { .name = n, .property = "UUID", .kind = FIELD_FIXED, .of = text }

#define UUID_COLUMN { .name = "uuid", .property = "UUID", .in_list = true }

HOST_SCHEMA(NAMES, SCHEMA_SKIP, host)
PGPU_SCHEMA(NAMES, SCHEMA_SKIP, pgpu)
GPU_GROUP_SCHEMA(NAMES, SCHEMA_SKIP, gpu_group)
VGPU_TYPE_SCHEMA(NAMES, SCHEMA_SKIP, vgpu_type)
VM_SCHEMA(NAMES, SCHEMA_SKIP, vm)
VGPU_SCHEMA(NAMES, SCHEMA_SKIP, vgpu)
RESERVATION_SCHEMA(NAMES, SCHEMA_SKIP, reservation)
QUOTA_SCHEMA(NAMES, SCHEMA_SKIP, quota)
VM_GROUP_SCHEMA(NAMES, SCHEMA_SKIP, vm_group)
JOB_SCHEMA(NAMES, SCHEMA_SKIP, job)

static const Field host_fields[] = {
        UUID_COLUMN,
        SET_COLUMN(host, NAME_LABEL, 's', "SetNameLabel"),
        SET(host, NAME_DESCRIPTION, 's', "SetNameDescription"),
        COLUMN(host, STATE),
        COLUMN(host, STATE_REASON),
        SET_COLUMN(host, ENABLED, 'b', "Enable Disable"),
        COLUMN(host, ADDRESS),
        SET(host, FINGERPRINT, 's', "SetFingerprint"),
        RO(host, HOST_UUID),
        RO(host, HOSTNAME),
        RO(host, BOOT_ID),
        RO(host, MEMORY_TOTAL),
        RO(host, MEMORY_FREE),
        RO(host, MEMORY_COMPUTED),
        RO(host, NETWORKS),
        RO(host, STORAGE),
        RO(host, PGPUS),
        { .name = "resident-VMs", .property = "UUID", .kind = FIELD_REVERSE, .set_class = "vm", .of = "ResidentOn" },
        FORM("host-metrics-live", host, STATE, IS, .of = "online"),
        FORM("allowed-operations", host, ENABLED, ALLOWED),
        ENTRIES(host, TAGS, "Tags"),
        ENTRIES(host, OTHER_CONFIG, "OtherConfig"),
        RO(host, PROBLEMS),
        RO(host, UNHEARD),
}, all_of_host[] = { HOST_SCHEMA(ALL, SCHEMA_SKIP, host) };

static const Field pgpu_fields[] = {
        UUID_COLUMN,
        COLUMN(pgpu, PCI_ID),
        COLUMN(pgpu, VENDOR_NAME),
        COLUMN(pgpu, DEVICE_NAME),
        SET_COLUMN(pgpu, GPU_GROUP, 'o', "SetGPUGroup", .set_class = "gpu-group"),
        LABEL("gpu-group-name-label", pgpu, GPU_GROUP),
        RO(pgpu, HOST),
        LABEL_COLUMN("host-name-label", pgpu, HOST),
        RO(pgpu, DISPLAY),
        UNUSUAL(pgpu, DIVISION, "none"),
        UNUSUAL(pgpu, HEALTH, "good"),
        UNUSUAL(pgpu, HEALTH_REASON, ""),
        RO(pgpu, SERIAL_NUMBER),
        RO(pgpu, SUPPORTED),
        FORM("supported-VGPU-max-capacities", pgpu, SUPPORTED, CAPACITIES),
        SET(pgpu, ENABLED, 'O', "SetEnabledVGPUTypes", .set_class = "vgpu-type", .add = "AddEnabledVGPUType",
                .remove = "RemoveEnabledVGPUType"),
        RO(pgpu, RESIDENT_VGPUS),
        RO(pgpu, SCHEDULED_VGPUS),
        RO(pgpu, RESERVATIONS),
        RO(pgpu, OUTSIDE),
        RO(pgpu, WHOLE),
        ENTRIES(pgpu, OTHER_CONFIG, "OtherConfig"),
}, all_of_pgpu[] = { PGPU_SCHEMA(ALL, SCHEMA_SKIP, pgpu) };

static const Field gpu_group_fields[] = {
        UUID_COLUMN,
        SET_COLUMN(gpu_group, NAME_LABEL, 's', "SetNameLabel"),
        SET_COLUMN(gpu_group, NAME_DESCRIPTION, 's', "SetNameDescription"),
        RO(gpu_group, VGPUS),
        RO(gpu_group, PGPUS),
        RO(gpu_group, GPU_TYPES),
        RO(gpu_group, ENABLED),
        RO(gpu_group, SUPPORTED),
        SET(gpu_group, ALGORITHM, 's', "SetAllocationAlgorithm"),
        ENTRIES(gpu_group, OTHER_CONFIG, "OtherConfig"),
}, all_of_gpu_group[] = { GPU_GROUP_SCHEMA(ALL, SCHEMA_SKIP, gpu_group) };

static const Field vgpu_type_fields[] = {
        UUID_COLUMN,
        COLUMN(vgpu_type, VENDOR_NAME),
        COLUMN(vgpu_type, MODEL_NAME),
        FORM("max-resolution", vgpu_type, RESOLUTION_X, RESOLUTION, .in_list = true),
        COLUMN(vgpu_type, HEADS),
        RO(vgpu_type, RESOLUTION_X),
        RO(vgpu_type, RESOLUTION_Y),
        RO(vgpu_type, FRAMEBUFFER),
        RO(vgpu_type, SIZE),
        RO(vgpu_type, SUPPORTED_ON),
        RO(vgpu_type, ENABLED_ON),
        FORM("supported-on-GPU-groups", vgpu_type, SUPPORTED_ON, VIA, .of = "GPUGroup"),
        FORM("enabled-on-GPU-groups", vgpu_type, ENABLED_ON, VIA, .of = "GPUGroup"),
        RO(vgpu_type, VGPUS),
        RO(vgpu_type, IMPLEMENTATION),
        RO(vgpu_type, IDENTIFIER),
        RO(vgpu_type, HOST_DIFFERENCES),
        RO(vgpu_type, EXPERIMENTAL),
        RO(vgpu_type, COMPATIBLE_IN_VM),
        RO(vgpu_type, COMPATIBLE_ON_PGPU),
}, all_of_vgpu_type[] = { VGPU_TYPE_SCHEMA(ALL, SCHEMA_SKIP, vgpu_type) };

static const Field vm_fields[] = {
        UUID_COLUMN,
        SET_COLUMN(vm, NAME_LABEL, 's', "SetNameLabel"),
        SET(vm, NAME_DESCRIPTION, 's', "SetNameDescription"),
        FIXED("is-a-template", "false"),
        FIXED("is-a-snapshot", "false"),
        FIXED("is-control-domain", "false"),
        COLUMN(vm, POWER_STATE),
        RO(vm, RESIDENT_ON),
        LABEL("resident-on-name-label", vm, RESIDENT_ON),
        RO(vm, SCHEDULED),
        LABEL("scheduled-to-be-resident-on-name-label", vm, SCHEDULED),
        SET(vm, AFFINITY, 's', "SetAffinity"),
        SET(vm, OWNER, 's', "SetOwner"),
        RO(vm, VGPUS),
        SET(vm, GROUPS, 'O', "SetGroups", .set_class = "vm-group"),
        RO(vm, START_TIME),
        RO(vm, DOMAIN),
        SET(vm, MEMORY_MAX, 'c', "SetConfig"),
        SET(vm, MEMORY_TARGET, 'c', "SetConfig"),
        SET(vm, VCPUS, 'c', "SetConfig"),
        FORM("allowed-operations", vm, POWER_STATE, ALLOWED),
        { .name = "current-operations", .property = "UUID", .kind = FIELD_CURRENT },
        { .name = "possible-hosts", .property = "UUID", .kind = FIELD_POSSIBLE },
        ENTRIES(vm, PLATFORM, "Platform"),
        ENTRIES(vm, OTHER_CONFIG, "OtherConfig"),
        ENTRIES(vm, TAGS, "Tags"),
        RO(vm, PROBLEMS),
}, all_of_vm[] = { VM_SCHEMA(ALL, SCHEMA_SKIP, vm) };

static const Field vm_group_fields[] = {
        UUID_COLUMN,
        SET_COLUMN(vm_group, NAME_LABEL, 's', "SetNameLabel"),
        SET_COLUMN(vm_group, NAME_DESCRIPTION, 's', "SetNameDescription"),
        SET_COLUMN(vm_group, PLACEMENT, 's', "SetPlacement"),
        COLUMN(vm_group, VMS),
}, all_of_vm_group[] = { VM_GROUP_SCHEMA(ALL, SCHEMA_SKIP, vm_group) };

static const Field vgpu_fields[] = {
        UUID_COLUMN,
        COLUMN(vgpu, VM),
        LABEL("vm-name-label", vgpu, VM),
        COLUMN(vgpu, DEVICE),
        COLUMN(vgpu, GROUP),
        LABEL("gpu-group-name-label", vgpu, GROUP),
        RO(vgpu, ATTACHED),
        SET(vgpu, EXTRA_ARGS, 's', "SetExtraArgs"),
        ENTRIES(vgpu, OTHER_CONFIG, "OtherConfig"),
        RO(vgpu, TYPE),
        LABEL("type-model-name", vgpu, TYPE),
        RO(vgpu, RESIDENT_ON),
        RO(vgpu, SCHEDULED),
        UNUSUAL(vgpu, FUNCTION, ""),
}, all_of_vgpu[] = { VGPU_SCHEMA(ALL, SCHEMA_SKIP, vgpu) };

static const Field reservation_fields[] = {
        UUID_COLUMN,
        COLUMN(reservation, NAME_LABEL),
        RO(reservation, GROUP),
        LABEL_COLUMN("gpu-group-name-label", reservation, GROUP),
        RO(reservation, TYPE),
        LABEL_COLUMN("type-model-name", reservation, TYPE),
        COLUMN(reservation, COUNT),
        COLUMN(reservation, REMAINING),
        COLUMN(reservation, EXPIRES),
        RO(reservation, OWNER),
}, all_of_reservation[] = { RESERVATION_SCHEMA(ALL, SCHEMA_SKIP, reservation) };

static const Field quota_fields[] = {
        UUID_COLUMN,
        COLUMN(quota, OWNER),
        RO(quota, GROUP),
        LABEL_COLUMN("gpu-group-name-label", quota, GROUP),
        COLUMN(quota, VGPUS_USED),
        SET_COLUMN(quota, VGPUS_MAX, 't', "SetVGPUsMax"),
        FORM("pgpus-used", quota, SIZE_USED, PGPUS, .in_list = true),
        FORM("pgpus-max", quota, SIZE_MAX, PGPUS, .in_list = true, .set = "SetSizeMax", .set_type = 't'),
        RO(quota, SIZE_USED),
        SET(quota, SIZE_MAX, 't', "SetSizeMax"),
}, all_of_quota[] = { QUOTA_SCHEMA(ALL, SCHEMA_SKIP, quota) };

static const Field job_fields[] = {
        UUID_COLUMN,
        COLUMN(job, OPERATION),
        LABEL_COLUMN("objects-name-label", job, OBJECTS),
        COLUMN(job, STATE),
        COLUMN(job, PROGRESS),
        RO(job, STAGE),
        RO(job, OBJECTS),
        RO(job, ERROR),
        COLUMN(job, START_TIME),
        RO(job, END_TIME),
        COLUMN(job, STARTED_BY),
        COLUMN(job, EXPECTED_END_TIME),
}, all_of_job[] = { JOB_SCHEMA(ALL, SCHEMA_SKIP, job) };

/* What the Manager says of itself, as an object: view-load.c makes it. */
#define OF_POOL(n, on_bus, shown_as, ...) { .name = n, .property = on_bus, .kind = FIELD_##shown_as, ##__VA_ARGS__ }

static const Field pool_fields[] = {
        UUID_COLUMN,
        OF_POOL("name-label", "NameLabel", VALUE, .in_list = true),
        OF_POOL("name-description", "NameDescription", VALUE, .in_list = true),
        OF_POOL("master", "Master", REF, .in_list = true),
        OF_POOL("master-name-label", "Master", LABEL),
        OF_POOL("software-version", "Version", VALUE),
        OF_POOL("epoch", "Epoch", VALUE),
        OF_POOL("hosts-online", "HostsOnline", VALUE),
        OF_POOL("old-database", "OldDatabase", VALUE),
        OF_POOL("unreadable-rows", "UnreadableRows", STRINGS),
        OF_POOL("rows-set-aside", "RowsSetAside", STRINGS),
}, all_of_pool[] = { UUID_COLUMN };

#define CLASS_APART(n, w, i, l, f, twins, ...)                                                               \
        {                                                                                                    \
                .name = n, .word = w, .interface = i, .label = l, .apart = twins, .sort = { __VA_ARGS__ },   \
                .fields = f##_fields, .n_fields = ARRAY_SIZE(f##_fields), .all = all_of_##f,                 \
                .n_all = ARRAY_SIZE(all_of_##f)                                                              \
        }
#define CLASS(n, w, i, l, f, ...) CLASS_APART(n, w, i, l, f, NULL, __VA_ARGS__)

const ClassInfo classes[] = {
        CLASS("host", "host", POLICY_IFACE_HOST, "NameLabel", host, "name-label"),
        CLASS("pgpu", "pgpu", POLICY_IFACE_PGPU, "PCIID", pgpu, "host-name-label", "pci-id"),
        CLASS("gpu-group", "gpu_group", POLICY_IFACE_GPU_GROUP, "NameLabel", gpu_group, "name-label"),
        CLASS_APART("vgpu-type", "vgpu_type", POLICY_IFACE_VGPU_TYPE, "ModelName", vgpu_type, "identifier", "vendor-name",
                "model-name"),
        CLASS("vm", "vm", POLICY_IFACE_VM, "NameLabel", vm, "name-label"),
        CLASS("vgpu", "vgpu", POLICY_IFACE_VGPU, "UUID", vgpu, "vm-name-label", "device"),
        CLASS("reservation", "reservation", POLICY_IFACE_RESERVATION, "NameLabel", reservation,
                "name-label"),
        CLASS("quota", "quota", POLICY_IFACE_QUOTA, "Owner", quota, "owner", "gpu-group-name-label"),
        CLASS("vm-group", "vm_group", POLICY_IFACE_VM_GROUP, "NameLabel", vm_group, "name-label"),
        CLASS("job", "job", POLICY_IFACE_JOB, "Operation", job, "start-time"),
        CLASS("pool", "pool", POLICY_IFACE_MANAGER, "NameLabel", pool, "name-label"),
};
const size_t n_classes = ARRAY_SIZE(classes);

static bool is_listed(const ClassInfo *c, const char *property) {
        for (size_t i = 0; i < c->n_fields; i++)
                if (streq(c->fields[i].property, property))
                        return true;
        return false;
}

const Field *class_field(const ClassInfo *c, size_t n) {
        if (n < c->n_fields)
                return &c->fields[n];
        n -= c->n_fields;
        for (size_t i = 0; i < c->n_all; i++)
                if (!is_listed(c, c->all[i].property) && n-- == 0)
                        return &c->all[i];
        return NULL;
}

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
        const Field *f;

        for (size_t i = 0; (f = class_field(c, i)); i++) {
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

static bool find_plain(const ClassInfo *c, const char *name, FieldName *ret) {
        const Field *f;
        size_t n;

        for (size_t i = 0; (f = class_field(c, i)); i++)
                if (strcasecmp(f->name, name) == 0) {
                        *ret = (FieldName){ .field = f };
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

/* D-Bus and XenServer's own records spell "_" where xe has "-". */
bool field_find(const ClassInfo *c, const char *name, FieldName *ret) {
        const char *colon = strchr(name, ':');
        _cleanup_free_ char *stem = strndup(name, colon ? (size_t) (colon - name) : strlen(name));
        FieldName found;

        for (char *p = stem; p && *p; p++)
                *p = *p == '_' ? '-' : *p;
        if (!stem || !find_plain(c, stem, &found) || (colon && found.field->kind != FIELD_MAP))
                return false;
        *ret = (FieldName){ .field = found.field, .as_label = found.as_label, .key = colon ? colon + 1 : NULL };
        return true;
}

#define WORD_TEXT(value, word) word,
static const char *const host_states[] = { HOST_STATES(WORD_TEXT) NULL };
static const char *const group_algorithms[] = { GROUP_ALGORITHMS(WORD_TEXT) NULL };
static const char *const power_states[] = { POWER_STATES(WORD_TEXT) NULL };
static const char *const healths[] = { PGPU_HEALTHS(WORD_TEXT) NULL };
static const char *const implementations[] = { VGPU_IMPLEMENTATIONS(WORD_TEXT) NULL };
static const char *const placements[] = { PLACEMENTS(WORD_TEXT) NULL };
static const char *const job_states[] = { JOB_STATES(WORD_TEXT) NULL };

const char *const *field_words(const ClassInfo *c, FieldName name) {
        static const struct {
                const char *class, *property;
                const char *const *words;
        } rows[] = {
                {"host", "State", host_states},         {"gpu-group", "AllocationAlgorithm", group_algorithms},
                {"vm", "PowerState", power_states},     {"vm-group", "Placement", placements},
                {"job", "State", job_states},           {"vgpu-type", "Implementation", implementations},
                {"pgpu", "Health", healths},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows) && !name.as_label && name.field->kind == FIELD_VALUE; i++)
                if (streq(rows[i].class, c->name) && streq(rows[i].property, name.field->property))
                        return rows[i].words;
        return NULL;
}

const char *field_mark(const Field *f) {
        bool is_set = f->kind == FIELD_REFS || f->kind == FIELD_STRINGS || f->kind == FIELD_OUTSIDE ||
                      f->kind == FIELD_VIA || f->kind == FIELD_REVERSE || f->kind == FIELD_ALLOWED || f->kind == FIELD_POSSIBLE,
             is_writable = field_is_settable(f);

        if (f->kind == FIELD_MAP || f->kind == FIELD_CAPACITIES || f->kind == FIELD_CURRENT)
                return is_writable ? "(MRW)" : "(MRO)";
        return is_set ? (is_writable ? "(SRW)" : "(SRO)") : (is_writable ? "( RW)" : "( RO)");
}
