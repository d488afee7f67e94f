/*
 * Adopting: a VM that a host runs and that the pool does not have comes into it, with what it holds
 *
 * Its host was declared dead and the VM destroyed, or the database is an older one. The host is asked for the order that started the VM,
 * which has its config; what it holds stands in the host's report. The VM is made of both, and then reconciled like any other that a
 * host reports. A domain that hostd did not start is refused by hostd, which says who watches over it.
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/reconcile.h"
#include "policyd/words/sentence.h"
#include "protocol/order.h"

/* Which one */

typedef struct Search {
        const char *text;
        Uuid id; /* null where the text is none: then it is a name */
        Uuid found;
        size_t n;
} Search;

static void look_at(Search *s, const Uuid *id, const char *name) {
        if (uuid_is_null(id) || !(uuid_is_null(&s->id) ? streq(strempty(name), s->text) : uuid_equal(&s->id, id)))
                return;
        s->found = *id;
        s->n++;
}

int outside_find(Policy *p, const Host *h, const char *text, Uuid *ret, Refusal *refusal) {
        const Peer *peer = peer_of(&p->hosts, h);
        Search s = {.text = text};
        const Vm *vm;

        if (uuid_from_string(text, &s.id) < 0)
                s.id = UUID_NULL;
        for (size_t i = 0; peer && i < peer->report.n_vms; i++)
                look_at(&s, &peer->report.vms[i].uuid, peer->report.vms[i].name_label);
        for (size_t i = 0; peer && i < peer->report.n_domains; i++)
                look_at(&s, &peer->report.domains[i].uuid, peer->report.domains[i].name);
        if (s.n > 1 && uuid_is_null(&s.id))
                return refuse(refusal, ERROR_AMBIGUOUS_NAME, "%zu VMs on host '%s' are called \"%s\"; give the uuid of one, which the host's outside-VMs have.", s.n,
                        h->name_label, TEXT_SHORT(text, 128));
        vm = pool_get(p->batch.pool, CLASS_VM, s.n > 0 ? &s.found : &s.id);
        if (s.n == 0 && !vm)
                return refuse(refusal, ERROR_NO_SUCH_OBJECT,
                        "Host '%s' runs no VM \"%s\" that is not of this pool; its outside-VMs are those that it has.", h->name_label,
                        TEXT_SHORT(text, 128));
        if (vm)
                return refuse(refusal, ERROR_ALREADY_EXISTS,
                        "VM '%s' is in the pool already. If it runs on a second host too, its problems say how to end one of the two.",
                        vm->name_label);
        *ret = s.found;
        return 0;
}

/* What it holds */

static const InventoryVm *find_report(Policy *p, const Host *h, const Uuid *id) {
        const Peer *peer = peer_of(&p->hosts, h);

        for (size_t i = 0; peer && i < peer->report.n_vms; i++)
                if (uuid_equal(&peer->report.vms[i].uuid, id))
                        return &peer->report.vms[i];
        return NULL;
}

static int add_vgpu(Policy *p, Vm *vm, const Pgpu *pgpu, VgpuType *type, const char *device_or_null, const Uuid *id, const char *extra_args,
        Vgpu **ret, Refusal *refusal) {
        uint32_t device;
        int r;

        if (!pgpu->group)
                return refuse(refusal, ERROR_GPU_GROUP_CONTAINS_NO_PGPUS,
                        "VM '%s' has a VGPU on PGPU %s of host '%s', which is in no GPU group. Put it into one with pgpu-param-set "
                        "gpu-group-uuid=, then adopt the VM.",
                        vm->name_label, PCI_TEXT(&pgpu->pci), pgpu->host->name_label);
        if (!uuid_is_null(id) && pool_get(p->batch.pool, CLASS_VGPU, id))
                return refuse(refusal, ERROR_ALREADY_EXISTS, "A VGPU with the uuid %s of one of VM '%s' is in the pool already.",
                        UUID_TEXT(id), vm->name_label);
        r = refused(rule_vgpu_create(p->batch.pool, vm, pgpu->group, type, device_or_null, /* importing= */ true, &device, refusal), refusal);
        r = r ?: check_text("A VGPU", "text of extra_args", extra_args, TEXT_LINE, refusal);
        return r ?: vgpu_add(&p->batch, vm, pgpu->group, type, device, id, extra_args, ret);
}

static const char *extra_args_of(const StartOrder *order, const char *device) {
        for (size_t i = 0; i < order->n_vgpus; i++)
                if (order->vgpus[i].kind == VGPU_KIND_NVIDIA && streq_ptr(order->vgpus[i].device, device))
                        return strempty(order->vgpus[i].nvidia.extra_args);
        return "";
}

/* The one that the 6.x form of its platform asked for stays that one. */
static void pin(const StartOrder *order, Vgpu *v, const Pgpu *pgpu) {
        JsonReader reader = {};
        PlatformVgpu form;

        if (vm_record_platform_vgpu(&reader, &order->vm, &form) <= 0 || v->vm->vgpus.n > 1)
                return;
        v->pinned = true;
        v->pinned_pci = pgpu->pci;
}

static int add_vgpus(Policy *p, Host *h, Vm *vm, const StartOrder *order, const InventoryVm *report, Refusal *refusal) {
        int r = 0;

        for (size_t i = 0; i < report->n_vgpus && r == 0; i++) {
                const InventoryVgpu *g = &report->vgpus[i];
                VgpuType *type = type_of_running(p->batch.pool, h, g->identifier);
                const Pgpu *pgpu = host_find_pgpu(h, &g->pgpu);
                Vgpu *v;

                if (!pgpu || !type)
                        return refuse(refusal, ERROR_NO_SUCH_OBJECT,
                                "VM '%s' has a VGPU of %s on %s, and the pool does not know that %s; shut the VM down by its guest.",
                                vm->name_label, g->identifier, PCI_TEXT(&g->pgpu), pgpu ? "type" : "PGPU");
                r = add_vgpu(p, vm, pgpu, type, g->device, &g->uuid, extra_args_of(order, g->device), &v, refusal);
                if (r == 0)
                        pin(order, v, pgpu);
        }
        return r;
}

/* Functions that are passed through along with a GPU have no VGPU. A GPU that the config names is pinned, as one that is made for it. */
static int add_whole_gpus(Policy *p, Host *h, Vm *vm, const InventoryVm *report, Refusal *refusal) {
        int r = 0;

        for (size_t i = 0; i < report->n_pcis && r == 0; i++) {
                const Pgpu *pgpu = host_find_pgpu(h, &report->pcis[i].address);
                VgpuType *type;
                Vgpu *v;

                if (!pgpu)
                        continue;
                r = type_passthrough(&p->hosts, &type);
                r = r ?: add_vgpu(p, vm, pgpu, type, NULL, &UUID_NULL, "", &v, refusal);
                if (r == 0 && strv_contains(vm->functions, PCI_TEXT(&pgpu->pci))) {
                        v->pinned = true;
                        v->pinned_pci = pgpu->pci;
                }
        }
        return r;
}

/* The VM; all or nothing. */
static int adopt(Policy *p, Host *h, const StartOrder *order, const InventoryVm *report, Refusal *refusal) {
        Vm *vm;
        int r;

        r = check_limit(&p->batch, CLASS_VGPU, report->n_vgpus + report->n_pcis, refusal);
        r = r ?: vm_add(p, &order->vm, &vm, refusal);
        if (r != 0)
                return r;
        r = add_vgpus(p, h, vm, order, report, refusal);
        r = r ?: add_whole_gpus(p, h, vm, report, refusal);
        r = r ?: vm_needs_update(&p->batch, vm, refusal);
        if (r != 0) {
                pool_remove(p->batch.pool, &vm->object);
                types_collect(&p->hosts);
                return r;
        }
        reconcile_stray(&p->hosts, vm);
        log_vm(LOG_NOTICE, MSG_VM_ADOPTED, vm, h, "VM %s, which runs on host %s, was taken into the pool.", vm->name_label, h->name_label);
        return 0;
}

/* hostd's answer */

static int read_and_adopt(Policy *p, const Call *call, const char *text, Refusal *refusal) {
        _cleanup_(start_order_done) StartOrder order = {};
        Host *h = peer_host(call->peer);
        const InventoryVm *report = h ? find_report(p, h, &call->object) : NULL;
        JsonReader reader = {};
        int r;

        if (!report)
                return refuse(refusal, ERROR_NO_SUCH_OBJECT, "The VM has ended.");
        r = text ? start_order_read(&reader, text, &order) : -EINVAL;
        if (r == -EINVAL || (r == 0 && !uuid_equal(&order.vm.uuid, &call->object)))
                return refuse(refusal, ERROR_INVALID_RECORD, "The order that host '%s' has of the VM cannot be read.", h->name_label);
        return r ?: adopt(p, h, &order, report, refusal);
}

static void answered(void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        _cleanup_refusal_ Refusal refusal = {};
        Policy *p = owner;
        int r;

        if (outcome == LINK_UNKNOWN || (outcome == LINK_DONE && !p->batch.pool)) {
                call->committed(ERROR_HOST_OFFLINE, "The host did not answer, and nothing was changed.", call->userdata);
                return;
        }
        if (outcome == LINK_REFUSED) {
                call->committed(code, strempty(message), call->userdata);
                return;
        }
        r = read_and_adopt(p, call, message, &refusal);
        if (r > 0) {
                call->committed(refusal.code, refusal.message, call->userdata);
                return;
        }
        (void) batch_poison(&p->batch, r);
        peer_touch(call->peer);
        if (batch_when_committed(&p->batch, call->committed, call->userdata) < 0)
                call->committed(ERROR_INTERNAL_ERROR, "Out of memory.", call->userdata);
}

static int ask(Policy *p, Host *h, const Uuid *id, PolicyCommitted done, void *userdata) {
        Peer *peer = peer_of(&p->hosts, h);
        Uuid token;
        Call *call;
        int r;

        r = peer ? batch_new_uuid(&p->batch, &token) : -ENOTCONN;
        r = r ?: call_new(peer, answered, p, id, &token, &call);
        if (r < 0)
                return r;
        call->committed = done;
        call->userdata = userdata;
        r = p->hosts.links->get_vm(peer->link, UUID_TEXT(id), call_replied, call);
        if (r < 0)
                call_free(call);
        return r;
}

int vms_adopt(Policy *p, Host *h, const char *domain, PolicyCommitted done, void *userdata, Uuid *ret, Refusal *refusal) {
        int r;

        r = host_check_reachable(h, "adopting a VM", refusal);
        r = r ?: outside_find(p, h, domain, ret, refusal);
        r = r ?: check_limit(&p->batch, CLASS_VM, 1, refusal);
        if (r != 0)
                return decided(r);
        r = ask(p, h, ret, done, userdata);
        if (r == -ENOTCONN || r == -ENOBUFS)
                return refusal_set(refusal, ERROR_HOST_OFFLINE, "Host '%s' cannot be asked for the VM now.", h->name_label);
        return r;
}
