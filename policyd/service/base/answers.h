#pragma once

/*
 * Idempotency: a repeated call gets the first one's answer
 */

#include "common/base/hashmap.h"
#include "policyd/store/store.h"

typedef struct Answers {
        HashMap *by_key;    /* "<uid> <method> <key>" → Answer */
        HashMap *of_object; /* object uuid → its first Answer */
} Answers;

/* Who asked (uid), the method's name, the option, and the arguments as a canonical text. */
typedef struct AnswerKey {
        uint32_t uid;
        const char *method, *key, *arguments;
} AnswerKey;

int answers_reset(Answers *answers); /* empty; before the first use too */
void answers_done(Answers *answers);
int answers_load(const StoreAnswer *answer, void *answers);
/* As policy_idempotency_find(). */
int answers_find(const Answers *answers, const AnswerKey *k, char **ret_path, Refusal *refusal);
int answers_record(
        Answers *answers, const AnswerKey *k, const char *path, const Object *owner, StoreOps *ops);
int answers_forget_object(Answers *answers, const Object *o, StoreOps *ops);
