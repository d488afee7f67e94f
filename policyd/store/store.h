#pragma once

/*
 * The pool on disk
 *
 * One LMDB environment with these tables; every value is a JSON record with "version":
 *
 *   meta         "pool" → {"version":5,"pool":<uuid>,"epoch":7,"next_key":55,"orders":12,
 *                "past":[{"epoch":6,"orders":9}…]}; version is the schema's. In a backup also "backup":µs, and
 *                in an old copy "old":{"reason":"backup","keys":55,"made":µs}
 *   object       the objects of all classes; the key is the object's growing number, eight bytes big-endian,
 *                and a letter for its class. A VGPU stands behind its VM: the VM's number, the letter, its own.
 *                A commit costs by the pages that it changes, and what changes together stands together
 *   idempotency  "<uid> <method> <key>" → which object that call made
 *   former       cards that left the pool, by a number of those of objects (pool/former-card.h)
 *   aside        rows of the others that could not be read, bytes and all (unreadable.c)
 *
 * store_load() first upgrades a database of an older schema, step by step, in one transaction; then it reads
 * everything and checks everything. Data that does not decode is never dropped or repaired in silence: the row is named ("vm 17")
 * with the reason, and all others are read. Nothing rests on jobs, idempotency keys and former cards: theirs are set aside. Any other row may say
 * that a GPU is in use, so it blocks: the pool may be shown, and nothing may be written. store_write() is all or nothing
 * and durable when it returns 0; a full map is grown up to the limit and the whole list is written again.
 *
 * Nothing here logs. Errors: -EBADMSG damaged, -EOVERFLOW the map is full up to its limit, -ENOSPC the disk is full, -EBUSY another
 * process has the folder open, -ESTALE the file was removed under us, -EPROTONOSUPPORT written by a newer version, -EIO, -ENOMEM.
 */

#include "common/base/db.h"
#include "policyd/pool/former-card.h"

#define STORE_SCHEMA 5

typedef enum StoreTable {
        STORE_META,
        STORE_OBJECT,
        STORE_IDEMPOTENCY,
        STORE_ASIDE,
        STORE_FORMER,
        _STORE_TABLE_MAX,
} StoreTable;

/* The reason why this database is taken for an old copy (service/hosts/old.c). */
#define OLD_REASONS(W)                                                                                        \
        W(OLD_NOT, NULL)                                                                                      \
        W(OLD_BACKUP, "backup") /* it was made as a backup */                                                 \
        W(OLD_EPOCH, "epoch")   /* a host of the pool held a higher epoch */                                  \
        W(OLD_ORDERS, "orders") /* a host of the pool had taken later orders */
DEFINE_ENUM(OldReason, OLD, OLD_REASONS);

/* Orders are counted; the last that was given before policyd began with a higher epoch. */
typedef struct StoreEpoch {
        uint64_t epoch, orders;
} StoreEpoch;
#define STORE_PAST_MAX 64

typedef struct StoreMeta {
        Uuid pool;         /* null: a new database */
        uint64_t epoch;    /* highest ever used; 0 in a new database */
        uint64_t next_key; /* storage keys below may have been given out */
        uint64_t orders;   /* given so far. Stored with the VM that an order is for; here when that is removed */
        uint64_t backup;   /* µs: this is a backup made then, and nobody has begun with it; 0: it is none */
        OldReason old;
        uint64_t old_keys; /* what stands below these was in the old copy */
        uint64_t old_made; /* µs; 0: nobody knows */
        StoreEpoch past[STORE_PAST_MAX]; /* the newest, by epoch */
        size_t n_past;
} StoreMeta;

/* An answer that is remembered for an idempotency key. Texts belong to the giver. */
typedef struct StoreAnswer {
        const char *key;
        const char *digest; /* of the arguments */
        const char *path;
        ObjectClass class; /* the object whose life bounds the answer's */
        Uuid object;
} StoreAnswer;

#define STORE_KEY_MAX 480 /* LMDB takes 511 bytes */

/* A list of changes: written in one transaction, later entries over earlier ones. */
typedef struct StoreOp {
        unsigned table;
        void *key;
        size_t key_size;
        char *value; /* NULL: delete; a key that is not there is fine */
} StoreOp;

typedef struct StoreOps {
        StoreOp *items;
        size_t n, size;
} StoreOps;

int store_ops_put_meta(StoreOps *ops, const StoreMeta *meta);
int store_ops_put_object(StoreOps *ops, const Object *o); /* -EMSGSIZE: it could not be loaded again */
int store_ops_del_object(StoreOps *ops, const Object *o);
int store_ops_put_answer(StoreOps *ops, const StoreAnswer *answer);
int store_ops_del_answer(StoreOps *ops, const char *key);
int store_ops_put_former(StoreOps *ops, const FormerCard *f); /* -EMSGSIZE: as of an object */
int store_ops_del_former(StoreOps *ops, const FormerCard *f);
int store_ops_move(StoreOps *ops, StoreOps *from); /* to the end of ops; from is then empty */
void store_ops_done(StoreOps *ops);

/* Closed by db_close(). -EBADMSG: *ret_problem is part of a sentence about the file, which the caller frees. */
int store_open(const DbSource *source, size_t map_size, size_t map_max, char **ret_problem, Db **ret);

/* A row that cannot be read. */
#define STORE_ROW_KEY_MAX STORE_KEY_MAX
#define UNREADABLE_ROWS_MAX 1000

typedef struct UnreadableRow {
        char *name; /* "vm 17", "meta" */
        char *reason;
        bool blocks;
        bool aside; /* it stands in the table of those */
        bool fresh; /* since this load */
        unsigned table;
        size_t key_size;
        uint8_t key[STORE_ROW_KEY_MAX];
} UnreadableRow;

typedef struct UnreadableRows {
        UnreadableRow *items;
        size_t n, n_more; /* n_more: beyond the limit, not listed */
        size_t n_blocking;
} UnreadableRows;

void unreadable_rows_done(UnreadableRows *rows);
const UnreadableRow *unreadable_rows_find(const UnreadableRows *rows, const char *name);
/* One that blocks is set aside; one that was is forgotten. Load again after it. */
int store_remove_row(Db *s, const UnreadableRow *row);

/* The schema of the rows, until store_load() has upgraded them; 0: there are none. */
int store_schema(Db *db, uint32_t *ret);

typedef int (*StoreAnswerVisitor)(const StoreAnswer *answer, void *userdata);

/*
 * *ret_rows: what could not be read, which the caller frees; where none blocks they have been set aside. On -EBADMSG (of an
 * upgrade) and -EPROTONOSUPPORT *ret_problem is a sentence, which the caller frees. Nothing in the pool is noted as changed, but for
 * what lacks an object that somebody gave up.
 */
int store_load(Db *s, StoreAnswerVisitor visitor, void *userdata, Pool **ret, StoreMeta *ret_meta,
        UnreadableRows *ret_rows, char **ret_problem);
int store_write(Db *s, const StoreOps *ops);
