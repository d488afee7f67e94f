#pragma once

/*
 * A database (common/base/db.h) in a folder: one LMDB environment
 *
 * Never MDB_WRITEMAP, never MDB_NOSYNC. -EBUSY: another process holds the environment for three seconds (checked with a
 * lock file, since two writers of one state folder would each act on a stale model).
 *
 * The file "owner" beside the database is this lock; once the database was written it also says so. A
 * database that is missing or empty after that is a lost one, never a new one.
 */

#include "common/base/db.h"

/* The folder, which must be there. dir must outlive the source. */
DbSource db_in_folder(const char *dir);
/* -EBADMSG: *ret_problem says in part of a sentence what is wrong with the file, "page 17 is used twice"; the
 * caller frees it. */
int db_open(const char *dir, const DbOptions *options, char **ret_problem, Db **ret);
size_t db_map_size(const Db *db);
int db_errno(int e); /* a code of LMDB as a negative errno; for common/lmdb alone */
