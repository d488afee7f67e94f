/*
 * hostd's rows: whatever stands in the database, it is opened or refused, and what is read of it is whole; then hostd begins with it,
 * on a machine in memory (tests/proof/machine.h), and goes on for a minute of its clock
 *
 * Each line of the input is a row: H (the host), E (enablement), O (orders, the key is a uuid) or D (ends, the key is a number),
 * then the key, a blank and the value.
 */

#include "common/daemon/log.h"
#include "hostd/service/claim.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/rows.h"
#include "tests/proof/machine-private.h"
#include "tests/sim/sim-loop.h"

enum { HOST, ENABLEMENT, ORDERS, ENDED };

/* A blank in the key of an enablement is written as _. */
static int put_enablement(DbTxn *txn, const char *text, const char *value, size_t size) {
        _cleanup_free_ char *key = strdup(text);
        char *mark = key ? strchr(key, '_') : NULL;

        if (mark)
                *mark = ' ';
        return key ? db_put(txn, ENABLEMENT, key, strlen(key), value, size) : -ENOMEM;
}

static int put_row(DbTxn *txn, char letter, const char *key, const char *value, size_t size) {
        uint8_t number[8];
        Uuid id;

        switch (letter) {
        case 'H':
                return db_put(txn, HOST, key, strlen(key), value, size);
        case 'E':
                return put_enablement(txn, key, value, size);
        case 'O':
                if (uuid_from_string(key, &id) < 0)
                        return db_put(txn, ORDERS, key, strlen(key), value, size);
                return db_put(txn, ORDERS, id.bytes, sizeof(id.bytes), value, size);
        case 'D':
                db_key_u64(strtoull(key, NULL, 10), number);
                return db_put(txn, ENDED, number, sizeof(number), value, size);
        default:
                return 0;
        }
}

static int see_order(const StoredOrder *order, void *userdata) {
        if (!order->state || !order->order)
                abort();
        return 0;
}

static int see_unread(const Uuid *vm, void *userdata) {
        return 0;
}

static int see_ended(VmEvent *ended, void *userdata) {
        if (!ended->reason)
                abort();
        return 0;
}

static void use(HostStore *s) {
        const Uuid vm = {{1}}, token = {{2}};
        const StoredOrder order = {.vm = vm, .token = token, .state = (char *) "accepted", .order = (char *) "{}"};
        const Pgpu pgpu = {.vendor_id = 0x10de, .device_id = 0x0ff2};
        uint64_t seq = 0, last = host_store_last_seq(s);
        HostClaim claim = {};
        Enablement e = {};

        if (host_store_get_claim(s, &claim) >= 0)
                host_claim_done(&claim);
        if (host_store_get_enablement(s, &pgpu, &e) >= 0)
                enablement_done(&e);
        (void) host_store_each_order(s, see_order, see_unread, NULL);
        (void) host_store_each_ended(s, 0, NULL, see_ended, NULL);
        (void) host_store_each_ended(s, 0, &vm, see_ended, NULL);
        if (host_store_next_seq(s, &seq) >= 0 && seq <= last)
                abort();
        (void) host_store_put_order(s, &order);
        (void) host_store_del_order(s, &vm);
        (void) host_store_forget_ended(s, UINT64_MAX);
}

static const char *const tables[] = {"host", "enablement", "orders", "ended", NULL};
static const Uuid new_host = {{0x11, 0x22}};

/* Whether hostd can begin with it: where the claim cannot be read it says so and ends. */
static bool read_all(const uint8_t *data, size_t size) {
        _cleanup_(sim_db_freep) SimDb *db = rows_in_memory(tables, data, size, put_row);
        _cleanup_free_ char *problem = NULL;
        HostClaim claim = {};
        HostStore *s;
        bool good;
        int r;

        r = host_store_open(sim_db_source(db), &new_host, &problem, &s);
        if (r < 0) {
                if (r != -EBADMSG || isempty(problem))
                        abort();
                return false;
        }
        good = host_store_get_claim(s, &claim) >= 0;
        host_claim_done(&claim);
        use(s);
        (void) host_store_close(s);
        return good;
}

static void tell(Machine *m, Told told, const char *json, void *userdata) {
        if (isempty(json))
                abort();
}

static void come_or_go(Machine *m, void *userdata) {
}

static void run(SimLoop *sim, Machine *m, uint64_t usec) {
        uint64_t until = loop_now(m->loop, LOOP_MONOTONIC) + usec;

        do {
                while (sim_loop_turn(sim))
                        machine_sweep(m);
        } while (sim_loop_pass(sim, until));
}

static void begin(const uint8_t *data, size_t size) {
        static const MachineListener listener = {.tell = tell, .came = come_or_go, .went = come_or_go};
        _cleanup_(sim_loop_freep) SimLoop *sim = NULL;
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *inventory = NULL;
        Dice dice = {};
        History history = {};
        Machine m = {.dice = &dice, .history = &history, .listener = &listener};
        uint64_t held;

        if (sim_loop_new(1, &sim) < 0)
                abort();
        m.loop = history.loop = sim_loop_of(sim);
        machine_init(&m, 0, /* boards= */ 0);
        (void) sim_db_free(m.inside->db);
        m.inside->db = rows_in_memory(tables, data, size, put_row);
        machine_power_on(&m);
        run(sim, &m, SECOND);
        if (m.inside->hostd) {
                (void) host_claim(m.inside->hostd, ":1.7", 1000, "pool", "instance", 0, &held, &refusal);
                if (host_get_inventory(m.inside->hostd, &inventory) < 0)
                        abort();
        }
        run(sim, &m, 60 * SECOND);
        machine_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        log_setup("fuzz", LOG_EMERG);
        if (read_all(data, size))
                begin(data, size);
        return 0;
}
