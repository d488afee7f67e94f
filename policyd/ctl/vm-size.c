/*
 * How large a VM is
 */

#include "policyd/ctl/vm-size.h"

#include "common/base/parse.h"
#include "common/base/text.h"
#include "common/json/json-get.h"
#include "protocol/names.h"

#define MEMORY_MIN (1ULL << 20)

/* A small number without a unit is most likely meant as MiB, so the sentence says how to write that. */
int vm_read_memory(const char *key, const char *text, uint64_t *ret) {
        bool bare = text[strspn(text, "0123456789")] == '\0';
        uint64_t memory;
        int r = parse_size(text, &memory);

        if (r == -ERANGE)
                return ctl_usage("%s=%s is more than any machine has", key, text);
        if (r < 0)
                return ctl_usage("%s=%s is no size; give a whole number of bytes, KiB, MiB, GiB or TiB, such as "
                                 "%s=2GiB", key, text, key);
        if (memory < MEMORY_MIN && memory > 0 && bare)
                return ctl_usage("%s=%s is %s bytes, and no guest runs in less than %s; for MiB write %s=%sMiB", key, text,
                        text, SIZE_TEXT(MEMORY_MIN), key, text);
        if (memory < MEMORY_MIN)
                return ctl_usage("%s=%s is too small: no guest runs in less than %s", key, text, SIZE_TEXT(MEMORY_MIN));
        *ret = memory;
        return 0;
}

int vm_read_vcpus(const char *key, const char *text, uint32_t *ret) {
        uint32_t vcpus;

        if (parse_u32(text, &vcpus) < 0 || vcpus == 0)
                return ctl_usage("%s=%s is no number above 0", key, text);
        *ret = vcpus;
        return 0;
}

/* The guest never gets more than it may have. */
int vm_config_set_size(struct json_object *config, const VmSize *size) {
        struct json_object *b_info = answer_member(config, "b_info");
        uint64_t target = answer_number(b_info, "target_memkb");
        int r = 0;

        if (size->max == 0 && size->target == 0 && size->vcpus == 0)
                return 0;
        if (!json_object_is_type(b_info, json_type_object))
                return ctl_say_error("org.xenvgpu.Error.InvalidRecord",
                        "config.b_info is missing, so that memory and VCPUs have no place.");
        if (size->max > 0)
                r = json_add_u64(b_info, "max_memkb", size->max / 1024);
        if (size->target > 0)
                target = size->target / 1024;
        target = MIN_OF(target, answer_number(b_info, "max_memkb") ?: target);
        if (r >= 0 && size->max + size->target > 0 && target > 0)
                r = json_add_u64(b_info, "target_memkb", target);
        if (r >= 0 && size->vcpus > 0) {
                r = json_add_u64(b_info, "max_vcpus", size->vcpus);
                /* The list of online vcpus belongs to the old number of them. */
                json_object_object_del(b_info, "avail_vcpus");
        }
        return r < 0 ? ctl_no_memory() : 0;
}

int vm_set_size(Ctl *ctl, const char *vm, const VmSize *size) {
        _cleanup_json_ struct json_object *answer = NULL, *config = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        const char *json;
        int r;

        r = ctl_call(ctl, vm, POLICY_IFACE_VM, "GetConfig", &answer, "");
        if (r != 0)
                return r;
        json = strempty(json_object_get_string(answer));
        if (json_parse_cleaned(&reader, json, strlen(json), &config) < 0)
                return ctl_no_memory();
        r = vm_config_set_size(config, size);
        if (r != 0)
                return r;
        text = json_to_text(config);
        return text ? ctl_call(ctl, vm, POLICY_IFACE_VM, "SetConfig", NULL, "s", text) : ctl_no_memory();
}

int vm_set_size_field(Ctl *ctl, const char *vm, const Field *f, const char *value) {
        VmSize size = {};
        int r;

        if (streq(f->property, "VCPUsMax"))
                r = vm_read_vcpus(f->name, value, &size.vcpus);
        else
                r = vm_read_memory(f->name, value, streq(f->property, "MemoryStaticMax") ? &size.max : &size.target);
        return r != 0 ? r : vm_set_size(ctl, vm, &size);
}
