/*
 * What a VM with a GPU cannot do while it runs: suspend, pause, migrate, checkpoint
 *
 * The state of a GPU cannot be read out of it, so these end here, with XenServer's words and what to use instead.
 */

#include "policyd/ctl/vm-live.h"

#include "common/json/json-get.h"
#include "protocol/errors.h"
#include "protocol/names.h"

static const struct {
        const char *verb, *done, *instead;
} live[] = {
        {"vm-suspend", "suspended", "Use vm-shutdown, and vm-start later."},
        {"vm-pause", "paused", "Use vm-shutdown, and vm-start later."},
        {"vm-migrate", "moved while it runs", "Use vm-shutdown, then vm-start on=HOST."},
        {"vm-checkpoint", "checkpointed", "Use vm-shutdown, then your storage's snapshots for its disks and vm-export for the rest."},
};

static bool is_passthrough(Ctl *ctl, const ViewObject *vgpu) {
        return streq(object_text(object_ref(ctl->view, vgpu, "Type"), "Implementation"), "passthrough");
}

/* "VGPU 0 (GRID K100)" or "PCI device …"; NULL: nothing is in the way. */
static char *find_obstacle(Ctl *ctl, const ViewObject *vm, const char *config, ErrorCode *ret) {
        _cleanup_json_ struct json_object *o = json_tokener_parse(config);
        const ViewObject *vgpu, *whole = NULL;
        _cleanup_strbuf_ StrBuf b = {};

        *ret = ERROR_VM_HAS_VGPU;
        for (size_t i = 0; (vgpu = object_nth_ref(ctl->view, vm, "VGPUs", i)); i++) {
                if (is_passthrough(ctl, vgpu))
                        whole = vgpu;
                else if (b.len == 0)
                        strbuf_addf(&b, "has VGPU %s (%s)", object_text(vgpu, "Device"),
                                object_text(object_ref(ctl->view, vgpu, "Type"), "ModelName"));
        }
        if (b.len == 0) {
                *ret = ERROR_VM_HAS_PCI_ATTACHED;
                if (whole)
                        strbuf_addf(&b, "has a whole GPU as VGPU %s", object_text(whole, "Device"));
                else if (answer_length(answer_member(o, "pcidevs")) > 0)
                        strbuf_add(&b, "has a PCI device of its host by its config");
        }
        return b.len > 0 ? strbuf_take(&b) : NULL;
}

static int say(Ctl *ctl, const char *path, size_t i, const char *config) {
        const ViewObject *vm = view_get(ctl->view, path);
        _cleanup_strbuf_ StrBuf b = {};
        ErrorCode code;
        _cleanup_free_ char *obstacle = find_obstacle(ctl, vm, config, &code);

        if (obstacle)
                strbuf_addf(&b, "VM '%s' %s, whose state cannot be kept or moved, so it cannot be %s. %s", object_text(vm, "NameLabel"),
                        obstacle, live[i].done, live[i].instead);
        else
                strbuf_addf(&b, "VMs of the pool are not %s, although VM '%s' has no GPU. %s", live[i].done,
                        object_text(vm, "NameLabel"), live[i].instead);
        if (strbuf_error(&b) < 0)
                return ctl_no_memory();
        return ctl_say_error(obstacle ? error_code_name(code) : "org.freedesktop.DBus.Error.NotSupported", b.text);
}

int vm_refuse_live(Ctl *ctl) {
        _cleanup_json_ struct json_object *config = NULL;
        _cleanup_free_ char *path = NULL;
        size_t i = 0;
        int r;

        r = ctl_find_key(ctl, "uuid", "vm", &path);
        if (r == 0)
                r = ctl_call(ctl, path, POLICY_IFACE_VM, "GetConfig", &config, "");
        if (r != 0)
                return r;
        while (i + 1 < ARRAY_SIZE(live) && !streq(live[i].verb, ctl->verb->name))
                i++;
        return say(ctl, path, i, strempty(json_object_get_string(config)));
}
