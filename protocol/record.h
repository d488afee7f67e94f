#pragma once

/*
 * What the record codecs share
 *
 * Parsers fill *ret from the document and copy what they keep. All parsers of this folder clear *ret first and
 * leave it cleared when they fail, so that a caller's cleanup may run in either case.
 */

#include "common/json/json-get.h"
#include "common/json/json-write.h"

/* A copied string; absent: fallback, or NULL when that is NULL. */
int record_get_text(JsonReader *r, struct json_object *o, const char *member, char **ret);
int record_opt_text(JsonReader *r, struct json_object *o, const char *member, const char *fallback, char **ret);
int record_opt_lines(JsonReader *r, struct json_object *o, const char *member, char **ret); /* "" when absent */

/* "progress", from 0 to 1. */
int record_opt_progress(JsonReader *r, struct json_object *o, double *ret);

/* A vector of strings, empty when absent; never NULL on success. */
int record_opt_strv(JsonReader *r, struct json_object *o, const char *member, char ***ret);

/* A reference to an object all of whose members are strings; a new empty object when absent. */
int record_opt_text_object(JsonReader *r, struct json_object *o, const char *member, struct json_object **ret);

/* "version": absent or RECORD_VERSION. A later one is refused: it may mean something else by the same words. */
int record_check_version(JsonReader *r, struct json_object *o);

/* ["<vm uuid>","0"]: xenopsd's id of a VGPU or PCI device. */
int record_get_id(JsonReader *r, struct json_object *o, const char *member, Uuid *ret_vm, const char **ret_device);
int record_add_id(struct json_object *o, const char *member, const Uuid *vm, const char *device);
void record_write_id(StrBuf *b, const char *member, const Uuid *vm, const char *device);

/* What was written, for who goes on with it as a document; the buffer is empty then. -ENOMEM; -EINVAL: larger or deeper than
 * json_parse() reads. */
int record_of_text(StrBuf *b, struct json_object **ret);

/*
 * The plain members of a record as a table, so that reading, writing and freeing them cannot disagree. A member that is not
 * required and absent is "", 0, false, an empty vector or the null UUID; a null UUID is not written.
 */
typedef enum RecordFieldType {
        RECORD_TEXT,     /* char *, one line */
        RECORD_LINES,    /* char *, with newline and tab; never required */
        RECORD_STRV,     /* char ** */
        RECORD_U64,
        RECORD_U32,
        RECORD_BOOL,
        RECORD_UUID,
        RECORD_PCI_TEXT, /* PciAddress, as "0000:84:00.0"; always required */
        RECORD_PROGRESS, /* double, 0 to 1; never required */
} RecordFieldType;

typedef struct RecordField {
        const char *member;
        RecordFieldType type;
        bool required;
        size_t offset;
} RecordField;

#define REQUIRED(T, member, type) { #member, type, true, offsetof(T, member) }
#define OPTIONAL(T, member, type) { #member, type, false, offsetof(T, member) }

int record_parse_fields(JsonReader *r, struct json_object *o, const RecordField *fields, size_t n, void *record);
int record_add_fields(struct json_object *o, const RecordField *fields, size_t n, const void *record);
void record_free_fields(const RecordField *fields, size_t n, void *record);

/* A member that is an array of records; an absent one is empty. Elements that were parsed are the caller's also on failure. */
typedef int (*RecordParser)(JsonReader *r, struct json_object *o, void *ret);
int record_opt_list(JsonReader *r, struct json_object *o, const char *member, size_t max, size_t item_size,
        RecordParser parse, void **ret, size_t *ret_n);

typedef int (*RecordBuilder)(const void *item, struct json_object **ret);
int record_add_list(struct json_object *o, const char *member, const void *items, size_t n, size_t item_size,
        RecordBuilder build);
