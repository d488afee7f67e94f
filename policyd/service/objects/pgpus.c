/*
 * PGPUs: their group, and which types are enabled
 *
 * Enablement belongs to hostd. A type that is being disabled takes no new placements from the moment of the
 * request ("disabling" in the model), hostd is asked, and its answer is committed or the mark taken back.
 */

#include "policyd/service/objects/policy-private.h"

#include <stdio.h>

#include "common/daemon/log.h"
#include "policyd/service/hosts/outside.h"
#include "policyd/service/hosts/places.h"

int pgpus_set_group(Policy *p, Pgpu *pgpu, GpuGroup *group_or_null, Refusal *refusal) {
        char gpu_type[32];
        int r;

        r = refused(rule_pgpu_set_group(pgpu, group_or_null, refusal), refusal);
        if (r != 0)
                return decided(r);
        batch_open(&p->batch);
        /* A group without types becomes one of the first PGPU's kind. */
        if (group_or_null && !group_or_null->gpu_types[0]) {
                snprintf(gpu_type, sizeof(gpu_type), "%s/%s", pgpu->vendor_id, pgpu->device_id);
                r = pool_set_group_gpu_types(
                        p->batch.pool, group_or_null, (const char *const[]){gpu_type, NULL});
        }
        r = r ?: pool_set_pgpu_group(p->batch.pool, pgpu, group_or_null);
        return decided(batch_poison(&p->batch, r));
}

/* Finds the enabled types that would be disabled; refuses if one of them is in use, or if one to be enabled
 * is not supported. */
static int check_types(
        Pgpu *pgpu, VgpuType *const *types, size_t n, VgpuType **ret_gone, size_t *ret_n, Refusal *refusal) {
        size_t k = 0;
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++)
                if (!ptr_array_contains(&pgpu->enabled, types[i]))
                        r = refused(rule_pgpu_enable_type(pgpu, types[i], refusal), refusal);
        for_each_while(r == 0, VgpuType, t, &pgpu->enabled) {
                if (types_contain(types, n, t))
                        continue;
                r = refused(rule_pgpu_disable_type(pgpu, t, refusal), refusal);
                ret_gone[k++] = t;
        }
        *ret_n = k;
        return r;
}

/* hostd's answer */

/* One more or less than the host said last: an inventory may have come since it was asked. */
static int apply_types(Policy *p, Pgpu *pgpu, const Call *call) {
        VgpuType *types[pgpu->enabled.n + call->n_types + 1];
        VgpuType *one = pool_get(p->batch.pool, CLASS_VGPU_TYPE, &call->types[0]);
        size_t n = 0;

        if (call->types_change != LINK_TYPES_SET)
                for_each(VgpuType, t, &pgpu->enabled)
                        if (t != one)
                                types[n++] = t;
        for (size_t i = 0; call->types_change != LINK_TYPES_REMOVE && i < call->n_types; i++) {
                VgpuType *t = pool_get(p->batch.pool, CLASS_VGPU_TYPE, &call->types[i]);

                if (t)
                        types[n++] = t;
        }
        pgpu_types_are_kept(&p->hosts, pgpu);
        return pgpu_update_enabled(&p->hosts, pgpu, types, n);
}

static void types_set(
        void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Policy *p = owner;
        Pgpu *pgpu = p->batch.pool ? pool_get(p->batch.pool, CLASS_PGPU, &call->object) : NULL;
        int r = 0;

        if (pgpu)
                r = pool_set_pgpu_disabling(p->batch.pool, pgpu, NULL, 0);
        if (outcome == LINK_UNKNOWN) {
                call->committed(ERROR_HOST_OFFLINE,
                        "The host did not answer; what it enabled is seen when it is back.", call->userdata);
                return;
        }
        if (outcome == LINK_REFUSED || !pgpu) {
                call->committed(pgpu ? code : ERROR_NO_SUCH_OBJECT,
                        pgpu ? strempty(message) : "The PGPU is gone.", call->userdata);
                return;
        }
        peer_touch(call->peer);
        r = r ?: apply_types(p, pgpu, call);
        (void) batch_poison(&p->batch, r);
        if (batch_when_committed(&p->batch, call->committed, call->userdata) < 0)
                call->committed(ERROR_INTERNAL_ERROR, "Out of memory.", call->userdata);
}

typedef struct TypesRequest {
        LinkTypesChange change;
        VgpuType *const *types;
        size_t n;
        PolicyCommitted done;
        void *userdata;
} TypesRequest;

static int send_types(Policy *p, Pgpu *pgpu, Peer *peer, const TypesRequest *q) {
        _cleanup_free_ const char **identifiers = calloc(q->n + 1, sizeof(*identifiers));
        Uuid token;
        Call *call;
        int r;

        if (!identifiers)
                return -ENOMEM;
        r = batch_new_uuid(&p->batch, &token);
        r = r ?: call_new(peer, types_set, p, &pgpu->object.id, &token, &call);
        if (r < 0)
                return r;
        call->types = calloc(q->n + 1, sizeof(*call->types));
        if (!call->types) {
                call_free(call);
                return -ENOMEM;
        }
        call->n_types = q->n;
        call->types_change = q->change;
        call->committed = q->done;
        call->userdata = q->userdata;
        for (size_t i = 0; i < q->n; i++) {
                call->types[i] = q->types[i]->object.id;
                identifiers[i] = type_identifier_on(q->types[i], pgpu->host);
        }
        r = p->hosts.links->change_types(peer->link, &pgpu->pci, q->change, identifiers, call_replied, call);
        if (r < 0)
                call_free(call);
        return r;
}

/* gone: the types that no new placement may take from now on. */
static int ask_host(Policy *p, Pgpu *pgpu, const TypesRequest *q, VgpuType *const *gone, size_t n_gone,
        Refusal *refusal) {
        Peer *peer = peer_of(&p->hosts, pgpu->host);
        int r;

        r = refused(host_check_reachable(pgpu->host, "changing the enabled types", refusal), refusal);
        if (r != 0)
                return decided(r);
        if (peer && peer_is_asked_of(peer, &pgpu->object.id))
                return refusal_set(refusal, ERROR_OTHER_OPERATION_IN_PROGRESS,
                        "The enabled types of PGPU %s on host '%s' are being changed. Try again in a moment.",
                        PCI_TEXT(&pgpu->pci), pgpu->host->name_label);

        r = pool_set_pgpu_disabling(p->batch.pool, pgpu, gone, n_gone);
        if (r < 0)
                return decided(r);
        r = peer ? send_types(p, pgpu, peer, q) : -ENOTCONN;
        if (r < 0)
                (void) pool_set_pgpu_disabling(p->batch.pool, pgpu, NULL, 0);
        if (r == -ENOTCONN || r == -ENOBUFS)
                return refusal_set(refusal, ERROR_HOST_OFFLINE,
                        "Host '%s' cannot be asked to change the enabled types now.", pgpu->host->name_label);
        return decided(r);
}

int pgpus_set_enabled(Policy *p, Pgpu *pgpu, VgpuType *const *types, size_t n, PolicyCommitted done,
        void *userdata, Refusal *refusal) {
        VgpuType *gone[pgpu->enabled.n + 1];
        TypesRequest q = {LINK_TYPES_SET, types, n, done, userdata};
        size_t n_gone;
        int r;

        r = check_types(pgpu, types, n, gone, &n_gone, refusal);
        return r != 0 ? decided(r) : ask_host(p, pgpu, &q, gone, n_gone, refusal);
}

/*
 * The host is told the change, and not the list that results: the list of the last inventory may be old by now,
 * and would take the change of another one back.
 * A host keeps nothing about a type that it does not support: it would come back enabled.
 */
int pgpus_change_enabled(Policy *p, Pgpu *pgpu, VgpuType *type, bool enable, PolicyCommitted done, void *userdata,
        Refusal *refusal) {
        TypesRequest q = {enable ? LINK_TYPES_ADD : LINK_TYPES_REMOVE, &type, 1, done, userdata};
        int r;

        r = refused(rule_pgpu_enable_type(pgpu, type, refusal), refusal);
        if (r == 0 && !enable)
                r = refused(rule_pgpu_disable_type(pgpu, type, refusal), refusal);
        return r != 0 ? decided(r) : ask_host(p, pgpu, &q, &type, enable ? 0 : 1, refusal);
}

/* A look at virtual functions may take minutes, so nobody waits for it; the next inventory has what came of it. */
static void health_cleared(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        if (outcome != LINK_DONE)
                log_warning("A host was asked to look at suspect virtual functions, and does not: %s", strempty(message));
}

int pgpus_clear_health(Policy *p, Pgpu *pgpu, Refusal *refusal) {
        Peer *peer = pgpu->n_suspect > 0 ? peer_of(&p->hosts, pgpu->host) : NULL;
        int r;

        r = pgpu->n_suspect == 0 ? 0
            : peer               ? p->hosts.links->clear_health(peer->link, &pgpu->pci, health_cleared, p)
                                 : -ENOTCONN;
        if (r == -ENOTCONN || r == -ENOBUFS)
                return refusal_set(refusal, ERROR_HOST_OFFLINE,
                        "Host '%s' cannot be asked to look at the suspect virtual functions now.", pgpu->host->name_label);
        if (r < 0)
                return r;
        places_clear_pgpu(&p->hosts, pgpu);
        batch_open(&p->batch);
        return 0;
}

static bool is_of_model(const Pgpu *a, const Pgpu *b) {
        return streq(a->vendor_id, b->vendor_id) && streq(a->device_id, b->device_id) &&
               streq(strempty(a->subsystem_vendor_id), strempty(b->subsystem_vendor_id)) &&
               streq(strempty(a->subsystem_device_id), strempty(b->subsystem_device_id));
}

static int check_adoption(const Pgpu *absent, const Pgpu *found, Refusal *refusal) {
        if (absent == found || absent->reported)
                return refuse(refusal, ERROR_INVALID_RECORD, "PGPU %s is there; one whose card vanished takes over another.",
                        absent->name);
        if (absent->host != found->host || !found->reported)
                return refuse(refusal, ERROR_INVALID_RECORD, "PGPU %s is no card that host '%s' reports.", found->name,
                        absent->host->name_label);
        if (!is_of_model(absent, found))
                return refuse(refusal, ERROR_INVALID_RECORD, "PGPU %s is of another model than %s was, so it is another card.",
                        found->name, absent->name);
        if (found->vgpus.n + found->holds.n + found->n_outsiders > 0)
                return refuse(refusal, ERROR_PGPU_IN_USE_BY_VM, "PGPU %s is in use; shut down what is there first.", found->name);
        return 0;
}

int pgpus_adopt(Policy *p, Pgpu *absent, Pgpu *found, Refusal *refusal) {
        int r;

        r = check_adoption(absent, found, refusal);
        r = r ?: host_check_reachable(absent->host, "adopting a card", refusal);
        if (r != 0)
                return decided(r);
        batch_open(&p->batch);
        r = takeover_adopt(&p->hosts, absent, found);
        r = r < 0 ? r : host_problems_update(&p->hosts, absent->host);
        return decided(batch_poison(&p->batch, r));
}
