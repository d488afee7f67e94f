/*
 * Reconciliation: the inventory of a claim decides what runs on the host
 *
 * Whatever policyd had stored, the report of a host that was just claimed is the truth for that host, since
 * under the claim nobody else can have started anything since. First everything that it runs is taken in;
 * then what is booked there and was not reported is released. Each correction is logged with its reason. Two
 * things are never done: a VM is never started again because of a report, and VMs that the pool does not know
 * are left alone, until a client creates them.
 */

#include <stdio.h>

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/bookings.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/reconcile.h"

static PowerState power_of(VmState s) {
        return s == VM_STATE_PAUSED ? POWER_PAUSED : POWER_RUNNING;
}

/* 1: VMs that the host runs */

/* One that is pinned to the address before any other. */
static Vgpu *unplaced_passthrough(Vm *vm, const PciAddress *address) {
        Vgpu *any = NULL;

        for_each(Vgpu, v, &vm->vgpus) {
                if (v->type->implementation != TYPE_PASSTHROUGH || v->resident_on || v->scheduled_on)
                        continue;
                if (v->pinned && pci_address_compare(&v->pinned_pci, address) == 0)
                        return v;
                if (!v->pinned && !any)
                        any = v;
        }
        return any;
}

/* An adopted VM holds what the host says it holds, attached or not yet. */
static void place_adopted(Hosts *hs, Host *h, Vm *vm, const InventoryVm *report) {
        for (size_t i = 0; i < report->n_vgpus; i++) {
                Vgpu *v = vm_find_vgpu(vm, &report->vgpus[i].uuid, report->vgpus[i].device);
                Pgpu *pgpu = host_find_pgpu(h, &report->vgpus[i].pgpu);

                if (v && pgpu)
                        (void) batch_poison(hs->batch, pool_set_vgpu_scheduled(hs->batch->pool, v, pgpu));
        }
        for (size_t i = 0; i < report->n_pcis; i++) {
                Pgpu *pgpu = host_find_pgpu(h, &report->pcis[i].address);
                Vgpu *v = pgpu ? unplaced_passthrough(vm, &pgpu->pci) : NULL;

                if (v)
                        (void) batch_poison(hs->batch, pool_set_vgpu_scheduled(hs->batch->pool, v, pgpu));
        }
}

static void update_devices(Hosts *hs, Host *h, Vm *vm, const InventoryVm *report) {
        for (size_t i = 0; i < report->n_vgpus; i++) {
                const InventoryVgpu *g = &report->vgpus[i];
                Vgpu *v = vm_find_vgpu(vm, &g->uuid, g->device);

                if (!v)
                        continue;
                host_set_vgpu_attached(hs, h, v, &g->pgpu, g->state.plugged || g->state.active);
                host_set_vgpu_function(hs, v, g->function);
        }
        for (size_t i = 0; i < report->n_pcis; i++) {
                PciEvent event = {.vm = report->uuid,
                        .address = report->pcis[i].address,
                        .plugged = report->pcis[i].plugged,
                        .head.token = report->token};

                host_pci_event(hs, h, &event);
        }
}

static void update_state(Hosts *hs, Host *h, Vm *vm, const InventoryVm *report) {
        VmEvent event = {.head.token = vm->token,
                .uuid = report->uuid,
                .state = report->state,
                .stage = report->stage,
                .progress = report->progress,
                .domid = report->domid};

        update_devices(hs, h, vm, report);
        /* Stopping: it still runs, and what it holds is resident. */
        if (report->state == VM_STATE_STOPPING && vm->booking != BOOKING_RESIDENT)
                booking_running(hs, vm, h, power_of(report->state));
        host_vm_event(hs, h, &event);

        /* Whatever state it is in: it may be stopping by a polite order, and a forced one was lost. */
        if (!uuid_is_null(&vm->stop_token))
                hs->listener->vm_still_runs(vm, hs->userdata);
}

/* The order to start the VM has not left yet, or is taken back before it does. */
static bool withdraw_unsent(Hosts *hs, const Vm *vm) {
        Peer *peer = vm->scheduled_on ? peer_of(hs, vm->scheduled_on) : NULL;

        return vm->booking == BOOKING_RESERVED ||
               (vm->booking == BOOKING_SENT && peer && peer_withdraw_call(peer, &vm->token));
}

/* The host because of which a report about one of our VMs cannot be adopted, or NULL. A host that was not
 * heard from yet is waited for. */
static const Host *runs_elsewhere(const Vm *vm, const Host *h) {
        const Host *other = vm_host(vm);

        return other && other != h && other->state != HOST_OFFLINE ? other : NULL;
}

static void adopt(Hosts *hs, Host *h, Vm *vm, const InventoryVm *report) {
        const Host *other = vm_host(vm);
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, "Host '%s' runs the VM already, under another order.", h->name_label) < 0)
                message = NULL;
        log_vm(LOG_WARNING, MSG_HOST_CORRECTED, vm, h,
                "Host %s runs VM %s under a token that is not current; the pool had it %s%s. The host's word "
                "is taken.",
                h->name_label, vm->name_label, other ? "on host " : power_state_to_string(vm->power_state),
                other ? other->name_label : "");
        hs->listener->vm_adopted(vm, strempty(message), hs->userdata);
        booking_adopt(hs, vm, h, &report->token);
        place_adopted(hs, h, vm, report);
}

static void reconcile_vm(Hosts *hs, Host *h, const InventoryVm *report) {
        Vm *vm = pool_get(hs->batch->pool, CLASS_VM, &report->uuid);
        size_t n = report->n_vgpus + report->n_pcis;
        const Host *other;

        if (!vm) {
                log_host(LOG_NOTICE, NULL, h,
                        "Host %s runs a VM that the pool does not know (%s, %s) with %zu VGPU%s; it is left "
                        "alone, and what it holds counts as taken.",
                        h->name_label, UUID_TEXT(&report->uuid), report->name_label, n, PLURAL(n));
                return;
        }
        if (vm_host(vm) != h || !booking_token_is(vm, &report->token)) {
                other = runs_elsewhere(vm, h);
                if (other && !withdraw_unsent(hs, vm)) {
                        if (other->state == HOST_ONLINE)
                                log_vm(LOG_ERR, MSG_HOST_CORRECTED, vm, h,
                                        "VM %s runs on host %s, and is booked on host %s, which is online. "
                                        "End "
                                        "one of the two before its disks are damaged.",
                                        vm->name_label, h->name_label, other->name_label);
                        return;
                }
                adopt(hs, h, vm, report);
        }
        update_state(hs, h, vm, report);
}

void reconcile_stray(Hosts *hs, Vm *vm) {
        Peer *peer;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));) {
                Host *h = peer->n_strays > 0 ? peer_host(peer) : NULL;
                bool taken = false;

                for (size_t k = 0; h && k < peer->report.n_vms && !taken; k++) {
                        taken = uuid_equal(&peer->report.vms[k].uuid, &vm->object.id);
                        if (taken)
                                reconcile_vm(hs, h, &peer->report.vms[k]);
                }
                if (taken)
                        (void) batch_poison(hs->batch, outside_update(hs, h));
        }
}

void reconcile_unreached(Hosts *hs, Host *h) {
        for (size_t i = h->vms.n; i > 0; i--)
                reconcile_stray(hs, h->vms.items[i - 1]);
}

/* 2: VMs that are booked here and were not reported */

static const VmEvent *find_ended(const Inventory *inventory, const Vm *vm) {
        const VmEvent *found = NULL;

        for (size_t i = 0; i < inventory->n_ended; i++)
                if (uuid_equal(&inventory->ended[i].uuid, &vm->object.id) &&
                        booking_token_is(vm, &inventory->ended[i].head.token))
                        found = &inventory->ended[i];
        return found;
}

static void miss_vm(Hosts *hs, Host *h, Vm *vm, const Inventory *inventory) {
        const Peer *peer = peer_of(hs, h);
        const VmEvent *ended = find_ended(inventory, vm);
        VmEvent event;

        if (ended) {
                event = *ended;
                event.state = VM_STATE_HALTED; /* whatever the record says */
                hs->listener->vm_event(vm, h, &event, hs->userdata);
                return;
        }
        /* Booked and not handed to the link yet, or still in its queue: it comes after this inventory. */
        if (vm->booking == BOOKING_RESERVED || (peer && peer_has_call(peer, &vm->token)))
                return;

        log_vm(LOG_WARNING, MSG_HOST_CORRECTED, vm, h,
                "VM %s is not on host %s any more, where the pool had it %s; it is released.", vm->name_label,
                h->name_label, vm->booking == BOOKING_RESIDENT ? "running" : "starting");
        hs->listener->vm_missing(vm, h, hs->userdata);
}

static HashMap *index_reports(const Inventory *inventory) {
        _cleanup_(hashmap_freep) HashMap *reports = hashmap_new_uuid();

        for (size_t i = 0; reports && i < inventory->n_vms; i++)
                if (hashmap_put(reports, &inventory->vms[i].uuid, &inventory->vms[i]) == -ENOMEM)
                        return NULL;
        return take_ptr(reports);
}

int reconcile_host(Hosts *hs, Host *h, const Inventory *inventory) {
        _cleanup_(hashmap_freep) HashMap *reports = index_reports(inventory);
        _cleanup_free_ Vm **booked = NULL;
        size_t n;

        if (!reports)
                return -ENOMEM;
        for (size_t i = 0; i < inventory->n_vms; i++)
                reconcile_vm(hs, h, &inventory->vms[i]);

        /* A copy: releasing shortens the host's list. */
        n = h->vms.n;
        booked = calloc(n + 1, sizeof(*booked));
        if (!booked)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                booked[i] = h->vms.items[i];
        for (size_t i = 0; i < n; i++)
                if (!hashmap_get(reports, &booked[i]->object.id))
                        miss_vm(hs, h, booked[i], inventory);
        return 0;
}
