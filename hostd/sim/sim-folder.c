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
#include "hostd/run/sim-host.h"
#include "hostd/sim/sim-folder.h"

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
        return text_printf("%s/dom/%" PRIu32, dir, domid);
}

static char *domain_file(const char *dir, uint32_t domid, const char *name) {
        return text_printf("%s/dom/%" PRIu32 "/%s", dir, domid, name);
}

int sim_check_memory(const char *dir, struct json_object *config, char **ret_error) {
        _cleanup_(sim_host_done) SimHost host = {};
        uint64_t need, there;
        int r;

        r = sim_host_needs(config, &need);
        if (r >= 0)
                r = sim_host_read(dir, &host);
        if (r >= 0)
                r = sim_host_free_memory(dir, &host, &there);
        if (r < 0 || need <= there)
                return r;
        return text_refuse(ret_error, -ENOSPC,
                "The VM needs %s of memory, but the host has only %s free: stop other VMs, or give it less.",
                SIZE_TEXT(need), SIZE_TEXT(there));
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
        r = folder_list(all, &names);
        for (char **name = names; r >= 0 && *name; name++) {
                _cleanup_free_ char *old = path_join(all, *name);

                if (startswith(*name, "old-"))
                        r = old ? remove_tree(old) : -ENOMEM;
        }
        return r == -ENOENT ? 0 : r;
}

static bool is_of(struct json_object *config, const Uuid *uuid) {
        const char *text = json_object_get_string(JSON_AT(config, "c_info", "uuid"));
        Uuid parsed;

        return uuid_from_string(strempty(text), &parsed) >= 0 && uuid_equal(&parsed, uuid);
}

int sim_domain_find(const char *dir, const Uuid *uuid, uint32_t *ret_domid) {
        _cleanup_(strv_freep) char **domids = NULL;
        int r;

        r = sim_host_domains(dir, &domids);
        for (char **domid = domids; r >= 0 && *domid; domid++) {
                _cleanup_json_ struct json_object *config = NULL;

                if (sim_host_config(dir, *domid, &config) >= 0 && is_of(config, uuid))
                        return parse_u32(*domid, ret_domid);
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

int sim_end_domain(const EndDomain *d, char **ret_why) {
        uint32_t domid;
        int r;

        r = sim_domain_find(d->sim_dir, &d->uuid, &domid);
        if (r == -ENOENT || (r >= 0 && domid != d->domid))
                return 0;
        return r < 0 ? r : sim_domain_remove(d->sim_dir, domid);
}
