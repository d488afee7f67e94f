/*
 * Processes, connections and calls of a stage
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/daemon/bus-open.h"
#include "common/io/file.h"
#include "protocol/names.h"
#include "tests/bench/stage.h"

#define TIMEOUT_USEC (UINT64_C(60) * 1000000)

static const char bus_config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
        "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
        "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow "
        "eavesdrop=\"true\"/>"
        "<allow own=\"*\"/></policy><limit name=\"max_replies_per_connection\">50000</limit></busconfig>\n";

int stage_say(const char *what, int error) {
        fprintf(stderr, "bench: %s: %s\n", what, strerror(-error));
        return error;
}

/* A child whose first line of output is waited for, when ret_ready is given. */
static pid_t spawn(const char *log, char *const argv[], int *ret_ready) {
        int fds[2] = {-1, -1};
        pid_t pid;

        if (ret_ready && pipe2(fds, O_CLOEXEC) < 0)
                return -1;
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (!freopen(log, "a", stderr))
                        _exit(126);
                if (ret_ready)
                        dup2(fds[1], STDOUT_FILENO);
                else if (!freopen(log, "a", stdout))
                        _exit(126);
                execvp(argv[0], argv);
                _exit(127);
        }
        safe_close(fds[1]);
        if (ret_ready)
                *ret_ready = fds[0];
        return pid;
}

static void end(pid_t *pid, int signo) {
        if (*pid <= 0)
                return;
        kill(*pid, signo);
        waitpid(*pid, NULL, 0);
        *pid = 0;
}

static int connect_bus(const Stage *s, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        const char *name;
        int r;

        r = bus_open(s->address, "bench", &bus);
        if (r >= 0)
                r = sd_bus_get_unique_name(
                        bus, &name); /* now: a bus takes few that are only half connected */
        if (r >= 0)
                *ret = take_ptr(bus);
        return r;
}

static int start_bus(Stage *s) {
        char path[128], text[1024], argument[160], log[320];
        char *argv[] = {(char *) "dbus-daemon", argument, (char *) "--nofork", NULL};
        int r;

        snprintf(path, sizeof(path), "%s/bus.conf", s->sockets);
        snprintf(text, sizeof(text), bus_config, s->sockets);
        r = file_write_atomic(path, text, strlen(text), 0600);
        if (r < 0)
                return r;
        snprintf(argument, sizeof(argument), "--config-file=%s", path);
        snprintf(log, sizeof(log), "%s/log", s->disk);
        snprintf(s->address, sizeof(s->address), "unix:path=%s/bus", s->sockets);
        s->bus = spawn(log, argv, NULL);

        for (unsigned i = 0; i < 500; i++, usleep(10000)) {
                sd_bus *bus = NULL;

                r = connect_bus(s, &bus);
                sd_bus_close_unref(bus);
                if (r >= 0)
                        return 0;
        }
        return stage_say("dbus-daemon", r);
}

static int start_player(Stage *s, size_t n_pgpus) {
        char hosts[16], pgpus[16], log[320], line[16];
        char *argv[] = {getenv("XENVGPU_HOST_PLAYER"), s->sockets, hosts, pgpus, NULL};
        int out = -1;

        if (!argv[0])
                return stage_say("$XENVGPU_HOST_PLAYER is not set", -ENOENT);
        snprintf(hosts, sizeof(hosts), "%zu", s->n_hosts);
        snprintf(pgpus, sizeof(pgpus), "%zu", n_pgpus);
        snprintf(log, sizeof(log), "%s/log", s->disk);
        s->player = spawn(log, argv, &out);
        s->player_says = out < 0 ? NULL : fdopen(out, "r");
        return s->player_says && fgets(line, sizeof(line), s->player_says) ? 0
                                                                           : stage_say("host player", -EIO);
}

int stage_ask_player(Stage *s, PlayerTally *ret) {
        char line[256];

        kill(s->player, SIGUSR1);
        if (!fgets(line, sizeof(line), s->player_says) ||
                sscanf(line, "{\"starts\":%" SCNu64 ",\"stops\":%" SCNu64 ",\"refused\":%" SCNu64 "}",
                        &ret->n_starts, &ret->n_stops, &ret->n_refused) != 3)
                return stage_say("host player", -EIO);
        return 0;
}

static int start_policyd(Stage *s) {
        char bus[192], state[320], runtime[320], log[320];
        char *argv[] = {
                getenv("XENVGPU_POLICYD"), (char *) "--config=/nonexistent", bus, state, runtime, NULL};

        if (!argv[0])
                return stage_say("$XENVGPU_POLICYD is not set", -ENOENT);
        snprintf(bus, sizeof(bus), "--set=bus=%s", s->address);
        snprintf(state, sizeof(state), "--state=%s/state", s->disk);
        snprintf(runtime, sizeof(runtime), "--runtime=%s/run", s->disk);
        snprintf(log, sizeof(log), "%s/log", s->disk);
        s->policyd = spawn(log, argv, NULL);
        return s->policyd > 0 ? 0 : -errno;
}

/* Answered once the pool is loaded: policyd takes its name after that. */
static int wait_for_policyd(Stage *s) {
        for (uint64_t until = now_ns() + 60000000000; now_ns() < until; usleep(2000)) {
                sd_bus *bus = NULL;
                int r;

                if (waitpid(s->policyd, NULL, WNOHANG) == s->policyd) {
                        s->policyd = 0;
                        break;
                }
                r = connect_bus(s, &bus);
                if (r >= 0)
                        r = sd_bus_call_method(bus, POLICY_BUS_NAME, POLICY_PATH,
                                "org.freedesktop.DBus.Properties", "Get", NULL, NULL, "ss",
                                POLICY_IFACE_MANAGER, "Version");
                sd_bus_close_unref(bus);
                if (r >= 0)
                        return 0;
        }
        return stage_say("policyd did not come up", -ETIMEDOUT);
}

int stage_restart(Stage *s, uint64_t *ret_cpu) {
        int r;

        end(&s->policyd, SIGTERM);
        r = start_policyd(s);
        if (r >= 0)
                r = wait_for_policyd(s);
        if (r >= 0)
                *ret_cpu = cpu_ns_of(s->policyd);
        return r;
}

/* Listening */

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Stage *s = userdata;

        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus", NULL))
                return 0;
        s->n_signals++;
        if (sd_bus_message_is_signal(m, POLICY_IFACE_MANAGER, "JobRemoved"))
                s->n_jobs_ended++;
        if (s->kept && s->n_kept < s->kept_max)
                s->kept[s->n_kept++] = sd_bus_message_ref(m);
        return 0;
}

static int listen_to(Stage *s, sd_bus *bus) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = bus};

        return epoll_ctl(s->epoll, EPOLL_CTL_ADD, sd_bus_get_fd(bus), &event) < 0 ? -errno : 0;
}

static int start_listening(Stage *s) {
        int r;

        r = connect_bus(s, &s->listener);
        if (r >= 0)
                r = sd_bus_add_match(s->listener, NULL, "type='signal'", on_signal, s);
        return r < 0 ? r : listen_to(s, s->listener);
}

/* Calling */

int stage_call(Stage *s, sd_bus_message **ret_reply, const char *path, const char *interface,
        const char *member, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list args;
        int r;

        r = sd_bus_message_new_method_call(s->connections[0], &m, POLICY_BUS_NAME, path, interface, member);
        if (r < 0)
                return r;
        va_start(args, types);
        r = types ? sd_bus_message_appendv(m, types, args) : 0;
        va_end(args);
        if (r >= 0)
                r = sd_bus_call(s->connections[0], m, TIMEOUT_USEC, &error, ret_reply);
        if (r < 0 && error.message)
                fprintf(stderr, "bench: %s: %s\n", member, error.message);
        return r;
}

/* Setting the stage */

static int add_hosts(Stage *s) {
        for (size_t i = 0; i < s->n_hosts; i++) {
                char name[32], address[160];
                int r;

                snprintf(name, sizeof(name), "h%04zu", i + 1);
                snprintf(address, sizeof(address), "unix:path=%s/%s", s->sockets, name);
                r = stage_call(
                        s, NULL, POLICY_PATH, POLICY_IFACE_MANAGER, "AddHost", "ssa{sv}", name, address, 0);
                if (r < 0)
                        return r;
        }
        return stage_wait_hosts(s);
}

int stage_wait_hosts(Stage *s) {
        uint32_t n = 0;

        for (uint64_t until = now_ns() + 60000000000; now_ns() < until; usleep(20000)) {
                int r = sd_bus_get_property_trivial(s->connections[0], POLICY_BUS_NAME, POLICY_PATH,
                        POLICY_IFACE_MANAGER, "HostsOnline", NULL, 'u', &n);

                if (r >= 0 && n == s->n_hosts)
                        return 0;
        }
        return stage_say("hosts did not come online", -ETIMEDOUT);
}

int stage_open(Stage *s, size_t n_hosts, size_t n_pgpus) {
        int r = 0;

        *s = (Stage){.n_hosts = n_hosts, .epoll = -1};
        snprintf(s->sockets, sizeof(s->sockets), "/tmp/xenvgpu-bench-XXXXXX");
        snprintf(s->disk, sizeof(s->disk), "%.200s/xenvgpu-bench-XXXXXX", bench_dir);
        if (!mkdtemp(s->sockets)) {
                *s->sockets = *s->disk = '\0';
                return stage_say("/tmp", -errno);
        }
        if (!mkdtemp(s->disk)) {
                *s->disk = '\0';
                return stage_say(bench_dir, -errno);
        }

        s->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (s->epoll < 0)
                return -errno;
        r = start_bus(s);
        if (r >= 0)
                r = start_player(s, n_pgpus);
        if (r >= 0)
                r = start_policyd(s);
        if (r >= 0)
                r = wait_for_policyd(s);
        if (r >= 0)
                s->heap_empty = heap_of(s->policyd);
        for (size_t i = 0; i < CONNECTIONS_MAX && r >= 0; i++) {
                r = connect_bus(s, &s->connections[i]);
                if (r >= 0)
                        r = listen_to(s, s->connections[i]);
        }
        if (r >= 0)
                r = start_listening(s);
        return r < 0 ? r : add_hosts(s);
}

void stage_close(Stage *s) {
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                sd_bus_flush_close_unref(s->connections[i]);
        for (size_t i = 0; i < s->n_kept; i++)
                sd_bus_message_unref(s->kept[i]);
        free(s->kept);
        sd_bus_flush_close_unref(s->listener);
        end(&s->policyd, SIGTERM);
        end(&s->player, SIGTERM);
        end(&s->bus, SIGTERM);
        s->epoll = safe_close(s->epoll);
        if (s->player_says)
                fclose(s->player_says);
        free(s->vms);
        if (*s->sockets)
                remove_tree(s->sockets);
        if (*s->disk)
                remove_tree(s->disk);
        *s = (Stage){.epoll = -1};
}

typedef struct NewVms {
        char group[PATH_SIZE], type[PATH_SIZE];
        size_t first;
} NewVms;

static int find(Stage *s, const char *class, const char *name, char ret[static PATH_SIZE]) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int r;

        r = stage_call(s, &reply, POLICY_PATH, POLICY_IFACE_MANAGER, "Find", "ss", class, name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                snprintf(ret, PATH_SIZE, "%s", path);
        return r;
}

static int make_vm(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        const NewVms *new = userdata;
        char record[512];
        int r;

        snprintf(record, sizeof(record),
                "{\"name_label\":\"vm-%zu\",\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"vm-%zu\"},"
                "\"b_info\":{"
                "\"max_vcpus\":1,\"max_memkb\":262144,\"target_memkb\":262144,\"type.hvm\":{}}}}",
                new->first + i, new->first + i);
        r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVM");
        return r < 0 ? r : sd_bus_message_append(*ret, "sa{sv}", record, 0);
}

static int got_vm(Stage *s, size_t i, sd_bus_message *reply, void *userdata) {
        const NewVms *new = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(reply, NULL))
                return stage_say(sd_bus_message_get_error(reply)->message, -EREMOTEIO);
        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                snprintf(s->vms[new->first + i], PATH_SIZE, "%s", path);
        return r;
}

static int make_vgpu(Stage *s, sd_bus *bus, size_t i, sd_bus_message **ret, void *userdata) {
        const NewVms *new = userdata;
        int r;

        r = sd_bus_message_new_method_call(
                bus, ret, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER, "CreateVGPU");
        return r < 0 ? r
                     : sd_bus_message_append(
                               *ret, "oooa{sv}", s->vms[new->first + i], new->group, new->type, 0);
}

static int fly_new(Stage *s, NewVms *new, size_t n,
        int (*make)(Stage *, sd_bus *, size_t, sd_bus_message **, void *),
        int (*got)(Stage *, size_t, sd_bus_message *, void *)) {
        _cleanup_free_ double *latency = calloc(n, sizeof(double));
        Flight f = {.stage = s,
                .n_connections = CONNECTIONS_MAX,
                .n_total = n,
                .make = make,
                .got = got,
                .latency = latency,
                .userdata = new};

        return latency ? flight_run(&f) : -ENOMEM;
}

int stage_add_bare_vms(Stage *s, size_t n) {
        NewVms new = {.first = s->n_vms};
        char(*vms)[PATH_SIZE];
        int r;

        vms = realloc(s->vms, (s->n_vms + n) * PATH_SIZE);
        if (!vms)
                return -ENOMEM;
        s->vms = vms;
        r = fly_new(s, &new, n, make_vm, got_vm);
        if (r >= 0)
                s->n_vms += n;
        return r;
}

int stage_add_vgpus(Stage *s, size_t n) {
        NewVms new = {.first = s->n_vms - n};
        int r;

        r = find(s, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", new.group);
        if (r >= 0)
                r = find(s, "vgpu_type", "GRID K100", new.type);
        return r < 0 ? r : fly_new(s, &new, n, make_vgpu, NULL);
}

int stage_find(Stage *s, const char *class, const char *name, char *ret) {
        return find(s, class, name, ret);
}

int stage_add_vms(Stage *s, size_t n) {
        int r = stage_add_bare_vms(s, n);

        return r < 0 ? r : stage_add_vgpus(s, n);
}
