/*
 * The programs of VMs on this machine: run folders, processes and sockets
 */

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/run/division.h"
#include "hostd/vm/programs.h"

/* A run folder that is being removed: its name, before the token. */
#define GONE ".gone-"
#define REMOVE_TRIES 5

/*
 * The tokens of orders that are over, the newest last, 16 bytes each. A store that was restored from an older copy has such orders
 * still; without a run folder they would look like orders that were never begun. The file goes with a reboot, as run folders do.
 */
#define OVER "orders-over"
#define OVER_MAX 8192 /* tokens; then the older half goes */

/* Virtual functions. A note of one in the folder of a VM that is over says that its reset was not proved. */

static int suspect_function(Programs *p, const char *folder, const char *recorded, const char *why) {
        _cleanup_free_ char *path = strdup(p->folder), *before = NULL;
        const char *runtime;
        FunctionNote note;
        int r;

        if (!path)
                return -ENOMEM;
        runtime = dirname(path);
        r = function_note_read(folder, &note);
        if (r == -ENOENT || (r < 0 && (!recorded || pci_address_from_string(recorded, &note.virtual) < 0)))
                return 0;
        /* The helper may have noted more. */
        r = division_read_suspicion(runtime, &note.virtual, &before);
        r = r == -ENOENT ? division_suspect(runtime, &note.virtual, why) : 0;
        return r < 0 ? r : function_note_forget(folder);
}

/* Before the note goes with its folder. */
static int suspect_unproved(Programs *p, const char *folder) {
        _cleanup_(run_record_done) RunRecord record = {};

        (void) run_record_read(folder, &record);
        return suspect_function(p, folder, record.function, "Its reset after its last VM was not proved.");
}

/* Run folders. */

static bool has_folder(Programs *p, const char *folder) {
        return access(folder, F_OK) == 0;
}

static int make_folder(Programs *p, const char *folder, bool empty, const char *order) {
        int r;

        /* What an earlier VM of this uuid left, if it could not be removed then. */
        r = empty ? suspect_unproved(p, folder) : 0;
        if (r >= 0 && empty)
                r = remove_tree(folder);
        if (r < 0)
                return r;
        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return -errno;
        return run_order_write(folder, order);
}

static int note_over(const Programs *p, const Uuid *token) {
        _cleanup_free_ char *old = NULL;
        _cleanup_close_ int fd = -1;
        size_t size = 0;
        int r;

        r = file_read(p->over, OVER_MAX * sizeof(Uuid), &old, &size);
        if (r == -EFBIG || (r >= 0 && size % sizeof(Uuid) != 0)) /* not as we wrote it */
                r = file_write_atomic(p->over, "", 0, 0600);
        else if (r >= 0 && size == OVER_MAX * sizeof(Uuid))
                r = file_write_atomic(p->over, old + size / 2, size / 2, 0600);
        if (r < 0 && r != -ENOENT)
                return r;
        fd = open(p->over, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : write_all(fd, (const char *) token, sizeof(*token));
}

static bool is_over(Programs *p, const Uuid *token) {
        _cleanup_free_ char *tokens = NULL;
        size_t size = 0;

        if (file_read(p->over, OVER_MAX * sizeof(Uuid), &tokens, &size) < 0)
                return false;
        for (size_t i = 0; i + sizeof(Uuid) <= size; i += sizeof(Uuid))
                if (memcmp(tokens + i, token, sizeof(Uuid)) == 0)
                        return true;
        return false;
}

/*
 * A process of the VM that is still ending may write a file there by its path while the folder is being
 * emptied; then the folder could not be removed. After renaming no known path leads to it; only a file that
 * was open before may still be written.
 */
static int remove_folder(Programs *p, const char *folder, const Uuid *token) {
        _cleanup_free_ char *gone = text_printf("%s/" GONE "%s", p->folder, UUID_TEXT(token));
        int r = 0;

        if (!gone)
                return -ENOMEM;
        r = note_over(p, token);
        if (r < 0)
                (void) log_errno(r, "Cannot note in %s that an order is over, ignoring", p->over);
        r = suspect_unproved(p, folder);
        if (r < 0)
                return r;
        if (rename(folder, gone) < 0)
                return errno == ENOENT ? 0 : -errno;
        for (int i = 0; i < REMOVE_TRIES && (i == 0 || r == -ENOTEMPTY); i++)
                r = remove_tree(gone);
        return r;
}

static void close_dirp(DIR **d) {
        if (*d)
                closedir(*d);
}

static int each_folder(Programs *p, ProgramFolderVisitor visitor, void *userdata) {
        _cleanup_(close_dirp) DIR *dir = opendir(p->folder);
        struct dirent *entry;
        Uuid vm;

        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *folder = path_join(p->folder, entry->d_name);

                if (!folder)
                        return -ENOMEM;
                if (startswith(entry->d_name, GONE))
                        (void) remove_tree(folder);
                else if (uuid_from_string(entry->d_name, &vm) >= 0)
                        visitor(&vm, folder, userdata);
        }
        return 0;
}

static int read_record(Programs *p, const char *folder, RunRecord *ret) {
        return run_record_read(folder, ret);
}

static int write_record(Programs *p, const char *folder, const RunRecord *record) {
        return run_record_write(folder, record);
}

static int read_order(Programs *p, const char *folder, char **ret) {
        return run_order_read_text(folder, ret);
}

/* Processes. */

static int find_holder(Programs *p, const char *folder, ProcessId *ret) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _cleanup_free_ char *path = path_join(folder, "lock");
        _cleanup_close_ int fd = -1;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0)
                return -errno;
        return lock.l_type == F_UNLCK ? -ENOENT : process_id_of(lock.l_pid, ret);
}

static bool is_alive(Programs *p, const ProcessId *process) {
        return process->pid > 0 && process_is_alive(process);
}

static void kill_process(Programs *p, const ProcessId *process) {
        (void) process_signal(process, SIGKILL);
}

static size_t kill_rest(Programs *p, const char *folder) {
        _cleanup_(run_record_done) RunRecord record = {};
        _cleanup_(dm_record_done) DmRecord dm = {};
        const ProcessId *const all[] = {&record.program, &record.qemu, &record.emulator, &dm.qemu, &dm.emulator};
        size_t n = 0;

        (void) run_record_read(folder, &record);
        (void) dm_record_read(folder, &dm);
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (is_alive(p, all[i])) {
                        kill_process(p, all[i]);
                        n++;
                }
        return n;
}

static int watch(Programs *p, const ProcessId *process, ProcessEnded ended, void *userdata, ProcessWatch **ret) {
        return process_watch_new(p->context, process, ended, userdata, ret);
}

/* The connection to the program. */

static int connect_line(
        Programs *p, const char *folder, const RunLinkHandlers *handlers, void *userdata, RunLink **ret) {
        return run_link_open(p->context, folder, handlers, userdata, ret);
}

static const ProgramsOps ops = {
        .has_folder = has_folder,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .is_over = is_over,
        .each_folder = each_folder,
        .read_record = read_record,
        .write_record = write_record,
        .read_order = read_order,
        .suspect_function = suspect_function,
        .find_holder = find_holder,
        .is_alive = is_alive,
        .kill = kill_process,
        .kill_rest = kill_rest,
        .watch = watch,
        .unwatch = process_watch_free,
        .connect = connect_line,
        .send_stop = run_link_send_stop,
        .disconnect = run_link_close,
};

int programs_open(Programs *p, sd_event *event, const char *runtime_dir) {
        int r;

        *p = (Programs){.ops = &ops, .folder = path_join(runtime_dir, "vm"), .over = path_join(runtime_dir, OVER), .context = event};
        if (!p->folder || !p->over)
                return -ENOMEM;
        r = mkdir_parents(p->folder, 0700);
        return r < 0 ? log_errno(r, "Failed to make %s", p->folder) : 0;
}

void programs_close(Programs *p) {
        free(p->folder);
        free(p->over);
        *p = (Programs){};
}
