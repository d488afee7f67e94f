#pragma once

/*
 * What the files of the store share
 */

#include "policyd/store/row.h"
#include "policyd/store/store.h"

extern const char *const store_table_names[];

/* "vm 17", "meta", "idempotency key 0 CreateVM x", "former card 9"; NULL without memory. */
char *store_row_name(StoreTable table, const void *key, size_t key_size);

bool unreadable_rows_has(const UnreadableRows *rows, unsigned table, const void *key, size_t key_size);
/* A row that is listed already keeps its first reason. */
int unreadable_rows_add(UnreadableRows *rows, StoreTable table, const void *key, size_t key_size, bool blocks,
        const char *reason);
int store_load_aside(DbTxn *txn, UnreadableRows *rows); /* those of earlier starts */
int store_set_aside(Db *s, UnreadableRows *rows);    /* all that are not yet */

extern const char store_no_meta[]; /* the reason when objects stand without a meta record */

/* The key of an object (keys.c). */
#define STORE_OBJECT_KEY_MAX 17

typedef struct StoreKey {
        uint8_t bytes[STORE_OBJECT_KEY_MAX];
        size_t size;
} StoreKey;

void store_key_of(const Object *o, StoreKey *ret);
void store_key_build(ObjectClass class, uint64_t number, uint64_t vm, StoreKey *ret); /* vm: a VGPU's, else 0 */
int store_key_read(const void *key, size_t key_size, uint64_t *ret_number); /* the class; -EINVAL: no such key */

/* A DbChange: brings an older database to STORE_SCHEMA. userdata: char ** for the problem. */
int store_upgrade(DbTxn *txn, void *ret_problem);

/* The meta record; -ENOENT in a new database. */
int store_read_meta(DbTxn *txn, uint32_t *ret_schema, StoreMeta *ret, char **ret_problem);
int store_parse_meta(const void *data, size_t size, uint32_t *ret_schema, StoreMeta *ret,
        char **ret_problem_or_null);
int store_meta_build(const StoreMeta *meta, char **ret_text);

/* Answers; the texts of one that was read belong to it. */
int store_answer_build(const StoreAnswer *answer, char **ret_text);
int store_answer_read(JsonReader *r, struct json_object *record, StoreAnswer *ret);
void store_answer_done(StoreAnswer *answer);

/* Former cards; store_former_load() adds the card to the pool, behind the PGPUs. */
int store_former_build(const FormerCard *f, char **ret_text);
int store_former_load(JsonReader *r, struct json_object *record, uint64_t number, Pool *pool);
