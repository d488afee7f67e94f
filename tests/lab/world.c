/*
 * The processes of a lab, by role
 *
 * In the order of a pool's life: the machines boot (bus, xenstore, relay), their daemons start, the master
 * starts; and at the end all of it goes, the domains last, since nothing else knows them once hostd is gone.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/base/strbuf.h"
#include "tests/lab/machine.h"
#include "tests/lab/process.h"
#include "tests/lab/runs.h"
#include "tests/lab/world.h"

#define START_WAIT_MS 10000
#define STOP_WAIT_MS 15000
#define KILL_WAIT_MS 5000
#define LOG_MAX (64u << 20)
#define LOG_LINES 12

static int out_of_memory(void) {
        return lab_fail(-ENOMEM, "out of memory");
}

static void sleep_ms(unsigned ms) {
        struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };

        nanosleep(&ts, NULL);
}

/* A server is ready once its socket takes connections. */
static int wait_socket(const char *path, const char *pid_file) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        for (unsigned waited = 0; waited < START_WAIT_MS; waited += 10) {
                _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

                if (fd < 0)
                        return -errno;
                if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0)
                        return 0;
                if (!process_recorded_alive(pid_file))
                        return -ECHILD;
                sleep_ms(10);
        }
        return -ETIMEDOUT;
}

/* Starts a server in a folder as NAME.pid and NAME.log and waits for its socket. */
static int start_server(
        const Lab *lab, const char *folder, const char *name, const char *const *argv, const char *socket) {
        _cleanup_free_ char *pid_name = NULL, *log_name = NULL, *pid_file = NULL, *log_file = NULL;
        int r;

        if (asprintf(&pid_name, "%s.pid", name) < 0 || asprintf(&log_name, "%s.log", name) < 0)
                return out_of_memory();
        pid_file = path_join(folder, pid_name);
        log_file = path_join(folder, log_name);
        if (!pid_file || !log_file)
                return out_of_memory();

        unlink(socket);
        r = process_start(&(ProcessStart){
                .argv = argv, .pid_file = pid_file, .log_file = log_file, .mark = lab->folder });
        if (r >= 0)
                r = wait_socket(socket, pid_file);
        if (r < 0) {
                world_show_log(argv[0], log_file);
                return lab_fail(
                        r, "%s did not start: %s", argv[0], r == -ECHILD ? "it ended at once" : strerror(-r));
        }
        return 0;
}

/*
 * Everyone with our uid may do everything: the lab is about the daemons, not about the access rules that
 * packaging/dbus gives them. The limits are dbus-daemon's built-in ones, which are those of a system bus.
 */
static int write_bus_config(const char *path, const char *socket) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b,
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig>\n"
                "  <listen>unix:path=%s</listen>\n"
                "  <auth>EXTERNAL</auth>\n"
                "  <policy context=\"default\">\n"
                "    <allow user=\"*\"/>\n"
                "    <allow own=\"*\"/>\n"
                "    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
                "    <allow receive_sender=\"*\" eavesdrop=\"true\"/>\n"
                "  </policy>\n"
                "</busconfig>\n",
                socket);
        if (strbuf_error(&b) < 0)
                return strbuf_error(&b);
        return file_write_atomic(path, b.text, b.len, 0644);
}

static int find_dbus_daemon(char **ret) {
        static const char *const places[] = { "/usr/bin/dbus-daemon", "/usr/local/bin/dbus-daemon",
                "/bin/dbus-daemon" };

        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (access(places[i], X_OK) == 0) {
                        *ret = strdup(places[i]);
                        return *ret ? 0 : -ENOMEM;
                }
        return lab_fail(-ENOENT, "dbus-daemon is not installed; the lab needs one for each host");
}

static int start_bus(const Lab *lab, const char *folder, const char *name, const char *socket) {
        _cleanup_free_ char *program = NULL, *config_name = NULL, *config = NULL, *option = NULL;
        int r;

        r = find_dbus_daemon(&program);
        if (r < 0)
                return r;
        if (asprintf(&config_name, "%s.conf", name) < 0)
                return out_of_memory();
        config = path_join(folder, config_name);
        if (!config || asprintf(&option, "--config-file=%s", config) < 0)
                return out_of_memory();
        r = write_bus_config(config, socket);
        if (r < 0)
                return lab_fail(r, "cannot write %s: %s", config, strerror(-r));
        return start_server(lab, folder, name,
                (const char *const[]){ program, option, "--nofork", "--nopidfile", "--nosyslog", NULL },
                socket);
}

int world_start_master_bus(const Lab *lab) {
        return start_bus(lab, lab->folder, "master.bus", lab->master_socket);
}

int world_boot_host(const Lab *lab, const LabHost *host) {
        _cleanup_free_ char *xenstored = NULL, *relay = NULL;
        int r;

        r = program_find("xenvgpu-lab-xenstored", &xenstored);
        if (r >= 0)
                r = program_find("xenvgpu-lab-relay", &relay);
        if (r >= 0)
                r = machine_prepare(host);
        if (r >= 0)
                r = start_bus(lab, host->folder, "bus", host->bus_socket);
        if (r >= 0)
                r = start_server(lab, host->folder, "xenstore",
                        (const char *const[]){ xenstored, host->xenstore_socket, NULL },
                        host->xenstore_socket);
        if (r >= 0)
                r = start_server(lab, host->folder, "relay",
                        (const char *const[]){
                                relay, host->relay_socket, host->bus_socket, host->relay_control, NULL },
                        host->relay_control);
        return r;
}

static int start_daemon(const Lab *lab, const char *folder, char **argv, const char *const *environment) {
        _cleanup_free_ char *pid_file = path_join(folder, "pid"), *log_file = path_join(folder, "log");
        int r;

        if (!pid_file || !log_file)
                return out_of_memory();
        r = process_start(&(ProcessStart){
                .argv = (const char *const *) argv,
                .environment = environment,
                .pid_file = pid_file,
                .log_file = log_file,
                .mark = lab->folder,
        });
        return r < 0 ? lab_fail(r, "cannot start %s: %s", argv[0], strerror(-r)) : 0;
}

static int argv_add(char **argv, size_t *n, const char *format, ...) _printf_(3, 4);

static int argv_add(char **argv, size_t *n, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&argv[*n], format, ap);
        va_end(ap);
        if (r < 0) {
                argv[*n] = NULL;
                return -ENOMEM;
        }
        (*n)++;
        return 0;
}

#define HOSTD_ARGS_MAX 32

static int hostd_arguments(const LabHost *host, char **argv) {
        static const char *const programs[][2] = {
                { "domain_program", "xenvgpu-domain" },
                { "dm_program", "xenvgpu-dm" },
                { "emulator", "xenvgpu-lab-emulator" },
                { "qemu", "xenvgpu-lab-qemu" },
        };
        static const char *const files[][2] = {
                { "nvidia_conf_dir", "types/vgx" },
                { "nvidia_xml", "types/vgpuConfig.xml" },
                { "nvidia_gpus", "nvidia-gpus" },
                { "nvidia_driver_link", "types/libnvidia-vgpu.so" },
                { "gvtg_list", "types/gvt-g-whitelist" },
                { "mxgpu_list", "types/mxgpu-whitelist" },
                { "sim_dir", "sim" },
                { "core_dump_folder", "dumps" },
                { "boot_id_file", "boot_id" },
                { "sriov_list", "types/sriov-types" },
                { "gimtool", "gimtool" },
        };
        size_t n = 0;
        int r;

        r = program_find("xenvgpu-hostd", &argv[n]);
        if (r < 0)
                return r;
        n++;
        if (argv_add(argv, &n, "--state=%s/state", host->folder) < 0 ||
                argv_add(argv, &n, "--runtime=%s", host->run) < 0 ||
                argv_add(argv, &n, "--config=%s/hostd.conf", host->folder) < 0 ||
                argv_add(argv, &n, "--set=bus=%s", LAB_ADDRESS(host->bus_socket)) < 0 ||
                argv_add(argv, &n, "--set=hypervisor=simulated") < 0 ||
                argv_add(argv, &n, "--set=units=process") < 0 ||
                argv_add(argv, &n, "--set=hostname=%s", host->spec.name) < 0 ||
                argv_add(argv, &n, "--set=ovsdb=") < 0 || argv_add(argv, &n, "--set=vga_arbiter=") < 0)
                return -ENOMEM;
        if (host->spec.recorded && !host->spec.recorded_tree
                        ? argv_add(argv, &n, "--set=pci_dump=%s/pci.dump", host->folder) < 0
                        : argv_add(argv, &n, "--set=sysfs_path=%s/sysfs", host->folder) < 0)
                return -ENOMEM;

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (argv_add(argv, &n, "--set=%s=%s/%s", files[i][0], host->folder, files[i][1]) < 0)
                        return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
                _cleanup_free_ char *path = NULL;

                r = program_find(programs[i][1], &path);
                if (r < 0)
                        return r;
                if (argv_add(argv, &n, "--set=%s=%s", programs[i][0], path) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int world_start_hostd(const Lab *lab, const LabHost *host) {
        _cleanup_(strv_freep) char **argv = calloc(HOSTD_ARGS_MAX, sizeof(char *));
        _cleanup_free_ char *xenstored = NULL;
        int r;

        if (!argv || asprintf(&xenstored, "XENSTORED_PATH=%s", host->xenstore_socket) < 0)
                return out_of_memory();
        if (world_hostd_is_alive(host))
                return lab_fail(-EALREADY, "hostd of %s is running already", host->spec.name);
        r = hostd_arguments(host, argv);
        if (r < 0)
                return r;
        return start_daemon(lab, host->folder, argv, (const char *const[]){ xenstored, NULL });
}

int world_start_policyd(const Lab *lab) {
        _cleanup_(strv_freep) char **argv = calloc(8, sizeof(char *));
        _cleanup_free_ char *folder = path_join(lab->folder, "policyd");
        size_t n = 0;
        int r;

        if (!argv || !folder)
                return out_of_memory();
        if (world_policyd_is_alive(lab))
                return lab_fail(-EALREADY, "policyd is running already");
        r = program_find("xenvgpu-policyd", &argv[n]);
        if (r < 0)
                return r;
        n++;
        if (argv_add(argv, &n, "--state=%s/state", folder) < 0 ||
                argv_add(argv, &n, "--runtime=%s/run", folder) < 0 ||
                argv_add(argv, &n, "--config=%s/policyd.conf", folder) < 0 ||
                argv_add(argv, &n, "--set=bus=%s", LAB_ADDRESS(lab->master_socket)) < 0)
                return out_of_memory();
        return start_daemon(lab, folder, argv, NULL);
}

bool world_hostd_is_alive(const LabHost *host) {
        _cleanup_free_ char *pid_file = path_join(host->folder, "pid");

        return pid_file && process_recorded_alive(pid_file);
}

bool world_policyd_is_alive(const Lab *lab) {
        _cleanup_free_ char *pid_file = path_join(lab->folder, "policyd/pid");

        return pid_file && process_recorded_alive(pid_file);
}

bool world_is_up(const Lab *lab) {
        static const char *const servers[] = { "pid", "bus.pid", "xenstore.pid", "relay.pid" };
        _cleanup_free_ char *bus = path_join(lab->folder, "master.bus.pid");

        if (world_policyd_is_alive(lab) || (bus && process_recorded_alive(bus)))
                return true;
        for (size_t i = 0; i < lab->n_hosts; i++)
                for (size_t k = 0; k < ARRAY_SIZE(servers); k++) {
                        _cleanup_free_ char *path = path_join(lab->hosts[i].folder, servers[k]);

                        if (path && process_recorded_alive(path))
                                return true;
                }
        return false;
}

/* A daemon that does not follow SIGTERM is killed, and that is said. */
static int end_daemon(const char *what, const char *pid_file, int signo) {
        int r;

        r = process_end(pid_file, signo, signo == SIGKILL ? KILL_WAIT_MS : STOP_WAIT_MS);
        if (r == -ETIMEDOUT && signo != SIGKILL) {
                lab_fail(r, "%s did not end within %d s, killing it", what, STOP_WAIT_MS / 1000);
                r = process_end(pid_file, SIGKILL, KILL_WAIT_MS);
        }
        if (r == -ESRCH)
                return lab_fail(r, "%s is not running", what);
        return r < 0 ? lab_fail(r, "cannot end %s: %s", what, strerror(-r)) : 0;
}

int world_end_hostd(const Lab *lab, const LabHost *host, int signo) {
        _cleanup_free_ char *pid_file = path_join(host->folder, "pid"), *what = NULL;

        if (!pid_file || asprintf(&what, "hostd of %s", host->spec.name) < 0)
                return out_of_memory();
        return end_daemon(what, pid_file, signo);
}

int world_end_policyd(const Lab *lab, int signo) {
        _cleanup_free_ char *pid_file = path_join(lab->folder, "policyd/pid");

        return pid_file ? end_daemon("policyd", pid_file, signo) : out_of_memory();
}

static void kill_run(const Run *run, void *userdata) {
        const ProcessId *const all[] = { &run->program, &run->emulator, &run->qemu };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                if (!process_is_alive(all[i]))
                        continue;
                if (getpgid(all[i]->pid) == all[i]->pid)
                        kill(-all[i]->pid, SIGKILL);
                process_signal(all[i], SIGKILL);
        }
}

int world_kill_domains(const LabHost *host) {
        return runs_each(host, kill_run, NULL);
}

static void end_quietly(const char *folder, const char *name, int signo, unsigned timeout_ms) {
        _cleanup_free_ char *pid_file = path_join(folder, name);

        if (pid_file && process_end(pid_file, signo, timeout_ms) == -ETIMEDOUT)
                process_end(pid_file, SIGKILL, KILL_WAIT_MS);
}

int world_end(const Lab *lab) {
        static const char *const servers[] = { "relay.pid", "xenstore.pid", "bus.pid" };
        int r;

        end_quietly(lab->folder, "policyd/pid", SIGTERM, STOP_WAIT_MS);
        for (size_t i = 0; i < lab->n_hosts; i++)
                end_quietly(lab->hosts[i].folder, "pid", SIGTERM, STOP_WAIT_MS);
        for (size_t i = 0; i < lab->n_hosts; i++) {
                world_kill_domains(&lab->hosts[i]);
                for (size_t k = 0; k < ARRAY_SIZE(servers); k++)
                        end_quietly(lab->hosts[i].folder, servers[k], SIGKILL, KILL_WAIT_MS);
        }
        end_quietly(lab->folder, "master.bus.pid", SIGKILL, KILL_WAIT_MS);

        r = process_kill_marked(lab->folder);
        return r < 0 ? lab_fail(r, "cannot look for what is left of the lab: %s", strerror(-r)) : 0;
}

void world_show_log(const char *title, const char *path) {
        _cleanup_free_ char *text = NULL;
        const char *p;
        size_t size, lines = 0;

        if (file_read(path, LOG_MAX, &text, &size) < 0 || size == 0)
                return;
        for (p = text + size - 1; p > text; p--)
                if (p[-1] == '\n' && ++lines == LOG_LINES)
                        break;
        fprintf(stderr, "-- the end of %s's log, %s\n%s", title, path, p);
}

void world_show_host_log(const LabHost *host) {
        _cleanup_free_ char *path = path_join(host->folder, "log");

        if (path)
                world_show_log(host->spec.name, path);
}

void world_show_policyd_log(const Lab *lab) {
        _cleanup_free_ char *path = path_join(lab->folder, "policyd/log");

        if (path)
                world_show_log("policyd", path);
}
