#pragma once

/*
 * Events: what hostd tells policyd
 *
 * All have {"version":1,"seq":n,"boot_id":…,"token":…}; token is that of the order that caused it ("" for none).
 *
 *   VMEvent   {…,"uuid":…,"state":"starting"|"running"|"paused"|"stopping"|"halted","stage":"emulator","progress":0.6,"domid":3,
 *              "reason":"poweroff"|"reboot"|"crash"|"stopped"|"destroyed"|"failed"|"refused"|"host-reboot"|…, "error":["org.xenvgpu.Error.X","sentence"]}
 *             error is absent unless the start (or the VM) failed. halted is the last event of a token; with "before_unpause":true
 *             the guest was never let go, so that the VM can be started elsewhere.
 *   VGPUEvent {…,"id":["<vm>","0"],"uuid":…,"pgpu":"0000:84:00.0","identifier":…,"state":{"active":…,"plugged":…,"emulator_pid":…}}
 *   PCIEvent  {…,"id":["<vm>","0000:84:00.0"],"address":"0000:84:00.0","state":{"plugged":true}}
 *   InventoryChanged carries the inventory itself (protocol/inventory.h).
 */

#include "common/base/words.h"
#include "protocol/gpu-record.h"

#define VM_STATES(W)                                                                                          \
        W(VM_STATE_STARTING, "starting") W(VM_STATE_RUNNING, "running") W(VM_STATE_PAUSED, "paused")          \
        W(VM_STATE_STOPPING, "stopping") W(VM_STATE_HALTED, "halted")
DEFINE_ENUM(VmState, VM_STATE, VM_STATES);

const char *vm_state_to_string(VmState s);
VmState vm_state_from_string(const char *text);

/* Of a start: hostd's three, then those of docs/states.md; "cleanup" where a start that was cut off is begun again. */
#define START_STAGES(W)                                                                                       \
        W(START_QUEUED, "queued") W(START_LEASE, "lease") W(START_LAUNCH, "launch")                           \
        W(START_PREPARE, "prepare") W(START_CREATE, "create") W(START_EMULATOR, "emulator")                   \
        W(START_QEMU, "qemu") W(START_UNPAUSE, "unpause") W(START_CLEANUP, "cleanup")
DEFINE_ENUM(StartStage, START_STAGE, START_STAGES);

extern const WordTable start_stage_words;
const char *start_stage_to_string(StartStage stage);
StartStage start_stage_from_string(const char *text); /* _START_STAGE_INVALID: it is no stage of a start */

typedef struct EventHead {
        uint64_t seq;
        char *boot_id;
        Uuid token; /* null: none */
} EventHead;

typedef struct VmEvent {
        EventHead head;
        Uuid uuid;
        VmState state;
        char *stage, *reason; /* never NULL */
        double progress;      /* 0..1 */
        uint32_t domid;       /* 0: none */
        char *error_name, *error_message; /* NULL: none */
        bool before_unpause; /* halted: the host knows that the guest of this order was never let go */
} VmEvent;

typedef struct VgpuEvent {
        EventHead head;
        Uuid vm;
        char *device;
        Uuid uuid;
        PciAddress pgpu;
        char *identifier;
        char *function; /* the virtual function that it has; "" or NULL: none */
        VgpuState state;
} VgpuEvent;

typedef struct PciEvent {
        EventHead head;
        Uuid vm;
        PciAddress address;
        bool plugged;
} PciEvent;

/* What an inventory says of a VM's VGPU and of a PCI device that it was given: what the events say, without the head. */
typedef struct VgpuReport {
        Uuid vm;
        char *device;
        Uuid uuid; /* null when the record had none */
        PciAddress pgpu;
        char *identifier;
        char *function; /* the virtual function that it has; "" or NULL: none */
        VgpuState state;
} VgpuReport;

typedef struct PciReport {
        Uuid vm;
        PciAddress address;
        bool plugged;
} PciReport;

int vm_event_parse(JsonReader *r, struct json_object *o, VmEvent *ret);
void vm_event_write(const VmEvent *e, StrBuf *b);
void vm_event_done(VmEvent *e);
int vgpu_event_parse(JsonReader *r, struct json_object *o, VgpuEvent *ret);
void vgpu_event_write(const VgpuEvent *e, StrBuf *b);
void vgpu_event_done(VgpuEvent *e);
int pci_event_parse(JsonReader *r, struct json_object *o, PciEvent *ret);
void pci_event_write(const PciEvent *e, StrBuf *b);
void pci_event_done(PciEvent *e);

/* For records that have these in them. */
extern const RecordTable vm_event_table, vgpu_report_table, pci_report_table;
extern const WordTable vm_states;
extern const WordTable vm_states_here; /* those of a VM that stands in an inventory: all but halted */
