/*
 * A domain's run record: what the machine, the hypervisor and the watches say, in one place
 */

#include "hostd/domain/domain-private.h"

static const VmState states[_DOMAIN_STAGE_MAX] = {
        [DOMAIN_PREPARE] = VM_STATE_STARTING,
        [DOMAIN_CREATE] = VM_STATE_STARTING,
        [DOMAIN_EMULATOR] = VM_STATE_STARTING,
        [DOMAIN_QEMU] = VM_STATE_STARTING,
        [DOMAIN_UNPAUSE] = VM_STATE_STARTING,
        [DOMAIN_RUNNING] = VM_STATE_RUNNING,
        [DOMAIN_CRASHED] = VM_STATE_RUNNING,
        [DOMAIN_STOP] = VM_STATE_STOPPING,
        [DOMAIN_DUMP] = VM_STATE_STOPPING,
        [DOMAIN_CLEANUP] = VM_STATE_STOPPING,
        [DOMAIN_WAIT] = VM_STATE_STARTING,
        [DOMAIN_HALTED] = VM_STATE_HALTED,
};

/* A VM whose guest reboots still counts as running. */
static VmState vm_state_of(const DomainMachine *m, VmState now) {
        VmState state = states[m->stage];

        if (m->again && (m->stage == DOMAIN_DUMP || m->stage == DOMAIN_CLEANUP))
                return now;
        return state == VM_STATE_STARTING && m->was_running ? VM_STATE_RUNNING : state;
}

static void set_text(char **text, const char *value) {
        char *copy = strdup(value);

        /* Without memory the old text stays: a stale stage is better than none. */
        if (copy) {
                free(*text);
                *text = copy;
        }
}

int domain_note_function(Domain *d) {
        const PciAddress *function = d->order.n_vgpus > 0 ? d->order.vgpus[0].virtual_pci_address : NULL;

        if (!function)
                return 0;
        free(d->record.function);
        d->record.function = strdup(PCI_TEXT(function));
        return d->record.function ? 0 : -ENOMEM;
}

/* A reboot of the guest does not count as a start. */
static void count_start(Domain *d) {
        StartStage stage = start_stage_from_string(domain_stage_to_string(d->machine.stage));
        uint64_t now = loop_now(d->world.loop, LOOP_MONOTONIC);
        StartTimes *times = &d->record.start_times;

        if (times->began != 0 && times->since == 0)
                return;
        if (stage >= 0 && !d->machine.was_running)
                start_times_enter(times, stage, now);
        else
                start_times_end(times, now);
}

bool domain_update_record(Domain *d, uint32_t domid) {
        DomainStage stage = d->machine.stage;
        bool has_vgpus = d->order.n_vgpus > 0;
        bool plugged = stage == DOMAIN_RUNNING || stage == DOMAIN_STOP || stage == DOMAIN_CRASHED;
        bool changed = !streq_ptr(d->record.stage, domain_stage_to_string(stage));
        RunRecord *rec = &d->record;

        rec->state = vm_state_of(&d->machine, rec->state);
        rec->progress = domain_stage_progress(stage);
        rec->domid = domid;
        rec->vgpus_active = has_vgpus && d->machine.was_running && stage != DOMAIN_HALTED;
        rec->vgpus_plugged = has_vgpus && plugged && !(d->needs_emulator && d->emulator.dead);
        rec->pcis_plugged = d->order.n_pcis > 0 && plugged;
        if (d->emulator.dead || stage == DOMAIN_HALTED)
                rec->emulator = (ProcessId){};
        if (stage == DOMAIN_HALTED || stage == DOMAIN_CREATE)
                rec->qemu = (ProcessId){};
        rec->brief_lives = d->machine.n_brief;
        set_text(&rec->stage, domain_stage_to_string(stage));
        set_text(&rec->reason, domain_end_to_string(d->machine.end));
        if (changed)
                count_start(d);
        return changed;
}
