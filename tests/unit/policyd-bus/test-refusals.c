/*
 * A refusal changes nothing: the pool before and after each error that a method can give
 *
 * The pool is all that GetManagedObjects shows, in its order, and each VM with its config. Which errors there
 * are is read from the documents: each of a method that changes must come up here, or stand among the
 * exceptions with the reason.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/base/hashmap.h"
#include "protocol/errors.h"
#include "protocol/xml.h"
#include "tests/unit/policyd-bus/policyd-world.h"

#define TYPES                                                                                                \
        "\"0001:nvidia,0ff2,,0fe7,101e\",\"0001:nvidia,0ff2,,0fe7,1020\",\"0001:nvidia,0ff2,,0fe7,1021\","   \
        "\"0001:passthrough\""
#define TYPE(id, name, in_vm)                                                                                \
        "{\"identifier\":\"0001:nvidia,0ff2,,0fe7," id                                                       \
        "\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA Corporation\",\"model_name\":\"" name     \
        "\",\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_y\":"  \
        "1200,"                                                                                              \
        "\"size\":131072,\"experimental\":false,\"internal_config\":{\"type_id\":\"11\",\"vclass\":\"NVS\"," \
        "\"config_file\":\"k.conf\"},\"compatible_types_in_vm\":[" in_vm "],\"compatible_types_on_pgpu\":["  \
        "\"0001:nvidia,0ff2,,0fe7," id "\"]}"

/* One K1 PGPU: 101e is enabled, and so is 1020, of which a VM takes several; 1021 is not. */
static const char inventory[] =
        "{\"version\":1,\"seq\":1,\"host_uuid\":\"11111111-2222-4333-8444-555555555555\",\"boot_id\":"
        "\"99999999-2222-4333-8444-555555555555\",\"hostname\":\"fake\",\"hypervisor\":\"simulated\","
        "\"epoch\":1,"
        "\"memory_total\":68719476736,\"memory_free\":68719476736,\"cpus\":2,\"iommu\":true,\"hvm\":true,"
        "\"networks\":[\"xenbr0\"],\"allowed_config_keys\":[],\"storage\":[],\"types\":[" TYPE("101e", "GRID one", "") "," TYPE(
                "1020", "GRID many", "\"0001:nvidia,0ff2,,0fe7,1020\"") "," TYPE("1021", "GRID off",
                "") ",{\"identifier\":\"0001:passthrough\",\"implementation\":\"passthrough\",\"vendor_"
                    "name\":\"\",\"model_name\":"
                    "\"passthrough\"}],\"pgpus\":[{\"pci_id\":\"0000:84:00.0\",\"vendor_id\":\"10de\","
                    "\"device_id\":\"0ff2\","
                    "\"subsystem_vendor_id\":\"10de\",\"subsystem_device_id\":\"1012\",\"vendor_name\":"
                    "\"NVIDIA Corporation\","
                    "\"device_name\":\"GK107GL [GRID "
                    "K1]\",\"driver\":\"\",\"bridge\":\"\",\"is_system_display_device\":false,"
                    "\"supported\":[" TYPES "],\"enabled\":[\"0001:nvidia,0ff2,,0fe7,101e\",\"0001:nvidia,"
                    "0ff2,,0fe7,1020\",\"0001:passthrough\"]}],"
                    "\"vms\":[],\"ended\":[],\"problems\":[]}";

#define UUID "22222222-2222-4333-8444-555555555555"
#define CONFIG(type, kib, more)                                                                              \
        "{\"c_info\":{\"type\":\"" type "\",\"name\":\"v\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":" kib  \
        ",\"target_memkb\":" kib ",\"type." type "\":{}}" more "}"
#define RECORD(name, more, config) "{\"name_label\":\"" name "\"" more ",\"config\":" config "}"
#define HVM CONFIG("hvm", "262144", "")
/* A VM with VGPUs of a group that has no hardware here. */
#define ALIEN_VGPU(device, more)                                                                             \
        "{\"device\":\"" device "\"" more ",\"gpu_group\":{\"name_label\":\"K2 "                             \
        "cards\",\"gpu_types\":[\"10de/11bf\"]},\"type\":{\"identifier\":"                                   \
        "\"0001:nvidia,11bf,,11b0,101a\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA "            \
        "Corporation\","                                                                                     \
        "\"model_name\":\"GRID K240Q\",\"size\":262144}}"
/* A type of another card, in the group that has hardware. */
#define ODD_VGPU                                                                                             \
        "{\"device\":\"0\",\"gpu_group\":{\"name_label\":\"K1\",\"gpu_types\":[\"10de/"                      \
        "0ff2\"]},\"type\":{\"identifier\":"                                                                 \
        "\"0001:nvidia,11bf,,11b0,101a\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA "            \
        "Corporation\",\"model_name\":"                                                                      \
        "\"GRID K240Q\",\"size\":262144}}"
#define IMPORT(name, more, vgpus) RECORD(name, more ",\"vgpus\":[" vgpus "]", HVM)
#define NOWHERE POLICY_PATH "/vgpu_type/_11111111_2222_4333_8444_555555555555"

typedef struct Pool {
        World *w;
        char host[128], pgpu[128], group[128], one[128], many[128], off[128], alien_type[128],
                alien_group[128];
        char busy[128], busy_vgpu[128], idle[128], idle_vgpu[128], several[128], alien[128], whole[128],
                bare[128];
        char web[128], db[128], quota[128], reservation[128], job[128];
        char covered[256][96]; /* "VM.Start VMBadPowerState" */
        size_t n_covered;
} Pool;

/* What is shown */

static void show_all(World *w, FILE *out) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        assert_true(
                sd_bus_call_method(w->client, POLICY_BUS_NAME, POLICY_PATH,
                        "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, &reply, NULL) >= 0);
        assert_true(sd_bus_message_dump(reply, out, SD_BUS_MESSAGE_DUMP_SUBTREE_ONLY) >= 0);
}

static char *snapshot(const Pool *p) {
        const char *const vms[] = {p->busy, p->idle, p->several, p->alien, p->whole, p->bare};
        size_t size;
        char *text;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        show_all(p->w, out);
        for (size_t i = 0; i < ARRAY_SIZE(vms); i++) {
                if (!*vms[i])
                        continue; /* it comes later */
                assert_true(call(p->w, vms[i], POLICY_IFACE_VM, "Export", ""));
                fprintf(out, "%s\n", p->w->reply);
        }
        fclose(out);
        return text;
}

/* Refusals */

static void cover(Pool *p, const char *interface, const char *member) {
        assert_true(p->n_covered < ARRAY_SIZE(p->covered));
        snprintf(p->covered[p->n_covered++], sizeof(p->covered[0]), "%s.%s %s", strrchr(interface, '.') + 1,
                member, strrchr(p->w->error, '.') + 1);
}

/* The lines where they begin to differ: the whole is some hundred KiB. */
static void check_same(const char *member, const char *word, const char *before, const char *after) {
        size_t i = 0, line = 0;

        for (; before[i] && before[i] == after[i]; i++)
                if (before[i] == '\n')
                        line = i;
        if (before[i] != after[i])
                fail_msg("%s, refused with %s, changed the pool:%.600s\n--- became%.600s", member, word,
                        before + (line > 300 ? line - 300 : 0), after + line);
}

#define REFUSED(p, word, path, interface, member, ...)                                                       \
        do {                                                                                                 \
                _cleanup_free_ char *_before_ = snapshot(p), *_after_ = NULL;                                \
                                                                                                             \
                if (call((p)->w, path, interface, member, __VA_ARGS__))                                      \
                        fail_msg("%s is not refused with " word, member);                                    \
                if (!streq((p)->w->error, "org.xenvgpu.Error." word))                                        \
                        fail_msg("%s: %s and not " word ": %s", member, (p)->w->error, (p)->w->sentence);    \
                cover(p, interface, member);                                                                 \
                _after_ = snapshot(p);                                                                       \
                check_same(member, word, _before_, _after_);                                                 \
        } while (false)
#define MANAGER_REFUSED(p, word, member, ...)                                                                \
        REFUSED(p, word, POLICY_PATH, POLICY_IFACE_MANAGER, member, __VA_ARGS__)
#define VM_REFUSED(p, word, vm, member, ...) REFUSED(p, word, vm, POLICY_IFACE_VM, member, __VA_ARGS__)

static void made(World *w, char ret[static 128]) {
        if (!*w->reply)
                fail_msg("%s: %s", w->error, w->sentence);
        snprintf(ret, 128, "%.127s", w->reply);
}

static void make_vm(Pool *p, const char *record, const char *group, const char *type, char ret[static 128]) {
        (void) MANAGER(p->w, "CreateVM", "sa{sv}", record, 0);
        made(p->w, ret);
        if (type && !MANAGER(p->w, "CreateVGPU", "oooa{sv}", ret, group, type, 0))
                fail_msg("%s: %s", p->w->error, p->w->sentence);
}

static void make_pool(Pool *p, World *w) {
        *p = (Pool){.w = w};
        w->host.inventory = inventory;
        world_add_host(w, p->host);
        find(w, "pgpu", "0000:84:00.0", p->pgpu);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", p->group);
        find(w, "vgpu_type", "GRID one", p->one);
        find(w, "vgpu_type", "GRID many", p->many);
        find(w, "vgpu_type", "GRID off", p->off);
        /* While nothing stands there. */
        REFUSED(p, "GPUGroupContainsPGPU", p->group, POLICY_IFACE_GPU_GROUP, "Destroy", "");
        (void) MANAGER(w, "ImportVM", "sa{sv}", IMPORT("alien", "", ALIEN_VGPU("0", "")), 0);
        made(w, p->alien);
        find(w, "vgpu_type", "GRID K240Q", p->alien_type);
        find(w, "gpu_group", "K2 cards", p->alien_group);
        REFUSED(p, "PGPUNotCompatibleWithGPUGroup", p->pgpu, POLICY_IFACE_PGPU, "SetGPUGroup", "o",
                p->alien_group);
        make_vm(p, RECORD("busy", ",\"uuid\":\"" UUID "\"", HVM), p->group, p->one, p->busy);
        make_vm(p, RECORD("idle", ",\"owner\":\"lab\"", HVM), p->group, p->one, p->idle);
        make_vm(p, RECORD("several", "", HVM), p->group, p->many, p->several);
        make_vm(p, RECORD("whole", "", HVM), p->group, "/", p->whole);
        make_vm(p, RECORD("bare", "", HVM), NULL, NULL, p->bare);
        (void) MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 0);
        made(w, p->web);
        (void) MANAGER(w, "CreateVMGroup", "sa{sv}", "db", 0);
        made(w, p->db);
        (void) MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", (uint64_t) 0);
        made(w, p->quota);
        assert_true(call(w, p->busy, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        made(w, p->job);
        for (unsigned i = 0; i < 200 && w->host.n_orders == 0; i++)
                world_turn(w, 20);
        property(w, p->busy, POLICY_IFACE_VM, "ScheduledToBeResidentOn");
        assert_string_equal(w->reply, p->host);
}

/* Groups of refusals */

static void refuse_creations(Pool *p) {
        char long_text[8192];

        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        MANAGER_REFUSED(p, "InvalidRecord", "AddHost", "ssa{sv}", "", "unix:path=/nowhere", 0);
        MANAGER_REFUSED(p, "InvalidRecord", "AddHost", "ssa{sv}", "far", "ssh:xenvgpu@far", 1, "fingerprint", "s", "SHA256:x");
        MANAGER_REFUSED(p, "InvalidAddress", "AddHost", "ssa{sv}", "far", "tcp:host=far,port=1", 0);
        MANAGER_REFUSED(p, "AlreadyExists", "AddHost", "ssa{sv}", "alpha", "unix:path=/nowhere", 0);
        MANAGER_REFUSED(p, "HostAlreadyInPool", "AddHost", "ssa{sv}", "far", p->w->host_bus.address, 0);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateGPUGroup", "sa{sv}", "", 0);
        MANAGER_REFUSED(
                p, "InvalidRecord", "CreateGPUGroup", "sa{sv}", "g", 1, "name_description", "s", long_text);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateVM", "sa{sv}", "{}", 0);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateVM", "sa{sv}", RECORD("v", "", "{}"), 0);
        MANAGER_REFUSED(
                p, "AlreadyExists", "CreateVM", "sa{sv}", RECORD("v", ",\"uuid\":\"" UUID "\"", HVM), 0);
        MANAGER_REFUSED(p, "NoSuchObject", "AdoptVM", "osa{sv}", p->host, "v", 0);
        MANAGER_REFUSED(p, "NoSuchObject", "EndOutsideVM", "osa{sv}", p->host, "v", 0);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateVMGroup", "sa{sv}", "", 0);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateVMGroup", "sa{sv}", "g", 1, "placement", "s", "heap");
        MANAGER_REFUSED(
                p, "NoSuchObject", "CreateQuota", "soa{sv}", "q", NOWHERE, 1, "vgpus_max", "t", (uint64_t) 1);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateQuota", "soa{sv}", "q", "/", 0);
        MANAGER_REFUSED(
                p, "AlreadyExists", "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", (uint64_t) 1);
}

static void refuse_imports(Pool *p) {
        MANAGER_REFUSED(p, "InvalidRecord", "ImportVM", "sa{sv}", "{}", 0);
        MANAGER_REFUSED(
                p, "AlreadyExists", "ImportVM", "sa{sv}", IMPORT("v", ",\"uuid\":\"" UUID "\"", ""), 0);
        /* What comes before the VGPU that is refused is taken back: the VM, and a group and a type that were
         * new. */
        MANAGER_REFUSED(p, "VGPUTypeNotCompatible", "ImportVM", "sa{sv}",
                IMPORT("v", "", ALIEN_VGPU("0", "") "," ALIEN_VGPU("1", "")), 0);
        MANAGER_REFUSED(p, "InvalidDevice", "ImportVM", "sa{sv}", IMPORT("v", "", ALIEN_VGPU("99", "")), 0);
}

static void refuse_vgpus(Pool *p) {
        World *w = p->w;

        MANAGER_REFUSED(p, "NoSuchObject", "CreateVGPU", "oooa{sv}", p->bare, NOWHERE, p->one, 0);
        MANAGER_REFUSED(p, "InvalidRecord", "CreateVGPU", "oooa{sv}", p->bare, p->group, "/", 1, "extra_args", "s", "a=1");
        MANAGER_REFUSED(p, "VMBadPowerState", "CreateVGPU", "oooa{sv}", p->busy, p->group, p->one, 0);
        MANAGER_REFUSED(p, "InvalidDevice", "CreateVGPU", "oooa{sv}", p->bare, p->group, p->one, 1, "device",
                "s", "21");
        assert_true(MANAGER(w, "CreateVGPU", "oooa{sv}", p->several, p->group, p->many, 0));
        MANAGER_REFUSED(p, "DeviceAlreadyExists", "CreateVGPU", "oooa{sv}", p->several, p->group, p->many, 1,
                "device", "s", "1");
        MANAGER_REFUSED(p, "VGPUTypeNotCompatible", "CreateVGPU", "oooa{sv}", p->idle, p->group, p->one, 0);
        MANAGER_REFUSED(
                p, "VGPUTypeNotSupported", "CreateVGPU", "oooa{sv}", p->bare, p->group, p->alien_type, 0);
        for (unsigned i = 2; i <= 20; i++)
                assert_true(MANAGER(w, "CreateVGPU", "oooa{sv}", p->several, p->group, p->many, 0));
        MANAGER_REFUSED(p, "VMPCIBusFull", "CreateVGPU", "oooa{sv}", p->several, p->group, p->many, 0);
        find(w, "vm", "busy", p->busy);
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vgpu", 1, "VM", "o", p->busy, 0, 0));
        assert_non_null(strstr(w->reply, POLICY_PATH "/vgpu/"));
        snprintf(p->busy_vgpu, sizeof(p->busy_vgpu), "%.*s", (int) strlen(POLICY_PATH "/vgpu/_") + 36,
                strstr(w->reply, POLICY_PATH "/vgpu/"));
        REFUSED(p, "VMBadPowerState", p->busy_vgpu, POLICY_IFACE_VGPU, "Destroy", "");
}

static void refuse_hardware(Pool *p) {
        REFUSED(p, "HostInUse", p->host, POLICY_IFACE_HOST, "Remove", "");
        REFUSED(p, "HostInUse", p->host, POLICY_IFACE_HOST, "DeclareDead", "");
        REFUSED(p, "NoSuchObject", p->pgpu, POLICY_IFACE_PGPU, "SetGPUGroup", "o", NOWHERE);
        REFUSED(p, "PGPUInUseByVM", p->pgpu, POLICY_IFACE_PGPU, "SetGPUGroup", "o", "/");
        REFUSED(p, "NoSuchObject", p->pgpu, POLICY_IFACE_PGPU, "AddEnabledVGPUType", "o", NOWHERE);
        REFUSED(p, "VGPUTypeNotSupported", p->pgpu, POLICY_IFACE_PGPU, "AddEnabledVGPUType", "o",
                p->alien_type);
        REFUSED(p, "NoSuchObject", p->pgpu, POLICY_IFACE_PGPU, "RemoveEnabledVGPUType", "o", NOWHERE);
        REFUSED(p, "VGPUTypeNotSupported", p->pgpu, POLICY_IFACE_PGPU, "RemoveEnabledVGPUType", "o",
                p->alien_type);
        REFUSED(p, "PGPUInUseByVM", p->pgpu, POLICY_IFACE_PGPU, "RemoveEnabledVGPUType", "o", p->one);
        REFUSED(p, "NoSuchObject", p->pgpu, POLICY_IFACE_PGPU, "SetEnabledVGPUTypes", "ao", 1, NOWHERE);
        REFUSED(p, "VGPUTypeNotSupported", p->pgpu, POLICY_IFACE_PGPU, "SetEnabledVGPUTypes", "ao", 2, p->one,
                p->alien_type);
        REFUSED(p, "PGPUInUseByVM", p->pgpu, POLICY_IFACE_PGPU, "SetEnabledVGPUTypes", "ao", 0);
        REFUSED(p, "GPUGroupContainsVGPU", p->group, POLICY_IFACE_GPU_GROUP, "Destroy", "");
        REFUSED(p, "InvalidRecord", p->group, POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", "s",
                "worst-fit");
        REFUSED(p, "InvalidRecord", p->group, POLICY_IFACE_GPU_GROUP, "SetNameLabel", "s", "");
        REFUSED(p, "InvalidRecord", p->group, POLICY_IFACE_GPU_GROUP, "SetNameDescription", "s", "\033[2J");
}

static void refuse_reservations(Pool *p) {
        MANAGER_REFUSED(
                p, "NoSuchObject", "Reserve", "soouta{sv}", "r", p->group, NOWHERE, 1, (uint64_t) 60, 0);
        MANAGER_REFUSED(
                p, "InvalidRecord", "Reserve", "soouta{sv}", "r", p->group, p->one, 0, (uint64_t) 60, 0);
        MANAGER_REFUSED(p, "PGPUInsufficientCapacity", "Reserve", "soouta{sv}", "r", p->group, p->one, 100,
                (uint64_t) 60, 0);
        MANAGER_REFUSED(p, "QuotaExceeded", "Reserve", "soouta{sv}", "r", p->group, p->one, 1, (uint64_t) 60,
                1, "owner", "s", "lab");
}

static void refuse_starts(Pool *p) {
        World *w = p->w;
        char pv[128], net[128], sr[128], large[128], off[128], next[128], odd[128], vga[128], usb[128];

        make_vm(p, RECORD("net", "", CONFIG("hvm", "262144", ",\"nics\":[{\"bridge\":\"xenbr9\"}]")), NULL,
                NULL, net);
        make_vm(p,
                RECORD("sr", "",
                        CONFIG("hvm", "262144",
                                ",\"disks\":[{\"pdev_path\":\"/nowhere/a.img\",\"vdev\":\"xvda\"}]")),
                NULL, NULL, sr);
        make_vm(p, RECORD("vga", ",\"platform\":{\"vga\":\"foo\"}", HVM), NULL, NULL, vga);
        make_vm(p, RECORD("usb", "", CONFIG("hvm", "262144", ",\"usbdevs\":[{\"devid\":1}]")), NULL, NULL, usb);
        make_vm(p, RECORD("large", "", CONFIG("hvm", "134217728", "")), NULL, NULL, large);
        make_vm(p, RECORD("off", "", HVM), p->group, p->off, off);
        make_vm(p, RECORD("next", "", HVM), p->group, p->one, next);
        VM_REFUSED(p, "OtherOperationInProgress", p->busy, "Start", "a{sv}", 0);
        VM_REFUSED(p, "QuotaExceeded", p->idle, "Start", "a{sv}", 0);
        VM_REFUSED(p, "GPUGroupContainsNoPGPUs", p->alien, "Start", "a{sv}", 0);
        VM_REFUSED(p, "VGPUTypeNotCompatibleWithRunningType", p->several, "Start", "a{sv}", 0);
        VM_REFUSED(p, "VGPUTypeNotEnabled", off, "Start", "a{sv}", 0);
        VM_REFUSED(p, "VMRequiresGPU", p->whole, "Start", "a{sv}", 0);
        VM_REFUSED(p, "HostNotEnoughFreeMemory", large, "Start", "a{sv}", 0);
        VM_REFUSED(p, "VMRequiresNet", net, "Start", "a{sv}", 0);
        VM_REFUSED(p, "InvalidRecord", vga, "Start", "a{sv}", 0);
        VM_REFUSED(p, "ConfigNotAllowed", usb, "Start", "a{sv}", 0);
        VM_REFUSED(p, "VMRequiresSR", sr, "Start", "a{sv}", 0);
        make_vm(p, RECORD("gpu", "", CONFIG("pv", "262144", "")), p->group, p->one, pv);
        VM_REFUSED(p, "FeatureRequiresHVM", pv, "Start", "a{sv}", 0);
        (void) MANAGER(w, "ImportVM", "sa{sv}", IMPORT("odd", "", ODD_VGPU), 0);
        made(w, odd);
        VM_REFUSED(p, "VGPUTypeNotSupported", odd, "Start", "a{sv}", 0);
        VM_REFUSED(p, "NoSuchObject", next, "StartOn", "oa{sv}", NOWHERE, 0);
        assert_true(MANAGER(w, "Reserve", "soouta{sv}", "rest", p->group, p->one, 7, (uint64_t) 600, 0));
        made(w, p->reservation);
        VM_REFUSED(p, "PGPUInsufficientCapacity", next, "Start", "a{sv}", 0);
        assert_true(call(w, p->reservation, POLICY_IFACE_RESERVATION, "Destroy", ""));
        assert_true(call(w, p->host, POLICY_IFACE_HOST, "Disable", ""));
        VM_REFUSED(p, "NoHostsAvailable", next, "Start", "a{sv}", 0);
        VM_REFUSED(p, "HostDisabled", next, "StartOn", "oa{sv}", p->host, 0);
        VM_REFUSED(p, "NoHostsAvailable", p->bare, "Start", "a{sv}", 0);
        assert_true(call(w, p->host, POLICY_IFACE_HOST, "Enable", ""));
}

/* Maps and sets of all classes. */
static void refuse_entries(Pool *p) {
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetNameDescription", "s", "\033[2J");
        VM_REFUSED(p, "InvalidRecord", p->bare, "SetPlatform", "a{ss}", 1, "vga", "foo");
        VM_REFUSED(p, "InvalidRecord", p->bare, "ChangePlatform", "a{ss}as", 2, "vgpu_pci_id", "here", "vgpu_config", "k100.conf", 0);
        VM_REFUSED(p, "VMBadPowerState", p->busy, "SetPlatform", "a{ss}", 1, "vgpu_extra_args", "a=1");
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetOtherConfig", "a{ss}", 1, "pci", "0/0000:84:00.0");
        VM_REFUSED(p, "InvalidRecord", p->idle, "ChangeOtherConfig", "a{ss}as", 2, "good", "1", "auto_poweron", "true", 0);
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetTags", "as", 2, "good", "");
        REFUSED(p, "InvalidRecord", p->host, POLICY_IFACE_HOST, "SetNameDescription", "s", "\033[2J");
        REFUSED(p, "InvalidRecord", p->host, POLICY_IFACE_HOST, "SetTags", "as", 1, "a\nb");
        REFUSED(p, "InvalidRecord", p->host, POLICY_IFACE_HOST, "SetOtherConfig", "a{ss}", 2, "good", "1", "", "2");
        REFUSED(p, "InvalidRecord", p->pgpu, POLICY_IFACE_PGPU, "SetOtherConfig", "a{ss}", 1, "", "2");
        REFUSED(p, "InvalidRecord", p->group, POLICY_IFACE_GPU_GROUP, "SetOtherConfig", "a{ss}", 1, "", "2");
        REFUSED(p, "InvalidRecord", p->busy_vgpu, POLICY_IFACE_VGPU, "SetOtherConfig", "a{ss}", 1, "", "2");
        REFUSED(p, "InvalidRecord", p->busy_vgpu, POLICY_IFACE_VGPU, "SetExtraArgs", "s", "a\nb");
}

static void refuse_changes(Pool *p) {
        VM_REFUSED(p, "VMBadPowerState", p->idle, "Shutdown", "a{sv}", 0);
        VM_REFUSED(p, "VMBadPowerState", p->idle, "HardShutdown", "a{sv}", 0);
        VM_REFUSED(p, "VMBadPowerState", p->idle, "Reboot", "a{sv}", 0);
        VM_REFUSED(p, "OtherOperationInProgress", p->busy, "Reboot", "a{sv}", 1, "force", "b", 1);
        VM_REFUSED(p, "InvalidRecord", p->idle, "Ensure", "sa{sv}", "paused", 0);
        VM_REFUSED(p, "InvalidRecord", p->idle, "Ensure", "sa{sv}", "running", 1, "force", "b", 1);
        VM_REFUSED(p, "OtherOperationInProgress", p->busy, "Ensure", "sa{sv}", "halted", 0);
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetConfig", "s", "{}");
        VM_REFUSED(p, "VMBadPowerState", p->busy, "SetConfig", "s", HVM);
        REFUSED(p, "InvalidRecord", p->host, POLICY_IFACE_HOST, "SetNameLabel", "s", "");
        REFUSED(p, "InvalidRecord", p->host, POLICY_IFACE_HOST, "SetFingerprint", "s", "SHA256:x");
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetNameLabel", "s", "");
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetAffinity", "s", "a\nb");
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetOwner", "s", "*");
        VM_REFUSED(p, "NoSuchObject", p->idle, "SetGroups", "ao", 1, NOWHERE);
        VM_REFUSED(p, "InvalidRecord", p->idle, "SetGroups", "ao", 2, p->web, p->db);
        VM_REFUSED(p, "VMBadPowerState", p->busy, "Destroy", "");
        REFUSED(p, "InvalidRecord", p->web, POLICY_IFACE_VM_GROUP, "SetNameLabel", "s", "");
        REFUSED(p, "InvalidRecord", p->web, POLICY_IFACE_VM_GROUP, "SetNameDescription", "s", "\033[2J");
        REFUSED(p, "InvalidRecord", p->web, POLICY_IFACE_VM_GROUP, "SetPlacement", "s", "heap");
}

/* Its host is away: the VM stays booked there. */
static void refuse_offline(Pool *p) {
        World *w = p->w;

        fake_host_stop(&w->host);
        world_until(w, p->host, POLICY_IFACE_HOST, "State", "offline");
        REFUSED(p, "HostOffline", p->pgpu, POLICY_IFACE_PGPU, "AddEnabledVGPUType", "o", p->off);
        REFUSED(p, "HostOffline", p->pgpu, POLICY_IFACE_PGPU, "RemoveEnabledVGPUType", "o", p->many);
        REFUSED(p, "HostOffline", p->pgpu, POLICY_IFACE_PGPU, "SetEnabledVGPUTypes", "ao", 1, p->one);
        VM_REFUSED(p, "HostOffline", p->several, "StartOn", "oa{sv}", p->host, 0);
        VM_REFUSED(p, "NoHostsAvailable", p->several, "Start", "a{sv}", 0);
}

/* Each change that would be made, where no commit can be: the pool is read again from the disk. */
static void refuse_unstored(Pool *p) {
        struct rlimit full, limit;

        assert_int_equal(prlimit(p->w->policyd, RLIMIT_FSIZE, NULL, &limit), 0);
        full = (struct rlimit){.rlim_cur = 1, .rlim_max = limit.rlim_max};
        assert_int_equal(prlimit(p->w->policyd, RLIMIT_FSIZE, &full, NULL), 0);
        /* From the first on lists are in the order of the disk. */
        assert_false(MANAGER(p->w, "CreateGPUGroup", "sa{sv}", "g", 0));
        assert_refused(p->w, "StorageFailed");
        MANAGER_REFUSED(p, "StorageFailed", "CreateGPUGroup", "sa{sv}", "g", 0);
        MANAGER_REFUSED(p, "StorageFailed", "CreateVM", "sa{sv}", RECORD("v", "", HVM), 0);
        MANAGER_REFUSED(p, "StorageFailed", "ImportVM", "sa{sv}", IMPORT("v", "", ALIEN_VGPU("0", "")), 0);
        MANAGER_REFUSED(p, "StorageFailed", "CreateVGPU", "oooa{sv}", p->bare, p->group, p->one, 0);
        MANAGER_REFUSED(p, "StorageFailed", "CreateVMGroup", "sa{sv}", "g", 0);
        MANAGER_REFUSED(
                p, "StorageFailed", "CreateQuota", "soa{sv}", "q", "/", 1, "vgpus_max", "t", (uint64_t) 1);
        VM_REFUSED(p, "StorageFailed", p->idle, "SetNameLabel", "s", "other");
        VM_REFUSED(p, "StorageFailed", p->idle, "SetPlatform", "a{ss}", 1, "vga", "std");
        VM_REFUSED(p, "StorageFailed", p->idle, "SetTags", "as", 1, "red");
        VM_REFUSED(p, "StorageFailed", p->idle, "SetConfig", "s", CONFIG("hvm", "524288", ""));
        VM_REFUSED(p, "StorageFailed", p->idle, "SetGroups", "ao", 1, p->web);
        VM_REFUSED(p, "StorageFailed", p->bare, "Destroy", "");
        REFUSED(p, "StorageFailed", p->quota, POLICY_IFACE_QUOTA, "SetVGPUsMax", "t", (uint64_t) 9);
        REFUSED(p, "StorageFailed", p->quota, POLICY_IFACE_QUOTA, "SetSizeMax", "t", (uint64_t) 9);
        REFUSED(p, "StorageFailed", p->quota, POLICY_IFACE_QUOTA, "Destroy", "");
        REFUSED(p, "StorageFailed", p->web, POLICY_IFACE_VM_GROUP, "Destroy", "");
        REFUSED(p, "StorageFailed", p->group, POLICY_IFACE_GPU_GROUP, "SetNameLabel", "s", "other");
        REFUSED(p, "StorageFailed", p->host, POLICY_IFACE_HOST, "Disable", "");
        assert_int_equal(prlimit(p->w->policyd, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* Coverage of the documents */

/* Those that this world cannot be brought to; each has its test where its rule is. */
static const char *const exceptions[] = {
        "Manager.AddHost LimitReached",
        "Manager.CreateGPUGroup LimitReached",
        "Manager.CreateVM LimitReached",
        "Manager.ImportVM LimitReached",
        "PGPU.Adopt InvalidRecord",
        "PGPU.Adopt PGPUInUseByVM",
        "PGPU.ClearHealth HostOffline", /* no function of this pool is suspect: scenario-sriov-health */
        "PGPU.Adopt HostOffline", /* no card of this pool vanished: scenario-known-again */
        "Manager.EndOutsideVM AmbiguousName",
        "Manager.EndOutsideVM AlreadyExists",
        "Manager.EndOutsideVM HostOffline",
        "Manager.EndOutsideVM VMBadPowerState", /* nothing runs outside of this pool: policyd-service-outside, scenario-adopt */
        "Manager.AdoptVM AmbiguousName",
        "Manager.AdoptVM AlreadyExists",
        "Manager.AdoptVM HostOffline",
        "Manager.AdoptVM VMBadPowerState",
        "Manager.AdoptVM GPUGroupContainsNoPGPUs",
        "Manager.AdoptVM InvalidRecord",
        "Manager.AdoptVM OtherOperationInProgress",
        "Manager.AdoptVM LimitReached", /* nothing runs outside of this pool: policyd-service-outside, scenario-adopt */
        "Manager.CreateVGPU LimitReached",
        "Manager.Reserve LimitReached",
        "Manager.CreateQuota LimitReached",
        "Manager.CreateVMGroup LimitReached", /* test_limits */
        "Manager.PoolKey StorageFailed", /* scenario-ssh-set-up */
        "VM.SetPlatform LimitReached",
        "VM.SetOtherConfig LimitReached",
        "VM.SetTags LimitReached",
        "Host.SetOtherConfig LimitReached",
        "Host.SetTags LimitReached",
        "PGPU.SetOtherConfig LimitReached",
        "GPUGroup.SetOtherConfig LimitReached",
        "VGPU.SetOtherConfig LimitReached", /* policyd-service: test-entries.c */
        "Manager.ImportVM DeviceAlreadyExists",
        "Manager.ImportVM VMPCIBusFull", /* of VGPUs that one VM can have */
        "Host.SetNameLabel AlreadyExists", /* it has one host: policyd-service-hosts */
        "VM.Start VMBadPowerState",
        "VM.Start PGPUUnhealthy",
        "VM.Start VMRequiresPCI", /* hosts of old inventories do not tell their functions */
        "VM.Start HostDisabled",
        "VM.Start HostOffline",
        "VM.Start VMRequiresIOMMU",
        "VM.StartOn VMRequiresVGPU",
        "VM.Shutdown HostOffline",
        "VM.HardShutdown HostOffline",
        "VM.Reboot HostOffline",
        "Job.Cancel VMBadPowerState",
};

static bool is_covered(const Pool *p, const char *what) {
        for (size_t i = 0; i < p->n_covered; i++)
                if (streq(p->covered[i], what))
                        return true;
        for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++)
                if (streq(exceptions[i], what))
                        return true;
        return false;
}

static bool changes(const char *member) {
        static const char *const reads[] = {
                "Find", "List", "Plan", "Check", "CheckHostFailure", "ExplainStart", "RemoveRow", "Backup"};

        for (size_t i = 0; i < ARRAY_SIZE(reads); i++)
                if (streq(reads[i], member))
                        return false;
        return true;
}

/* The words behind "Errors:" in a method's document. */
static void check_method(
        const Pool *p, const char *interface, const char *member, const char *text, const char *end) {
        const char *errors = strstr(text, "Errors: ");

        if (!errors || errors > end || !changes(member))
                return;
        for (const char *at = errors + strlen("Errors: "); at < end; at += strspn(at, " ,.();\n")) {
                size_t n = strcspn(at, " ,.();\n");
                char name[128], what[256];

                snprintf(name, sizeof(name), "org.xenvgpu.Error.%.*s", (int) n, at);
                snprintf(what, sizeof(what), "%s.%s %.*s", strrchr(interface, '.') + 1, member, (int) n, at);
                at += n;
                if (error_code_from_name(name) >= 0 && !is_covered(p, what))
                        fail_msg("No refusal of %s is tried", what);
        }
}

static void check_document(const Pool *p, const InterfaceXml *x) {
        for (const char *at = strstr(x->xml, "<method name=\""); at; at = strstr(at + 1, "<method name=\"")) {
                char member[64];

                assert_int_equal(sscanf(at, "<method name=\"%63[A-Za-z]\"", member), 1);
                check_method(p, x->interface, member, at, strstr(at, "</method>"));
        }
}

static void test_a_refusal_changes_nothing(void **state) {
        World *w = *state;
        Pool p;

        assert_int_equal(policyd_end(w, SIGTERM), 0);
        signal(SIGXFSZ, SIG_IGN);
        policyd_start(w, NULL);
        make_pool(&p, w);
        refuse_creations(&p);
        refuse_imports(&p);
        refuse_vgpus(&p);
        refuse_hardware(&p);
        refuse_reservations(&p);
        refuse_starts(&p);
        refuse_entries(&p);
        refuse_changes(&p);
        refuse_offline(&p);
        refuse_unstored(&p);
        for (const InterfaceXml *x = interface_xml; x->interface; x++)
                if (startswith(x->interface, POLICY_BUS_NAME "."))
                        check_document(&p, x);
}

static const char *const limits[] = {"limit_host", "limit_gpu_group", "limit_vm", "limit_vgpu",
        "limit_reservation", "limit_quota", "limit_vm_group"};

/* A class that is full takes none more, and an import takes nothing of what it would bring. */
static void test_limits(void **state) {
        World *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                char setting[64];

                assert_int_equal(policyd_end(w, SIGTERM), 0);
                snprintf(setting, sizeof(setting), "%s=0", limits[i]);
                policyd_start(w, setting);
                for (unsigned k = 0; k < 2; k++) {
                        Pool p = {.w = w};
                        char *before, *after;
                        size_t size;
                        FILE *out = open_memstream(&before, &size);

                        show_all(w, out);
                        fclose(out);
                        if (i == 0)
                                assert_false(
                                        MANAGER(w, "AddHost", "ssa{sv}", "far", "unix:path=/nowhere", 0));
                        else if (i == 1)
                                assert_false(k ? MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0)
                                               : MANAGER(w, "ImportVM", "sa{sv}",
                                                         IMPORT("v", "", ALIEN_VGPU("0", "")), 0));
                        else if (i == 2)
                                assert_false(k ? MANAGER(w, "CreateVM", "sa{sv}", RECORD("v", "", HVM), 0)
                                               : MANAGER(w, "ImportVM", "sa{sv}",
                                                         IMPORT("v", "", ALIEN_VGPU("0", "")), 0));
                        else if (i == 3)
                                assert_false(MANAGER(
                                        w, "ImportVM", "sa{sv}", IMPORT("v", "", ALIEN_VGPU("0", "")), 0));
                        else if (i == 5)
                                assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "q", "/", 1, "vgpus_max",
                                        "t", (uint64_t) 1));
                        else if (i == 6)
                                assert_false(MANAGER(w, "CreateVMGroup", "sa{sv}", "g", 0));
                        else {
                                free(before);
                                continue;
                        }
                        assert_refused(w, "LimitReached");
                        out = open_memstream(&after, &size);
                        show_all(p.w, out);
                        fclose(out);
                        assert_string_equal(before, after);
                        free(before);
                        free(after);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_refusal_changes_nothing),
                WORLD_TEST(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
