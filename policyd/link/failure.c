/*
 * Why a host is not reached
 *
 * In a remedy {host} is the host's name in the address, {user} the user, {port} the port or 22, {print} the
 * fingerprint that was given for its key, {try} an ssh that shows all of the login.
 */

#include <stdio.h>

#include "common/base/text.h"
#include "policyd/link/failure.h"

#define SSH_FOLDER "/var/lib/xenvgpu-policyd/.ssh"
#define AS_POLICYD "runuser -u xenvgpu -- "
#define QUOTE_MAX 200

/* The administrator compares, and policyd stores. */
#define GIVE_PRINT                                                                                                     \
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host prints the fingerprint of its key; give it to " \
        "policyd with `xenvgpu host-param-set uuid=HOST fingerprint=SHA256:…`."

typedef struct Remedy {
        const char *said;   /* part of a line */
        const char *before; /* part of what came before that line, or NULL */
        const char *sentence;
} Remedy;

/*
 * What ssh writes before it ends with status 255. A banner comes before that, so the lines are read from the
 * last to the first. If ssh explains a failure in several lines, the row that has more of them stands first.
 */
static const Remedy ssh_said[] = {
        {"Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED",
                "The host key of {host} is not the one that known_hosts holds: the host was installed again, "
                "or another machine answers in its place. " GIVE_PRINT},
        {"Host key verification failed", NULL, "The host key of {host} is not known. " GIVE_PRINT},
        {"Permission denied (", "UNPROTECTED PRIVATE KEY FILE",
                "ssh does not use policyd's key, since others can read it: `chmod 600 " SSH_FOLDER
                "/id_ed25519` on the master."},
        {"Permission denied (", NULL,
                "{host} does not accept policyd's key for user {user}: run there, as root, the line that `xenvgpu "
                "pool-key` prints. If that was done, an account without a password needs `UsePAM yes` in "
                "sshd_config. `{try}` shows the login."},
        {"Too many authentication failures", NULL,
                "{host} does not accept policyd's key for user {user}, and others were tried first: leave "
                "one key in " SSH_FOLDER ". `{try}` shows the login."},
        {"Could not resolve hostname", NULL,
                "The name {host} is not resolved on the master: `getent hosts {host}` "
                "must print its address; else add the host "
                "by its IP address."},
        {"Connection refused", NULL,
                "{host} refuses connections on port {port}: sshd does not listen there. "
                "`systemctl start ssh` on the host, from "
                "the package openssh-server, or correct the port."},
        {"No route to host", NULL,
                "There is no route to {host}, or it is down: `ping {host}` and `ip route get "
                "{host}` on the master show more."},
        {"Network is unreachable", NULL,
                "The network of {host} cannot be reached from the master: `ip route get "
                "{host}` there shows more."},
        {"timed out", NULL,
                "{host} does not answer on port {port}: it is down, or a firewall drops what is sent "
                "to it. `ping {host}` on the "
                "master shows more."},
        {"Connection closed by", NULL,
                "sshd on {host} closed the connection during the login: `journalctl -u ssh` "
                "there says why (MaxStartups, an "
                "address that it does not let in)."},
        {"Connection reset by", NULL,
                "{host} ended the connection during the login: what listens on port {port} "
                "may not be sshd; `journalctl -u ssh` "
                "there shows more."},
        {"Bad configuration option", NULL,
                "ssh does not understand the configuration on the master: `{try}` shows which line."},
};

/* ssh's last words of a connection that stood. */
static const Remedy lost_said[] = {
        {"Timeout, server", NULL,
                "{host} has not answered ssh for 30 s: the host or the network stands still."},
        {"closed by remote host", NULL,
                "sshd on {host} ended the connection: `journalctl -u ssh` there says why."},
        {"client_loop: send disconnect", NULL, "The network ended the connection to {host}."},
};

static const char other_key[] = "The host key of {host} does not have the fingerprint {print}, which was given for it: the "
                                "host was installed again, or another machine answers in its place. " GIVE_PRINT;

/* ssh compared the host's key with none. */
static const char no_key_shown[] = "{host} did not show its keys in time, so none could be compared with the fingerprint that was "
                                   "given: `ssh-keyscan -p {port} {host}` on the master shows them. policyd asks again.";

static const char bus_not_reached[] = "User {user} logged in to {host}, but the system bus cannot be reached "
                                      "there: `systemctl status dbus` on the host, and "
                                      "`journalctl -t systemd-stdio-bridge`, show more.";

static const char no_command[] = "The command of the login is not found on {host}: it must be "
                                 "systemd-stdio-bridge, in authorized_keys too, and the package "
                                 "systemd must be there.";

static const char no_shell[] = "account is currently not available"; /* nologin, on standard output */
static const char give_shell[] =
        "User {user} has a login shell on {host} that runs no command: `usermod -s /bin/sh {user}` there.";

static const char noisy[] = "The login of {user} on {host} prints to standard output before the bus can "
                            "speak: \"{noise}\". What prints it (.bashrc, "
                            ".profile, ~/.ssh/rc, /etc/ssh/sshrc) must not do so where there is no terminal.";

static const char quoted[] = "{host} is not reached by ssh: {last}. `{try}` shows the login.";
static const char silent_end[] =
        "The login on {host} ended with status {status} before the bus was reached. `{try}` shows it.";
static const char by_signal[] = "ssh to {host} was ended by signal {signal} before the bus was reached.";

/* The parts of the address */

static void add_user(StrBuf *b, const LinkAddress *a) {
        strbuf_add_n(b, a->login, (size_t) (link_address_host(a) - a->login) - 1);
}

static bool has_own_port(const LinkAddress *a) {
        return a->port && !streq(a->port, "22");
}

static void add_try(StrBuf *b, const LinkFailure *f) {
        const LinkAddress *a = f->address;

        strbuf_add(b, AS_POLICYD "ssh -v ");
        if (f->key_file)
                strbuf_addf(b, "-oUserKnownHostsFile=%s ", f->key_file);
        if (has_own_port(a))
                strbuf_addf(b, "-p %s ", a->port);
        strbuf_add(b, a->login);
}

/* The last line, without its full stop. */
static void add_last(StrBuf *b, const char *words) {
        size_t n = strlen(words), start;
        _cleanup_free_ char *clean = NULL;

        while (n > 0 && (words[n - 1] == '\n' || words[n - 1] == '.'))
                n--;
        for (start = n; start > 0 && words[start - 1] != '\n'; start--)
                ;
        clean = text_clean(words + start, n - start, TEXT_LINE, QUOTE_MAX);
        strbuf_add(b, strempty(clean));
}

static void add_noise(StrBuf *b, const char *noise) {
        _cleanup_free_ char *clean = text_clean(noise, strcspn(noise, "\r\n"), TEXT_LINE, QUOTE_MAX);

        strbuf_add(b, strempty(clean));
}

static void add_word(StrBuf *b, const LinkFailure *f, const char *word) {
        const LinkAddress *a = f->address;

        if (startswith(word, "host}"))
                strbuf_add(b, link_address_host(a));
        else if (startswith(word, "user}"))
                add_user(b, a);
        else if (startswith(word, "port}"))
                strbuf_add(b, a->port ?: "22");
        else if (startswith(word, "print}"))
                strbuf_add(b, strempty(f->fingerprint));
        else if (startswith(word, "try}"))
                add_try(b, f);
        else if (startswith(word, "last}"))
                add_last(b, f->words);
        else if (startswith(word, "noise}"))
                add_noise(b, f->noise);
        else if (startswith(word, "status}"))
                strbuf_addf(b, "%d", f->status);
        else if (startswith(word, "signal}"))
                strbuf_addf(b, "%d", f->signal);
}

static void fill(StrBuf *b, const LinkFailure *f, const char *sentence) {
        const char *p;

        while ((p = strchr(sentence, '{'))) {
                strbuf_add_n(b, sentence, (size_t) (p - sentence));
                add_word(b, f, p + 1);
                sentence = strchr(p, '}') + 1;
        }
        strbuf_add(b, sentence);
}

/* Which sentence */

static bool line_has(const char *line, size_t n, const char *part) {
        return memmem(line, n, part, strlen(part));
}

/* The lines from the last to the first; of the table the first row that fits a line. */
static const char *find_said(const Remedy *table, size_t n_rows, const char *words) {
        size_t end = strlen(words), start;

        for (; end > 0; end = start) {
                for (start = end - 1; start > 0 && words[start - 1] != '\n'; start--)
                        ;
                for (size_t i = 0; i < n_rows; i++)
                        if (line_has(words + start, end - start, table[i].said) &&
                                (!table[i].before || line_has(words, start, table[i].before)))
                                return table[i].sentence;
        }
        return NULL;
}

/* The bridge writes its reason only to the host's journal; policyd sees its exit status alone. */
static const char *explain_status(const LinkFailure *f) {
        if (f->signal >= 0)
                return by_signal;
        if (f->status == 126 || f->status == 127)
                return no_command;
        if (f->status == 1)
                return bus_not_reached;
        return f->status >= 0 ? silent_end : NULL;
}

static const char *explain(const LinkFailure *f) {
        if (*f->noise)
                return strstr(f->noise, no_shell) ? give_shell : noisy;
        /* If policyd ended ssh, ssh gave no reason itself; its last lines are a banner. */
        if (!f->dropped)
                return NULL;
        if (f->fingerprint && f->status == 255 && strstr(f->words, "Host key verification failed"))
                return f->key_is_stored ? other_key : no_key_shown;
        if (f->status == 255 && *f->words)
                return find_said(ssh_said, ARRAY_SIZE(ssh_said), f->words) ?: quoted;
        return explain_status(f);
}

/* ssh tells which key it was sent in place of the one that it knows. */
static void add_sent_key(StrBuf *b, const char *words) {
        static const char told[] = "key sent by the remote host is\n",
                          digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *print = strstr(words, told);
        const char *hash = print ? startswith(print + strlen(told), "SHA256:") : NULL;

        if (!hash)
                return;
        strbuf_add(b, " It has SHA256:");
        strbuf_add_n(b, hash, strspn(hash, digits));
        strbuf_add(b, " now.");
}

char *link_failure_sentence(const LinkFailure *f) {
        _cleanup_strbuf_ StrBuf b = {};
        const char *sentence = NULL;

        if (f->address->transport == TRANSPORT_SSH && f->stood)
                sentence = find_said(lost_said, ARRAY_SIZE(lost_said), f->words);
        else if (f->address->transport == TRANSPORT_SSH)
                sentence = explain(f);
        if (sentence && f->stood)
                strbuf_addf(&b, "%s ", f->seen);
        if (sentence)
                fill(&b, f, sentence);
        else
                strbuf_add(&b, f->seen);
        if (sentence == other_key)
                add_sent_key(&b, f->words);
        return strbuf_take(&b);
}

char *link_other_key_sentence(const LinkAddress *address, const char *fingerprint, const char *found) {
        const LinkFailure f = {.address = address, .fingerprint = fingerprint, .words = "", .noise = ""};
        _cleanup_strbuf_ StrBuf b = {};

        fill(&b, &f, other_key);
        strbuf_addf(&b, " It has %s now.", found);
        return strbuf_take(&b);
}

char *link_no_key_sentence(const LinkAddress *address) {
        const LinkFailure f = {.address = address, .words = "", .noise = ""};
        _cleanup_strbuf_ StrBuf b = {};

        fill(&b, &f, no_key_shown);
        return strbuf_take(&b);
}

char *link_denied_sentence(const LinkAddress *address) {
        const LinkFailure f = {.address = address, .words = "", .noise = ""};
        _cleanup_strbuf_ StrBuf b = {};

        if (address->transport == TRANSPORT_SSH)
                fill(&b, &f,
                        "The bus of {host} does not let user {user} command hostd: log in as xenvgpu "
                        "(address "
                        "ssh:xenvgpu@{host}), or as root.");
        else
                strbuf_add(&b, "The host's bus does not let policyd's user command hostd: run policyd as "
                               "xenvgpu, as its unit does, or as "
                               "root.");
        return strbuf_take(&b);
}
