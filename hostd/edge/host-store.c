/*
 * What hostd must not forget: the store itself, and the records that are one of a kind
 */


#include "common/daemon/database.h"
#include "common/base/text.h"
#include "hostd/edge/host-store-private.h"
#include "protocol/names.h"
#include "protocol/record.h"

#define MAP_SIZE_FIRST (16u << 20)
#define MAP_SIZE_MAX ((size_t) 1 << 30)

#define ENABLEMENT_KEY_MAX 32

static const char *const table_names[] = {"host", "enablement", "orders", "ended", NULL};

static int notify_lost(HostStore *s, int r) {
        void (*lost)(void *) = s->lost;

        s->lost = r == -ESTALE ? NULL : lost;
        if (r == -ESTALE && lost)
                lost(s->lost_userdata);
        return r;
}

int store_begin(HostStore *s, DbTxn **ret) {
        return notify_lost(s, db_begin(s->db, /* write= */ false, ret));
}

/* The records that are one of a kind. */
typedef enum Single {
        SINGLE_IDENTITY,
        SINGLE_SEQ,
        SINGLE_ORDERS,
        SINGLE_CLAIM,
} Single;

static const RecordField identity_fields[] = {FIELD_VERSION, FIELD(HostStore, host_uuid, REQUIRED, UUID)};
static const RecordField seq_fields[] = {FIELD_VERSION, FIELD_AS(HostStore, reserved_seq, "reserved", REQUIRED, U64)};
static const RecordField orders_fields[] = {FIELD_VERSION, FIELD_AS(HostStore, orders, "last", REQUIRED, U64)};
static const RecordField claim_fields[] = {
        FIELD_VERSION,
        FIELD(HostClaim, epoch, REQUIRED, U64),
        FIELD(HostClaim, held, REQUIRED, BOOL),
        FIELD(HostClaim, pool, REQUIRED, TEXT),
        FIELD(HostClaim, instance, REQUIRED, TEXT),
};

static const struct {
        const char *key, *name;
        RecordTable record;
} singles[] = {
        [SINGLE_IDENTITY] = {"identity", "the record of this host's uuid", RECORD_TABLE(HostStore, identity_fields)},
        [SINGLE_SEQ] = {"seq", "the record of the last event", RECORD_TABLE(HostStore, seq_fields)},
        [SINGLE_ORDERS] = {"orders", "the number of the last order", RECORD_TABLE(HostStore, orders_fields)},
        [SINGLE_CLAIM] = {"claim", "the record of the claim", RECORD_TABLE(HostClaim, claim_fields)},
};

static const RecordField enablement_fields[] = {
        FIELD_VERSION,
        FIELD(Enablement, disabled, REQUIRED, STRV),
        FIELD(Enablement, seen, REQUIRED, STRV),
};
static const RecordTable enablement_table = RECORD_TABLE(Enablement, enablement_fields);

static int put_record(DbTxn *txn, unsigned table, const char *key, const RecordTable *t, const void *record) {
        _cleanup_strbuf_ StrBuf b = {};

        record_write(t, record, &b, NULL);
        return strbuf_error(&b) ?: db_put(txn, table, key, strlen(key), b.text, strlen(b.text));
}

typedef struct Write {
        HostStore *store;
        StoreChange change;
        void *argument;
        uint64_t orders;
} Write;

static int run_change(DbTxn *txn, void *userdata) {
        const Write *w = userdata;
        int r;

        r = w->change(w->store, txn, w->argument);
        if (r >= 0 && w->orders != w->store->stored_orders)
                r = put_record(txn, TABLE_HOST, singles[SINGLE_ORDERS].key, &singles[SINGLE_ORDERS].record, w->store);
        return r;
}

int host_store_write(HostStore *s, StoreChange change, void *argument) {
        Write w = {.store = s, .change = change, .argument = argument, .orders = s->orders};
        int r;

        r = notify_lost(s, db_change(s->db, run_change, &w));
        if (r >= 0)
                s->stored_orders = w.orders;
        return r;
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

int store_parse_record(const RecordTable *t, const void *data, size_t size, void *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = store_parse_value(data, size, &o);
        if (r >= 0)
                r = record_parse_members(t, &reader, o, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

/* Reads members alone; -ENOENT when there is no such record. */
static int get_record(HostStore *s, unsigned table, const char *key, const RecordTable *t, void *ret) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        const void *data;
        size_t size;
        int r;

        r = store_begin(s, &txn);
        if (r >= 0)
                r = db_get(txn, table, key, strlen(key), &data, &size);
        return r < 0 ? r : store_parse_record(t, data, size, ret);
}

typedef struct RecordChange {
        unsigned table;
        const char *key;
        const RecordTable *record_table;
        const void *record;
} RecordChange;

static int change_record(HostStore *s, DbTxn *txn, void *argument) {
        const RecordChange *c = argument;

        return put_record(txn, c->table, c->key, c->record_table, c->record);
}

static int put_single(HostStore *s, Single single, const void *record) {
        return host_store_write(s, change_record,
                &(RecordChange){TABLE_HOST, singles[single].key, &singles[single].record, record});
}

/* Opening */

static int name_damage(int r, const char *what, char **ret_problem) {
        return r == -EBADMSG ? text_refuse(ret_problem, r, "%s does not decode", what) : r;
}

/* 1 when it is there. */
static int load_single(HostStore *s, Single single, void *ret, char **ret_problem) {
        int r;

        r = get_record(s, TABLE_HOST, singles[single].key, &singles[single].record, ret);
        return r >= 0 ? 1 : r == -ENOENT ? 0 : name_damage(r, singles[single].name, ret_problem);
}

static int load_singles(HostStore *s, const Uuid *new_host, char **ret_problem) {
        HostClaim claim = {};
        int r;

        r = load_single(s, SINGLE_IDENTITY, s, ret_problem);
        if (r == 0) {
                s->host_uuid = *new_host;
                r = put_single(s, SINGLE_IDENTITY, s);
        }
        if (r >= 0)
                r = load_single(s, SINGLE_SEQ, s, ret_problem);
        if (r >= 0)
                r = load_single(s, SINGLE_ORDERS, s, ret_problem);
        if (r >= 0)
                r = load_single(s, SINGLE_CLAIM, &claim, ret_problem);
        host_claim_done(&claim);
        s->last_seq = s->reserved_seq;
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

        r = store_begin(s, &txn);
        if (r >= 0)
                r = db_iterate(txn, TABLE_ORDERS, count_entry, &s->n_orders);
        if (r >= 0)
                r = db_iterate(txn, TABLE_ENDED, count_entry, &s->n_ended);
        return r;
}

/* If the record cannot be read, hostd does not start: a type that was disabled would be enabled again. */
static int visit_enablement(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_(enablement_done) Enablement e = {};
        _cleanup_free_ char *pgpu = NULL;
        char what[128];
        int r;

        r = store_parse_record(&enablement_table, data, size, &e);
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

        r = store_begin(s, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ENABLEMENT, visit_enablement, ret_problem);
}

int host_store_open(const DbSource *source, const Uuid *new_host, char **ret_problem, HostStore **ret) {
        static const DbOptions options = {
                .tables = table_names,
                .map_size = MAP_SIZE_FIRST,
                .map_max = MAP_SIZE_MAX,
                .broken = database_broken,
                .undecided = database_undecided,
        };
        _cleanup_(host_store_closep) HostStore *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        r = source->open(source, &options, ret_problem, &s->db);
        if (r >= 0)
                r = load_singles(s, new_host, ret_problem);
        if (r >= 0)
                r = count_entries(s);
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

int host_store_get_claim(HostStore *s, HostClaim *ret) {
        _cleanup_(host_claim_done) HostClaim claim = {};
        int r;

        r = get_record(s, TABLE_HOST, singles[SINGLE_CLAIM].key, &singles[SINGLE_CLAIM].record, &claim);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = take_struct(claim);
        return 0;
}

int host_store_put_claim(HostStore *s, const HostClaim *claim) {
        return put_single(s, SINGLE_CLAIM, claim);
}

int host_store_next_seq(HostStore *s, uint64_t *ret) {
        if (s->last_seq == s->reserved_seq) {
                HostStore changed = *s;
                int r;

                changed.reserved_seq += HOST_STORE_SEQ_BLOCK;
                r = put_single(s, SINGLE_SEQ, &changed);
                if (r < 0)
                        return r;
                s->reserved_seq = changed.reserved_seq;
        }

        *ret = ++s->last_seq;
        return 0;
}

uint64_t host_store_last_seq(const HostStore *s) {
        return s->last_seq;
}

static const char *enablement_key(const Pgpu *p, char buf[static ENABLEMENT_KEY_MAX]) {
        return text_format(buf, ENABLEMENT_KEY_MAX, "%s %04x:%04x", PCI_TEXT(&p->address), p->vendor_id, p->device_id);
}

int host_store_get_enablement(HostStore *s, const Pgpu *p, Enablement *ret) {
        const char *key = enablement_key(p, (char[ENABLEMENT_KEY_MAX]){});
        _cleanup_(enablement_done) Enablement e = {};
        int r;

        r = get_record(s, TABLE_ENABLEMENT, key, &enablement_table, &e);
        if (r < 0 && r != -ENOENT)
                return r;
        *ret = take_struct(e);
        return 0;
}

int host_store_put_enablement(HostStore *s, const Pgpu *p, const Enablement *e) {
        const char *key = enablement_key(p, (char[ENABLEMENT_KEY_MAX]){});

        return host_store_write(s, change_record, &(RecordChange){TABLE_ENABLEMENT, key, &enablement_table, e});
}
