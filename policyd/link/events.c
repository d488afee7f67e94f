/*
 * hostd's signals
 *
 * An event is passed on when the link is claimed, the sender is the claimed process, and its number is above
 * the last one. Events that come while the claim is under way are kept; then those with a number up to the
 * inventory's are dropped. Events from before the claim are dropped at once, since the inventory includes
 * them. An inventory under a higher epoch shows that another master has claimed the host. A record that
 * cannot be decoded closes the link, since the inventory of the next claim is complete.
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/link/link-private.h"

/* A claim takes milliseconds; more events than this mean that hostd floods. */
#define KEPT_MAX 16384

static int keep(HostLink *link, sd_bus_message *m) {
        return link->kept.n < KEPT_MAX ? message_list_add(&link->kept, m) : -ENOBUFS;
}

/* Events have numbers of their own; an inventory repeats that of the last event which it includes. */
static bool take_seq(HostLink *link, uint64_t seq, bool inventory) {
        if (inventory ? seq < link->seq : seq <= link->seq)
                return false;
        link->seq = seq;
        return true;
}

static void tell_stale(HostLink *link, uint64_t epoch) {
        char text[128];

        snprintf(text, sizeof(text), "The host was claimed with epoch %" PRIu64 ", above our %" PRIu64 ".",
                epoch, link->epoch);
        if (link->owner.stale)
                link->owner.stale(link, text, link->userdata);
}

static int pass_inventory(HostLink *link, JsonReader *r, struct json_object *o) {
        Inventory inventory = {};
        int k;

        k = inventory_parse(r, o, &inventory);
        if (k < 0)
                return k;
        if (inventory.epoch > link->epoch)
                tell_stale(link, inventory.epoch);
        else if (take_seq(link, inventory.seq, /* inventory= */ true) && link->owner.inventory)
                link->owner.inventory(link, &inventory, link->userdata);
        inventory_done(&inventory);
        return 0;
}

/* Reads one kind of event and passes it on. */
#define DEFINE_PASS(kind, type)                                                                              \
        static int pass_##kind(HostLink *link, JsonReader *r, struct json_object *o) {                       \
                type event = {};                                                                             \
                int k = kind##_parse(r, o, &event);                                                          \
                                                                                                             \
                if (k < 0)                                                                                   \
                        return k;                                                                            \
                if (take_seq(link, event.head.seq, /* inventory= */ false) && link->owner.kind)              \
                        link->owner.kind(link, &event, link->userdata);                                      \
                kind##_done(&event);                                                                         \
                return 0;                                                                                    \
        }
DEFINE_PASS(vm_event, VmEvent)
DEFINE_PASS(vgpu_event, VgpuEvent)
DEFINE_PASS(pci_event, PciEvent)

static const struct {
        const char *member;
        int (*pass)(HostLink *link, JsonReader *r, struct json_object *o);
} signals[] = {
        {"VMEvent", pass_vm_event},
        {"VGPUEvent", pass_vgpu_event},
        {"PCIEvent", pass_pci_event},
        {"InventoryChanged", pass_inventory},
};

static void pass(HostLink *link, sd_bus_message *m) {
        uint64_t generation = link->generation;
        _cleanup_json_ struct json_object *o = NULL;
        const char *text, *member = sd_bus_message_get_member(m);
        JsonReader reader = {};
        _cleanup_free_ char *reason = NULL;
        size_t i;
        int r;

        for (i = 0; i < ARRAY_SIZE(signals) && !streq(signals[i].member, member); i++)
                ;
        if (i == ARRAY_SIZE(signals))
                return; /* of a later version */

        r = sd_bus_message_read(m, "s", &text);
        if (r >= 0)
                r = json_parse_cleaned(&reader, text, strlen(text), &o);
        if (r >= 0)
                r = signals[i].pass(link, &reader, o);
        if (r >= 0 || !link_is_same(link, generation))
                return;
        if (asprintf(&reason, "hostd's %s cannot be read: %s", member,
                    *reader.error ? reader.error : strerror(-r)) < 0)
                reason = NULL;
        link_lose(link, reason ?: "An event of hostd cannot be read.");
}

int link_on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);

        if (!streq_ptr(sd_bus_message_get_sender(m), link->peer))
                return LINK_HANDLED;
        link->heard = true;
        if (link->state == LINK_CLAIMED)
                pass(link, m);
        else if (link->state == LINK_CLAIMING && keep(link, m) < 0)
                link_lose(link, "hostd sent more events than can be kept while it was claimed.");
        return LINK_HANDLED;
}

void link_replay_events(HostLink *link, uint64_t inventory_seq) {
        uint64_t generation = link->generation;
        MessageList events = link->kept;
        sd_bus_message *m;

        link->kept = (MessageList){};
        link->seq = inventory_seq;
        while ((m = message_list_take(&events))) {
                if (link_is_same(link, generation))
                        pass(link, m);
                sd_bus_message_unref(m);
        }
}
