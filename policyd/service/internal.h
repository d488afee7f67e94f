#pragma once

/*
 * What the files of the service share: the Policy itself and its parts
 *
 * Everything that outlives one call refers to pool objects by uuid, never by pointer: after a failed commit
 * the pool is another one. The rules for where an order stands (bookings.c, starts.c, reconcile.c) are told
 * in docs/states.md.
 */

#include "common/base/text.h"
#include "policyd/decide/place-health.h"
#include "policyd/decide/quota.h"
#include "policyd/pool/property.h"
#include "policyd/service/policy.h"
#include "protocol/vm-record.h"

typedef struct Peer Peer;
typedef struct Call Call;
typedef struct Operation Operation;
typedef struct Answer Answer;

/*
 * The open batch: what was decided since the last commit. Waiters are told its outcome; actions run after a
 * successful commit and its signals, and are dropped with a failed one.
 */
typedef void (*BatchAction)(Policy *p, const Uuid *a, const Uuid *b);

typedef struct BatchWaiter {
        PolicyCommitted done;
        void *userdata;
} BatchWaiter;

typedef struct BatchStep {
        BatchAction action;
        Uuid a, b;
} BatchStep;

typedef struct Batch {
        bool open, committing;
        int poison;             /* a use case failed half way: nothing of this batch may be kept */
        LoopTimer *soon;        /* commits once everything that has arrived was decided */
        LoopTimer *linger;      /* commits a batch that nobody waits for */
        uint64_t opened;        /* monotonic µs */
        uint64_t requests;
        BatchWaiter *waiters;
        size_t n_waiters, waiters_size;
        BatchStep *steps;
        size_t n_steps, steps_size;
        StoreOps extra; /* of tables that are not objects */
} Batch;

struct Policy {
        Loop *loop;
        Links *links;
        Storage *storage;
        PolicyOptions options;
        PolicyListener listener;
        void *userdata;

        Pool *pool;
        UnreadableRows unreadable;
        StoreMeta meta, stored; /* as it will be with the open batch; as it is on disk */
        bool meta_changed;      /* in more than its numbers */
        uint64_t row_orders;    /* of meta.orders, what stands in the meta record itself */
        StoreMeta loaded;       /* as this process found it */
        uint64_t loaded_keys;   /* keys below were given out before this process */
        OldReason old_found;    /* the database is an old copy, and not all of that is on disk yet */
        bool old_marked;        /* … but in the open batch */
        uint64_t epoch;         /* durable, the one to claim with; 0 while gathering */
        bool commands;          /* a claim was acknowledged */
        uint64_t began;         /* the epoch when that was; later ones are for hosts that joined */
        uint64_t gone_epoch;    /* the highest that a host holds which was removed while it was away */
        Uuid instance;          /* of this process */

        Batch batch;
        HashMap *peers;      /* host uuid → Peer */
        HashMap *operations; /* VM uuid → Operation: at most one for each VM */
        HashMap *answers;    /* idempotency key → Answer */
        HashMap *answers_of; /* object uuid → its first Answer */

        PlaceHealth *health;           /* of hosts and PGPUs; places.c writes it to the pool */
        LoopTimer *health_timer; /* a place comes last no more */
        LoopTimer *gather_timer, *gather_soon, *retry_timer, *expiry_timer;
        LoopTimer *clock_timer; /* while the clock stands before 1970 */
        uint64_t retry_delay;
        Job **ended; /* in the order of their ends; those before ended_first were removed */
        size_t n_ended, ended_first, ended_size;
        Uuid *troubled; /* VMs that a host runs where the pool has them not, with a problem perhaps */
        size_t n_troubled;
        StoreOps gone_jobs; /* deletions of jobs that left the pool and still stand on disk */
        char *status; /* the last line told */
        bool started, stale, closing;
};

uint64_t policy_now(Policy *p); /* µs since the epoch */
void policy_log_rows(const Policy *p, const UnreadableRows *rows); /* those that it did not have before */
int policy_rebuild(Policy *p);  /* the model again from disk, after a failed commit */
void policy_arm_expiry(Policy *p);
/* LimitReached when the class is full; n more are wanted. */
int policy_check_limit(Policy *p, ObjectClass c, size_t n, Refusal *refusal);
/* What people call an object: 1 to 1,024 bytes, one line (common/base/text.h). what: "A VM". */
int policy_check_label(const char *what, const char *label, Refusal *refusal);
/* At most 4,096 bytes, of the form given. */
int policy_check_text(
        const char *what, const char *field, const char *text_or_null, TextForm form, Refusal *refusal);
/* Empty is nobody's; OWNER_ANY is no owner. */
int policy_check_owner(const char *owner, Refusal *refusal);
int policy_new_uuid(Policy *p, Uuid *ret);

/* batch.c */
void batch_open(Policy *p);
int batch_then(Policy *p, BatchAction action, const Uuid *a, const Uuid *b_or_null);
int batch_commit(Policy *p);
int batch_poison(Policy *p, int r); /* returns r; does nothing when r is 0 */
void batch_done(Policy *p);

/* answers.c */
int answers_load(const StoreAnswer *answer, void *policy);
void answers_clear(Policy *p);
int answers_reset(Policy *p); /* empty */
int answers_forget_object(Policy *p, const Object *o, StoreOps *ops);

/*
 * Peers: the connection to each host. Call is one request to hostd that has not been answered.
 */
typedef void (*CallDone)(
        Policy *p, const Call *call, LinkOutcome outcome, ErrorCode code, const char *message);

struct Call {
        Peer *peer;
        Call *previous, *next;
        CallDone done;
        Uuid object, token; /* what it is about: a VM and its order's token, or a PGPU */
        Uuid *types;        /* SetEnabledTypes */
        size_t n_types;
        PolicyCommitted committed;
        void *userdata;
};

struct Peer {
        Policy *policy;
        Uuid host;
        HostLink *link;
        bool answered; /* gathering: greeted, or failed once */
        bool claimed;  /* its inventory was taken over, and it is connected since */
        bool touched;  /* its word changed something in the open batch */
        bool parting;  /* its host was removed; it goes when hostd has answered the release */
        bool waits;    /* greeted, and not claimed yet */
        bool known;    /* what runs there is known: by its inventory under a claim of this process, or it is dead */
        uint64_t epoch_held; /* by its greeting */
        uint64_t epoch;      /* that it was claimed with last, to order with; 0: not by this process */
        char *told;       /* the reason that the journal has of its being away */
        uint64_t told_at; /* monotonic µs */
        Call *calls;
        size_t n_strays;  /* VMs of the report that the pool has not there, … */
        Inventory report; /* what the host said last: its problems, and its VMs, of which the pool may come to know one */
};

int peer_new(Policy *p, Host *h, Peer **ret);
Peer *peer_free(Peer *peer);
Peer *peer_of(Policy *p, const Host *h);
Host *peer_host(const Peer *peer);
void peer_touch(Peer *peer); /* the batch holds something that this host said */
void peer_drop_reported(Peer *peer, const Uuid *vm); /* the host says that it has it no more */
bool peer_has_call(const Peer *peer, const Uuid *token);
bool peer_withdraw_call(Peer *peer, const Uuid *token); /* where it still waits to be sent */
int call_new(Peer *peer, CallDone done, const Uuid *object, const Uuid *token, Call **ret);
Call *call_free(Call *call);
void call_replied(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *call);
int peers_sync(Policy *p); /* one peer for each host of the pool, no others */
void peer_say_offline(Peer *peer, const char *reason);
void policy_report_status(Policy *p);

/* epoch.c */
int epoch_start(Policy *p);
int epoch_greeted(Peer *peer, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason);
void epoch_answered(Peer *peer);
void epoch_acknowledged(Policy *p); /* a host took the claim */
void epoch_refused(Policy *p, const char *message); /* by a host, in favour of another policyd */
/* epoch: that of the other policyd, 0 where it is not told */
void epoch_stale(Policy *p, uint64_t epoch, const char *message);

/* old.c */
void old_loaded(Policy *p); /* at start */
void old_begin(Policy *p);  /* into the batch that stores the new epoch */
void old_mark(Policy *p);   /* what was found goes into the open batch */
void old_overtaken(Policy *p, uint64_t epoch); /* by another policyd of this pool */
void old_stored(Policy *p);
void old_rebuilt(Policy *p);
void old_check_greeting(Peer *peer, const LinkGreeting *greeting); /* of a host of this pool */
void old_check_refusal(Policy *p); /* of a claim, before any was taken: another policyd holds the host */
void old_check_inventory(Peer *peer, const Inventory *inventory);
void old_heard(Peer *peer, Host *h);
int old_check_start(const Policy *p, const Vm *vm, Refusal *refusal); /* HostOffline, with the hosts not heard */

/* takeover.c */
int takeover_inventory(Policy *p, Host *h, Inventory *inventory);
void takeover_mark_counted(Host *h, const Inventory *inventory); /* which VMs its free memory knows */
int pgpu_take_enabled(Policy *p, Pgpu *pgpu, VgpuType *const *types, size_t n); /* as hostd says */
int takeover_types(Policy *p, Host *h, const Inventory *inventory);
void takeover_collect_absent(Policy *p, Host *h); /* PGPUs that vanished and have nothing booked any more */
void types_collect(Policy *p);
/* reported_by NULL: an import; its facts are not taken. */
int type_from_record(
        Policy *p, const TypeRecord *record, Host *reported_by, VgpuType **ret, Refusal *refusal);

/* reconcile.c, events.c: the host's word */
int reconcile_host(Policy *p, Host *h, const Inventory *inventory);
/* A VM that is new to the pool, or that has no booking any more, may run on a host without one. */
void reconcile_stray(Policy *p, Vm *vm);
/* A host that was waited for cannot be reached: where its VMs are seen is where they are. */
void reconcile_unreached(Policy *p, Host *h);
void host_said_vm(Policy *p, Host *h, const VmEvent *event);
void host_said_vgpu(Policy *p, Host *h, const VgpuEvent *event);
void host_said_pci(Policy *p, Host *h, const PciEvent *event);
void host_said_vgpu_state(Policy *p, Host *h, Vgpu *v, const PciAddress *pci, bool attached);
Vgpu *vm_find_vgpu(Vm *vm, const Uuid *id, const char *device_or_null);

/* outside.c: what hosts run that the pool has not there. After each change of a host's report, or of where its VMs are booked. */
int outside_update(Policy *p, Host *h);
int outside_update_all(Policy *p);
int outside_vm_ended(Policy *p, Host *h); /* one of the host's VMs, whosever, left its report */
int outside_forget_host(Policy *p, Host *h);
/* Whether the pool does not know a VM of the host's report, or has it elsewhere. */
bool outside_is_stray(const Policy *p, const Host *h, const InventoryVm *report);

/* problems.c: Host.Problems again, after what it tells of has changed; of all hosts, and VM.Problems */
int host_problems_update(Policy *p, Host *h);
int problems_update(Policy *p);

/* bookings.c */
void booking_running(Policy *p, Vm *vm, Host *h, PowerState power);
void booking_adopt(Policy *p, Vm *vm, Host *h, const Uuid *token);
void booking_vgpu_resident(Policy *p, Vgpu *v, Pgpu *pgpu, bool attached);
void booking_release(Policy *p, Vm *vm);
bool booking_token_is(const Vm *vm, const Uuid *token); /* of the start or of the stop */
Pgpu *host_find_pgpu(const Host *h, const PciAddress *pci);

/*
 * Operations: the running job of a VM
 */
typedef enum OperationKind {
        OPERATION_START,
        OPERATION_SHUTDOWN,
        OPERATION_HARD_SHUTDOWN,
        _OPERATION_KIND_MAX,
        _OPERATION_KIND_INVALID = -EINVAL,
} OperationKind;

const char *operation_kind_to_string(OperationKind kind);
OperationKind operation_kind_from_string(const char *text);

struct Operation {
        Policy *policy;
        OperationKind kind;
        Uuid vm, job;
        Uuid only;   /* StartOn: the host; null: any */
        Uuid *avoid; /* hosts that refused this start */
        size_t n_avoid;
        size_t n_held; /* times that a host refused it for a PGPU that somebody else has */
        bool stop_stored;       /* the host has the stop order that this operation sent last */
        LoopTimer *timer; /* runs while the host is not heard of */
};

int operation_new(Policy *p, OperationKind kind, Vm *vm, const Uuid *token, Operation **ret);
Operation *operation_free(Operation *op);
Operation *operation_of(Policy *p, const Vm *vm);
Job *operation_job(Operation *op);
int operation_wait_for_host(Operation *op); /* the job fails with HostOffline when nothing is heard in time */
void operation_heard(Operation *op);
void operation_set_stage(Operation *op, const char *stage, double progress); /* for the next commit */
void operation_progress(Operation *op, const char *stage, double progress);
void operation_finish(Operation *op, JobState state, ErrorCode code, const char *message); /* frees it */
int operations_restore(Policy *p); /* from the unfinished jobs of the pool */
void operations_host_lost(Policy *p, Host *h);

/* jobs.c */
int job_start(Policy *p, OperationKind kind, Vm *vm, const Uuid *token, Job **ret);
void job_finish(Policy *p, Job *j, JobState state, ErrorCode code, const char *message);
int jobs_index(Policy *p);   /* after the pool was read */
void jobs_expire(Policy *p); /* finished ones whose time is over, and those beyond the limit */
uint64_t jobs_next_expiry(Policy *p);
uint64_t reservations_next_expiry(Policy *p);
void reservations_expire(Policy *p);

/* starts.c, stops.c */
/* What the start came to: no host was asked, or the host says so, and whether the guest may have run. */
typedef enum StartEnd {
        START_NOT_SENT,
        START_REFUSED,       /* by its host, which did nothing */
        START_BEFORE_UNPAUSE, /* the host began, and says that the guest never ran */
        START_MAY_HAVE_RUN,
} StartEnd;

void start_failed_on_host(Policy *p, Vm *vm, StartEnd end, ErrorCode code, const char *message);
void start_halted(Policy *p, Vm *vm, Host *h, const VmEvent *event);
int stop_order(Policy *p, Vm *vm, bool force); /* a stop order of its own token, sent after the commit */
void stop_resend(Policy *p, Vm *vm);

/* retry.c: one try of a start, where it was and what came of it */
typedef struct FailedTry {
        Uuid host, *pgpus; /* distinct PGPUs */
        size_t n_pgpus;
        char *sentence; /* names all of them, and says what the host said */
} FailedTry;

int failed_try_note(FailedTry *t, const Vm *vm, const char *words); /* while the VM is still booked there */
void failed_try_done(FailedTry *t);
bool failure_is_of_the_place(ErrorCode code);

/* places.c: how hosts and PGPUs stand after starts that failed there */
void places_refresh(Policy *p);
void places_failed(Policy *p, const Vm *vm, const StartPlaces *where, const char *words);
void places_started(Policy *p, const Vm *vm); /* where it is booked */
void places_failed_everywhere(Policy *p, const Vm *vm);
void places_clear_host(Policy *p, Host *h); /* and its PGPUs */

/* As a start decides, a refusal with its sentence; what an accepted one is remembered by. explain.c */
int decide_start(Policy *p, const AllocRequest *request, const AllocVisitor *visitor_or_null, Allocation *ret);
int decision_to_text(Policy *p, const Vm *vm, const Allocation *a, char **ret);
int host_check_reachable(const Host *h, const char *what, Refusal *refusal);
Host *vm_host(const Vm *vm); /* where it is resident, else scheduled, or NULL */

/* orders.c */
int order_build_start(const Peer *peer, const Vm *vm, char **ret);
int order_build_stop(const Peer *peer, const Vm *vm, bool force, char **ret);

/* vms.c, platform-vgpu.c */
int vm_add(Policy *p, const VmRecord *record, Vm **ret, Refusal *refusal);
int vm_needs_update(Policy *p, Vm *vm, Refusal *refusal);
int platform_vgpu_ensure(Policy *p, Vm *vm, bool starting, Refusal *refusal);
/* A VM as a start would see it: itself, or a copy with the VGPU of its platform form, of which the pool knows nothing. */
typedef struct VmPreview {
        Vm vm;
        Vgpu vgpu;
        void *vgpus[1];
} VmPreview;
int platform_vgpu_preview(Policy *p, const Vm *vm, VmPreview *preview, const Vm **ret, Refusal *refusal);
void vm_preview_done(VmPreview *v);
#define _cleanup_vm_preview_ _cleanup_(vm_preview_done)
int vgpu_add(Policy *p, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, const Uuid *id_or_null,
        const char *extra_args, Vgpu **ret);
int group_add(Policy *p, const char *name_label, const char *description, const char *const *gpu_types,
        GpuGroup **ret);
int vm_group_check_placement(const char *placement_or_null, Refusal *refusal);
/* Checks first, as vm_groups_create(); an id that is given is nobody's yet. */
int vm_group_add(Policy *p, const Uuid *id_or_null, const char *name_label, const char *name_description,
        const char *placement_or_null, VmGroup **ret, Refusal *refusal);
int type_passthrough(Policy *p, VgpuType **ret);
int refuse_record(Refusal *refusal, const char *what, const JsonReader *reader);

/* quotas.c: "quotas": those that hold for an owner, with their use and what would be added; [] when there are none */
int json_add_quotas(
        struct json_object *o, const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n);

/* json-build.c: one entry of policy_list's objects */
void object_write_json(StrBuf *b, const Object *o);
