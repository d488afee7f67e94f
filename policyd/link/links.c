/*
 * The links of the daemon: one event loop, the same settings and one queue of logins for all of them
 */

#include "policyd/link/link.h"
#include "policyd/link/pool-key.h"

typedef struct BusLinks {
        Links links;
        Loop *loop;
        sd_event *event;
        LinkSettings settings;
} BusLinks;

static int make(Links *links, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        BusLinks *l = CONTAINER_OF(links, BusLinks, links);

        return link_new(l->loop, l->event, address, &l->settings, owner, userdata, ret);
}

int links_read_key(Links *links, char **ret) {
        BusLinks *l = CONTAINER_OF(links, BusLinks, links);

        return l->settings.ssh_folder ? pool_key_read(l->settings.ssh_folder, ret) : -EOPNOTSUPP;
}

static const Links over_bus = {
        .check_address = link_check_address,
        .read_key = links_read_key,
        .make = make,
        .free = link_free,
        .start = link_start,
        .set_fingerprint = link_set_fingerprint,
        .forget_key = link_forget_key,
        .claim = link_claim,
        .dial_now = link_dial_now,
        .reset = link_reset,
        .start_vm = link_start_vm,
        .stop_vm = link_stop_vm,
        .change_types = link_change_types,
        .get_vm = link_get_vm,
        .end_vm = link_end_vm,
        .clear_health = link_clear_health,
        .release = link_release,
        .withdraw = link_withdraw,
};

int links_new(Loop *loop, sd_event *event, const LinkSettings *settings, uint64_t logins_max, Links **ret) {
        BusLinks *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        *l = (BusLinks){.links = over_bus, .loop = loop, .event = sd_event_ref(event), .settings = *settings};
        r = logins_new(loop, logins_max, &l->settings.logins);
        if (r < 0) {
                links_free(&l->links);
                return r;
        }
        *ret = &l->links;
        return 0;
}

void links_set(Links *links, const LinkSettings *settings) {
        BusLinks *l = CONTAINER_OF(links, BusLinks, links);
        Logins *logins = l->settings.logins;
        const char *ssh_folder = l->settings.ssh_folder;

        l->settings = *settings;
        l->settings.logins = logins;
        l->settings.ssh_folder = ssh_folder;
}

Links *links_free(Links *links) {
        BusLinks *l;

        if (!links)
                return NULL;
        l = CONTAINER_OF(links, BusLinks, links);
        logins_free(l->settings.logins);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}
