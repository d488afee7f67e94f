/*
 * VGPU and PCI records
 *
 * A variant is a string or a two-element array of name and value. The kinds of VGPU differ in the value
 * only: each has a table of its own.
 */

#include "common/base/text.h"
#include "protocol/gpu-record.h"
#include "protocol/record.h"

DEFINE_WORD_TABLE(vgpu_kind_words, VGPU_KINDS, .any_case = true)

#define NVIDIA(member, use, kind) FIELD_AS(VgpuRecord, nvidia.member, #member, use, kind)
#define GVT_G(member) FIELD_AS(VgpuRecord, gvt_g.member, #member, REQUIRED, U64)
#define MXGPU(member) FIELD_AS(VgpuRecord, mxgpu.member, #member, REQUIRED, U64)

static const RecordField nvidia_fields[] = {
        NVIDIA(virtual_pci_address, OPTIONAL, PCI),
        NVIDIA(type_id, IF_SET, TEXT),
        NVIDIA(config_file, IF_SET, TEXT),
        NVIDIA(uuid, IF_ANY, UUID),
        NVIDIA(vclass, IF_SET, TEXT),
        NVIDIA(extra_args, OPTIONAL, TEXT),
};

static const RecordField gvt_g_fields[] = { GVT_G(low_gm_sz), GVT_G(high_gm_sz), GVT_G(fence_sz) };

static const RecordField sriov_fields[] = {
        FIELD_AS(VgpuRecord, sriov.identifier, "identifier", REQUIRED, TEXT),
        FIELD_AS(VgpuRecord, sriov.vfs_per_pgpu, "vfs_per_pgpu", REQUIRED, U64),
        FIELD_AS(VgpuRecord, sriov.framebufferbytes, "framebufferbytes", OPTIONAL, U64),
        FIELD_AS(VgpuRecord, sriov.exec_quantum_ms, "exec_quantum_ms", OPTIONAL, U64),
        FIELD_AS(VgpuRecord, sriov.preempt_timeout_us, "preempt_timeout_us", OPTIONAL, U64),
        FIELD_AS(VgpuRecord, sriov.priority, "priority", OPTIONAL, TEXT),
};

static const RecordField mxgpu_fields[] = { MXGPU(vgpus_per_pgpu), MXGPU(framebufferbytes) };

/* The emulator is told one of the two; without either it cannot be started. */
static int check_nvidia(JsonReader *r, void *record) {
        const VgpuRecord *v = record;

        return v->nvidia.type_id || v->nvidia.config_file ?
                0 :
                json_fail(r, "type_id", "is missing (and so is config_file)");
}

static const RecordTable implementations[_VGPU_KIND_MAX] = {
        [VGPU_KIND_NVIDIA] = RECORD_TABLE(VgpuRecord, nvidia_fields, .check = check_nvidia),
        [VGPU_KIND_GVT_G] = RECORD_TABLE(VgpuRecord, gvt_g_fields),
        [VGPU_KIND_MXGPU] = RECORD_TABLE(VgpuRecord, mxgpu_fields),
        [VGPU_KIND_SRIOV] = RECORD_TABLE(VgpuRecord, sriov_fields),
};

static int parse_implementation(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        struct json_object *variant, *name;
        VgpuRecord *v = value;
        size_t mark;
        int q, kind;

        q = json_get_array(r, o, f->member, &variant);
        if (q < 0)
                return q;
        name = json_object_array_get_idx(variant, 0);
        if (json_object_array_length(variant) != 2 || !json_object_is_type(name, json_type_string))
                return json_fail(r, f->member, "is not an array of a name and a value");

        q = record_read_word(r, "implementation[0]", &vgpu_kind_words, json_object_get_string(name), &kind);
        if (q < 0)
                return q;
        v->kind = (VgpuKind) kind;
        mark = json_enter(r, f->member);
        json_enter_index(r, 1);
        q = record_parse_members(&implementations[kind], r, json_object_array_get_idx(variant, 1), v);
        json_leave(r, mark);
        return q;
}

static void write_implementation(const void *value, StrBuf *b, const char *member) {
        const VgpuRecord *v = value;

        json_write_open(b, member, '[');
        json_write_string(b, NULL, word_of_value(&vgpu_kind_words, (int) v->kind));
        record_write(&implementations[v->kind], v, b, NULL);
        json_write_close(b, ']');
}

static void free_implementation(void *value) {
        VgpuRecord *v = value;

        free(v->nvidia.type_id);
        free(v->nvidia.config_file);
        free(v->nvidia.vclass);
        free(v->nvidia.extra_args);
        free(v->sriov.identifier);
        free(v->sriov.priority);
}

static const RecordCoder implementation_coder = { parse_implementation, write_implementation, free_implementation };

static const RecordField vgpu_fields[] = {
        FIELD_ID(VgpuRecord, vm, device, .max = VGPU_DEVICE_MAX),
        FIELD(VgpuRecord, position, OPTIONAL, U32),
        FIELD(VgpuRecord, physical_pci_address, REQUIRED, PCI),
        FIELD(VgpuRecord, virtual_pci_address, IF_SET, PCI_POINTER),
        FIELD_OWN("implementation", &implementation_coder),
};

static const VgpuRecord vgpu_defaults = { .nvidia.virtual_pci_address.dev = NVIDIA_FIRST_SLOT_IN_GUEST };

const RecordTable vgpu_record_table =
        RECORD_TABLE(VgpuRecord, vgpu_fields, .any_case = true, .defaults = &vgpu_defaults);

static const RecordField state_fields[] = {
        FIELD(VgpuState, active, REQUIRED, BOOL),
        FIELD(VgpuState, plugged, REQUIRED, BOOL),
        FIELD(VgpuState, emulator_pid, IF_ANY, U32),
};

const RecordTable vgpu_state_table = RECORD_TABLE(VgpuState, state_fields, .any_case = true);

static const RecordField pci_fields[] = {
        FIELD_PCI_ID(PciRecord, vm, address),
        FIELD(PciRecord, position, OPTIONAL, U32),
        FIELD(PciRecord, address, REQUIRED, PCI),
};

const RecordTable pci_record_table = RECORD_TABLE(PciRecord, pci_fields, .any_case = true);
