/*
 * hostd's database damaged at random places: host, claim and orders are all there, or a sentence says why not
 */

#include "common/lmdb/table.h"
#include "hostd/edge/host-store.h"
#include "tests/unit/common/damage.h"
#include "tests/unit/hostd-edge/test.h"

#define ROUNDS 300
#define N_ORDERS 30

static const Uuid new_host = {{0x11, 0x22}};

static int count_order(const StoredOrder *order, void *userdata) {
        (*(unsigned *) userdata)++;
        return 0;
}

static int read_all(HostStore *s, const Uuid *host) {
        HostClaim claim = {};
        unsigned n = 0;
        int r;

        r = host_store_get_claim(s, &claim);
        if (r < 0)
                return CHILD_REFUSED;
        if (claim.epoch != 9 || !uuid_equal(host_store_host_uuid(s), host))
                return CHILD_LACKS_SOMETHING;
        host_claim_done(&claim);
        r = host_store_each_order(s, count_order, NULL, &n);
        if (r < 0)
                return CHILD_REFUSED;
        return n == N_ORDERS ? CHILD_HAS_ALL : CHILD_LACKS_SOMETHING;
}

static int open_and_use(const char *dir, void *userdata) {
        const DbSource database = db_in_folder(dir);
        char *problem = NULL;
        HostStore *s = NULL;
        uint64_t seq;
        int r;

        r = host_store_open(&database, &new_host, &problem, &s);
        if (r < 0)
                return problem && *problem ? CHILD_REFUSED : CHILD_REFUSED_SILENTLY;
        r = read_all(s, userdata);
        return host_store_next_seq(s, &seq) < 0 ? CHILD_LACKS_SOMETHING : r;
}

static Uuid fill(const char *dir) {
        const DbSource database = db_in_folder(dir);
        _cleanup_free_ char *problem = NULL;
        const HostClaim claim = {.epoch = 9, .held = true, .pool = (char *) "p", .instance = (char *) "i"};
        HostStore *s = NULL;
        Uuid id;

        assert_ok(mkdir_parents(dir, 0700));
        assert_ok(host_store_open(&database, &new_host, &problem, &s));
        assert_ok(host_store_put_claim(s, &claim));
        for (uint8_t i = 0; i < N_ORDERS; i++) {
                const StoredOrder order = {.vm = {.bytes = {1, i}},
                        .token = {.bytes = {2, i}},
                        .state = (char *) "accepted",
                        .order = (char *) "{\"vm\":{\"name_label\":\"a VM of some length\"}}"};

                assert_ok(host_store_put_order(s, &order));
        }
        id = *host_store_host_uuid(s);
        host_store_close(s);
        return id;
}

static void a_damaged_store_is_whole_or_refused(void **state) {
        _cleanup_free_ char *good = strdup(in_folder(state, "good")), *bad = strdup(in_folder(state, "bad"));
        DamageCounts counts = {};
        Uuid id = fill(good);

        assert_ok(mkdir_parents(bad, 0700));
        assert_int_equal(damage_rounds(good, bad, ROUNDS, open_and_use, &id, &counts), 0);
        assert_true(counts.n_refused > ROUNDS / 3);
        assert_true(counts.n_whole > 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_FOLDER(a_damaged_store_is_whole_or_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
