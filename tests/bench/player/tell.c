/*
 * What a played host says: its inventory, and events with growing numbers
 */

#include <stdio.h>

#include "tests/bench/player/player.h"

const char played_boot_id[] = "99999999-2222-4333-8444-555555555555";

static EventHead next_head(PlayedHost *h, const Uuid *token) {
        return (EventHead){.seq = ++h->seq, .boot_id = (char *) played_boot_id, .token = *token};
}

static int emit(PlayedHost *h, const char *member, StrBuf *event) {
        _cleanup_free_ char *text = strbuf_take(event);

        return text ? host_emit(h, member, text) : -ENOMEM;
}

static int tell_vm(PlayedHost *h, const Uuid *vm, const EventHead *head, VmState state, const char *stage,
        const char *reason) {
        _cleanup_strbuf_ StrBuf b = {};
        const VmEvent event = {.head = *head,
                .uuid = *vm,
                .state = state,
                .stage = (char *) stage,
                .reason = (char *) reason,
                .progress = state == VM_STATE_STARTING ? 0.5 : 1,
                .domid = state == VM_STATE_HALTED ? 0 : 1};

        vm_event_write(&event, &b);
        return emit(h, "VMEvent", &b);
}

static int tell_gpu(PlayedHost *h, const PlayedVm *vm, const PlayedGpu *g, bool on) {
        EventHead head = next_head(h, &vm->token);
        _cleanup_strbuf_ StrBuf b = {};

        if (!*g->device) {
                const PciEvent event = {.head = head, .vm = vm->id, .address = g->address, .plugged = on};

                pci_event_write(&event, &b);
                return emit(h, "PCIEvent", &b);
        }
        const VgpuEvent event = {.head = head,
                .vm = vm->id,
                .device = (char *) g->device,
                .uuid = g->uuid,
                .pgpu = g->address,
                .identifier = g->type->identifier,
                .state = {.active = on, .plugged = on, .emulator_pid = on ? 1 : 0}};

        vgpu_event_write(&event, &b);
        return emit(h, "VGPUEvent", &b);
}

int tell_started(PlayedHost *h, const PlayedVm *vm) {
        EventHead head = next_head(h, &vm->token);
        int r;

        r = tell_vm(h, &vm->id, &head, VM_STATE_STARTING, "emulator", "");
        for (size_t i = 0; i < vm->n_gpus && r >= 0; i++)
                r = tell_gpu(h, vm, &vm->gpus[i], /* on= */ true);
        head = next_head(h, &vm->token);
        return r < 0 ? r : tell_vm(h, &vm->id, &head, VM_STATE_RUNNING, "", "");
}

/* The first to go makes room: nobody has claimed the host for long. */
static const PlayedEnd *keep_end(PlayedHost *h, const PlayedVm *vm, uint64_t seq, const char *reason) {
        if (h->n_ended == ENDED_MAX)
                memmove(h->ended, h->ended + 1, --h->n_ended * sizeof(PlayedEnd));
        h->ended[h->n_ended] = (PlayedEnd){.id = vm->id, .token = vm->token, .seq = seq, .reason = reason};
        return &h->ended[h->n_ended++];
}

int tell_stopped(PlayedHost *h, const PlayedVm *vm, bool force) {
        EventHead head;
        int r = 0;

        for (size_t i = 0; i < vm->n_gpus && r >= 0; i++)
                r = tell_gpu(h, vm, &vm->gpus[i], /* on= */ false);
        head = next_head(h, &vm->token);
        keep_end(h, vm, head.seq, force ? "destroyed" : "poweroff");
        return r < 0 ? r : tell_vm(h, &vm->id, &head, VM_STATE_HALTED, "", force ? "destroyed" : "poweroff");
}

int tell_ended_again(PlayedHost *h, const PlayedEnd *end) {
        EventHead head = next_head(h, &end->token);

        return tell_vm(h, &end->id, &head, VM_STATE_HALTED, "", end->reason);
}

/* The inventory borrows its texts; only lists and records of types are made here. */

static int fill_vm(const PlayedVm *vm, InventoryVm *ret) {
        *ret = (InventoryVm){.uuid = vm->id,
                .token = vm->token,
                .name_label = vm->name_label,
                .state = VM_STATE_RUNNING,
                .stage = (char *) "",
                .progress = 1,
                .domid = 1,
                .memory = vm->memory,
                .vgpus = calloc(vm->n_gpus + 1, sizeof(InventoryVgpu)),
                .pcis = calloc(vm->n_gpus + 1, sizeof(InventoryPci))};
        if (!ret->vgpus || !ret->pcis)
                return -ENOMEM;
        for (size_t i = 0; i < vm->n_gpus; i++) {
                const PlayedGpu *g = &vm->gpus[i];

                if (!*g->device)
                        ret->pcis[ret->n_pcis++] =
                                (InventoryPci){.vm = vm->id, .address = g->address, .plugged = true};
                else
                        ret->vgpus[ret->n_vgpus++] = (InventoryVgpu){.vm = vm->id,
                                .device = (char *) g->device,
                                .uuid = g->uuid,
                                .pgpu = g->address,
                                .identifier = g->type->identifier,
                                .state = {.active = true, .plugged = true, .emulator_pid = 1}};
        }
        return 0;
}

static int fill_lists(const PlayedHost *h, Inventory *i) {
        const PlayedVm *vm;
        int r = 0;

        i->types = calloc(N_TYPES, sizeof(TypeRecord));
        i->pgpus = calloc(h->player->n_pgpus, sizeof(InventoryPgpu));
        i->vms = calloc(hashmap_size(h->vms) + 1, sizeof(InventoryVm));
        i->ended = calloc(h->n_ended + 1, sizeof(VmEvent));
        if (!i->types || !i->pgpus || !i->vms || !i->ended)
                return -ENOMEM;
        for (size_t k = 0; k < N_TYPES && r >= 0; k++)
                r = type_record_make(&h->player->types[k], &i->types[i->n_types++]);
        for (unsigned k = 0; k < h->player->n_pgpus; k++)
                i->pgpus[i->n_pgpus++] = (InventoryPgpu){.pci_id = h->pgpus[k].address,
                        .vendor_id = (char *) "10de",
                        .device_id = (char *) "0ff2",
                        .subsystem_vendor_id = (char *) "10de",
                        .subsystem_device_id = (char *) "1012",
                        .vendor_name = h->pgpus[k].vendor_name,
                        .device_name = h->pgpus[k].device_name,
                        .driver = h->pgpus[k].driver,
                        .bridge = h->pgpus[k].bridge,
                        .supported = h->pgpus[k].supported,
                        .enabled = h->pgpus[k].enabled};
        for (size_t k = 0; r >= 0 && (vm = hashmap_next(h->vms, &k));)
                r = fill_vm(vm, &i->vms[i->n_vms++]);
        for (size_t k = 0; k < h->n_ended; k++)
                i->ended[i->n_ended++] = (VmEvent){.uuid = h->ended[k].id,
                        .state = VM_STATE_HALTED,
                        .stage = (char *) "",
                        .reason = (char *) h->ended[k].reason,
                        .progress = 1,
                        .head = {.seq = h->ended[k].seq,
                                .boot_id = (char *) played_boot_id,
                                .token = h->ended[k].token}};
        return r;
}

static void drop_lists(Inventory *i) {
        for (size_t k = 0; k < i->n_types; k++)
                type_record_done(&i->types[k]);
        for (size_t k = 0; k < i->n_vms; k++) {
                free(i->vms[k].vgpus);
                free(i->vms[k].pcis);
        }
        free(i->types);
        free(i->pgpus);
        free(i->vms);
        free(i->ended);
}

char *inventory_text(const PlayedHost *h) {
        static char *const none[] = {NULL};
        _cleanup_strbuf_ StrBuf b = {};
        char hostname[16];
        Inventory i = {.seq = h->seq,
                .epoch = h->claim.epoch,
                .boot_id = (char *) played_boot_id,
                .hostname = hostname,
                .hypervisor = (char *) "simulated",
                .memory_total = h->player->memory,
                .memory_free = host_memory_free(h),
                .cpus = 64,
                .iommu = true,
                .hvm = true,
                .networks = (char **) none,
                .storage = (char **) none,
                .problems = (char **) none};
        int r;

        snprintf(hostname, sizeof(hostname), "h%04u", h->number + 1);
        host_uuid(h, &i.host_uuid);
        r = fill_lists(h, &i);
        if (r >= 0)
                inventory_write(&i, &b);
        drop_lists(&i);
        return r < 0 ? NULL : strbuf_take(&b);
}

int tell_inventory(PlayedHost *h) {
        _cleanup_free_ char *text = inventory_text(h);

        return text ? host_emit(h, "InventoryChanged", text) : -ENOMEM;
}
