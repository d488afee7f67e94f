/*
 * Calls of a link that are not answered yet
 *
 * In the order in which they were asked for; the first n_sent of them are on their way.
 */

#include "policyd/link/link-private.h"

void link_call_append(HostLink *link, LinkCall *call) {
        TAILQ_INSERT_TAIL(&link->calls, call, others);
        if (!link->next_unsent)
                link->next_unsent = call;
        link->n_calls++;
}

LinkCall *link_call_free(LinkCall *call) {
        HostLink *link = call->link;

        if (link->next_unsent == call)
                link->next_unsent = TAILQ_NEXT(call, others);
        TAILQ_REMOVE(&link->calls, call, others);
        link->n_calls--;
        if (call->sent)
                link->n_sent--;
        sd_bus_slot_unref(call->slot);
        sd_bus_message_unref(call->message);
        free(call);
        return NULL;
}

void link_call_finish(LinkCall *call, LinkOutcome outcome, ErrorCode code, const char *message) {
        HostLink *link = call->link;
        LinkReply reply = call->reply;
        void *userdata = call->userdata;

        link_call_free(call);
        reply(link, outcome, code, message, userdata);
}

/* The link is closed before reply() is called, so that reply() cannot make another call. If there is no
 * reason, the link is being freed and no reply() is called. */
void link_drop_calls(HostLink *link, const char *reason) {
        LinkCall *call;

        while ((call = TAILQ_FIRST(&link->calls))) {
                if (!reason || link->freed)
                        link_call_free(call);
                else
                        link_call_finish(
                                call, call->sent ? LINK_UNKNOWN : LINK_REFUSED, ERROR_HOST_OFFLINE, reason);
        }
}

void link_refuse_waiting(HostLink *link, const char *reason) {
        uint64_t generation = link->generation;

        while (link_is_same(link, generation) && link->next_unsent)
                link_call_finish(link->next_unsent, LINK_REFUSED, ERROR_HOST_OFFLINE, reason);
}
