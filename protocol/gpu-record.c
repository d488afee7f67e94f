/*
 * VGPU and PCI records
 *
 * A variant is a string or a two-element array of name and value. The kinds of VGPU differ in the value
 * only: each has one function that reads it and one that writes it.
 */

#include <strings.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "protocol/gpu-record.h"
#include "protocol/record.h"

static const char *const kind_names[_VGPU_KIND_MAX] = {
        [VGPU_KIND_NVIDIA] = "Nvidia",
        [VGPU_KIND_GVT_G] = "GVT_g",
        [VGPU_KIND_MXGPU] = "MxGPU",
};

const char *vgpu_kind_to_string(VgpuKind kind) {
        return kind >= 0 && kind < _VGPU_KIND_MAX ? kind_names[kind] : NULL;
}

VgpuKind vgpu_kind_from_string(const char *text) {
        for (VgpuKind kind = 0; text && kind < _VGPU_KIND_MAX; kind++)
                if (strcasecmp(kind_names[kind], text) == 0)
                        return kind;

        return _VGPU_KIND_INVALID;
}

static int parse_optional_pci(JsonReader *r, struct json_object *o, const char *member, PciAddress *ret, bool *present) {
        struct json_object *value = NULL;
        int q;

        q = json_opt_object(r, o, member, &value);
        if (q < 0)
                return q;
        *present = value;
        return value ? json_get_pci(r, o, member, ret) : 0;
}

static int parse_nvidia(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        bool present;
        int q;

        v->nvidia.virtual_pci_address = (PciAddress){ .dev = NVIDIA_FIRST_SLOT_IN_GUEST };
        q = parse_optional_pci(r, o, "virtual_pci_address", &v->nvidia.virtual_pci_address, &present);
        if (q >= 0)
                q = record_opt_text(r, o, "type_id", NULL, &v->nvidia.type_id);
        if (q >= 0)
                q = record_opt_text(r, o, "config_file", NULL, &v->nvidia.config_file);
        if (q >= 0)
                q = json_opt_uuid(r, o, "uuid", &v->nvidia.uuid);
        if (q >= 0)
                q = record_opt_text(r, o, "vclass", NULL, &v->nvidia.vclass);
        if (q >= 0)
                q = record_opt_text(r, o, "extra_args", "", &v->nvidia.extra_args);
        if (q < 0)
                return q;

        /* The emulator is told one of the two; without either it cannot be started. */
        if (!v->nvidia.type_id && !v->nvidia.config_file)
                return json_fail(r, "type_id", "is missing (and so is config_file)");
        return 0;
}

static int parse_gvt_g(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        int q;

        q = json_get_u64(r, o, "low_gm_sz", &v->gvt_g.low_gm_sz);
        if (q >= 0)
                q = json_get_u64(r, o, "high_gm_sz", &v->gvt_g.high_gm_sz);
        if (q >= 0)
                q = json_get_u64(r, o, "fence_sz", &v->gvt_g.fence_sz);
        return q;
}

static int parse_mxgpu(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        int q;

        q = json_get_u64(r, o, "vgpus_per_pgpu", &v->mxgpu.vgpus_per_pgpu);
        if (q >= 0)
                q = json_get_u64(r, o, "framebufferbytes", &v->mxgpu.framebufferbytes);
        return q;
}

static int parse_value(JsonReader *r, struct json_object *value, VgpuRecord *v) {
        switch (v->kind) {
        case VGPU_KIND_NVIDIA:
                return parse_nvidia(r, value, v);
        case VGPU_KIND_GVT_G:
                return parse_gvt_g(r, value, v);
        case VGPU_KIND_MXGPU:
                return parse_mxgpu(r, value, v);
        case _VGPU_KIND_MAX:
        case _VGPU_KIND_INVALID:
                break;
        }
        return -EINVAL;
}

static int parse_implementation(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        struct json_object *variant, *name;
        size_t mark;
        int q;

        q = json_get_array(r, o, "implementation", &variant);
        if (q < 0)
                return q;

        name = json_object_array_get_idx(variant, 0);
        if (json_object_array_length(variant) != 2 || !json_object_is_type(name, json_type_string))
                return json_fail(r, "implementation", "is not an array of a name and a value");

        mark = json_enter(r, "implementation");
        v->kind = vgpu_kind_from_string(json_object_get_string(name));
        if (v->kind < 0) {
                json_enter_index(r, 0);
                q = json_fail(r, NULL, "is '%s', not Nvidia, GVT_g or MxGPU",
                        TEXT_SHORT(json_object_get_string(name), 64));
        } else {
                json_enter_index(r, 1);
                q = parse_value(r, json_object_array_get_idx(variant, 1), v);
        }
        json_leave(r, mark);
        return q;
}

static int parse_id(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        const char *device;
        uint32_t number;
        int q;

        q = record_get_id(r, o, "id", &v->vm, &device);
        if (q < 0)
                return q;
        if (parse_u32(device, &number) < 0 || number > VGPU_DEVICE_MAX)
                return json_fail(r, "id[1]", "is '%s', not a device from 0 to %d", TEXT_SHORT(device, 64),
                        VGPU_DEVICE_MAX);

        v->device = strdup(device);
        return v->device ? 0 : -ENOMEM;
}

static int parse_members(JsonReader *r, struct json_object *o, VgpuRecord *v) {
        PciAddress virtual = {};
        bool present;
        int q;

        q = parse_id(r, o, v);
        if (q >= 0)
                q = json_opt_u32(r, o, "position", &v->position);
        if (q >= 0)
                q = json_get_pci(r, o, "physical_pci_address", &v->physical_pci_address);
        if (q >= 0)
                q = parse_optional_pci(r, o, "virtual_pci_address", &virtual, &present);
        if (q < 0)
                return q;

        if (present) {
                v->virtual_pci_address = malloc(sizeof(virtual));
                if (!v->virtual_pci_address)
                        return -ENOMEM;
                *v->virtual_pci_address = virtual;
        }
        return parse_implementation(r, o, v);
}

int vgpu_record_parse(JsonReader *r, struct json_object *o, VgpuRecord *ret) {
        bool any_case = r->any_case;
        int q;

        *ret = (VgpuRecord){};
        r->any_case = true;
        q = parse_members(r, o, ret);
        r->any_case = any_case;
        if (q < 0)
                vgpu_record_done(ret);
        return q;
}

static void write_optional(StrBuf *b, const char *member, const char *text_or_null) {
        if (text_or_null)
                json_write_string(b, member, text_or_null);
}

static void write_nvidia(const VgpuRecord *v, StrBuf *b) {
        json_write_pci(b, "virtual_pci_address", &v->nvidia.virtual_pci_address);
        write_optional(b, "type_id", v->nvidia.type_id);
        write_optional(b, "config_file", v->nvidia.config_file);
        if (!uuid_is_null(&v->nvidia.uuid))
                json_write_uuid(b, "uuid", &v->nvidia.uuid);
        write_optional(b, "vclass", v->nvidia.vclass);
        json_write_string(b, "extra_args", v->nvidia.extra_args);
}

static void write_gvt_g(const VgpuRecord *v, StrBuf *b) {
        json_write_u64(b, "low_gm_sz", v->gvt_g.low_gm_sz);
        json_write_u64(b, "high_gm_sz", v->gvt_g.high_gm_sz);
        json_write_u64(b, "fence_sz", v->gvt_g.fence_sz);
}

static void write_mxgpu(const VgpuRecord *v, StrBuf *b) {
        json_write_u64(b, "vgpus_per_pgpu", v->mxgpu.vgpus_per_pgpu);
        json_write_u64(b, "framebufferbytes", v->mxgpu.framebufferbytes);
}

static void write_implementation(const VgpuRecord *v, StrBuf *b) {
        static void (*const writers[_VGPU_KIND_MAX])(const VgpuRecord *v, StrBuf *b) = {
                [VGPU_KIND_NVIDIA] = write_nvidia,
                [VGPU_KIND_GVT_G] = write_gvt_g,
                [VGPU_KIND_MXGPU] = write_mxgpu,
        };

        json_write_open(b, "implementation", '[');
        json_write_string(b, NULL, vgpu_kind_to_string(v->kind));
        json_write_open(b, NULL, '{');
        writers[v->kind](v, b);
        json_write_close(b, '}');
        json_write_close(b, ']');
}

void vgpu_record_write(const VgpuRecord *v, StrBuf *b) {
        json_write_open(b, NULL, '{');
        record_write_id(b, "id", &v->vm, v->device);
        json_write_u64(b, "position", v->position);
        json_write_pci(b, "physical_pci_address", &v->physical_pci_address);
        if (v->virtual_pci_address)
                json_write_pci(b, "virtual_pci_address", v->virtual_pci_address);
        write_implementation(v, b);
        json_write_close(b, '}');
}

void vgpu_record_done(VgpuRecord *v) {
        free(v->device);
        free(v->virtual_pci_address);
        free(v->nvidia.type_id);
        free(v->nvidia.config_file);
        free(v->nvidia.vclass);
        free(v->nvidia.extra_args);
        *v = (VgpuRecord){};
}

int vgpu_state_parse(JsonReader *r, struct json_object *o, VgpuState *ret) {
        bool any_case = r->any_case;
        VgpuState s = {};
        int q;

        r->any_case = true;
        q = json_get_bool(r, o, "active", &s.active);
        if (q >= 0)
                q = json_get_bool(r, o, "plugged", &s.plugged);
        if (q >= 0)
                q = json_opt_u32(r, o, "emulator_pid", &s.emulator_pid);
        r->any_case = any_case;
        if (q < 0)
                return q;

        *ret = s;
        return 0;
}

int vgpu_state_build(const VgpuState *s, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = json_add_bool(o, "active", s->active);
        if (r >= 0)
                r = json_add_bool(o, "plugged", s->plugged);
        if (r >= 0 && s->emulator_pid > 0)
                r = json_add_u64(o, "emulator_pid", s->emulator_pid);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

int pci_record_parse(JsonReader *r, struct json_object *o, PciRecord *ret) {
        bool any_case = r->any_case;
        PciRecord p = {};
        const char *device;
        int q;

        r->any_case = true;
        q = record_get_id(r, o, "id", &p.vm, &device);
        if (q >= 0)
                q = json_opt_u32(r, o, "position", &p.position);
        if (q >= 0)
                q = json_get_pci(r, o, "address", &p.address);
        r->any_case = any_case;
        if (q < 0)
                return q;

        *ret = p;
        return 0;
}

void pci_record_write(const PciRecord *p, StrBuf *b) {
        json_write_open(b, NULL, '{');
        record_write_id(b, "id", &p->vm, PCI_TEXT(&p->address));
        json_write_u64(b, "position", p->position);
        json_write_pci(b, "address", &p->address);
        json_write_close(b, '}');
}
