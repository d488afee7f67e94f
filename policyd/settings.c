/*
 * policyd's settings
 */

#include "policyd/settings.h"

#include "common/daemon/log.h"

#define LINGER_USEC 2000

#define FIELD(name) offsetof(PolicydSettings, name)

const Setting policyd_settings[] = {
        {"bus", SETTING_STRING, FIELD(bus), "system", "address of the master's bus"},
        {"group", SETTING_STRING, FIELD(group), "xenvgpu",
                "group whose members may call everything; others are asked of polkit"},
        {"ssh", SETTING_STRING, FIELD(ssh), "ssh", "program that reaches hosts with ssh: addresses"},
        {"logins_max", SETTING_U64, FIELD(logins_max), "0",
                "logins by ssh at a time; the others wait for their turn; 0: eight for each processor"},
        {"connect_timeout", SETTING_SECONDS, FIELD(connect_timeout), "10",
                "how long a host's bus may take to answer, from the start of the login"},
        {"call_timeout", SETTING_SECONDS, FIELD(call_timeout), "20",
                "how long hostd may take to answer a call"},
        {"keepalive", SETTING_SECONDS, FIELD(keepalive), "10",
                "silence after which a host is asked whether it lives"},
        {"retry_max", SETTING_SECONDS, FIELD(retry_max), "30",
                "longest pause between attempts to reach a host"},
        {"order_timeout", SETTING_SECONDS, FIELD(order_timeout), "45",
                "how long a host may say nothing of an order before its job fails"},
        {"place_last", SETTING_SECONDS, FIELD(place_last), "10min",
                "how long a host or PGPU comes last after a start failed there; 0: not at all"},
        {"map_size", SETTING_SIZE, FIELD(map_size), "64MiB", "first size of the database's map"},
        {"map_max", SETTING_SIZE, FIELD(map_max), "4GiB", "size up to which the map grows"},
        {"batch_max", SETTING_U64, FIELD(batch_max), "256", "requests that share one commit"},
        {"requests_max", SETTING_U64, FIELD(requests_max), "1024",
                "requests of one caller that may wait for a reply"},
        {"job_keep", SETTING_SECONDS, FIELD(job_keep), "1h", "how long a finished job stays"},
        {"jobs_max", SETTING_U64, FIELD(jobs_max), "1000", "finished jobs that stay at most"},
        {"limit_host", SETTING_U64, FIELD(limits[CLASS_HOST]), "10000", "hosts in the pool"},
        {"limit_pgpu", SETTING_U64, FIELD(limits[CLASS_PGPU]), "160000", "PGPUs in the pool"},
        {"limit_gpu_group", SETTING_U64, FIELD(limits[CLASS_GPU_GROUP]), "10000", "GPU groups in the pool"},
        {"limit_vgpu_type", SETTING_U64, FIELD(limits[CLASS_VGPU_TYPE]), "10000", "VGPU types in the pool"},
        {"limit_vm", SETTING_U64, FIELD(limits[CLASS_VM]), "200000", "VMs in the pool"},
        {"limit_vgpu", SETTING_U64, FIELD(limits[CLASS_VGPU]), "500000", "VGPUs in the pool"},
        {"limit_reservation", SETTING_U64, FIELD(limits[CLASS_RESERVATION]), "10000",
                "reservations in the pool"},
        {"limit_quota", SETTING_U64, FIELD(limits[CLASS_QUOTA]), "10000", "quotas in the pool"},
        {"limit_vm_group", SETTING_U64, FIELD(limits[CLASS_VM_GROUP]), "10000", "VM groups in the pool"},
        {"limit_job", SETTING_U64, FIELD(limits[CLASS_JOB]), "200000", "jobs, running and finished"},
};
const size_t n_policyd_settings = ARRAY_SIZE(policyd_settings);

int policyd_settings_check(const PolicydSettings *s) {
        if (s->map_size < 1 << 20 || s->map_max < s->map_size) {
                log_error("map_size must be at least 1MiB, and map_max no smaller than it");
                return -EINVAL;
        }
        if (s->batch_max == 0 || s->requests_max == 0) {
                log_error("batch_max and requests_max must be at least 1");
                return -EINVAL;
        }
        if (s->connect_timeout == 0 || s->call_timeout == 0 || s->keepalive == 0 || s->order_timeout == 0) {
                log_error("connect_timeout, call_timeout, keepalive and order_timeout must be above 0");
                return -EINVAL;
        }
        return 0;
}

int policyd_settings_read(const char *path, const char *const *args, PolicydSettings *settings) {
        int r;

        r = settings_init(policyd_settings, n_policyd_settings, settings);
        if (r >= 0)
                r = settings_load(policyd_settings, n_policyd_settings, "policyd", path, args, settings);
        return r < 0 ? r : policyd_settings_check(settings);
}

static const char *const live[] = {
        "connect_timeout", "call_timeout", "keepalive", "retry_max", "order_timeout", "place_last", "batch_max", "job_keep",
        "jobs_max", "limit_host", "limit_pgpu", "limit_gpu_group", "limit_vgpu_type", "limit_vm", "limit_vgpu",
        "limit_reservation", "limit_quota", "limit_vm_group", "limit_job", NULL,
};

int policyd_settings_reload(const char *path, const char *const *args, PolicydSettings *running) {
        PolicydSettings fresh = {};
        int r;

        r = policyd_settings_read(path, args, &fresh);
        if (r < 0)
                log_error("The settings stay as they were, since those of %s cannot be taken.", path);
        else
                settings_take(policyd_settings, n_policyd_settings, live, "xenvgpu-policyd", running, &fresh);
        settings_done(policyd_settings, n_policyd_settings, &fresh);
        return r;
}

void policyd_settings_apply(
        const PolicydSettings *s, PolicyOptions *ret_policy, LinkSettings *ret_link, BusOptions *ret_bus) {
        *ret_policy = (PolicyOptions){
                .map_size = s->map_size,
                .map_max = s->map_max,
                .batch_max = s->batch_max,
                .linger_usec = LINGER_USEC,
                .job_keep_usec = s->job_keep,
                .jobs_max_finished = s->jobs_max,
                .order_timeout_usec = s->order_timeout,
                .place_last_usec = s->place_last,
        };
        memcpy(ret_policy->limits, s->limits, sizeof(s->limits));

        link_settings_default(ret_link);
        ret_link->connect_usec = s->connect_timeout;
        ret_link->call_usec = s->call_timeout;
        ret_link->ping_usec = s->keepalive;
        ret_link->retry_max_usec = MAX_OF(s->retry_max, ret_link->retry_min_usec);
        ret_link->ssh_program = s->ssh;

        *ret_bus = (BusOptions){.address = s->bus, .requests_max = s->requests_max, .group = s->group};
}
