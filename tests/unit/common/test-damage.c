/*
 * A damaged database file is found out before LMDB sees it
 */

#include <sched.h>
#include <sys/mount.h>

#include "common/lmdb/table.h"
#include "tests/unit/common/damage.h"
#include "tests/unit/common/folder.h"

#define ROUNDS 400

enum { TABLE_OLD, TABLE_NEW };
static const char *const tables[] = {"old", "new", NULL};

/* LMDB found what the check let pass: an end with a sentence too. */
static void on_broken(const char *dir, const char *reason) {
        _exit(*reason ? CHILD_REFUSED : CHILD_REFUSED_SILENTLY);
}

static const DbOptions options = {
        .tables = tables, .map_size = 4 << 20, .map_max = 16 << 20, .broken = on_broken};

static int change_once(DbTxn *txn, unsigned table, uint32_t *seed) {
        static char value[20000];
        int r = 0;

        memset(value, 'v', sizeof(value));
        for (unsigned i = 0; i < 12 && (r == 0 || r == -ENOENT); i++) {
                uint32_t key = damage_dice(seed, 300);
                size_t size =
                        damage_dice(seed, 8) == 0 ? damage_dice(seed, sizeof(value)) : damage_dice(seed, 900);

                if (damage_dice(seed, 3) == 0)
                        r = db_del(txn, table, &key, sizeof(key));
                else
                        r = db_put(txn, table, &key, sizeof(key), value, size);
        }
        return r == -ENOENT ? 0 : r;
}

static int change(Db *db, unsigned table, uint32_t *seed, unsigned n) {
        int r = 0;

        for (unsigned i = 0; i < n && r == 0; i++) {
                _cleanup_(db_abortp) DbTxn *txn = NULL;

                r = db_begin(db, true, &txn);
                r = r ?: change_once(txn, table, seed);
                r = r ?: db_commit(take_ptr(txn));
        }
        return r;
}

typedef struct Sum {
        uint64_t hash, n;
} Sum;

/* What is in a value is its reader's to check; here it is a question of which there are, and how long. */
static int add_entry(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        Sum *sum = userdata;

        sum->n++;
        for (size_t i = 0; i < key_size; i++)
                sum->hash = (sum->hash ^ ((const uint8_t *) key)[i]) * UINT64_C(0x100000001b3);
        sum->hash = (sum->hash ^ size) * UINT64_C(0x100000001b3);
        return 0;
}

static Sum sum_of(Db *db) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        Sum sum = {};

        if (db_begin(db, false, &txn) == 0)
                (void) db_iterate(txn, TABLE_OLD, add_entry, &sum);
        return sum;
}

static bool sums_equal(Sum a, Sum b) {
        return a.hash == b.hash && a.n == b.n;
}

static int open_and_use(const char *dir, void *userdata) {
        const Sum *whole = userdata;
        char *problem = NULL;
        uint32_t seed = 1;
        Db *db = NULL;
        int r;

        r = db_open(dir, &options, &problem, &db);
        if (r < 0) {
                bool said = r == -EBADMSG && problem && *problem;

                free(problem);
                return said ? CHILD_REFUSED : CHILD_REFUSED_SILENTLY;
        }
        if (!sums_equal(sum_of(db), *whole))
                return CHILD_LACKS_SOMETHING;
        if (change(db, TABLE_NEW, &seed, 2) < 0 || !sums_equal(sum_of(db), *whole))
                return CHILD_LACKS_SOMETHING;
        db_close(db);
        return CHILD_HAS_ALL;
}

static void every_damage_is_found_or_does_no_harm(void **state) {
        _cleanup_free_ char *good = path_join(*state, "good"), *bad = path_join(*state, "bad");
        DamageCounts counts = {};
        char *problem = NULL;
        uint32_t seed = 42;
        Db *db = NULL;
        Sum whole;

        assert_ok(mkdir_parents(good, 0700));
        assert_ok(mkdir_parents(bad, 0700));
        assert_ok(db_open(good, &options, &problem, &db));
        assert_ok(change(db, TABLE_OLD, &seed, 60));
        whole = sum_of(db);
        db_close(db);

        assert_int_equal(damage_rounds(good, bad, ROUNDS, open_and_use, &whole, &counts), 0);
        /* Both happen: free pages may be anything. */
        assert_true(counts.n_refused > ROUNDS / 3);
        assert_true(counts.n_whole > ROUNDS / 50);
}

/* A check that cries wolf would cost a pool: whatever LMDB makes of a file, passes. */
static void what_lmdb_wrote_passes(void **state) {
        char *problem = NULL;
        uint32_t seed = 3;

        for (unsigned i = 0; i < 60; i++) {
                Db *db = NULL;

                if (db_open(*state, &options, &problem, &db) < 0)
                        fail_msg("round %u: %s", i, problem ?: "no reason");
                assert_ok(change(db, i % 2 ? TABLE_OLD : TABLE_NEW, &seed, 1 + damage_dice(&seed, 3)));
                db_close(db);
        }
}

static void lost(void **state, const char *reason) {
        _cleanup_free_ char *problem = NULL;
        Db *db = NULL;

        assert_int_equal(db_open(*state, &options, &problem, &db), -EBADMSG);
        assert_string_equal(problem, reason);
}

static void a_database_that_was_there_is_never_begun_anew(void **state) {
        char *problem = NULL;
        Db *db = NULL;

        /* Killed before anything was written: nothing is lost. */
        assert_ok(file_write_atomic("data.mdb", "", 0, 0600));
        assert_ok(db_open(*state, &options, &problem, &db));
        db = db_close(db);
        assert_ok(db_open(*state, &options, &problem, &db));
        db = db_close(db);

        assert_ok(truncate("data.mdb", 0));
        lost(state, "it is empty");
        assert_ok(unlink("data.mdb"));
        lost(state, "it is gone");
        assert_ok(mkdir("data.mdb", 0700));
        lost(state, "it is no regular file");

        /* All of it moved away is the way to begin anew. */
        assert_ok(rmdir("data.mdb"));
        assert_ok(unlink("owner"));
        assert_ok(db_open(*state, &options, &problem, &db));
        db_close(db);
}

static void what_is_no_file_is_not_waited_for(void **state) {
        _cleanup_free_ char *problem = NULL;
        Db *db = NULL;

        assert_ok(mkfifo("data.mdb", 0600));
        assert_int_equal(db_open(*state, &options, &problem, &db), -EBADMSG);
        assert_string_equal(problem, "it is no regular file");
}

static int commit_one(Db *db) {
        DbTxn *txn;
        int r;

        r = db_begin(db, true, &txn);
        r = r ?: db_put(txn, TABLE_NEW, "k", 1, "v", 1);
        return r ?: db_commit(txn);
}

static void a_file_that_goes_under_its_user_takes_no_commit(void **state) {
        char *problem = NULL;
        Db *db = NULL;
        DbTxn *txn;

        assert_ok(db_open(*state, &options, &problem, &db));
        assert_ok(commit_one(db));

        assert_ok(rename("data.mdb", "away"));
        assert_int_equal(commit_one(db), -ESTALE);
        assert_ok(file_write_atomic("data.mdb", "another", 7, 0600));
        assert_int_equal(commit_one(db), -ESTALE);
        assert_ok(rename("away", "data.mdb"));
        assert_ok(commit_one(db));

        /* Between the beginning and the end of a commit. */
        assert_ok(db_begin(db, true, &txn));
        assert_ok(db_put(txn, TABLE_NEW, "k", 1, "w", 1));
        assert_ok(rename("data.mdb", "away"));
        assert_int_equal(db_commit(txn), -ESTALE);
        assert_ok(rename("away", "data.mdb"));

        assert_ok(truncate("data.mdb", 4096));
        assert_int_equal(commit_one(db), -ESTALE);
        assert_int_equal(db_begin(db, false, &txn), -ESTALE);
        db_close(db);
}

static int put_large(Db *db, uint32_t key) {
        static const char value[65536];
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = db_begin(db, true, &txn);
        r = r ?: db_put(txn, TABLE_NEW, &key, sizeof(key), value, sizeof(value));
        return r ?: db_commit(take_ptr(txn));
}

/* On a file system of its own: a disk that takes only a part is not "Input/output error". */
static int fill_a_disk(void) {
        char *problem = NULL;
        Db *db = NULL;
        int r = 0;

        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                mkdir("disk", 0700) < 0 || mount("none", "disk", "tmpfs", 0, "size=700k") < 0)
                return 77;
        if (db_open("disk", &options, &problem, &db) < 0)
                return 1;
        for (uint32_t i = 0; i < 100 && r == 0; i++)
                r = put_large(db, i);
        if (r != -ENOSPC)
                return 2;
        /* What is there stays so, and can be read. */
        if (sum_of(db).n != 0 || commit_one(db) == -EBADMSG)
                return 3;
        db_close(db);
        return db_open("disk", &options, &problem, &db) < 0 ? 4 : 0;
}

/* In its place, of the same size: an older copy, put back under a daemon that somebody forgot to stop. */
static void a_file_that_is_written_over_takes_no_commit(void **state) {
        _cleanup_free_ char *older = NULL, *newer = NULL, *problem = NULL;
        size_t older_size, newer_size;
        _cleanup_close_ int fd = -1;
        Db *db = NULL;
        DbTxn *txn;

        assert_ok(db_open(*state, &options, &problem, &db));
        for (unsigned i = 0; i < 10; i++)
                assert_ok(commit_one(db));
        assert_ok(file_read("data.mdb", 4 << 20, &older, &older_size));
        assert_ok(commit_one(db));
        assert_ok(file_read("data.mdb", 4 << 20, &newer, &newer_size));
        assert_int_equal(older_size, newer_size);

        fd = open("data.mdb", O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, older, older_size, 0), older_size);
        assert_int_equal(commit_one(db), -ESTALE);
        assert_int_equal(db_begin(db, false, &txn), -ESTALE);
        assert_int_equal(pwrite(fd, newer, newer_size, 0), newer_size);
        assert_ok(commit_one(db));

        assert_ok(db_begin(db, true, &txn));
        assert_ok(db_commit(txn)); /* which changed nothing */
        assert_ok(commit_one(db));
        db_close(db);
}

static void a_full_disk_is_said_to_be_one(void **state) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(fill_a_disk());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST_IN_FOLDER(every_damage_is_found_or_does_no_harm),
                TEST_IN_FOLDER(what_lmdb_wrote_passes),
                TEST_IN_FOLDER(a_database_that_was_there_is_never_begun_anew),
                TEST_IN_FOLDER(what_is_no_file_is_not_waited_for),
                TEST_IN_FOLDER(a_file_that_goes_under_its_user_takes_no_commit),
                TEST_IN_FOLDER(a_file_that_is_written_over_takes_no_commit),
                TEST_IN_FOLDER(a_full_disk_is_said_to_be_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
