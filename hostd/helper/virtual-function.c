/*
 * The virtual function of an MxGPU or SR-IOV VGPU
 *
 * The helper, in order: the lock, what stands and who has it, the division, a free function, its note. And at the VM's end:
 * the reset, and whether the function answers.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>

#include "common/base/parse.h"
#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/helper/virtual-function.h"
#include "hostd/run/division.h"
#include "hostd/run/json-file.h"
#include "hostd/run/pci-function.h"

/* Also for the helpers that wait before us, each of which ends within its own time. */
#define PATIENCE (600 * UINT64_C(1000000))
/* The kernel waits up to 72 s for a function whose physical one was reset behind it. */
#define FREE_PATIENCE (150 * UINT64_C(1000000))

/* 1. The lock. */

/* The folder above vm/. */
static char *runtime_of(const char *folder) {
        _cleanup_free_ char *vm = strdup(folder);

        return vm ? strdup(dirname(dirname(vm))) : NULL;
}

static int lock(Board *b) {
        _cleanup_free_ char *folder = NULL, *path = NULL;
        int r;

        b->runtime = runtime_of(b->wish->folder);
        folder = b->runtime ? path_join(b->runtime, "divisions") : NULL;
        path = folder ? path_join(folder, "lock") : NULL;
        if (!path)
                return -ENOMEM;
        r = mkdir_parents(folder, 0700);
        if (r >= 0)
                r = file_lock(path, &b->lock);
        /* Not closed when gimtool is executed: it holds the lock too. */
        return r >= 0 && fcntl(b->lock, F_SETFD, 0) < 0 ? -errno : r;
}

/* 2. The functions that VMs have. */

/* Whether the VM of that folder has a function of the PGPU: 1, 0. Fails on a note that cannot be read, since whatever it
 * says would be lent twice. */
static int find_note(const Board *b, const char *folder, FunctionNote *ret) {
        int r = function_note_read(folder, ret);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return division_fail("No function of PGPU %s is given away, since %s/function.json cannot be read: %s.",
                        PCI_TEXT(&b->wish->physical), folder, strerror(-r));
        return pci_address_compare(&ret->physical, &b->wish->physical) == 0;
}

/* Also of a VM that is over: its note goes when the reset is proved, or the function suspect. */
static int add_taken(Board *b, const char *folder, const Uuid *vm) {
        FunctionNote note;
        int r;

        if (streq(folder, b->wish->folder))
                return 0;
        r = find_note(b, folder, &note);
        if (r <= 0)
                return r;
        b->taken[b->n_taken++] = note.virtual;
        b->taker = *vm;
        return 0;
}

static int list_taken(Board *b) {
        _cleanup_free_ char *vm_dir = path_join(b->runtime, "vm");
        _cleanup_(strv_freep) char **names = NULL;
        int r;

        r = vm_dir ? folder_list(vm_dir, &names) : -ENOMEM;
        for (char **name = names; r >= 0 && *name && b->n_taken < SRIOV_FUNCTIONS_MAX; name++) {
                _cleanup_free_ char *folder = path_join(vm_dir, *name);
                Uuid vm;

                if (uuid_from_string(*name, &vm) >= 0)
                        r = folder ? add_taken(b, folder, &vm) : -ENOMEM;
        }
        return r;
}

static int open_board(const DivisionWish *wish, Board *b) {
        int r;

        *b = (Board){.wish = wish, .lock = -1};
        r = lock(b);
        if (r >= 0)
                r = board_list_functions(b);
        return r < 0 ? r : list_taken(b);
}

/* 3. A function that nobody has. */

static bool contains(const PciAddress *list, size_t n, const PciAddress *a) {
        for (size_t i = 0; i < n; i++)
                if (pci_address_compare(&list[i], a) == 0)
                        return true;
        return false;
}

/* Of one that does not answer, or failed at the end of its last VM, the reason is told. */
static bool is_well(const Board *b, const PciAddress *function) {
        _cleanup_free_ char *why = NULL;
        int r;

        if (division_read_suspicion(b->runtime, function, &why) != -ENOENT)
                return false;
        if (pci_function_answers(b->wish->sysfs, function))
                return true;
        log_warning("Virtual function %s does not answer: it is given to no VM.", PCI_TEXT(function));
        r = division_suspect(b->runtime, function, "It does not answer.");
        if (r < 0)
                log_error("That virtual function %s is suspect cannot be noted (%s); the next start looks at it again.",
                        PCI_TEXT(function), strerror(-r));
        return false;
}

static int choose(const Board *b, PciAddress *ret) {
        size_t n_ill = 0;
        FunctionNote own;
        int r;

        r = find_note(b, b->wish->folder, &own);
        if (r < 0)
                return r;
        if (r > 0 && contains(b->functions, b->n_functions, &own.virtual) &&
                !contains(b->taken, b->n_taken, &own.virtual)) {
                *ret = own.virtual;
                return 0;
        }
        for (size_t i = 0; i < b->n_functions; i++) {
                const PciAddress *f = &b->functions[i];

                if (contains(b->taken, b->n_taken, f) || board_is_held_by_others(b, f))
                        continue;
                if (!is_well(b, f)) {
                        n_ill++;
                        continue;
                }
                *ret = *f;
                return 0;
        }
        if (n_ill > 0)
                return division_fail("PGPU %s has no free virtual function: %zu of %zu are used by VMs, and %zu suspect; the "
                                     "PGPU is divided anew when no VM uses it, or after a restart of the host.",
                        PCI_TEXT(&b->wish->physical), b->n_taken, b->n_functions, n_ill);
        return division_fail("PGPU %s has no free virtual function: %zu of %zu are used by VMs, the others by someone "
                             "else.",
                PCI_TEXT(&b->wish->physical), b->n_taken, b->n_functions);
}

static int write_note(const Board *b, const PciAddress *function) {
        return function_note_write(b->wish->folder, &(FunctionNote){b->wish->physical, *function});
}

static int work(const DivisionWish *wish) {
        _cleanup_(board_done) Board b = {};
        PciAddress function;
        int r;

        r = open_board(wish, &b);
        if (r >= 0)
                r = board_divide(&b);
        if (r >= 0)
                r = choose(&b, &function);
        if (r >= 0)
                r = write_note(&b, &function);
        if (r < 0 && r != -EIO)
                return division_fail("A virtual function of PGPU %s cannot be chosen: %s.", PCI_TEXT(&wish->physical),
                        strerror(-r));
        if (r >= 0)
                (void) puts(PCI_TEXT(&function));
        return r;
}

static int undivide(const DivisionWish *wish) {
        _cleanup_(board_done) Board b = {};
        int r;

        r = open_board(wish, &b);
        if (r >= 0)
                r = board_undivide(&b);
        if (r < 0 && r != -EIO)
                return division_fail("The virtual functions of PGPU %s cannot be taken back: %s.",
                        PCI_TEXT(&wish->physical), strerror(-r));
        return r;
}

/* 4. It is free again. */

/* NULL: it is well. The caller frees. */
static char *examine(const char *sysfs, const FunctionNote *note) {
        int r = 0;

        /* Where the kernel knows no way to reset it, there is no such file. */
        if (pci_function_can_reset(sysfs, &note->virtual))
                r = pci_function_write(sysfs, &note->virtual, "reset", "1");
        if (r < 0)
                return text_printf("Its reset failed: %s.", strerror(-r));
        if (!pci_function_answers(sysfs, &note->virtual))
                return strdup("It does not answer after its reset.");
        if (pci_function_has_sriov_enabled(sysfs, &note->physical) == 0)
                return strdup("The PGPU was reset behind it: its SR-IOV is switched off, which the kernel does not know.");
        return NULL;
}

/* The VM keeps its function: the caller tries again. */
static int fail_to_note(const FunctionNote *note, int error) {
        return division_fail("Virtual function %s is not reset, since it cannot be noted as suspect before: %s.",
                PCI_TEXT(&note->virtual), strerror(-error));
}

static int free_function(const char *folder, const char *sysfs) {
        _cleanup_free_ char *runtime = runtime_of(folder), *why = NULL;
        FunctionNote note;
        int r;

        if (!runtime)
                return -ENOMEM;
        r = function_note_read(folder, &note);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!pci_function_is_there(sysfs, &note.virtual))
                return function_note_forget(folder);
        /* Before, since the kernel may keep us for ever. */
        r = division_suspect(runtime, &note.virtual, "Its reset did not end.");
        if (r < 0)
                return fail_to_note(&note, r);
        why = examine(sysfs, &note);
        if (why) {
                log_error("Virtual function %s of PGPU %s is suspect, and given to no VM: %s", PCI_TEXT(&note.virtual),
                        PCI_TEXT(&note.physical), why);
                r = division_suspect(runtime, &note.virtual, why);
        } else
                r = division_trust(runtime, &note.virtual);
        /* It stays suspect, with the reason that was noted first. */
        if (r < 0)
                log_error("What the reset of virtual function %s came to cannot be noted: %s.", PCI_TEXT(&note.virtual),
                        strerror(-r));
        return function_note_forget(folder);
}

/* 5. A second look. Under the lock, so that a function is not reset once it is trusted and lent; released in between. */

static bool is_suspect(const Board *b, const PciAddress *function) {
        _cleanup_free_ char *why = NULL;

        return division_read_suspicion(b->runtime, function, &why) != -ENOENT;
}

/* The next suspect one behind *after that no VM has; NULL: no more. */
static const PciAddress *next_suspect(const Board *b, const PciAddress *after) {
        for (size_t i = 0; i < b->n_functions; i++)
                if ((!after || pci_address_compare(&b->functions[i], after) > 0) && is_suspect(b, &b->functions[i]) &&
                        !contains(b->taken, b->n_taken, &b->functions[i]) && !board_is_held_by_others(b, &b->functions[i]))
                        return &b->functions[i];
        return NULL;
}

static int look_at_function(const Board *b, const PciAddress *function) {
        const FunctionNote note = { b->wish->physical, *function };
        _cleanup_free_ char *why = examine(b->wish->sysfs, &note);

        if (why) {
                log_warning("Virtual function %s of PGPU %s stays suspect: %s", PCI_TEXT(function),
                        PCI_TEXT(&b->wish->physical), why);
                return division_suspect(b->runtime, function, why);
        }
        log_info("Virtual function %s of PGPU %s is well again.", PCI_TEXT(function), PCI_TEXT(&b->wish->physical));
        return division_trust(b->runtime, function);
}

/* 1: there is no more to look at. */
static int look_at_next(const DivisionWish *wish, bool undivide, PciAddress *after, bool *behind) {
        _cleanup_(board_done) Board b = {};
        const PciAddress *next;
        int r;

        r = open_board(wish, &b);
        if (r < 0)
                return r;
        next = next_suspect(&b, *behind ? after : NULL);
        if (!next)
                return 1;
        if (undivide && b.n_taken == 0 && board_take_back(&b) > 0)
                return 1;
        *after = *next;
        *behind = true;
        return look_at_function(&b, after);
}

static int look_again(char **a) {
        _cleanup_free_ char *folder = path_join(a[0], "vm/none");
        DivisionWish wish = {.folder = folder, .sysfs = a[1], .gimtool = "", .type = "", .priority = ""};
        PciAddress after = {};
        bool behind = false;
        int r;

        if (!folder)
                return -ENOMEM;
        r = pci_address_from_string(a[2], &wish.physical);
        while (r == 0)
                r = look_at_next(&wish, streq(a[3], "1"), &after, &behind);
        return MIN_OF(r, 0);
}

/* The helper's arguments, both ways. */

#define N_ARGUMENTS 12

static HelperWork make_work(const char *verb, const DivisionWish *w) {
        HelperWork work = {
                .timeout = PATIENCE,
                .late = "The PGPU was not divided within ten minutes, since others were still being divided.",
        };
        StrList *a = &work.arguments;

        strlist_add(a, verb);
        strlist_add(a, w->folder);
        strlist_add(a, w->sysfs);
        strlist_add(a, w->gimtool);
        strlist_addf(a, "%" PRIu64, w->timeout);
        strlist_addf(a, "%d", w->keep);
        strlist_add(a, PCI_TEXT(&w->physical));
        strlist_addf(a, "%" PRIu32, w->num_vfs);
        strlist_addf(a, "%" PRIu32, w->vf_fb_mib);
        strlist_add(a, strempty(w->type));
        strlist_addf(a, "%" PRIu64, w->exec_quantum_ms);
        strlist_addf(a, "%" PRIu64, w->preempt_timeout_us);
        strlist_add(a, strempty(w->priority));
        return work;
}

HelperWork virtual_function_work(const DivisionWish *w) {
        return make_work(VIRTUAL_FUNCTION_VERB, w);
}

HelperWork virtual_function_undivide_work(const DivisionWish *w) {
        return make_work(VIRTUAL_FUNCTION_UNDIVIDE_VERB, w);
}

HelperWork virtual_function_free_work(const char *folder, const char *sysfs) {
        HelperWork work = {
                .timeout = FREE_PATIENCE,
                .late = "The reset of a virtual function did not end within 150 seconds.",
        };

        strlist_add(&work.arguments, VIRTUAL_FUNCTION_FREE_VERB);
        strlist_add(&work.arguments, folder);
        strlist_add(&work.arguments, sysfs);
        return work;
}

static int read_wish(char **a, DivisionWish *w) {
        uint32_t keep;

        if (parse_u64(a[3], &w->timeout) < 0 || parse_u32(a[4], &keep) < 0 ||
                pci_address_from_string(a[5], &w->physical) < 0 || parse_u32(a[6], &w->num_vfs) < 0 ||
                parse_u32(a[7], &w->vf_fb_mib) < 0 || parse_u64(a[9], &w->exec_quantum_ms) < 0 ||
                parse_u64(a[10], &w->preempt_timeout_us) < 0)
                return -EINVAL;
        w->folder = a[0];
        w->sysfs = a[1];
        w->gimtool = a[2];
        w->keep = keep > 0;
        w->type = a[8];
        w->priority = a[11];
        return 0;
}

int virtual_function_main(int argc, char **argv) {
        DivisionWish w = {};
        int r = -EINVAL;

        if (argc == 4 && streq(argv[1], VIRTUAL_FUNCTION_FREE_VERB))
                r = free_function(argv[2], argv[3]);
        /* A failure is said, and left to the next look: whoever started us would start us again. */
        else if (argc == 6 && streq(argv[1], DIVISION_LOOK_VERB)) {
                r = look_again(argv + 2);
                if (r < 0)
                        log_error("The suspect functions of PGPU %s were not looked at: %s.", argv[4], strerror(-r));
                return EXIT_SUCCESS;
        }
        else if (argc == N_ARGUMENTS + 2 && read_wish(argv + 2, &w) >= 0)
                r = streq(argv[1], VIRTUAL_FUNCTION_VERB) ? work(&w) : undivide(&w);
        if (r < 0 && r != -EIO)
                (void) division_fail("The helper for virtual functions cannot do that: %s.", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
