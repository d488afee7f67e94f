/*
 * Which types a PGPU may run, and the hardware that says which it could
 *
 * The store keeps what an administrator disabled; what is enabled is worked out from it each time the
 * hardware is read or a change is stored, and kept in the PGPU.
 */

#include "common/base/strbuf.h"
#include "hostd/service/claim.h"
#include "hostd/service/host-internal.h"
#include "hostd/machine/strangers.h"
#include "hostd/machine/types.h"
#include "hostd/vm/vm.h"

static void tell_pgpu(Host *h, const PciAddress *address, PgpuProperty property) {
        if (h->listener)
                h->listener->pgpu_changed(address, property, h->listener_userdata);
}

/* New types come enabled: noting that they were seen is what makes a later disablement last. */
static int fill_enabled(Host *h, Pgpu *p) {
        _cleanup_(enablement_done) Enablement e = {};
        bool changed;
        int r;

        r = host_store_get_enablement(h->store, p, &e);
        if (r >= 0)
                r = enablement_note_seen(&e, p->supported, &changed);
        if (r >= 0 && changed)
                r = host_store_put_enablement(h->store, p, &e);
        if (r < 0)
                return r;
        return enablement_enabled(&e, p->supported, &p->enabled);
}

static bool same_card(const Pgpu *a, const Pgpu *b) {
        return a->vendor_id == b->vendor_id && a->device_id == b->device_id &&
               a->subsystem_vendor_id == b->subsystem_vendor_id &&
               a->subsystem_device_id == b->subsystem_device_id;
}

static bool same_set(char *const *a, char *const *b) {
        size_t i;

        for (i = 0; a[i] && b[i]; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return a[i] == b[i]; /* both at their end */
}

static void tell_pgpu_changes(Host *h, const Pgpu *before, const Pgpu *now) {
        if (!same_set(before->supported, now->supported))
                tell_pgpu(h, &now->address, PGPU_PROPERTY_SUPPORTED_TYPES);
        if (!same_set(before->enabled, now->enabled))
                tell_pgpu(h, &now->address, PGPU_PROPERTY_ENABLED_TYPES);
        if (!streq(before->vendor_name, now->vendor_name) || !streq(before->device_name, now->device_name))
                tell_pgpu(h, &now->address, PGPU_PROPERTY_NAMES);
        if (!streq(before->driver, now->driver))
                tell_pgpu(h, &now->address, PGPU_PROPERTY_DRIVER);
        if (before->is_system_display_device != now->is_system_display_device)
                tell_pgpu(h, &now->address, PGPU_PROPERTY_DISPLAY);
}

/* before and h->hardware are both there: first what went, then what came or changed. */
static void tell_hardware_changes(Host *h, const Hardware *before) {
        for (size_t i = 0; i < before->n_pgpus; i++) {
                const Pgpu *old = &before->pgpus[i], *now = host_find_pgpu(h, &old->address);

                if (now && same_card(old, now))
                        continue;
                log_event(LOG_WARNING, MSG_PGPU_VANISHED, NULL, "PGPU %s (%s) is no longer there.",
                        PCI_TEXT(&old->address), old->device_name);
                if (h->listener)
                        h->listener->pgpu_removed(&old->address, h->listener_userdata);
        }
        for (size_t i = 0; i < h->hardware.n_pgpus; i++) {
                const Pgpu *now = &h->hardware.pgpus[i],
                           *old = pgpu_find(before->pgpus, before->n_pgpus, &now->address);

                if (old && same_card(old, now)) {
                        tell_pgpu_changes(h, old, now);
                        continue;
                }
                log_info("PGPU %s: %s", PCI_TEXT(&now->address), now->device_name);
                if (h->listener)
                        h->listener->pgpu_added(&now->address, h->listener_userdata);
        }
}

int host_rescan(Host *h) {
        Hardware hardware = {}, before;
        int r;

        r = host_read_hardware(h, &hardware);
        for (size_t i = 0; r >= 0 && i < hardware.n_pgpus; i++)
                r = fill_enabled(h, &hardware.pgpus[i]);
        if (r < 0) {
                hardware_done(&hardware);
                return log_errno(r, "Failed to take over the hardware");
        }

        ovs_bridges_try(h->ovs);
        (void) host_reread_facts(h);
        before = h->hardware;
        h->hardware = hardware;
        tell_hardware_changes(h, &before);
        hardware_done(&before);
        /* Before the host has begun it does not know its own VMs: they would be strangers. */
        if (h->listener)
                (void) host_look_for_strangers(h);
        host_touch(h);
        return 0;
}

/* A change by an administrator. */

static int list_busy(Host *h, const PciAddress *pgpu, const char ***ret) {
        _cleanup_free_ Occupant *occupants = NULL;
        const char **busy;
        size_t n, n_busy = 0;
        int r;

        r = host_list_occupants(h, &occupants, &n);
        if (r < 0)
                return r;
        busy = calloc(n + 1, sizeof(*busy));
        if (!busy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (pci_address_compare(&occupants[i].pgpu, pgpu) == 0)
                        busy[n_busy++] = occupants[i].identifier;
        *ret = busy;
        return 0;
}

/* The core knows which types are in use; who uses the PGPU is known here. */
static int name_users(Host *h, const PciAddress *pgpu, HostRefusal *refusal) {
        _cleanup_free_ char *names = NULL, *why = NULL;
        _cleanup_free_ const char **users = NULL;
        size_t n = 0;
        HostVm *vm;

        users = calloc(hashmap_size(h->vms) + 1, sizeof(*users));
        if (!users)
                return -ENOMEM;
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                for (size_t k = 0; k < vm->n_gpus; k++)
                        if (vm_gpu_is_on(&vm->gpus[k], pgpu)) {
                                users[n++] = vm->name_label;
                                break;
                        }

        names = text_join_and(users, n);
        why = take_ptr(refusal->message);
        if (!names)
                return -ENOMEM;
        return host_refusal_set(refusal, refusal->code, "%s VMs on this PGPU: %s.", strempty(why), names);
}

static Pgpu *find_pgpu(Host *h, const PciAddress *address) {
        const Pgpu *p = host_find_pgpu(h, address);

        return p ? &h->hardware.pgpus[p - h->hardware.pgpus] : NULL;
}

static int put_enablement(Host *h, Pgpu *p, const Enablement *e) {
        char **enabled;
        int r;

        r = enablement_enabled(e, p->supported, &enabled);
        if (r < 0)
                return r;
        r = host_store_put_enablement(h->store, p, e);
        if (r < 0) {
                log_event(LOG_ERR, MSG_STORAGE_FAILED, NULL, "Failed to store what is enabled on PGPU %s: %s",
                        PCI_TEXT(&p->address), strerror(-r));
                strv_free(enabled);
                return r;
        }

        if (same_set(p->enabled, enabled)) {
                strv_free(enabled);
                return 0;
        }
        strv_free(p->enabled);
        p->enabled = enabled;
        tell_pgpu(h, &p->address, PGPU_PROPERTY_ENABLED_TYPES);
        host_touch(h);
        return 0;
}

int host_change_types(Host *h, const char *caller, const PciAddress *pgpu, EnablementChange change,
        const char *const *wanted, HostRefusal *ret) {

        _cleanup_(enablement_done) Enablement stored = {}, changed = {};
        _cleanup_free_ const char **busy = NULL;
        Pgpu *p;
        int r;

        r = host_check_caller(h, caller, ret);
        if (r < 0 || ret->code != ERROR_NONE)
                return r;
        p = find_pgpu(h, pgpu);
        if (!p)
                return host_refusal_set(
                        ret, ERROR_NO_SUCH_OBJECT, "There is no PGPU at %s any more.", PCI_TEXT(pgpu));

        r = host_store_get_enablement(h->store, p, &stored);
        if (r >= 0)
                r = list_busy(h, pgpu, &busy);
        if (r >= 0)
                r = enablement_change(&stored, p, h->hardware.types, h->hardware.n_types, change, wanted,
                        busy, &changed, ret);
        if (r < 0)
                return r;
        if (ret->code == ERROR_PGPU_IN_USE_BY_VM)
                return name_users(h, pgpu, ret);
        if (ret->code != ERROR_NONE)
                return 0;
        return put_enablement(h, p, &changed);
}
