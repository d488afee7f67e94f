/*
 * Metrics: what the pool is, and what was counted, as Prometheus reads it
 *
 * Names are not unique, so each series has the uuids of what it is of.
 */

#include "policyd/advice/packing.h"
#include "policyd/service/objects/policy-private.h"

/* One family for each number of a group and type. */
static const struct {
        const char *name, *help;
} type_families[] = {
        {"xenvgpu_capacity_vgpus", "VGPUs of the type that the group would hold if nothing else ran there."},
        {"xenvgpu_used_vgpus", "VGPUs that run, those of VMs that are not of the pool included."},
        {"xenvgpu_scheduled_vgpus", "VGPUs that are booked and do not run yet."},
        {"xenvgpu_reserved_vgpus", "VGPUs that reservations hold room for."},
        {"xenvgpu_outside_vgpus", "VGPUs of VMs that are not of the pool."},
        {"xenvgpu_free_vgpus", "VGPUs that could be started now."},
        {"xenvgpu_stranded_vgpus", "VGPUs that could be started besides if the group were perfectly packed."},
};

/* The numbers in the order of their families. */
static void count(const GpuGroup *g, const VgpuType *t, uint64_t ret[ARRAY_SIZE(type_families)]) {
        TypeCounts n = group_count_type(g, t);
        uint64_t available = group_capacity(g, t, /* ret_nearest= */ NULL);

        memcpy(ret, (uint64_t[]){n.total, n.used, n.scheduled, n.reserved, n.outside, available,
                            group_capacity_packed(g, t, available) - available},
                sizeof(uint64_t) * ARRAY_SIZE(type_families));
}

static size_t count_types(const PtrArray *groups) {
        size_t n = 0;

        for_each(const GpuGroup, g, groups)
                n += g->supported.n;
        return n;
}

static int write_types(MetricsText *text, const PtrArray *groups) {
        _cleanup_free_ uint64_t (*numbers)[ARRAY_SIZE(type_families)] = calloc(count_types(groups) + 1, sizeof(*numbers));
        size_t n = 0;

        if (!numbers)
                return -ENOMEM;
        for_each(const GpuGroup, g, groups)
                for_each(const VgpuType, t, &g->supported)
                        count(g, t, numbers[n++]);
        for (size_t f = 0; f < ARRAY_SIZE(type_families); f++) {
                n = 0;
                metric_family(text, type_families[f].name, "gauge", "", type_families[f].help);
                for_each(const GpuGroup, g, groups)
                        for_each(const VgpuType, t, &g->supported)
                                METRIC(text, type_families[f].name, numbers[n++][f], "group", g->name_label, "type", t->model_name,
                                        "group_uuid", UUID_TEXT(&g->object.id), "type_uuid", UUID_TEXT(&t->object.id));
        }
        return 0;
}

/* How many objects of a class are in each state. */
#define WRITE_STATES(text, pool, class, T, name, label, help, MAX, state_of, word_of)                        \
        do {                                                                                                 \
                uint64_t n_[MAX] = {};                                                                       \
                for_each(const T, o, &(pool)->objects[class])                                                \
                        n_[state_of]++;                                                                      \
                metric_family(text, name, "gauge", "", help);                                                \
                for (size_t i_ = 0; i_ < (MAX); i_++)                                                        \
                        METRIC(text, name, n_[i_], label, word_of(i_));                                      \
        } while (false)

static void write_states(MetricsText *text, const Pool *pool) {
        uint64_t disabled = 0;

        WRITE_STATES(text, pool, CLASS_HOST, Host, "xenvgpu_hosts", "state", "Hosts by state.", _HOST_STATE_MAX, o->state,
                host_state_to_string);
        for_each(const Host, h, &pool->objects[CLASS_HOST])
                disabled += !h->enabled;
        metric_family(text, "xenvgpu_hosts_disabled", "gauge", "", "Hosts that an administrator took out of service.");
        METRIC(text, "xenvgpu_hosts_disabled", disabled);
        WRITE_STATES(text, pool, CLASS_PGPU, Pgpu, "xenvgpu_pgpus", "health", "PGPUs by health.", _PGPU_HEALTH_MAX,
                pgpu_health(o, NULL), pgpu_health_to_string);
        WRITE_STATES(text, pool, CLASS_VM, Vm, "xenvgpu_vms", "power_state", "VMs by power state.", _POWER_STATE_MAX,
                o->power_state, power_state_to_string);
}

/* Starts by the stage that they are in: those in "lease" wait until what monitors the GPUs has stopped. */
static void write_starts(MetricsText *text, const Policy *p) {
        uint64_t n[_START_STAGE_MAX] = {}, others = 0;
        const Operation *op;

        for (size_t i = 0; (op = hashmap_next(p->operations.of_vm, &i));) {
                if (op->kind != OPERATION_START)
                        continue;
                if (op->stage >= 0)
                        n[op->stage]++;
                else
                        others++;
        }
        metric_family(text, "xenvgpu_starts_running", "gauge", "", "Starts under way, by stage; sent: no host has reported one yet.");
        for (StartStage s = 0; s < _START_STAGE_MAX; s++)
                METRIC(text, "xenvgpu_starts_running", n[s], "stage", start_stage_to_string(s));
        METRIC(text, "xenvgpu_starts_running", others, "stage", "sent");
}

int policy_metrics(Policy *p, bool openmetrics, char **ret_text) {
        MetricsText text = {.openmetrics = openmetrics};
        const Pool *pool = p->batch.pool;
        int r;

        metric_family(&text, "xenvgpu_build_info", "gauge", "", "The version of policyd.");
        METRIC(&text, "xenvgpu_build_info", 1, "version", XENVGPU_VERSION);
        metric_family(&text, "xenvgpu_epoch", "gauge", "", "The epoch with which policyd claims hosts.");
        METRIC(&text, "xenvgpu_epoch", policy_epoch(p));
        metric_family(&text, "xenvgpu_read_only", "gauge", "", "1 while rows of the database cannot be read and nothing may change.");
        METRIC(&text, "xenvgpu_read_only", policy_is_read_only(p));
        write_states(&text, pool);
        write_starts(&text, p);
        r = write_types(&text, &pool->objects[CLASS_GPU_GROUP]);
        metrics_write(&text, &p->batch.metrics);
        if (openmetrics)
                strbuf_add(&text.text, "# EOF\n");
        *ret_text = strbuf_take(&text.text);
        return r < 0 ? r : *ret_text ? 0 : -ENOMEM;
}

void policy_count_refusal(Policy *p, ErrorCode code) {
        p->batch.metrics.refused[code]++;
}
