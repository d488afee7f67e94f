/*
 * The core of a guest that has ended
 *
 * Its domain stands until that is written, or cannot be: what follows does not depend on it.
 */

#include "common/daemon/log.h"
#include "hostd/helper/core-dump.h"
#include "hostd/domain/domain-private.h"

static void on_dumped(int result, const char *words, void *userdata) {
        Domain *d = userdata;

        d->dump = helper_process_free(d->dump);
        if (result >= 0)
                log_notice("The core of VM %s is in %s.", d->order.vm.name_label, words);
        else {
                core_dump_forget(d->program, &d->record.uuid);
                log_warning("There is no core of VM %s. %s", d->order.vm.name_label, words);
        }
        domain_feed(d, DOMAIN_INPUT_DUMPED);
}

void domain_dump(Domain *d) {
        _cleanup_(helper_work_done) HelperWork work = {};
        int r;

        if (d->program->core_dumps == 0 || isempty(d->program->core_dump_folder)) {
                log_notice("No core of VM %s is written: the settings want none.", d->order.vm.name_label);
                domain_feed(d, DOMAIN_INPUT_DUMPED);
                return;
        }
        work = core_dump_work(d->program, &d->record.uuid, d->hypervisor->ops->domid(d->hypervisor));
        r = helper_process_start(d->event, &work, on_dumped, d, &d->dump);
        if (r < 0)
                on_dumped(r, strerror(-r), d);
}

void domain_give_up_dump(Domain *d) {
        if (!d->dump)
                return;
        d->dump = helper_process_free(d->dump);
        core_dump_forget(d->program, &d->record.uuid);
        log_warning("The core of VM %s is given up, since the VM is to end.", d->order.vm.name_label);
}
