/*
 * Problems: what an administrator should act on, shown at the host or the VM that has it
 *
 * A list is made anew from all sources: each adds its sentences, the most urgent source first. It is kept
 * nowhere else, so code that changes what a source reads calls host_problems_update(), or problems_update()
 * if more than one host is concerned.
 */

#include "common/base/strlist.h"
#include "policyd/words/sentence.h"
#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/outside.h"

#define PROBLEMS_MAX 64

/* If there are very many problems, the last are only counted. Returns the vector, which the list owns; NULL: no memory. */
static const char *const *problems_end(StrList *list) {
        static const char *const none[] = {NULL};
        size_t n_more = list->n > PROBLEMS_MAX ? list->n - PROBLEMS_MAX : 0;

        while (list->n > PROBLEMS_MAX) {
                free(list->items[--list->n]);
                list->items[list->n] = NULL;
        }
        if (n_more > 0)
                strlist_addf(list, "%zu more are not shown; the host's journal has them.", n_more);
        return list->error < 0 ? NULL : list->n > 0 ? (const char *const *) list->items : none;
}

static bool has_problem(const Host *h, const char *text) {
        for (char **problem = h->problems; *problem; problem++)
                if (streq(*problem, text))
                        return true;
        return false;
}

/* What hostd found wrong with its own facts; logged once, when it comes. */
static void add_reported(Hosts *hs, const Host *h, StrList *list) {
        const Peer *peer = peer_of(hs, h);

        for (char **problem = peer ? peer->report.problems : NULL; problem && *problem; problem++) {
                if (!has_problem(h, *problem))
                        log_host(
                                LOG_NOTICE, MSG_TYPE_FILE_PROBLEM, h, "Host %s: %s", h->name_label, *problem);
                strlist_addf(list, "%s", *problem);
        }
}

/* VMs that a host runs and that the pool does not have there */

typedef void (*StrayFn)(
        Hosts *hs, const Host *h, const InventoryVm *report, const void *about, StrList *list);

static void each_stray(Hosts *hs, StrayFn told, const void *about, StrList *list) {
        for_each(const Host, h, &hs->batch->pool->objects[CLASS_HOST]) {
                const Peer *peer = peer_of(hs, h);

                for (size_t k = 0; peer && peer->n_strays > 0 && k < peer->report.n_vms; k++)
                        if (report_is_stray(hs, h, &peer->report.vms[k]))
                                told(hs, h, &peer->report.vms[k], about, list);
        }
}

/* Where the pool has a VM that another host runs too; NULL while that one was not heard from. */
static const Host *other_host(const Vm *vm) {
        const Host *other = vm ? vm_host(vm) : NULL;

        return other && other->state != HOST_CONNECTING ? other : NULL;
}

/* What ends one of the two, and what becomes of the other. */
#define TWICE                                                                                                \
        "and both write to its disks. `xenvgpu vm-shutdown uuid=%s force=true` ends the one on %s, and the " \
        "pool then takes over the one on %s; to keep the former, end the latter on %s itself."

static void stray_of_host(
        Hosts *hs, const Host *h, const InventoryVm *report, const void *about, StrList *list) {
        const Vm *vm = pool_get(hs->batch->pool, CLASS_VM, &report->uuid);
        const Host *of = about, *other = other_host(vm);

        if (other && (of == h || of == other))
                strlist_addf(list, "VM '%s' runs here and on host %s too, " TWICE, vm->name_label,
                        of == h ? other->name_label : h->name_label, UUID_TEXT(&report->uuid),
                        other->name_label, h->name_label, h->name_label);
        else if (of == h && !vm)
                strlist_addf(list,
                        "VM '%s' (%s) runs here and is not of this pool; what it holds counts as taken. "
                        "`xenvgpu vm-adopt host=%s uuid=%s` takes it into the pool, `xenvgpu vm-end-outside` with the same ends it.",
                        report->name_label, UUID_TEXT(&report->uuid), UUID_TEXT(&h->object.id), UUID_TEXT(&report->uuid));
}

static void add_strays(Hosts *hs, const Host *h, StrList *list) {
        each_stray(hs, stray_of_host, h, list);
}

/* Domains that neither we nor another xenvgpu started. */
static void add_domains(Hosts *hs, const Host *h, StrList *list) {
        const Peer *peer = peer_of(hs, h);

        for (size_t i = 0; peer && i < peer->report.n_domains; i++) {
                const InventoryDomain *d = &peer->report.domains[i];

                strlist_addf(list,
                        "Domain '%s' (id %u, %s) has a GPU here and was not started by xenvgpu; the GPU counts as taken. "
                        "`xenvgpu vm-adopt host=%s uuid=%s` says who watches over it, and what of it can be taken over; `xenvgpu "
                        "vm-end-outside` with the same ends it.",
                        strempty(d->name), d->domid, UUID_TEXT(&d->uuid), UUID_TEXT(&h->object.id), UUID_TEXT(&d->uuid));
        }
}

/* Of a VM that was created again with fewer VGPUs than the one that runs. */
static void add_surplus(Hosts *hs, const Host *h, StrList *list) {
        for_each(const Pgpu, pgpu, &h->pgpus) {
                for (size_t k = 0; k < pgpu->n_outsiders; k++) {
                        const Vm *vm = pool_get(hs->batch->pool, CLASS_VM, &pgpu->outsiders[k].vm);

                        if (vm && vm_host(vm) == h)
                                strlist_addf(list,
                                        "VM '%s' has %s of %s, for which it has no VGPU in the pool; that "
                                        "counts as taken until the VM ends.",
                                        vm->name_label, type_label(pgpu->outsiders[k].type),
                                        PCI_TEXT(&pgpu->pci));
                }
        }
}

/* A PGPU that is there and does not answer is reported by hostd itself. */
static void add_vanished(Hosts *hs, const Host *h, StrList *list) {
        for_each(const Pgpu, pgpu, &h->pgpus)
                if (pgpu->health == PGPU_HEALTH_LOST && !pgpu->reported)
                        strlist_addf(list,
                                "PGPU %s is lost. %s If its card stands in another slot, `xenvgpu pgpu-adopt uuid=%s "
                                "pgpu=UUID` says which PGPU it is now. If it is gone for good and in a group of your own, `xenvgpu "
                                "pgpu-param-set uuid=%s gpu-group-uuid=` forgets it.",
                                PCI_TEXT(&pgpu->pci), strempty(pgpu->health_reason), UUID_TEXT(&pgpu->object.id),
                                UUID_TEXT(&pgpu->object.id));
}

/* Virtual functions that the host gives to no VM. */
static void add_suspects(Hosts *hs, const Host *h, StrList *list) {
        for_each(const Pgpu, pgpu, &h->pgpus)
                if (pgpu->health == PGPU_HEALTH_SUSPECT)
                        strlist_addf(list, "PGPU %s is suspect. %s It has room for that much less until xenvgpu pgpu-clear-health "
                                           "uuid=%s, or a rescan of the host, finds them well.",
                                PCI_TEXT(&pgpu->pci), strempty(pgpu->health_reason), UUID_TEXT(&pgpu->object.id));
}

/* Where starts failed; logged once, when it comes. */

static void log_standing(const Host *h, const StrList *list, size_t before) {
        for (size_t i = before; i < list->n; i++)
                if (!has_problem(h, list->items[i]))
                        log_host(LOG_WARNING, NULL, h, "Host %s: %s", h->name_label, list->items[i]);
}

/* Whether a suspect PGPU is left out depends on the others of its group. */
static const char *standing_words(PlaceStanding standing) {
        return standing == PLACE_SUSPECT ? "is suspect and left out, unless its group has nothing else"
                                         : "comes last";
}

static const char *standing_end(PlaceStanding standing) {
        return standing == PLACE_SUSPECT ? "Mend it; then"
                                         : "That ends by itself, or when a VM starts there;";
}

static void add_standings(Hosts *hs, const Host *h, StrList *list) {
        size_t before = list->n;

        if (h->standing != PLACE_GOOD)
                strlist_addf(list, "The host %s. %s %s xenvgpu host-enable uuid=%s clears that.",
                        standing_words(h->standing), h->standing_reason, standing_end(h->standing),
                        UUID_TEXT(&h->object.id));
        for_each(const Pgpu, pgpu, &h->pgpus)
                if (pgpu->standing != PLACE_GOOD)
                        strlist_addf(list, "PGPU %s %s. %s %s xenvgpu pgpu-clear-health uuid=%s clears that.",
                                PCI_TEXT(&pgpu->pci), standing_words(pgpu->standing), pgpu->standing_reason,
                                standing_end(pgpu->standing), UUID_TEXT(&pgpu->object.id));
        log_standing(h, list, before);
}

/* Types of which a PGPU here has another number than on the host that says how they look. */
static void add_other_types(Hosts *hs, const Host *h, StrList *list) {
        for (size_t i = 0; i < h->types.n; i++) {
                const HostType *f = h->types.items[i], *lead = f->type->lead;

                /* A different path of its files is no problem. */
                if (!lead || f->size == lead->size || f->size == 0 || lead->size == 0)
                        continue;
                strlist_addf(list,
                        "Type %s has %u instances on a PGPU here and %u on host %s, whose number the "
                        "type shows: their files, or drivers, differ. Each host counts by its own.",
                        type_label(f->type), PGPU_SIZE / f->size, PGPU_SIZE / lead->size,
                        lead->host->name_label);
        }
}

/* The sources of a host's problems. */
static void (*const host_sources[])(Hosts *hs, const Host *h, StrList *list) = {
        add_strays,
        add_domains,
        add_surplus,
        add_vanished,
        add_suspects,
        add_standings,
        add_other_types,
        add_reported,
};

int host_problems_update(Hosts *hs, Host *h) {
        _cleanup_strlist_ StrList list = {};
        const char *const *texts;

        for (size_t i = 0; i < ARRAY_SIZE(host_sources); i++)
                host_sources[i](hs, h, &list);
        texts = problems_end(&list);
        return batch_open_if_changed(
                hs->batch, texts ? pool_set_host_problems(hs->batch->pool, h, texts) : -ENOMEM);
}

/* VMs */

static void stray_of_vm(
        Hosts *hs, const Host *h, const InventoryVm *report, const void *about, StrList *list) {
        const Vm *vm = about;
        const Host *other = other_host(vm);

        if (other && uuid_equal(&report->uuid, &vm->object.id))
                strlist_addf(list, "It runs on host %s and on host %s too, " TWICE, other->name_label,
                        h->name_label, UUID_TEXT(&report->uuid), other->name_label, h->name_label,
                        h->name_label);
}

static int vm_problems_update(Hosts *hs, Vm *vm) {
        _cleanup_strlist_ StrList list = {};
        const char *const *texts;

        each_stray(hs, stray_of_vm, vm, &list);
        texts = problems_end(&list);
        return texts ? pool_set_vm_problems(hs->batch->pool, vm, texts) : -ENOMEM;
}

/* The VM is noted, so that its list is emptied when it runs on one host again. */
static void note_troubled(
        Hosts *hs, const Host *h, const InventoryVm *report, const void *unused, StrList *list) {
        Uuid *more;

        if (!pool_get(hs->batch->pool, CLASS_VM, &report->uuid))
                return;
        more = reallocarray(hs->troubled, hs->n_troubled + 1, sizeof(*more));
        if (!more) {
                list->error = -ENOMEM;
                return;
        }
        hs->troubled = more;
        hs->troubled[hs->n_troubled++] = report->uuid;
}

/* Those that had one, and those that may have one now. */
static int vms_problems_update(Hosts *hs) {
        _cleanup_free_ Uuid *before = take_ptr(hs->troubled);
        size_t n_before = hs->n_troubled;
        StrList none = {};
        int r;

        hs->n_troubled = 0;
        each_stray(hs, note_troubled, NULL, &none);
        r = none.error;
        for (size_t i = 0; i < n_before + hs->n_troubled && r == 0; i++) {
                Vm *vm = pool_get(
                        hs->batch->pool, CLASS_VM, i < n_before ? &before[i] : &hs->troubled[i - n_before]);

                if (vm)
                        r = vm_problems_update(hs, vm);
        }
        return r;
}

int problems_update(Hosts *hs) {
        int r = 0;

        for_each_while(r == 0, Host, h, &hs->batch->pool->objects[CLASS_HOST])
                r = host_problems_update(hs, h);
        return batch_open_if_changed(hs->batch, r ?: vms_problems_update(hs));
}
