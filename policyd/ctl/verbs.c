/*
 * The verbs together: their help, and what is wrong with a command line
 */

#include <stdio.h>

#include "common/base/strbuf.h"
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

bool verb_find(const char *name, VerbName *ret) {
        char text[64];
        VerbName v;

        for (size_t i = 0; verb_nth(i, text, &v); i++)
                if (streq(text, name)) {
                        *ret = v;
                        return true;
                }
        return false;
}

/* The three nearest, as long as they are near at all. */
int verb_unknown(const char *name) {
        char best[3][64] = {}, text[64];
        size_t distance[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, limit = MAX_OF(strlen(name) / 2, (size_t) 2);
        VerbName v;

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

        fprintf(stderr, "xenvgpu: there is no verb '%s'", name);
        for (size_t i = 0; i < 3 && *best[i]; i++)
                fprintf(stderr, "%s%s",
                        i == 0                    ? "; did you mean "
                        : i == 2 || !*best[i + 1] ? " or "
                                                  : ", ",
                        best[i]);
        fputs(*best[0] ? "?\n" : "; `xenvgpu help` lists them\n", stderr);
        return EXIT_USAGE;
}

static bool key_is_known(VerbName v, const char *key) {
        FieldName field;

        return verb_has_key(v.verb, key) ||
               (v.verb->keys != VERB_KEYS_CLOSED && field_find(v.class, key, &field));
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

static void print_fields(FILE *out, VerbName v) {
        const char *separator = "";
        const Field *f;

        for (size_t i = 0; (f = class_field(v.class, i)); i++) {
                if ((v.verb->keys == VERB_KEYS_SETTERS && !f->set) ||
                        (v.verb->keys == VERB_KEYS_LISTS && !f->add))
                        continue;
                fprintf(out, "%s%s", separator, f->name);
                separator = ", ";
        }
        fputs(*separator ? "\n" : "none of this class\n", out);
}

/* D-Bus says name where xe says name-label: either is understood. */
static int adopt_name(VerbName v, Args *args) {
        static const char *const words[] = {"name", "name-label"};
        const VerbArg *arg;

        for (size_t n = 0; (arg = verb_arg(v.verb, n)); n++)
                for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                        if (!arg->optional && streq(arg->key, words[i]) && !args_get(args, words[i]))
                                return args_rename(args, words[1 - i], words[i]);
        return 0;
}

int verb_check(const char *name, VerbName v, Args *args) {
        _cleanup_free_ char *keys = describe_keys(v);
        const VerbArg *arg;

        if (adopt_name(v, args) < 0)
                return ctl_usage("out of memory");

        for (size_t i = 0; i < args->n; i++) {
                if (key_is_known(v, args->args[i].key))
                        continue;
                ctl_usage("%s has no key '%s'; it takes: %s", name, args->args[i].key,
                        *strempty(keys) ? keys : "no keys");
                if (v.verb->keys != VERB_KEYS_CLOSED) {
                        fputs("fields: ", stderr);
                        print_fields(stderr, v);
                }
                return EXIT_USAGE;
        }
        for (size_t n = 0; (arg = verb_arg(v.verb, n)); n++)
                if (!arg->optional && isempty(args_get(args, arg->key)))
                        return ctl_usage("%s needs %s=; it takes: %s", name, arg->key, strempty(keys));
        return 0;
}

static int help_verb(const char *name) {
        _cleanup_free_ char *keys = NULL;
        VerbName v;

        if (!verb_find(name, &v))
                return verb_unknown(name);
        keys = describe_keys(v);
        printf("xenvgpu %s %s\n\n%s\n", name, strempty(keys), v.verb->summary);
        if (v.verb->keys != VERB_KEYS_CLOSED) {
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
