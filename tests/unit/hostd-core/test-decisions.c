/*
 * Enablement and epochs: what an administrator and a master may do
 */

#include "hostd/core/enablement.h"
#include "hostd/core/epoch.h"
#include "hostd/core/idset.h"
#include "tests/unit/hostd-core/test.h"

#define K100 "0001:nvidia,0ff2,,0fe7,101e"
#define K140Q "0001:nvidia,0ff2,,0ff7,1037"
#define TWIN "0001:nvidia,0ff2,1012,0ff7,1037"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SET(...) ((char *[]){ __VA_ARGS__, NULL })

static const HostType types[] = {
        { .identifier = (char *) PASSTHROUGH_IDENTIFIER, .model_name = (char *) "passthrough" },
        { .identifier = (char *) K100, .model_name = (char *) "GRID K100" },
        { .identifier = (char *) K140Q, .model_name = (char *) "GRID K140Q" },
        { .identifier = (char *) TWIN, .model_name = (char *) "GRID K140Q" },
};

static Pgpu k1_with(char **supported) {
        return (Pgpu){ .address = { 0, 0x84, 0, 0 }, .supported = supported };
}

static void assert_enabled(const Enablement *e, char **supported, const char *const *expected) {
        char **enabled;

        assert_ok(enablement_enabled(e, supported, &enabled));
        assert_int_equal(strv_count(enabled), strv_count((char **) expected));
        for (size_t n = 0; expected[n]; n++)
                assert_string_equal(enabled[n], expected[n]);
        strv_free(enabled);
}

/* Applies a change, and gives the code of a refusal. */
static ErrorCode change_busy(Enablement *e, const Pgpu *p, EnablementChange change, const char *const *wanted,
        const char *const *busy) {
        _cleanup_refusal_ Refusal refusal = {};
        Enablement next;

        assert_ok(enablement_change(e, p, types, ARRAY_SIZE(types), change, wanted, busy, &next, &refusal));
        if (refusal.code == ERROR_NONE) {
                enablement_done(e);
                *e = next;
        } else
                assert_contains(refusal.message, "0000:84:00.0");
        return refusal.code;
}

static ErrorCode change(Enablement *e, const Pgpu *p, EnablementChange kind, const char *const *wanted) {
        return change_busy(e, p, kind, wanted, NULL);
}

static void new_types_come_enabled_and_disablement_survives(void **state) {
        char **both = SET((char *) K100, (char *) K140Q), **one = SET((char *) K140Q),
             **none = (char *[]){ NULL };
        Pgpu p = k1_with(both);
        bool changed;
        Enablement e = {};

        assert_enabled(&e, both, LIST(K100, K140Q));
        assert_ok(enablement_note_seen(&e, both, &changed));
        assert_true(changed);
        assert_ok(enablement_note_seen(&e, both, &changed));
        assert_false(changed);

        assert_int_equal(change(&e, &p, ENABLEMENT_REMOVE, LIST(K100)), ERROR_NONE);
        assert_enabled(&e, both, LIST(K140Q));

        /* The type's file goes, and comes back; meanwhile the administrator sets what is there. */
        p.supported = one;
        assert_int_equal(change(&e, &p, ENABLEMENT_SET, LIST(K140Q)), ERROR_NONE);
        assert_enabled(&e, none, (const char *const[]){ NULL });
        assert_enabled(&e, both, LIST(K140Q));
        p.supported = both;
        assert_int_equal(change(&e, &p, ENABLEMENT_ADD, LIST("GRID K100")), ERROR_NONE);
        assert_enabled(&e, both, LIST(K100, K140Q));
        enablement_done(&e);
}

/* What a driver update calls otherwise is the type that the administrator switched off. */
static void a_disabled_type_stays_so_under_a_new_identifier(void **state) {
        char *board = (char *) "0001:nvidia,13f2,115e,13f2,114e", *any = (char *) "0001:nvidia,13f2,,13f2,114e";
        char **before = SET(board), **after = SET(any), **both = SET(any, board);
        Enablement e = {}, other = {};
        bool changed;

        assert_ok(enablement_note_seen(&e, before, &changed));
        e.disabled = calloc(2, sizeof(char *));
        e.disabled[0] = strdup(board);
        assert_ok(enablement_note_seen(&e, after, &changed));
        assert_true(changed);
        assert_enabled(&e, after, (const char *const[]){ NULL });

        /* A card that supports both has two types, of which one is new. */
        other.disabled = calloc(2, sizeof(char *));
        other.disabled[0] = strdup(board);
        assert_ok(enablement_note_seen(&other, both, &changed));
        assert_enabled(&other, both, LIST(any));
        enablement_done(&e);
        enablement_done(&other);
}

static void setting_disables_the_rest(void **state) {
        char **all = SET((char *) PASSTHROUGH_IDENTIFIER, (char *) K100, (char *) K140Q);
        Pgpu p = k1_with(all);
        Enablement e = {};

        assert_int_equal(change(&e, &p, ENABLEMENT_SET, LIST("passthrough", K100)), ERROR_NONE);
        assert_enabled(&e, all, LIST(PASSTHROUGH_IDENTIFIER, K100));
        assert_int_equal(change(&e, &p, ENABLEMENT_SET, LIST(K140Q)), ERROR_NONE);
        assert_enabled(&e, all, LIST(K140Q));
        assert_int_equal(change(&e, &p, ENABLEMENT_SET, (const char *const[]){ NULL }), ERROR_NONE);
        assert_enabled(&e, all, (const char *const[]){ NULL });
        enablement_done(&e);
}

static void types_in_use_stay_enabled(void **state) {
        char **all = SET((char *) K100, (char *) K140Q);
        Pgpu p = k1_with(all);
        Enablement e = {};

        assert_int_equal(change_busy(&e, &p, ENABLEMENT_REMOVE, LIST(K140Q, K100), LIST(K100, K100)),
                ERROR_PGPU_IN_USE_BY_VM);
        assert_int_equal(
                change_busy(&e, &p, ENABLEMENT_SET, LIST(K140Q), LIST(K100)), ERROR_PGPU_IN_USE_BY_VM);
        assert_enabled(&e, all, LIST(K100, K140Q));
        assert_int_equal(change_busy(&e, &p, ENABLEMENT_SET, LIST(K100), LIST(K100)), ERROR_NONE);
        assert_enabled(&e, all, LIST(K100));

        /* One that still runs and was disabled before is nothing to disable. */
        assert_int_equal(change_busy(&e, &p, ENABLEMENT_SET, LIST(K100), LIST(K140Q)), ERROR_NONE);
        assert_enabled(&e, all, LIST(K100));
        enablement_done(&e);
}

static void names_must_be_known_and_unique(void **state) {
        char **all = SET((char *) K100, (char *) K140Q, (char *) TWIN, (char *) "0001:of-no-record");
        Pgpu p = k1_with(all);
        Enablement e = {};

        assert_int_equal(change(&e, &p, ENABLEMENT_ADD, LIST("GRID K200")), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_int_equal(
                change(&e, &p, ENABLEMENT_ADD, LIST(PASSTHROUGH_IDENTIFIER)), ERROR_VGPU_TYPE_NOT_SUPPORTED);
        assert_int_equal(change(&e, &p, ENABLEMENT_REMOVE, LIST("GRID K140Q")), ERROR_AMBIGUOUS_NAME);
        assert_int_equal(change(&e, &p, ENABLEMENT_REMOVE, LIST(TWIN)), ERROR_NONE);
        assert_int_equal(change(&e, &p, ENABLEMENT_REMOVE, LIST("0001:of-no-record")), ERROR_NONE);
        assert_int_equal(
                change_busy(&e, &p, ENABLEMENT_SET, LIST(K100), LIST(K140Q)), ERROR_PGPU_IN_USE_BY_VM);
        assert_enabled(&e, all, LIST(K100, K140Q));
        enablement_done(&e);
}

/* Claims, and gives the code of a refusal. */
static ErrorCode claim(HostClaim *held, uint64_t epoch, const char *pool, const char *instance) {
        _cleanup_refusal_ Refusal refusal = {};
        HostClaim next;

        assert_ok(epoch_claim(held, epoch, pool, instance, &next, &refusal));
        if (refusal.code == ERROR_NONE) {
                host_claim_done(held);
                *held = next;
        }
        return refusal.code;
}

static ErrorCode order(const HostClaim *held, uint64_t epoch) {
        _cleanup_refusal_ Refusal refusal = {};

        assert_ok(epoch_check_order(held, epoch, &refusal));
        return refusal.code;
}

static void higher_epoch_wins(void **state) {
        HostClaim c = {}, released;

        assert_int_equal(order(&c, 0), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&c, 7, "pool", "a"), ERROR_NONE);
        assert_int_equal(claim(&c, 7, "pool", "a"), ERROR_NONE);
        assert_int_equal(claim(&c, 7, "pool", "b"), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&c, 7, "elsewhere", "a"), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&c, 6, "pool", "a"), ERROR_STALE_EPOCH);
        assert_string_equal(c.instance, "a");
        assert_int_equal(order(&c, 6), ERROR_STALE_EPOCH);
        assert_int_equal(order(&c, 7), ERROR_NONE);
        assert_int_equal(order(&c, 8), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&c, 9, "pool", "b"), ERROR_NONE);
        assert_int_equal(order(&c, 7), ERROR_STALE_EPOCH);

        released = epoch_release(&c);
        assert_int_equal(released.epoch, 9);
        assert_int_equal(order(&released, 9), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&released, 8, "pool", "c"), ERROR_STALE_EPOCH);
        assert_int_equal(claim(&released, 9, "pool", "c"), ERROR_NONE);
        host_claim_done(&released);
        host_claim_done(&c);
}

static void claims_must_be_well_formed(void **state) {
        char longer[400];
        HostClaim c = {};

        memset(longer, 'x', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        assert_int_equal(claim(&c, 0, "pool", "a"), ERROR_INVALID_RECORD);
        assert_int_equal(claim(&c, UINT64_MAX, "pool", "a"), ERROR_INVALID_RECORD);
        assert_int_equal(claim(&c, 1, "pool", ""), ERROR_INVALID_RECORD);
        assert_int_equal(claim(&c, 1, longer, "a"), ERROR_INVALID_RECORD);
        assert_int_equal(claim(&c, 1, "pool", longer), ERROR_INVALID_RECORD);
        assert_int_equal(claim(&c, 1, "", "a"), ERROR_NONE);
        host_claim_done(&c);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(new_types_come_enabled_and_disablement_survives),
                cmocka_unit_test(a_disabled_type_stays_so_under_a_new_identifier),
                cmocka_unit_test(setting_disables_the_rest),
                cmocka_unit_test(types_in_use_stay_enabled),
                cmocka_unit_test(names_must_be_known_and_unique),
                cmocka_unit_test(higher_epoch_wins),
                cmocka_unit_test(claims_must_be_well_formed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
