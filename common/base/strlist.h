#pragma once

/*
 * A list of texts that grows: an argument vector, most often
 *
 * NULL-terminated once it holds anything. Failure of memory is remembered and reported once, by strlist_take(), so that
 * a builder need not check each step. Zero-initialised is ready for use.
 */

#include "common/base/macros.h"

typedef struct StrList {
        char **items;
        size_t n;
        int error;
} StrList;

void strlist_add(StrList *l, const char *text_or_null); /* NULL adds nothing */
void strlist_addf(StrList *l, const char *format, ...) _printf_(2, 3);
void strlist_add_owned(StrList *l, char *text); /* takes the text over; NULL is a failure of memory */
void strlist_add_split(StrList *l, const char *text, const char *separators); /* what stands between them, but nothing empty */
bool strlist_contains(const StrList *l, const char *text);

/* Hands the vector over, with nothing in it too; -ENOMEM. */
int strlist_take(StrList *l, char ***ret);
void strlist_done(StrList *l);

#define _cleanup_strlist_ _cleanup_(strlist_done)

/* Such a vector, whoever made it. NULL is empty where it is only read. */
size_t strv_count(char *const *v);
bool strv_contains(char *const *v, const char *text);
bool strv_equal(char *const *a, char *const *b); /* in the same order */
int strv_copy(char *const *v, char ***ret);      /* -ENOMEM */
char **strv_free(char **v);
DEFINE_CLEANUP(char **, strv_free)
