/*
 * The self-test: programs and modules
 */

#include "common/io/file.h"
#include "common/base/text.h"
#include "hostd/run/program.h"
#include "hostd/selftest/checks.h"
#include "hostd/selftest/probe.h"

/* What systemd gives its units. */
#define UNIT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define NVIDIA_VERSION_FILE "/proc/driver/nvidia/version"

/* One that VMs need where a PGPU offers types of a vendor's. detail_or_null: what is said behind the path. */
static void check_vendor_program(Selftest *t, const char *name, bool offered, const char *vendor, const char *program,
        const char *path, const char *detail_or_null, const char *help) {
        _cleanup_free_ char *found = NULL;

        if (!offered) {
                report_skipped(&t->report, name, "no PGPU here offers a type of %s's", vendor);
                return;
        }
        found = probe_find_program(program, path);
        if (found)
                report_ok(&t->report, name, "%s%s", found, strempty(detail_or_null));
        else
                report_failed(&t->report, name, help, "'%s' is not in %s", program, path);
}

static void check_emulator(Selftest *t) {
        char detail[64];

        (void) text_format(detail, sizeof(detail), ", arguments in the form '%s'", t->host->emulator_arguments);
        check_vendor_program(t, "vgpu emulator",
                selftest_offers(t, TYPE_NVIDIA) || selftest_offers(t, TYPE_NVIDIA_SRIOV), "NVIDIA",
                t->host->emulator, DM_EMULATOR_PATH, detail,
                "It comes with NVIDIA's vGPU host driver; set `emulator` in hostd.conf to its path.");
}

static void check_gimtool(Selftest *t) {
        check_vendor_program(t, "gimtool", selftest_offers(t, TYPE_MXGPU), "AMD", t->host->gimtool, UNIT_PATH,
                NULL,
                "It comes with AMD's MxGPU host driver (XenServer: /opt/xensource/bin/gimtool); set `gimtool` in "
                "hostd.conf to its path.");
}

static void check_nvidia_driver(Selftest *t) {
        _cleanup_free_ char *version = NULL;

        if (t->simulated || !selftest_offers(t, TYPE_NVIDIA))
                return;
        if (file_read_line(NVIDIA_VERSION_FILE, &version) >= 0)
                report_ok(&t->report, "NVIDIA's host driver", "%s", version);
        else
                report_failed(&t->report, "NVIDIA's host driver",
                        "Install NVIDIA's vGPU driver for Xen and this kernel; `dmesg | grep -i nvrm` says "
                        "why it does not load.",
                        "it is not loaded (no %s)", NVIDIA_VERSION_FILE);
}

/* "-device vgpu" is asked for its help, since qemu reads such arguments only when it builds a machine; for
 * any other it is enough that qemu gets past them to -version. */
static int ask_display(const char *qemu, const char *arguments, char **ret_output) {
        _cleanup_strlist_ StrList words = {}, argv = {};
        bool device;

        strlist_add_split(&words, arguments, " \t");
        device = words.n == 2 && streq(words.items[0], "-device");
        strlist_add(&argv, qemu);
        for (size_t i = 0; i < words.n; i++)
                strlist_addf(&argv, "%s%s", words.items[i], device && i == 1 ? ",help" : "");
        if (!device)
                strlist_add(&argv, "-version");
        return words.error ?: argv.error ?: probe_run((const char *const *) argv.items, ret_output);
}

static void first_line(char *text) {
        if (text)
                text[strcspn(text, "\n")] = '\0';
}

static void check_display(Selftest *t, const char *qemu) {
        const char *name = "qemu's vGPU display";
        _cleanup_free_ char *output = NULL;
        int r;

        if (!selftest_offers(t, TYPE_NVIDIA)) {
                report_skipped(&t->report, name, "no PGPU here offers a type of NVIDIA's");
                return;
        }
        r = ask_display(qemu, t->host->qemu_vgpu_args, &output);
        first_line(output);
        if (r == 0)
                report_ok(&t->report, name, "it takes '%s'", t->host->qemu_vgpu_args);
        else
                report_failed(&t->report, name,
                        "XenServer's qemu knows it; name one that does by `qemu`, or its own words by "
                        "`qemu_vgpu_args`, in hostd.conf.",
                        "%s does not take '%s': %s", qemu, t->host->qemu_vgpu_args,
                        r < 0 ? strerror(-r) : strempty(output));
}

/* libxl runs guests on qemu's machine of this name. */
static bool runs_xen_guests(const char *qemu) {
        const char *const argv[] = {qemu, "-machine", "help", NULL};
        _cleanup_free_ char *output = NULL;

        return probe_run(argv, &output) == 0 && strstr(output, "xenfv");
}

static void check_qemu(Selftest *t) {
        _cleanup_free_ char *path = NULL, *output = NULL;
        const char *argv[] = {NULL, "-version", NULL};
        int r;

        path = probe_find_program(t->host->qemu, UNIT_PATH);
        if (!path) {
                report_failed(&t->report, "qemu",
                        "Install qemu for Xen (Debian: qemu-system-xen), and set `qemu` in hostd.conf to its "
                        "path.",
                        "'%s' is not in %s", t->host->qemu, UNIT_PATH);
                return;
        }
        argv[0] = path;
        r = probe_run(argv, &output);
        first_line(output);
        if (r != 0)
                report_failed(&t->report, "qemu", "Run it with -version yourself: it must say what it is.",
                        "%s -version fails: %s", path, r < 0 ? strerror(-r) : strempty(output));
        else if (!t->simulated && !runs_xen_guests(path))
                report_failed(&t->report, "qemu",
                        "Take one that is built for Xen (Debian: /usr/libexec/xen-qemu-system-i386 of "
                        "qemu-system-xen).",
                        "%s has no machine xenfv: %s", path, output);
        else
                report_ok(&t->report, "qemu", "%s: %s", path, output);
        check_display(t, path);
}

static void check_pciback(Selftest *t) {
        _cleanup_free_ char *driver = path_join(t->host->sysfs_path, "drivers/pciback");

        if (t->simulated)
                report_skipped(&t->report, "xen-pciback", "the simulated hypervisor passes nothing through");
        else if (driver && access(driver, F_OK) == 0)
                report_ok(&t->report, "xen-pciback", "loaded");
        else if (probe_module_exists("xen-pciback"))
                report_ok(&t->report, "xen-pciback",
                        "a module of this kernel, loaded when a GPU is passed through");
        else
                report_failed(&t->report, "xen-pciback",
                        "Take a kernel with CONFIG_XEN_PCIDEV_BACKEND; without it no GPU can be passed through.",
                        "this kernel does not have it");
}

void check_programs(Selftest *t) {
        check_nvidia_driver(t);
        check_emulator(t);
        check_qemu(t);
        check_gimtool(t);
        check_pciback(t);
}
