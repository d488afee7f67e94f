/*
 * Quotas: made, changed, ended
 *
 * A limit below what is used is fine: nothing is stopped, the next start is refused.
 */

#include "policyd/service/internal.h"

int quotas_create(Policy *p, const char *owner, GpuGroup *group, uint64_t vgpus_max, uint64_t size_max,
        Quota **ret, Refusal *refusal) {
        Quota *q;
        Uuid id;
        int r = 0;

        if (isempty(owner))
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "A quota needs an owner: the one of the VMs that it limits, or \"" OWNER_ANY
                        "\" for every owner that has no quota of its own.");
        if (!streq(owner, OWNER_ANY))
                r = policy_check_owner(owner, refusal);
        if (r == 0 && refusal->code == ERROR_NONE && vgpus_max == QUOTA_UNLIMITED &&
                size_max == QUOTA_UNLIMITED)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "A quota without a limit does nothing; give vgpus_max, size_max or both.");
        if (r == 0 && refusal->code == ERROR_NONE)
                r = policy_check_limit(p, CLASS_QUOTA, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        r = policy_new_uuid(&id);
        r = r ?: pool_add_quota(p->pool, &id, 0, owner, group, &q);
        if (r == -EEXIST)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "Owner '%s' has a quota for %s%s%s already. Change that one, or destroy it first.",
                        owner, group ? "GPU group '" : "all GPU groups", group ? group->name_label : "",
                        group ? "'" : "");
        if (r < 0)
                return r;
        batch_open(p);
        pool_set_quota_limits(p->pool, q, vgpus_max, size_max);
        *ret = q;
        return 0;
}

int quotas_set_limits(Policy *p, Quota *q, uint64_t vgpus_max, uint64_t size_max, Refusal *refusal) {
        pool_set_quota_limits(p->pool, q, vgpus_max, size_max);
        if (pool_has_changes(p->pool))
                batch_open(p);
        return 0;
}

int quotas_destroy(Policy *p, Quota *q, Refusal *refusal) {
        pool_remove(p->pool, &q->object);
        batch_open(p);
        return 0;
}
