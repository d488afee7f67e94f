#pragma once

/*
 * The command line, taken apart
 *
 *   xenvgpu VERB key=value… [--minimal|--json] [--async] [--host USER@MASTER] [--KEY]
 *
 * Keys are kept in lower case, but for that of a map ("other-config:Key"); "--force" is "force=true", as with xe. Pure.
 */

#include "common/base/macros.h"

#define ARGS_MAX 128

typedef struct Arg {
        char *key;  /* lower case, up to ':' */
        char *name; /* as it was given */
        const char *value;
} Arg;

typedef struct Args {
        const char *verb; /* NULL: none given */
        Arg args[ARGS_MAX];
        size_t n;
        bool minimal, json, async, help, version;
        const char *host; /* NULL: this machine */
} Args;

/* 0; -EINVAL with a sentence in *ret_error (caller frees), or -ENOMEM: then *ret has nothing but whether --json was given. */
int args_parse(int argc, char *const *argv, Args *ret, char **ret_error);
void args_done(Args *a);

/* The value of a key, or NULL. */
const char *args_get(const Args *a, const char *key);

/* Calls a key otherwise, if it is there; from may be the text that Args keeps of it. -ENOMEM. */
int args_rename(Args *a, const char *from, const char *to);

/* Gives a key another value, or adds it. -ENOMEM, -E2BIG. */
int args_set(Args *a, const char *key, const char *value);

/* How many edits make one word of the other, two letters that changed places being one; for "did you mean". */
size_t edit_distance(const char *a, const char *b);
/* The nearest word, if one is near at all, or has the name between its "-"; case does not count. Zero-initialised is ready for use. */
typedef struct Nearest {
        const char *best;
        size_t distance;
} Nearest;
void nearest_look(Nearest *n, const char *name, const char *candidate);
