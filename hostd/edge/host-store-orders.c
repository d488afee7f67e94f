/*
 * What hostd must not forget: the orders, and the ends of VMs that policyd has not read yet
 *
 * An order and the end that takes its place are changed in one transaction, so that a crash leaves one of the
 * two.
 */

#include "hostd/edge/host-store-private.h"

static const RecordField order_fields[] = {
        FIELD_VERSION,
        FIELD(StoredOrder, token, REQUIRED, UUID),
        FIELD(StoredOrder, state, REQUIRED, TEXT),
        FIELD(StoredOrder, order, REQUIRED, JSON),
        FIELD(StoredOrder, detail, IF_SET, JSON),
};
static const RecordTable order_table = RECORD_TABLE(StoredOrder, order_fields);

void stored_order_done(StoredOrder *o) {
        record_done(&order_table, o);
}

/* Brackets in brackets. */
static unsigned json_depth(const char *text) {
        unsigned depth = 0, most = 0;
        bool quoted = false;

        for (; *text; text++)
                if (*text == '"')
                        quoted = !quoted;
                else if (quoted && *text == '\\')
                        text++;
                else if (!quoted && (*text == '{' || *text == '[')) {
                        depth++;
                        most = MAX_OF(depth, most);
                } else if (!quoted && (*text == '}' || *text == ']'))
                        depth--;
        return most;
}

typedef struct OrderChangeArgument {
        const Uuid *vm;
        const char *text;
        bool existed;
} OrderChangeArgument;

static int has_order(DbTxn *txn, const Uuid *vm, bool *ret) {
        const void *data;
        size_t size;
        int r;

        r = db_get(txn, TABLE_ORDERS, vm->bytes, sizeof(vm->bytes), &data, &size);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = r >= 0;
        return 0;
}

static int change_order(HostStore *s, DbTxn *txn, void *argument) {
        OrderChangeArgument *a = argument;
        int r;

        r = has_order(txn, a->vm, &a->existed);
        if (r < 0)
                return r;
        if (!a->existed && s->n_orders >= HOST_STORE_ORDERS_MAX)
                return -EDQUOT;
        return db_put(txn, TABLE_ORDERS, a->vm->bytes, sizeof(a->vm->bytes), a->text, strlen(a->text));
}

int host_store_put_order(HostStore *s, const StoredOrder *order) {
        OrderChangeArgument argument = {.vm = &order->vm};
        _cleanup_strbuf_ StrBuf b = {};
        int r;

        /* Inside its record an order is one level deeper. If it could not be read again there, it is refused
         * now. */
        record_write(&order_table, order, &b, NULL);
        r = strbuf_error(&b);
        if (r >= 0 && (b.len > JSON_SIZE_MAX || json_depth(b.text) >= JSON_DEPTH_MAX))
                r = -EINVAL;
        if (r < 0)
                return r;
        argument.text = b.text;
        r = host_store_write(s, change_order, &argument);
        if (r < 0)
                return r;

        if (!argument.existed)
                s->n_orders++;
        return 0;
}

typedef struct OrderWalk {
        StoredOrderVisitor visitor; /* or NULL */
        UnreadOrderVisitor unread;  /* or NULL */
        void *userdata;
} OrderWalk;

static int visit_order(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_(stored_order_done) StoredOrder order = {};
        const OrderWalk *walk = userdata;
        int r;

        /* No order of ours. */
        if (key_size != sizeof(order.vm.bytes))
                return 0;
        r = store_parse_record(&order_table, data, size, &order);
        memcpy(order.vm.bytes, key, sizeof(order.vm.bytes));
        if (r == -EBADMSG)
                return walk->unread ? walk->unread(&order.vm, walk->userdata) : 0;
        return r < 0 || !walk->visitor ? r : walk->visitor(&order, walk->userdata);
}

int host_store_each_order(
        HostStore *s, StoredOrderVisitor visitor, UnreadOrderVisitor unread, void *userdata) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        OrderWalk walk = {visitor, unread, userdata};
        int r;

        r = store_begin(s, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ORDERS, visit_order, &walk);
}

/* Ends */

typedef struct EndChangeArgument {
        /* in */
        const Uuid *vm;
        const char *event; /* NULL: none to keep */
        uint64_t seq;
        /* out */
        bool existed;
        bool dropped; /* the oldest end, to keep the cap */
} EndChangeArgument;

static int copy_first_key(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        memcpy(userdata, key, MIN_OF(key_size, (size_t) 8));
        return -ECANCELED; /* ends the walk */
}

/* The oldest, if its number is not above the limit: 1 when it is gone. A walk must not delete under itself. */
static int drop_oldest_end(DbTxn *txn, uint64_t up_to) {
        uint8_t key[8] = {}, limit[8];
        int r;

        db_key_u64(up_to, limit);
        r = db_iterate(txn, TABLE_ENDED, copy_first_key, key);
        if (r != -ECANCELED || memcmp(key, limit, sizeof(key)) > 0)
                return r == -ECANCELED ? 0 : r;
        r = db_del(txn, TABLE_ENDED, key, sizeof(key));
        return r < 0 ? r : 1;
}

static int keep_end(HostStore *s, DbTxn *txn, EndChangeArgument *a) {
        uint8_t key[8];
        int r;

        a->dropped = s->n_ended >= HOST_STORE_ENDED_MAX;
        if (a->dropped) {
                r = drop_oldest_end(txn, UINT64_MAX);
                if (r < 0)
                        return r;
        }

        db_key_u64(a->seq, key);
        return db_put(txn, TABLE_ENDED, key, sizeof(key), a->event, strlen(a->event));
}

static int change_end(HostStore *s, DbTxn *txn, void *argument) {
        EndChangeArgument *a = argument;
        int r;

        r = has_order(txn, a->vm, &a->existed);
        if (r >= 0 && a->existed)
                r = db_del(txn, TABLE_ORDERS, a->vm->bytes, sizeof(a->vm->bytes));
        if (r >= 0 && a->event)
                r = keep_end(s, txn, a);
        return r;
}

static int end_order(HostStore *s, EndChangeArgument *a) {
        int r;

        r = host_store_write(s, change_end, a);
        if (r < 0)
                return r;

        if (a->existed)
                s->n_orders--;
        if (a->event && !a->dropped)
                s->n_ended++;
        return 0;
}

int host_store_end_order(HostStore *s, const Uuid *vm, const VmEvent *ended) {
        _cleanup_strbuf_ StrBuf b = {};
        _cleanup_free_ char *text = NULL;
        EndChangeArgument argument = {.vm = vm, .seq = ended->head.seq};

        vm_event_write(ended, &b);
        text = strbuf_take(&b);
        if (!text)
                return -ENOMEM;

        argument.event = text;
        return end_order(s, &argument);
}

int host_store_del_order(HostStore *s, const Uuid *vm) {
        EndChangeArgument argument = {.vm = vm};

        return end_order(s, &argument);
}

typedef struct EndedWalk {
        uint8_t after[8]; /* as a key */
        const char *naming;
        EndedVisitor visitor;
        void *userdata;
} EndedWalk;

/* Few of a thousand ends are wanted, and decoding all of them takes longer than the rest of an order. */
static bool is_wanted(
        const EndedWalk *walk, const void *key, size_t key_size, const void *data, size_t size) {
        if (key_size == sizeof(walk->after) && memcmp(key, walk->after, sizeof(walk->after)) <= 0)
                return false;
        return !walk->naming || memmem(data, size, walk->naming, strlen(walk->naming));
}

static int visit_ended(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_(vm_event_done) VmEvent event = {};
        _cleanup_json_ struct json_object *o = NULL;
        const EndedWalk *walk = userdata;
        JsonReader reader = {};
        int r;

        if (!is_wanted(walk, key, key_size, data, size))
                return 0;
        r = store_parse_value(data, size, &o);
        if (r >= 0)
                r = store_damaged(vm_event_parse(&reader, o, &event));
        /* An end that cannot be read is left out: the VM has ended, and the inventory does not list it as running. */
        if (r == -EBADMSG)
                return 0;
        return r < 0 ? r : walk->visitor(&event, walk->userdata);
}

int host_store_each_ended(
        HostStore *s, uint64_t after_seq, const Uuid *naming_or_null, EndedVisitor visitor, void *userdata) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        EndedWalk walk = {
                .naming = naming_or_null ? UUID_TEXT(naming_or_null) : NULL,
                .visitor = visitor,
                .userdata = userdata,
        };
        int r;

        db_key_u64(after_seq, walk.after);

        r = store_begin(s, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ENDED, visit_ended, &walk);
}

typedef struct ForgetArgument {
        uint64_t up_to;
        size_t n; /* forgotten */
} ForgetArgument;

static int change_forget(HostStore *s, DbTxn *txn, void *argument) {
        ForgetArgument *a = argument;
        int r;

        a->n = 0;
        while ((r = drop_oldest_end(txn, a->up_to)) > 0)
                a->n++;
        return r;
}

int host_store_forget_ended(HostStore *s, uint64_t seq) {
        ForgetArgument argument = {.up_to = seq};
        int r;

        if (s->n_ended == 0)
                return 0;
        r = host_store_write(s, change_forget, &argument);
        if (r < 0)
                return r;

        s->n_ended -= argument.n;
        return 0;
}
