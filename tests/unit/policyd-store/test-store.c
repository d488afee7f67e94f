/*
 * The store: what was written is read, what is damaged is named, what is old is upgraded, what does not fit
 * is refused
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/lmdb/table.h"
#include "policyd/core/pool-check.h"
#include "policyd/store/records.h"
#include "policyd/store/store.h"

static const char config[] = "{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_"
                             "memkb\":1048576,\"max_vcpus\":2},\"nics\":[{\"bridge\":\"xenbr0\"}]}";

static int make_dir(void **state) {
        char *dir = strdup("/tmp/xenvgpu-store-XXXXXX");

        *state = mkdtemp(dir);
        return *state ? 0 : -1;
}

static int drop_dir(void **state) {
        remove_tree(*state);
        free(*state);
        return 0;
}

static Uuid id(uint8_t n) {
        return (Uuid){.bytes = {[0] = 0xab, [15] = n}};
}

/* Everything that a pool can hold, with every reference set: a running VM, a starting one, a halted one, a
 * reservation, two jobs. */
static Pool *make_pool(void) {
        Pool *pool = pool_new();
        const PciAddress pci = {.bus = 7};
        Host *h;
        GpuGroup *g;
        VgpuType *t;
        Pgpu *p;
        Vm *running, *starting, *halted;
        Vgpu *v;
        Reservation *r;
        Quota *q;
        VmGroup *spread;
        Job *j;
        Uuid token = id(99);

        assert_int_equal(pool_add_host(pool, (Uuid[]){id(1)}, 0, "alpha", "system", &h), 0);
        h->host_uuid = id(77);
        text_set(&h->boot_id, "boot");
        strv_set(&h->networks, (const char *const[]){"xenbr0", NULL});
        pool_set_host_enabled(pool, h, true);
        pool_set_host_memory(pool, h, UINT64_C(64) << 30, UINT64_C(60) << 30);
        h->iommu = h->hvm = true;
        assert_int_equal(pool_add_gpu_group(pool, (Uuid[]){id(2)}, 0, "Group of K1", &g), 0);
        pool_set_group_algorithm(pool, g, ALGORITHM_BREADTH_FIRST);
        pool_set_group_gpu_types(pool, g, (const char *const[]){"10de/0ff2", NULL});
        assert_int_equal(pool_add_vgpu_type(pool, (Uuid[]){id(3)}, 0, "0001:nvidia,0ff2,,0fe7,101e",
                                 "NVIDIA Corporation", "GRID K100", &t),
                0);
        pool_set_type_size(pool, t, 131072, TYPE_NVIDIA);
        pool_set_type_compatible(pool, t, (const char *const[]){"0001:nvidia,0ff2,,0fe7,101e", NULL},
                (const char *const[]){NULL});
        text_set(&t->internal_config, "{\"type_id\":\"11\"}");
        t->framebuffer_size = 268435456;
        t->max_heads = 2;
        assert_int_equal(pool_add_pgpu(pool, (Uuid[]){id(4)}, 0, h, &pci, "10de", "0ff2", &p), 0);
        text_set(&p->device_name, "GK107GL [GRID K1]");
        pool_set_pgpu_group(pool, p, g);
        pool_set_pgpu_supported(pool, p, &t, 1);
        pool_set_pgpu_enabled(pool, p, &t, 1);
        assert_int_equal(pool_add_reservation(pool, (Uuid[]){id(5)}, 0, "for-monday", g, t, 3, &r), 0);
        r->expires = 1234567890;
        assert_int_equal(pool_set_reservation_owner(pool, r, "lab"), 0);
        assert_int_equal(pool_hold(pool, r, p), 0);
        assert_int_equal(pool_hold(pool, r, p), 0);
        assert_int_equal(pool_add_quota(pool, (Uuid[]){id(40)}, 0, "lab", g, &q), 0);
        pool_set_quota_limits(pool, q, 4, QUOTA_UNLIMITED);
        assert_int_equal(pool_add_quota(pool, (Uuid[]){id(41)}, 0, OWNER_ANY, NULL, &q), 0);
        pool_set_quota_limits(pool, q, QUOTA_UNLIMITED, PGPU_SIZE);

        assert_int_equal(pool_add_vm_group(pool, (Uuid[]){id(42)}, 0, "web", PLACEMENT_ANTI_AFFINITY, &spread), 0);
        Vm **const vms[] = {&running, &starting, &halted};
        for (uint8_t i = 0; i < 3; i++) {
                assert_int_equal(pool_add_vm(pool, (Uuid[]){id((uint8_t) (10 + i))}, 0, "vm", vms[i]), 0);
                assert_int_equal(pool_set_vm_owner(pool, *vms[i], "lab"), 0);
                assert_int_equal(pool_set_vm_group(pool, *vms[i], spread), 0);
                text_set(&(*vms[i])->config, config);
                text_set(&(*vms[i])->platform, "{\"vga\":\"std\"}");
                assert_int_equal(
                        pool_add_vgpu(pool, (Uuid[]){id((uint8_t) (20 + i))}, 0, *vms[i], g, t, i, &v), 0);
        }
        pool_set_vm_resident(pool, running, h);
        pool_set_vm_power_state(pool, running, POWER_RUNNING);
        pool_set_vm_booking(pool, running, BOOKING_RESIDENT, &token);
        pool_set_vgpu_resident(pool, running->vgpus.items[0], p);
        pool_set_vgpu_attached(pool, running->vgpus.items[0], true);
        text_set(&running->decision, "{\"score\":8}");
        pool_set_vm_scheduled(pool, starting, h);
        pool_set_vm_booking(pool, starting, BOOKING_RESERVED, &token);
        starting->reservation = r;
        pool_set_vgpu_scheduled(pool, starting->vgpus.items[0], p);
        v = halted->vgpus.items[0];
        v->pinned = true;
        v->pinned_pci = pci;
        text_set(&v->extra_args, "foo=bar");

        assert_int_equal(pool_add_job(pool, (Uuid[]){id(30)}, 0, "start", &j), 0);
        j->objects[0].class = CLASS_VM;
        j->objects[0].id = id(11);
        j->n_objects = 1;
        j->token = token;
        pool_set_job_state(pool, j, JOB_RUNNING, "sent", 0.5, 1000);
        assert_int_equal(pool_add_job(pool, (Uuid[]){id(31)}, 0, "shutdown", &j), 0);
        pool_set_job_error(pool, j, ERROR_HOST_OFFLINE, "The host went away.");
        pool_set_job_state(pool, j, JOB_FAILED, "failed", -1, 2000);
        return pool;
}

static void write_pool(const char *dir, Pool *pool) {
        _cleanup_(store_closep) Store *s = NULL;
        _cleanup_(store_ops_done) StoreOps ops = {};
        const StoreMeta meta = {.pool = id(200), .epoch = 7, .next_key = pool->next_key};
        const StoreAnswer answer = {
                .key = "0 CreateVM k", .digest = "d", .path = "/x", .class = CLASS_VM, .object = id(10)};

        assert_int_equal(store_open(dir, 1 << 20, 1 << 24, &s), 0);
        assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
        assert_int_equal(store_ops_put_answer(&ops, &answer), 0);
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for (size_t i = 0; i < pool->objects[c].n; i++)
                        assert_int_equal(store_ops_put_object(&ops, pool->objects[c].items[i]), 0);
        assert_int_equal(store_write(s, &ops), 0);
}

static int see_answer(const StoreAnswer *answer, void *userdata) {
        assert_string_equal(answer->key, "0 CreateVM k");
        assert_string_equal(answer->digest, "d");
        assert_int_equal(answer->class, CLASS_VM);
        (*(unsigned *) userdata)++;
        return 0;
}

static int load(const char *dir, Pool **ret, char **ret_problem) {
        _cleanup_(store_closep) Store *s = NULL;
        unsigned n_answers = 0;
        StoreMeta meta;
        int r;

        assert_int_equal(store_open(dir, 1 << 20, 1 << 24, &s), 0);
        r = store_load(s, see_answer, &n_answers, ret, &meta, ret_problem);
        if (r == 0 && meta.epoch != 0) {
                assert_int_equal(meta.epoch, 7);
                assert_int_equal(n_answers, 1);
        }
        return r;
}

static void what_was_written_is_read(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;
        char buf[256];
        OwnerUse use;
        Uuid key;
        Vm *vm;

        write_pool(*state, pool);
        assert_int_equal(load(*state, &read, &problem), 0);
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
                        assert_int_equal(stored_to_text(a, &before), 0);
                        assert_int_equal(stored_to_text(b, &after), 0);
                        assert_string_equal(before, after);
                }
        }
        key = id(11);
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
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(load(*state, &read, &problem), 0);
        assert_int_equal(read->objects[CLASS_HOST].n, 0);
        assert_int_equal(read->next_key, 1);
}

/* Changing records behind the store's back. */

static const char *const tables[] = {"meta", "host", "pgpu", "gpu_group", "vgpu_type", "vm", "vgpu",
        "reservation", "quota", "vm_group", "job", "idempotency", NULL};

static void db_edit(const char *dir, unsigned table, const void *key, size_t key_size, const char *text) {
        const DbOptions options = {.tables = tables, .map_size = 1 << 20, .map_max = 1 << 24};
        _cleanup_(db_closep) Db *db = NULL;
        DbTxn *txn;

        assert_int_equal(db_open(dir, &options, &db), 0);
        assert_int_equal(db_begin(db, true, &txn), 0);
        if (text)
                assert_int_equal(db_put(txn, table, key, key_size, text, strlen(text)), 0);
        else
                assert_int_equal(db_del(txn, table, key, key_size), 0);
        assert_int_equal(db_commit(txn), 0);
}

typedef int (*Edit)(struct json_object *record);

static void record_edit(const char *dir, const Object *o, Edit edit) {
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_free_ char *text = NULL;
        uint8_t key[8];

        assert_int_equal(stored_to_text(o, &text), 0);
        record = json_tokener_parse(text);
        assert_int_equal(edit(record), 0);
        db_key_u64(o->key, key);
        db_edit(dir, 1 + (unsigned) o->class, key, 8, json_object_to_json_string(record));
}

static void expect_problem(const char *dir, const char *table, const char *reason) {
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        assert_int_equal(load(dir, &read, &problem), -EBADMSG);
        assert_non_null(problem);
        if (!strstr(problem, table) || !strstr(problem, reason))
                fail_msg("'%s' does not name %s and %s", problem, table, reason);
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
        return json_add_uuid(record, "uuid", (Uuid[]){id(10)});
}

static void damage_is_named(void **state) {
        static const struct {
                ObjectClass class;
                size_t index;
                Edit edit;
                const char *table, *reason;
        } cases[] = {
                {CLASS_VGPU, 0, drop_device, "Table vgpu", "device"},
                {CLASS_VGPU, 1, foreign_type, "Table vgpu", "00000000-0000-4000-8000-000000000001"},
                {CLASS_VM, 0, bad_state, "Table vm", "perhaps"},
                {CLASS_VM, 1, no_memory, "Table vm", "config.b_info"},
                {CLASS_HOST, 0, newer, "Table host", "99"},
                {CLASS_VM, 0, lost_host, "Table vm", "without a host"},
                {CLASS_VM, 1, same_uuid, "Table vm", "uuid"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(pool_freep) Pool *pool = make_pool();

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                write_pool(*state, pool);
                record_edit(*state, pool->objects[cases[i].class].items[cases[i].index], cases[i].edit);
                expect_problem(*state, cases[i].table, cases[i].reason);
        }
}

static void random_bytes_are_named(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        uint8_t key[8];

        write_pool(*state, pool);
        db_key_u64(((Object *) pool->objects[CLASS_JOB].items[0])->key, key);
        db_edit(*state, 1 + CLASS_JOB, key, 8, "\x01\x02{{{");
        expect_problem(*state, "Table job", "key ");
        db_edit(*state, 1 + CLASS_JOB, "short", 5, "{}");
        expect_problem(*state, "Table job", "");
}

static void objects_without_a_meta_record_are_not_taken_for_an_empty_pool(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();

        write_pool(*state, pool);
        db_edit(*state, 0, "pool", 4, NULL);
        expect_problem(*state, "Table host", "meta/pool is missing");
}

static int to_version_1(struct json_object *record) {
        json_object_object_del(record, "booking");
        return json_add_u64(record, "version", 1);
}

static const char meta_1[] =
        "{\"version\":1,\"pool\":\"ab000000-0000-0000-0000-0000000000c8\",\"epoch\":7,\"next_key\":100}";

static void version_1_is_upgraded(void **state) {
        static const BookingState expected[] = {BOOKING_RESIDENT, BOOKING_SENT, BOOKING_NONE};
        _cleanup_(pool_freep) Pool *pool = make_pool();

        write_pool(*state, pool);
        for (size_t i = 0; i < 3; i++)
                record_edit(*state, pool->objects[CLASS_VM].items[i], to_version_1);
        db_edit(*state, 0, "pool", 4, meta_1);

        /* Twice: the second time there is nothing left to do. */
        for (int round = 0; round < 2; round++) {
                _cleanup_(pool_freep) Pool *read = NULL;
                _cleanup_free_ char *problem = NULL;

                assert_int_equal(load(*state, &read, &problem), 0);
                for (size_t i = 0; i < 3; i++)
                        assert_int_equal(((Vm *) read->objects[CLASS_VM].items[i])->booking, expected[i]);
                assert_int_equal(read->next_key, 100);
        }
}

static void a_newer_database_is_refused(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(pool_freep) Pool *read = NULL;
        _cleanup_free_ char *problem = NULL;

        write_pool(*state, pool);
        db_edit(*state, 0, "pool", 4,
                "{\"version\":77,\"pool\":\"ab000000-0000-0000-0000-0000000000c8\",\"epoch\":7,\"next_key\":"
                "100}");
        assert_int_equal(load(*state, &read, &problem), -EPROTONOSUPPORT);
        assert_non_null(strstr(problem, "77"));
}

/* A list of changes that does not fit leaves nothing of itself behind; one that fits after growing is
 * written. */
static void a_full_map_grows_up_to_its_limit(void **state) {
        _cleanup_(pool_freep) Pool *pool = pool_new();
        _cleanup_free_ char *big = malloc(400001);
        _cleanup_(store_closep) Store *s = NULL;
        const StoreMeta meta = {.pool = id(200), .epoch = 1, .next_key = 1};
        int r = 0;
        size_t n = 0;

        memset(big, 'x', 400000);
        big[400000] = '\0';
        assert_int_equal(store_open(*state, 1 << 20, 4 << 20, &s), 0);
        for (uint8_t i = 0; i < 30 && r == 0; i++) {
                _cleanup_(store_ops_done) StoreOps ops = {};
                GpuGroup *g;

                assert_int_equal(pool_add_gpu_group(pool, (Uuid[]){id(i)}, 0, "g", &g), 0);
                text_set(&g->name_description, big);
                assert_int_equal(store_ops_put_meta(&ops, &meta), 0);
                assert_int_equal(store_ops_put_object(&ops, &g->object), 0);
                r = store_write(s, &ops);
                n += r == 0;
        }
        assert_int_equal(r, -ENOSPC);
        assert_true(n > 4);

        Pool *read = NULL;
        StoreMeta read_meta;
        char *problem = NULL;

        s = store_close(s);
        assert_int_equal(store_open(*state, 1 << 20, 4 << 20, &s), 0);
        assert_int_equal(store_load(s, NULL, NULL, &read, &read_meta, &problem), 0);
        assert_int_equal(read->objects[CLASS_GPU_GROUP].n, n);
        pool_free(read);
}

static void deleting_what_is_not_there_is_fine(void **state) {
        _cleanup_(pool_freep) Pool *pool = make_pool();
        _cleanup_(store_closep) Store *s = NULL;
        _cleanup_(store_ops_done) StoreOps ops = {};

        assert_int_equal(store_open(*state, 1 << 20, 1 << 24, &s), 0);
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
                cmocka_unit_test_setup_teardown(damage_is_named, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(random_bytes_are_named, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(
                        objects_without_a_meta_record_are_not_taken_for_an_empty_pool, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(version_1_is_upgraded, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_newer_database_is_refused, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(a_full_map_grows_up_to_its_limit, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(deleting_what_is_not_there_is_fine, make_dir, drop_dir),
                cmocka_unit_test(what_could_not_be_read_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
