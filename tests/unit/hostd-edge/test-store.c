/*
 * What hostd must not forget: each test opens a store, changes it, and opens it again
 */

#include "common/io/file.h"
#include "common/lmdb/table.h"
#include "hostd/core/idset.h"
#include "hostd/edge/host-store-private.h"
#include "tests/unit/hostd-edge/test.h"

static const Uuid new_host = {{0x11, 0x22}};

static int open_in(void **state, const Uuid *id, char **ret_problem, HostStore **ret) {
        const char *dir = in_folder(state, "state");
        const DbSource database = db_in_folder(dir);

        assert_ok(mkdir_parents(dir, 0700));
        return host_store_open(&database, id, ret_problem, ret);
}

static HostStore *open_store(void **state) {
        _cleanup_free_ char *problem = NULL;
        HostStore *s = NULL;
        Uuid another;

        assert_ok(uuid_generate(&another));
        assert_ok(open_in(state, &another, &problem, &s));
        return s;
}

static HostStore *reopen(void **state, HostStore *s) {
        host_store_close(s);
        return open_store(state);
}

static Uuid uuid_of(unsigned n) {
        Uuid id = { .bytes = { 1 } };

        id.bytes[14] = (uint8_t) (n >> 8);
        id.bytes[15] = (uint8_t) n;
        return id;
}

static void identity_is_made_once(void **state) {
        HostStore *s = open_store(state), *other = NULL;
        _cleanup_free_ char *problem = NULL;
        Uuid id = *host_store_host_uuid(s);

        assert_false(uuid_is_null(&id));
        assert_int_equal(open_in(state, &new_host, &problem, &other), -EBUSY);
        s = reopen(state, s);
        assert_true(uuid_equal(&id, host_store_host_uuid(s)));
        host_store_close(s);
}

static void claim_survives(void **state) {
        HostClaim claim = { .epoch = UINT64_C(1) << 62,
                .held = true,
                .pool = (char *) "pool",
                .instance = (char *) "i\"1" },
                  found;
        HostStore *s = open_store(state);

        assert_ok(host_store_get_claim(s, &found));
        assert_int_equal(found.epoch, 0);
        assert_false(found.held);
        host_claim_done(&found);

        assert_ok(host_store_put_claim(s, &claim));
        s = reopen(state, s);
        assert_ok(host_store_get_claim(s, &found));
        assert_int_equal(found.epoch, claim.epoch);
        assert_true(found.held);
        assert_string_equal(found.pool, "pool");
        assert_string_equal(found.instance, "i\"1");
        host_claim_done(&found);
        host_store_close(s);
}

/* A crash and a clean end are the same to the store: nothing is written at its close. */
static void event_numbers_never_repeat(void **state) {
        HostStore *s = open_store(state);
        uint64_t before = 0, seq;

        assert_int_equal(host_store_last_seq(s), 0);
        for (int restart = 0; restart < 3; restart++) {
                for (int i = 0; i < 300; i++) {
                        assert_ok(host_store_next_seq(s, &seq));
                        assert_true(seq > before);
                        assert_int_equal(host_store_last_seq(s), seq);
                        before = seq;
                }
                s = reopen(state, s);
                assert_true(host_store_last_seq(s) >= before);
        }
        host_store_close(s);
}

static void enablement_belongs_to_the_card(void **state) {
        Pgpu k1 = { .address = { 0, 0x84, 0, 0 }, .vendor_id = 0x10de, .device_id = 0x0ff2 }, k2 = k1;
        Enablement e, found;
        HostStore *s = open_store(state);

        k2.device_id = 0x11bf;
        e = (Enablement){};
        assert_ok(idset_add(&e.disabled, "a"));
        assert_ok(idset_add(&e.seen, "a"));
        assert_ok(idset_add(&e.seen, "b"));
        assert_ok(host_store_put_enablement(s, &k1, &e));
        s = reopen(state, s);
        assert_ok(host_store_get_enablement(s, &k1, &found));
        assert_int_equal(strv_count(found.disabled), 1);
        assert_int_equal(strv_count(found.seen), 2);
        enablement_done(&found);

        /* Another card in the slot starts fresh. */
        assert_ok(host_store_get_enablement(s, &k2, &found));
        assert_int_equal(strv_count(found.disabled), 0);
        enablement_done(&found);
        enablement_done(&e);
        host_store_close(s);
}

static StoredOrder order_of(unsigned vm, const char *order, const char *order_state) {
        return (StoredOrder){
                .vm = uuid_of(vm), .token = uuid_of(vm + 1000), .state = (char *) order_state, .order = (char *) order
        };
}

static int count_order(const StoredOrder *order, void *userdata) {
        (*(size_t *) userdata)++;
        return 0;
}

static int count_ended(VmEvent *ended, void *userdata) {
        uint64_t *last = userdata;

        assert_true(ended->head.seq > last[1]);
        last[0]++;
        last[1] = ended->head.seq;
        return 0;
}

static size_t count_orders(HostStore *s) {
        size_t n = 0;

        assert_ok(host_store_each_order(s, count_order, NULL, &n));
        return n;
}

static uint64_t count_ends(HostStore *s) {
        uint64_t counts[2] = {};

        assert_ok(host_store_each_ended(s, 0, NULL, count_ended, counts));
        return counts[0];
}

static VmEvent end_of(unsigned vm, uint64_t seq) {
        return (VmEvent){
                .head = { .seq = seq, .boot_id = (char *) "b", .token = uuid_of(vm + 1000) },
                .uuid = uuid_of(vm),
                .state = VM_STATE_HALTED,
                .stage = (char *) "cleanup",
                .reason = (char *) "poweroff",
        };
}

static int check_order(const StoredOrder *found, void *userdata) {
        const StoredOrder *order = userdata;

        assert_true(uuid_equal(&found->vm, &order->vm));
        assert_true(uuid_equal(&found->token, &order->token));
        assert_string_equal(found->state, order->state);
        assert_string_equal(found->order, order->order);
        assert_string_equal(found->detail, order->detail);
        return 0;
}

static void orders_end_in_one_step(void **state) {
        static char text[] = "{\"epoch\":7,\"vm\":{\"name_label\":\"a\"}}";
        StoredOrder order = order_of(1, text, "accepted");
        VmEvent end = end_of(1, 42);
        HostStore *s = open_store(state);
        uint64_t counts[2];

        assert_ok(host_store_put_order(s, &order));
        order.state = (char *) "running";
        order.detail = text;
        assert_ok(host_store_put_order(s, &order));
        s = reopen(state, s);
        assert_int_equal(count_orders(s), 1);
        assert_ok(host_store_each_order(s, check_order, NULL, &order));

        assert_ok(host_store_end_order(s, &order.vm, &end));
        assert_int_equal(count_orders(s), 0);
        end = end_of(2, 43);
        assert_ok(host_store_end_order(s, &end.uuid, &end));
        s = reopen(state, s);
        assert_int_equal(count_orders(s), 0);
        assert_int_equal(count_ends(s), 2);

        memset(counts, 0, sizeof(counts));
        assert_ok(host_store_each_ended(s, 42, NULL, count_ended, counts));
        assert_int_equal(counts[0], 1);
        assert_int_equal(counts[1], 43);
        memset(counts, 0, sizeof(counts));
        assert_ok(host_store_each_ended(s, 0, &order.vm, count_ended, counts));
        assert_int_equal(counts[0], 1);
        assert_int_equal(counts[1], 42);
        memset(counts, 0, sizeof(counts));
        assert_ok(host_store_each_ended(s, 42, &order.vm, count_ended, counts));
        assert_int_equal(counts[0], 0);

        assert_ok(host_store_forget_ended(s, 42));
        assert_int_equal(count_ends(s), 1);
        assert_ok(host_store_forget_ended(s, UINT64_MAX));
        assert_int_equal(count_ends(s), 0);
        assert_ok(host_store_forget_ended(s, UINT64_MAX));
        host_store_close(s);
}

static void orders_can_go_without_a_word(void **state) {
        StoredOrder order = order_of(1, "{}", "accepted");
        HostStore *s = open_store(state);

        assert_ok(host_store_put_order(s, &order));
        assert_ok(host_store_del_order(s, &order.vm));
        assert_ok(host_store_del_order(s, &order.vm));
        assert_int_equal(count_orders(s), 0);
        assert_int_equal(count_ends(s), 0);
        host_store_close(s);
}

/* As deep as a text may be that is read, so that it would not come back out of its record. */
static void too_deep_an_order_is_refused(void **state) {
        char text[6 * JSON_DEPTH_MAX + 16] = "", *end = text;
        struct json_object *json = NULL;
        HostStore *s = open_store(state);
        JsonReader reader = {};
        StoredOrder order;

        for (int i = 1; i < JSON_DEPTH_MAX; i++)
                end = stpcpy(end, "{\"a\":");
        end = stpcpy(end, "\"{\\\"[\"");
        for (int i = 1; i < JSON_DEPTH_MAX; i++)
                end = stpcpy(end, "}");
        assert_ok(json_parse(&reader, text, strlen(text), &json));
        json_object_put(json);
        order = order_of(1, text, "accepted");
        assert_int_equal(host_store_put_order(s, &order), -EINVAL);
        assert_int_equal(count_orders(s), 0);

        /* One less is. */
        text[strlen(text) - 1] = '\0';
        order = order_of(1, text + strlen("{\"a\":"), "accepted");
        assert_ok(host_store_put_order(s, &order));
        assert_int_equal(count_orders(s), 1);
        host_store_close(s);
}

/* Thousands of orders are not worth their commits here: the store is told that it has them. */
static void a_full_store_takes_changes_of_what_it_has(void **state) {
        HostStore *s = open_store(state);
        StoredOrder known = order_of(1, "{}", "starting"), another = order_of(2, "{}", "starting");

        assert_ok(host_store_put_order(s, &known));
        assert_int_equal(s->n_orders, 1);
        s->n_orders = HOST_STORE_ORDERS_MAX;
        assert_int_equal(host_store_put_order(s, &another), -EDQUOT);
        assert_ok(host_store_put_order(s, &known));
        assert_int_equal(s->n_orders, HOST_STORE_ORDERS_MAX);
        assert_int_equal(count_orders(s), 1);
        host_store_close(s);
}

static int refuse_order(const StoredOrder *order, void *userdata) {
        return -ESTALE;
}

static void visitors_may_end_the_walk(void **state) {
        StoredOrder order = order_of(1, "{}", "accepted");
        HostStore *s = open_store(state);

        assert_ok(host_store_put_order(s, &order));
        assert_int_equal(host_store_each_order(s, refuse_order, NULL, NULL), -ESTALE);
        host_store_close(s);
}

/* 40 orders of 1 MiB need more than the first map. */
static void map_grows_with_the_orders(void **state) {
        _cleanup_free_ char *big = malloc(1u << 20);
        HostStore *s = open_store(state);

        memset(big, 'x', 1u << 20);
        memcpy(big, "{\"pad\":\"", 8);
        memcpy(big + (1u << 20) - 3, "\"}", 3);
        for (unsigned i = 0; i < 40; i++) {
                StoredOrder order = order_of(i, big, "accepted");

                assert_ok(host_store_put_order(s, &order));
        }
        s = reopen(state, s);
        assert_int_equal(count_orders(s), 40);
        host_store_close(s);
}

static int note_unread(const Uuid *vm, void *userdata) {
        *(Uuid *) userdata = *vm;
        return 0;
}

/* It costs none of the others, and nobody takes it for none. */
static void an_order_that_cannot_be_read_is_told_apart(void **state) {
        HostStore *s = open_store(state);
        Uuid unread = UUID_NULL;
        Uuid bad = uuid_of(2);
        DbTxn *txn;

        for (unsigned i = 1; i <= 3; i++) {
                StoredOrder order = order_of(i, "{}", "accepted");

                assert_ok(host_store_put_order(s, &order));
        }
        assert_ok(db_begin(s->db, /* write= */ true, &txn));
        assert_ok(db_put(txn, TABLE_ORDERS, bad.bytes, sizeof(bad.bytes), "{{", 2));
        assert_ok(db_commit(txn));
        s = reopen(state, s);
        assert_int_equal(count_orders(s), 2);
        assert_ok(host_store_each_order(s, NULL, note_unread, &unread));
        assert_true(uuid_equal(&unread, &bad));
        assert_ok(host_store_del_order(s, &bad));
        unread = UUID_NULL;
        assert_ok(host_store_each_order(s, NULL, note_unread, &unread));
        assert_true(uuid_is_null(&unread));
        host_store_close(s);
}

static int check_older(const StoredOrder *order, void *userdata) {
        (*(unsigned *) userdata)++;
        assert_string_equal(order->state, "stop");
        assert_string_equal(order->order, "{\"epoch\":7,\"vm\":{\"name_label\":\"a/b\"}}");
        assert_string_equal(order->detail, "{\"boot_id\":\"b\",\"accepted\":5,\"gpus\":[]}");
        return 0;
}

/* A guest survives an upgrade: what an older hostd has stored is read, also as it was spaced. */
static void what_an_older_hostd_stored_is_read(void **state) {
        static const char record[] =
                "{ \"version\": 1, \"token\": \"00000000-0000-4000-8000-000000000001\", \"state\": \"stop\", "
                "\"order\": { \"epoch\": 7, \"vm\": { \"name_label\": \"a\\/b\" } }, "
                "\"detail\": { \"boot_id\": \"b\", \"accepted\": 5, \"gpus\": [ ] } }";
        HostStore *s = open_store(state);
        Uuid vm = uuid_of(1);
        unsigned n = 0;
        DbTxn *txn;

        assert_ok(db_begin(s->db, /* write= */ true, &txn));
        assert_ok(db_put(txn, TABLE_ORDERS, vm.bytes, sizeof(vm.bytes), record, sizeof(record) - 1));
        assert_ok(db_commit(txn));
        s = reopen(state, s);
        assert_ok(host_store_each_order(s, check_older, NULL, &n));
        assert_int_equal(n, 1);
        host_store_close(s);
}

/* hostd does not enable again what somebody disabled; it says which record it is. */
static void an_enablement_that_cannot_be_read_is_named(void **state) {
        static const char key[] = "0000:83:00.0 10de:0ff2";
        _cleanup_free_ char *problem = NULL;
        HostStore *s = open_store(state);
        DbTxn *txn;

        assert_ok(db_begin(s->db, /* write= */ true, &txn));
        assert_ok(db_put(txn, TABLE_ENABLEMENT, key, sizeof(key) - 1, "{\"version\":1}", 13));
        assert_ok(db_commit(txn));
        host_store_close(s);
        assert_int_equal(open_in(state, &new_host, &problem, &s), -EBADMSG);
        assert_string_equal(problem,
                "the record of the types that are enabled on PGPU 0000:83:00.0 10de:0ff2 does not decode");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_FOLDER(identity_is_made_once),
                IN_FOLDER(claim_survives),
                IN_FOLDER(event_numbers_never_repeat),
                IN_FOLDER(enablement_belongs_to_the_card),
                IN_FOLDER(orders_end_in_one_step),
                IN_FOLDER(orders_can_go_without_a_word),
                IN_FOLDER(too_deep_an_order_is_refused),
                IN_FOLDER(a_full_store_takes_changes_of_what_it_has),
                IN_FOLDER(visitors_may_end_the_walk),
                IN_FOLDER(map_grows_with_the_orders),
                IN_FOLDER(an_order_that_cannot_be_read_is_told_apart),
                IN_FOLDER(what_an_older_hostd_stored_is_read),
                IN_FOLDER(an_enablement_that_cannot_be_read_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
