/*
 * Cards known again: by serial number, by place, by model and order; and what holds whatever moves where
 */

#include <stdio.h>

#include "policyd/decide/known-cards.h"
#include "tests/unit/policyd-core/dice.h"
#include "tests/unit/policyd-core/world.h"

#define CARDS_MAX 8

static KnownCard card(unsigned bus, const char *model, const char *serial) {
        return (KnownCard){.pci = {.bus = (uint8_t) bus}, .model = model, .serial = serial};
}

#define MATCH(known, found)                                                                                                    \
        size_t ret[ARRAY_SIZE(found)];                                                                                         \
        bool asks[ARRAY_SIZE(found)];                                                                                          \
        cards_match(known, ARRAY_SIZE(known), found, ARRAY_SIZE(found), ret, asks)

static void a_serial_number_goes_before_the_place(void **state) {
        const KnownCard known[] = {card(1, "a", "dsn-1"), card(2, "a", "dsn-2")}, found[] = {card(1, "a", "dsn-2"), card(2, "a", "dsn-1")};
        MATCH(known, found);

        assert_int_equal(ret[0], 1);
        assert_int_equal(ret[1], 0);
}

/* Some makers give all cards one number. */
static void a_number_that_two_have_says_nothing(void **state) {
        const KnownCard known[] = {card(1, "a", "dsn-1"), card(2, "a", "dsn-1")}, found[] = {card(2, "a", "dsn-1"), card(1, "a", "dsn-1")};
        MATCH(known, found);

        assert_int_equal(ret[0], 1);
        assert_int_equal(ret[1], 0);
}

static void another_card_in_the_slot_is_new(void **state) {
        const KnownCard known[] = {card(1, "a", "dsn-1"), card(2, "a", "")}, found[] = {card(1, "a", "dsn-9"), card(2, "b", "")};
        MATCH(known, found);

        assert_int_equal(ret[0], CARD_NEW);
        assert_int_equal(ret[1], CARD_NEW);
}

/* Four buses further; two of them stand where others stood. */
static void buses_are_numbered_anew(void **state) {
        const KnownCard known[] = {card(1, "a", ""), card(2, "a", ""), card(9, "b", "")},
                   found[] = {card(5, "a", ""), card(6, "a", ""), card(13, "b", "")};
        MATCH(known, found);

        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(ret[i], i);
                assert_false(asks[i]);
        }
}

static void one_of_two_is_asked_for(void **state) {
        const KnownCard known[] = {card(1, "a", ""), card(2, "a", "")}, found[] = {card(5, "a", "")};
        MATCH(known, found);

        assert_int_equal(ret[0], CARD_NEW);
        assert_true(asks[0]);
}

static void a_driver_that_is_not_there_takes_nothing(void **state) {
        const KnownCard known[] = {card(1, "a", "amdgpu-7")}, found[] = {card(1, "a", "")};
        MATCH(known, found);

        assert_int_equal(ret[0], 0);
}

static KnownCard former(unsigned bus, const char *model, const char *serial) {
        KnownCard c = card(bus, model, serial);

        c.former = true;
        return c;
}

/* One that left the pool is known as any other, but where one that did not may be meant, that goes before. */
static void those_that_left_come_last(void **state) {
        const KnownCard known[] = {card(1, "a", ""), card(2, "b", ""), former(1, "a", ""), former(3, "a", "dsn-7"), former(4, "b", "")};
        {
                const KnownCard found[] = {card(1, "a", ""), card(9, "a", "dsn-7")};
                MATCH(known, found);

                assert_int_equal(ret[0], 0);
                assert_int_equal(ret[1], 3);
        }
        {
                const KnownCard found[] = {card(5, "b", ""), card(6, "b", "")};
                MATCH(known, found);

                assert_int_equal(ret[0], 1); /* two are absent and two new: by their order */
                assert_int_equal(ret[1], 4);
        }
        {
                const KnownCard found[] = {card(5, "b", "")};
                MATCH(known, found);

                assert_int_equal(ret[0], 1);
        }
        {
                const KnownCard found[] = {card(5, "a", ""), card(6, "a", "dsn-9")};
                MATCH(known, found);

                for (size_t i = 0; i < 2; i++) {
                        assert_int_equal(ret[i], CARD_NEW);
                        assert_true(asks[i]);
                }
        }
}

/* Cards over slots, at random */

static const char *const models[] = {"a", "b"};
static const char *const serials[] = {"", "", "", "dsn-1", "dsn-2", "dsn-3", "dsn-4", "amdgpu-1", "amdgpu-2"};

static size_t choose(Dice *d, KnownCard *cards) {
        size_t n = roll(d, CARDS_MAX + 1);

        for (size_t i = 0; i < n; i++)
                cards[i] = card(0, models[roll(d, ARRAY_SIZE(models))], serials[roll(d, ARRAY_SIZE(serials))]);
        return n;
}

/* Each in a slot of its own, which is its number times seven, so that the order is another one. */
static void put(Dice *d, KnownCard *cards, size_t n) {
        unsigned slots[2 * CARDS_MAX];

        for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
                slots[i] = i + 1;
        for (size_t i = 0; i < n; i++) {
                size_t k = i + roll(d, (uint32_t) (ARRAY_SIZE(slots) - i));
                unsigned slot = slots[k];

                slots[k] = slots[i];
                slots[i] = slot;
                cards[i].pci.bus = (uint8_t) slot;
        }
}

static bool is_unique(const KnownCard *cards, size_t n, const char *serial) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++)
                k += streq(cards[i].serial, serial);
        return k == 1 && *serial;
}

static void check(const KnownCard *known, size_t n_known, const KnownCard *found, size_t n_found, const size_t *ret, const bool *asks) {
        for (size_t i = 0; i < n_found; i++) {
                for (size_t k = 0; k < i; k++)
                        assert_true(ret[i] == CARD_NEW || ret[i] != ret[k]);
                if (ret[i] == CARD_NEW)
                        continue;
                assert_true(ret[i] < n_known);
                assert_false(asks[i]);
                assert_string_equal(known[ret[i]].model, found[i].model);
                assert_false(*found[i].serial && found[i].serial[0] == known[ret[i]].serial[0] &&
                             !streq(found[i].serial, known[ret[i]].serial));
        }
        /* A card whose number is its own is never taken for another, wherever it stands. */
        for (size_t i = 0; i < n_found; i++)
                for (size_t k = 0; k < n_known; k++)
                        if (is_unique(known, n_known, known[k].serial) && is_unique(found, n_found, found[i].serial) &&
                                streq(known[k].serial, found[i].serial) && streq(known[k].model, found[i].model))
                                assert_int_equal(ret[i], k);
}

static void whatever_moves_where(void **state) {
        Dice d = {.state = 17};

        for (unsigned round = 0; round < 20000; round++) {
                KnownCard known[CARDS_MAX], found[CARDS_MAX];
                size_t n_known = choose(&d, known), n_found = n_known, ret[CARDS_MAX];
                bool asks[CARDS_MAX];

                put(&d, known, n_known);
                if (roll(&d, 2) == 0)
                        n_found = choose(&d, found);
                else
                        memcpy(found, known, sizeof(found)); /* the same cards, elsewhere */
                put(&d, found, n_found);
                for (size_t i = n_known / 2; i < n_known && round % 2; i++)
                        known[i].former = true;
                cards_match(known, n_known, found, n_found, ret, asks);
                check(known, n_known, found, n_found, ret, asks);
        }
}

/* The same cards in the same order: each is known, without any number. */
static void the_same_order_on_other_buses(void **state) {
        Dice d = {.state = 18};

        for (unsigned round = 0; round < 2000; round++) {
                KnownCard known[CARDS_MAX], found[CARDS_MAX];
                size_t n = choose(&d, known), ret[CARDS_MAX];
                unsigned further = CARDS_MAX + 1 + roll(&d, 40);
                bool asks[CARDS_MAX];

                for (size_t i = 0; i < n; i++) {
                        known[i].pci.bus = (uint8_t) (i + 1);
                        known[i].serial = "";
                        found[i] = known[i];
                        found[i].pci.bus = (uint8_t) (i + further);
                }
                cards_match(known, n, found, n, ret, asks);
                for (size_t i = 0; i < n; i++)
                        assert_int_equal(ret[i], i);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_serial_number_goes_before_the_place),
                cmocka_unit_test(a_number_that_two_have_says_nothing),
                cmocka_unit_test(another_card_in_the_slot_is_new),
                cmocka_unit_test(buses_are_numbered_anew),
                cmocka_unit_test(one_of_two_is_asked_for),
                cmocka_unit_test(a_driver_that_is_not_there_takes_nothing),
                cmocka_unit_test(those_that_left_come_last),
                cmocka_unit_test(whatever_moves_where),
                cmocka_unit_test(the_same_order_on_other_buses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
