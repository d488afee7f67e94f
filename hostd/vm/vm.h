#pragma once

/*
 * A VM on this host, from its order to its end
 *
 * Made when its start order is stored, or found in the store; freed when its end is stored. It has two
 * states: the phase is how far hostd is with its program, xenvgpu-domain; the record is what that program
 * says about the VM. docs/states.md draws both.
 */

#include "common/daemon/log.h"
#include "common/daemon/log-ids.h"
#include "hostd/core/order-check.h"
#include "hostd/edge/host-store.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/edge/settings.h"
#include "hostd/vm/lease.h"
#include "hostd/vm/programs.h"
#include "hostd/vm/units.h"

#define VM_PHASES(W)                                                                                          \
        W(VM_PHASE_QUEUED, "queued")       /* the order is stored; waits until fewer VMs are being built */   \
        W(VM_PHASE_LEASING, "leasing")     /* waits until the programs that monitor the GPUs have stopped */  \
        W(VM_PHASE_LAUNCHING, "launching") /* its program is being executed */                                \
        W(VM_PHASE_WAITING, "waiting")     /* the program runs and does not listen yet */                     \
        W(VM_PHASE_FOLLOWED, "followed")   /* connected: the run record tells everything */                   \
        W(VM_PHASE_DEAD, "dead")           /* the program died early; started again after a delay */          \
        W(VM_PHASE_CLEANING, "cleaning")   /* given up: what is left of the domain is killed, its death awaited */ \
        W(VM_PHASE_ENDING, "ending")       /* over; its end could not be stored yet, and is tried again */
DEFINE_ENUM(VmPhase, VM_PHASE, VM_PHASES);

const char *vm_phase_to_string(VmPhase phase);

/* A VGPU of the order, or a PCI function passed through. */
typedef struct VmGpu {
        bool passthrough;
        char *device;       /* "0"; NULL for a PCI function */
        Uuid uuid;          /* null when the order names none */
        PciAddress address; /* PGPU, or the function */
        char *identifier;   /* of its type; NULL for a companion function, which takes no place on a PGPU */
        uint32_t size;      /* of its type when it started */
} VmGpu;

typedef struct HostVm HostVm;

/* Who hears what happens to a VM. */
typedef struct VmListener {
        void (*moved)(HostVm *vm, void *userdata);   /* to another phase, so that others may have their turn */
        void (*changed)(HostVm *vm, void *userdata); /* what the inventory says of it */
        void (*record)(HostVm *vm, void *userdata);  /* its state, or what it says of it */
        void (*gpus)(HostVm *vm, void *userdata);    /* whether its GPUs are in use */
        /* Its end is stored and nothing of it runs. The listener must drop its pointers, since the VM is
         * freed afterwards. */
        void (*over)(HostVm *vm, const VmEvent *end, void *userdata);
} VmListener;

/* What every VM of the host works with. */
typedef struct VmContext {
        Loop *loop;
        const HostSettings *settings;
        HostStore *store;
        MachineFactsSource *facts;
        Units units;
        Lease *lease;        /* on what monitors the GPUs */
        Programs programs;
        const char *boot_id; /* of this boot */
        const VmListener *listener;
        void *userdata;
} VmContext;

struct HostVm {
        VmContext *context;
        Uuid uuid, token;
        char *name_label;
        StartTimes start_times; /* until its program is at work; all zero when an earlier hostd began it */
        uint64_t accepted; /* number of its first event: the order in which VMs queue */
        uint64_t memory;   /* need, bytes */
        char **functions;  /* PCI functions that its config passes through */
        VmGpu *gpus;       /* VGPUs first, as ordered, then PCI functions */
        size_t n_gpus;
        char *order;       /* its text as it came, with the type files of this host */
        char *boot_id;             /* of the boot that it was accepted in */

        bool stop_wanted;
        Uuid stop_token;
        bool stop_force;

        RunRecord record; /* as last told; its texts are never NULL but for the error's */
        bool told;        /* an event told the record since we began to follow */

        VmPhase phase;
        char *folder;
        bool begun; /* its program was started, perhaps: the next one adopts */
        bool wants_lease; /* it takes an NVIDIA GPU, or a whole one */
        LeaseHold *lease; /* while it is started */
        UnitCall *start;    /* of its unit; or in the phase cleaning: its stop */
        void (*next)(HostVm *vm); /* what starts its program, once it has the lease or was given up and its domain stands */
        char *given_up;      /* why its program could not be kept running: it ends as failed with this sentence */
        RunLink *link;
        ProcessId program;
        ProcessWatch *program_watch;     /* its end */
        LoopTimer *timer;                /* connects again, starts the program again, or looks for its exit: by the phase */
        void (*then)(HostVm *vm);        /* when it rings */
        uint64_t delay, waiting_since;   /* of the tries to connect: µs, and CLOCK_MONOTONIC µs */
        uint64_t restart_delay;
        unsigned n_tries; /* starts again since tries_since */
        uint64_t tries_since;
};

/* types: n_gpus entries of order_check(), VGPUs then PCI functions. */
int vm_new(VmContext *c, const StartOrder *order, const HostType *const *types, const char *text,
        HostVm **ret);
/* From the store. -EBADMSG when it does not decode. */
int vm_restore(VmContext *c, const StoredOrder *stored, HostVm **ret);
HostVm *vm_free(HostVm *vm); /* lets its program run on */
DEFINE_CLEANUP(HostVm *, vm_free)

/* Writes the VM's order as it stands, durably. */
int vm_store(HostVm *vm);

bool vm_is_building(const HostVm *vm);
/* It has no domain yet, so its memory still counts as free. */
bool vm_awaits_domain(const HostVm *vm);
bool vm_gpu_is_on(const VmGpu *gpu, const PciAddress *pgpu);

/* Each VM has one timer, for what it waits for next (µs from now). Without memory for the timer the VM would
 * wait for ever, so hostd ends. */
void vm_arm(HostVm *vm, uint64_t delay, void (*then)(HostVm *vm));
void vm_unwatch_program(HostVm *vm);
void vm_disconnect(HostVm *vm);

/* Log calls about a VM carry it as a field. */
#define VM_LOG_FIELD_MAX (sizeof(FIELD_VM) + UUID_TEXT_MAX)
const char *vm_log_field(const Uuid *vm, char buf[static VM_LOG_FIELD_MAX]);
#define log_vm(level, id, vm, ...)                                                                           \
        log_full(level, id, FIELDS(vm_log_field(&(vm)->uuid, (char[VM_LOG_FIELD_MAX]){})), __VA_ARGS__)

/* What is told of it: its record as an event with that number. The texts are the VM's. */
VmEvent vm_event(const HostVm *vm, uint64_t seq);

VgpuState vm_vgpu_state(const HostVm *vm); /* of each of its VGPUs */

/* Counts the time from now on for the stage of its start. */
void vm_enter_start(HostVm *vm, StartStage stage);

/* The only way to another phase. */
void vm_set_phase(HostVm *vm, VmPhase phase);
