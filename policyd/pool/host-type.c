/*
 * What each host says of a type
 *
 * A host's files say how many instances of a type a PGPU of it takes, and what its emulator must be given. They change
 * with the driver, host after host, so they are kept for each host: what runs or starts on a PGPU is counted by that
 * PGPU's host. The type itself shows the values of one host, its lead: of the hosts that have the type, the one that was
 * added to the pool first. So the type does not change back and forth while two hosts differ, whichever reports last.
 */

#include "policyd/pool/pool-internal.h"

const char *host_type_identifier(const HostType *f) {
        return f->identifier ?: f->type->identifier;
}

const char *type_identifier_on(const VgpuType *t, const Host *h) {
        const HostType *f = host_find_type(h, t);

        return f ? host_type_identifier(f) : t->identifier;
}

VgpuType *host_type_by_identifier(const Pool *pool, const Host *h, const char *identifier) {
        for_each(const HostType, f, &h->types)
                if (streq(host_type_identifier(f), identifier))
                        return f->type;

        return pool_type_by_identifier(pool, identifier);
}

bool host_type_differs(const HostType *f) {
        const HostType *lead = f->type->lead;

        return f->identifier || (lead != f && (lead->size != f->size || lead->framebuffer_size != f->framebuffer_size ||
                                    !streq(lead->internal_config, f->internal_config)));
}

bool host_type_is_supported(const HostType *f) {
        for_each(const Pgpu, p, &f->host->pgpus)
                if (ptr_array_contains(&p->supported, f->type))
                        return true;
        return false;
}

static void host_type_free(HostType *f) {
        if (!f)
                return;
        free(f->internal_config);
        free(f->identifier);
        free(f);
}

static void count_others(VgpuType *t) {
        t->n_other_sizes = 0;
        for_each(const HostType, f, &t->of_hosts)
                t->n_other_sizes += f->size != t->size;
}

/* What is booked there counts by another size now. */
static void host_recount(Host *h) {
        for (size_t i = 0; i < h->pgpus.n; i++)
                pgpu_recount(h->pgpus.items[i]);
}

static HostType *find_lead(const VgpuType *t) {
        HostType *lead = NULL;

        for_each(HostType, f, &t->of_hosts)
                if (!lead || f->host->object.key < lead->host->object.key)
                        lead = f;

        return lead;
}

/* Called after a host's values of the type, or its lead, have changed. */
static int type_follow_lead(Pool *pool, VgpuType *t) {
        const HostType *lead = t->lead = find_lead(t);
        uint64_t properties = 0;
        int r = 0;

        if (lead) {
                r = text_set(&t->internal_config, lead->internal_config);
                if (t->framebuffer_size != lead->framebuffer_size)
                        properties |= TYPE_FRAMEBUFFER;
                t->framebuffer_size = lead->framebuffer_size;
                if (r > 0 || properties)
                        object_note(pool, &t->object, properties, /* store= */ true);
                r = r < 0 ? r : pool_set_type_size(pool, t, lead->size, t->implementation);
        }
        count_others(t);
        pool->notes->all = true;
        for_each(HostType, f, &t->of_hosts) {
                Host *h = f->host;

                /* The host's record holds what differs from what the type shows. */
                object_note(pool, &h->object, 0, /* store= */ true);
                host_recount(h);
        }
        return r;
}

static int host_add_type(Host *h, VgpuType *t, HostType **ret) {
        HostType *f = calloc(1, sizeof(HostType));

        if (!f || ptr_array_reserve(&h->types, 1) < 0 || ptr_array_reserve(&t->of_hosts, 1) < 0) {
                free(f);
                return -ENOMEM;
        }
        f->internal_config = strdup("");
        if (!f->internal_config) {
                free(f);
                return -ENOMEM;
        }
        f->host = h;
        f->type = t;
        ptr_array_add(&h->types, f);
        ptr_array_add(&t->of_hosts, f);
        *ret = f;
        return 0;
}

/* For a host that is not the lead: what the type shows stays the same. */
static void count_host(Pool *pool, HostType *f, bool differed) {
        bool differs = f->size != f->type->size;

        if (!differed && !differs)
                return;
        f->type->n_other_sizes += differs;
        f->type->n_other_sizes -= differed;
        pool->notes->all = true;
        host_recount(f->host);
}

static bool is_shown(const VgpuType *t, const char *identifier) {
        return isempty(identifier) || streq(identifier, t->identifier);
}

static int host_type_set(HostType *f, const TypeFacts *facts) {
        bool own = !is_shown(f->type, facts->identifier);
        char *config = strdup(facts->internal_config), *identifier = own ? strdup(facts->identifier) : NULL;

        if (!config || (own && !identifier)) {
                free(config);
                free(identifier);
                return -ENOMEM;
        }
        free(f->internal_config);
        free(f->identifier);
        f->internal_config = config;
        f->identifier = identifier;
        f->size = facts->size;
        f->framebuffer_size = facts->framebuffer_size;
        return 0;
}

/* 1: its values have changed. */
int pool_set_host_type(Pool *pool, Host *h, VgpuType *t, const TypeFacts *facts) {
        HostType *f = (HostType *) host_find_type(h, t);
        bool differed = f && f->size != t->size;
        int r;

        if (f && f->size == facts->size && f->framebuffer_size == facts->framebuffer_size &&
                streq(f->internal_config, facts->internal_config) &&
                streq(host_type_identifier(f), isempty(facts->identifier) ? t->identifier : facts->identifier))
                return 0;

        r = f ? 0 : host_add_type(h, t, &f);
        r = r < 0 ? r : host_type_set(f, facts);
        if (r < 0)
                return r;
        object_note(pool, &h->object, 0, /* store= */ true);
        if (!t->lead || t->lead == f || h->object.key < t->lead->host->object.key)
                r = type_follow_lead(pool, t);
        else
                count_host(pool, f, differed);
        r = r < 0 ? r : type_update_differences(pool, t);
        return r < 0 ? r : 1;
}

/* What the hosts call it stays. */
int pool_set_type_identifier(Pool *pool, VgpuType *t, const char *identifier) {
        int r;

        for_each(HostType, f, &t->of_hosts)
                if (!f->identifier && !(f->identifier = strdup(t->identifier)))
                        return -ENOMEM;
        r = text_set(&t->identifier, identifier);
        for_each(HostType, f, &t->of_hosts) {
                if (streq(f->identifier, t->identifier)) {
                        free(f->identifier);
                        f->identifier = NULL;
                }
                if (r > 0)
                        object_note(pool, &f->host->object, 0, /* store= */ true);
        }
        if (r <= 0)
                return r;

        pool->notes->all = true;
        object_note(pool, &t->object, TYPE_IDENTIFIER, /* store= */ true);
        return type_update_differences(pool, t);
}

int pool_load_host_type(Host *h, VgpuType *t, const TypeFacts *facts) {
        HostType *f;
        int r;

        if (host_find_type(h, t))
                return 0;
        r = host_add_type(h, t, &f);
        return r < 0 ? r : host_type_set(f, facts);
}

void pool_settle_types(Pool *pool) {
        const PtrArray *types = &pool->objects[CLASS_VGPU_TYPE], *hosts = &pool->objects[CLASS_HOST];

        for_each(VgpuType, t, types) {
                t->lead = find_lead(t);
                count_others(t);
                (void) type_update_differences(pool, t);
        }
        for (size_t i = 0; i < hosts->n; i++)
                host_recount(hosts->items[i]);
        pool->notes->all = true;
}

static bool host_uses_type(const Host *h, const VgpuType *t) {
        for_each(const Pgpu, p, &h->pgpus)
                for (uint32_t k = 0; k < p->n_uses; k++)
                        if (p->uses[k].type == t)
                                return true;

        return false;
}

static void drop(Pool *pool, HostType *f) {
        VgpuType *t = f->type;

        ptr_array_remove(&f->host->types, f);
        ptr_array_remove(&t->of_hosts, f);
        t->n_other_sizes -= f->size != t->size;
        object_note(pool, &f->host->object, 0, /* store= */ true);
        if (t->lead == f)
                t->lead = NULL;
        host_type_free(f);
}

int pool_keep_host_types(Pool *pool, Host *h, VgpuType *const *types, size_t n) {
        int r = 0;

        for (size_t i = h->types.n; i > 0 && r == 0; i--) {
                HostType *f = h->types.items[i - 1];
                VgpuType *t = f->type;
                bool named = false;

                for (size_t k = 0; k < n && !named; k++)
                        named = types[k] == t;
                if (named || host_uses_type(h, t))
                        continue;
                drop(pool, f);
                r = t->lead ? 0 : type_follow_lead(pool, t);
                r = r < 0 ? r : type_update_differences(pool, t);
        }
        return r;
}

/* Nothing of the host is booked any more. */
void host_forget_types(Pool *pool, Host *h) {
        while (h->types.n > 0) {
                HostType *f = h->types.items[h->types.n - 1];
                VgpuType *t = f->type;

                drop(pool, f);
                /* What it shows may be behind until the next report. */
                if (!t->lead)
                        (void) type_follow_lead(pool, t);
                (void) type_update_differences(pool, t);
        }
}

void type_forget_hosts(Pool *pool, VgpuType *t) {
        while (t->of_hosts.n > 0)
                drop(pool, t->of_hosts.items[t->of_hosts.n - 1]);
}

/* When the whole pool goes. */
void host_free_types(Host *h) {
        for (size_t i = 0; i < h->types.n; i++)
                host_type_free(h->types.items[i]);
}
