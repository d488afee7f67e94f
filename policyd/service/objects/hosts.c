/*
 * Hosts: adding, removing, enabling, declaring dead
 */

#include "policyd/service/objects/policy-private.h"

#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/epoch.h"
#include "policyd/service/hosts/host-links.h"
#include "policyd/service/hosts/known-again.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/places.h"
#include "policyd/service/operations/starts.h"

static void dial(void *owner, const Uuid *id, const Uuid *unused) {
        Policy *p = owner;

        if (peers_sync(&p->hosts) < 0)
                log_error("Failed to dial a host: out of memory. It is dialled when policyd starts again.");
}

/* h: that is to be called so, or NULL. */
static int check_name_is_free(Policy *p, const Host *h, const char *name, Refusal *refusal) {
        for_each(const Host, other, &p->batch.pool->objects[CLASS_HOST])
                if (other != h && streq(other->name_label, name))
                        return refuse(refusal, ERROR_ALREADY_EXISTS,
                                "The pool has a host named '%s' already, at %s. Give %s another name.", name,
                                other->address, h ? "this one" : "the new one");
        return 0;
}

static int check_new_host(Policy *p, const char *name, const char *address, Refusal *refusal) {
        _cleanup_free_ char *message = NULL;
        ErrorCode code;
        int r;

        r = check_label("A host", name, refusal);
        if (r != 0)
                return r;
        code = p->hosts.links->check_address(address, &message);
        if (code != ERROR_NONE)
                return refuse(refusal, code, "%s", message ? message : "The address cannot be used.");

        for_each(const Host, h, &p->batch.pool->objects[CLASS_HOST])
                if (streq(h->address, address))
                        return refuse(refusal, ERROR_HOST_ALREADY_IN_POOL,
                                "The address %s is that of host '%s', which is in the pool already.", address,
                                h->name_label);
        r = check_name_is_free(p, /* h= */ NULL, name, refusal);
        return r ?: check_limit(&p->batch, CLASS_HOST, 1, refusal);
}

/* As ssh-keygen prints it: 32 bytes in base64, without padding. */
static int check_fingerprint(const char *address, const char *fingerprint, Refusal *refusal) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *value = startswith(fingerprint, "SHA256:");

        if (isempty(fingerprint))
                return 0;
        if (!startswith(address, "ssh:"))
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "The address %s has no host key, so it takes no fingerprint; only ssh: has.", address);
        if (!value || strlen(value) != 43 || strspn(value, digits) != 43)
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "The fingerprint \"%s\" is not SHA256: and 43 characters, as `ssh-keygen -lf "
                        "/etc/ssh/ssh_host_ed25519_key.pub` prints it on the host.",
                        TEXT_SHORT(fingerprint, 80));
        return 0;
}

int hosts_add(Policy *p, const char *name, const char *address, const char *fingerprint, Host **ret, Refusal *refusal) {
        Uuid id;
        Host *h;
        int r;

        if (isempty(address))
                address = "system";
        r = check_new_host(p, name, address, refusal);
        r = r ?: check_fingerprint(address, fingerprint, refusal);
        r = r ?: batch_new_uuid(&p->batch, &id);
        r = r ?: pool_add_host(p->batch.pool, &id, 0, name, address, &h);
        r = r ?: MIN_OF(text_set(&h->fingerprint, fingerprint), 0);
        if (r != 0)
                return decided(r);
        pool_set_host_enabled(p->batch.pool, h, true);
        pool_set_host_state(p->batch.pool, h, HOST_CONNECTING, HOST_NOT_HEARD);
        /* The host may have been added after the copy was made, and may run VMs that the copy does not know. */
        pool_set_host_unheard(p->batch.pool, h, p->batch.meta.old != OLD_NOT);
        r = batch_then(&p->batch, dial, p, &id, NULL);
        if (r < 0)
                return decided(r);
        *ret = h;
        return 0;
}

/* After the removal is on disk: the claim of the host is released, then the connection ends. */

static void released(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        if (outcome != LINK_DONE)
                log_warning("A host that was removed from the pool did not take its release: %s, ignoring",
                        strempty(message));
}

static void on_released(
        HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        Call *call = userdata;
        Peer *peer = call->peer;

        call_replied(link, outcome, code, message, call);
        peer_free(peer);
}

static void part(void *owner, const Uuid *id, const Uuid *unused) {
        Policy *p = owner;
        Peer *peer = hashmap_get(p->hosts.peers, id);
        Call *call;

        if (!peer)
                return;
        p->hosts.links->forget_key(peer->link); /* now: the same address may be added before the release is answered */
        if (peer->claimed && call_new(peer, released, NULL, id, &UUID_NULL, &call) >= 0) {
                peer->parting = p->hosts.links->release(peer->link, on_released, call) >= 0;
                if (peer->parting)
                        return;
                call_free(call);
        }
        peer_free(peer);
}

int hosts_remove(Policy *p, Host *h, Refusal *refusal) {
        int r;

        r = refused(rule_host_remove(h, refusal), refusal);
        r = r ?: batch_then(&p->batch, part, p, &h->object.id, NULL);
        if (r != 0)
                return decided(r);
        places_clear_host(&p->hosts, h);
        for_each(const Pgpu, pgpu, &h->pgpus)
                (void) batch_poison(&p->batch, former_keep(&p->batch, pgpu));
        pool_remove(p->batch.pool, &h->object);
        types_collect(&p->hosts);
        (void) batch_poison(&p->batch, problems_update(&p->hosts));
        return 0;
}

int hosts_set_enabled(Policy *p, Host *h, bool enabled, Refusal *refusal) {
        pool_set_host_enabled(p->batch.pool, h, enabled);
        batch_open(&p->batch);
        if (enabled)
                places_clear_host(&p->hosts, h);
        return 0;
}

int hosts_set_name_label(Policy *p, Host *h, const char *name, Refusal *refusal) {
        _cleanup_free_ char *old = strdup(h->name_label);
        int r;

        if (!old)
                return -ENOMEM;
        r = check_label("A host", name, refusal);
        r = r ?: check_name_is_free(p, h, name, refusal);
        if (r != 0 || streq(old, name))
                return decided(r);
        batch_open(&p->batch);
        r = pool_set_host_name_label(p->batch.pool, h, name);
        /* An affinity that is the old name goes on to mean this host. */
        r = r < 0 ? r : affinities_follow(&p->batch, old, name);
        r = r < 0 ? r : problems_update(&p->hosts);
        return batch_poison(&p->batch, MIN_OF(r, 0));
}

int policy_read_key(Policy *p, char **ret) {
        return p->hosts.links->read_key(p->hosts.links, ret);
}

int hosts_set_fingerprint(Policy *p, Host *h, const char *fingerprint, Refusal *refusal) {
        const TextChange change = {&h->fingerprint, fingerprint, HOST_FINGERPRINT};
        Peer *peer = peer_of(&p->hosts, h);
        int r;

        r = check_fingerprint(h->address, fingerprint, refusal);
        if (r != 0 || streq(h->fingerprint, fingerprint))
                return decided(r);
        r = object_set_texts(&p->batch, &h->object, &change, 1);
        if (r >= 0 && peer)
                r = p->hosts.links->set_fingerprint(peer->link, fingerprint);
        return batch_poison(&p->batch, MIN_OF(r, 0));
}

/* One that is connected, or waits for its turn to log in, is left as it is. */
int hosts_reconnect(Policy *p, Host *h, Refusal *refusal) {
        Peer *peer = peer_of(&p->hosts, h);

        if (peer)
                p->hosts.links->dial_now(peer->link);
        return 0;
}

/*
 * The operator says that the machine does not run. Besides a report of the host, this is the only way to
 * release what was sent there. While policyd is connected to the host, the host knows better.
 */
int hosts_declare_dead(Policy *p, Host *h, Refusal *refusal) {
        Peer *peer = peer_of(&p->hosts, h);
        size_t n = h->vms.n;

        if (h->state == HOST_ONLINE)
                return refusal_set(refusal, ERROR_HOST_IN_USE,
                        "Host '%s' is online, so it is not dead. Shut its VMs down instead, or end its hostd "
                        "first.",
                        h->name_label);

        batch_open(&p->batch);
        (void) batch_poison(&p->batch, outside_forget_host(&p->hosts, h));
        while (h->vms.n > 0) {
                Vm *vm = h->vms.items[h->vms.n - 1];
                Operation *op = operation_of(&p->operations, vm);

                log_vm(LOG_NOTICE, MSG_RESERVATION_RELEASED, vm, h,
                        "VM %s is released: its host %s was declared dead.", vm->name_label, h->name_label);
                if (op && op->kind == OPERATION_START)
                        operation_finish(op, JOB_FAILED, ERROR_HOST_OFFLINE, "The host was declared dead.");
                (void) vm_release(&p->operations, vm, /* has_another= */ false);
        }
        takeover_collect_absent(&p->hosts, h);
        if (peer)
                old_heard(peer, h);
        log_host(LOG_NOTICE, NULL, h, "Host %s was declared dead; VMs released: %zu.", h->name_label, n);
        return 0;
}

int hosts_set_description(Policy *p, Host *h, const char *description, Refusal *refusal) {
        const TextChange change = {&h->name_description, description, HOST_NAME_DESCRIPTION};
        int r;

        r = check_text("A host", "name_description", description, TEXT_LINES, refusal);
        return decided(r ?: object_set_texts(&p->batch, &h->object, &change, 1));
}
