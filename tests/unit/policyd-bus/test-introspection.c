/*
 * What the daemon says of itself, against the documents in protocol/
 */

#include "protocol/schema/classes.h"
#include "protocol/xml.h"
#include "tests/unit/policyd-bus/interface-lines.h"
#include "tests/unit/policyd-bus/policyd-world.h"

static const char *document(const char *interface) {
        for (const InterfaceXml *x = interface_xml; x->interface; x++)
                if (streq(x->interface, interface))
                        return x->xml;
        fail_msg("protocol/ has no document of %s", interface);
        return NULL;
}

static void compare_interface(World *w, const char *path, const char *interface) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *written = NULL, *live = NULL;
        const char *xml;

        assert_true(sd_bus_call_method(w->client, POLICY_BUS_NAME, path,
                            "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &reply, NULL) >= 0);
        assert_true(sd_bus_message_read(reply, "s", &xml) >= 0);
        live = interface_lines(xml, interface);
        written = interface_lines(document(interface), interface);
        assert_non_null(live);
        assert_non_null(written);
        assert_string_equal(live, written);
}

static void test_every_interface_is_as_written(void **state) {
        World *w = *state;
        char host[128], vm[128], vgpu[128], pgpu[128], group[128], type[128];

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        find(w, "pgpu", "0000:84:00.0", pgpu);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", group);
        find(w, "vgpu_type", "GRID K100", type);

        compare_interface(w, POLICY_PATH, POLICY_IFACE_MANAGER);
        compare_interface(w, host, POLICY_IFACE_HOST);
        compare_interface(w, pgpu, POLICY_IFACE_PGPU);
        compare_interface(w, group, POLICY_IFACE_GPU_GROUP);
        compare_interface(w, type, POLICY_IFACE_VGPU_TYPE);
        compare_interface(w, vm, POLICY_IFACE_VM);
        compare_interface(w, vgpu, POLICY_IFACE_VGPU);

        if (!MANAGER(w, "Reserve", "soouta{sv}", "r", group, type, 1, (uint64_t) 60, 0))
                fail_msg("%s: %s", w->error, w->sentence);
        compare_interface(w, w->reply, POLICY_IFACE_RESERVATION);
        if (!MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", (uint64_t) 2))
                fail_msg("%s: %s", w->error, w->sentence);
        compare_interface(w, w->reply, POLICY_IFACE_QUOTA);
        if (!MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 1, "placement", "s", "anti_affinity"))
                fail_msg("%s: %s", w->error, w->sentence);
        compare_interface(w, w->reply, POLICY_IFACE_VM_GROUP);
        if (!call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0))
                fail_msg("%s: %s", w->error, w->sentence);
        compare_interface(w, w->reply, POLICY_IFACE_JOB);
}

/* Of the schema, as interface_lines() has them. */
#define LINE(x, bit, name, signature, change, ...) "property " name " " signature " read " EMITS_##change "\n",
#define EMITS_CONST "const"
#define EMITS_CHANGES "true"
#define EMITS_INVALIDATES "invalidates"
#define LINES(class, ...)                                                                                    \
        static const char *const lines_##class[] = {                                                         \
                class##_SCHEMA(LINE, SCHEMA_SKIP, ) LINE(, , "UUID", "s", CONST)};
POOL_CLASSES(LINES)

static size_t count_properties(const char *lines) {
        size_t n = 0;

        for (const char *line = lines; (line = strstr(line, "property ")); line++)
                n += line == lines || line[-1] == '\n';
        return n;
}

static void compare_schema(const char *interface, const char *const *lines, size_t n) {
        _cleanup_free_ char *written = interface_lines(document(interface), interface);

        for (size_t i = 0; i < n; i++)
                if (!strstr(written, lines[i]))
                        fail_msg("The document of %s does not say: %s", interface, lines[i]);
        assert_int_equal(count_properties(written), n);
}

static void test_the_schema_is_as_written(void **state) {
#define COMPARE(class, ...) compare_schema(POLICY_IFACE_##class, lines_##class, ARRAY_SIZE(lines_##class));
        POOL_CLASSES(COMPARE)
}

/* A leaf's document names no other object, and a class's names each of its own. */
static void test_the_tree_is_a_tree(void **state) {
        World *w = *state;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *leaf = NULL, *class = NULL;
        const char *xml;
        char group[128];

        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "a", 0));
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "b", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);

        assert_true(sd_bus_call_method(w->client, POLICY_BUS_NAME, group,
                            "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &leaf, NULL) >= 0);
        assert_true(sd_bus_message_read(leaf, "s", &xml) >= 0);
        assert_null(strstr(xml, "<node name="));

        assert_true(sd_bus_call_method(w->client, POLICY_BUS_NAME, POLICY_PATH "/gpu_group",
                            "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &class, NULL) >= 0);
        assert_true(sd_bus_message_read(class, "s", &xml) >= 0);
        assert_non_null(strstr(xml, strrchr(group, '/') + 1));
}

static size_t count_managed(World *w, const char *interface) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path, *name;
        size_t n = 0;

        assert_true(
                sd_bus_call_method(w->client, POLICY_BUS_NAME, POLICY_PATH,
                        "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, &reply, NULL) >= 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "{oa{sa{sv}}}") >= 0);
        while (sd_bus_message_enter_container(reply, 'e', "oa{sa{sv}}") > 0) {
                assert_true(sd_bus_message_read(reply, "o", &path) > 0);
                assert_true(sd_bus_message_enter_container(reply, 'a', "{sa{sv}}") >= 0);
                while (sd_bus_message_enter_container(reply, 'e', "sa{sv}") > 0) {
                        assert_true(sd_bus_message_read(reply, "s", &name) > 0);
                        n += streq(name, interface);
                        assert_true(sd_bus_message_skip(reply, "a{sv}") >= 0);
                        sd_bus_message_exit_container(reply);
                }
                sd_bus_message_exit_container(reply);
                sd_bus_message_exit_container(reply);
        }
        return n;
}

static int ignore_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        assert_false(sd_bus_message_is_method_error(m, NULL));
        ++*(size_t *) userdata;
        return 0;
}

static void test_managed_objects_of_a_large_pool(void **state) {
        World *w = *state;
        size_t done = 0, n = 2000;
        char name[32];

        for (size_t i = 0; i < n; i++) {
                snprintf(name, sizeof(name), "group %zu", i);
                assert_true(sd_bus_call_method_async(w->client, NULL, POLICY_BUS_NAME, POLICY_PATH,
                                    POLICY_IFACE_MANAGER, "CreateGPUGroup", ignore_reply, &done, "sa{sv}",
                                    name, 0) >= 0);
                while (i - done > 100)
                        assert_true(
                                sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
        }
        while (done < n)
                assert_true(sd_bus_process(w->client, NULL) > 0 || sd_bus_wait(w->client, 1000000) >= 0);
        assert_int_equal(count_managed(w, POLICY_IFACE_GPU_GROUP), n);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_every_interface_is_as_written),
                cmocka_unit_test(test_the_schema_is_as_written),
                WORLD_TEST(test_the_tree_is_a_tree),
                WORLD_TEST(test_managed_objects_of_a_large_pool),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
