/*
 * Verbs of hosts, and of reservations
 */

#include "policyd/ctl/verbs.h"

static const Verb verbs[] = {
        VERB_CALL("host-add", NULL, "AddHost", CREATED,
                "Adds a host: address=system for the master itself, address=ssh:xenvgpu@HOST[:PORT] "
                "elsewhere. "
                "Prints its uuid. By ssh the host must know policyd's key (authorized_keys: restrict,command="
                "\"systemd-stdio-bridge\") and policyd the host's (known_hosts), both in "
                "/var/lib/xenvgpu-policyd/.ssh; man xenvgpu-policyd, HOSTS BY SSH, has each step.",
                ARG_TEXT("name"), ARG_TEXT("address"), ARG_IDEMPOTENCY_KEY),
        VERB_CALL("host-remove", "host", "Remove", NONE, "Takes a host that runs no VM out of the pool."),
        VERB_CALL("host-forget", "host", "Remove", NONE, "The same in xe's words."),
        VERB_CALL("host-enable", "host", "Enable", NONE,
                "Lets VMs be placed on a host again; what starts that failed say against it is forgotten."),
        VERB_CALL("pgpu-clear-health", "pgpu", "ClearHealth", NONE,
                "Says that a PGPU was looked after: starts that failed there, or on its host, count no more."),
        VERB_CALL("host-disable", "host", "Disable", NONE, "No more VMs are placed on a host; what runs there goes on."),
        VERB_CALL("host-reconnect", "host", "Reconnect", NONE,
                "Dials a host that is not online now, not after the pause; host-list says what came of it."),
        VERB_CALL("host-declare-dead", "host", "DeclareDead", NONE,
                "Says that an offline host runs nothing any more: what was booked there is released. Only "
                "when it is sure."),
        VERB_CALL("reservation-create", NULL, "Reserve", CREATED,
                "Holds room for VGPUs for some time, to be used by vm-start reservation=. Prints its uuid.",
                ARG_TEXT("name"), ARG_OBJECT("gpu-group-uuid", "gpu-group"),
                ARG_OBJECT("vgpu-type-uuid", "vgpu-type"), ARG_U32("count", "number of VGPUs, such as 8"),
                ARG_U64("seconds", "number of seconds, such as 3600"), ARG_OPTION("owner", "owner"),
                ARG_IDEMPOTENCY_KEY),
        VERB_CALL("reservation-destroy", "reservation", "Destroy", NONE, "Lets a reservation go."),
};

const VerbTable verbs_of_hosts = VERB_TABLE(verbs);
