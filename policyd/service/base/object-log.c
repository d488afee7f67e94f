/*
 * What happened to an object of the pool, for the journal
 */

#include <stdio.h>

#include "policyd/service/base/object-log.h"

static const char *const class_fields[_CLASS_MAX] = {
        [CLASS_HOST] = FIELD_HOST,
        [CLASS_PGPU] = FIELD_PGPU,
        [CLASS_GPU_GROUP] = FIELD_GPU_GROUP,
        [CLASS_VGPU_TYPE] = FIELD_VGPU_TYPE,
        [CLASS_VM] = FIELD_VM,
        [CLASS_VGPU] = FIELD_VGPU,
        [CLASS_RESERVATION] = FIELD_RESERVATION,
        [CLASS_QUOTA] = FIELD_QUOTA,
        [CLASS_VM_GROUP] = FIELD_VM_GROUP,
        [CLASS_JOB] = FIELD_JOB,
};

const char *object_field(const Object *o, char buf[static OBJECT_FIELD_MAX]) {
        if (!o || !class_fields[o->class])
                return NULL;

        (void) snprintf(buf, OBJECT_FIELD_MAX, "%s%s", class_fields[o->class], UUID_TEXT(&o->id));
        return buf;
}
