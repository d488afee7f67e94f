/*
 * The self-test: the bus, systemd, folders
 */

#include <sys/statvfs.h>
#include <systemd/sd-bus.h>

#include "common/daemon/bus-open.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "hostd/selftest/checks.h"
#include "protocol/names.h"

#define CALL_TIMEOUT (5 * UINT64_C(1000000))
#define LEAST_SPACE (UINT64_C(16) << 20)

#define SYSTEMD "org.freedesktop.systemd1"

static int open_bus(const char *address, sd_bus **ret) {
        sd_bus *bus = NULL;
        const char *name;
        int r;

        r = bus_open(address, "self-test", &bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, CALL_TIMEOUT);
        /* Waits until the bus has let us in. */
        if (r >= 0)
                r = sd_bus_get_unique_name(bus, &name);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }
        *ret = bus;
        return 0;
}

static void note_daemon(Selftest *t, sd_bus *bus) {
        sd_bus_creds *creds = NULL;
        pid_t pid;

        if (sd_bus_get_name_creds(bus, HOST_BUS_NAME, SD_BUS_CREDS_PID, &creds) >= 0 &&
                sd_bus_creds_get_pid(creds, &pid) >= 0)
                report_note(&t->report, "xenvgpu-hostd runs: %s belongs to pid %d", HOST_BUS_NAME, (int) pid);
        else
                report_note(&t->report, "xenvgpu-hostd does not run: nobody has %s", HOST_BUS_NAME);
        sd_bus_creds_unref(creds);
}

static int read_text(sd_bus *bus, const char *path, const char *interface, const char *property, char **ret) {
        return sd_bus_get_property_string(bus, SYSTEMD, path, interface, property, NULL, ret);
}

/* "xcp-rrdd-gpumon.service is active"; loading a unit's file is all that asking does. */
static int describe_unit(sd_bus *bus, const char *unit, StrBuf *b) {
        _cleanup_free_ char *load = NULL, *active = NULL;
        sd_bus_message *reply = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "LoadUnit",
                NULL, &reply, "s", unit);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = read_text(bus, path, SYSTEMD ".Unit", "LoadState", &load);
        if (r >= 0)
                r = read_text(bus, path, SYSTEMD ".Unit", "ActiveState", &active);
        sd_bus_message_unref(reply);
        if (r < 0)
                return r;
        strbuf_addf(b, "%s%s is %s", b->len > 0 ? ", " : "", unit,
                streq(load, "not-found") ? "not installed" : active);
        return strbuf_error(b);
}

static void check_monitoring(Selftest *t, sd_bus *bus) {
        _cleanup_strbuf_ StrBuf b = {};
        int r = 0;

        for (char **unit = t->host->monitoring_units; r >= 0 && unit && *unit; unit++)
                r = describe_unit(bus, *unit, &b);
        if (r < 0)
                report_failed(&t->report, "monitoring units",
                        "See that each word of `monitoring_units` in hostd.conf is the name of a unit.",
                        "systemd does not tell of them: %s", strerror(-r));
        else
                report_ok(&t->report, "monitoring units", "%s", b.len > 0 ? b.text : "none is set");
}

static void check_systemd(Selftest *t, sd_bus *bus) {
        _cleanup_free_ char *version = NULL;
        int r;

        if (!streq(t->host->units, "systemd")) {
                report_skipped(&t->report, "systemd", "the setting `units` is '%s'", t->host->units);
                return;
        }
        r = read_text(bus, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Version", &version);
        if (r < 0) {
                report_failed(&t->report, "systemd",
                        "VMs run in units of systemd: it must be this machine's init.",
                        "it does not answer on the bus: %s", strerror(-r));
                return;
        }
        report_ok(&t->report, "systemd", "version %s", version);
        check_monitoring(t, bus);
}

static void check_bus(Selftest *t) {
        sd_bus *bus = NULL;
        int r;

        r = open_bus(t->host->bus, &bus);
        if (r < 0) {
                report_failed(&t->report, "D-Bus",
                        "See that the bus runs (`systemctl status dbus`), and that `bus` in hostd.conf is "
                        "its address.",
                        "%s cannot be used: %s", t->host->bus, strerror(-r));
                report_skipped(&t->report, "systemd", "the bus does not answer");
                return;
        }
        report_ok(&t->report, "D-Bus", "%s", t->host->bus);
        note_daemon(t, bus);
        check_systemd(t, bus);
        sd_bus_flush_close_unref(bus);
}

/* The folder, or the nearest one above it that is there. */
static char *find_existing(const char *path) {
        char *folder = strdup(path);

        while (folder && access(folder, F_OK) < 0) {
                char *slash = strrchr(folder, '/');

                if (!slash)
                        break;
                slash[slash == folder] = '\0';
        }
        return folder;
}

static void check_folder(Selftest *t, const char *name, const char *path) {
        _cleanup_free_ char *folder = find_existing(path);
        struct statvfs space;
        uint64_t free_space;

        if (!folder || access(folder, W_OK) < 0 || statvfs(folder, &space) < 0) {
                report_failed(&t->report, name,
                        "hostd keeps its state there: the folder must be writable for it.",
                        "%s cannot be written: %s", path, strerror(errno));
                return;
        }
        free_space = (uint64_t) space.f_bavail * space.f_frsize;
        if (free_space < LEAST_SPACE)
                report_failed(&t->report, name,
                        "Make room on the file system: hostd refuses orders that it cannot store.",
                        "%s has only %s free", path, SIZE_TEXT(free_space));
        else
                report_ok(&t->report, name, "%s%s, %s free", path,
                        streq(folder, path) ? "" : " (is made at start)", SIZE_TEXT(free_space));
}

void check_system(Selftest *t) {
        check_bus(t);
        check_folder(t, "state folder", t->state_dir);
        check_folder(t, "run folder", t->runtime_dir);
}
