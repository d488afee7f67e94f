/*
 * The host: it makes its parts, and passes on what each of them reports
 *
 * At the end of each turn of the loop in which something changed, the next VMs of the queue are started and the
 * inventory is sent once. An inventory grows with the number of VMs, and each VM causes changes; so the more VMs
 * there are, the longer is the pause between two inventories.
 */

#include <stdio.h>

#include "common/daemon/database.h"
#include "common/base/text.h"
#include "hostd/service/claim.h"
#include "hostd/service/domain-end.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/second-look.h"
#include "hostd/vm/vm-program.h"
#include "hostd/vm/vms.h"

#define INVENTORY_PAUSE_PER_VM UINT64_C(4000)

/* Later writes would be lost with the file, so hostd stops and acknowledges nothing more. */
static void on_store_lost(void *userdata) {
        Hostd *h = userdata;
        int r;

        r = database_log_failure(h->parts->state_dir, -ESTALE, NULL,
                "Stopping; guests run on. Put the folder or a backup of it back, then start xenvgpu-hostd.");
        loop_exit(h->loop, database_exit_status(r));
}

/* What the parts tell. */

static void on_changed(void *userdata) {
        Hostd *h = userdata;

        notifier_touch(&h->notifier);
}

static void on_domains(void *userdata) {
        Hostd *h = userdata;

        if (host_get_memory_free(h) != h->told_memory_free)
                notifier_touch(&h->notifier);
}

static const FactsListener facts_listener = {.changed = on_changed, .domains = on_domains};

static bool is_ours(const Uuid *vm, void *userdata) {
        const Hostd *h = userdata;

        return hashmap_get(h->vms, vm);
}

typedef struct Rest {
        Hostd *host;
        const Uuid *vm;
        size_t n;
} Rest;

static void kill_rest(const Uuid *vm, const char *folder, void *userdata) {
        Rest *rest = userdata;
        Programs *p = &rest->host->vm_context.programs;

        if (uuid_equal(vm, rest->vm))
                rest->n += p->ops->kill_rest(p, folder);
}

/* Its emulator outlives the domain, and uses the GPU: no program that would end it runs. */
static size_t end_rest(Hostd *h, const Uuid *vm) {
        Programs *p = &h->vm_context.programs;
        Rest rest = {.host = h, .vm = vm};

        /* An order that came since has the folder. */
        if (!hashmap_get(h->vms, vm))
                (void) p->ops->each_folder(p, kill_rest, &rest);
        return rest.n;
}

/* The order cannot be read, so the VM's uuid takes the place of the token, as it does in the inventory. */
static int on_unread_gone(const Uuid *vm, void *userdata) {
        Hostd *h = userdata;
        VmEvent e = {.head = {.boot_id = h->facts.now.boot_id, .token = *vm},
                .uuid = *vm,
                .state = VM_STATE_HALTED,
                .stage = (char *) "",
                .reason = (char *) "gone"};
        int r;

        if (end_rest(h, vm) > 0)
                return -EBUSY;
        r = host_store_next_seq(h->store, &e.head.seq);
        if (r >= 0)
                r = host_store_end_order(h->store, vm, &e);
        if (r < 0) {
                log_event(LOG_ERR, NULL, FIELDS(vm_log_field(vm, (char[VM_LOG_FIELD_MAX]){})),
                        "Failed to store the end of VM %s, trying again: %s", UUID_TEXT(vm), strerror(-r));
                return r;
        }
        notifier_event(&h->notifier, &e);
        log_event(LOG_NOTICE, NULL, FIELDS(vm_log_field(vm, (char[VM_LOG_FIELD_MAX]){})),
                "The domain of VM %s, whose stored order or run folder cannot be read, is gone: no GPU is "
                "kept for it any "
                "more.",
                UUID_TEXT(vm));
        return 0;
}

static bool is_of_gpu(const PciAddress *function, void *userdata) {
        const Hostd *h = userdata;

        return gpus_find_by_function(&h->gpus, function) != NULL;
}

static const StrangersListener strangers_listener = {
        .is_ours = is_ours,
        .is_of_gpu = is_of_gpu,
        .changed = on_changed,
        .gone = on_unread_gone,
};

static void on_vm_moved(HostVm *vm, void *userdata) {
        Hostd *h = userdata;

        notifier_wake(&h->notifier);
}

static void on_vm_changed(HostVm *vm, void *userdata) {
        on_changed(userdata);
}

static void on_vm_record(HostVm *vm, void *userdata) {
        Hostd *h = userdata;

        notifier_vm(&h->notifier, vm);
}

static void on_vm_gpus(HostVm *vm, void *userdata) {
        Hostd *h = userdata;

        notifier_gpus(&h->notifier, vm);
        for (size_t i = 0; h->notifier.listener && i < vm->n_gpus; i++)
                if (gpus_find(&h->gpus, &vm->gpus[i].address))
                        h->notifier.listener->pgpu.changed(
                                &vm->gpus[i].address, PGPU_PROPERTY_RESIDENT_VGPUS, h->notifier.userdata);
}

static void on_vm_over(HostVm *vm, const VmEvent *end, void *userdata) {
        Hostd *h = userdata;

        notifier_event(&h->notifier, end);
        (void) hashmap_remove(h->vms, &vm->uuid);
        notifier_touch(&h->notifier);
        if (vm->given_up && host_look_at_divisions(h) >= 0)
                second_look_at_all(h);
}

static const VmListener vm_listener = {
        .moved = on_vm_moved,
        .changed = on_vm_changed,
        .record = on_vm_record,
        .gpus = on_vm_gpus,
        .over = on_vm_over,
};

/* Opening and closing. */

/* Gives each part what it uses. */
static void wire(Hostd *h, const HostParts *parts) {
        h->facts = (Facts){
                .loop = parts->loop,
                .event = parts->event,
                .settings = parts->settings,
                .source = parts->facts,
                .listener = &facts_listener,
                .userdata = h,
        };
        h->gpus = (Gpus){.settings = parts->settings,
                .source = parts->hardware,
                .runtime = parts->runtime_dir,
                .store = parts->store};
        h->strangers = (Strangers){
                .loop = parts->loop,
                .hardware = &h->gpus.hardware,
                .listener = &strangers_listener,
                .userdata = h,
        };
        h->vm_context = (VmContext){
                .loop = parts->loop,
                .settings = parts->settings,
                .store = parts->store,
                .programs = parts->programs,
                .units = parts->units,
                .listener = &vm_listener,
                .userdata = h,
        };
}

static void on_turn_end(void *userdata);

int host_open(const HostParts *parts, Hostd **ret) {
        const HostSettings *settings = parts->settings;
        _cleanup_(host_closep) Hostd *h = NULL;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->parts = parts;
        h->loop = parts->loop;
        h->settings = settings;
        h->store = parts->store;
        wire(h, parts);
        h->vms = hashmap_new_uuid();
        r = h->vms ? host_store_get_claim(h->store, &h->command.claim) : -ENOMEM;
        if (r >= 0)
                r = lease_open(h->loop, parts->units.systemd, settings->monitoring_units,
                        settings->monitoring_stop_timeout, parts->runtime_dir, &h->vm_context.lease);
        if (r >= 0)
                r = facts_open(&h->facts);
        if (r >= 0)
                r = notifier_open(&h->notifier, h->loop, h->store, on_turn_end, h);
        if (r < 0)
                return r;
        host_store_set_lost(h->store, on_store_lost, h);
        h->strangers.source = h->vm_context.facts = h->facts.source;
        h->vm_context.boot_id = h->facts.now.boot_id;
        r = host_rescan(h);
        if (r < 0)
                return r;

        *ret = take_ptr(h);
        return 0;
}

Hostd *host_close(Hostd *h) {
        HostVm *vm;

        if (!h)
                return NULL;

        second_looks_forget(h);
        domain_ends_forget(h);
        notifier_close(&h->notifier);
        if (h->vm_context.lease)
                lease_pay(h->vm_context.lease);
        /* Before the VMs: starts that go on without us still need it. */
        lease_close(h->vm_context.lease);
        for (size_t i = 0; h->vms && (vm = hashmap_next(h->vms, &i));)
                vm_free(vm);
        hashmap_free(h->vms);
        loop_timer_free(h->inventory_timer);
        free(h->command.claimer);
        host_claim_done(&h->command.claim);
        hardware_done(&h->gpus.hardware);
        strangers_done(&h->strangers);
        facts_close(&h->facts);
        host_store_set_lost(h->store, NULL, NULL);
        free(h);
        return NULL;
}

int host_begin(Hostd *h, const HostListener *listener, void *userdata) {
        int r;

        h->gpus.listener = &listener->pgpu;
        h->notifier.listener = listener;
        h->gpus.userdata = h->notifier.userdata = userdata;
        h->told_memory_free = host_get_memory_free(h);
        h->told_ended_seq = host_store_last_seq(h->store);
        r = host_recover(h);
        if (r < 0)
                return r;
        r = strangers_look(&h->strangers);
        if (r < 0)
                (void) log_errno(r, "Failed to see whether others have GPUs, ignoring");
        r = host_look_at_divisions(h);
        if (r < 0)
                return r;
        second_look_at_all(h);
        return 0;
}

int host_rescan(Hostd *h) {
        _cleanup_free_ const char **used = NULL;
        int r;

        r = vms_list_virtual(h->vms, &used);
        r = r < 0 ? r : gpus_rescan(&h->gpus, used);
        if (r < 0)
                return r;
        (void) facts_reread(&h->facts);
        /* Before the host has begun it does not know its own VMs: they would be strangers. */
        if (h->notifier.listener) {
                (void) strangers_look(&h->strangers);
                second_look_at_all(h);
        }
        notifier_touch(&h->notifier);
        return 0;
}

/* The core knows which types are in use; who uses the PGPU is known here. */
static int name_users(const char *const *names, Refusal *refusal) {
        _cleanup_free_ char *text = NULL, *why = take_ptr(refusal->message);

        text = text_join_and(names, strv_count((char *const *) names));
        if (!text)
                return -ENOMEM;
        return refusal_set(refusal, refusal->code, "%s VMs on this PGPU: %s.", strempty(why), text);
}

/* The PGPU that a caller wants to change, if it may. */
static int find_pgpu(Hostd *h, const char *caller, const PciAddress *address, Pgpu **ret, Refusal *refusal) {
        int r;

        r = host_check_caller(h, caller, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        *ret = gpus_find(&h->gpus, address);
        return *ret ? 0 : refusal_set(refusal, ERROR_NO_SUCH_OBJECT, "There is no PGPU at %s any more.", PCI_TEXT(address));
}

int host_change_types(Hostd *h, const char *caller, const PciAddress *pgpu, EnablementChange change,
        const char *const *wanted, Refusal *ret) {
        _cleanup_free_ const char **users = NULL, **busy = NULL;
        Pgpu *p;
        int r;

        r = find_pgpu(h, caller, pgpu, &p, ret);
        if (r < 0 || ret->code != ERROR_NONE)
                return r;
        r = vms_list_users(h->vms, pgpu, &users, &busy);
        if (r >= 0)
                r = gpus_change_types(&h->gpus, p, change, wanted, busy, ret);
        if (r > 0)
                notifier_touch(&h->notifier);
        return r >= 0 && ret->code == ERROR_PGPU_IN_USE_BY_VM ? name_users(users, ret) : MIN_OF(r, 0);
}

int host_clear_health(Hostd *h, const char *caller, const PciAddress *pgpu, Refusal *ret) {
        Pgpu *p;
        int r;

        r = find_pgpu(h, caller, pgpu, &p, ret);
        if (r < 0 || ret->code != ERROR_NONE)
                return r;
        return p->n_suspect > 0 ? second_look(h, pgpu, /* undivide= */ true) : 0;
}

/* The end of a turn: the next VMs of the queue are started, and what changed is sent, once. */

static void run_queue(Hostd *h) {
        HostVm *vm;

        while ((vm = vms_next_in_queue(h->vms, h->settings->concurrent_starts)))
                vm_begin(vm);
}

/* VMs that were accepted, or restored, in this turn. */
static void send_new_vms(Hostd *h) {
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                if (vm->told || vm->phase != VM_PHASE_QUEUED)
                        continue;
                notifier_vm(&h->notifier, vm);
                vm->told = true;
        }
}

static void send_inventory(Hostd *h) {
        _cleanup_free_ char *text = NULL;
        uint64_t told;
        int r;

        r = host_build_inventory(h, h->told_ended_seq, &told, &text);
        if (r < 0) {
                (void) log_errno(r, "Failed to tell the inventory, ignoring");
                return;
        }
        h->told_ended_seq = told;
        notifier_send(&h->notifier, HOST_SIGNAL_INVENTORY_CHANGED, text);
}

static void notify_memory(Hostd *h) {
        uint64_t memory_free = host_get_memory_free(h);

        if (memory_free == h->told_memory_free)
                return;
        h->told_memory_free = memory_free;
        notifier_property(&h->notifier, HOST_PROPERTY_MEMORY_FREE);
}

static void on_inventory_due(void *userdata) {
        Hostd *h = userdata;

        notifier_wake(&h->notifier);
}

/* False: a timer will send it later. */
static bool inventory_is_due(Hostd *h) {
        uint64_t now = loop_now(h->loop, LOOP_MONOTONIC);

        if (now < h->inventory_due &&
                loop_call_at(h->loop, &h->inventory_timer, LOOP_MONOTONIC, h->inventory_due, on_inventory_due, h) >= 0)
                return false;
        h->inventory_due = now + hashmap_size(h->vms) * INVENTORY_PAUSE_PER_VM;
        return true;
}

static void on_turn_end(void *userdata) {
        Hostd *h = userdata;

        send_new_vms(h);
        run_queue(h);

        if (!h->notifier.inventory_changed || !inventory_is_due(h))
                return;
        h->notifier.inventory_changed = false;
        notify_memory(h);
        send_inventory(h);
        h->notifier.listener->status(h->notifier.userdata);
}

/* What the bus shows. */

const char *host_describe(const Hostd *h, char buf[static HOST_DESCRIPTION_MAX]) {
        unsigned running = 0, starting = 0;
        char others[32] = "", claim[96] = "unclaimed";
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                running += vm->record.state == VM_STATE_RUNNING || vm->record.state == VM_STATE_PAUSED;
                starting += vm->record.state == VM_STATE_STARTING;
        }
        if (starting > 0)
                (void) snprintf(others, sizeof(others), ", %u starting", starting);
        if (h->command.claim.held)
                text_format(claim, sizeof(claim), "claimed by epoch %llu%s",
                        (unsigned long long) h->command.claim.epoch, h->command.claimer ? "" : " (its policyd is away)");
        text_format(buf, HOST_DESCRIPTION_MAX, "%zu PGPU%s, %u VM%s running%s, %s", h->gpus.hardware.n_pgpus,
                PLURAL(h->gpus.hardware.n_pgpus), running, PLURAL(running), others, claim);
        return buf;
}

const Pgpu *host_get_pgpus(const Hostd *h, size_t *ret_n) {
        *ret_n = h->gpus.hardware.n_pgpus;
        return h->gpus.hardware.pgpus;
}

const Pgpu *host_get_pgpu(const Hostd *h, const PciAddress *address) {
        return pgpu_find(h->gpus.hardware.pgpus, h->gpus.hardware.n_pgpus, address);
}

int host_get_resident_vgpus(const Hostd *h, const PciAddress *pgpu, char ***ret) {
        return vms_list_resident(h->vms, pgpu, ret);
}
