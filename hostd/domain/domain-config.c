/*
 * The config that a domain is made from
 */

#include <stdio.h>

#include "common/json/json-get.h"
#include "hostd/domain/domain-config.h"

#define VIDEO_KIB_PER_MIB 1024

static int refuse(ErrorCode code, const char *text, ErrorCode *ret_code, char **ret_error) {
        *ret_error = strdup(text);
        if (!*ret_error)
                return -ENOMEM;
        *ret_code = code;
        return -EINVAL;
}

/* A member object, made when it is missing. */
static int open_member(struct json_object *o, const char *name, struct json_object **ret) {
        struct json_object *member = JSON_AT(o, name);
        int r;

        if (!json_object_is_type(member, json_type_object)) {
                member = json_object_new_object();
                r = json_add(o, name, member);
                if (r < 0)
                        return r;
        }
        *ret = member;
        return 0;
}

static int lay_out_identity(
        const StartOrder *order, const char *dm, struct json_object *c_info, struct json_object *b_info) {
        int r;

        r = json_add_uuid(c_info, "uuid", &order->vm.uuid);
        if (r >= 0 && !JSON_AT(c_info, "name"))
                r = json_add_string(c_info, "name", order->vm.name_label);
        if (r >= 0)
                r = json_add_string(b_info, "device_model", dm);
        /* A config that was read off a running domain names that domain. */
        json_object_object_del(c_info, "domid");
        return r;
}

/* As libxl names it; NULL: its default, which is cirrus. */
static const char *card_kind(VideoCard card) {
        return card == VIDEO_STANDARD_VGA ? "std" : card == VIDEO_QXL ? "qxl" : card == VIDEO_NONE ? "none" : NULL;
}

/* The least memory that libxl takes for a kind; 0: the card has none. */
static uint64_t card_least_mib(const char *kind_or_null) {
        static const struct {
                const char *kind;
                uint64_t mib;
        } table[] = { { "cirrus", 8 }, { "std", 16 }, { "qxl", 128 }, { "none", 0 } };

        for (size_t i = 0; kind_or_null && i < ARRAY_SIZE(table); i++)
                if (strcasecmp(kind_or_null, table[i].kind) == 0)
                        return table[i].mib;
        return 8;
}

static int set_card(struct json_object *b_info, const char *kind) {
        struct json_object *hvm, *vga;
        int r;

        r = open_member(b_info, "type.hvm", &hvm);
        if (r >= 0)
                r = open_member(hvm, "vga", &vga);
        return r < 0 ? r : json_add_string(vga, "kind", kind);
}

/* A VM without a VGPU has the card and the memory that its platform asks for, where its config leaves them open. A platform that asks
 * for less than the card needs gets the least that libxl takes. */
static int lay_out_emulated_display(const StartOrder *order, struct json_object *b_info) {
        const char *own = json_object_get_string(JSON_AT(b_info, "type.hvm", "vga", "kind")), *kind = card_kind(vm_record_emulated_card(&order->vm));
        uint64_t mib = vm_record_video_mib(&order->vm, /* has_vgpu= */ false), least = card_least_mib(own ?: kind);
        int r;

        if (vm_record_platform(&order->vm, "videoram") && least > 0 && !JSON_AT(b_info, "video_memkb")) {
                r = json_add_u64(b_info, "video_memkb", MAX_OF(mib, least) * VIDEO_KIB_PER_MIB);
                if (r < 0)
                        return r;
        }
        return own || !kind ? 0 : set_card(b_info, kind);
}

/* xapi's switches, where the config leaves them open. */
static int lay_out_flags(const StartOrder *order, struct json_object *b_info) {
        struct json_object *hvm;
        int r;

        r = open_member(b_info, "type.hvm", &hvm);
        for (size_t i = 0; r >= 0 && i < vm_n_platform_flags; i++) {
                const VmPlatformFlag *flag = &vm_platform_flags[i];
                bool value;

                if (vm_record_platform_flag(&order->vm, flag->key, &value) <= 0 ||
                        JSON_AT(b_info, flag->member) || JSON_AT(hvm, flag->member))
                        continue;
                r = json_add_string(flag->of_hvm ? hvm : b_info, flag->member, value ? "True" : "False");
        }
        return r;
}

/* As under XenServer the guest and its device model read the whole platform in xenstore. A name that xenstore has no place for is left
 * out. */
static int lay_out_platform(const StartOrder *order, struct json_object *c_info) {
        struct json_object *data = NULL;
        int r = 0;

        if (JSON_AT(c_info, "platformdata"))
                return 0;
        json_object_object_foreach(order->vm.platform, key, value) {
                if (key[strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0' || !*key)
                        continue;
                if (r == 0 && !data)
                        r = open_member(c_info, "platformdata", &data);
                r = r ?: json_add_string(data, key, strempty(json_object_get_string(value)));
        }
        return r;
}

static int lay_out_vgpu_display(const StartOrder *order, struct json_object *b_info) {
        uint64_t kib = (uint64_t) vm_record_video_mib(&order->vm, /* has_vgpu= */ true) * VIDEO_KIB_PER_MIB;
        int r;

        if (json_object_get_uint64(JSON_AT(b_info, "video_memkb")) < kib) {
                r = json_add_u64(b_info, "video_memkb", kib);
                if (r < 0)
                        return r;
        }
        return order->vgpus[0].kind == VGPU_KIND_NVIDIA ? set_card(b_info, "none") : 0;
}

static int lay_out_display(const StartOrder *order, bool hvm, struct json_object *b_info) {
        if (order->n_vgpus > 0)
                return lay_out_vgpu_display(order, b_info);
        return hvm ? lay_out_emulated_display(order, b_info) : 0;
}

/* Slots of the guest's bus, from the last one down. */
typedef struct GuestSlots {
        uint32_t taken; /* bit for each slot */
        bool chosen;    /* qemu does not choose them */
} GuestSlots;

#define GUEST_SLOTS 32
#define DEVFN_OF_SLOT(slot) ((uint64_t) (slot) << 3)

/* NVIDIA's emulator takes slots that qemu knows nothing of. qemu gives a device the lowest slot that it finds free, which may be one of
 * these, so a whole GPU beside such VGPUs gets one from the other end. */
static GuestSlots guest_slots(const StartOrder *order) {
        GuestSlots s = {};

        for (size_t i = 0; i < order->n_vgpus; i++)
                if (order->vgpus[i].kind == VGPU_KIND_NVIDIA) {
                        s.taken |= UINT32_C(1) << (order->vgpus[i].nvidia.virtual_pci_address.dev % GUEST_SLOTS);
                        s.chosen = true;
                }
        return s;
}

static int choose_slot(GuestSlots *s, struct json_object *function) {
        for (uint32_t slot = GUEST_SLOTS; s->chosen && slot-- > 0;) {
                if (s->taken & UINT32_C(1) << slot)
                        continue;
                s->taken |= UINT32_C(1) << slot;
                return json_add_u64(function, "vdevfn", DEVFN_OF_SLOT(slot));
        }
        return 0;
}

static int add_function(struct json_object *pcidevs, GuestSlots *slots, const PciAddress *a) {
        struct json_object *o;
        PciAddress other;
        int r;

        for (size_t i = 0; i < json_object_array_length(pcidevs); i++)
                if (vm_config_function(json_object_array_get_idx(pcidevs, i), &other) && pci_address_compare(&other, a) == 0)
                        return 0;

        o = json_object_new_object();
        r = o && json_object_array_add(pcidevs, o) >= 0 ? 0 : -ENOMEM;
        if (r < 0)
                json_object_put(o);
        return r ?: json_add_u64(o, "domain", a->domain) ?: json_add_u64(o, "bus", a->bus) ?:
               json_add_u64(o, "dev", a->dev) ?: json_add_u64(o, "func", a->fn) ?: json_add_u64(o, "vfunc_mask", 1) ?:
               choose_slot(slots, o);
}

/* Passed-through PGPUs, and the virtual function of an MxGPU or SR-IOV VGPU. */
static int lay_out_functions(
        const StartOrder *order, struct json_object *config, struct json_object *b_info) {
        struct json_object *pcidevs, *maximum = JSON_AT(b_info, "max_memkb");
        GuestSlots slots = guest_slots(order);
        bool any = order->n_pcis > 0;
        size_t n;
        int r = 0;

        for (size_t i = 0; i < order->n_vgpus; i++)
                any = any || (vgpu_kind_has_function(order->vgpus[i].kind) && order->vgpus[i].virtual_pci_address);
        if (!any)
                return 0;

        pcidevs = vm_config_functions(config, &n);
        if (!pcidevs) {
                pcidevs = json_object_new_array();
                r = json_add(config, "pcidevs", pcidevs);
        }
        for (size_t i = 0; r >= 0 && i < order->n_pcis; i++)
                r = add_function(pcidevs, &slots, &order->pcis[i].address);
        for (size_t i = 0; r >= 0 && i < order->n_vgpus; i++)
                if (vgpu_kind_has_function(order->vgpus[i].kind) && order->vgpus[i].virtual_pci_address)
                        r = add_function(pcidevs, &slots, order->vgpus[i].virtual_pci_address);

        /* With an IOMMU at work libxl refuses memory that is filled on demand. */
        if (r >= 0 && maximum)
                r = json_add_u64(b_info, "target_memkb", json_object_get_uint64(maximum));
        return r;
}

int domain_config_lay_out(const StartOrder *order, const char *dm, struct json_object **ret,
        ErrorCode *ret_code, char **ret_error) {
        _cleanup_json_ struct json_object *config = NULL;
        struct json_object *c_info, *b_info;
        JsonReader reader = {};
        VmNeeds needs;
        bool hvm;
        int r;

        r = vm_config_needs(&reader, order->vm.config, order->n_vgpus > 0, &needs);
        if (r == -EINVAL)
                return refuse(ERROR_INVALID_RECORD, reader.error, ret_code, ret_error);
        if (r < 0)
                return r;
        hvm = needs.hvm;
        vm_needs_done(&needs);
        if (!hvm && (order->n_vgpus > 0 || order->n_pcis > 0))
                return refuse(ERROR_FEATURE_REQUIRES_HVM,
                        "A VM with a GPU must be of type hvm: change c_info.type in its config.", ret_code,
                        ret_error);

        r = hvm ? vm_record_check_platform(&reader, &order->vm, order->n_vgpus > 0) : 0;
        if (r == -EINVAL)
                return refuse(ERROR_INVALID_RECORD, reader.error, ret_code, ret_error);
        if (r < 0)
                return r;

        if (json_object_deep_copy(order->vm.config, &config, NULL) < 0)
                return -ENOMEM;
        r = open_member(config, "c_info", &c_info);
        if (r >= 0)
                r = open_member(config, "b_info", &b_info);
        if (r >= 0)
                r = lay_out_identity(order, dm, c_info, b_info);
        if (r >= 0)
                r = lay_out_platform(order, c_info);
        if (r >= 0)
                r = lay_out_display(order, hvm, b_info);
        if (r >= 0 && hvm)
                r = lay_out_flags(order, b_info);
        if (r >= 0)
                r = lay_out_functions(order, config, b_info);
        if (r < 0)
                return r;

        *ret = take_ptr(config);
        return 0;
}

/* libxl's names, of which it takes any case. */
static AfterDeath read_action(struct json_object *config, const char *member, AfterDeath fallback) {
        static const struct {
                const char *name;
                AfterDeath action;
        } actions[] = {
                { "restart", AFTER_DEATH_RESTART },
                { "restart_rename", AFTER_DEATH_RESTART },
                { "preserve", AFTER_DEATH_PRESERVE },
                { "coredump_destroy", AFTER_DEATH_DUMP_DESTROY },
                { "coredump_restart", AFTER_DEATH_DUMP_RESTART },
        };
        struct json_object *value = JSON_AT(config, member);
        const char *text;

        if (!json_object_is_type(value, json_type_string))
                return fallback;
        text = json_object_get_string(value);
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
                if (strcasecmp(text, actions[i].name) == 0)
                        return actions[i].action;
        return AFTER_DEATH_DESTROY;
}

void domain_config_rules(struct json_object *config, DomainRules *ret) {
        static const char *const members[] = { "on_poweroff", "on_reboot", "on_watchdog", "on_crash",
                "on_soft_reset" };
        AfterDeath on_reboot = AFTER_DEATH_RESTART;

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                if (JSON_AT(config, members[i]))
                        on_reboot = AFTER_DEATH_DESTROY;

        *ret = (DomainRules){
                .on_poweroff = read_action(config, "on_poweroff", AFTER_DEATH_DESTROY),
                .on_reboot = read_action(config, "on_reboot", on_reboot),
                .on_crash = read_action(config, "on_crash", AFTER_DEATH_DESTROY),
                .on_watchdog = read_action(config, "on_watchdog", AFTER_DEATH_DESTROY),
        };
}
