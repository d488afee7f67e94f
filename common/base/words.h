#pragma once

/*
 * The names of an enum's values: one table for both directions
 */

#include <strings.h>

#include "common/base/macros.h"

typedef struct WordTable {
        const char *const *words; /* by value */
        int n;
        bool any_case; /* when read */
} WordTable;

/* NULL for a value that has no name. */
static inline const char *word_of_value(const WordTable *t, int value) {
        return value >= 0 && value < t->n ? t->words[value] : NULL;
}

/* -EINVAL for a word that is not in the table, or NULL. */
static inline int word_to_value(const WordTable *t, const char *text) {
        for (int i = 0; text && i < t->n; i++)
                if (t->words[i] && (t->any_case ? strcasecmp(t->words[i], text) : strcmp(t->words[i], text)) == 0)
                        return i;

        return -EINVAL;
}

/* An enum and its words out of one list, LIST(W) with W(VALUE, word) for each: the type here, the table in one .c file. */
#define DEFINE_ENUM(T, PREFIX, list)                                    \
        typedef enum T {                                                \
                list(WORD_VALUE) _##PREFIX##_MAX,                       \
                _##PREFIX##_INVALID = -EINVAL,                          \
        } T
#define DEFINE_WORD_TABLE(table, list, ...)                             \
        static const char *const table##_list[] = {list(WORD_NAME)};    \
        const WordTable table = {.words = table##_list, .n = ARRAY_SIZE(table##_list), ##__VA_ARGS__};
#define WORD_VALUE(value, word) value,
#define WORD_NAME(value, word) [value] = word,

/* Defines prefix_to_string() and prefix_from_string() of the enum T. */
#define DEFINE_WORDS(prefix, T, table)                                  \
        const char *prefix##_to_string(T value) {                       \
                return word_of_value(&(table), (int) value);            \
        }                                                               \
        T prefix##_from_string(const char *text) {                      \
                return (T) word_to_value(&(table), text);               \
        }
