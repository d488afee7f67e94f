/*
 * Events
 *
 * "token" is "" when no order caused the event; a "" that should be a UUID is an error everywhere else.
 */

#include "common/base/text.h"
#include "protocol/event.h"
#include "protocol/names.h"
#include "protocol/record.h"

static const char *const state_names[_VM_STATE_MAX] = {
        [VM_STATE_STARTING] = "starting",
        [VM_STATE_RUNNING] = "running",
        [VM_STATE_PAUSED] = "paused",
        [VM_STATE_STOPPING] = "stopping",
        [VM_STATE_HALTED] = "halted",
};

const char *vm_state_to_string(VmState s) {
        return s >= 0 && s < _VM_STATE_MAX ? state_names[s] : NULL;
}

VmState vm_state_from_string(const char *text) {
        for (VmState s = 0; text && s < _VM_STATE_MAX; s++)
                if (streq(state_names[s], text))
                        return s;

        return _VM_STATE_INVALID;
}

static int head_parse(JsonReader *r, struct json_object *o, EventHead *head) {
        const char *token = "";
        int q;

        q = record_check_version(r, o);
        if (q >= 0)
                q = json_get_u64(r, o, "seq", &head->seq);
        if (q >= 0)
                q = record_get_text(r, o, "boot_id", &head->boot_id);
        if (q >= 0)
                q = json_opt_string(r, o, "token", &token);
        if (q >= 0 && !isempty(token))
                q = json_get_uuid(r, o, "token", &head->token);
        return q;
}

static int head_build(const EventHead *head, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;

        r = json_add_u64(o, "version", RECORD_VERSION);
        if (r >= 0)
                r = json_add_u64(o, "seq", head->seq);
        if (r >= 0)
                r = json_add_string(o, "boot_id", head->boot_id);
        if (r >= 0)
                r = json_add_string(o, "token", uuid_is_null(&head->token) ? "" : UUID_TEXT(&head->token));
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int parse_error(JsonReader *r, struct json_object *o, VmEvent *e) {
        _cleanup_(strv_freep) char **error = NULL;
        int q;

        q = json_opt_strv(r, o, "error", &error);
        if (q < 0 || !error)
                return q;
        if (!error[0] || !error[1] || error[2])
                return json_fail(r, "error", "is not an array of a name and a sentence");

        e->error_name = take_ptr(error[0]);
        e->error_message = take_ptr(error[1]);
        free(take_ptr(error));
        return 0;
}

static int vm_members_parse(JsonReader *r, struct json_object *o, VmEvent *e) {
        const char *state;
        int q;

        q = head_parse(r, o, &e->head);
        if (q >= 0)
                q = json_get_uuid(r, o, "uuid", &e->uuid);
        if (q >= 0)
                q = json_get_string(r, o, "state", &state);
        if (q < 0)
                return q;
        e->state = vm_state_from_string(state);
        if (e->state < 0)
                return json_fail(r, "state", "is '%s', not starting, running, paused, stopping or halted",
                        TEXT_SHORT(state, 64));

        q = record_opt_text(r, o, "stage", "", &e->stage);
        if (q >= 0)
                q = record_opt_progress(r, o, &e->progress);
        if (q >= 0)
                q = json_opt_u32(r, o, "domid", &e->domid);
        if (q >= 0)
                q = record_opt_text(r, o, "reason", "", &e->reason);
        if (q >= 0)
                q = json_opt_bool(r, o, "before_unpause", &e->before_unpause);
        if (q >= 0)
                q = parse_error(r, o, e);
        return q;
}

int vm_event_parse(JsonReader *r, struct json_object *o, VmEvent *ret) {
        int q;

        *ret = (VmEvent){};
        q = vm_members_parse(r, o, ret);
        if (q < 0)
                vm_event_done(ret);
        return q;
}

int vm_event_build(const VmEvent *e, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = head_build(&e->head, &o);
        if (r >= 0)
                r = json_add_uuid(o, "uuid", &e->uuid);
        if (r >= 0)
                r = json_add_string(o, "state", vm_state_to_string(e->state));
        if (r >= 0)
                r = json_add_string(o, "stage", e->stage);
        if (r >= 0)
                r = json_add_double(o, "progress", e->progress);
        if (r >= 0)
                r = json_add_u64(o, "domid", e->domid);
        if (r >= 0)
                r = json_add_string(o, "reason", e->reason);
        if (r >= 0 && e->error_name) {
                const char *const error[] = { e->error_name, strempty(e->error_message), NULL };

                r = json_add_strv(o, "error", error);
        }
        if (r >= 0 && e->before_unpause)
                r = json_add_bool(o, "before_unpause", true);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void vm_event_done(VmEvent *e) {
        free(e->head.boot_id);
        free(e->stage);
        free(e->reason);
        free(e->error_name);
        free(e->error_message);
        *e = (VmEvent){};
}

static int vgpu_members_parse(JsonReader *r, struct json_object *o, VgpuReport *v) {
        struct json_object *state;
        const char *device = NULL;
        size_t mark;
        int q;

        q = record_get_id(r, o, "id", &v->vm, &device);
        if (q < 0)
                return q;
        v->device = strdup(device);
        if (!v->device)
                return -ENOMEM;

        q = json_opt_uuid(r, o, "uuid", &v->uuid);
        if (q >= 0)
                q = json_get_pci_text(r, o, "pgpu", &v->pgpu);
        if (q >= 0)
                q = record_opt_text(r, o, "identifier", "", &v->identifier);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = vgpu_state_parse(r, state, &v->state);
        json_leave(r, mark);
        return q;
}

int vgpu_report_parse(JsonReader *r, struct json_object *o, VgpuReport *ret) {
        int q;

        *ret = (VgpuReport){};
        q = vgpu_members_parse(r, o, ret);
        if (q < 0)
                vgpu_report_done(ret);
        return q;
}

int vgpu_report_add(struct json_object *o, const VgpuReport *v) {
        _cleanup_json_ struct json_object *state = NULL;
        int r;

        r = record_add_id(o, "id", &v->vm, v->device);
        if (r >= 0 && !uuid_is_null(&v->uuid))
                r = json_add_uuid(o, "uuid", &v->uuid);
        if (r >= 0)
                r = json_add_string(o, "pgpu", PCI_TEXT(&v->pgpu));
        if (r >= 0)
                r = json_add_string(o, "identifier", v->identifier);
        if (r >= 0)
                r = vgpu_state_build(&v->state, &state);
        return r < 0 ? r : json_add(o, "state", take_ptr(state));
}

void vgpu_report_done(VgpuReport *v) {
        free(v->device);
        free(v->identifier);
        *v = (VgpuReport){};
}

int vgpu_event_parse(JsonReader *r, struct json_object *o, VgpuEvent *ret) {
        EventHead head = {};
        VgpuReport v;
        int q;

        q = head_parse(r, o, &head);
        if (q >= 0)
                q = vgpu_report_parse(r, o, &v);
        if (q < 0) {
                free(head.boot_id);
                return q;
        }

        *ret = (VgpuEvent){
                .head = head,
                .vm = v.vm,
                .device = v.device,
                .uuid = v.uuid,
                .pgpu = v.pgpu,
                .identifier = v.identifier,
                .state = v.state,
        };
        return 0;
}

int vgpu_event_build(const VgpuEvent *e, struct json_object **ret) {
        const VgpuReport v = { e->vm, e->device, e->uuid, e->pgpu, e->identifier, e->state };
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = head_build(&e->head, &o);
        if (r >= 0)
                r = vgpu_report_add(o, &v);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void vgpu_event_done(VgpuEvent *e) {
        free(e->head.boot_id);
        free(e->device);
        free(e->identifier);
        *e = (VgpuEvent){};
}

int pci_report_parse(JsonReader *r, struct json_object *o, PciReport *ret) {
        struct json_object *state;
        PciReport p = {};
        const char *device;
        size_t mark;
        int q;

        q = record_get_id(r, o, "id", &p.vm, &device);
        if (q >= 0)
                q = json_get_pci_text(r, o, "address", &p.address);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = json_get_bool(r, state, "plugged", &p.plugged);
        json_leave(r, mark);
        if (q < 0)
                return q;

        *ret = p;
        return 0;
}

int pci_report_add(struct json_object *o, const PciReport *p) {
        _cleanup_json_ struct json_object *state = json_object_new_object();
        int r;

        if (!state)
                return -ENOMEM;
        r = record_add_id(o, "id", &p->vm, PCI_TEXT(&p->address));
        if (r >= 0)
                r = json_add_string(o, "address", PCI_TEXT(&p->address));
        if (r >= 0)
                r = json_add_bool(state, "plugged", p->plugged);
        return r < 0 ? r : json_add(o, "state", take_ptr(state));
}

int pci_event_parse(JsonReader *r, struct json_object *o, PciEvent *ret) {
        EventHead head = {};
        PciReport p;
        int q;

        q = head_parse(r, o, &head);
        if (q >= 0)
                q = pci_report_parse(r, o, &p);
        if (q < 0) {
                free(head.boot_id);
                return q;
        }

        *ret = (PciEvent){ .head = head, .vm = p.vm, .address = p.address, .plugged = p.plugged };
        return 0;
}

int pci_event_build(const PciEvent *e, struct json_object **ret) {
        const PciReport p = { e->vm, e->address, e->plugged };
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = head_build(&e->head, &o);
        if (r >= 0)
                r = pci_report_add(o, &p);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void pci_event_done(PciEvent *e) {
        free(e->head.boot_id);
        *e = (PciEvent){};
}
