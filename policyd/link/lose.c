/*
 * The end of a connection
 *
 * link_lose() is the one way out of every state. It closes what is open, increments the generation so that
 * functions on the stack notice, answers the calls, informs the owner, and sets the timer for the next
 * attempt.
 */

#include "common/base/text.h"
#include "policyd/link/failure.h"
#include "policyd/link/link-private.h"

#define ERROR_TEXT_MAX 4096
#define ENDING_USEC UINT64_C(1000000) /* that long ssh may take to end after it has closed its end */

HostLink *link_ref(HostLink *link) {
        link->n_ref++;
        return link;
}

HostLink *link_unref(HostLink *link) {
        if (!link || --link->n_ref > 0)
                return NULL;
        link_address_done(&link->address);
        free(link->cannot_dial);
        free(link->fingerprint);
        free(link->key_file);
        sd_event_unref(link->event);
        free(link);
        return NULL;
}

static bool is_silence(sd_bus_message *reply) {
        return sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) ||
               sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT);
}

char *link_error_text(sd_bus_message *reply) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        const char *text;

        if (is_silence(reply))
                text = "no answer in time.";
        else if (e && !isempty(e->message))
                text = e->message;
        else
                text = e ? strempty(e->name) : "it gave no reason";
        return text_clean(text, strlen(text), TEXT_LINE, ERROR_TEXT_MAX);
}

static void forget_peer(HostLink *link) {
        link->generation++;
        link->step_slot = sd_bus_slot_unref(link->step_slot);
        link->ping_slot = sd_bus_slot_unref(link->ping_slot);
        link->pings_missed = 0;
        free(link->peer);
        link->peer = NULL;
        message_list_drop(&link->kept);
}

static void close_bus(HostLink *link) {
        link->connected_slot = sd_bus_slot_unref(link->connected_slot);
        link->disconnected_slot = sd_bus_slot_unref(link->disconnected_slot);
        link->wire = wire_close(link->wire);
}

void link_close(HostLink *link) {
        forget_peer(link);
        link->owner_slot = sd_bus_slot_unref(link->owner_slot);
        link->signal_slot = sd_bus_slot_unref(link->signal_slot);
        link->deadline = loop_timer_free(link->deadline);
        link->keepalive = loop_timer_free(link->keepalive);
        link->retry = loop_timer_free(link->retry);
        close_bus(link);
        login_leave(&link->login);
        link->ssh = ssh_close(link->ssh);
        link->search = host_key_search_free(link->search);
}

/* Doubles up to the maximum. A random quarter is added, so that many links do not connect at the same moment.
 */
static uint64_t next_delay(HostLink *link) {
        uint64_t random = 0, delay;

        delay = link->retry_delay ? link->retry_delay * 2 : link->settings->retry_min_usec;
        delay = MIN_OF(delay, link->settings->retry_max_usec);
        link->retry_delay = delay;
        if (loop_random(link->loop, &random, sizeof(random)) < 0)
                random = (uintptr_t) link; /* any spread between links will do */
        return MIN_OF(delay + random % (delay / 4 + 1), link->settings->retry_max_usec);
}

int link_arm_retry(HostLink *link, uint64_t usec) {
        return loop_call_in(link->loop, &link->retry, usec, link->on_retry, link);
}

/* The reason: what ssh says about it, with a remedy, or else what the link noticed. */
static char *explain(HostLink *link, const char *seen) {
        LinkFailure f = {
                .address = &link->address,
                .fingerprint = link->fingerprint,
                .key_file = link->key_file,
                .key_is_stored = link->key_file && host_key_is_stored(link->key_file, link->fingerprint),
                .words = link->ssh ? ssh_words(link->ssh) : "",
                .noise = link->noise,
                .status = -1,
                .signal = -1,
                .stood = link->state > LINK_DIALING,
                .dropped = link->dropped,
                .seen = seen,
        };

        if (link->wire)
                wire_noise(link->wire, link->noise);
        if (link->ssh)
                (void) ssh_has_ended(link->ssh, &f.status, &f.signal);
        /* It stays until the key was searched for: only that search tells which key the host has now. */
        if (link->key_file && strstr(f.words, "Host key verification failed"))
                link->doubts_key = true;
        return link_failure_sentence(&f);
}

static void tell_lost(HostLink *link, uint64_t generation, const char *reason) {
        link_drop_calls(link, reason);
        if (link_is_same(link, generation) && link->owner.lost)
                link->owner.lost(link, reason, link->userdata);
}

static void lose(HostLink *link, const char *reason) {
        link_close(link);
        link->state = LINK_RETRYING;
        /* Without memory for the timer the link would never connect again, so the loop ends. */
        if (link_arm_retry(link, next_delay(link)) < 0)
                loop_exit(link->loop, -ENOMEM);
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
                link_lose(link, LINK_NOT_REACHED);
        else {
                /* ssh closes its end a moment before it has ended. */
                wire_noise(link->wire, link->noise);
                close_bus(link);
                (void) loop_timer_arm_in(link->deadline, ENDING_USEC);
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
