/*
 * The host's facts: read at start and with each rescan, memory whenever it is asked for
 *
 * Who the host is does not change while hostd runs; what it has may. Domains that others start or end change
 * its free memory, bridges and mounts come and go: that is told then.
 */

#include <sys/epoll.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/core/idset.h"
#include "hostd/edge/host-facts-libxl.h"
#include "hostd/service/host-internal.h"

/* Of init: our own shows what our unit's sandbox binds. */
#define MOUNTINFO "/proc/1/mountinfo"

static int open_source(Host *h) {
        const HostSettings *s = h->settings;

        return streq(s->hypervisor, "libxl") ? host_facts_libxl_new(s->storage, &h->facts_source)
                                             : host_facts_simulated_new(s->sim_dir, &h->facts_source);
}

/* Facts that a setting overrides, and that stay the same as long as hostd runs. */
static int override_facts(Host *h) {
        _cleanup_free_ char *line = NULL;
        int r;

        if (!isempty(h->settings->hostname)) {
                free(h->facts.hostname);
                h->facts.hostname = strdup(h->settings->hostname);
        }
        if (!isempty(h->settings->boot_id_file)) {
                r = file_read_line(h->settings->boot_id_file, &line);
                if (r < 0)
                        return log_errno(r, "Failed to read the boot id from %s", h->settings->boot_id_file);
                free(h->facts.boot_id);
                h->facts.boot_id = take_ptr(line);
        }
        return h->facts.hostname && h->facts.boot_id ? 0 : -ENOMEM;
}

static int on_domains_changed(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Host *h = userdata;
        int r;

        r = h->facts_source->ops->drain(h->facts_source);
        if (r < 0) {
                (void) log_errno(r, "xenstore is gone: what others start is not told any more");
                h->facts_watch = sd_event_source_disable_unref(h->facts_watch);
        }
        if (host_get_memory_free(h) != h->told_memory_free)
                host_touch(h);
        return 0;
}

/* Bridges of Open vSwitch are the hypervisor's business as little as ours; they only have names. */
static int add_bridges(Host *h, HostFacts *facts) {
        int r;

        r = ovs_bridges_add_to(h->ovs, &facts->networks);
        if (r >= 0)
                idset_sort(facts->networks);
        return r;
}

static bool same_list(char *const *a, char *const *b) {
        while (*a && *b && streq(*a, *b))
                a++, b++;
        return !*a && !*b;
}

/* What changes together comes within moments: a bridge and its ports, a disk's file systems. */
#define SETTLE (300 * UINT64_C(1000))

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        Host *h = userdata;

        h->facts_timer = sd_event_source_disable_unref(h->facts_timer);
        ovs_bridges_try(h->ovs);
        if (host_reread_facts(h))
                host_touch(h);
        return 0;
}

static void on_facts_changed(void *userdata) {
        Host *h = userdata;
        int r;

        if (h->facts_timer)
                return;
        r = sd_event_add_time_relative(
                h->event, &h->facts_timer, CLOCK_MONOTONIC, SETTLE, /* accuracy= */ 0, on_settled, h);
        if (r < 0)
                (void) log_errno(r, "Failed to wait for the host's facts to settle, ignoring");
}

static int watch_facts(Host *h) {
        const HostSettings *s = h->settings;
        int r = 0;

        if (h->facts_source->ops->fd)
                r = sd_event_add_io(h->event, &h->facts_watch, h->facts_source->ops->fd(h->facts_source),
                        EPOLLIN, on_domains_changed, h);
        if (r >= 0 && !isempty(s->ovsdb))
                r = ovs_bridges_new(h->event, s->ovsdb, on_facts_changed, h, &h->ovs);
        /* The networks of a simulated host are not this machine's. */
        if (r >= 0 && streq(s->hypervisor, "libxl"))
                r = kernel_watch_new(h->event, MOUNTINFO, on_facts_changed, h, &h->kernel);
        return r;
}

int host_open_facts(Host *h) {
        const HostSettings *s = h->settings;
        int r;

        r = open_source(h);
        if (r >= 0)
                r = host_facts_read(h->facts_source, &h->facts);
        if (r < 0)
                return log_errno(r, "Failed to read the facts of the host (hypervisor=%s%s%s)", s->hypervisor,
                        isempty(s->sim_dir) ? "" : ", ", s->sim_dir);
        r = override_facts(h);
        return r < 0 ? r : watch_facts(h);
}

void host_close_facts(Host *h) {
        h->facts_timer = sd_event_source_disable_unref(h->facts_timer);
        h->facts_watch = sd_event_source_disable_unref(h->facts_watch);
        h->kernel = kernel_watch_free(h->kernel);
        h->ovs = ovs_bridges_free(h->ovs);
        h->facts_source = host_facts_source_free(h->facts_source);
        host_facts_done(&h->facts);
}

bool host_reread_facts(Host *h) {
        HostFacts facts = {};
        bool changed;
        int r;

        r = host_facts_read(h->facts_source, &facts);
        if (r >= 0)
                r = add_bridges(h, &facts);
        if (r < 0) {
                (void) log_errno(r, "Failed to read the facts of the host again, ignoring");
                host_facts_done(&facts);
                return false;
        }
        changed = !same_list(facts.networks, h->facts.networks) || !same_list(facts.storage, h->facts.storage);
        if (changed)
                log_info("The host's networks or storage have changed.");
        free(facts.hostname);
        free(facts.boot_id);
        facts.hostname = take_ptr(h->facts.hostname);
        facts.boot_id = take_ptr(h->facts.boot_id);
        host_facts_done(&h->facts);
        h->facts = facts;
        return changed;
}
