/*
 * hostd's methods by their signatures: bytes become calls of any method of its vtables, with arguments of the right types
 *
 * hostd's service stands on a machine in memory (tests/proof/machine.h), its bus on a pair of sockets. Programs die, hostd ends and
 * comes back, its disk is full for a while. Each call is answered once, by its result or by an error of ours, and never by
 * InternalError.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/daemon/log.h"
#include "hostd/bus/bus-internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"
#include "tests/proof/machine-private.h"
#include "tests/sim/sim-loop.h"

#define CALLS_MAX 40
#define UUID_OF "%08u-2222-4333-8444-555555555555"

typedef struct Fuzz {
        SimLoop *sim;
        Dice dice;
        History history;
        Machine machine;
        sd_event *event;
        BusHost host;
        sd_bus *client;
        Bytes bytes;
        char text[MESSAGE_TEXT_MAX];
        unsigned n_calls, n_answers;
} Fuzz;

static void demand(bool holds) {
        if (!holds)
                abort();
}

/* Time */

static void turn_buses(Fuzz *f) {
        while (sd_event_run(f->event, 0) > 0 || sd_bus_process(f->client, NULL) > 0)
                ;
}

static void turn(Fuzz *f, uint64_t usec) {
        uint64_t until = loop_now(sim_loop_of(f->sim), LOOP_MONOTONIC) + usec;

        turn_buses(f);
        do {
                while (sim_loop_turn(f->sim))
                        machine_sweep(&f->machine);
        } while (sim_loop_pass(f->sim, until));
        turn_buses(f);
}

/* Texts */

static const char *start_order(Fuzz *f) {
        uint8_t vm = bytes_take(&f->bytes), token = bytes_take(&f->bytes), epoch = bytes_take(&f->bytes),
                gpu = bytes_take(&f->bytes);
        char vgpu[640] = "", pci[160] = "";
        unsigned id = vm % 5;

        if (gpu & 1)
                (void) snprintf(vgpu, sizeof(vgpu),
                        "{\"id\":[\"" UUID_OF "\",\"0\"],\"position\":0,\"physical_pci_address\":{\"domain\":0,\"bus\":%u,\"dev\":0,"
                        "\"fn\":0},\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{\"domain\":0,\"bus\":0,\"dev\":11,"
                        "\"fn\":0},\"config_file\":\"%s\",\"uuid\":\"" UUID_OF "\",\"extra_args\":\"\"}]}",
                        id, 0x83 + (gpu >> 1) % 4, card_types[(gpu >> 3) % CARD_TYPES].config_file, id);
        if (gpu & 64)
                (void) snprintf(pci, sizeof(pci),
                        "{\"id\":[\"" UUID_OF "\",\"0000:84:00.0\"],\"position\":0,\"address\":{\"domain\":0,\"bus\":%u,\"dev\":0,"
                        "\"fn\":0}}",
                        id, 0x83 + (gpu >> 1) % 4);
        (void) snprintf(f->text, sizeof(f->text),
                "{\"version\":1,\"epoch\":%u,\"token\":\"" UUID_OF "\",\"order\":%u,\"vm\":{\"uuid\":\"" UUID_OF
                "\",\"name_label\":\"guest\",\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"guest\"},\"b_info\":{\"max_vcpus\":1,"
                "\"max_memkb\":%u,\"target_memkb\":65536,\"type.hvm\":{}}}},\"vgpus\":[%s],\"pcis\":[%s]}",
                epoch % 4, 100u + token, vm / 5u, id, vm >= 250 ? 64u << 20 : 65536u, vgpu, pci);
        return f->text;
}

static const char *stop_order(Fuzz *f) {
        uint8_t vm = bytes_take(&f->bytes), token = bytes_take(&f->bytes), epoch = bytes_take(&f->bytes);

        (void) snprintf(f->text, sizeof(f->text),
                "{\"version\":1,\"epoch\":%u,\"token\":\"" UUID_OF "\",\"uuid\":\"" UUID_OF "\",\"force\":%s}", epoch % 4,
                200u + token, vm % 5u, vm >= 128 ? "true" : "false");
        return f->text;
}

static const char *type_identifier(Fuzz *f) {
        const CardType *t = &card_types[bytes_take(&f->bytes) % CARD_TYPES];
        _cleanup_free_ char *id = host_type_identifier_nvidia(0x0ff2, &(uint16_t){0x1012}, t->vdev, t->vsubdev);

        (void) snprintf(f->text, sizeof(f->text), "%s", strempty(id));
        return f->text;
}

static const char *any_text(Bytes *b, void *userdata) {
        static const char *const words[] = {"", "pool", "instance", "other", "orders", "passthrough", "org.xenvgpu.Host1.Manager",
                "org.xenvgpu.Host1.PGPU", "Epoch", "Orders", "EnabledTypes", "ResidentVGPUs", "HostUUID", "{}", "[]",
                "{\"version\":1,\"epoch\":1}", "日本語", "\n"};
        uint8_t which = bytes_take(b);
        Fuzz *f = userdata;

        if (which < 90)
                return words[which % ARRAY_SIZE(words)];
        if (which < 150)
                return start_order(f);
        if (which < 190)
                return stop_order(f);
        return which < 220 ? type_identifier(f) : bytes_text(b, which >= 245, f->text);
}

static const char *any_path(Bytes *b, void *userdata) {
        static const char *const paths[] = {HOST_PATH, HOST_PATH_PGPU "/_0000_83_00_0", HOST_PATH_PGPU "/_0000_84_00_0",
                HOST_PATH_PGPU "/_0000_85_00_0", HOST_PATH_PGPU "/_0000_86_00_0", HOST_PATH_PGPU "/x", HOST_PATH_PGPU, "/"};

        return paths[bytes_take(b) % ARRAY_SIZE(paths)];
}

/* Calls */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Fuzz *f = userdata;

        f->n_answers++;
        demand(!e || (!isempty(e->message) && !streq(e->name, error_code_name(ERROR_INTERNAL_ERROR)) &&
                             !startswith(e->name, "System.Error.")));
        return 1;
}

typedef struct Method {
        const char *interface, *member, *signature;
} Method;

static Method nth_method(const char *interface, const sd_bus_vtable *vtable, uint8_t n) {
        const sd_bus_vtable *found[32];
        size_t n_found = 0;

        for (const sd_bus_vtable *v = vtable; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && n_found < ARRAY_SIZE(found))
                        found[n_found++] = v;
        n %= (uint8_t) n_found;
        return (Method){interface, found[n]->x.method.member, strempty(found[n]->x.method.signature)};
}

static Method choose_method(uint8_t interface, uint8_t n) {
        static const Method system_methods[] = {
                {"org.freedesktop.DBus.Properties", "Get", "ss"},
                {"org.freedesktop.DBus.Properties", "GetAll", "s"},
                {"org.freedesktop.DBus.Properties", "Set", "ssv"},
                {"org.freedesktop.DBus.Introspectable", "Introspect", ""},
                {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""},
        };

        if (interface < 130)
                return nth_method(HOST_IFACE_MANAGER, bus_manager_vtable, n);
        if (interface < 190)
                return nth_method(HOST_IFACE_PGPU, bus_pgpu_vtable, n);
        return system_methods[n % ARRAY_SIZE(system_methods)];
}

static const char *caller(uint8_t which) {
        static const char *const names[] = {":1.7", ":1.7", ":1.7", ":1.8"};

        return names[which % ARRAY_SIZE(names)];
}

static void call(Fuzz *f, uint8_t interface) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const MessageWords words = {.text = any_text, .path = any_path, .fd = -1, .userdata = f};
        uint8_t n = bytes_take(&f->bytes);
        const char *path = interface < 130 ? HOST_PATH : any_path(&f->bytes, f);
        Method method = choose_method(interface, n);

        demand(sd_bus_message_new_method_call(f->client, &m, NULL, path, method.interface, method.member) >= 0 &&
                sd_bus_message_set_sender(m, caller(n >> 4)) >= 0);
        if (message_fill(m, method.signature, &f->bytes, &words) < 0)
                return;
        demand(sd_bus_call_async(f->client, NULL, m, on_answer, f, UINT64_MAX) >= 0);
        f->n_calls++;
}

static void caller_leaves(Fuzz *f) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *name = caller(bytes_take(&f->bytes));

        demand(sd_bus_message_new_signal(f->client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged") >= 0 &&
                sd_bus_message_set_sender(m, "org.freedesktop.DBus") >= 0 &&
                sd_bus_message_append(m, "sss", name, name, "") >= 0 && sd_bus_send(f->client, m, NULL) >= 0);
}

static void happen(Fuzz *f, uint8_t what) {
        switch (what) {
        case 240:
                caller_leaves(f);
                break;
        case 241:
                (void) guests_kill_one(&f->machine);
                break;
        case 242:
                machine_crash_hostd(&f->machine);
                machine_start_hostd(&f->machine);
                f->host.host = f->machine.inside->hostd;
                break;
        case 243:
        case 244:
                machine_fail_commits(&f->machine, what == 243);
                break;
        default:
                turn(f, SECOND << (what - 245));
        }
}

/* The machine */

static void tell(Machine *m, Told told, const char *json, void *userdata) {
        JsonReader r = {};
        struct json_object *o = NULL;

        demand(json_parse(&r, json, strlen(json), &o) >= 0);
        json_object_put(o);
}

static void come_or_go(Machine *m, void *userdata) {
}

static sd_bus *connect_end(int fd, bool server) {
        sd_bus *bus = NULL;

        demand(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fd, fd) >= 0);
        if (server)
                demand(sd_bus_set_server(bus, true, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) >= 0);
        return bus;
}

static void open_all(Fuzz *f) {
        static const MachineListener listener = {.tell = tell, .came = come_or_go, .went = come_or_go};
        int fds[2];

        demand(sim_loop_new(1, &f->sim) >= 0 && sd_event_new(&f->event) >= 0);
        f->history.loop = sim_loop_of(f->sim);
        f->machine = (Machine){.loop = sim_loop_of(f->sim), .dice = &f->dice, .history = &f->history, .listener = &listener};
        machine_init(&f->machine, 0, /* boards= */ 0);
        machine_power_on(&f->machine);
        demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        f->host = (BusHost){.bus = connect_end(fds[0], true), .host = f->machine.inside->hostd};
        f->client = connect_end(fds[1], false);
        demand(sd_bus_start(f->host.bus) >= 0 && bus_host_publish(&f->host) >= 0 && sd_bus_start(f->client) >= 0);
        demand(sd_bus_attach_event(f->host.bus, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        turn(f, SECOND);
}

static void close_all(Fuzz *f) {
        sd_bus_close_unref(f->client);
        sd_bus_close_unref(f->host.bus);
        machine_done(&f->machine);
        sd_event_unref(f->event);
        sim_loop_free(f->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Fuzz f = {.bytes = {data, size}};

        log_setup("fuzz", LOG_EMERG);
        open_all(&f);
        for (unsigned i = 0; i < CALLS_MAX && f.bytes.left > 0; i++) {
                uint8_t what = bytes_take(&f.bytes);

                if (what < 240)
                        call(&f, what);
                else
                        happen(&f, what);
                turn(&f, what % 2 ? SECOND / 10 : 0);
        }
        turn(&f, 60 * SECOND);
        demand(f.n_answers == f.n_calls);
        close_all(&f);
        return 0;
}
