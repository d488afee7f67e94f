/*
 * What happens to a call before sd-bus looks for its method
 *
 * A call that changes the pool takes a place among the waiting requests, so that a caller with too many of
 * them is refused before anything was changed. A call that takes long waits for its turn. All calls that read
 * see committed state only, so the open batch is committed first; this happens before the object is looked
 * up, since a failed commit rebuilds the model. While a row of the database is unreadable, a call that
 * changes the pool is refused before it takes a place.
 */

#include "policyd/bus/bus-private.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define REFERENCES_SHORT 256

/* The object whose properties are asked for, and which of them (NULL: all). A call that cannot be read is
 * left to sd-bus, which refuses it. */
static bool asks_properties(Bus *bus, sd_bus_message *m, Object **ret, const char **ret_property) {
        bool one = sd_bus_message_is_method_call(m, PROPERTIES, "Get");
        const char *interface;

        *ret_property = NULL;
        if (!one && !sd_bus_message_is_method_call(m, PROPERTIES, "GetAll"))
                return false;
        *ret = object_at(bus, sd_bus_message_get_path(m));
        return sd_bus_message_rewind(m, /* complete= */ true) >= 0 &&
               sd_bus_message_read(m, "s", &interface) > 0 &&
               (!one || sd_bus_message_read(m, "s", ret_property) > 0);
}

/* A property that is too large for a message is refused before sd-bus writes it. */
static int check_properties(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        const char *property;
        Object *o;

        if (!asks_properties(bus, m, &o, &property))
                return 0;
        if (!o)
                return object_check_there(bus, sd_bus_message_get_path(m), error);
        return bus_check_properties(o, property, error);
}

static const BusClass *class_of(const Bus *bus, const char *interface) {
        if (streq(interface, bus->manager->interface))
                return bus->manager;
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                if (streq(interface, bus->classes[c]->interface))
                        return bus->classes[c];
        return NULL;
}

/* A method of ours changes the pool, unless its class says more of it. */
static MethodKind kind_of_ours(const BusClass *class, const char *member) {
        for (const MethodRow *row = class->methods; row && row->member; row++)
                if (streq(member, row->member))
                        return row->kind;
        for (const sd_bus_vtable *v = class->vtable; v->type != _SD_BUS_VTABLE_END; v++)
                if (v->type == _SD_BUS_VTABLE_METHOD && streq(member, v->x.method.member))
                        return METHOD_CHANGES;
        return METHOD_READS_AND_CHANGES; /* sd-bus's to refuse */
}

/* A long list of references waits for its turn as the other long answers do. */
static MethodKind kind_of(Bus *bus, sd_bus_message *m) {
        const char *interface = strempty(sd_bus_message_get_interface(m)), *property;
        const BusClass *class = class_of(bus, interface);
        Object *o;

        if (class)
                return kind_of_ours(class, strempty(sd_bus_message_get_member(m)));
        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") ||
                sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Introspectable", "Introspect"))
                return METHOD_TAKES_LONG;
        if (asks_properties(bus, m, &o, &property) && o &&
                bus_count_references(o, property) > REFERENCES_SHORT)
                return METHOD_TAKES_LONG;
        return startswith(interface, POLICY_BUS_NAME ".") ? METHOD_READS_AND_CHANGES : METHOD_READS;
}

static int answer_long(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        int r;

        (void) policy_flush(bus->policy);
        r = long_answer(bus, m, error);
        return r != 0 ? r : check_properties(bus, m, error);
}

static int take_place(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        return request_reserve(&bus->requests, &bus->callers, m, error);
}

static int check_changeable(Bus *bus, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;

        if (!policy_is_read_only(bus->policy))
                return 0;
        sentence = policy_describe_read_only(bus->policy);
        return sentence ? bus_error_set(error, ERROR_STORAGE_FAILED, "%s", sentence) : -ENOMEM;
}

/* What sd-bus refuses itself, since it knows no such method of the object, has no handler here. */
static int handle(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        _cleanup_strbuf_ StrBuf caller = {};
        sd_bus_message_handler_t handler;
        void *object;
        int r;

        handler = bus_find_handler(bus, m, &object);
        if (!handler)
                return 0;
        r = change_note_take(&bus->changes, &bus->requests, m, object == bus ? NULL : object);
        if (r >= 0)
                r = sd_bus_message_rewind(m, /* complete= */ true);
        who_describe(&callers_find(&bus->callers, strempty(sd_bus_message_get_sender(m)))->who, &caller);
        if (r >= 0)
                r = strbuf_error(&caller);
        if (r >= 0)
                r = policy_set_caller(bus->policy, caller.text);
        if (r >= 0)
                r = handler(m, object, error);
        (void) policy_set_caller(bus->policy, NULL);
        return r < 0 ? r : 1;
}

/*
 * The handler has either taken the reserved request, which is answered after the commit, or it has answered; then, or where the call
 * is refused, its note ends here.
 */
static int change(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        int r;

        r = take_place(bus, m, error);
        if (r >= 0)
                r = handle(bus, m, error);
        if (r < 0 && !sd_bus_error_is_set(error))
                sd_bus_error_set_errno(error, r);
        if (r < 0)
                change_note_refused(requests_note(&bus->requests), error);
        else
                requests_answered(&bus->requests, m);
        return r;
}

/* polkit did not say yes. */
static void on_denied(Caller *c, sd_bus_message *m, PolkitAnswer answer, void *userdata) {
        const char *interface = sd_bus_message_get_interface(m), *member = strempty(sd_bus_message_get_member(m));
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *sentence = NULL;
        Bus *bus = userdata;

        sentence = access_refusal(&c->who, member, access_of(interface, member), answer, bus->group);
        (void) bus_error_set(&error, ERROR_ACCESS_DENIED, "%s", strempty(sentence));
        (void) sd_bus_reply_method_error(m, &error);
        policy_count_refusal(bus->policy, ERROR_ACCESS_DENIED);
        change_log_denied(&bus->changes, m, object_at(bus, sd_bus_message_get_path(m)), strempty(sentence));
}

void bus_refuse_unknown(Caller *c, sd_bus_message *m, void *userdata) {
        static const char sentence[] = "The bus does not say whose call this is, as when the caller has left it already, so nothing "
                                       "was done; stay until the answer.";
        Bus *bus = userdata;

        (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "%s", sentence);
        if (access_of(sd_bus_message_get_interface(m), strempty(sd_bus_message_get_member(m))) == ACCESS_EVERYBODY)
                return;
        policy_count_refusal(bus->policy, ERROR_ACCESS_DENIED);
        change_log_denied(&bus->changes, m, object_at(bus, sd_bus_message_get_path(m)), sentence);
}

/* Whether the caller may call this. 1: it waits, until it is known who asks, or what polkit says. A message without an interface may be
 * for any of our methods. */
static int admit(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        const char *interface = sd_bus_message_get_interface(m), *member = strempty(sd_bus_message_get_member(m));
        Access access = !interface || class_of(bus, interface) ? access_of(interface, member) : ACCESS_EVERYBODY;
        Caller *c;
        int r;

        if (access == ACCESS_EVERYBODY)
                return 0;
        r = caller_get(&bus->callers, m, &c, error);
        if (r >= 0)
                r = caller_identify(c, m, error);
        if (r != 0 || access_is_free(&c->who, bus->gid))
                return r;
        return caller_check(c, m, access_action(access), on_denied, bus, error);
}

static int receive(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        bool has_turn;
        int r;

        /* This comes first: the turn is used up whatever happens to the call, so that the next call gets its
         * turn. */
        has_turn = queue_take_turn(&bus->queue, m);
        queue_hurry(&bus->queue);
        r = object_check_path(bus, sd_bus_message_get_path(m), sd_bus_message_get_interface(m), error);
        if (r < 0) {
                if (has_turn)
                        queue_go_on(&bus->queue);
                return r;
        }
        if (has_turn)
                return answer_long(bus, m, error);
        r = admit(bus, m, error);
        if (r != 0)
                return r;
        switch (kind_of(bus, m)) {
        case METHOD_CHANGES:
                r = check_changeable(bus, error);
                return r < 0 ? r : change(bus, m, error);
        case METHOD_TAKES_LONG:
                return queue_receive(&bus->queue, m, error);
        case METHOD_READS_AND_CHANGES:
                (void) policy_flush(bus->policy);
                r = object_check_there(bus, sd_bus_message_get_path(m), error);
                return r < 0 ? r : change(bus, m, error);
        case METHOD_READS:
                (void) policy_flush(bus->policy);
                return check_properties(bus, m, error);
        }
        return 0;
}

int bus_receive(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        int r = 0;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        if (!queue_has_turn(&bus->queue, m)) {
                r = callers_keep_order(&bus->callers, m, error);
                if (r != 0)
                        return r;
        }
        r = receive(bus, m, error);
        callers_go_on(&bus->callers, m);
        return r;
}
