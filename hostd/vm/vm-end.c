/*
 * How a VM ends
 *
 * A VM ends when its program says so, or before its program was started, or by force when the program cannot
 * be kept running. It is reported as over only when nothing of it runs any more and its end is stored, since
 * policyd may then use its place again.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "hostd/vm/vm-end.h"

#define CLEAN_DELAY (20 * UINT64_C(1000))
#define CLEAN_AGAIN_DELAY (3000 * UINT64_C(1000))
#define STORE_DELAY (1000 * UINT64_C(1000))

/* The program cannot be kept running: what is left of the domain must end first. */

static int read_record(const HostVm *vm, RunRecord *ret) {
        return vm->context->programs.ops->read_record(&vm->context->programs, vm->folder, ret);
}

/* A simulated domain consists of its processes, which its record names. A real one exists without them, with
 * its disks open, and only the program can take it down. In the stage before the domain is made there is none.
 * Where the record is gone or cannot be read, the hypervisor says whether there is one. */
static bool domain_may_stand(const HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        uint32_t domid;

        if (read_record(vm, &record) < 0)
                return machine_facts_find_domain(vm->context->facts, &vm->uuid, &domid) != -ENOENT;
        return !streq(vm->context->settings->hypervisor, "simulated") && !streq(record.stage, "prepare");
}

static void set_end(HostVm *vm, const char *reason, ErrorCode error, const char *message) {
        free(vm->record.reason);
        vm->record.reason = strdup(reason);
        if (error != ERROR_NONE) {
                free(vm->record.error_name);
                free(vm->record.error_message);
                vm->record.error_name = strdup(error_code_name(error));
                vm->record.error_message = strdup(message);
        }
}

static void set_end_of_given_up(HostVm *vm) {
        if (vm->given_up)
                set_end(vm, "failed", ERROR_DOMAIN_FAILED, vm->given_up);
}

/* Writes the end that no program writes. If hostd dies between storing the end and removing the folder, the
 * next hostd must not think that the VM runs. */
static void write_end(HostVm *vm) {
        Programs *p = &vm->context->programs;
        int r;

        if (!p->ops->has_folder(p, vm->folder))
                return;
        vm->record.state = VM_STATE_HALTED;
        set_end_of_given_up(vm);
        r = p->ops->write_record(p, vm->folder, &vm->record);
        if (r < 0)
                log_vm(LOG_ERR, NULL, vm, "Failed to write the end of VM %s to its run folder, ignoring: %s",
                        UUID_TEXT(&vm->uuid), strerror(-r));
}

/* Its program did not have the function reset. */
static int leave_function(HostVm *vm) {
        Programs *p = &vm->context->programs;
        int r;

        if (!p->ops->suspect_function)
                return 0;
        r = p->ops->suspect_function(p, vm->folder, vm->record.function,
                "It was not reset: the program of its last VM could not be kept running.");
        if (r < 0)
                log_vm(LOG_ERR, NULL, vm,
                        "Cannot note that the virtual function of VM %s is suspect, trying again: %s", UUID_TEXT(&vm->uuid), strerror(-r));
        return r;
}

static void clean(HostVm *vm) {
        Programs *p = &vm->context->programs;
        size_t n = p->ops->kill_rest(p, vm->folder);

        if (p->ops->is_alive(p, &vm->program)) {
                p->ops->kill(p, &vm->program);
                n++;
        }
        if (n > 0 || vm->start)
                vm_arm(vm, CLEAN_DELAY, clean);
        else if (domain_may_stand(vm)) {
                vm->n_tries = 0;
                vm_set_phase(vm, VM_PHASE_DEAD);
                vm_arm(vm, CLEAN_AGAIN_DELAY, vm->next);
        } else if (leave_function(vm) < 0)
                vm_arm(vm, CLEAN_AGAIN_DELAY, clean);
        else {
                write_end(vm);
                vm_end_by_record(vm);
        }
}

static void on_unit_stopped(void *userdata) {
        HostVm *vm = userdata;

        vm->start = NULL;
}

/* Otherwise systemd would start the program again, in a folder that is gone or belongs to the next start. */
static void stop_unit(HostVm *vm) {
        const UnitsOps *ops = vm->context->units.ops;
        int r;

        if (!ops->stop)
                return;
        r = ops->stop(&vm->context->units, UUID_TEXT(&vm->uuid), on_unit_stopped, vm, &vm->start);
        if (r < 0)
                log_vm(LOG_ERR, NULL, vm, "Cannot ask for the unit of VM %s to be stopped, ignoring: %s",
                        UUID_TEXT(&vm->uuid), strerror(-r));
}

/* The last record in the folder may be newer than the last one that was sent. */
static bool may_have_been_let_go(const HostVm *vm) {
        _cleanup_(run_record_done) RunRecord record = {};
        int r;

        r = read_record(vm, &record);
        return r == -ENOENT ? vm->record.let_go : r < 0 || record.let_go;
}

void vm_give_up(HostVm *vm, const char *why, void (*start_again)(HostVm *vm)) {
        char *message;

        vm->record.let_go = may_have_been_let_go(vm);

        log_vm(LOG_ERR, NULL, vm,
                "The program of VM %s (%s) was started %u times in a minute: %s. Ending what is left of the "
                "VM.",
                UUID_TEXT(&vm->uuid), vm->name_label, vm->n_tries, why);

        message = text_printf(
                "The program that holds the VM could not be kept running: %s. The log of xenvgpu-hostd "
                "says more.",
                why);
        if (message) {
                free(vm->given_up);
                vm->given_up = message;
        }
        vm->next = start_again;
        stop_unit(vm);
        vm_set_phase(vm, VM_PHASE_CLEANING);
        vm_arm(vm, 0, clean);
}

/* The VM is over: its end is stored, then reported, then everything of it is removed. */

static void log_end(const HostVm *vm, const VmEvent *e) {
        log_vm(e->error_message ? LOG_WARNING : LOG_INFO, e->error_message ? MSG_VM_FAILED : MSG_VM_HALTED,
                vm, "VM %s (%s) is over: %s%s%s", UUID_TEXT(&vm->uuid), vm->name_label, e->reason,
                e->error_message ? ": " : "", strempty(e->error_message));
}

static void remove_run_folder(const HostVm *vm) {
        Programs *p = &vm->context->programs;
        int r;

        r = p->ops->remove_folder(p, vm->folder, &vm->token);
        if (r < 0)
                (void) log_errno(r, "Failed to remove %s, ignoring", vm->folder);
}

void vm_end_by_record(HostVm *vm) {
        bool had_gpus = vm->record.vgpus_active || vm->record.vgpus_plugged || vm->record.pcis_plugged;
        uint64_t seq = 0;
        VmEvent e;
        int r;

        vm->record.state = VM_STATE_HALTED;
        vm->record.vgpus_active = vm->record.vgpus_plugged = vm->record.pcis_plugged = false;
        vm->record.emulator = vm->record.qemu = (ProcessId){};
        set_end_of_given_up(vm);
        if (had_gpus || vm->told)
                vm->context->listener->gpus(vm, vm->context->userdata);

        r = host_store_next_seq(vm->context->store, &seq);
        e = vm_event(vm, seq);
        if (r >= 0)
                r = host_store_end_order(vm->context->store, &vm->uuid, &e);
        if (r < 0) {
                log_vm(LOG_ERR, NULL, vm, "Failed to store the end of VM %s, trying again: %s", UUID_TEXT(&vm->uuid),
                        strerror(-r));
                vm->told = false;
                vm_set_phase(vm, VM_PHASE_ENDING);
                vm_unwatch_program(vm);
                vm_disconnect(vm);
                vm_arm(vm, STORE_DELAY, vm_end_by_record);
                return;
        }

        log_end(vm, &e);
        vm->context->listener->over(vm, &e, vm->context->userdata);
        remove_run_folder(vm);
        vm_free(vm);
}

void vm_end(HostVm *vm, const char *reason, ErrorCode error, const char *message) {
        set_end(vm, reason, error, message);
        vm_end_by_record(vm);
}
