/*
 * Events
 *
 * "token" is "" when no order caused the event; a "" that should be a UUID is an error everywhere else.
 */

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
                return json_fail(r, "state", "is '%.64s', not starting, running, paused, stopping or halted", state);

        q = record_opt_text(r, o, "stage", "", &e->stage);
        if (q >= 0)
                q = record_opt_progress(r, o, &e->progress);
        if (q >= 0)
                q = json_opt_u32(r, o, "domid", &e->domid);
        if (q >= 0)
                q = record_opt_text(r, o, "reason", "", &e->reason);
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

static int vgpu_members_parse(JsonReader *r, struct json_object *o, VgpuEvent *e) {
        struct json_object *state;
        const char *device = NULL;
        size_t mark;
        int q;

        q = head_parse(r, o, &e->head);
        if (q >= 0)
                q = record_get_id(r, o, "id", &e->vm, &device);
        if (q < 0)
                return q;
        e->device = strdup(device);
        if (!e->device)
                return -ENOMEM;

        q = json_opt_uuid(r, o, "uuid", &e->uuid);
        if (q >= 0)
                q = json_get_pci_text(r, o, "pgpu", &e->pgpu);
        if (q >= 0)
                q = record_opt_text(r, o, "identifier", "", &e->identifier);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = vgpu_state_parse(r, state, &e->state);
        json_leave(r, mark);
        return q;
}

int vgpu_event_parse(JsonReader *r, struct json_object *o, VgpuEvent *ret) {
        int q;

        *ret = (VgpuEvent){};
        q = vgpu_members_parse(r, o, ret);
        if (q < 0)
                vgpu_event_done(ret);
        return q;
}

int vgpu_event_build(const VgpuEvent *e, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *state = NULL;
        int r;

        r = head_build(&e->head, &o);
        if (r >= 0)
                r = record_add_id(o, "id", &e->vm, e->device);
        if (r >= 0 && !uuid_is_null(&e->uuid))
                r = json_add_uuid(o, "uuid", &e->uuid);
        if (r >= 0)
                r = json_add_string(o, "pgpu", PCI_TEXT(&e->pgpu));
        if (r >= 0)
                r = json_add_string(o, "identifier", e->identifier);
        if (r >= 0)
                r = vgpu_state_build(&e->state, &state);
        if (r >= 0)
                r = json_add(o, "state", take_ptr(state));
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

static int pci_members_parse(JsonReader *r, struct json_object *o, PciEvent *e) {
        struct json_object *state;
        const char *device;
        size_t mark;
        int q;

        q = head_parse(r, o, &e->head);
        if (q >= 0)
                q = record_get_id(r, o, "id", &e->vm, &device);
        if (q >= 0)
                q = json_get_pci_text(r, o, "address", &e->address);
        if (q >= 0)
                q = json_get_object(r, o, "state", &state);
        if (q < 0)
                return q;

        mark = json_enter(r, "state");
        q = json_get_bool(r, state, "plugged", &e->plugged);
        json_leave(r, mark);
        return q;
}

int pci_event_parse(JsonReader *r, struct json_object *o, PciEvent *ret) {
        int q;

        *ret = (PciEvent){};
        q = pci_members_parse(r, o, ret);
        if (q < 0)
                pci_event_done(ret);
        return q;
}

int pci_event_build(const PciEvent *e, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL, *state = NULL;
        int r;

        state = json_object_new_object();
        if (!state)
                return -ENOMEM;

        r = head_build(&e->head, &o);
        if (r >= 0)
                r = record_add_id(o, "id", &e->vm, PCI_TEXT(&e->address));
        if (r >= 0)
                r = json_add_string(o, "address", PCI_TEXT(&e->address));
        if (r >= 0)
                r = json_add_bool(state, "plugged", e->plugged);
        if (r >= 0)
                r = json_add(o, "state", take_ptr(state));
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

void pci_event_done(PciEvent *e) {
        free(e->head.boot_id);
        *e = (PciEvent){};
}
