/*
 * Taking over an inventory: what a host is
 *
 * hostd owns these facts; the pool holds a copy. A PGPU is a card: it is known again in another slot
 * (decide/known-cards.h), and another card at the same address is another PGPU. A PGPU that vanished is removed, unless something is booked on it; then
 * it stays, without capacity, until that is released. What runs on the host is another matter (reconcile.c).
 */

#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/strlist.h"
#include "common/base/text.h"
#include "policyd/words/rules.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/base/object-log.h"
#include "policyd/service/hosts/known-again.h"
#include "policyd/service/hosts/places.h"
#include "policyd/service/hosts/takeover.h"
#include "policyd/words/sentence.h"

/* Facts of the host */

/* memory_free counts the VMs whose domain stands; what is still being built is not in it for certain. */
void takeover_mark_counted(Host *h, const Inventory *inventory) {
        for (size_t i = 0; i < h->vms.n; i++)
                ((Vm *) h->vms.items[i])->memory_counted = false;
        for (size_t i = 0; i < inventory->n_vms; i++)
                for_each(Vm, vm, &h->vms)
                        if (uuid_equal(&vm->object.id, &inventory->vms[i].uuid))
                                vm->memory_counted = inventory->vms[i].state != VM_STATE_STARTING;
}

static int update_facts(Hosts *hs, Host *h, const Inventory *inventory) {
        const HostFacts facts = {
                .hostname = inventory->hostname,
                .boot_id = inventory->boot_id,
                .networks = inventory->networks,
                .functions = inventory->functions,
                .allowed_config_keys = inventory->allowed_config_keys,
                .storage = inventory->storage,
                .iommu = inventory->iommu,
                .hvm = inventory->hvm,
                .refuses_pcidevs = inventory->refuses_pcidevs,
        };
        int r;

        /* Failures before a reboot say nothing about the machine after it. */
        if (!isempty(h->boot_id) && !streq(h->boot_id, inventory->boot_id))
                places_clear_host(hs, h);
        if (uuid_is_null(&h->host_uuid))
                pool_set_host_machine(hs->batch->pool, h, &inventory->host_uuid);
        r = pool_set_host_facts(hs->batch->pool, h, &facts);
        if (r < 0)
                return r;
        takeover_mark_counted(h, inventory);
        pool_set_host_memory(hs->batch->pool, h, inventory->memory_total, inventory->memory_free);
        return 0;
}

/* PGPUs */

/* What a card says of itself can change with the host's files; its ids make it the card that it is. */
static int refresh_card(Hosts *hs, Pgpu *pgpu, const InventoryPgpu *i) {
        const TextChange changes[] = {
                {&pgpu->vendor_name, i->vendor_name, PGPU_VENDOR_NAME},
                {&pgpu->device_name, i->device_name, PGPU_DEVICE_NAME},
                {&pgpu->driver, i->driver, 0},
                /* A driver that is not bound today may have told it before. */
                {&pgpu->serial_number, isempty(i->serial_number) ? NULL : i->serial_number, PGPU_SERIAL_NUMBER},
        };

        if (pgpu->is_system_display_device != i->is_system_display_device) {
                pgpu->is_system_display_device = i->is_system_display_device;
                pool_touch(hs->batch->pool, &pgpu->object, PGPU_DISPLAY, /* store= */ true);
        }
        return object_set_texts(hs->batch, &pgpu->object, changes, ARRAY_SIZE(changes));
}

static int add_card(Hosts *hs, Host *h, const InventoryPgpu *i, Pgpu **ret) {
        Pgpu *pgpu;
        Uuid id;
        int r;

        r = batch_new_uuid(hs->batch, &id);
        r = r ?: pool_add_pgpu(hs->batch->pool, &id, 0, h, &i->pci_id, i->vendor_id, i->device_id, &pgpu);
        if (r < 0)
                return r;
        if (text_set(&pgpu->subsystem_vendor_id, i->subsystem_vendor_id) < 0 ||
                text_set(&pgpu->subsystem_device_id, i->subsystem_device_id) < 0)
                return -ENOMEM;
        r = refresh_card(hs, pgpu, i);
        r = r ?: pgpu_join_group(hs, pgpu);
        if (r < 0)
                return r;
        log_full(LOG_INFO, MSG_POOL_FOLLOWED, FIELDS(OBJECT_FIELD(&pgpu->object), OBJECT_FIELD(&h->object)),
                "Host %s has a new PGPU at %s: %s %s.", h->name_label, PCI_TEXT(&i->pci_id), i->vendor_name,
                i->device_name);
        *ret = pgpu;
        return 0;
}

bool types_contain(VgpuType *const *types, size_t n, const VgpuType *t) {
        for (size_t i = 0; i < n; i++)
                if (types[i] == t)
                        return true;
        return false;
}

static void log_type(const Pgpu *pgpu, const VgpuType *t, bool enabled) {
        log_pgpu(LOG_INFO, enabled ? MSG_TYPE_ENABLED : MSG_TYPE_DISABLED, pgpu,
                "VGPU type %s was %s on PGPU %s of host %s.", type_label(t), enabled ? "enabled" : "disabled",
                PCI_TEXT(&pgpu->pci), pgpu->host->name_label);
}

int pgpu_update_enabled(Hosts *hs, Pgpu *pgpu, VgpuType *const *types, size_t n) {
        /* A new PGPU was logged as a whole. */
        for (size_t i = 0; i < n && !pgpu->object.is_new; i++)
                if (!ptr_array_contains(&pgpu->enabled, types[i]))
                        log_type(pgpu, types[i], /* enabled= */ true);
        for (size_t i = 0; i < pgpu->enabled.n; i++)
                if (!types_contain(types, n, pgpu->enabled.items[i]))
                        log_type(pgpu, pgpu->enabled.items[i], /* enabled= */ false);
        return pool_set_pgpu_enabled(hs->batch->pool, pgpu, types, n);
}

/* Identifiers to types; one that the report does not define itself may still be known. */
static int find_types(Hosts *hs, const Host *h, char *const *identifiers, VgpuType ***ret, size_t *ret_n) {
        _cleanup_free_ VgpuType **types = NULL;
        size_t n = 0, k = 0;

        while (identifiers[n])
                n++;
        types = calloc(n + 1, sizeof(*types));
        if (!types)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                VgpuType *t = host_type_by_identifier(hs->batch->pool, h, identifiers[i]);

                if (t)
                        types[k++] = t;
                else
                        log_warning("A host names the unknown VGPU type '%s', ignoring it.", identifiers[i]);
        }
        *ret = take_ptr(types);
        *ret_n = k;
        return 0;
}

static int update_card_types(Hosts *hs, Pgpu *pgpu, const InventoryPgpu *i) {
        _cleanup_free_ VgpuType **supported = NULL, **enabled = NULL;
        size_t n_supported, n_enabled;
        int r;

        r = find_types(hs, pgpu->host, i->supported, &supported, &n_supported);
        r = r ?: find_types(hs, pgpu->host, i->enabled, &enabled, &n_enabled);
        r = r ?: pool_set_pgpu_supported(hs->batch->pool, pgpu, supported, n_supported);
        r = r ?: pgpu_update_enabled(hs, pgpu, enabled, n_enabled);
        return r;
}

static void log_holder(const Pgpu *pgpu, const char *by) {
        if (streq(strempty(pgpu->held_by), strempty(by)))
                return;
        if (isempty(by))
                log_pgpu(LOG_NOTICE, NULL, pgpu, "PGPU %s is free of %s again.", pgpu->name, pgpu->held_by);
        else
                log_pgpu(LOG_WARNING, NULL, pgpu, "PGPU %s is held by %s, which is not of this pool.",
                        pgpu->name, by);
}

static void log_health(const Pgpu *pgpu, PgpuHealth health, const char *reason) {
        switch (health) {
        case PGPU_HEALTH_LOST:
                log_pgpu(LOG_WARNING, MSG_PGPU_VANISHED, pgpu, "PGPU %s is lost: %s", pgpu->name, reason);
                break;
        case PGPU_HEALTH_SUSPECT:
                log_pgpu(LOG_WARNING, MSG_PGPU_SUSPECT, pgpu, "PGPU %s is suspect: %s", pgpu->name, reason);
                break;
        case PGPU_HEALTH_GOOD:
                log_pgpu(LOG_NOTICE, NULL, pgpu, "PGPU %s is well again.", pgpu->name);
                break;
        case _PGPU_HEALTH_MAX:
        case _PGPU_HEALTH_INVALID:
                break;
        }
}

/* The health that the host reports. That starts failed there is policyd's own to say (pgpu_health()). */
static int update_health(Hosts *hs, Pgpu *pgpu, const InventoryPgpu *i) {
        PgpuHealth health = pgpu_health_from_string(strempty(i->health));
        const char *reason = strempty(i->health_reason);

        if (health < 0)
                health = PGPU_HEALTH_GOOD;
        pgpu->reported = true;
        if (pgpu->health != health || (health != PGPU_HEALTH_GOOD && !streq(strempty(pgpu->health_reason), reason)))
                log_health(pgpu, health, reason);
        pool_set_pgpu_suspects(hs->batch->pool, pgpu, health == PGPU_HEALTH_SUSPECT ? i->suspect_functions : 0);
        return pool_set_pgpu_health(hs->batch->pool, pgpu, health, reason);
}

static int32_t node_of(const InventoryPgpu *i) {
        uint32_t node;

        return isempty(i->numa_node) || parse_u32(i->numa_node, &node) < 0 || node > INT32_MAX ? -1 : (int32_t) node;
}

/* Cards that moved */

void pgpu_types_are_kept(Hosts *hs, Pgpu *pgpu) {
        if (!pgpu->keeping)
                return;
        pgpu->keeping = strv_free(pgpu->keeping);
        pool_touch(hs->batch->pool, &pgpu->object, 0, /* store= */ true);
        batch_open(hs->batch);
}

/* Without an answer it is asked again with the host's next report. */
static void types_kept(void *owner, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        Hosts *hs = owner;
        Pgpu *pgpu = hs->batch->pool ? pool_get(hs->batch->pool, CLASS_PGPU, &call->object) : NULL;

        if (outcome == LINK_UNKNOWN || !pgpu)
                return;
        if (outcome == LINK_REFUSED)
                log_pgpu(LOG_WARNING, NULL, pgpu, "The types of PGPU %s could not be taken along to its new slot: %s", pgpu->name,
                        strempty(message));
        peer_touch(call->peer);
        pgpu_types_are_kept(hs, pgpu);
}

static int order_types(Hosts *hs, const Pgpu *pgpu, Peer *peer, const char *const *identifiers) {
        Uuid token;
        Call *call;
        int r;

        r = batch_new_uuid(hs->batch, &token);
        r = r ?: call_new(peer, types_kept, hs, &pgpu->object.id, &token, &call);
        if (r < 0)
                return r;
        if (hs->links->change_types(peer->link, &pgpu->pci, LINK_TYPES_SET, identifiers, call_replied, call) < 0)
                call_free(call);
        return 0;
}

/* hostd keeps what is enabled by the slot. It announces the change itself. */
static int keep_types(Hosts *hs, Pgpu *pgpu, const InventoryPgpu *i) {
        _cleanup_free_ const char **identifiers = calloc(strv_count(pgpu->keeping) + 1, sizeof(*identifiers));
        Peer *peer = peer_of(hs, pgpu->host);
        size_t k = 0, n_same = 0;

        if (!identifiers)
                return -ENOMEM;
        for (char **identifier = pgpu->keeping; *identifier; identifier++) {
                if (!strv_contains(i->supported, *identifier))
                        continue;
                identifiers[k++] = *identifier;
                n_same += strv_contains(i->enabled, *identifier);
        }
        if (k == strv_count(i->enabled) && n_same == k)
                pgpu_types_are_kept(hs, pgpu);
        else if (peer && !peer_is_asked_of(peer, &pgpu->object.id))
                return order_types(hs, pgpu, peer, identifiers);
        return 0;
}

/* What was enabled, and what a driver that came with the move has new. */
static int note_types(Pgpu *pgpu, const InventoryPgpu *i) {
        _cleanup_(strv_freep) char **supported = NULL;
        _cleanup_strlist_ StrList list = {};
        int r;

        r = types_identifiers(pgpu->host, &pgpu->supported, &supported);
        if (r < 0)
                return r;
        for_each(const VgpuType, t, &pgpu->enabled)
                strlist_add(&list, type_identifier_on(t, pgpu->host));
        for (char **new = i->enabled; *new; new++)
                if (!strv_contains(supported, *new))
                        strlist_add(&list, *new);
        return strlist_take(&list, &pgpu->keeping);
}

static int move_card(Hosts *hs, Pgpu *pgpu, const InventoryPgpu *i) {
        char before[PCI_ADDRESS_TEXT_MAX];

        pci_address_to_string(&pgpu->pci, before);
        log_pgpu(LOG_NOTICE, MSG_PGPU_MOVED, pgpu, "PGPU %s of host %s stands at %s now%s%s; it keeps its uuid, group and types.",
                before, pgpu->host->name_label, PCI_TEXT(&i->pci_id), isempty(i->serial_number) ? "" : ", by its serial number ",
                strempty(i->serial_number));
        if (!pgpu->keeping && note_types(pgpu, i) < 0)
                return -ENOMEM;
        return pool_set_pgpu_pci(hs->batch->pool, pgpu, &i->pci_id);
}

/* *at: the one that it is; NULL: one that left the pool (former), or a new one, which is put there. */
static int update_card(Hosts *hs, Host *h, Pgpu **at, FormerCard *former, const InventoryPgpu *i) {
        _cleanup_refusal_ Refusal refusal = {};
        Pgpu *pgpu = *at;
        int r;

        if (!pgpu) {
                r = check_limit(hs->batch, CLASS_PGPU, 1, &refusal);
                if (r < 0)
                        return r;
                if (refusal.code != ERROR_NONE) {
                        log_host(LOG_WARNING, NULL, h, "PGPU %s of host %s is left out: %s",
                                PCI_TEXT(&i->pci_id), h->name_label, refusal.message);
                        return 0;
                }
                r = former ? former_revive(hs, h, former, &pgpu) : add_card(hs, h, i, &pgpu);
                if (r < 0)
                        return r;
                *at = pgpu;
        }
        if (pci_address_compare(&pgpu->pci, &i->pci_id) != 0) {
                r = move_card(hs, pgpu, i);
                if (r < 0)
                        return r;
        }
        log_holder(pgpu, i->held_by);
        r = pool_set_pgpu_held_by(hs->batch->pool, pgpu, i->held_by);
        r = r ?: pool_set_pgpu_division(hs->batch->pool, pgpu, i->division);
        r = r ?: pool_set_pgpu_place(hs->batch->pool, pgpu, node_of(i), i->pci_switch);
        r = r ?: update_health(hs, pgpu, i);
        r = r ?: refresh_card(hs, pgpu, i);
        r = r ?: update_card_types(hs, pgpu, i);
        return r < 0 || !pgpu->keeping ? r : keep_types(hs, pgpu, i);
}

int takeover_adopt(Hosts *hs, Pgpu *absent, Pgpu *found) {
        _cleanup_(strv_freep) char **supported = NULL, **enabled = NULL;
        char node[16] = "";
        int r;

        r = types_identifiers(found->host, &found->supported, &supported);
        r = r ?: types_identifiers(found->host, &found->enabled, &enabled);
        if (r < 0)
                return r;
        if (found->numa_node >= 0)
                text_format(node, sizeof(node), "%d", found->numa_node);
        r = update_card(hs, absent->host, &absent, /* former= */ NULL,
                &(InventoryPgpu){
                        .pci_id = found->pci,
                        .vendor_id = found->vendor_id,
                        .device_id = found->device_id,
                        .vendor_name = found->vendor_name,
                        .device_name = found->device_name,
                        .driver = found->driver,
                        .is_system_display_device = found->is_system_display_device,
                        .supported = supported,
                        .enabled = enabled,
                        .held_by = found->held_by,
                        .division = streq(strempty(found->division), "none") ? NULL : found->division,
                        .pci_switch = found->pci_switch,
                        .numa_node = node,
                        .serial_number = found->serial_number,
                        .health = found->health == PGPU_HEALTH_GOOD ? NULL : (char *) pgpu_health_to_string(found->health),
                        .health_reason = found->health_reason,
                        .suspect_functions = found->n_suspect,
                });
        if (r < 0)
                return r;
        object_remove(hs->batch, &found->object);
        return 0;
}

/* PGPUs that are not in the report. */

static bool is_reported(const Pgpu *pgpu, const CardMatch *match, const Inventory *inventory) {
        for (size_t i = 0; i < inventory->n_pgpus; i++)
                if (match->pgpus[i] == pgpu)
                        return true;
        return false;
}

static int miss_cards(Hosts *hs, Host *h, const CardMatch *match, const Inventory *inventory) {
        int r = 0;

        for_each_while(r == 0, Pgpu, pgpu, &h->pgpus) {
                if (is_reported(pgpu, match, inventory))
                        continue;
                if (pgpu->reported)
                        log_pgpu(LOG_WARNING, MSG_PGPU_VANISHED, pgpu,
                                "PGPU %s of host %s is no longer there.", PCI_TEXT(&pgpu->pci),
                                h->name_label);
                (void) pool_set_pgpu_held_by(hs->batch->pool, pgpu, NULL); /* NULL takes no memory */
                pgpu->reported = false;
                pool_set_pgpu_suspects(hs->batch->pool, pgpu, 0);
                r = pool_set_pgpu_health(
                        hs->batch->pool, pgpu, PGPU_HEALTH_LOST, "It is no longer reported by its host.");
                pool_set_pgpu_present(hs->batch->pool, pgpu, false);
        }
        return r;
}

void takeover_collect_absent(Hosts *hs, Host *h) {
        const Peer *peer = peer_of(hs, h);
        size_t n = h->pgpus.n;

        /* Only after a host has reported it is known what the host lacks. */
        if (!peer || !peer->claimed)
                return;
        for (size_t i = h->pgpus.n; i > 0; i--) {
                Pgpu *pgpu = h->pgpus.items[i - 1];

                if (pgpu->reported)
                        continue;
                if (pgpu->vgpus.n > 0 || pgpu->holds.n > 0) {
                        log_pgpu(LOG_WARNING, MSG_PGPU_VANISHED, pgpu,
                                "PGPU %s of host %s vanished with %zu VGPU%s and %zu held instance%s on it; "
                                "it stays until they are released.",
                                PCI_TEXT(&pgpu->pci), h->name_label, pgpu->vgpus.n, PLURAL(pgpu->vgpus.n),
                                pgpu->holds.n, PLURAL(pgpu->holds.n));
                        continue;
                }
                /* It would be missed; it is forgotten once that is taken back. */
                if (pgpu_is_set_up(hs->batch->pool, pgpu))
                        continue;
                (void) batch_poison(hs->batch, former_keep(hs->batch, pgpu));
                object_remove(hs->batch, &pgpu->object);
        }
        if (h->pgpus.n < n)
                types_collect(hs);
}

int takeover_inventory(Hosts *hs, Host *h, Inventory *inventory) {
        _cleanup_(card_match_done) CardMatch match = {};
        bool is_new = isempty(h->boot_id); /* it never reported */
        int r;

        r = update_facts(hs, h, inventory);
        r = r ?: takeover_types(hs, h, inventory);
        r = r ?: cards_find(hs->batch->pool, h, inventory, &match);
        for (size_t i = 0; i < inventory->n_pgpus && r == 0; i++)
                r = update_card(hs, h, &match.pgpus[i], match.formers[i], &inventory->pgpus[i]);
        if (r == 0 && is_new)
                r = former_revive_set_up(hs, h);
        if (r < 0)
                return r;
        r = miss_cards(hs, h, &match, inventory);
        if (r < 0)
                return r;
        takeover_collect_absent(hs, h);
        types_collect(hs);
        return 0;
}
