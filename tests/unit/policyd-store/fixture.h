#pragma once

/*
 * A pool for the tests of the store, and folders to keep it in
 */

#include "policyd/store/store.h"

/* Setup and teardown: *state is the folder. */
int make_dir(void **state);
int drop_dir(void **state);

Uuid make_id(uint8_t n);

/* Everything that a pool can hold, with every reference set: a running VM, a starting one, a halted one, a
 * reservation, two jobs. */
Pool *make_pool(void);

int open_store(
        const char *dir, size_t map_size, size_t map_max, Db **ret); /* store_open(), without the reason */

/* With one answer; epoch 7. load_pool() checks both. */
void write_pool(const char *dir, Pool *pool);
int load_pool(const char *dir, Pool **ret, UnreadableRows *ret_rows, char **ret_problem);
