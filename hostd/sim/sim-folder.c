/*
 * The simulated host's folder
 */

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/text.h"
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
        [GUEST_GONE] = "gone",
};

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

/* Calls back for each entry of the folder of domains, until it returns non-zero. */
typedef int (*EntryVisitor)(const char *dir, const char *name, void *userdata);

static int each_entry(const char *dir, EntryVisitor visit, void *userdata) {
        _cleanup_free_ char *path = path_join(dir, "dom");
        struct dirent *entry;
        int r = 0;
        DIR *d;

        if (!path)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while (r == 0 && (entry = readdir(d)))
                r = visit(dir, entry->d_name, userdata);
        (void) closedir(d);
        return r;
}

/* The config of the domain that has this folder; NULL where it is none's, or nobody can read it. */
static int read_config(const char *dir, const char *name, uint32_t *ret_domid, struct json_object **ret) {
        _cleanup_free_ char *file = NULL;
        JsonReader reader = {};

        *ret = NULL;
        if (parse_u32(name, ret_domid) < 0)
                return 0;
        file = domain_file(dir, *ret_domid, "config.json");
        if (!file)
                return -ENOMEM;
        (void) json_file_read(&reader, file, JSON_SIZE_MAX, ret);
        return 0;
}

static int add_memory(const char *dir, const char *name, void *userdata) {
        _cleanup_json_ struct json_object *config = NULL;
        uint64_t memory, *sum = userdata;
        uint32_t domid;
        int r;

        r = read_config(dir, name, &domid, &config);
        if (config && config_memory(config, &memory) >= 0)
                *sum += memory;
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
        uint64_t all, need, used = 0;
        int r;

        r = config_memory(config, &need);
        if (r >= 0)
                r = read_host_memory(dir, &all);
        if (r >= 0)
                r = each_entry(dir, add_memory, &used);
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

/* What the death of an earlier instance left half removed. */
static int sweep(const char *dir, const char *name, void *userdata) {
        _cleanup_free_ char *folder = path_join(dir, "dom"), *old = folder ? path_join(folder, name) : NULL;

        if (!startswith(name, "old-"))
                return 0;
        return old ? remove_tree(old) : -ENOMEM;
}

int sim_domain_remove(const char *dir, uint32_t domid) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid), *aside = NULL;

        if (!folder || asprintf(&aside, "%s/dom/old-%" PRIu32, dir, domid) < 0)
                return -ENOMEM;
        if (domid > 0 && rename(folder, aside) < 0 && errno != ENOENT)
                return -errno;
        return each_entry(dir, sweep, NULL);
}

typedef struct Search {
        const Uuid *uuid;
        uint32_t domid;
} Search;

static int compare_uuid(const char *dir, const char *name, void *userdata) {
        _cleanup_json_ struct json_object *config = NULL;
        struct json_object *c_info, *uuid;
        Search *search = userdata;
        Uuid parsed;
        int r;

        r = read_config(dir, name, &search->domid, &config);
        if (!config || !json_object_object_get_ex(config, "c_info", &c_info) ||
                !json_object_object_get_ex(c_info, "uuid", &uuid) ||
                uuid_from_string(strempty(json_object_get_string(uuid)), &parsed) < 0)
                return r;
        return uuid_equal(&parsed, search->uuid);
}

int sim_domain_find(const char *dir, const Uuid *uuid, uint32_t *ret_domid) {
        Search search = { .uuid = uuid };
        int r;

        r = each_entry(dir, compare_uuid, &search);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        *ret_domid = search.domid;
        return 0;
}

int sim_domain_read_state(const char *dir, uint32_t domid, GuestState *ret) {
        _cleanup_free_ char *path = domain_file(dir, domid, "state"), *line = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read_line(path, &line);
        if (r == -ENOENT) {
                *ret = GUEST_GONE;
                return 0;
        }
        if (r < 0)
                return r;
        for (int i = 0; i < GUEST_GONE; i++)
                if (streq(line, state_texts[i])) {
                        *ret = (GuestState) i;
                        return 0;
                }
        return -EBADMSG;
}

int sim_domain_write_state(const char *dir, uint32_t domid, GuestState state) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid);

        return folder ? write_file(folder, "state", state_texts[state]) : -ENOMEM;
}

int sim_domain_read_device_model(const char *dir, uint32_t domid, ProcessId *ret) {
        _cleanup_free_ char *path = domain_file(dir, domid, "device-model"), *line = NULL;
        ProcessId id = {};
        uint32_t pid;
        char *blank;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read_line(path, &line);
        if (r < 0)
                return r;
        blank = strchr(line, ' ');
        if (!blank)
                return -EBADMSG;
        *blank = '\0';
        if (parse_u32(line, &pid) < 0 || pid == 0 || pid > INT32_MAX ||
                parse_u64(blank + 1, &id.start_time) < 0)
                return -EBADMSG;
        id.pid = (pid_t) pid;
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
