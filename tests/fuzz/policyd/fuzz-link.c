/*
 * A link to a host that says anything: answers of any type to each call, errors of any name, signals with any text, or silence
 *
 * The real link dials a socket on which this file is both the bus and hostd. What comes out of the link holds good texts, each call
 * is answered once at most, and a reason is a sentence that can be shown.
 */

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "policyd/link/link.h"
#include "protocol/names.h"
#include "tests/fuzz/bus-peer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/sim/sim-loop.h"

#define STEPS_MAX 40
#define SECOND UINT64_C(1000000)
#define HOSTD ":1.5"
#define HOST_UUID "11111111-2222-4333-8444-555555555555"
#define VM_UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
#define INVENTORY                                                                                                              \
        "{\"version\":1,\"seq\":3,\"host_uuid\":\"" HOST_UUID "\",\"boot_id\":\"b\",\"hostname\":\"fake\",\"hypervisor\":\"xen\"," \
        "\"epoch\":1,\"memory_total\":1,\"memory_free\":1,\"cpus\":2,\"iommu\":true,\"hvm\":true,\"networks\":[],\"storage\":[],"   \
        "\"types\":[],\"pgpus\":[],\"vms\":[],\"ended\":[],\"problems\":[]}"

typedef struct Fuzz {
        SimLoop *sim;
        sd_event *event;
        BusPeer peer;
        HostLink *link;
        unsigned n_asked, n_answered;
} Fuzz;

static void demand_line(const char *text) {
        demand(text && text_is_good(text, strlen(text), TEXT_LINE));
}

/* The owner */

static int on_greeted(HostLink *link, const LinkGreeting *greeting, LinkClaim *ret, char **ret_reason, void *userdata) {
        demand(greeting->claimed_by && greeting->boot_id);
        *ret = (LinkClaim){.epoch = 1, .pool = {{1}}, .instance = {{2}}};
        return 1;
}

static int on_claimed(HostLink *link, uint64_t held, Inventory *inventory, char **ret_reason, void *userdata) {
        demand_line(inventory->hostname);
        return held > 9 ? -EINVAL : 0;
}

static void on_inventory(HostLink *link, Inventory *inventory, void *userdata) {
        demand_line(inventory->hostname);
}

static void on_vm_event(HostLink *link, VmEvent *event, void *userdata) {
        demand_line(event->reason);
}

static void on_vgpu_event(HostLink *link, VgpuEvent *event, void *userdata) {
}

static void on_pci_event(HostLink *link, PciEvent *event, void *userdata) {
}

static void on_stale(HostLink *link, const char *message, void *userdata) {
        demand(message);
}

static void on_lost(HostLink *link, const char *reason, void *userdata) {
        demand(!isempty(reason));
        demand_line(reason);
}

static const LinkOwner owner = {
        .greeted = on_greeted,
        .claimed = on_claimed,
        .inventory = on_inventory,
        .vm_event = on_vm_event,
        .vgpu_event = on_vgpu_event,
        .pci_event = on_pci_event,
        .stale = on_stale,
        .lost = on_lost,
};

static void on_reply(HostLink *link, LinkOutcome outcome, ErrorCode code, const char *message, void *userdata) {
        Fuzz *f = userdata;

        demand(++f->n_answered <= f->n_asked);
        if (outcome == LINK_REFUSED) {
                demand(code != ERROR_NONE);
                demand_line(message);
        }
}

/* What the host says */

static const char *any_text(Bytes *b, void *userdata) {
        static const char *const words[] = {"", HOST_UUID, VM_UUID, "b", HOSTD, ":1.6", HOST_BUS_NAME, "HostUUID", "ClaimedBy", "BootID",
                "Epoch", "Orders", "Version", "{}", INVENTORY,
                "{\"version\":1,\"seq\":9,\"boot_id\":\"b\",\"token\":\"" HOST_UUID "\",\"uuid\":\"" VM_UUID
                "\",\"state\":\"running\",\"stage\":\"\",\"progress\":1.0,\"domid\":3,\"reason\":\"\"}",
                "{\"version\":1,\"seq\":10,\"boot_id\":\"b\",\"token\":\"\",\"id\":[\"" VM_UUID
                "\",\"0\"],\"pgpu\":\"0000:84:00.0\",\"identifier\":\"x\",\"state\":{\"active\":true,\"plugged\":true}}",
                "No.\nWell.", "\x1b[1mno", "日本語"};
        uint8_t which = bytes_take(b);
        Fuzz *f = userdata;

        return which < 200 ? words[which % ARRAY_SIZE(words)] : bytes_text(b, which >= 228, f->peer.text);
}

static const char *any_path(Bytes *b, void *userdata) {
        return HOST_PATH;
}

static int append_properties(sd_bus_message *m) {
        return sd_bus_message_append(m, "a{sv}", 5, "HostUUID", "s", HOST_UUID, "ClaimedBy", "s", "", "BootID", "s", "b", "Epoch", "t",
                UINT64_C(0), "Orders", "t", UINT64_C(0));
}

/* As a well-behaved host would. */
static int append_proper(BusPeer *p, sd_bus_message *m, sd_bus_message *reply) {
        const char *member = sd_bus_message_get_member(m);

        if (streq(member, "Hello"))
                return sd_bus_message_append(reply, "s", ":1.9");
        if (streq(member, "GetNameOwner"))
                return sd_bus_message_append(reply, "s", HOSTD);
        if (streq(member, "GetAll"))
                return append_properties(reply);
        if (streq(member, "Claim") || streq(member, "ClaimWith"))
                return sd_bus_message_append(reply, "ts", UINT64_C(1), INVENTORY);
        return 0;
}

static const char *const signatures[] = {"", "s", "ts", "a{sv}", "t", "u", "st", "as", "ss", "v", "o", "b"};

static const char *const errors[] = {"org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.xenvgpu.Error.StaleEpoch", "org.xenvgpu.Error.InternalError", "org.example.Error", "org.freedesktop.DBus.Error.NoReply"};

static const BusSaying saying = {
        .service = HOSTD,
        .owner = HOSTD,
        .append_proper = append_proper,
        .signatures = signatures,
        .n_signatures = ARRAY_SIZE(signatures),
        .errors = errors,
        .n_errors = ARRAY_SIZE(errors),
        .proper_below = 120,
        .error_from = 200,
};

static void tell(Fuzz *f, uint8_t what) {
        static const char *const members[] = {"VMEvent", "VGPUEvent", "PCIEvent", "InventoryChanged", "Else"};
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        if (!f->peer.bus || sd_bus_message_new_signal(f->peer.bus, &m, HOST_PATH, HOST_IFACE_MANAGER, members[what % ARRAY_SIZE(members)]) < 0)
                return;
        r = what < 120 ? sd_bus_message_append(m, "s", bus_peer_text(&f->peer)) : message_fill(m, "a{sv}", &f->peer.bytes, &f->peer.words);
        if (r >= 0)
                bus_peer_send(&f->peer, m, what % 7 == 0 ? ":1.6" : HOSTD);
}

static void tell_owner(Fuzz *f) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *now = bytes_take(&f->peer.bytes) % 2 ? ":1.6" : "";

        if (f->peer.bus && sd_bus_message_new_signal(f->peer.bus, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged") >= 0 &&
                sd_bus_message_append(m, "sss", HOST_BUS_NAME, HOSTD, now) >= 0)
                bus_peer_send(&f->peer, m, BUS_ITSELF);
}

static void turn(Fuzz *f, uint64_t usec) {
        uint64_t until = loop_now(sim_loop_of(f->sim), LOOP_MONOTONIC) + usec;

        do {
                /* A step of the authentication is no progress to sd-bus. */
                for (unsigned idle = 0; idle < 4; idle++) {
                        int r = bus_peer_turn(&f->peer);

                        if (sd_event_run(f->event, 0) > 0 || sim_loop_turn(f->sim) || r > 0)
                                idle = 0;
                }
        } while (sim_loop_pass(f->sim, until));
}

/* Steps */

static void ask(Fuzz *f, uint8_t what) {
        static const char *const types[] = {"a", NULL};
        int r;

        f->n_asked++;
        switch (what % 7) {
        case 0:
                r = link_start_vm(f->link, "{}", on_reply, f);
                break;
        case 1:
                r = link_stop_vm(f->link, "{}", on_reply, f);
                break;
        case 2:
                r = link_change_types(f->link, &(PciAddress){.bus = 0x83}, LINK_TYPES_SET, types, on_reply, f);
                break;
        case 3:
                r = link_get_vm(f->link, "7362f826-5c1d-4bac-8f48-dc6b19454cef", on_reply, f);
                break;
        case 5:
                r = link_end_vm(f->link, "{}", on_reply, f);
                break;
        case 4:
                r = link_release(f->link, on_reply, f);
                break;
        default:
                r = link_change_types(f->link, &(PciAddress){.bus = 0x83}, LINK_TYPES_ADD, types, on_reply, f);
        }
        if (r < 0)
                f->n_asked--;
}

static void step(Fuzz *f, uint8_t what) {
        if (what < 160)
                tell(f, what);
        else if (what < 200)
                ask(f, what);
        else if (what < 215)
                tell_owner(f);
        else if (what < 222)
                bus_peer_hang_up(&f->peer);
        else if (what < 228)
                link_dial_now(f->link);
        else if (what < 234)
                link_reset(f->link, "It was reset.");
        turn(f, what < 234 ? 0 : SECOND * (what - 234));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "bus"), *address = NULL;
        Fuzz f = {.peer = {.saying = &saying, .words = {.text = any_text, .path = any_path, .fd = -1, .userdata = &f}, .bytes = {data, size}}};
        LinkSettings settings;

        log_setup("fuzz", LOG_EMERG);
        link_settings_default(&settings);
        demand(asprintf(&address, "unix:path=%s", path) > 0 && sim_loop_new(1, &f.sim) >= 0 && sd_event_new(&f.event) >= 0);
        bus_peer_listen(&f.peer, path);
        demand(link_new(sim_loop_of(f.sim), f.event, address, &settings, &owner, &f, &f.link) >= 0 && link_start(f.link) >= 0);
        turn(&f, 0);
        for (unsigned i = 0; i < STEPS_MAX && f.peer.bytes.left > 0; i++)
                step(&f, bytes_take(&f.peer.bytes));
        turn(&f, 60 * SECOND);
        (void) link_free(f.link);
        sd_event_unref(f.event);
        sim_loop_free(f.sim);
        bus_peer_done(&f.peer);
        return 0;
}
