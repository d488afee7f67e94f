/*
 * Orders to hostd
 *
 * A list of calls in the order in which they were asked for; the first n_sent of them are on their way, at
 * most 64, since a system bus lets one connection wait for 128 replies. The end of a call is one of these:
 *
 * - DONE: the method returned, so hostd stored the order.
 * - REFUSED: hostd checked the order and answered with an error of ours. Or the bus says that there is no
 *   such name, no access or no room: then the call was never delivered, since calls go to the unique name of the
 *   process that was claimed, and a unique name is never given twice.
 * - UNKNOWN: anything else; the call may have been delivered. A VM started twice destroys its disk, so a
 *   doubt never counts as a refusal.
 *
 * After an UNKNOWN the connection is closed. The next claim comes under a new unique name, and from then on
 * hostd refuses calls of the old name. So the inventory of that claim says for certain whether the call
 * arrived.
 */

#include <stdio.h>

#include "common/daemon/bus-text.h"
#include "policyd/link/link-private.h"
#include "protocol/names.h"

#define CALLS_OUTSTANDING_MAX 64
#define CALLS_WAITING_MAX 1024

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error);

static int call_send(LinkCall *call) {
        HostLink *link = call->link;
        int r;

        r = sd_bus_call_async(
                wire_bus(link->wire), &call->slot, call->message, on_reply, call, link->settings->call_usec);
        wire_arm(link->wire);
        if (r < 0)
                return r;
        call->message = sd_bus_message_unref(call->message);
        call->sent = true;
        link->next_unsent = TAILQ_NEXT(call, others);
        link->n_sent++;
        return 0;
}

static void send_waiting(HostLink *link) {
        uint64_t generation = link->generation;

        while (link_is_same(link, generation) && link->next_unsent && link->n_sent < CALLS_OUTSTANDING_MAX)
                if (call_send(link->next_unsent) < 0)
                        link_call_finish(link->next_unsent, LINK_REFUSED, ERROR_HOST_OFFLINE,
                                "The connection to the host takes no more messages.");
}

/* Errors that the bus itself gives before it delivers a call, and those that sd-bus gives before a handler
 * runs. */
static bool error_is_undelivered(sd_bus_message *reply) {
        static const char *const from_bus[] = {SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_LIMITS_EXCEEDED};
        static const char *const from_dispatch[] = {SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_OBJECT,
                SD_BUS_ERROR_UNKNOWN_INTERFACE, SD_BUS_ERROR_INVALID_ARGS};
        bool bus = streq_ptr(sd_bus_message_get_sender(reply), "org.freedesktop.DBus");

        for (size_t i = 0; bus && i < ARRAY_SIZE(from_bus); i++)
                if (sd_bus_message_is_method_error(reply, from_bus[i]))
                        return true;
        for (size_t i = 0; !bus && i < ARRAY_SIZE(from_dispatch); i++)
                if (sd_bus_message_is_method_error(reply, from_dispatch[i]))
                        return true;
        return false;
}

static LinkOutcome reply_outcome(sd_bus_message *reply, ErrorCode *ret_code) {
        ErrorCode code;

        if (!sd_bus_message_is_method_error(reply, NULL)) {
                *ret_code = ERROR_NONE;
                return LINK_DONE;
        }
        code = error_code_from_name(sd_bus_message_get_error(reply)->name);
        if (code >= 0) {
                *ret_code = code;
                return LINK_REFUSED;
        }
        if (error_is_undelivered(reply)) {
                *ret_code =
                        sd_bus_message_is_method_error(reply, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
                                        sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)
                                ? ERROR_HOST_OFFLINE
                                : ERROR_INTERNAL_ERROR;
                return LINK_REFUSED;
        }
        *ret_code = ERROR_HOST_OFFLINE;
        return LINK_UNKNOWN;
}

/* What a host sends is checked before anybody reads it. */
static const char *answer_text(const LinkCall *call, sd_bus_message *reply, char **ret_clean) {
        const char *text;

        if (!call->answers_text || sd_bus_message_read(reply, "s", &text) < 0)
                return NULL;
        *ret_clean = text_clean(text, strlen(text), TEXT_LINES, SIZE_MAX);
        return *ret_clean;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        LinkCall *call = userdata;
        _cleanup_(link_unrefp) HostLink *link = link_ref(call->link);
        uint64_t generation = link->generation;
        _cleanup_free_ char *detail = NULL, *text = NULL, *answer = NULL;
        LinkOutcome outcome;
        ErrorCode code;

        outcome = reply_outcome(reply, &code);
        if (outcome != LINK_DONE)
                detail = link_error_text(reply);
        link_call_finish(
                call, outcome, code, outcome == LINK_DONE ? answer_text(call, reply, &answer) : strempty(detail));
        if (!link_is_same(link, generation))
                return LINK_HANDLED;

        if (outcome == LINK_UNKNOWN) {
                if (asprintf(&text, "hostd left a call without a clear answer: %s", strempty(detail)) < 0)
                        text = NULL;
                link_lose(link, text ?: "hostd left a call without a clear answer.");
                return LINK_HANDLED;
        }
        link->heard = true;
        if (code == ERROR_STALE_EPOCH && link->owner.stale)
                link->owner.stale(link, strempty(detail), link->userdata);
        send_waiting(link);
        return LINK_HANDLED;
}

static int call_new(HostLink *link, const char *path, const char *interface, const char *member,
        LinkReply reply, void *userdata, LinkCall **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        LinkCall *call;
        int r;

        if (link->state != LINK_CLAIMED)
                return -ENOTCONN;
        if (link->n_calls - link->n_sent >= CALLS_WAITING_MAX)
                return -ENOBUFS;
        r = sd_bus_message_new_method_call(wire_bus(link->wire), &m, link->peer, path, interface, member);
        if (r < 0)
                return r;
        /* If the process that was claimed has ended, the bus must not start another one. */
        r = sd_bus_message_set_auto_start(m, false);
        if (r < 0)
                return r;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->link = link;
        call->message = take_ptr(m);
        call->reply = reply;
        call->userdata = userdata;
        link_call_append(link, call);
        *ret = call;
        return 0;
}

/* Sends the last call of the list now, if no other call waits before it. r is negative when its arguments
 * could not be appended. */
static int call_start(LinkCall *call, int r) {
        HostLink *link = call->link;

        if (r >= 0 && link->next_unsent == call && link->n_sent < CALLS_OUTSTANDING_MAX)
                r = call_send(call);
        if (r < 0)
                link_call_free(call);
        return r < 0 ? r : 0;
}

static int send_text(HostLink *link, const char *member, const char *text, LinkReply reply, void *userdata) {
        LinkCall *call;
        int r;

        r = call_new(link, HOST_PATH, HOST_IFACE_MANAGER, member, reply, userdata, &call);
        if (r < 0)
                return r;
        return call_start(call, bus_append_long_text(call->message, text));
}

int link_start_vm(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        return send_text(link, "StartVM", order, reply, userdata);
}

int link_stop_vm(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        return send_text(link, "StopVM", order, reply, userdata);
}

int link_get_vm(HostLink *link, const char *uuid, LinkReply reply, void *userdata) {
        LinkCall *call;
        int r;

        r = call_new(link, HOST_PATH, HOST_IFACE_MANAGER, "GetVM", reply, userdata, &call);
        if (r < 0)
                return r;
        call->answers_text = true;
        return call_start(call, sd_bus_message_append(call->message, "s", uuid));
}

int link_end_vm(HostLink *link, const char *order, LinkReply reply, void *userdata) {
        LinkCall *call;
        int r;

        r = call_new(link, HOST_PATH, HOST_IFACE_MANAGER, "EndVM", reply, userdata, &call);
        if (r < 0)
                return r;
        call->answers_text = true;
        return call_start(call, bus_append_long_text(call->message, order));
}

static int call_new_of_pgpu(HostLink *link, const PciAddress *pgpu, const char *member, LinkReply reply, void *userdata,
        LinkCall **ret) {
        char element[PCI_ADDRESS_TEXT_MAX + 1], path[sizeof(HOST_PATH_PGPU) + sizeof(element)];

        snprintf(path, sizeof(path), HOST_PATH_PGPU "/%s", pci_address_to_path_element(pgpu, element));
        return call_new(link, path, HOST_IFACE_PGPU, member, reply, userdata, ret);
}

int link_clear_health(HostLink *link, const PciAddress *pgpu, LinkReply reply, void *userdata) {
        LinkCall *call;
        int r;

        r = call_new_of_pgpu(link, pgpu, "ClearHealth", reply, userdata, &call);
        return r < 0 ? r : call_start(call, 0);
}

int link_change_types(HostLink *link, const PciAddress *pgpu, LinkTypesChange change,
        const char *const *identifiers, LinkReply reply, void *userdata) {
        static const char *const methods[_LINK_TYPES_CHANGE_MAX] = {
                [LINK_TYPES_SET] = "SetEnabledTypes",
                [LINK_TYPES_ADD] = "AddEnabledType",
                [LINK_TYPES_REMOVE] = "RemoveEnabledType",
        };
        LinkCall *call;
        int r;

        r = call_new_of_pgpu(link, pgpu, methods[change], reply, userdata, &call);
        if (r < 0)
                return r;
        if (change == LINK_TYPES_SET)
                r = sd_bus_message_append_strv(call->message, (char **) identifiers);
        else
                r = sd_bus_message_append(call->message, "s", identifiers[0]);
        return call_start(call, r);
}

int link_release(HostLink *link, LinkReply reply, void *userdata) {
        LinkCall *call;
        int r;

        r = call_new(link, HOST_PATH, HOST_IFACE_MANAGER, "Release", reply, userdata, &call);
        if (r < 0)
                return r;
        return call_start(call, 0);
}

bool link_withdraw(HostLink *link, const void *userdata) {
        for (LinkCall *call = link->next_unsent; call; call = TAILQ_NEXT(call, others))
                if (call->userdata == userdata) {
                        link_call_free(call);
                        return true;
                }
        return false;
}
