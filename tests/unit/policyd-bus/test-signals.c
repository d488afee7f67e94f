/*
 * What is announced, and when: after the reply, once for each object
 */

#include "tests/unit/policyd-bus/policyd-world.h"

typedef struct Heard {
        char text[64][256]; /* "MEMBER PATH first-argument" */
        size_t n;
} Heard;

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Heard *h = userdata;
        const char *first = "";

        if (h->n >= ARRAY_SIZE(h->text))
                return 0;
        if (sd_bus_message_read_basic(m, *sd_bus_message_get_signature(m, 1), &first) < 0)
                first = "";
        snprintf(h->text[h->n++], sizeof(h->text[0]), "%s %.100s %.100s", sd_bus_message_get_member(m),
                sd_bus_message_get_path(m), first);
        return 0;
}

static void listen_to(World *w, Heard *h) {
        assert_true(sd_bus_add_match(w->client, NULL,
                            "type='signal',sender='" POLICY_BUS_NAME "',path_namespace='" POLICY_PATH "'",
                            on_signal, h) >= 0);
}

static size_t count(World *w, Heard *h, const char *text) {
        size_t n = 0;

        for (unsigned i = 0; i < 30; i++) {
                while (sd_bus_process(w->client, NULL) > 0)
                        ;
                world_turn(w, 10);
        }
        for (size_t i = 0; i < h->n; i++)
                n += strstr(h->text[i], text) != NULL;
        return n;
}

static void test_an_object_comes_changes_and_goes(void **state) {
        World *w = *state;
        char group[128], text[256];
        Heard h = {};

        listen_to(w, &h);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);
        snprintf(text, sizeof(text), "InterfacesAdded " POLICY_PATH " %s", group);
        assert_int_equal(count(w, &h, text), 1);

        assert_true(call(w, group, POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", "s", "best-fit"));
        snprintf(text, sizeof(text), "PropertiesChanged %s " POLICY_IFACE_GPU_GROUP, group);
        assert_int_equal(count(w, &h, text), 1);

        assert_true(call(w, group, POLICY_IFACE_GPU_GROUP, "Destroy", ""));
        snprintf(text, sizeof(text), "InterfacesRemoved " POLICY_PATH " %s", group);
        assert_int_equal(count(w, &h, text), 1);
        assert_int_equal(h.n, 3);
}

static void test_a_host_comes_online(void **state) {
        World *w = *state;
        char host[128], text[256];
        Heard h = {};

        listen_to(w, &h);
        world_add_host(w, host);
        snprintf(text, sizeof(text), "PropertiesChanged %s", host);
        assert_true(count(w, &h, text) >= 1);
        assert_int_equal(count(w, &h, "PropertiesChanged " POLICY_PATH " " POLICY_IFACE_MANAGER), 1);
        property(w, POLICY_PATH, POLICY_IFACE_MANAGER, "HostsOnline");
        assert_string_equal(w->reply, "1");
        assert_int_equal(count(w, &h, "InterfacesAdded " POLICY_PATH " " POLICY_PATH "/pgpu/"), 1);
}

static void test_a_job_is_announced(void **state) {
        World *w = *state;
        char host[128], vm[128], vgpu[128], text[256];
        Heard h = {};

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        w->host.orders = FAKE_REFUSE;
        w->host.refusal = "org.xenvgpu.Error.PGPUInsufficientCapacity";
        listen_to(w, &h);
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        snprintf(text, sizeof(text), "JobNew " POLICY_PATH " %.120s", w->reply);
        assert_int_equal(count(w, &h, text), 1);
        snprintf(text, sizeof(text), "JobRemoved " POLICY_PATH " %.120s", w->reply);
        assert_int_equal(count(w, &h, text), 1);
        snprintf(text, sizeof(text), "%.120s", w->reply);
        world_until(w, text, POLICY_IFACE_JOB, "State", "failed");
}

static void test_what_an_owner_uses_is_announced(void **state) {
        World *w = *state;
        char host[128], vm[128], vgpu[128], text[256];
        Heard h = {};

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetOwner", "s", "lab"));
        assert_true(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", UINT64_C(2)));
        snprintf(text, sizeof(text), "PropertiesChanged %.120s " POLICY_IFACE_QUOTA, w->reply);
        listen_to(w, &h);
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        assert_int_equal(count(w, &h, text), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_an_object_comes_changes_and_goes),
                WORLD_TEST(test_a_host_comes_online),
                WORLD_TEST(test_a_job_is_announced),
                WORLD_TEST(test_what_an_owner_uses_is_announced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
