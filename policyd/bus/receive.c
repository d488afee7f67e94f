/*
 * What happens to a call before sd-bus looks for its method
 *
 * One that changes takes its place among the requests that wait, so that a caller who has too many of them is
 * refused before anything changed. Any other shows committed state only, so what is open is committed first:
 * before the object is looked up, since a failed commit rebuilds the model.
 */

#include "policyd/bus/bus-private.h"

int bus_receive(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *bus = userdata;

        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        switch (method_kind(sd_bus_message_get_interface(m), sd_bus_message_get_member(m))) {
        case METHOD_CHANGES:
                return request_reserve(bus, m, error);
        case METHOD_READS:
                policy_flush(bus->policy);
                return 0;
        }
        return 0;
}
