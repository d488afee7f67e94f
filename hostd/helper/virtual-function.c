/*
 * The virtual function of an MxGPU VGPU
 *
 * The helper, in order: the lock, the division as it stands, gimtool where it must be made, a free function,
 * its note.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/parse.h"
#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "common/io/command.h"
#include "hostd/run/pci-function.h"
#include "common/daemon/process-watch.h"
#include "hostd/helper/virtual-function.h"
#include "hostd/run/json-file.h"
#include "hostd/run/run-record.h"

#define NOTE "function.json"
#define NOTE_SIZE_MAX 4096
#define FUNCTIONS_MAX 256
#define APPEAR_TRIES 50
#define APPEAR_PAUSE_NS 100000000L
/* Also for the helpers that wait before us, each of which ends within its own time. */
#define PATIENCE (600 * UINT64_C(1000000))

/* How a PGPU is divided; num_vfs 0: not by us since the host is up. */
typedef struct Division {
        uint32_t num_vfs, vf_fb_mib;
} Division;

static const RecordField division_fields[] = {
        FIELD(Division, num_vfs, REQUIRED, U32),
        FIELD(Division, vf_fb_mib, REQUIRED, U32),
};

static const RecordTable division_table = RECORD_TABLE(Division, division_fields);

/* The function that a VM has. */
typedef struct Note {
        PciAddress physical, virtual;
} Note;

static const RecordField note_fields[] = {
        FIELD(Note, physical, REQUIRED, PCI_TEXT),
        FIELD(Note, virtual, REQUIRED, PCI_TEXT),
};

static const RecordTable note_table = RECORD_TABLE(Note, note_fields);

typedef struct Choice {
        const VirtualFunctionWish *wish;
        char *runtime;  /* the folder above vm/ */
        char *division; /* path of the PGPU's note */
        int lock;
        PciAddress functions[FUNCTIONS_MAX]; /* that stand, by address */
        size_t n_functions;
        PciAddress taken[FUNCTIONS_MAX]; /* by other VMs, of this PGPU */
        size_t n_taken;
        Uuid taker; /* one of them */
} Choice;

static void choice_done(Choice *c) {
        free(c->runtime);
        free(c->division);
        safe_close(c->lock);
}

/* Prints the sentence; -EIO. */
static _printf_(1, 2) int fail(const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vprintf(format, args);
        va_end(args);
        (void) putchar('\n');
        return -EIO;
}

/* 1. The lock. */

static int lock(Choice *c) {
        _cleanup_free_ char *vm = strdup(c->wish->folder), *folder = NULL, *path = NULL;
        int r;

        c->runtime = vm ? strdup(dirname(dirname(vm))) : NULL;
        folder = c->runtime ? path_join(c->runtime, "mxgpu") : NULL;
        path = folder ? path_join(folder, "lock") : NULL;
        c->division = path ? path_join(folder, PCI_TEXT(&c->wish->physical)) : NULL;
        if (!c->division)
                return -ENOMEM;
        r = mkdir_parents(folder, 0700);
        if (r >= 0)
                r = file_lock(path, &c->lock);
        /* Not closed when gimtool is executed: it holds the lock too. */
        return r >= 0 && fcntl(c->lock, F_SETFD, 0) < 0 ? -errno : r;
}

/* 2. What stands: the virtual functions of the PGPU, */

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(a, b);
}

static int list_functions(Choice *c) {
        _cleanup_free_ char *folder = path_join(c->wish->sysfs, "devices");
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        c->n_functions = 0;
        r = folder ? folder_list(folder, &names) : -ENOMEM;
        for (char **name = names; r >= 0 && *name && c->n_functions < FUNCTIONS_MAX; name++) {
                PciAddress physical, own;

                if (pci_address_from_string(*name, &own) >= 0 &&
                        pci_function_physical(c->wish->sysfs, &own, &physical) >= 0 &&
                        pci_address_compare(&physical, &c->wish->physical) == 0)
                        c->functions[c->n_functions++] = own;
        }
        qsort(c->functions, c->n_functions, sizeof(PciAddress), compare_addresses);
        return r;
}

/* … those that VMs have, */

/* Whether the VM of that folder has a function of the PGPU. */
static bool has_function(const Choice *c, const char *folder, Note *ret) {
        return json_file_read_record(folder, NOTE, NOTE_SIZE_MAX, &note_table, ret) >= 0 &&
               pci_address_compare(&ret->physical, &c->wish->physical) == 0;
}

static bool is_over(const char *folder) {
        _cleanup_(run_record_done) RunRecord record = {};

        return run_record_read(folder, &record) >= 0 && record.state == VM_STATE_HALTED;
}

static int list_taken(Choice *c) {
        _cleanup_free_ char *vm_dir = path_join(c->runtime, "vm");
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = vm_dir ? folder_list(vm_dir, &names) : -ENOMEM;
        for (char **name = names; r >= 0 && *name && c->n_taken < FUNCTIONS_MAX; name++) {
                _cleanup_free_ char *folder = path_join(vm_dir, *name);
                Note note;
                Uuid vm;

                if (!folder || uuid_from_string(*name, &vm) < 0 || streq(folder, c->wish->folder) ||
                        !has_function(c, folder, &note) || is_over(folder))
                        continue;
                c->taken[c->n_taken++] = note.virtual;
                c->taker = vm;
        }
        return r;
}

/* … and how we divided it. */

static Division read_division(const Choice *c) {
        Division d;

        /* What cannot be read is cleared. */
        (void) json_file_read_record(c->division, NULL, NOTE_SIZE_MAX, &division_table, &d);
        return d;
}

/* 3. gimtool. */

/* Its output goes to the log, because our own stdout is for one line. */
static int run_gimtool(const VirtualFunctionWish *w) {
        char num_vfs[16], size[16];
        const char *const argv[] = {w->gimtool, "--bdf", PCI_TEXT(&w->physical), "--num_vfs", num_vfs,
                "--vf_fb_size", size, NULL};
        int r, status = 0;

        (void) snprintf(num_vfs, sizeof(num_vfs), "%" PRIu32, w->num_vfs);
        (void) snprintf(size, sizeof(size), "%" PRIu32, w->vf_fb_mib);
        log_info("Dividing PGPU %s: %s --num_vfs %s --vf_fb_size %s", PCI_TEXT(&w->physical), w->gimtool,
                num_vfs, size);

        r = command_run(argv, w->timeout, &status);
        if (r == -ETIMEDOUT)
                return fail("gimtool did not divide PGPU %s within %.0f seconds.", PCI_TEXT(&w->physical),
                        (double) w->timeout / 1e6);
        if (r < 0)
                return fail(
                        "'%s', which divides AMD's GPUs, cannot be executed: %s. Set gimtool in hostd.conf.",
                        w->gimtool, strerror(-r));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return fail("gimtool did not divide PGPU %s into %s functions of %s MiB: it %s; the log has "
                            "its words.",
                        PCI_TEXT(&w->physical), num_vfs, size, process_status_to_text(status, (char[80]){}));
        return 0;
}

static int await_functions(Choice *c) {
        int r = 0;

        for (int i = 0; r >= 0 && i < APPEAR_TRIES; i++) {
                r = list_functions(c);
                if (r >= 0 && c->n_functions >= c->wish->num_vfs)
                        return 0;
                (void) nanosleep(&(struct timespec){.tv_nsec = APPEAR_PAUSE_NS}, NULL);
        }
        return r < 0 ? r
                     : fail("gimtool was to divide PGPU %s into %" PRIu32 " functions; %zu are there.",
                               PCI_TEXT(&c->wish->physical), c->wish->num_vfs, c->n_functions);
}

static int divide(Choice *c) {
        const VirtualFunctionWish *w = c->wish;
        const Division d = read_division(c), wanted = { w->num_vfs, w->vf_fb_mib };
        int r;

        if (d.num_vfs == w->num_vfs && d.vf_fb_mib == w->vf_fb_mib && c->n_functions >= d.num_vfs)
                return 0;
        if (c->n_taken > 0)
                return fail("PGPU %s is divided in another way for VM %s: %" PRIu32 " functions of %" PRIu32
                            " MiB.",
                        PCI_TEXT(&w->physical), UUID_TEXT(&c->taker), d.num_vfs, d.vf_fb_mib);

        /* If we are cut off from here on, the division is unknown, so its note is removed first. */
        if (unlink(c->division) < 0 && errno != ENOENT)
                return -errno;
        r = run_gimtool(w);
        if (r >= 0)
                r = await_functions(c);
        return r < 0 ? r : json_file_write_record(c->division, NULL, &division_table, &wanted, 0600);
}

/* 4. A function that nobody has. */

static bool contains(const PciAddress *list, size_t n, const PciAddress *a) {
        for (size_t i = 0; i < n; i++)
                if (pci_address_compare(&list[i], a) == 0)
                        return true;
        return false;
}

/* Whether it was made ready for a guest by another program. */
static bool is_held_by_others(const char *sysfs, const PciAddress *function) {
        _cleanup_free_ char *folder = path_join(sysfs, "drivers/pciback"), *path = NULL;

        path = folder ? path_join(folder, PCI_TEXT(function)) : NULL;
        return !path || access(path, F_OK) == 0;
}

static int choose(const Choice *c, PciAddress *ret) {
        Note own;

        if (has_function(c, c->wish->folder, &own) && contains(c->functions, c->n_functions, &own.virtual) &&
                !contains(c->taken, c->n_taken, &own.virtual)) {
                *ret = own.virtual;
                return 0;
        }
        for (size_t i = 0; i < c->n_functions; i++)
                if (!contains(c->taken, c->n_taken, &c->functions[i]) &&
                        !is_held_by_others(c->wish->sysfs, &c->functions[i])) {
                        *ret = c->functions[i];
                        return 0;
                }
        return fail("PGPU %s has no free virtual function: %zu of %zu are used by VMs, the others by someone "
                    "else.",
                PCI_TEXT(&c->wish->physical), c->n_taken, c->n_functions);
}

static int write_note(const Choice *c, const PciAddress *function) {
        const Note note = { c->wish->physical, *function };

        return json_file_write_record(c->wish->folder, NOTE, &note_table, &note, 0600);
}

static int work(const VirtualFunctionWish *wish) {
        _cleanup_(choice_done) Choice c = {.wish = wish, .lock = -1};
        PciAddress function;
        int r;

        r = lock(&c);
        if (r >= 0)
                r = list_functions(&c);
        if (r >= 0)
                r = list_taken(&c);
        if (r >= 0)
                r = divide(&c);
        if (r >= 0)
                r = choose(&c, &function);
        if (r >= 0)
                r = write_note(&c, &function);
        if (r < 0 && r != -EIO)
                return fail("A virtual function of PGPU %s cannot be chosen: %s.", PCI_TEXT(&wish->physical),
                        strerror(-r));
        if (r >= 0)
                (void) puts(PCI_TEXT(&function));
        return r;
}

/* The helper's arguments, both ways: folder, sysfs, gimtool, timeout, address, number, size. */

#define N_ARGUMENTS 7

HelperWork virtual_function_work(const VirtualFunctionWish *w) {
        HelperWork work = {
                .timeout = PATIENCE,
                .late = "The PGPU was not divided within ten minutes, since gimtool was still busy with others.",
        };
        StrList *a = &work.arguments;

        strlist_add(a, VIRTUAL_FUNCTION_VERB);
        strlist_add(a, w->folder);
        strlist_add(a, w->sysfs);
        strlist_add(a, w->gimtool);
        strlist_addf(a, "%" PRIu64, w->timeout);
        strlist_add(a, PCI_TEXT(&w->physical));
        strlist_addf(a, "%" PRIu32, w->num_vfs);
        strlist_addf(a, "%" PRIu32, w->vf_fb_mib);
        return work;
}

int virtual_function_main(int argc, char **argv) {
        VirtualFunctionWish w = {};
        char **a = argv + 2;

        if (argc != N_ARGUMENTS + 2 || parse_u64(a[3], &w.timeout) < 0 ||
                pci_address_from_string(a[4], &w.physical) < 0 || parse_u32(a[5], &w.num_vfs) < 0 ||
                parse_u32(a[6], &w.vf_fb_mib) < 0) {
                (void) fail("The helper that chooses a virtual function does not understand its arguments.");
                return EXIT_FAILURE;
        }
        w.folder = a[0];
        w.sysfs = a[1];
        w.gimtool = a[2];
        return work(&w) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
