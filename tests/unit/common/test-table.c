/*
 * LMDB tables: what was committed is there again, a full map grows, and a folder has one owner
 */

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/io/file.h"
#include "common/lmdb/table.h"
#include "tests/unit/common/folder.h"

enum { TABLE_VMS, TABLE_HOSTS };
static const char *const tables[] = { "vms", "hosts", NULL };
static const DbOptions options = { .tables = tables, .map_size = 256 << 10, .map_max = 1 << 20 };

/* Where why it does not open is not asked. */
static int open_in(const char *dir, const DbOptions *o, Db **ret) {
        _cleanup_free_ char *problem = NULL;

        return db_open(dir, o, &problem, ret);
}

static void put_one(Db *db, unsigned table, const char *key, const char *value) {
        DbTxn *txn;

        assert_ok(db_begin(db, true, &txn));
        assert_ok(db_put(txn, table, key, strlen(key), value, strlen(value)));
        assert_ok(db_commit(txn));
}

static void assert_value(Db *db, unsigned table, const char *key, const char *expected) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        const void *data;
        size_t size;

        assert_ok(db_begin(db, false, &txn));
        if (!expected) {
                assert_int_equal(db_get(txn, table, key, strlen(key), &data, &size), -ENOENT);
                return;
        }
        assert_ok(db_get(txn, table, key, strlen(key), &data, &size));
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(data, expected, size);
}

static void what_was_committed_is_there_after_reopening(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        DbTxn *txn;

        assert_ok(open_in(*state, &options, &db));
        put_one(db, TABLE_VMS, "a", "one");
        put_one(db, TABLE_HOSTS, "a", "other table");
        put_one(db, TABLE_VMS, "a", "two");
        assert_ok(db_begin(db, true, &txn));
        assert_ok(db_put(txn, TABLE_VMS, "b", 1, "never", 5));
        assert_null(db_abort(txn));

        db = db_close(db);
        assert_ok(open_in(*state, &options, &db));
        assert_value(db, TABLE_VMS, "a", "two");
        assert_value(db, TABLE_HOSTS, "a", "other table");
        assert_value(db, TABLE_VMS, "b", NULL);
}

static void deleting(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        DbTxn *txn;

        assert_ok(open_in(*state, &options, &db));
        put_one(db, TABLE_VMS, "a", "one");
        assert_ok(db_begin(db, true, &txn));
        assert_ok(db_del(txn, TABLE_VMS, "a", 1));
        assert_int_equal(db_del(txn, TABLE_VMS, "a", 1), -ENOENT);
        assert_ok(db_commit(txn));
        assert_value(db, TABLE_VMS, "a", NULL);
}

/* An upgrade that is given up, and one that is made. */
static void old_tables_are_read_and_dropped(void **state) {
        static const char *const newer[] = {"vms", NULL};
        const DbOptions newer_options = {.tables = newer, .map_size = 256 << 10, .map_max = 1 << 20};
        Db *db;
        DbTxn *txn;
        const void *data;
        unsigned table;
        size_t size;

        assert_ok(open_in(*state, &options, &db));
        put_one(db, TABLE_HOSTS, "a", "one");
        db_close(db);
        assert_ok(open_in(*state, &newer_options, &db));
        for (int round = 0; round < 2; round++) {
                assert_ok(db_begin(db, true, &txn));
                assert_int_equal(db_open_old(txn, "nothing", &table), -ENOENT);
                assert_int_equal(db_get(txn, 1, "a", 1, &data, &size), -EINVAL);
                assert_ok(db_open_old(txn, "hosts", &table));
                assert_ok(db_get(txn, table, "a", 1, &data, &size));
                assert_int_equal(size, 3);
                assert_ok(db_put(txn, TABLE_VMS, "a", 1, data, size));
                assert_ok(db_drop(txn, table));
                if (round == 0)
                        db_abort(txn);
                else
                        assert_ok(db_commit(txn));
                assert_value(db, TABLE_VMS, "a", round == 0 ? NULL : "one");
        }
        assert_ok(db_begin(db, true, &txn));
        assert_int_equal(db_open_old(txn, "hosts", &table), -ENOENT);
        db_abort(txn);
        db_close(db);
}

static int visit(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        uint64_t *next = userdata;
        uint8_t expected[8];

        assert_int_equal(key_size, 8);
        db_key_u64(*next, expected);
        assert_memory_equal(key, expected, 8);
        assert_int_equal(size, sizeof(uint64_t));
        assert_memory_equal(data, next, size);
        *next += 100;
        return *next == 700 ? -ECANCELED : 0;
}

static void numbers_as_keys_sort_by_size(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        uint64_t next;

        assert_ok(open_in(*state, &options, &db));
        assert_ok(db_begin(db, true, &txn));
        for (uint64_t i = 10; i > 0; i--) {
                uint64_t n = (i - 1) * 100;
                uint8_t key[8];

                db_key_u64(n, key);
                assert_ok(db_put(txn, TABLE_VMS, key, 8, &n, sizeof(n)));
        }
        next = 0;
        assert_int_equal(db_iterate(txn, TABLE_VMS, visit, &next), -ECANCELED);
        assert_int_equal(next, 700);
        next = 1000;
        assert_ok(db_iterate(txn, TABLE_HOSTS, visit, &next));
        assert_int_equal(next, 1000);
}

/* Fills the map with 1 KiB values; returns how many fitted. */
static unsigned fill(Db *db, unsigned from) {
        char value[1024] = {};

        for (unsigned i = from;; i++) {
                DbTxn *txn;
                int r;

                assert_ok(db_begin(db, true, &txn));
                r = db_put(txn, TABLE_VMS, &i, sizeof(i), value, sizeof(value));
                if (r < 0)
                        db_abort(txn);
                else
                        r = db_commit(txn);
                if (r < 0) {
                        assert_int_equal(r, -EOVERFLOW);
                        return i;
                }
        }
}

static void a_full_map_grows_to_its_limit_and_loses_nothing(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        unsigned n = 0, before;

        assert_ok(open_in(*state, &options, &db));
        assert_int_equal(db_map_size(db), 256 << 10);
        for (size_t size = 256 << 10; size <= 1 << 20; size *= 2) {
                assert_int_equal(db_map_size(db), size);
                before = n;
                n = fill(db, n);
                assert_true(n > before);
                assert_int_equal(db_grow(db), size < 1 << 20 ? 0 : -EOVERFLOW);
        }

        /* With the smaller first size again: what the file holds is still all there. */
        db = db_close(db);
        assert_ok(open_in(*state, &options, &db));
        assert_true(db_map_size(db) > 256 << 10);
        assert_ok(db_begin(db, false, &txn));
        for (unsigned i = 0; i < n; i++) {
                const void *data;
                size_t size;

                assert_ok(db_get(txn, TABLE_VMS, &i, sizeof(i), &data, &size));
        }
}

static void a_second_opener_is_told_that_it_is_busy(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        Db *second = NULL;
        int status;
        pid_t pid;

        assert_ok(open_in(*state, &options, &db));
        assert_int_equal(open_in(*state, &options, &second), -EBUSY);

        /* Another process, once while the first has it and once after. */
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(open_in(*state, &options, &second) == -EBUSY ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);

        put_one(db, TABLE_VMS, "a", "one");
        db = db_close(db);
        assert_ok(open_in(*state, &options, &second));
        assert_value(second, TABLE_VMS, "a", "one");
        db_close(second);
}

/* A child that outlives a killed owner for a moment, before it becomes another program, shares its lock. */
static void a_lock_that_lingers_is_waited_for(void **state) {
        Db *db = NULL;
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (open_in(*state, &options, &db) < 0)
                        _exit(1);
                if (fork() == 0) {
                        (void) usleep(400000);
                        _exit(0);
                }
                (void) kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_ok(open_in(*state, &options, &db));
        db_close(db);
}

/* The lock falls with its holder, however that ended. */
static void a_killed_owner_leaves_no_lock(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                Db *own;
                DbTxn *txn;

                if (open_in(*state, &options, &own) < 0)
                        _exit(1);
                put_one(own, TABLE_VMS, "a", "committed");
                if (db_begin(own, true, &txn) < 0 || db_put(txn, TABLE_VMS, "b", 1, "open", 4) < 0)
                        _exit(1);
                kill(getpid(), SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        assert_ok(open_in(*state, &options, &db));
        assert_value(db, TABLE_VMS, "a", "committed");
        assert_value(db, TABLE_VMS, "b", NULL);
}

static void a_damaged_file_is_said_to_be_one(void **state) {
        _cleanup_free_ char *path = path_join(*state, "data.mdb");
        char noise[16384];
        Db *db = NULL;

        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (char) (i * 167 + 13);
        assert_ok(file_write_atomic(path, noise, sizeof(noise), 0600));
        assert_int_equal(open_in(*state, &options, &db), -EBADMSG);
        assert_null(db);
}

static void wrong_use_is_refused(void **state) {
        _cleanup_(db_closep) Db *db = NULL;
        _cleanup_(db_abortp) DbTxn *txn = NULL, *reader = NULL, *second_reader = NULL;
        const void *data;
        size_t size;

        assert_int_equal(open_in("/nonexistent", &options, &db), -ENOENT);
        assert_ok(open_in(*state, &options, &db));
        assert_ok(db_begin(db, false, &reader));
        assert_ok(db_begin(db, false, &second_reader));
        assert_int_equal(db_get(reader, 2, "a", 1, &data, &size), -EINVAL);
        assert_true(db_put(reader, TABLE_VMS, "a", 1, "x", 1) < 0);
        assert_ok(db_begin(db, true, &txn));
        assert_int_equal(db_put(txn, 2, "a", 1, "x", 1), -EINVAL);
        assert_int_equal(db_put(txn, TABLE_VMS, "", 0, "x", 1), -EINVAL);
        assert_int_equal(db_del(txn, 2, "a", 1), -EINVAL);
        assert_int_equal(db_iterate(txn, 2, visit, NULL), -EINVAL);
}

static void files_are_for_the_owner_alone(void **state) {
        _cleanup_free_ char *path = path_join(*state, "data.mdb");
        _cleanup_(db_closep) Db *db = NULL;
        struct stat st;

        assert_ok(open_in(*state, &options, &db));
        assert_ok(stat(path, &st));
        assert_int_equal(st.st_mode & 077, 0);
}

/* A disk that fails once: these stand before libc's functions, which LMDB calls. */
static struct {
        bool fails, of_meta; /* to write the page that makes a commit valid, which is written in part; else to sync the data */
        bool written;        /* all the same */
        unsigned n_undecided;
} disk;

__attribute__((__visibility__("default"))) int fdatasync(int fd) {
        if (!disk.fails || disk.of_meta)
                return (int) syscall(SYS_fdatasync, fd);
        disk.fails = false;
        errno = EIO;
        return -1;
}

__attribute__((__visibility__("default"))) ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
        if (!disk.fails || !disk.of_meta || size >= 4096)
                return syscall(SYS_pwrite64, fd, data, size, at);
        disk.fails = false;
        if (disk.written)
                (void) syscall(SYS_pwrite64, fd, data, size, at);
        errno = EIO;
        return -1;
}

static void count_undecided(const char *dir, const char *reason) {
        disk.n_undecided++;
}

/* Where it is known that nothing was written, the commit has its error. Where it is not, nobody may be told either. */
static void a_commit_that_nobody_knows_of_ends_the_process(void **state) {
        const DbOptions watched = { .tables = tables, .map_size = 256 << 10, .map_max = 1 << 20, .undecided = count_undecided };

        for (unsigned i = 0; i < 3; i++) {
                _cleanup_(db_closep) Db *db = NULL;
                DbTxn *txn;

                assert_ok(open_in(*state, &watched, &db));
                put_one(db, TABLE_VMS, "a", "before");
                assert_ok(db_begin(db, true, &txn));
                assert_ok(db_put(txn, TABLE_VMS, "a", 1, "after", 5));
                disk = (typeof(disk)){ .fails = true, .of_meta = i > 0, .written = i == 2 };
                assert_int_equal(db_commit(txn), -EIO);
                assert_false(disk.fails);
                assert_int_equal(disk.n_undecided, i > 0);
                if (i == 0)
                        assert_value(db, TABLE_VMS, "a", "before");
                else
                        assert_true(db_begin(db, false, &txn) < 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST_IN_FOLDER(what_was_committed_is_there_after_reopening),
                TEST_IN_FOLDER(deleting),
                TEST_IN_FOLDER(old_tables_are_read_and_dropped),
                TEST_IN_FOLDER(numbers_as_keys_sort_by_size),
                TEST_IN_FOLDER(a_full_map_grows_to_its_limit_and_loses_nothing),
                TEST_IN_FOLDER(a_second_opener_is_told_that_it_is_busy),
                TEST_IN_FOLDER(a_lock_that_lingers_is_waited_for),
                TEST_IN_FOLDER(a_killed_owner_leaves_no_lock),
                TEST_IN_FOLDER(a_damaged_file_is_said_to_be_one),
                TEST_IN_FOLDER(a_commit_that_nobody_knows_of_ends_the_process),
                TEST_IN_FOLDER(wrong_use_is_refused),
                TEST_IN_FOLDER(files_are_for_the_owner_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
