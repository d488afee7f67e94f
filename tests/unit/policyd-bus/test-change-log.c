/*
 * Who changed what: each method that changes the pool leaves exactly one line of the log, whoever adds it
 *
 * The script below calls methods in an order in which they do something, and knows what the line says. Then every other method of
 * protocol/ that does not only read is called with arguments of its types: done or refused, it leaves its line.
 */

#include <stdio.h>

#include "common/daemon/log-ids.h"
#include "policyd/bus/access.h"
#include "protocol/xml.h"
#include "tests/unit/policyd-bus/interface-lines.h"
#include "tests/unit/policyd-bus/policyd-world.h"

#define FINGERPRINT "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static char called[16384]; /* "\nVM.Start\n…" */
static char told[16384];   /* of these, the ones whose line had what was and what is */

/* Calls */

typedef struct Answer {
        bool arrived, refused;
        World *world;
} Answer;

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Answer *a = userdata;
        const char *path = "";

        a->arrived = true;
        a->refused = sd_bus_message_is_method_error(m, NULL) > 0;
        if (!a->refused && streq(strempty(sd_bus_message_get_signature(m, 1)), "o"))
                assert_true(sd_bus_message_read(m, "o", &path) >= 0);
        snprintf(a->world->reply, sizeof(a->world->reply), "%s", path);
        return 0;
}

/* The host lives in our loop and may be asked meanwhile. */
static bool ask(World *w, sd_bus_message *m) {
        Answer a = {.world = w};

        assert_true(sd_bus_call_async(w->client, NULL, m, on_answer, &a, 20 * UINT64_C(1000000)) >= 0);
        for (unsigned i = 0; i < 4000 && !a.arrived; i++) {
                while (sd_bus_process(w->client, NULL) > 0)
                        ;
                world_turn(w, 1);
        }
        assert_true(a.arrived);
        return !a.refused;
}

/* What was, and what is; or what it made, or what is gone. */
static bool tells_the_change(const char *line) {
        return strstr(line, " → ") || strstr(line, " for ") || strstr(line, "which is gone") || strstr(line, "dialled now");
}

/* One line tells of the call, and of its caller; with `expected` it was done, and the line says this. */
static void expect_line(World *w, const char *method, sd_bus_message *m, const char *expected) {
        char field[128], line[4096] = "";
        size_t at = log_size(w);
        unsigned n = 0;
        bool done;

        snprintf(field, sizeof(field), " " FIELD_METHOD "%s ", method);
        done = ask(w, m);
        for (unsigned i = 0; i < 200 && n == 0; i++) {
                world_turn(w, 5);
                n = lines_since(w, at, field, line, sizeof(line));
        }
        if (n != 1 || !strstr(line, FIELD_CALLER) || !strstr(line, done ? MSG_POOL_CHANGED : FIELD_ERROR) ||
                (expected && !strstr(line, expected)))
                fail_msg("%s (%s) left %u lines: %s", method, done ? "done" : "refused", n, line);
        if (done && !tells_the_change(line) && !strstr(line, ": nothing changed."))
                fail_msg("%s does not say what changed: %s", method, line);
        if (done && tells_the_change(line))
                snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s\n", method);
        snprintf(called + strlen(called), sizeof(called) - strlen(called), "%s\n", method);
}

/* method: "VM.Start" */
static void act(World *w, const char *method, const char *path, const char *expected, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *dot = strchr(method, '.');
        char interface[128];
        va_list args;

        snprintf(interface, sizeof(interface), POLICY_BUS_NAME ".%.*s", (int) (dot - method), method);
        assert_true(sd_bus_message_new_method_call(w->client, &m, POLICY_BUS_NAME, path, interface, dot + 1) >= 0);
        va_start(args, types);
        assert_true(sd_bus_message_appendv(m, strempty(types), args) >= 0);
        va_end(args);
        expect_line(w, method, m, expected);
}

/* Every type of an argument, with a value that means nothing. */
static void append_anything(sd_bus_message *m, const char *type) {
        if (*type == 'a') {
                assert_true(sd_bus_message_open_container(m, 'a', type + 1) >= 0);
                assert_true(sd_bus_message_close_container(m) >= 0);
        } else if (*type == 's' || *type == 'o')
                assert_true(sd_bus_message_append_basic(m, *type, *type == 's' ? "x" : "/") >= 0);
        else {
                assert_non_null(strchr("butixd", *type));
                assert_true(sd_bus_message_append_basic(m, *type, &(uint64_t){0}) >= 0);
        }
}

/* line: "SetTags(as tags, s x) -> ()" */
static void act_anyhow(World *w, const char *class, const char *line, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        char interface[128], method[128], type[32];
        int n = (int) strcspn(line, "(");

        snprintf(interface, sizeof(interface), POLICY_BUS_NAME ".%s", class);
        snprintf(method, sizeof(method), "%s.%.*s", class, n, line);
        assert_true(sd_bus_message_new_method_call(
                            w->client, &m, POLICY_BUS_NAME, path, interface, strchr(method, '.') + 1) >= 0);
        for (const char *at = line + n; *at != ')' && at[1] != ')'; at += strcspn(at, ",)")) {
                at += *at == ',' ? 2 : 1;
                snprintf(type, sizeof(type), "%.*s", (int) strcspn(at, " "), at);
                append_anything(m, type);
        }
        expect_line(w, method, m, NULL);
}

static void make(World *w, const char *method, char ret[static 128], const char *expected, const char *types, const char *first) {
        act(w, method, POLICY_PATH, expected, types, first, 0);
        snprintf(ret, 128, "%.127s", w->reply);
}

static void change_names(World *w, const char *vm, const char *group, const char *vm_group, const char *quota) {
        act(w, "VM.SetNameLabel", vm, "of VM imported: NameLabel 'imported' → 'www'", "s", "www");
        act(w, "VM.SetAffinity", vm, "Affinity '' → 'alpha'", "s", "alpha");
        act(w, "VM.SetOwner", vm, "Owner '' → 'ops'", "s", "ops");
        act(w, "VM.SetGroups", vm, "Groups [] → [web]", "ao", 1, vm_group);
        act(w, "VM.SetConfig", vm, "config: c_info.type 'hvm' → 'pvh', c_info.name 'i' → 'win', b_info.passwd changed", "s",
                "{\"c_info\":{\"type\":\"pvh\",\"name\":\"win\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":262144,"
                "\"target_memkb\":262144,\"type.hvm\":{},\"passwd\":\"geheim\"}}");
        act(w, "VM.ChangePlatform", vm, "of VM www: Platform: viridian none → 'true'.", "a{ss}as", 1, "viridian", "true", 0);
        act(w, "GPUGroup.SetNameLabel", group, "NameLabel 'mine' → 'ours'", "s", "ours");
        act(w, "GPUGroup.SetNameDescription", group, "NameDescription '' → 'for us'", "s", "for us");
        act(w, "GPUGroup.SetAllocationAlgorithm", group, "AllocationAlgorithm depth-first → best-fit", "s", "best-fit");
        act(w, "VMGroup.SetNameLabel", vm_group, "NameLabel 'web' → 'front'", "s", "front");
        act(w, "VMGroup.SetNameDescription", vm_group, "NameDescription '' → 'x'", "s", "x");
        act(w, "VMGroup.SetPlacement", vm_group, "Placement normal → anti_affinity", "s", "anti_affinity");
        act(w, "Quota.SetVGPUsMax", quota, "VGPUsMax 3 → 5", "t", (uint64_t) 5);
        act(w, "Quota.SetSizeMax", quota, "SizeMax unlimited → 7", "t", (uint64_t) 7);
}

static void change_cards(World *w, const char *group, const char *k1, const char *type) {
        char pgpu[128];

        find(w, "pgpu", "0000:84:00.0", pgpu);
        act(w, "PGPU.RemoveEnabledVGPUType", pgpu, "EnabledVGPUTypes [GRID K100] → []", "o", type);
        act(w, "PGPU.AddEnabledVGPUType", pgpu, "EnabledVGPUTypes [] → [GRID K100]", "o", type);
        act(w, "PGPU.SetEnabledVGPUTypes", pgpu, "EnabledVGPUTypes [GRID K100] → []", "ao", 0);
        act(w, "PGPU.Adopt", pgpu, "InvalidRecord", "o", pgpu);
        act(w, "PGPU.ClearHealth", pgpu, "0000:84:00.0: nothing changed", NULL);
        act(w, "PGPU.SetGPUGroup", pgpu, "GPUGroup Group of NVIDIA Corporation GK107GL [GRID K1] GPUs → ours", "o", group);
        act(w, "PGPU.SetEnabledVGPUTypes", pgpu, NULL, "ao", 1, type);
        act(w, "PGPU.SetGPUGroup", pgpu, "GPUGroup ours → ", "o", k1);
}

static void until_state(World *w, const char *vm, const char *state) {
        const char *id;
        char uuid[64];

        for (id = strstr(vm, "/_") + 2; *w->host.token == '\0';)
                world_turn(w, 5);
        snprintf(uuid, sizeof(uuid), "%.36s", id);
        for (char *p = uuid; *p; p++)
                *p = *p == '_' ? '-' : *p;
        fake_host_tell_state(&w->host, uuid, state);
        world_until(w, vm, POLICY_IFACE_VM, "PowerState", state);
        *w->host.token = streq(state, "halted") ? '\0' : *w->host.token;
}

/* A start or a stop tells of the power state that the VM will have, and by which job. */
static void run(World *w, const char *vm, const char *host) {
        char job[128];

        act(w, "VM.Start", vm, "PowerState halted → running by job ", "a{sv}", 0);
        act(w, "VM.Ensure", vm, ", which goes on already.", "sa{sv}", "running", 0);
        until_state(w, vm, "running");
        act(w, "VM.Reboot", vm, "PowerState running → halted → running by job ", "a{sv}", 0);
        snprintf(job, sizeof(job), "%.127s", w->reply);
        act(w, "Job.Cancel", job, "State running → cancelled", NULL);
        act(w, "VM.Shutdown", vm, "PowerState running → halted by job ", "a{sv}", 0);
        act(w, "VM.HardShutdown", vm, "PowerState running → halted by job ", "a{sv}", 0);
        until_state(w, vm, "halted");
        act(w, "VM.StartOn", vm, "ScheduledToBeResidentOn none → alpha", "oa{sv}", host, 0);
        act(w, "VM.HardShutdown", vm, "PowerState halted (starting) → halted by job ", "a{sv}", 0);
        until_state(w, vm, "halted");
        act(w, "VM.Ensure", vm, "PowerState halted → running by job ", "sa{sv}", "running", 0);
        until_state(w, vm, "running");
        act(w, "VM.Ensure", vm, "PowerState running → halted by job ", "sa{sv}", "halted", 0);
        until_state(w, vm, "halted");
}

static void change_hosts(World *w, const char *host) {
        char far[128];

        act(w, "Host.Disable", host, "of host alpha: Enabled true → false", NULL);
        act(w, "Host.Enable", host, "Enabled false → true", NULL);
        act(w, "Manager.AddHost", POLICY_PATH, "host far", "ssa{sv}", "far", "unix:path=/nonexistent/bus", 0);
        snprintf(far, sizeof(far), "%.127s", w->reply);
        act(w, "Host.Reconnect", far, "of host far: it is dialled now", NULL);
        act(w, "Host.Remove", far, "of host far, which is gone", NULL);
        act(w, "Manager.AddHost", POLICY_PATH, "for host far", "ssa{sv}", "far", "ssh:nobody@127.0.0.1:1", 0);
        snprintf(far, sizeof(far), "%.127s", w->reply);
        act(w, "Host.SetFingerprint", far, "Fingerprint '' → 'SHA256:", "s", FINGERPRINT);
}

static void change_texts(World *w, const char *class, const char *path) {
        char method[64];

        snprintf(method, sizeof(method), "%s.SetOtherConfig", class);
        act(w, method, path, "OtherConfig: rack none → '1'", "a{ss}", 1, "rack", "1");
        snprintf(method, sizeof(method), "%s.ChangeOtherConfig", class);
        act(w, method, path, "OtherConfig: rack '1' → '2'", "a{ss}as", 1, "rack", "2", 0);
        if (!streq(class, "VM") && !streq(class, "Host"))
                return;
        snprintf(method, sizeof(method), "%s.SetNameDescription", class);
        act(w, method, path, "NameDescription '' → 'y'", "s", "y");
        snprintf(method, sizeof(method), "%s.SetTags", class);
        act(w, method, path, "Tags [] → ['a']", "as", 1, "a");
        snprintf(method, sizeof(method), "%s.ChangeTags", class);
        act(w, method, path, "Tags ['a'] → ['b']", "asas", 1, "b", 1, "a");
}

/* The host is away with a VM that it was given. */
static void lose_host(World *w, const char *host, const char *vm) {
        act(w, "VM.Start", vm, "PowerState halted → running", "a{sv}", 0);
        fake_host_stop(&w->host);
        for (unsigned i = 0; i < 100; i++) {
                property(w, host, POLICY_IFACE_HOST, "State");
                if (!streq(w->reply, "online"))
                        break;
                world_turn(w, 20);
        }
        act(w, "Host.DeclareDead", host, "VMs [win] → []", NULL);
}

/* What everybody may call, and what only reads, changes nothing and leaves nothing. */
static bool only_reads(const char *method) {
        const char *row;
        Access access;

        for (size_t i = 0; (row = access_nth(i, &access)); i++)
                if (streq(row, method))
                        return access == ACCESS_EVERYBODY || access == ACCESS_READ || streq(method, "Manager.Backup") ||
                                streq(method, "Manager.PoolKey");
        return false;
}

/* An object of each class that has methods. */
typedef struct Example {
        const char *class, *path;
} Example;

static void call_the_rest(World *w, const Example *examples, size_t n) {
        char method[128], word[130];

        for (size_t i = 0; i < n; i++) {
                const InterfaceXml *x = interface_xml;
                _cleanup_free_ char *lines = NULL;
                char *rest;

                while (!startswith(x->interface, POLICY_BUS_NAME ".") ||
                        !streq(startswith(x->interface, POLICY_BUS_NAME "."), examples[i].class))
                        x++;
                lines = interface_lines(x->xml, x->interface);
                rest = lines;
                for (char *line; (line = strsep(&rest, "\n"));) {
                        const char *member = startswith(line, "method ");

                        if (!member)
                                continue;
                        snprintf(method, sizeof(method), "%s.%.*s", examples[i].class, (int) strcspn(member, "("), member);
                        snprintf(word, sizeof(word), "%s\n", method);
                        if (!only_reads(method) && !strstr(called, word) &&
                                !streq(strchr(method, '.'), ".Destroy"))
                                act_anyhow(w, examples[i].class, member, examples[i].path);
                }
        }
}

/* What would change here needs a card that was lost, a VM outside of the pool, or a row that cannot be read: other tests have these. */
static bool changes_nothing_here(const char *method) {
        static const char *const methods[] = {"Manager.AdoptVM\n", "Manager.EndOutsideVM\n", "PGPU.Adopt\n", "PGPU.ClearHealth\n", "Manager.RemoveRow\n"};

        for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
                if (streq(method, methods[i]))
                        return true;
        return false;
}

static void check_all_were_called(void) {
        char line[128];

        for (const InterfaceXml *x = interface_xml; x->interface; x++) {
                const char *class = startswith(x->interface, POLICY_BUS_NAME ".");
                _cleanup_free_ char *lines = class ? interface_lines(x->xml, x->interface) : NULL;

                for (char *at = lines; at && (at = strstr(at, "method ")); at++) {
                        snprintf(line, sizeof(line), "%s.%.*s", class, (int) strcspn(at + 7, "("), at + 7);
                        if (only_reads(line))
                                continue;
                        snprintf(line + strlen(line), sizeof(line) - strlen(line), "\n");
                        if (!strstr(called, line))
                                fail_msg("no line was looked for of %s", line);
                        if (!strstr(told, line) && !changes_nothing_here(line))
                                fail_msg("no line had what was and what is of %s", line);
                }
        }
}

static void test_each_change_leaves_one_line(void **state) {
        static const char record[] = "{\"name_label\":\"imported\",\"vgpus\":[]," "\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":"
                                     "\"i\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":262144,\"target_memkb\":262144,\"type.hvm\":{}}}}";
        char host[128], vm[128], other[128], group[128], vm_group[128], quota[128], vgpu[128], type[128], k1[128], reservation[128], pgpu[128];
        World *w = *state;

        world_add_host(w, host);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", k1);
        find(w, "vgpu_type", "GRID K100", type);
        make(w, "Manager.CreateVM", vm, "called Manager.CreateVM for VM win: NameLabel 'win'", "sa{sv}", VM_RECORD("win"));
        make(w, "Manager.ImportVM", other, "for VM imported", "sa{sv}", record);
        act(w, "Manager.AdoptVM", POLICY_PATH, "NoSuchObject", "osa{sv}", host, "x", 0);
        act(w, "Manager.EndOutsideVM", POLICY_PATH, "NoSuchObject", "osa{sv}", host, "x", 0);
        make(w, "Manager.CreateGPUGroup", group, "for GPU group mine", "sa{sv}", "mine");
        make(w, "Manager.CreateVMGroup", vm_group, "for VM group web", "sa{sv}", "web");
        act(w, "Manager.CreateQuota", POLICY_PATH, "for quota of ops", "soa{sv}", "ops", "/", 1, "vgpus_max", "t", (uint64_t) 3);
        snprintf(quota, sizeof(quota), "%.127s", w->reply);
        act(w, "Manager.CreateVGPU", POLICY_PATH, "for VGPU 0 of VM win", "oooa{sv}", vm, k1, type, 0);
        snprintf(vgpu, sizeof(vgpu), "%.127s", w->reply);
        act(w, "Manager.Reserve", POLICY_PATH, "for reservation r", "soouta{sv}", "r", k1, type, 1, (uint64_t) 60, 0);
        snprintf(reservation, sizeof(reservation), "%.127s", w->reply);

        run(w, vm, host);
        change_names(w, other, group, vm_group, quota);
        change_hosts(w, host);
        find(w, "pgpu", "0000:84:00.0", pgpu);
        change_texts(w, "VM", other);
        change_texts(w, "Host", host);
        change_texts(w, "PGPU", pgpu);
        change_texts(w, "GPUGroup", group);
        change_texts(w, "VGPU", vgpu);
        const Example examples[] = {{"Manager", POLICY_PATH}, {"Host", host}, {"PGPU", pgpu}, {"GPUGroup", group},
                {"VGPUType", type}, {"VM", other}, {"VGPU", vgpu}, {"Reservation", reservation}, {"Quota", quota},
                {"VMGroup", vm_group}};
        call_the_rest(w, examples, ARRAY_SIZE(examples));

        act(w, "Reservation.Destroy", reservation, "of reservation r, which is gone", NULL);
        change_cards(w, group, k1, type);
        lose_host(w, host, vm);
        act(w, "VGPU.Destroy", vgpu, "of VGPU 0 of VM win, which is gone", NULL);
        act(w, "VM.Destroy", other, "of VM www, which is gone: NameLabel 'www', Owner 'ops'", NULL);
        act(w, "Quota.Destroy", quota, "which is gone", NULL);
        act(w, "VMGroup.Destroy", vm_group, "which is gone", NULL);
        act(w, "GPUGroup.Destroy", group, NULL, NULL);
        act(w, "Manager.RemoveRow", POLICY_PATH, NULL, "sa{sv}", "vm/x", 0);
        check_all_were_called();
}

/* A call that does nothing anew leaves nothing, and one that is refused says why. */
static void test_what_changes_nothing_leaves_no_line(void **state) {
        World *w = *state;
        char vm[128], line[4096] = "";
        size_t at;

        make(w, "Manager.CreateVM", vm, "VM win", "sa{sv}", VM_RECORD("win"));
        for (unsigned i = 0; i < 2; i++) {
                at = log_size(w);
                assert_true(MANAGER(w, "CreateGPUGroup", "sa{sv}", "g", 1, "idempotency_key", "s", "k"));
                world_turn(w, 200);
                assert_int_equal(lines_since(w, at, FIELD_METHOD, line, sizeof(line)), i == 0 ? 1 : 0);
        }
        at = log_size(w);
        assert_true(call(w, vm, POLICY_IFACE_VM, "Ensure", "sa{sv}", "halted", 0));
        world_turn(w, 200);
        assert_int_equal(lines_since(w, at, FIELD_METHOD, line, sizeof(line)), 0);
        at = log_size(w);
        assert_false(call(w, vm, POLICY_IFACE_VM, "SetNameLabel", "s", ""));
        world_turn(w, 200);
        assert_int_equal(lines_since(w, at, FIELD_METHOD "VM.SetNameLabel", line, sizeof(line)), 1);
        assert_non_null(strstr(line, FIELD_ERROR "InvalidRecord"));
        assert_non_null(strstr(line, MSG_CALL_REFUSED));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                LOGGED_TEST(test_each_change_leaves_one_line),
                LOGGED_TEST(test_what_changes_nothing_leaves_no_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
