/*
 * A machine's end of the lines: hostd's functions are called as its bus does (hostd/bus), and answers go back
 */

#include "hostd/service/claim.h"
#include "hostd/service/vm-orders.h"
#include "hostd/service/vm-records.h"
#include "tests/proof/machine-private.h"
#include "tests/proof/net-private.h"

typedef char CallerName[24];

static const char *name_of(uint64_t connection, CallerName name) {
        (void) snprintf(name, sizeof(CallerName), ":1.%llu", (unsigned long long) connection);
        return name;
}

static Message *answer(const Message *m, MessageKind kind) {
        Message *a = message_new(m->net, m->machine, kind, m->connection);

        a->incarnation = m->machine->incarnation;
        a->call = m->call;
        return a;
}

static void greet(const Message *m) {
        const Hostd *h = m->machine->inside->hostd;
        Message *a = answer(m, h ? MESSAGE_GREETING : MESSAGE_ABSENT);

        if (h) {
                a->claimed_by = strdup(host_get_claimed_by(h));
                a->boot_id = strdup(host_get_boot_id(h));
                a->greeting = (LinkGreeting){
                        .host_uuid = *host_get_uuid(h),
                        .epoch = host_get_epoch(h),
                        .orders = host_get_orders(h),
                        .claimed_by = a->claimed_by,
                        .boot_id = a->boot_id,
                };
        }
        message_send(a);
}

/* One that died in the call says nothing, and left no trace of having taken it. */
static bool is_dead(const Message *m) {
        return m->machine->inside->hostd_loop.is_over;
}

/* As bus_check() of hostd's bus. */
static void set_outcome(Message *a, int r, const Refusal *refusal) {
        a->code = r < 0 ? (r == -ENOMEM ? ERROR_INTERNAL_ERROR : ERROR_STORAGE_FAILED) : refusal->code;
        if (a->code != ERROR_NONE) {
                free(a->text);
                a->text = strdup(r < 0 ? "hostd could not store the change." : refusal->message);
        }
}

static void claim(const Message *m) {
        _cleanup_refusal_ Refusal refusal = {};
        Message *a = answer(m, MESSAGE_CLAIMED);
        Hostd *h = m->machine->inside->hostd;
        CallerName name;
        int r;

        r = host_claim(h, name_of(m->connection, name), m->claim.epoch, UUID_TEXT(&m->claim.pool),
                UUID_TEXT(&m->claim.instance), m->claim.orders, &a->held, &refusal);
        if (r >= 0 && refusal.code == ERROR_NONE)
                r = host_get_inventory(h, &a->text);
        set_outcome(a, r, &refusal);
        if (is_dead(m)) {
                message_free(a);
                return;
        }
        history_add(m->net->history, "%s claim epoch=%llu code=%s", m->machine->name,
                (unsigned long long) m->claim.epoch, a->code ? error_code_word(a->code) : "none");
        message_send(a);
}

static void call(const Message *m) {
        static const char *const words[_CALL_KIND_MAX] = {
                "start", "stop", "types", "add-type", "remove-type", "get", "end", "clear", "release"};
        static const EnablementChange changes[_CALL_KIND_MAX] = {
                [CALL_TYPES] = ENABLEMENT_SET,
                [CALL_ADD_TYPE] = ENABLEMENT_ADD,
                [CALL_REMOVE_TYPE] = ENABLEMENT_REMOVE,
        };
        _cleanup_refusal_ Refusal refusal = {};
        Message *a = answer(m, MESSAGE_ANSWER);
        Hostd *h = m->machine->inside->hostd;
        CallerName name;
        int r = 0;
        Uuid vm;

        name_of(m->connection, name);
        switch (m->what) {
        case CALL_START:
                r = host_start_vm(h, name, m->text, &refusal);
                break;
        case CALL_STOP:
                r = host_stop_vm(h, name, m->text, &refusal);
                break;
        case CALL_TYPES:
        case CALL_ADD_TYPE:
        case CALL_REMOVE_TYPE:
                r = host_change_types(
                        h, name, &m->pgpu, changes[m->what], (const char *const *) m->types, &refusal);
                break;
        case CALL_GET:
                r = uuid_from_string(m->text, &vm) < 0 ? -EINVAL : host_get_vm(h, &vm, &a->text, &refusal);
                break;
        case CALL_END:
                r = host_end_vm(h, name, m->text, &a->text, &refusal);
                break;
        case CALL_CLEAR:
                r = host_clear_health(h, name, &m->pgpu, &refusal);
                break;
        case CALL_RELEASE:
                r = host_release(h, name, &refusal);
                break;
        case _CALL_KIND_MAX:
                break;
        }
        set_outcome(a, r, &refusal);
        if (is_dead(m)) {
                message_free(a);
                return;
        }
        history_add(m->net->history, "%s takes order=%s code=%s pgpu=%s by=%s", m->machine->name, words[m->what],
                a->code ? error_code_word(a->code) : "none", PCI_TEXT(&m->pgpu), m->is_others ? "other" : "policyd");
        message_send(a);
}

static void deliver(const Message *m) {
        bool same = m->machine->inside->hostd && m->incarnation == m->machine->incarnation;
        CallerName name;

        switch (m->kind) {
        case MESSAGE_HELLO:
                if (m->machine->is_on)
                        greet(m);
                break;
        case MESSAGE_CLAIM:
                if (same)
                        claim(m);
                break;
        case MESSAGE_CALL:
                if (same)
                        call(m);
                break;
        case MESSAGE_LEFT:
                if (m->machine->inside->hostd)
                        host_caller_left(m->machine->inside->hostd, name_of(m->connection, name));
                break;
        default:
                break;
        }
}

static void on_taken(void *userdata) {
        Message *m = userdata;

        deliver(m);
        message_free(m);
}

void host_side_take(Message *m) {
        if (!m->machine->inside->hostd)
                on_taken(m);
        else if (loop_call_soon(m->machine->inside->parts.loop, &m->taking, on_taken, m) < 0)
                abort();
}
