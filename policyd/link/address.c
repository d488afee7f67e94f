/*
 * Host addresses
 *
 * Only the forms listed here are accepted; policyd does not connect to any other address. The user and the
 * host of an ssh address become arguments of a program, so their characters are checked one by one and
 * neither may start with a dash.
 */

#include <ctype.h>
#include <sys/un.h>

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "policyd/link/address.h"
#include "policyd/link/link.h"
#include "protocol/names.h"

#define refuse(ret_message, ...) text_refuse((ret_message), -EINVAL, __VA_ARGS__)

void link_address_done(LinkAddress *a) {
        free(a->bus);
        free(a->login);
        free(a->port);
        *a = (LinkAddress){};
}

const char *link_address_host(const LinkAddress *a) {
        return strchr(a->login, '@') + 1;
}

static int copy_text(const char *text, size_t n, char **ret) {
        char *copy = strndup(text, n);

        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* Why a transport of D-Bus is refused; NULL when D-Bus does not know it either. */
static const char *transport_refusal(const char *text) {
        static const struct {
                const char *prefix, *why;
        } refusals[] = {
                {"tcp:", "tcp: has no authentication and no encryption in D-Bus"},
                {"nonce-tcp:",
                        "nonce-tcp: has no encryption, and its authentication is a file of the same machine"},
                {"unixexec:", "unixexec: would run any command as policyd"},
                {"launchd:", "launchd: belongs to another operating system"},
                {"autolaunch:", "autolaunch: would start a bus on which no hostd is"},
                {"systemd:", "systemd: is an address to listen on, not to dial"},
                {"vsock:", "vsock: has no authentication in D-Bus"},
                {"x-machine-unix:", "x-machine-unix: would fork policyd into another container"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
                if (startswith(text, refusals[i].prefix))
                        return refusals[i].why;
        return NULL;
}

/* "unix:path=/a/b,guid=…" or "unix:abstract=name". */
static int refuse_key(const char *text, const char *key, size_t length, char **ret_message) {
        _cleanup_free_ char *copy = strndup(key, length);

        return refuse(ret_message,
                "The address \"%s\" has the key \"%s\"; unix: takes path= or abstract=, and guid=.", text,
                strempty(copy));
}

static int check_unix(const char *text, size_t n, char **ret_message) {
        const char *p = text + strlen("unix:"), *end = text + n;
        bool found = false;

        while (p < end) {
                const char *comma = memchr(p, ',', (size_t) (end - p));
                size_t length = (size_t) ((comma ? comma : end) - p);
                const char *value;

                if ((value = startswith(p, "path=")) || (value = startswith(p, "abstract="))) {
                        size_t room = length - (size_t) (value - p);

                        if (found || room == 0 || room >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                                return refuse(ret_message,
                                        "The address \"%s\" names no socket: give one path=, of 1 to %zu "
                                        "bytes.",
                                        text, sizeof(((struct sockaddr_un *) NULL)->sun_path) - 1);
                        if (*p == 'p' && *value != '/' && *value != '%')
                                return refuse(ret_message, "The path in the address \"%s\" must be absolute.",
                                        text);
                        found = true;
                } else if (!startswith(p, "guid="))
                        return refuse_key(text, p, length, ret_message);
                p += length + !!comma;
        }
        if (!found)
                return refuse(ret_message,
                        "The address \"%s\" names no socket: write unix:path=/run/dbus/system_bus_socket or "
                        "the like.",
                        text);
        return 0;
}

static int parse_bus(const char *text, LinkAddress *ret, char **ret_message) {
        int r;

        for (const char *p = text;;) {
                size_t n = strcspn(p, ";");

                if (!startswith(p, "unix:")) {
                        const char *why = transport_refusal(p);

                        return why ? refuse(ret_message,
                                             "The address \"%s\" is refused: %s. Use ssh:xenvgpu@HOST[:PORT] "
                                             "for another machine.",
                                             text, why)
                                   : refuse(ret_message,
                                             "The address \"%s\" is not understood: give \"system\", "
                                             "unix:path=…, or ssh:xenvgpu@HOST[:PORT].",
                                             text);
                }
                r = check_unix(p, n, ret_message);
                if (r < 0)
                        return r;
                if (!p[n])
                        break;
                p += n + 1;
        }
        ret->transport = TRANSPORT_BUS;
        return copy_text(text, strlen(text), &ret->bus);
}

static bool word_is_safe(const char *text, size_t n, const char *also) {
        if (n == 0 || n > 255 || text[0] == '-')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) text[i]) && !strchr(also, text[i]))
                        return false;
        return true;
}

/* HOST[:PORT] or [IPV6][:PORT]; returns the host's length within its brackets. */
static int split_host(const char *text, const char **ret_host, size_t *ret_length, const char **ret_port) {
        const char *end, *rest;

        if (*text == '[') {
                end = strchr(text, ']');
                if (!end || !word_is_safe(text + 1, (size_t) (end - text - 1), ":.%"))
                        return -EINVAL;
                *ret_host = text + 1;
                rest = end + 1;
        } else {
                end = text + strcspn(text, ":");
                if (!word_is_safe(text, (size_t) (end - text), "-._"))
                        return -EINVAL;
                *ret_host = text;
                rest = end;
        }
        if (*rest && *rest != ':')
                return -EINVAL;
        *ret_length = (size_t) (end - *ret_host);
        *ret_port = *rest ? rest + 1 : NULL;
        return 0;
}

static int parse_ssh(const char *text, LinkAddress *ret, char **ret_message) {
        const char *user = text + strlen("ssh:"), *at, *host = NULL, *port = NULL;
        _cleanup_strbuf_ StrBuf login = {};
        size_t length = 0;
        uint32_t n;

        at = strchr(user, '@');
        if (!at)
                return refuse(ret_message,
                        "The address \"%s\" names no user: write ssh:xenvgpu@HOST[:PORT], with the user "
                        "whose "
                        "keys policyd uses and who may command hostd.",
                        text);
        if (!word_is_safe(user, (size_t) (at - user), "-._"))
                return refuse(ret_message,
                        "The user in the address \"%s\" must be letters, digits, '.', '_' or '-', and must "
                        "not start with '-'.",
                        text);
        if (split_host(at + 1, &host, &length, &port) < 0)
                return refuse(ret_message,
                        "The host in the address \"%s\" must be a name or an address (IPv6 in brackets), and "
                        "must not start with '-'.",
                        text);
        if (port && (parse_u32(port, &n) < 0 || n == 0 || n > 65535))
                return refuse(ret_message, "The port in the address \"%s\" must be a number from 1 to 65535.",
                        text);

        ret->transport = TRANSPORT_SSH;
        strbuf_add_n(&login, user, (size_t) (at - user));
        strbuf_add(&login, "@");
        strbuf_add_n(&login, host, length);
        ret->login = strbuf_take(&login);
        if (!ret->login)
                return -ENOMEM;
        return port ? copy_text(port, strlen(port), &ret->port) : 0;
}

int link_address_parse(const char *text, LinkAddress *ret, char **ret_message) {
        _cleanup_link_address_ LinkAddress a = {};
        int r;

        if (strlen(text) > LINK_ADDRESS_MAX)
                return refuse(ret_message, "The address has %zu bytes; %d are allowed.", strlen(text),
                        LINK_ADDRESS_MAX);
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 0x7f)
                        return refuse(ret_message, "The address holds a blank or a control character.");

        if (!*text || streq(text, "system")) {
                a.transport = TRANSPORT_BUS;
                r = copy_text(SYSTEM_BUS_ADDRESS, strlen(SYSTEM_BUS_ADDRESS), &a.bus);
        } else if (startswith(text, "ssh:"))
                r = parse_ssh(text, &a, ret_message);
        else
                r = parse_bus(text, &a, ret_message);
        if (r < 0)
                return r;

        *ret = a;
        a = (LinkAddress){};
        return 0;
}

ErrorCode link_check_address(const char *address, char **ret_message) {
        _cleanup_link_address_ LinkAddress a = {};
        int r;

        r = link_address_parse(address, &a, ret_message);
        if (r >= 0)
                return ERROR_NONE;
        if (r == -ENOMEM)
                *ret_message = strdup("There is no memory to read the address.");
        return ERROR_INVALID_ADDRESS;
}
