/*
 * A VM on this host: its making, and its record in the store
 *
 * The stored order is the start order as it was received. With it are stored what was decided when it was
 * accepted (types and sizes, which may vanish from the type files while the VM runs), and the stop order if
 * there is one.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "hostd/vm/vm.h"
#include "protocol/record.h"

DEFINE_WORD_TABLE(vm_phase_words, VM_PHASES)

const char *vm_phase_to_string(VmPhase phase) {
        return word_of_value(&vm_phase_words, (int) phase);
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
        start_times_enter(&vm->start_times, stage, loop_now(vm->context->loop, LOOP_MONOTONIC));
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
                log_vm(LOG_ERR, NULL, vm, "Failed to wait for VM %s: %s", UUID_TEXT(&vm->uuid), strerror(-r));
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
        vm->program_watch = vm->context->programs.ops->unwatch(vm->program_watch);
}

void vm_disconnect(HostVm *vm) {
        vm->link = vm->context->programs.ops->disconnect(vm->link);
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

/* What the order itself says; types are filled in by the caller, or stored. */
static int copy_gpus(HostVm *vm, const StartOrder *order) {
        int r = 0;

        for (size_t i = 0; i < order->n_vgpus && r >= 0; i++) {
                VmGpu *gpu = &vm->gpus[i];

                r = copy_text(order->vgpus[i].device, &gpu->device);
                gpu->address = order->vgpus[i].physical_pci_address;
                gpu->uuid = order->vgpus[i].nvidia.uuid;
                vm->wants_lease = vm->wants_lease || order->vgpus[i].kind == VGPU_KIND_NVIDIA;
        }
        for (size_t i = 0; i < order->n_pcis; i++) {
                vm->gpus[order->n_vgpus + i].passthrough = true;
                vm->gpus[order->n_vgpus + i].address = order->pcis[i].address;
        }
        vm->wants_lease = vm->wants_lease || order->n_pcis > 0;
        return r;
}

static int copy_needs(HostVm *vm, const StartOrder *order) {
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
        vm->folder = text_printf("%s/%s", vm->context->programs.folder, UUID_TEXT(&vm->uuid));
        return vm->folder ? 0 : -ENOMEM;
}

/* vm has a place for each of its GPUs. */
static int fill(HostVm *vm, const StartOrder *order, const char *text) {
        int r;

        vm->uuid = order->vm.uuid;
        vm->token = order->token;
        r = copy_text(text, &vm->order);
        if (r >= 0)
                r = copy_text(order->vm.name_label, &vm->name_label);
        if (r >= 0)
                r = make_folder_path(vm);
        if (r >= 0)
                r = make_first_record(vm);
        if (r >= 0)
                r = copy_gpus(vm, order);
        return r < 0 ? r : copy_needs(vm, order);
}

static HostVm *vm_alloc(VmContext *c) {
        HostVm *vm = calloc(1, sizeof(*vm));

        if (vm)
                vm->context = c;
        return vm;
}

int vm_new(VmContext *c, const StartOrder *order, const HostType *const *types, const char *text,
        HostVm **ret) {
        _cleanup_(vm_freep) HostVm *vm = vm_alloc(c);
        int r;

        if (!vm)
                return -ENOMEM;
        vm->gpus = calloc(order->n_vgpus + order->n_pcis + 1, sizeof(VmGpu));
        if (!vm->gpus)
                return -ENOMEM;
        vm->n_gpus = order->n_vgpus + order->n_pcis;
        r = fill(vm, order, text);
        if (r >= 0)
                r = copy_text(c->boot_id, &vm->boot_id);
        for (size_t i = 0; i < vm->n_gpus && r >= 0; i++)
                if (types[i]) {
                        r = copy_text(types[i]->identifier, &vm->gpus[i].identifier);
                        vm->gpus[i].size = types[i]->size;
                }
        if (r < 0)
                return r;
        vm_enter_start(vm, START_QUEUED);

        *ret = take_ptr(vm);
        return 0;
}

/* What is stored beside the order. */

static const RecordField gpu_fields[] = {
        FIELD(VmGpu, identifier, IF_SET, TEXT),
        FIELD(VmGpu, size, REQUIRED, U32),
};
static const RecordTable gpu_table = RECORD_TABLE(VmGpu, gpu_fields);

static const RecordField stop_fields[] = {
        FIELD_AS(HostVm, stop_token, "token", REQUIRED, UUID),
        FIELD_AS(HostVm, stop_force, "force", REQUIRED, BOOL),
};
static const RecordTable stop_table = RECORD_TABLE(HostVm, stop_fields);

static int parse_stop(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        struct json_object *stop = NULL;
        HostVm *vm = value;
        int q;

        q = json_opt_object(r, o, f->member, &stop);
        vm->stop_wanted = stop;
        return q < 0 || !stop ? q : record_parse_members(&stop_table, r, stop, vm);
}

static void write_stop(const void *value, StrBuf *b, const char *member) {
        const HostVm *vm = value;

        if (vm->stop_wanted)
                record_write(&stop_table, vm, b, member);
}

static const RecordCoder stop_coder = {parse_stop, write_stop, NULL};

static const RecordField detail_fields[] = {
        FIELD(HostVm, boot_id, REQUIRED, TEXT),
        FIELD(HostVm, accepted, REQUIRED, U64),
        FIELD_LIST(HostVm, gpus, REQUIRED, &gpu_table, 2 * ORDER_GPUS_MAX),
        FIELD_OWN("stop", &stop_coder),
};
static const RecordTable detail_table = RECORD_TABLE(HostVm, detail_fields);

int vm_store(HostVm *vm) {
        _cleanup_strbuf_ StrBuf detail = {};

        record_write(&detail_table, vm, &detail, NULL);
        if (strbuf_error(&detail) < 0)
                return -ENOMEM;
        return host_store_put_order(vm->context->store,
                &(StoredOrder){
                        .vm = vm->uuid,
                        .token = vm->token,
                        .state = vm->stop_wanted ? (char *) "stop" : (char *) "start",
                        .order = vm->order,
                        .detail = detail.text,
                });
}

static int parse_detail(JsonReader *reader, const char *text, const StartOrder *order, HostVm *vm) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (!text)
                return json_fail(reader, "detail", "is missing");
        r = json_parse_cleaned(reader, text, strlen(text), &o);
        if (r >= 0)
                r = record_parse_members(&detail_table, reader, o, vm);
        if (r >= 0 && vm->n_gpus != order->n_vgpus + order->n_pcis)
                r = json_fail(reader, "gpus", "does not match the order");
        return r;
}

int vm_restore(VmContext *c, const StoredOrder *stored, HostVm **ret) {
        _cleanup_(start_order_done) StartOrder order = {};
        _cleanup_(vm_freep) HostVm *vm = vm_alloc(c);
        JsonReader reader = {};
        int r;

        r = vm ? start_order_read(&reader, stored->order, &order) : -ENOMEM;
        if (r >= 0 && !uuid_equal(&order.vm.uuid, &stored->vm))
                r = json_fail(&reader, "vm.uuid", "is that of another VM");
        if (r >= 0)
                r = parse_detail(&reader, stored->detail, &order, vm);
        if (r >= 0)
                r = fill(vm, &order, stored->order);
        if (r == -EINVAL) {
                log_event(LOG_ERR, NULL, FIELDS(vm_log_field(&stored->vm, (char[VM_LOG_FIELD_MAX]){})),
                        "The stored order of VM %s does not decode: %s", UUID_TEXT(&stored->vm), reader.error);
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
        vm_disconnect(vm);
        vm_unwatch_program(vm);
        loop_timer_free(vm->timer);
        run_record_done(&vm->record);
        free(vm->order);
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
