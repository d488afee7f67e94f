/*
 * Garbage, floods, clients that leave, and a bus that dies
 */

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/policyd-bus/policyd-world.h"

static void alive(World *w) {
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
}

static void test_garbage_in_every_argument(void **state) {
        static const char *const texts[] = {"", "/", "{", "[]", "null", "\"\"", "{\"name_label\":1}",
                "{\"config\":{}}", "\xf0\x9f\x92\xa3", "99999999999999999999", "-1",
                "{\"name_label\":\"x\",\"config\":{\"b_info\":{\"max_memkb\":-1}}}"};
        World *w = *state;
        char vm[128], group[128];

        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                MANAGER(w, "AddHost", "ssa{sv}", texts[i], texts[i], 0);
                assert_false(MANAGER(w, "CreateVM", "sa{sv}", texts[i], 0));
                assert_refused(w, "InvalidRecord");
                assert_false(MANAGER(w, "ImportVM", "sa{sv}", texts[i], 0));
                assert_refused(w, "InvalidRecord");
                assert_false(MANAGER(w, "Find", "ss", texts[i], texts[i]));
                assert_false(MANAGER(w, "Find", "ss", "vm", texts[i]));
                assert_false(MANAGER(w, "List", "sa{sv}uu", texts[i], 0, UINT32_MAX, UINT32_MAX));
                assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 0, UINT32_MAX, UINT32_MAX));
                assert_false(MANAGER(w, "List", "sa{sv}uu", "vm", 1, texts[i], "s", texts[i], 0, 0));
                assert_false(MANAGER(w, "CreateVGPU", "oooa{sv}", vm, group, "/", 1, "device", "s",
                        texts[i][0] ? texts[i] : "-1"));
                assert_refused(w, "InvalidDevice");
                assert_false(call(w, vm, POLICY_IFACE_VM, "SetConfig", "s", texts[i]));
                assert_refused(w, "InvalidRecord");
                assert_false(call(w, group, POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", "s", texts[i]));
                assert_refused(w, "InvalidRecord");
        }
        /* What does not fit the signature never reaches us. */
        assert_false(MANAGER(w, "Find", "u", 1));
        assert_string_equal(w->error, "org.freedesktop.DBus.Error.InvalidArgs");
        assert_false(MANAGER(w, "NoSuchMethod", ""));
        assert_false(call(w, POLICY_PATH "/vm/_", POLICY_IFACE_VM, "Destroy", ""));
        assert_false(call(w, POLICY_PATH "/vm", POLICY_IFACE_VM, "Destroy", ""));
        alive(w);
}

static void test_a_record_of_a_megabyte_of_brackets(void **state) {
        World *w = *state;
        size_t n = 1 << 20;
        char *text = malloc(n + 1);

        assert_non_null(text);
        memset(text, '[', n);
        text[n] = '\0';
        assert_false(MANAGER(w, "CreateVM", "sa{sv}", text, 0));
        assert_refused(w, "InvalidRecord");
        free(text);
}

static int count_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        unsigned *n = userdata;

        n[sd_bus_message_is_method_error(m, NULL) != 0]++;
        return 0;
}

static void test_a_flood_is_answered(void **state) {
        World *w = *state;
        unsigned n[2] = {};
        char name[32];

        for (unsigned i = 0; i < 2000; i++) {
                snprintf(name, sizeof(name), "g%u", i % 1000);
                assert_true(sd_bus_call_method_async(w->client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                    POLICY_IFACE_MANAGER, "CreateGPUGroup", count_reply, n, "sa{sv}", name, 1,
                                    "idempotency_key", "s", name) >= 0);
        }
        while (n[0] + n[1] < 2000)
                assert_true(sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
        assert_true(n[0] > 0);
        alive(w);
}

/* A host that keeps silent makes a request wait; the cap is the caller's own. */
static void test_requests_that_wait_are_capped(void **state) {
        World *w = *state;
        char host[128], pgpu[128];
        unsigned n[2] = {};
        sd_bus *other;

        assert_int_equal(policyd_end(w, SIGTERM), 0);
        policyd_start(w, "requests_max=1");
        world_add_host(w, host);
        find(w, "pgpu", "0000:84:00.0", pgpu);
        w->host.orders = FAKE_SILENT;
        other = private_bus_connect(&w->bus, NULL);
        assert_true(sd_bus_call_method_async(other, NULL, POLICY_BUS_NAME, pgpu, POLICY_IFACE_PGPU,
                            "SetEnabledVGPUTypes", count_reply, n, "ao", 0) >= 0);
        assert_true(sd_bus_call_method_async(other, NULL, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER,
                            "CreateGPUGroup", count_reply, n, "sa{sv}", "g", 0) >= 0);
        while (n[0] + n[1] < 1)
                assert_true(sd_bus_process(other, NULL) > 0 || sd_bus_wait(other, 1000000) >= 0);
        assert_int_equal(n[1], 1);
        /* It was refused before anything changed. */
        assert_true(MANAGER(w, "List", "sa{sv}uu", "gpu_group", 1, "NameLabel", "s", "g", 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":0"));
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0));

        for (unsigned i = 0; i < 500 && w->host.n_waiting == 0; i++)
                world_turn(w, 10);
        fake_host_answer_all(&w->host);
        world_turn(w, 50);
        while (n[0] < 1)
                assert_true(sd_bus_process(other, NULL) > 0 || sd_bus_wait(other, 1000000) >= 0);
        sd_bus_flush_close_unref(other);
}

/* A read commits what is open, and when that fails the pool is rebuilt: what the read is about must be looked up
 * after it. */
static void test_reads_outlive_a_failed_commit(void **state) {
        World *w = *state;
        char host[128], group[128], vm[128], vgpu[128];
        const struct {
                const char *path, *interface, *member, *types, *argument;
        } reads[] = {
                { group, POLICY_IFACE_GPU_GROUP, "Plan", "o", "/" },
                { group, POLICY_IFACE_GPU_GROUP, "GetFailuresToTolerate", "", NULL },
                { POLICY_PATH, POLICY_IFACE_MANAGER, "CheckHostFailure", "o", host },
                { vm, POLICY_IFACE_VM, "ExplainStart", "oa{sv}", "/" },
        };
        struct rlimit full, limit;

        assert_int_equal(policyd_end(w, SIGTERM), 0);
        signal(SIGXFSZ, SIG_IGN);
        policyd_start(w, NULL);
        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", group);
        assert_int_equal(prlimit(w->policyd, RLIMIT_FSIZE, NULL, &limit), 0);
        full = (struct rlimit){ .rlim_cur = 1, .rlim_max = limit.rlim_max };
        assert_int_equal(prlimit(w->policyd, RLIMIT_FSIZE, &full, NULL), 0);

        for (unsigned i = 0; i < 20; i++) {
                unsigned n[2] = {};

                for (size_t k = 0; k < ARRAY_SIZE(reads); k++) {
                        assert_true(sd_bus_call_method_async(w->client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                            POLICY_IFACE_MANAGER, "CreateGPUGroup", count_reply, n, "sa{sv}",
                                            "g", 0) >= 0);
                        assert_true(sd_bus_call_method_async(w->client, NULL, POLICY_BUS_NAME, reads[k].path,
                                            reads[k].interface, reads[k].member, count_reply, n,
                                            reads[k].types, reads[k].argument, 0) >= 0);
                }
                while (n[0] + n[1] < 2 * ARRAY_SIZE(reads))
                        assert_true(
                                sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
                assert_true(n[1] >= ARRAY_SIZE(reads)); /* none of the groups was made */
        }
        assert_int_equal(prlimit(w->policyd, RLIMIT_FSIZE, &limit, NULL), 0);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0));
}

static void test_clients_leave_before_the_reply(void **state) {
        World *w = *state;

        for (unsigned i = 0; i < 50; i++) {
                sd_bus *other = private_bus_connect(&w->bus, NULL);
                char name[32];

                snprintf(name, sizeof(name), "g%u", i);
                for (unsigned k = 0; k < 5; k++)
                        sd_bus_call_method_async(other, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                POLICY_IFACE_MANAGER, "CreateGPUGroup", count_reply, NULL, "sa{sv}", name,
                                k % 2, "idempotency_key", "s", name);
                sd_bus_flush(other);
                sd_bus_close_unref(other);
        }
        alive(w);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "after", 1, "idempotency_key", "s", "after"));
}

static void test_a_second_policyd_is_told(void **state) {
        World *w = *state;
        const char *program = getenv("XENVGPU_POLICYD");
        char bus[192], folder[128];
        pid_t pid;
        int status;

        snprintf(bus, sizeof(bus), "--set=bus=%s", w->bus.address);
        for (unsigned same = 0; same < 2; same++) {
                snprintf(folder, sizeof(folder), "%s/%s", w->bus.dir, same ? "state" : "run/second");
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        char state_option[160], runtime_option[160];

                        snprintf(state_option, sizeof(state_option), "--state=%s", folder);
                        snprintf(runtime_option, sizeof(runtime_option), "--runtime=%s/run", w->bus.dir);
                        execl(program, program, "--config=/nonexistent", bus, state_option, runtime_option,
                                NULL);
                        _exit(127);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 1);
        }
        alive(w);
}

static void test_the_master_bus_dies(void **state) {
        World *w = *state;
        int status;

        private_bus_stop(&w->bus);
        assert_int_equal(waitpid(w->policyd, &status, 0), w->policyd);
        w->policyd = 0;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_another_master_commands_the_host(void **state) {
        World *w = *state;
        int status;
        char host[128], vm[128], vgpu[128];

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.StaleEpoch";
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        for (unsigned i = 0; i < 500; i++) {
                world_turn(w, 20);
                if (waitpid(w->policyd, &status, WNOHANG) == w->policyd)
                        break;
        }
        w->policyd = 0;
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 65);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_garbage_in_every_argument),
                WORLD_TEST(test_a_record_of_a_megabyte_of_brackets),
                WORLD_TEST(test_a_flood_is_answered),
                WORLD_TEST(test_requests_that_wait_are_capped),
                WORLD_TEST(test_reads_outlive_a_failed_commit),
                WORLD_TEST(test_clients_leave_before_the_reply),
                WORLD_TEST(test_a_second_policyd_is_told),
                WORLD_TEST(test_the_master_bus_dies),
                WORLD_TEST(test_another_master_commands_the_host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
