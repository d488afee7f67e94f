/*
 * The verbs together: their help, and what is wrong with a command line
 */

#include <stdio.h>

#include "common/base/strbuf.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/not-here.h"
#include "policyd/ctl/verbs.h"

static const VerbTable *const tables[] = {
        &verbs_of_gpus, &verbs_of_vms, &verbs_of_hosts, &verbs_of_quotas, &verbs_of_pool};

static const Verb *special_verb(size_t n) {
        for (size_t i = 0; i < ARRAY_SIZE(tables); n -= tables[i++]->n)
                if (n < tables[i]->n)
                        return &tables[i]->verbs[n];
        return NULL;
}

static size_t count_special(void) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                n += tables[i]->n;
        return n;
}

bool verb_nth(size_t n, char buf[static 64], VerbName *ret) {
        const Verb *special = special_verb(n);

        if (special) {
                *ret = (VerbName){.verb = special};
                snprintf(buf, 64, "%s", special->name);
                return true;
        }
        n -= count_special();
        if (n >= n_classes * generic_verbs.n)
                return false;
        *ret = (VerbName){
                .verb = &generic_verbs.verbs[n % generic_verbs.n], .class = &classes[n / generic_verbs.n]};
        snprintf(buf, 64, "%s%s", ret->class->name, ret->verb->name);
        return true;
}

/* XenServer's tasks are jobs. */
bool verb_find(const char *name, VerbName *ret) {
        const char *of_tasks = startswith(name, "task-");
        char text[64], of_jobs[64];
        VerbName v;

        if (of_tasks) {
                snprintf(of_jobs, sizeof(of_jobs), "job-%s", of_tasks);
                name = of_jobs;
        }
        for (size_t i = 0; verb_nth(i, text, &v); i++)
                if (streq(text, name)) {
                        *ret = v;
                        return true;
                }
        return false;
}

/* The three nearest, as long as they are near at all. */
int verb_unknown(const char *name) {
        const char *why = verb_not_here(name);
        char best[3][64] = {}, text[64];
        size_t distance[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, limit = MAX_OF(strlen(name) / 2, (size_t) 2);
        _cleanup_strbuf_ StrBuf b = {};
        VerbName v;

        if (why)
                return ctl_say_not_here(name, why);
        for (size_t i = 0; verb_nth(i, text, &v); i++) {
                size_t d = strstr(text, name) && strlen(name) > 2 ? 1 : edit_distance(name, text), at = 3;

                while (at > 0 && d < distance[at - 1])
                        at--;
                if (at == 3 || d > limit)
                        continue;
                memmove(&distance[at + 1], &distance[at], (2 - at) * sizeof(distance[0]));
                memmove(best[at + 1], best[at], (2 - at) * sizeof(best[0]));
                distance[at] = d;
                memcpy(best[at], text, sizeof(text));
        }

        for (size_t i = 0; i < 3 && *best[i]; i++)
                strbuf_addf(&b, "%s%s",
                        i == 0                    ? "; did you mean "
                        : i == 2 || !*best[i + 1] ? " or "
                                                  : ", ",
                        best[i]);
        strbuf_add(&b, b.len > 0 ? "?" : "; `xenvgpu help` lists them");
        return ctl_usage("there is no verb '%s'%s", name, strempty(b.text));
}

/* The class whose fields are keys, or NULL. */
static const ClassInfo *class_of_keys(VerbName v, const Args *args) {
        if (v.verb->keys == VERB_KEYS_OF_CLASS)
                return class_find(strempty(args_get(args, "class")));
        if (v.verb->on)
                return class_find(v.verb->on);
        return v.verb->keys == VERB_KEYS_CLOSED ? NULL : v.class;
}

/* param-name=MAP KEY=value: the keys are its own. */
static bool keys_are_entries(VerbName v, const Args *args) {
        const char *name = args_get(args, "param-name");
        FieldName field;

        return v.verb->keys == VERB_KEYS_LISTS && name && field_find(v.class, name, &field) && field.field->kind == FIELD_MAP;
}

static bool key_is_known(VerbName v, const Args *args, const char *key) {
        const ClassInfo *class = class_of_keys(v, args);
        FieldName field;

        return verb_has_key(v.verb, key) || keys_are_entries(v, args) || (class && field_find(class, key, &field)) ||
               (streq(key, "multiple") && verb_takes_several(v.verb));
}

/* Keys that say what the verb's objects are. */
static bool selects(VerbName v, const Args *args) {
        FieldName field;

        for (size_t i = 0; v.verb->on && i < args->n; i++)
                if (!verb_has_key(v.verb, args->args[i].key) && field_find(class_find(v.verb->on), args->args[i].key, &field))
                        return true;
        return false;
}

/* vm= for vm-uuid=, and host= where uuid= is that of a host. */
static int adopt_class(VerbName v, Args *args, const char *key) {
        const ClassInfo *class = key_is_known(v, args, key) ? NULL : class_find(key);
        const VerbArg *arg;
        char longer[64];

        if (!class)
                return 0;
        for (size_t n = 0; (arg = verb_arg(v.verb, n)); n++)
                if (arg->kind == VERB_ARG_OBJECT && streq(arg->key, "uuid") && streq(arg->of, class->name))
                        return args_rename(args, key, "uuid");
        if (class == v.class)
                return args_get(args, "uuid") ? 0 : args_rename(args, key, "uuid");
        snprintf(longer, sizeof(longer), "%s-uuid", class->name);
        return key_is_known(v, args, longer) && !args_get(args, longer) ? args_rename(args, key, longer) : 0;
}

/* Another spelling of a key: vm= for uuid=, and "_" for "-". */
static int adopt_spelling(VerbName v, Args *args) {
        const char *class = v.verb->on ? v.verb->on : v.class ? v.class->name : NULL;
        int r = 0;

        if (class && verb_has_key(v.verb, "uuid") && !args_get(args, "uuid") && !verb_has_key(v.verb, class))
                r = args_rename(args, class, "uuid");
        for (size_t i = 0; r == 0 && i < args->n; i++) {
                char *key = args->args[i].key;

                r = adopt_class(v, args, key);
                key = args->args[i].key;
                if (!strchr(key, '_') || strchr(key, ':') || key_is_known(v, args, key))
                        continue;
                for (char *p = key; *p; p++)
                        *p = *p == '_' ? '-' : *p;
        }
        return r;
}

static void print_fields(FILE *out, VerbName v) {
        const char *separator = "";
        const Field *f;

        for (size_t i = 0; (f = class_field(v.class, i)); i++) {
                if ((v.verb->keys == VERB_KEYS_SETTERS && !field_is_settable(f)) ||
                        (v.verb->keys == VERB_KEYS_LISTS && !f->add && !f->entries))
                        continue;
                fprintf(out, "%s%s", separator, f->name);
                separator = ", ";
        }
        fputs(*separator ? "\n" : "none of this class\n", out);
}

/* Of entries: a field of the class, or an argument that ends so. */
static bool is_map(const ClassInfo *class, const char *key) {
        FieldName field;

        return strchr(key, ':') || (class && field_find(class, key, &field) && field.field->kind == FIELD_MAP);
}

/* "; did you mean platform:vga=?", or "": of the keys, the fields, and the class, which may stand for uuid=. */
static void suggest_key(StrBuf *b, VerbName v, const ClassInfo *class, const char *key) {
        size_t n = strcspn(key, ":");
        _cleanup_free_ char *name = strndup(key, n);
        Nearest nearest = {};
        const VerbArg *arg;
        const Field *f;

        for (size_t i = 0; name && (arg = verb_arg(v.verb, i)); i++)
                nearest_look(&nearest, name, arg->key);
        for (size_t i = 0; name && class && (f = class_field(class, i)); i++)
                nearest_look(&nearest, name, f->name);
        if (name && class && verb_has_key(v.verb, "uuid"))
                nearest_look(&nearest, name, class->name);
        /* Verbs of hosts take it; here it can only be where the VM is. */
        if (class && streq(class->name, "vm") && streq(key, "host"))
                nearest = (Nearest){.best = "resident-on"};
        if (!nearest.best)
                return;
        strbuf_add(b, "; did you mean ");
        strbuf_add_n(b, nearest.best, strcspn(nearest.best, ":"));
        if (is_map(class, nearest.best))
                strbuf_add(b, key[n] ? key + n : ":KEY");
        strbuf_add(b, "=?");
}

static int say_unknown_key(const char *name, VerbName v, const Args *args, const char *key, const char *keys) {
        const ClassInfo *class = class_of_keys(v, args);
        const char *why = class ? field_not_here(class, key) : NULL;
        _cleanup_strbuf_ StrBuf b = {};

        if (why)
                return ctl_say_not_here(key, why);
        if (v.verb->keys == VERB_KEYS_OF_CLASS && !class && args_get(args, "class"))
                return ctl_usage("class=%s is none; take one of those that `xenvgpu help` names", args_get(args, "class"));
        if (streq(key, "multiple") && v.verb->keys == VERB_KEYS_FIELDS)
                return ctl_usage("%s shows all that match, with and without --multiple", name);
        suggest_key(&b, v, class, key);
        ctl_usage("%s has no key '%s'%s%s takes: %s", name, key, strempty(b.text), b.len > 0 ? " It" : "; it",
                *keys ? keys : "no keys");
        if (b.len == 0 && v.class && class) {
                fputs("fields: ", stderr);
                print_fields(stderr, v);
        }
        return EXIT_USAGE;
}

/* "uuid= [on=] [dry-run=]" */
static char *describe_keys(VerbName v) {
        StrBuf b = {};
        const VerbArg *arg;

        for (int optional = 0; optional <= 1; optional++)
                for (size_t i = 0; (arg = verb_arg(v.verb, i)); i++)
                        if (arg->optional == optional)
                                strbuf_addf(&b, "%s%s%s%s=%s", b.len > 0 ? " " : "", optional ? "[" : "",
                                        arg->key, arg->key[strlen(arg->key) - 1] == ':' ? "KEY" : "",
                                        optional ? "]" : "");
        if (v.verb->keys != VERB_KEYS_CLOSED)
                strbuf_addf(&b, "%s[FIELD=]...", b.len > 0 ? " " : "");
        return strbuf_take(&b);
}

/* D-Bus says name where xe says name-label: either is understood. */
static int adopt_name(VerbName v, Args *args) {
        static const char *const words[] = {"name", "name-label"};
        const VerbArg *arg;

        for (size_t n = 0; (arg = verb_arg(v.verb, n)); n++)
                for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                        if (streq(arg->key, words[i]) && !args_get(args, words[i]))
                                return args_rename(args, words[1 - i], words[i]);
        return 0;
}

int verb_check(const char *name, VerbName v, Args *args) {
        _cleanup_free_ char *keys = describe_keys(v);
        const VerbArg *arg;

        if (adopt_name(v, args) < 0 || adopt_spelling(v, args) < 0)
                return ctl_usage("out of memory");

        for (size_t i = 0; i < args->n; i++)
                if (!key_is_known(v, args, args->args[i].key))
                        return say_unknown_key(name, v, args, args->args[i].key, strempty(keys));
        for (size_t n = 0; (arg = verb_arg(v.verb, n)); n++)
                if (!arg->optional && isempty(args_get(args, arg->key)) && !(streq(arg->key, "uuid") && selects(v, args)))
                        return ctl_usage("%s needs %s=%s; it takes: %s", name, arg->key,
                                v.verb->on && streq(arg->key, "uuid") ? ", or FIELD=value of what is meant" : "", strempty(keys));
        return 0;
}

static int help_verb(const char *name) {
        _cleanup_free_ char *keys = NULL;
        VerbName v;

        if (!verb_find(name, &v))
                return verb_unknown(name);
        keys = describe_keys(v);
        printf("xenvgpu %s%s%s\n\n", name, isempty(keys) ? "" : " ", strempty(keys));
        print_wrapped(stdout, 0, v.verb->summary);
        if (v.verb->on)
                printf("\nInstead of uuid=: %s=NAME, or FIELD=value as %s-list filters%s.\n", v.verb->on, v.verb->on,
                        verb_takes_several(v.verb) ? "; with --multiple each that matches" : "");
        if (v.class && v.verb->keys != VERB_KEYS_CLOSED) {
                fputs("\nFields: ", stdout);
                print_fields(stdout, v);
        }
        return EXIT_DONE;
}

int verb_help(const char *name) {
        const Verb *verb;

        if (name)
                return help_verb(name);

        puts("xenvgpu VERB key=value... [--minimal|--json] [--async] [--host USER@MASTER]\n\n"
             "Objects are given by uuid or unique name. `xenvgpu help VERB` says more.\n");
        for (size_t i = 0; (verb = special_verb(i)); i++)
                printf("  %-33s %s\n", verb->name, verb->summary);
        fputs("\nFor each CLASS of ", stdout);
        for (size_t i = 0; i < n_classes; i++)
                printf("%s%s", classes[i].name, i + 1 < n_classes ? ", " : ":\n\n");
        for (size_t i = 0; i < generic_verbs.n; i++)
                printf("  CLASS%-28s %s\n", generic_verbs.verbs[i].name, generic_verbs.verbs[i].summary);
        puts("\nExit status: 0 done; 1 refused or failed; 2 usage; 3 policyd cannot be reached.\n"
             "XENVGPU_ADDRESS names another bus than the system's (a lab: eval \"$(xenvgpu-lab env DIR)\").");
        return EXIT_DONE;
}
