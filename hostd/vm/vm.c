/*
 * A VM on this host: its making, and its record in the store
 *
 * The stored order is the start order as it came; beside it stand what was decided when it was accepted
 * (types and sizes, which may leave the type files while the VM runs) and the stop order, once there is one.
 */

#include <stdio.h>

#include "hostd/vm/vm.h"

static const char *const phase_names[_VM_PHASE_MAX] = {
        [VM_PHASE_QUEUED] = "queued",
        [VM_PHASE_LEASING] = "leasing",
        [VM_PHASE_LAUNCHING] = "launching",
        [VM_PHASE_WAITING] = "waiting",
        [VM_PHASE_FOLLOWED] = "followed",
        [VM_PHASE_DEAD] = "dead",
        [VM_PHASE_CLEANING] = "cleaning",
        [VM_PHASE_ENDING] = "ending",
};

const char *vm_phase_to_string(VmPhase phase) {
        return phase >= 0 && phase < _VM_PHASE_MAX ? phase_names[phase] : NULL;
}

const char *vm_log_field(const Uuid *vm, char buf[static VM_LOG_FIELD_MAX]) {
        (void) snprintf(buf, VM_LOG_FIELD_MAX, FIELD_VM "%s", UUID_TEXT(vm));
        return buf;
}

void vm_set_phase(HostVm *vm, VmPhase phase) {
        if (vm->phase == phase)
                return;

        log_vm(LOG_DEBUG, NULL, vm, "VM %s: %s, was %s", UUID_TEXT(&vm->uuid), vm_phase_to_string(phase),
                vm_phase_to_string(vm->phase));
        vm->phase = phase;
        vm->context->listener->moved(vm, vm->context->userdata);
}

void vm_enter_start(HostVm *vm, StartStage stage) {
        start_times_enter(&vm->start_times, stage, start_times_now());
}

static void on_ring(void *userdata) {
        HostVm *vm = userdata;

        vm->then(vm);
}

void vm_arm(HostVm *vm, uint64_t delay, void (*then)(HostVm *vm)) {
        Loop *loop = vm->context->loop;
        int r;

        vm->then = then;
        r = loop_call_in(loop, &vm->timer, delay, on_ring, vm);
        if (r < 0) {
                (void) log_errno(r, "Failed to wait for VM %s", UUID_TEXT(&vm->uuid));
                loop_exit(loop, r);
        }
}

VmEvent vm_event(const HostVm *vm, uint64_t seq) {
        return (VmEvent){
                .head = {.seq = seq, .boot_id = (char *) vm->context->boot_id, .token = vm->token},
                .uuid = vm->uuid,
                .state = vm->record.state,
                .stage = (char *) strempty(vm->record.stage),
                .progress = vm->record.progress,
                .domid = vm->record.domid,
                .reason = (char *) strempty(vm->record.reason),
                .error_name = vm->record.error_name,
                .error_message = vm->record.error_message,
                .before_unpause = vm->record.state == VM_STATE_HALTED && !vm->record.let_go,
        };
}

VgpuState vm_vgpu_state(const HostVm *vm) {
        return (VgpuState){
                .active = vm->record.vgpus_active,
                .plugged = vm->record.vgpus_plugged,
                .emulator_pid = (uint32_t) vm->record.emulator.pid,
        };
}

void vm_unwatch_program(HostVm *vm) {
        vm->program_source = sd_event_source_disable_unref(vm->program_source);
        vm->program_fd = safe_close(vm->program_fd);
}

bool vm_is_building(const HostVm *vm) {
        return vm->phase != VM_PHASE_QUEUED && vm->record.state == VM_STATE_STARTING;
}

bool vm_awaits_domain(const HostVm *vm) {
        return vm->record.state == VM_STATE_STARTING && vm->record.domid == 0;
}

bool vm_gpu_is_on(const VmGpu *gpu, const PciAddress *pgpu) {
        return gpu->identifier && pci_address_compare(&gpu->address, pgpu) == 0;
}

static int copy_text(const char *text, char **ret) {
        *ret = strdup(strempty(text));
        return *ret ? 0 : -ENOMEM;
}

/* What the order itself says; types are filled in by the caller. */
static int take_gpus(HostVm *vm, const StartOrder *order) {
        int r;

        vm->gpus = calloc(order->n_vgpus + order->n_pcis + 1, sizeof(VmGpu));
        if (!vm->gpus)
                return -ENOMEM;

        for (size_t i = 0; i < order->n_vgpus; i++) {
                VmGpu *gpu = &vm->gpus[vm->n_gpus++];

                r = copy_text(order->vgpus[i].device, &gpu->device);
                if (r < 0)
                        return r;
                gpu->address = order->vgpus[i].physical_pci_address;
                gpu->uuid = order->vgpus[i].nvidia.uuid;
                vm->wants_lease = vm->wants_lease || order->vgpus[i].kind == VGPU_KIND_NVIDIA;
        }
        for (size_t i = 0; i < order->n_pcis; i++)
                vm->gpus[vm->n_gpus++] = (VmGpu){.passthrough = true, .address = order->pcis[i].address};
        vm->wants_lease = vm->wants_lease || order->n_pcis > 0;
        return 0;
}

static int take_needs(HostVm *vm, const StartOrder *order) {
        JsonReader reader = {};
        VmNeeds needs = {};
        int r;

        r = vm_config_needs(&reader, order->vm.config, order->n_vgpus > 0, &needs);
        if (r < 0)
                return r;
        vm->memory = needs.memory;
        vm->functions = take_ptr(needs.functions);
        vm_needs_done(&needs);
        return 0;
}

/* Before its program has said anything. */
static int make_first_record(HostVm *vm) {
        vm->record.uuid = vm->uuid;
        vm->record.token = vm->token;
        vm->record.state = VM_STATE_STARTING;
        vm->record.stage = strdup("queued");
        vm->record.reason = strdup("");
        return vm->record.stage && vm->record.reason ? 0 : -ENOMEM;
}

static int make_folder_path(HostVm *vm) {
        return asprintf(&vm->folder, "%s/%s", vm->context->folder, UUID_TEXT(&vm->uuid)) < 0 ? -ENOMEM : 0;
}

static int make(VmContext *c, const StartOrder *order, struct json_object *text, HostVm **ret) {
        _cleanup_(vm_freep) HostVm *vm = NULL;
        int r;

        vm = calloc(1, sizeof(*vm));
        if (!vm)
                return -ENOMEM;
        vm->program_fd = -1;
        vm->context = c;
        vm->uuid = order->vm.uuid;
        vm->token = order->token;
        vm->order = json_object_get(text);

        r = copy_text(order->vm.name_label, &vm->name_label);
        if (r >= 0)
                r = make_folder_path(vm);
        if (r >= 0)
                r = make_first_record(vm);
        if (r >= 0)
                r = take_gpus(vm, order);
        if (r >= 0)
                r = take_needs(vm, order);
        if (r < 0)
                return r;

        *ret = take_ptr(vm);
        return 0;
}

int vm_new(VmContext *c, const StartOrder *order, const HostType *const *types, struct json_object *text,
        HostVm **ret) {
        _cleanup_(vm_freep) HostVm *vm = NULL;
        int r;

        r = make(c, order, text, &vm);
        if (r < 0)
                return r;
        r = copy_text(c->boot_id, &vm->boot_id);
        if (r < 0)
                return r;

        for (size_t i = 0; i < vm->n_gpus; i++) {
                if (!types[i])
                        continue;
                r = copy_text(types[i]->identifier, &vm->gpus[i].identifier);
                if (r < 0)
                        return r;
                vm->gpus[i].size = types[i]->size;
        }
        vm_enter_start(vm, START_QUEUED);

        *ret = take_ptr(vm);
        return 0;
}

static int build_gpus(const HostVm *vm, struct json_object *detail) {
        struct json_object *gpus;
        int r = 0;

        gpus = json_object_new_array();
        if (!gpus)
                return -ENOMEM;
        for (size_t i = 0; i < vm->n_gpus && r >= 0; i++) {
                struct json_object *gpu = json_object_new_object();

                if (!gpu || json_object_array_add(gpus, gpu) < 0) {
                        json_object_put(gpu);
                        r = -ENOMEM;
                        break;
                }
                if (vm->gpus[i].identifier)
                        r = json_add_string(gpu, "identifier", vm->gpus[i].identifier);
                if (r >= 0)
                        r = json_add_u64(gpu, "size", vm->gpus[i].size);
        }
        if (r < 0) {
                json_object_put(gpus);
                return r;
        }
        return json_add(detail, "gpus", gpus);
}

static int build_stop(const HostVm *vm, struct json_object *detail) {
        struct json_object *stop;
        int r;

        if (!vm->stop_wanted)
                return 0;
        stop = json_object_new_object();
        if (!stop)
                return -ENOMEM;
        r = json_add(detail, "stop", stop);
        if (r >= 0)
                r = json_add_uuid(stop, "token", &vm->stop_token);
        if (r >= 0)
                r = json_add_bool(stop, "force", vm->stop_force);
        return r;
}

int vm_store(HostVm *vm) {
        _cleanup_json_ struct json_object *detail = json_object_new_object();
        StoredOrder stored = {
                .vm = vm->uuid,
                .token = vm->token,
                .state = vm->stop_wanted ? (char *) "stop" : (char *) "start",
                .order = vm->order,
                .detail = detail,
        };
        int r;

        if (!detail)
                return -ENOMEM;
        r = json_add_string(detail, "boot_id", vm->boot_id);
        if (r >= 0)
                r = json_add_u64(detail, "accepted", vm->accepted);
        if (r >= 0)
                r = build_gpus(vm, detail);
        if (r >= 0)
                r = build_stop(vm, detail);
        if (r < 0)
                return r;
        return host_store_put_order(vm->context->store, &stored);
}

static int parse_gpus(JsonReader *reader, struct json_object *detail, HostVm *vm) {
        struct json_object *gpus;
        int r;

        r = json_get_array(reader, detail, "gpus", &gpus);
        if (r < 0)
                return r;
        if (json_object_array_length(gpus) != vm->n_gpus)
                return json_fail(reader, "gpus", "does not match the order");

        for (size_t i = 0; i < vm->n_gpus; i++) {
                struct json_object *gpu = json_object_array_get_idx(gpus, i);
                const char *identifier = NULL;

                r = json_opt_string(reader, gpu, "identifier", &identifier);
                if (r >= 0)
                        r = json_get_u32(reader, gpu, "size", &vm->gpus[i].size);
                if (r >= 0 && identifier)
                        r = copy_text(identifier, &vm->gpus[i].identifier);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_detail(JsonReader *reader, struct json_object *detail, HostVm *vm) {
        struct json_object *stop = NULL;
        const char *boot_id;
        int r;

        r = json_get_string(reader, detail, "boot_id", &boot_id);
        if (r >= 0)
                r = copy_text(boot_id, &vm->boot_id);
        if (r >= 0)
                r = json_get_u64(reader, detail, "accepted", &vm->accepted);
        if (r >= 0)
                r = parse_gpus(reader, detail, vm);
        if (r >= 0)
                r = json_opt_object(reader, detail, "stop", &stop);
        if (r < 0 || !stop)
                return r;

        vm->stop_wanted = true;
        r = json_get_uuid(reader, stop, "token", &vm->stop_token);
        if (r < 0)
                return r;
        return json_get_bool(reader, stop, "force", &vm->stop_force);
}

int vm_restore(VmContext *c, const StoredOrder *stored, HostVm **ret) {
        _cleanup_(vm_freep) HostVm *vm = NULL;
        JsonReader reader = {};
        StartOrder order;
        int r;

        r = start_order_parse(&reader, stored->order, &order);
        if (r >= 0) {
                r = make(c, &order, stored->order, &vm);
                start_order_done(&order);
        }
        if (r >= 0)
                r = stored->detail ? parse_detail(&reader, stored->detail, vm)
                                   : json_fail(&reader, "detail", "is missing");
        if (r == -EINVAL) {
                log_error("The stored order of VM %s does not decode: %s", UUID_TEXT(&stored->vm),
                        reader.error);
                return -EBADMSG;
        }
        if (r < 0)
                return r;

        *ret = take_ptr(vm);
        return 0;
}

HostVm *vm_free(HostVm *vm) {
        if (!vm)
                return NULL;

        if (vm->start)
                vm->start = vm->context->units.ops->forget(vm->start);
        lease_release(vm->lease);
        run_link_close(vm->link);
        vm_unwatch_program(vm);
        loop_timer_free(vm->timer);
        run_record_done(&vm->record);
        json_object_put(vm->order);
        strv_free(vm->functions);
        for (size_t i = 0; i < vm->n_gpus; i++) {
                free(vm->gpus[i].device);
                free(vm->gpus[i].identifier);
        }
        free(vm->gpus);
        free(vm->given_up);
        free(vm->folder);
        free(vm->boot_id);
        free(vm->name_label);
        free(vm);
        return NULL;
}
