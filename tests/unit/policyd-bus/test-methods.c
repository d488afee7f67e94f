/*
 * Methods from outside: what they take, what they refuse, and what they remember
 */

#include <signal.h>

#include "tests/unit/policyd-bus/policyd-world.h"

static void test_objects_are_found(void **state) {
        World *w = *state;
        char group[128];

        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "mine", 1, "name_description", "s", "for tests"));
        snprintf(group, sizeof(group), "%.127s", w->reply);
        property(w, group, POLICY_IFACE_GPU_GROUP, "NameDescription");
        assert_string_equal(w->reply, "for tests");
        assert_true(MANAGER(w, "Find", "ss", "gpu_group", "mine"));
        assert_string_equal(w->reply, group);
        assert_true(MANAGER(w, "List", "sa{sv}uu", "gpu_group", 1, "NameLabel", "s", "mine", 0, 0));
        assert_non_null(strstr(w->reply, group));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "gpu_group", 1, "NameLabel", "s", "yours", 0, 0));
        assert_null(strstr(w->reply, group));

        assert_false(MANAGER(w, "Find", "ss", "gpu_group", "yours"));
        assert_refused(w, "NoSuchObject");
        assert_string_equal(w->sentence, "There is no GPU group \"yours\" in the pool.");
        assert_false(MANAGER(w, "Find", "ss", "gpu", "mine"));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "List", "sa{sv}uu", "gpu_group", 1, "NameLabel", "as", 0, 0, 0));
        assert_refused(w, "InvalidRecord");
}

static void test_options_are_strict(void **state) {
        World *w = *state;

        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "dry_run", "b", 1));
        assert_refused(w, "InvalidRecord");
        assert_non_null(strstr(w->sentence, "dry_run"));
        assert_non_null(strstr(w->sentence, "name_description"));
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "name_description", "u", 1));
        assert_refused(w, "InvalidRecord");
        assert_non_null(strstr(w->sentence, "type 's'"));
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 2, "name_description", "s", "a",
                "name_description", "s", "b"));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", ""));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s",
                "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
                "23456789012345678901234567890123456789"));
        assert_refused(w, "InvalidRecord");
        assert_true(MANAGER(w, "List", "sa{sv}uu", "gpu_group", 0, 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":0"));
}

/* A filter that could never match is a mistake, and says what would match. */
static void test_filters_have_the_type_of_their_property(void **state) {
        World *w = *state;
        char vm[128], group[128];

        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 1, group));

        assert_false(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "PowerState", "b", 1, 0, 0));
        assert_refused(w, "InvalidRecord");
        assert_non_null(strstr(w->sentence,
                "The filter PowerState is given as type 'b' (true), but PowerState of a vm is text, of type 's'"));
        /* Also behind one that matches nothing. */
        assert_false(MANAGER(
                w, "List", "sa{sv}uu", "vm", 2, "NameLabel", "s", "lin", "Description", "s", "", 0, 0));
        assert_non_null(strstr(w->sentence, "no property 'Description'"));

        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "Groups", "o", group, 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":1"));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "Groups", "o", vm, 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":0"));
        assert_false(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "Groups", "u", 1, 0, 0));
        assert_non_null(strstr(w->sentence, "a list, of which a filter takes one element"));

        assert_true(MANAGER(w, "AddHost", "ssa{sv}", "far", "unix:path=/nonexistent/bus", 0));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "host", 2, "Enabled", "b", 1, "MemoryTotal", "u", 0, 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":1"));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "host", 2, "Enabled", "s", "true", "MemoryTotal", "d", 0.0, 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":1"));
        assert_false(MANAGER(w, "List", "sa{sv}uu", "host", 1, "Enabled", "s", "yes", 0, 0));
        assert_non_null(strstr(w->sentence, "Enabled is given as type 's' (yes)"));
        assert_non_null(strstr(w->sentence, "true or false, of type 'b'"));
        assert_false(MANAGER(w, "List", "sa{sv}uu", "host", 1, "MemoryTotal", "s", "64 GiB", 0, 0));
        assert_non_null(strstr(w->sentence, "a number, of type 't'"));
}

/* Each entry by itself, so that two clients do not undo each other; all of them over a restart. */
static void test_entries_are_kept(void **state) {
        World *w = *state;
        char vm[128];

        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetOtherConfig", "a{ss}", 2, "a", "1", "b", "2"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeOtherConfig", "a{ss}as", 1, "c", "3", 2, "a", "never"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeTags", "asas", 2, "red", "old", 0));
        assert_true(call(w, vm, POLICY_IFACE_VM, "ChangeTags", "asas", 2, "red", "new", 1, "old"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetPlatform", "a{ss}", 1, "vga", "std"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetNameDescription", "s", "two\nlines"));
        for (int again = 0; again < 2; again++) {
                assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 4, "OtherConfig", "s", "b=2", "OtherConfig", "s", "c", "Platform",
                        "s", "vga=std", "Tags", "s", "new", 0, 0));
                assert_non_null(strstr(w->reply, "\"OtherConfig\":{\"b\":\"2\",\"c\":\"3\"},\"Tags\":[\"red\",\"new\"]"));
                assert_non_null(strstr(w->reply, "\"NameDescription\":\"two\\nlines\""));
                assert_int_equal(policyd_end(w, SIGKILL), -SIGKILL);
                policyd_start(w, NULL);
        }
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "OtherConfig", "s", "b=3", 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":0"));
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetOtherConfig", "a{ss}", 0));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 1, "OtherConfig", "s", "b", 0, 0));
        assert_non_null(strstr(w->reply, "\"total\":0"));
}

static void test_a_name_of_several_is_told_with_their_uuids(void **state) {
        World *w = *state;
        char paths[2][128], uuids[2][64];

        for (size_t i = 0; i < 2; i++) {
                assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
                snprintf(paths[i], sizeof(paths[i]), "%.127s", w->reply);
                property(w, paths[i], POLICY_IFACE_VM, "UUID");
                snprintf(uuids[i], sizeof(uuids[i]), "%.63s", w->reply);
        }
        assert_false(MANAGER(w, "Find", "ss", "vm", "win"));
        assert_refused(w, "AmbiguousName");
        assert_non_null(strstr(w->sentence, "2 objects of class vm are called \"win\""));
        assert_non_null(strstr(w->sentence, uuids[0]));
        assert_non_null(strstr(w->sentence, uuids[1]));
        assert_true(MANAGER(w, "Find", "ss", "vm", uuids[1]));
        assert_string_equal(w->reply, paths[1]);

        for (size_t i = 2; i < 11; i++)
                assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        assert_false(MANAGER(w, "Find", "ss", "vm", "win"));
        assert_non_null(strstr(w->sentence, "11 objects"));
        assert_non_null(strstr(w->sentence, " and 3 more."));
}

/* Whatever is asked of a path where nothing is, nothing is there. */
static void test_no_object_is_no_object_to_any_method(void **state) {
        static const char path[] = POLICY_PATH "/host/_11111111_2222_4333_8444_555555555555";
        World *w = *state;

        assert_false(call(w, path, POLICY_IFACE_HOST, "Enable", ""));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, path, POLICY_IFACE_VM, "Destroy", ""));
        assert_string_equal(w->error, "org.freedesktop.DBus.Error.UnknownObject");
        assert_false(call(w, path, POLICY_IFACE_VM, "Explain", ""));
        assert_string_equal(w->error, "org.freedesktop.DBus.Error.UnknownObject");
        assert_false(call(w, path, "org.example.Other", "Get", ""));
        assert_string_equal(w->error, "org.freedesktop.DBus.Error.UnknownObject");
        assert_false(call(w, path, "org.freedesktop.DBus.Properties", "GetAll", "s", POLICY_IFACE_HOST));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, path, "org.freedesktop.DBus.Properties", "GetAll", "s", POLICY_IFACE_VM));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, path, "org.freedesktop.DBus.Properties", "Get", "ss", POLICY_IFACE_VM, "UUID"));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, path, POLICY_IFACE_HOST, "Nothing", ""));
        assert_refused(w, "NoSuchObject");
}

static void test_references_are_checked(void **state) {
        World *w = *state;
        char vm[128], group[128];

        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 0));
        snprintf(group, sizeof(group), "%.127s", w->reply);

        assert_false(MANAGER(w, "CreateVGPU", "oooa{sv}", group, group, "/", 0));
        assert_refused(w, "NoSuchObject");
        assert_non_null(strstr(w->sentence, group));
        assert_false(MANAGER(w, "CreateVGPU", "oooa{sv}", vm, vm, "/", 0));
        assert_refused(w, "NoSuchObject");
        assert_false(MANAGER(w, "CreateVGPU", "oooa{sv}", "/nowhere", group, "/", 0));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, vm, POLICY_IFACE_VM, "StartOn", "oa{sv}", "/", 0));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 1, "reservation", "o", vm));
        assert_refused(w, "NoSuchObject");
        assert_false(call(
                w, POLICY_PATH "/vm/_11111111_2222_4333_8444_555555555555", POLICY_IFACE_VM, "Destroy", ""));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, POLICY_PATH "/vm/_11111111_2222_4333_8444_555555555555",
                "org.freedesktop.DBus.Properties", "GetAll", "s", POLICY_IFACE_VM));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, POLICY_PATH "/vm/_", "org.freedesktop.DBus.Introspectable", "Introspect", ""));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, vm, POLICY_IFACE_HOST, "Remove", ""));
        assert_non_null(strstr(w->error, "org.freedesktop.DBus.Error.Unknown"));
}

static void test_a_start_is_decided_before_its_reply(void **state) {
        World *w = *state;
        char host[128], vm[128], vgpu[128], pgpu[128];

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        find(w, "pgpu", "0000:84:00.0", pgpu);

        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 1, "dry_run", "b", 1));
        assert_string_equal(w->reply, "/");
        property(w, vm, POLICY_IFACE_VM, "ScheduledToBeResidentOn");
        assert_string_equal(w->reply, "/");

        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        property(w, vm, POLICY_IFACE_VM, "ScheduledToBeResidentOn");
        assert_string_equal(w->reply, host);
        property(w, vgpu, POLICY_IFACE_VGPU, "ScheduledToBeResidentOn");
        assert_string_equal(w->reply, pgpu);
        assert_false(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        assert_false(call(w, vm, POLICY_IFACE_VM, "Destroy", ""));

        assert_true(call(w, vm, POLICY_IFACE_VM, "Explain", ""));
        assert_true(call(w, vm, POLICY_IFACE_VM, "Export", ""));
        assert_true(call(w, vm, POLICY_IFACE_VM, "GetConfig", ""));
        assert_non_null(strstr(w->reply, "max_memkb"));
        assert_true(MANAGER(w, "Capacity", ""));
        assert_int_equal(w->reply[0], '{');
}

static void test_capacity_and_enablement(void **state) {
        World *w = *state;
        char host[128], pgpu[128], type[128], group[128];

        world_add_host(w, host);
        find(w, "pgpu", "0000:84:00.0", pgpu);
        find(w, "vgpu_type", "GRID K100", type);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", group);
        assert_true(call(w, pgpu, POLICY_IFACE_PGPU, "GetRemainingCapacity", "o", type));
        assert_string_equal(w->reply, "8");
        assert_true(call(w, group, POLICY_IFACE_GPU_GROUP, "GetRemainingCapacity", "o", type));
        assert_string_equal(w->reply, "8");

        assert_true(call(w, group, POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", "s", "breadth_first"));
        property(w, group, POLICY_IFACE_GPU_GROUP, "AllocationAlgorithm");
        assert_string_equal(w->reply, "breadth-first");
        assert_false(call(w, group, POLICY_IFACE_GPU_GROUP, "SetAllocationAlgorithm", "s", "random"));
        assert_refused(w, "InvalidRecord");
        assert_false(call(w, group, POLICY_IFACE_GPU_GROUP, "Destroy", ""));
        assert_refused(w, "GPUGroupContainsPGPU");

        property(w, host, POLICY_IFACE_HOST, "Enabled");
        assert_string_equal(w->reply, "true");
        assert_true(call(w, host, POLICY_IFACE_HOST, "Disable", ""));
        property(w, host, POLICY_IFACE_HOST, "Enabled");
        assert_string_equal(w->reply, "false");
        assert_true(call(w, pgpu, POLICY_IFACE_PGPU, "GetRemainingCapacity", "o", type));
        assert_string_equal(w->reply, "0");
}

static void test_a_key_makes_a_call_repeatable(void **state) {
        World *w = *state;
        char first[128];

        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "k"));
        snprintf(first, sizeof(first), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "k"));
        assert_string_equal(w->reply, first);
        assert_false(MANAGER(w, "CreateGPUGroup", "sa{sv}", "h", 1, "idempotency_key", "s", "k"));
        assert_refused(w, "InvalidRecord");
        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 1, "idempotency_key", "s", "k"));

        assert_int_equal(policyd_end(w, SIGKILL), -SIGKILL);
        policyd_start(w, NULL);
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "k"));
        assert_string_equal(w->reply, first);
        assert_true(call(w, first, POLICY_IFACE_GPU_GROUP, "Destroy", ""));
        assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "k"));
        assert_string_not_equal(w->reply, first);
}

static void test_a_quota_is_made_heeded_and_changed(void **state) {
        World *w = *state;
        char host[128], vm[128], vgpu[128], quota[128];

        world_add_host(w, host);
        world_add_vm(w, vm, vgpu);
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 0));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "", "/", 1, "vgpus_max", "t", UINT64_C(1)));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "lab", vm, 1, "vgpus_max", "t", UINT64_C(1)));
        assert_refused(w, "NoSuchObject");
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "u", 1));
        assert_refused(w, "InvalidRecord");
        assert_true(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 2, "vgpus_max", "t", UINT64_C(0),
                "idempotency_key", "s", "k"));
        snprintf(quota, sizeof(quota), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 2, "vgpus_max", "t", UINT64_C(0),
                "idempotency_key", "s", "k"));
        assert_string_equal(w->reply, quota);
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 2, "vgpus_max", "t", UINT64_C(1),
                "idempotency_key", "s", "k"));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "size_max", "t", UINT64_C(1)));
        assert_refused(w, "AlreadyExists");
        assert_true(MANAGER(w, "Find", "ss", "quota", "lab"));
        assert_string_equal(w->reply, quota);

        assert_false(call(w, vm, POLICY_IFACE_VM, "SetOwner", "s", "*"));
        assert_refused(w, "InvalidRecord");
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetOwner", "s", "lab"));
        assert_false(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        assert_refused(w, "QuotaExceeded");
        assert_true(call(w, vm, POLICY_IFACE_VM, "Explain", ""));
        assert_non_null(strstr(w->reply, "\"exceeded\":true"));

        assert_true(call(w, quota, POLICY_IFACE_QUOTA, "SetVGPUsMax", "t", UINT64_C(1)));
        assert_true(call(w, vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        property(w, quota, POLICY_IFACE_QUOTA, "VGPUsUsed");
        assert_string_equal(w->reply, "1");
        property(w, quota, POLICY_IFACE_QUOTA, "SizeUsed");
        assert_string_equal(w->reply, "131072");

        assert_int_equal(policyd_end(w, SIGKILL), -SIGKILL);
        policyd_start(w, NULL);
        property(w, quota, POLICY_IFACE_QUOTA, "VGPUsUsed");
        assert_string_equal(w->reply, "1");
        assert_true(call(w, quota, POLICY_IFACE_QUOTA, "Destroy", ""));
        assert_false(MANAGER(w, "Find", "ss", "quota", "lab"));
}

static void test_a_vm_is_in_one_group(void **state) {
        World *w = *state;
        char vm[128], web[128], other[128], text[256];

        assert_true(MANAGER(w, "CreateVM", "sa{sv}", VM_RECORD("win"), 0));
        snprintf(vm, sizeof(vm), "%.127s", w->reply);
        assert_false(MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 1, "placement", "s", "apart"));
        assert_refused(w, "InvalidRecord");
        assert_false(MANAGER(w, "CreateVMGroup", "sa{sv}", "", 0));
        assert_refused(w, "InvalidRecord");
        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 1, "placement", "s", "anti_affinity"));
        snprintf(web, sizeof(web), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "other", 0));
        snprintf(other, sizeof(other), "%.127s", w->reply);

        assert_false(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 1, vm));
        assert_refused(w, "NoSuchObject");
        assert_false(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 2, web, other));
        assert_refused(w, "InvalidRecord");
        assert_true(call(w, vm, POLICY_IFACE_VM, "SetGroups", "ao", 1, web));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 0, 0, 0));
        snprintf(text, sizeof(text), "\"Groups\":[\"%s\"]", web);
        assert_non_null(strstr(w->reply, text));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm_group", 1, "Placement", "s", "anti_affinity", 0, 0));
        snprintf(text, sizeof(text), "\"VMs\":[\"%s\"]", vm);
        assert_non_null(strstr(w->reply, text));

        assert_true(call(w, web, POLICY_IFACE_VM_GROUP, "Destroy", ""));
        assert_true(MANAGER(w, "List", "sa{sv}uu", "vm", 0, 0, 0));
        assert_non_null(strstr(w->reply, "\"Groups\":[]"));
}

static void test_addresses_are_refused_with_why(void **state) {
        World *w = *state;

        assert_false(MANAGER(w, "AddHost", "ssa{sv}", "a", "tcp:host=a,port=1", 0));
        assert_refused(w, "InvalidAddress");
        assert_non_null(strstr(w->sentence, "no encryption"));
        assert_false(MANAGER(w, "AddHost", "ssa{sv}", "a", "unixexec:path=/bin/sh", 0));
        assert_refused(w, "InvalidAddress");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_objects_are_found),
                WORLD_TEST(test_options_are_strict),
                WORLD_TEST(test_filters_have_the_type_of_their_property),
                WORLD_TEST(test_entries_are_kept),
                WORLD_TEST(test_a_name_of_several_is_told_with_their_uuids),
                WORLD_TEST(test_no_object_is_no_object_to_any_method),
                WORLD_TEST(test_references_are_checked),
                WORLD_TEST(test_a_start_is_decided_before_its_reply),
                WORLD_TEST(test_capacity_and_enablement),
                WORLD_TEST(test_a_key_makes_a_call_repeatable),
                WORLD_TEST(test_a_quota_is_made_heeded_and_changed),
                WORLD_TEST(test_a_vm_is_in_one_group),
                WORLD_TEST(test_addresses_are_refused_with_why),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
