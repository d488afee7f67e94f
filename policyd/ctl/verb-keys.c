/*
 * The keys that a verb takes
 */

#include "policyd/ctl/verbs.h"

const VerbArg *verb_arg(const Verb *v, size_t n) {
        static const VerbArg target = ARG_KEY("uuid");

        if (v->on && n-- == 0)
                return &target;
        return v->args[n].key ? &v->args[n] : NULL;
}

bool verb_has_key(const Verb *v, const char *key) {
        const VerbArg *arg;

        for (size_t i = 0; (arg = verb_arg(v, i)); i++) {
                size_t n = strlen(arg->key);

                if (arg->key[n - 1] == ':' ? strncmp(arg->key, key, n) == 0 : streq(arg->key, key))
                        return true;
        }
        return false;
}

bool verb_takes_several(const Verb *v) {
        return v->on && (v->answer == VERB_ANSWER_NONE || v->answer == VERB_ANSWER_JOB);
}
