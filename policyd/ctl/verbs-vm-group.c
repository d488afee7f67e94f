/*
 * Verbs of VM groups
 */

#include "common/json/json-get.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

int verb_vm_group_create(Ctl *ctl) {
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[4] = {};
        int r;

        ctl_add_option(options, ctl, "placement", "placement");
        ctl_add_option(options, ctl, "name-description", "name_description");
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVMGroup", &path, "sV",
                ctl_arg(ctl, "name-label"), options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_vm_group_destroy(Ctl *ctl) {
        return ctl_call_uuid(ctl, "vm-group", "Destroy");
}
