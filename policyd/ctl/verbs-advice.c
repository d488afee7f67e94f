/*
 * Verbs that ask for advice: nothing of this changes the pool
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

int verb_gpu_group_plan(Ctl *ctl) {
        _cleanup_free_ char *group = NULL, *type = NULL;
        _cleanup_json_ struct json_object *text = NULL;
        int r;

        r = ctl_find_key(ctl, "uuid", "gpu-group", &group);
        if (r == 0 && ctl_arg(ctl, "vgpu-type-uuid"))
                r = ctl_find_key(ctl, "vgpu-type-uuid", "vgpu-type", &type);
        if (r == 0)
                r = ctl_call(ctl, group, POLICY_IFACE_GPU_GROUP, "Plan", &text, "o", type ? type : "/");
        return r != 0 ? r : plan_print(stdout, strempty(json_object_get_string(text)), ctl->args.json);
}

int verb_gpu_group_failures(Ctl *ctl) {
        _cleanup_json_ struct json_object *n = NULL;
        _cleanup_free_ char *group = NULL;
        char text[24];
        int r;

        r = ctl_find_key(ctl, "uuid", "gpu-group", &group);
        if (r == 0)
                r = ctl_call(ctl, group, POLICY_IFACE_GPU_GROUP, "GetFailuresToTolerate", &n, "");
        if (r != 0)
                return r;
        if (ctl->args.json)
                return print_json(stdout, n) < 0 ? EXIT_REFUSED : EXIT_DONE;
        snprintf(text, sizeof(text), "%" PRIu64, json_object_get_uint64(n));
        return ctl_print_text(ctl, text);
}

int verb_host_failure_check(Ctl *ctl) {
        _cleanup_json_ struct json_object *text = NULL;
        _cleanup_free_ char *host = NULL;
        int r;

        r = ctl_find_key(ctl, "uuid", "host", &host);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CheckHostFailure", &text, "o", host);
        return r != 0 ? r : failure_print(stdout, strempty(json_object_get_string(text)), ctl->args.json);
}
