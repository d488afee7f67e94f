/*
 * The inventory, out of what hostd knows
 *
 * Strings are borrowed where the record's own destructor is not used; only the lists are made here.
 */

#include <inttypes.h>

#include "common/base/text.h"
#include "hostd/service/claim.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/second-look.h"
#include "hostd/vm/vms.h"

static void fill_vm_gpus(const HostVm *vm, InventoryVm *ret) {
        for (size_t i = 0; i < vm->n_gpus; i++) {
                const VmGpu *gpu = &vm->gpus[i];

                if (gpu->passthrough)
                        ret->pcis[ret->n_pcis++] = (InventoryPci){
                                .vm = vm->uuid,
                                .address = gpu->address,
                                .plugged = vm->record.pcis_plugged,
                        };
                else
                        ret->vgpus[ret->n_vgpus++] = (InventoryVgpu){
                                .vm = vm->uuid,
                                .device = gpu->device,
                                .uuid = gpu->uuid,
                                .pgpu = gpu->address,
                                .identifier = gpu->identifier,
                                .function = vm->record.function,
                                .state = vm_vgpu_state(vm),
                        };
        }
}

static int fill_vm(const HostVm *vm, InventoryVm *ret) {
        *ret = (InventoryVm){
                .uuid = vm->uuid,
                .token = vm->token,
                .name_label = vm->name_label,
                /* Its end is reported after it is stored; until then the VM counts as stopping. */
                .state = vm->record.state == VM_STATE_HALTED ? VM_STATE_STOPPING : vm->record.state,
                .stage = vm->record.stage,
                .progress = vm->record.progress,
                .domid = vm->record.domid,
                .memory = vm->memory,
                .functions = vm->functions,
        };
        ret->vgpus = calloc(vm->n_gpus + 1, sizeof(*ret->vgpus));
        ret->pcis = calloc(vm->n_gpus + 1, sizeof(*ret->pcis));
        if (!ret->vgpus || !ret->pcis)
                return -ENOMEM;
        fill_vm_gpus(vm, ret);
        return 0;
}

static int compare_vms(const void *a, const void *b) {
        return uuid_compare(&((const InventoryVm *) a)->uuid, &((const InventoryVm *) b)->uuid);
}

/* Of a VM whose stored order cannot be read no more is known than that its domain is there; the pool must not
 * start it elsewhere. */
static void fill_unread(const Hostd *h, Inventory *ret) {
        const Strangers *s = &h->strangers;

        for (size_t i = 0; i < s->n_unread; i++)
                if (!hashmap_get(h->vms, &s->unread[i]))
                        ret->vms[ret->n_vms++] = (InventoryVm){
                                .uuid = s->unread[i],
                                .token = s->unread[i],
                                .name_label = (char *) "unknown",
                                .state = VM_STATE_RUNNING,
                                .stage = (char *) "",
                                .progress = 1,
                        };
}

static int fill_vms(const Hostd *h, Inventory *ret) {
        HostVm *vm;
        int r;

        ret->vms = calloc(hashmap_size(h->vms) + h->strangers.n_unread + 1, sizeof(*ret->vms));
        if (!ret->vms)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                r = fill_vm(vm, &ret->vms[ret->n_vms++]);
                if (r < 0)
                        return r;
        }
        fill_unread(h, ret);
        qsort(ret->vms, ret->n_vms, sizeof(*ret->vms), compare_vms);
        return 0;
}

/* Each domain once, however many functions it has. A VM that cannot be read stands among the VMs. */
static int fill_domains(const Hostd *h, Inventory *ret) {
        const Strangers *s = &h->strangers;

        ret->domains = calloc(s->n + 1, sizeof(*ret->domains));
        for (size_t i = 0; ret->domains && i < s->n; i++) {
                const DomainFunction *f = &s->list[i];
                bool known = strangers_is_unread(s, &f->uuid);

                for (size_t k = 0; k < ret->n_domains && !known; k++)
                        known = ret->domains[k].domid == f->domid;
                if (!known)
                        ret->domains[ret->n_domains++] =
                                (InventoryDomain){.uuid = f->uuid, .domid = f->domid, .name = f->name};
        }
        return ret->domains ? 0 : -ENOMEM;
}

/* What the records of the hardware borrow from, beside the hardware itself. */
typedef struct Borrowed {
        char *(*types)[2];
        PgpuIds *pgpus;
        char **reasons; /* n_reasons, or NULL each */
        size_t n_reasons;
} Borrowed;

static void borrowed_done(Borrowed *b) {
        for (size_t i = 0; b->reasons && i < b->n_reasons; i++)
                free(b->reasons[i]);
        free(b->reasons);
        free(b->types);
        free(b->pgpus);
}

static void fill_node(Hostd *h, const Pgpu *p, PgpuIds *ids) {
        uint32_t node;

        if (!p->node_known && machine_facts_node(h->facts.source, &p->address, &node))
                text_format(ids->node, sizeof(ids->node), "%" PRIu32, node);
}

/*
 * A stranger's virtual function is given to no VM, as a suspect one; one in the slot of its PGPU keeps others off all of that, as held_by
 * says.
 */
static int count_strangers(Hostd *h, const Pgpu *p, char **reason, InventoryPgpu *record) {
        const DomainFunction *first = NULL;
        uint32_t n = 0;

        for (size_t i = 0; i < h->strangers.n; i++) {
                const DomainFunction *f = &h->strangers.list[i];

                if (pci_same_slot(&f->address, &p->address) || gpus_find_by_function(&h->gpus, &f->address) != p)
                        continue;
                first = first ?: f;
                n++;
        }
        if (n == 0 || p->is_lost || p->n_functions == 0)
                return 0;
        record->suspect_functions = MIN_OF(record->suspect_functions + n, p->n_functions);
        if (p->n_suspect > 0)
                return 0;
        *reason = text_printf("Virtual function %s is domain '%s's (id %u), which is not of this pool.", PCI_TEXT(&first->address),
                first->name, first->domid);
        record->health = (char *) "suspect";
        record->health_reason = *reason;
        return *reason ? 0 : -ENOMEM;
}

static int fill_hardware(Hostd *h, Borrowed *b, Inventory *ret) {
        const Hardware *hardware = &h->gpus.hardware;
        int r;

        r = host_look_at_divisions(h);
        if (r < 0)
                return r;
        ret->types = calloc(hardware->n_types + 1, sizeof(*ret->types));
        ret->pgpus = calloc(hardware->n_pgpus + 1, sizeof(*ret->pgpus));
        b->types = calloc(hardware->n_types + 1, sizeof(*b->types));
        b->pgpus = calloc(hardware->n_pgpus + 1, sizeof(*b->pgpus));
        b->reasons = calloc(hardware->n_pgpus + 1, sizeof(*b->reasons));
        b->n_reasons = hardware->n_pgpus;
        if (!ret->types || !ret->pgpus || !b->types || !b->pgpus || !b->reasons)
                return -ENOMEM;

        for (size_t i = 0; i < hardware->n_types; i++) {
                r = hardware_type_record(&hardware->types[i], b->types[i], &ret->types[i]);
                if (r < 0)
                        return r;
                ret->n_types++;
        }
        for (size_t i = 0; i < hardware->n_pgpus; i++) {
                ret->pgpus[i] = hardware_pgpu_record(&hardware->pgpus[i], &b->pgpus[i]);
                fill_node(h, &hardware->pgpus[i], &b->pgpus[i]);
                r = count_strangers(h, &hardware->pgpus[i], &b->reasons[i], &ret->pgpus[i]);
                if (r < 0)
                        return r;
                ret->pgpus[ret->n_pgpus++].held_by = strangers_describe(&h->strangers, &hardware->pgpus[i].address);
                if (!ret->pgpus[i].held_by)
                        return -ENOMEM;
        }
        return 0;
}

/* Ends, by seq. */
static int visit_ended(VmEvent *ended, void *userdata) {
        Inventory *i = userdata;

        if (i->n_ended == HOST_STORE_ENDED_MAX)
                return 0;
        i->ended[i->n_ended++] = take_struct(*ended);
        return 0;
}

static int fill_ended(Hostd *h, uint64_t after_seq, Inventory *ret) {
        ret->ended = calloc(HOST_STORE_ENDED_MAX, sizeof(*ret->ended));
        return ret->ended ? host_store_each_ended(h->store, after_seq, NULL, visit_ended, ret) : -ENOMEM;
}

static void fill_facts(Hostd *h, Inventory *ret) {
        static char *const none[] = {NULL};
        const ConfigRules rules = host_settings_config_rules(h->settings);

        ret->seq = host_store_last_seq(h->store);
        ret->epoch = h->command.claim.epoch;
        ret->orders = host_get_orders(h);
        ret->host_uuid = *host_get_uuid(h);
        ret->boot_id = h->facts.now.boot_id;
        ret->hostname = h->facts.now.hostname;
        ret->hypervisor = (char *) host_get_hypervisor(h);
        ret->memory_total = h->facts.now.memory_total;
        ret->memory_free = host_get_memory_free(h);
        ret->cpus = h->facts.now.cpus;
        ret->iommu = h->facts.now.iommu;
        ret->hvm = h->facts.now.hvm;
        ret->networks = h->facts.now.networks;
        ret->storage = h->facts.now.storage;
        ret->functions = h->gpus.hardware.functions ?: h->gpus.hardware.source_is_bad ? NULL : (char **) none;
        ret->refuses_pcidevs = !config_key_is_allowed(&rules, "pcidevs", /* text= */ NULL);
        ret->allowed_config_keys = h->settings->allowed_config_keys ?: (char **) none;
        ret->problems = h->gpus.hardware.problems;
}

/* The lists, and of the texts only those that fill_*() copied. */
static void inventory_drop(Inventory *i) {
        for (size_t k = 0; k < i->n_types; k++)
                json_object_put(i->types[k].internal_config);
        for (size_t k = 0; k < i->n_pgpus; k++)
                free(i->pgpus[k].held_by);
        for (size_t k = 0; k < i->n_vms; k++) {
                free(i->vms[k].vgpus);
                free(i->vms[k].pcis);
        }
        for (size_t k = 0; k < i->n_ended; k++)
                vm_event_done(&i->ended[k]);
        free(i->types);
        free(i->pgpus);
        free(i->vms);
        free(i->domains);
        free(i->ended);
}

const Uuid *host_get_uuid(const Hostd *h) {
        return host_store_host_uuid(h->store);
}

const char *host_get_boot_id(const Hostd *h) {
        return h->facts.now.boot_id;
}

const char *host_get_hypervisor(const Hostd *h) {
        return h->facts.source->ops->hypervisor;
}

uint64_t host_get_memory_free(const Hostd *h) {
        uint64_t memory_free = facts_memory_free(&h->facts), awaited = vms_memory_awaited(h->vms);

        return memory_free > awaited ? memory_free - awaited : 0;
}

int host_build_inventory(Hostd *h, uint64_t after_seq, uint64_t *ret_told, char **ret) {
        _cleanup_(borrowed_done) Borrowed borrowed = {};
        _cleanup_(inventory_drop) Inventory inventory = {};
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        fill_facts(h, &inventory);
        r = fill_hardware(h, &borrowed, &inventory);
        if (r >= 0)
                r = fill_vms(h, &inventory);
        if (r >= 0)
                r = fill_domains(h, &inventory);
        if (r >= 0)
                r = fill_ended(h, after_seq, &inventory);
        if (r < 0)
                return r;

        inventory_write(&inventory, &b);
        *ret = strbuf_take(&b);
        if (!*ret)
                return -ENOMEM;
        *ret_told = inventory.n_ended > 0 ? inventory.ended[inventory.n_ended - 1].head.seq : after_seq;
        return 0;
}

int host_get_inventory(Hostd *h, char **ret) {
        uint64_t told;

        return host_build_inventory(h, 0, &told, ret);
}
