/*
 * Ending what a host runs and the pool does not have
 *
 * A VM of hostd's is stopped by force; a domain that hostd did not start is destroyed there, as by `xl destroy`. Either may be anybody's,
 * so the answer and the journal say which one it was and what it had. Nothing of the pool changes: what it had is free when the host
 * reports that it is gone.
 */

#include <stdio.h>

#include "policyd/service/base/object-log.h"
#include "policyd/service/objects/policy-private.h"
#include "policyd/words/sentence.h"
#include "protocol/order.h"

static void add_item(StrBuf *b, size_t *n, const char *what, const PciAddress *pci) {
        strbuf_addf(b, "%s%s%s%s", (*n)++ == 0 ? " It has " : ", ", what, *what ? " on " : "", PCI_TEXT(pci));
}

static void describe_vm(const Pool *pool, const InventoryVm *vm, const Host *h, StrBuf *b) {
        size_t n = 0;

        strbuf_addf(b, "VM '%s' (domain %u, %s) on host '%s' is being ended by force.", strempty(vm->name_label), vm->domid,
                UUID_TEXT(&vm->uuid), h->name_label);
        for (size_t i = 0; i < vm->n_vgpus; i++) {
                const VgpuType *t = type_of_running(pool, h, vm->vgpus[i].identifier);

                add_item(b, &n, t ? type_label(t) : strempty(vm->vgpus[i].identifier), &vm->vgpus[i].pgpu);
        }
        for (size_t i = 0; i < vm->n_pcis; i++)
                add_item(b, &n, "", &vm->pcis[i].address);
        strbuf_add(b, n > 0 ? "." : "");
}

static void describe_domain(const InventoryDomain *d, const Host *h, StrBuf *b) {
        _cleanup_free_ char *holder = NULL;
        size_t n = 0;

        if (asprintf(&holder, "domain '%s' (id %u)", strempty(d->name), d->domid) < 0)
                holder = NULL;
        strbuf_addf(b, "Domain '%s' (id %u, %s) on host '%s' is being destroyed; xenvgpu did not start it.", strempty(d->name), d->domid,
                UUID_TEXT(&d->uuid), h->name_label);
        for_each(const Pgpu, pgpu, &h->pgpus)
                if (holder && streq(strempty(pgpu->held_by), holder))
                        add_item(b, &n, "", &pgpu->pci);
        strbuf_add(b, n > 0 ? "." : "");
}

/* Nothing where the host does not report it any more. */
static void describe(const Pool *pool, const Peer *peer, const Host *h, const Uuid *id, StrBuf *b) {
        for (size_t i = 0; i < peer->report.n_vms; i++)
                if (uuid_equal(&peer->report.vms[i].uuid, id))
                        describe_vm(pool, &peer->report.vms[i], h, b);
        for (size_t i = 0; i < peer->report.n_domains; i++)
                if (uuid_equal(&peer->report.domains[i].uuid, id))
                        describe_domain(&peer->report.domains[i], h, b);
}

static void answered(void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        const Host *h = outcome == LINK_DONE ? peer_host(call->peer) : NULL;
        _cleanup_strbuf_ StrBuf b = {};
        Policy *p = owner;

        if (outcome == LINK_REFUSED) {
                call->committed(code, strempty(message), call->userdata);
                return;
        }
        if (!h || !p->batch.pool) {
                call->committed(ERROR_HOST_OFFLINE, "The host did not answer; look again whether it runs.", call->userdata);
                return;
        }
        describe(p->batch.pool, call->peer, h, &call->object, &b);
        if (b.len == 0)
                strbuf_addf(&b, "What had the uuid %s on host '%s' has ended.", UUID_TEXT(&call->object), h->name_label);
        if (!isempty(message))
                strbuf_addf(&b, " %s", message);
        p->batch.metrics.ended_outside++;
        if (b.text)
                log_host(LOG_NOTICE, MSG_OUTSIDE_ENDED, h, "%s", b.text);
        call->committed(b.text ? ERROR_NONE : ERROR_INTERNAL_ERROR, b.text ?: "Out of memory.", call->userdata);
}

static int ask(Policy *p, Host *h, const Uuid *id, PolicyCommitted done, void *userdata) {
        Peer *peer = peer_of(&p->hosts, h);
        StopOrder order = {.uuid = *id, .force = true};
        _cleanup_strbuf_ StrBuf b = {};
        Call *call;
        int r;

        r = peer ? batch_new_uuid(&p->batch, &order.token) : -ENOTCONN;
        r = r ?: call_new(peer, answered, p, id, &order.token, &call);
        if (r < 0)
                return r;
        call->committed = done;
        call->userdata = userdata;
        order.epoch = peer->epoch;
        stop_order_write(&order, &b);
        r = b.text ? p->hosts.links->end_vm(peer->link, b.text, call_replied, call) : -ENOMEM;
        if (r < 0)
                call_free(call);
        return r;
}

int vms_end_outside(Policy *p, Host *h, const char *domain, PolicyCommitted done, void *userdata, Refusal *refusal) {
        Uuid id;
        int r;

        r = host_check_reachable(h, "ending what runs there", refusal);
        r = r ?: outside_find(p, h, domain, &id, refusal);
        if (r != 0)
                return decided(r);
        r = ask(p, h, &id, done, userdata);
        if (r == -ENOTCONN || r == -ENOBUFS)
                return refusal_set(refusal, ERROR_HOST_OFFLINE, "Host '%s' cannot be asked to end it now.", h->name_label);
        return r;
}
