/*
 * What hostd must not forget: the store itself, and the records that are one of a kind
 */

#include <stdio.h>

#include "common/daemon/database.h"
#include "common/io/file.h"
#include "common/base/text.h"
#include "hostd/edge/host-store-private.h"
#include "protocol/names.h"

#define MAP_SIZE_FIRST (16u << 20)
#define MAP_SIZE_MAX ((size_t) 1 << 30)

#define KEY_IDENTITY "identity"
#define KEY_CLAIM "claim"
#define KEY_SEQ "seq"
#define KEY_ORDERS "orders"
#define ENABLEMENT_KEY_MAX 32

static const char *const table_names[] = {"host", "enablement", "orders", "ended", NULL};

static int tell_lost(HostStore *s, int r) {
        void (*lost)(void *) = s->lost;

        s->lost = r == -ESTALE ? NULL : lost;
        if (r == -ESTALE && lost)
                lost(s->lost_userdata);
        return r;
}

int store_begin(HostStore *s, bool write, DbTxn **ret) {
        return tell_lost(s, db_begin(s->db, write, ret));
}

static int put_orders(DbTxn *txn, uint64_t orders) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_u64(o, "last", orders);
        return r < 0 ? r : store_put_json(txn, TABLE_HOST, KEY_ORDERS, strlen(KEY_ORDERS), o);
}

static int run_change(HostStore *s, StoreChange change, void *argument) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        uint64_t orders = s->orders;
        int r;

        r = store_begin(s, /* write= */ true, &txn);
        if (r < 0)
                return r;
        r = change(s, txn, argument);
        if (r >= 0 && orders != s->stored_orders)
                r = put_orders(txn, orders);
        if (r < 0)
                return r;
        r = tell_lost(s, db_commit(take_ptr(txn)));
        if (r >= 0)
                s->stored_orders = orders;
        return r;
}

int store_write(HostStore *s, StoreChange change, void *argument) {
        int r;

        for (;;) {
                r = run_change(s, change, argument);
                if (r != -EOVERFLOW || db_grow(s->db) < 0)
                        return r;
        }
}

int store_put_json(DbTxn *txn, unsigned table, const void *key, size_t key_size, struct json_object *o) {
        _cleanup_free_ char *text = NULL;

        text = json_to_text(o);
        if (!text)
                return -ENOMEM;
        return db_put(txn, table, key, key_size, text, strlen(text));
}

int store_parse_value(const void *data, size_t size, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        uint64_t version;
        int r;

        r = json_parse_cleaned(&reader, data, size, &o);
        if (r >= 0)
                r = json_get_u64(&reader, o, "version", &version);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || version != RECORD_VERSION)
                return -EBADMSG;

        *ret = take_ptr(o);
        return 0;
}

static int get_json(DbTxn *txn, unsigned table, const void *key, size_t key_size, struct json_object **ret) {
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, table, key, key_size, &data, &size);
        return r < 0 ? r : store_parse_value(data, size, ret);
}

/* Reads one value; -ENOENT when there is none. */
int store_read(HostStore *s, unsigned table, const void *key, size_t key_size, struct json_object **ret) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = store_begin(s, /* write= */ false, &txn);
        return r < 0 ? r : get_json(txn, table, key, key_size, ret);
}

int store_new_record(struct json_object **ret) {
        struct json_object *o = json_object_new_object();

        if (!o || json_add_u64(o, "version", RECORD_VERSION) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }

        *ret = o;
        return 0;
}

static int parse_enablement(struct json_object *o, Enablement *ret) {
        JsonReader reader = {};
        Enablement e = {};
        int r;

        r = store_damaged(json_get_strv(&reader, o, "disabled", &e.disabled));
        if (r >= 0)
                r = store_damaged(json_get_strv(&reader, o, "seen", &e.seen));
        if (r < 0) {
                enablement_done(&e);
                return r;
        }

        *ret = e;
        return 0;
}

/* Opening */

static int change_identity(HostStore *s, DbTxn *txn, void *argument) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_uuid(o, "host_uuid", argument);
        return r < 0 ? r : store_put_json(txn, TABLE_HOST, KEY_IDENTITY, strlen(KEY_IDENTITY), o);
}

static int load_identity(HostStore *s) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = store_read(s, TABLE_HOST, KEY_IDENTITY, strlen(KEY_IDENTITY), &o);
        if (r >= 0)
                return store_damaged(json_get_uuid(&reader, o, "host_uuid", &s->host_uuid));
        if (r != -ENOENT)
                return r;

        r = uuid_generate(&s->host_uuid);
        return r < 0 ? r : store_write(s, change_identity, &s->host_uuid);
}

static int load_seq(HostStore *s) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = store_read(s, TABLE_HOST, KEY_SEQ, strlen(KEY_SEQ), &o);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = store_damaged(json_get_u64(&reader, o, "reserved", &s->reserved_seq));

        s->last_seq = s->reserved_seq;
        return r;
}

static int load_orders(HostStore *s) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = store_read(s, TABLE_HOST, KEY_ORDERS, strlen(KEY_ORDERS), &o);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = store_damaged(json_get_u64(&reader, o, "last", &s->orders));
        s->stored_orders = s->orders;
        return r;
}

uint64_t host_store_get_orders(const HostStore *s) {
        return s->orders;
}

void host_store_set_orders(HostStore *s, uint64_t orders) {
        s->orders = orders;
}

static int count_entry(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        (*(size_t *) userdata)++;
        return 0;
}

static int count_entries(HostStore *s) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = store_begin(s, /* write= */ false, &txn);
        if (r >= 0)
                r = db_iterate(txn, TABLE_ORDERS, count_entry, &s->n_orders);
        if (r >= 0)
                r = db_iterate(txn, TABLE_ENDED, count_entry, &s->n_ended);
        return r;
}

static int check_claim(HostStore *s) {
        HostClaim claim = {};
        int r;

        r = host_store_get_claim(s, &claim);
        if (r >= 0)
                host_claim_done(&claim);
        return r;
}

static int name_damage(int r, const char *what, char **ret_problem) {
        if (r == -EBADMSG && asprintf(ret_problem, "%s does not decode", what) < 0) {
                *ret_problem = NULL;
                return -ENOMEM;
        }
        return r;
}

/* A type that was disabled by hand must not come back because nobody can read that. */
static int visit_enablement(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *pgpu = NULL;
        char what[128];
        Enablement e = {};
        int r;

        r = store_parse_value(data, size, &o);
        if (r >= 0)
                r = parse_enablement(o, &e);
        enablement_done(&e);
        if (r >= 0)
                return 0;
        pgpu = text_clean(key, key_size, TEXT_LINE, ENABLEMENT_KEY_MAX);
        if (!pgpu)
                return -ENOMEM;
        return name_damage(r,
                text_format(what, sizeof(what), "the record of the types that are enabled on PGPU %s", pgpu),
                userdata);
}

static int check_enablements(HostStore *s, char **ret_problem) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = store_begin(s, /* write= */ false, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ENABLEMENT, visit_enablement, ret_problem);
}

int host_store_open(const char *dir, char **ret_problem, HostStore **ret) {
        static const DbOptions options = {
                .tables = table_names,
                .map_size = MAP_SIZE_FIRST,
                .map_max = MAP_SIZE_MAX,
                .broken = database_broken,
        };
        _cleanup_(host_store_closep) HostStore *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        r = mkdir_parents(dir, 0700);
        if (r >= 0)
                r = db_open(dir, &options, ret_problem, &s->db);
        if (r >= 0)
                r = name_damage(load_identity(s), "the record of this host's uuid", ret_problem);
        if (r >= 0)
                r = name_damage(load_seq(s), "the record of the last event", ret_problem);
        if (r >= 0)
                r = name_damage(load_orders(s), "the number of the last order", ret_problem);
        if (r >= 0)
                r = count_entries(s);
        if (r >= 0)
                r = name_damage(check_claim(s), "the record of the claim", ret_problem);
        if (r >= 0)
                r = check_enablements(s, ret_problem);
        if (r < 0)
                return r;

        *ret = take_ptr(s);
        return 0;
}

void host_store_set_lost(HostStore *s, void (*lost)(void *userdata), void *userdata) {
        s->lost = lost;
        s->lost_userdata = userdata;
}

HostStore *host_store_close(HostStore *s) {
        if (s)
                db_close(s->db);
        free(s);
        return NULL;
}

const Uuid *host_store_host_uuid(const HostStore *s) {
        return &s->host_uuid;
}

/* The claim */

static int parse_claim(struct json_object *o, HostClaim *ret) {
        const char *pool, *instance;
        JsonReader reader = {};
        HostClaim c = {};
        int r;

        r = json_get_u64(&reader, o, "epoch", &c.epoch);
        if (r >= 0)
                r = json_get_bool(&reader, o, "held", &c.held);
        if (r >= 0)
                r = json_get_string(&reader, o, "pool", &pool);
        if (r >= 0)
                r = json_get_string(&reader, o, "instance", &instance);
        if (r < 0)
                return store_damaged(r);

        c.pool = strdup(pool);
        c.instance = strdup(instance);
        if (!c.pool || !c.instance) {
                host_claim_done(&c);
                return -ENOMEM;
        }

        *ret = c;
        return 0;
}

int host_store_get_claim(HostStore *s, HostClaim *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = store_read(s, TABLE_HOST, KEY_CLAIM, strlen(KEY_CLAIM), &o);
        if (r == -ENOENT)
                return host_claim_new(ret);
        return r < 0 ? r : parse_claim(o, ret);
}

static int change_claim(HostStore *s, DbTxn *txn, void *argument) {
        _cleanup_json_ struct json_object *o = NULL;
        const HostClaim *c = argument;
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_u64(o, "epoch", c->epoch);
        if (r >= 0)
                r = json_add_bool(o, "held", c->held);
        if (r >= 0)
                r = json_add_string(o, "pool", c->pool);
        if (r >= 0)
                r = json_add_string(o, "instance", c->instance);
        return r < 0 ? r : store_put_json(txn, TABLE_HOST, KEY_CLAIM, strlen(KEY_CLAIM), o);
}

int host_store_put_claim(HostStore *s, const HostClaim *claim) {
        return store_write(s, change_claim, (void *) claim);
}

/* Event numbers */

static int change_seq(HostStore *s, DbTxn *txn, void *argument) {
        _cleanup_json_ struct json_object *o = NULL;
        const uint64_t *reserved = argument;
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_u64(o, "reserved", *reserved);
        return r < 0 ? r : store_put_json(txn, TABLE_HOST, KEY_SEQ, strlen(KEY_SEQ), o);
}

int host_store_next_seq(HostStore *s, uint64_t *ret) {
        if (s->last_seq == s->reserved_seq) {
                uint64_t reserved = s->reserved_seq + HOST_STORE_SEQ_BLOCK;
                int r;

                r = store_write(s, change_seq, &reserved);
                if (r < 0)
                        return r;
                s->reserved_seq = reserved;
        }

        *ret = ++s->last_seq;
        return 0;
}

uint64_t host_store_last_seq(const HostStore *s) {
        return s->last_seq;
}

/* Enablement */

static size_t enablement_key(const Pgpu *p, char buf[static ENABLEMENT_KEY_MAX]) {
        char *end = stpcpy(buf, PCI_TEXT(&p->address));

        end += snprintf(end, ENABLEMENT_KEY_MAX - (size_t) (end - buf), " %04x:%04x", p->vendor_id, p->device_id);
        return (size_t) (end - buf);
}

int host_store_get_enablement(HostStore *s, const Pgpu *p, Enablement *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        char key[ENABLEMENT_KEY_MAX];
        int r;

        r = store_read(s, TABLE_ENABLEMENT, key, enablement_key(p, key), &o);
        if (r == -ENOENT)
                return enablement_new(ret);
        return r < 0 ? r : parse_enablement(o, ret);
}

typedef struct EnablementChangeArgument {
        const Pgpu *pgpu;
        const Enablement *enablement;
} EnablementChangeArgument;

static int change_enablement(HostStore *s, DbTxn *txn, void *argument) {
        const EnablementChangeArgument *a = argument;
        _cleanup_json_ struct json_object *o = NULL;
        char key[ENABLEMENT_KEY_MAX];
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_strv(o, "disabled", (const char *const *) a->enablement->disabled);
        if (r >= 0)
                r = json_add_strv(o, "seen", (const char *const *) a->enablement->seen);
        return r < 0 ? r : store_put_json(txn, TABLE_ENABLEMENT, key, enablement_key(a->pgpu, key), o);
}

int host_store_put_enablement(HostStore *s, const Pgpu *p, const Enablement *e) {
        EnablementChangeArgument argument = {p, e};

        return store_write(s, change_enablement, &argument);
}
