/*
 * What an object owns: texts, lists of texts, and lists of pointers, whose objects are the pool's
 *
 * Texts that are never NULL are empty in a new object.
 */

#include "policyd/pool/pool-internal.h"

typedef enum OwnedKind {
        TEXT,
        TEXT_OR_NULL,
        JSON, /* "{}" at first */
        TEXTS,
        TEXTS_OR_NULL,
        LIST,
} OwnedKind;

typedef struct Owned {
        uint8_t class, kind;
        uint16_t offset;
} Owned;

#define HOST(kind, field) {CLASS_HOST, kind, offsetof(Host, field)}
#define PGPU(kind, field) {CLASS_PGPU, kind, offsetof(Pgpu, field)}
#define GROUP(kind, field) {CLASS_GPU_GROUP, kind, offsetof(GpuGroup, field)}
#define TYPE(kind, field) {CLASS_VGPU_TYPE, kind, offsetof(VgpuType, field)}
#define VM(kind, field) {CLASS_VM, kind, offsetof(Vm, field)}
#define VGPU(kind, field) {CLASS_VGPU, kind, offsetof(Vgpu, field)}
#define RESERVATION(kind, field) {CLASS_RESERVATION, kind, offsetof(Reservation, field)}
#define QUOTA(kind, field) {CLASS_QUOTA, kind, offsetof(Quota, field)}
#define VM_GROUP(kind, field) {CLASS_VM_GROUP, kind, offsetof(VmGroup, field)}
#define JOB(kind, field) {CLASS_JOB, kind, offsetof(Job, field)}

/* clang-format off */
static const Owned owned[] = {
        HOST(TEXT, name_label), HOST(TEXT, address), HOST(TEXT, state_reason), HOST(TEXT, boot_id),
        HOST(TEXT_OR_NULL, standing_reason), HOST(TEXTS, networks), HOST(TEXTS, storage), HOST(TEXTS, problems),
        HOST(TEXTS_OR_NULL, functions), HOST(TEXTS_OR_NULL, allowed_config_keys), HOST(TEXTS_OR_NULL, taken_functions),
        HOST(LIST, pgpus), HOST(LIST, vms), HOST(LIST, types),

        PGPU(TEXT, vendor_id), PGPU(TEXT, device_id), PGPU(TEXT, subsystem_vendor_id), PGPU(TEXT, subsystem_device_id),
        PGPU(TEXT, vendor_name), PGPU(TEXT, device_name), PGPU(TEXT, driver), PGPU(TEXT_OR_NULL, name),
        PGPU(TEXT_OR_NULL, held_by), PGPU(TEXT_OR_NULL, standing_reason), PGPU(TEXT_OR_NULL, health_reason),
        PGPU(LIST, supported), PGPU(LIST, enabled), PGPU(LIST, disabling), PGPU(LIST, vgpus), PGPU(LIST, holds),

        GROUP(TEXT, name_label), GROUP(TEXT, name_description), GROUP(TEXTS, gpu_types), GROUP(LIST, pgpus),
        GROUP(LIST, vgpus), GROUP(LIST, supported), GROUP(LIST, enabled),

        TYPE(TEXT, identifier), TYPE(TEXT, vendor_name), TYPE(TEXT, model_name), TYPE(JSON, internal_config),
        TYPE(TEXTS, compatible_on_pgpu), TYPE(TEXTS, compatible_in_vm), TYPE(LIST, supported_on),
        TYPE(LIST, enabled_on), TYPE(LIST, vgpus), TYPE(LIST, of_hosts),

        VM(TEXT, name_label), VM(TEXT, owner), VM(TEXT, affinity), VM(JSON, platform), VM(JSON, config),
        VM(TEXT_OR_NULL, decision), VM(TEXTS, networks), VM(TEXTS, storage), VM(TEXTS_OR_NULL, functions),
        VM(TEXTS_OR_NULL, objections), VM(TEXTS_OR_NULL, problems), VM(LIST, vgpus),

        VGPU(TEXT, extra_args),
        RESERVATION(TEXT, name_label), RESERVATION(TEXT, owner), RESERVATION(LIST, holds),
        QUOTA(TEXT, owner),
        VM_GROUP(TEXT, name_label), VM_GROUP(TEXT, name_description), VM_GROUP(LIST, vms),
        JOB(TEXT, operation), JOB(TEXT, stage), JOB(TEXT, error_message), JOB(TEXT_OR_NULL, first_try),
};
/* clang-format on */

static void *field_of(Object *o, const Owned *w) {
        return (char *) o + w->offset;
}

int owned_init(Object *o) {
        for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
                const Owned *w = &owned[i];
                int r = 0;

                if (w->class != o->class)
                        continue;
                if (w->kind == TEXT || w->kind == JSON)
                        r = text_set(field_of(o, w), w->kind == JSON ? "{}" : "");
                else if (w->kind == TEXTS)
                        r = strv_set(field_of(o, w), NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

void owned_free(Object *o) {
        for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
                const Owned *w = &owned[i];

                if (w->class != o->class)
                        continue;
                if (w->kind == LIST)
                        ptr_array_done(field_of(o, w));
                else if (w->kind == TEXTS || w->kind == TEXTS_OR_NULL)
                        texts_free(*(char ***) field_of(o, w));
                else
                        free(*(char **) field_of(o, w));
        }
}
