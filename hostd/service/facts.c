/*
 * The host's facts: read at start and with each rescan, memory whenever it is asked for
 *
 * Who the host is does not change while hostd runs; what it has may. Domains that others start or end change
 * its free memory, which is told then.
 */

#include <sys/epoll.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/edge/host-facts-libxl.h"
#include "hostd/service/host-internal.h"

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
        if (r >= 0 && h->facts_source->ops->fd)
                r = sd_event_add_io(h->event, &h->facts_watch, h->facts_source->ops->fd(h->facts_source),
                        EPOLLIN, on_domains_changed, h);
        return r;
}

void host_reread_facts(Host *h) {
        HostFacts facts = {};
        int r;

        r = host_facts_read(h->facts_source, &facts);
        if (r < 0) {
                (void) log_errno(r, "Failed to read the facts of the host again, ignoring");
                return;
        }
        free(facts.hostname);
        free(facts.boot_id);
        facts.hostname = take_ptr(h->facts.hostname);
        facts.boot_id = take_ptr(h->facts.boot_id);
        host_facts_done(&h->facts);
        h->facts = facts;
}
