/*
 * Peers: what is known of each host, and what it was asked
 */

#include "policyd/service/hosts/peers.h"

#include <stdarg.h>
#include <stdio.h>

#include "policyd/service/base/limits.h"
#include "policyd/words/sentence.h"

int hosts_init(Hosts *hs, Batch *batch, const HostsListener *listener, void *userdata) {
        *hs = (Hosts){
                .batch = batch,
                .links = batch->options.links,
                .listener = listener,
                .userdata = userdata,
                .peers = hashmap_new_uuid(),
                .health = place_health_new(batch->options.place_last_usec),
        };
        return hs->peers && hs->health ? batch_new_uuid(batch, &hs->instance) : -ENOMEM;
}

void hosts_done(Hosts *hs) {
        Peer *peer;

        for (size_t i = 0; hs->peers && (peer = hashmap_next(hs->peers, &i)); i = 0)
                peer_free(peer);
        hashmap_free(hs->peers);
        loop_timer_free(hs->gather_timer);
        loop_timer_free(hs->gather_soon);
        loop_timer_free(hs->health_timer);
        place_health_free(hs->health);
        free(hs->troubled);
        *hs = (Hosts){};
}

Peer *peer_of(const Hosts *hs, const Host *h) {
        return hashmap_get(hs->peers, &h->object.id);
}

Host *peer_host(const Peer *peer) {
        return pool_get(peer->hosts->batch->pool, CLASS_HOST, &peer->host);
}

void peer_touch(Peer *peer) {
        peer->touched = true;
        batch_open(peer->hosts->batch);
}

/* Calls to hostd */

int call_new(Peer *peer, CallDone done, void *owner, const Uuid *object, const Uuid *token, Call **ret) {
        Call *call;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->peer = peer;
        call->done = done;
        call->owner = owner;
        call->object = *object;
        call->token = *token;
        LIST_INSERT_HEAD(&peer->calls, call, others);
        *ret = call;
        return 0;
}

Call *call_free(Call *call) {
        if (!call)
                return NULL;
        LIST_REMOVE(call, others);
        free(call->types);
        free(call);
        return NULL;
}

void call_replied(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        Call *call = userdata;

        call->done(call->owner, call, outcome, code, message);
        call_free(call);
}

bool peer_obeys(const Peer *peer) {
        return peer && peer->claimed && !peer->hosts->stale;
}

int peer_send_order(Peer *peer, int (*send)(HostLink *, const char *, LinkReply, void *), const char *order,
        CallDone done, void *owner, const Uuid *object, const Uuid *token) {
        Call *call;
        int r;

        r = call_new(peer, done, owner, object, token, &call);
        if (r < 0)
                return r;
        r = send(peer->link, order, call_replied, call);
        if (r < 0) {
                call_free(call);
                peer->ask_again = true;
        }
        return r;
}

bool peer_has_call(const Peer *peer, const Uuid *token) {
        const Call *call;

        LIST_FOREACH(call, &peer->calls, others)
                if (uuid_equal(&call->token, token))
                        return true;
        return false;
}

bool peer_is_asked_of(const Peer *peer, const Uuid *object) {
        const Call *call;

        LIST_FOREACH(call, &peer->calls, others)
                if (uuid_equal(&call->object, object))
                        return true;
        return false;
}

bool peer_withdraw_call(Peer *peer, const Uuid *token) {
        Call *call;

        LIST_FOREACH(call, &peer->calls, others)
                if (uuid_equal(&call->token, token) && peer->hosts->links->withdraw(peer->link, call)) {
                        call_free(call);
                        peer->ask_again = true;
                        return true;
                }
        return false;
}

void peer_drop_reported(Peer *peer, const Uuid *vm) {
        for (size_t i = 0; i < peer->report.n_vms; i++)
                if (uuid_equal(&peer->report.vms[i].uuid, vm))
                        peer->report.vms[i].uuid = UUID_NULL;
}

bool report_is_stray(const Hosts *hs, const Host *h, const InventoryVm *report) {
        const Vm *vm = pool_get(hs->batch->pool, CLASS_VM, &report->uuid);

        return !uuid_is_null(&report->uuid) && (!vm || vm_host(vm) != h);
}

Peer *peer_free(Peer *peer) {
        if (!peer)
                return NULL;
        if (hashmap_get(peer->hosts->peers, &peer->host) == peer)
                hashmap_remove(peer->hosts->peers, &peer->host);
        /* A host that was removed while it was offline still holds this epoch, and may be added again. */
        peer->hosts->gone_epoch = MAX_OF(peer->hosts->gone_epoch, peer->epoch);
        peer->hosts->links->free(peer->link);
        while (!LIST_EMPTY(&peer->calls))
                call_replied(NULL, LINK_UNKNOWN, ERROR_HOST_OFFLINE, "The connection to the host was closed.",
                        LIST_FIRST(&peer->calls));
        inventory_done(&peer->report);
        free(peer->logged);
        free(peer);
        return NULL;
}

int peer_refuse(char **ret_reason, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(ret_reason, format, args);
        va_end(args);
        if (r >= 0)
                return -ECONNREFUSED;
        *ret_reason = NULL;
        return -ENOMEM;
}

/* Of the model */

Pgpu *host_find_pgpu(const Host *h, const PciAddress *pci) {
        Pgpu *absent = NULL;

        for_each(Pgpu, pgpu, &h->pgpus) {
                if (pci_address_compare(&pgpu->pci, pci) != 0)
                        continue;
                if (pgpu->present)
                        return pgpu;
                absent = pgpu;
        }
        return absent;
}

Vgpu *vm_find_vgpu(Vm *vm, const Uuid *id, const char *device_or_null) {
        for_each(Vgpu, v, &vm->vgpus) {
                char device[16];

                if (!uuid_is_null(id) && uuid_equal(&v->object.id, id))
                        return v;
                snprintf(device, sizeof(device), "%u", v->device);
                if (uuid_is_null(id) && device_or_null && streq(device, device_or_null))
                        return v;
        }
        return NULL;
}

int host_check_reachable(const Host *h, const char *what, Refusal *refusal) {
        _cleanup_strbuf_ StrBuf b = {};

        if (h && h->state == HOST_ONLINE)
                return 0;
        if (!h)
                return refuse(refusal, ERROR_HOST_OFFLINE, "The host is gone, so %s is not possible.", what);
        if (h->state == HOST_CONNECTING)
                return refuse(refusal, ERROR_HOST_OFFLINE,
                        "Host '%s' has not been heard from yet, so %s is not possible. Try again in a "
                        "moment.",
                        h->name_label, what);
        strbuf_addf(&b, "Host '%s' is %s", h->name_label, host_state_to_string(h->state));
        if (!isempty(h->state_reason)) {
                strbuf_add(&b, " (");
                sentence_clause(&b, h->state_reason);
                strbuf_add(&b, ")");
        }
        strbuf_addf(&b, ", so %s is not possible. Bring it back, or declare it dead when it is.", what);
        return refused(refusal_take(refusal, ERROR_HOST_OFFLINE, &b), refusal);
}
