/*
 * A database in a folder: one LMDB environment
 *
 * LMDB itself lets several processes write one after the other. But our daemons act on a model in memory, so
 * a second process would act on a stale copy. An flock() on "owner" keeps it out; the lock ends with the
 * process.
 *
 * LMDB trusts its file and reads it by mmap(), so the file is checked before it is opened, and looked at
 * before and after each transaction. If it was removed, everything written into it would be lost; if it was
 * cut off, SIGBUS would end the process.
 */

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "common/lmdb/check.h"
#include "common/lmdb/table.h"

#define TABLES_MAX 64
#define OLD_TABLES_MAX 16
#define FILE_MODE 0600
#define DATA_FILE "data.mdb"
#define DISK_PROBE (1 << 20)
#define LOCK_TRIES 60
#define LOCK_PAUSE_NS 50000000L

static const char known_text[] = "The database beside this file has been in use. Should it be missing or "
                                 "empty it is lost, and no new one is begun\n"
                                 "in its place as long as this file is here.\n";

typedef struct Lmdb {
        Db db;
        MDB_env *env;
        int lock_fd;
        char *dir, *path; /* of the folder, of the file in it */
        off_t file_size;  /* it only grows */
        size_t last_txn;  /* number of the last commit that we know of */
        void (*broken)(const char *dir, const char *reason);
        void (*undecided)(const char *dir, const char *reason);
        size_t map_size, map_max;
        unsigned n_tables;
        MDB_dbi tables[TABLES_MAX];
} Lmdb;

typedef struct LmdbTxn {
        DbTxn txn;
        MDB_txn *mdb;
        unsigned n_old;
        MDB_dbi old[OLD_TABLES_MAX]; /* numbered after the tables */
} LmdbTxn;

static Lmdb *lmdb_of(const Db *db) {
        return CONTAINER_OF(db, Lmdb, db);
}

static LmdbTxn *txn_of(const DbTxn *txn) {
        return CONTAINER_OF(txn, LmdbTxn, txn);
}

/* LMDB's own codes are negative and outside errno's range; its system errors are positive errnos. */
int db_errno(int e) {
        if (e == 0)
                return 0;
        if (e == MDB_NOTFOUND)
                return -ENOENT;
        if (e == MDB_MAP_FULL)
                return -EOVERFLOW;
        if (e == MDB_BAD_VALSIZE)
                return -EINVAL;
        if (e == MDB_CORRUPTED || e == MDB_INVALID || e == MDB_VERSION_MISMATCH || e == MDB_PAGE_NOTFOUND ||
                e == MDB_INCOMPATIBLE)
                return -EBADMSG;
        return e > 0 ? -e : -EIO;
}

/*
 * A child that was forked and has not yet become another program shares the lock of a daemon that was killed
 * meanwhile, so a new daemon asks for three seconds before it says that the folder is busy.
 */
static int lock_file(int fd) {
        for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
                if (errno != EWOULDBLOCK)
                        return -errno;
                if (i == LOCK_TRIES)
                        return -EBUSY;
                (void) nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
        }
        return 0;
}

static int lock_folder(const char *dir, int *ret) {
        _cleanup_close_ int dir_fd = -1, fd = -1;
        int r;

        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        fd = openat(dir_fd, "owner", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (fd < 0)
                return -errno;
        r = lock_file(fd);
        if (r < 0)
                return r;

        *ret = take_fd(fd);
        return 0;
}

/* Whether a database was ever written here. */
static bool is_known(const Lmdb *db) {
        struct stat st;

        return fstat(db->lock_fd, &st) == 0 && st.st_size > 0;
}

/* If a full disk prevents the mark, it is made at the next start. */
static void mark_known(const Lmdb *db) {
        if (!is_known(db) && pwrite(db->lock_fd, known_text, sizeof(known_text) - 1, 0) > 0)
                (void) fsync(db->lock_fd);
}

static int say_lost(const char *text, char **ret_problem) {
        *ret_problem = strdup(text);
        return *ret_problem ? -EBADMSG : -ENOMEM;
}

static int check_file(const Lmdb *db, char **ret_problem) {
        /* Opening a FIFO would wait. */
        _cleanup_close_ int fd = open(db->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        struct stat st;

        if (fd < 0 && errno == ENOENT)
                return is_known(db) ? say_lost("it is gone", ret_problem) : 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return say_lost("it is no regular file", ret_problem);
        /* The file is empty: LMDB was killed before it had written anything, or the file was emptied since.
         */
        if (st.st_size == 0)
                return is_known(db) ? say_lost("it is empty", ret_problem) : 0;
        return db_check_file(fd, ret_problem);
}

/* The number of the last commit in the file. Only this process writes, so a different number shows that
 * another file was written over ours; what LMDB has mapped is then a mixture of both. */
static int check_last_txn(const Lmdb *db) {
        MDB_envinfo info;

        if (mdb_env_info(db->env, &info) != 0)
                return -EIO;
        return info.me_last_txnid == db->last_txn ? 0 : -ESTALE;
}

/* LMDB has the file open and mapped; what it writes must be what the next start finds. */
static int check_still_there(Lmdb *db) {
        struct stat open_file, named;
        mdb_filehandle_t fd;

        if (mdb_env_get_fd(db->env, &fd) != 0 || fstat(fd, &open_file) < 0)
                return -EIO;
        if (stat(db->path, &named) < 0 || named.st_ino != open_file.st_ino ||
                named.st_dev != open_file.st_dev || open_file.st_size < db->file_size)
                return -ESTALE;
        db->file_size = open_file.st_size;
        return check_last_txn(db);
}

static void on_assert(MDB_env *env, const char *text) {
        const Lmdb *db = mdb_env_get_userctx(env);

        if (db->broken)
                db->broken(db->dir, text);
}

static int open_environment(Lmdb *db) {
        MDB_envinfo info;
        int r;

        r = mdb_env_create(&db->env);
        if (r != 0)
                return db_errno(r);
        r = mdb_env_set_userctx(db->env, db);
        if (r == 0)
                r = mdb_env_set_assert(db->env, on_assert);
        if (r == 0)
                r = mdb_env_set_maxdbs(db->env, db->n_tables + OLD_TABLES_MAX);
        if (r == 0)
                r = mdb_env_set_mapsize(db->env, db->map_size);
        /* MDB_NOTLS: one thread may hold several reading transactions. */
        if (r == 0)
                r = mdb_env_open(db->env, db->dir, MDB_NOTLS, FILE_MODE);
        if (r == 0)
                r = mdb_env_info(db->env, &info);
        if (r != 0)
                return db_errno(r);

        /* LMDB itself takes a larger map when the file holds more than map_size. */
        db->map_size = info.me_mapsize;
        db->last_txn = info.me_last_txnid;
        return 0;
}

/* LMDB returns EIO also when a full disk accepted only a part, so the free space is checked. */
static int commit_errno(const Lmdb *db, int e) {
        _cleanup_close_ int fd = -1;

        if (e != EIO)
                return db_errno(e);
        fd = open(db->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
                return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
        e = posix_fallocate(fd, 0, DISK_PROBE);
        return e == ENOSPC || e == EDQUOT ? -ENOSPC : -EIO;
}

/* LMDB takes nothing more once it could not write the page that makes a commit valid: the page may be there or not. */
static bool is_undecided(Lmdb *db, size_t number) {
        MDB_envinfo info;
        MDB_txn *txn;
        int e;

        e = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);
        if (e == 0)
                mdb_txn_abort(txn);
        return e == MDB_PANIC || (mdb_env_info(db->env, &info) == 0 && info.me_last_txnid == number);
}

/* A transaction that changed nothing gets no number. */
static int commit(Lmdb *db, MDB_txn *txn) {
        size_t number = mdb_txn_id(txn), before = db->last_txn;
        int r;

        r = commit_errno(db, mdb_txn_commit(txn));
        if (r < 0) {
                if (db->undecided && is_undecided(db, number))
                        db->undecided(db->dir, strerror(-r));
                return r;
        }
        db->last_txn = number;
        if (check_last_txn(db) < 0)
                db->last_txn = before;
        return 0;
}

static int open_tables(Lmdb *db, const char *const *tables) {
        MDB_txn *txn;
        int r;

        r = mdb_txn_begin(db->env, NULL, 0, &txn);
        if (r != 0)
                return db_errno(r);

        for (unsigned i = 0; r == 0 && i < db->n_tables; i++)
                r = mdb_dbi_open(txn, tables[i], MDB_CREATE, db->tables + i);
        if (r != 0) {
                mdb_txn_abort(txn);
                return db_errno(r);
        }
        return commit(db, txn);
}

static void lmdb_close(Db *base) {
        Lmdb *db = lmdb_of(base);

        /* The environment is closed first, since releasing the lock means that no process uses the files. */
        if (db->env)
                mdb_env_close(db->env);
        safe_close(db->lock_fd);
        free(db->dir);
        free(db->path);
        free(db);
}

static int lmdb_grow(Db *base) {
        Lmdb *db = lmdb_of(base);
        size_t size;
        int r;

        if (db->map_size >= db->map_max)
                return -EOVERFLOW;

        size = db->map_size > db->map_max / 2 ? db->map_max : db->map_size * 2;
        r = mdb_env_set_mapsize(db->env, size);
        if (r != 0)
                return db_errno(r);

        db->map_size = size;
        return 0;
}

static void lmdb_forget_readers(Db *db) {
        int dead;

        (void) mdb_reader_check(lmdb_of(db)->env, &dead);
}

size_t db_map_size(const Db *db) {
        return lmdb_of(db)->map_size;
}

static int lmdb_begin(Db *db, bool write, DbTxn **ret) {
        _cleanup_free_ LmdbTxn *txn = NULL;
        int r;

        r = check_still_there(lmdb_of(db));
        if (r < 0)
                return r;
        txn = calloc(1, sizeof(*txn));
        if (!txn)
                return -ENOMEM;

        txn->txn.db = db;
        r = mdb_txn_begin(lmdb_of(db)->env, NULL, write ? 0 : MDB_RDONLY, &txn->mdb);
        if (r != 0)
                return db_errno(r);

        *ret = &take_ptr(txn)->txn;
        return 0;
}

static int lmdb_commit(DbTxn *txn) {
        Lmdb *db = lmdb_of(txn->db);
        int r;

        r = commit(db, txn_of(txn)->mdb);
        free(txn_of(txn));
        return r ?: check_still_there(db);
}

static void lmdb_abort(DbTxn *txn) {
        mdb_txn_abort(txn_of(txn)->mdb);
        free(txn_of(txn));
}

/* LMDB takes its keys and data without const but does not change them. */
static MDB_val to_val(const void *data, size_t size) {
        return (MDB_val){.mv_size = size, .mv_data = (void *) data};
}

static int find_table(const LmdbTxn *txn, unsigned table, MDB_dbi *ret) {
        const Lmdb *db = lmdb_of(txn->txn.db);

        if (table >= db->n_tables + txn->n_old)
                return -EINVAL;
        *ret = table < db->n_tables ? db->tables[table] : txn->old[table - db->n_tables];
        return 0;
}

static int lmdb_get(
        DbTxn *txn, unsigned table, const void *key, size_t key_size, const void **ret, size_t *ret_size) {
        MDB_val k = to_val(key, key_size), v;
        MDB_dbi dbi;
        int r;

        if (find_table(txn_of(txn), table, &dbi) < 0)
                return -EINVAL;
        r = mdb_get(txn_of(txn)->mdb, dbi, &k, &v);
        if (r != 0)
                return db_errno(r);

        *ret = v.mv_data;
        *ret_size = v.mv_size;
        return 0;
}

static int lmdb_put(
        DbTxn *txn, unsigned table, const void *key, size_t key_size, const void *data, size_t size) {
        MDB_val k = to_val(key, key_size), v = to_val(data, size);
        MDB_dbi dbi;

        if (find_table(txn_of(txn), table, &dbi) < 0)
                return -EINVAL;
        return db_errno(mdb_put(txn_of(txn)->mdb, dbi, &k, &v, 0));
}

static int lmdb_del(DbTxn *txn, unsigned table, const void *key, size_t key_size) {
        MDB_val k = to_val(key, key_size);
        MDB_dbi dbi;

        if (find_table(txn_of(txn), table, &dbi) < 0)
                return -EINVAL;
        return db_errno(mdb_del(txn_of(txn)->mdb, dbi, &k, NULL));
}

static int lmdb_iterate(DbTxn *txn, unsigned table, DbVisitor visitor, void *userdata) {
        MDB_cursor *cursor;
        MDB_val k, v;
        MDB_dbi dbi;
        int r, q = 0;

        if (find_table(txn_of(txn), table, &dbi) < 0)
                return -EINVAL;
        r = mdb_cursor_open(txn_of(txn)->mdb, dbi, &cursor);
        if (r != 0)
                return db_errno(r);

        for (r = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); r == 0 && q >= 0;
                r = q >= 0 ? mdb_cursor_get(cursor, &k, &v, MDB_NEXT) : 0)
                q = visitor(k.mv_data, k.mv_size, v.mv_data, v.mv_size, userdata);
        mdb_cursor_close(cursor);

        if (q < 0)
                return q;
        return r == MDB_NOTFOUND ? 0 : db_errno(r);
}

/*
 * LMDB forgets a table that is opened in a transaction which is then aborted, and also one that is dropped;
 * so an old table belongs to its transaction, and one that is tried again opens it again.
 */
static int lmdb_open_old(DbTxn *base, const char *name, unsigned *ret) {
        LmdbTxn *txn = txn_of(base);
        int r;

        if (txn->n_old == OLD_TABLES_MAX)
                return -ENFILE;
        r = mdb_dbi_open(txn->mdb, name, 0, &txn->old[txn->n_old]);
        if (r != 0)
                return db_errno(r);

        *ret = lmdb_of(base->db)->n_tables + txn->n_old++;
        return 0;
}

static int lmdb_drop(DbTxn *txn, unsigned table) {
        MDB_dbi dbi;

        if (find_table(txn_of(txn), table, &dbi) < 0)
                return -EINVAL;
        return db_errno(mdb_drop(txn_of(txn)->mdb, dbi, /* del= */ 1));
}

static const DbOps lmdb_ops = {
        .close = lmdb_close,
        .grow = lmdb_grow,
        .forget_readers = lmdb_forget_readers,
        .begin = lmdb_begin,
        .commit = lmdb_commit,
        .abort = lmdb_abort,
        .get = lmdb_get,
        .put = lmdb_put,
        .del = lmdb_del,
        .iterate = lmdb_iterate,
        .open_old = lmdb_open_old,
        .drop = lmdb_drop,
};

static int open_files(Lmdb *db, const DbOptions *options, char **ret_problem) {
        int r;

        r = lock_folder(db->dir, &db->lock_fd);
        if (r < 0)
                return r;
        r = check_file(db, ret_problem);
        r = r ?: open_environment(db);
        r = r ?: open_tables(db, options->tables);
        return r ?: check_still_there(db);
}

int db_open(const char *dir, const DbOptions *options, char **ret_problem, Db **ret) {
        _cleanup_(db_closep) Db *opened = NULL;
        Lmdb *db;
        int r;

        db = calloc(1, sizeof(*db));
        if (!db)
                return -ENOMEM;
        opened = &db->db;
        opened->ops = &lmdb_ops;

        db->lock_fd = -1;
        db->broken = options->broken;
        db->undecided = options->undecided;
        db->dir = strdup(dir);
        if (!db->dir || asprintf(&db->path, "%s/" DATA_FILE, dir) < 0)
                return -ENOMEM;
        db->map_size = options->map_size;
        db->map_max = MAX_OF(options->map_max, options->map_size);
        while (options->tables[db->n_tables])
                if (++db->n_tables > TABLES_MAX)
                        return -EINVAL;

        r = open_files(db, options, ret_problem);
        if (r < 0)
                return r;
        mark_known(db);

        *ret = take_ptr(opened);
        return 0;
}

static int open_source(const DbSource *source, const DbOptions *options, char **ret_problem, Db **ret) {
        return db_open(source->dir, options, ret_problem, ret);
}

DbSource db_in_folder(const char *dir) {
        return (DbSource){.dir = dir, .open = open_source};
}
