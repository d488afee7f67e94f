#pragma once

/*
 * A copy of a database that is in use, perhaps with one record rewritten: for a process of its own, which may block
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

/* dir: its folder, or the file of one that nobody uses. fd: an empty file. Negative errnos as in table.h; -ENOENT: there is no such
 * record. */
int db_copy(const char *dir, int fd, const DbEdit *edit_or_null);
/* Whether a daemon has the database of the folder open now. */
bool db_is_used(const char *dir);
