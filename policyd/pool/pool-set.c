/*
 * Changing PGPUs, groups, types, jobs and quotas
 *
 * A setter compares first: what is the same changes nothing and announces nothing.
 */

#include "common/base/parse.h"
#include <stdio.h>

#include "common/base/text.h"
#include "policyd/pool/pool-internal.h"

/* Unions of a group */

static bool group_has_type(const GpuGroup *g, VgpuType *t, bool supported) {
        void **seen = NULL;

        for_each(const Pgpu, p, &g->pgpus) {
                const PtrArray *types = supported ? &p->supported : &p->enabled;

                if (types->items != seen && ptr_array_contains(types, t))
                        return true;
                seen = types->items;
        }
        return false;
}

/* A PGPU of the group has the type now (room was made), or has it no more. */
static void group_update_union(Pool *pool, GpuGroup *g, VgpuType *t, bool supported, bool has) {
        PtrArray *list = supported ? &g->supported : &g->enabled;

        if (has ? ptr_array_contains(list, t) : group_has_type(g, t, supported))
                return;
        if (has)
                ptr_array_add(list, t);
        else
                ptr_array_remove(list, t);
        object_note(pool, &g->object, supported ? GROUP_SUPPORTED : GROUP_ENABLED, /* store= */ false);
}

/* A PGPU comes to the group (room was made), or has left it. */
static void group_update_unions(Pool *pool, GpuGroup *g, const Pgpu *p, bool comes) {
        for (size_t i = 0; i < p->supported.n; i++)
                group_update_union(pool, g, p->supported.items[i], /* supported= */ true, comes);
        for (size_t i = 0; i < p->enabled.n; i++)
                group_update_union(pool, g, p->enabled.items[i], /* supported= */ false, comes);
}

/* PGPUs */

int pgpu_compare(const void *a, const void *b) {
        const Pgpu *p = a, *q = b;
        int c = strcmp(p->host->name_label, q->host->name_label);

        /* Two hosts of one name still stand one after the other. */
        if (c == 0 && p->host != q->host)
                c = p->host->object.key < q->host->object.key ? -1 : 1;
        return c ?: pci_address_compare(&p->pci, &q->pci);
}

/* A group that has no GPU type yet takes over that of the first card that joins, as in XenServer; it keeps it
 * when it is empty again. */
static int group_adopt_gpu_type(Pool *pool, GpuGroup *g, const Pgpu *p) {
        char *gpu_type;
        int r;

        if (g->gpu_types[0])
                return 0;

        if (asprintf(&gpu_type, "%s/%s", p->vendor_id, p->device_id) < 0)
                return -ENOMEM;

        r = pool_set_group_gpu_types(pool, g, (const char *const[]){gpu_type, NULL});
        free(gpu_type);
        return r;
}

int pool_set_pgpu_group(Pool *pool, Pgpu *p, GpuGroup *group_or_null) {
        GpuGroup *old = p->group;
        int r;

        if (old == group_or_null)
                return 0;

        if (group_or_null) {
                if (ptr_array_reserve(&group_or_null->pgpus, 1) < 0 ||
                        ptr_array_reserve(&group_or_null->supported, p->supported.n) < 0 ||
                        ptr_array_reserve(&group_or_null->enabled, p->enabled.n) < 0)
                        return -ENOMEM;
                r = group_adopt_gpu_type(pool, group_or_null, p);
                if (r < 0)
                        return r;
                group_update_unions(pool, group_or_null, p, /* comes= */ true);
                ptr_array_insert(&group_or_null->pgpus, p, pgpu_compare);
                object_note(pool, &group_or_null->object, GROUP_PGPUS, /* store= */ false);
        }

        if (old) {
                ptr_array_remove(&old->pgpus, p);
                group_update_unions(pool, old, p, /* comes= */ false);
                object_note(pool, &old->object, GROUP_PGPUS, /* store= */ false);
        }

        p->group = group_or_null;
        object_note(pool, &p->object, PGPU_GPU_GROUP, /* store= */ true);
        return 0;
}

static bool list_equals(const PtrArray *list, VgpuType *const *types, size_t n) {
        return list->n == n && (n == 0 || memcmp(list->items, types, n * sizeof(void *)) == 0);
}

/* A type has come to one of a PGPU's two lists (room was made in the group's), or has left it. */
static void pgpu_link_type(Pool *pool, Pgpu *p, VgpuType *t, bool supported, bool comes) {
        if (supported)
                t->n_supported_on += comes ? 1 : -1;
        object_note(pool, &t->object, supported ? TYPE_SUPPORTED_ON : TYPE_ENABLED_ON, /* store= */ false);
        if (p->group)
                group_update_union(pool, p->group, t, supported, comes);
}

static int pgpu_set_types(Pool *pool, Pgpu *p, bool supported, VgpuType *const *types, size_t n) {
        PtrArray *list = supported ? &p->supported : &p->enabled, old = *list;

        if (list_equals(list, types, n))
                return 0;
        if ((p->group && ptr_array_reserve(supported ? &p->group->supported : &p->group->enabled, n) < 0) ||
                type_list_take(pool, types, n, list) < 0)
                return -ENOMEM;

        for_each(VgpuType, t, list)
                if (!ptr_array_contains(&old, t))
                        pgpu_link_type(pool, p, t, supported, /* comes= */ true);
        for_each(VgpuType, t, &old)
                if (!ptr_array_contains(list, t))
                        pgpu_link_type(pool, p, t, supported, /* comes= */ false);

        type_list_drop(pool, &old);
        object_note(pool, &p->object, supported ? PGPU_SUPPORTED : PGPU_ENABLED, /* store= */ true);
        /* The host's row names the types that none of its PGPUs supports. */
        if (supported)
                object_note(pool, &p->host->object, 0, /* store= */ true);
        return 0;
}

int pool_set_pgpu_supported(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n) {
        return pgpu_set_types(pool, p, /* supported= */ true, types, n);
}

int pool_set_pgpu_enabled(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n) {
        return pgpu_set_types(pool, p, /* supported= */ false, types, n);
}

/* Not a property and not stored: after a restart the host is asked what is enabled. */
int pool_set_pgpu_disabling(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n) {
        PtrArray old = p->disabling;

        pgpu_note(pool, p);
        if (type_list_take(pool, types, n, &p->disabling) < 0)
                return -ENOMEM;
        type_list_drop(pool, &old);
        return 0;
}

void pool_set_pgpu_present(Pool *pool, Pgpu *p, bool present) {
        p->present = present;
        pgpu_note(pool, p);
}

int pool_set_pgpu_place(Pool *pool, Pgpu *p, int32_t numa_node, const char *pci_switch_or_null) {
        uint64_t properties = p->numa_node != numa_node ? PGPU_NUMA_NODE : 0;
        int r;

        p->numa_node = numa_node;
        r = text_set(&p->pci_switch, isempty(pci_switch_or_null) ? NULL : pci_switch_or_null);
        properties |= r > 0 ? PGPU_PCI_SWITCH : 0;
        if (properties)
                object_note(pool, &p->object, properties, /* store= */ false);
        if (properties)
                pgpu_note(pool, p);
        return MIN_OF(r, 0);
}

int pool_set_pgpu_division(Pool *pool, Pgpu *p, const char *division_or_null) {
        int r;

        r = text_set(&p->division, isempty(division_or_null) ? "none" : division_or_null);
        if (r > 0)
                object_note(pool, &p->object, PGPU_DIVISION, /* store= */ true);
        return MIN_OF(r, 0);
}

int pool_set_pgpu_held_by(Pool *pool, Pgpu *p, const char *by) {
        int r;

        r = text_set(&p->held_by, isempty(by) ? NULL : by);
        if (r < 0)
                return r;
        if (r > 0)
                object_note(pool, &p->object, PGPU_OUTSIDE, /* store= */ false);
        pool_set_pgpu_present(pool, p, !p->held_by && p->health != PGPU_HEALTH_LOST);
        return 0;
}

int pool_set_pgpu_health(Pool *pool, Pgpu *p, PgpuHealth health, const char *reason) {
        uint64_t changed = p->health != health ? PGPU_HEALTH : 0;
        int r;

        r = text_set(&p->health_reason, health == PGPU_HEALTH_GOOD || isempty(reason) ? NULL : reason);
        if (r < 0)
                return r;
        changed |= r > 0 ? PGPU_HEALTH_REASON : 0;
        if (!changed)
                return 0;

        if ((p->health == PGPU_HEALTH_LOST) != (health == PGPU_HEALTH_LOST))
                pool_set_pgpu_present(pool, p, health != PGPU_HEALTH_LOST && !p->held_by);
        p->health = health;
        object_note(pool, &p->object, changed, /* store= */ false);
        return 0;
}

/* "ours 4": as many as it is divided into; 0: it is not. */
static uint32_t count_functions(const Pgpu *p) {
        const char *blank = strchr(strempty(p->division), ' ');
        uint32_t n;

        return blank && parse_u32(blank + 1, &n) >= 0 && n <= PGPU_SIZE ? n : 0;
}

void pool_set_pgpu_suspects(Pool *pool, Pgpu *p, uint32_t n) {
        uint32_t n_functions = count_functions(p), suspect = n == 0 || n_functions == 0 ? 0
                                                             : n >= n_functions       ? PGPU_SIZE
                                                                                      : n * (PGPU_SIZE / n_functions);

        p->n_suspect = n;
        if (suspect == p->suspect)
                return;
        p->suspect = suspect;
        pgpu_recount(p);
        pgpu_note(pool, p);
}

/* Groups and types */

void pool_set_group_algorithm(Pool *pool, GpuGroup *g, GroupAlgorithm a) {
        pool->notes->all |= g->algorithm != a;
        SET_AND_NOTE(pool, g, algorithm, a, GROUP_ALGORITHM);
}

int pool_set_group_gpu_types(Pool *pool, GpuGroup *g, const char *const *gpu_types) {
        int r;

        r = strv_set(&g->gpu_types, gpu_types);
        if (r > 0)
                object_note(pool, &g->object, GROUP_GPU_TYPES, /* store= */ true);
        return r < 0 ? r : 0;
}

int pool_set_type_size(Pool *pool, VgpuType *t, uint32_t size, VgpuImplementation implementation) {
        uint64_t properties = (t->size != size ? TYPE_SIZE : 0) |
                              (t->implementation != implementation ? TYPE_IMPLEMENTATION : 0);
        const PtrArray *reservations = &pool->objects[CLASS_RESERVATION],
                       *pgpus = &pool->objects[CLASS_PGPU];
        int64_t share = type_units(t);

        if (!properties)
                return 0;

        t->size = size;
        t->implementation = implementation;
        share = type_units(t) - share;
        pool->notes->all = true;
        object_note(pool, &t->object, properties, /* store= */ true);

        for (size_t i = 0; i < pgpus->n; i++)
                pgpu_recount(pgpus->items[i]);
        for_each(Vgpu, v, &t->vgpus)
                if (v->scheduled_on || v->resident_on)
                        owner_count(pool, v->vm->owned_by, v->group, 0, share);
        for_each(Reservation, r, reservations)
                if (r->type == t)
                        owner_count(pool, r->owned_by, r->group, 0, share * (int64_t) r->holds.n);

        return 0;
}

int pool_set_type_compatible(Pool *pool, VgpuType *t, const char *const *on_pgpu, const char *const *in_vm) {
        int a, b;

        a = strv_set(&t->compatible_on_pgpu, on_pgpu);
        b = a < 0 ? a : strv_set(&t->compatible_in_vm, in_vm);
        if (a > 0 || b > 0) {
                object_note(pool, &t->object, (a > 0 ? TYPE_COMPATIBLE_ON_PGPU : 0) | (b > 0 ? TYPE_COMPATIBLE_IN_VM : 0),
                        /* store= */ true);
                pool->notes->all = true;
        }
        return b < 0 ? b : 0;
}

/* Jobs */

void pool_set_job_state(Pool *pool, Job *j, JobState s, const char *stage, double progress, uint64_t now) {
        bool stored = j->state != s;
        uint64_t properties = 0;

        if (job_state_is_final(j->state))
                return;

        if (stored)
                properties |= JOB_STATE;
        j->state = s;

        if (stage && text_set(&j->stage, stage) > 0)
                properties |= JOB_STAGE;

        if (s == JOB_DONE)
                progress = 1;
        if (progress >= 0 && (progress > j->progress || progress < j->progress)) {
                j->progress = MIN_OF(progress, 1.0);
                properties |= JOB_PROGRESS;
        }

        if (j->start_time == 0) {
                j->start_time = now;
                properties |= JOB_START_TIME;
                stored = true;
        }
        if (job_state_is_final(s)) {
                j->end_time = now;
                properties |= JOB_END_TIME;
        }

        if (properties)
                object_note(pool, &j->object, properties, stored);
}

int pool_set_job_error(Pool *pool, Job *j, ErrorCode code, const char *message) {
        _cleanup_free_ char *clean = text_clean(strempty(message), strlen(strempty(message)), TEXT_LINE, SENTENCE_MAX_BYTES);
        int r;

        if (!clean)
                return -ENOMEM;
        r = text_set(&j->error_message, clean);
        if (r < 0)
                return r;

        if (r > 0 || j->error != code)
                object_note(pool, &j->object, JOB_ERROR, /* store= */ true);
        j->error = code;
        return 0;
}

/* Quotas */

void pool_set_quota_limits(Pool *pool, Quota *q, uint64_t vgpus_max, uint64_t size_max) {
        uint64_t properties = (q->vgpus_max != vgpus_max ? QUOTA_VGPUS_MAX : 0) |
                              (q->size_max != size_max ? QUOTA_SIZE_MAX : 0);

        q->vgpus_max = vgpus_max;
        q->size_max = size_max;
        if (properties)
                object_note(pool, &q->object, properties, /* store= */ true);
}
