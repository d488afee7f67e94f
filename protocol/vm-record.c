/*
 * VM records
 *
 * config is libxl's own JSON. What placement needs is read from it here and nowhere else: memory and vcpus
 * from b_info, type from c_info, bridges from nics, images from disks.
 */

#include <strings.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "protocol/record.h"
#include "protocol/vm-record.h"

#define KIB_PER_MIB 1024u
#define VIDEO_MIB_DEFAULT 4u
#define VIDEO_MIB_WITH_VGPU 16u
#define ALLOWANCE_MIB 4u /* and one more for each vcpu */
#define MEMORY_MIB_MAX (UINT64_C(1) << 32)
#define CONFIG_LIST_MAX 256u /* nics, disks */

/* The needs are read for their checks: a record without memory never becomes a VM. */
static int check_config(JsonReader *r, void *record) {
        const VmRecord *v = record;
        VmNeeds needs = {};
        size_t mark = json_enter(r, "config");
        int q;

        q = vm_config_needs(r, v->config, /* has_vgpu= */ false, &needs);
        json_leave(r, mark);
        vm_needs_done(&needs);
        return q;
}

#define MEMBERS                                                                                 \
        FIELD(VmRecord, uuid, IF_ANY, UUID), FIELD(VmRecord, name_label, REQUIRED, TEXT),       \
        FIELD(VmRecord, owner, OPTIONAL, TEXT), FIELD(VmRecord, affinity, OPTIONAL, TEXT),      \
        FIELD(VmRecord, platform, OPTIONAL, TEXTS)

static const RecordField fields[] = { MEMBERS, FIELD(VmRecord, config, REQUIRED, OBJECT) };

const RecordTable vm_record_table = RECORD_TABLE(VmRecord, fields, .check = check_config);

DEFINE_RECORD(vm_record, VmRecord, vm_record_table)

static int parse_config(JsonReader *r, struct json_object *o, const RecordField *f, void *record) {
        struct json_object *config;
        VmRecord *v = record;
        int q;

        q = json_get_object(r, o, f->member, &config);
        if (q >= 0)
                v->config = json_object_get(config);
        return q;
}

/* The VM's uuid, where the config names one. */
static void write_identity(const VmRecord *v, StrBuf *b, const char *member, struct json_object *c_info) {
        json_write_open(b, member, '{');
        json_object_object_foreach(c_info, key, value)
                if (streq(key, "uuid"))
                        json_write_uuid(b, key, &v->uuid);
                else
                        json_write_value(b, key, value);
        json_write_close(b, '}');
}

static void write_config(const void *record, StrBuf *b, const char *member) {
        const VmRecord *v = record;

        json_write_open(b, member, '{');
        json_object_object_foreach(v->config, key, value)
                if (streq(key, "c_info") && json_object_is_type(value, json_type_object))
                        write_identity(v, b, key, value);
                else
                        json_write_value(b, key, value);
        json_write_close(b, '}');
}

static void free_config(void *record) {
        json_object_put(((VmRecord *) record)->config);
}

static const RecordCoder config_coder = { parse_config, write_config, free_config };

static int check_order(JsonReader *r, void *record) {
        const VmRecord *v = record;
        int q;

        q = check_config(r, record);
        return q >= 0 && uuid_is_null(&v->uuid) ? json_fail(r, "uuid", "is missing") : q;
}

static const RecordField order_fields[] = { MEMBERS, FIELD_OWN("config", &config_coder) };

const RecordTable vm_record_of_order_table = RECORD_TABLE(VmRecord, order_fields, .check = check_order);

const char *vm_record_platform(const VmRecord *v, const char *key) {
        return json_object_get_string(JSON_AT(v->platform, key));
}

/* max_memkb counts; a config with only one of the two means both. */
static int read_memory(JsonReader *r, struct json_object *b_info, VmNeeds *needs) {
        uint64_t max = 0, target = 0;
        int q;

        q = json_opt_u64(r, b_info, "max_memkb", &max);
        if (q >= 0)
                q = json_opt_u64(r, b_info, "target_memkb", &target);
        if (q < 0)
                return q;
        if (max == 0 && target == 0)
                return json_fail(r, "max_memkb", "is missing (and so is target_memkb): the VM has no memory");

        max = MAX_OF(max, target);
        target = target ? target : max;
        if (max / KIB_PER_MIB > MEMORY_MIB_MAX)
                return json_fail(r, "max_memkb", "is out of range");

        needs->max_memory = max << 10;
        needs->target_memory = target << 10;
        return 0;
}

static int read_vcpus(JsonReader *r, struct json_object *b_info, VmNeeds *needs) {
        uint32_t vcpus = 1;
        int q;

        q = json_opt_u32(r, b_info, "max_vcpus", &vcpus);
        if (q < 0)
                return q;
        if (vcpus == 0 || vcpus > 512)
                return json_fail(r, "max_vcpus", "is %u, not from 1 to 512", vcpus);

        needs->vcpus = vcpus;
        return 0;
}

static int read_b_info(JsonReader *r, struct json_object *config, bool has_vgpu, VmNeeds *needs) {
        uint64_t video_kib = VIDEO_MIB_DEFAULT * KIB_PER_MIB;
        struct json_object *b_info;
        size_t mark;
        int q;

        q = json_get_object(r, config, "b_info", &b_info);
        if (q < 0)
                return q;

        mark = json_enter(r, "b_info");
        q = read_memory(r, b_info, needs);
        if (q >= 0)
                q = read_vcpus(r, b_info, needs);
        if (q >= 0)
                q = json_opt_u64(r, b_info, "video_memkb", &video_kib);
        if (q >= 0 && video_kib / KIB_PER_MIB > MEMORY_MIB_MAX)
                q = json_fail(r, "video_memkb", "is out of range");
        json_leave(r, mark);
        if (q < 0)
                return q;

        if (has_vgpu)
                video_kib = MAX_OF(video_kib, (uint64_t) VIDEO_MIB_WITH_VGPU * KIB_PER_MIB);
        needs->memory = needs->max_memory + (video_kib << 10) + ((uint64_t) (ALLOWANCE_MIB + needs->vcpus) << 20);
        return 0;
}

static int read_c_info(JsonReader *r, struct json_object *config, VmNeeds *needs) {
        struct json_object *c_info = NULL;
        const char *type = "";
        size_t mark;
        int q;

        q = json_opt_object(r, config, "c_info", &c_info);
        if (q < 0 || !c_info)
                return q;

        mark = json_enter(r, "c_info");
        q = json_opt_string(r, c_info, "type", &type);
        json_leave(r, mark);
        if (q < 0)
                return q;

        needs->hvm = streq(type, "hvm");
        return 0;
}

/* member of each element of list, once each, in the order of the list. */
static int collect(JsonReader *r, struct json_object *config, const char *list, const char *member, char ***ret) {
        _cleanup_strlist_ StrList found = {};
        struct json_object *array = NULL;
        size_t n, mark;
        int q;

        q = json_opt_array(r, config, list, &array);
        if (q < 0)
                return q;
        n = array ? json_object_array_length(array) : 0;
        if (n > CONFIG_LIST_MAX)
                return json_fail(r, list, "has %zu elements; the limit is %u", n, CONFIG_LIST_MAX);

        mark = json_enter(r, list);
        for (size_t i = 0; i < n && q >= 0; i++) {
                size_t inner = json_enter_index(r, i);
                const char *text = "";

                q = json_opt_string(r, json_object_array_get_idx(array, i), member, &text);
                json_leave(r, inner);
                if (q >= 0 && !isempty(text) && !strlist_contains(&found, text))
                        strlist_add(&found, text);
        }
        json_leave(r, mark);
        return q < 0 ? q : strlist_take(&found, ret);
}

bool vm_config_function(struct json_object *function, PciAddress *ret) {
        uint64_t domain = json_object_get_uint64(JSON_AT(function, "domain"));
        uint64_t bus = json_object_get_uint64(JSON_AT(function, "bus"));
        uint64_t dev = json_object_get_uint64(JSON_AT(function, "dev"));
        uint64_t fn = json_object_get_uint64(JSON_AT(function, "func"));

        *ret = (PciAddress){ (uint32_t) domain, (uint8_t) bus, (uint8_t) dev, (uint8_t) fn };
        return json_object_is_type(function, json_type_object) && domain <= UINT32_MAX && bus <= UINT8_MAX &&
               dev <= 31 && fn <= 7;
}

struct json_object *vm_config_functions(struct json_object *config, size_t *ret_n) {
        struct json_object *functions = JSON_AT(config, "pcidevs");
        bool any = json_object_is_type(functions, json_type_array);

        *ret_n = any ? json_object_array_length(functions) : 0;
        return any ? functions : NULL;
}

/* Whether it can be given at all is between libxl and the host: here it only has to be told from others. */
static int collect_functions(struct json_object *config, char ***ret) {
        _cleanup_strlist_ StrList found = {};
        struct json_object *functions;
        PciAddress address;
        size_t n;

        functions = vm_config_functions(config, &n);
        for (size_t i = 0; i < MIN_OF(n, (size_t) CONFIG_LIST_MAX); i++)
                if (vm_config_function(json_object_array_get_idx(functions, i), &address) &&
                        !strlist_contains(&found, PCI_TEXT(&address)))
                        strlist_add(&found, PCI_TEXT(&address));
        return strlist_take(&found, ret);
}

int vm_config_needs(JsonReader *r, struct json_object *config, bool has_vgpu, VmNeeds *ret) {
        _cleanup_(vm_needs_done) VmNeeds needs = {};
        int q;

        q = read_b_info(r, config, has_vgpu, &needs);
        if (q >= 0)
                q = read_c_info(r, config, &needs);
        if (q >= 0)
                q = collect(r, config, "nics", "bridge", &needs.networks);
        if (q >= 0)
                q = collect(r, config, "disks", "pdev_path", &needs.storage);
        if (q >= 0)
                q = collect_functions(config, &needs.functions);
        if (q < 0)
                return q;

        *ret = take_struct(needs);
        return 0;
}

/* The reader bounds the recursion. */
static unsigned depth_of(struct json_object *o) {
        unsigned deepest = 0;

        if (json_object_is_type(o, json_type_array))
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        deepest = MAX_OF(deepest, depth_of(json_object_array_get_idx(o, i)));
        else if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, name, value) {
                        (void) name;
                        deepest = MAX_OF(deepest, depth_of(value));
                }
        } else
                return 0;
        return deepest + 1;
}

int vm_config_fits(JsonReader *r, const char *member, struct json_object *config) {
        _cleanup_free_ char *text = json_to_text(config);

        if (!text)
                return -ENOMEM;
        if (strlen(text) > VM_CONFIG_SIZE_MAX)
                return json_fail(r, member, "is larger than %u bytes", VM_CONFIG_SIZE_MAX);
        if (depth_of(config) > VM_CONFIG_DEPTH_MAX)
                return json_fail(r, member, "is nested more than %d deep", VM_CONFIG_DEPTH_MAX);
        return 0;
}

void vm_needs_done(VmNeeds *n) {
        strv_free(n->networks);
        strv_free(n->storage);
        strv_free(n->functions);
        *n = (VmNeeds){};
}

int vm_config_make(const char *name, uint64_t memory, uint32_t vcpus, struct json_object **ret) {
        _cleanup_strbuf_ StrBuf b = {};

        json_write_open(&b, NULL, '{');
        json_write_open(&b, "c_info", '{');
        json_write_string(&b, "type", "hvm");
        json_write_string(&b, "name", name);
        json_write_close(&b, '}');
        json_write_open(&b, "b_info", '{');
        json_write_u64(&b, "max_vcpus", vcpus);
        json_write_u64(&b, "max_memkb", memory >> 10);
        json_write_u64(&b, "target_memkb", memory >> 10);
        json_write_open(&b, "type.hvm", '{');
        json_write_string(&b, "boot", "c");
        json_write_close(&b, '}');
        json_write_close(&b, '}');
        json_write_close(&b, '}');
        return record_of_text(&b, ret);
}

static int read_platform_address(JsonReader *r, const char *address, const char *config, PciAddress *ret) {
        if (pci_address_from_string(address, ret) < 0)
                return json_fail(r, "vgpu_pci_id", "is '%s', not a PCI address like 0000:84:00.0",
                        TEXT_SHORT(address, 64));
        if (!*config)
                return json_fail(r, "vgpu_config",
                        "is empty, beside vgpu_pci_id %s: name the type's file, such as grid_k100.conf, or take both out",
                        address);
        return 0;
}

int vm_record_platform_vgpu(JsonReader *r, const VmRecord *v, PlatformVgpu *ret) {
        const char *address = vm_record_platform(v, "vgpu_pci_id");
        const char *config = vm_record_platform(v, "vgpu_config");
        PciAddress pci_id;
        size_t mark;
        int error;

        if (!address || !config)
                return 0;
        mark = json_enter(r, "platform");
        error = read_platform_address(r, address, config, &pci_id);
        json_leave(r, mark);
        if (error < 0)
                return error;

        *ret = (PlatformVgpu){
                .pci_id = pci_id,
                .config = config,
                .extra_args = vm_record_platform(v, "vgpu_extra_args"),
        };
        return 1;
}

DEFINE_WORD_TABLE(video_card_words, VIDEO_CARDS)

const char *video_card_to_string(VideoCard card) {
        return word_of_value(&video_card_words, (int) card);
}

static bool has_platform_vgpu(const VmRecord *v) {
        return vm_record_platform(v, "vgpu_pci_id") && vm_record_platform(v, "vgpu_config");
}

/* As XenServer names them, and libxl. */
static const struct {
        const char *name;
        VideoCard card;
} cards[] = {
        { "cirrus", VIDEO_CIRRUS },
        { "std", VIDEO_STANDARD_VGA },
        { "qxl", VIDEO_QXL },
        { "none", VIDEO_NONE },
};

VideoCard vm_record_video_card(const VmRecord *v, bool has_vgpu) {
        bool igd = false;

        if (has_vgpu || has_platform_vgpu(v))
                return VIDEO_VGPU;
        (void) vm_record_platform_flag(v, "igd_passthrough", &igd);
        if (igd)
                return VIDEO_IGD_PASSTHROUGH;
        return vm_record_emulated_card(v) == VIDEO_STANDARD_VGA ? VIDEO_STANDARD_VGA : VIDEO_CIRRUS;
}

VideoCard vm_record_emulated_card(const VmRecord *v) {
        const char *vga = strempty(vm_record_platform(v, "vga"));

        for (size_t i = 0; i < ARRAY_SIZE(cards); i++)
                if (streq(vga, cards[i].name))
                        return cards[i].card;
        return isempty(vga) ? VIDEO_CIRRUS : _VIDEO_CARD_INVALID;
}

const VmPlatformFlag vm_platform_flags[] = {
        { "nx", "nx", true },
        { "pae", "pae", true },
        { "hpet", "hpet", true },
        { "viridian", "viridian", true },
        { "acpi_s3", "acpi_s3", true },
        { "acpi_s4", "acpi_s4", true },
        { "usb", "usb", true },
        { "acpi", "acpi", false },
        { "apic", "apic", false },
        { "nested-virt", "nested_hvm", false },
        { "exp-nested-hvm", "nested_hvm", false },
};
const size_t vm_n_platform_flags = ARRAY_SIZE(vm_platform_flags);

int vm_record_platform_flag(const VmRecord *v, const char *key, bool *ret) {
        const char *text = vm_record_platform(v, key);

        if (isempty(text))
                return 0;
        if (streq(text, "1") || strcasecmp(text, "true") == 0)
                *ret = true;
        else if (streq(text, "0") || strcasecmp(text, "false") == 0)
                *ret = false;
        else
                return -EINVAL;
        return 1;
}

static int check_flag(JsonReader *r, const VmRecord *v, const char *key) {
        bool value;

        if (vm_record_platform_flag(v, key, &value) >= 0)
                return 0;
        return json_fail(r, key, "is '%s', which is neither true nor false", vm_record_platform(v, key));
}

static int check_card(JsonReader *r, const VmRecord *v, bool has_vgpu) {
        VideoCard card = vm_record_video_card(v, has_vgpu);

        if (card == VIDEO_IGD_PASSTHROUGH)
                return json_fail(r, "igd_passthrough",
                        "is true, and libxl makes a GPU the guest's own display only by giving it the host's VGA ports and "
                        "memory: take the key out of the platform, and the GPU is passed through beside the emulated "
                        "card; or set b_info.type.hvm.gfx_passthru in the config, which a host's administrator must allow "
                        "(allowed_config_keys)");
        if (card == VIDEO_VGPU || vm_record_emulated_card(v) >= 0)
                return 0;
        return json_fail(r, "vga", "is '%s', which libxl does not have; take cirrus, std, qxl or none",
                vm_record_platform(v, "vga"));
}

int vm_record_check_platform(JsonReader *r, const VmRecord *v, bool has_vgpu) {
        size_t mark = json_enter(r, "platform");
        int q;

        q = check_flag(r, v, "igd_passthrough");
        for (size_t i = 0; q >= 0 && i < vm_n_platform_flags; i++)
                q = check_flag(r, v, vm_platform_flags[i].key);
        if (q >= 0)
                q = check_card(r, v, has_vgpu);
        json_leave(r, mark);
        return q;
}

uint32_t vm_record_video_mib(const VmRecord *v, bool has_vgpu) {
        const char *text = vm_record_platform(v, "videoram");
        uint32_t mib = VIDEO_MIB_DEFAULT;

        /* As xapi: a videoram that is no number is as good as none. */
        if (text && parse_u32(text, &mib) < 0)
                mib = VIDEO_MIB_DEFAULT;
        if (has_vgpu || has_platform_vgpu(v))
                mib = MAX_OF(mib, VIDEO_MIB_WITH_VGPU);
        return mib;
}
