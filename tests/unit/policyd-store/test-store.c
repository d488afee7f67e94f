/*
 * The store: what was written is read, what is damaged is named, what is old is upgraded, what does not fit
 * is refused
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "tests/unit/policyd-core/pool-check.h"
#include "policyd/store/backup.h"
#include "policyd/store/row.h"
#include "tests/unit/policyd-store/fixture.h"

static void what_was_written_is_read(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;
        char buf[256];
        OwnerUse use;
        Uuid key;
        Vm *vm;

        write_pool(*state, pool);
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        assert_false(pool_has_changes(read));
        assert_int_equal(read->next_key, pool->next_key);

        /* As texts the two pools are the same, except that nobody knows whether a reserved start was sent. */
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                assert_int_equal(read->objects[c].n, pool->objects[c].n);
                for (size_t i = 0; i < pool->objects[c].n; i++) {
                        _cleanup_free_ char *before = NULL, *after = NULL;
                        const Object *a = pool->objects[c].items[i], *b = read->objects[c].items[i];

                        if (c == CLASS_VM && ((const Vm *) a)->booking == BOOKING_RESERVED)
                                continue;
                        assert_int_equal(a->key, b->key);
                        assert_int_equal(row_write(a, &before), 0);
                        assert_int_equal(row_write(b, &after), 0);
                        assert_string_equal(before, after);
                }
        }
        key = make_id(11);
        vm = pool_get(read, CLASS_VM, &key);
        assert_int_equal(vm->booking, BOOKING_SENT);
        assert_non_null(vm->reservation);
        assert_string_equal(vm->networks[0], "xenbr0");
        assert_true(vm->memory > UINT64_C(1) << 30);
        assert_int_equal(((Pgpu *) read->objects[CLASS_PGPU].items[0])->used, 4 * 131072);
        assert_false(((Pgpu *) read->objects[CLASS_PGPU].items[0])->present);

        assert_int_equal(vm->group->vms.n, 3);
        /* One runs, one starts, two are held. */
        use = owner_use(pool_find_owner(read, "lab"), read->objects[CLASS_GPU_GROUP].items[0]);
        assert_int_equal(use.vgpus, 4);
        assert_int_equal(use.size, 4 * 131072);
        assert_null(pool_check(read, buf, sizeof(buf)));
}

static void an_empty_folder_is_an_empty_pool(void **state) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        assert_int_equal(read->objects[CLASS_HOST].n, 0);
        assert_int_equal(read->next_key, 1);
}

/* Changing records behind the store's back. */

static void db_edit(const char *dir, StoreTable table, const void *key, size_t key_size, const char *text) {
        StoreOp op = {.table = table, .key = (void *) key, .key_size = key_size, .value = (char *) text};
        const StoreOps ops = {.items = &op, .n = 1};
        _cleanup_(db_closep) Db *s = NULL;

        assert_int_equal(open_store(dir, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_write(s, &ops), 0);
}

typedef int (*Edit)(struct json_object *record);

/* What an older policyd let in. */
static int spoil(struct json_object *record) {
        static const char *const members[] = { "name_label", "owner", "name_description", "affinity", "vendor_name",
                "model_name", "device_name", "driver", "stage", "error_message", "extra_args", "boot_id" };
        struct json_object *o;

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                _cleanup_free_ char *text = NULL;

                if (!json_object_object_get_ex(record, members[i], &o))
                        continue;
                assert_true(asprintf(&text, "%s\xc3 \x1b[31m\xc2\x9b\xef\xbf\xbe", json_object_get_string(o)) > 0);
                json_object_set_string(o, text);
        }
        if (json_object_object_get_ex(record, "platform", &o))
                return json_add_string(o, "k\xff", "v\x7f\xef\xb7\x90");
        return 0;
}

static void object_edit(const char *dir, const Object *o, Edit edit, const char *text_or_null) {
        _cleanup_(store_ops_done) StoreOps ops = {};
        _cleanup_json_ struct json_object *record = NULL;
        const char *text = text_or_null;

        assert_int_equal(store_ops_put_object(&ops, o), 0);
        if (edit) {
                record = json_tokener_parse(ops.items[0].value);
                assert_int_equal(edit(record), 0);
                text = json_object_to_json_string(record);
        }
        db_edit(dir, ops.items[0].table, ops.items[0].key, ops.items[0].key_size, text);
}

static void record_edit(const char *dir, const Object *o, Edit edit) {
        object_edit(dir, o, edit, NULL);
}

static void expect_row(const char *dir, bool blocks, const char *name, const char *reason) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;
        char buf[256];

        assert_int_equal(load_pool(dir, &read, &rows, &problem), 0);
        assert_true(rows.n > 0);
        assert_int_equal(rows.n_blocking > 0, blocks);
        if (strncmp(rows.items[0].name, name, strlen(name)) != 0 || !strstr(rows.items[0].reason, reason))
                fail_msg("'%s: %s' does not name %s and %s", rows.items[0].name, rows.items[0].reason, name,
                        reason);
        assert_null(pool_check(read, buf, sizeof(buf)));
}

static void assert_shows(const Object *o) {
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader;

        assert_int_equal(row_write(o, &text), 0);
        if (json_parse(&reader, text, strlen(text), &record) < 0)
                fail_msg("%s", reader.error);
}

/* No byte of a name is a reason not to open the pool. */
static void bad_texts_are_cleaned(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        char buf[256];
        Uuid key;
        Vm *vm;

        write_pool(*state, pool);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        record_edit(*state, pool->objects[c].items[i], spoil);
        if (load_pool(*state, &read, &rows, &problem) < 0)
                fail_msg("%s", problem);
        assert_int_equal(rows.n, 0);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                assert_int_equal(read->objects[c].n, pool->objects[c].n);
                for (size_t i = 0; i < read->objects[c].n; i++)
                        assert_shows(read->objects[c].items[i]);
        }
        key = make_id(11);
        vm = pool_get(read, CLASS_VM, &key);
        assert_non_null(strstr(vm->name_label, "\xef\xbf\xbd \xef\xbf\xbd[31m\xef\xbf\xbd\xef\xbf\xbd"));
        assert_non_null(strstr(vm->platform, "\"k\xef\xbf\xbd\":\"v\xef\xbf\xbd\xef\xbf\xbd\""));
        assert_null(pool_check(read, buf, sizeof(buf)));
}

static int drop_device(struct json_object *record) {
        json_object_object_del(record, "device");
        return 0;
}

static int foreign_type(struct json_object *record) {
        return json_add_string(record, "type", "00000000-0000-4000-8000-000000000001");
}

static int bad_state(struct json_object *record) {
        return json_add_string(record, "booking", "perhaps");
}

static int no_memory(struct json_object *record) {
        return json_add(record, "config", json_object_new_object());
}

static int newer(struct json_object *record) {
        return json_add_u64(record, "version", 99);
}

static int lost_host(struct json_object *record) {
        json_object_object_del(record, "resident_on");
        return 0;
}

static int same_uuid(struct json_object *record) {
        return json_add_uuid(record, "uuid", (Uuid[]){make_id(10)});
}

static int other_vm(struct json_object *record) {
        return json_add_uuid(record, "vm", (Uuid[]){make_id(12)});
}

static void damage_is_named(void **state) {
        static const struct {
                ObjectClass class;
                size_t index;
                Edit edit;
                const char *table, *reason;
        } cases[] = {
                {CLASS_VGPU, 0, drop_device, "vgpu ", "device"},
                {CLASS_VGPU, 0, other_vm, "vgpu ", "is not the VM of the record's key"},
                {CLASS_VGPU, 1, foreign_type, "vgpu ", "00000000-0000-4000-8000-000000000001"},
                {CLASS_VM, 0, bad_state, "vm ", "perhaps"},
                {CLASS_VM, 1, no_memory, "vm ", "config.b_info"},
                {CLASS_HOST, 0, newer, "host 1", "99"},
                {CLASS_VM, 0, lost_host, "vm ", "without a host"},
                {CLASS_VM, 1, same_uuid, "vm ", "uuid"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(pool_freep) Pool *pool = make_pool();

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                write_pool(*state, pool);
                record_edit(*state, pool->objects[cases[i].class].items[cases[i].index], cases[i].edit);
                expect_row(*state, /* blocks= */ true, cases[i].table, cases[i].reason);
        }
}

/* A row that nothing rests on is set aside once, with its bytes; all others are read. */
static void a_job_that_cannot_be_read_costs_only_itself(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(unreadable_rows_done) UnreadableRows first = {}, second = {}, third = {};
        _cleanup_(pool_freep) Pool *read = NULL, *again = NULL, *last = NULL;
        _cleanup_free_ char *problem = NULL;
        _cleanup_(db_closep) Db *s = NULL;

        write_pool(*state, pool);
        object_edit(*state, pool->objects[CLASS_JOB].items[1], NULL, "{\"version\":4,\"error\":\"\xc3\"");
        db_edit(*state, STORE_IDEMPOTENCY, "0 CreateVM bad", 14, "{{");
        assert_int_equal(load_pool(*state, &read, &first, &problem), 0);
        assert_int_equal(first.n_blocking, 0);
        assert_int_equal(first.n, 2);
        assert_string_equal(first.items[1].name, "idempotency key 0 CreateVM bad");
        assert_true(first.items[0].aside && first.items[0].fresh && first.items[1].fresh);
        assert_int_equal(read->objects[CLASS_JOB].n, 1);
        assert_int_equal(read->objects[CLASS_VM].n, pool->objects[CLASS_VM].n);

        assert_int_equal(load_pool(*state, &again, &second, &problem), 0);
        assert_int_equal(second.n, 2);
        assert_true(second.items[0].aside && !second.items[0].fresh);
        assert_non_null(unreadable_rows_find(&second, first.items[0].name));

        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        for (size_t i = 0; i < second.n; i++)
                assert_int_equal(store_remove_row(s, &second.items[i]), 0);
        s = db_close(s);
        assert_int_equal(load_pool(*state, &last, &third, &problem), 0);
        assert_int_equal(third.n, 0);
}

/* Former cards come back as they were; a row of one costs only itself. */
static void former_cards_are_stored(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_(former_card_freep) FormerCard *f = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        Pgpu *pgpu = pool->objects[CLASS_PGPU].items[0];
        _cleanup_(db_closep) Db *s = NULL;
        const FormerCard *back;
        StoreOps ops = {};

        assert_true(text_set(&pgpu->other_config, "{\"rack\":\"7\"}") > 0);
        pgpu->host->host_uuid = make_id(77);
        assert_int_equal(former_card_new(pool, pgpu, &f), 0);
        assert_int_equal(pool->next_key, f->number + 1);
        write_pool(*state, pool);
        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        f->id = make_id(78);
        assert_int_equal(store_ops_put_former(&ops, f), 0);
        f->id = pgpu->object.id;
        f->number = 257;
        assert_int_equal(store_ops_put_former(&ops, f), 0);
        assert_int_equal(store_write(s, &ops), 0);
        store_ops_done(&ops);
        s = db_close(s);
        db_edit(*state, STORE_FORMER, "\0\0\0\0\0\0\1\0", 8, "{\"version\":5,\"uuid\":\"x\"}");
        db_edit(*state, STORE_FORMER, "key", 3, "{}");

        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        assert_int_equal(rows.n_blocking, 0);
        assert_int_equal(rows.n, 3);
        assert_non_null(unreadable_rows_find(&rows, "former card 256"));
        assert_non_null(unreadable_rows_find(&rows, "former card 257")); /* its PGPU is in the pool */
        assert_true(read->next_key >= 258);
        assert_int_equal(read->former.n, 1);
        back = read->former.items[0];
        assert_string_equal(back->other_config, f->other_config);
        assert_string_equal(back->vendor_id, f->vendor_id);
        assert_true(strv_equal(back->supported, f->supported) && strv_equal(back->enabled, f->enabled));
        assert_int_equal(strv_count(back->supported), pgpu->supported.n);
        assert_true(uuid_equal(&back->machine, &f->machine) && uuid_equal(&back->group, &f->group));
}

/* What goes with a row that is lost is named too, and nothing is written while one blocks. */
static void what_rests_on_an_unreadable_row_is_named(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL, *after = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {}, rest = {};
        const Vm *vm = pool->objects[CLASS_VM].items[0];
        _cleanup_free_ char *problem = NULL;
        _cleanup_(db_closep) Db *s = NULL;
        char buf[256];

        write_pool(*state, pool);
        object_edit(*state, &vm->object, NULL, "{\"version\":4");
        object_edit(*state, pool->objects[CLASS_JOB].items[1], NULL, "{");
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        assert_int_equal(rows.n_blocking, 1 + vm->vgpus.n);
        for (size_t i = 0; i < rows.n; i++)
                assert_false(rows.items[i].aside);
        assert_int_equal(read->objects[CLASS_VM].n, pool->objects[CLASS_VM].n - 1);
        assert_true(read->next_key >= pool->next_key);
        assert_null(pool_check(read, buf, sizeof(buf)));

        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        for (size_t i = 0; i < rows.n; i++)
                if (rows.items[i].blocks)
                        assert_int_equal(store_remove_row(s, &rows.items[i]), 0);
        s = db_close(s);
        assert_int_equal(load_pool(*state, &after, &rest, &problem), 0);
        assert_int_equal(rest.n_blocking, 0);
        assert_int_equal(rest.n, rows.n);
}

/* As policyd names them, one after the other. */
static void a_vm_outlives_the_row_of_its_group(void **state) {
        static const ObjectClass classes[] = {CLASS_RESERVATION, CLASS_VM_GROUP};

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
                _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL, *after = NULL;
                _cleanup_(unreadable_rows_done) UnreadableRows rows = {}, rest = {};
                _cleanup_free_ char *problem = NULL;
                _cleanup_(db_closep) Db *s = NULL;

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                write_pool(*state, pool);
                object_edit(*state, pool->objects[classes[i]].items[0], NULL, "{");
                assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
                assert_true(rows.n_blocking > 1);
                assert_true(read->objects[CLASS_VM].n < pool->objects[CLASS_VM].n);

                assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
                assert_int_equal(store_remove_row(s, &rows.items[0]), 0);
                s = db_close(s);
                assert_int_equal(load_pool(*state, &after, &rest, &problem), 0);
                assert_int_equal(rest.n_blocking, 0);
                assert_int_equal(after->objects[CLASS_VM].n, pool->objects[CLASS_VM].n);
        }
}

/* A host has the files of a type whose card was taken out. It may be the type's lead, so this is not forgotten. */
static void a_type_that_no_pgpu_supports_stays_its_hosts(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        VgpuType *t = pool->objects[CLASS_VGPU_TYPE].items[0];
        Host *h = pool->objects[CLASS_HOST].items[0];
        const TypeFacts facts = {.size = t->size, .framebuffer_size = t->framebuffer_size,
                .internal_config = strempty(t->internal_config)};

        assert_true(pool_set_host_type(pool, h, t, &facts) >= 0);
        for (size_t i = 0; i < h->pgpus.n; i++)
                assert_int_equal(pool_set_pgpu_supported(pool, h->pgpus.items[i], NULL, 0), 0);
        write_pool(*state, pool);
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        t = read->objects[CLASS_VGPU_TYPE].items[0];
        h = read->objects[CLASS_HOST].items[0];
        assert_non_null(host_find_type(h, t));
        assert_ptr_equal(t->lead, host_find_type(h, t));
}

/* A VGPU of a divided board has one of its virtual functions; the host may be away when the pool is read. */
static void a_vgpu_keeps_its_virtual_function(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        Vgpu *v = pool->objects[CLASS_VGPU].items[0];
        Pgpu *p = pool->objects[CLASS_PGPU].items[0];

        assert_int_equal(pool_set_vgpu_resident(pool, v, p), 0);
        assert_string_equal(v->function, PCI_TEXT(&p->pci));
        assert_int_equal(pool_set_vgpu_function(pool, v, "0000:84:00.5"), 0);
        write_pool(*state, pool);
        assert_int_equal(load_pool(*state, &read, &rows, &problem), 0);
        v = read->objects[CLASS_VGPU].items[0];
        assert_non_null(v->resident_on);
        assert_string_equal(v->function, "0000:84:00.5");
}

static void random_bytes_are_named(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        const Object *job = pool->objects[CLASS_JOB].items[0];
        char name[64];

        snprintf(name, sizeof(name), "job %llu", (unsigned long long) job->key);
        write_pool(*state, pool);
        object_edit(*state, job, NULL, "\x01\x02{{{");
        expect_row(*state, /* blocks= */ false, name, "");
        object_edit(*state, job, NULL, NULL);
        db_edit(*state, STORE_OBJECT, "short", 5, "{}");
        expect_row(*state, /* blocks= */ true, "object key short", "no number with the letter of a class");
        db_edit(*state, STORE_OBJECT, "short", 5, NULL);
        db_edit(*state, STORE_OBJECT, "\0\0\0\0\0\0\0\001?", 9, "{}");
        expect_row(*state, /* blocks= */ true, "object key \\x00", "no number with the letter of a class");
}

static void the_pools_own_record_comes_back(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_(store_ops_done) StoreOps ops = {};
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL;
        StoreMeta read_meta, meta = {.pool = make_id(200),
                .epoch = 7,
                .next_key = 100,
                .orders = 12,
                .backup = 1234567,
                .old = OLD_ORDERS,
                .old_keys = 55,
                .old_made = 99,
                .past = {{3, 5}, {6, 9}},
                .n_past = 2};

        write_pool(*state, pool);
        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        assert_int_equal(store_write(s, &ops), 0);
        assert_int_equal(store_load(s, NULL, NULL, &read, &read_meta, &rows, &problem), 0);
        assert_memory_equal(&read_meta, &meta, sizeof(meta));

        /* An order's number stands with its VM, and is not less for what the record says. */
        pool_free(take_ptr(read));
        meta.orders = 2;
        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        assert_int_equal(store_write(s, &ops), 0);
        assert_int_equal(store_load(s, NULL, NULL, &read, &read_meta, &rows, &problem), 0);
        assert_int_equal(read_meta.orders, 9);
}

static void no_progress(void) {
}

static void write_epoch(Db *s, const Pool *pool, uint64_t epoch) {
        const StoreMeta meta = {.pool = make_id(200), .epoch = epoch, .next_key = pool->next_key};
        _cleanup_(store_ops_done) StoreOps ops = {};

        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        for (size_t i = 0; i < pool->objects[CLASS_VM].n; i++)
                assert_int_equal(store_ops_put_object(&ops, pool->objects[CLASS_VM].items[i]), 0);
        assert_int_equal(store_write(s, &ops), 0);
}

/* By another process, while this one writes on: a whole database of one moment, which says what it is. */
static void a_backup_is_whole_and_marked(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool(), *read = NULL;
        _cleanup_(db_closep) Db *s = NULL, *copy = NULL;
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_free_ char *problem = NULL, *dir = NULL, *file = NULL;
        StoreMeta meta;
        uint64_t bytes, epoch;
        int fd, status;
        pid_t child;

        write_pool(*state, pool);
        assert_true(asprintf(&dir, "%s/restored", (char *) *state) > 0);
        assert_true(asprintf(&file, "%s/data.mdb", dir) > 0);
        assert_int_equal(mkdir_parents(dir, 0700), 0);
        fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
                _exit(store_backup(*state, 77, fd, no_progress, &bytes) < 0);
        for (epoch = 7; waitpid(child, &status, WNOHANG) == 0; epoch++)
                write_epoch(s, pool, epoch);
        assert_int_equal(status, 0);
        db_forget_readers(s);
        close(fd);

        assert_int_equal(open_store(dir, 1 << 20, 1 << 24, &copy), 0);
        assert_int_equal(store_load(copy, NULL, NULL, &read, &meta, &rows, &problem), 0);
        assert_int_equal(meta.backup, 77);
        assert_in_range(meta.epoch, 7, epoch);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                assert_int_equal(read->objects[c].n, pool->objects[c].n);
}

static void objects_without_a_meta_record_are_not_taken_for_an_empty_pool(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();

        write_pool(*state, pool);
        db_edit(*state, STORE_META, "pool", 4, NULL);
        expect_row(*state, /* blocks= */ true, "meta", "meta/pool is missing");
}

static void a_newer_database_is_refused(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        write_pool(*state, pool);
        db_edit(*state, STORE_META, "pool", 4,
                "{\"version\":77,\"pool\":\"ab000000-0000-0000-0000-0000000000c8\",\"epoch\":7,\"next_key\":"
                "100}");
        assert_int_equal(load_pool(*state, &read, &rows, &problem), -EPROTONOSUPPORT);
        assert_non_null(strstr(problem, "77"));
}

/* A list of changes that does not fit leaves nothing of itself behind; one that fits after growing is
 * written. */
static void a_full_map_grows_up_to_its_limit(void **state) {
        _cleanup_(pool_freep) Pool *pool = pool_new();
        _cleanup_free_ char *big = malloc(400001);
        _cleanup_(db_closep) Db *s = NULL;
        const StoreMeta meta = {.pool = make_id(200), .epoch = 1, .next_key = 1};
        int r = 0;
        size_t n = 0;

        memset(big, 'x', 400000);
        big[400000] = '\0';
        assert_int_equal(open_store(*state, 1 << 20, 4 << 20, &s), 0);
        for (uint8_t i = 0; i < 30 && r == 0; i++) {
                _cleanup_(store_ops_done) StoreOps ops = {};
                GpuGroup *g;

                assert_int_equal(pool_add_gpu_group(pool, (Uuid[]){make_id(i)}, 0, "g", &g), 0);
                text_set(&g->name_description, big);
                assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
                assert_int_equal(store_ops_put_object(&ops, &g->object), 0);
                r = store_write(s, &ops);
                n += r == 0;
        }
        assert_int_equal(r, -EOVERFLOW);
        assert_true(n > 4);

        UnreadableRows rows = {};
        Pool *read = NULL;
        StoreMeta read_meta;
        char *problem = NULL;

        s = db_close(s);
        assert_int_equal(open_store(*state, 1 << 20, 4 << 20, &s), 0);
        assert_int_equal(store_load(s, NULL, NULL, &read, &read_meta, &rows, &problem), 0);
        assert_int_equal(read->objects[CLASS_GPU_GROUP].n, n);
        pool_free(read);
}

static void deleting_what_is_not_there_is_fine(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_(store_ops_done) StoreOps ops = {};

        assert_int_equal(open_store(*state, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_ops_del_object(&ops, pool->objects[CLASS_HOST].items[0]), 0);
        assert_int_equal(store_ops_del_answer(&ops, "nobody"), 0);
        assert_int_equal(store_write(s, &ops), 0);
}

/* The loader would refuse the whole database for it. */
static void what_could_not_be_read_is_not_written(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(store_ops_done) StoreOps ops = {};
        _cleanup_free_ char *text = malloc(JSON_SIZE_MAX + 1);
        GpuGroup *g = pool->objects[CLASS_GPU_GROUP].items[0];

        assert_non_null(text);
        memset(text, 'x', JSON_SIZE_MAX);
        text[JSON_SIZE_MAX] = 0;
        text_set(&g->name_description, text);
        assert_int_equal(store_ops_put_object(&ops, &g->object), -EMSGSIZE);
        assert_int_equal(ops.n, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_written_is_read, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(an_empty_folder_is_an_empty_pool, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(bad_texts_are_cleaned, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(damage_is_named, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(
                        a_job_that_cannot_be_read_costs_only_itself, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(former_cards_are_stored, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(what_rests_on_an_unreadable_row_is_named, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_vm_outlives_the_row_of_its_group, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_type_that_no_pgpu_supports_stays_its_hosts, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_vgpu_keeps_its_virtual_function, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(random_bytes_are_named, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_backup_is_whole_and_marked, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(the_pools_own_record_comes_back, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(
                        objects_without_a_meta_record_are_not_taken_for_an_empty_pool, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_newer_database_is_refused, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_full_map_grows_up_to_its_limit, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(deleting_what_is_not_there_is_fine, make_dir, drop_dir),
                cmocka_unit_test(what_could_not_be_read_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
