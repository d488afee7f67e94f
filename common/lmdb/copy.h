#pragma once

/*
 * A copy of a database that is in use, with one record rewritten: for a process of its own, which may block
 */

#include <sys/types.h>

#include "common/base/macros.h"

typedef struct DbEdit {
        const char *table;
        const void *key;
        size_t key_size;
        int (*edit)(const void *data, size_t size, char **ret_text, void *userdata);
        void *userdata;
} DbEdit;

/* fd: an empty file. Negative errnos as in table.h; -ENOENT: there is no such record. */
int db_copy(const char *dir, int fd, const DbEdit *edit);
