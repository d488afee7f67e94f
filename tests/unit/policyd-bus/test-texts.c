/*
 * Texts on the bus: each argument is held to what every reader can show, and each answer can be sent
 */

#include <stdio.h>

#include "tests/unit/policyd-bus/policyd-world.h"

#define ESC "\x1b[31m"
#define C1 "\xc2\x9b"

#define assert_names(w, words)                                                                               \
        ({                                                                                                   \
                assert_refused(w, "InvalidRecord");                                                          \
                if (!strstr((w)->sentence, words))                                                           \
                        fail_msg("'%s' lacks '%s'", (w)->sentence, words);                                   \
        })

static void test_each_bad_argument_is_named(void **state) {
        World *w = *state;

        assert_false(MANAGER(w, "AddHost", "ssa{sv}", C1, "unix:path=/x", 0));
        assert_names(w, "The name holds the control character U+009B at byte 1.");
        assert_false(MANAGER(w, "AddHost", "ssa{sv}", "a", "unix:path=/x" C1, 0));
        assert_names(w, "The address holds the control character U+009B at byte 13.");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g\xc2\x85", 0));
        assert_names(w, "The name_label holds");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "name_description", "s", ESC));
        assert_names(w, "The name_description holds the control character U+001B");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "a\nb"));
        assert_names(w, "The idempotency_key holds");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, ESC, "s", "a"));
        assert_names(w, "The option's name holds");
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "o" C1, "/", 1, "vgpus_max", "t", UINT64_C(1)));
        assert_names(w, "The owner holds");
        assert_false(MANAGER(w, "Find", "ss", "vm", ESC));
        assert_names(w, "The uuid_or_name holds");
        assert_false(MANAGER(w, "List", "sa{sv}uu", "vm" ESC, 0, 0, 0));
        assert_names(w, "The class holds");
        assert_false(MANAGER(w, "RemoveRow", "sa{sv}", "vm 7" C1, 0));
        assert_names(w, "The row holds the control character U+009B at byte 5");
        assert_false(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "NameLabel", "s", ESC, 0, 0));
        assert_names(w, "The NameLabel holds");
}

static void test_each_bad_member_is_named(void **state) {
        World *w = *state;

        assert_false(MANAGER(w, "CreateVM", "sa{sv}", "{\"name_label\":\"a\\u001b\",\"config\":{}}", 0));
        assert_names(w, "name_label holds the control character U+001B at byte 2");
        assert_false(MANAGER(w, "CreateVM", "sa{sv}", "{\"name_label\":\"\\ufffe\",\"config\":{}}", 0));
        assert_names(w, "name_label holds U+FFFE");
        assert_false(MANAGER(w, "CreateVM", "sa{sv}",
                "{\"name_label\":\"a\",\"affinity\":\"x\\n\",\"config\":{}}", 0));
        assert_names(w, "affinity holds the control character U+000A");
        assert_false(MANAGER(w, "CreateVM", "sa{sv}",
                "{\"name_label\":\"a\",\"platform\":{\"k\":\"\\u0085\"},\"config\":{}}", 0));
        assert_names(w, "platform.k holds the control character U+0085");
        assert_false(MANAGER(w, "CreateVM", "sa{sv}",
                "{\"name_label\":\"a\",\"config\":{\"disks\":[{\"pdev_path\":\"\\u009d\"}]}}", 0));
        assert_names(w, "config.disks[0].pdev_path holds the control character U+009D");
        assert_false(MANAGER(w, "CreateVM", "sa{sv}", "{\"name_label\":\"a\",\"config\":{\"\\udbff\\udfff\":1}}", 0));
        assert_names(w, "config has a member");
        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("é漢"), 0));
        assert_true(MANAGER(w, "Find", "ss", "vm", "é漢"));
        assert_false(call(w, w->reply, POLICY_IFACE_VM, "SetConfig", "s", "{\"c_info\":{\"name\":\"\\u0007\"}}"));
        assert_names(w, "c_info.name holds the control character U+0007");
}

static void test_a_description_has_lines(void **state) {
        World *w = *state;
        char group[128];

        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "name_description", "s", "one\n\ttwo é"));
        snprintf(group, sizeof(group), "%.127s", w->reply);
        property(w, group, POLICY_IFACE_GPU_GROUP, "NameDescription");
        assert_string_equal(w->reply, "one\n\ttwo é");
        assert_false(call(w, group, POLICY_IFACE_GPU_GROUP, "SetNameLabel", "s", "one\n"));
        assert_names(w, "name_label");
        assert_int_equal(policyd_end(w, SIGKILL), -SIGKILL);
        policyd_start(w, NULL);
        property(w, group, POLICY_IFACE_GPU_GROUP, "NameDescription");
        assert_string_equal(w->reply, "one\n\ttwo é");
}

/* What an error quotes ends between characters; sd-bus sends no error that does not, and the caller would wait. */
static void test_errors_quote_whole_characters(void **state) {
        World *w = *state;
        char name[300];

        for (size_t n = 60; n < 68; n++) {
                memset(name, 'a', n);
                strcpy(name + n, "éé漢漢漢");
                assert_false(MANAGER(w, "Find", "ss", name, "x"));
                assert_names(w, "There is no class \"aaaa");
                assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, name, "s", "v"));
                assert_names(w, "There is no option \"aaaa");
                assert_false(MANAGER(w, "List", "sa{sv}uu", "vm", 1, name, "ay", 0, 0, 0));
                assert_names(w, "The filter on aaaa");
        }
        for (size_t n = 120; n < 132; n++) {
                memset(name, 'a', n);
                strcpy(name + n, "éé漢漢漢");
                assert_false(MANAGER(w, "Find", "ss", "vm", name));
                assert_refused(w, "NoSuchObject");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_each_bad_argument_is_named),
                WORLD_TEST(test_each_bad_member_is_named),
                WORLD_TEST(test_a_description_has_lines),
                WORLD_TEST(test_errors_quote_whole_characters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
