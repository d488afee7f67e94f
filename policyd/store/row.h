#pragma once

/*
 * Rows as tables
 *
 * A row is a JSON object, and its fields are listed once, for writing and for reading: those of the pool's objects in
 * protocol/schema/classes.h, those of the store's own records beside their code. Reading checks every member: -EINVAL with the sentence
 * in the reader.
 *
 * An object of the pool is read in three steps, because the pool's functions keep the links between objects: its values into a struct
 * that is in no pool; then the object is made of them, and takes over the plain ones; then what links it to others is set
 * (row-load.c). What it refers to was loaded before.
 */

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "policyd/pool/pool.h"

typedef struct RowReader {
        Pool *pool;
        JsonReader *json;
        struct json_object *record;
        const Uuid *id;
        uint64_t key;
} RowReader;

typedef enum RowType {
        /* Plain: a copy of the value is the value. */
        ROW_TEXT,     /* char *, one line */
        ROW_LINES,    /* char *, newline and tab too */
        ROW_JSON,     /* char *, the text of an object */
        ROW_TEXTS,    /* char ** */
        ROW_BOOL,
        ROW_U32,
        ROW_U64,
        ROW_LIMIT,    /* uint64_t; the largest is nothing */
        ROW_FRACTION, /* double, 0 to 1; what is none of these is 0 */
        ROW_UUID,
        ROW_PCI,      /* PciAddress, as text */
        ROW_ENUM,     /* its word */
        /* Linked: set by a function of the pool. */
        ROW_OWNER,    /* char * */
        ROW_REFERENCE,  /* a pointer to an object, as its uuid */
        ROW_REFERENCES, /* PtrArray of objects */
        ROW_BY_HAND,
} RowType;

typedef enum RowPresence {
        ROW_ALWAYS,
        ROW_UNLESS_NOTHING, /* false, 0, null: then it is absent */
        ROW_SINCE,          /* always written; older rows have none */
} RowPresence;

typedef struct RowField {
        const char *member; /* NULL ends a list */
        RowPresence presence;
        RowType type;
        size_t offset, size;
        ObjectClass class; /* that it refers to */
        const char *(*word)(const void *field);
        int (*from_word)(const char *text); /* -EINVAL */
        /* Of the whole struct; read when the object has its plain values. */
        void (*write)(StrBuf *b, const char *member, const void *object);
        int (*read)(RowReader *row, const char *member, void *object);
} RowField;

/* In a list of fields: the member, its RowType, and where it stands in x. */
#define ROW_FIELD(x, m, kept, source, ...)                                                                   \
        {.member = m, .type = ROW_##kept, .offset = offsetof(x, source), .size = sizeof(((x *) 0)->source), ##__VA_ARGS__}

void row_write_fields(StrBuf *b, const RowField *fields, const void *values);
int row_to_text(const RowField *fields, const Uuid *id_or_null, const void *values, char **ret); /* a whole row, with "version" */
int row_read_fields(RowReader *row, const RowField *fields, void *values); /* all but those by hand */
int row_read_by_hand(RowReader *row, const RowField *fields, void *object);
void row_take_plain(const RowField *fields, void *object, void *values); /* a text that is the same stays where it is */
void row_free_fields(const RowField *fields, void *values);

/* A member that is a list of records; read() gets each. */
typedef int (*RowItemReader)(RowReader *item, size_t i, void *object);
int row_read_list(RowReader *row, const char *member, size_t max, RowItemReader read, void *object);

/* -EINVAL: it is not there */
int row_find_object(RowReader *row, const char *member, ObjectClass c, const Uuid *id, void *ret);

/* row-classes.c */
const char *row_class_word(const void *field); /* of an ObjectClass */
int row_class_from_word(const char *text);
const RowField *row_fields(ObjectClass c);
int row_write(const Object *o, char **ret);

/* row-load.c: nothing of the object is left in the pool when it fails */
int row_load(RowReader *row, ObjectClass c, Object **ret);
