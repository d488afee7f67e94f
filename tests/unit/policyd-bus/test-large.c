/*
 * Answers that no bus carries, and callers that ask for long ones
 */

#include <signal.h>
#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/pool/pool.h"
#include "common/lmdb/table.h"
#include "policyd/store/store.h"
#include "tests/unit/policyd-bus/policyd-world.h"

#define N_GROUPS 7500 /* with 4.9 KiB each they are more than 32 MiB */
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

static void add_group(Pool *pool, StoreOps *ops, size_t i) {
        Uuid id = {.bytes = {1, [6] = 0x40, [8] = 0x80, [14] = (uint8_t) (i >> 8), (uint8_t) i}};
        char name[513], description[4097];
        GpuGroup *g;

        memset(name, 'n', sizeof(name) - 1);
        memset(description, 'd', sizeof(description) - 1);
        name[sizeof(name) - 1] = description[sizeof(description) - 1] = '\0';
        assert_int_equal(pool_add_gpu_group(pool, &id, 0, name, &g), 0);
        assert_true(text_set(&g->name_description, description) >= 0);
        assert_int_equal(store_ops_put_object(ops, &g->object), 0);
}

/* A database with as many groups, in policyd's state folder. */
static void store_groups(World *w, size_t n) {
        _cleanup_(store_ops_done) StoreOps ops = {};
        _cleanup_(pool_freep) Pool *loaded = NULL, *pool = pool_new();
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        StoreMeta meta;
        DbSource database;
        char path[128];
        Db *s;

        assert_int_equal(policyd_end(w, SIGTERM), 0);
        snprintf(path, sizeof(path), "%s/state", w->bus.dir);
        assert_non_null(pool);
        database = db_in_folder(path);
        assert_int_equal(store_open(&database, 256 << 20, 1 << 30, &problem, &s), 0);
        assert_int_equal(store_load(s, NULL, NULL, &loaded, &meta, &rows, &problem), 0);
        pool->next_key = meta.next_key;
        for (size_t i = 0; i < n; i++)
                add_group(pool, &ops, i);
        meta.next_key = pool->next_key;
        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        assert_int_equal(store_write(s, &ops), 0);
        db_close(s);
        policyd_start(w, "map_size=256MiB");
}

static void test_a_pool_that_no_message_carries(void **state) {
        World *w = *state;
        uint32_t offset = 0;
        unsigned pages = 0;

        store_groups(w, N_GROUPS);
        assert_false(call(w, POLICY_PATH, OBJECT_MANAGER, "GetManagedObjects", ""));
        assert_refused(w, "LimitReached");
        assert_non_null(strstr(w->sentence, "List"));

        /* In pages, each of which ends before it is too large; the last is of what is left. */
        while (offset < N_GROUPS) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                const char *json;

                assert_true(sd_bus_call_method(w->client, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER,
                                    "List", NULL, &reply, "sa{sv}uu", "gpu_group", 0, offset, 1000) >= 0);
                assert_true(sd_bus_message_read(reply, "s", &json) > 0);
                assert_true(strlen(json) < 4 << 20);
                for (json = strstr(json, "\"path\""); json; json = strstr(json + 1, "\"path\""))
                        offset++;
                pages++;
        }
        assert_int_equal(offset, N_GROUPS);
        assert_true(pages > N_GROUPS / 1000 + 1);
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
}

/* A K1 PGPU that supports as many types, of which each can share it with itself alone. */
static char *inventory_of_types(unsigned n) {
        StrBuf b = {};

        strbuf_add(&b, "{\"version\":1,\"seq\":1,\"host_uuid\":\"11111111-2222-4333-8444-555555555555\",\"boot_id\":"
                       "\"99999999-2222-4333-8444-555555555555\",\"hostname\":\"fake\",\"hypervisor\":\"simulated\","
                       "\"epoch\":1,\"memory_total\":1,\"memory_free\":1,\"cpus\":2,\"iommu\":true,\"hvm\":true,"
                       "\"networks\":[],\"storage\":[],\"types\":[");
        for (unsigned i = 0; i < n; i++)
                strbuf_addf(&b,
                        "%s{\"identifier\":\"0001:nvidia,0ff2,,%04x,101e\",\"implementation\":\"nvidia\",\"vendor_name\":"
                        "\"NVIDIA Corporation\",\"model_name\":\"GRID %u\",\"framebuffer_size\":1,\"max_heads\":1,"
                        "\"max_resolution_x\":1,\"max_resolution_y\":1,\"size\":131072,\"experimental\":false,"
                        "\"internal_config\":{\"type_id\":\"1\",\"vclass\":\"NVS\",\"config_file\":\"k.conf\"},"
                        "\"compatible_types_in_vm\":[],\"compatible_types_on_pgpu\":[\"0001:nvidia,0ff2,,%04x,101e\"]}",
                        i > 0 ? "," : "", i, i, i);
        strbuf_add(&b, "],\"pgpus\":[{\"pci_id\":\"0000:84:00.0\",\"vendor_id\":\"10de\",\"device_id\":\"0ff2\","
                       "\"subsystem_vendor_id\":\"10de\",\"subsystem_device_id\":\"1012\",\"vendor_name\":\"NVIDIA "
                       "Corporation\",\"device_name\":\"K1\",\"driver\":\"\",\"bridge\":\"\","
                       "\"is_system_display_device\":false,\"enabled\":[],\"supported\":[");
        for (unsigned i = 0; i < n; i++)
                strbuf_addf(&b, "%s\"0001:nvidia,0ff2,,%04x,101e\"", i > 0 ? "," : "", i);
        strbuf_add(&b, "]}],\"vms\":[],\"ended\":[],\"problems\":[]}");
        return strbuf_take(&b);
}

/* 300 types are 5 MiB, and told; 1,057 are more than a bus carries, and refused. */
static void test_capacity_of_many_types(void **state) {
        static const unsigned numbers[] = {300, 1057};
        World *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                _cleanup_free_ char *inventory = inventory_of_types(numbers[i]);
                char host[128];

                assert_non_null(inventory);
                w->host.inventory = inventory;
                world_add_host(w, host);
                if (i == 0)
                        assert_true(MANAGER(w, "Capacity", ""));
                else {
                        assert_false(MANAGER(w, "Capacity", ""));
                        assert_refused(w, "LimitReached");
                }
                assert_true(call(w, host, POLICY_IFACE_HOST, "Remove", ""));
                fake_host_stop(&w->host);
        }
}

static int count_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        ++*(unsigned *) userdata;
        return 0;
}

static void ask(sd_bus *client, const char *interface, const char *member, unsigned *n) {
        assert_true(sd_bus_call_method_async(client, NULL, POLICY_BUS_NAME, POLICY_PATH, interface, member,
                            count_reply, n, NULL) >= 0);
}

/* All that has come, without waiting. */
static void drain(sd_bus *client) {
        while (sd_bus_process(client, NULL) > 0)
                ;
}

static void test_callers_take_turns(void **state) {
        World *w = *state;
        sd_bus *many = private_bus_connect(&w->bus, NULL);
        unsigned n_many = 0, n_one = 0;

        for (unsigned i = 0; i < 60; i++)
                ask(many, POLICY_IFACE_MANAGER, "Capacity", &n_many);
        assert_true(sd_bus_flush(many) >= 0);
        /* A short call passes them all. */
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
        drain(many);
        assert_true(n_many < 30);
        /* A long one waits for one or two of them. */
        ask(w->client, POLICY_IFACE_MANAGER, "Capacity", &n_one);
        while (n_one < 1)
                assert_true(sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
        drain(many);
        assert_true(n_many < 50);
        while (n_many < 60)
                assert_true(sd_bus_process(many, NULL) > 0 || sd_bus_wait(many, 1000000) >= 0);
        sd_bus_flush_close_unref(many);
}

static void test_callers_leave_their_turns(void **state) {
        World *w = *state;

        for (unsigned i = 0; i < 10; i++) {
                sd_bus *many = private_bus_connect(&w->bus, NULL);
                unsigned n = 0;

                for (unsigned k = 0; k < 500; k++)
                        ask(many, POLICY_IFACE_MANAGER, "Capacity", &n);
                assert_true(sd_bus_flush(many) >= 0);
                sd_bus_close_unref(many);
        }
        assert_true(MANAGER(w, "Capacity", ""));
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "after", 0));
}

/* What refers to many is one of the long ones: of 300 VMs here, of thousands of VGPUs elsewhere. */
static void test_properties_of_many_references_wait(void **state) {
        static const char properties[] = "org.freedesktop.DBus.Properties";
        World *w = *state;
        sd_bus *many = private_bus_connect(&w->bus, NULL);
        unsigned n_many = 0;
        char group[128], vm[128];

        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);
        for (unsigned i = 0; i < 300; i++) {
                assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
                snprintf(vm, sizeof(vm), "%.127s", w->reply);
                assert_true(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 1, group));
        }
        for (unsigned i = 0; i < 200; i++)
                assert_true(sd_bus_call_method_async(many, NULL, POLICY_BUS_NAME, group, properties,
                                    i % 2 ? "GetAll" : "Get", count_reply, &n_many, i % 2 ? "s" : "ss",
                                    POLICY_IFACE_VM_GROUP, "VMs") >= 0);
        assert_true(sd_bus_flush(many) >= 0);
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "Version");
        drain(many);
        assert_true(n_many < 100);
        while (n_many < 200)
                assert_true(sd_bus_process(many, NULL) > 0 || sd_bus_wait(many, 1000000) >= 0);
        sd_bus_flush_close_unref(many);
}

static int keep_error(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        unsigned *n = userdata;

        n[sd_bus_message_is_method_error(m, "org.xenvgpu.Error.LimitReached") != 0]++;
        return 0;
}

/* Behind others of the same caller, so that the first of them waits when the second comes. */
static void test_one_of_all_objects_at_a_time(void **state) {
        World *w = *state;
        unsigned n[2] = {}, n_before = 0;

        for (unsigned i = 0; i < 20; i++)
                ask(w->client, POLICY_IFACE_MANAGER, "Capacity", &n_before);
        for (unsigned i = 0; i < 2; i++)
                assert_true(sd_bus_call_method_async(w->client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                    OBJECT_MANAGER, "GetManagedObjects", keep_error, n, NULL) >= 0);
        while (n[0] + n[1] < 2)
                assert_true(sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
        assert_int_equal(n[1], 1);
        assert_true(call(w, POLICY_PATH, OBJECT_MANAGER, "GetManagedObjects", ""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_pool_that_no_message_carries),
                WORLD_TEST(test_capacity_of_many_types),
                WORLD_TEST(test_callers_take_turns),
                WORLD_TEST(test_callers_leave_their_turns),
                WORLD_TEST(test_properties_of_many_references_wait),
                WORLD_TEST(test_one_of_all_objects_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
