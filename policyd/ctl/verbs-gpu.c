/*
 * Verbs of VGPUs, PGPUs, GPU groups and reservations
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

int verb_vgpu_create(Ctl *ctl) {
        _cleanup_free_ char *vm = NULL, *group = NULL, *type = NULL;
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[4] = {};
        int r;

        ctl_add_option(options, ctl, "device", "device");
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_find_key(ctl, "vm-uuid", "vm", &vm);
        if (r == 0)
                r = ctl_find_key(ctl, "gpu-group-uuid", "gpu-group", &group);
        if (r == 0 && ctl_arg(ctl, "vgpu-type-uuid"))
                r = ctl_find_key(ctl, "vgpu-type-uuid", "vgpu-type", &type);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVGPU", &path, "oooV", vm, group,
                        type ? type : "/", options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_vgpu_destroy(Ctl *ctl) {
        return ctl_call_uuid(ctl, "vgpu", "Destroy");
}

int verb_gpu_group_create(Ctl *ctl) {
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[4] = {};
        int r;

        ctl_add_option(options, ctl, "name-description", "name_description");
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateGPUGroup", &path, "sV",
                ctl_arg(ctl, "name-label"), options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_gpu_group_destroy(Ctl *ctl) {
        return ctl_call_uuid(ctl, "gpu-group", "Destroy");
}

static int remaining_capacity(Ctl *ctl, const char *class_name) {
        _cleanup_free_ char *path = NULL, *type = NULL;
        _cleanup_json_ struct json_object *n = NULL;
        char text[24];
        int r;

        r = ctl_find_key(ctl, "uuid", class_name, &path);
        if (r == 0)
                r = ctl_find_key(ctl, "vgpu-type-uuid", "vgpu-type", &type);
        if (r == 0)
                r = ctl_call(
                        ctl, path, class_find(class_name)->interface, "GetRemainingCapacity", &n, "o", type);
        if (r != 0)
                return r;
        if (ctl->args.json)
                return print_json(stdout, n) < 0 ? EXIT_REFUSED : EXIT_DONE;
        snprintf(text, sizeof(text), "%" PRIu64, json_object_get_uint64(n));
        return ctl_print_text(ctl, text);
}

int verb_gpu_group_capacity(Ctl *ctl) {
        return remaining_capacity(ctl, "gpu-group");
}

int verb_pgpu_capacity(Ctl *ctl) {
        return remaining_capacity(ctl, "pgpu");
}

int verb_reservation_create(Ctl *ctl) {
        _cleanup_free_ char *group = NULL, *type = NULL;
        _cleanup_json_ struct json_object *path = NULL;
        ClientOption options[3] = {};
        uint64_t seconds;
        uint32_t count;
        int r;

        if (parse_u32(ctl_arg(ctl, "count"), &count) < 0)
                return ctl_usage("count=%s is no number of VGPUs, such as 8", ctl_arg(ctl, "count"));
        if (parse_u64(ctl_arg(ctl, "seconds"), &seconds) < 0)
                return ctl_usage("seconds=%s is no number of seconds, such as 3600", ctl_arg(ctl, "seconds"));
        ctl_add_option(options, ctl, "owner", "owner");
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        r = ctl_find_key(ctl, "gpu-group-uuid", "gpu-group", &group);
        if (r == 0)
                r = ctl_find_key(ctl, "vgpu-type-uuid", "vgpu-type", &type);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "Reserve", &path, "sooutV",
                        ctl_arg(ctl, "name"), group, type, count, seconds, options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_reservation_destroy(Ctl *ctl) {
        return ctl_call_uuid(ctl, "reservation", "Destroy");
}
