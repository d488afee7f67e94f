/*
 * The life of a link
 *
 * Dial, (greet.c: subscribe, greet, claim), keep alive, lose, wait, dial again. There is one way out of every
 * state, link_lose(): it closes what is open, bumps the generation so that whoever is on the stack notices,
 * answers the calls, tells the owner, and arms the retry.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/base/text.h"
#include "policyd/link/failure.h"
#include "policyd/link/link-private.h"
#include "protocol/names.h"

#define SECOND UINT64_C(1000000)
#define ENDING_USEC SECOND /* that long ssh may take to end after it has closed its end */

static const char not_reached[] = "The host's bus ended the connection before it could be used.";

static int dial(HostLink *link);

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

int link_new(sd_event *event, const char *address, const LinkOwner *owner, void *userdata, HostLink **ret) {
        _cleanup_(link_unrefp) HostLink *link = NULL;
        _cleanup_free_ char *message = NULL;
        int r;

        link = calloc(1, sizeof(*link));
        if (!link)
                return -ENOMEM;
        link->n_ref = 1;
        link->wire = -1;
        link->event = sd_event_ref(event);
        link->owner = *owner;
        link->userdata = userdata;
        link_settings_default(&link->settings);
        r = link_configure(link, &link->settings);
        if (r < 0)
                return r;
        r = link_address_parse(address, &link->address, &message);
        if (r < 0)
                return r;

        *ret = take_ptr(link);
        return 0;
}

int link_configure(HostLink *link, const LinkSettings *settings) {
        LinkSettings s;
        char *program;

        link_settings_default(&s);
        program = strdup(settings->ssh_program ?: s.ssh_program);
        if (!program)
                return -ENOMEM;
        free(link->ssh_program);
        link->ssh_program = program;
        link->settings = (LinkSettings){
                .connect_usec = settings->connect_usec ?: s.connect_usec,
                .call_usec = settings->call_usec ?: s.call_usec,
                .ping_usec = settings->ping_usec ?: s.ping_usec,
                .pings_missed = settings->pings_missed ?: s.pings_missed,
                .retry_min_usec = settings->retry_min_usec ?: s.retry_min_usec,
                .retry_max_usec = settings->retry_max_usec ?: s.retry_max_usec,
                .ssh_program = program,
                .logins = settings->logins,
        };
        return 0;
}

HostLink *link_ref(HostLink *link) {
        link->n_ref++;
        return link;
}

HostLink *link_unref(HostLink *link) {
        if (!link || --link->n_ref > 0)
                return NULL;
        link_address_done(&link->address);
        sd_event_unref(link->event);
        free(link->ssh_program);
        free(link);
        return NULL;
}

static void forget_peer(HostLink *link) {
        link->generation++;
        link->step_slot = sd_bus_slot_unref(link->step_slot);
        link->ping_slot = sd_bus_slot_unref(link->ping_slot);
        link->pings_missed = 0;
        free(link->peer);
        link->peer = NULL;
        link_drop_events(link);
}

static void close_bus(HostLink *link) {
        link->connected_slot = sd_bus_slot_unref(link->connected_slot);
        link->disconnected_slot = sd_bus_slot_unref(link->disconnected_slot);
        link_detach(link);
        link->bus = sd_bus_close_unref(link->bus);
}

static void close_connection(HostLink *link) {
        forget_peer(link);
        link->owner_slot = sd_bus_slot_unref(link->owner_slot);
        link->signal_slot = sd_bus_slot_unref(link->signal_slot);
        link->deadline = sd_event_source_disable_unref(link->deadline);
        link->keepalive = sd_event_source_disable_unref(link->keepalive);
        link->retry = sd_event_source_disable_unref(link->retry);
        close_bus(link);
        login_leave(&link->login);
        link->ssh = ssh_close(link->ssh);
}

HostLink *link_free(HostLink *link) {
        if (!link || link->freed)
                return NULL;
        link->freed = true;
        link->owner = (LinkOwner){};
        close_connection(link);
        link_drop_calls(link, NULL);
        return link_unref(link);
}

/* Dialling */

static int on_connected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        HostLink *link = userdata;

        link->deadline = sd_event_source_disable_unref(link->deadline);
        login_succeeded(&link->login);
        link_subscribe(link);
        return LINK_HANDLED;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        link_dropped(userdata);
        return LINK_HANDLED;
}

/* A login that failed. Of a connection that stands the bus hears the end itself. */
static void on_ssh_ended(void *userdata) {
        HostLink *link = userdata;

        if (link->state != LINK_DIALING)
                return;
        link->dropped = true;
        link_peek(link);
        link_lose(link, not_reached);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        HostLink *link = userdata;
        char text[128];

        login_starved(&link->login);
        if (!link->bus) { /* its end was waited for */
                link_lose(link, not_reached);
                return 0;
        }
        snprintf(text, sizeof(text), "The host's bus did not answer within %" PRIu64 " ms.",
                link->settings.connect_usec / 1000);
        link_lose(link, text);
        return 0;
}

static int open_transport(HostLink *link) {
        _cleanup_close_ int fd = -1;
        int r;

        if (link->address.transport == TRANSPORT_BUS)
                return sd_bus_set_address(link->bus, link->address.bus);

        r = ssh_open(link->event,
                &(SshSettings){
                        .program = link->ssh_program,
                        .answer_usec = link->settings.connect_usec / 5 * 4,
                        .ended = on_ssh_ended,
                        .userdata = link,
                },
                &link->address, &link->ssh, &fd);
        if (r < 0)
                return r;
        login_started(&link->login, ssh_pid(link->ssh));
        r = link_take_wire(link, fd);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(link->bus, fd, fd);
        if (r >= 0)
                take_fd(fd);
        return r;
}

static int start_keepalive(HostLink *link);

/* The bus's own word on its beginning and end. */
static int watch_connection(HostLink *link) {
        static const char local[] = "org.freedesktop.DBus.Local";
        int r;

        r = sd_bus_set_connected_signal(link->bus, true);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(
                link->bus, &link->connected_slot, local, NULL, local, "Connected", on_connected, NULL, link);
        if (r < 0)
                return r;
        return sd_bus_match_signal_async(link->bus, &link->disconnected_slot, local, NULL, local,
                "Disconnected", on_disconnected, NULL, link);
}

static int open_bus(HostLink *link) {
        int r;

        r = sd_bus_new(&link->bus);
        if (r < 0)
                return r;
        r = open_transport(link);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(link->bus, true);
        if (r < 0)
                return r;
        r = watch_connection(link);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(link->event, &link->deadline, CLOCK_MONOTONIC,
                link->settings.connect_usec, 0, on_deadline, link);
        if (r < 0)
                return r;
        r = sd_bus_start(link->bus);
        if (r < 0)
                return r;
        r = link_attach(link);
        return r < 0 ? r : start_keepalive(link);
}

static int dial(HostLink *link) {
        const char *program = link->ssh_program;
        char text[512];
        int r;

        link->state = LINK_DIALING;
        link->dropped = link->spoke = false;
        link->noise[0] = '\0';
        r = open_bus(link);
        if (r == -ENOMEM) {
                link_lose(link, "There is no memory to reach the host.");
                return r;
        }
        if (r >= 0)
                return 0;
        if (link->deadline && link->ssh)
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

/* Even a first attempt that fails at once is told from the loop: the owner may still be building what lost()
 * looks at. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);

        link->retry = sd_event_source_disable_unref(link->retry);
        if (link->settings.logins && link->address.transport == TRANSPORT_SSH)
                login_wait(&link->login, link->settings.logins, on_turn, link);
        else
                dial(link);
        return 0;
}

static int arm_retry(HostLink *link, uint64_t usec) {
        return sd_event_add_time_relative(
                link->event, &link->retry, CLOCK_MONOTONIC, usec, 1, on_retry, link);
}

int link_start(HostLink *link) {
        if (link->state != LINK_IDLE)
                return -EALREADY;
        link->state = LINK_RETRYING;
        return arm_retry(link, 0);
}

/* Keeping alive */

static int on_pong(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        HostLink *link = userdata;
        char text[128];

        link->ping_slot = sd_bus_slot_unref(link->ping_slot);
        /* Any answer shows life, an error of hostd's own too. */
        if (!sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) &&
                !sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT)) {
                link->pings_missed = 0;
                return LINK_HANDLED;
        }
        if (++link->pings_missed < link->settings.pings_missed)
                return LINK_HANDLED;
        snprintf(text, sizeof(text), "The host did not answer %u keepalives, %" PRIu64 " ms each.",
                link->pings_missed, link->settings.ping_usec / 1000);
        link_lose(link, text);
        return LINK_HANDLED;
}

static int send_ping(HostLink *link) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        /* Without hostd the bus itself is asked: the next NameOwnerChanged must be able to reach us. The
         * system bus lets nobody ping it, and writes each try to the journal; its id it tells. */
        if (link->peer)
                r = sd_bus_message_new_method_call(
                        link->bus, &m, link->peer, HOST_PATH, "org.freedesktop.DBus.Peer", "Ping");
        else
                r = sd_bus_message_new_method_call(link->bus, &m, "org.freedesktop.DBus",
                        "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId");
        if (r < 0)
                return r;
        r = sd_bus_call_async(link->bus, &link->ping_slot, m, on_pong, link, link->settings.ping_usec);
        link_arm(link);
        return r;
}

static int on_keepalive(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_(link_unrefp) HostLink *link = link_ref(userdata);
        int r;

        sd_event_source_set_time_relative(source, link->settings.ping_usec);
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (link->heard)
                link->pings_missed = 0;
        else if (!link->ping_slot && link->state > LINK_SUBSCRIBING && link->state < LINK_RETRYING) {
                r = send_ping(link);
                if (r < 0)
                        link_lose(link, "The host's bus takes no more messages.");
        }
        link->heard = false;
        return 0;
}

static int start_keepalive(HostLink *link) {
        return sd_event_add_time_relative(link->event, &link->keepalive, CLOCK_MONOTONIC,
                link->settings.ping_usec, 0, on_keepalive, link);
}

void link_set_claimed(HostLink *link) {
        link->state = LINK_CLAIMED;
        link->retry_delay = 0;
}

bool link_is_claimed(const HostLink *link) {
        return link->state == LINK_CLAIMED;
}

/* Losing */

/* Doubles up to the maximum; a quarter of jitter keeps a pool of hosts from dialling in step. */
static uint64_t next_delay(HostLink *link) {
        uint64_t random = 0, delay;

        delay = link->retry_delay ? link->retry_delay * 2 : link->settings.retry_min_usec;
        delay = MIN_OF(delay, link->settings.retry_max_usec);
        link->retry_delay = delay;
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
                random = (uintptr_t) link; /* early at boot; any spread between links will do */
        return MIN_OF(delay + random % (delay / 4 + 1), link->settings.retry_max_usec);
}

/* What the link saw, or what ssh says of it, with what helps. */
static char *explain(HostLink *link, const char *seen) {
        LinkFailure f = {
                .address = &link->address,
                .words = link->ssh ? ssh_words(link->ssh) : "",
                .noise = link->noise,
                .status = -1,
                .signal = -1,
                .stood = link->state > LINK_DIALING,
                .dropped = link->dropped,
                .seen = seen,
        };

        if (link->ssh)
                (void) ssh_has_ended(link->ssh, &f.status, &f.signal);
        return link_failure_sentence(&f);
}

static void tell_lost(HostLink *link, uint64_t generation, const char *reason) {
        link_drop_calls(link, reason);
        if (link_is_same(link, generation) && link->owner.lost)
                link->owner.lost(link, reason, link->userdata);
}

static void lose(HostLink *link, const char *reason) {
        close_connection(link);
        link->state = LINK_RETRYING;
        /* Without memory for a timer the link would be dead for good; the loop cannot go on then either. */
        if (arm_retry(link, next_delay(link)) < 0)
                sd_event_exit(link->event, -ENOMEM);
        tell_lost(link, link->generation, reason);
}

void link_lose(HostLink *link, const char *reason) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);
        _cleanup_free_ char *text = NULL;

        if (link->freed || link->state == LINK_RETRYING)
                return;
        text = explain(link, reason);
        lose(link, text ?: reason);
}

void link_dropped(HostLink *link) {
        int status, signal;

        if (link->freed || link->state == LINK_RETRYING)
                return;
        link->dropped = true;
        if (link->state > LINK_DIALING)
                link_lose(link, "The connection to the host's bus was lost.");
        else if (!link->ssh || ssh_has_ended(link->ssh, &status, &signal))
                link_lose(link, not_reached);
        else {
                /* ssh closes its end a moment before it has ended. */
                link_peek(link);
                close_bus(link);
                (void) sd_event_source_set_time_relative(link->deadline, ENDING_USEC);
        }
}

void link_lose_peer(HostLink *link, const char *reason) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);

        forget_peer(link);
        link->state = LINK_ABSENT;
        tell_lost(link, link->generation, reason);
}

void link_reset(HostLink *link, const char *reason) {
        _cleanup_(link_unrefp) _unused_ HostLink *pin = link_ref(link);

        if (!link->freed && link->state != LINK_IDLE && link->state != LINK_RETRYING)
                lose(link, reason);
}

void link_dial_now(HostLink *link) {
        link->retry_delay = 0;
        if (link->state == LINK_DIALING)
                link_reset(link, "It is dialled again, as Reconnect asked.");
        if (link->state == LINK_RETRYING && link->retry)
                (void) sd_event_source_set_time_relative(link->retry, 0);
}
