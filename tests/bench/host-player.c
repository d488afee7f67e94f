/*
 * xenvgpu-host-player
 *
 * Plays hostd for many hosts in one process. Each host has a socket at which it answers as a system bus with
 * hostd on it would: the few calls to the bus itself that a client needs, and org.xenvgpu.Host1. It takes
 * orders, checks them as hostd does (epoch, type, running types, capacity), and lets each VM run at once.
 * What it had to refuse is what policyd has booked twice: it is counted, and the exit code tells.
 *
 * Usage: xenvgpu-host-player FOLDER HOSTS PGPUS      sockets FOLDER/h0001 …; prints "ready"; ends at SIGTERM
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "common/hashmap.h"
#include "protocol/errors.h"
#include "protocol/inventory.h"
#include "protocol/names.h"
#include "protocol/order.h"

#define HOSTS_MAX 1024
#define PGPUS_MAX 64
#define DRIVER "org.freedesktop.DBus"
#define OWN_NAME ":1.1"
#define MEMORY (UINT64_C(64) << 40)

typedef struct Player Player;

typedef struct Slot { /* what runs on a PGPU */
        uint32_t used;
        int type; /* index in types, valid when used is above 0 */
} Slot;

typedef struct PlayedHost {
        Player *player;
        unsigned number;
        int fd;
        sd_bus *bus; /* policyd's connection, or NULL */
        uint64_t seq, epoch;
        char pool[UUID_TEXT_MAX];
        Slot pgpus[PGPUS_MAX];
        HashMap *vms;
} PlayedHost;

typedef struct PlayedVm {
        Uuid id, token, vgpu;
        unsigned pgpu;
        int type;
} PlayedVm;

struct Player {
        sd_event *event;
        PlayedHost hosts[HOSTS_MAX];
        unsigned n_hosts, n_pgpus;
        uint64_t n_starts, n_stops, n_refused;
};

static const struct {
        const char *identifier, *model_name, *type_id;
        uint32_t instances;
} types[] = {
        {"0001:nvidia,0ff2,,0fe7,101e", "GRID K100", "11", 8},
        {"0001:nvidia,0ff2,,0ff7,1037", "GRID K140Q", "12", 4},
};

static const char boot_id[] = "99999999-2222-4333-8444-555555555555";

static PciAddress pgpu_address(unsigned i) {
        return (PciAddress){.bus = (uint8_t) (0x40 + i)};
}

static void host_uuid(const PlayedHost *h, char ret[static UUID_TEXT_MAX]) {
        snprintf(ret, UUID_TEXT_MAX, "11111111-2222-4333-8444-%012u", h->number + 1);
}

/* Words about a host */

static int emit(PlayedHost *h, const char *member, struct json_object *o) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_free_ char *text = json_to_text(o);
        int r;

        if (!text)
                return -ENOMEM;
        r = sd_bus_message_new_signal(h->bus, &m, HOST_PATH, HOST_IFACE_MANAGER, member);
        if (r >= 0)
                r = sd_bus_message_set_sender(m, OWN_NAME);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", text);
        return r < 0 ? r : sd_bus_send(h->bus, m, NULL);
}

static int emit_vm(PlayedHost *h, const PlayedVm *vm, const Uuid *token, VmState state, const char *reason) {
        _cleanup_json_ struct json_object *o = NULL;
        const VmEvent event = {.head = {.seq = ++h->seq, .boot_id = (char *) boot_id, .token = *token},
                .uuid = vm->id,
                .state = state,
                .stage = (char *) "",
                .reason = (char *) reason,
                .progress = 1,
                .domid = state == VM_STATE_HALTED ? 0 : 1};
        int r;

        r = vm_event_build(&event, &o);
        return r < 0 ? r : emit(h, "VMEvent", o);
}

static int emit_vgpu(PlayedHost *h, const PlayedVm *vm, const Uuid *token, bool plugged) {
        _cleanup_json_ struct json_object *o = NULL;
        const VgpuEvent event = {.head = {.seq = ++h->seq, .boot_id = (char *) boot_id, .token = *token},
                .vm = vm->id,
                .device = (char *) "0",
                .uuid = vm->vgpu,
                .pgpu = pgpu_address(vm->pgpu),
                .identifier = (char *) types[vm->type].identifier,
                .state = {.active = plugged, .plugged = plugged}};
        int r;

        r = vgpu_event_build(&event, &o);
        return r < 0 ? r : emit(h, "VGPUEvent", o);
}

static int add_type(struct json_object *list, size_t i) {
        char text[1024];
        struct json_object *o;

        snprintf(text, sizeof(text),
                "{\"identifier\":\"%s\",\"implementation\":\"nvidia\",\"vendor_name\":\"NVIDIA Corporation\","
                "\"model_name\":\"%s\",\"framebuffer_size\":268435456,\"max_heads\":2,\"max_resolution_x\":"
                "1920,"
                "\"max_resolution_y\":1200,\"size\":%u,\"experimental\":false,\"internal_config\":{\"type_"
                "id\":\"%s\","
                "\"vclass\":\"NVS\",\"config_file\":\"%s.conf\"},\"compatible_types_in_vm\":[],"
                "\"compatible_types_on_pgpu\":[\"%s\"]}",
                types[i].identifier, types[i].model_name, 1048576 / types[i].instances, types[i].type_id,
                types[i].type_id, types[i].identifier);
        o = json_tokener_parse(text);
        return o ? json_object_array_add(list, o) : -ENOMEM;
}

static int add_pgpu(struct json_object *list, unsigned i) {
        PciAddress pci = pgpu_address(i);
        struct json_object *o;
        char text[1024];

        snprintf(text, sizeof(text),
                "{\"pci_id\":\"%s\",\"vendor_id\":\"10de\",\"device_id\":\"0ff2\",\"subsystem_vendor_id\":"
                "\"10de\","
                "\"subsystem_device_id\":\"1012\",\"vendor_name\":\"NVIDIA "
                "Corporation\",\"device_name\":\"GK107GL [GRID "
                "K1]\",\"driver\":\"\",\"bridge\":\"\",\"is_system_display_device\":false,\"supported\":[\"%"
                "s\",\"%s\"],"
                "\"enabled\":[\"%s\",\"%s\"]}",
                PCI_TEXT(&pci), types[0].identifier, types[1].identifier, types[0].identifier,
                types[1].identifier);
        o = json_tokener_parse(text);
        return o ? json_object_array_add(list, o) : -ENOMEM;
}

static int add_vm(struct json_object *list, const PlayedVm *vm) {
        PciAddress pci = pgpu_address(vm->pgpu);
        struct json_object *o;
        char text[1024];

        snprintf(text, sizeof(text),
                "{\"uuid\":\"%s\",\"token\":\"%s\",\"name_label\":\"vm\",\"state\":\"running\",\"stage\":"
                "\"\",\"progress\":1.0,"
                "\"domid\":1,\"memory\":268435456,\"vgpus\":[{\"id\":[\"%s\",\"0\"],\"uuid\":\"%s\",\"pgpu\":"
                "\"%s\","
                "\"identifier\":\"%s\",\"state\":{\"active\":true,\"plugged\":true}}],\"pcis\":[]}",
                UUID_TEXT(&vm->id), UUID_TEXT(&vm->token), UUID_TEXT(&vm->id), UUID_TEXT(&vm->vgpu),
                PCI_TEXT(&pci), types[vm->type].identifier);
        o = json_tokener_parse(text);
        return o ? json_object_array_add(list, o) : -ENOMEM;
}

static char *inventory_text(const PlayedHost *h) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *list;
        char text[1024], uuid[UUID_TEXT_MAX];
        const PlayedVm *vm;
        int r = 0;

        host_uuid(h, uuid);
        snprintf(text, sizeof(text),
                "{\"version\":1,\"seq\":%" PRIu64
                ",\"host_uuid\":\"%s\",\"boot_id\":\"%s\",\"hostname\":\"h%04u\","
                "\"hypervisor\":\"simulated\",\"epoch\":%" PRIu64 ",\"memory_total\":%" PRIu64
                ",\"memory_free\":%" PRIu64 ",\"cpus\":64,\"iommu\":true,\"hvm\":true,\"networks\":[],"
                                            "\"storage\":[],\"types\":[],\"pgpus\":[],"
                "\"vms\":[],\"ended\":[],\"problems\":[]}",
                h->seq, uuid, boot_id, h->number + 1, h->epoch, MEMORY, MEMORY);
        o = json_tokener_parse(text);
        if (!o)
                return NULL;

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (json_object_object_get_ex(o, "types", &list))
                        r |= add_type(list, i);
        for (unsigned i = 0; i < h->player->n_pgpus; i++)
                if (json_object_object_get_ex(o, "pgpus", &list))
                        r |= add_pgpu(list, i);
        for (size_t i = 0; (vm = hashmap_next(h->vms, &i));)
                if (json_object_object_get_ex(o, "vms", &list))
                        r |= add_vm(list, vm);
        return r < 0 ? NULL : json_to_text(o);
}

/* Calls of org.xenvgpu.Host1, in the order in which they come */

static int method_claim(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *inventory = NULL;
        PlayedHost *h = userdata;
        const char *pool, *instance;
        uint64_t epoch;
        int r;

        r = sd_bus_message_read(m, "tss", &epoch, &pool, &instance);
        if (r < 0)
                return r;
        if (epoch < h->epoch)
                return sd_bus_error_setf(error, error_code_name(ERROR_STALE_EPOCH),
                        "The host holds epoch %" PRIu64 ".", h->epoch);

        h->epoch = epoch;
        snprintf(h->pool, sizeof(h->pool), "%s", pool);
        inventory = inventory_text(h);
        return inventory ? sd_bus_reply_method_return(m, "ts", epoch, inventory) : -ENOMEM;
}

static int method_release(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        PlayedHost *h = userdata;

        *h->pool = '\0';
        return sd_bus_reply_method_return(m, NULL);
}

static int method_get_inventory(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_free_ char *inventory = inventory_text(userdata);

        return inventory ? sd_bus_reply_method_return(m, "s", inventory) : -ENOMEM;
}

static int find_pgpu(const PlayedHost *h, const PciAddress *pci) {
        for (unsigned i = 0; i < h->player->n_pgpus; i++) {
                PciAddress own = pgpu_address(i);

                if (pci_address_compare(&own, pci) == 0)
                        return (int) i;
        }
        return -ENODEV;
}

static int find_type(const VgpuRecord *v) {
        for (size_t i = 0; v->kind == VGPU_KIND_NVIDIA && i < ARRAY_SIZE(types); i++)
                if (streq_ptr(v->nvidia.type_id, types[i].type_id))
                        return (int) i;
        return -ENOENT;
}

/* hostd's own check of an order: the last guard against double booking. */
static ErrorCode check_order(const PlayedHost *h, const StartOrder *order, PlayedVm *vm) {
        int pgpu, type;

        if (order->epoch != h->epoch)
                return ERROR_STALE_EPOCH;
        if (order->n_vgpus != 1 || order->n_pcis != 0)
                return ERROR_INVALID_RECORD;

        pgpu = find_pgpu(h, &order->vgpus[0].physical_pci_address);
        type = find_type(&order->vgpus[0]);
        if (pgpu < 0 || type < 0)
                return ERROR_VGPU_TYPE_NOT_SUPPORTED;
        if (h->pgpus[pgpu].used > 0 && h->pgpus[pgpu].type != type)
                return ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE;
        if (h->pgpus[pgpu].used >= types[type].instances)
                return ERROR_PGPU_INSUFFICIENT_CAPACITY;

        *vm = (PlayedVm){.id = order->vm.uuid,
                .token = order->token,
                .vgpu = order->vgpus[0].nvidia.uuid,
                .pgpu = (unsigned) pgpu,
                .type = type};
        return ERROR_NONE;
}

static int run_vm(PlayedHost *h, const PlayedVm *started) {
        PlayedVm *vm = malloc(sizeof(PlayedVm));
        int r;

        if (!vm)
                return -ENOMEM;
        *vm = *started;
        r = hashmap_put(h->vms, &vm->id, vm);
        if (r < 0) {
                free(vm);
                return r;
        }

        h->pgpus[vm->pgpu].used++;
        h->pgpus[vm->pgpu].type = vm->type;
        h->player->n_starts++;
        r = emit_vgpu(h, vm, &vm->token, /* plugged= */ true);
        return r < 0 ? r : emit_vm(h, vm, &vm->token, VM_STATE_RUNNING, "");
}

static int method_start_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(start_order_done) StartOrder order = {};
        _cleanup_json_ struct json_object *o = NULL;
        PlayedHost *h = userdata;
        const PlayedVm *there;
        JsonReader reader = {};
        PlayedVm vm = {};
        const char *text;
        ErrorCode code;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = json_parse(&reader, text, strlen(text), &o);
        if (r >= 0)
                r = start_order_parse(&reader, o, &order);
        if (r < 0)
                return sd_bus_error_setf(error, error_code_name(ERROR_INVALID_RECORD), "%s", reader.error);

        /* The same token again is answered and not repeated. */
        there = hashmap_get(h->vms, &order.vm.uuid);
        if (there && uuid_equal(&there->token, &order.token))
                return sd_bus_reply_method_return(m, NULL);
        code = there ? ERROR_VM_BAD_POWER_STATE : check_order(h, &order, &vm);
        if (code != ERROR_NONE) {
                h->player->n_refused++;
                return sd_bus_error_setf(error, error_code_name(code),
                        "The played host %u does not take the order.", h->number + 1);
        }

        r = sd_bus_reply_method_return(m, NULL);
        return r < 0 ? r : run_vm(h, &vm);
}

static int method_stop_vm(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ PlayedVm *vm = NULL;
        PlayedHost *h = userdata;
        JsonReader reader = {};
        StopOrder order = {};
        const char *text;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = json_parse(&reader, text, strlen(text), &o);
        if (r >= 0)
                r = stop_order_parse(&reader, o, &order);
        if (r < 0)
                return sd_bus_error_setf(error, error_code_name(ERROR_INVALID_RECORD), "%s", reader.error);

        vm = hashmap_remove(h->vms, &order.uuid);
        if (!vm)
                return sd_bus_error_setf(
                        error, error_code_name(ERROR_NO_SUCH_OBJECT), "No such VM runs here.");
        h->pgpus[vm->pgpu].used--;
        h->player->n_stops++;
        r = sd_bus_reply_method_return(m, NULL);
        return r < 0 ? r
                     : emit_vm(h, vm, &order.token, VM_STATE_HALTED, order.force ? "destroyed" : "poweroff");
}

static int method_set_types(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(m, NULL);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const PlayedHost *h = userdata;
        char uuid[UUID_TEXT_MAX];

        host_uuid(h, uuid);
        return sd_bus_message_append(reply, "s",
                streq(property, "HostUUID")     ? uuid
                : streq(property, "BootID")     ? boot_id
                : streq(property, "ClaimedBy")  ? h->pool
                : streq(property, "Hypervisor") ? "simulated"
                : streq(property, "Version")    ? XENVGPU_VERSION
                                                : "");
}

static int get_memory(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "t", MEMORY);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Claim", "tss", "ts", method_claim, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Release", NULL, NULL, method_release, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetInventory", NULL, "s", method_get_inventory, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartVM", "s", NULL, method_start_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopVM", "s", NULL, method_stop_vm, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Rescan", NULL, NULL, method_set_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("HostUUID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("BootID", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ClaimedBy", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Claimer", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Hypervisor", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Version", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Epoch", "t", NULL, offsetof(PlayedHost, epoch), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MemoryFree", "t", get_memory, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable pgpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetEnabledTypes", "as", NULL, method_set_types, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* Being a bus */

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name;

        if (!sd_bus_message_is_method_call(m, DRIVER, NULL))
                return 0;
        if (sd_bus_message_is_method_call(m, DRIVER, "Hello"))
                return sd_bus_reply_method_return(m, "s", ":1.2");
        if (sd_bus_message_is_method_call(m, DRIVER, "GetNameOwner")) {
                if (sd_bus_message_read(m, "s", &name) > 0 && streq(name, HOST_BUS_NAME))
                        return sd_bus_reply_method_return(m, "s", OWN_NAME);
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "No such name.");
        }
        if (sd_bus_message_is_method_call(m, DRIVER, "AddMatch") ||
                sd_bus_message_is_method_call(m, DRIVER, "RemoveMatch"))
                return sd_bus_reply_method_return(m, NULL);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        PlayedHost *h = userdata;

        if (h->bus == sd_bus_message_get_bus(m))
                h->bus = NULL;
        sd_bus_close_unref(sd_bus_message_get_bus(m));
        return 0;
}

static int serve(PlayedHost *h, int fd) {
        sd_bus *bus = NULL;
        sd_id128_t id;
        int r;

        r = sd_bus_new(&bus);
        if (r < 0) {
                safe_close(fd);
                return r;
        }
        r = sd_bus_set_fd(bus, fd, fd);
        if (r >= 0)
                r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_server(bus, true, id);
        if (r >= 0)
                r = sd_bus_set_trusted(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, h);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, NULL, NULL, "org.freedesktop.DBus.Local", "Disconnected",
                        on_disconnected, h);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, HOST_PATH, HOST_IFACE_MANAGER, manager_vtable, h);
        for (unsigned i = 0; i < h->player->n_pgpus && r >= 0; i++) {
                PciAddress pci = pgpu_address(i);
                char path[128];

                snprintf(path, sizeof(path), HOST_PATH_PGPU "/_%04x_%02x_%02x_%x", pci.domain, pci.bus,
                        pci.dev, pci.fn);
                r = sd_bus_add_object_vtable(bus, NULL, path, HOST_IFACE_PGPU, pgpu_vtable, h);
        }
        if (r >= 0)
                r = sd_bus_attach_event(bus, h->player->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }

        /* The newest connection is the one that events go to. */
        h->bus = bus;
        return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (connection >= 0)
                (void) serve(userdata, connection);
        return 0;
}

static int host_listen(PlayedHost *h, const char *folder) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        h->vms = hashmap_new_uuid();
        if (!h->vms)
                return -ENOMEM;
        r = snprintf(address.sun_path, sizeof(address.sun_path), "%s/h%04u", folder, h->number + 1);
        if (r >= (int) sizeof(address.sun_path))
                return -ENAMETOOLONG;
        h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (h->fd < 0 || bind(h->fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
                listen(h->fd, 16) < 0)
                return -errno;
        return sd_event_add_io(h->player->event, NULL, h->fd, EPOLLIN, on_connection, h);
}

static int play(Player *p, const char *folder) {
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGTERM);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        r = sd_event_default(&p->event);
        if (r >= 0)
                r = sd_event_add_signal(p->event, NULL, SIGTERM, NULL, NULL);
        for (unsigned i = 0; i < p->n_hosts && r >= 0; i++) {
                p->hosts[i] = (PlayedHost){.player = p, .number = i, .fd = -1};
                r = host_listen(&p->hosts[i], folder);
        }
        if (r < 0)
                return r;

        puts("ready");
        fflush(stdout);
        return sd_event_loop(p->event);
}

int main(int argc, char *argv[]) {
        static Player p;
        int r;

        if (argc != 4 || (p.n_hosts = (unsigned) atoi(argv[2])) < 1 || p.n_hosts > HOSTS_MAX ||
                (p.n_pgpus = (unsigned) atoi(argv[3])) < 1 || p.n_pgpus > PGPUS_MAX) {
                fprintf(stderr, "usage: xenvgpu-host-player FOLDER HOSTS PGPUS   (at most %d and %d)\n",
                        HOSTS_MAX, PGPUS_MAX);
                return 2;
        }

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = play(&p, argv[1]);
        if (r < 0) {
                fprintf(stderr, "xenvgpu-host-player: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }

        printf("{\"starts\":%" PRIu64 ",\"stops\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n", p.n_starts,
                p.n_stops, p.n_refused);
        return p.n_refused > 0 ? 3 : 0;
}
