/*
 * A host in a folder of its own, for tests
 */

#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "tests/unit/hostd-service/world.h"

#define HOST_FILE                                                                                            \
        "{\"memory_total\":68719476736,\"dom0_memory\":4294967296,\"cpus\":4,\"iommu\":true,"                \
        "\"networks\":[\"xenbr0\"],\"storage\":[\"/srv\"],\"hostname\":\"alpha\"}"
#define WAIT_MAX (20 * UINT64_C(1000000))

char *temporary_folder(void) {
        char *folder = strdup("/tmp/xenvgpu-test.XXXXXX");

        assert_non_null(folder);
        assert_non_null(mkdtemp(folder));
        return folder;
}

void write_file(const char *folder, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(folder, name);

        assert_int_equal(file_write_atomic(path, text, strlen(text), 0644), 0);
}

static void make_pgpu(const char *sysfs, const char *address) {
        _cleanup_free_ char *folder = NULL, *config = NULL;
        char bytes[256] = {(char) 0xde, 0x10, (char) 0xf2, 0x0f, 7, 0, 0x10, 0, (char) 0xa1, 0, 0, 3};

        assert_true(asprintf(&folder, "%s/devices/%s", sysfs, address) > 0);
        assert_int_equal(mkdir_parents(folder, 0755), 0);
        write_file(folder, "vendor", "0x10de\n");
        write_file(folder, "device", "0x0ff2\n");
        write_file(folder, "subsystem_vendor", "0x10de\n");
        write_file(folder, "subsystem_device", "0x1012\n");
        write_file(folder, "class", "0x030000\n");
        write_file(folder, "revision", "0xa1\n");
        write_file(folder, "irq", "0\n");
        write_file(folder, "resource", "");
        memcpy(bytes + 0x2c, "\xde\x10\x12\x10", 4);
        config = path_join(folder, "config");
        assert_int_equal(file_write_atomic(config, bytes, sizeof(bytes), 0644), 0);
}

static char *setting(const char *folder, const char *text) {
        char *value;

        assert_true(asprintf(&value, "%s%s%s", strempty(folder), folder ? "/" : "", text) >= 0);
        return value;
}

static void make_settings(World *w) {
        w->settings = (HostSettings){
                .bus = setting(NULL, ""),
                .sysfs_path = setting(w->folder, "sysfs"),
                .pci_dump = setting(NULL, ""),
                .pci_ids = setting(NULL, ""),
                .vga_arbiter = setting(NULL, ""),
                .nvidia_conf_dir = setting(FIXTURES, "types/vgx"),
                .nvidia_xml = setting(w->folder, "none"),
                .nvidia_driver_link = setting(w->folder, "none"),
                .gvtg_list = setting(w->folder, "none"),
                .mxgpu_list = setting(w->folder, "none"),
                .hypervisor = setting(NULL, "simulated"),
                .sim_dir = setting(w->folder, "sim"),
                .boot_id_file = setting(w->folder, "boot_id"),
                .ovsdb = strdup(""),
                .hostname = setting(NULL, ""),
                .units = setting(NULL, "process"),
                .domain_program = setting(NULL, "/bin/false"),
                .dm_program = setting(NULL, "/bin/false"),
                .emulator = setting(NULL, "/bin/false"),
                .emulator_arguments = setting(NULL, "today"),
                .qemu = setting(NULL, "/bin/false"),
                .qemu_vgpu_args = setting(NULL, "-vgpu"),
                .on_emulator_death = setting(NULL, "report"),
                .emulator_timeout = 1000000,
                .running_timeout = 1000000,
                .concurrent_starts = 4,
                .program_restarts = 1,
        };
}

void world_boot(World *w) {
        Uuid id = new_uuid();

        write_file(w->folder, "boot_id", UUID_TEXT(&id));
}

int world_setup(void **state) {
        _cleanup_free_ char *sysfs = NULL, *sim = NULL;
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        w->folder = temporary_folder();
        w->state_dir = path_join(w->folder, "state");
        w->runtime_dir = path_join(w->folder, "run");
        sysfs = path_join(w->folder, "sysfs");
        sim = path_join(w->folder, "sim");
        assert_int_equal(mkdir_parents(sim, 0755), 0);
        make_pgpu(sysfs, "0000:83:00.0");
        make_pgpu(sysfs, "0000:84:00.0");
        write_file(sim, "host.json", HOST_FILE);
        world_boot(w);
        make_settings(w);
        for (size_t i = 0; i < _HOST_SIGNAL_MAX; i++)
                w->told[i] = json_object_new_array();
        assert_true(sd_event_new(&w->event) >= 0);
        world_open(w);
        *state = w;
        return 0;
}

int world_teardown(void **state) {
        World *w = *state;

        world_close(w);
        sd_event_unref(w->event);
        for (size_t i = 0; i < _HOST_SIGNAL_MAX; i++)
                json_object_put(w->told[i]);
        host_settings_done(&w->settings);
        assert_int_equal(remove_tree(w->folder), 0);
        free(w->folder);
        free(w->state_dir);
        free(w->runtime_dir);
        free(w);
        return 0;
}

/* What the host tells. */

static void on_signal(HostSignal signal, const char *json, void *userdata) {
        struct json_object *o;
        JsonReader reader = {};
        World *w = userdata;
        Uuid vm;

        assert_int_equal(json_parse(&reader, json, strlen(json), &o), 0);
        json_object_array_add(w->told[signal], o);
        if (signal == HOST_SIGNAL_VM_EVENT && streq(text_of(o, "state"), "halted") &&
                uuid_from_string(text_of(o, "uuid"), &vm) >= 0 && uuid_equal(&vm, &w->waiting_for)) {
                w->halted = true;
                if (w->at_halt)
                        w->at_halt(w);
        }
}

static void on_property(HostProperty property, void *userdata) {
}

static void on_pgpu(const PciAddress *address, void *userdata) {
}

static void on_pgpu_changed(const PciAddress *address, PgpuProperty property, void *userdata) {
        World *w = userdata;

        w->n_pgpu_changes++;
}

static void on_status(void *userdata) {
}

static const HostListener listener = {
        .signal = on_signal,
        .property = on_property,
        .pgpu.added = on_pgpu,
        .pgpu.removed = on_pgpu,
        .pgpu.changed = on_pgpu_changed,
        .status = on_status,
};

void world_open(World *w) {
        assert_int_equal(host_parts_open(&w->parts, w->event, &w->settings, w->state_dir, w->runtime_dir), 0);
        if (w->units)
                w->parts.units.ops = w->units;
        assert_int_equal(host_open(&w->parts, &w->host), 0);
        assert_int_equal(host_begin(w->host, &listener, w), 0);
}

void world_close(World *w) {
        if (!w->host)
                return;
        w->host = host_close(w->host);
        host_parts_close(&w->parts);
}

void world_reopen(World *w) {
        world_close(w);
        world_open(w);
}

/* What is asked of it. */

void world_claim(World *w, uint64_t epoch) {
        _cleanup_refusal_ Refusal refusal = {};
        uint64_t held;

        assert_int_equal(host_claim(w->host, CLAIMER, epoch, POOL, "instance", 0, &held, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(held, epoch);
}

struct json_object *world_inventory(World *w) {
        _cleanup_free_ char *text = NULL;
        struct json_object *o;
        JsonReader reader = {};

        assert_int_equal(host_get_inventory(w->host, &text), 0);
        assert_int_equal(json_parse(&reader, text, strlen(text), &o), 0);
        return o;
}

Uuid new_uuid(void) {
        Uuid id;

        assert_int_equal(uuid_generate(&id), 0);
        return id;
}

char *start_order(uint64_t epoch, const Uuid *token, const Uuid *vm, const char *type_file, unsigned bus) {
        _cleanup_free_ char *vgpu = NULL;
        char *order;
        Uuid id = new_uuid();

        assert_true(asprintf(&vgpu,
                            "{\"id\":[\"%s\",\"0\"],\"position\":0,"
                            "\"physical_pci_address\":{\"domain\":0,\"bus\":%u,\"dev\":0,\"fn\":0},"
                            "\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{\"domain\":0,\"bus\":0,"
                            "\"dev\":11,\"fn\":0},\"config_file\":\"%s/types/vgx/%s.conf\",\"uuid\":\"%s\","
                            "\"extra_args\":\"\"}]}",
                            UUID_TEXT(vm), bus, FIXTURES, strempty(type_file), UUID_TEXT(&id)) >= 0);
        assert_true(asprintf(&order,
                            "{\"version\":1,\"epoch\":%llu,\"token\":\"%s\",\"vm\":{\"uuid\":\"%s\","
                            "\"name_label\":\"guest\",\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":"
                            "\"guest\"},"
                            "\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536,\"target_memkb\":65536,"
                            "\"type.hvm\":{}}}},\"vgpus\":[%s],\"pcis\":[]}",
                            (unsigned long long) epoch, UUID_TEXT(token), UUID_TEXT(vm),
                            type_file ? vgpu : "") >= 0);
        return order;
}

char *stop_order(uint64_t epoch, const Uuid *vm, bool force) {
        Uuid token = new_uuid();
        char *order;

        assert_true(asprintf(&order,
                            "{\"version\":1,\"epoch\":%llu,\"token\":\"%s\",\"uuid\":\"%s\",\"force\":%s}",
                            (unsigned long long) epoch, UUID_TEXT(&token), UUID_TEXT(vm),
                            force ? "true" : "false") >= 0);
        return order;
}

ErrorCode give_start(World *w, const char *order) {
        _cleanup_refusal_ Refusal refusal = {};

        assert_int_equal(host_start_vm(w->host, CLAIMER, order, &refusal), 0);
        assert_true(refusal.code == ERROR_NONE || !isempty(refusal.message));
        return refusal.code;
}

ErrorCode give_stop(World *w, const char *order) {
        _cleanup_refusal_ Refusal refusal = {};

        assert_int_equal(host_stop_vm(w->host, CLAIMER, order, &refusal), 0);
        return refusal.code;
}

void world_settle(World *w) {
        while (sd_event_run(w->event, 0) > 0)
                ;
}

void world_run_until_halted(World *w, const Uuid *vm) {
        uint64_t now, end;

        w->waiting_for = *vm;
        w->halted = false;
        assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + WAIT_MAX; !w->halted && now < end;) {
                assert_true(sd_event_run(w->event, end - now) >= 0);
                assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        }
        assert_true(w->halted);
}

size_t count_told(const World *w, HostSignal signal, const char *member, const char *value) {
        size_t n = 0;

        for (size_t i = 0; i < json_object_array_length(w->told[signal]); i++)
                n += streq(text_of(json_object_array_get_idx(w->told[signal], i), member), value);
        return n;
}

struct json_object *last_told(const World *w, HostSignal signal) {
        size_t n = json_object_array_length(w->told[signal]);

        assert_true(n > 0);
        return json_object_array_get_idx(w->told[signal], n - 1);
}

const char *text_of(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? json_object_get_string(value) : "";
}

size_t length_of(struct json_object *o, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(o, member, &value) ? json_object_array_length(value) : 0;
}
