/*
 * Faults of a host's world
 *
 * The stand-ins read sim/faults.json when they start; the wire obeys its relay's control socket; power is the
 * death of every process of the machine.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/parse.h"
#include "tests/lab/fault.h"
#include "tests/lab/machine.h"
#include "tests/lab/pool.h"
#include "tests/lab/process.h"
#include "tests/lab/world.h"

#define FAULT_FILE_MAX 65536
#define HOSTD_WAIT_MS 20000
#define RELAY_TRIES 5

static bool program_fault_is_known(const char *program, const char *what) {
        static const char *const words[] = { "exit-at-once", "off", "never-ready", "never-running", "error" };
        static const char *const timed[] = { "slow=", "die-after=" };
        bool is_qemu = streq(program, "qemu");
        uint64_t ms;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (streq(words[i], what))
                        return !is_qemu || i < 2;
        for (size_t i = 0; i < ARRAY_SIZE(timed); i++) {
                const char *number = startswith(what, timed[i]);

                if (number && parse_u64(number, &ms) >= 0)
                        return true;
        }
        return false;
}

static int fault_program(const LabHost *host, const char *program, const char *what) {
        _cleanup_free_ char *path = path_join(host->folder, "sim/faults.json"), *text = NULL, *out = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        size_t size;
        int r;

        if (!program_fault_is_known(program, what))
                return lab_fail(-EINVAL, "%s has no fault '%s'; there are:\n" FAULT_HELP, program, what);
        if (!path)
                return -ENOMEM;
        if (file_read(path, FAULT_FILE_MAX, &text, &size) < 0 || json_parse_cleaned(&reader, text, size, &o) < 0)
                o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        if (streq(what, "off"))
                json_object_object_del(o, program);
        else if (json_add_string(o, program, what) < 0)
                return -ENOMEM;

        out = json_to_text(o);
        r = out ? file_write_atomic(path, out, strlen(out), 0644) : -ENOMEM;
        return r < 0 ? lab_fail(r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int fault_emulator(const Lab *lab, const LabHost *host, const char *value) {
        return fault_program(host, "emulator", value);
}

static int fault_qemu(const Lab *lab, const LabHost *host, const char *value) {
        return fault_program(host, "qemu", value);
}

/* Their stand-ins are scripts that look beside their own name. */
static int write_fault(const LabHost *host, const char *name, const char *file, const char *const *words, const char *value) {
        _cleanup_free_ char *path = path_join(host->folder, file);
        const char *number = startswith(value, "slow=") ?: startswith(value, "reset-slow=");
        bool known = false;
        uint64_t ms;
        int r;

        if (!path)
                return -ENOMEM;
        for (; *words; words++)
                known = known || streq(*words, value);
        if (!known && !(number && parse_u64(number, &ms) >= 0))
                return lab_fail(-EINVAL, "%s has no fault '%s'; there are:\n" FAULT_HELP, name, value);
        if (streq(value, "off"))
                r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
        else
                r = file_write_atomic(path, value, strlen(value), 0644);
        return r < 0 ? lab_fail(r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

static int fault_gimtool(const Lab *lab, const LabHost *host, const char *value) {
        static const char *const words[] = { "exit-at-once", "never-ready", "makes-none", "off", NULL };

        return write_fault(host, "gimtool", "gimtool.fault", words, value);
}

static int fault_sriov(const Lab *lab, const LabHost *host, const char *value) {
        static const char *const words[] = { "enoent", "ebusy", "too-few", "dead-command", "reset-fails", "dead-after", "pf-reset",
                "off", NULL };

        return write_fault(host, "sriov", "kernel.fault", words, value);
}

/* -EPIPE: it hung up before it had the word; it waits for a second only, since the wire stands still meanwhile. */
static int ask_relay(const LabHost *host, const char *word, char *answer, size_t size) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char line[32];
        int length;
        ssize_t n;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", host->relay_control);
        length = snprintf(line, sizeof(line), "%s\n", word);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        if (send(fd, line, (size_t) length, MSG_NOSIGNAL) < 0)
                return -errno;
        n = read(fd, answer, size - 1);
        if (n <= 0)
                return n < 0 && errno != ECONNRESET ? -errno : -EPIPE;
        answer[n] = '\0';
        return 0;
}

static int tell_relay(const LabHost *host, const char *word) {
        char answer[32] = "";
        int r = -EPIPE;

        for (unsigned i = 0; i < RELAY_TRIES && r == -EPIPE; i++)
                r = ask_relay(host, word, answer, sizeof(answer));
        if (r < 0)
                return lab_fail(r, "the wire of host '%s' does not answer: %s", host->spec.name, strerror(-r));
        return streq(answer, "ok\n") ? 0 : lab_fail(-EINVAL, "the wire of host '%s': %s", host->spec.name, answer);
}

static int fault_link(const Lab *lab, const LabHost *host, const char *value) {
        static const char *const words[][2] = {
                { "cut", "cut" },
                { "hold", "hold" },
                { "hold-replies", "hold-replies" },
                { "cut-after-order", "cut-after-order" },
                { "restore", "pass" },
                { "pass", "pass" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (streq(words[i][0], value))
                        return tell_relay(host, words[i][1]);
        return lab_fail(-EINVAL, "a link has no fault '%s'; there are:\n" FAULT_HELP, value);
}

static int power_off(const Lab *lab, const LabHost *host) {
        static const char *const servers[] = { "relay.pid", "xenstore.pid", "bus.pid" };

        if (world_hostd_is_alive(host) && world_end_hostd(lab, host, SIGKILL) < 0)
                return -EIO;
        for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
                _cleanup_free_ char *pid_file = path_join(host->folder, servers[i]);

                if (pid_file)
                        process_end(pid_file, SIGKILL, 5000);
        }
        return world_kill_domains(host);
}

static int fault_power_off(const Lab *lab, const LabHost *host, const char *value) {
        return power_off(lab, host);
}

static int fault_reboot(const Lab *lab, const LabHost *host, const char *value) {
        int r;

        r = power_off(lab, host);
        if (r >= 0)
                r = world_boot_host(lab, host);
        if (r >= 0)
                r = world_start_hostd(lab, host);
        if (r >= 0)
                r = pool_wait_hostd(host, HOSTD_WAIT_MS);
        return r;
}

static int fault_types(const Lab *lab, const LabHost *host, const char *value) {
        int r;

        r = machine_set_types(host, value);
        if (r < 0 || !world_hostd_is_alive(host))
                return r;
        return pool_rescan(host);
}

static const struct Fault {
        const char *name;
        bool takes_value;
        int (*play)(const Lab *lab, const LabHost *host, const char *value);
} faults[] = {
        { "emulator", true, fault_emulator },
        { "qemu", true, fault_qemu },
        { "gimtool", true, fault_gimtool },
        { "sriov", true, fault_sriov },
        { "link", true, fault_link },
        { "reboot", false, fault_reboot },
        { "power-off", false, fault_power_off },
        { "types", true, fault_types },
};

int fault_play(const Lab *lab, const LabHost *host, const char *fault) {
        const char *value = strchr(fault, '=');
        size_t n = value ? (size_t) (value - fault) : strlen(fault);

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                if (strlen(faults[i].name) == n && strncmp(faults[i].name, fault, n) == 0 &&
                        faults[i].takes_value == !!value)
                        return faults[i].play(lab, host, value ? value + 1 : NULL);
        return lab_fail(-EINVAL, "there is no fault '%s'; there are:\n" FAULT_HELP, fault);
}
