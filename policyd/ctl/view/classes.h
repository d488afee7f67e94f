#pragma once

/*
 * The classes of the pool and their fields
 *
 * One table for lists, records, filters and setters; it includes what protocol/schema says of each property. Field names are
 * xe's; a name is found in any case, and with or without the ending "-uuid" or "-uuids". A reference has a variant
 * NAME-name-label, whether or not the table lists it. "_" is taken for "-".
 */

#include "common/base/macros.h"

typedef enum FieldKind {
        FIELD_VALUE,      /* text, number or boolean, as it is */
        FIELD_STRINGS,    /* array of texts */
        FIELD_MAP,        /* texts by key; NAME:KEY is the one */
        FIELD_REF,        /* object path, shown as uuid */
        FIELD_REFS,       /* object paths */
        FIELD_LABEL,      /* the label of what the property refers to; of each, where it refers to several */
        FIELD_RESOLUTION, /* "1920x1200" from two properties */
        FIELD_PERCENT,    /* 0..1 */
        FIELD_TIME,       /* µs since 1970, 0: none */
        FIELD_ERROR,      /* (name, sentence) */
        FIELD_OUTSIDE,    /* of each (VM's uuid, its name, type): "name (uuid) has type" */
        FIELD_LIMIT,      /* a number; the largest is "unlimited" */
        FIELD_PGPUS,      /* units of size as whole PGPUs: "1.5"; the largest number is "unlimited" */
        /* Those that xe has and policyd does not tell, made of what it tells: */
        FIELD_FIXED,      /* always what .of says: "true" or "false" */
        FIELD_IS,         /* whether the property is .of */
        FIELD_VIA,        /* .of of each object that the property refers to, each once */
        FIELD_REVERSE,    /* the objects of class .set_class whose property .of refers to this one */
        FIELD_CAPACITIES, /* of each type that the property refers to: how many fit on an empty PGPU */
        FIELD_ALLOWED,    /* what can be done in the state that the property says */
        FIELD_CURRENT,    /* the jobs about this object that go on, by uuid */
        FIELD_POSSIBLE,   /* the hosts on which a VM could start now; policyd is asked of each VM, so params=all leaves it out */
} FieldKind;

typedef struct Field {
        const char *name;
        const char *property; /* D-Bus name */
        FieldKind kind;
        bool in_list;    /* a column of -list without params= */
        const char *usual; /* a column of it too if an object of the list has another value, which is not "" */
        const char *set; /* method that sets it, or NULL */
        char set_type; /* 's', 't', 'o', 'O' (a list of objects), 'c' (a part of the config), 'b': a method for each value,
                          "Enable Disable" */
        const char *set_class;
        const char *of;
        const char *entries; /* a map or set of texts: Set… and Change… of this name */
        const char *add, *remove; /* methods that take one object of set_class */
} Field;

typedef struct ClassInfo {
        const char *name; /* "gpu-group" */
        const char *word; /* "gpu_group", in paths and for Find() */
        const char *interface;
        const char *label;   /* property that people know it by */
        const char *apart; /* field that a list also shows where two objects have one label; or NULL */
        const char *sort[2]; /* fields that order a list: by the numbers in them, but for addresses, which are
                                hex */
        const Field *fields, *all; /* in the order of lists; each property. See class_field() */
        size_t n_fields, n_all;
} ClassInfo;

extern const ClassInfo classes[];
extern const size_t n_classes;

/* The n-th field in the order of lists; NULL after the last. */
const Field *class_field(const ClassInfo *c, size_t n);
const ClassInfo *class_find(const char *name);    /* "gpu-group" or "gpu_group" */
const ClassInfo *class_of_path(const char *path); /* of an object's path, or NULL */

/* What a name means: a field, the labels of what a reference refers to, or with "MAP:KEY" one entry of a map. */
typedef struct FieldName {
        const Field *field;
        bool as_label;
        const char *key; /* the end of the name; NULL: none */
} FieldName;

bool field_find(const ClassInfo *c, const char *name, FieldName *ret);

/* The words that a field takes, ended by NULL; NULL: any text. */
const char *const *field_words(const ClassInfo *c, FieldName name);

/* Whether -param-set takes it. */
static inline bool field_is_settable(const Field *f) {
        return f->set || f->entries;
}

/* xe's mark: "( RO)", "(SRW)", … */
const char *field_mark(const Field *f);
