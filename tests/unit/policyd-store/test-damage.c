/*
 * The pool's database damaged at random places: all of it is read, or a sentence says why not
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/lmdb/table.h"
#include "tests/unit/policyd-core/pool-check.h"
#include "tests/unit/common/damage.h"
#include "tests/unit/policyd-store/fixture.h"

#define ROUNDS 300

static bool has_all(const Pool *pool, const Pool *whole) {
        for (ObjectClass c = 0; c < _CLASS_MAX; c++)
                if (pool->objects[c].n != whole->objects[c].n)
                        return false;
        return true;
}

static int open_and_use(const char *dir, void *userdata) {
        const Pool *whole = userdata;
        const DbSource database = db_in_folder(dir);
        UnreadableRows rows = {};
        char *problem = NULL;
        StoreMeta meta = {};
        Pool *pool = NULL;
        Db *s = NULL;
        int r;

        r = store_open(&database, 1 << 20, 1 << 24, &problem, &s);
        r = r ?: store_load(s, NULL, NULL, &pool, &meta, &rows, &problem);
        if (r < 0)
                return problem && *problem ? CHILD_REFUSED : CHILD_REFUSED_SILENTLY;
        /* Each row that is missing is named. */
        if (rows.n > 0)
                return CHILD_REFUSED;
        if (!has_all(pool, whole) || meta.epoch != 7)
                return CHILD_LACKS_SOMETHING;
        return CHILD_HAS_ALL;
}

static void a_damaged_pool_is_whole_or_refused(void **state) {
        _cleanup_free_ char *good = path_join(*state, "good"), *bad = path_join(*state, "bad");
        _cleanup_(pool_freep) Pool *pool = make_pool();
        DamageCounts counts = {};

        assert_int_equal(mkdir_parents(good, 0700), 0);
        assert_int_equal(mkdir_parents(bad, 0700), 0);
        write_pool(good, pool);
        assert_int_equal(damage_rounds(good, bad, ROUNDS, open_and_use, pool, &counts), 0);
        assert_true(counts.n_refused > ROUNDS / 3);
        assert_true(counts.n_whole > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_damaged_pool_is_whole_or_refused, make_dir, drop_dir),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
