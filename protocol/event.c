/*
 * Events
 *
 * "token" is "" when no order caused the event; a "" that should be a UUID is an error everywhere else.
 */

#include "protocol/event.h"
#include "protocol/record.h"

DEFINE_WORD_TABLE(vm_states, VM_STATES)
const WordTable vm_states_here = { .words = vm_states_list, .n = VM_STATE_HALTED };

DEFINE_WORDS(vm_state, VmState, vm_states)

DEFINE_WORD_TABLE(start_stage_words, START_STAGES)
DEFINE_WORDS(start_stage, StartStage, start_stage_words)

#define HEAD(T)                                         \
        FIELD_VERSION, FIELD_AS(T, head.seq, "seq", REQUIRED, U64), \
        FIELD_AS(T, head.boot_id, "boot_id", REQUIRED, TEXT), FIELD_AS(T, head.token, "token", OPTIONAL, TOKEN)

static int parse_error(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        _cleanup_(strv_freep) char **error = NULL;
        VmEvent *e = value;
        int q;

        q = json_opt_strv(r, o, f->member, &error);
        if (q < 0 || !error)
                return q;
        if (!error[0] || !error[1] || error[2])
                return json_fail(r, f->member, "is not an array of a name and a sentence");

        e->error_name = take_ptr(error[0]);
        e->error_message = take_ptr(error[1]);
        free(take_ptr(error));
        return 0;
}

static void write_error(const void *value, StrBuf *b, const char *member) {
        const VmEvent *e = value;

        if (e->error_name)
                json_write_strv(b, member, (const char *const[]){ e->error_name, strempty(e->error_message), NULL });
}

static void free_error(void *value) {
        VmEvent *e = value;

        free(e->error_name);
        free(e->error_message);
}

static const RecordCoder error_coder = { parse_error, write_error, free_error };

static const RecordField vm_fields[] = {
        HEAD(VmEvent),
        FIELD(VmEvent, uuid, REQUIRED, UUID),
        FIELD(VmEvent, state, REQUIRED, WORD, .words = &vm_states),
        FIELD(VmEvent, stage, OPTIONAL, TEXT),
        FIELD(VmEvent, progress, OPTIONAL, PROGRESS),
        FIELD(VmEvent, domid, OPTIONAL, U32),
        FIELD(VmEvent, reason, OPTIONAL, TEXT),
        FIELD_OWN("error", &error_coder),
        FIELD(VmEvent, before_unpause, IF_ANY, BOOL),
};

const RecordTable vm_event_table = RECORD_TABLE(VmEvent, vm_fields);

DEFINE_RECORD(vm_event, VmEvent, vm_event_table)

/* What events and inventories say alike of a VM's VGPU and of a PCI device that it was given. */
#define VGPU(T)                                                               \
        FIELD_ID(T, vm, device), FIELD(T, uuid, IF_ANY, UUID), FIELD(T, pgpu, REQUIRED, PCI_TEXT), \
        FIELD(T, identifier, OPTIONAL, TEXT), FIELD(T, function, IF_ANY, TEXT), FIELD_RECORD(T, state, "state", REQUIRED, &vgpu_state_table)
#define PCI(T, state) \
        FIELD_PCI_ID(T, vm, address), FIELD(T, address, REQUIRED, PCI_TEXT), FIELD_GROUP("state", REQUIRED, state)

static const RecordField vgpu_report_fields[] = { VGPU(VgpuReport) };

const RecordTable vgpu_report_table = RECORD_TABLE(VgpuReport, vgpu_report_fields);

static const RecordField vgpu_fields[] = { HEAD(VgpuEvent), VGPU(VgpuEvent) };

static const RecordTable vgpu_event_table = RECORD_TABLE(VgpuEvent, vgpu_fields);

DEFINE_RECORD(vgpu_event, VgpuEvent, vgpu_event_table)

static const RecordField pci_report_state_fields[] = { FIELD(PciReport, plugged, REQUIRED, BOOL) };

static const RecordTable pci_report_state = RECORD_TABLE(PciReport, pci_report_state_fields);

static const RecordField pci_report_fields[] = { PCI(PciReport, &pci_report_state) };

const RecordTable pci_report_table = RECORD_TABLE(PciReport, pci_report_fields);

static const RecordField pci_state_fields[] = { FIELD(PciEvent, plugged, REQUIRED, BOOL) };

static const RecordTable pci_state = RECORD_TABLE(PciEvent, pci_state_fields);

static const RecordField pci_fields[] = { HEAD(PciEvent), PCI(PciEvent, &pci_state) };

static const RecordTable pci_event_table = RECORD_TABLE(PciEvent, pci_fields);

DEFINE_RECORD(pci_event, PciEvent, pci_event_table)
