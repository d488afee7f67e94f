/*
 * The host: what it is made of, and how changes of it are told
 *
 * Whatever changes calls host_touch(); at the end of the loop's turn the queue of VMs moves on, and the
 * inventory is told once, however much changed. So a method's reply leaves before the events of what it set
 * going. An inventory is as long as the host has VMs, and each of them changes; so the more there are, the
 * longer is the pause between two of them.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "common/daemon/database.h"
#include "common/io/file.h"
#include "common/base/text.h"
#include "hostd/core/idset.h"
#include "hostd/service/events.h"
#include "hostd/service/host-internal.h"
#include "hostd/machine/strangers.h"
#include "hostd/vm/vm-program.h"

#define INVENTORY_PAUSE_PER_VM UINT64_C(4000)

int host_read_hardware(Host *h, Hardware *ret) {
        const HardwareSettings settings = host_settings_hardware(h->settings);
        Hardware hardware = {};
        int r;

        r = hardware_scan(&settings, &hardware);
        if (r < 0)
                return r;
        for (size_t i = 0; hardware.problems && hardware.problems[i]; i++)
                if (!h->hardware.problems || !idset_has(h->hardware.problems, hardware.problems[i]))
                        log_event(LOG_WARNING, MSG_TYPE_FILE_PROBLEM, NULL, "%s", hardware.problems[i]);
        /* A recorded machine that cannot be read is a mistake in the settings, not a host without GPUs. */
        if (hardware.source_is_bad && settings.pci.listing) {
                hardware_done(&hardware);
                log_error("The listing %s cannot be used: take one with lspci -D -nn -xxx.", settings.pci.listing);
                return -EBADMSG;
        }
        *ret = hardware;
        return 0;
}

static const char way_back[] = "Nothing was changed, and guests run on. Put a backup of the folder in its "
                               "place. Without one, move all that is in it away: the "
                               "host then begins anew under another uuid, takes over the VMs whose run "
                               "folders are there, and has to be added to its pool again.";

/* What is written from now on would be gone with the file: nothing more is acknowledged. */
static void on_store_lost(void *userdata) {
        Host *h = userdata;
        int r;

        r = database_log_failure(h->state_dir, -ESTALE, NULL,
                "Stopping; guests run on. Put the folder or a backup of it back, then start xenvgpu-hostd.");
        (void) sd_event_exit(h->event, database_exit_status(r));
}

static int open_store(Host *h, const char *state_dir) {
        _cleanup_free_ char *problem = NULL;
        int r;

        h->state_dir = strdup(state_dir);
        if (!h->state_dir)
                return -ENOMEM;
        database_catch_bus_error();
        r = mkdir_parents(state_dir, 0700);
        if (r >= 0)
                r = host_store_open(state_dir, &problem, &h->store);
        if (r == -EBUSY) {
                log_error("Another xenvgpu-hostd works in %s: one is enough.", state_dir);
                return r;
        }
        if (r >= 0)
                r = host_store_get_claim(h->store, &h->claim);
        if (r < 0)
                return database_log_failure(state_dir, r, problem, way_back);
        host_store_set_lost(h->store, on_store_lost, h);
        return 0;
}

static int make_vm_dir(Host *h, const char *runtime_dir) {
        int r;

        h->vm_dir = path_join(runtime_dir, "vm");
        if (!h->vm_dir)
                return -ENOMEM;
        r = mkdir_parents(h->vm_dir, 0700);
        return r < 0 ? log_errno(r, "Failed to make %s", h->vm_dir) : 0;
}

static int open_units(Host *h, const char *runtime_dir) {
        int r = 0;

        h->units = (Units){.ops = host_settings_units(h->settings), .event = h->event};
        if (h->units.ops == &units_systemd)
                r = systemd_open(h->event, h->settings->bus, &h->systemd);
        h->units.systemd = h->systemd;
        if (r >= 0)
                r = lease_open(h->event, h->systemd, h->settings->monitoring_units,
                        h->settings->monitoring_stop_timeout, runtime_dir, &h->lease);
        return r < 0 ? log_errno(r, "Failed to connect to systemd on %s", h->settings->bus) : 0;
}

static int on_turn_end(sd_event_source *source, void *userdata);

static int add_turn_source(Host *h) {
        int r;

        r = sd_event_add_defer(h->event, &h->turn_source, on_turn_end, h);
        return r < 0 ? r : sd_event_source_set_enabled(h->turn_source, SD_EVENT_OFF);
}

int host_open(sd_event *event, const HostSettings *settings, const char *state_dir, const char *runtime_dir,
        Host **ret) {
        _cleanup_(host_closep) Host *h = NULL;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        h->settings = settings;
        h->vms = hashmap_new_uuid();
        if (!h->vms)
                return -ENOMEM;

        r = open_units(h, runtime_dir);
        if (r >= 0)
                r = open_store(h, state_dir);
        if (r >= 0)
                r = make_vm_dir(h, runtime_dir);
        if (r >= 0)
                r = host_open_facts(h);
        if (r >= 0)
                r = host_rescan(h);
        if (r >= 0)
                r = add_turn_source(h);
        if (r < 0)
                return r;

        *ret = take_ptr(h);
        return 0;
}

Host *host_close(Host *h) {
        HostVm *vm;

        if (!h)
                return NULL;

        h->listener = NULL;
        if (h->lease)
                lease_pay(h->lease);
        /* Before the VMs: starts that go on without us still need it. */
        lease_close(h->lease);
        for (size_t i = 0; h->vms && (vm = hashmap_next(h->vms, &i));)
                vm_free(vm);
        hashmap_free(h->vms);
        sd_event_source_disable_unref(h->turn_source);
        sd_event_source_disable_unref(h->inventory_timer);
        free(h->claimer);
        host_claim_done(&h->claim);
        hardware_done(&h->hardware);
        host_forget_strangers(h);
        host_close_facts(h);
        host_store_close(h->store);
        systemd_close(h->systemd);
        free(h->vm_dir);
        free(h->state_dir);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}

int host_begin(Host *h, const HostListener *listener, void *userdata) {
        int r;

        h->listener = listener;
        h->listener_userdata = userdata;
        h->told_memory_free = host_get_memory_free(h);
        h->told_ended_seq = host_store_last_seq(h->store);
        r = host_recover(h);
        if (r < 0)
                return r;
        r = host_look_for_strangers(h);
        if (r < 0)
                (void) log_errno(r, "Failed to see whether others have GPUs, ignoring");
        return 0;
}

/* The end of a turn: VMs move on, and what changed is told, once. */

void host_wake(Host *h) {
        /* Before the host has begun there is nobody to tell. */
        if (!h->listener)
                return;
        if (sd_event_source_set_enabled(h->turn_source, SD_EVENT_ONESHOT) < 0)
                log_error("Failed to plan the telling of changes, ignoring.");
}

void host_touch(Host *h) {
        h->inventory_changed = true;
        host_wake(h);
}

static HostVm *next_in_queue(Host *h, unsigned *ret_building) {
        HostVm *vm, *next = NULL;
        unsigned building = 0;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                building += vm_is_building(vm);
                if (vm->phase == VM_PHASE_QUEUED && !vm->stop_wanted &&
                        (!next || vm->accepted < next->accepted))
                        next = vm;
        }
        *ret_building = building;
        return next;
}

static void run_queue(Host *h) {
        unsigned building;
        HostVm *vm;

        while ((vm = next_in_queue(h, &building)) && building < h->settings->concurrent_starts)
                vm_begin(vm);
}

/* VMs that were accepted, or taken up again, in this turn. */
static void tell_new_vms(Host *h) {
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                if (vm->told || vm->phase != VM_PHASE_QUEUED)
                        continue;
                events_tell_vm(vm);
                vm->told = true;
        }
}

static void tell_inventory(Host *h) {
        _cleanup_free_ char *text = NULL;
        uint64_t told;
        int r;

        r = host_build_inventory(h, h->told_ended_seq, &told, &text);
        if (r < 0) {
                (void) log_errno(r, "Failed to tell the inventory, ignoring");
                return;
        }
        h->told_ended_seq = told;
        h->listener->signal(HOST_SIGNAL_INVENTORY_CHANGED, text, h->listener_userdata);
}

static void tell_memory(Host *h) {
        uint64_t memory_free = host_get_memory_free(h);

        if (memory_free == h->told_memory_free)
                return;
        h->told_memory_free = memory_free;
        h->listener->property(HOST_PROPERTY_MEMORY_FREE, h->listener_userdata);
}

static int on_inventory_due(sd_event_source *source, uint64_t usec, void *userdata) {
        host_wake(userdata);
        return 0;
}

/* False when it is told later, by itself. */
static bool inventory_is_due(Host *h) {
        uint64_t now = 0;
        int r = 0;

        (void) sd_event_now(h->event, CLOCK_MONOTONIC, &now);
        if (now < h->inventory_due) {
                if (!h->inventory_timer)
                        r = sd_event_add_time(h->event, &h->inventory_timer, CLOCK_MONOTONIC,
                                h->inventory_due,
                                /* accuracy= */ 1000, on_inventory_due, h);
                else
                        r = sd_event_source_set_time(h->inventory_timer, h->inventory_due);
                if (r >= 0)
                        r = sd_event_source_set_enabled(h->inventory_timer, SD_EVENT_ONESHOT);
                if (r >= 0)
                        return false;
        }
        h->inventory_due = now + hashmap_size(h->vms) * INVENTORY_PAUSE_PER_VM;
        return true;
}

static int on_turn_end(sd_event_source *source, void *userdata) {
        Host *h = userdata;

        tell_new_vms(h);
        run_queue(h);

        if (!h->inventory_changed || !inventory_is_due(h))
                return 0;
        h->inventory_changed = false;
        tell_memory(h);
        tell_inventory(h);
        h->listener->status(h->listener_userdata);
        return 0;
}

/* What the bus shows. */

const char *host_describe(const Host *h, char buf[static HOST_DESCRIPTION_MAX]) {
        unsigned running = 0, starting = 0;
        char others[32] = "", claim[96] = "unclaimed";
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));) {
                running += vm->record.state == VM_STATE_RUNNING || vm->record.state == VM_STATE_PAUSED;
                starting += vm->record.state == VM_STATE_STARTING;
        }
        if (starting > 0)
                (void) snprintf(others, sizeof(others), ", %u starting", starting);
        if (h->claim.held)
                text_format(claim, sizeof(claim), "claimed by epoch %llu%s",
                        (unsigned long long) h->claim.epoch, h->claimer ? "" : " (its policyd is away)");
        text_format(buf, HOST_DESCRIPTION_MAX, "%zu PGPU%s, %u VM%s running%s, %s", h->hardware.n_pgpus,
                PLURAL(h->hardware.n_pgpus), running, PLURAL(running), others, claim);
        return buf;
}

const Uuid *host_get_uuid(const Host *h) {
        return host_store_host_uuid(h->store);
}

const char *host_get_boot_id(const Host *h) {
        return h->facts.boot_id;
}

const char *host_get_hypervisor(const Host *h) {
        return h->facts_source->ops->hypervisor;
}

uint64_t host_get_epoch(const Host *h) {
        return h->claim.epoch;
}

uint64_t host_get_orders(const Host *h) {
        return h->claim.held ? host_store_get_orders(h->store) : 0;
}

const char *host_get_claimed_by(const Host *h) {
        return h->claim.held ? h->claim.pool : "";
}

const char *host_get_claimer(const Host *h) {
        return strempty(h->claimer);
}

uint64_t host_get_memory_free(const Host *h) {
        uint64_t memory_free = 0, awaited = 0;
        HostVm *vm;
        int r;

        r = host_facts_memory_free(h->facts_source, &memory_free);
        if (r < 0) {
                (void) log_errno(r, "Failed to read how much memory is free, taking none");
                return 0;
        }
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                if (vm_awaits_domain(vm))
                        awaited += vm->memory;
        return memory_free > awaited ? memory_free - awaited : 0;
}

const Pgpu *host_get_pgpus(const Host *h, size_t *ret_n) {
        *ret_n = h->hardware.n_pgpus;
        return h->hardware.pgpus;
}

const Pgpu *host_find_pgpu(const Host *h, const PciAddress *address) {
        return pgpu_find(h->hardware.pgpus, h->hardware.n_pgpus, address);
}

static bool is_resident(const HostVm *vm, const VmGpu *gpu) {
        return gpu->passthrough ? vm->record.pcis_plugged : vm->record.vgpus_active;
}

static int resident_name(const HostVm *vm, const VmGpu *gpu, char **ret) {
        int r;

        if (!uuid_is_null(&gpu->uuid)) {
                *ret = strdup(UUID_TEXT(&gpu->uuid));
                return *ret ? 0 : -ENOMEM;
        }
        r = asprintf(
                ret, "%s/%s", UUID_TEXT(&vm->uuid), gpu->passthrough ? PCI_TEXT(&gpu->address) : gpu->device);
        return r < 0 ? -ENOMEM : 0;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int host_get_resident_vgpus(const Host *h, const PciAddress *pgpu, char ***ret) {
        _cleanup_(strv_freep) char **names = NULL;
        size_t n = 0, most = 0;
        HostVm *vm;
        int r;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                most += vm->n_gpus;
        names = calloc(most + 1, sizeof(*names));
        if (!names)
                return -ENOMEM;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++) {
                        if (!vm_gpu_is_on(&vm->gpus[k], pgpu) || !is_resident(vm, &vm->gpus[k]))
                                continue;
                        r = resident_name(vm, &vm->gpus[k], &names[n]);
                        if (r < 0)
                                return r;
                        n++;
                }

        qsort(names, n, sizeof(*names), compare_texts);
        *ret = take_ptr(names);
        return 0;
}

int host_list_occupants(const Host *h, Occupant **ret, size_t *ret_n) {
        Occupant *list;
        size_t n = 0, most = 0;
        HostVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                most += vm->n_gpus;
        list = calloc(most + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++)
                        if (vm->gpus[k].identifier)
                                list[n++] = (Occupant){
                                        .vm = vm->uuid,
                                        .pgpu = vm->gpus[k].address,
                                        .identifier = vm->gpus[k].identifier,
                                        .size = vm->gpus[k].size,
                                };
        *ret = list;
        *ret_n = n;
        return 0;
}
