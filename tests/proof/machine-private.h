#pragma once

/*
 * What hostd stands on in a machine
 *
 * The hypervisor's domains, the processes and the run folders outlive hostd and the programs of VMs, and end with the power.
 */

#include "hostd/domain/domain.h"
#include "hostd/hypervisor/long-operation.h"
#include "hostd/service/host.h"
#include "hostd/vm/vm.h"
#include "tests/proof/machine.h"
#include "tests/proof/process-loop.h"
#include "tests/sim/sim-db.h"

#define MS UINT64_C(1000)
#define SECOND (1000 * MS)
#define MACHINE_MEMORY (UINT64_C(24) << 30)
#define MACHINE_EMULATOR_TIMEOUT (20 * SECOND)
#define MACHINE_RUNNING_TIMEOUT (60 * SECOND)

typedef struct Process Process;
typedef struct Folder Folder;
typedef struct Program Program;
typedef struct XenDomain XenDomain;

struct MachineInside {
        Machine *machine;
        SimDb *db, *kept;
        Uuid first_id; /* of the host */
        unsigned bad; /* some machines have so many times the trouble of others */
        pid_t last_pid;
        uint32_t last_domid;
        Process *processes;
        Folder *folders;
        struct Helper *helpers; /* of virtual functions (helpers.c) */
        Uuid *over; /* tokens of orders that are, since the machine was booted */
        size_t n_over;
        Program *programs;
        RunLink *links;
        XenDomain *domains;
        size_t n_foreign; /* of other people */
        HostParts parts;
        MachineFactsSource facts;
        HardwareSource hardware;
        ProcessLoop hostd_loop;
        Systemd *systemd;  /* NULL: programs are plain processes, and nothing monitors the GPUs */
        char *runtime_dir; /* on disk: of the lease's note, and of those of virtual functions */
        char *folder, *sysfs; /* below it: of run folders; where hostd thinks that sysfs is */
        HostSettings settings;
        bool crashing;     /* hostd is being killed: what its ending would still ask for is dropped */
        LoopTimer *restart; /* of a hostd that has ended by itself */
        Hostd *hostd; /* NULL: it does not run */
        /* hostd's own listener of its VMs, and the one in its place (hostd-seen.c) */
        const VmListener *vm_listener;
        VmListener vm_listener_watched;
};

/* hostd-seen.c: before it opens, and after it. */
void hostd_say_found(Machine *m);
void hostd_watch_phases(Machine *m);

/* In trouble only: whether something goes wrong now. */
bool trouble(const Machine *m, unsigned per_thousand);
void machine_count(Machine *m, Trouble t, const Uuid *vm_or_null); /* troubles.c */
uint64_t soon_or_late(const Machine *m, uint64_t least, uint64_t most); /* µs; ten times that now and then */

/*
 * Processes (processes.c). The owner of one hears of its end first, then everybody who watches it. A process dies some time after it was
 * killed.
 */
struct Process {
        Machine *machine;
        Process *next;
        ProcessId id;
        void (*ended)(Process *p); /* its owner forgets it */
        void (*asked)(Process *p); /* to end, by SIGTERM; NULL: it dies of that */
        void *owner;
        bool deaf;          /* for SIGTERM */
        uint64_t dies_after; /* µs: it hangs in the kernel */
        int status;
        bool is_dying;
        LoopTimer *dying;
        ProcessWatch *watches;
};

Process *process_new(Machine *m, void (*ended)(Process *p), void *owner);
Process *process_find(const Machine *m, const ProcessId *id);
void process_kill(Process *p);
void process_finish(Process *p, uint64_t in_usec); /* it is done, and ends with status 0 */
void process_ask(Process *p);
void process_end(Process *p, int status); /* it has ended, now */
int process_watch(Machine *m, Loop *loop, const ProcessId *id, ProcessEnded ended, void *userdata, ProcessWatch **ret);
ProcessWatch *process_unwatch(ProcessWatch *w);
extern const ProcessOps process_ops; /* of a program */

/* Run folders and the sockets in them (folders.c). */
struct Folder {
        Folder *next;
        char *path;
        Uuid vm, token;
        char *order, *record; /* their texts; NULL: no file */
        bool has_dm;
        DmRecord dm;
        pid_t holder; /* of the lock */
        /* of the order */
        bool needs_emulator;
        char *gpus;     /* " gpu=<pci>,<type>,<size>…" */
        char *function; /* the same of a VGPU that is a virtual function; NULL: none */
};

Folder *folder_find(const Machine *m, const char *path);
int folder_write_dm(Machine *m, const char *path, const DmRecord *record);
void folder_remove(Machine *m, Folder *f);
void links_program_ended(Program *p);
void links_sweep(Machine *m); /* frees those that both ends have closed */
extern const ProgramsOps guest_programs; /* hostd's end */
extern const RunFolderOps folder_ops;    /* a program's */

/* Domains, and the hypervisor as one program reaches it (domains.c). */
struct XenDomain {
        Machine *machine;
        XenDomain *next;
        Uuid vm, token; /* the token is that of the order */
        uint32_t domid;
        uint64_t memory;
        GuestState state;
        bool is_foreign; /* somebody else's */
        ProcessId device_model; /* pid 0: none */
        char *emulator_state;   /* in xenstore; NULL: none */
        PciAddress *functions;
        size_t n_functions;
        Step life; /* it ends by itself, or does what it was asked */
};

typedef struct XenHandle {
        Hypervisor hypervisor; /* first */
        Machine *machine;
        Program *program;
        Uuid vm;
        uint32_t domid;
        LongOperation operation, unpausing;
        bool creating;
        struct json_object *config;
        Step step; /* of the operation */
        LoopTimer *patience;
        LoopTimer *unpause;
        GuestChanged changed;
        void *changed_userdata;
        GuestState last;
        LoopTimer *look;
        EmulatorChanged emulator_changed;
        void *emulator_userdata;
        LoopTimer *emulator_look;
} XenHandle;

extern const HypervisorOps xen_ops;
void xen_handle_done(XenHandle *h);
XenDomain *xen_find(const Machine *m, uint32_t domid);
void xen_set_state(XenDomain *d, GuestState state);
void xen_set_emulator(XenDomain *d, const char *state);
void xen_remove(XenDomain *d, const char *why);
void xen_end_by_hand(Machine *m, const Uuid *vm, uint64_t in_usec);
void xen_device_model_is_up(Machine *m, uint32_t domid, int result);

/* xenvgpu-dm, qemu and the emulator (device-models.c). */
int device_model_start(XenDomain *d, const char *folder, ProcessId *ret);

/* The programs of VMs (programs.c). */
struct Program {
        Machine *machine;
        Program *next;
        Process *process;
        ProcessLoop loop;
        char **argv;
        DomainProgram settings;
        Uuid vm;
        Domain *domain;
        XenHandle hypervisor;
        Processes processes;
        unsigned lock_tries;
        LoopTimer *beginning;

        /* its run folder */
        RunFolder folder;
        DmChanged dm_changed;
        void *dm_userdata;
        LoopTimer *dm_timer;
        StopOrdered stop; /* NULL: it does not listen */
        void *stop_userdata;
        char *line; /* the last record sent */
        char *stage; /* that it wrote last */
};

Process *unit_execute(Machine *m, const char *const *argv); /* the program of a VM, or a tool of hostd (hostd/service/tool.h) */

/* How programs are executed without systemd (programs.c), and systemd itself (systemd.c; closed as hostd's is). */
extern const UnitsOps guest_units;
Systemd *systemd_new(Machine *m);
void systemd_power_on(Systemd *s, char *const *monitors);
void systemd_power_off(Systemd *s);
void systemd_list(const Systemd *s, const char *note); /* monitors that hostd owes a start; note: what it has noted */

uint64_t guests_memory(const Machine *m); /* of all domains */
int guests_each_domain(const Machine *m, HostDomainVisitor visitor, void *userdata);
void guests_cut_power(Machine *m);
void guests_list(Machine *m);

/* The types of the cards (cards.c). */
typedef struct CardType {
        const char *name, *config_file;
        uint32_t instances;
        uint16_t vdev, vsubdev;
} CardType;
#define CARD_TYPES 3
extern const CardType card_types[CARD_TYPES];
char *card_type_identifier(const CardType *t);
const CardType *card_type_of_file(const char *config_file);
uint32_t cards_instances(const Machine *m, const CardType *t);
PciAddress cards_address(const Machine *m, unsigned card);
bool cards_is_lost(const Machine *m, const PciAddress *address);
int cards_scan(const HardwareSettings *settings, Hardware *ret, void *machine);
