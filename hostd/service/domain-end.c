/*
 * Ending a domain that hostd did not start
 */

#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "hostd/edge/xl-monitor.h"
#include "hostd/run/program.h"
#include "hostd/service/domain-end.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/tool.h"

struct DomainEnd {
        Hostd *host;
        Uuid domain;
        char *name; /* "domain 'by hand' (id 7)" */
        Tool *tool;
        DomainEnd *next;
};

static void forget(DomainEnd *e) {
        for (DomainEnd **at = &e->host->ends; *at; at = &(*at)->next)
                if (*at == e) {
                        *at = e->next;
                        break;
                }
        (void) tool_forget(e->tool);
        free(e->name);
        free(e);
}

void domain_ends_forget(Hostd *h) {
        while (h->ends)
                forget(h->ends);
}

static bool is_under_way(const Hostd *h, const Uuid *domain) {
        for (const DomainEnd *e = h->ends; e; e = e->next)
                if (uuid_equal(&e->domain, domain))
                        return true;
        return false;
}

/* The program is none of our children, so its exit status is not known; whether the domain is there is. */
static void on_ended(void *userdata) {
        DomainEnd *e = userdata;
        Hostd *h = e->host;

        e->tool = NULL;
        if (strangers_look(&h->strangers) < 0 || strangers_find_domain(&h->strangers, &e->domain))
                log_error("The %s is there still: what should have ended it has ended; its lines say why. `xl destroy` may.", e->name);
        else
                log_notice("The %s, which was not started by xenvgpu, was ended.", e->name);
        forget(e);
}

static int run(Hostd *h, DomainEnd *e, uint32_t domid) {
        const HostSettings *s = h->settings;
        char id[16], instance[UUID_TEXT_MAX], description[64];
        const char *const argv[] = {s->domain_program, END_DOMAIN_VERB, streq(s->hypervisor, "libxl") ? "" : s->sim_dir,
                uuid_to_string(&e->domain, instance), text_format(id, sizeof(id), "%u", domid), NULL};
        const UnitTool tool = {
                "xenvgpu-end", instance, text_format(description, sizeof(description), "End the domain %u", domid)};

        return tool_run(h, &tool, argv, on_ended, e, &e->tool);
}

static int begin(Hostd *h, const DomainFunction *f) {
        DomainEnd *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return -ENOMEM;
        *e = (DomainEnd){.host = h, .domain = f->uuid, .next = h->ends};
        h->ends = e;
        e->name = text_printf("domain '%s' (id %u)", f->name, f->domid);
        r = e->name ? run(h, e, f->domid) : -ENOMEM;
        if (r < 0)
                forget(e);
        return r;
}

static int describe_monitor(const DomainFunction *f, char **ret) {
        pid_t monitor;
        int r;

        r = xl_monitor_find("/proc", f->name, &monitor);
        if (r < 0)
                return r;
        *ret = r > 0 ? text_printf("Its xl (process %d) sees that, and ends too.", (int) monitor) : strdup("");
        return *ret ? 0 : -ENOMEM;
}

int domain_end(Hostd *h, const Uuid *domain, char **ret_note, Refusal *refusal) {
        _cleanup_free_ char *note = NULL;
        const DomainFunction *f;
        int r;

        r = strangers_look(&h->strangers);
        if (r < 0)
                return r;
        f = strangers_find_domain(&h->strangers, domain);
        if (!f)
                return refusal_set(refusal, ERROR_NO_SUCH_OBJECT, "No domain %s has a GPU of this host any more.", UUID_TEXT(domain));
        r = describe_monitor(f, &note);
        if (r < 0)
                return r;
        if (!is_under_way(h, domain)) {
                log_notice("Ending domain '%s' (id %u), which was not started by xenvgpu, as the pool was told to.%s%s", f->name,
                        f->domid, *note ? " " : "", note);
                r = begin(h, f);
                if (r < 0)
                        return r;
        }
        *ret_note = take_ptr(note);
        return 0;
}
