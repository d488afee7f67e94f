/*
 * Idempotency: a repeated call gets the first one's answer
 *
 * An answer is kept under "<uid> <method> <key>" as long as the object or job that the call made, and is
 * stored in the same commit as that object. Of the arguments a digest is enough: it only has to tell a
 * repetition from a mistake.
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/service/internal.h"

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

static int answer_add(Policy *p, const StoreAnswer *answer) {
        _cleanup_(answer_freep) Answer *a = NULL;
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

        r = hashmap_put(p->answers, a->key, a);
        if (r < 0)
                return r;
        first = hashmap_get(p->answers_of, &a->object);
        if (first) {
                a->next = first->next;
                first->next = a;
        } else {
                r = hashmap_put(p->answers_of, &a->object, a);
                if (r < 0) {
                        hashmap_remove(p->answers, a->key);
                        return r;
                }
        }
        take_ptr(a);
        return 0;
}

int answers_load(const StoreAnswer *answer, void *policy) {
        return answer_add(policy, answer);
}

static int make_key(uint32_t uid, const char *method, const char *key, char **ret, Refusal *refusal) {
        int n;

        n = asprintf(ret, "%" PRIu32 " %s %s", uid, method, key);
        if (n < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        if (isempty(key) || n > STORE_KEY_MAX)
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The idempotency_key is %s; give 1 to %zu bytes.",
                        isempty(key) ? "empty" : "too long", (size_t) STORE_KEY_MAX - 12 - strlen(method));
        return 0;
}

int policy_idempotency_find(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, char **ret_path, Refusal *refusal) {
        _cleanup_free_ char *full = NULL;
        char digest[64];
        const Answer *a;
        int r;

        r = make_key(uid, method, key, &full, refusal);
        if (r < 0 || refusal->code != ERROR_NONE)
                return r;
        a = hashmap_get(p->answers, full);
        if (!a)
                return 0;
        digest_arguments(arguments, digest);
        if (!streq(digest, a->digest))
                return refusal_set(refusal, ERROR_INVALID_RECORD,
                        "The idempotency_key '%s' was used for %s with other arguments, which made %s. Use a "
                        "new key for a new request.",
                        key, method, a->path);
        *ret_path = strdup(a->path);
        return *ret_path ? 1 : -ENOMEM;
}

int policy_idempotency_record(Policy *p, uint32_t uid, const char *method, const char *key,
        const char *arguments, const char *path, const Object *owner) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *full = NULL;
        char digest[64];
        StoreAnswer answer;
        int r;

        r = make_key(uid, method, key, &full, &refusal);
        if (r < 0)
                return r;
        if (refusal.code != ERROR_NONE)
                return -EINVAL;
        digest_arguments(arguments, digest);
        answer = (StoreAnswer){
                .key = full, .digest = digest, .path = path, .class = owner->class, .object = owner->id};

        batch_open(p);
        r = store_ops_put_answer(&p->batch.extra, &answer);
        r = r ?: answer_add(p, &answer);
        return batch_poison(p, r);
}

int answers_forget_object(Policy *p, const Object *o, StoreOps *ops) {
        Answer *a, *next;
        int r = 0;

        for (a = hashmap_remove(p->answers_of, &o->id); a; a = next) {
                next = a->next;
                hashmap_remove(p->answers, a->key);
                r = r ?: store_ops_del_answer(ops, a->key);
                answer_free(a);
        }
        return r;
}

void answers_clear(Policy *p) {
        Answer *a;

        for (size_t i = 0; p->answers && (a = hashmap_next(p->answers, &i));)
                answer_free(a);
        p->answers = hashmap_free(p->answers);
        p->answers_of = hashmap_free(p->answers_of);
}

int answers_reset(Policy *p) {
        answers_clear(p);
        p->answers = hashmap_new_string();
        p->answers_of = hashmap_new_uuid();
        return p->answers && p->answers_of ? 0 : -ENOMEM;
}
