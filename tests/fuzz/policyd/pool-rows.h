#pragma once

/*
 * policyd's rows: the line's letter is that of the table or class. A class's key is its number; a VGPU's has its VM's before it
 * ("u3.7").
 */

#include "policyd/store/internal.h"
#include "tests/fuzz/rows.h"

static inline int pool_row_put_object(DbTxn *txn, char letter, const char *text, const char *value, size_t size) {
        static const char letters[] = "hpgtvurqsj";
        const char *at = strchr(letters, letter);
        unsigned long number, vm = 0;
        StoreKey key;
        char *end;

        if (!at || !letter)
                return 0;
        number = strtoul(text, &end, 10);
        if (*end == '.') {
                vm = number;
                number = strtoul(end + 1, NULL, 10);
        }
        store_key_build((ObjectClass) (at - letters), number, vm, &key);
        return db_put(txn, STORE_OBJECT, key.bytes, key.size, value, size);
}

static inline int pool_row_put(DbTxn *txn, char letter, const char *key, const char *value, size_t size) {
        uint8_t number[8];

        switch (letter) {
        case 'M':
                return db_put(txn, STORE_META, key, strlen(key), value, size);
        case 'I':
                return db_put(txn, STORE_IDEMPOTENCY, key, strlen(key), value, size);
        case 'A':
                return db_put(txn, STORE_ASIDE, key, strlen(key), value, size);
        case 'F':
                db_key_u64(strtoul(key, NULL, 10), number);
                return db_put(txn, STORE_FORMER, number, sizeof(number), value, size);
        default:
                return pool_row_put_object(txn, letter, key, value, size);
        }
}

static const char *const pool_tables[] = {"meta", "object", "idempotency", "aside", "former", NULL};
