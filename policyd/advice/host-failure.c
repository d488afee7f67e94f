/*
 * Simulating host failures
 *
 * The VMs of the failing hosts are taken from them and placed where allocate() puts them. Before the next set
 * of hosts is simulated, all VMs are put back.
 */

#include "policyd/advice/relocation.h"
#include "policyd/decide/verdict.h"
#include "policyd/pool/each.h"

#define SETS_MAX 256
#define TOLERATED_MAX 16

static bool vm_has_group(const Vm *vm, const GpuGroup *g) {
        for (size_t i = 0; i < vm->vgpus.n; i++)
                if (((const Vgpu *) vm->vgpus.items[i])->group == g)
                        return true;

        return false;
}

/* Makes the host fail: its running VMs (of the group, if one is given) need another host. */
static int fail_host(Relocation *l, Host *h, const GpuGroup *group_or_null) {
        Vm *vms[h->vms.n + 1];
        size_t n = 0;
        int r = 0;

        for_each(Vm, vm, &h->vms)
                if (vm->resident_on == h && (!group_or_null || vm_has_group(vm, group_or_null)))
                        vms[n++] = vm;
        for (size_t i = 0; i < n && r >= 0; i++)
                r = relocation_take(l, vms[i]);
        pool_set_host_state(l->pool, h, HOST_OFFLINE, "It is taken as failed.");
        return r;
}

int simulate_host_failure(Pool *pool, Host *h, Moves *ret) {
        _cleanup_free_ char *reason = strdup(strempty(h->state_reason));
        _cleanup_relocation_ Relocation l;
        HostState state = h->state;
        bool proven = true;
        int r;

        relocation_init(&l, pool);
        r = reason ? fail_host(&l, h, NULL) : -ENOMEM;
        if (r >= 0)
                r = relocation_place(&l, ret, &proven);
        pool_set_host_state(pool, h, state, reason);
        if (r >= 0)
                ret->estimate = !proven;
        return MIN_OF(r, 0);
}

static uint64_t host_use(const Host *h, const GpuGroup *g) {
        uint64_t used = 0;

        for_each(const Pgpu, p, &h->pgpus)
                if (p->group == g)
                        used += p->used + p->vgpus.n; /* passthrough has no size */
        return used;
}

static int compare_use(const void *a, const void *b, void *group) {
        const Host *x = *(Host *const *) a, *y = *(Host *const *) b;
        uint64_t p = host_use(x, group), q = host_use(y, group);

        if (p != q)
                return p > q ? -1 : 1;
        return strcmp(x->name_label, y->name_label);
}

/* Whether every VM has a place when these hosts fail together. */
static int survives(Relocation *l, const GpuGroup *g, Host *const *hosts, const size_t *chosen, size_t k) {
        int survive, r = 0;

        for (size_t i = 0; i < k && r >= 0; i++)
                r = fail_host(l, hosts[chosen[i]], g);
        survive = r < 0 ? r : relocation_place(l, NULL, NULL);
        for (size_t i = 0; i < k; i++)
                pool_set_host_state(l->pool, hosts[chosen[i]], HOST_ONLINE, "");
        r = relocation_undo(l);
        return r < 0 ? r : survive;
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

static int survives_any(Relocation *l, const GpuGroup *g, Host *const *hosts, size_t n, size_t k) {
        size_t chosen[TOLERATED_MAX], n_sets = 1;
        int r;

        for (size_t i = 0; i < k; i++) {
                chosen[i] = i;
                n_sets = n_sets > SETS_MAX ? n_sets : n_sets * (n - i) / (i + 1);
        }

        do
                r = survives(l, g, hosts, chosen, k);
        while (r > 0 && n_sets <= SETS_MAX && next_set(chosen, k, n));
        return r;
}

int find_failures_to_tolerate(Pool *pool, const GpuGroup *g, size_t *ret) {
        const PtrArray *all = &pool->objects[CLASS_HOST];
        _cleanup_free_ Host **hosts = calloc(all->n + 1, sizeof(Host *));
        _cleanup_relocation_ Relocation l;
        size_t n = 0, k = 0;
        int r = 0;

        relocation_init(&l, pool);
        if (!hosts)
                return -ENOMEM;

        for_each(Host, h, all)
                if (h->state == HOST_ONLINE && host_group_pgpu(h, g))
                        hosts[n++] = h;
        qsort_r(hosts, n, sizeof(Host *), compare_use, (void *) g);

        for (; k + 1 < n && k < TOLERATED_MAX; k++) {
                r = survives_any(&l, g, hosts, n, k + 1);
                if (r <= 0)
                        break;
        }
        if (r < 0)
                return r;

        *ret = k;
        return 0;
}
