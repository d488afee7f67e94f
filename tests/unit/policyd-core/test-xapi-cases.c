/*
 * XenServer's own unit cases, as far as they speak of the pool: each test is named by its case id
 *
 * The worlds are XenServer's fixtures: a K1 PGPU supports K100, K140Q and passthrough, a K2 PGPU K200, K240Q,
 * K260Q and passthrough; a pool of K1s is three hosts h, h', h'' with 0, 1 and 2 PGPUs in one group. Where we
 * answer better than XenServer (AV: the true reason instead of VM_REQUIRES_VGPU), the test says so.
 */

#include "tests/unit/policyd-core/world.h"

#define END _WORLD_TYPE_MAX

/* One PGPU, what is on it, and what it has left for a type. */

typedef struct CapacityCase {
        const char *id;
        Card card;
        WorldType resident[9], scheduled[9]; /* ended by END */
        WorldType query;
        uint32_t capacity;
} CapacityCase;

static const CapacityCase capacity_cases[] = {
        {"CAP-01", K1, {END}, {END}, K100, 8},
        {"CAP-02", K1, {END}, {END}, K140Q, 4},
        {"CAP-03", K1, {END}, {END}, PASSTHROUGH, 1},
        {"CAP-04", K2, {END}, {END}, K200, 8},
        {"CAP-05", K2, {END}, {END}, K240Q, 4},
        {"CAP-06", K2, {END}, {END}, K260Q, 2},
        {"CAP-07", K2, {END}, {END}, PASSTHROUGH, 1},
        {"CAP-08", K1, {PASSTHROUGH, END}, {END}, K100, 0},
        {"CAP-09", K1, {K100, END}, {END}, K140Q, 0},
        {"CAP-10", K2, {K200, END}, {END}, K240Q, 0},
        {"CAP-11", K2, {K260Q, END}, {END}, K200, 0},
        {"CAP-12", K1, {K100, K100, END}, {END}, K100, 6},
        {"CAP-13", K1, {K140Q, K140Q, END}, {END}, K140Q, 2},
        {"CAP-14", K1, {K140Q, END}, {END}, PASSTHROUGH, 0},
        {"CAP-15", K2, {K200, END}, {END}, K200, 7},
        {"CAP-16", K2, {K240Q, K240Q, K240Q, END}, {END}, K240Q, 1},
        {"CAP-17", K2, {K260Q, END}, {END}, K260Q, 1},
        {"CAP-18", K2, {PASSTHROUGH, END}, {END}, PASSTHROUGH, 0},
        {"CAP-19", K1, {END}, {K100, END}, K100, 7},
        {"CAP-20", K1, {END}, {K140Q, K140Q, K140Q, K140Q, END}, K140Q, 0},
        {"CAP-21", K1, {END}, {PASSTHROUGH, END}, K100, 0},
        {"CAP-22", K1, {END}, {PASSTHROUGH, END}, PASSTHROUGH, 0},
        {"CAP-23", K2, {END}, {K200, K200, END}, K200, 6},
        {"CAP-24", K2, {END}, {K260Q, END}, K240Q, 0},
        {"CAP-25", K2, {END}, {PASSTHROUGH, END}, K200, 0},
        {"CAP-26", K2, {K240Q, END}, {K240Q, END}, K240Q, 2},
        {"CAP-27", K1, {K100, K100, END}, {K100, END}, K100, 5},
        {"CAP-28", K1, {K100, END}, {K140Q, END}, K100, 0},
};

static void capacity_case(void **state) {
        const CapacityCase *c = *state;
        World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "h"), c->card);

        for (size_t i = 0; c->resident[i] != END; i++)
                world_resident(w, p, c->resident[i]);
        for (size_t i = 0; c->scheduled[i] != END; i++)
                world_scheduled(w, p, c->scheduled[i]);

        assert_int_equal(pgpu_capacity(p, w->types[c->query]), c->capacity);

        /* Not world_free(): CAP-28 mixes types, which the invariants forbid. */
        pool_free(w->pool);
        free(w);
}

/* Whether a K2 PGPU takes a type, and the code when not. */

typedef struct RunCase {
        const char *id;
        WorldType resident[9], disabled, query;
        ErrorCode code;
} RunCase;

static const RunCase run_cases[] = {
        {"PG-1", {END}, END, K260Q, ERROR_NONE},
        {"PG-2", {END}, END, K100, ERROR_VGPU_TYPE_NOT_SUPPORTED},
        {"PG-3", {K260Q, END}, END, K260Q, ERROR_NONE},
        {"PG-4", {K260Q, END}, END, K200, ERROR_VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE},
        {"PG-5", {END}, K200, K200, ERROR_VGPU_TYPE_NOT_ENABLED},
        {"PG-6", {END}, END, K140Q, ERROR_VGPU_TYPE_NOT_SUPPORTED},
        {"PG-7", {K260Q, K260Q, END}, END, K260Q, ERROR_PGPU_INSUFFICIENT_CAPACITY},
};

static void run_case(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "h"), K2);
        const RunCase *c = *state;
        PgpuVerdict v;

        for (size_t i = 0; c->resident[i] != END; i++)
                world_resident(w, p, c->resident[i]);
        if (c->disabled != END)
                world_disable_type(w, p, c->disabled);

        pgpu_verdict(p, w->types[c->query], NULL, &v);
        assert_int_equal(v.code, c->code);
        assert_int_equal(v.capacity == 0, c->code != ERROR_NONE);
}

static void types_of_k1_have_no_capacity_on_k2(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "h"), K2);

        assert_int_equal(pgpu_capacity(p, w->types[K100]), 0);
        assert_int_equal(pgpu_capacity(p, w->types[K140Q]), 0);
}

static void types_of_k2_have_no_capacity_on_k1(void **state) {
        _cleanup_world_ World *w = world_new();
        Pgpu *p = world_pgpu(w, world_host(w, "h"), K1);

        assert_int_equal(pgpu_capacity(p, w->types[K200]), 0);
        assert_int_equal(pgpu_capacity(p, w->types[K240Q]), 0);
        assert_int_equal(pgpu_capacity(p, w->types[K260Q]), 0);
}

static void capacity_decreases_to_nothing(void **state) {
        static const struct {
                WorldType type;
                uint32_t capacity;
        } cases[] = {{K200, 8}, {K240Q, 4}, {K260Q, 2}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_world_ World *w = world_new();
                Pgpu *p = world_pgpu(w, world_host(w, "h"), K2);

                for (uint32_t c = cases[i].capacity; c > 0; c--) {
                        assert_int_equal(pgpu_capacity(p, w->types[cases[i].type]), c);
                        world_resident(w, p, cases[i].type);
                }
                assert_int_equal(pgpu_capacity(p, w->types[cases[i].type]), 0);
        }
}

/* Moving PGPUs between groups. */

static Pgpu *pgpu_without_group(World *w) {
        Pgpu *p = world_pgpu(w, world_host(w, "h"), K2);

        assert_int_equal(pool_set_pgpu_group(w->pool, p, NULL), 0);
        return p;
}

static void an_empty_group_takes_a_free_pgpu(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Pgpu *p = pgpu_without_group(w);
        GpuGroup *g = world_group(w, "G");

        assert_int_equal(rule_pgpu_set_group(p, g, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        assert_int_equal(pool_set_pgpu_group(w->pool, p, g), 0);
        assert_string_equal(g->gpu_types[0], "10de/11bf");
        assert_null(g->gpu_types[1]);
}

static void a_group_of_other_cards_refuses_the_pgpu(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Pgpu *p = pgpu_without_group(w);
        GpuGroup *g = world_group(w, "G");

        assert_int_equal(pool_set_group_gpu_types(w->pool, g, (const char *const[]){"10de/0ff2", NULL}), 0);
        assert_int_equal(rule_pgpu_set_group(p, g, &refusal), 0);
        assert_refused(
                &refusal, ERROR_PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP, "10de/11bf", "10de/0ff2", "'G'", NULL);
}

static void a_pgpu_in_use_stays_in_its_group(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Pgpu *p = pgpu_without_group(w);

        assert_int_equal(pool_set_pgpu_group(w->pool, p, world_group(w, "G")), 0);
        world_resident(w, p, K200);
        assert_int_equal(rule_pgpu_set_group(p, world_group(w, "G'"), &refusal), 0);
        assert_refused(&refusal, ERROR_PGPU_IN_USE_BY_VM, "0000:80:00.0 of h is in use by VM 'vm-", NULL);
}

/* Beyond XenServer, which looks at resident VGPUs only and so races with a start. */
static void a_pgpu_that_is_booked_stays_in_its_group(void **state) {
        _cleanup_world_ World *w = world_new();
        _cleanup_refusal_ Refusal refusal = {};
        Pgpu *p = pgpu_without_group(w);

        assert_int_equal(pool_set_pgpu_group(w->pool, p, world_group(w, "G")), 0);
        world_scheduled(w, p, K200);
        assert_int_equal(rule_pgpu_set_group(p, world_group(w, "G'"), &refusal), 0);
        assert_refused(&refusal, ERROR_PGPU_IN_USE_BY_VM, "starting", NULL);
}

static bool lists(const PtrArray *a, World *w, WorldType t) {
        return ptr_array_contains(a, w->types[t]);
}

static void a_group_forgets_the_types_of_a_host_that_is_gone(void **state) {
        _cleanup_world_ World *w = world_new();
        Host *h = world_host(w, "h");
        Uuid id = world_pgpu(w, h, K2)->object.id;
        GpuGroup *g = w->groups[K2];

        assert_int_equal(g->supported.n, 4);
        assert_int_equal(g->enabled.n, 4);
        for (WorldType t = K200; t <= PASSTHROUGH; t++)
                assert_true(lists(&g->supported, w, t) && lists(&g->enabled, w, t));

        pool_remove(w->pool, &h->object);
        assert_null(pool_get(w->pool, CLASS_PGPU, &id));
        assert_int_equal(g->supported.n, 0);
        assert_int_equal(g->enabled.n, 0);
}

/* Three hosts of K1s. */

typedef struct K1s {
        World *w;
        Host *h[3];
        Pgpu *p1, *p2, *p2b;
} K1s;

static void k1s_done(K1s *k) {
        world_free(k->w);
}

static K1s k1s_new(void) {
        K1s k = {.w = world_new()};
        static const char *const names[] = {"h", "h'", "h''"};

        for (size_t i = 0; i < 3; i++)
                k.h[i] = world_host(k.w, names[i]);
        k.p1 = world_pgpu(k.w, k.h[1], K1);
        k.p2 = world_pgpu(k.w, k.h[2], K1);
        k.p2b = world_pgpu(k.w, k.h[2], K1);
        return k;
}

static void a_free_gpu_is_available(void **state) {
        _cleanup_(k1s_done) K1s k = k1s_new();
        _cleanup_(allocation_done) Allocation a = world_start_on(k.w, world_vm(k.w, "vm", K100, END), k.h[1]);

        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_ptr_equal(a.pgpus[0], k.p1);
}

static void a_host_without_pgpus_is_not_available(void **state) {
        _cleanup_(k1s_done) K1s k = k1s_new();
        _cleanup_(allocation_done) Allocation a = world_start_on(k.w, world_vm(k.w, "vm", K100, END), k.h[0]);

        assert_refused(&a.refusal, ERROR_VM_REQUIRES_VGPU, "h has no PGPU of group 'K1 group'", NULL);
}

/* XenServer says VM_REQUIRES_VGPU here and in the next; the true reason is known, so it is given. */
static void a_disabled_type_is_not_available(void **state) {
        _cleanup_(k1s_done) K1s k = k1s_new();
        _cleanup_(allocation_done) Allocation a = {};

        for (size_t i = 0; i < k.w->groups[K1]->pgpus.n; i++)
                assert_int_equal(
                        pool_set_pgpu_enabled(k.w->pool, k.w->groups[K1]->pgpus.items[i], NULL, 0), 0);

        a = world_start_on(k.w, world_vm(k.w, "vm", K100, END), k.h[1]);
        assert_refused(
                &a.refusal, ERROR_VGPU_TYPE_NOT_ENABLED, "Enable GRID K100 on 0000:80:00.0 of h'", NULL);
}

static void a_full_gpu_is_not_available(void **state) {
        _cleanup_(k1s_done) K1s k = k1s_new();
        _cleanup_(allocation_done) Allocation a = {};

        for (size_t i = 0; i < 8; i++)
                world_resident(k.w, k.p1, K100);

        a = world_start_on(k.w, world_vm(k.w, "vm", K100, END), k.h[1]);
        assert_refused(&a.refusal, ERROR_PGPU_INSUFFICIENT_CAPACITY, "0000:80:00.0 of h' is full", NULL);
}

/*
 * Ranking. States go on from one case to the next: a step is the PGPU (0: of h'; 1, 2: the two of h'') and
 * type that one more VGPU is resident on; groups name hosts by their number of primes.
 */
typedef struct RankCase {
        const char *id;
        GroupAlgorithm algorithm;
        size_t n_steps;
        WorldType query;
        const char *tiers;   /* "1|2", "12" */
        const char *visible; /* hosts that the case looks at */
} RankCase;

#define DEPTH ALGORITHM_DEPTH_FIRST
#define BREADTH ALGORITHM_BREADTH_FIRST

static const RankCase rank_cases[] = {
        {"RK-DF-1", DEPTH, 0, K100, "1|2", "12"},
        {"RK-DF-2", DEPTH, 0, K140Q, "1|2", "12"},
        {"RK-DF-3", DEPTH, 1, K100, "1|2", "12"},
        {"RK-DF-4", DEPTH, 1, K140Q, "12", "12"},
        {"RK-DF-5", DEPTH, 2, K100, "2|1", "12"},
        {"RK-DF-6", DEPTH, 2, K140Q, "2", "2"},
        {"RK-DF-7", DEPTH, 3, K100, "12", "12"},
        {"RK-DF-8", DEPTH, 4, K100, "1|2", "12"},
        {"RK-BF-1", BREADTH, 0, K100, "2|1", "12"},
        {"RK-BF-2", BREADTH, 0, K140Q, "2|1", "12"},
        {"RK-BF-3", BREADTH, 1, K100, "2|1", "12"},
        {"RK-BF-4", BREADTH, 1, K140Q, "12", "12"},
        {"RK-BF-5", BREADTH, 2, K100, "1|2", "12"},
        {"RK-BF-6", BREADTH, 2, K140Q, "2", "2"},
        {"RK-BF-7", BREADTH, 3, K100, "12", "12"},
        {"RK-BF-8", BREADTH, 4, K100, "2|1", "12"},
};

static const struct {
        size_t pgpu;
        WorldType type;
} rank_steps[] = {{1, K100}, {2, K140Q}, {0, K100}, {0, K100}};

static void rank_case(void **state) {
        _cleanup_(k1s_done) K1s k = k1s_new();
        const RankCase *c = *state;
        AllocRequest request = {.vm = world_vm(k.w, "vm", c->query, END)};
        Pgpu *pgpus[] = {k.p1, k.p2, k.p2b};
        char tiers[8] = "";
        WorldRanking r;
        size_t len = 0;

        pool_set_group_algorithm(k.w->pool, k.w->groups[K1], c->algorithm);
        for (size_t i = 0; i < c->n_steps; i++)
                world_resident(k.w, pgpus[rank_steps[i].pgpu], rank_steps[i].type);
        if (streq(c->visible, "2"))
                request.only = k.h[2];

        r = world_rank(k.w, &request);
        for (size_t i = 0; i < r.n; i++) {
                if (i > 0 && r.tiers[i] != r.tiers[i - 1])
                        tiers[len++] = '|';
                tiers[len++] = (char) ('0' + strlen(r.hosts[i]->name_label) - 1);
                tiers[len] = '\0';
        }
        assert_string_equal(tiers, c->tiers);
}

/* Words of the algorithm. */

static void algorithms_have_words(void **state) {
        assert_string_equal(group_algorithm_to_string(ALGORITHM_BREADTH_FIRST), "breadth-first");
        assert_int_equal(group_algorithm_from_string("breadth-first"), ALGORITHM_BREADTH_FIRST);
        assert_int_equal(group_algorithm_from_string("breadth_first"), ALGORITHM_BREADTH_FIRST);
        assert_int_equal(group_algorithm_from_string("Breadth-First"), ALGORITHM_BREADTH_FIRST);
}

static void depth_first_has_words_too(void **state) {
        assert_string_equal(group_algorithm_to_string(ALGORITHM_DEPTH_FIRST), "depth-first");
        assert_int_equal(group_algorithm_from_string("DEPTH_FIRST"), ALGORITHM_DEPTH_FIRST);
}

static void other_words_are_no_algorithm(void **state) {
        assert_int_equal(group_algorithm_from_string("random"), _GROUP_ALGORITHM_INVALID);
        assert_int_equal(group_algorithm_from_string(""), _GROUP_ALGORITHM_INVALID);
        assert_int_equal(group_algorithm_from_string("depth-first-of-all-things"), _GROUP_ALGORITHM_INVALID);
        assert_int_equal(group_algorithm_from_string(NULL), _GROUP_ALGORITHM_INVALID);
}

/* Finding the record of a type. */

static VgpuType *find(World *w, const char *identifier, const char *model_name) {
        _cleanup_refusal_ Refusal refusal = {};
        VgpuType *t = NULL;

        assert_int_equal(
                rule_find_type(w->pool, identifier, "NVIDIA Corporation", model_name, &t, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
        return t;
}

static void a_type_is_found_by_identifier(void **state) {
        _cleanup_world_ World *w = world_new();

        assert_ptr_equal(find(w, "0001:nvidia,0ff2,,0fe7,101e", "GRID K100"), w->types[K100]);
        /* The identifier decides, whatever the names have become. */
        assert_ptr_equal(find(w, "0001:nvidia,0ff2,,0fe7,101e", "another name"), w->types[K100]);
}

static void a_new_identifier_is_a_new_type(void **state) {
        _cleanup_world_ World *w = world_new();

        assert_null(find(w, "0001:nvidia,0ff2,1012,0fe7,101e", "GRID K100"));
}

static void a_type_without_identifier_is_found_by_its_names(void **state) {
        _cleanup_world_ World *w = world_new();

        assert_int_equal(text_set(&w->types[K100]->identifier, ""), 1);
        assert_ptr_equal(find(w, "0001:nvidia,0ff2,,0fe7,101e", "GRID K100"), w->types[K100]);
        assert_null(find(w, "0001:nvidia,0ff2,,0fe7,101e", "GRID K101"));
}

#define N_CASES (ARRAY_SIZE(capacity_cases) + ARRAY_SIZE(run_cases) + ARRAY_SIZE(rank_cases))

static const struct CMUnitTest single_cases[] = {
        {.name = "PG-8", .test_func = types_of_k1_have_no_capacity_on_k2},
        {.name = "PG-9", .test_func = types_of_k2_have_no_capacity_on_k1},
        {.name = "PG-10", .test_func = capacity_decreases_to_nothing},
        {.name = "PG-11", .test_func = an_empty_group_takes_a_free_pgpu},
        {.name = "PG-12", .test_func = a_group_of_other_cards_refuses_the_pgpu},
        {.name = "PG-13", .test_func = a_pgpu_in_use_stays_in_its_group},
        {.name = "PG-13, booked", .test_func = a_pgpu_that_is_booked_stays_in_its_group},
        {.name = "GG-1", .test_func = a_group_forgets_the_types_of_a_host_that_is_gone},
        {.name = "AV-1", .test_func = a_free_gpu_is_available},
        {.name = "AV-2", .test_func = a_host_without_pgpus_is_not_available},
        {.name = "AV-3", .test_func = a_disabled_type_is_not_available},
        {.name = "AV-4", .test_func = a_full_gpu_is_not_available},
        {.name = "RU-1", .test_func = algorithms_have_words},
        {.name = "RU-2", .test_func = depth_first_has_words_too},
        {.name = "RU-3", .test_func = other_words_are_no_algorithm},
        {.name = "VT-1", .test_func = a_type_is_found_by_identifier},
        {.name = "VT-2", .test_func = a_new_identifier_is_a_new_type},
        {.name = "VT-3", .test_func = a_type_without_identifier_is_found_by_its_names},
};

int main(void) {
        struct CMUnitTest tests[N_CASES + ARRAY_SIZE(single_cases)];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(capacity_cases); i++)
                tests[n++] = (struct CMUnitTest){.name = capacity_cases[i].id,
                        .test_func = capacity_case,
                        .initial_state = (void *) &capacity_cases[i]};
        for (size_t i = 0; i < ARRAY_SIZE(run_cases); i++)
                tests[n++] = (struct CMUnitTest){.name = run_cases[i].id,
                        .test_func = run_case,
                        .initial_state = (void *) &run_cases[i]};
        for (size_t i = 0; i < ARRAY_SIZE(rank_cases); i++)
                tests[n++] = (struct CMUnitTest){.name = rank_cases[i].id,
                        .test_func = rank_case,
                        .initial_state = (void *) &rank_cases[i]};
        memcpy(tests + n, single_cases, sizeof(single_cases));

        return cmocka_run_group_tests(tests, NULL, NULL);
}
