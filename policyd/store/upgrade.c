/*
 * Upgrades: one explicit step for each change of the schema
 *
 * A step rewrites the records that it is about and raises the schema by one; all steps that are needed run in
 * one transaction, so a crash leaves the old database whole. Steps never go away: any older database can be
 * opened.
 *
 *   1 → 2   a VM says where its order stands ("booking"). Before, that was told by where it was
 *           resident or scheduled; a scheduled VM is taken for "sent", because nobody knows, and
 *           then only its host's word releases it.
 *   2 → 3   quotas and VM groups. Nothing to rewrite; the number keeps an older policyd, which would
 *           not heed them, from opening the database.
 */

#include "policyd/store/internal.h"

#include <stdio.h>

typedef struct Rewrite {
        DbTxn *txn;
        unsigned table;
        int (*step)(JsonReader *r, struct json_object *record);
        char **problem;
        /* Keys first, records after: an iteration does not like writes under its feet. */
        uint8_t (*keys)[8];
        size_t n, size;
} Rewrite;

static int collect_key(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        Rewrite *w = userdata;

        if (key_size != 8)
                return store_problem(w->table, key, key_size, "The key is no 8-byte number", w->problem);
        if (w->n == w->size) {
                size_t larger = w->size ? w->size * 2 : 64;
                void *keys = reallocarray(w->keys, larger, sizeof(*w->keys));

                if (!keys)
                        return -ENOMEM;
                w->keys = keys;
                w->size = larger;
        }
        memcpy(w->keys[w->n++], key, 8);
        return 0;
}

static int rewrite_record(Rewrite *w, const uint8_t *key) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        const void *data;
        size_t size;
        int r;

        r = db_get(w->txn, w->table, key, 8, &data, &size);
        if (r < 0)
                return r;
        r = json_parse(&reader, data, size, &record);
        r = r ?: w->step(&reader, record);
        if (r == -EINVAL)
                return store_problem(w->table, key, 8, reader.error, w->problem);
        if (r < 0)
                return r;
        text = json_to_text(record);
        return text ? db_put(w->txn, w->table, key, 8, text, strlen(text)) : -ENOMEM;
}

static int rewrite_table(
        DbTxn *txn, unsigned table, int (*step)(JsonReader *, struct json_object *), char **problem) {
        Rewrite w = {.txn = txn, .table = table, .step = step, .problem = problem};
        int r;

        r = db_iterate(txn, table, collect_key, &w);
        for (size_t i = 0; i < w.n && r == 0; i++)
                r = rewrite_record(&w, w.keys[i]);
        free(w.keys);
        return r;
}

static int vm_1_to_2(JsonReader *r, struct json_object *record) {
        const char *resident = NULL, *scheduled = NULL;
        int q = 0;

        q = q ?: json_opt_string(r, record, "resident_on", &resident);
        q = q ?: json_opt_string(r, record, "scheduled_on", &scheduled);
        q = q ?: json_add_string(record, "booking", resident ? "resident" : scheduled ? "sent" : "none");
        q = q ?: json_add_u64(record, "version", 2);
        return q;
}

static int upgrade_1_to_2(DbTxn *txn, char **problem) {
        return rewrite_table(txn, STORE_FIRST_CLASS + CLASS_VM, vm_1_to_2, problem);
}

static int upgrade_2_to_3(DbTxn *txn, char **problem) {
        return 0;
}

/* steps[n] leads from schema n to n + 1. */
static int (*const steps[STORE_SCHEMA])(DbTxn *txn, char **problem) = {
        [1] = upgrade_1_to_2,
        [2] = upgrade_2_to_3,
};

int store_upgrade(DbTxn *txn, char **ret_problem) {
        _cleanup_free_ char *text = NULL;
        uint32_t schema;
        StoreMeta meta;
        int r;

        r = store_read_meta(txn, &schema, &meta, ret_problem);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (schema == STORE_SCHEMA)
                return 0;
        if (schema < 1 || schema > STORE_SCHEMA) {
                if (asprintf(ret_problem,
                            "The database has schema %u; this policyd knows 1 to %d. Use the version that "
                            "wrote it, or a newer one.",
                            schema, STORE_SCHEMA) < 0) {
                        *ret_problem = NULL;
                        return -ENOMEM;
                }
                return -EPROTONOSUPPORT;
        }

        for (; schema < STORE_SCHEMA; schema++) {
                r = steps[schema](txn, ret_problem);
                if (r < 0)
                        return r;
        }
        r = store_meta_build(&meta, &text);
        r = r ?: db_put(txn, STORE_META, "pool", 4, text, strlen(text));
        return r < 0 ? r : 1;
}
