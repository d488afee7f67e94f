/*
 * Upgrades of older schemas, in one transaction: a crash leaves the old database whole
 *
 * The code for older schemas is kept for ever, so that any older database can be opened.
 *
 *   1 → 2   a VM says where its order stands ("booking"). Before, that was told by where it was
 *           resident or scheduled; a scheduled VM is taken for "sent", because nobody knows, and
 *           then only its host's word releases it.
 *   2 → 3   quotas and VM groups. Nothing to rewrite; the number keeps an older policyd, which would
 *           not heed them, from opening the database.
 *   3 → 4   one table for the objects of all classes, and VGPUs behind their VMs. Before, each class had
 *           its own table, named as the class, with the number alone as the key. Records move as they are,
 *           but for the bookings of 1.
 *   4 → 5   orders are counted, and a host that was not heard since an old copy was begun with is marked.
 *           Nothing to rewrite; the number keeps an older policyd, which would start what the marks refuse,
 *           from opening the database.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/hashmap.h"
#include "common/base/strbuf.h"
#include "policyd/store/internal.h"

/* The table of a class in schemas 1 to 3. */
typedef struct OldTable {
        DbTxn *txn;
        ObjectClass class;
        unsigned table;
        char **problem;
} OldTable;

/* -ENOENT: there is no such table, and no objects of the class. */
static int old_open(DbTxn *txn, ObjectClass class, char **problem, OldTable *ret) {
        *ret = (OldTable){.txn = txn, .class = class, .problem = problem};
        return db_open_old(txn, object_class_to_string(class), &ret->table);
}

static int old_problem(const OldTable *old, const void *key, size_t key_size, const char *reason) {
        _cleanup_strbuf_ StrBuf b = {};

        strbuf_addf(&b, "Table %s, key ", object_class_to_string(old->class));
        if (key_size == 8)
                strbuf_addf(&b, "%" PRIu64, db_key_number(key));
        else
                strbuf_addf(&b, "of %zu bytes", key_size);
        strbuf_addf(&b, ": %s.", reason);
        *old->problem = strbuf_take(&b);
        return *old->problem ? -EBADMSG : -ENOMEM;
}

static int old_check_key(const OldTable *old, const void *key, size_t key_size) {
        return key_size == 8 ? 0 : old_problem(old, key, key_size, "The key is no 8-byte number");
}

static int add_booking(JsonReader *r, struct json_object *record) {
        const char *resident = NULL, *scheduled = NULL;
        int q = 0;

        q = q ?: json_opt_string(r, record, "resident_on", &resident);
        q = q ?: json_opt_string(r, record, "scheduled_on", &scheduled);
        q = q ?: json_add_string(record, "booking", resident ? "resident" : scheduled ? "sent" : "none");
        q = q ?: json_add_u64(record, "version", 2);
        return q;
}

typedef struct MovedVm {
        Uuid id;
        uint64_t number;
} MovedVm;

typedef struct Move {
        OldTable old;
        uint32_t schema;
        HashMap *vms; /* uuid → MovedVm: a VGPU's key begins with its VM's number */
} Move;

static int note_vm(Move *m, const Uuid *id, uint64_t number) {
        _cleanup_free_ MovedVm *vm = malloc(sizeof(*vm));
        int r;

        if (!vm)
                return -ENOMEM;
        *vm = (MovedVm){.id = *id, .number = number};
        r = hashmap_put(m->vms, &vm->id, vm);
        if (r == 0)
                take_ptr(vm);
        return r;
}

/* Of VMs and VGPUs only. ret_vm: the number for the key. */
static int read_vm_number(
        Move *m, JsonReader *reader, struct json_object *record, uint64_t number, uint64_t *ret_vm) {
        bool is_vm = m->old.class == CLASS_VM;
        const MovedVm *vm;
        Uuid id;
        int r;

        r = json_get_uuid(reader, record, is_vm ? "uuid" : "vm", &id);
        if (r < 0)
                return r;
        if (is_vm)
                return note_vm(m, &id, *ret_vm = number);
        vm = hashmap_get(m->vms, &id);
        if (!vm)
                return json_fail(reader, "vm", "names %s, which is not in the pool", UUID_TEXT(&id));
        *ret_vm = vm->number;
        return 0;
}

/* *ret_text: the record that takes the place of the old one; NULL: it moves as it is. */
static int read_record(Move *m, JsonReader *reader, uint64_t number, const void *data, size_t size, uint64_t *ret_vm,
        char **ret_text) {
        _cleanup_json_ struct json_object *record = NULL;
        int r;

        r = json_parse_cleaned(reader, data, size, &record);
        r = r ?: read_vm_number(m, reader, record, number, ret_vm);
        if (r < 0 || m->old.class != CLASS_VM || m->schema > 1)
                return r;
        r = add_booking(reader, record);
        if (r < 0)
                return r;
        *ret_text = json_to_text(record);
        return *ret_text ? 0 : -ENOMEM;
}

static int move_record(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_free_ char *text = NULL;
        JsonReader reader = {};
        Move *m = userdata;
        uint64_t number, vm = 0;
        StoreKey moved;
        int r;

        r = old_check_key(&m->old, key, key_size);
        if (r < 0)
                return r;
        number = db_key_number(key);
        if (m->old.class == CLASS_VM || m->old.class == CLASS_VGPU)
                r = read_record(m, &reader, number, data, size, &vm, &text);
        if (r == -EINVAL || r == -EEXIST)
                return old_problem(&m->old, key, key_size,
                        *reader.error ? reader.error : "Another object has the same identity");
        if (r < 0)
                return r;
        store_key_build(m->old.class, number, vm, &moved);
        return db_put(m->old.txn, STORE_OBJECT, moved.bytes, moved.size, text ?: data, text ? strlen(text) : size);
}

/* VMs stand before VGPUs in the order of the classes. */
static int move_tables(DbTxn *txn, Move *m, char **problem) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                int r;

                r = old_open(txn, c, problem, &m->old);
                if (r == -ENOENT)
                        continue;
                r = r ?: db_iterate(txn, m->old.table, move_record, m);
                r = r ?: db_drop(txn, m->old.table);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int upgrade_to_4(DbTxn *txn, uint32_t schema, char **problem) {
        Move m = {.schema = schema, .vms = hashmap_new_uuid()};
        MovedVm *vm;
        int r;

        r = m.vms ? move_tables(txn, &m, problem) : -ENOMEM;
        for (size_t i = 0; m.vms && (vm = hashmap_next(m.vms, &i));)
                free(vm);
        hashmap_free(m.vms);
        return r;
}

static int found_object(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        return old_problem(userdata, key, key_size, store_no_meta);
}

/* A new database has none of the older tables. They are empty in a database of an older policyd that never
 * made an object. */
static int check_no_old_objects(DbTxn *txn, char **problem) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++) {
                OldTable old;
                int r;

                r = old_open(txn, c, problem, &old);
                if (r == -ENOENT)
                        continue;
                r = r ?: db_iterate(txn, old.table, found_object, &old);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int newer_problem(uint32_t schema, char **ret_problem) {
        if (asprintf(ret_problem,
                    "The database has schema %u; this policyd knows 1 to %d. Use the version that wrote it, or a newer one.",
                    schema, STORE_SCHEMA) >= 0)
                return -EPROTONOSUPPORT;
        *ret_problem = NULL;
        return -ENOMEM;
}

int store_upgrade(DbTxn *txn, void *userdata) {
        char **ret_problem = userdata;
        _cleanup_free_ char *text = NULL;
        uint32_t schema;
        StoreMeta meta;
        int r;

        r = store_read_meta(txn, &schema, &meta, ret_problem);
        if (r == -ENOENT)
                return check_no_old_objects(txn, ret_problem);
        /* The row is left as it is; loading names it. */
        if (r == -EBADMSG) {
                free(*ret_problem);
                *ret_problem = NULL;
                return 0;
        }
        if (r < 0 || schema == STORE_SCHEMA)
                return r;
        if (schema < 1 || schema > STORE_SCHEMA)
                return newer_problem(schema, ret_problem);
        if (schema < 4)
                r = upgrade_to_4(txn, schema, ret_problem);
        r = r ?: store_meta_build(&meta, &text);
        return r ?: db_put(txn, STORE_META, "pool", 4, text, strlen(text));
}
