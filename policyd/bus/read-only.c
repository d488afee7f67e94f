/*
 * A pool that is read only
 *
 * While a row of the database is unreadable, what only shows the pool is answered, and what changes it is refused before it takes
 * a place among the requests. RemoveRow, one of the ways out, answers at once and waits for no commit.
 */

#include "policyd/bus/bus-private.h"

int bus_check_changeable(Bus *bus, sd_bus_error *error) {
        _cleanup_free_ char *sentence = NULL;

        if (!policy_is_read_only(bus->policy))
                return 0;
        sentence = policy_describe_read_only(bus->policy);
        if (!sentence)
                return -ENOMEM;
        return bus_error_set(error, ERROR_STORAGE_FAILED, "%s", sentence);
}
