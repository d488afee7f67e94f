/*
 * Fields as properties
 */

#include "policyd/bus/bus-private.h"

DECLARE_GETTER(get_bool) {
        int value = *(const bool *) userdata;

        return sd_bus_message_append_basic(reply, 'b', &value);
}

DECLARE_GETTER(get_uuid) {
        return sd_bus_message_append_basic(reply, 's', UUID_TEXT((const Uuid *) userdata));
}

DECLARE_GETTER(get_ref) {
        Object *const *o = userdata;

        return sd_bus_message_append_basic(reply, 'o', *o ? OBJECT_PATH(*o) : "/");
}

DECLARE_GETTER(get_refs) {
        const PtrArray *a = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "o");
        for (size_t i = 0; r >= 0 && i < a->n; i++)
                r = sd_bus_message_append_basic(reply, 'o', OBJECT_PATH(a->items[i]));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

DECLARE_GETTER(get_u32_as_u64) {
        return sd_bus_message_append(reply, "t", (uint64_t) * (const uint32_t *) userdata);
}
