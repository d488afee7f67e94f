#pragma once

/*
 * Reading JSON that policyd answered: a member that is missing or of the wrong type is NULL, "" or 0
 */

#include <json-c/json.h>

#include "common/base/macros.h"

static inline struct json_object *answer_member(struct json_object *o, const char *name) {
        struct json_object *value;

        return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &value) ? value : NULL;
}

static inline const char *answer_text(struct json_object *o, const char *name) {
        return strempty(json_object_get_string(answer_member(o, name)));
}

static inline uint64_t answer_number(struct json_object *o, const char *name) {
        return json_object_get_uint64(answer_member(o, name));
}

static inline bool answer_flag(struct json_object *o, const char *name) {
        return json_object_get_boolean(answer_member(o, name));
}

static inline size_t answer_length(struct json_object *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static inline struct json_object *answer_nth(struct json_object *array, size_t n) {
        return n < answer_length(array) ? json_object_array_get_idx(array, n) : NULL;
}

static inline const char *answer_nth_text(struct json_object *array, size_t n) {
        return strempty(json_object_get_string(answer_nth(array, n)));
}

/* Each element of an array in turn; break and continue do as they should, by the same means as in policyd/pool/each.h. */
#define for_each_answer(item, array)                                                                        \
        for (size_t item##_i = 0, item##_go = 1; item##_go && item##_i < answer_length(array);              \
                item##_go = !item##_go, item##_i++)                                                         \
                for (struct json_object *item = answer_nth(array, item##_i); item##_go; item##_go = !item##_go)
