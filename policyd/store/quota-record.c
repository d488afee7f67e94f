/*
 * Quotas on disk
 *
 * An absent limit is none, an absent group is all of them. What is used is not stored: it follows from what
 * stands and is held.
 */

#include "policyd/store/records.h"

static void quota_build(const Object *o, StrBuf *b) {
        const Quota *q = CONTAINER_OF(o, Quota, object);

        json_write_string(b, "owner", q->owner);
        stored_write_reference(b, "gpu_group", q->group ? &q->group->object : NULL);
        if (q->vgpus_max != QUOTA_UNLIMITED)
                json_write_u64(b, "vgpus_max", q->vgpus_max);
        if (q->size_max != QUOTA_UNLIMITED)
                json_write_u64(b, "size_max", q->size_max);
}

static int quota_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        uint64_t vgpus_max = QUOTA_UNLIMITED, size_max = QUOTA_UNLIMITED;
        const char *owner;
        GpuGroup *group;
        Quota *quota;
        int q = 0;

        q = q ?: json_get_string(r, record, "owner", &owner);
        q = q ?: stored_opt_reference(pool, r, record, "gpu_group", CLASS_GPU_GROUP, &group);
        q = q ?: json_opt_u64(r, record, "vgpus_max", &vgpus_max);
        q = q ?: json_opt_u64(r, record, "size_max", &size_max);
        if (q < 0)
                return q;
        q = pool_add_quota(pool, id, key, owner, group, &quota);
        if (q == -EEXIST)
                return json_fail(r, "owner", "is '%s', who has a quota for that group already", owner);
        if (q == -EINVAL)
                return json_fail(r, "owner", "is empty");
        if (q < 0)
                return q;

        pool_set_quota_limits(pool, quota, vgpus_max, size_max);
        return 0;
}

const RecordCodec quota_codec = {.build = quota_build, .create = quota_create};
