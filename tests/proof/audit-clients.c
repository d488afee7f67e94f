/*
 * What clients were told
 */

#include <stdarg.h>

#include "tests/proof/audit-clients.h"
#include "tests/proof/audit-line.h"

#define EITHER_MAX 8

/* A property that clients have set. */
typedef struct Property {
        Id of, name, value; /* as acknowledged last; "" where none was yet */
        Id either[EITHER_MAX]; /* asked for since, and nobody was told what became of it */
        size_t n_either;
} Property;

typedef struct Key {
        Id key, arguments, answer;
        bool acked;
} Key;

typedef struct Asked {
        Id call, sets, of, value, key;
        bool again;
} Asked;

struct ClientsAudit {
        void (*said)(void *userdata, const char *word, const char *sentence);
        void *userdata;
        LIST(Property) properties;
        LIST(Key) keys;
        LIST(Asked) asked;
};

ClientsAudit *clients_audit_new(void (*said)(void *userdata, const char *word, const char *sentence), void *userdata) {
        ClientsAudit *a = calloc(1, sizeof(*a));

        if (!a)
                abort();
        a->said = said;
        a->userdata = userdata;
        return a;
}

ClientsAudit *clients_audit_free(ClientsAudit *a) {
        if (!a)
                return NULL;
        free(a->properties.items);
        free(a->keys.items);
        free(a->asked.items);
        free(a);
        return NULL;
}

_printf_(3, 4) static void broken(ClientsAudit *a, const char *word, const char *format, ...) {
        char sentence[256];
        va_list args;

        va_start(args, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        a->said(a->userdata, word, sentence);
}

/* Properties */

static Property *find_property(ClientsAudit *a, const char *of, const char *name) {
        for (size_t i = 0; i < a->properties.n; i++)
                if (streq(a->properties.items[i].of, of) && streq(a->properties.items[i].name, name))
                        return &a->properties.items[i];
        return NULL;
}

static Property *property_of(ClientsAudit *a, const Asked *asked) {
        Property *p = find_property(a, asked->of, asked->sets);

        if (!p) {
                p = ADD(&a->properties);
                memcpy(p->of, asked->of, sizeof(Id));
                memcpy(p->name, asked->sets, sizeof(Id));
        }
        return p;
}

/* Commits come in the order of the calls, so what was asked before counts no more. */
static void on_acked(ClientsAudit *a, const Asked *asked) {
        if (*asked->sets) {
                Property *p = property_of(a, asked);

                memcpy(p->value, asked->value, sizeof(Id));
                p->n_either = 0;
        }
        for (size_t i = 0; i < a->keys.n; i++)
                a->keys.items[i].acked |= *asked->key && streq(a->keys.items[i].key, asked->key);
}

static void on_unsure(ClientsAudit *a, const Asked *asked) {
        if (*asked->sets) {
                Property *p = property_of(a, asked);

                if (p->n_either < EITHER_MAX)
                        memcpy(p->either[p->n_either++], asked->value, sizeof(Id));
                else
                        *p->value = '\0';
        }
        for (size_t i = 0; i < a->keys.n && *asked->key && !asked->again; i++)
                if (streq(a->keys.items[i].key, asked->key) && !a->keys.items[i].acked) {
                        REMOVE(&a->keys, i);
                        return;
                }
}

static void on_model(ClientsAudit *a, const char *line) {
        Id of, name, value;
        Property *p = find_property(a, line_value(line, "of", of), line_value(line, "property", name));
        bool found = false;

        if (!p)
                return;
        line_value(line, "value", value);
        for (size_t i = 0; i < p->n_either; i++)
                found |= streq(p->either[i], value);
        if (*p->value && !streq(p->value, value) && !found)
                broken(a, "lost", "%s of %s was set to %s and is %s", p->name, p->of, p->value, value);
        memcpy(p->value, value, sizeof(Id));
        p->n_either = 0;
}

/* Keys */

static void on_key(ClientsAudit *a, const Asked *asked, const char *line) {
        Id arguments, answer;
        Key *k = NULL;

        line_value(line, "arguments", arguments);
        line_value(line, "answer", answer);
        for (size_t i = 0; i < a->keys.n && !k; i++)
                if (streq(a->keys.items[i].key, asked->key))
                        k = &a->keys.items[i];
        if (asked->again && k && !streq(answer, "none") && !streq(answer, k->answer))
                broken(a, "key", "the call made %s, and its repetition was answered with %s", k->answer, answer);
        if (asked->again && k && streq(answer, "none") && streq(arguments, k->arguments))
                broken(a, "key", "a repetition of the call that made %s was refused as another call", k->answer);
        if (asked->again)
                return;
        if (k && k->acked)
                broken(a, "key", "the call that made %s was carried out again and made %s", k->answer, answer);
        if (!k)
                k = ADD(&a->keys);
        *k = (Key){};
        memcpy(k->key, asked->key, sizeof(Id));
        memcpy(k->arguments, arguments, sizeof(Id));
        memcpy(k->answer, answer, sizeof(Id));
}

static void on_gone(ClientsAudit *a, const char *line) {
        Id word;
        const char *id = strchr(line_word(line, 3, word), '=');

        for (size_t i = a->keys.n; id && i-- > 0;)
                if (streq(a->keys.items[i].answer, id + 1))
                        REMOVE(&a->keys, i);
        /* Another one may be made with its uuid. */
        for (size_t i = a->properties.n; id && i-- > 0;)
                if (streq(a->properties.items[i].of, id + 1))
                        REMOVE(&a->properties, i);
}

/* Lines */

/* What one call asked for: false, if nothing is known of it. */
static bool on_outcome(ClientsAudit *a, const char *call, const char *what) {
        bool found = false;

        for (size_t i = a->asked.n; i-- > 0;) {
                const Asked *asked = &a->asked.items[i];

                if (!streq(asked->call, call))
                        continue;
                found = true;
                if (streq(what, "acked"))
                        on_acked(a, asked);
                else if (streq(what, "failed"))
                        on_unsure(a, asked);
                REMOVE(&a->asked, i);
        }
        return found;
}

/* A call that changes several objects has a line for each: what follows, and then itself. */
static void on_client(ClientsAudit *a, const char *line) {
        Id call, what;
        Asked *asked;

        line_value(line, "call", call);
        line_word(line, 3, what);
        if (!streq(what, "follows") && !strchr(what, '.') && on_outcome(a, call, what))
                return;
        asked = ADD(&a->asked);
        memcpy(asked->call, call, sizeof(Id));
        line_value(line, "sets", asked->sets);
        line_value(line, "of", asked->of);
        line_value(line, "value", asked->value);
        line_value(line, "key", asked->key);
        asked->again = streq(line_value(line, "again", what), "yes");
        if (*asked->key)
                on_key(a, asked, line);
}

static void on_policyd_ends(ClientsAudit *a) {
        for (size_t i = 0; i < a->asked.n; i++)
                on_unsure(a, &a->asked.items[i]);
        a->asked.n = 0;
}

/* All that was told since the copy, and nobody knows what that is. */
static void on_restored(ClientsAudit *a) {
        a->properties.n = a->keys.n = a->asked.n = 0;
}

void clients_audit_line(ClientsAudit *a, const char *line) {
        Id who, what;

        line_word(line, 1, who);
        line_word(line, 2, what);
        if (streq(who, "client"))
                on_client(a, line);
        else if (streq(who, "policyd") && streq(what, "gone"))
                on_gone(a, line);
        else if (streq(who, "policyd") && streq(what, "ends"))
                on_policyd_ends(a);
        else if (streq(who, "policyd") && streq(what, "restored"))
                on_restored(a);
        else if (streq(who, "model") && streq(what, "text"))
                on_model(a, line);
}
