#pragma once

/*
 * Rows as tables
 *
 * A row is a record (protocol/record.h). The tables of the pool's objects come out of protocol/schema/classes.h; those of the store's own
 * rows stand beside their code.
 *
 * An object is read in three steps, because the pool's functions keep the links between objects: its values
 * are read into a struct that is in no pool; the object is made of them and takes over the plain ones; then
 * its links to others are set (row-load.c). Objects that it refers to were loaded before. -EINVAL with the
 * sentence in the reader.
 */

#include "policyd/pool/pool.h"
#include "protocol/record.h"

typedef struct RowReader {
        JsonReader json; /* what the coders of references are given */
        struct json_object *record;
        Pool *pool;
        bool all_read; /* every row before could be read: what is named and not there was given up */
        bool lacks;    /* set where that is so */
        Uuid id;
        uint64_t key;
} RowReader;

/* A whole row, with "version". */
int row_to_text(const RecordTable *t, const Uuid *id_or_null, const void *values, char **ret);

extern const RecordCoder row_reference;  /* a pointer to an object of class .max, as its uuid */
extern const RecordCoder row_references; /* a PtrArray of them */

/* Fields with a size are plain and can be copied. If a text is equal to the old one, the old one is kept. */
void row_take_plain(const RecordTable *t, void *object, void *values);

/* row-classes.c. Members that an object keeps in another form are read into these. */
typedef struct RowHostType {
        Uuid type;
        uint32_t size;
        uint64_t framebuffer_size;
        char *internal_config;
        char *identifier; /* "": as the type has it */
} RowHostType;
typedef struct RowHostTypes {
        RowHostType *types;
        size_t n_types;
} RowHostTypes;
typedef struct RowJobObjects {
        JobObject *objects;
        size_t n_objects;
} RowJobObjects;
extern const RecordTable row_host_types, row_job_objects;

const RecordTable *row_table(ObjectClass c);
int row_write(const Object *o, char **ret);

/* row-load.c: nothing of the object is left in the pool when it fails */
int row_load(RowReader *row, ObjectClass c, Object **ret);
