/*
 * Peers: one link for each host, and what comes over it
 *
 * The callbacks stand in the order in which they happen: greeted, claimed, inventories and events, lost. Each
 * finds its host by uuid, since the pool may have been rebuilt, or the host removed, in between.
 */

#include <stdio.h>

#include "policyd/service/internal.h"
#include "policyd/service/base/object-log.h"

#define AWAY_TOLD_USEC UINT64_C(60000000)

Peer *peer_of(Policy *p, const Host *h) {
        return hashmap_get(p->peers, &h->object.id);
}

Host *peer_host(const Peer *peer) {
        return pool_get(peer->policy->pool, CLASS_HOST, &peer->host);
}

void peer_touch(Peer *peer) {
        peer->touched = true;
        batch_open(peer->policy);
}

/* Calls to hostd */

int call_new(Peer *peer, CallDone done, const Uuid *object, const Uuid *token, Call **ret) {
        Call *call;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->peer = peer;
        call->done = done;
        call->object = *object;
        call->token = *token;
        call->next = peer->calls;
        if (call->next)
                call->next->previous = call;
        peer->calls = call;
        *ret = call;
        return 0;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        *(call->previous ? &call->previous->next : &call->peer->calls) = call->next;
        if (call->next)
                call->next->previous = call->previous;
        free(call->types);
        free(call);
        return NULL;
}

void call_replied(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        Call *call = userdata;

        call->done(call->peer->policy, call, outcome, code, message);
        call_free(call);
}

bool peer_has_call(const Peer *peer, const Uuid *token) {
        for (const Call *call = peer->calls; call; call = call->next)
                if (uuid_equal(&call->token, token))
                        return true;
        return false;
}

bool peer_withdraw_call(Peer *peer, const Uuid *token) {
        for (Call *call = peer->calls; call; call = call->next)
                if (uuid_equal(&call->token, token) && peer->policy->links->withdraw(peer->link, call)) {
                        call_free(call);
                        return true;
                }
        return false;
}

/* Takes what is told of later out of an inventory that was taken over. */
static int keep_report(Peer *peer, Host *h, Inventory *inventory) {
        inventory_done(&peer->report);
        peer->report = (Inventory){
                .vms = inventory->vms, .n_vms = inventory->n_vms, .problems = inventory->problems};
        inventory->vms = NULL;
        inventory->n_vms = 0;
        inventory->problems = NULL;
        return outside_update(peer->policy, h);
}

void peer_drop_reported(Peer *peer, const Uuid *vm) {
        for (size_t i = 0; i < peer->report.n_vms; i++)
                if (uuid_equal(&peer->report.vms[i].uuid, vm))
                        peer->report.vms[i].uuid = UUID_NULL;
}

/* The link's callbacks */

static int on_greeted(
        HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        return epoch_greeted(userdata, greeting, ret, ret_reason);
}

static int refuse(char **ret_reason, const char *reason) {
        *ret_reason = strdup(reason);
        return *ret_reason ? -ECONNREFUSED : -ENOMEM;
}

static int on_claimed(
        HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        Peer *peer = userdata;
        Policy *p = peer->policy;
        Host *h = peer_host(peer);
        int r;

        if (!h)
                return refuse(ret_reason, "The host was removed from the pool.");
        if (held != peer->epoch)
                return refuse(
                        ret_reason, "The host holds another epoch than the one that it was claimed with.");

        peer_touch(peer);
        old_check_inventory(peer, inventory);
        h->seq = inventory->seq;
        /* What it said before counts no more, as soon as anybody looks. */
        inventory_done(&peer->report);
        peer->n_strays = 0;
        r = takeover_inventory(p, h, inventory);
        r = r ?: reconcile_host(p, h, inventory);
        if (r < 0) {
                (void) batch_poison(p, r);
                return refuse(ret_reason, "The inventory could not be taken over: out of memory.");
        }
        /* Again, with the VMs that were adopted. */
        takeover_mark_counted(h, inventory);
        peer->claimed = true;
        epoch_acknowledged(p);
        old_heard(peer, h);
        takeover_collect_absent(p, h);
        if (h->state != HOST_ONLINE)
                log_host(LOG_INFO, MSG_HOST_ONLINE, h, "Host %s is online: %zu PGPU%s, %zu VM%s, epoch %llu.",
                        h->name_label, h->pgpus.n, PLURAL(h->pgpus.n), inventory->n_vms,
                        PLURAL(inventory->n_vms), (unsigned long long) held);
        pool_set_host_state(p->pool, h, HOST_ONLINE, "");
        (void) batch_poison(p, keep_report(peer, h, inventory));
        return 0;
}

/*
 * The host that an event is about, when it counts: from a claimed host, and no older than what is known. The
 * link passes no event twice; an inventory repeats the number of the last event.
 */
static Host *event_host(Peer *peer, uint64_t seq) {
        Host *h = peer_host(peer);

        if (!h || !peer->claimed || peer->policy->stale || seq < h->seq)
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
        (void) batch_poison(peer->policy, takeover_inventory(peer->policy, h, inventory));
        (void) batch_poison(peer->policy, keep_report(peer, h, inventory));
}

static void on_vm_event(HostLink *link, VmEvent *event, void *userdata) {
        Peer *peer = userdata;
        Host *h = event_host(peer, event->head.seq);

        if (event->state == VM_STATE_HALTED)
                peer_drop_reported(peer, &event->uuid);
        if (h)
                host_said_vm(peer->policy, h, event);
        if (h && event->state == VM_STATE_HALTED)
                (void) batch_poison(peer->policy, outside_vm_ended(peer->policy, h));
}

static void on_vgpu_event(HostLink *link, VgpuEvent *event, void *userdata) {
        Host *h = event_host(userdata, event->head.seq);

        if (h)
                host_said_vgpu(((Peer *) userdata)->policy, h, event);
}

static void on_pci_event(HostLink *link, PciEvent *event, void *userdata) {
        Host *h = event_host(userdata, event->head.seq);

        if (h)
                host_said_pci(((Peer *) userdata)->policy, h, event);
}

static void on_stale(HostLink *link, const char *message, void *userdata) {
        epoch_refused(((Peer *) userdata)->policy, message);
}

/*
 * Once when a host is lost, or was not reached at first; and when the reason has become another, but then not
 * more than once a minute: a reason that changes with each attempt would fill the journal.
 */
static void tell_away(Peer *peer, const Host *h, const char *reason) {
        uint64_t now = loop_now(peer->policy->loop, LOOP_MONOTONIC);

        if (h->state != HOST_ONLINE && peer->told &&
                (streq(peer->told, reason) || now - peer->told_at < AWAY_TOLD_USEC))
                return;
        free(peer->told);
        peer->told = strdup(reason);
        peer->told_at = now;
        if (h->state == HOST_ONLINE)
                log_host(LOG_WARNING, MSG_HOST_LOST, h, "Host %s is offline: %s", h->name_label, reason);
        else
                log_host(LOG_WARNING, MSG_HOST_NOT_REACHED, h, "Host %s is not reached: %s", h->name_label,
                        reason);
}

void peer_say_offline(Peer *peer, const char *reason) {
        Policy *p = peer->policy;
        Host *h = peer_host(peer);
        bool waited_for;

        if (!h)
                return;
        waited_for = h->state == HOST_CONNECTING;
        tell_away(peer, h, reason);
        pool_set_host_state(p->pool, h, HOST_OFFLINE, reason);
        if (waited_for)
                reconcile_unreached(p, h);
        batch_open(p);
}

static void on_lost(HostLink *link, const char *reason, void *userdata) {
        Peer *peer = userdata;
        Host *h = peer_host(peer);

        peer->waits = peer->claimed = false;
        peer_say_offline(peer, reason);
        if (h) {
                h->seq = 0;
                operations_host_lost(peer->policy, h);
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

/* Making and ending peers */

int peer_new(Policy *p, Host *h, Peer **ret) {
        Peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return -ENOMEM;
        peer->policy = p;
        peer->host = h->object.id;
        r = p->links->make(p->links, h->address, &link_owner, peer, &peer->link);
        r = r ?: hashmap_put(p->peers, &peer->host, peer);
        r = r ?: p->links->start(peer->link);
        if (r < 0) {
                peer_free(peer);
                return r;
        }
        *ret = peer;
        return 0;
}

Peer *peer_free(Peer *peer) {
        if (!peer)
                return NULL;
        if (hashmap_get(peer->policy->peers, &peer->host) == peer)
                hashmap_remove(peer->policy->peers, &peer->host);
        /* A host that was removed while it was away holds this still, and may be added again. */
        peer->policy->gone_epoch = MAX_OF(peer->policy->gone_epoch, peer->epoch);
        peer->policy->links->free(peer->link);
        while (peer->calls)
                call_replied(NULL, LINK_UNKNOWN, ERROR_HOST_OFFLINE, "The connection to the host was closed.",
                        peer->calls);
        inventory_done(&peer->report);
        free(peer->told);
        free(peer);
        return NULL;
}

int peers_sync(Policy *p) {
        const PtrArray *hosts = &p->pool->objects[CLASS_HOST];
        Peer *peer;
        int r;

        for (size_t i = 0; (peer = hashmap_next(p->peers, &i));)
                if (!peer_host(peer) && !peer->parting) {
                        peer_free(peer);
                        i = 0;
                }
        for (size_t i = 0; i < hosts->n; i++) {
                if (peer_of(p, hosts->items[i]))
                        continue;
                r = peer_new(p, hosts->items[i], &peer);
                if (r < 0)
                        return r;
        }
        return 0;
}

void policy_report_status(Policy *p) {
        const PtrArray *all = p->pool->objects;
        size_t online = 0;
        char line[128];

        if (!p->listener.status || !p->started)
                return;
        for (size_t i = 0; i < all[CLASS_HOST].n; i++)
                if (((Host *) all[CLASS_HOST].items[i])->state == HOST_ONLINE)
                        online++;
        text_format(line, sizeof(line), "%zu of %zu hosts online, %zu PGPU%s, %zu VGPU%s", online,
                all[CLASS_HOST].n, all[CLASS_PGPU].n, PLURAL(all[CLASS_PGPU].n), all[CLASS_VGPU].n,
                PLURAL(all[CLASS_VGPU].n));
        if (streq_ptr(line, p->status))
                return;
        if (text_set(&p->status, line) >= 0)
                p->listener.status(line, p->userdata);
}
