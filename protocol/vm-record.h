#pragma once

/*
 * VM records
 *
 *   {"uuid":…,"name_label":…,"owner":"","affinity":"","platform":{…},"config":{libxl_domain_config}}
 *
 * config is libxl's own JSON and is kept as it came. What placement needs is read out of it (VmNeeds).
 * Required: name_label, config, config.b_info.max_memkb or target_memkb. uuid may be absent where a VM is created.
 * The uuid in config.c_info, when present, is overwritten by the VM's own when an order is built.
 */

#include "common/base/words.h"
#include "common/json/json-get.h"
#include "common/json/json-write.h"

typedef struct RecordTable RecordTable; /* protocol/record.h */

typedef struct VmRecord {
        Uuid uuid; /* null: absent */
        char *name_label, *owner, *affinity; /* never NULL; affinity: a host's uuid or name, or "" */
        struct json_object *platform;        /* object of strings, never NULL */
        struct json_object *config;          /* object, never NULL */
} VmRecord;

int vm_record_parse(JsonReader *r, struct json_object *o, VmRecord *ret);
void vm_record_write(const VmRecord *v, StrBuf *b);
void vm_record_done(VmRecord *v);
/* The second as a member of an order: the uuid is required, and written in the place of that in config.c_info. */
extern const RecordTable vm_record_table, vm_record_of_order_table;

/* platform[key], or NULL. */
const char *vm_record_platform(const VmRecord *v, const char *key);

/*
 * Memory need: max_memkb + video memory (16 MiB at least when has_vgpu, else 4 MiB unless the config says) +
 * allowance of 4 MiB + 1 MiB per vcpu (libxl_domain_need_memory adds 4096 KiB for one vcpu; device model
 * overhead is dom0's). An estimate: hostd has the last word.
 */
typedef struct VmNeeds {
        uint64_t memory;      /* bytes */
        uint64_t target_memory, max_memory; /* bytes, as configured */
        uint32_t vcpus;
        bool hvm;             /* c_info.type == "hvm" */
        char **networks;      /* bridge of each nic, without duplicates */
        char **storage;       /* pdev_path of each disk that has one */
        char **functions;     /* of pcidevs, "0000:03:00.0"; one that is no address is left out */
} VmNeeds;

int vm_config_needs(JsonReader *r, struct json_object *config, bool has_vgpu, VmNeeds *ret);

/* The array pcidevs and its length; NULL and 0 where there is none. Of an element the address as libxl reads it, which
 * leaves out what is 0; false: it is no address. */
struct json_object *vm_config_functions(struct json_object *config, size_t *ret_n);
bool vm_config_function(struct json_object *function, PciAddress *ret);

/*
 * What a client may give as config or platform: so much that the orders and the records on disk which hold both can still be
 * read (JSON_SIZE_MAX, JSON_DEPTH_MAX). -EINVAL, naming the member, for more.
 */
#define VM_CONFIG_SIZE_MAX (1u << 20) /* bytes of text */
#define VM_CONFIG_DEPTH_MAX 24        /* objects and arrays in each other */
int vm_config_fits(JsonReader *r, const char *member, struct json_object *config);
void vm_needs_done(VmNeeds *n);

/* The least config: HVM, memory in bytes, vcpus; for vm-create without config=. */
int vm_config_make(const char *name, uint64_t memory, uint32_t vcpus, struct json_object **ret);

/*
 * The 6.x platform form: both vgpu_pci_id and vgpu_config present (XenServer 6.2; vgpu_extra_args is appended to the config with a
 * comma). Returns 1 and the values when the VM has it, 0 when not, -EINVAL (reader->error) when vgpu_pci_id is no address or vgpu_config
 * empty.
 */
typedef struct PlatformVgpu {
        PciAddress pci_id;
        const char *config;     /* belongs to the record */
        const char *extra_args; /* NULL when absent */
} PlatformVgpu;
int vm_record_platform_vgpu(JsonReader *r, const VmRecord *v, PlatformVgpu *ret);

/*
 * Video card and memory as xapi chooses them: Vgpu when the VM has a non-passthrough VGPU or the 6.x form; else
 * IGD_passthrough when platform igd_passthrough is true; else platform vga std or cirrus; else Cirrus. Video memory in
 * MiB: platform videoram, default 4, at least 16 with a vGPU.
 */
#define VIDEO_CARDS(W)                                                                                        \
        W(VIDEO_CIRRUS, "Cirrus") W(VIDEO_STANDARD_VGA, "Standard_VGA") W(VIDEO_QXL, "Qxl")                   \
        W(VIDEO_NONE, "None") W(VIDEO_VGPU, "Vgpu") W(VIDEO_IGD_PASSTHROUGH, "IGD_passthrough")
DEFINE_ENUM(VideoCard, VIDEO_CARD, VIDEO_CARDS);
const char *video_card_to_string(VideoCard card);
VideoCard vm_record_video_card(const VmRecord *v, bool has_vgpu);
uint32_t vm_record_video_mib(const VmRecord *v, bool has_vgpu);
/* What platform vga names, of which xapi knows two: libxl has cirrus (also where there is none), std, qxl and none.
 * _VIDEO_CARD_INVALID: another. */
VideoCard vm_record_emulated_card(const VmRecord *v);

/*
 * Whether libxl can do what the platform of an HVM guest asks for: the card (vga) and the switches of
 * vm_platform_flags. -EINVAL, naming the key, when it cannot.
 */
int vm_record_check_platform(JsonReader *r, const VmRecord *v, bool has_vgpu);

/* Switches of xapi's platform, and the members of libxl's b_info that they are. */
typedef struct VmPlatformFlag {
        const char *key, *member;
        bool of_hvm; /* in b_info.type.hvm */
} VmPlatformFlag;
extern const VmPlatformFlag vm_platform_flags[];
extern const size_t vm_n_platform_flags;
/* 1 and its value, 0 when the platform does not have it, -EINVAL when it is neither true nor false. */
int vm_record_platform_flag(const VmRecord *v, const char *key, bool *ret);
