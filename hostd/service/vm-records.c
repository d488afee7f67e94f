/*
 * The record of a VM, for a pool that does not have it
 *
 * A domain that xl started is refused. While its xl lives, that would start it anew when the guest reboots, and nobody had booked what
 * it takes. Without it the domain still has a device model that no xenvgpu-domain started, so nothing here could end it, or start it
 * again, as its order says.
 */

#include "hostd/edge/xl-monitor.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/vm-records.h"
#include "hostd/vm/vm.h"

#define ITS_CONFIG                                                                                                     \
        "Its config can be taken over: `xl list -l %s` prints it, `xenvgpu vm-create config=@FILE` makes the VM of the file that it was " \
        "started from. Shut the domain down before you start that VM."

static int refuse_domain(const DomainFunction *f, Refusal *refusal) {
        pid_t monitor;
        int r;

        r = xl_monitor_find("/proc", f->name, &monitor);
        if (r < 0)
                return r;
        if (r > 0)
                return refusal_made(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "Domain '%s' (id %u) is watched by xl (process %d), which would start it again when its guest "
                        "reboots, and nothing would be booked for it. " ITS_CONFIG,
                        f->name, f->domid, (int) monitor, f->name);
        return refusal_made(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                "Domain '%s' (id %u) was not started by xenvgpu: its device model is not ours, so it cannot be followed. " ITS_CONFIG,
                f->name, f->domid, f->name);
}

int host_get_vm(Hostd *h, const Uuid *id, char **ret, Refusal *refusal) {
        const HostVm *vm = hashmap_get(h->vms, id);
        const DomainFunction *f;

        if (vm) {
                *ret = strdup(vm->order);
                return *ret ? 0 : -ENOMEM;
        }
        if (strangers_is_unread(&h->strangers, id))
                return refusal_set(refusal, ERROR_VM_BAD_POWER_STATE,
                        "VM %s has a domain here and its stored order or run folder cannot be read: end the domain by hand on this "
                        "host (xl destroy).",
                        UUID_TEXT(id));
        f = strangers_find_domain(&h->strangers, id);
        return f ? MIN_OF(refuse_domain(f, refusal), 0)
                 : refusal_set(refusal, ERROR_NO_SUCH_OBJECT, "No VM or domain %s runs on this host.", UUID_TEXT(id));
}
