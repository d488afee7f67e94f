/*
 * How a domain begins, and how it is told to stop
 *
 * It begins with its order, or is taken over from an instance of xenvgpu-domain that died.
 */

#include <inttypes.h>

#include "common/daemon/log.h"
#include "hostd/domain/domain-config.h"
#include "hostd/domain/domain-private.h"

#define WIND_UP_PATIENCE (60 * UINT64_C(1000000))

/* 1. It is told to stop. */

static void on_stop(const Uuid *token, bool force, void *userdata) {
        Domain *d = userdata;

        d->record.stop_token = *token;
        d->record.stop_force = d->record.stop_force || force;
        domain_feed(d, force ? DOMAIN_INPUT_STOP_FORCE : DOMAIN_INPUT_STOP);
        (void) domain_publish(d);
}

static void on_patience_end(void *userdata) {
        Domain *d = userdata;

        log_warning("VM %s did not power off, ending it by force.", d->order.vm.name_label);
        domain_feed(d, DOMAIN_INPUT_STOP_FORCE);
}

void domain_wind_up(Domain *d) {
        int r;

        if (d->patience)
                return;
        r = loop_call_in(d->world.loop, &d->patience, WIND_UP_PATIENCE, on_patience_end, d);
        domain_feed(d, r < 0 ? DOMAIN_INPUT_STOP_FORCE : DOMAIN_INPUT_STOP);
}

/* 2. Begun, or taken over from an instance that died. */

static int listen_to_orders(Domain *d) {
        int r = d->world.folder->ops->listen(d->world.folder, on_stop, d);

        d->listens = r >= 0;
        return r < 0 ? log_errno(r, "Cannot listen in %s", d->world.program->folder) : 0;
}

static int resume(Domain *d, DomainStage stage) {
        Hypervisor *h = d->world.hypervisor;
        uint32_t cut_offs = d->record.cut_offs;
        GuestState state = GUEST_GONE;
        DomainAction action;
        int r;

        r = h->ops->find(h, &d->order.vm.uuid, &state);
        if (r < 0 && r != -ENOENT)
                return log_errno(r, "Cannot find out whether VM %s has a domain", d->order.vm.name_label);

        d->takedown.owned = true;
        d->machine = (DomainMachine){
                .stage = stage,
                .was_running = d->record.vgpus_active || d->record.state == VM_STATE_RUNNING || d->record.reboots > 0,
                .n_brief = d->record.brief_lives,
                .stop_wanted = !uuid_is_null(&d->record.stop_token) || stage == DOMAIN_STOP,
        };
        log_notice("Taking over VM %s at stage %s%s.", d->order.vm.name_label, d->record.stage,
                r >= 0 ? "" : ", its domain is gone");

        domain_machine_resume(&d->rules, &d->machine, domain_end_from_string(d->record.reason), r >= 0,
                &d->record.cut_offs, &action);
        if (d->record.cut_offs > cut_offs && d->machine.end == DOMAIN_END_FAILED)
                domain_set_error(d, ERROR_DOMAIN_FAILED,
                        "The program that creates the domain died %" PRIu32 " times while doing so.",
                        d->record.cut_offs);
        stage = d->machine.stage;
        if (action == DOMAIN_ACTION_AWAIT_EMULATOR || action == DOMAIN_ACTION_WATCH_GUEST)
                domain_read_dm(d);
        (void) domain_publish(d);
        if (d->machine.stage == stage)
                domain_do(d, action);
        return 1;
}

/* 1: taken over, and what comes next was done; 0: nothing was begun yet, so begin. */
static int adopt(Domain *d) {
        _cleanup_(run_record_done) RunRecord old = {};
        DomainStage stage;
        int r;

        r = d->world.folder->ops->read_record(d->world.folder, &old);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return log_errno(r, "Cannot use domain.json in %s", d->world.program->folder);
        /* The record is of an earlier order. Its end was stored, otherwise the folder would not be used again. */
        if (!uuid_equal(&old.token, &d->order.token))
                return 0;
        if (old.state == VM_STATE_HALTED) {
                loop_exit(d->world.loop, 0);
                return 1;
        }

        stage = domain_stage_from_string(old.stage);
        if (stage < 0) {
                log_error("domain.json in %s names an unknown stage '%s'.", d->world.program->folder, old.stage);
                return -EBADMSG;
        }
        old.program = d->record.program;
        d->record = take_struct(old);

        /* A domain that is there now is someone else's. */
        if (stage == DOMAIN_PREPARE)
                return 0;
        r = listen_to_orders(d);
        return r < 0 ? r : resume(d, stage);
}

static int read_order(Domain *d) {
        const DomainProgram *program = d->world.program;
        JsonReader reader = {};
        int r;

        r = d->world.folder->ops->read_order(d->world.folder, &reader, &d->order);
        if (r == -EBADMSG) {
                log_error("Cannot use order.json in %s: %s", program->folder, reader.error);
                return r;
        }
        if (r < 0)
                return log_errno(r, "Cannot read order.json in %s", program->folder);

        d->needs_emulator = d->order.n_vgpus > 0 && d->order.vgpus[0].kind == VGPU_KIND_NVIDIA;
        domain_config_rules(d->order.vm.config, &d->rules);
        d->rules.crash_on_emulator_death = program->crash_on_emulator_death;
        d->record.uuid = d->order.vm.uuid;
        d->record.token = d->order.token;
        d->emulator.name = d->guest.name = d->takedown.name = d->order.vm.name_label;
        return 0;
}

int domain_begin(Domain *d) {
        _cleanup_free_ char *error = NULL;
        ErrorCode code = ERROR_NONE;
        int r, laid_out;

        r = read_order(d);
        if (r < 0)
                return r;
        laid_out = domain_config_lay_out(&d->order, d->world.program->dm, &d->config, &code, &error);
        if (laid_out < 0 && laid_out != -EINVAL)
                return laid_out;

        r = adopt(d);
        if (r != 0)
                return r < 0 ? r : 0;

        r = listen_to_orders(d);
        if (r < 0)
                return r;
        (void) domain_publish(d);
        if (laid_out < 0)
                domain_fail(d, code, "%s", error);
        else if (!uuid_is_null(&d->record.stop_token)) /* of an instance that was cut off as it prepared */
                domain_feed(d, DOMAIN_INPUT_STOP);
        else
                domain_prepare(d);
        return 0;
}
