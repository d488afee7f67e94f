/*
 * Changing hosts
 *
 * What a host says of itself, and what an administrator says of it.
 */

#include "common/base/text.h"
#include "policyd/pool/pool-internal.h"

void pool_set_host_state(Pool *pool, Host *h, HostState state, const char *reason) {
        uint64_t properties = 0;

        if (h->state != state)
                properties |= HOST_STATE;
        h->state = state;
        h->heard |= state == HOST_ONLINE;
        if (text_set(&h->state_reason, TEXT_SHORT(strempty(reason), SENTENCE_MAX_BYTES)) > 0)
                properties |= HOST_STATE_REASON;

        if (properties)
                object_note(pool, &h->object, properties, /* store= */ false);
}

/* Groups have their PGPUs in the order of the hosts' names, so these leave it and come back. */
int pool_set_host_name_label(Pool *pool, Host *h, const char *name_label) {
        int r;

        for_each(Pgpu, p, &h->pgpus)
                if (p->group)
                        ptr_array_remove(&p->group->pgpus, p);
        r = text_set(&h->name_label, name_label);
        for_each(Pgpu, p, &h->pgpus) {
                if (r >= 0)
                        r = pgpu_update_name(p);
                if (!p->group)
                        continue;
                ptr_array_insert(&p->group->pgpus, p, pgpu_compare); /* where there was room before */
                object_note(pool, &p->group->object, GROUP_PGPUS, /* store= */ false);
        }
        for_each_while(r >= 0, const HostType, f, &h->types)
                r = type_update_differences(pool, f->type);
        pool->notes->all = true;
        object_note(pool, &h->object, HOST_NAME_LABEL, /* store= */ true);
        return MIN_OF(r, 0);
}

/* Of VGPUs that have the PGPU's own function: as a pool that is read anew has it. */
static int move_functions(Pool *pool, Pgpu *p, const PciAddress *from) {
        int r = 0;

        for_each_while(r >= 0, Vgpu, v, &p->vgpus)
                if (v->resident_on == p && streq(strempty(v->function), PCI_TEXT(from)))
                        r = pool_set_vgpu_function(pool, v, PCI_TEXT(&p->pci));
        return r;
}

/* A host has its PGPUs in the order of their addresses, and so has a group; both have room, since it was there before. */
int pool_set_pgpu_pci(Pool *pool, Pgpu *p, const PciAddress *pci) {
        PciAddress from = p->pci;
        int r;

        ptr_array_remove(&p->host->pgpus, p);
        if (p->group)
                ptr_array_remove(&p->group->pgpus, p);
        p->pci = *pci;
        ptr_array_insert(&p->host->pgpus, p, pgpu_compare);
        object_note(pool, &p->host->object, HOST_PGPUS, /* store= */ false);
        if (p->group) {
                ptr_array_insert(&p->group->pgpus, p, pgpu_compare);
                object_note(pool, &p->group->object, GROUP_PGPUS, /* store= */ false);
        }
        pool->notes->all = true;
        object_note(pool, &p->object, PGPU_PCI_ID, /* store= */ true);
        r = move_functions(pool, p, &from);
        return r < 0 ? r : pgpu_update_name(p);
}

void pool_set_host_enabled(Pool *pool, Host *h, bool enabled) {
        SET_AND_NOTE(pool, h, enabled, enabled, HOST_ENABLED);
}

void pool_set_host_unheard(Pool *pool, Host *h, bool unheard) {
        SET_AND_NOTE(pool, h, unheard, unheard, HOST_UNHEARD);
}

void pool_set_host_memory(Pool *pool, Host *h, uint64_t total, uint64_t free) {
        uint64_t properties = (h->memory_total != total ? HOST_MEMORY_TOTAL : 0) |
                              (h->memory_free != free ? HOST_MEMORY_FREE : 0);

        h->memory_total = total;
        h->memory_free = free;
        if (properties)
                object_note(pool, &h->object, properties, /* store= */ false);
        host_note_memory(pool, h);
        host_note(pool, h, 0); /* which VMs the report counts may have changed all the same */
}

bool host_is_usable(const Host *h) {
        return h->state == HOST_ONLINE && h->enabled;
}

/* NULL is not the same as none. */
static int set_told(char ***field, char *const *value) {
        if (value)
                return strv_set(field, (const char *const *) value);
        *field = strv_free(*field);
        return 0;
}

int pool_set_host_facts(Pool *pool, Host *h, const HostFacts *facts) {
        uint64_t properties = 0;
        bool changed = h->iommu != facts->iommu || h->hvm != facts->hvm;
        int hostname, boot_id, networks, storage, functions, keys;

        properties |= (h->iommu != facts->iommu ? HOST_IOMMU : 0) | (h->hvm != facts->hvm ? HOST_HVM : 0);
        h->iommu = facts->iommu;
        h->hvm = facts->hvm;
        h->refuses_pcidevs = facts->refuses_pcidevs;
        hostname = text_set(&h->hostname, strempty(facts->hostname));
        boot_id = text_set(&h->boot_id, facts->boot_id);
        networks = strv_set(&h->networks, (const char *const *) facts->networks);
        functions = set_told(&h->functions, facts->functions);
        keys = set_told(&h->allowed_config_keys, facts->allowed_config_keys);
        storage = strv_set(&h->storage, (const char *const *) facts->storage);

        properties |= hostname > 0 ? HOST_HOSTNAME : 0;
        properties |= boot_id > 0 ? HOST_BOOT_ID : 0;
        properties |= networks > 0 ? HOST_NETWORKS : 0;
        properties |= storage > 0 ? HOST_STORAGE : 0;
        if (properties || changed)
                object_note(pool, &h->object, properties, /* store= */ true);
        return hostname < 0 || boot_id < 0 || networks < 0 || storage < 0 || functions < 0 || keys < 0 ? -ENOMEM : 0;
}

int pool_set_host_problems(Pool *pool, Host *h, const char *const *problems) {
        int r;

        r = strv_set(&h->problems, problems);
        if (r > 0)
                object_note(pool, &h->object, HOST_PROBLEMS, /* store= */ false);
        return r < 0 ? r : 0;
}

int pool_set_host_outside_vms(Pool *pool, Host *h, const char *const *vms) {
        int r;

        if (!vms && !h->outside_vms)
                return 0;
        if (vms)
                r = strv_set(&h->outside_vms, vms);
        else {
                h->outside_vms = strv_free(h->outside_vms);
                r = 1;
        }
        if (r > 0)
                object_note(pool, &h->object, HOST_OUTSIDE_VMS, /* store= */ false);
        return MIN_OF(r, 0);
}

void pool_set_host_machine(Pool *pool, Host *h, const Uuid *host_uuid) {
        if (uuid_equal(&h->host_uuid, host_uuid))
                return;

        h->host_uuid = *host_uuid;
        object_note(pool, &h->object, HOST_HOST_UUID, /* store= */ true);
}
