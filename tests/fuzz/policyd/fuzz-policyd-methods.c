/*
 * policyd's methods by their signatures: bytes become calls of any method of its vtables, with arguments of the right types
 *
 * policyd's service stands on a pool in one process (tests/proof/world.h), its bus on a pair of sockets; a worker's work is done
 * at once. Each call is answered once, by its result or by an error of ours, and never by InternalError.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/daemon/log.h"
#include "policyd/bus/bus-private.h"
#include "policyd/bus/call/worker.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/message.h"
#include "tests/proof/world.h"

#define CALLS_MAX 40
#define CONFIG                                                                                                        \
        "\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"a\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":262144,"    \
        "\"target_memkb\":262144,\"type.hvm\":{}}}"

typedef struct Fuzz {
        World *world;
        sd_event *event;
        Bus *bus;
        sd_bus *client;
        Bytes bytes;
        char text[MESSAGE_TEXT_MAX];
        unsigned n_calls, n_answers;
} Fuzz;

static void demand(bool holds) {
        if (!holds)
                abort();
}

/* Workers: at once, and in this process. A backup is written by none. */

struct Worker {
        WorkerTask task;
        sd_event_source *source;
};

static int on_turn(sd_event_source *source, void *userdata) {
        Worker *w = userdata;

        if (w->task.keep_fd < 0)
                w->task.work(w->task.message, w->task.bus, -1, w->task.userdata);
        w->task.ended(w->task.message, &(WorkerEnd){.answered = w->task.keep_fd < 0}, w->task.userdata);
        return 0;
}

int worker_start(sd_event *event, const WorkerTask *task, Worker **ret) {
        Worker *w = calloc(1, sizeof(*w));

        demand(w);
        w->task = *task;
        sd_bus_message_ref(w->task.message);
        demand(sd_event_add_defer(event, &w->source, on_turn, w) >= 0);
        *ret = w;
        return 0;
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->source);
        sd_bus_message_unref(w->task.message);
        free(w);
        return NULL;
}

/* Time */

static void turn(Fuzz *f, uint64_t usec) {
        bool busy;

        do {
                busy = sd_bus_process(f->client, NULL) > 0;
                busy |= sd_event_run(f->event, 0) > 0;
        } while (busy);
        world_run(f->world, usec);
        while (sd_event_run(f->event, 0) > 0 || sd_bus_process(f->client, NULL) > 0)
                ;
}

/* What is there */

static void *any(Fuzz *f, ObjectClass c, uint8_t which) {
        const PtrArray *a = &policy_pool(f->world->policy)->objects[c];

        return a->n > 0 ? a->items[which % a->n] : NULL;
}

static const char *any_path(Bytes *b, void *userdata) {
        static const char *const others[] = {"/", "/nowhere", POLICY_PATH "/vm/_11111111_2222_4333_8444_555555555555",
                POLICY_PATH "/vm", POLICY_PATH};
        uint8_t class = bytes_take(b), which = bytes_take(b);
        Fuzz *f = userdata;
        const Object *o = any(f, class % _CLASS_MAX, which);

        if (class >= 240 || !o)
                return others[which % ARRAY_SIZE(others)];
        (void) snprintf(f->text, sizeof(f->text), "%s", OBJECT_PATH(o));
        return f->text;
}

static const char *any_name(Fuzz *f) {
        uint8_t class = bytes_take(&f->bytes) % _CLASS_MAX, which = bytes_take(&f->bytes);
        const Object *o = any(f, class, which);

        if (!o)
                return "";
        if (class == CLASS_VM && which >= 128)
                return CONTAINER_OF(o, Vm, object)->name_label;
        (void) snprintf(f->text, sizeof(f->text), "%s", UUID_TEXT(&o->id));
        return f->text;
}

static const char *any_text(Bytes *b, void *userdata) {
        static const char *const words[] = {"", "*", "lab", "a", "true", "0", "1", "20", "host", "pgpu", "gpu_group", "vgpu_type",
                "vm", "vgpu", "reservation", "quota", "vm_group", "job", "idempotency_key", "device", "dry_run", "reservation",
                "owner", "name_description", "extra_args", "vgpus_max", "placement", "size_max", "orders", "UUID", "NameLabel",
                "PowerState", "Host", "VGPUs", "Size", "Progress", "Enabled", "running", "depth-first", "breadth_first",
                "best-fit", "anti_affinity", "normal", "GRID K100", "GRID K140Q", "0000:83:00.0", "unix:path=/h0",
                "unix:path=/h1", "ssh:root@h", "ssh:xenvgpu@[::1]:22", "h0", "h1", "vm 3", "meta", "job 1", "a=b,c=d", "日本語", "\n",
                "{\"name_label\":\"b\"," CONFIG "}",
                "{\"name_label\":\"c\",\"owner\":\"lab\",\"affinity\":\"h1\",\"platform\":{\"vga\":\"std\"}," CONFIG "}",
                "{" CONFIG "}", "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1024,\"type.hvm\":{}}}",
                POLICY_IFACE_VM, POLICY_IFACE_HOST, POLICY_IFACE_MANAGER, "org.freedesktop.DBus.Properties"};
        uint8_t which = bytes_take(b);
        Fuzz *f = userdata;

        if (which < 200)
                return words[which % ARRAY_SIZE(words)];
        return which < 225 ? any_name(f) : bytes_text(b, which >= 250, f->text);
}

/* Calls */

static bool is_ours_to_prevent(const sd_bus_error *e) {
        if (strstr(strempty(e->message), "The backup was not made whole"))
                return false;
        return streq(e->name, error_code_name(ERROR_INTERNAL_ERROR)) || startswith(e->name, "System.Error.");
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        Fuzz *f = userdata;

        f->n_answers++;
        demand(!e || (!isempty(e->message) && !is_ours_to_prevent(e)));
        return 1;
}

typedef struct Method {
        const char *interface, *member, *signature;
} Method;

static const Method system_methods[] = {
        {"org.freedesktop.DBus.Properties", "Get", "ss"},
        {"org.freedesktop.DBus.Properties", "GetAll", "s"},
        {"org.freedesktop.DBus.Properties", "Set", "ssv"},
        {"org.freedesktop.DBus.Introspectable", "Introspect", ""},
        {"org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ""},
        {"org.freedesktop.DBus.Peer", "Ping", ""},
        {POLICY_IFACE_VM, "Nothing", "s"},
};

/* The n-th method of a class, counted round. */
static Method nth_method(const BusClass *class, uint8_t n) {
        const sd_bus_vtable *found[64];
        size_t n_found = 0;

        for (const sd_bus_vtable *v = class->vtable; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && n_found < ARRAY_SIZE(found))
                        found[n_found++] = v;
        if (n_found == 0)
                return system_methods[0];
        n %= (uint8_t) n_found;
        return (Method){class->interface, found[n]->x.method.member, strempty(found[n]->x.method.signature)};
}

static Method choose_method(Fuzz *f, uint8_t class, uint8_t n, const char **ret_path) {
        *ret_path = POLICY_PATH;
        if (class < 80)
                return nth_method(f->bus->manager, n);
        *ret_path = any_path(&f->bytes, f);
        if (class >= 230)
                return system_methods[n % ARRAY_SIZE(system_methods)];
        return nth_method(f->bus->classes[class % _CLASS_MAX], n);
}

static void call(Fuzz *f, uint8_t class) {
        static const char *const senders[] = {":1.7", ":1.8", ":1.9"};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        const MessageWords words = {.text = any_text, .path = any_path, .fd = fd, .userdata = f};
        uint8_t n = bytes_take(&f->bytes);
        const char *path;
        Method method = choose_method(f, class, n, &path);

        demand(sd_bus_message_new_method_call(f->client, &m, NULL, path, method.interface, method.member) >= 0 &&
                sd_bus_message_set_sender(m, senders[class % ARRAY_SIZE(senders)]) >= 0);
        if (message_fill(m, method.signature, &f->bytes, &words) < 0)
                return;
        demand(sd_bus_call_async(f->client, NULL, m, on_answer, f, UINT64_MAX) >= 0);
        f->n_calls++;
}

/* policyd asks the bus who calls; here every caller is there, as root. */
static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "GetConnectionCredentials") > 0)
                return sd_bus_reply_method_return(m, "a{sv}", 2, "UnixUserID", "u", 0, "ProcessID", "u", 1);
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "NameHasOwner") > 0)
                return sd_bus_reply_method_return(m, "b", true);
        return 0;
}

/* The world */

static sd_bus *connect_end(int fd, bool server) {
        sd_bus *bus = NULL;

        demand(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fd, fd) >= 0 && sd_bus_negotiate_fds(bus, true) >= 0);
        if (server)
                demand(sd_bus_set_server(bus, true, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) >= 0);
        return bus;
}

static void open_bus(Fuzz *f) {
        const BusOptions options = {.address = "", .requests_max = 16};
        int fds[2];

        demand(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        demand(sd_event_new(&f->event) >= 0 && bus_new(f->event, &options, &f->bus) >= 0);
        f->bus->bus = f->bus->replies = connect_end(fds[0], true);
        f->client = connect_end(fds[1], false);
        f->world->policy = policy_free(f->world->policy);
        demand(policy_new(&f->world->options, bus_listener(), f->bus, &f->world->policy) >= 0);
        bus_set_policy(f->bus, f->world->policy);
        demand(sd_bus_start(f->bus->bus) >= 0 && bus_show(f->bus) >= 0 && policy_start(f->world->policy) >= 0);
        demand(sd_bus_attach_event(f->bus->bus, f->event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        demand(sd_bus_start(f->client) >= 0 && sd_bus_add_filter(f->client, NULL, on_asked, f) >= 0);
}

/* Two hosts, a VM that runs with a VGPU, and one of each other kind. */
static void furnish(Fuzz *f) {
        Policy *p = f->world->policy;
        _cleanup_refusal_ Refusal refusal = {};
        const StartOptions options = {};
        Reservation *reservation;
        VmGroup *vm_group;
        Quota *quota;
        GpuGroup *group;
        VgpuType *type;
        Host *host;
        Vgpu *vgpu;
        Job *job;
        Vm *vm;

        demand(hosts_add(p, "h0", "unix:path=/h0", "", &host, &refusal) >= 0 && hosts_add(p, "h1", "unix:path=/h1", "", &host, &refusal) >= 0);
        turn(f, 5 * SECOND);
        group = any(f, CLASS_GPU_GROUP, 0);
        type = any(f, CLASS_VGPU_TYPE, 0);
        demand(group && type);
        demand(vms_create(p, "{\"name_label\":\"a\"," CONFIG "}", &vm, &refusal) >= 0);
        demand(vgpus_create(p, vm, group, type->size == 0 ? NULL : type, NULL, "", &vgpu, &refusal) >= 0);
        demand(reservations_create(p, "r", group, type, 1, 3600, "", &reservation, &refusal) >= 0);
        demand(quotas_create(p, "lab", NULL, 5, QUOTA_UNLIMITED, &quota, &refusal) >= 0);
        demand(vm_groups_create(p, "web", "", NULL, &vm_group, &refusal) >= 0);
        demand(vms_start(p, vm, &options, &job, &refusal) >= 0);
        turn(f, 2 * SECOND);
}

static void close_all(Fuzz *f) {
        sd_bus_close_unref(f->client);
        world_crash_policyd(f->world);
        bus_free(f->bus);
        sd_event_unref(f->event);
        world_free(f->world);
}

/* A method that takes long waits for a moment of the real time between its turns. */
static void await_answers(Fuzz *f) {
        turn(f, 60 * SECOND);
        for (unsigned i = 0; f->n_answers < f->n_calls && i < 100; i++) {
                (void) sd_event_run(f->event, 100000);
                turn(f, SECOND);
        }
        demand(f->n_answers == f->n_calls);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Fuzz f = {.bytes = {data, size}};

        log_setup("fuzz", LOG_EMERG);

        f.world = world_new(1, 2, /* boards= */ false, NULL, NULL, NULL);
        open_bus(&f);
        furnish(&f);
        for (unsigned i = 0; i < CALLS_MAX && f.bytes.left > 0; i++) {
                uint8_t what = bytes_take(&f.bytes);

                if (what < 250)
                        call(&f, what);
                if (what % 4 != 0) /* else the next call shares the commit */
                        turn(&f, what < 250 ? SECOND / 10 : SECOND << (what - 250) * 2);
        }
        await_answers(&f);
        close_all(&f);
        return 0;
}
