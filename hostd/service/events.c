/*
 * Telling what happens to VMs
 *
 * Records become numbered events. The same builder makes the end of a VM, which is stored before it is told.
 */

#include "hostd/service/events.h"
#include "hostd/service/host-internal.h"

static void tell(Host *h, HostSignal signal, StrBuf *event) {
        _cleanup_free_ char *text = strbuf_take(event);

        if (!text) {
                (void) log_errno(-ENOMEM, "Failed to tell an event, ignoring");
                return;
        }
        if (h->listener)
                h->listener->signal(signal, text, h->listener_userdata);
}

static int make_head(HostVm *vm, EventHead *ret) {
        EventHead head = {.token = vm->token};
        int r;

        r = host_store_next_seq(vm->host->store, &head.seq);
        if (r < 0)
                return r;
        head.boot_id = strdup(host_get_boot_id(vm->host));
        if (!head.boot_id)
                return -ENOMEM;
        *ret = head;
        return 0;
}

static int copy_optional(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

int events_make_vm(HostVm *vm, VmEvent *ret) {
        VmEvent e = {
                .uuid = vm->uuid,
                .state = vm->record.state,
                .progress = vm->record.progress,
                .domid = vm->record.domid,
                .before_unpause = vm->record.state == VM_STATE_HALTED && !vm->record.let_go,
        };
        int r;

        r = make_head(vm, &e.head);
        if (r >= 0)
                r = copy_optional(strempty(vm->record.stage), &e.stage);
        if (r >= 0)
                r = copy_optional(strempty(vm->record.reason), &e.reason);
        if (r >= 0)
                r = copy_optional(vm->record.error_name, &e.error_name);
        if (r >= 0)
                r = copy_optional(vm->record.error_message, &e.error_message);
        if (r < 0) {
                vm_event_done(&e);
                return r;
        }
        *ret = e;
        return 0;
}

void events_tell(Host *h, const VmEvent *event) {
        _cleanup_strbuf_ StrBuf b = {};

        vm_event_write(event, &b);
        tell(h, HOST_SIGNAL_VM_EVENT, &b);
}

void events_tell_vm(HostVm *vm) {
        _cleanup_(vm_event_done) VmEvent e = {};
        int r;

        r = events_make_vm(vm, &e);
        if (r < 0) {
                (void) log_errno(r, "Failed to number an event of VM %s, ignoring", UUID_TEXT(&vm->uuid));
                return;
        }
        events_tell(vm->host, &e);
}

static int tell_vgpu(HostVm *vm, const VmGpu *gpu) {
        _cleanup_strbuf_ StrBuf b = {};
        VgpuEvent e = {
                .vm = vm->uuid,
                .device = gpu->device,
                .uuid = gpu->uuid,
                .pgpu = gpu->address,
                .identifier = gpu->identifier,
                .state =
                        {
                                .active = vm->record.vgpus_active,
                                .plugged = vm->record.vgpus_plugged,
                                .emulator_pid = (uint32_t) vm->record.emulator.pid,
                        },
        };
        int r;

        r = make_head(vm, &e.head);
        if (r < 0)
                return r;
        vgpu_event_write(&e, &b);
        free(e.head.boot_id);
        tell(vm->host, HOST_SIGNAL_VGPU_EVENT, &b);
        return 0;
}

static int tell_pci(HostVm *vm, const VmGpu *gpu) {
        _cleanup_strbuf_ StrBuf b = {};
        PciEvent e = {.vm = vm->uuid, .address = gpu->address, .plugged = vm->record.pcis_plugged};
        int r;

        r = make_head(vm, &e.head);
        if (r < 0)
                return r;
        pci_event_write(&e, &b);
        free(e.head.boot_id);
        tell(vm->host, HOST_SIGNAL_PCI_EVENT, &b);
        return 0;
}

void events_tell_gpus(HostVm *vm) {
        int r;

        for (size_t i = 0; i < vm->n_gpus; i++) {
                r = vm->gpus[i].passthrough ? tell_pci(vm, &vm->gpus[i]) : tell_vgpu(vm, &vm->gpus[i]);
                if (r < 0)
                        (void) log_errno(
                                r, "Failed to tell of a GPU of VM %s, ignoring", UUID_TEXT(&vm->uuid));
                if (vm->host->listener && host_find_pgpu(vm->host, &vm->gpus[i].address))
                        vm->host->listener->pgpu_changed(&vm->gpus[i].address, PGPU_PROPERTY_RESIDENT_VGPUS,
                                vm->host->listener_userdata);
        }
}
