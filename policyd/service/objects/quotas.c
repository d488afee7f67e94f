/*
 * Quotas: made, changed, ended, and what owners use of them
 *
 * A limit below what is used is fine: nothing is stopped, the next start is refused.
 */

#include "policyd/service/objects/policy-private.h"

#include "common/json/json-write.h"

static int check_limits(const char *owner, uint64_t vgpus_max, uint64_t size_max, Refusal *refusal) {
        if (isempty(owner))
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "A quota needs an owner: the one of the VMs that it limits, or \"" OWNER_ANY
                        "\" for every owner that has no quota of its own.");
        if (vgpus_max == QUOTA_UNLIMITED && size_max == QUOTA_UNLIMITED)
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "A quota without a limit does nothing; give vgpus_max, size_max or both.");
        return 0;
}

int quotas_create(Policy *p, const char *owner, GpuGroup *group, uint64_t vgpus_max, uint64_t size_max,
        Quota **ret, Refusal *refusal) {
        Quota *q;
        Uuid id;
        int r;

        r = isempty(owner) || streq(owner, OWNER_ANY) ? 0 : check_owner(owner, refusal);
        r = r ?: check_limits(owner, vgpus_max, size_max, refusal);
        r = r ?: check_limit(&p->batch, CLASS_QUOTA, 1, refusal);
        r = r ?: batch_new_uuid(&p->batch, &id);
        r = r ?: pool_add_quota(p->batch.pool, &id, 0, owner, group, &q);
        if (r == -EEXIST)
                return refusal_set(refusal, ERROR_ALREADY_EXISTS,
                        "Owner '%s' has a quota for %s%s%s already. Change that one, or destroy it first.",
                        owner, group ? "GPU group '" : "all GPU groups", group ? group->name_label : "",
                        group ? "'" : "");
        if (r != 0)
                return decided(r);
        batch_open(&p->batch);
        pool_set_quota_limits(p->batch.pool, q, vgpus_max, size_max);
        *ret = q;
        return 0;
}

int quotas_set_limits(Policy *p, Quota *q, uint64_t vgpus_max, uint64_t size_max, Refusal *refusal) {
        pool_set_quota_limits(p->batch.pool, q, vgpus_max, size_max);
        return batch_open_if_changed(&p->batch, 0);
}

int quotas_destroy(Policy *p, Quota *q, Refusal *refusal) {
        object_remove(&p->batch, &q->object);
        return 0;
}

/* As JSON */

static void write_limit(StrBuf *b, const char *member, uint64_t limit) {
        if (limit != QUOTA_UNLIMITED)
                json_write_u64(b, member, limit);
}

static void write_verdict(StrBuf *b, const QuotaVerdict *v) {
        const Quota *q = v->quota;

        json_write_open(b, NULL, '{');
        json_write_uuid(b, "quota", &q->object.id);
        json_write_string(b, "owner", q->owner);
        json_write_string(b, "gpu_group", q->group ? q->group->name_label : "");
        write_limit(b, "vgpus_max", q->vgpus_max);
        json_write_u64(b, "vgpus_used", v->used.vgpus);
        json_write_u64(b, "vgpus_need", v->vgpus_need);
        write_limit(b, "size_max", q->size_max);
        json_write_u64(b, "size_used", v->used.size);
        json_write_u64(b, "size_need", v->size_need);
        json_write_bool(b, "exceeded", v->exceeded);
        json_write_close(b, '}');
}

void json_write_quotas(StrBuf *b, const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n) {
        QuotaVerdict v;

        json_write_open(b, "quotas", '[');
        for (size_t at = 0; quota_next(pool, owner, needs, n, &at, &v);)
                write_verdict(b, &v);
        json_write_close(b, ']');
}

static void write_owner(StrBuf *b, const Pool *pool, const Owner *owner) {
        OwnerUse use = owner_use(owner, /* group_or_null= */ NULL);

        json_write_open(b, NULL, '{');
        json_write_string(b, "owner", owner->name);
        json_write_u64(b, "vms", owner->vms.n);
        json_write_u64(b, "reservations", owner->reservations.n);
        json_write_u64(b, "vgpus_used", use.vgpus);
        json_write_u64(b, "size_used", use.size);
        json_write_quotas(b, pool, owner->name, NULL, 0);
        json_write_close(b, '}');
}

static int compare_owners(const void *a, const void *b) {
        return strcmp((*(const Owner *const *) a)->name, (*(const Owner *const *) b)->name);
}

int policy_owners(Policy *p, uint32_t offset, uint32_t limit, char **ret_json) {
        _cleanup_free_ const Owner **owners = calloc(hashmap_size(p->batch.pool->owners) + 1, sizeof(Owner *));
        _cleanup_strbuf_ StrBuf b = {};
        const Owner *o;
        size_t n = 0;

        if (!owners)
                return -ENOMEM;
        for (size_t i = 0; (o = hashmap_next(p->batch.pool->owners, &i));)
                if (!streq(o->name, OWNER_ANY))
                        owners[n++] = o;
        qsort(owners, n, sizeof(*owners), compare_owners);

        json_write_open(&b, NULL, '{');
        json_write_open(&b, "owners", '[');
        for (size_t i = offset; i < n && i - offset < limit; i++)
                write_owner(&b, p->batch.pool, owners[i]);
        json_write_close(&b, ']');
        json_write_u64(&b, "total", n);
        json_write_u64(&b, "offset", offset);
        json_write_close(&b, '}');
        return strbuf_give(&b, ret_json);
}
