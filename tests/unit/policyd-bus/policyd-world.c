/*
 * A world for the bus's tests
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "common/io/file.h"
#include "tests/unit/policyd-bus/policyd-world.h"

#define TYPE "0001:nvidia,0ff2,,0fe7,101e"

static const char inventory[] =
        "{\"version\":1,\"seq\":1,\"host_uuid\":\"11111111-2222-4333-8444-555555555555\",\"boot_id\":"
        "\"99999999-2222-4333-8444-555555555555\","
        "\"hostname\":\"fake\",\"hypervisor\":\"simulated\",\"epoch\":1,\"memory_total\":68719476736,"
        "\"memory_free\":68719476736,\"cpus\":2,"
        "\"iommu\":true,\"hvm\":true,\"networks\":[\"xenbr0\"],\"storage\":[],"
        "\"types\":[{\"identifier\":\"" TYPE "\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA "
        "Corporation\",\"model_name\":\"GRID K100\","
        "\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":1920,\"max_resolution_y\":1200,"
        "\"size\":131072,\"experimental\":false,"
        "\"internal_config\":{\"type_id\":\"11\",\"vclass\":\"NVS\",\"config_file\":\"k100.conf\"},"
        "\"compatible_types_in_vm\":[],"
        "\"compatible_types_on_pgpu\":[\"" TYPE "\"]}],"
        "\"pgpus\":[{\"pci_id\":\"0000:84:00.0\",\"vendor_id\":\"10de\",\"device_id\":\"0ff2\",\"subsystem_"
        "vendor_id\":\"10de\","
        "\"subsystem_device_id\":\"1012\",\"vendor_name\":\"NVIDIA Corporation\",\"device_name\":\"GK107GL "
        "[GRID K1]\",\"driver\":\"\","
        "\"bridge\":\"\",\"is_system_display_device\":false,\"supported\":[\"" TYPE "\"],\"enabled\":[\"" TYPE
        "\"]}],"
        "\"vms\":[],\"ended\":[],\"problems\":[]}";

static uint64_t now_ms(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static bool policyd_has_name(World *w) {
        return sd_bus_call_method(w->client, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                       "org.freedesktop.DBus", "GetNameOwner", NULL, NULL, "s", POLICY_BUS_NAME) >= 0;
}

void policyd_start(World *w, const char *setting) {
        const char *program = getenv("XENVGPU_POLICYD");
        char bus[192], state[128], runtime[128], extra[128];

        assert_non_null(program);
        snprintf(bus, sizeof(bus), "--set=bus=%s", w->bus.address);
        snprintf(state, sizeof(state), "--state=%s/state", w->bus.dir);
        snprintf(runtime, sizeof(runtime), "--runtime=%s/run", w->bus.dir);
        snprintf(extra, sizeof(extra), "--set=%s", setting ?: "retry_max=1");
        w->policyd = fork();
        assert_true(w->policyd >= 0);
        if (w->policyd == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (*w->log && !freopen(w->log, "a", stderr))
                        _exit(126);
                execl(program, program, "--config=/nonexistent", bus, state, runtime, extra, NULL);
                _exit(127);
        }
        for (uint64_t end = now_ms() + 10000; now_ms() < end; usleep(10000))
                if (policyd_has_name(w))
                        return;
        fail_msg("policyd did not take its name");
}

int policyd_end(World *w, int signo) {
        int status;

        kill(w->policyd, signo);
        assert_int_equal(waitpid(w->policyd, &status, 0), w->policyd);
        w->policyd = 0;
        /* A slow bus still gives the name to the one that has ended. */
        for (uint64_t end = now_ms() + 10000; now_ms() < end && policyd_has_name(w); usleep(10000))
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int world_setup(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        private_bus_make(&w->bus);
        private_bus_make(&w->host_bus);
        assert_true(sd_event_new(&w->event) >= 0);
        w->client = private_bus_connect(&w->bus, NULL);
        w->host.inventory = inventory;
        w->host.seq = 1;
        policyd_start(w, NULL);
        *state = w;
        return 0;
}

int world_teardown(void **state) {
        World *w = *state;
        char path[128];
        int r = 0;

        if (w->policyd > 0)
                r = policyd_end(w, SIGTERM);
        sd_bus_flush_close_unref(w->client);
        fake_host_stop(&w->host);
        snprintf(path, sizeof(path), "%s/state", w->bus.dir);
        remove_tree(path);
        snprintf(path, sizeof(path), "%s/run", w->bus.dir);
        remove_tree(path);
        private_bus_done(&w->bus);
        private_bus_done(&w->host_bus);
        sd_event_unref(w->event);
        free(w);
        /* Sanitizers speak at the end of the process. */
        return r;
}

static void keep_reply(World *w, sd_bus_message *reply) {
        const char *text, *type;
        uint64_t t;

        w->reply[0] = '\0';
        if (sd_bus_message_peek_type(reply, NULL, &type) <= 0)
                return;
        type = sd_bus_message_get_signature(reply, /* complete= */ true);
        if (streq(type, "s") || streq(type, "o")) {
                assert_true(sd_bus_message_read(reply, type, &text) > 0);
                snprintf(w->reply, sizeof(w->reply), "%s", text);
        } else if (streq(type, "t")) {
                assert_true(sd_bus_message_read(reply, "t", &t) > 0);
                snprintf(w->reply, sizeof(w->reply), "%" PRIu64, t);
        }
}

bool call(World *w, const char *path, const char *interface, const char *member, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list args;
        int r;

        assert_true(
                sd_bus_message_new_method_call(w->client, &m, POLICY_BUS_NAME, path, interface, member) >= 0);
        va_start(args, types);
        assert_true(sd_bus_message_appendv(m, types, args) >= 0);
        va_end(args);
        r = sd_bus_call(w->client, m, 20 * UINT64_C(1000000), &error, &reply);
        w->reply[0] = w->error[0] = w->sentence[0] = '\0';
        if (r < 0) {
                snprintf(w->error, sizeof(w->error), "%s", error.name ?: strerror(-r));
                snprintf(w->sentence, sizeof(w->sentence), "%s", strempty(error.message));
                return false;
        }
        keep_reply(w, reply);
        return true;
}

void property(World *w, const char *path, const char *interface, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *type, *text;
        uint64_t t;
        uint32_t u;
        int b;

        assert_true(sd_bus_call_method(w->client, POLICY_BUS_NAME, path, "org.freedesktop.DBus.Properties",
                            "Get", &error, &reply, "ss", interface, name) >= 0);
        assert_true(sd_bus_message_peek_type(reply, NULL, &type) > 0);
        if (streq(type, "s") || streq(type, "o")) {
                assert_true(sd_bus_message_read(reply, "v", type, &text) > 0);
                snprintf(w->reply, sizeof(w->reply), "%s", text);
        } else if (streq(type, "t")) {
                assert_true(sd_bus_message_read(reply, "v", type, &t) > 0);
                snprintf(w->reply, sizeof(w->reply), "%" PRIu64, t);
        } else if (streq(type, "u")) {
                assert_true(sd_bus_message_read(reply, "v", type, &u) > 0);
                snprintf(w->reply, sizeof(w->reply), "%" PRIu32, u);
        } else if (streq(type, "b")) {
                assert_true(sd_bus_message_read(reply, "v", type, &b) > 0);
                snprintf(w->reply, sizeof(w->reply), "%s", b ? "true" : "false");
        } else
                snprintf(w->reply, sizeof(w->reply), "%s", type);
}

void world_turn(World *w, unsigned ms) {
        for (uint64_t end = now_ms() + ms; now_ms() < end;)
                assert_true(sd_event_run(w->event, 5000) >= 0);
}

void world_until(World *w, const char *path, const char *interface, const char *name, const char *value) {
        for (uint64_t end = now_ms() + 10000; now_ms() < end; world_turn(w, 20)) {
                property(w, path, interface, name);
                if (streq(w->reply, value))
                        return;
        }
        fail_msg("%s of %s is '%s', not '%s'", name, path, w->reply, value);
}

void find(World *w, const char *class, const char *name, char ret[static 128]) {
        if (!MANAGER(w, "Find", "ss", class, name))
                fail_msg("%s: %s", w->error, w->sentence);
        snprintf(ret, 128, "%.127s", w->reply);
}

void world_add_host(World *w, char ret_host[static 128]) {
        fake_host_start(&w->host, &w->host_bus, w->event);
        assert_true(MANAGER(w, "AddHost", "ssa{sv}", "alpha", w->host_bus.address, 0));
        snprintf(ret_host, 128, "%.127s", w->reply);
        world_until(w, ret_host, POLICY_IFACE_HOST, "State", "online");
}

void world_add_vm(World *w, char ret_vm[static 128], char ret_vgpu[static 128]) {
        char group[128], type[128];

        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", group);
        find(w, "vgpu_type", "GRID K100", type);
        if (!MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0))
                fail_msg("%s: %s", w->error, w->sentence);
        snprintf(ret_vm, 128, "%.127s", w->reply);
        if (!MANAGER(w, "CreateVGPU", "oooa{sv}", ret_vm, group, type, 0))
                fail_msg("%s: %s", w->error, w->sentence);
        snprintf(ret_vgpu, 128, "%.127s", w->reply);
}

static char *read_log(const World *w) {
        char *text = NULL;
        size_t size;

        assert_int_equal(file_read(w->log, 1 << 20, &text, &size), 0);
        return text;
}

unsigned lines_since(const World *w, size_t at, const char *field, char *line, size_t line_size) {
        _cleanup_free_ char *text = read_log(w);
        unsigned n = 0;

        for (char *begin = text + at, *end; (end = strchr(begin, '\n')); begin = end + 1) {
                *end = '\0';
                if (!strstr(begin, field))
                        continue;
                n++;
                snprintf(line, line_size, "%s", begin);
        }
        return n;
}

size_t log_size(const World *w) {
        _cleanup_free_ char *text = read_log(w);

        return strlen(text);
}

int logged_setup(void **state) {
        World *w;

        assert_int_equal(world_setup(state), 0);
        w = *state;
        assert_int_equal(policyd_end(w, SIGTERM), 0);
        snprintf(w->log, sizeof(w->log), "%s/log", w->bus.dir);
        policyd_start(w, NULL);
        return 0;
}

int logged_teardown(void **state) {
        World *w = *state;

        (void) unlink(w->log);
        return world_teardown(state);
}
