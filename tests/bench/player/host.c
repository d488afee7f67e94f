/*
 * A played host: who commands it, and what its PGPUs may run
 *
 * The rules of hostd/service/claim.h, without a disk.
 */

#include <inttypes.h>
#include <stdio.h>

#include "tests/bench/player/player.h"

void host_uuid(const PlayedHost *h, Uuid *ret) {
        char text[UUID_TEXT_MAX];

        snprintf(text, sizeof(text), "11111111-2222-4333-8444-%012u", h->number + 1);
        (void) uuid_from_string(text, ret);
}

uint64_t host_memory_free(const PlayedHost *h) {
        uint64_t free = h->player->memory;
        const PlayedVm *vm;

        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                free -= MIN_OF(free, vm->memory);
        return free;
}

static int make_pgpu(PlayedHost *h, unsigned i) {
        Pgpu *p = &h->pgpus[i];
        bool changed;
        int r;

        r = pgpu_make(p, i);
        if (r < 0)
                return r;
        p->supported = calloc(N_TYPES + 1, sizeof(char *));
        for (size_t k = 0; p->supported && k < N_TYPES; k++) {
                p->supported[k] = strdup(h->player->types[k].identifier);
                if (!p->supported[k])
                        return -ENOMEM;
        }
        r = p->supported ? 0 : -ENOMEM;
        r = r ?: enablement_note_seen(&h->enablement[i], p->supported, &changed);
        return r ?: enablement_enabled(&h->enablement[i], p->supported, &p->enabled);
}

int host_make(PlayedHost *h, Player *p, unsigned number) {
        int r;

        *h = (PlayedHost){.player = p, .number = number, .listening.fd = -1};
        h->vms = hashmap_new_uuid();
        r = h->vms ? 0 : -ENOMEM;
        for (unsigned i = 0; i < p->n_pgpus && r >= 0; i++)
                r = make_pgpu(h, i);
        return r;
}

void host_done(PlayedHost *h) {
        PlayedVm *vm;

        while (h->connections)
                connection_free(h->connections);
        h->listening.fd = safe_close(h->listening.fd);
        if (h->vms)
                for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                        played_vm_free(vm);
        hashmap_free(h->vms);
        for (unsigned i = 0; i < h->player->n_pgpus; i++) {
                pgpu_done(&h->pgpus[i]);
                enablement_done(&h->enablement[i]);
        }
        host_claim_done(&h->claim);
}

/* Ends that the claimer has read: it was told them by its claim, and commanded since. */
static void forget_ended(PlayedHost *h) {
        size_t n = 0;

        while (n < h->n_ended && h->ended[n].seq <= h->read_seq)
                n++;
        h->n_ended -= n;
        memmove(h->ended, h->ended + n, h->n_ended * sizeof(PlayedEnd));
}

int host_claim(PlayedHost *h, const char *caller, uint64_t epoch, const char *pool, const char *instance,
        Refusal *refusal) {
        HostClaim claim = {};
        int r;

        r = epoch_claim(&h->claim, epoch, pool, instance, &claim, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        host_claim_done(&h->claim);
        h->claim = claim;
        snprintf(h->claimer, sizeof(h->claimer), "%s", caller);
        forget_ended(h);
        h->claim_seq = h->seq;
        return 0;
}

int host_release(PlayedHost *h, const char *caller, Refusal *refusal) {
        HostClaim claim = epoch_release(&h->claim);

        if (!h->claim.held)
                return 0;
        if (*h->claimer && !streq(h->claimer, caller))
                return refusal_set(refusal, ERROR_HOST_CLAIMED,
                        "This host is claimed by %s for pool %s, and only that may release it.", h->claimer,
                        h->claim.pool);
        host_claim_done(&h->claim);
        h->claim = claim;
        *h->claimer = '\0';
        return 0;
}

void host_caller_left(PlayedHost *h, const char *name) {
        if (streq(h->claimer, name))
                *h->claimer = '\0';
}

int host_check_caller(PlayedHost *h, const char *caller, Refusal *refusal) {
        if (!h->claim.held)
                return 0;
        if (streq(h->claimer, caller)) {
                h->read_seq = h->claim_seq;
                return 0;
        }
        return refusal_set(refusal, ERROR_HOST_CLAIMED,
                "This host is claimed for pool %s (epoch %" PRIu64 ") by %s.", h->claim.pool, h->claim.epoch,
                *h->claimer ? "another policyd: ask it" : "a policyd that is away: wait until it is back");
}

/* Identifiers of what stands on a PGPU, and the names of the VMs, for people. */
static int list_users(const PlayedHost *h, const Pgpu *p, const char ***ret_busy, char *names, size_t size) {
        const char **busy = calloc(hashmap_size(h->vms) + 1, sizeof(char *));
        size_t n = 0, used = 0;
        const PlayedVm *vm;

        if (!busy)
                return -ENOMEM;
        *names = '\0';
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++)
                        if (pci_address_compare(&vm->gpus[k].address, &p->address) == 0) {
                                busy[n++] = vm->gpus[k].type->identifier;
                                used += (size_t) snprintf(names + used, size - used, "%s%s",
                                        used > 0 ? ", " : "", vm->name_label);
                                used = MIN_OF(used, size - 1);
                                break;
                        }
        *ret_busy = busy;
        return 0;
}

int host_change_types(PlayedHost *h, const char *caller, Pgpu *p, EnablementChange change,
        const char *const *wanted, Refusal *refusal) {
        Enablement *stored = &h->enablement[p - h->pgpus], changed = {};
        _cleanup_free_ const char **busy = NULL;
        _cleanup_free_ char *why = NULL;
        char names[1024];
        int r;

        r = host_check_caller(h, caller, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        r = list_users(h, p, &busy, names, sizeof(names));
        r = r
                    ?: enablement_change(
                               stored, p, h->player->types, N_TYPES, change, wanted, busy, &changed, refusal);
        if (r < 0)
                return r;
        if (refusal->code == ERROR_PGPU_IN_USE_BY_VM) {
                why = take_ptr(refusal->message);
                return refusal_set(refusal, ERROR_PGPU_IN_USE_BY_VM, "%s VMs on this PGPU: %s.", why, names);
        }
        if (refusal->code != ERROR_NONE)
                return 0;

        enablement_done(stored);
        *stored = changed;
        p->enabled = strv_free(p->enabled);
        r = enablement_enabled(stored, p->supported, &p->enabled);
        return r < 0 ? r : tell_inventory(h);
}
