/*
 * Rehearsing host failures
 *
 * On the copy the VMs of the hosts that fail are lifted from where they run and land where allocate() puts
 * them; afterwards, for the next set of hosts, they are put back.
 */

#include "policyd/advice/crew.h"
#include "policyd/pool/pool-internal.h"

#define SETS_MAX 256
#define TOLERATED_MAX 16

static bool vm_has_group(const Vm *vm, const GpuGroup *g) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                if (((const Vgpu *) vm->vgpus.items[i])->group == g)
                        return true;

        return false;
}

/* The host goes: its running VMs (of the group, when one is given) are lifted. */
static int crew_fail_host(Crew *c, Host *h, const GpuGroup *group_or_null) {
        Vm *vms[h->vms.n + 1];
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < h->vms.n; i++) {
                Vm *vm = h->vms.items[i];

                if (vm->resident_on == h && (!group_or_null || vm_has_group(vm, group_or_null)))
                        vms[n++] = vm;
        }
        for (size_t i = 0; i < n && r >= 0; i++)
                r = crew_lift(c, vms[i]);
        pool_set_host_state(c->copy, h, HOST_OFFLINE, "It failed in this rehearsal.");
        return r;
}

int rehearse_host_failure(const Pool *pool, const Host *h, Moves *ret) {
        _cleanup_crew_ Crew c = {};
        _cleanup_moves_ Moves moves = {};
        bool proven = true;
        int r;

        r = crew_init(&c, pool);
        if (r >= 0)
                r = crew_fail_host(&c, pool_get(c.copy, CLASS_HOST, &h->object.id), NULL);
        if (r >= 0)
                r = crew_land_all(&c, pool, &moves, &proven);
        if (r < 0)
                return r;

        moves.estimate = !proven;
        *ret = moves;
        moves = (Moves){};
        return 0;
}

static uint64_t host_use(const Host *h, const GpuGroup *g) {
        uint64_t used = 0;

        for (size_t i = 0; i < h->pgpus.n; i++) {
                const Pgpu *p = h->pgpus.items[i];

                if (p->group == g)
                        used += p->used + p->vgpus.n; /* passthrough has no size */
        }
        return used;
}

static int compare_use(const void *a, const void *b, void *group) {
        const Host *x = *(Host *const *) a, *y = *(Host *const *) b;
        uint64_t p = host_use(x, group), q = host_use(y, group);

        if (p != q)
                return p > q ? -1 : 1;
        return strcmp(x->name_label, y->name_label);
}

/* Whether everyone lands when these hosts fail together. */
static int crew_survives(Crew *c, const GpuGroup *g, Host *const *hosts, const size_t *chosen, size_t k) {
        int survives, r = 0;

        for (size_t i = 0; i < k && r >= 0; i++)
                r = crew_fail_host(c, hosts[chosen[i]], g);
        survives = r < 0 ? r : crew_land_all(c, /* pool= */ NULL, NULL, NULL);
        for (size_t i = 0; i < k; i++)
                pool_set_host_state(c->copy, hosts[chosen[i]], HOST_ONLINE, "");
        r = crew_put_back(c);
        return r < 0 ? r : survives;
}

/* The next set of k of n, in order; false after the last. */
static bool next_set(size_t *chosen, size_t k, size_t n) {
        size_t i = k;

        while (i > 0 && chosen[i - 1] == n - k + i - 1)
                i--;
        if (i == 0)
                return false;
        chosen[i - 1]++;
        for (; i < k; i++)
                chosen[i] = chosen[i - 1] + 1;
        return true;
}

static int crew_survives_any(Crew *c, const GpuGroup *g, Host *const *hosts, size_t n, size_t k) {
        size_t chosen[TOLERATED_MAX], n_sets = 1;
        int r;

        for (size_t i = 0; i < k; i++) {
                chosen[i] = i;
                n_sets = n_sets > SETS_MAX ? n_sets : n_sets * (n - i) / (i + 1);
        }

        do
                r = crew_survives(c, g, hosts, chosen, k);
        while (r > 0 && n_sets <= SETS_MAX && next_set(chosen, k, n));
        return r;
}

int rehearse_failures_to_tolerate(const Pool *pool, const GpuGroup *g, size_t *ret) {
        _cleanup_crew_ Crew c = {};
        _cleanup_free_ Host **hosts = NULL;
        GpuGroup *group;
        size_t n = 0, k = 0;
        int r;

        r = crew_init(&c, pool);
        if (r < 0)
                return r;
        group = pool_get(c.copy, CLASS_GPU_GROUP, &g->object.id);
        hosts = calloc(c.copy->objects[CLASS_HOST].n + 1, sizeof(Host *));
        if (!hosts)
                return -ENOMEM;

        for (size_t i = 0; i < c.copy->objects[CLASS_HOST].n; i++) {
                Host *h = c.copy->objects[CLASS_HOST].items[i];
                bool has_group = false;

                for (size_t j = 0; j < h->pgpus.n; j++)
                        has_group |= ((Pgpu *) h->pgpus.items[j])->group == group;
                if (has_group && h->state == HOST_ONLINE)
                        hosts[n++] = h;
        }
        qsort_r(hosts, n, sizeof(Host *), compare_use, group);

        for (; k + 1 < n && k < TOLERATED_MAX; k++) {
                r = crew_survives_any(&c, group, hosts, n, k + 1);
                if (r <= 0)
                        break;
        }
        if (r < 0)
                return r;

        *ret = k;
        return 0;
}
