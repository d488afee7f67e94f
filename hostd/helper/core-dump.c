/*
 * The memory of a guest that crashed, as a file
 *
 * Under the folder's lock: what earlier helpers did not finish is removed, room looked for, the dump written beside
 * its place and moved there, the oldest ones removed.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libxl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "hostd/helper/core-dump.h"
#include "hostd/sim/sim-folder.h"
#include "hostd/run/libxl-log.h"

#define TIMEOUT (1800 * UINT64_C(1000000))
#define LOCK_NAME ".xenvgpu.lock"
#define SUFFIX ".core"
#define PART_SUFFIX ".core.part"
#define KEPT_FREE 20 /* the part of the file system that stays free: one in so many */
#define BYTES_PER_KIB 1024
#define CONFIG_SIZE_MAX (1 << 20)

static char *dump_path(const char *folder, const Uuid *vm, const char *suffix) {
        char *path;

        return asprintf(&path, "%s/%s%s", folder, UUID_TEXT(vm), suffix) < 0 ? NULL : path;
}

/* Other files of the folder are not ours. */
static bool is_dump(const char *name, const char *suffix) {
        char uuid[UUID_TEXT_MAX];
        Uuid parsed;

        if (strlen(name) != UUID_TEXT_MAX - 1 + strlen(suffix) || !streq(name + UUID_TEXT_MAX - 1, suffix))
                return false;
        (void) snprintf(uuid, sizeof(uuid), "%s", name);
        return uuid_from_string(uuid, &parsed) >= 0;
}

/* 1. What helpers that were killed have left. */

static int remove_parts(const char *folder) {
        struct dirent *entry;
        DIR *d;

        d = opendir(folder);
        if (!d)
                return -errno;
        while ((entry = readdir(d)))
                if (is_dump(entry->d_name, PART_SUFFIX))
                        (void) unlinkat(dirfd(d), entry->d_name, 0);
        (void) closedir(d);
        return 0;
}

/* 2. Room. */

static int look_for_room(const char *folder, uint64_t bytes) {
        struct statvfs fs;
        uint64_t there, kept;

        if (statvfs(folder, &fs) < 0)
                return -errno;
        there = (uint64_t) fs.f_bavail * fs.f_frsize;
        kept = (uint64_t) fs.f_blocks * fs.f_frsize / KEPT_FREE;
        return there > kept && bytes <= there - kept ? 0 : -ENOSPC;
}

/* 3. The oldest ones go. */

/* Returns how many there are; *ret is the oldest one's name, "" without any. */
static size_t find_oldest(DIR *d, char ret[static NAME_MAX + 1]) {
        struct timespec oldest = {};
        struct dirent *entry;
        struct stat st;
        size_t n = 0;

        *ret = '\0';
        rewinddir(d);
        while ((entry = readdir(d))) {
                if (!is_dump(entry->d_name, SUFFIX) || fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (n++ > 0 && (st.st_mtim.tv_sec > oldest.tv_sec ||
                                       (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec >= oldest.tv_nsec)))
                        continue;
                oldest = st.st_mtim;
                (void) snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
        }
        return n;
}

static int remove_oldest(const char *folder, uint64_t most) {
        char name[NAME_MAX + 1];
        int r = 0;
        DIR *d;

        d = opendir(folder);
        if (!d)
                return -errno;
        while (r >= 0 && find_oldest(d, name) > most)
                r = unlinkat(dirfd(d), name, 0) < 0 ? -errno : 0;
        (void) closedir(d);
        return r;
}

int core_dump_keep(const char *folder, uint64_t most, const Uuid *vm, uint64_t bytes, CoreDumpWriter write,
        void *userdata, char **ret_path, int *ret_excess) {
        _cleanup_free_ char *part = dump_path(folder, vm, PART_SUFFIX), *path = dump_path(folder, vm, SUFFIX);
        _cleanup_free_ char *lock_path = path_join(folder, LOCK_NAME);
        _cleanup_close_ int lock = -1;
        int r;

        if (!part || !path || !lock_path)
                return -ENOMEM;
        r = mkdir_parents(folder, 0700);
        if (r >= 0)
                r = file_lock(lock_path, &lock);
        if (r >= 0)
                r = remove_parts(folder);
        if (r >= 0)
                r = look_for_room(folder, bytes);
        if (r >= 0)
                r = write(part, userdata);
        if (r >= 0 && rename(part, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(part);
                return r;
        }
        *ret_excess = remove_oldest(folder, most);
        *ret_path = take_ptr(path);
        return 0;
}

/* The helper. argv: the program, the verb, then these. */

enum { ARGUMENT_FOLDER = 2, ARGUMENT_MOST, ARGUMENT_VM, ARGUMENT_DOMID, ARGUMENT_SIM_DIR, N_ARGUMENTS };

typedef struct Wish {
        const char *folder, *sim_dir; /* sim_dir: "" where Xen is real */
        uint64_t most;
        Uuid vm;
        uint32_t domid;
} Wish;

static int say(const Wish *w, int result, const char *why) {
        (void) printf("The core of domain %" PRIu32 " could not be written to %s: %s.\n", w->domid, w->folder, why);
        return result;
}

static int finish(const Wish *w, int result, const char *path, int excess, const char *why) {
        if (result >= 0)
                (void) puts(path);
        else if (result == -ENOSPC)
                (void) say(w, result, "its file system has no room for the guest's memory");
        else
                (void) say(w, result, isempty(why) ? strerror(-result) : why);
        if (result >= 0 && excess < 0)
                (void) log_errno(excess,
                        "Cannot remove the oldest cores in %s, so that more than %" PRIu64 " stay there, ignoring",
                        w->folder, w->most);
        return result;
}

typedef struct XenDump {
        libxl_ctx *ctx;
        uint32_t domid;
} XenDump;

static int write_xen(const char *path, void *userdata) {
        const XenDump *x = userdata;

        return libxl_domain_core_dump(x->ctx, x->domid, path, NULL) == 0 ? 0 : -EIO;
}

static int measure_xen(const XenDump *x, uint64_t *ret) {
        libxl_dominfo info;
        int rc;

        libxl_dominfo_init(&info);
        rc = libxl_domain_info(x->ctx, &info, x->domid);
        if (rc == 0)
                *ret = info.current_memkb * BYTES_PER_KIB;
        libxl_dominfo_dispose(&info);
        return rc == 0 ? 0 : -EIO;
}

static int dump_xen(const Wish *w) {
        _cleanup_free_ char *path = NULL;
        XenDump x = { .domid = w->domid };
        LibxlLog *log = NULL;
        uint64_t bytes = 0;
        int r, excess = 0;

        r = libxl_log_new(&log);
        if (r >= 0 && libxl_ctx_alloc(&x.ctx, LIBXL_VERSION, 0, libxl_log_get(log)) != 0)
                r = -EIO;
        if (r >= 0)
                r = measure_xen(&x, &bytes);
        if (r >= 0)
                r = core_dump_keep(w->folder, w->most, &w->vm, bytes, write_xen, &x, &path, &excess);
        r = finish(w, r, path, excess, log ? libxl_log_first_error(log) : NULL);
        (void) libxl_ctx_free(x.ctx);
        (void) libxl_log_free(log);
        return r;
}

/* A simulated guest has no memory: what it was made from stands for it. */
static int write_simulated(const char *path, void *userdata) {
        const Wish *w = userdata;
        _cleanup_free_ char *folder = sim_domain_folder(w->sim_dir, w->domid), *config = NULL, *text = NULL;
        size_t size;
        int r;

        config = folder ? path_join(folder, "config.json") : NULL;
        r = config ? file_read(config, CONFIG_SIZE_MAX, &text, &size) : -ENOMEM;
        return r < 0 ? r : file_write_atomic(path, text, size, 0600);
}

static int dump_simulated(Wish *w) {
        _cleanup_free_ char *path = NULL;
        int r, excess = 0;

        r = core_dump_keep(w->folder, w->most, &w->vm, CONFIG_SIZE_MAX, write_simulated, w, &path, &excess);
        return finish(w, r, path, excess, NULL);
}

int core_dump_main(int argc, char **argv) {
        Wish w = {};

        if (argc != N_ARGUMENTS || parse_u64(argv[ARGUMENT_MOST], &w.most) < 0 ||
                uuid_from_string(argv[ARGUMENT_VM], &w.vm) < 0 || parse_u32(argv[ARGUMENT_DOMID], &w.domid) < 0) {
                (void) puts("The arguments of the helper that dumps a core cannot be used.");
                return EXIT_FAILURE;
        }
        w.folder = argv[ARGUMENT_FOLDER];
        w.sim_dir = argv[ARGUMENT_SIM_DIR];
        return (isempty(w.sim_dir) ? dump_xen(&w) : dump_simulated(&w)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Who starts it. */

int core_dump_start(sd_event *event, const DomainProgram *p, const Uuid *vm, uint32_t domid, HelperDone done,
        void *userdata, HelperProcess **ret) {
        char most[24], id[16];
        const char *const arguments[] = { CORE_DUMP_VERB, p->core_dump_folder, most, UUID_TEXT(vm), id,
                streq(p->hypervisor, "simulated") ? p->sim_dir : "", NULL };

        (void) snprintf(most, sizeof(most), "%" PRIu64, p->core_dumps);
        (void) snprintf(id, sizeof(id), "%" PRIu32, domid);
        return helper_process_start(event, arguments, TIMEOUT,
                "The guest's memory was not written within half an hour, with the cores that others wait for before it.",
                done, userdata, ret);
}

void core_dump_forget(const DomainProgram *p, const Uuid *vm) {
        _cleanup_free_ char *part = dump_path(p->core_dump_folder, vm, PART_SUFFIX);

        if (part && unlink(part) < 0 && errno != ENOENT)
                (void) log_errno(-errno, "Cannot remove %s, ignoring", part);
}
