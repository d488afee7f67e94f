/*
 * The simulated host's folder
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/text.h"
#include "common/base/words.h"
#include "hostd/run/json-file.h"
#include "hostd/sim/sim-folder.h"
#include "protocol/vm-record.h"

#define TEXT_MAX 256
#define CONFIG_SIZE_MAX (1 << 20)
#define DOMID_MAX 0x7ff0

static const char *const state_texts[_GUEST_STATE_MAX] = {
        [GUEST_BUILDING] = "building",
        [GUEST_PAUSED] = "paused",
        [GUEST_RUNNING] = "running",
        [GUEST_POWEROFF] = "shutdown poweroff",
        [GUEST_REBOOT] = "shutdown reboot",
        [GUEST_SUSPEND] = "shutdown suspend",
        [GUEST_CRASH] = "shutdown crash",
        [GUEST_WATCHDOG] = "shutdown watchdog",
};

static const WordTable states = { .words = state_texts, .n = _GUEST_STATE_MAX };

char *sim_domain_folder(const char *dir, uint32_t domid) {
        char *path;

        return asprintf(&path, "%s/dom/%" PRIu32, dir, domid) < 0 ? NULL : path;
}

static char *domain_file(const char *dir, uint32_t domid, const char *name) {
        char *path;

        return asprintf(&path, "%s/dom/%" PRIu32 "/%s", dir, domid, name) < 0 ? NULL : path;
}

/* Bytes that a domain of this config takes. */
static int config_memory(struct json_object *config, uint64_t *ret) {
        JsonReader reader = {};
        VmNeeds needs;
        int r;

        /* The video memory of a vGPU stands in the config by now. */
        r = vm_config_needs(&reader, config, /* has_vgpu= */ false, &needs);
        if (r < 0)
                return r;
        *ret = needs.memory;
        vm_needs_done(&needs);
        return 0;
}

/* The names in the folder of domains, which may not be there yet. */
static int list_entries(const char *dir, char ***ret) {
        _cleanup_free_ char *path = path_join(dir, "dom");
        int r;

        r = path ? folder_list(path, ret) : -ENOMEM;
        if (r != -ENOENT)
                return r;
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

/* NULL where the name is no domain's, or nobody can read it. */
static struct json_object *read_config(const char *dir, const char *name, uint32_t *ret_domid) {
        struct json_object *config = NULL;
        _cleanup_free_ char *file = NULL;

        if (parse_u32(name, ret_domid) < 0)
                return NULL;
        file = domain_file(dir, *ret_domid, "config.json");
        if (file)
                (void) json_file_read(&(JsonReader){}, file, JSON_SIZE_MAX, &config);
        return config;
}

static int add_memory(const char *dir, uint64_t *ret) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        *ret = 0;
        r = list_entries(dir, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                uint64_t memory;
                uint32_t domid;
                _cleanup_json_ struct json_object *config = read_config(dir, *name, &domid);

                if (config && config_memory(config, &memory) >= 0)
                        *ret += memory;
        }
        return r;
}

static int read_host_memory(const char *dir, uint64_t *ret) {
        _cleanup_json_ struct json_object *host = NULL;
        _cleanup_free_ char *path = path_join(dir, "host.json");
        uint64_t total, dom0 = 0;
        JsonReader reader = {};
        int r;

        r = path ? json_file_read(&reader, path, JSON_SIZE_MAX, &host) : -ENOMEM;
        if (r >= 0)
                r = json_get_u64(&reader, host, "memory_total", &total);
        if (r >= 0)
                r = json_opt_u64(&reader, host, "dom0_memory", &dom0);
        if (r < 0)
                return r;
        *ret = total > dom0 ? total - dom0 : 0;
        return 0;
}

int sim_check_memory(const char *dir, struct json_object *config, char **ret_error) {
        uint64_t all, need, used;
        int r;

        r = config_memory(config, &need);
        if (r >= 0)
                r = read_host_memory(dir, &all);
        if (r >= 0)
                r = add_memory(dir, &used);
        if (r < 0 || (used <= all && need <= all - used))
                return r;

        return text_refuse(ret_error, -ENOSPC,
                "The VM needs %s of memory, but the host has only %s free: stop other VMs, or give it less.",
                SIZE_TEXT(need), SIZE_TEXT(used <= all ? all - used : 0));
}

static int lock_host(const char *dir, int *ret) {
        _cleanup_free_ char *path = path_join(dir, "lock");

        /* Held for a few file operations only. */
        return path ? file_lock(path, ret) : -ENOMEM;
}

static int take_domid(const char *dir, uint32_t *ret) {
        _cleanup_free_ char *path = path_join(dir, "last-domid"), *line = NULL;
        uint32_t domid = 0;
        char text[16];
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read_line(path, &line);
        if (r >= 0)
                r = parse_u32(line, &domid);
        if (r < 0 && r != -ENOENT)
                return r;

        /* As in Xen, numbers come round again; one that is taken is stepped over. */
        for (;;) {
                _cleanup_free_ char *folder = NULL;

                domid = domid + 1 < DOMID_MAX ? domid + 1 : 1;
                folder = sim_domain_folder(dir, domid);
                if (!folder)
                        return -ENOMEM;
                if (access(folder, F_OK) < 0)
                        break;
        }
        (void) snprintf(text, sizeof(text), "%" PRIu32 "\n", domid);
        r = file_write_atomic(path, text, strlen(text), 0644);
        if (r < 0)
                return r;
        *ret = domid;
        return 0;
}

static int write_file(const char *folder, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(folder, name);

        return path ? file_write_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}

/* Under the lock: the folder is filled aside and appears whole. */
static int make_folder(const char *dir, uint32_t domid, struct json_object *config) {
        _cleanup_free_ char *aside = NULL, *folder = NULL, *text = NULL;
        int r;

        aside = path_join(dir, "dom/new");
        folder = sim_domain_folder(dir, domid);
        text = json_to_text(config);
        if (!aside || !folder || !text)
                return -ENOMEM;

        r = remove_tree(aside);
        if (r >= 0)
                r = mkdir_parents(aside, 0755);
        if (r >= 0)
                r = write_file(aside, "config.json", text);
        if (r >= 0)
                r = write_file(aside, "state", state_texts[GUEST_BUILDING]);
        if (r >= 0 && rename(aside, folder) < 0)
                r = -errno;
        return r;
}

int sim_domain_make(const char *dir, struct json_object *config, uint32_t *ret_domid, char **ret_error) {
        _cleanup_close_ int lock = -1;
        uint32_t domid;
        int r;

        r = lock_host(dir, &lock);
        if (r >= 0)
                r = sim_check_memory(dir, config, ret_error);
        if (r >= 0)
                r = take_domid(dir, &domid);
        if (r >= 0)
                r = make_folder(dir, domid, config);
        if (r < 0)
                return r;
        *ret_domid = domid;
        return 0;
}

int sim_domain_remove(const char *dir, uint32_t domid) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid), *all = path_join(dir, "dom"), *aside = NULL;
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        if (!folder || !all || asprintf(&aside, "%s/old-%" PRIu32, all, domid) < 0)
                return -ENOMEM;
        if (domid > 0 && rename(folder, aside) < 0 && errno != ENOENT)
                return -errno;
        /* And what the death of an earlier instance left half removed. */
        r = list_entries(dir, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                _cleanup_free_ char *old = path_join(all, *name);

                if (startswith(*name, "old-"))
                        r = old ? remove_tree(old) : -ENOMEM;
        }
        return r;
}

static bool is_of(struct json_object *config, const Uuid *uuid) {
        struct json_object *c_info, *value;
        Uuid parsed;

        return config && json_object_object_get_ex(config, "c_info", &c_info) &&
               json_object_object_get_ex(c_info, "uuid", &value) &&
               uuid_from_string(strempty(json_object_get_string(value)), &parsed) >= 0 && uuid_equal(&parsed, uuid);
}

int sim_domain_find(const char *dir, const Uuid *uuid, uint32_t *ret_domid) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = list_entries(dir, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                uint32_t domid;
                _cleanup_json_ struct json_object *config = read_config(dir, *name, &domid);

                if (is_of(config, uuid)) {
                        *ret_domid = domid;
                        return 0;
                }
        }
        return r < 0 ? r : -ENOENT;
}

static int read_line(const char *dir, uint32_t domid, const char *name, char **ret) {
        _cleanup_free_ char *path = domain_file(dir, domid, name);

        return path ? file_read_line(path, ret) : -ENOMEM;
}

int sim_domain_read_state(const char *dir, uint32_t domid, GuestState *ret) {
        _cleanup_free_ char *line = NULL;
        int r, state = GUEST_GONE;

        r = read_line(dir, domid, "state", &line);
        if (r >= 0)
                state = word_to_value(&states, line);
        else if (r != -ENOENT)
                return r;
        if (state < 0)
                return -EBADMSG;
        *ret = (GuestState) state;
        return 0;
}

int sim_domain_write_state(const char *dir, uint32_t domid, GuestState state) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid);

        return folder ? write_file(folder, "state", state_texts[state]) : -ENOMEM;
}

int sim_domain_read_device_model(const char *dir, uint32_t domid, ProcessId *ret) {
        _cleanup_free_ char *line = NULL;
        ProcessId id;
        int r;

        r = read_line(dir, domid, "device-model", &line);
        if (r < 0)
                return r;
        if (sscanf(line, "%d %" SCNu64, &id.pid, &id.start_time) != 2 || id.pid <= 0)
                return -EBADMSG;
        *ret = id;
        return 0;
}

int sim_domain_write_device_model(const char *dir, uint32_t domid, const ProcessId *id) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid);
        char text[TEXT_MAX];

        (void) snprintf(text, sizeof(text), "%d %" PRIu64 "\n", id->pid, id->start_time);
        return folder ? write_file(folder, "device-model", text) : -ENOMEM;
}

/* A simulated guest has no memory: what it was made from stands for it. */
static int write_config(const char *path, void *userdata) {
        const CoreDump *d = userdata;
        _cleanup_free_ char *config = domain_file(d->sim_dir, d->domid, "config.json"), *text = NULL;
        size_t size;
        int r;

        r = config ? file_read(config, CONFIG_SIZE_MAX, &text, &size) : -ENOMEM;
        return r < 0 ? r : file_write_atomic(path, text, size, 0600);
}

int sim_dump_core(const CoreDump *d, char **ret_path, int *ret_excess, char **ret_why) {
        return core_dump_keep(
                d->folder, d->most, &d->vm, CONFIG_SIZE_MAX, write_config, (void *) d, ret_path, ret_excess);
}
