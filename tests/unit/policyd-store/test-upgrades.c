/*
 * Upgrades: a database of any older schema is read as what it was, or stays as it is
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/lmdb/table.h"
#include "policyd/store/row.h"
#include "tests/unit/policyd-store/fixture.h"

/* As schemas 1 to 3 had them: a table for each class, in the order of the classes. */
enum { OLD_META, OLD_IDEMPOTENCY, OLD_FIRST_CLASS };
static const char *const old_tables[] = {"meta", "idempotency", "host", "pgpu", "gpu_group", "vgpu_type",
        "vm", "vgpu", "reservation", "quota", "vm_group", "job", NULL};

static Db *open_old(const char *dir) {
        const DbOptions options = {.tables = old_tables, .map_size = 1 << 20, .map_max = 1 << 24};
        _cleanup_free_ char *problem = NULL;
        Db *db;

        assert_int_equal(db_open(dir, &options, &problem, &db), 0);
        return db;
}

static void put(DbTxn *txn, unsigned table, const void *key, size_t key_size, const char *text) {
        assert_int_equal(db_put(txn, table, key, key_size, text, strlen(text)), 0);
}

static void put_old_object(DbTxn *txn, const Object *o, unsigned schema) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *text = NULL;
        uint8_t key[8];

        assert_int_equal(row_write(o, &text), 0);
        record = json_tokener_parse(text);
        assert_int_equal(json_add_u64(record, "version", schema), 0);
        if (schema == 1 && o->class == CLASS_VM)
                json_object_object_del(record, "booking");
        db_key_u64(o->key, key);
        put(txn, OLD_FIRST_CLASS + (unsigned) o->class, key, 8, json_object_to_json_string(record));
}

static void write_old_pool(const char *dir, const Pool *pool, unsigned schema) {
        _cleanup_(db_closep) Db *db = open_old(dir);
        char meta[256];
        DbTxn *txn;

        snprintf(meta, sizeof(meta),
                "{\"version\":%u,\"pool\":\"ab000000-0000-0000-0000-0000000000c8\",\"epoch\":7,\"next_key\":"
                "100}",
                schema);
        assert_int_equal(db_begin(db, true, &txn), 0);
        put(txn, OLD_META, "pool", 4, meta);
        put(txn, OLD_IDEMPOTENCY, "0 CreateVM k", 12,
                "{\"version\":1,\"digest\":\"d\",\"path\":\"/x\",\"class\":\"vm\","
                "\"object\":\"ab000000-0000-0000-0000-00000000000a\"}");
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        put_old_object(txn, pool->objects[c].items[i], schema);
        assert_int_equal(db_commit(txn), 0);
}

static void old_edit(const char *dir, unsigned table, const void *key, size_t key_size, const char *text) {
        _cleanup_(db_closep) Db *db = open_old(dir);
        DbTxn *txn;

        assert_int_equal(db_begin(db, true, &txn), 0);
        if (text)
                put(txn, table, key, key_size, text);
        else
                assert_int_equal(db_del(txn, table, key, key_size), 0);
        assert_int_equal(db_commit(txn), 0);
}

/* Every object as it was, except that nobody knows whether a reserved start was sent. */
static void assert_same_pool(const Pool *pool, const Pool *read) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                assert_int_equal(read->objects[c].n, pool->objects[c].n);
                for (size_t i = 0; i < pool->objects[c].n; i++) {
                        _cleanup_free_ char *before = NULL, *after = NULL;
                        const Object *a = pool->objects[c].items[i], *b = pool_get(read, c, &a->id);

                        assert_non_null(b);
                        assert_int_equal(a->key, b->key);
                        if (c == CLASS_VM && ((const Vm *) a)->booking == BOOKING_RESERVED)
                                continue;
                        assert_int_equal(row_write(a, &before), 0);
                        assert_int_equal(row_write(b, &after), 0);
                        assert_string_equal(before, after);
                }
        }
}

static void assert_loads(const char *dir, const Pool *pool) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;
        int r = load_pool(dir, &read, &rows, &problem);

        if (r < 0)
                fail_msg("%d: %s", r, problem ? problem : "no sentence");
        assert_same_pool(pool, read);
        assert_int_equal(read->next_key, 100);
}

static void assert_refused(const char *dir, const char *beginning, const char *reason) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(load_pool(dir, &read, &rows, &problem), -EBADMSG);
        assert_non_null(problem);
        if (strncmp(problem, beginning, strlen(beginning)) != 0 || !strstr(problem, reason))
                fail_msg("'%s' does not begin with '%s' or does not say '%s'", problem, beginning, reason);
}

static size_t count_old_tables(const char *dir) {
        static const char *const tables[] = {"meta", NULL};
        const DbOptions options = {.tables = tables, .map_size = 1 << 20, .map_max = 1 << 24};
        _cleanup_(db_closep) Db *db = NULL;
        _cleanup_free_ char *problem = NULL;
        size_t n = 0;
        DbTxn *txn;

        assert_int_equal(db_open(dir, &options, &problem, &db), 0);
        assert_int_equal(db_begin(db, true, &txn), 0);
        for (size_t i = OLD_FIRST_CLASS; old_tables[i]; i++) {
                unsigned table;
                int r = db_open_old(txn, old_tables[i], &table);

                assert_true(r == 0 || r == -ENOENT);
                n += r == 0;
        }
        db_abort(txn);
        return n;
}

static void older_databases_are_upgraded(void **state) {
        for (unsigned schema = 1; schema < 4; schema++) {
                _cleanup_(pool_freep) Pool *pool = make_pool();

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                write_old_pool(*state, pool, schema);
                assert_int_equal(count_old_tables(*state), _CLASS_MAX);
                /* Twice: the second time there is nothing left to do. */
                assert_loads(*state, pool);
                assert_loads(*state, pool);
                assert_int_equal(count_old_tables(*state), 0);
        }
}

/* Orders were not counted, and no host was marked. */
static void version_4_is_upgraded(void **state) {
        static const char meta[] = "{\"version\":4,\"pool\":\"ab000000-0000-0000-0000-0000000000c8\",\"epoch\":7,"
                                   "\"next_key\":100}";
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        Host *h = pool->objects[CLASS_HOST].items[0];
        Vm *vm = pool->objects[CLASS_VM].items[0];
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        StoreMeta read_meta;

        vm->order = 0;
        vm->uuid_given = false;
        pool_set_host_unheard(pool, h, false);
        write_pool(*state, pool);
        old_edit(*state, OLD_META, "pool", 4, meta);
        assert_loads(*state, pool);
        assert_loads(*state, pool);
        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_load(s, NULL, NULL, &read, &read_meta, &rows, &problem), 0);
        assert_int_equal(read_meta.orders, 0);
        assert_int_equal(read_meta.old, OLD_NOT);
        assert_int_equal(read_meta.backup, 0);
        assert_int_equal(read_meta.n_past, 0);
}

static void version_1_tells_bookings_by_places(void **state) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        static const BookingState expected[] = {BOOKING_RESIDENT, BOOKING_SENT, BOOKING_NONE};
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_free_ char *problem = NULL;

        write_old_pool(*state, pool, 1);
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(((Vm *) read->objects[CLASS_VM].items[i])->booking, expected[i]);
}

/* Each under the key that a later change takes. */
static void what_was_upgraded_can_be_removed(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        Object *v = pool->objects[CLASS_VGPU].items[2];

        write_old_pool(*state, pool, 3);
        assert_loads(*state, pool);
        {
                _cleanup_(db_closep) Db *s = NULL;
                _cleanup_(store_ops_done) StoreOps ops = {};

                assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
                assert_int_equal(store_ops_del_object(&ops, v), 0);
                assert_int_equal(store_write(s, &ops), 0);
        }
        pool_remove(pool, v);
        pool_take_changes(pool);
        pool_forget(pool, v);
        assert_loads(*state, pool);
}

static void a_new_database_has_no_old_tables(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();

        write_pool(*state, pool);
        assert_int_equal(count_old_tables(*state), 0);
}

/* Damage is named by the older table, and all is as it was: without it the database is upgraded. */
static void damage_stops_an_upgrade(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        uint8_t key[8];

        write_old_pool(*state, pool, 3);
        old_edit(*state, OLD_FIRST_CLASS + CLASS_JOB, "short", 5, "{}");
        assert_refused(*state, "Table job, key of 5 bytes: ", "no 8-byte number");
        assert_int_equal(count_old_tables(*state), _CLASS_MAX);
        old_edit(*state, OLD_FIRST_CLASS + CLASS_JOB, "short", 5, NULL);

        db_key_u64(60, key);
        old_edit(*state, OLD_FIRST_CLASS + CLASS_VGPU, key, 8,
                "{\"vm\":\"00000000-0000-4000-8000-000000000001\"}");
        assert_refused(*state,
                "Table vgpu, key 60: ", "00000000-0000-4000-8000-000000000001, which is not in the pool");
        old_edit(*state, OLD_FIRST_CLASS + CLASS_VGPU, key, 8, "{{{");
        assert_refused(*state, "Table vgpu, key 60: ", "");
        old_edit(*state, OLD_FIRST_CLASS + CLASS_VGPU, key, 8, NULL);
        old_edit(*state, OLD_FIRST_CLASS + CLASS_VM, key, 8,
                "{\"uuid\":\"ab000000-0000-0000-0000-00000000000a\"}");
        assert_refused(*state, "Table vm, key 60: ", "same identity");
        old_edit(*state, OLD_FIRST_CLASS + CLASS_VM, key, 8, NULL);
        assert_loads(*state, pool);
}

static void older_objects_without_a_meta_record_are_not_taken_for_an_empty_pool(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();

        write_old_pool(*state, pool, 3);
        old_edit(*state, OLD_META, "pool", 4, NULL);
        assert_refused(*state, "Table host, key 1: ", "meta/pool is missing");
}

/* An older policyd that was killed before its first commit. */
static void empty_old_tables_are_an_empty_pool(void **state) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        db_close(open_old(*state));
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        assert_int_equal(read->objects[CLASS_HOST].n, 0);
}

static int load_within(const char *dir, size_t map_max) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_free_ char *problem = NULL;
        StoreMeta meta;

        assert_int_equal(open_store(dir, 1 << 20, map_max, &s), 0);
        return store_load(s, NULL, NULL, &read, &meta, &rows, &problem);
}

static void an_upgrade_needs_room_and_takes_it(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_free_ char *big = malloc(300001);

        memset(big, 'x', 300000);
        big[300000] = '\0';
        for (uint8_t i = 0; i < 2; i++) {
                GpuGroup *g;

                assert_int_equal(
                        pool_add_gpu_group(pool, (Uuid[]){make_id((uint8_t) (100 + i))}, 0, "g", &g), 0);
                text_set(&g->name_description, big);
        }
        write_old_pool(*state, pool, 3);
        assert_int_equal(load_within(*state, 1 << 20), -EOVERFLOW);
        assert_int_equal(count_old_tables(*state), _CLASS_MAX);
        assert_int_equal(load_within(*state, 1 << 22), 0);
        assert_int_equal(count_old_tables(*state), 0);
        assert_loads(*state, pool);
}

/* Killed at whatever moment: the older database or the upgraded one, whole. */
static void a_killed_upgrade_is_begun_again(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();

        for (unsigned i = 0; i < 20; i++) {
                int status;
                pid_t child;

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                write_old_pool(*state, pool, 3);
                child = fork();
                assert_true(child >= 0);
                if (child == 0)
                        _exit(load_within(*state, 1 << 22) < 0);
                usleep(i * 300);
                kill(child, SIGKILL);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
                assert_loads(*state, pool);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(older_databases_are_upgraded, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(version_4_is_upgraded, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(version_1_tells_bookings_by_places, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(what_was_upgraded_can_be_removed, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_new_database_has_no_old_tables, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(damage_stops_an_upgrade, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(
                        older_objects_without_a_meta_record_are_not_taken_for_an_empty_pool, make_dir,
                        drop_dir),
                cmocka_unit_test_setup_teardown(empty_old_tables_are_an_empty_pool, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(an_upgrade_needs_room_and_takes_it, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_killed_upgrade_is_begun_again, make_dir, drop_dir),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
