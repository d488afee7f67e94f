#pragma once

/*
 * Objects that more than one use case makes, or changes
 */

#include "policyd/service/base/batch.h"

int group_add(Batch *b, const char *name_label, const char *description, const char *const *gpu_types,
        GpuGroup **ret);
/* No id, or a null one: a new one. */
int vgpu_add(Batch *b, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, const Uuid *id_or_null,
        const char *extra_args, Vgpu **ret);
/* What placement needs depends on config and VGPUs; a config that does not tell is the caller's mistake. */
int vm_needs_update(Batch *b, Vm *vm, Refusal *refusal);

/* Texts of an object; NULL stays as it is. What changes is noted. */
typedef struct TextChange {
        char **field;
        const char *text_or_null;
        uint64_t property; /* 0: of none, but it is stored */
} TextChange;
int object_set_texts(Batch *b, Object *o, const TextChange *changes, size_t n);
void object_remove(Batch *b, Object *o);
