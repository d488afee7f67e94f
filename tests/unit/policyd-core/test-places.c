/*
 * Places where starts failed: what counts, when it ends, and what the decider makes of it
 */

#include "policyd/decide/place-health.h"
#include "policyd/decide/scores.h"
#include "tests/unit/policyd-core/world.h"

#define MINUTE UINT64_C(60000000)
#define LAST_FOR (10 * MINUTE)
#define NOW (1000 * MINUTE)

/* The noun alone: two hosts, of which a has two PGPUs. */
typedef struct Record {
        PlaceHealth *health;
        Uuid a, b, a1, a2, b1;
} Record;

static Uuid id(uint8_t n) {
        return (Uuid){.bytes = {n}};
}

static Record record_new(void) {
        Record r = {.health = place_health_new(LAST_FOR),
                .a = id(1),
                .b = id(2),
                .a1 = id(3),
                .a2 = id(4),
                .b1 = id(5)};

        assert_non_null(r.health);
        return r;
}

static void record_done(Record *r) {
        r->health = place_health_free(r->health);
}
#define _cleanup_record_ _cleanup_(record_done)

static StartPlaces at(const Uuid *host, const Uuid *pgpu) {
        return (StartPlaces){.host = *host, .pgpus = pgpu, .n_pgpus = pgpu ? 1 : 0};
}

static void fails(Record *r, uint8_t vm, const Uuid *host, const Uuid *pgpu, uint64_t now) {
        StartPlaces where = at(host, pgpu);
        Uuid v = id((uint8_t) (100 + vm));

        assert_int_equal(place_health_failed(r->health, &v, &where, "It broke.", now), 0);
}

static void starts(Record *r, uint8_t vm, const Uuid *host, const Uuid *pgpu, uint64_t now) {
        StartPlaces where = at(host, pgpu);
        Uuid v = id((uint8_t) (100 + vm));

        place_health_started(r->health, &v, &where, now);
}

#define assert_stands(r, place, now, standing)                                                               \
        assert_string_equal(                                                                                 \
                place_standing_to_string(place_health_of((r)->health, (place), (now), NULL)), standing)

static void a_failure_alone_counts_against_nobody(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        fails(&r, 1, &r.a, &r.a1, NOW + 1);
        fails(&r, 1, &r.a, &r.a1, NOW + 2);
        assert_stands(&r, &r.a, NOW + 2, "good");
        assert_stands(&r, &r.a1, NOW + 2, "good");
        assert_true(place_health_next(r.health, NOW + 2) == UINT64_MAX);
}

static void it_counts_when_the_vm_starts_elsewhere(void **state) {
        _cleanup_record_ Record r = record_new();
        PlaceReport report;

        fails(&r, 1, &r.a, &r.a1, NOW);
        starts(&r, 1, &r.b, &r.b1, NOW + MINUTE);
        assert_stands(&r, &r.b, NOW + MINUTE, "good");
        assert_stands(&r, &r.a1, NOW + MINUTE, "last");
        assert_stands(&r, &r.a2, NOW + MINUTE, "good");
        assert_int_equal(place_health_of(r.health, &r.a, NOW + MINUTE, &report), PLACE_LAST);
        assert_int_equal(report.n_vms, 1);
        assert_true(report.until == NOW + MINUTE + LAST_FOR);
        assert_string_equal(report.words, "It broke.");
        assert_true(place_health_next(r.health, NOW + MINUTE) == report.until);
}

/* On another PGPU of the same host: then the host is none to blame. */
static void the_host_is_cleared_by_its_other_pgpu(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        starts(&r, 1, &r.a, &r.a2, NOW);
        assert_stands(&r, &r.a, NOW, "good");
        assert_stands(&r, &r.a1, NOW, "last");
        assert_stands(&r, &r.a2, NOW, "good");
}

static void it_counts_when_a_second_vm_fails_there(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        fails(&r, 2, &r.a, &r.a2, NOW + MINUTE);
        assert_stands(&r, &r.a, NOW + MINUTE, "last");
        assert_stands(&r, &r.a1, NOW + MINUTE, "good");
        assert_stands(&r, &r.a2, NOW + MINUTE, "good");
}

static void it_comes_last_for_ten_minutes(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        starts(&r, 1, &r.b, &r.b1, NOW);
        assert_stands(&r, &r.a, NOW + LAST_FOR - 1, "last");
        assert_stands(&r, &r.a, NOW + LAST_FOR, "good");
        assert_true(place_health_next(r.health, NOW + LAST_FOR) == UINT64_MAX);

        /* What was is not forgotten: the next failure there is a second one. */
        fails(&r, 2, &r.a, &r.a1, NOW + 2 * LAST_FOR);
        assert_stands(&r, &r.a, NOW + 2 * LAST_FOR, "last");
}

static void it_comes_last_until_a_vm_starts_there(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        starts(&r, 1, &r.b, &r.b1, NOW);
        starts(&r, 2, &r.a, &r.a2, NOW);
        assert_stands(&r, &r.a, NOW, "good");
        assert_stands(&r, &r.a1, NOW, "last");
        starts(&r, 3, &r.a, &r.a1, NOW);
        assert_stands(&r, &r.a1, NOW, "good");
}

static void it_comes_last_until_somebody_clears_it(void **state) {
        _cleanup_record_ Record r = record_new();

        fails(&r, 1, &r.a, &r.a1, NOW);
        starts(&r, 1, &r.b, &r.b1, NOW);
        place_health_clear(r.health, &r.a1);
        assert_stands(&r, &r.a1, NOW, "good");
        assert_stands(&r, &r.a, NOW, "last");
        place_health_clear(r.health, &r.a);
        assert_stands(&r, &r.a, NOW, "good");
}

static void three_vms_make_it_suspect(void **state) {
        _cleanup_record_ Record r = record_new();
        PlaceReport report;

        fails(&r, 1, &r.a, &r.a1, NOW);
        fails(&r, 2, &r.a, &r.a1, NOW);
        fails(&r, 2, &r.a, &r.a1, NOW);
        assert_stands(&r, &r.a1, NOW, "last");
        fails(&r, 3, &r.a, &r.a1, NOW);
        assert_int_equal(place_health_of(r.health, &r.a1, NOW, &report), PLACE_SUSPECT);
        assert_int_equal(report.n_vms, 3);

        /* Time alone mends nothing. */
        assert_stands(&r, &r.a1, NOW + 100 * LAST_FOR, "suspect");
        place_health_clear(r.health, &r.a1);
        assert_stands(&r, &r.a1, NOW, "good");
}

/* While all failed on one PGPU, that is what is suspect. */
static void a_host_is_suspect_for_more_than_one_pgpu(void **state) {
        _cleanup_record_ Record r = record_new();

        for (uint8_t vm = 1; vm <= 3; vm++)
                fails(&r, vm, &r.a, &r.a1, NOW);
        assert_stands(&r, &r.a, NOW, "last");
        fails(&r, 4, &r.a, &r.a2, NOW);
        assert_stands(&r, &r.a, NOW, "suspect");
        assert_stands(&r, &r.a2, NOW, "good");

        for (uint8_t vm = 5; vm <= 7; vm++)
                fails(&r, vm, &r.b, NULL, NOW);
        assert_stands(&r, &r.b, NOW, "suspect");
}

/* What fails on every host that it is tried on may itself be bad, and two of many hosts are tried. */
static void vms_that_failed_on_several_hosts_make_none_suspect(void **state) {
        _cleanup_record_ Record r = record_new();

        for (uint8_t vm = 1; vm <= 5; vm++) {
                fails(&r, vm, &r.a, vm % 2 ? &r.a1 : &r.a2, NOW);
                fails(&r, vm, &r.b, &r.b1, NOW);
        }
        assert_stands(&r, &r.a, NOW, "last");
        assert_stands(&r, &r.a1, NOW, "last");
        assert_stands(&r, &r.b, NOW, "last");
        assert_stands(&r, &r.b1, NOW, "last");
        assert_stands(&r, &r.a, NOW + LAST_FOR, "good");

        /* Until they start elsewhere: then the places were to blame. */
        starts(&r, 1, &(Uuid){.bytes = {9}}, NULL, NOW);
        starts(&r, 2, &(Uuid){.bytes = {9}}, NULL, NOW);
        assert_stands(&r, &r.a, NOW, "last");
        starts(&r, 3, &(Uuid){.bytes = {9}}, NULL, NOW);
        assert_stands(&r, &r.a, NOW, "suspect");
        assert_stands(&r, &r.b1, NOW, "suspect");
}

static void a_vm_that_fails_everywhere_harms_no_place(void **state) {
        _cleanup_record_ Record r = record_new();

        for (uint8_t vm = 1; vm <= 5; vm++) {
                fails(&r, vm, &r.a, &r.a1, NOW);
                fails(&r, vm, &r.b, &r.b1, NOW);
                place_health_failed_everywhere(r.health, &(Uuid){.bytes = {(uint8_t) (100 + vm)}});
        }
        assert_stands(&r, &r.a, NOW, "good");
        assert_stands(&r, &r.a1, NOW, "good");
        assert_stands(&r, &r.b, NOW, "good");
        assert_stands(&r, &r.b1, NOW, "good");

        /* Nor does it help another's failure to count. */
        fails(&r, 6, &r.a, &r.a1, NOW);
        assert_stands(&r, &r.a, NOW, "good");
}

static void what_is_noted_has_an_end(void **state) {
        _cleanup_record_ Record r = record_new();
        Uuid vm = {};

        for (uint32_t i = 1; i <= 2100; i++) {
                StartPlaces where = at(&r.a, &r.a1);

                memcpy(vm.bytes, &i, sizeof(i));
                assert_int_equal(place_health_failed(r.health, &vm, &where, "x", NOW), 0);
        }
        assert_stands(&r, &r.a1, NOW, "suspect");
}

/* In the pool */

static void stand(Pair *p, Pgpu *pgpu, PlaceStanding standing) {
        assert_int_equal(pool_set_pgpu_standing(p->w->pool, pgpu, standing, "Starts failed there."), 0);
}

static void stand_host(Pair *p, Host *h, PlaceStanding standing) {
        assert_int_equal(pool_set_host_standing(p->w->pool, h, standing, "Starts failed there."), 0);
}

static void a_host_comes_last(void **state) {
        static const GroupAlgorithm algorithms[] = {
                ALGORITHM_DEPTH_FIRST, ALGORITHM_BREADTH_FIRST, ALGORITHM_BEST_FIT};

        for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
                _cleanup_pair_ Pair p = pair_new();

                pool_set_group_algorithm(p.w->pool, p.w->groups[K1], algorithms[i]);
                stand_host(&p, p.alpha, PLACE_LAST);
                for (int k = 0; k < 32; k++)
                        assert_ptr_equal(pair_start(&p, K100)->host, p.beta);
                /* beta is full now. */
                assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
                stand_host(&p, p.alpha, PLACE_GOOD);
                assert_false(p.alpha->uneven);
        }
}

static void a_pgpu_comes_last_in_its_group(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        stand(&p, p.a[0], PLACE_LAST);
        assert_ptr_equal(pair_start(&p, K100), p.a[1]);
        for (int k = 0; k < 55; k++)
                assert_ptr_not_equal(pair_start(&p, K100), p.a[0]);
        assert_ptr_equal(pair_start(&p, K100), p.a[0]);
}

/* Two VGPUs go to good PGPUs where that can be, though one of them would fill the other better. */
static void several_vgpus_keep_away_from_it_together(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "two", K140Q, K140Q, _WORLD_TYPE_MAX);
        Allocation a;

        world_resident(p.w, p.a[0], K140Q);
        stand(&p, p.a[0], PLACE_LAST);
        a = world_start_on(p.w, vm, p.alpha);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_ptr_not_equal(a.pgpus[0], p.a[0]);
        assert_ptr_not_equal(a.pgpus[1], p.a[0]);
        allocation_done(&a);

        for (int i = 1; i < 4; i++)
                world_resident(p.w, p.a[i], K100);
        a = world_start_on(p.w, vm, p.alpha);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_ptr_equal(a.pgpus[0], p.a[0]);
        assert_ptr_equal(a.pgpus[1], p.a[0]);
        allocation_done(&a);
}

/* The others of its group decide whether it is left out, and they are not noted for it. */
static void the_checker_asks_no_suspect(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        bool same;

        for (size_t i = 0; i < 4; i++)
                stand(&p, p.a[i], PLACE_SUSPECT);
        assert_ptr_equal(pair_start(&p, K100)->host, p.beta);
        assert_decided_alike(p.w, &(AllocRequest){.vm = world_vm(p.w, "vm", K100, _WORLD_TYPE_MAX)});
        assert_false(pgpu_capacity(p.a[0], p.w->types[K100]) > 0);
        pool_set_host_enabled(p.w->pool, p.beta, false);
        assert_true(pgpu_capacity(p.a[0], p.w->types[K100]) > 0);
        assert_int_equal(scores_check(p.w->pool, p.alpha, &same), 0);
        assert_true(same);
        assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
}

static void a_suspect_pgpu_is_left_out(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, _WORLD_TYPE_MAX);
        Allocation a;

        for (int i = 0; i < 4; i++)
                stand(&p, p.a[i], PLACE_SUSPECT);
        for (int k = 0; k < 32; k++)
                assert_ptr_equal(pair_start(&p, K100)->host, p.beta);

        a = world_start(p.w, vm);
        assert_refused(&a.refusal, ERROR_PGPU_UNHEALTHY, "alpha", "left out", "starts failed there",
                "pgpu-clear-health", "1 suspect", NULL);
        allocation_done(&a);
        a = world_start_on(p.w, vm, p.alpha);
        assert_refused(&a.refusal, ERROR_PGPU_UNHEALTHY, "alpha", NULL);
        allocation_done(&a);
        assert_int_equal(group_capacity(p.w->groups[K1], p.w->types[K100], NULL), 0);

        stand(&p, p.a[2], PLACE_GOOD);
        assert_int_equal(group_capacity(p.w->groups[K1], p.w->types[K100], NULL), 8);
        assert_ptr_equal(pair_start(&p, K100), p.a[2]);
}

/* Every number of suspect functions beside every number of VMs: what is left is what nobody has. */
static void suspect_functions_take_their_share(void **state) {
        for (uint32_t n_suspect = 0; n_suspect <= 8; n_suspect++) {
                _cleanup_pair_ Pair p = pair_new();
                PgpuVerdict v;

                for (int i = 1; i < 4; i++)
                        pool_set_pgpu_present(p.w->pool, p.a[i], false);
                pool_set_host_enabled(p.w->pool, p.beta, false);
                assert_int_equal(pool_set_pgpu_division(p.w->pool, p.a[0], "ours 8"), 0);
                pool_set_pgpu_suspects(p.w->pool, p.a[0], n_suspect);
                for (uint32_t n = 0; n < 8 - n_suspect; n++) {
                        pgpu_verdict(p.a[0], p.w->types[K100], NULL, &v);
                        assert_int_equal(v.capacity, 8 - n_suspect - n);
                        assert_ptr_equal(pair_start(&p, K100), p.a[0]);
                }
                pgpu_verdict(p.a[0], p.w->types[K100], NULL, &v);
                assert_int_equal(v.capacity, 0);
                assert_int_equal(v.code, n_suspect == 8 ? ERROR_PGPU_UNHEALTHY : ERROR_PGPU_INSUFFICIENT_CAPACITY);
                assert_int_equal(p.a[0]->used, PGPU_SIZE);
                pool_set_pgpu_suspects(p.w->pool, p.a[0], 0);
                pgpu_verdict(p.a[0], p.w->types[K100], NULL, &v);
                assert_int_equal(v.capacity, n_suspect);
        }
}

static void a_suspect_host_is_left_out(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        stand_host(&p, p.alpha, PLACE_SUSPECT);
        assert_ptr_equal(pair_start(&p, K100)->host, p.beta);
        assert_int_equal(pgpu_capacity(p.a[0], p.w->types[K100]), 0);
}

/* Without it the group would have nothing: it is tried all the same, and left out again once it is not alone.
 */
static void the_last_of_a_group_is_not_left_out(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
        stand_host(&p, p.alpha, PLACE_SUSPECT);
        assert_ptr_equal(pair_start(&p, K100)->host, p.beta);
        pool_set_host_state(p.w->pool, p.beta, HOST_OFFLINE, "Cut.");
        assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
        pool_set_host_state(p.w->pool, p.beta, HOST_ONLINE, "");
        assert_ptr_equal(pair_start(&p, K100)->host, p.beta);
        stand_host(&p, p.beta, PLACE_SUSPECT);
        assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
}

static void a_reservation_is_made_elsewhere(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ Pgpu **pgpus = NULL;

        stand_host(&p, p.alpha, PLACE_LAST);
        assert_int_equal(
                holds_in_words(p.w->pool, p.w->groups[K1], p.w->types[K100], 32, &pgpus, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        for (int i = 0; i < 32; i++)
                assert_ptr_equal(pgpus[i]->host, p.beta);
}

/* What is held for a start is where it goes, since that room was promised. */
static void what_is_held_comes_first_all_the_same(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *vm = world_vm(p.w, "vm", K100, _WORLD_TYPE_MAX);
        Uuid id_of = world_id(p.w);
        AllocRequest request = {.vm = vm};
        _cleanup_(allocation_done) Allocation a = {};
        Reservation *r;

        assert_int_equal(
                pool_add_reservation(p.w->pool, &id_of, 0, "mine", p.w->groups[K1], p.w->types[K100], 1, &r),
                0);
        assert_int_equal(pool_hold(p.w->pool, r, p.a[3]), 0);
        stand(&p, p.a[3], PLACE_LAST);
        request.reservation = r;
        assert_int_equal(allocate_in_words(p.w->pool, &request, NULL, &a), 0);
        assert_ptr_equal(a.pgpus[0], p.a[3]);
}

static void places_that_go_leave_no_trace(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        stand(&p, p.a[0], PLACE_LAST);
        stand(&p, p.b[0], PLACE_SUSPECT);
        assert_int_equal(p.w->pool->n_uneven, 2);
        pool_remove(p.w->pool, &p.a[0]->object);
        assert_int_equal(p.w->pool->n_uneven, 1);
        pool_remove(p.w->pool, &p.beta->object);
        assert_int_equal(p.w->pool->n_uneven, 0);
        assert_ptr_equal(pair_start(&p, K100), p.a[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_failure_alone_counts_against_nobody),
                cmocka_unit_test(it_counts_when_the_vm_starts_elsewhere),
                cmocka_unit_test(the_host_is_cleared_by_its_other_pgpu),
                cmocka_unit_test(it_counts_when_a_second_vm_fails_there),
                cmocka_unit_test(it_comes_last_for_ten_minutes),
                cmocka_unit_test(it_comes_last_until_a_vm_starts_there),
                cmocka_unit_test(it_comes_last_until_somebody_clears_it),
                cmocka_unit_test(three_vms_make_it_suspect),
                cmocka_unit_test(a_host_is_suspect_for_more_than_one_pgpu),
                cmocka_unit_test(vms_that_failed_on_several_hosts_make_none_suspect),
                cmocka_unit_test(a_vm_that_fails_everywhere_harms_no_place),
                cmocka_unit_test(what_is_noted_has_an_end),
                cmocka_unit_test(a_host_comes_last),
                cmocka_unit_test(a_pgpu_comes_last_in_its_group),
                cmocka_unit_test(several_vgpus_keep_away_from_it_together),
                cmocka_unit_test(the_checker_asks_no_suspect),
                cmocka_unit_test(a_suspect_pgpu_is_left_out),
                cmocka_unit_test(suspect_functions_take_their_share),
                cmocka_unit_test(a_suspect_host_is_left_out),
                cmocka_unit_test(the_last_of_a_group_is_not_left_out),
                cmocka_unit_test(a_reservation_is_made_elsewhere),
                cmocka_unit_test(what_is_held_comes_first_all_the_same),
                cmocka_unit_test(places_that_go_leave_no_trace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
