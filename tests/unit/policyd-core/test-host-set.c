/*
 * Sets of hosts, against arrays of flags
 *
 * Random sets of up to a few thousand hosts, sparse and dense, with much and with little memory in common.
 */

#include "policyd/decide/host-set.h"
#include "tests/unit/policyd-core/dice.h"

#define N_MAX 5000
#define N_ROUNDS 600

typedef struct Crowd {
        Dice *dice;
        HostMemory memory;
        HostSet set;
        uint64_t free[N_MAX];
        bool in[N_MAX];
        uint32_t values;
} Crowd;

static void crowd_free(Crowd *c) {
        host_memory_done(&c->memory);
        host_set_done(&c->set);
}

static void crowd_flip(Crowd *c, uint32_t at) {
        if (c->in[at])
                host_set_remove(&c->set, at, &c->memory);
        else
                assert_int_equal(host_set_add(&c->set, at, &c->memory), 0);
        c->in[at] = !c->in[at];
        assert_int_equal(host_set_has(&c->set, at), c->in[at]);
}

static void crowd_set_memory(Crowd *c, uint32_t at) {
        uint64_t before = c->free[at];

        c->free[at] = roll(c->dice, c->values);
        assert_int_equal(host_memory_set(&c->memory, at, c->free[at]), c->free[at] > before);
        assert_true(host_memory_of(&c->memory, at) == c->free[at]);
        if (c->in[at] && c->free[at] > before)
                host_set_raise(&c->set, at, &c->memory);
}

static void crowd_change(Crowd *c, uint32_t n) {
        for (uint32_t i = 0; i < n; i++) {
                crowd_set_memory(c, roll(c->dice, (uint32_t) c->memory.n));
                if (roll(c->dice, 4) == 0)
                        crowd_flip(c, roll(c->dice, (uint32_t) c->memory.n));
        }
}

static void crowd_make(Crowd *c, Dice *d) {
        uint32_t n = 1 + roll(d, roll(d, 2) ? 130 : N_MAX), density = 1 + roll(d, roll(d, 2) ? 4 : 200);

        *c = (Crowd){.dice = d, .values = roll(d, 2) ? 4 : 1000000};
        assert_int_equal(host_memory_init(&c->memory, n), 0);
        for (uint32_t i = 0; i < n; i++) {
                c->free[i] = roll(d, c->values);
                host_memory_set(&c->memory, i, c->free[i]);
        }
        for (uint32_t i = 0; i < n; i++)
                if (roll(d, density) == 0)
                        crowd_flip(c, i);
        crowd_flip(c, roll(d, n));
        crowd_change(c, n / 4);
}

static bool is_not_third(uint32_t at, void *userdata) {
        return at % 3 != 0;
}

/* The best that is worse than the last: by memory, then place. */
static uint32_t next_best(const Crowd *c, uint64_t need, HostFilter filter, uint32_t last) {
        uint32_t best = UINT32_MAX;

        for (uint32_t i = 0; i < c->memory.n; i++) {
                if (!c->in[i] || c->free[i] < need || (filter && !filter(i, NULL)))
                        continue;
                if (last != UINT32_MAX &&
                        (c->free[i] > c->free[last] || (c->free[i] == c->free[last] && i <= last)))
                        continue;
                if (best == UINT32_MAX || c->free[i] > c->free[best])
                        best = i;
        }
        return best;
}

static void check_top(Crowd *c) {
        HostFilter filter = roll(c->dice, 3) ? NULL : is_not_third;
        uint64_t need = roll(c->dice, 2) ? 0 : c->free[roll(c->dice, (uint32_t) c->memory.n)];
        uint32_t top[8], last = UINT32_MAX, first = 0;
        size_t n_max = 1 + roll(c->dice, 8), n;

        n = host_set_top(c->set.words, &c->memory, need, filter, NULL, top, n_max);
        for (size_t i = 0; i < n; i++) {
                last = next_best(c, need, filter, last);
                assert_int_equal(top[i], last);
        }
        if (n < n_max)
                assert_int_equal(next_best(c, need, filter, last), UINT32_MAX);

        while (first < c->memory.n &&
                (!c->in[first] || c->free[first] < need || (filter && !filter(first, NULL))))
                first++;
        assert_int_equal(host_set_first(c->set.words, &c->memory, need, filter, NULL),
                first < c->memory.n ? first : UINT32_MAX);
}

static void the_richest_are_found(void **state) {
        Dice d = {.state = 0xca11};

        for (size_t i = 0; i < N_ROUNDS; i++) {
                static Crowd c;

                crowd_make(&c, &d);
                if (c.set.words) {
                        /* Searches learn, and what they learned is to stay true. */
                        for (size_t k = 0; k < 8; k++) {
                                check_top(&c);
                                crowd_change(&c, roll(&d, 20));
                        }
                        assert_int_equal(host_set_count(c.set.words, &c.memory), c.set.n);
                }
                crowd_free(&c);
        }
}

static bool words_have(const uint64_t *words, uint32_t at) {
        return words[at / HOSTS_PER_WORD] >> at % HOSTS_PER_WORD & 1;
}

/* A set put together out of parts finds the same hosts. */
static void check_union(Crowd *c, uint64_t *words) {
        uint32_t top[6], again[6];
        size_t n = host_set_top(c->set.words, &c->memory, 0, NULL, NULL, top, 6);

        assert_int_equal(host_set_top(words, &c->memory, 0, NULL, NULL, again, 6), n);
        assert_memory_equal(top, again, n * sizeof(uint32_t));
}

static void sets_are_taken_from_each_other(void **state) {
        Dice d = {.state = 0x5e7};

        for (size_t i = 0; i < N_ROUNDS / 4; i++) {
                static Crowd a, b;
                uint64_t *taken, *all;
                size_t n_words;

                crowd_make(&a, &d);
                n_words = a.memory.n_words;
                b = (Crowd){.dice = &d, .memory = a.memory};
                for (uint32_t k = 0; k < a.memory.n; k++)
                        if (roll(&d, 3) == 0)
                                crowd_flip(&b, k);
                taken = host_words_new(&a.memory);
                all = host_words_new(&a.memory);
                assert_true(taken && all);
                if (a.set.words && b.set.words) {
                        host_words_take(taken, a.set.words, b.set.words, NULL, &a.memory);
                        host_words_take(all, a.set.words, NULL, b.set.words, &a.memory);
                        for (uint32_t k = 0; k < a.memory.n; k++) {
                                assert_int_equal(words_have(taken, k), a.in[k] && b.in[k]);
                                assert_int_equal(words_have(all, k), a.in[k] && !b.in[k]);
                        }
                        host_words_take(all, taken, NULL, NULL, &a.memory);
                        assert_memory_equal(all, a.set.words, n_words * sizeof(uint64_t));
                        check_union(&a, all);
                        host_words_clear(all, &a.memory);
                        for (size_t k = 0; k <= 2 * n_words; k++)
                                assert_true(all[k] == 0);
                }
                free(taken);
                free(all);
                host_set_done(&b.set);
                crowd_free(&a);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_richest_are_found),
                cmocka_unit_test(sets_are_taken_from_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
