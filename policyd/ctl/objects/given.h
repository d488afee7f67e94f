#pragma once

/*
 * Fields with a value on the command line: filters, selectors, and what is set
 */

#include "policyd/ctl/verbs.h"

typedef struct Given {
        struct {
                FieldName field;
                const char *value; /* of a filter "/=value": all others */
        } items[ARGS_MAX];
        size_t n;
} Given;

/* Keys of the verb itself are none. */
Given given_fields(const Ctl *ctl, const ClassInfo *class);
bool given_passes(View *v, const ViewObject *o, const Given *filters);
/* Fetches the objects that may pass, and the labels that are compared. 0 or the exit status. */
int given_load(Ctl *ctl, const ClassInfo *class, const Given *filters);
/* Those that pass, of what was fetched, in the order of lists; the caller frees the array. */
int given_select(Ctl *ctl, const ClassInfo *class, const Given *filters, ViewObject ***ret, size_t *ret_n);

/* Words that a field never takes are refused, for who would wait for them. 0 or the exit status. */
int given_check_words(const ClassInfo *class, const Given *given);

/* A field that the class does not have: what is near, or why not. The exit status. */
int field_unknown(const ClassInfo *class, const char *name);

static inline PrintStyle style_of(const Ctl *ctl) {
        return ctl->args.json ? PRINT_JSON : ctl->args.minimal ? PRINT_MINIMAL : PRINT_RECORDS;
}

/* Of the generic verbs. */
int verb_list(Ctl *ctl);
