/*
 * What comes over the links
 *
 * The callbacks stand in the order in which they happen: greeted, claimed, inventories and events, lost. Each
 * finds its host by uuid, since the pool may have been rebuilt, or the host removed, in between.
 */

#include "policyd/service/hosts/host-links.h"

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/reconcile.h"
#include "policyd/service/hosts/takeover.h"

#define AWAY_LOG_USEC UINT64_C(60000000)

/* Keeps what is needed later of an inventory that was taken over. */
static int keep_report(Peer *peer, Host *h, Inventory *inventory) {
        inventory_done(&peer->report);
        peer->report = (Inventory){
                .vms = inventory->vms,
                .n_vms = inventory->n_vms,
                .domains = inventory->domains,
                .n_domains = inventory->n_domains,
                .problems = inventory->problems};
        inventory->vms = NULL;
        inventory->n_vms = 0;
        inventory->domains = NULL;
        inventory->n_domains = 0;
        inventory->problems = NULL;
        return outside_update(peer->hosts, h);
}

/* The link's callbacks */

static int on_greeted(
        HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        return epoch_greeted(userdata, greeting, ret, ret_reason);
}

static int on_claimed(
        HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        Peer *peer = userdata;
        Hosts *hs = peer->hosts;
        Host *h = peer_host(peer);
        int r;

        if (!h)
                return peer_refuse(ret_reason, "The host was removed from the pool.");
        if (held != peer->epoch)
                return peer_refuse(
                        ret_reason, "The host holds another epoch than the one that it was claimed with.");

        peer_touch(peer);
        peer->ask_again = false;
        old_check_inventory(peer, inventory);
        h->seq = inventory->seq;
        /* The report before must not count any more, whoever reads it next. */
        inventory_done(&peer->report);
        peer->n_strays = 0;
        r = takeover_inventory(hs, h, inventory);
        r = r ?: reconcile_host(hs, h, inventory);
        if (r < 0) {
                (void) batch_poison(hs->batch, r);
                return peer_refuse(ret_reason, "The inventory could not be taken over: out of memory.");
        }
        /* Again, with the VMs that were adopted. */
        takeover_mark_counted(h, inventory);
        peer->claimed = true;
        epoch_acknowledged(hs);
        old_heard(peer, h);
        takeover_collect_absent(hs, h);
        if (h->state != HOST_ONLINE)
                log_host(LOG_INFO, MSG_HOST_ONLINE, h, "Host %s is online: %zu PGPU%s, %zu VM%s, epoch %llu.",
                        h->name_label, h->pgpus.n, PLURAL(h->pgpus.n), inventory->n_vms,
                        PLURAL(inventory->n_vms), (unsigned long long) held);
        pool_set_host_state(hs->batch->pool, h, HOST_ONLINE, "");
        (void) batch_poison(hs->batch, keep_report(peer, h, inventory));
        return 0;
}

/*
 * The host that an event is about, when it counts: from a claimed host, and no older than what is known. The
 * link passes no event twice; an inventory repeats the number of the last event.
 */
static Host *event_host(Peer *peer, uint64_t seq) {
        Host *h = peer_host(peer);

        if (!h || !peer->claimed || peer->hosts->stale || seq < h->seq)
                return NULL;
        h->seq = seq;
        peer_touch(peer);
        return h;
}

static void on_inventory(HostLink *link, Inventory *inventory, void *userdata) {
        Peer *peer = userdata;
        Host *h = event_host(peer, inventory->seq);

        /* Facts only: an order that is on its way is not in it yet, so absence proves nothing here. */
        if (!h)
                return;
        (void) batch_poison(peer->hosts->batch, takeover_inventory(peer->hosts, h, inventory));
        (void) batch_poison(peer->hosts->batch, keep_report(peer, h, inventory));
}

static void on_vm_event(HostLink *link, VmEvent *event, void *userdata) {
        Peer *peer = userdata;
        Host *h = event_host(peer, event->head.seq);

        if (event->state == VM_STATE_HALTED)
                peer_drop_reported(peer, &event->uuid);
        if (h)
                host_vm_event(peer->hosts, h, event);
        if (h && event->state == VM_STATE_HALTED)
                (void) batch_poison(peer->hosts->batch, outside_vm_ended(peer->hosts, h));
}

static void on_vgpu_event(HostLink *link, VgpuEvent *event, void *userdata) {
        Host *h = event_host(userdata, event->head.seq);

        if (h)
                host_vgpu_event(((Peer *) userdata)->hosts, h, event);
}

static void on_pci_event(HostLink *link, PciEvent *event, void *userdata) {
        Host *h = event_host(userdata, event->head.seq);

        if (h)
                host_pci_event(((Peer *) userdata)->hosts, h, event);
}

static void on_stale(HostLink *link, const char *message, void *userdata) {
        epoch_refused(((Peer *) userdata)->hosts, message);
}

/*
 * Logs once when a host is lost or was not reached at first, and again when the reason changes, but at most
 * once a minute: a reason that changes with each attempt would fill the journal.
 */
static void log_away(Peer *peer, const Host *h, const char *reason) {
        uint64_t now = loop_now(batch_loop(peer->hosts->batch), LOOP_MONOTONIC);

        if (h->state != HOST_ONLINE && peer->logged &&
                (streq(peer->logged, reason) || now - peer->logged_at < AWAY_LOG_USEC))
                return;
        free(peer->logged);
        peer->logged = strdup(reason);
        peer->logged_at = now;
        if (h->state == HOST_ONLINE)
                log_host(LOG_WARNING, MSG_HOST_LOST, h, "Host %s is offline: %s", h->name_label, reason);
        else
                log_host(LOG_WARNING, MSG_HOST_NOT_REACHED, h, "Host %s is not reached: %s", h->name_label,
                        reason);
}

static void set_offline(Peer *peer, const char *reason) {
        Hosts *hs = peer->hosts;
        Host *h = peer_host(peer);
        bool waited_for;

        if (!h)
                return;
        waited_for = h->state == HOST_CONNECTING;
        log_away(peer, h, reason);
        pool_set_host_state(hs->batch->pool, h, HOST_OFFLINE, reason);
        if (waited_for)
                reconcile_unreached(hs, h);
        batch_open(hs->batch);
}

static void on_lost(HostLink *link, const char *reason, void *userdata) {
        Peer *peer = userdata;
        Host *h = peer_host(peer);

        peer->waits = peer->claimed = false;
        set_offline(peer, reason);
        if (h) {
                h->seq = 0;
                peer->hosts->listener->host_lost(h, peer->hosts->userdata);
        }
        epoch_answered(peer);
}

static const LinkOwner link_owner = {
        .greeted = on_greeted,
        .claimed = on_claimed,
        .inventory = on_inventory,
        .vm_event = on_vm_event,
        .vgpu_event = on_vgpu_event,
        .pci_event = on_pci_event,
        .stale = on_stale,
        .lost = on_lost,
};

/* Making peers */

static int peer_new(Hosts *hs, Host *h, Peer **ret) {
        Peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        peer->hosts = hs;
        peer->host = h->object.id;
        r = hs->links->make(hs->links, h->address, &link_owner, peer, &peer->link);
        r = r ?: hs->links->set_fingerprint(peer->link, h->fingerprint);
        r = r ?: hashmap_put(hs->peers, &peer->host, peer);
        r = r ?: hs->links->start(peer->link);
        if (r < 0) {
                peer_free(peer);
                return r;
        }
        *ret = peer;
        return 0;
}

int peers_sync(Hosts *hs) {
        const PtrArray *hosts = &hs->batch->pool->objects[CLASS_HOST];
        Peer *peer;
        int r;

        for (size_t i = 0; (peer = hashmap_next(hs->peers, &i));)
                if (!peer_host(peer) && !peer->parting) {
                        peer_free(peer);
                        i = 0;
                }
        for (size_t i = 0; i < hosts->n; i++) {
                if (peer_of(hs, hosts->items[i]))
                        continue;
                r = peer_new(hs, hosts->items[i], &peer);
                if (r < 0)
                        return r;
        }
        return 0;
}
