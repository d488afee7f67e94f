/*
 * The host's facts
 */

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/core/idset.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/machine/facts.h"

/* Of init: our own shows what our unit's sandbox binds. */
#define MOUNTINFO "/proc/1/mountinfo"

static int open_source(Facts *f) {
        const HostSettings *s = f->settings;

        return streq(s->hypervisor, "libxl") ? machine_facts_libxl_new(&s->storage, &f->source)
                                             : machine_facts_simulated_new(s->sim_dir, &f->source);
}

/* Facts that a setting overrides, and that stay the same as long as hostd runs. */
static int override_facts(Facts *f) {
        _cleanup_free_ char *line = NULL;
        int r;

        if (!isempty(f->settings->hostname)) {
                free(f->now.hostname);
                f->now.hostname = strdup(f->settings->hostname);
        }
        if (!isempty(f->settings->boot_id_file)) {
                r = file_read_line(f->settings->boot_id_file, &line);
                if (r < 0)
                        return log_errno(r, "Failed to read the boot id from %s", f->settings->boot_id_file);
                free(f->now.boot_id);
                f->now.boot_id = take_ptr(line);
        }
        return f->now.hostname && f->now.boot_id ? 0 : -ENOMEM;
}

/* Open vSwitch's bridges are no bridges of the kernel, so the facts do not have them; their names are added
 * here. */
static int add_bridges(Facts *f, MachineFacts *facts) {
        int r;

        r = ovs_bridges_add_to(f->ovs, &facts->networks);
        if (r >= 0)
                idset_sort(facts->networks);
        return r;
}

/* What changes together comes within moments: a bridge and its ports, a disk's file systems. */
#define SETTLE (300 * UINT64_C(1000))

static void on_settled(void *userdata) {
        Facts *f = userdata;

        if (facts_reread(f))
                f->listener->changed(f->userdata);
}

static void on_facts_changed(void *userdata) {
        Facts *f = userdata;
        int r;

        if (loop_timer_is_armed(f->timer))
                return;
        r = loop_call_in(f->loop, &f->timer, SETTLE, on_settled, f);
        if (r < 0)
                (void) log_errno(r, "Failed to wait for the host's facts to settle, ignoring");
}

static int watch_facts(Facts *f) {
        const HostSettings *s = f->settings;
        int r = 0;

        if (f->source->ops->watch)
                r = f->source->ops->watch(f->source, f->event, f->listener->domains, f->userdata);
        if (r >= 0 && !isempty(s->ovsdb))
                r = ovs_bridges_new(f->loop, f->event, s->ovsdb, on_facts_changed, f, &f->ovs);
        /* The networks of a simulated host are not this machine's. */
        if (r >= 0 && streq(s->hypervisor, "libxl"))
                r = kernel_watch_new(f->event, MOUNTINFO, on_facts_changed, f, &f->kernel);
        return r;
}

int facts_open(Facts *f) {
        const HostSettings *s = f->settings;
        int r;

        r = f->source ? 0 : open_source(f);
        if (r >= 0)
                r = machine_facts_read(f->source, &f->now);
        if (r < 0)
                return log_errno(r, "Failed to read the facts of the host (hypervisor=%s%s%s)", s->hypervisor,
                        isempty(s->sim_dir) ? "" : ", ", s->sim_dir);
        r = override_facts(f);
        return r < 0 ? r : watch_facts(f);
}

void facts_close(Facts *f) {
        f->timer = loop_timer_free(f->timer);
        f->kernel = kernel_watch_free(f->kernel);
        f->ovs = ovs_bridges_free(f->ovs);
        f->source = machine_facts_source_free(f->source);
        machine_facts_done(&f->now);
}

bool facts_reread(Facts *f) {
        MachineFacts facts = {};
        bool changed;
        int r;

        ovs_bridges_try(f->ovs);
        r = machine_facts_read(f->source, &facts);
        if (r >= 0)
                r = add_bridges(f, &facts);
        if (r < 0) {
                (void) log_errno(r, "Failed to read the facts of the host again, ignoring");
                machine_facts_done(&facts);
                return false;
        }
        changed = !strv_equal(facts.networks, f->now.networks) || !strv_equal(facts.storage, f->now.storage);
        if (changed)
                log_info("The host's networks or storage have changed.");
        free(facts.hostname);
        free(facts.boot_id);
        facts.hostname = take_ptr(f->now.hostname);
        facts.boot_id = take_ptr(f->now.boot_id);
        machine_facts_done(&f->now);
        f->now = facts;
        return changed;
}

uint64_t facts_memory_free(const Facts *f) {
        uint64_t memory_free = 0;
        int r;

        r = machine_facts_memory_free(f->source, &memory_free);
        if (r < 0)
                (void) log_errno(r, "Failed to read how much memory is free, taking none");
        return r < 0 ? 0 : memory_free;
}
