#pragma once

/*
 * Rows of the database that cannot be read
 */

#include "policyd/service/base/batch.h"

static inline bool rows_block(const Batch *b) {
        return b->unreadable.n_blocking > 0;
}

char *rows_describe_block(const Batch *b); /* a sentence with the way back; the caller frees */
int rows_list(const Batch *b, bool aside, char ***ret);
int rows_remove(Batch *b, const char *name, Refusal *refusal); /* then batch_load() again */
