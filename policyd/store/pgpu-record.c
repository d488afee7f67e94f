/*
 * PGPUs on disk
 *
 * "present" is not stored: until the host has reported the card again, nobody knows.
 */

#include "policyd/store/records.h"

static void pgpu_build(const Object *o, StrBuf *b) {
        const Pgpu *p = CONTAINER_OF(o, Pgpu, object);

        stored_write_reference(b, "host", &p->host->object);
        json_write_string(b, "pci_id", PCI_TEXT(&p->pci));
        json_write_string(b, "vendor_id", strempty(p->vendor_id));
        json_write_string(b, "device_id", strempty(p->device_id));
        json_write_string(b, "subsystem_vendor_id", strempty(p->subsystem_vendor_id));
        json_write_string(b, "subsystem_device_id", strempty(p->subsystem_device_id));
        json_write_string(b, "vendor_name", strempty(p->vendor_name));
        json_write_string(b, "device_name", strempty(p->device_name));
        json_write_string(b, "driver", strempty(p->driver));
        json_write_bool(b, "is_system_display_device", p->is_system_display_device);
        stored_write_reference(b, "gpu_group", p->group ? &p->group->object : NULL);
        stored_write_references(b, "supported", &p->supported);
        stored_write_references(b, "enabled", &p->enabled);
}

static int pgpu_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        const char *vendor, *device;
        PciAddress pci;
        Host *host;
        Pgpu *p;
        int q = 0;

        q = q ?: stored_get_reference(pool, r, record, "host", CLASS_HOST, &host);
        q = q ?: json_get_pci_text(r, record, "pci_id", &pci);
        q = q ?: json_get_string(r, record, "vendor_id", &vendor);
        q = q ?: json_get_string(r, record, "device_id", &device);
        q = q ?: pool_add_pgpu(pool, id, key, host, &pci, vendor, device, &p);
        if (q < 0)
                return q;

        q = q ?: stored_get_text(r, record, "subsystem_vendor_id", &p->subsystem_vendor_id);
        q = q ?: stored_get_text(r, record, "subsystem_device_id", &p->subsystem_device_id);
        q = q ?: stored_get_text(r, record, "vendor_name", &p->vendor_name);
        q = q ?: stored_get_text(r, record, "device_name", &p->device_name);
        q = q ?: stored_get_text(r, record, "driver", &p->driver);
        q = q ?: json_get_bool(r, record, "is_system_display_device", &p->is_system_display_device);
        if (q < 0)
                return q;
        pool_set_pgpu_present(pool, p, false);
        return 0;
}

static int resolve_types(Pool *pool, JsonReader *r, struct json_object *record, const char *member, Pgpu *p,
        int (*set)(Pool *, Pgpu *, VgpuType *const *, size_t)) {
        _cleanup_free_ void **types = NULL;
        size_t n;
        int q;

        q = stored_get_references(pool, r, record, member, CLASS_VGPU_TYPE, &types, &n);
        return q < 0 ? q : set(pool, p, (VgpuType *const *) types, n);
}

/* What its host says of a type is as the type shows, where the host's record tells nothing else: so too in
 * records of schema 4, when there was no other. */
static int resolve_host_types(Pgpu *p) {
        int q = 0;

        for (size_t i = 0; i < p->supported.n && q == 0; i++) {
                VgpuType *t = p->supported.items[i];
                const TypeFacts facts = {.size = t->size,
                        .framebuffer_size = t->framebuffer_size,
                        .internal_config = strempty(t->internal_config)};

                q = pool_load_host_type(p->host, t, &facts);
        }
        return q;
}

static int pgpu_resolve(Pool *pool, JsonReader *r, struct json_object *record, Object *o) {
        Pgpu *p = CONTAINER_OF(o, Pgpu, object);
        GpuGroup *group;
        int q = 0;

        q = q ?: stored_opt_reference(pool, r, record, "gpu_group", CLASS_GPU_GROUP, &group);
        q = q ?: pool_set_pgpu_group(pool, p, group);
        q = q ?: resolve_types(pool, r, record, "supported", p, pool_set_pgpu_supported);
        q = q ?: resolve_types(pool, r, record, "enabled", p, pool_set_pgpu_enabled);
        q = q ?: resolve_host_types(p);
        return q;
}

const RecordCodec pgpu_codec = {.build = pgpu_build, .create = pgpu_create, .resolve = pgpu_resolve};
