/*
 * What clients were told
 */

#include <stdarg.h>

#include "tests/proof/audit-clients.h"
#include "tests/proof/audit-line.h"

#define EITHER_MAX 8
#define FACTS_MAX 40
#define BUCKETS 256

/* What a call promises of an object: a property and its value. */
typedef struct Fact {
        Id name, of, value;
} Fact;

/* A property that clients have set. */
typedef struct Property {
        Id of, name, value; /* as acknowledged last; "" where none was yet */
        Id either[EITHER_MAX]; /* asked for since, and nobody was told what became of it */
        size_t n_either;
        bool seen; /* in the list that is read now */
} Property;

typedef struct Key {
        Id key, arguments, answer;
        bool acked;
} Key;

typedef struct Asked {
        Id call, key;
        Fact facts[FACTS_MAX];
        size_t n_facts;
        bool again;
        bool at_host; /* of hostd itself, beside policyd */
        bool crossed; /* another call of hostd itself ended meanwhile */
} Asked;

/* A PGPU whose health somebody cleared, until time passes. */
typedef struct Cleared {
        Id pgpu, when;
} Cleared;

typedef struct Health {
        Id pgpu, is;
} Health;

typedef struct MovedHost {
        Id host;
} MovedHost;

struct ClientsAudit {
        void (*said)(void *userdata, const char *word, const char *sentence);
        void *userdata;
        LIST(Property) properties[BUCKETS]; /* by the object */
        LIST(Key) keys;
        LIST(Asked) asked;
        LIST(Cleared) cleared;
        LIST(Health) health;
        LIST(MovedHost) left, joined; /* hosts that clients removed and added, as an affinity is written that names them */
        LIST(MovedHost) moved; /* hosts with a card that went to another slot */
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
        for (size_t i = 0; i < BUCKETS; i++)
                free(a->properties[i].items);
        free(a->cleared.items);
        free(a->health.items);
        free(a->keys.items);
        free(a->asked.items);
        free(a->moved.items);
        free(a->left.items);
        free(a->joined.items);
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

static size_t bucket_of(const char *of) {
        size_t hash = 5381;

        for (; *of; of++)
                hash = hash * 33 ^ (unsigned char) *of;
        return hash % BUCKETS;
}

static Property *find_property(ClientsAudit *a, const char *of, const char *name) {
        size_t k = bucket_of(of);

        for (size_t i = 0; i < a->properties[k].n; i++)
                if (streq(a->properties[k].items[i].of, of) && streq(a->properties[k].items[i].name, name))
                        return &a->properties[k].items[i];
        return NULL;
}

static Property *property_of(ClientsAudit *a, const Fact *f) {
        Property *p = find_property(a, f->of, f->name);

        if (!p) {
                p = ADD(&a->properties[bucket_of(f->of)]);
                memcpy(p->of, f->of, sizeof(Id));
                memcpy(p->name, f->name, sizeof(Id));
        }
        return p;
}

static bool may_be(const Property *p, const char *value) {
        for (size_t i = 0; i < p->n_either; i++)
                if (streq(p->either[i], value))
                        return true;
        return streq(p->value, value);
}

/* Who clears the health of a PGPU sees it good; what fails later counts anew. */
static void on_cleared(ClientsAudit *a, const char *pgpu, const char *when) {
        Cleared *c = ADD(&a->cleared);

        memcpy(c->pgpu, pgpu, sizeof(Id));
        memcpy(c->when, when, sizeof(Id));
}

/* What ends with an asterisk stands for all entries that are known of a map or a set, or for all types of a card. */
static bool is_entry_of(const Property *p, const Fact *all) {
        return streq(p->of, all->of) && strncmp(p->name, all->name, strlen(all->name) - 1) == 0;
}

static void drop_entries(ClientsAudit *a, const Fact *all, bool surely) {
        size_t k = bucket_of(all->of);

        for (size_t i = 0; i < a->properties[k].n; i++) {
                Property *p = &a->properties[k].items[i];

                if (!is_entry_of(p, all))
                        continue;
                if (surely || p->n_either == EITHER_MAX) {
                        (void) snprintf(p->value, sizeof(Id), "%s", surely ? all->value : "");
                        p->n_either = 0;
                } else
                        memcpy(p->either[p->n_either++], all->value, sizeof(Id));
        }
}

static bool is_all_entries(const Fact *f) {
        return f->name[strlen(f->name) - 1] == '*';
}

/* Commits come in the order of the calls, so what was asked before counts no more. */
static void keep_fact(ClientsAudit *a, const Fact *f, const char *when) {
        Property *p;

        if (streq(f->name, "Health")) {
                on_cleared(a, f->of, when);
                return;
        }
        if (is_all_entries(f)) {
                drop_entries(a, f, /* surely= */ strncmp(f->name, "type:", 5) != 0);
                return;
        }
        p = property_of(a, f);
        memcpy(p->value, f->value, sizeof(Id));
        p->n_either = 0;
}

static void doubt_fact(ClientsAudit *a, const Fact *f) {
        Property *p;

        if (is_all_entries(f))
                drop_entries(a, f, /* surely= */ false);
        if (streq(f->name, "Health") || is_all_entries(f))
                return;
        p = property_of(a, f);
        if (p->n_either < EITHER_MAX)
                memcpy(p->either[p->n_either++], f->value, sizeof(Id));
        else
                *p->value = '\0';
}

static void on_acked(ClientsAudit *a, const Asked *asked, const char *when) {
        for (size_t i = 0; i < asked->n_facts; i++)
                keep_fact(a, &asked->facts[i], when);
        for (size_t i = 0; i < a->keys.n; i++)
                a->keys.items[i].acked |= *asked->key && streq(a->keys.items[i].key, asked->key);
}

static void on_unsure(ClientsAudit *a, const Asked *asked) {
        for (size_t i = 0; i < asked->n_facts; i++)
                doubt_fact(a, &asked->facts[i]);
        for (size_t i = 0; i < a->keys.n && *asked->key && !asked->again; i++)
                if (streq(a->keys.items[i].key, asked->key) && !a->keys.items[i].acked) {
                        REMOVE(&a->keys, i);
                        return;
                }
}

static bool is_host_in(const MovedHost *hosts, size_t n, const char *host) {
        for (size_t i = 0; i < n; i++)
                if (streq(hosts[i].host, host))
                        return true;
        return false;
}

/* One to a host that was removed is to the one that has its cards since. */
static bool may_follow(const ClientsAudit *a, const Property *p, const char *value) {
        return streq(p->name, "Affinity") && is_host_in(a->left.items, a->left.n, p->value) && is_host_in(a->joined.items, a->joined.n, value);
}

static void read_property(ClientsAudit *a, const char *of, const char *name, const char *value) {
        Property *p = find_property(a, of, name);

        if (!p)
                return;
        p->seen = true;
        if (*p->value && !may_be(p, value) && !may_follow(a, p, value))
                broken(a, "lost", "%s of %s was set to %s and is %s", p->name, p->of, p->value, value);
        memcpy(p->value, value, sizeof(Id));
        p->n_either = 0;
}

static void read_facts(const char *line, Fact facts[static FACTS_MAX], size_t *ret_n) {
        size_t n = 0;

        for (const char *at = strstr(line, " sets="); at && n < FACTS_MAX; at = strstr(at + 1, " sets=")) {
                line_value(at, "sets", facts[n].name);
                line_value(at, "of", facts[n].of);
                line_value(at, "value", facts[n++].value);
        }
        *ret_n = n;
}

/* The object may be there, and the list that ends here does not have it. */
static void miss_entry(ClientsAudit *a, Property *p) {
        if (*p->value && !may_be(p, "none"))
                broken(a, "lost", "%s of %s was set to %s, and is not there", p->name, p->of, p->value);
        memcpy(p->value, "none", sizeof("none"));
        p->n_either = 0;
}

/* What was made must be in the list that ends here. */
static void check_listed(ClientsAudit *a) {
        for (size_t k = 0; k < BUCKETS; k++)
                for (size_t i = 0; i < a->properties[k].n; i++) {
                        Property *p = &a->properties[k].items[i];

                        if (streq(p->name, "is") && !p->seen && *p->value && !may_be(p, "gone"))
                                broken(a, "lost", "%s was made, and is not there", p->of);
                        if (strchr(p->name, '/') && !p->seen)
                                miss_entry(a, p);
                        if (streq(p->name, "is") && !p->seen) {
                                memcpy(p->value, "gone", sizeof("gone"));
                                p->n_either = 0;
                        }
                        p->seen = false;
                }
}

static void on_model(ClientsAudit *a, const char *line) {
        Fact facts[FACTS_MAX];
        Id of, name, value;
        size_t n;

        line_word(line, 2, name);
        if (streq(name, "texts-end"))
                check_listed(a);
        else if (streq(name, "type") || streq(name, "entry")) {
                read_facts(line, facts, &n);
                for (size_t i = 0; i < n; i++)
                        read_property(a, facts[i].of, facts[i].name, facts[i].value);
        } else if (streq(name, "text"))
                read_property(a, line_value(line, "of", of), line_value(line, "property", name), line_value(line, "value", value));
}

/* Health */

static void on_told(ClientsAudit *a, const char *line) {
        Id pgpu, is, functions;
        Health *h = NULL;

        if (!*line_value(line, "health", is))
                return;
        line_value(line, "pgpu", pgpu);
        /* By its functions, which the host looks at again: that takes time. */
        if (!streq(line_value(line, "functions", functions), "0") && streq(is, "suspect"))
                return;
        for (size_t i = 0; i < a->health.n && !h; i++)
                if (streq(a->health.items[i].pgpu, pgpu))
                        h = &a->health.items[i];
        if (!h)
                h = ADD(&a->health);
        memcpy(h->pgpu, pgpu, sizeof(Id));
        memcpy(h->is, is, sizeof(Id));
}

static void check_cleared(ClientsAudit *a, const char *now) {
        for (size_t i = a->cleared.n; i-- > 0;) {
                const Cleared *c = &a->cleared.items[i];

                if (streq(c->when, now))
                        continue;
                for (size_t k = 0; k < a->health.n; k++)
                        if (streq(a->health.items[k].pgpu, c->pgpu) && streq(a->health.items[k].is, "suspect"))
                                broken(a, "lost", "the health of PGPU %s was cleared, and it is suspect", c->pgpu);
                REMOVE(&a->cleared, i);
        }
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

/* What a client made goes when it is told to, or with what it belongs to; a reservation by itself (audit-holds.c). */
static bool may_go(ClientsAudit *a, const char *class, const char *id) {
        const Property *is = find_property(a, id, "is"), *whole;

        whole = find_property(a, id, streq(class, "vgpu") ? "VM" : streq(class, "quota") ? "GPUGroup" : "");
        if (!is || !*is->value || may_be(is, "gone") || streq(class, "reservation") || streq(class, "job"))
                return true;
        for (size_t i = 0; i < a->asked.n; i++)
                for (size_t k = 0; k < a->asked.items[i].n_facts; k++) {
                        const Fact *f = &a->asked.items[i].facts[k];

                        if (streq(f->name, "is") && streq(f->value, "gone") && (streq(f->of, id) || (whole && streq(f->of, whole->value))))
                                return true;
                }
        is = whole ? find_property(a, whole->value, "is") : NULL;
        return is && may_be(is, "gone");
}

/* Whether the property says with what its object goes: a VGPU with its VM, a quota with its group. */
static bool is_part(ClientsAudit *a, const Property *p) {
        return streq(p->name, "VM") || (streq(p->name, "GPUGroup") && find_property(a, p->of, "is"));
}

/* Of it and of what refers to it nothing is expected. A VM's import may make another VGPU with its uuid. */
static void forget_object(ClientsAudit *a, const char *class, const char *id) {
        for (size_t k = 0; k < BUCKETS; k++)
                for (size_t i = a->properties[k].n; i-- > 0;) {
                        Property *p = &a->properties[k].items[i];

                        if (streq(p->of, id) && streq(p->name, "is") && !streq(class, "vgpu")) {
                                memcpy(p->value, "gone", sizeof("gone"));
                                p->n_either = 0;
                        } else if (streq(p->of, id) || (may_be(p, id) && !is_part(a, p)))
                                REMOVE(&a->properties[k], i);
                }
}

static void on_gone(ClientsAudit *a, const char *line) {
        Id class;
        char *id;

        line_word(line, 3, class);
        id = strchr(class, '=');
        if (!id)
                return;
        *id++ = '\0';
        /* Its row was spoilt, and a person removed that. */
        if (!strstr(line, " row=spoilt") && !may_go(a, class, id))
                broken(a, "lost", "the %s %s was made, and went by itself", class, id);
        for (size_t i = a->keys.n; i-- > 0;)
                if (streq(a->keys.items[i].answer, id))
                        REMOVE(&a->keys, i);
        forget_object(a, class, id);
}

/* Lines */

static bool is_answer(const char *what) {
        return streq(what, "acked") || streq(what, "failed") || streq(what, "refused") || startswith(what, "error=");
}

/* A host that could not store it may have stored it. */
static bool is_unsure(const char *what, const char *line) {
        Id code;

        return streq(what, "failed") || (streq(what, "refused") && streq(line_value(line, "code", code), "StorageFailed"));
}

static bool is_of_same_object(const Asked *a, const Asked *b) {
        return a->n_facts > 0 && b->n_facts > 0 && streq(a->facts[0].of, b->facts[0].of);
}

/* policyd's orders, whose end nobody knows yet, may come to the host before it or after it. */
static void on_acked_at_host(ClientsAudit *a, const Asked *asked) {
        for (size_t i = 0; i < asked->n_facts; i++)
                if (!is_all_entries(&asked->facts[i]))
                        memcpy(property_of(a, &asked->facts[i])->value, asked->facts[i].value, sizeof(Id));
        for (size_t i = 0; i < a->asked.n; i++)
                a->asked.items[i].crossed |= !a->asked.items[i].at_host && is_of_same_object(&a->asked.items[i], asked);
}

static void on_answer(ClientsAudit *a, const Asked *asked, const char *what, const char *line) {
        Id when;

        if (streq(what, "acked") && asked->at_host)
                on_acked_at_host(a, asked);
        else if (streq(what, "acked") && !asked->crossed)
                on_acked(a, asked, line_word(line, 0, when));
        else if (streq(what, "acked"))
                on_unsure(a, asked);
        else if (is_unsure(what, line))
                on_unsure(a, asked);
}

static void on_client(ClientsAudit *a, const char *line) {
        Id call, what, host;
        Asked *asked;

        line_value(line, "call", call);
        line_word(line, 3, what);
        for (size_t i = 0; i < a->asked.n; i++) {
                asked = &a->asked.items[i];
                if (!streq(asked->call, call))
                        continue;
                on_answer(a, asked, what, line);
                REMOVE(&a->asked, i);
                return;
        }
        if (is_answer(what))
                return;
        if (*line_value(line, "leaves", host))
                memcpy(ADD(&a->left)->host, host, sizeof(Id));
        if (*line_value(line, "joins", host))
                memcpy(ADD(&a->joined)->host, host, sizeof(Id));
        asked = ADD(&a->asked);
        memcpy(asked->call, call, sizeof(Id));
        read_facts(line, asked->facts, &asked->n_facts);
        line_value(line, "key", asked->key);
        asked->at_host = startswith(what, "Host1.");
        asked->again = streq(line_value(line, "again", what), "yes");
        if (*asked->key)
                on_key(a, asked, line);
}

/* What is known of places is not stored. */
static void on_policyd_ends(ClientsAudit *a) {
        for (size_t i = 0; i < a->asked.n; i++)
                on_unsure(a, &a->asked.items[i]);
        a->asked.n = a->cleared.n = a->health.n = 0;
}

static bool is_of_host(const char *of) {
        return strchr(of, '/');
}

/* All that was told since the copy, and nobody knows what that is. What hosts store, they have. */
static void on_restored(ClientsAudit *a) {
        for (size_t k = 0; k < BUCKETS; k++)
                for (size_t i = a->properties[k].n; i-- > 0;)
                        if (!is_of_host(a->properties[k].items[i].of))
                                REMOVE(&a->properties[k], i);
        a->keys.n = a->asked.n = 0;
}

/* Forgets what is known of the types of the host's cards, or of the card in this slot. */
static void forget_types(ClientsAudit *a, const char *host, const char *slot_or_null) {
        char prefix[2 * sizeof(Id)];

        (void) snprintf(prefix, sizeof(prefix), "%s/%s%s", host, strempty(slot_or_null), slot_or_null ? "/" : "");
        for (size_t k = 0; k < BUCKETS; k++)
                for (size_t i = a->properties[k].n; i-- > 0;)
                        if (startswith(a->properties[k].items[i].of, prefix))
                                REMOVE(&a->properties[k], i);
}

/* policyd gives a card in another slot the types that it had: a policyd whose database is older does so again. */
static void on_host(ClientsAudit *a, const char *host, const char *what, const char *line) {
        Id is, slot;
        bool moved = false;

        for (size_t i = 0; i < a->moved.n; i++)
                moved |= streq(a->moved.items[i].host, host);
        if (startswith(what, "card=") && streq(line_value(line, "is", is), "moved")) {
                memcpy(ADD(&a->moved)->host, host, sizeof(Id));
                forget_types(a, host, NULL);
        }
        if (streq(what, "restored"))
                forget_types(a, host, NULL);
        if (moved && streq(what, "takes") && streq(line_value(line, "order", is), "types"))
                forget_types(a, host, line_value(line, "pgpu", slot));
}

static void on_policyd(ClientsAudit *a, const char *what, const char *line) {
        if (streq(what, "gone"))
                on_gone(a, line);
        else if (streq(what, "tells"))
                on_told(a, line);
        else if (streq(what, "ends"))
                on_policyd_ends(a);
        else if (streq(what, "restored"))
                on_restored(a);
}

void clients_audit_line(ClientsAudit *a, const char *line) {
        Id when, who, what;

        line_word(line, 1, who);
        line_word(line, 2, what);
        if (a->cleared.n > 0)
                check_cleared(a, line_word(line, 0, when));
        if (streq(who, "client"))
                on_client(a, line);
        else if (streq(who, "policyd"))
                on_policyd(a, what, line);
        else if (streq(who, "model"))
                on_model(a, line);
        else
                on_host(a, who, what, line);
}
