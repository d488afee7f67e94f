/*
 * VMs that a host runs and that the pool does not have there
 *
 * A host's report may name VMs that the pool does not know: their host was declared dead and they were
 * destroyed, or the database is an older one. It may name one that the pool has on another host: then it runs
 * twice. And a VM that was created again with the uuid of one that runs may lack VGPUs that it has. Whatever
 * of the host's GPUs they hold counts as taken, by the type that the host names, until the host says that
 * they ended. Nothing of this is stored: it comes with each inventory, and a host without one takes no VM.
 */

#include "policyd/service/hosts/outside.h"

#include "common/base/strlist.h"
#include "policyd/service/hosts/takeover.h"

/* One VGPU, or one passed through. */
typedef struct Finding {
        Pgpu *pgpu;
        Outsider outsider;
} Finding;

typedef struct Findings {
        Finding *items;
        size_t n;
} Findings;

static void findings_done(Findings *f) {
        free(f->items);
}

static bool stands_on(const Vgpu *v, const Pgpu *pgpu) {
        return v && (v->scheduled_on == pgpu || v->resident_on == pgpu);
}

static bool has_passthrough_on(const Vm *vm, const Pgpu *pgpu) {
        for (size_t i = 0; vm && i < vm->vgpus.n; i++) {
                const Vgpu *v = vm->vgpus.items[i];

                if (v->type->implementation == TYPE_PASSTHROUGH && stands_on(v, pgpu))
                        return true;
        }
        return false;
}

/* type NULL: it takes the whole PGPU, as does a type of unknown size. */
static int found(Hosts *hs, Findings *f, const InventoryVm *report, Pgpu *pgpu, VgpuType *type) {
        int r = 0;

        if (!pgpu)
                return 0;
        if (!type)
                r = type_passthrough(hs, &type);
        if (r < 0) /* where the pool is full of types, that one is missing: then it is the host that refuses
                    */
                return r == -ENOBUFS ? 0 : r;
        f->items[f->n++] = (Finding){
                .pgpu = pgpu, .outsider = {.vm = report->uuid, .name = report->name_label, .type = type}};
        return 0;
}

static int look_at(Hosts *hs, Host *h, const InventoryVm *report, Findings *f) {
        Vm *vm = pool_get(hs->batch->pool, CLASS_VM, &report->uuid);
        int r = 0;

        for (size_t i = 0; i < report->n_vgpus && r == 0; i++) {
                const InventoryVgpu *g = &report->vgpus[i];
                Pgpu *pgpu = host_find_pgpu(h, &g->pgpu);

                if (!vm || !stands_on(vm_find_vgpu(vm, &g->uuid, g->device), pgpu))
                        r = found(
                                hs, f, report, pgpu, type_of_running(hs->batch->pool, h, g->identifier));
        }
        for (size_t i = 0; i < report->n_pcis && r == 0; i++) {
                Pgpu *pgpu = host_find_pgpu(h, &report->pcis[i].address);

                if (!has_passthrough_on(vm, pgpu))
                        r = found(hs, f, report, pgpu, NULL);
        }
        return r;
}

static int set_outsiders(Hosts *hs, Pgpu *pgpu, const Findings *f) {
        _cleanup_free_ Outsider *outsiders = calloc(f->n + 1, sizeof(*outsiders));
        size_t n = 0;

        if (!outsiders)
                return -ENOMEM;
        for (size_t i = 0; i < f->n; i++)
                if (f->items[i].pgpu == pgpu)
                        outsiders[n++] = f->items[i].outsider;
        return pool_set_pgpu_outsiders(hs->batch->pool, pgpu, outsiders, n);
}

/* Borrowed from the report, for as long as the list is made. */
static int update_functions(Hosts *hs, Host *h, const Inventory *report) {
        _cleanup_free_ const char **taken = NULL;
        size_t n = 0, k = 0;

        for (size_t i = 0; i < report->n_vms; i++)
                for (char **f = report->vms[i].functions; f && *f; f++)
                        n++;
        taken = calloc(n + 1, sizeof(*taken));
        if (!taken)
                return -ENOMEM;
        for (size_t i = 0; i < report->n_vms; i++)
                for (char **f = report->vms[i].functions; f && *f; f++)
                        if (report_is_stray(hs, h, &report->vms[i]))
                                taken[k++] = *f;
        return MIN_OF(strv_set(&h->taken_functions, taken), 0);
}

/* Those that can be adopted, or say why they cannot; not one that the pool has on another host. */
static int update_list(Hosts *hs, const Peer *peer, Host *h) {
        const Inventory *report = &peer->report;
        _cleanup_strlist_ StrList list = {};

        for (size_t i = 0; i < report->n_vms; i++)
                if (!uuid_is_null(&report->vms[i].uuid) && !pool_get(hs->batch->pool, CLASS_VM, &report->vms[i].uuid))
                        strlist_addf(&list, "%s %s", UUID_TEXT(&report->vms[i].uuid), strempty(report->vms[i].name_label));
        for (size_t i = 0; i < report->n_domains; i++)
                strlist_addf(&list, "%s %s", UUID_TEXT(&report->domains[i].uuid), strempty(report->domains[i].name));
        if (list.error < 0)
                return list.error;
        return pool_set_host_outside_vms(hs->batch->pool, h, list.n > 0 ? (const char *const *) list.items : NULL);
}

static int update(Hosts *hs, Peer *peer, Host *h) {
        const Inventory *report = &peer->report;
        _cleanup_(findings_done) Findings f = {};
        size_t n = 0;
        int r = 0;

        peer->n_strays = 0;
        for (size_t i = 0; i < report->n_vms; i++) {
                peer->n_strays += report_is_stray(hs, h, &report->vms[i]);
                n += report->vms[i].n_vgpus + report->vms[i].n_pcis;
        }
        f.items = calloc(n + 1, sizeof(*f.items));
        if (!f.items)
                return -ENOMEM;
        for (size_t i = 0; i < report->n_vms && r == 0; i++)
                if (!uuid_is_null(&report->vms[i].uuid))
                        r = look_at(hs, h, &report->vms[i], &f);
        for (size_t i = 0; i < h->pgpus.n && r == 0; i++)
                r = set_outsiders(hs, h->pgpus.items[i], &f);
        r = r ?: update_list(hs, peer, h);
        return r ?: update_functions(hs, h, report);
}

static bool any_strays(Hosts *hs) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));)
                if (peer->n_strays > 0)
                        return true;
        return false;
}

/* A VM that runs twice concerns both of its hosts, whichever of them reports. */
int outside_update(Hosts *hs, Host *h) {
        bool strays = any_strays(hs);
        Peer *peer = peer_of(hs, h);
        int r;

        r = peer ? update(hs, peer, h) : 0;
        r = r ? r : strays || any_strays(hs) ? problems_update(hs) : host_problems_update(hs, h);
        return batch_open_if_changed(hs->batch, r);
}

int outside_update_all(Hosts *hs) {
        int r = 0;

        for_each_while(r == 0, Host, h, &hs->batch->pool->objects[CLASS_HOST])
                r = outside_update(hs, h);
        return r;
}

int outside_vm_ended(Hosts *hs, Host *h) {
        const Peer *peer = peer_of(hs, h);
        bool any = peer && peer->n_strays > 0;

        for (size_t i = 0; i < h->pgpus.n && !any; i++)
                any = ((const Pgpu *) h->pgpus.items[i])->n_outsiders > 0;
        return any ? outside_update(hs, h) : 0;
}

int outside_forget_host(Hosts *hs, Host *h) {
        Peer *peer = peer_of(hs, h);

        if (!peer)
                return 0;
        inventory_done(&peer->report);
        return outside_update(hs, h);
}
