/*
 * What reads shows committed state only: every method of the documents but those that change
 */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "protocol/xml.h"
#include "tests/unit/policyd-bus/interface-lines.h"
#include "tests/unit/policyd-bus/policyd-world.h"

/* They are answered after their own commit, or refused at once. */
static const char *const changes[] = {"AddHost", "CreateGPUGroup", "CreateVM", "ImportVM", "AdoptVM", "EndOutsideVM", "CreateVGPU",
        "Reserve", "CreateQuota", "CreateVMGroup", "Remove", "Enable", "Disable", "DeclareDead", "Reconnect",
        "SetGPUGroup", "AddEnabledVGPUType", "RemoveEnabledVGPUType", "SetEnabledVGPUTypes", "Destroy",
        "SetAllocationAlgorithm", "SetNameLabel", "SetNameDescription", "Start", "StartOn", "Shutdown",
        "HardShutdown", "Reboot", "Ensure", "SetConfig", "SetAffinity", "SetOwner", "SetGroups", "SetVGPUsMax", "SetSizeMax",
        "SetPlacement", "Cancel", "Adopt", "ClearHealth", "SetFingerprint"};

/* An object of each class, by its interface. */
typedef struct Shown {
        World *w;
        char host[128], pgpu[128], group[128], type[128], vm[128], vgpu[128], reservation[128], quota[128],
                vm_group[128], job[128];
} Shown;

static void show(World *w, Shown *s) {
        s->w = w;
        world_add_host(w, s->host);
        world_add_vm(w, s->vm, s->vgpu);
        find(w, "pgpu", "0000:84:00.0", s->pgpu);
        find(w, "gpu_group", "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs", s->group);
        find(w, "vgpu_type", "GRID K100", s->type);
        assert_true(MANAGER(w, "Reserve", "soouta{sv}", "r", s->group, s->type, 1, (uint64_t) 60, 0));
        snprintf(s->reservation, sizeof(s->reservation), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateQuota", "soa{sv}", "lab", "/", 1, "vgpus_max", "t", (uint64_t) 2));
        snprintf(s->quota, sizeof(s->quota), "%.127s", w->reply);
        assert_true(MANAGER(w, "CreateVMGroup", "sa{sv}", "web", 0));
        snprintf(s->vm_group, sizeof(s->vm_group), "%.127s", w->reply);
        assert_true(call(w, s->vm, POLICY_IFACE_VM, "Start", "a{sv}", 0));
        snprintf(s->job, sizeof(s->job), "%.127s", w->reply);
}

static const char *path_of(const Shown *s, const char *interface) {
        const struct {
                const char *interface, *path;
        } paths[] = {
                {POLICY_IFACE_MANAGER, POLICY_PATH},
                {POLICY_IFACE_HOST, s->host},
                {POLICY_IFACE_PGPU, s->pgpu},
                {POLICY_IFACE_GPU_GROUP, s->group},
                {POLICY_IFACE_VGPU_TYPE, s->type},
                {POLICY_IFACE_VM, s->vm},
                {POLICY_IFACE_VGPU, s->vgpu},
                {POLICY_IFACE_RESERVATION, s->reservation},
                {POLICY_IFACE_QUOTA, s->quota},
                {POLICY_IFACE_VM_GROUP, s->vm_group},
                {POLICY_IFACE_JOB, s->job},
        };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                if (streq(paths[i].interface, interface))
                        return paths[i].path;
        fail_msg("No object has the interface %s", interface);
        return NULL;
}

static int append_argument(sd_bus_message *m, const Shown *s, const char *type, const char *name) {
        _cleanup_close_ int fd = -1;

        if (streq(type, "s"))
                return sd_bus_message_append(m, "s", streq(name, "class") ? "vm" : "win");
        if (streq(type, "o"))
                return sd_bus_message_append(m, "o", streq(name, "host") ? s->host : s->type);
        if (streq(type, "u"))
                return sd_bus_message_append(m, "u", 0);
        if (streq(type, "t"))
                return sd_bus_message_append(m, "t", (uint64_t) 1);
        if (streq(type, "b"))
                return sd_bus_message_append(m, "b", 0);
        if (streq(type, "h")) {
                fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
                return sd_bus_message_append(m, "h", fd);
        }
        return sd_bus_message_append(m, type, 0); /* an empty array */
}

/* "a{sv} options, o host" */
static void append_arguments(sd_bus_message *m, const Shown *s, char *arguments) {
        char *state = NULL;

        for (char *one = strtok_r(arguments, ",", &state); one; one = strtok_r(NULL, ",", &state)) {
                char type[32], name[64];

                if (sscanf(one, " %31s %63s", type, name) != 2)
                        fail_msg("'%s' is no argument", one);
                assert_true(append_argument(m, s, type, name) >= 0);
        }
}

typedef struct Order {
        unsigned n;
        unsigned change, read; /* which reply it was */
} Order;

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Order *o = userdata;

        assert_false(sd_bus_message_is_method_error(m, NULL));
        o->change = ++o->n;
        return 0;
}

static int on_read(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Order *o = userdata;

        o->read = ++o->n;
        return 0;
}

/* A change and a read sent together: the change is answered, which is after its commit, before the read is.
 */
static void check_read(const Shown *s, const char *interface, const char *member, char *arguments) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *client = s->w->client;
        Order o = {};

        assert_true(sd_bus_message_new_method_call(
                            client, &m, POLICY_BUS_NAME, path_of(s, interface), interface, member) >= 0);
        append_arguments(m, s, arguments);
        assert_true(sd_bus_call_method_async(client, NULL, POLICY_BUS_NAME, POLICY_PATH, POLICY_IFACE_MANAGER,
                            "CreateGPUGroup", on_change, &o, "sa{sv}", member, 0) >= 0);
        assert_true(sd_bus_call_async(client, NULL, m, on_read, &o, 0) >= 0);
        while (o.n < 2)
                assert_true(sd_bus_process(client, NULL) > 0 || sd_bus_wait(client, 1000000) >= 0);
        if (o.change > o.read)
                fail_msg("%s.%s was answered before what it shows was committed", interface, member);
}

static bool is_change(const char *member) {
        for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
                if (streq(changes[i], member))
                        return true;
        return false;
}

/* "method Find(s class, s uuid_or_name) -> (o path)" */
static unsigned check_interface(const Shown *s, const InterfaceXml *x) {
        _cleanup_free_ char *lines = interface_lines(x->xml, x->interface);
        char *state = NULL;
        unsigned n = 0;

        for (char *line = strtok_r(lines, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                const char *member = startswith(line, "method ");
                char *in = member ? strchr(member, '(') : NULL, *out = in ? strstr(in, ") -> ") : NULL;

                if (!out)
                        continue;
                *in++ = *out = '\0';
                if (is_change(member))
                        continue;
                check_read(s, x->interface, member, in);
                n++;
        }
        return n;
}

static void test_every_method_that_reads_shows_committed_state(void **state) {
        Shown s = {};
        unsigned n = 0;

        show(*state, &s);
        for (const InterfaceXml *x = interface_xml; x->interface; x++)
                if (startswith(x->interface, POLICY_BUS_NAME "."))
                        n += check_interface(&s, x);
        assert_true(n >= 13);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_every_method_that_reads_shows_committed_state),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
