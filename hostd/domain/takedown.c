/*
 * How a domain ends, in the order of events
 */

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "hostd/domain/takedown.h"
#include "hostd/domain/vgpu-setup.h"

#define GRACE (5 * UINT64_C(1000000))
#define RETRY_PAUSE UINT64_C(1000000)
#define RELEASE_TRIES 10
#define PATIENCE (5 * UINT64_C(1000000))

static void forget_ending(Takedown *t) {
        t->ending = t->world->processes->ops->forget(t->ending);
}

typedef enum Which { EMULATOR, QEMU } Which;

/* Returns false when there is none to end. */
static bool end_process(Takedown *t, Which which, ProcessEnded ended) {
        _cleanup_(dm_record_done) DmRecord dm = {};
        Processes *p = t->world->processes;
        RunFolder *f = t->world->folder;
        ProcessId id;
        int r;

        (void) f->ops->read_dm(f, &dm);
        id = which == EMULATOR ? dm.emulator : dm.qemu;
        if (id.pid == 0)
                id = which == EMULATOR ? t->record->emulator : t->record->qemu;
        if (id.pid == 0)
                return false;
        forget_ending(t);
        r = p->ops->end(p, &id, GRACE, ended, t, &t->ending);
        if (r < 0 && r != -ESRCH)
                (void) log_errno(r, "Cannot end the %s of VM %s",
                        which == EMULATOR ? "emulator" : "device model", t->name);
        return r >= 0;
}

static void destroy(Takedown *t);

static void on_retry(void *userdata) {
        destroy(userdata);
}

static void retry_later(Takedown *t, const char *error) {
        int r;

        log_error("Cannot take down VM %s, trying again: %s", t->name, error);
        r = loop_call_in(t->world->loop, &t->retry, RETRY_PAUSE, on_retry, t);
        if (r < 0)
                loop_exit(t->world->loop, r);
}

/* 1. The emulator. */

static void on_emulator_ended(int status, void *userdata) {
        destroy(userdata);
}

void takedown_start(Takedown *t) {
        if (!end_process(t, EMULATOR, on_emulator_ended))
                destroy(t);
}

/* 2. The domain. */

static void finish(Takedown *t);
static void on_destroyed(int result, const char *error, void *userdata);

static void destroy(Takedown *t) {
        Hypervisor *h = t->world->hypervisor;
        int r;

        loop_timer_stop(t->retry);
        if (!t->owned) {
                finish(t);
                return;
        }
        r = h->ops->destroy(h, on_destroyed, t);
        if (r < 0)
                retry_later(t, strerror(-r));
}

/* 3. The emulator once more, and qemu. */

static void on_late_qemu_ended(int status, void *userdata) {
        finish(userdata);
}

static void on_late_emulator_ended(int status, void *userdata) {
        Takedown *t = userdata;

        if (!end_process(t, QEMU, on_late_qemu_ended))
                finish(t);
}

static void on_destroyed(int result, const char *error, void *userdata) {
        Takedown *t = userdata;

        if (result < 0)
                retry_later(t, error);
        else if (!end_process(t, EMULATOR, on_late_emulator_ended))
                on_late_emulator_ended(-1, t);
}

/* 4. Nothing runs any more. Its virtual function is free once its reset is proved; one that fails is suspect, which the
 * helper notes before it begins. */

static char *describe_functions(const Takedown *t) {
        _cleanup_strbuf_ StrBuf b = {};

        if (!isempty(t->record->function))
                return text_printf("virtual function %s", t->record->function);
        strbuf_add(&b, t->order->n_pcis == 1 ? "PCI function" : "PCI functions");
        for (size_t i = 0; i < t->order->n_pcis; i++)
                strbuf_addf(&b, "%s %s", i > 0 ? "," : "", PCI_TEXT(&t->order->pcis[i].address));
        return strbuf_take(&b);
}

static unsigned seconds_of_giving(const Takedown *t) {
        return (unsigned) ((loop_now(t->world->loop, LOOP_MONOTONIC) - t->giving_since) / 1000000);
}

static void on_takes_long(void *userdata) {
        Takedown *t = userdata;
        _cleanup_free_ char *functions = describe_functions(t);

        t->takes_long = true;
        log_warning("VM %s: giving back %s takes long: %u s so far. A reset that fails takes 72 s; the VM is over after it.", t->name,
                strempty(functions), seconds_of_giving(t));
}

static void end(Takedown *t) {
        _cleanup_free_ char *functions = t->takes_long ? describe_functions(t) : NULL;

        loop_timer_stop(t->patience);
        if (t->takes_long)
                log_notice("VM %s: giving back %s is over after %u s.", t->name, strempty(functions), seconds_of_giving(t));
        t->done(t->userdata);
}

static void release(Takedown *t);

static void on_release_again(void *userdata) {
        release(userdata);
}

static int release_later(Takedown *t, const char *words) {
        log_warning("The virtual function of VM %s is not free again, trying once more: %s", t->name, words);
        return loop_call_in(t->world->loop, &t->retry, RETRY_PAUSE, on_release_again, t);
}

static void on_released(int result, const char *words, void *userdata) {
        Takedown *t = userdata;

        t->release = t->world->processes->ops->end_helper(t->release);
        if (result == -EIO && ++t->n_releases < RELEASE_TRIES && release_later(t, words) >= 0)
                return;
        if (result < 0)
                log_error("It is not known whether the virtual function of VM %s is free again: %s", t->name, words);
        end(t);
}

static void release(Takedown *t) {
        _cleanup_(helper_work_done) HelperWork work = {};
        Processes *p = t->world->processes;
        int r;

        if (!vgpu_release_work(t->world->program, t->order, &work)) {
                end(t);
                return;
        }
        t->release = p->ops->end_helper(t->release);
        r = p->ops->start_helper(p, &work, on_released, t, &t->release);
        if (r < 0)
                on_released(r, strerror(-r), t);
}

static void on_given_back(int result, const char *error, void *userdata) {
        Takedown *t = userdata;

        if (result < 0)
                retry_later(t, error);
        else
                release(t);
}

static void finish(Takedown *t) {
        Hypervisor *h = t->world->hypervisor;
        int r;

        forget_ending(t);
        if (!t->owned || t->machine->again) {
                t->done(t->userdata);
                return;
        }
        if (t->giving_since == 0) {
                t->giving_since = loop_now(t->world->loop, LOOP_MONOTONIC);
                if (loop_call_in(t->world->loop, &t->patience, PATIENCE, on_takes_long, t) < 0)
                        log_warning("VM %s: no timer; a give-back that takes long will not be told.", t->name);
        }
        if (!h->ops->give_back) {
                release(t);
                return;
        }
        r = h->ops->give_back(h, on_given_back, t);
        if (r < 0)
                retry_later(t, strerror(-r));
}

void takedown_done(Takedown *t) {
        forget_ending(t);
        t->release = t->world->processes->ops->end_helper(t->release);
        t->retry = loop_timer_free(t->retry);
        t->patience = loop_timer_free(t->patience);
}
