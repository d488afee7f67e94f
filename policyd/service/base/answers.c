/*
 * Idempotency: a repeated call gets the first one's answer
 *
 * An answer is kept under "<uid> <method> <key>" as long as the object or job that the call made, and is
 * stored in the same commit as that object. Of the arguments a digest is enough: it only has to tell a
 * repetition from a mistake.
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/service/base/answers.h"

typedef struct Answer Answer;

struct Answer {
        char *key, *digest, *path;
        Uuid object;
        Answer *next; /* of the same object */
};

/* Two 64-bit FNV-1a sums from different starts, and the length. */
static void digest_arguments(const char *arguments, char ret[static 64]) {
        uint64_t a = UINT64_C(0xcbf29ce484222325), b = UINT64_C(0x84222325cbf29ce4);
        size_t n = strlen(arguments);

        for (size_t i = 0; i < n; i++) {
                a = (a ^ (uint8_t) arguments[i]) * UINT64_C(0x100000001b3);
                b = (b ^ (uint8_t) arguments[n - 1 - i]) * UINT64_C(0x100000001b3);
        }
        snprintf(ret, 64, "%016" PRIx64 "%016" PRIx64 "-%zu", a, b, n);
}

static Answer *answer_free(Answer *a) {
        if (!a)
                return NULL;
        free(a->key);
        free(a->digest);
        free(a->path);
        free(a);
        return NULL;
}
DEFINE_CLEANUP(Answer *, answer_free)

int answers_load(const StoreAnswer *answer, void *userdata) {
        _cleanup_(answer_freep) Answer *a = NULL;
        Answers *answers = userdata;
        Answer *first;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->object = answer->object;
        a->key = strdup(answer->key);
        a->digest = strdup(answer->digest);
        a->path = strdup(answer->path);
        if (!a->key || !a->digest || !a->path)
                return -ENOMEM;

        first = hashmap_get(answers->of_object, &a->object);
        r = hashmap_put(answers->by_key, a->key, a);
        if (r < 0)
                return r;
        if (first) {
                a->next = first->next;
                first->next = a;
        } else {
                r = hashmap_put(answers->of_object, &a->object, a);
                if (r < 0) {
                        hashmap_remove(answers->by_key, a->key);
                        return r;
                }
        }
        take_ptr(a);
        return 0;
}

static int make_key(const AnswerKey *k, char **ret, Refusal *refusal) {
        int n;

        n = asprintf(ret, "%" PRIu32 " %s %s", k->uid, k->method, k->key);
        if (n < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        if (isempty(k->key) || n > STORE_KEY_MAX)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The idempotency_key is %s; give 1 to %zu bytes.",
                        isempty(k->key) ? "empty" : "too long",
                        (size_t) STORE_KEY_MAX - 12 - strlen(k->method));
        return 0;
}

int answers_find(const Answers *answers, const AnswerKey *k, char **ret_path, Refusal *refusal) {
        _cleanup_free_ char *full = NULL;
        char digest[64];
        const Answer *a;
        int r;

        r = make_key(k, &full, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        a = hashmap_get(answers->by_key, full);
        if (!a)
                return 0;
        digest_arguments(k->arguments, digest);
        if (!streq(digest, a->digest))
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The idempotency_key '%s' was used for %s with other arguments, which made %s. Use a "
                        "new key for a new request.",
                        k->key, k->method, a->path);
        *ret_path = strdup(a->path);
        return *ret_path ? 1 : -ENOMEM;
}

int answers_record(
        Answers *answers, const AnswerKey *k, const char *path, const Object *owner, StoreOps *ops) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *full = NULL;
        char digest[64];
        StoreAnswer answer;
        int r;

        r = make_key(k, &full, &refusal);
        if (r < 0)
                return r;
        if (refusal.code != ERROR_NONE)
                return -EINVAL;
        digest_arguments(k->arguments, digest);
        answer = (StoreAnswer){
                .key = full, .digest = digest, .path = path, .class = owner->class, .object = owner->id};
        r = store_ops_put_answer(ops, &answer);
        return r ?: answers_load(&answer, answers);
}

int answers_forget_object(Answers *answers, const Object *o, StoreOps *ops) {
        Answer *a, *next;
        int r = 0;

        for (a = hashmap_remove(answers->of_object, &o->id); a; a = next) {
                next = a->next;
                hashmap_remove(answers->by_key, a->key);
                r = r ?: store_ops_del_answer(ops, a->key);
                answer_free(a);
        }
        return r;
}

void answers_done(Answers *answers) {
        Answer *a;

        for (size_t i = 0; answers->by_key && (a = hashmap_next(answers->by_key, &i));)
                answer_free(a);
        answers->by_key = hashmap_free(answers->by_key);
        answers->of_object = hashmap_free(answers->of_object);
}

int answers_reset(Answers *answers) {
        answers_done(answers);
        answers->by_key = hashmap_new_string();
        answers->of_object = hashmap_new_uuid();
        return answers->by_key && answers->of_object ? 0 : -ENOMEM;
}
