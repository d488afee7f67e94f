/*
 * Dividing a PGPU into virtual functions, and taking them back
 *
 * Two dividers: AMD's gimtool, which also takes back what there is, and the kernel by sriov_numvfs, which goes from one
 * number to another only over 0.
 */

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "common/daemon/log.h"
#include "common/daemon/process-watch.h"
#include "common/io/command.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/helper/divide.h"
#include "hostd/run/division.h"
#include "hostd/run/pci-function.h"

#define APPEAR_TRIES 50
#define APPEAR_PAUSE_NS 100000000L

int division_fail(const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void) vprintf(format, args);
        va_end(args);
        (void) putchar('\n');
        return -EIO;
}

void board_done(Board *b) {
        free(b->runtime);
        safe_close(b->lock);
}

int board_list_functions(Board *b) {
        return pci_function_list_virtual(
                b->wish->sysfs, &b->wish->physical, b->functions, SRIOV_FUNCTIONS_MAX, &b->n_functions);
}

bool board_is_held_by_others(const Board *b, const PciAddress *function) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/drivers/pciback/%s", b->wish->sysfs, PCI_TEXT(function));
        return access(path, F_OK) == 0;
}

/* Until there are so many functions, or not one: what the kernel does is done when its call returns, gimtool's is not. */
static int await_functions(Board *b, uint32_t n) {
        int r = 0;

        for (int i = 0; r >= 0 && i < APPEAR_TRIES; i++) {
                r = board_list_functions(b);
                if (r >= 0 && (n > 0 ? b->n_functions >= n : b->n_functions == 0))
                        return 0;
                (void) nanosleep(&(struct timespec){.tv_nsec = APPEAR_PAUSE_NS}, NULL);
        }
        return r < 0 ? r : -ETIMEDOUT;
}

/* AMD's gimtool. */

/* Its output goes to the log, because our own stdout is for one line. */
static int run_gimtool(Board *b) {
        const DivisionWish *w = b->wish;
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
                return division_fail("gimtool did not divide PGPU %s within %.0f seconds.", PCI_TEXT(&w->physical),
                        (double) w->timeout / 1e6);
        if (r < 0)
                return division_fail(
                        "'%s', which divides AMD's GPUs, cannot be executed: %s. Set gimtool in hostd.conf.",
                        w->gimtool, strerror(-r));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return division_fail("gimtool did not divide PGPU %s into %s functions of %s MiB: it %s; the log has "
                                     "its words.",
                        PCI_TEXT(&w->physical), num_vfs, size, process_status_to_text(status, (char[80]){}));
        r = await_functions(b, w->num_vfs);
        return r == -ETIMEDOUT ? division_fail("gimtool was to divide PGPU %s into %" PRIu32 " functions; %zu are there.",
                                         PCI_TEXT(&w->physical), w->num_vfs, b->n_functions)
                               : r;
}

/* The kernel. */

static int write_number(const Board *b, const char *name, uint64_t value) {
        char text[24];

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return pci_function_write(b->wish->sysfs, &b->wish->physical, name, text);
}

/* Also after a helper that was cut off, and where nothing stands: the same number again changes nothing. */
static int kernel_undivide(Board *b) {
        int r;

        r = write_number(b, "sriov_numvfs", 0);
        if (r >= 0)
                r = await_functions(b, 0);
        if (r >= 0)
                r = division_forget(b->runtime, &b->wish->physical);
        return r < 0 ? division_fail("The kernel does not take back the virtual functions of PGPU %s: %s.",
                               PCI_TEXT(&b->wish->physical), strerror(-r))
                     : 0;
}

/* What the driver offers to be set for all functions (xe). What it does not offer is left to it. */
static void write_profile(const Board *b) {
        static const char folder[] = "sriov_admin/.bulk_profile/";
        const DivisionWish *w = b->wish;
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "exec_quantum_ms", w->exec_quantum_ms },
                { "preempt_timeout_us", w->preempt_timeout_us },
                { "vram_quota", (uint64_t) w->vf_fb_mib << 20 },
        };
        char name[64];
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                (void) snprintf(name, sizeof(name), "%s%s", folder, numbers[i].name);
                r = numbers[i].value > 0 ? write_number(b, name, numbers[i].value) : 0;
                if (r < 0)
                        log_warning("The driver of PGPU %s does not take %s (%s); its own value counts.",
                                PCI_TEXT(&w->physical), numbers[i].name, strerror(-r));
        }
        (void) snprintf(name, sizeof(name), "%ssched_priority", folder);
        r = isempty(w->priority) ? 0 : pci_function_write(w->sysfs, &w->physical, name, w->priority);
        if (r < 0)
                log_warning("The driver of PGPU %s does not take the priority '%s' (%s); its own counts.",
                        PCI_TEXT(&w->physical), w->priority, strerror(-r));
}

static bool read_autoprobe(const Board *b) {
        _cleanup_free_ char *before = NULL;

        return pci_function_read(b->wish->sysfs, &b->wish->physical, DIVISION_AUTOPROBE, &before) < 0 || !streq(before, "0");
}

/* The drivers of dom0 keep away from what guests get. */
static int make_without_drivers(const Board *b, bool autoprobe) {
        int r;

        if (autoprobe)
                (void) write_number(b, DIVISION_AUTOPROBE, 0);
        r = write_number(b, "sriov_numvfs", b->wish->num_vfs);
        if (autoprobe)
                (void) write_number(b, DIVISION_AUTOPROBE, 1);
        return r;
}

static int kernel_divide(Board *b, bool autoprobe) {
        const DivisionWish *w = b->wish;
        char buf[PCI_DRIVER_SIZE];
        const char *driver = pci_function_driver(w->sysfs, &w->physical, buf);
        int r;

        if (isempty(driver) || streq(driver, "pciback"))
                return division_fail("PGPU %s cannot be divided: %s has it, and only its own driver can do that; bind it "
                                     "(write the address to drivers/DRIVER/bind of %s).",
                        PCI_TEXT(&w->physical), isempty(driver) ? "no driver" : "xen-pciback", w->sysfs);
        log_info("Dividing PGPU %s (driver %s) into %" PRIu32 " virtual functions", PCI_TEXT(&w->physical), driver,
                w->num_vfs);
        write_profile(b);
        r = make_without_drivers(b, autoprobe);
        if (r < 0)
                return division_fail("The kernel does not divide PGPU %s into %" PRIu32 " virtual functions: %s%s.",
                        PCI_TEXT(&w->physical), w->num_vfs, strerror(-r),
                        r == -ENOENT ? "; its driver cannot do that" : "");
        r = await_functions(b, w->num_vfs);
        if (r == -ETIMEDOUT)
                return division_fail("PGPU %s was to be divided into %" PRIu32 " virtual functions; %zu are there.",
                        PCI_TEXT(&w->physical), w->num_vfs, b->n_functions);
        /* They get no driver_override: xen-pciback would seize them all as it is loaded, and what it holds counts as used. */
        for (size_t i = 0; r >= 0 && i < b->n_functions; i++)
                if (!pci_function_answers(w->sysfs, &b->functions[i]))
                        return division_fail("PGPU %s was divided, and its virtual function %s does not answer.",
                                PCI_TEXT(&w->physical), PCI_TEXT(&b->functions[i]));
        return r;
}

/* Both. */

static bool is_by_gimtool(const Board *b) {
        return isempty(b->wish->type);
}

static int make(Board *b) {
        const DivisionWish *w = b->wish;
        Division wanted = {
                .num_vfs = w->num_vfs, .vf_fb_mib = w->vf_fb_mib, .type = (char *) w->type, .autoprobe = read_autoprobe(b)};
        int r;

        r = division_write(b->runtime, &w->physical, &wanted);
        if (r < 0)
                return r;
        r = is_by_gimtool(b) ? run_gimtool(b) : kernel_divide(b, wanted.autoprobe);
        if (r < 0 && !is_by_gimtool(b)) {
                /* Its sentence is said; a half division is worth nothing. */
                if (write_number(b, "sriov_numvfs", 0) >= 0 && await_functions(b, 0) >= 0)
                        (void) division_forget(b->runtime, &w->physical);
                return r;
        }
        if (r < 0)
                return r;
        /* New functions: what was said of others at these addresses is over. */
        for (size_t i = 0; i < b->n_functions; i++)
                (void) division_trust(b->runtime, &b->functions[i]);
        wanted.made = true;
        return division_write(b->runtime, &w->physical, &wanted);
}

static bool fits(const Board *b, const Division *d) {
        return d->made && d->num_vfs == b->wish->num_vfs && d->vf_fb_mib == b->wish->vf_fb_mib &&
               streq(strempty(d->type), b->wish->type) && b->n_functions >= d->num_vfs;
}

/* Nothing may be in use: a note of a VM, or a function that somebody else made ready for a guest. */
static int check_unused(const Board *b, const Division *d) {
        const char *physical = PCI_TEXT(&b->wish->physical);

        if (b->n_taken > 0)
                return division_fail("PGPU %s is divided in another way for VM %s: %" PRIu32 " functions of %" PRIu32
                                     " MiB.",
                        physical, UUID_TEXT(&b->taker), d->num_vfs, d->vf_fb_mib);
        for (size_t i = 0; i < b->n_functions; i++)
                if (board_is_held_by_others(b, &b->functions[i]))
                        return division_fail("PGPU %s stays divided: somebody made its virtual function %s assignable to "
                                             "guests (xl pci-assignable-remove).",
                                physical, PCI_TEXT(&b->functions[i]));
        return 0;
}

static int refuse_fixed(const Board *b) {
        const DivisionWish *w = b->wish;

        if (w->num_vfs == 0)
                return division_fail("PGPU %s has %zu virtual functions that xenvgpu did not make, so it is not passed "
                                     "through; whoever made them must take them back first.",
                        PCI_TEXT(&w->physical), b->n_functions);
        if (b->n_functions == 0)
                return division_fail("PGPU %s has no virtual functions, and the setting sriov_division of this host is "
                                     "fixed: xenvgpu makes none.",
                        PCI_TEXT(&w->physical));
        return division_fail("PGPU %s has %zu virtual functions that xenvgpu did not make; the type needs %" PRIu32 ".",
                PCI_TEXT(&w->physical), b->n_functions, w->num_vfs);
}

/* 1: nothing is to be done, 0: divide, negative: refused. Leaves no functions where it returns 0. */
static int prepare(Board *b) {
        _cleanup_(division_done) Division d = {};
        bool noted = division_read_of(b->runtime, &b->wish->physical, b->n_functions, &d) >= 0;
        int r;

        /* A helper was cut off. */
        if (noted && !d.made && d.autoprobe && !read_autoprobe(b))
                (void) write_number(b, DIVISION_AUTOPROBE, 1);
        if (b->wish->keep || (b->n_functions > 0 && !noted))
                return b->n_functions == b->wish->num_vfs ? 1 : refuse_fixed(b);
        if (b->n_functions == 0)
                return b->wish->num_vfs == 0;
        if (b->wish->num_vfs > 0 && fits(b, &d))
                return 1;
        r = check_unused(b, &d);
        if (r < 0)
                return r;
        /* gimtool takes back what there is by itself, and there is no way to have it make none. */
        if (!isempty(d.type))
                return kernel_undivide(b);
        return b->wish->num_vfs > 0 ? 0
                                    : division_fail("PGPU %s was divided by gimtool, which cannot undo that: it can be "
                                                    "passed through after a restart of the host.",
                                              PCI_TEXT(&b->wish->physical));
}

int board_divide(Board *b) {
        int r;

        r = prepare(b);
        return r < 0 ? r : r > 0 ? 0 : make(b);
}

int board_take_back(Board *b) {
        _cleanup_(division_done) Division d = {};
        int r;

        if (division_read_of(b->runtime, &b->wish->physical, b->n_functions, &d) < 0 || isempty(d.type) || b->n_taken > 0)
                return 0;
        for (size_t i = 0; i < b->n_functions; i++)
                if (board_is_held_by_others(b, &b->functions[i]))
                        return 0;
        r = kernel_undivide(b);
        if (r >= 0)
                log_info("The virtual functions of PGPU %s were taken back; the next VM has it divided anew.",
                        PCI_TEXT(&b->wish->physical));
        return r >= 0;
}

int board_undivide(Board *b) {
        return MIN_OF(prepare(b), 0);
}
