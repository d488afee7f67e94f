/*
 * A host for one VM: real programs in a folder of their own
 *
 * Processes of the world are found by the world's folder among their arguments: whatever is left that names
 * it, leaked.
 */

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "common/io/file.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "hostd/run/run-socket.h"
#include "hostd/run/xenstore.h"
#include "tests/unit/common/child.h"
#include "tests/unit/hostd-domain/world.h"

#define VM_UUID "6c0b6a52-11d4-4d3e-9a54-0d2a5c1f7a01"
#define TOKEN "0f6d1c80-6d9a-4c53-8e0f-3f5b0a7f2b02"
#define POLL_NS 10000000L
#define POLL_TRIES 2000 /* 20 s: the machine may be busy, and sanitizers are slow */

static void pause_shortly(void) {
        (void) nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
}

static void write_text(const char *path, const char *text) {
        assert_int_equal(file_write_atomic(path, text, strlen(text), 0644), 0);
}

World *world_new(void) {
        World *w = calloc(1, sizeof(*w));
        char template[] = "/tmp/xenvgpu-domain-XXXXXX";
        _cleanup_free_ char *host = NULL, *dom = NULL;

        assert_non_null(w);
        assert_non_null(mkdtemp(template));
        w->root = strdup(template);
        w->run = path_join(w->root, "run");
        w->sim = path_join(w->root, "sim");
        w->socket = path_join(w->root, "xenstore");
        w->config_file = path_join(w->root, "grid_k100.conf");
        w->dumps = path_join(w->root, "dumps");
        dom = path_join(w->sim, "dom");
        host = path_join(w->sim, "host.json");
        assert_int_equal(mkdir_parents(w->run, 0755), 0);
        assert_int_equal(mkdir_parents(dom, 0755), 0);
        write_text(host, "{\"memory_total\":4294967296,\"dom0_memory\":1073741824}");
        write_text(w->config_file, "plugin0.pdev_id \"0x0ff2\"\n");

        w->xenstored = child_start((const char *const[]){LAB_XENSTORED, w->socket, NULL});
        for (int i = 0; access(w->socket, F_OK) < 0; i++) {
                assert_true(i < POLL_TRIES);
                pause_shortly();
        }
        assert_int_equal(setenv("XENSTORED_PATH", w->socket, 1), 0);

        w->settings = (DomainProgram){
                .program = DOMAIN_PROGRAM,
                .folder = w->run,
                .sim_dir = w->sim,
                .dm = DM_PROGRAM,
                .emulator = LAB_EMULATOR,
                .qemu = LAB_QEMU,
                .emulator_timeout = 2000000,
                .running_timeout = 2000000,
                .core_dump_folder = w->dumps,
                .core_dumps = 2,
        };
        return w;
}

void world_free(World *w) {
        if (w->program > 0)
                world_kill(w);
        assert_int_equal(kill(w->xenstored, SIGTERM), 0);
        assert_int_equal(waitpid(w->xenstored, NULL, 0), w->xenstored);
        assert_int_equal(remove_tree(w->root), 0);
        free(w->root);
        free(w->run);
        free(w->sim);
        free(w->config_file);
        free(w->dumps);
        free(w->socket);
        free(w);
}

void world_order(World *w, size_t n_vgpus, const char *more) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;

        strbuf_addf(&b,
                "{\"version\":1,\"epoch\":1,\"token\":\"" TOKEN "\",\"vm\":{\"uuid\":\"" VM_UUID
                "\",\"name_label\":\"guest one\","
                "\"owner\":\"\",\"affinity\":\"\",\"platform\":{},\"config\":{\"c_info\":{\"type\":\"hvm\","
                "\"name\":\"guest one\"},"
                "\"b_info\":{\"max_vcpus\":2,\"max_memkb\":524288,\"target_memkb\":524288,\"extra_hvm\":[\"-"
                "D\",\"/dev/null\"],"
                "\"type.hvm\":{\"vga\":{\"kind\":\"std\"}}}%s%s}},\"pcis\":[],\"vgpus\":[",
                more ? "," : "", strempty(more));
        for (size_t i = 0; i < n_vgpus; i++)
                strbuf_addf(&b,
                        "%s{\"id\":[\"" VM_UUID
                        "\",\"%zu\"],\"position\":%zu,\"physical_pci_address\":{\"domain\":0,\"bus\":%zu,"
                        "\"dev\":0,\"fn\":0},\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{"
                        "\"domain\":0,\"bus\":0,\"dev\":%zu,"
                        "\"fn\":0},\"config_file\":\"%s\",\"uuid\":\"00000000-0000-4000-8000-00000000000%"
                        "zu\",\"extra_args\":\"\"}]}",
                        i > 0 ? "," : "", i, i, 131 + i, 11 + i, w->config_file, i + 1);
        strbuf_add(&b, "]}");
        text = strbuf_take(&b);
        assert_non_null(text);
        assert_int_equal(run_order_write(w->run, text), 0);
}

void world_fault(World *w, const char *json) {
        _cleanup_free_ char *path = path_join(w->sim, "faults.json");

        if (json)
                write_text(path, json);
        else
                assert_true(unlink(path) == 0 || errno == ENOENT);
}

void world_launch(World *w, bool adopt) {
        _cleanup_(strv_freep) char **argv = NULL;

        w->settings.adopt = adopt;
        assert_int_equal(domain_program_build_argv(&w->settings, &argv), 0);
        w->program = child_start((const char *const *) argv);
}

void world_kill(World *w) {
        assert_int_equal(kill(w->program, SIGKILL), 0);
        assert_int_equal(waitpid(w->program, NULL, 0), w->program);
        w->program = 0;
}

bool world_has_core(const World *w) {
        _cleanup_free_ char *path = path_join(w->dumps, VM_UUID ".core");

        return access(path, F_OK) == 0;
}

RunRecord world_record(World *w) {
        RunRecord record = {};

        assert_int_equal(run_record_read(w->run, &record), 0);
        return record;
}

static RunRecord await(World *w, const char *stage, uint32_t above) {
        RunRecord record;

        for (int i = 0; i < POLL_TRIES; i++) {
                if (run_record_read(w->run, &record) >= 0) {
                        if (streq(record.stage, stage) && (above == 0 || record.domid > above))
                                return record;
                        if (record.state == VM_STATE_HALTED)
                                fail_msg("halted (%s, %s) instead of %s", record.reason,
                                        strempty(record.error_message), stage);
                        run_record_done(&record);
                }
                pause_shortly();
        }
        fail_msg("never came to stage %s", stage);
        return record;
}

RunRecord world_await(World *w, const char *stage) {
        return await(w, stage, 0);
}

RunRecord world_await_domid(World *w, uint32_t above) {
        return await(w, "running", above);
}

void world_await_exit(World *w, int status) {
        int wait_status;

        for (int i = 0; waitpid(w->program, &wait_status, WNOHANG) == 0; i++) {
                assert_true(i < POLL_TRIES);
                pause_shortly();
        }
        w->program = 0;
        assert_true(WIFEXITED(wait_status));
        assert_int_equal(WEXITSTATUS(wait_status), status);
}

void world_guest(World *w, const char *state) {
        RunRecord record = world_record(w);
        char path[512];

        (void) snprintf(path, sizeof(path), "%s/dom/%" PRIu32 "/state", w->sim, record.domid);
        write_text(path, state);
        run_record_done(&record);
}

void world_hang(World *w) {
        RunRecord record = world_record(w);
        char path[512];

        (void) snprintf(path, sizeof(path), "%s/dom/%" PRIu32 "/hang", w->sim, record.domid);
        write_text(path, "");
        run_record_done(&record);
}

void world_stop(World *w, bool force) {
        Uuid token;
        int fd = -1;

        assert_int_equal(uuid_generate(&token), 0);
        for (int i = 0; run_socket_connect(w->run, &fd) < 0; i++) {
                assert_true(i < POLL_TRIES);
                pause_shortly();
        }
        assert_int_equal(run_socket_send_stop(fd, &token, force), 0);
        /* The end of the stream, or the answer: either way the command was read. */
        for (int i = 0; i < POLL_TRIES; i++) {
                _cleanup_(run_record_done) RunRecord record = {};

                if (run_record_read(w->run, &record) >= 0 && uuid_equal(&record.stop_token, &token))
                        break;
                assert_true(i + 1 < POLL_TRIES);
                pause_shortly();
        }
        (void) close(fd);
}

void world_signal(const ProcessId *id, int signo) {
        assert_true(id->pid > 0);
        assert_int_equal(process_signal(id, signo), 0);
}

/* Whether a process other than the xenstore server mentions the world. */
static bool process_is_left(const World *w, pid_t pid) {
        _cleanup_free_ char *line = NULL, *environment = NULL;
        size_t size = 0, environment_size = 0;
        char path[64];

        if (pid == w->xenstored || pid == getpid())
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        if (file_read(path, 65536, &line, &size) < 0)
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%d/environ", pid);
        if (file_read(path, 1 << 20, &environment, &environment_size) < 0)
                environment_size = 0;
        return memmem(line, size, w->root, strlen(w->root)) ||
               (environment && memmem(environment, environment_size, w->root, strlen(w->root)));
}

static int count_processes(const World *w) {
        DIR *proc = opendir("/proc");
        struct dirent *entry;
        int n = 0;

        assert_non_null(proc);
        while ((entry = readdir(proc))) {
                uint32_t pid;

                if (parse_u32(entry->d_name, &pid) >= 0 && process_is_left(w, (pid_t) pid))
                        n++;
        }
        (void) closedir(proc);
        return n;
}

static void assert_no_key(XenStore *xs, const char *path) {
        _cleanup_free_ char *value = NULL;

        assert_int_equal(xenstore_read(xs, &value, "%s", path), -ENOENT);
}

void world_assert_clean(World *w) {
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *dom = path_join(w->sim, "dom");
        struct dirent *entry;
        DIR *d;

        /* A keeper may need a moment to see that its socket closed. */
        for (int i = 0; count_processes(w) > 0; i++) {
                assert_true(i < 200);
                pause_shortly();
        }

        d = opendir(dom);
        assert_non_null(d);
        while ((entry = readdir(d)))
                if (entry->d_name[0] != '.')
                        fail_msg("dom/%s is left", entry->d_name);
        (void) closedir(d);

        assert_int_equal(xenstore_open(&xs), 0);
        for (int domid = 1; domid < 8; domid++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "/local/domain/%d", domid);
                assert_no_key(xs, path);
                (void) snprintf(path, sizeof(path), "/local/domain/0/device-model/%d", domid);
                assert_no_key(xs, path);
                (void) snprintf(path, sizeof(path), "/libxl/%d", domid);
                assert_no_key(xs, path);
        }
        assert_no_key(xs, "/vm/" VM_UUID);
}

char *world_qemu_argv(World *w, uint32_t domid) {
        char path[512], *text;
        size_t size;

        (void) snprintf(path, sizeof(path), "%s/dom/%" PRIu32 "/qemu.argv", w->sim, domid);
        assert_int_equal(file_read(path, 65536, &text, &size), 0);
        return text;
}
