#pragma once

/*
 * The verbs
 *
 * A table for each noun, next to what only its verbs need (verbs-gpu.c, verbs-vm.c, …), and one of what every class has (-list,
 * -param-get, …). Most verbs are one call of a method: the table says which, of which object, with which arguments, and what
 * is made of the answer. The others have a function, for which the table lists the keys. A verb that is called on objects (.on) takes
 * those that objects/select.h says, one after the other.
 */

#include "policyd/ctl/ctl.h"

typedef enum VerbArgKind {
        VERB_ARG_KEY,    /* of a verb with a function */
        VERB_ARG_TEXT,   /* the others are arguments of the method, in their order */
        VERB_ARG_OBJECT, /* by uuid or unique name; "/" if an optional one is not given */
        VERB_ARG_U32,
        VERB_ARG_U64,
        VERB_ARG_OPTION, /* the last argument holds the options; so do those below */
        VERB_ARG_FLAG,   /* an option that is true or false */
        VERB_ARG_LIMIT,  /* an option: a field of the class quota as a number */
} VerbArgKind;

typedef struct VerbArg {
        const char *key; /* one that ends in ':' stands for all that start so ("platform:") */
        VerbArgKind kind;
        bool optional;
        const char *of; /* an object's class, an option's name, or what a number is one of */
} VerbArg;

#define ARG_KEY(key_) { .key = key_, .kind = VERB_ARG_KEY }
#define ARG_MAY(key_) { .key = key_, .kind = VERB_ARG_KEY, .optional = true }
#define ARG_TEXT(key_) { .key = key_, .kind = VERB_ARG_TEXT }
#define ARG_OBJECT(key_, class_) { .key = key_, .kind = VERB_ARG_OBJECT, .of = class_ }
#define ARG_OBJECT_OR_NONE(key_, class_) { .key = key_, .kind = VERB_ARG_OBJECT, .optional = true, .of = class_ }
#define ARG_U32(key_, words) { .key = key_, .kind = VERB_ARG_U32, .of = words }
#define ARG_U64(key_, words) { .key = key_, .kind = VERB_ARG_U64, .of = words }
#define ARG_OPTION(key_, name) { .key = key_, .kind = VERB_ARG_OPTION, .optional = true, .of = name }
#define ARG_FLAG(key_, name) { .key = key_, .kind = VERB_ARG_FLAG, .optional = true, .of = name }
#define ARG_LIMIT(key_, name) { .key = key_, .kind = VERB_ARG_LIMIT, .optional = true, .of = name }
#define ARG_NO_OPTION { .kind = VERB_ARG_OPTION } /* the last: the method has options, and no key gives one */
#define ARG_IDEMPOTENCY_KEY ARG_OPTION("idempotency-key", "idempotency_key")

typedef enum VerbAnswer {
        VERB_ANSWER_NONE,
        VERB_ANSWER_CREATED, /* an object's path, printed as its uuid */
        VERB_ANSWER_NUMBER,
        VERB_ANSWER_JOB,     /* waited for, and its outcome printed; with --async its uuid */
        VERB_ANSWER_SHOW,    /* a text, by show() */
} VerbAnswer;

typedef enum VerbKeys {
        VERB_KEYS_CLOSED,  /* the keys listed, and no other */
        VERB_KEYS_FIELDS,  /* and every field of the class */
        VERB_KEYS_SETTERS, /* and every field of the class that can be set */
        VERB_KEYS_LISTS,   /* and every field of the class that can be added to */
        VERB_KEYS_OF_CLASS, /* and every field of the class that class= names */
} VerbKeys;

#define VERB_ARGS_MAX 9 /* the end too, which has no key */

struct Verb {
        const char *name; /* of a generic verb: the ending, "-list" */
        const char *summary;
        /* For a verb that is one call: */
        const char *on; /* class of the object that uuid= names, of a verb with a function too; NULL: the Manager's method */
        const char *method;
        VerbAnswer answer;
        int (*show)(FILE *out, const char *text, bool as_json); /* the exit status */
        /* For a verb that is more than one call, else NULL: */
        int (*run)(Ctl *ctl);
        VerbKeys keys;
        bool needs_no_pool;
        VerbArg args[VERB_ARGS_MAX];
};

/* A method of the object that uuid= names, or with class_ NULL of the Manager; and a function. */
#define VERB_CALL(name_, class_, method_, answer_, summary_, ...)                                                     \
        { .name = name_, .on = class_, .method = method_, .answer = VERB_ANSWER_##answer_, .summary = summary_,      \
          .args = { __VA_ARGS__ } }
#define VERB_SHOW(name_, class_, method_, show_, summary_, ...)                                                       \
        { .name = name_, .on = class_, .method = method_, .answer = VERB_ANSWER_SHOW, .show = show_,                 \
          .summary = summary_, .args = { __VA_ARGS__ } }
#define VERB_ON(name_, class_, run_, answer_, summary_, ...)                                                           \
        { .name = name_, .on = class_, .run = run_, .answer = VERB_ANSWER_##answer_, .summary = summary_,            \
          .args = { __VA_ARGS__ } }
#define VERB_OWN(name_, run_, summary_, ...) { .name = name_, .run = run_, .summary = summary_, .args = { __VA_ARGS__ } }

typedef struct VerbName {
        const Verb *verb;
        const ClassInfo *class; /* of a generic verb, else NULL */
} VerbName;

typedef struct VerbTable {
        const Verb *verbs;
        size_t n;
} VerbTable;

#define VERB_TABLE(verbs_) { .verbs = verbs_, .n = ARRAY_SIZE(verbs_) }

extern const VerbTable verbs_of_gpus, verbs_of_vms, verbs_of_hosts, verbs_of_quotas, verbs_of_pool;
extern const VerbTable generic_verbs; /* verbs-objects.c */

bool verb_find(const char *name, VerbName *ret);
/* Writes the full name of the n-th verb, in the order of the help; false after the last. */
bool verb_nth(size_t n, char buf[static 64], VerbName *ret);

/* verb-keys.c: the n-th key that a verb takes, uuid of one that is called on an object first; NULL after the last. */
const VerbArg *verb_arg(const Verb *v, size_t n);
bool verb_has_key(const Verb *v, const char *key);
/* Whether it may be called on several objects, with multiple=true. */
bool verb_takes_several(const Verb *v);

/* Whether the keys given suit the verb: 0, or EXIT_USAGE with a sentence printed. Where the verb wants name, name-label
 * is taken for it, and the other way round. */
int verb_check(const char *name, VerbName verb, Args *args);
/* "xenvgpu: there is no verb …" with the nearest. EXIT_USAGE. */
int verb_unknown(const char *name);
int verb_help(const char *name_or_null);

/* The exit status. The second: the call that the verb's row describes, for a function that looks at the keys first. */
int verb_run(Ctl *ctl, VerbName verb);
int verb_call_method(Ctl *ctl, const char *method);

/* Those in files of their own. */
int verb_pool_backup(Ctl *ctl);
int verb_pool_restore(Ctl *ctl);
int verb_metrics(Ctl *ctl);
int verb_watch(Ctl *ctl);
int verb_event_wait(Ctl *ctl);
