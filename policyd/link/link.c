/*
 * The life of a link
 *
 * Dial, (greet.c: subscribe, greet, claim), keep alive, (lose.c: lose), wait, dial again.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "policyd/link/failure.h"
#include "policyd/link/link-private.h"
#include "protocol/names.h"

#define SECOND UINT64_C(1000000)

static void on_retry(void *userdata);

void link_settings_default(LinkSettings *ret) {
        *ret = (LinkSettings){
                .connect_usec = 10 * SECOND,
                .call_usec = 20 * SECOND,
                .ping_usec = 10 * SECOND,
                .pings_missed = 2,
                .retry_min_usec = SECOND / 4,
                .retry_max_usec = 30 * SECOND,
                .ssh_program = "ssh",
        };
}

int link_new(Loop *loop, sd_event *event, const char *address, const LinkSettings *settings, const LinkOwner *owner,
        void *userdata, HostLink **ret) {
        _cleanup_(link_unrefp) HostLink *link = NULL;
        int r;

        link = calloc(1, sizeof(*link));
        if (!link)
                return -ENOMEM;
        TAILQ_INIT(&link->calls);
        link->n_ref = 1;
        link->on_retry = on_retry;
        link->loop = loop;
        link->event = sd_event_ref(event);
        link->settings = settings;
        link->owner = *owner;
        link->userdata = userdata;
        r = link_address_parse(address, &link->address, &link->cannot_dial);
        if (r < 0 && r != -EINVAL)
                return r;
        *ret = take_ptr(link);
        return 0;
}

HostLink *link_free(HostLink *link) {
        if (!link || link->freed)
                return NULL;
        link->freed = true;
        link->owner = (LinkOwner){};
        link_close(link);
        link_drop_calls(link, NULL);
        return link_unref(link);
}

/* Dialling */

static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        HostLink *link = userdata;

        loop_timer_stop(link->deadline);
        login_succeeded(&link->login);
        link_subscribe(link);
        return LINK_HANDLED;
}

static void on_dropped(void *userdata) {
        link_dropped(userdata);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        link_dropped(userdata);
        return LINK_HANDLED;
}

/* ssh has ended. Only a login that failed is handled here; if the connection was established, sd-bus notices
 * the end itself. */
static void on_ssh_ended(void *userdata) {
        HostLink *link = userdata;

        if (link->state != LINK_DIALING)
                return;
        link->dropped = true;
        link_lose(link, LINK_NOT_REACHED);
}

static void on_deadline(void *userdata) {
        HostLink *link = userdata;
        char text[128];

        login_starved(&link->login);
        if (!link->wire) { /* its end was waited for */
                link_lose(link, LINK_NOT_REACHED);
                return;
        }
        snprintf(text, sizeof(text), "The host's bus did not answer within %" PRIu64 " ms.",
                link->settings->connect_usec / 1000);
        link_lose(link, text);
}

static int open_transport(HostLink *link) {
        int fd, r;

        if (link->address.transport == TRANSPORT_BUS)
                return sd_bus_set_address(wire_bus(link->wire), link->address.bus);

        r = ssh_open(link->event,
                &(SshSettings){
                        .program = link->settings->ssh_program,
                        .answer_usec = link->settings->connect_usec / 5 * 4,
                        .ended = on_ssh_ended,
                        .userdata = link,
                },
                &link->address, &link->ssh, &fd);
        if (r < 0)
                return r;
        login_started(&link->login, ssh_pid(link->ssh));
        return wire_set_socket(link->wire, fd);
}

static int start_keepalive(HostLink *link);

/* The signals by which sd-bus reports the beginning and the end of a connection. */
static int watch_connection(HostLink *link) {
        static const char local[] = "org.freedesktop.DBus.Local";
        sd_bus *bus = wire_bus(link->wire);
        int r;

        r = sd_bus_set_connected_signal(bus, true);
        if (r >= 0)
                r = sd_bus_match_signal_async(
                        bus, &link->connected_slot, local, NULL, local, "Connected", on_connected, NULL, link);
        return r < 0 ? r : sd_bus_match_signal_async(bus, &link->disconnected_slot, local, NULL, local,
                                   "Disconnected", on_disconnected, NULL, link);
}

static int open_bus(HostLink *link) {
        int r;

        r = wire_new(link->event, on_dropped, link, &link->wire);
        if (r >= 0)
                r = open_transport(link);
        if (r >= 0)
                r = sd_bus_set_bus_client(wire_bus(link->wire), true);
        if (r >= 0)
                r = watch_connection(link);
        if (r >= 0)
                r = loop_call_in(link->loop, &link->deadline, link->settings->connect_usec, on_deadline, link);
        if (r >= 0)
                r = sd_bus_start(wire_bus(link->wire));
        if (r >= 0)
                r = wire_attach(link->wire);
        return r < 0 ? r : start_keepalive(link);
}

static int dial(HostLink *link) {
        const char *program = link->settings->ssh_program;
        char text[512];
        int r;

        link->state = LINK_DIALING;
        link->dropped = false;
        link->noise[0] = '\0';
        if (link->cannot_dial) {
                link_lose(link, link->cannot_dial);
                return 0;
        }
        r = open_bus(link);
        if (r == -ENOMEM) {
                link_lose(link, "There is no memory to reach the host.");
                return r;
        }
        if (r >= 0)
                return 0;
        if (loop_timer_is_armed(link->deadline) && link->ssh)
                link_dropped(link); /* ssh had ended before the first words reached it */
        else if (link->address.transport == TRANSPORT_SSH && r == -ENOENT)
                link_lose(link, text_format(text, sizeof(text),
                                        "ssh cannot be started on the master, since there is no %s: it is in "
                                        "the package "
                                        "openssh-client.",
                                        program));
        else if (link->address.transport == TRANSPORT_SSH)
                link_lose(link, text_format(text, sizeof(text), "ssh cannot be started on the master: %s.",
                                        strerror(-r)));
        else
                link_lose(link, text_format(text, sizeof(text), "The host's bus cannot be reached: %s.",
                                        strerror(-r)));
        return 0;
}

static void on_turn(void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);

        dial(link);
}

/* A first attempt that fails at once is reported from the loop too, since the owner may not yet have made
 * what lost() needs. */
static void on_retry(void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);

        if (link->settings->logins && link->address.transport == TRANSPORT_SSH)
                login_wait(&link->login, link->settings->logins, on_turn, link);
        else
                dial(link);
}

int link_start(HostLink *link) {
        if (link->state != LINK_IDLE)
                return -EALREADY;
        link->state = LINK_RETRYING;
        return link_arm_retry(link, 0);
}

/* Keeping alive */

static int on_pong(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        HostLink *link = userdata;
        char text[128];

        link->ping_slot = sd_bus_slot_unref(link->ping_slot);
        /* Any answer shows that hostd lives, also an error. */
        if (!sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) &&
                !sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT)) {
                link->pings_missed = 0;
                return LINK_HANDLED;
        }
        if (++link->pings_missed < link->settings->pings_missed)
                return LINK_HANDLED;
        snprintf(text, sizeof(text), "The host did not answer %u keepalives, %" PRIu64 " ms each.",
                link->pings_missed, link->settings->ping_usec / 1000);
        link_lose(link, text);
        return LINK_HANDLED;
}

static int send_ping(HostLink *link) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        /* While hostd is absent, the bus itself is asked, to make sure that the next NameOwnerChanged can
         * arrive. The system bus refuses pings and writes each one to the journal, but it answers with its
         * id. */
        if (link->peer)
                r = sd_bus_message_new_method_call(
                        wire_bus(link->wire), &m, link->peer, HOST_PATH, "org.freedesktop.DBus.Peer", "Ping");
        else
                r = sd_bus_message_new_method_call(wire_bus(link->wire), &m, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId");
        if (r < 0)
                return r;
        r = sd_bus_call_async(wire_bus(link->wire), &link->ping_slot, m, on_pong, link, link->settings->ping_usec);
        wire_arm(link->wire);
        return r;
}

static void on_keepalive(void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);
        int r;

        (void) start_keepalive(link); /* its timer is there, so this does not fail */
        if (link->heard)
                link->pings_missed = 0;
        else if (!link->ping_slot && link->state > LINK_SUBSCRIBING && link->state < LINK_RETRYING) {
                r = send_ping(link);
                if (r < 0)
                        link_lose(link, "The host's bus takes no more messages.");
        }
        link->heard = false;
}

static int start_keepalive(HostLink *link) {
        return loop_call_in(link->loop, &link->keepalive, link->settings->ping_usec, on_keepalive, link);
}

bool link_is_claimed(const HostLink *link) {
        return link->state == LINK_CLAIMED;
}

void link_dial_now(HostLink *link) {
        link->retry_delay = 0;
        if (link->state == LINK_DIALING)
                link_reset(link, "It is dialled again, as Reconnect asked.");
        if (link->state == LINK_RETRYING && loop_timer_is_armed(link->retry))
                (void) loop_timer_arm_in(link->retry, 0);
}
