#pragma once

/*
 * Objects that more than one use case makes, or changes
 */

#include "policyd/service/base/batch.h"

int group_add(Batch *b, const char *name_label, const char *description, const char *const *gpu_types,
        GpuGroup **ret);
/* Without an id, or with a null one, a new uuid is made. */
int vgpu_add(Batch *b, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, const Uuid *id_or_null,
        const char *extra_args, Vgpu **ret);
/* Computes again what placement needs, which depends on config and VGPUs; a config from which that cannot be
 * read is refused. */
int vm_needs_update(Batch *b, Vm *vm, Refusal *refusal);

/* New texts of an object; NULL leaves one as it is. Changes are noted. */
typedef struct TextChange {
        char **field;
        const char *text_or_null;
        uint64_t property; /* 0: of none, but it is stored */
} TextChange;
int object_set_texts(Batch *b, Object *o, const TextChange *changes, size_t n);
void object_remove(Batch *b, Object *o);
