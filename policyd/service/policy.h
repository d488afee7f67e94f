#pragma once

/*
 * The use cases of policyd
 *
 * Policy holds the pool, the store, the links to the hosts and the open batch. The bus layer calls one
 * function per method; each decides at once on the model in the open batch and either refuses (refusal->code
 * is set; nothing was changed) or leaves its change to the batch. The caller gets its success only after the
 * batch was committed: the bus layer queues its reply with policy_when_committed(). Negative returns are only
 * -ENOMEM and the like.
 *
 * The batch commits from a one-shot timer of lower priority than the bus, so that all requests that have
 * arrived share one LMDB transaction (a batch with nothing but hosts' reports waits up to linger_usec for a
 * request to share it); or at once when policy_flush() is called (a read must show committed state only:
 * every property getter and list calls it first). After a commit: replies in order, then listener->changed()
 * once for each changed object, then listener->job_removed(). After a failed commit: each waiting reply gets
 * ERROR_STORAGE_FAILED, the model is rebuilt from disk, listener->rebuilt() is called.
 */

#include "policyd/decide/allocate.h"
#include "policyd/service/base/options.h"

typedef struct Policy Policy;

typedef struct PolicyListener {
        /* o->is_new, o->removed, o->changed say what happened; the object is forgotten after the call. */
        void (*changed)(const Object *o, void *userdata);
        void (*job_new)(const Job *j, void *userdata); /* before its changed() */
        /* It reached a final state: "done", "failed", "cancelled". */
        void (*job_removed)(const Job *j, const char *result, void *userdata);
        void (*rebuilt)(void *userdata);
        /* policy_describe() may say something else. */
        void (*status)(void *userdata);
        /* Another master commands: exit with POLICY_EXIT_STALE. */
        void (*stale)(const char *message, void *userdata);
} PolicyListener;

#define POLICY_EXIT_STALE 65

/* Bytes of an answer: what a system bus carries in one message, less what is around it. */
#define POLICY_ANSWER_MAX ((32 << 20) - (64 << 10))

/* -EUCLEAN: the database cannot be used, as was logged, and a restart does not help. */
int policy_new(const PolicyOptions *options, const PolicyListener *listener, void *userdata, Policy **ret);
Policy *policy_free(Policy *p);
DEFINE_CLEANUP(Policy *, policy_free)
int policy_start(Policy *p); /* dials the hosts */

/* "3 hosts, 10 PGPUs, 41 of 80 GRID K100 free, 1 host offline". It counts each VGPU. */
void policy_describe(Policy *p, char *buf, size_t size);
/* Time limits, how much may be there, how many requests share a commit: what is used from now on. The rest of the options stays. */
void policy_set_limits(Policy *p, const PolicyOptions *options);
Pool *policy_pool(Policy *p); /* read only for the bus layer */
uint64_t policy_epoch(const Policy *p);
const Uuid *policy_pool_id(const Policy *p); /* made with the database; hosts know whose they are by it */
/* That the database is an old copy, which hosts were not heard since, and what to do; "" when it is none. */
int policy_old_database(const Policy *p, char **ret);

/*
 * Rows of the database that could not be read. Rows on which nothing depends were set aside. Any other may say that a GPU is in
 * use: while one is left, the pool is shown and nothing in it changes; no host is dialled.
 */
bool policy_is_read_only(const Policy *p);
char *policy_describe_read_only(const Policy *p); /* a sentence with the way back; the caller frees */
int policy_unreadable_rows(const Policy *p, bool aside, char ***ret); /* "vm 17: the reason" */
/* Sets the row aside, or deletes one that is aside. After the last blocking row the pool starts. */
int policy_remove_row(Policy *p, const char *name, Refusal *refusal);

/* 0 or -EIO (the waiting replies were answered with the error). Cheap when nothing is open. */
int policy_flush(Policy *p);

/* What the pool is and what was counted, for Prometheus; the caller frees. */
/* policyd's public key for ssh, made if there is none; for a process that may wait. -EEXIST: there is a private one alone. */
int policy_read_key(Policy *p, char **ret);
int policy_metrics(Policy *p, bool openmetrics, char **ret_text);
void policy_count_refusal(Policy *p, ErrorCode code);

/* done() is called once. Order of calls is order of commits. Negative: it will not be called, and nothing of
 * the batch is kept. */
int policy_when_committed(Policy *p, PolicyCommitted done, void *userdata);

/* Who asks for what is decided next, for the jobs that it begins; NULL: nobody. -ENOMEM. */
int policy_set_caller(Policy *p, const char *who_or_null);
/* More is known of who began a job; it may be gone. */
int policy_set_job_started_by(Policy *p, const Uuid *job, const char *who);

/*
 * Idempotency: caller is who asked (uid), method its name, key the option, arguments a canonical text.
 * Returns 1 and the path of the object or job that the first call made; 0 when the key is new (then call
 * policy_idempotency_record() with the result in the same batch); refusal InvalidRecord when the key was used
 * with other arguments.
 */
int policy_idempotency_find(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, char **ret_path, Refusal *refusal);
int policy_idempotency_record(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, const char *path, const Object *owner);

/* A backup, written to fd. In a child of this process alone, which may block and calls progress() before each
 * piece; when it has ended, however it did, this process says so. now: µs, asked for before, since a child has no event
 * loop. */
int policy_write_backup(Policy *p, uint64_t now, int fd, void (*progress)(void), uint64_t *ret_bytes);
void policy_backup_ended(Policy *p);

/* Manager */
int hosts_add(Policy *p, const char *name, const char *address, const char *fingerprint, Host **ret, Refusal *refusal);
int groups_create(
        Policy *p, const char *name_label, const char *name_description, GpuGroup **ret, Refusal *refusal);
int vms_create(Policy *p, const char *record, Vm **ret, Refusal *refusal);
int vms_import(Policy *p, const char *record, Vm **ret, Refusal *refusal);
/* domain: uuid, or the name if only one of the host's VMs outside of the pool has it. done() is called later, once, after the commit or
 * with the refusal; ret: the uuid of the VM, which is in the pool then. */
int vms_adopt(Policy *p, Host *h, const char *domain, PolicyCommitted done, void *userdata, Uuid *ret, Refusal *refusal);
/* Ends by force what a host runs and the pool does not have: domain as above. done() has the sentence that says what ends, or the refusal. */
int vms_end_outside(Policy *p, Host *h, const char *domain, PolicyCommitted done, void *userdata, Refusal *refusal);
int vgpus_create(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type_or_null, const char *device_or_null,
        const char *extra_args, Vgpu **ret, Refusal *refusal); /* NULL type: passthrough */
int reservations_create(Policy *p, const char *name, GpuGroup *group, VgpuType *type, uint32_t count,
        uint64_t seconds, const char *owner, Reservation **ret, Refusal *refusal);

/* group NULL: over all of them; at least one limit is given, the other may be QUOTA_UNLIMITED. owner
 * OWNER_ANY: each that has no quota. */
int quotas_create(Policy *p, const char *owner, GpuGroup *group_or_null, uint64_t vgpus_max,
        uint64_t size_max, Quota **ret, Refusal *refusal);

int vm_groups_create(Policy *p, const char *name_label, const char *name_description,
        const char *placement_or_null, VmGroup **ret, Refusal *refusal);

/* Maps (platform, other_config) and sets (tags) of any class. set: of a map a key, its value, a key, …; both lists end with NULL. */
typedef struct EntriesChange {
        bool replace; /* what is not in set goes */
        const char *const *set, *const *remove;
} EntriesChange;
int objects_change_entries(Policy *p, Object *o, const char *property, const EntriesChange *change, Refusal *refusal);

/* Host */
int hosts_remove(Policy *p, Host *h, Refusal *refusal);
int hosts_set_enabled(Policy *p, Host *h, bool enabled, Refusal *refusal);
int hosts_set_description(Policy *p, Host *h, const char *description, Refusal *refusal);
int hosts_set_name_label(Policy *p, Host *h, const char *name, Refusal *refusal); /* affinities follow */
/* The host is dialled anew, if it is another. "" gives it up. */
int hosts_set_fingerprint(Policy *p, Host *h, const char *fingerprint, Refusal *refusal);
int hosts_reconnect(Policy *p, Host *h, Refusal *refusal); /* where it is not connected: dials now */
int hosts_declare_dead(
        Policy *p, Host *h, Refusal *refusal); /* releases every booking there; refused while it is online */

/* PGPU: enabling asks hostd first; done() is called later, once, after the commit or with the refusal. */
int pgpus_clear_health(Policy *p, Pgpu *pgpu, Refusal *refusal);
int pgpus_adopt(Policy *p, Pgpu *absent, Pgpu *found, Refusal *refusal); /* the card that was found is that of the absent one */
int pgpus_set_group(Policy *p, Pgpu *g, GpuGroup *group_or_null, Refusal *refusal);
int pgpus_set_enabled(Policy *p, Pgpu *g, VgpuType *const *types, size_t n, PolicyCommitted done,
        void *userdata, Refusal *refusal);
/* The same with one type more or less; it must be supported there, also to be disabled. */
int pgpus_change_enabled(Policy *p, Pgpu *g, VgpuType *type, bool enable, PolicyCommitted done, void *userdata,
        Refusal *refusal);

/* Group */
int groups_destroy(Policy *p, GpuGroup *g, Refusal *refusal);
int groups_set_algorithm(Policy *p, GpuGroup *g, const char *algorithm, Refusal *refusal);
int groups_set_names(Policy *p, GpuGroup *g, const char *name_label_or_null, const char *description_or_null,
        Refusal *refusal);

/*
 * Advice, tried in the pool, which is put back: nothing changes. groups_plan: how to have a whole PGPU for a type
 * (NULL: passthrough) with the fewest restarts:
 *
 *   {"gpu_group","vgpu_type","possible","message","restarts","pgpu":{"uuid","host","pci_id"},"enable",
 *    "moves":[{"vm","name_label","from","to","pci_id"}],"steps":["…"]}
 *
 * hosts_check_failure: which running VMs of the host could start elsewhere, all together:
 *
 *   {"host","name_label","survives","message","running","stranded",
 *    "moves":[{"vm","name_label","from","to","pci_id"?,"reason"?}]}
 */
int groups_plan(Policy *p, GpuGroup *g, const VgpuType *type_or_null, char **ret_json, Refusal *refusal);
int groups_failures_to_tolerate(Policy *p, GpuGroup *g, uint32_t *ret);
int hosts_check_failure(Policy *p, Host *h, char **ret_json);

/* VM */
int vms_start(Policy *p, Vm *vm, const StartOptions *options, Job **ret_job, Refusal *refusal);
int vms_shutdown(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal);
int vms_reboot(Policy *p, Vm *vm, bool force, Job **ret_job, Refusal *refusal);
/* state: "running" or "halted"; force: for halted. The job that leads there, or NULL when it is so. */
int vms_ensure(Policy *p, Vm *vm, const char *state, bool force, Job **ret_job, Refusal *refusal);
int vms_destroy(Policy *p, Vm *vm, Refusal *refusal);
int vms_set_config(Policy *p, Vm *vm, const char *config, Refusal *refusal);
int vms_set_names(
        Policy *p, Vm *vm, const char *name_label_or_null, const char *affinity_or_null, Refusal *refusal);
int vms_set_description(Policy *p, Vm *vm, const char *description, Refusal *refusal);
int vms_set_owner(Policy *p, Vm *vm, const char *owner, Refusal *refusal);                 /* stops nothing */
int vms_set_groups(Policy *p, Vm *vm, VmGroup *const *groups, size_t n, Refusal *refusal); /* at most one */
int vms_explain(Policy *p, Vm *vm, const StartOptions *options, char **ret_json);
int vms_export(Policy *p, Vm *vm, char **ret_json);

int vgpus_set_extra_args(Policy *p, Vgpu *v, const char *extra_args, Refusal *refusal); /* for the next start */
int vgpus_destroy(Policy *p, Vgpu *v, Refusal *refusal);
int reservations_destroy(Policy *p, Reservation *r, Refusal *refusal);
int quotas_set_limits(Policy *p, Quota *q, uint64_t vgpus_max, uint64_t size_max, Refusal *refusal);
int quotas_destroy(Policy *p, Quota *q, Refusal *refusal);
int vm_groups_set_name_label(Policy *p, VmGroup *g, const char *name_label, Refusal *refusal);
int vm_groups_set_name_description(Policy *p, VmGroup *g, const char *description, Refusal *refusal);
int vm_groups_set_placement(Policy *p, VmGroup *g, const char *placement, Refusal *refusal);
int vm_groups_destroy(Policy *p, VmGroup *g, Refusal *refusal); /* its VMs are then in none */
int jobs_cancel(Policy *p, Job *j, Refusal *refusal);

/*
 * JSON for the wire.
 *
 * policy_list: every D-Bus property under its D-Bus name, references as object paths; filter: pairs of
 * property name and text that must be equal.
 *
 *   {"class":…,"total":n,"offset":o,"objects":[{"path":…,"uuid":…,"<PropertyName>":value…}]}
 *
 * policy_capacity:
 *
 *   {"groups":[{"uuid","path","name_label","algorithm",
 *     "types":[{"uuid","path","model_name","identifier","total","used","scheduled","reserved","free",
 *       "packed","reason":{"code","message"}?}],
 *     "changes":[{"identifier","pgpu","enable","free":[{"identifier","free"}]}],
 *     "pgpus":[{"uuid","host","pci_id","used","size","running",
 *       "types":[{"identifier","remaining","code"?}]}]}]}
 *
 * policy_owners, by name; limits that there are none of are absent, and so are owners of nothing:
 *
 *   {"total":n,"offset":o,"owners":[{"owner","vms","reservations","vgpus_used","size_used",
 *     "quotas":[{"quota","owner","gpu_group","vgpus_max"?,"vgpus_used","size_max"?,"size_used",…}]}]}
 */
typedef struct ListFilter {
        const char *property, *value;
        char type; /* of the value, before it became text: one of D-Bus's s, o, b, u, t, i, x, d */
} ListFilter;
int policy_list(Policy *p, ObjectClass c, const ListFilter *filters, size_t n_filters, uint32_t offset,
        uint32_t limit, char **ret_json, Refusal *refusal);
/*
 * policy_check: what is found of the pool that should not be (policyd/check); object: a path, "/" where it is about none
 *
 *   {"findings":[{"invariant","object","class","name_label","sentence"}],"more","objects","invariants"}
 */
int policy_check(Policy *p, char **ret_json);
typedef struct Findings Findings; /* policyd/check/check.h */
int policy_find_faults(const Policy *p, Findings *ret);
int policy_capacity(Policy *p, char **ret_json); /* -EMSGSIZE: larger than POLICY_ANSWER_MAX */
int policy_owners(Policy *p, uint32_t offset, uint32_t limit, char **ret_json);
