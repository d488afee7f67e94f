/*
 * What happens to a call before sd-bus looks for its method
 *
 * One that changes takes its place among the requests that wait, so that a caller who has too many of them is
 * refused before anything changed. One that takes long waits for its turn. Any but those that change shows
 * committed state only, so what is open is committed first: before the object is looked up, since a failed
 * commit rebuilds the model.
 */

#include "policyd/bus/bus-private.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

/* A property that no bus carries is refused before sd-bus writes it. */
static int check_properties(Bus *bus, sd_bus_message *m, sd_bus_error *error) {
        bool one = sd_bus_message_is_method_call(m, PROPERTIES, "Get");
        const char *interface, *property = NULL;
        Object *o;

        if (!one && !sd_bus_message_is_method_call(m, PROPERTIES, "GetAll"))
                return 0;
        o = object_at(bus, sd_bus_message_get_path(m));
        if (!o)
                return object_check_there(bus, sd_bus_message_get_path(m), error);
        /* What cannot be read is sd-bus's to refuse. */
        if (sd_bus_message_read(m, "s", &interface) <= 0 ||
                (one && sd_bus_message_read(m, "s", &property) <= 0))
                return 0;
        return bus_check_properties(o, property, error);
}

static int answer_long(Bus *bus, sd_bus_message *m, MethodKind kind, sd_bus_error *error) {
        (void) policy_flush(bus->policy);
        if (kind == METHOD_TAKES_LONG && child_answer(bus, m) > 0)
                return 1;
        queue_go_on(bus);
        if (kind == METHOD_SHOWS_ALL && streq(sd_bus_message_get_path(m), POLICY_PATH))
                return bus_answer_managed(bus, m, error);
        return 0;
}

int bus_receive(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;
        MethodKind kind;
        bool has_turn;
        int r;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        /* Before all else: whatever becomes of it, others have their turns after it. */
        has_turn = queue_take_turn(bus, m);
        queue_hurry(bus);
        r = object_check_path(bus, sd_bus_message_get_path(m), sd_bus_message_get_interface(m), error);
        if (r < 0) {
                if (has_turn)
                        queue_go_on(bus);
                return r;
        }
        kind = method_kind(sd_bus_message_get_interface(m), sd_bus_message_get_member(m));
        switch (kind) {
        case METHOD_CHANGES:
                r = bus_check_changeable(bus, error);
                return r < 0 ? r : request_reserve(bus, m, error);
        case METHOD_TAKES_LONG:
        case METHOD_SHOWS_ALL:
                return has_turn ? answer_long(bus, m, kind, error) : queue_receive(bus, m, kind, error);
        case METHOD_UNKNOWN:
                (void) policy_flush(bus->policy);
                r = object_check_there(bus, sd_bus_message_get_path(m), error);
                return r < 0 ? r : request_reserve(bus, m, error);
        case METHOD_READS:
                (void) policy_flush(bus->policy);
                return check_properties(bus, m, error);
        }
        return 0;
}
