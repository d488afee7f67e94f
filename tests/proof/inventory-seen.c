/*
 * Inventories of claims
 */

#include "policyd/pool/each.h"
#include "tests/proof/inventory-seen.h"

static unsigned machine_of(const Host *h) {
        unsigned number = UINT32_MAX;

        (void) sscanf(h->address, "unix:path=/h%u", &number);
        return number;
}

static const Host *host_of(const Vm *vm) {
        return vm->resident_on ?: vm->scheduled_on;
}

static void say(World *w, const Machine *m, const Uuid *vm, const char *inventory, const char *pool, const Vm *booked) {
        history_add(&w->history, "policyd inventory-of=%s vm=%s inventory=%s pool=%s booking=%s", m->name, UUID_TEXT(vm), inventory,
                pool, booked ? booking_state_to_string(booked->booking) : "none");
}

static const char *where(const Machine *m, const Vm *vm) {
        const Host *h = host_of(vm);

        if (!h)
                return "halted";
        if (machine_of(h) == m->number)
                return "here";
        if (!h->heard)
                return "unheard";
        if (vm->booking == BOOKING_RESERVED)
                return "reserved";
        return h->state == HOST_ONLINE ? "online" : "offline";
}

static void see_vm(World *w, const Machine *m, const Uuid *id, const Uuid *token, bool ended) {
        const Vm *vm = pool_get(policy_pool(w->policy), CLASS_VM, id);

        if (!vm)
                say(w, m, id, "unknown", "none", NULL);
        else
                say(w, m, id, !uuid_equal(&vm->token, token) ? (ended ? "other-end" : "other-token") : ended ? "ended" : "token",
                        where(m, vm), vm);
}

static bool has_token(const Inventory *inventory, const Uuid *token) {
        for (size_t i = 0; i < inventory->n_vms; i++)
                if (uuid_equal(&inventory->vms[i].token, token))
                        return true;
        for (size_t i = 0; i < inventory->n_ended; i++)
                if (uuid_equal(&inventory->ended[i].head.token, token))
                        return true;
        return false;
}

void inventory_seen(const Machine *m, const Inventory *inventory, void *world) {
        World *w = world;

        if (!w->policy || w->crashing)
                return;
        for (size_t i = 0; i < inventory->n_vms; i++)
                see_vm(w, m, &inventory->vms[i].uuid, &inventory->vms[i].token, /* ended= */ false);
        for (size_t i = 0; i < inventory->n_ended; i++)
                see_vm(w, m, &inventory->ended[i].uuid, &inventory->ended[i].head.token, /* ended= */ true);
        for_each(const Vm, vm, &policy_pool(w->policy)->objects[CLASS_VM])
                if (host_of(vm) && machine_of(host_of(vm)) == m->number && vm->booking != BOOKING_NONE &&
                        !has_token(inventory, &vm->token))
                        say(w, m, &vm->object.id, "nothing", "here", vm);
}
