/*
 * Frozen databases: what the policyd of each older schema really wrote is read as what it was
 *
 * Other tests write their rows with today's code, so they would not notice a change of the schema that makes
 * every existing database unreadable. tests/fixtures/databases/README.md says how the dumps were made; they
 * never change.
 */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/lmdb/table.h"
#include "tests/unit/policyd-store/fixture.h"

#define K1_GROUP "Group of NVIDIA Corporation GK107GL [GRID K1] GPUs"
#define K2_GROUP "Group of NVIDIA Corporation GK104GL [GRID K2] GPUs"
#define FIRST_SCHEMA 2 /* no commit wrote schema 1; test-upgrades.c makes one up */

#define TABLES_MAX 16

/* The text that `mdb_dump -a -p` writes. */
typedef struct Dump {
        char *text;
        char **lines;
        size_t n_lines;
        const char *tables[TABLES_MAX + 1];
        size_t n_tables;
} Dump;

static void dump_done(Dump *d) {
        free(d->lines);
        free(d->text);
}

static void read_dump(unsigned schema, Dump *ret) {
        _cleanup_free_ char *path = NULL;
        char *rest, *line;
        size_t size;

        assert_true(asprintf(&path, FIXTURES "/databases/schema-%u.dump", schema) > 0);
        if (file_read(path, 1 << 20, &ret->text, &size) < 0)
                fail_msg("%s cannot be read; the README.md beside it says how a new schema is frozen", path);
        ret->lines = calloc(size, sizeof(*ret->lines));
        assert_non_null(ret->lines);
        rest = ret->text;
        while ((line = strsep(&rest, "\n"))) {
                ret->lines[ret->n_lines++] = line;
                if (strncmp(line, "database=", 9) == 0) {
                        assert_true(ret->n_tables < TABLES_MAX);
                        ret->tables[ret->n_tables++] = line + 9;
                }
        }
}

/* In its place: a blank, then the bytes; those that do not print as \xx. */
static size_t unescape(char *line) {
        size_t n = 0;

        assert_int_equal(line[0], ' ');
        for (const char *p = line + 1; *p; n++) {
                unsigned byte;

                if (*p != '\\') {
                        line[n] = *p++;
                } else if (p[1] == '\\') {
                        line[n] = '\\';
                        p += 2;
                } else {
                        assert_int_equal(sscanf(p + 1, "%2x", &byte), 1);
                        line[n] = (char) byte;
                        p += 3;
                }
        }
        return n;
}

static Db *open_tables(const char *dir, const char *const *tables) {
        const DbOptions options = {.tables = tables, .map_size = 1 << 20, .map_max = 1 << 24};
        _cleanup_free_ char *problem = NULL;
        Db *db;

        assert_int_equal(db_open(dir, &options, &problem, &db), 0);
        return db;
}

static void restore(const char *dir, unsigned schema) {
        _cleanup_(dump_done) Dump d = {};
        _cleanup_(db_closep) Db *db = NULL;
        unsigned table = UINT_MAX; /* before the first */
        DbTxn *txn;

        read_dump(schema, &d);
        db = open_tables(dir, d.tables);
        assert_int_equal(db_begin(db, true, &txn), 0);
        for (size_t i = 0; i < d.n_lines; i++) {
                size_t key_size, size;

                if (strncmp(d.lines[i], "database=", 9) == 0)
                        table++;
                if (d.lines[i][0] != ' ')
                        continue;
                assert_true(i + 1 < d.n_lines);
                key_size = unescape(d.lines[i]);
                size = unescape(d.lines[i + 1]);
                assert_int_equal(db_put(txn, table, d.lines[i], key_size, d.lines[i + 1], size), 0);
                i++;
        }
        assert_int_equal(db_commit(txn), 0);
}

static unsigned schema_on_disk(const char *dir) {
        static const char *const tables[] = {"meta", NULL};
        _cleanup_(db_closep) Db *db = open_tables(dir, tables);
        _cleanup_json_ struct json_object *record = NULL;
        JsonReader reader = {};
        const void *data;
        uint32_t version;
        size_t size;
        DbTxn *txn;

        assert_int_equal(db_begin(db, false, &txn), 0);
        assert_int_equal(db_get(txn, 0, "pool", 4, &data, &size), 0);
        assert_int_equal(json_parse(&reader, data, size, &record), 0);
        assert_int_equal(json_get_u32(&reader, record, "version", &version), 0);
        db_abort(txn);
        return version;
}

static void *find(const Pool *pool, ObjectClass class, const char *name) {
        Object *o;

        if (pool_find(pool, class, name, &o) < 0)
                fail_msg("no %s '%s'", object_class_to_string(class), name);
        return o;
}

static void check_counts(const Pool *pool, unsigned schema) {
        const size_t since_3 = schema >= 3;
        const size_t expected[_CLASS_MAX] = {
                [CLASS_HOST] = 2,
                [CLASS_PGPU] = 6,
                [CLASS_GPU_GROUP] = 2,
                [CLASS_VGPU_TYPE] = 6,
                [CLASS_VM] = 8,
                [CLASS_VGPU] = 6,
                [CLASS_RESERVATION] = 1,
                [CLASS_QUOTA] = 2 * since_3,
                [CLASS_VM_GROUP] = since_3,
                [CLASS_JOB] = 8,
        };

        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                if (pool->objects[c].n != expected[c])
                        fail_msg("schema %u: %zu of %s, not %zu", schema, pool->objects[c].n,
                                object_class_to_string(c), expected[c]);
}

static void check_hosts(const Pool *pool) {
        const Host *alpha = find(pool, CLASS_HOST, "alpha"), *beta = find(pool, CLASS_HOST, "beta");

        assert_true(alpha->enabled && !beta->enabled);
        assert_int_equal(alpha->memory_total, UINT64_C(256) << 30);
        assert_int_equal(beta->memory_total, UINT64_C(128) << 30);
        assert_true(alpha->iommu && alpha->hvm && !alpha->unheard);
        assert_string_equal(alpha->networks[0], "xenbr0");
        assert_false(uuid_is_null(&alpha->host_uuid));
        assert_int_equal(alpha->pgpus.n, 4);
        assert_int_equal(beta->pgpus.n, 2);
}

static void check_gpus(const Pool *pool) {
        const GpuGroup *k1 = find(pool, CLASS_GPU_GROUP, K1_GROUP),
                       *k2 = find(pool, CLASS_GPU_GROUP, K2_GROUP);
        const VgpuType *k140q = find(pool, CLASS_VGPU_TYPE, "GRID K140Q");
        const Pgpu *p = k2->pgpus.items[0];

        assert_int_equal(k1->algorithm, ALGORITHM_DEPTH_FIRST);
        assert_int_equal(k2->algorithm, ALGORITHM_BREADTH_FIRST);
        assert_string_equal(k2->name_description, "Für große Modelle");
        assert_string_equal(k1->gpu_types[0], "10de/0ff2");
        assert_int_equal(k1->pgpus.n, 4);
        assert_string_equal(p->vendor_id, "10de");
        assert_string_equal(p->device_name, "GK104GL [GRID K2]");
        assert_int_equal(p->supported.n, 4);
        assert_int_equal(k140q->size, PGPU_SIZE / 4);
        assert_int_equal(k140q->framebuffer_size, UINT64_C(1006632960));
        assert_int_equal(k140q->implementation, TYPE_NVIDIA);
}

/* The only VGPU of a VM. */
static void check_vgpu(const Vm *vm, const char *group, const char *type) {
        const bool runs = vm->power_state == POWER_RUNNING;
        const Vgpu *v = vm->vgpus.items[0];

        assert_int_equal(vm->vgpus.n, 1);
        assert_string_equal(v->group->name_label, group);
        assert_string_equal(v->type->model_name, type);
        assert_int_equal(v->currently_attached, runs);
        assert_int_equal(v->resident_on != NULL, runs);
        assert_null(v->scheduled_on);
        if (runs)
                assert_ptr_equal(v->resident_on->host, vm->resident_on);
}

static void check_vms(const Pool *pool, unsigned schema) {
        static const struct {
                const char *name, *owner, *host, *group, *type;
                unsigned mib;
        } expected[] = {
                {"Büro", "büro", "alpha", K1_GROUP, "GRID K100", 256},
                {"Café 2", "büro", "alpha", K1_GROUP, "GRID K140Q", 256},
                {"Œuvre entière", "atelier", "beta", K2_GROUP, "passthrough", 256},
                {"modell", "atelier", "beta", K2_GROUP, "GRID K240Q", 256},
                {"ruht", "büro", NULL, K1_GROUP, "GRID K100", 256},
                {"scheitert", "büro", NULL, K1_GROUP, "GRID K140Q", 256},
                {"ohne GPU", "", "alpha", NULL, NULL, 256},
                {"Schlüssel", "", NULL, NULL, NULL, 128},
        };

        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                const Vm *vm = find(pool, CLASS_VM, expected[i].name);
                const bool runs = expected[i].host;

                assert_string_equal(strempty(vm->owner), expected[i].owner);
                assert_int_equal(vm->power_state, runs ? POWER_RUNNING : POWER_HALTED);
                assert_int_equal(vm->booking, runs ? BOOKING_RESIDENT : BOOKING_NONE);
                assert_int_equal(uuid_is_null(&vm->token), !runs);
                assert_string_equal(runs ? vm->resident_on->name_label : "", strempty(expected[i].host));
                assert_null(vm->scheduled_on);
                assert_true(vm->memory >= (uint64_t) expected[i].mib << 20 &&
                            vm->memory < (uint64_t) expected[i].mib << 21);
                assert_int_equal(vm->order != 0, schema >= 5 && (runs || expected[i].group));
                if (expected[i].group)
                        check_vgpu(vm, expected[i].group, expected[i].type);
                else
                        assert_int_equal(vm->vgpus.n, 0);
        }
        assert_string_equal(((const Vm *) find(pool, CLASS_VM, "modell"))->affinity, "beta");
        assert_string_equal(strempty(((const Vm *) find(pool, CLASS_VM, "Büro"))->affinity), "");
}

static void check_reservation(const Pool *pool, unsigned schema) {
        const Reservation *r = find(pool, CLASS_RESERVATION, "für Montag");

        assert_string_equal(r->group->name_label, K1_GROUP);
        assert_string_equal(r->type->model_name, "GRID K100");
        assert_int_equal(r->count, 2);
        assert_int_equal(r->holds.n, 2);
        assert_string_equal(strempty(r->owner), schema >= 3 ? "büro" : "");
        assert_true(r->expires > UINT64_C(1700000000000000) && r->expires < UINT64_MAX);
}

static void check_limits(const Pool *pool) {
        const Quota *lab = pool->objects[CLASS_QUOTA].items[0], *every = pool->objects[CLASS_QUOTA].items[1];
        const VmGroup *web = find(pool, CLASS_VM_GROUP, "Web-Köpfe");

        assert_string_equal(lab->owner, "büro");
        assert_string_equal(lab->group->name_label, K1_GROUP);
        assert_int_equal(lab->vgpus_max, 6);
        assert_int_equal(lab->size_max, QUOTA_UNLIMITED);
        assert_string_equal(every->owner, OWNER_ANY);
        assert_null(every->group);
        assert_int_equal(every->vgpus_max, QUOTA_UNLIMITED);
        assert_int_equal(every->size_max, PGPU_SIZE * 3 / 2);
        assert_int_equal(web->placement, PLACEMENT_ANTI_AFFINITY);
        assert_string_equal(web->name_description, "verteilt");
        assert_int_equal(web->vms.n, 2);
        assert_ptr_equal(((const Vm *) find(pool, CLASS_VM, "ruht"))->group, web);
}

static void check_jobs(const Pool *pool) {
        const Vm *failing = find(pool, CLASS_VM, "scheitert");
        size_t n_failed = 0, n_shutdowns = 0;

        for (size_t i = 0; i < pool->objects[CLASS_JOB].n; i++) {
                const Job *j = pool->objects[CLASS_JOB].items[i];

                assert_int_equal(j->n_objects > 0, true);
                assert_int_equal(j->objects[0].class, CLASS_VM);
                assert_true(j->end_time >= j->start_time && j->start_time > 0);
                n_shutdowns += !streq(j->operation, "start");
                if (j->state == JOB_DONE)
                        continue;
                n_failed++;
                assert_int_equal(j->state, JOB_FAILED);
                assert_int_equal(j->error, ERROR_FAILED_TO_START_EMULATOR);
                assert_true(uuid_equal(&j->objects[0].id, &failing->object.id));
                assert_true(!isempty(j->error_message));
        }
        assert_int_equal(n_failed, 1);
        assert_int_equal(n_shutdowns, 1);
}

typedef struct Answers {
        size_t n;
        Uuid object;
} Answers;

static int see_answer(const StoreAnswer *answer, void *userdata) {
        Answers *answers = userdata;

        assert_string_equal(answer->key, "0 CreateVM einmal");
        assert_int_equal(answer->class, CLASS_VM);
        answers->object = answer->object;
        answers->n++;
        return 0;
}

static void check_database(const char *dir, unsigned schema) {
        _cleanup_(unreadable_rows_done) UnreadableRows rows = {};
        _cleanup_(db_closep) Db *s = NULL;
        _cleanup_(pool_freep) Pool *pool = NULL;
        _cleanup_free_ char *problem = NULL;
        Answers answers = {};
        StoreMeta meta;
        int r;

        assert_int_equal(open_store(dir, 1 << 20, 1 << 24, &s), 0);
        r = store_load(s, see_answer, &answers, &pool, &meta, &rows, &problem);
        if (r < 0)
                fail_msg("schema %u: %d: %s", schema, r, strempty(problem));
        if (rows.n > 0)
                fail_msg("schema %u: %zu rows cannot be read: %s: %s", schema, rows.n, rows.items[0].name,
                        rows.items[0].reason);
        assert_false(uuid_is_null(&meta.pool));
        assert_int_equal(meta.epoch, 1);
        assert_int_equal(meta.old, OLD_NOT);
        check_counts(pool, schema);
        check_hosts(pool);
        check_gpus(pool);
        check_vms(pool, schema);
        check_reservation(pool, schema);
        if (schema >= 3)
                check_limits(pool);
        check_jobs(pool);
        assert_int_equal(answers.n, 1);
        assert_true(
                uuid_equal(&answers.object, &((const Vm *) find(pool, CLASS_VM, "Schlüssel"))->object.id));
}

/* The first opening upgrades, the second finds what the first wrote. */
static void frozen_databases_are_read(void **state) {
        for (unsigned schema = FIRST_SCHEMA; schema <= STORE_SCHEMA; schema++) {
                remove_tree(*state);
                mkdir_parents(*state, 0700);
                restore(*state, schema);
                assert_int_equal(schema_on_disk(*state), schema);
                check_database(*state, schema);
                assert_int_equal(schema_on_disk(*state), STORE_SCHEMA);
                check_database(*state, schema);
        }
}

/* Each is well; and looking at it upgrades nothing. */
static void frozen_databases_are_checked(void **state) {
        for (unsigned schema = FIRST_SCHEMA; schema <= STORE_SCHEMA; schema++) {
                _cleanup_free_ char *command = NULL;
                char said[1024], upgraded[64];
                FILE *output;
                size_t n;

                remove_tree(*state);
                mkdir_parents(*state, 0700);
                restore(*state, schema);
                assert_true(asprintf(&command, "%s --check '%s' 2>&1", getenv("XENVGPU_POLICYD"), (char *) *state) > 0);
                output = popen(command, "r");
                assert_non_null(output);
                n = fread(said, 1, sizeof(said) - 1, output);
                said[n] = '\0';
                snprintf(upgraded, sizeof(upgraded), "The database has schema %u; a copy was upgraded", schema);
                if (pclose(output) != 0 || !strstr(said, "nothing found: ") || !strstr(said, upgraded) != (schema == STORE_SCHEMA))
                        fail_msg("schema %u: %s", schema, said);
                assert_int_equal(schema_on_disk(*state), schema);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(frozen_databases_are_read, make_dir, drop_dir),
                cmocka_unit_test_setup_teardown(frozen_databases_are_checked, make_dir, drop_dir),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
