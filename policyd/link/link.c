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
#include "policyd/link/pool-key.h"
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
        _cleanup_free_ char *reason = NULL;
        HostLink *link = userdata;
        char text[128];

        login_starved(&link->login);
        if (link->search) {
                reason = link_no_key_sentence(&link->address);
                link_lose(link, reason ?: "The host did not show its keys in time.");
                return;
        }
        if (!link->wire) { /* its end was waited for */
                link_lose(link, LINK_NOT_REACHED);
                return;
        }
        snprintf(text, sizeof(text), "The host's bus did not answer within %" PRIu64 " ms.",
                link->settings->connect_usec / 1000);
        link_lose(link, text);
}

/* policyd's own key where it has one; NULL: ssh finds those of its user. */
static int find_identity(HostLink *link, char **ret) {
        _cleanup_free_ char *path = NULL;

        if (!link->settings->ssh_folder)
                return 0;
        path = pool_key_file(link->settings->ssh_folder);
        if (!path)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                *ret = take_ptr(path);
        return 0;
}

static int open_transport(HostLink *link) {
        _cleanup_free_ char *identity = NULL;
        int fd, r;

        if (link->address.transport == TRANSPORT_BUS)
                return sd_bus_set_address(wire_bus(link->wire), link->address.bus);

        r = find_identity(link, &identity);
        if (r < 0)
                return r;
        r = ssh_open(link->event,
                &(SshSettings){
                        .program = link->settings->ssh_program,
                        .known_hosts = link->key_file,
                        .identity = identity,
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

/* Why a connection could not even be begun. */
static int cannot_open(HostLink *link, int r) {
        const char *program = link->settings->ssh_program;
        char text[512];

        if (r == -ENOMEM) {
                link_lose(link, "There is no memory to reach the host.");
                return r;
        }
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

static int connect_to(HostLink *link) {
        int r = open_bus(link);

        return r < 0 ? cannot_open(link, r) : 0;
}

/* A host that shows no key is dialled all the same: ssh finds none either, and says why. */
static void on_searched(HostKeyResult result, const char *text, void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);
        _cleanup_free_ char *reason = NULL;

        link->search = host_key_search_free(link->search);
        if (result == HOST_KEY_STORED || result == HOST_KEY_SILENT) {
                link->doubts_key = false;
                connect_to(link);
                return;
        }
        reason = result == HOST_KEY_OTHER
                         ? link_other_key_sentence(&link->address, link->fingerprint, text)
                         : text_printf("The key of the host cannot be stored in %s on the master: %s.", link->key_file, text);
        link_lose(link, reason ?: "The host's key is not the one that was given.");
}

/* Before ssh is started the key must be there. */
static int search_key(HostLink *link) {
        int r;

        r = loop_call_in(link->loop, &link->deadline, link->settings->connect_usec, on_deadline, link);
        if (r < 0)
                return r;
        r = host_key_search(link->event,
                &(HostKeyTask){
                        .address = &link->address,
                        .fingerprint = link->fingerprint,
                        .file = link->key_file,
                        .answer_usec = link->settings->connect_usec / 5 * 2,
                        .ended = on_searched,
                        .userdata = link,
                },
                &link->search);
        if (r >= 0)
                login_started(&link->login, host_key_search_pid(link->search));
        return r;
}

static int dial(HostLink *link) {
        int r;

        link->state = LINK_DIALING;
        link->dropped = false;
        link->noise[0] = '\0';
        if (link->cannot_dial) {
                link_lose(link, link->cannot_dial);
                return 0;
        }
        if (!link->key_file || (!link->doubts_key && host_key_is_stored(link->key_file, link->fingerprint)))
                return connect_to(link);
        r = search_key(link);
        return r < 0 ? cannot_open(link, r) : 0;
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

void link_forget_key(HostLink *link) {
        if (link->key_file)
                (void) unlink(link->key_file); /* one that stays is only used where its fingerprint is given again */
}

int link_set_fingerprint(HostLink *link, const char *fingerprint) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);
        _cleanup_free_ char *copy = NULL, *file = NULL;

        link_reset(link, "The host's key is checked.");
        if (link->freed)
                return 0;
        if (!isempty(fingerprint) && link->settings->ssh_folder && link->address.transport == TRANSPORT_SSH) {
                copy = strdup(fingerprint);
                file = host_key_file(link->settings->ssh_folder, &link->address);
                if (!copy || !file)
                        return -ENOMEM;
        }
        if (!file)
                link_forget_key(link);
        free(link->fingerprint);
        free(link->key_file);
        link->fingerprint = take_ptr(copy);
        link->key_file = take_ptr(file);
        link->doubts_key = false;
        link_dial_now(link);
        return 0;
}
