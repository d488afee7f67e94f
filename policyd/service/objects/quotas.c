/*
 * Quotas: made, changed, ended, and what owners use of them
 *
 * A limit below what is used is fine: nothing is stopped, the next start is refused.
 */

#include "policyd/service/objects/policy-private.h"

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
                r = check_owner(owner, refusal);
        if (r == 0 && refusal->code == ERROR_NONE && vgpus_max == QUOTA_UNLIMITED &&
                size_max == QUOTA_UNLIMITED)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "A quota without a limit does nothing; give vgpus_max, size_max or both.");
        if (r == 0 && refusal->code == ERROR_NONE)
                r = check_limit(&p->batch, CLASS_QUOTA, 1, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;

        r = batch_new_uuid(&p->batch, &id);
        r = r ?: pool_add_quota(p->batch.pool, &id, 0, owner, group, &q);
        if (r == -EEXIST)
                return refusal_set(refusal, ERROR_ALREADY_EXISTS,
                        "Owner '%s' has a quota for %s%s%s already. Change that one, or destroy it first.",
                        owner, group ? "GPU group '" : "all GPU groups", group ? group->name_label : "",
                        group ? "'" : "");
        if (r < 0)
                return r;
        batch_open(&p->batch);
        pool_set_quota_limits(p->batch.pool, q, vgpus_max, size_max);
        *ret = q;
        return 0;
}

int quotas_set_limits(Policy *p, Quota *q, uint64_t vgpus_max, uint64_t size_max, Refusal *refusal) {
        pool_set_quota_limits(p->batch.pool, q, vgpus_max, size_max);
        if (pool_has_changes(p->batch.pool))
                batch_open(&p->batch);
        return 0;
}

int quotas_destroy(Policy *p, Quota *q, Refusal *refusal) {
        pool_remove(p->batch.pool, &q->object);
        batch_open(&p->batch);
        return 0;
}

/* As JSON */

static int add_limit(struct json_object *o, const char *member, uint64_t limit) {
        return limit == QUOTA_UNLIMITED ? 0 : json_add_u64(o, member, limit);
}

static int add_verdict(struct json_object *o, const QuotaVerdict *v) {
        const Quota *q = v->quota;
        int r = 0;

        r = r ?: json_add_uuid(o, "quota", &q->object.id);
        r = r ?: json_add_string(o, "owner", q->owner);
        r = r ?: json_add_string(o, "gpu_group", q->group ? q->group->name_label : "");
        r = r ?: add_limit(o, "vgpus_max", q->vgpus_max);
        r = r ?: json_add_u64(o, "vgpus_used", v->used.vgpus);
        r = r ?: json_add_u64(o, "vgpus_need", v->vgpus_need);
        r = r ?: add_limit(o, "size_max", q->size_max);
        r = r ?: json_add_u64(o, "size_used", v->used.size);
        r = r ?: json_add_u64(o, "size_need", v->size_need);
        r = r ?: json_add_bool(o, "exceeded", v->exceeded);
        return r;
}

static int array_add(struct json_object *array, struct json_object **ret) {
        struct json_object *o = json_object_new_object();

        if (!o || json_object_array_add(array, o) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        *ret = o;
        return 0;
}

int json_add_quotas(
        struct json_object *o, const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n) {
        struct json_object *array = json_object_new_array(), *item;
        QuotaVerdict v;
        int r;

        r = array ? json_add(o, "quotas", array) : -ENOMEM;
        for (size_t at = 0; r == 0 && quota_next(pool, owner, needs, n, &at, &v);) {
                r = array_add(array, &item);
                r = r ?: add_verdict(item, &v);
        }
        return r;
}

static int add_owner(struct json_object *array, const Pool *pool, const Owner *owner) {
        OwnerUse use = owner_use(owner, /* group_or_null= */ NULL);
        struct json_object *o;
        int r;

        r = array_add(array, &o);
        r = r ?: json_add_string(o, "owner", owner->name);
        r = r ?: json_add_u64(o, "vms", owner->vms.n);
        r = r ?: json_add_u64(o, "reservations", owner->reservations.n);
        r = r ?: json_add_u64(o, "vgpus_used", use.vgpus);
        r = r ?: json_add_u64(o, "size_used", use.size);
        return r ?: json_add_quotas(o, pool, owner->name, NULL, 0);
}

static int compare_owners(const void *a, const void *b) {
        return strcmp((*(const Owner *const *) a)->name, (*(const Owner *const *) b)->name);
}

int policy_owners(Policy *p, uint32_t offset, uint32_t limit, char **ret_json) {
        _cleanup_free_ const Owner **owners =
                calloc(hashmap_size(p->batch.pool->owners) + 1, sizeof(Owner *));
        _cleanup_json_ struct json_object *json = json_object_new_object();
        struct json_object *array = json_object_new_array();
        const Owner *o;
        size_t n = 0;
        int r;

        if (!owners || !json || !array) {
                json_object_put(array);
                return -ENOMEM;
        }
        for (size_t i = 0; (o = hashmap_next(p->batch.pool->owners, &i));)
                if (!streq(o->name, OWNER_ANY))
                        owners[n++] = o;
        qsort(owners, n, sizeof(*owners), compare_owners);

        r = json_add(json, "owners", array);
        for (size_t i = offset; r == 0 && i < n && i - offset < limit; i++)
                r = add_owner(array, p->batch.pool, owners[i]);
        r = r ?: json_add_u64(json, "total", n);
        r = r ?: json_add_u64(json, "offset", offset);
        if (r < 0)
                return r;
        *ret_json = json_to_text(json);
        return *ret_json ? 0 : -ENOMEM;
}
