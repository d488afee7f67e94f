/*
 * Taking up VMs after a restart
 *
 * The store says which orders were accepted and have not ended; the run folders say how far each is. A VM of
 * an earlier boot is over: nothing survives a reboot of the host. A run folder that the store does not know
 * (its end was stored just before hostd died, or the state folder was lost) is removed when its VM is over,
 * and else taken over as an order.
 */

#include "hostd/service/host-internal.h"
#include "hostd/vm/vm-end.h"
#include "hostd/vm/vm-program.h"

typedef struct VmList {
        Hostd *host;
        HostVm **items;
        size_t n;
} VmList;

static int add_to_list(VmList *list, HostVm *vm) {
        HostVm **items;

        items = reallocarray(list->items, list->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        list->items[list->n++] = vm;
        return 0;
}

/* Its run folder may still have the order; if not, its domain keeps all GPUs in use. */
static int visit_unread(const Uuid *vm, void *userdata) {
        VmList *list = userdata;

        log_event(LOG_ERR, NULL, FIELDS(vm_log_field(vm, (char[VM_LOG_FIELD_MAX]){})),
                "The stored order of VM %s cannot be read; its run folder is asked.", UUID_TEXT(vm));
        return strangers_add_unread(&list->host->strangers, vm);
}

static int visit_order(const StoredOrder *stored, void *userdata) {
        _cleanup_(vm_freep) HostVm *vm = NULL;
        VmList *list = userdata;
        int r;

        r = vm_restore(&list->host->vm_context, stored, &vm);
        if (r == -EBADMSG)
                return visit_unread(&stored->vm, list); /* said there */
        if (r >= 0)
                vm->record.let_go = true; /* until its program says that it was not */
        if (r >= 0)
                r = add_to_list(list, vm);
        if (r < 0)
                return r;
        r = hashmap_put(list->host->vms, &vm->uuid, vm);
        if (r < 0) {
                list->n--;
                return r;
        }
        take_ptr(vm);
        return 0;
}

/* Without a run folder an order was not begun, unless somebody removed the folder of a VM that runs. If a record cannot be
 * read, a new program could not read it either; only the program that wrote it, if it runs, needs no record. */
static bool runs_out_of_reach(const Hostd *h, const HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        Programs *p = &vm->context->programs;
        ProcessId holder;
        uint32_t domid;
        int r;

        r = p->ops->read_record(p, vm->folder, &record);
        if (r >= 0 || p->ops->find_holder(p, vm->folder, &holder) >= 0 ||
                (r == -ENOENT && p->ops->has_folder(p, vm->folder)))
                return false;
        return machine_facts_find_domain(h->facts.source, &vm->uuid, &domid) != -ENOENT;
}

/* It cannot be commanded, but must not be reported as over either: another host would start it again. */
static int keep_out_of_reach(Hostd *h, HostVm *vm) {
        int r;

        log_vm(LOG_ERR, NULL, vm, "The run folder of VM %s (%s) is gone or cannot be read, and its domain may be there.",
                UUID_TEXT(&vm->uuid), vm->name_label);
        r = strangers_add_unread(&h->strangers, &vm->uuid);
        (void) hashmap_remove(h->vms, &vm->uuid);
        vm_free(vm);
        return r;
}

/* The store is an older copy, in which the order is still there. What of this VM is in a run folder has another order. */
static int forget_over(Hostd *h, HostVm *vm) {
        int r = host_store_del_order(h->store, &vm->uuid);

        log_vm(LOG_WARNING, NULL, vm, "The store has an order of VM %s (%s) that is over: it is an older copy. The order is dropped.",
                UUID_TEXT(&vm->uuid), vm->name_label);
        (void) hashmap_remove(h->vms, &vm->uuid);
        vm_free(vm);
        return r;
}

/* The same of an order of an earlier boot, after which this boot has begun another one of the VM. */
static bool is_followed(const HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        Programs *p = &vm->context->programs;

        return p->ops->read_record(p, vm->folder, &record) >= 0 && !uuid_equal(&record.token, &vm->token);
}

static int take_up(Hostd *h, HostVm *vm) {
        bool earlier = !streq(vm->boot_id, h->facts.now.boot_id);

        if (h->vm_context.programs.ops->is_over(&h->vm_context.programs, &vm->token) || (earlier && is_followed(vm)))
                return forget_over(h, vm);
        if (earlier)
                vm_end(vm, "host-reboot", ERROR_NONE, NULL);
        else if (runs_out_of_reach(h, vm))
                return keep_out_of_reach(h, vm);
        else
                vm_adopt(vm);
        return 0;
}

/* Run folders that the store does not know. */

static int find_types(Hostd *h, const StartOrder *order, const HostType **ret) {
        HostView view = {
                .pgpus = h->gpus.hardware.pgpus,
                .n_pgpus = h->gpus.hardware.n_pgpus,
                .types = h->gpus.hardware.types,
                .n_types = h->gpus.hardware.n_types,
        };
        const HostType *passthrough = host_type_find(view.types, view.n_types, PASSTHROUGH_IDENTIFIER);

        for (size_t i = 0; i < order->n_vgpus; i++) {
                const OrderGpu gpu = order_gpu_from_record(&order->vgpus[i]);
                const Pgpu *p = gpus_find(&h->gpus, &gpu.address);

                ret[i] = p ? order_gpu_find_type(&view, p, &gpu) : NULL;
        }
        for (size_t i = 0; i < order->n_pcis; i++)
                ret[order->n_vgpus + i] = gpus_find(&h->gpus, &order->pcis[i].address) ? passthrough : NULL;
        return 0;
}

static int take_over_order(Hostd *h, const StartOrder *order, const char *text) {
        const HostType *types[2 * ORDER_GPUS_MAX] = {};
        _cleanup_(vm_freep) HostVm *vm = NULL;
        int r;

        r = find_types(h, order, types);
        if (r >= 0)
                r = vm_new(&h->vm_context, order, types, text, &vm);
        if (r >= 0)
                vm->record.let_go = true;
        if (r >= 0)
                r = host_store_next_seq(h->store, &vm->accepted);
        if (r >= 0)
                r = vm_store(vm);
        if (r >= 0)
                r = hashmap_put(h->vms, &vm->uuid, vm);
        if (r < 0)
                return r;

        log_vm(LOG_WARNING, NULL, vm, "Took over VM %s (%s), which runs here and was not in the store.",
                UUID_TEXT(&vm->uuid), vm->name_label);
        vm_adopt(take_ptr(vm));
        return 0;
}

static int take_over_folder(Hostd *h, const char *folder) {
        _cleanup_(run_record_done) RunRecord record = {};
        _cleanup_(start_order_done) StartOrder order = {};
        Programs *p = &h->vm_context.programs;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        int r;

        r = p->ops->read_record(p, folder, &record);
        if (r == -ENOENT || (r >= 0 && record.state == VM_STATE_HALTED))
                r = p->ops->remove_folder(p, folder, &record.token);
        else if (r >= 0)
                r = p->ops->read_order(p, folder, &text);
        if (r >= 0 && text)
                r = start_order_read(&reader, text, &order);
        if (r < 0)
                (void) log_errno(r, "Failed to take over the run folder %s, ignoring", folder);
        return r < 0 || !text ? 0 : take_over_order(h, &order, text);
}

typedef struct TakeOver {
        Hostd *host;
        int error; /* the first one of the store */
} TakeOver;

/* What runs here and cannot be stored would be told to nobody, and be started elsewhere. So hostd ends, and tries again. */
static void visit_folder(const Uuid *vm, const char *folder, void *userdata) {
        TakeOver *t = userdata;

        if (t->error >= 0 && !hashmap_get(t->host->vms, vm))
                t->error = take_over_folder(t->host, folder);
}

int host_recover(Hostd *h) {
        VmList list = {.host = h};
        TakeOver folders = {.host = h};
        int r;

        r = host_store_each_order(h->store, visit_order, visit_unread, &list);
        for (size_t i = 0; r >= 0 && i < list.n; i++)
                r = take_up(h, list.items[i]);
        free(list.items);
        if (r >= 0)
                r = h->vm_context.programs.ops->each_folder(&h->vm_context.programs, visit_folder, &folders);
        r = r < 0 ? r : folders.error;
        if (r < 0)
                return log_errno(r, "Failed to take up the VMs of this host");
        lease_settle(h->vm_context.lease);

        notifier_touch(&h->notifier);
        return 0;
}
