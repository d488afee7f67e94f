/*
 * Verbs of hosts, and of reservations
 */

#include "policyd/ctl/verbs.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "protocol/names.h"

/* Longer than policyd takes for the host's key and a login. */
#define HOST_SECONDS 45

static int follow_hosts(Ctl *ctl) {
        _cleanup_client_error_ ClientError error = {};
        int r;

        r = client_subscribe(ctl->client,
                "type='signal',sender='" POLICY_BUS_NAME "',interface='org.freedesktop.DBus.Properties',"
                "member='PropertiesChanged',arg0='" POLICY_IFACE_HOST "'",
                &error);
        return r < 0 ? ctl_failed(r, &error) : 0;
}

static int say_not_online(const ViewObject *host, bool waits) {
        _cleanup_free_ char *text = NULL;

        text = text_printf("Host '%s' was added, and is not online%s: %s policyd goes on trying; host-list shows what comes of it.",
                object_text(host, "NameLabel"), waits ? " yet" : "", object_text(host, "StateReason"));
        return text ? ctl_say_error("org.xenvgpu.Error.HostOffline", text) : ctl_no_memory();
}

/* Until it is online, or why it is not is known: the first attempt has failed. */
static int wait_for_host(Ctl *ctl, const char *path) {
        time_t end = time(NULL) + HOST_SECONDS;

        for (;;) {
                _cleanup_client_signal_ ClientSignal signal = {};
                _cleanup_client_error_ ClientError error = {};
                ViewObject *host;
                int r;

                view_forget(ctl->view, path);
                r = view_fetch(ctl->view, path, &error, &host);
                if (r == -EREMOTEIO)
                        return ctl_say_error("org.xenvgpu.Error.NoSuchObject", "The host is gone.");
                if (r < 0)
                        return ctl_failed(r, &error);
                if (streq(object_text(host, "State"), "online"))
                        return EXIT_DONE;
                if (streq(object_text(host, "State"), "offline") || time(NULL) >= end)
                        return say_not_online(host, !streq(object_text(host, "State"), "offline"));
                r = client_wait_signal(ctl->client, 1000, &signal);
                if (r < 0 && r != -ETIMEDOUT)
                        return ctl_failed(r, &(ClientError){});
        }
}

/* With a fingerprint the caller means to have the host now, so the verb waits for it. */
static int host_add(Ctl *ctl) {
        const char *fingerprint = ctl_arg(ctl, "fingerprint");
        bool waits = fingerprint && !ctl->args.async;
        _cleanup_free_ char *path = NULL;
        int r;

        /* A variable of a script that was not set: no host is to be trusted by that. */
        if (fingerprint && !*fingerprint)
                return ctl_usage("fingerprint= is empty; give the one that xenvgpu-accept-master printed on the host, or leave the key out");
        r = waits ? follow_hosts(ctl) : 0;
        r = r ?: verb_call_method(ctl, "AddHost");
        if (r != 0 || !waits)
                return r;
        (void) fflush(stdout);
        r = ctl_find_key(ctl, "name", "host", &path);
        return r ?: wait_for_host(ctl, path);
}

/* What an administrator runs on each host, and nothing else, so that a script can send it there. A key that was made by hand may
 * have any comment. */
static int show_pool_key(FILE *out, const char *text, bool as_json) {
        _cleanup_json_ struct json_object *key = as_json ? json_object_new_string(text) : NULL;

        if (as_json)
                return key ? print_spelled(out, key) : -ENOMEM;
        fputs("xenvgpu-accept-master '", out);
        for (const char *p = text; *p; p++)
                fputc(isalnum((unsigned char) *p) || strchr("+/=@._:- ", *p) ? *p : '_', out);
        fputs("'\n", out);
        return 0;
}

static const Verb verbs[] = {
        {.name = "host-add", .run = host_add, .answer = VERB_ANSWER_CREATED,
                .summary = "Adds a host: address=system for the master itself, address=ssh:xenvgpu@HOST[:PORT] "
                "elsewhere. Prints its uuid. A host by ssh must let policyd in (pool-key), and policyd must know the "
                "host's key: give the fingerprint that xenvgpu-accept-master printed there; then the verb waits until "
                "the host is online, or says why not. man xenvgpu-policyd, HOSTS BY SSH, has each step.",
                .args = {ARG_TEXT("name"), ARG_TEXT("address"), ARG_OPTION("fingerprint", "fingerprint"), ARG_IDEMPOTENCY_KEY}},
        VERB_SHOW("pool-key", NULL, "PoolKey", show_pool_key,
                "Prints the line to run on each host, as root, so that it lets policyd in: policyd's key for ssh, for "
                "xenvgpu-accept-master, which xenvgpu-hostd brings. The first time the key is made."),
        VERB_CALL("host-remove", "host", "Remove", NONE, "Takes a host that runs no VM out of the pool."),
        VERB_CALL("host-forget", "host", "Remove", NONE, "The same in xe's words."),
        VERB_CALL("host-enable", "host", "Enable", NONE,
                "Lets VMs be placed on a host again; what starts that failed say against it is forgotten."),
        VERB_CALL("pgpu-clear-health", "pgpu", "ClearHealth", NONE,
                "Says that a PGPU was looked after: starts that failed there, or on its host, count no more."),
        VERB_CALL("pgpu-adopt", "pgpu", "Adopt", NONE,
                "Says that the card of a PGPU that vanished is the one which is listed as pgpu= now: the latter goes, and the former "
                "stands there with its uuid, group and types.",
                ARG_OBJECT("pgpu", "pgpu")),
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
