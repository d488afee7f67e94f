/*
 * Verbs of quotas
 */

#include "common/json/json-get.h"
#include "policyd/ctl/verbs.h"
#include "protocol/names.h"

int ctl_usage_number(const Field *f, const char *text) {
        return ctl_usage("%s=%s is no %s; give one, or unlimited", f->name, text,
                f->kind == FIELD_PGPUS ? "number of PGPUs, such as 2 or 0.5" : "number");
}

/* The limit that a key gives, as an option of CreateQuota; nothing when it is not there. */
static int add_limit(const Ctl *ctl, const char *key, const char *option, ClientOption *options) {
        const char *text = ctl_arg(ctl, key);
        uint64_t number = 0;
        FieldName field;

        if (!text)
                return 0;
        if (!field_find(class_find("quota"), key, &field) ||
                field_parse_number(field.field, text, &number) < 0)
                return ctl_usage_number(field.field, text);
        while (options->name)
                options++;
        *options = (ClientOption){ .name = option, .type = 't', .number = number };
        return 0;
}

int verb_quota_create(Ctl *ctl) {
        _cleanup_json_ struct json_object *path = NULL;
        _cleanup_free_ char *group = NULL;
        ClientOption options[4] = {};
        int r = 0;

        if (ctl_arg(ctl, "size-max") && ctl_arg(ctl, "pgpus-max"))
                return ctl_usage("size-max= and pgpus-max= are the same limit; give one of them");
        r = add_limit(ctl, "vgpus-max", "vgpus_max", options);
        if (r == 0)
                r = add_limit(ctl, "size-max", "size_max", options);
        if (r == 0)
                r = add_limit(ctl, "pgpus-max", "size_max", options);
        ctl_add_option(options, ctl, "idempotency-key", "idempotency_key");
        if (r == 0 && ctl_arg(ctl, "gpu-group-uuid"))
                r = ctl_find_key(ctl, "gpu-group-uuid", "gpu-group", &group);
        if (r == 0)
                r = ctl_call(ctl, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateQuota", &path, "soV",
                        ctl_arg(ctl, "owner"), group ? group : "/", options);
        return r != 0 ? r : ctl_print_created(ctl, path);
}

int verb_quota_destroy(Ctl *ctl) {
        return ctl_destroy(ctl, "quota", "Destroy");
}
