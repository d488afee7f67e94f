/*
 * Whether the database holds what policyd's model says
 *
 * A restart would begin with what the database holds, so a change of the model that is not stored would be lost then.
 */

#include "common/json/json-get.h"
#include "policyd/pool/each.h"
#include "policyd/store/internal.h"
#include "tests/proof/world.h"

/* What hosts report often is written when something else of the object is; "sent" is not worth a commit of its own. */
static void forget_volatile(struct json_object *row) {
        /* How far a job is its host tells again. */
        static const char *const members[] = {"memory_total", "memory_free", "memory_counted", "progress", "stage"};
        const char *booking = json_object_get_string(json_object_object_get(row, "booking"));

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                json_object_object_del(row, members[i]);
        if (streq(strempty(booking), "reserved"))
                json_object_object_add(row, "booking", json_object_new_string("sent"));
}

/* What a row names and somebody gave up is gone with the next write of the row, which a failed commit may put off. */
static void forget_given_up(World *w, struct json_object *row) {
        static const struct {
                const char *member;
                ObjectClass class;
        } members[] = {{"reservation", CLASS_RESERVATION}, {"vm_group", CLASS_VM_GROUP}};
        Uuid id;

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                const char *text = json_object_get_string(json_object_object_get(row, members[i].member));

                if (text && uuid_from_string(text, &id) >= 0 && !pool_get(policy_pool(w->policy), members[i].class, &id))
                        json_object_object_del(row, members[i].member);
        }
}

static bool rows_equal(World *w, const char *text, const void *data, size_t size) {
        _cleanup_json_ struct json_object *a = NULL, *b = NULL;
        JsonReader r = {};

        if (json_parse(&r, text, strlen(text), &a) < 0 || json_parse(&r, data, size, &b) < 0)
                return false;
        forget_volatile(a);
        forget_volatile(b);
        forget_given_up(w, b);
        return json_object_equal(a, b);
}

static void compare(World *w, DbTxn *txn, const Object *o) {
        _cleanup_free_ char *text = NULL;
        const void *data = NULL;
        StoreKey key;
        size_t size = 0;
        int r;

        store_key_of(o, &key);
        r = db_get(txn, STORE_OBJECT, key.bytes, key.size, &data, &size);
        if (row_write(o, &text) < 0)
                abort();
        if (r < 0)
                history_add(&w->history, "check found=stored the %s %s is not in the database", object_class_to_string(o->class),
                        UUID_TEXT(&o->id));
        else if (!rows_equal(w, text, data, size))
                history_add(&w->history, "check found=stored the database has of the %s: %.*s the model: %s",
                        object_class_to_string(o->class), (int) size, (const char *) data, text);
}

/* Jobs leave the database later than the pool. */
static int count_row(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        uint64_t number;

        if (store_key_read(key, key_size, &number) != CLASS_JOB)
                (*(size_t *) userdata)++;
        return 0;
}

void world_check_stored(World *w) {
        _cleanup_(sim_db_freep) SimDb *copy = NULL;
        _cleanup_(db_closep) Db *db = NULL;
        _cleanup_free_ char *problem = NULL;
        size_t n_rows = 0, n_objects = 0;
        DbTxn *txn;

        /* An order that is refused at once has opened the next batch. */
        if (!w->policy || policy_flush(w->policy) < 0 || w->undecided || pool_has_changes(policy_pool(w->policy)))
                return;
        copy = sim_db_copy(w->db);
        if (store_open(sim_db_source(copy), 1 << 20, 1 << 30, &problem, &db) < 0 || db_begin(db, /* write= */ false, &txn) < 0)
                abort();
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                for_each(const Object, o, &policy_pool(w->policy)->objects[c]) {
                        compare(w, txn, o);
                        n_objects += c != CLASS_JOB;
                }
        if (db_iterate(txn, STORE_OBJECT, count_row, &n_rows) < 0)
                abort();
        db_abort(txn);
        if (n_rows != n_objects)
                history_add(&w->history, "check found=stored the database has %zu rows and the model %zu objects", n_rows, n_objects);
}
