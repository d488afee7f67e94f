/*
 * Hash maps against a plain array that says what they must hold
 */

#include "common/base/hashmap.h"
#include "tests/unit/common/test.h"

#define N_ITEMS 3000

typedef struct Item {
        Uuid id;
        char name[16];
        bool present, seen;
} Item;

static Item *make_items(void) {
        Item *items = calloc(N_ITEMS, sizeof(*items));

        assert_non_null(items);
        for (uint32_t i = 0; i < N_ITEMS; i++) {
                /* UUIDs that differ in few bits, as counters would. */
                memcpy(items[i].id.bytes + 12, &i, sizeof(i));
                snprintf(items[i].name, sizeof(items[i].name), "item-%u", i);
        }
        return items;
}

static const void *key_of(const Item *item, bool strings) {
        return strings ? (const void *) item->name : (const void *) &item->id;
}

static void check(const HashMap *m, Item *items, bool strings) {
        size_t n = 0, n_seen = 0;
        Item *item;

        for (size_t i = 0; i < N_ITEMS; i++) {
                items[i].seen = false;
                n += items[i].present;
                assert_ptr_equal(hashmap_get(m, key_of(items + i, strings)), items[i].present ? items + i : NULL);
        }
        assert_int_equal(hashmap_size(m), n);

        for (size_t i = 0; (item = hashmap_next(m, &i));) {
                assert_true(item->present);
                assert_false(item->seen);
                item->seen = true;
                n_seen++;
        }
        assert_int_equal(n_seen, n);
}

static void additions_and_removals(HashMap *map, bool strings) {
        _cleanup_(hashmap_freep) HashMap *m = map;
        _cleanup_free_ Item *items = make_items();
        uint32_t random = 1;

        check(m, items, strings);
        for (unsigned round = 0; round < 20; round++) {
                for (unsigned i = 0; i < N_ITEMS; i++) {
                        Item *item;

                        random = random * 1664525 + 1013904223;
                        item = items + (random >> 8) % N_ITEMS;
                        /* Rounds alternate between filling up and emptying. */
                        if (round % 2 == 0) {
                                assert_int_equal(hashmap_put(m, key_of(item, strings), item), item->present ? -EEXIST : 0);
                                item->present = true;
                        } else {
                                assert_ptr_equal(hashmap_remove(m, key_of(item, strings)), item->present ? item : NULL);
                                item->present = false;
                        }
                }
                check(m, items, strings);
        }
}

static void uuid_maps(void **state) {
        additions_and_removals(hashmap_new_uuid(), false);
}

static void string_maps(void **state) {
        additions_and_removals(hashmap_new_string(), true);
}

static void an_empty_map(void **state) {
        _cleanup_(hashmap_freep) HashMap *m = hashmap_new_string();
        size_t i = 0;

        assert_null(hashmap_get(m, "a"));
        assert_null(hashmap_remove(m, "a"));
        assert_null(hashmap_next(m, &i));
        assert_int_equal(hashmap_put(m, "a", NULL), -EINVAL);
        assert_ok(hashmap_put(m, "", m));
        assert_ptr_equal(hashmap_get(m, ""), m);
        assert_null(hashmap_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(uuid_maps),
                cmocka_unit_test(string_maps),
                cmocka_unit_test(an_empty_map),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
