/*
 * What hostd must not forget: the orders, and the ends of VMs that policyd has not read yet
 *
 * An order and the end that takes its place are changed in one transaction, so that a crash leaves one of the
 * two.
 */

#include "hostd/edge/host-store-private.h"

void stored_order_done(StoredOrder *o) {
        free(o->state);
        json_object_put(o->order);
        json_object_put(o->detail);
        *o = (StoredOrder){};
}

static int parse_order(const Uuid *vm, struct json_object *o, StoredOrder *ret) {
        struct json_object *order, *detail = NULL;
        StoredOrder stored = {.vm = *vm};
        JsonReader reader = {};
        const char *state;
        int r;

        r = json_get_uuid(&reader, o, "token", &stored.token);
        if (r >= 0)
                r = json_get_string(&reader, o, "state", &state);
        if (r >= 0)
                r = json_get_object(&reader, o, "order", &order);
        if (r >= 0)
                r = json_opt_object(&reader, o, "detail", &detail);
        if (r < 0)
                return store_damaged(r);

        stored.state = strdup(state);
        if (!stored.state)
                return -ENOMEM;
        stored.order = json_object_get(order);
        stored.detail = json_object_get(detail);
        *ret = stored;
        return 0;
}

static int build_order(const StoredOrder *order, char **ret) {
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = store_new_record(&o);
        if (r >= 0)
                r = json_add_uuid(o, "token", &order->token);
        if (r >= 0)
                r = json_add_string(o, "state", order->state);
        if (r >= 0)
                r = json_add(o, "order", json_object_get(order->order));
        if (r >= 0 && order->detail)
                r = json_add(o, "detail", json_object_get(order->detail));
        if (r < 0)
                return r;

        text = json_to_text(o);
        if (!text)
                return -ENOMEM;

        /* An order as deep or as long as just passes would not come back out of its record: better refused
         * than lost. */
        r = store_parse_value(text, strlen(text), &again);
        if (r < 0)
                return r == -EBADMSG ? -EINVAL : r;

        *ret = take_ptr(text);
        return 0;
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
        _cleanup_free_ char *text = NULL;
        int r;

        r = build_order(order, &text);
        if (r < 0)
                return r;
        argument.text = text;
        r = store_write(s, change_order, &argument);
        if (r < 0)
                return r;

        if (!argument.existed)
                s->n_orders++;
        return 0;
}

int host_store_get_order(HostStore *s, const Uuid *vm, StoredOrder *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = store_read(s, TABLE_ORDERS, vm->bytes, sizeof(vm->bytes), &o);
        return r < 0 ? r : parse_order(vm, o, ret);
}

typedef struct OrderWalk {
        StoredOrderVisitor visitor; /* or NULL */
        UnreadOrderVisitor unread;  /* or NULL */
        void *userdata;
} OrderWalk;

static int visit_order(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        _cleanup_(stored_order_done) StoredOrder order = {};
        _cleanup_json_ struct json_object *o = NULL;
        const OrderWalk *walk = userdata;
        Uuid vm;
        int r;

        /* No order of ours. */
        if (key_size != sizeof(vm.bytes))
                return 0;
        memcpy(vm.bytes, key, sizeof(vm.bytes));

        r = store_parse_value(data, size, &o);
        if (r >= 0)
                r = parse_order(&vm, o, &order);
        if (r == -EBADMSG)
                return walk->unread ? walk->unread(&vm, walk->userdata) : 0;
        return r < 0 || !walk->visitor ? r : walk->visitor(&order, walk->userdata);
}

static int walk_orders(HostStore *s, OrderWalk *walk) {
        _cleanup_(db_abortp) DbTxn *txn = NULL;
        int r;

        r = store_begin(s, /* write= */ false, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ORDERS, visit_order, walk);
}

int host_store_each_order(HostStore *s, StoredOrderVisitor visitor, void *userdata) {
        return walk_orders(s, &(OrderWalk){.visitor = visitor, .userdata = userdata});
}

int host_store_each_unread_order(HostStore *s, UnreadOrderVisitor visitor, void *userdata) {
        return walk_orders(s, &(OrderWalk){.unread = visitor, .userdata = userdata});
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

static int take_first_key(const void *key, size_t key_size, const void *data, size_t size, void *userdata) {
        memcpy(userdata, key, MIN_OF(key_size, (size_t) 8));
        return -ECANCELED; /* ends the walk */
}

static int drop_oldest_end(DbTxn *txn) {
        uint8_t key[8] = {};
        int r;

        r = db_iterate(txn, TABLE_ENDED, take_first_key, key);
        if (r != -ECANCELED)
                return r;
        return db_del(txn, TABLE_ENDED, key, sizeof(key));
}

static int keep_end(HostStore *s, DbTxn *txn, EndChangeArgument *a) {
        uint8_t key[8];
        int r;

        a->dropped = s->n_ended >= HOST_STORE_ENDED_MAX;
        if (a->dropped) {
                r = drop_oldest_end(txn);
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

        r = store_write(s, change_end, a);
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

/* Of a thousand ends hardly one is wanted, and to decode them all takes longer than all the rest of an order.
 */
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
        /* The VM has ended all the same: the inventory does not have it. */
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

        r = store_begin(s, /* write= */ false, &txn);
        return r < 0 ? r : db_iterate(txn, TABLE_ENDED, visit_ended, &walk);
}

typedef struct ForgetArgument {
        uint64_t up_to;
        size_t n; /* forgotten */
} ForgetArgument;

/* One after the other from the oldest: a walk must not delete under itself. */
static int change_forget(HostStore *s, DbTxn *txn, void *argument) {
        ForgetArgument *a = argument;
        uint8_t limit[8];

        db_key_u64(a->up_to, limit);
        a->n = 0;
        for (;;) {
                uint8_t key[8] = {};
                int r;

                r = db_iterate(txn, TABLE_ENDED, take_first_key, key);
                if (r != -ECANCELED)
                        return r;
                if (memcmp(key, limit, sizeof(key)) > 0)
                        return 0;
                r = db_del(txn, TABLE_ENDED, key, sizeof(key));
                if (r < 0)
                        return r;
                a->n++;
        }
}

int host_store_forget_ended(HostStore *s, uint64_t seq) {
        ForgetArgument argument = {.up_to = seq};
        int r;

        if (s->n_ended == 0)
                return 0;
        r = store_write(s, change_forget, &argument);
        if (r < 0)
                return r;

        s->n_ended -= argument.n;
        return 0;
}
