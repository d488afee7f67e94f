/*
 * A copy of a database that is in use
 *
 * Another process may go on writing: the copy is of one moment, since LMDB keeps the pages of what is being
 * read. It is written to a file first and never directly to a reader, since the last step of LMDB's copying
 * makes writers wait. In that file one record is rewritten, which marks it as a copy.
 *
 * Blocks for as long as the disk takes. LMDB allows no environment to be used on both sides of a fork, so
 * this opens its own; the process must not have the same one open itself.
 */

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/lmdb/copy.h"
#include "common/lmdb/table.h"

#define FILE_MODE 0600
#define MAP_SPARE ((size_t) 16 << 20) /* for the pages of the one change */

typedef struct Environment {
        MDB_env *env;
        MDB_txn *txn;
} Environment;

static void environment_done(Environment *e) {
        if (e->txn)
                mdb_txn_abort(e->txn);
        if (e->env)
                mdb_env_close(e->env);
}

bool db_is_used(const char *dir) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;

        if (asprintf(&path, "%s/owner", dir) < 0)
                return false;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* Where nobody writes, reading changes no file: not that of the readers either. */
static unsigned how_to_open(const char *dir) {
        struct stat st;

        if (stat(dir, &st) == 0 && S_ISREG(st.st_mode))
                return MDB_NOSUBDIR | MDB_NOLOCK;
        return db_is_used(dir) ? 0 : MDB_NOLOCK;
}

static int copy_to(const char *dir, int fd) {
        _cleanup_(environment_done) Environment e = {};
        int r;

        r = mdb_env_create(&e.env);
        if (r == 0)
                r = mdb_env_open(e.env, dir, MDB_RDONLY | MDB_NOTLS | how_to_open(dir), FILE_MODE);
        if (r == 0)
                r = mdb_env_copyfd2(e.env, fd, /* flags= */ 0);
        return db_errno(r);
}

static int edit_record(Environment *e, const DbEdit *edit) {
        MDB_val key = {.mv_size = edit->key_size, .mv_data = (void *) edit->key}, value;
        _cleanup_free_ char *text = NULL;
        MDB_dbi dbi;
        int r;

        r = mdb_txn_begin(e->env, NULL, 0, &e->txn);
        if (r == 0)
                r = mdb_dbi_open(e->txn, edit->table, 0, &dbi);
        if (r == 0)
                r = mdb_get(e->txn, dbi, &key, &value);
        if (r != 0)
                return db_errno(r);
        r = edit->edit(value.mv_data, value.mv_size, &text, edit->userdata);
        if (r < 0)
                return r;
        value = (MDB_val){.mv_size = strlen(text), .mv_data = text};
        r = mdb_put(e->txn, dbi, &key, &value, 0);
        if (r != 0)
                return db_errno(r);
        return db_errno(mdb_txn_commit(take_ptr(e->txn)));
}

static int edit_file(int fd, const DbEdit *edit) {
        _cleanup_(environment_done) Environment e = {};
        char path[64];
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        r = mdb_env_create(&e.env);
        if (r == 0)
                r = mdb_env_set_maxdbs(e.env, 1);
        if (r == 0)
                r = mdb_env_set_mapsize(e.env, (size_t) st.st_size + MAP_SPARE);
        if (r == 0)
                r = mdb_env_open(e.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, FILE_MODE);
        return r == 0 ? edit_record(&e, edit) : db_errno(r);
}

int db_copy(const char *dir, int fd, const DbEdit *edit) {
        int r;

        r = copy_to(dir, fd);
        return r < 0 || !edit ? r : edit_file(fd, edit);
}
