/*
 * The hardware, and which types a PGPU may run
 */

#include "common/daemon/log.h"
#include "common/daemon/log-ids.h"
#include "hostd/core/idset.h"
#include "hostd/machine/gpus.h"

static HardwareSettings settings_of(const Gpus *g, const char *const *used) {
        HardwareSettings settings = host_settings_hardware(g->settings);

        settings.pci.runtime = g->runtime;
        settings.pci.used = used;
        settings.pci.keeps_divisions = settings.files.keeps_divisions;
        return settings;
}

/* What is wrong is logged once, not at each reading. */
static int read_hardware(Gpus *g, const char *const *used, Hardware *ret) {
        const HardwareSettings settings = settings_of(g, used);
        Hardware hardware = {};
        int r;

        r = g->source ? g->source->scan(&settings, &hardware, g->source->userdata) : hardware_scan(&settings, &hardware);
        if (r < 0)
                return r;
        for (size_t i = 0; hardware.problems && hardware.problems[i]; i++)
                if (!strv_contains(g->hardware.problems, hardware.problems[i]))
                        log_event(LOG_WARNING, MSG_TYPE_FILE_PROBLEM, NULL, "%s", hardware.problems[i]);
        /* A recorded machine that cannot be read is a mistake in the settings, not a host without GPUs. */
        if (hardware.source_is_bad && settings.pci.listing) {
                hardware_done(&hardware);
                log_error("The listing %s cannot be used: take one with lspci -D -nn -xxx.", settings.pci.listing);
                return -EBADMSG;
        }
        *ret = hardware;
        return 0;
}

static void notify(Gpus *g, const PciAddress *address, PgpuProperty property) {
        if (g->listener)
                g->listener->changed(address, property, g->userdata);
}

/* A new type is enabled. It is stored as seen, so that it stays disabled once an administrator disables it. */
static int fill_enabled(Gpus *g, Pgpu *p) {
        _cleanup_(enablement_done) Enablement e = {};
        bool changed;
        int r;

        r = host_store_get_enablement(g->store, p, &e);
        if (r >= 0)
                r = enablement_note_seen(&e, p->supported, &changed);
        if (r >= 0 && changed)
                r = host_store_put_enablement(g->store, p, &e);
        if (r < 0)
                return r;
        return enablement_enabled(&e, p->supported, &p->enabled);
}

static bool same_card(const Pgpu *a, const Pgpu *b) {
        return a->vendor_id == b->vendor_id && a->device_id == b->device_id &&
               a->subsystem_vendor_id == b->subsystem_vendor_id &&
               a->subsystem_device_id == b->subsystem_device_id;
}

static bool same_division(const Pgpu *a, const Pgpu *b) {
        return a->n_functions == b->n_functions && a->division_is_ours == b->division_is_ours;
}

static bool same_health(const Pgpu *a, const Pgpu *b) {
        return a->is_lost == b->is_lost && a->n_suspect == b->n_suspect &&
               streq(strempty(a->suspicion), strempty(b->suspicion));
}

static void log_suspects(const Pgpu *before, const Pgpu *now) {
        if (now->n_suspect > 0)
                log_event(LOG_WARNING, MSG_PGPU_SUSPECT, NULL, "PGPU %s (%s) is suspect. %s", PCI_TEXT(&now->address),
                        now->device_name, strempty(now->suspicion));
        else if (before->n_suspect > 0)
                log_event(LOG_NOTICE, MSG_PGPU_SUSPECT, NULL, "PGPU %s (%s) is suspect no more: its virtual functions are well.",
                        PCI_TEXT(&now->address), now->device_name);
}

static void notify_division(Gpus *g, const Pgpu *before, const Pgpu *now) {
        if (!same_division(before, now))
                notify(g, &now->address, PGPU_PROPERTY_DIVISION);
        if (same_health(before, now))
                return;
        log_suspects(before, now);
        notify(g, &now->address, PGPU_PROPERTY_HEALTH);
}

static void notify_pgpu_changes(Gpus *g, const Pgpu *before, const Pgpu *now) {
        if (!strv_equal(before->supported, now->supported))
                notify(g, &now->address, PGPU_PROPERTY_SUPPORTED_TYPES);
        if (!strv_equal(before->enabled, now->enabled))
                notify(g, &now->address, PGPU_PROPERTY_ENABLED_TYPES);
        if (!streq(before->vendor_name, now->vendor_name) || !streq(before->device_name, now->device_name))
                notify(g, &now->address, PGPU_PROPERTY_NAMES);
        if (!streq(before->driver, now->driver))
                notify(g, &now->address, PGPU_PROPERTY_DRIVER);
        if (before->is_system_display_device != now->is_system_display_device)
                notify(g, &now->address, PGPU_PROPERTY_DISPLAY);
        notify_division(g, before, now);
}

/* before and g->hardware are both there: first what went, then what came or changed. */
static void notify_hardware_changes(Gpus *g, const Hardware *before) {
        for (size_t i = 0; i < before->n_pgpus; i++) {
                const Pgpu *old = &before->pgpus[i], *now = gpus_find(g, &old->address);

                if (now && same_card(old, now))
                        continue;
                log_event(LOG_WARNING, MSG_PGPU_VANISHED, NULL, "PGPU %s (%s) is no longer there.",
                        PCI_TEXT(&old->address), old->device_name);
                if (g->listener)
                        g->listener->removed(&old->address, g->userdata);
        }
        for (size_t i = 0; i < g->hardware.n_pgpus; i++) {
                const Pgpu *now = &g->hardware.pgpus[i],
                           *old = pgpu_find(before->pgpus, before->n_pgpus, &now->address);

                if (old && same_card(old, now)) {
                        notify_pgpu_changes(g, old, now);
                        continue;
                }
                log_info("PGPU %s: %s", PCI_TEXT(&now->address), now->device_name);
                if (g->listener)
                        g->listener->added(&now->address, g->userdata);
        }
}

/* Of functions that somebody else took back: else those that somebody makes later would look like ours. */
static void forget_stale_note(const HardwareSettings *settings, const Pgpu *p) {
        int r = pci_forget_stale_division(&settings->pci, p);

        if (r < 0)
                log_warning("The note of how PGPU %s was divided stays: %s.", PCI_TEXT(&p->address), strerror(-r));
}

int gpus_rescan(Gpus *g, const char *const *used) {
        const HardwareSettings settings = settings_of(g, used);
        Hardware hardware = {}, before = g->hardware;
        int r;

        r = read_hardware(g, used, &hardware);
        for (size_t i = 0; r >= 0 && i < hardware.n_pgpus; i++)
                r = fill_enabled(g, &hardware.pgpus[i]);
        if (r < 0) {
                hardware_done(&hardware);
                return log_errno(r, "Failed to take over the hardware");
        }

        g->hardware = hardware;
        for (size_t i = 0; i < hardware.n_pgpus; i++)
                forget_stale_note(&settings, &hardware.pgpus[i]);
        notify_hardware_changes(g, &before);
        hardware_done(&before);
        return 0;
}

Pgpu *gpus_find(const Gpus *g, const PciAddress *address) {
        return (Pgpu *) pgpu_find(g->hardware.pgpus, g->hardware.n_pgpus, address);
}

const Pgpu *gpus_find_by_function(const Gpus *g, const PciAddress *address) {
        const HardwareSettings settings = settings_of(g, /* used= */ NULL);
        PciAddress physical;

        if (pci_find_physical(&settings.pci, address, &physical) >= 0)
                return gpus_find(g, &physical);
        return pgpu_find_by_function(g->hardware.pgpus, g->hardware.n_pgpus, address);
}

static int look_at_division(Gpus *g, const HardwareSettings *settings, Pgpu *p) {
        _cleanup_free_ char *said = take_ptr(p->suspicion);
        Pgpu before = *p;
        int r;

        before.suspicion = said;
        r = pci_scan_division(&settings->pci, p);
        if (r >= 0)
                forget_stale_note(settings, p);
        if (r >= 0)
                notify_division(g, &before, p);
        return r < 0 ? r : !same_division(&before, p) || !same_health(&before, p);
}

int gpus_look_at_divisions(Gpus *g, const char *const *used) {
        const HardwareSettings settings = settings_of(g, used);
        bool changed = false;
        int r = 0;

        for (size_t i = 0; i < g->hardware.n_pgpus && r >= 0; i++) {
                r = look_at_division(g, &settings, &g->hardware.pgpus[i]);
                changed |= r > 0;
        }
        return r < 0 ? r : changed;
}

int gpus_look_for_lost(Gpus *g, Pgpu *p) {
        const HardwareSettings settings = settings_of(g, /* used= */ NULL);
        bool lost;
        int r;

        if (p->is_lost)
                return 0;
        lost = g->source ? g->source->is_lost(&p->address, g->source->userdata)
                         : pci_is_lost(&settings.pci, &p->address);
        if (!lost)
                return 0;
        r = hardware_mark_lost(&g->hardware, &settings, p);
        notify(g, &p->address, PGPU_PROPERTY_HEALTH);
        log_event(LOG_ERR, MSG_PGPU_VANISHED, NULL, "PGPU %s (%s) is lost. " PGPU_LOST_REASON,
                PCI_TEXT(&p->address), p->device_name);
        return r < 0 ? r : 1;
}

static int put_enablement(Gpus *g, Pgpu *p, const Enablement *e) {
        char **enabled;
        int r;

        r = enablement_enabled(e, p->supported, &enabled);
        if (r < 0)
                return r;
        r = host_store_put_enablement(g->store, p, e);
        if (r < 0) {
                log_event(LOG_ERR, MSG_STORAGE_FAILED, NULL, "Failed to store what is enabled on PGPU %s: %s",
                        PCI_TEXT(&p->address), strerror(-r));
                strv_free(enabled);
                return r;
        }

        if (strv_equal(p->enabled, enabled)) {
                strv_free(enabled);
                return 0;
        }
        strv_free(p->enabled);
        p->enabled = enabled;
        notify(g, &p->address, PGPU_PROPERTY_ENABLED_TYPES);
        return 1;
}

int gpus_change_types(Gpus *g, Pgpu *p, EnablementChange change, const char *const *wanted,
        const char *const *busy, Refusal *ret) {
        _cleanup_(enablement_done) Enablement stored = {}, changed = {};
        int r;

        r = host_store_get_enablement(g->store, p, &stored);
        if (r >= 0)
                r = enablement_change(&stored, p, g->hardware.types, g->hardware.n_types, change, wanted, busy,
                        &changed, ret);
        return r < 0 || ret->code != ERROR_NONE ? r : put_enablement(g, p, &changed);
}
