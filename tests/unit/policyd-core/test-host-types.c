/*
 * Types of which hosts say different things: each PGPU counts by its own host, and nothing flips
 */

#include "tests/unit/policyd-core/world.h"

#include "policyd/pool/pool-internal.h"

static void say(World *w, Host *h, WorldType type, uint32_t instances, const char *config) {
        const TypeFacts facts = {.size = PGPU_SIZE / instances, .internal_config = config};

        assert_true(pool_set_host_type(w->pool, h, w->types[type], &facts) >= 0);
}

/* What the type shows is the word of the host that was added first, whoever speaks last. */
static void the_first_host_leads(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VgpuType *t = p.w->types[K100];

        say(p.w, p.beta, K100, 4, "{\"type_id\":\"44\"}");
        assert_int_equal(t->size, PGPU_SIZE / 4);
        say(p.w, p.alpha, K100, 8, "{\"type_id\":\"11\"}");
        assert_int_equal(t->size, PGPU_SIZE / 8);
        assert_string_equal(t->internal_config, "{\"type_id\":\"11\"}");
        assert_true(host_type_differs(host_find_type(p.beta, t)));
        assert_false(host_type_differs(host_find_type(p.alpha, t)));
        assert_int_equal(pgpu_capacity(p.a[0], t), 8);
        assert_int_equal(pgpu_capacity(p.b[0], t), 4);
        assert_int_equal(group_capacity(p.w->groups[K1], t, NULL), 48);

        /* The same again, from both, in turn: nothing is changed, stored or announced. */
        (void) world_drain(p.w);
        for (int i = 0; i < 3; i++) {
                say(p.w, p.alpha, K100, 8, "{\"type_id\":\"11\"}");
                say(p.w, p.beta, K100, 4, "{\"type_id\":\"44\"}");
        }
        assert_int_equal(world_drain(p.w), 0);
}

static void a_start_counts_by_its_host(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VgpuType *t = p.w->types[K100];
        int n[2] = {};

        say(p.w, p.alpha, K100, 8, "{}");
        say(p.w, p.beta, K100, 4, "{}");
        for (int i = 0; i < 48; i++)
                n[pair_start(&p, K100)->host == p.beta]++;
        assert_int_equal(n[0], 32);
        assert_int_equal(n[1], 16);
        assert_int_equal(p.b[0]->used, PGPU_SIZE);
        assert_int_equal(group_capacity(p.w->groups[K1], t, NULL), 0);

        /* The lead's driver is updated with its VMs running: they count by the new size, and beta's as
         * before. */
        say(p.w, p.alpha, K100, 16, "{}");
        assert_int_equal(p.a[0]->used, PGPU_SIZE / 2);
        assert_int_equal(p.b[0]->used, PGPU_SIZE);
        assert_int_equal(group_capacity(p.w->groups[K1], t, NULL), 32);
        assert_ptr_equal(pair_start(&p, K100)->host, p.alpha);
}

static void the_next_host_leads_when_the_first_goes(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        VgpuType *t = p.w->types[K100];

        say(p.w, p.alpha, K100, 8, "{\"type_id\":\"11\"}");
        say(p.w, p.beta, K100, 4, "{\"type_id\":\"44\"}");
        assert_int_equal(t->n_other_sizes, 1);
        pool_remove(p.w->pool, &p.alpha->object);
        assert_int_equal(t->n_other_sizes, 0);
        assert_int_equal(t->size, PGPU_SIZE / 4);
        assert_string_equal(t->internal_config, "{\"type_id\":\"44\"}");

        /* It has the type no more. */
        assert_int_equal(pool_keep_host_types(p.w->pool, p.beta, NULL, 0), 0);
        assert_null(t->lead);
        assert_int_equal(t->size, PGPU_SIZE / 4);
}

/* What runs there is still counted as it was. */
static void what_stands_there_keeps_its_size(void **state) {
        _cleanup_pair_ Pair p = pair_new();

        say(p.w, p.alpha, K100, 8, "{}");
        say(p.w, p.beta, K100, 4, "{}");
        world_resident(p.w, p.b[0], K100);
        assert_int_equal(pool_keep_host_types(p.w->pool, p.beta, NULL, 0), 0);
        assert_int_equal(p.b[0]->used, PGPU_SIZE / 4);
        assert_non_null(host_find_type(p.beta, p.w->types[K100]));
}

static void several_vgpus_fit_by_the_host(void **state) {
        _cleanup_pair_ Pair p = pair_new();
        Vm *five = world_vm(p.w, "five", K100, K100, K100, K100, K100, _WORLD_TYPE_MAX);
        Allocation a;

        say(p.w, p.alpha, K100, 1, "{}");
        say(p.w, p.beta, K100, 4, "{}");
        a = world_start_on(p.w, five, p.alpha);
        assert_int_equal(a.refusal.code, ERROR_PGPU_INSUFFICIENT_CAPACITY);
        allocation_done(&a);
        a = world_start(p.w, five);
        assert_int_equal(a.refusal.code, ERROR_NONE);
        assert_ptr_equal(a.host, p.beta);
        assert_ptr_equal(a.pgpus[3], a.pgpus[0]);
        assert_ptr_not_equal(a.pgpus[4], a.pgpus[0]);
        allocation_done(&a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_host_leads),
                cmocka_unit_test(a_start_counts_by_its_host),
                cmocka_unit_test(the_next_host_leads_when_the_first_goes),
                cmocka_unit_test(what_stands_there_keeps_its_size),
                cmocka_unit_test(several_vgpus_fit_by_the_host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
