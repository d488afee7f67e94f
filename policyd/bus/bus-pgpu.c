/*
 * org.xenvgpu.Policy1.PGPU
 *
 * Enabling asks the host, so its reply comes when the host has answered and the outcome is committed.
 */

#include "policyd/bus/bus-private.h"

#define TYPES_MAX 1024

DEFINE_METHOD_READING(method_set_gpu_group, Pgpu, Object *group,
        object_read_or_none(bus, m, CLASS_GPU_GROUP, &group, error),
        pgpus_set_group(p, o, (GpuGroup *) group, &refusal))

/* Enabled types */

typedef struct TypeSet {
        VgpuType *items[TYPES_MAX];
        size_t n;
} TypeSet;

static int type_set_add(TypeSet *set, VgpuType *t, sd_bus_error *error) {
        for (size_t i = 0; i < set->n; i++)
                if (set->items[i] == t)
                        return 0;
        if (set->n >= TYPES_MAX)
                return bus_error_set(error, ERROR_LIMIT_REACHED,
                        "More than %d types cannot be enabled on one PGPU.", TYPES_MAX);
        set->items[set->n++] = t;
        return 0;
}

/* The answer comes with the host's; refused or failed, it comes now. */
static int set_or_change(sd_bus_message *m, Pgpu *g, const TypeSet *set_or_null, VgpuType *type, bool enable, sd_bus_error *error) {
        Bus *bus = g->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};
        Request *q;
        int r;

        r = request_take(&bus->requests, m, &q, error);
        if (r < 0)
                return r;
        change_note_only(request_note(q), PGPU_ENABLED);
        if (set_or_null)
                r = pgpus_set_enabled(bus->policy, g, set_or_null->items, set_or_null->n, request_committed, q, &refusal);
        else
                r = pgpus_change_enabled(bus->policy, g, type, enable, request_committed, q, &refusal);
        r = bus_decided(bus, r, &refusal, error);
        if (r < 0) {
                request_give_back(q);
                return r;
        }
        return 1;
}

static int change_enabled(sd_bus_message *m, Pgpu *g, bool enable, sd_bus_error *error) {
        Object *type;
        int r;

        r = object_read(g->object.userdata, m, CLASS_VGPU_TYPE, &type, error);
        return r < 0 ? r : set_or_change(m, g, NULL, (VgpuType *) type, enable, error);
}

static int method_add_enabled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_enabled(m, userdata, /* enable= */ true, error);
}

static int method_remove_enabled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return change_enabled(m, userdata, /* enable= */ false, error);
}

static int method_set_enabled(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Pgpu *g = userdata;
        Bus *bus = g->object.userdata;
        TypeSet set = {};
        Object *type;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "o");
        while (r >= 0 && (r = sd_bus_message_at_end(m, /* complete= */ false)) == 0) {
                r = object_read(bus, m, CLASS_VGPU_TYPE, &type, error);
                if (r >= 0)
                        r = type_set_add(&set, (VgpuType *) type, error);
        }
        return r < 0 ? r : set_or_change(m, g, &set, NULL, false, error);
}

DEFINE_METHOD_READING(method_adopt, Pgpu, Object *pgpu, object_read(bus, m, CLASS_PGPU, &pgpu, error),
        pgpus_adopt(p, o, (Pgpu *) pgpu, &refusal))

DEFINE_METHOD(method_clear_health, Pgpu, pgpus_clear_health(p, o, &refusal))

static int method_get_remaining_capacity(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Pgpu *g = userdata;
        Bus *bus = g->object.userdata;
        Object *type;
        int r;

        r = object_read(bus, m, CLASS_VGPU_TYPE, &type, error);
        if (r < 0)
                return r;
        return sd_bus_reply_method_return(m, "t", (uint64_t) pgpu_capacity(g, (VgpuType *) type));
}

DEFINE_BUS_CLASS(pgpu, PGPU, METHOD_KINDS({"GetRemainingCapacity", METHOD_READS}),
        METHOD("SetGPUGroup", ("o", gpu_group), NOTHING, method_set_gpu_group),
        METHOD("AddEnabledVGPUType", ("o", vgpu_type), NOTHING, method_add_enabled),
        METHOD("RemoveEnabledVGPUType", ("o", vgpu_type), NOTHING, method_remove_enabled),
        METHOD("SetEnabledVGPUTypes", ("ao", vgpu_types), NOTHING, method_set_enabled),
        METHOD("Adopt", ("o", pgpu), NOTHING, method_adopt),
        METHOD("ClearHealth", NOTHING, NOTHING, method_clear_health),
        METHOD("GetRemainingCapacity", ("o", vgpu_type), ("t", capacity), method_get_remaining_capacity),
        METHODS_OF_MAP("OtherConfig"))
