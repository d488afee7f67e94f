#pragma once

/*
 * Records as tables
 *
 * A record is a JSON object on the wire or on disk. Its table has a row for each member: the name, the kind, where the value
 * stands in the C struct, and what it means that the member is absent. Reading, writing and freeing go by the same table, so
 * that they cannot disagree. Members are read and written in the order of the table; unknown ones are ignored.
 *
 *   static const RecordField fields[] = {
 *           FIELD(StopOrder, uuid, REQUIRED, UUID),
 *           FIELD(StopOrder, force, OPTIONAL, BOOL),
 *           FIELD_AS(StopOrder, number, "order", IF_ANY, U64),
 *   };
 *   static const RecordTable stop_order_table = RECORD_TABLE(StopOrder, fields);
 *
 *   DEFINE_RECORD(stop_order, StopOrder, stop_order_table)   stop_order_parse(), stop_order_write() and stop_order_done()
 *
 * The compiler checks that the struct's member has the kind's type. What no kind describes has functions of its own (RecordCoder).
 */

#include "common/base/words.h"
#include "common/json/json-get.h"
#include "common/json/json-write.h"

/* Each with the type of the struct's member. */
typedef enum RecordKind {
        RECORD_KIND_VERSION,     /* none: RECORD_VERSION when written; absent or that when read, since a later one may mean
                                  * something else by the same words */
        RECORD_KIND_TEXT,        /* char *, one line */
        RECORD_KIND_LINES,       /* char *, newline and tab too */
        RECORD_KIND_JSON,        /* char *, the text of an object */
        RECORD_KIND_STRV,        /* char ** */
        RECORD_KIND_U32,         /* uint32_t */
        RECORD_KIND_U64,         /* uint64_t */
        RECORD_KIND_LIMIT,       /* uint64_t, of which the largest is empty */
        RECORD_KIND_BOOL,        /* bool */
        RECORD_KIND_PROGRESS,    /* double, from 0 to 1 */
        RECORD_KIND_UUID,        /* Uuid */
        RECORD_KIND_TOKEN,       /* Uuid; the null one is "" */
        RECORD_KIND_PCI,         /* PciAddress: {"domain":0,"bus":132,"dev":0,"fn":0} */
        RECORD_KIND_PCI_POINTER, /* PciAddress *: the same */
        RECORD_KIND_PCI_TEXT,    /* PciAddress: "0000:84:00.0" */
        RECORD_KIND_ID,          /* Uuid of a VM, and char * of its device, by .second: ["<vm uuid>","0"], xenopsd's id of a VGPU. A
                                  * device is a number up to .max, where there is one */
        RECORD_KIND_PCI_ID,      /* Uuid of a VM, and PciAddress, by .second, which is only written: xenopsd's id of a PCI device */
        RECORD_KIND_WORD,        /* an enum, by .words */
        RECORD_KIND_OBJECT,      /* struct json_object *, any object */
        RECORD_KIND_TEXTS,       /* struct json_object *, an object of strings; never NULL when it was read */
        RECORD_KIND_RECORD,      /* a struct as an object, by .table */
        RECORD_KIND_PART,        /* a struct whose members stand among the record's, by .table */
        RECORD_KIND_LIST,        /* an array of structs, and its size_t by .second: an array of objects by .table, at most .max */
        RECORD_KIND_OWN,         /* anything, by .coder */
} RecordKind;

/* An empty value is "", 0, false, an empty vector, list or part, or the null UUID. */
typedef enum RecordUse {
        RECORD_REQUIRED, /* it is always there */
        RECORD_OPTIONAL, /* absent means the table's default, or empty; always written */
        RECORD_IF_ANY,   /* the same; not written when empty */
        RECORD_IF_SET,   /* absent means NULL; not written when NULL */
} RecordUse;

typedef struct RecordTable RecordTable;
typedef struct RecordField RecordField;

/* value is where the row's offset points to. A failed parse() leaves what done(), which may be NULL, can free. */
typedef struct RecordCoder {
        int (*parse)(JsonReader *r, struct json_object *o, const RecordField *f, void *value);
        void (*write)(const void *value, StrBuf *b, const char *member);
        void (*done)(void *value);
} RecordCoder;

struct RecordField {
        const char *member;
        RecordKind kind;
        RecordUse use;
        size_t offset, second;
        size_t size; /* of a plain value */
        size_t max;
        const WordTable *words;
        const RecordTable *table;
        const RecordCoder *coder;
};

struct RecordTable {
        size_t size; /* of the struct */
        const RecordField *fields;
        size_t n;
        const void *defaults; /* what absent members are, plain values alone; NULL: empty */
        bool any_case;        /* names of members match in any case */
        /* Looks at the record as a whole, and may complete it; the reader stands in it, for json_fail(). Or NULL. */
        int (*check)(JsonReader *r, void *record);
};

#define FIELD_AS(T, path, name, use_, kind_, ...)                                                              \
        { .member = name, .kind = RECORD_KIND_##kind_, .use = RECORD_##use_,                                   \
          .offset = RECORD_OFFSET(T, path, RECORD_TYPE_##kind_), .size = sizeof(RECORD_TYPE_##kind_), ##__VA_ARGS__ }
#define FIELD(T, member, use, kind, ...) FIELD_AS(T, member, #member, use, kind, ##__VA_ARGS__)
#define FIELD_VERSION { .member = "version", .kind = RECORD_KIND_VERSION }
#define FIELD_ID(T, vm, device, ...) FIELD_AS(T, vm, "id", REQUIRED, ID, .second = RECORD_OFFSET(T, device, char *), ##__VA_ARGS__)
#define FIELD_PCI_ID(T, vm, address) \
        FIELD_AS(T, vm, "id", REQUIRED, PCI_ID, .second = RECORD_OFFSET(T, address, PciAddress))
/* Those whose type is not checked. */
#define FIELD_RECORD(T, path, name, use_, table_) \
        { .member = name, .kind = RECORD_KIND_RECORD, .use = RECORD_##use_, .offset = offsetof(T, path), .table = table_ }
#define FIELD_PART(T, path, table_) { .kind = RECORD_KIND_PART, .offset = offsetof(T, path), .table = table_ }
#define FIELD_LIST(T, list, use_, table_, max_)                                                                \
        { .member = #list, .kind = RECORD_KIND_LIST, .use = RECORD_##use_, .offset = offsetof(T, list),        \
          .second = RECORD_OFFSET(T, n_##list, size_t), .table = table_, .max = max_ }
/* The whole struct is the coder's. */
#define FIELD_OWN(name, coder_) { .member = name, .kind = RECORD_KIND_OWN, .use = RECORD_OPTIONAL, .coder = coder_ }
/* An object of its own on the wire, whose members stand in the struct itself. */
#define FIELD_GROUP(name, use_, table_) \
        { .member = name, .kind = RECORD_KIND_RECORD, .use = RECORD_##use_, .table = table_ }

#define RECORD_TABLE(T, fields_, ...) { .size = sizeof(T), .fields = fields_, .n = ARRAY_SIZE(fields_), ##__VA_ARGS__ }

#define RECORD_TYPE_TEXT char *
#define RECORD_TYPE_LINES char *
#define RECORD_TYPE_JSON char *
#define RECORD_TYPE_STRV char **
#define RECORD_TYPE_U32 uint32_t
#define RECORD_TYPE_U64 uint64_t
#define RECORD_TYPE_LIMIT uint64_t
#define RECORD_TYPE_BOOL bool
#define RECORD_TYPE_PROGRESS double
#define RECORD_TYPE_UUID Uuid
#define RECORD_TYPE_TOKEN Uuid
#define RECORD_TYPE_PCI PciAddress
#define RECORD_TYPE_PCI_POINTER PciAddress *
#define RECORD_TYPE_PCI_TEXT PciAddress
#define RECORD_TYPE_ID Uuid
#define RECORD_TYPE_PCI_ID Uuid
#define RECORD_TYPE_WORD int
#define RECORD_TYPE_OBJECT struct json_object *
#define RECORD_TYPE_TEXTS struct json_object *
/* The comparison is never made: pointers to another type than C do not compile. */
#define RECORD_OFFSET(T, path, C) (offsetof(T, path) + 0 * sizeof((C *) NULL == &((T *) NULL)->path))

/*
 * record_parse() copies what it keeps. *ret is cleared first and left cleared after a failure, so that a caller's cleanup may run
 * in either case. -EINVAL with the sentence in r->error; -ENOMEM.
 */
int record_parse(const RecordTable *t, JsonReader *r, struct json_object *o, void *ret);
void record_write(const RecordTable *t, const void *record, StrBuf *b, const char *member_or_null);
void record_done(const RecordTable *t, void *record);

/* The members alone, for coders: reading clears nothing and frees nothing, writing leaves out the brackets. */
int record_parse_members(const RecordTable *t, JsonReader *r, struct json_object *o, void *record);
void record_write_members(const RecordTable *t, const void *record, StrBuf *b);

#define DEFINE_RECORD(prefix, T, table)                                                        \
        int prefix##_parse(JsonReader *r, struct json_object *o, T *ret) {                     \
                return record_parse(&(table), r, o, ret);                                      \
        }                                                                                      \
        void prefix##_write(const T *record, StrBuf *b) {                                      \
                record_write(&(table), record, b, NULL);                                       \
        }                                                                                      \
        void prefix##_done(T *record) {                                                        \
                record_done(&(table), record);                                                 \
        }

/* A word of the table; -EINVAL with "is 'x', not a, b or c". */
int record_read_word(JsonReader *r, const char *member_or_null, const WordTable *words, const char *text, int *ret);

/* What was written, for who goes on with it as a document; the buffer is empty then. -ENOMEM; -EINVAL: larger or deeper than
 * json_parse() reads. */
int record_of_text(StrBuf *b, struct json_object **ret);
