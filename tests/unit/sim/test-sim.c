/*
 * The simulator: what its numbers mean
 *
 * Small pools and traces whose outcome can be worked out by hand, and what must hold for every trace: the
 * same seed is the same trace, and no algorithm refuses fewer than the bound.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/bound.h"
#include "tests/sim/compare.h"

/* One host with one card of two PGPUs. */
static const char small[] = "{\"types\": {\"half\": 2, \"quarter\": 4},"
                            " \"cards\": {\"card\": {\"pgpus\": 2, \"types\": [\"half\", \"quarter\"]}},"
                            " \"hosts\": [{\"name\": \"alpha\", \"cards\": [\"card\"]}]}";

static Shape shape_of(const char *text) {
        char error[512];
        Shape s;

        if (shape_parse(text, strlen(text), &s, error, sizeof(error)) < 0)
                fail_msg("%s", error);
        return s;
}

static Trace trace_of(const Shape *s, const char *text) {
        char error[512];
        Trace t;

        if (trace_parse(s, text, strlen(text), &t, error, sizeof(error)) < 0)
                fail_msg("%s", error);
        return t;
}

static Outcome outcome_of(const char *shape, const char *trace, GroupAlgorithm a) {
        _cleanup_shape_ Shape s = shape_of(shape);
        _cleanup_trace_ Trace t = trace_of(&s, trace);
        Outcome o;

        assert_int_equal(replay(&s, &t, a, NULL, &o), 0);
        return o;
}

static void assert_near(double value, double expected) {
        if (fabs(value - expected) > 1e-6)
                fail_msg("%g is not %g", value, expected);
}

static void room_is_given_back(void **state) {
        const char *trace = "{\"at\": 0, \"stay\": 10, \"vgpus\": [\"card:passthrough\"]}\n"
                            "{\"at\": 1, \"stay\": 10, \"vgpus\": [\"half\", \"half\"]}\n"
                            "{\"at\": 2, \"stay\": 10, \"vgpus\": [\"half\"]}\n"
                            "\n"
                            "{\"at\": 11, \"stay\": 10, \"vgpus\": [\"half\"]}\n";
        Outcome o = outcome_of(small, trace, ALGORITHM_DEPTH_FIRST);

        assert_int_equal(o.n_arrivals, 4);
        assert_int_equal(o.n_refused, 1);
        assert_near(o.refused_size, 0.5);
        assert_near(o.asked_size, 3.0);
        assert_int_equal(o.opened_most, 2);
        assert_int_equal(o.n_openings, 3);
        /* One PGPU for a second, two for nine, one for one. */
        assert_near(o.opened, 20.0 / 11);
        assert_near(o.stranded, 0);
}

static void stranded_room_is_what_others_cannot_use(void **state) {
        const char *trace = "{\"at\": 0, \"stay\": 100, \"vgpus\": [\"quarter\"]}\n"
                            "{\"at\": 5, \"stay\": 100, \"vgpus\": [\"half\"]}\n"
                            "{\"at\": 10, \"stay\": 100, \"vgpus\": [\"half\"]}\n"
                            "{\"at\": 10, \"stay\": 100, \"vgpus\": [\"half\"]}\n";
        Outcome o = outcome_of(small, trace, ALGORITHM_BEST_FIT);

        /* The third half finds only quarters' room. */
        assert_int_equal(o.n_refused, 1);
        assert_int_equal(o.refused_by_type[0], 1);
        assert_near(o.stranded, (5 * 0.75 + 5 * 1.25) / 10);
}

static void bound_of_a_full_pool_is_exact(void **state) {
        _cleanup_shape_ Shape s = shape_of(small);
        const char *trace = "{\"at\": 0, \"stay\": 9, \"vgpus\": [\"half\"]}\n{\"at\": 1, \"stay\": 9, "
                            "\"vgpus\": [\"half\"]}\n"
                            "{\"at\": 2, \"stay\": 9, \"vgpus\": [\"half\"]}\n{\"at\": 3, \"stay\": 9, "
                            "\"vgpus\": [\"half\"]}\n"
                            "{\"at\": 4, \"stay\": 9, \"vgpus\": [\"half\"]}\n{\"at\": 5, \"stay\": 9, "
                            "\"vgpus\": [\"half\"]}\n"
                            "{\"at\": 20, \"stay\": 9, \"vgpus\": [\"half\"]}\n";
        _cleanup_trace_ Trace t = trace_of(&s, trace);
        double bound;

        assert_int_equal(refusal_bound(&s, &t, &bound), 0);
        assert_true(bound > 1.9 && bound <= 2.0 + 1e-6);
}

static void nobody_is_below_the_bound(void **state) {
        for (size_t pool = 0; pool < COMPARE_POOLS; pool++) {
                _cleanup_shape_ Shape s = shape_of(shape_text(pool == 0 ? "even" : "unequal"));

                for (Mix m = 0; m < _MIX_MAX; m++)
                        for (uint64_t seed = 1; seed <= 2; seed++) {
                                _cleanup_trace_ Trace t = {};
                                double bound;

                                assert_int_equal(mix_generate(m, &s, 1.3, seed, &t), 0);
                                assert_int_equal(refusal_bound(&s, &t, &bound), 0);
                                assert_true(bound > 0);
                                for (GroupAlgorithm a = 0; a < _GROUP_ALGORITHM_MAX; a++) {
                                        Outcome o;

                                        assert_int_equal(replay(&s, &t, a, NULL, &o), 0);
                                        assert_int_equal(o.n_arrivals, t.n);
                                        assert_true((double) o.n_refused >= bound - 1e-6);
                                }
                        }
        }
}

/* Written and read again, a generated trace is the same; another seed is another one. */
static void traces_follow_their_seed(void **state) {
        _cleanup_shape_ Shape s = shape_of(shape_text("even"));
        _cleanup_trace_ Trace a = {}, b = {}, c = {};

        assert_int_equal(mix_generate(MIX_BURSTS, &s, 0.9, 7, &a), 0);
        assert_int_equal(mix_generate(MIX_BURSTS, &s, 0.9, 7, &b), 0);
        assert_int_equal(mix_generate(MIX_BURSTS, &s, 0.9, 8, &c), 0);
        assert_int_equal(a.n, b.n);
        for (size_t i = 0; i < a.n; i++) {
                _cleanup_free_ char *text = arrival_to_text(&s, &a.items[i]);
                _cleanup_trace_ Trace again = trace_of(&s, text);

                assert_true(a.items[i].at == b.items[i].at && a.items[i].stay == b.items[i].stay);
                assert_int_equal(a.items[i].vgpus[0].type, b.items[i].vgpus[0].type);
                assert_int_equal(a.items[i].vgpus[0].type == TYPE_PASSTHROUGH_INDEX, i % 10 == 9);
                assert_int_equal(again.items[0].vgpus[0].type, a.items[i].vgpus[0].type);
                assert_int_equal(again.items[0].vgpus[0].group, a.items[i].vgpus[0].group);
        }
        assert_true(a.items[0].at != c.items[0].at);
}

/* What is there at the end of the hour is the load that was asked for, in the busier group. */
static void the_load_is_what_was_asked_for(void **state) {
        _cleanup_shape_ Shape s = shape_of(shape_text("even"));
        double sizes[2] = {};

        for (uint64_t seed = 1; seed <= 30; seed++) {
                _cleanup_trace_ Trace t = {};

                assert_int_equal(mix_generate(MIX_MORNING, &s, 0.9, seed, &t), 0);
                for (size_t i = 0; i < t.n; i++)
                        sizes[t.items[i].vgpus[0].group] += arrival_size(&s, &t.items[i]) / 30;
        }
        assert_true(fabs(sizes[0] / 128 - 0.9) < 0.01);
        assert_true(sizes[1] / 32 < 0.9);
}

static void means_have_intervals(void **state) {
        const double values[] = {1, 2, 3, 4};
        Mean m = mean_of(values, ARRAY_SIZE(values));

        assert_near(m.mean, 2.5);
        /* t(3) = 3.182; the expansion is good to a percent there, and better with more values. */
        assert_true(fabs(m.half - 3.182 * 1.290994 / 2) < 0.06);
        assert_near(mean_of(values, 1).half, 0);
}

/* A typing error is no refusal. */
static void a_type_of_another_group_is_bad_input(void **state) {
        _cleanup_shape_ Shape s = shape_of(shape_text("even"));
        const char *line = "{\"at\": 0, \"stay\": 1, \"vgpus\": [\"K1:K200\"]}";
        char error[512];
        Trace t;

        assert_int_equal(trace_parse(&s, line, strlen(line), &t, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "'K1:K200'"));
}

static void bad_input_is_named(void **state) {
        static const struct {
                const char *text, *word;
        } shapes[] = {
                {"[]", ""},
                {"{\"types\": {\"half\": 0}, \"cards\": {}, \"hosts\": []}", "half"},
                {"{\"types\": {}, \"cards\": {\"card\": {\"pgpus\": 2, \"types\": [\"half\"]}}, \"hosts\": "
                 "[]}",
                        "'half'"},
                {"{\"types\": {}, \"cards\": {\"card\": {\"pgpus\": 99, \"types\": []}}, \"hosts\": []}",
                        "pgpus"},
                {"{\"types\": {}, \"cards\": {}, \"hosts\": [{\"name\": \"a\", \"cards\": [\"K9\"]}]}",
                        "'K9'"},
                {"{\"types\": {}, \"cards\": {}, \"hosts\": [{\"name\": \"a\", \"count\": 99999999, "
                 "\"cards\": []}]}",
                        "count"},
                {"{\"types\": {\"half:full\": 2}, \"cards\": {}, \"hosts\": []}", "half:full"},
                {"{\"types\": {\"passthrough\": 1}, \"cards\": {}, \"hosts\": []}", "passthrough"},
        };
        static const struct {
                const char *text, *word;
        } traces[] = {
                {"{\"at\": 0, \"stay\": 1, \"vgpus\": [\"third\"]}", "'third'"},
                {"{\"at\": 0, \"stay\": 1, \"vgpus\": [\"passthrough\"]}", "GROUP:TYPE"},
                {"{\"at\": 0, \"stay\": -1, \"vgpus\": []}", "stay"},
                {"{\"at\": 1, \"stay\": 1, \"vgpus\": []}\n{\"at\": 0, \"stay\": 1, \"vgpus\": []}",
                        "line 2"},
                {"{\"at\": 0}", "stay"},
                {"x", "line 1"},
        };
        _cleanup_shape_ Shape s = shape_of(small);
        char error[512];

        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
                Shape bad;

                assert_int_equal(
                        shape_parse(shapes[i].text, strlen(shapes[i].text), &bad, error, sizeof(error)),
                        -EINVAL);
                assert_non_null(strstr(error, shapes[i].word));
        }
        for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
                Trace t;

                assert_int_equal(
                        trace_parse(&s, traces[i].text, strlen(traces[i].text), &t, error, sizeof(error)),
                        -EINVAL);
                assert_non_null(strstr(error, traces[i].word));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(room_is_given_back),
                cmocka_unit_test(stranded_room_is_what_others_cannot_use),
                cmocka_unit_test(bound_of_a_full_pool_is_exact),
                cmocka_unit_test(nobody_is_below_the_bound),
                cmocka_unit_test(traces_follow_their_seed),
                cmocka_unit_test(the_load_is_what_was_asked_for),
                cmocka_unit_test(means_have_intervals),
                cmocka_unit_test(a_type_of_another_group_is_bad_input),
                cmocka_unit_test(bad_input_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
