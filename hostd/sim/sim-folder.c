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
#include "hostd/sim/sim-folder.h"
#include "protocol/vm-record.h"

#define TEXT_MAX 256
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

static int read_json_file(const char *path, struct json_object **ret) {
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        r = file_read(path, JSON_SIZE_MAX, &text, &size);
        return r < 0 ? r : json_parse_cleaned(&reader, text, size, ret);
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

/* Calls back for each domain folder, until it returns non-zero. */
typedef int (*DomainVisitor)(const char *dir, uint32_t domid, struct json_object *config, void *userdata);

static int each_domain(const char *dir, DomainVisitor visit, void *userdata) {
        _cleanup_free_ char *path = path_join(dir, "dom");
        struct dirent *entry;
        int r = 0;
        DIR *d;

        if (!path)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : -errno;

        while (r == 0 && (entry = readdir(d))) {
                _cleanup_json_ struct json_object *config = NULL;
                _cleanup_free_ char *file = NULL;
                uint32_t domid;

                if (parse_u32(entry->d_name, &domid) < 0)
                        continue;
                file = domain_file(dir, domid, "config.json");
                if (!file)
                        r = -ENOMEM;
                else if (read_json_file(file, &config) >= 0)
                        r = visit(dir, domid, config, userdata);
        }
        (void) closedir(d);
        return r;
}

static int add_memory(const char *dir, uint32_t domid, struct json_object *config, void *userdata) {
        uint64_t memory, *sum = userdata;

        if (config_memory(config, &memory) >= 0)
                *sum += memory;
        return 0;
}

static int read_host_memory(const char *dir, uint64_t *ret) {
        _cleanup_json_ struct json_object *host = NULL;
        _cleanup_free_ char *path = path_join(dir, "host.json");
        uint64_t total, dom0 = 0;
        JsonReader reader = {};
        int r;

        if (!path)
                return -ENOMEM;
        r = read_json_file(path, &host);
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
                r = each_domain(dir, add_memory, &used);
        if (r < 0 || (used <= all && need <= all - used))
                return r;

        if (asprintf(ret_error,
                    "The VM needs %s of memory, but the host has only %s free: stop other VMs, or give it "
                    "less.",
                    SIZE_TEXT(need), SIZE_TEXT(used <= all ? all - used : 0)) < 0)
                return -ENOMEM;
        return -ENOSPC;
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
static int sweep(const char *dir) {
        _cleanup_free_ char *path = path_join(dir, "dom");
        struct dirent *entry;
        int r = 0;
        DIR *d;

        if (!path)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : -errno;
        while (r >= 0 && (entry = readdir(d))) {
                _cleanup_free_ char *old = NULL;

                if (!startswith(entry->d_name, "old-"))
                        continue;
                old = path_join(path, entry->d_name);
                r = old ? remove_tree(old) : -ENOMEM;
        }
        (void) closedir(d);
        return r;
}

int sim_domain_remove(const char *dir, uint32_t domid) {
        _cleanup_free_ char *folder = sim_domain_folder(dir, domid), *aside = NULL;

        if (!folder || asprintf(&aside, "%s/dom/old-%" PRIu32, dir, domid) < 0)
                return -ENOMEM;
        if (domid > 0 && rename(folder, aside) < 0 && errno != ENOENT)
                return -errno;
        return sweep(dir);
}

typedef struct Search {
        const Uuid *uuid;
        uint32_t domid;
} Search;

static int compare_uuid(const char *dir, uint32_t domid, struct json_object *config, void *userdata) {
        struct json_object *c_info, *uuid;
        Search *search = userdata;
        Uuid parsed;

        if (!json_object_object_get_ex(config, "c_info", &c_info) ||
                !json_object_object_get_ex(c_info, "uuid", &uuid) ||
                uuid_from_string(strempty(json_object_get_string(uuid)), &parsed) < 0 ||
                !uuid_equal(&parsed, search->uuid))
                return 0;
        search->domid = domid;
        return 1;
}

int sim_domain_find(const char *dir, const Uuid *uuid, uint32_t *ret_domid) {
        Search search = { .uuid = uuid };
        int r;

        r = each_domain(dir, compare_uuid, &search);
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
