/*
 * The memory of a guest that crashed, as a file
 *
 * Under the folder's lock the helper removes what earlier helpers did not finish, looks for room, writes the dump
 * beside its place, moves it there and removes the oldest dumps.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "hostd/helper/core-dump.h"

#define TIMEOUT (1800 * UINT64_C(1000000))
#define LOCK_NAME ".xenvgpu.lock"
#define SUFFIX ".core"
#define PART_SUFFIX ".core.part"
#define KEPT_FREE 20 /* the part of the file system that stays free: one in so many */

static char *dump_path(const char *folder, const Uuid *vm, const char *suffix) {
        return text_printf("%s/%s%s", folder, UUID_TEXT(vm), suffix);
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

/* The paths of those in the folder. */
static int list_dumps(const char *folder, const char *suffix, StrList *ret) {
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = folder_list(folder, &names);
        for (char **name = names; r >= 0 && *name; name++)
                if (is_dump(*name, suffix))
                        strlist_add_owned(ret, path_join(folder, *name));
        return r < 0 ? r : ret->error;
}

/* 1. What helpers that were killed have left. */

static int remove_parts(const char *folder) {
        _cleanup_strlist_ StrList parts = {};
        int r;

        r = list_dumps(folder, PART_SUFFIX, &parts);
        for (size_t i = 0; i < parts.n; i++)
                (void) unlink(parts.items[i]);
        return r;
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

static int compare_ages(const void *a, const void *b) {
        struct stat left = {}, right = {};

        (void) lstat(*(char *const *) a, &left);
        (void) lstat(*(char *const *) b, &right);
        if (left.st_mtim.tv_sec != right.st_mtim.tv_sec)
                return left.st_mtim.tv_sec < right.st_mtim.tv_sec ? -1 : 1;
        return (left.st_mtim.tv_nsec > right.st_mtim.tv_nsec) - (left.st_mtim.tv_nsec < right.st_mtim.tv_nsec);
}

static int remove_oldest(const char *folder, uint64_t most) {
        _cleanup_strlist_ StrList dumps = {};
        int r;

        r = list_dumps(folder, SUFFIX, &dumps);
        if (r < 0)
                return r;
        if (dumps.n > 0)
                qsort(dumps.items, dumps.n, sizeof(*dumps.items), compare_ages);
        for (size_t i = 0; i + most < dumps.n; i++)
                if (unlink(dumps.items[i]) < 0)
                        return -errno;
        return 0;
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

HelperWork core_dump_work(const DomainProgram *p, const Uuid *vm, uint32_t domid) {
        HelperWork work = {
                .timeout = TIMEOUT,
                .late = "The guest's memory was not written within half an hour, with the cores that others wait for "
                        "before it.",
        };
        StrList *a = &work.arguments;

        strlist_add(a, CORE_DUMP_VERB);
        strlist_add(a, p->core_dump_folder);
        strlist_addf(a, "%" PRIu64, p->core_dumps);
        strlist_add(a, UUID_TEXT(vm));
        strlist_addf(a, "%" PRIu32, domid);
        strlist_add(a, streq(p->hypervisor, "simulated") ? p->sim_dir : "");
        return work;
}

int core_dump_main(int argc, char **argv, CoreDumper dump_xen, CoreDumper dump_simulated) {
        _cleanup_free_ char *path = NULL, *why = NULL;
        CoreDump d = {};
        int r, excess = 0;

        if (argc != N_ARGUMENTS || parse_u64(argv[ARGUMENT_MOST], &d.most) < 0 ||
                uuid_from_string(argv[ARGUMENT_VM], &d.vm) < 0 || parse_u32(argv[ARGUMENT_DOMID], &d.domid) < 0) {
                (void) puts("The arguments of the helper that dumps a core cannot be used.");
                return EXIT_FAILURE;
        }
        d.folder = argv[ARGUMENT_FOLDER];
        d.sim_dir = argv[ARGUMENT_SIM_DIR];
        r = (isempty(d.sim_dir) ? dump_xen : dump_simulated)(&d, &path, &excess, &why);
        if (r < 0) {
                (void) printf("The core of domain %" PRIu32 " could not be written to %s: %s.\n", d.domid, d.folder,
                        r == -ENOSPC   ? "its file system has no room for the guest's memory"
                        : isempty(why) ? strerror(-r)
                                       : why);
                return EXIT_FAILURE;
        }
        (void) puts(path);
        if (excess < 0)
                (void) log_errno(excess,
                        "Cannot remove the oldest cores in %s, so that more than %" PRIu64 " stay there, ignoring",
                        d.folder, d.most);
        return EXIT_SUCCESS;
}

void core_dump_forget(const DomainProgram *p, const Uuid *vm) {
        _cleanup_free_ char *part = dump_path(p->core_dump_folder, vm, PART_SUFFIX);

        if (part && unlink(part) < 0 && errno != ENOENT)
                (void) log_errno(-errno, "Cannot remove %s, ignoring", part);
}
