/*
 * From connected to claimed
 *
 * The steps, in their order: subscribe to hostd's signals and to changes of its name's owner; ask who owns
 * the name; read hostd's properties; let the link's owner choose an epoch; claim; take the inventory.
 * Subscribing comes first, so that no event is lost between the inventory and the first signal. When hostd
 * appears on the bus (again), the steps begin again with reading its properties.
 */

#include <stdarg.h>
#include <stdio.h>

#include "policyd/link/failure.h"
#include "policyd/link/link-private.h"
#include "protocol/names.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static void greet(HostLink *link, const char *peer);

static void lose_with(HostLink *link, const char *what, sd_bus_message *reply) {
        _cleanup_free_ char *denied = NULL, *detail = NULL, *text = NULL;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_ACCESS_DENIED)) {
                denied = link_denied_sentence(&link->address);
                link_lose(link, denied ?: "The host's bus denies the call.");
                return;
        }
        detail = link_error_text(reply);
        if (asprintf(&text, "%s: %s", what, strempty(detail)) < 0)
                text = NULL;
        link_lose(link, text ?: what);
}

/* One step's call; the callback drops step_slot. */
static int step(HostLink *link, const char *destination, const char *path, const char *interface,
        const char *member, sd_bus_message_handler_t callback, const char *types, ...) {
        va_list args;
        int r;

        link->step_slot = sd_bus_slot_unref(link->step_slot);
        va_start(args, types);
        r = sd_bus_call_method_asyncv(wire_bus(link->wire), &link->step_slot, destination, path, interface,
                member, callback, link, types, args);
        va_end(args);
        wire_arm(link->wire);
        return r;
}

static HostLink *step_done(void *userdata) {
        HostLink *link = link_ref(userdata);

        link->step_slot = sd_bus_slot_unref(link->step_slot);
        link->heard = true;
        return link;
}

/* 1: subscribe */

static int on_match_installed(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(reply, NULL))
                lose_with(userdata, "The host's bus refused the subscription", reply);
        return LINK_HANDLED;
}

static int on_name_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);
        const char *name, *old, *new;

        link->heard = true;
        if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || !streq(name, HOST_BUS_NAME) ||
                streq_ptr(link->peer, new))
                return LINK_HANDLED;
        if (link->state > LINK_ABSENT) {
                link_lose_peer(link, *new ? "hostd was replaced." : "hostd stopped.");
                if (link->freed || link->state != LINK_ABSENT)
                        return LINK_HANDLED;
        }
        if (*new)
                greet(link, new);
        return LINK_HANDLED;
}

static int on_first_owner(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(link_unrefp) HostLink *link = step_done(userdata);
        const char *peer;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                link_lose_peer(link, "hostd does not run on the host: `systemctl start xenvgpu-hostd` there; "
                                     "`journalctl -u xenvgpu-hostd` shows why it ended.");
        else if (sd_bus_message_is_method_error(reply, NULL))
                lose_with(link, "The host's bus did not say who hostd is", reply);
        else if (sd_bus_message_read(reply, "s", &peer) >= 0)
                greet(link, peer);
        else
                link_lose(link, "The host's bus gave an answer that cannot be read.");
        return LINK_HANDLED;
}

static int subscribe(HostLink *link) {
        int r;

        r = sd_bus_set_method_call_timeout(wire_bus(link->wire), link->settings->call_usec);
        if (r < 0)
                return r;
        r = sd_bus_add_match_async(wire_bus(link->wire), &link->owner_slot,
                "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                "',member='NameOwnerChanged',arg0='" HOST_BUS_NAME "'",
                on_name_owner, on_match_installed, link);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(wire_bus(link->wire), &link->signal_slot, HOST_BUS_NAME, HOST_PATH,
                HOST_IFACE_MANAGER, /* member= */ NULL, link_on_signal, on_match_installed, link);
        if (r < 0)
                return r;
        return step(link, BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner", on_first_owner, "s", HOST_BUS_NAME);
}

void link_subscribe(HostLink *link) {
        link->state = LINK_SUBSCRIBING;
        if (subscribe(link) < 0)
                link_lose(link, "The host's bus takes no messages.");
}

/* 2: read what hostd says of itself */

typedef struct Greeting {
        const char *host_uuid, *claimed_by, *boot_id;
        uint64_t epoch, orders;
        bool has_epoch, has_orders;
} Greeting;

static int read_property(sd_bus_message *m, Greeting *g) {
        const struct {
                const char *name, *type;
                void *value;
                bool *there; /* NULL: it shows by its value */
        } known[] = {
                {"HostUUID", "s", &g->host_uuid, NULL},
                {"ClaimedBy", "s", &g->claimed_by, NULL},
                {"BootID", "s", &g->boot_id, NULL},
                {"Epoch", "t", &g->epoch, &g->has_epoch},
                {"Orders", "t", &g->orders, &g->has_orders},
        };
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(known); i++)
                if (streq(name, known[i].name)) {
                        if (known[i].there)
                                *known[i].there = true;
                        return sd_bus_message_read(m, "v", known[i].type, known[i].value);
                }
        return r < 0 ? r : sd_bus_message_skip(m, "v");
}

static int read_greeting(HostLink *link, sd_bus_message *m, LinkGreeting *ret) {
        Greeting g = {};
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, &g);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        if (!g.host_uuid || !g.claimed_by || !g.boot_id || !g.has_epoch)
                return -EBADMSG;

        r = uuid_from_string(g.host_uuid, &ret->host_uuid);
        if (r < 0)
                return r;
        link->counts = g.has_orders;
        ret->epoch = g.epoch;
        ret->orders = g.orders;
        ret->claimed_by = g.claimed_by;
        ret->boot_id = g.boot_id;
        return 0;
}

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(link_unrefp) HostLink *link = step_done(userdata);
        uint64_t generation = link->generation;
        _cleanup_free_ char *reason = NULL;
        LinkGreeting greeting = {};
        LinkClaim claim = {};
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                lose_with(link, "hostd did not say who it is", reply);
                return LINK_HANDLED;
        }
        if (read_greeting(link, reply, &greeting) < 0) {
                link_lose(link, "What hostd says of itself lacks HostUUID, BootID, Epoch or ClaimedBy; its "
                                "version does not fit.");
                return LINK_HANDLED;
        }

        link->state = LINK_WAITING;
        r = link->owner.greeted(link, &greeting, &claim, &reason, link->userdata);
        if (!link_is_same(link, generation))
                return LINK_HANDLED;
        if (r < 0)
                link_lose(link, reason ?: "The host was not accepted.");
        else if (r > 0 && link_claim(link, &claim) < 0 && link_is_same(link, generation))
                link_lose(link, "The host's bus takes no messages.");
        return LINK_HANDLED;
}

static void greet(HostLink *link, const char *peer) {
        link->peer = strdup(peer);
        link->state = LINK_GREETING;
        if (!link->peer || step(link, link->peer, HOST_PATH, "org.freedesktop.DBus.Properties", "GetAll",
                                   on_properties, "s", HOST_IFACE_MANAGER) < 0)
                link_lose(link, "The host's bus takes no messages.");
}

/* 3: claim */

static void claim_failed(HostLink *link, sd_bus_message *reply) {
        uint64_t generation = link->generation;

        link->state = LINK_WAITING;
        if (sd_bus_message_is_method_error(reply, error_code_name(ERROR_STALE_EPOCH)) && link->owner.stale) {
                _cleanup_free_ char *text = link_error_text(reply);

                link->owner.stale(link, strempty(text), link->userdata);
                /* The owner may have claimed again with a higher epoch. */
                if (!link_is_same(link, generation) || link->state != LINK_WAITING)
                        return;
        }
        lose_with(link, "hostd refused the claim", reply);
}

/* *ret_error belongs to the caller, and is NULL without memory. */
static int read_inventory(sd_bus_message *reply, uint64_t *ret_held, Inventory *ret, char **ret_error) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        const char *text;
        int r;

        r = sd_bus_message_read(reply, "ts", ret_held, &text);
        if (r < 0) {
                *ret_error = strdup("hostd's answer to the claim cannot be read; its version does not fit.");
                return r;
        }
        r = json_parse_cleaned(&reader, text, strlen(text), &o);
        if (r >= 0)
                r = inventory_parse(&reader, o, ret);
        if (r < 0 && asprintf(ret_error, "hostd's inventory cannot be read: %s",
                             *reader.error ? reader.error : strerror(-r)) < 0)
                *ret_error = NULL;
        return r;
}

static int on_claimed(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(link_unrefp) HostLink *link = step_done(userdata);
        uint64_t generation = link->generation, held, seq;
        _cleanup_free_ char *reason = NULL, *unread = NULL;
        Inventory inventory = {};
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                claim_failed(link, reply);
                return LINK_HANDLED;
        }
        if (read_inventory(reply, &held, &inventory, &unread) < 0) {
                link_lose(link, unread ?: "hostd's inventory cannot be read.");
                return LINK_HANDLED;
        }

        seq = inventory.seq;
        link->epoch = held;
        link->state = LINK_CLAIMED;
        link->retry_delay = 0;
        r = link->owner.claimed(link, held, &inventory, &reason, link->userdata);
        inventory_done(&inventory);
        if (!link_is_same(link, generation))
                return LINK_HANDLED;
        if (r < 0)
                link_lose(link, reason ?: "The host's inventory was not accepted.");
        else
                link_replay_events(link, seq);
        return LINK_HANDLED;
}

int link_claim(HostLink *link, const LinkClaim *claim) {
        int r;

        if (link->state < LINK_WAITING || link->state > LINK_CLAIMED)
                return -ENOTCONN;

        /* An older hostd counts no orders, and has only the method with fewer arguments. */
        if (link->counts)
                r = step(link, link->peer, HOST_PATH, HOST_IFACE_MANAGER, "ClaimWith", on_claimed, "tssa{sv}",
                        claim->epoch, UUID_TEXT(&claim->pool), UUID_TEXT(&claim->instance), 1, "orders", "t",
                        claim->orders);
        else
                r = step(link, link->peer, HOST_PATH, HOST_IFACE_MANAGER, "Claim", on_claimed, "tss",
                        claim->epoch, UUID_TEXT(&claim->pool), UUID_TEXT(&claim->instance));
        if (r < 0)
                return r;
        link->state = LINK_CLAIMING;
        /* Waiting orders have the epoch of the claim before this one. If they were sent after this claim,
         * hostd would take them for another master's. */
        link_refuse_waiting(link, "The host was claimed anew before the order was sent.");
        return 0;
}
