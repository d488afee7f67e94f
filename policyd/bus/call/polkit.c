/*
 * Asking polkit
 */

#include "common/base/macros.h"
#include "policyd/bus/call/polkit.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define ANSWER_USEC UINT64_C(5000000)
#define PASSWORD_USEC UINT64_C(60000000)

int polkit_ask(sd_bus *bus, const char *name, const char *action, bool interactive, sd_bus_message_handler_t answered,
        void *userdata, sd_bus_slot **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, "/org/freedesktop/PolicyKit1/Authority",
                POLKIT_NAME ".Authority", "CheckAuthorization");
        /* The subject, the action, no details, whether to ask the user, and no name for taking it back. */
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s", name, action, 0,
                        interactive ? 1 : 0, "");
        return r < 0 ? r : sd_bus_call_async(bus, ret, m, answered, userdata, interactive ? PASSWORD_USEC : ANSWER_USEC);
}

PolkitAnswer polkit_read(sd_bus_message *reply) {
        static const char *const absent[] = {SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER,
                "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.DBus.Error.Spawn.ChildExited",
                "org.freedesktop.DBus.Error.Spawn.ExecFailed", "org.freedesktop.DBus.Error.Spawn.ServiceNotFound"};
        int yes = false, asks = false;

        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY) ||
                sd_bus_message_is_method_error(reply, SD_BUS_ERROR_TIMEOUT))
                return POLKIT_SILENT;
        for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
                if (sd_bus_message_is_method_error(reply, absent[i]))
                        return POLKIT_ABSENT;
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
                sd_bus_message_read(reply, "bb", &yes, &asks) < 0)
                return POLKIT_FAULTY;
        return yes ? POLKIT_YES : asks ? POLKIT_ASKS : POLKIT_NO;
}
