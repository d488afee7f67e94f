/*
 * Reporting the host's changes to its listener
 */

#include "hostd/service/notifier.h"

int notifier_open(Notifier *n, Loop *loop, HostStore *store, LoopFunction on_turn, void *userdata) {
        n->store = store;
        return loop_timer_new(loop, LOOP_MONOTONIC, /* priority= */ 0, on_turn, userdata, &n->turn);
}

void notifier_close(Notifier *n) {
        n->listener = NULL;
        n->turn = loop_timer_free(n->turn);
}

void notifier_wake(Notifier *n) {
        /* Before the host has begun there is no listener. */
        if (!n->listener)
                return;
        if (loop_timer_arm(n->turn, LOOP_SOON) < 0)
                log_error("Failed to plan the telling of changes, ignoring.");
}

void notifier_touch(Notifier *n) {
        n->inventory_changed = true;
        notifier_wake(n);
}

void notifier_send(Notifier *n, HostSignal signal, const char *json) {
        if (n->listener)
                n->listener->signal(signal, json, n->userdata);
}

void notifier_property(Notifier *n, HostProperty property) {
        if (n->listener)
                n->listener->property(property, n->userdata);
}

static void send_event(Notifier *n, HostSignal signal, StrBuf *event, const Uuid *vm) {
        _cleanup_free_ char *text = strbuf_take(event);

        if (text)
                notifier_send(n, signal, text);
        else
                log_event(LOG_ERR, NULL, FIELDS(vm_log_field(vm, (char[VM_LOG_FIELD_MAX]){})),
                        "Failed to tell an event of VM %s, ignoring: %s", UUID_TEXT(vm), strerror(ENOMEM));
}

void notifier_event(Notifier *n, const VmEvent *event) {
        _cleanup_strbuf_ StrBuf b = {};

        vm_event_write(event, &b);
        send_event(n, HOST_SIGNAL_VM_EVENT, &b, &event->uuid);
}

/* 0 when the store cannot give a number; the inventory will have the same. */
static uint64_t next_seq(Notifier *n, const HostVm *vm) {
        uint64_t seq = 0;
        int r;

        r = host_store_next_seq(n->store, &seq);
        if (r < 0)
                log_vm(LOG_ERR, NULL, vm, "Failed to number an event of VM %s, ignoring: %s", UUID_TEXT(&vm->uuid),
                        strerror(-r));
        return seq;
}

void notifier_vm(Notifier *n, const HostVm *vm) {
        VmEvent e = vm_event(vm, next_seq(n, vm));

        if (e.head.seq > 0)
                notifier_event(n, &e);
}

static void send_gpu(Notifier *n, const HostVm *vm, const VmGpu *gpu) {
        const EventHead head = {
                .seq = next_seq(n, vm), .boot_id = (char *) vm->context->boot_id, .token = vm->token};
        const PciEvent pci = {
                .head = head,
                .vm = vm->uuid,
                .address = gpu->address,
                .plugged = vm->record.pcis_plugged,
        };
        const VgpuEvent vgpu = {
                .head = head,
                .vm = vm->uuid,
                .device = gpu->device,
                .uuid = gpu->uuid,
                .pgpu = gpu->address,
                .identifier = gpu->identifier,
                .function = vm->record.function,
                .state = vm_vgpu_state(vm),
        };
        _cleanup_strbuf_ StrBuf b = {};

        if (head.seq == 0)
                return;
        if (gpu->passthrough)
                pci_event_write(&pci, &b);
        else
                vgpu_event_write(&vgpu, &b);
        send_event(n, gpu->passthrough ? HOST_SIGNAL_PCI_EVENT : HOST_SIGNAL_VGPU_EVENT, &b, &vm->uuid);
}

void notifier_gpus(Notifier *n, const HostVm *vm) {
        for (size_t i = 0; i < vm->n_gpus; i++)
                send_gpu(n, vm, &vm->gpus[i]);
}
