/*
 * A domain's second life: after our own death
 *
 * domain.json says how far an earlier instance came, the hypervisor what is there. Before a create nothing is
 * ours yet, and it is prepared anew. A create that was cut off cannot be resumed: it is torn down and begun
 * again, a few times at most. Everything later goes on where it was.
 */

#include <inttypes.h>

#include "common/daemon/log.h"
#include "hostd/domain/domain-private.h"

#define CUT_OFFS_MAX 3

static void begin_again(Domain *d) {
        d->machine.stage = DOMAIN_CLEANUP;
        if (d->machine.stop_wanted)
                d->machine.end = DOMAIN_END_STOPPED;
        else if (d->record.cut_offs < CUT_OFFS_MAX)
                d->machine.again = true;
        else {
                d->machine.end = DOMAIN_END_FAILED;
                domain_set_error(d, ERROR_DOMAIN_FAILED,
                        "The program that creates the domain died %" PRIu32 " times while doing so.",
                        d->record.cut_offs + 1);
        }
        d->record.cut_offs++;
        (void) domain_publish(d);
        domain_do(d, DOMAIN_ACTION_CLEANUP);
}

static void recall_end(Domain *d) {
        d->machine.end = domain_end_from_string(d->record.reason);
        d->machine.again = d->machine.end == DOMAIN_END_NONE && !d->machine.stop_wanted;
        if (d->machine.end == DOMAIN_END_NONE && d->machine.stop_wanted)
                d->machine.end = DOMAIN_END_STOPPED;
}

/* The cleanup that had begun, done once more from the start. */
static void clean_again(Domain *d) {
        recall_end(d);
        (void) domain_publish(d);
        domain_do(d, DOMAIN_ACTION_CLEANUP);
}

static void dump_again(Domain *d, bool found) {
        recall_end(d);
        (void) domain_publish(d);
        if (found)
                domain_do(d, DOMAIN_ACTION_DUMP);
        else
                domain_feed(d, DOMAIN_INPUT_DUMPED);
}

static void go_on(Domain *d, bool found) {
        domain_read_dm_record(d);
        if (!found) {
                (void) domain_publish(d);
                domain_feed(d, DOMAIN_INPUT_GONE);
                return;
        }

        (void) domain_publish(d);
        switch (d->machine.stage) {
        case DOMAIN_UNPAUSE:
                domain_do(d, DOMAIN_ACTION_AWAIT_EMULATOR);
                break;
        case DOMAIN_STOP:
                domain_watch_guest(d);
                if (d->machine.stage == DOMAIN_STOP)
                        domain_do(d, DOMAIN_ACTION_ASK_GUEST);
                break;
        case DOMAIN_RUNNING:
        case DOMAIN_CRASHED:
                domain_watch_guest(d);
                break;
        case DOMAIN_PREPARE:
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
        case DOMAIN_QEMU:
        case DOMAIN_DUMP:
        case DOMAIN_CLEANUP:
        case DOMAIN_WAIT:
        case DOMAIN_HALTED:
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                break;
        }
}

static int take_over(Domain *d, DomainStage stage) {
        GuestState state = GUEST_GONE;
        int r;

        r = d->hypervisor->ops->find(d->hypervisor, &d->order.vm.uuid, &state);
        if (r < 0 && r != -ENOENT)
                return log_errno(r, "Cannot find out whether VM %s has a domain", d->order.vm.name_label);

        d->owned = true;
        d->machine.stage = stage;
        d->machine.was_running =
                d->record.vgpus_active || d->record.state == VM_STATE_RUNNING || d->record.reboots > 0;
        d->machine.n_brief = d->record.brief_lives;
        d->machine.stop_wanted = !uuid_is_null(&d->record.stop_token) || stage == DOMAIN_STOP;
        log_notice("Taking over VM %s at stage %s%s.", d->order.vm.name_label, d->record.stage,
                r >= 0 ? "" : ", its domain is gone");

        switch (stage) {
        case DOMAIN_CREATE:
        case DOMAIN_EMULATOR:
        case DOMAIN_QEMU:
                begin_again(d);
                break;
        case DOMAIN_UNPAUSE:
        case DOMAIN_RUNNING:
        case DOMAIN_CRASHED:
        case DOMAIN_STOP:
                go_on(d, r >= 0);
                break;
        case DOMAIN_WAIT:
                (void) domain_publish(d);
                domain_do(d, DOMAIN_ACTION_WAIT);
                break;
        case DOMAIN_DUMP:
                dump_again(d, r >= 0);
                break;
        case DOMAIN_CLEANUP:
        case DOMAIN_PREPARE: /* not taken over */
        case DOMAIN_HALTED:
        case _DOMAIN_STAGE_MAX:
        case _DOMAIN_STAGE_INVALID:
                clean_again(d);
                break;
        }
        return 1;
}

int domain_adopt(Domain *d) {
        _cleanup_(run_record_done) RunRecord old = {};
        DomainStage stage;
        int r;

        r = run_record_read(d->program->folder, &old);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_errno(r, "Cannot use domain.json in %s", d->program->folder);
        /* Of an earlier order: its end was recorded and stored, else the folder were not used again. */
        if (!uuid_equal(&old.token, &d->order.token))
                return 0;
        if (old.state == VM_STATE_HALTED) {
                (void) sd_event_exit(d->event, 0);
                return 1;
        }

        stage = domain_stage_from_string(old.stage);
        if (stage < 0) {
                log_error("domain.json in %s names an unknown stage '%s'.", d->program->folder, old.stage);
                return -EBADMSG;
        }
        old.program = d->record.program;
        d->record = old;
        old = (RunRecord){};

        /* A domain that is there now is someone else's. */
        if (stage == DOMAIN_PREPARE)
                return 0;
        r = domain_listen(d);
        return r < 0 ? r : take_over(d, stage);
}
