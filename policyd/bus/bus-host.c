/*
 * org.xenvgpu.Policy1.Host
 */

#include "policyd/bus/bus-private.h"

DEFINE_METHOD(method_remove, Host, hosts_remove(p, o, &refusal))
DEFINE_METHOD(method_enable, Host, hosts_set_enabled(p, o, /* enabled= */ true, &refusal))
DEFINE_METHOD(method_disable, Host, hosts_set_enabled(p, o, /* enabled= */ false, &refusal))
DEFINE_METHOD(method_declare_dead, Host, hosts_declare_dead(p, o, &refusal))

static int method_reconnect(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Host *h = userdata;
        Bus *bus = h->object.userdata;
        _cleanup_refusal_ Refusal refusal = {};

        if (h->state != HOST_ONLINE)
                change_note_say(requests_note(&bus->requests), "it is dialled now");
        return bus_finish(bus, m, hosts_reconnect(bus->policy, h, &refusal), &refusal, error);
}

DEFINE_METHOD_OF_TEXT(method_set_name_description, Host, "name_description", TEXT_LINES,
        hosts_set_description(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_fingerprint, Host, "fingerprint", TEXT_LINE,
        hosts_set_fingerprint(p, o, text, &refusal))
DEFINE_METHOD_OF_TEXT(method_set_name_label, Host, "name_label", TEXT_LINE, hosts_set_name_label(p, o, text, &refusal))

DEFINE_BUS_CLASS(host, HOST, NULL,
        METHOD("Remove", NOTHING, NOTHING, method_remove),
        METHOD("Enable", NOTHING, NOTHING, method_enable),
        METHOD("Disable", NOTHING, NOTHING, method_disable),
        METHOD("Reconnect", NOTHING, NOTHING, method_reconnect),
        METHOD("DeclareDead", NOTHING, NOTHING, method_declare_dead),
        METHOD("SetNameDescription", ("s", name_description), NOTHING, method_set_name_description),
        METHODS_OF_MAP("OtherConfig"),
        METHOD("SetFingerprint", ("s", fingerprint), NOTHING, method_set_fingerprint),
        METHOD("SetNameLabel", ("s", name_label), NOTHING, method_set_name_label),
        METHODS_OF_SET("Tags"))
