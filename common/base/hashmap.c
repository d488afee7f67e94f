/*
 * A hash map from UUIDs or strings to pointers
 *
 * The table is a power of two, at most three quarters full. Removal shifts the rest of a probe run back
 * instead of leaving tombstones, so that a map with many additions and removals stays fast.
 *
 * The hash is keyed by the table's own address: names come from clients, and fixed hashes would let one
 * choose names that all collide.
 */

#include "common/base/hashmap.h"

#define HASHMAP_FIRST_SLOTS 16

typedef struct Slot {
        const void *key;
        void *value; /* NULL: free */
} Slot;

struct HashMap {
        Slot *slots;
        size_t n_slots, n;
        bool strings;
        uint64_t seed;
};

/* The finaliser of splitmix64: every bit of the input reaches every bit of the output. */
static uint64_t mix(uint64_t x) {
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
        return x ^ x >> 31;
}

static uint64_t hash_key(const HashMap *m, const void *key) {
        const uint8_t *p = key;
        size_t n = m->strings ? strlen(key) : sizeof(Uuid);
        uint64_t h = m->seed ^ n, word;

        for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
                memcpy(&word, p, sizeof(word));
                h = mix(h + word + 0x9e3779b97f4a7c15ULL);
        }
        word = 0;
        memcpy(&word, p, n);
        return mix(h + word + 0x9e3779b97f4a7c15ULL);
}

static bool keys_equal(const HashMap *m, const void *a, const void *b) {
        return m->strings ? streq(a, b) : uuid_equal(a, b);
}

static HashMap *hashmap_new(bool strings) {
        HashMap *m;

        m = calloc(1, sizeof(*m));
        if (!m)
                return NULL;

        m->strings = strings;
        m->seed = mix(hashmap_seed(m));
        return m;
}

HashMap *hashmap_new_uuid(void) {
        return hashmap_new(/* strings= */ false);
}

HashMap *hashmap_new_string(void) {
        return hashmap_new(/* strings= */ true);
}

HashMap *hashmap_free(HashMap *m) {
        if (m)
                free(m->slots);
        free(m);
        return NULL;
}

/* The slot of the key, or the free one where it would go. */
static Slot *find_slot(const HashMap *m, const void *key) {
        size_t i = hash_key(m, key) & (m->n_slots - 1);

        while (m->slots[i].value && !keys_equal(m, m->slots[i].key, key))
                i = (i + 1) & (m->n_slots - 1);
        return m->slots + i;
}

static int make_room(HashMap *m) {
        size_t n_old = m->n_slots;
        Slot *old = m->slots, *slots;

        if (m->n + 1 <= n_old / 4 * 3)
                return 0;

        slots = calloc(n_old ? n_old * 2 : HASHMAP_FIRST_SLOTS, sizeof(*slots));
        if (!slots)
                return -ENOMEM;

        m->slots = slots;
        m->n_slots = n_old ? n_old * 2 : HASHMAP_FIRST_SLOTS;
        for (size_t i = 0; i < n_old; i++)
                if (old[i].value)
                        *find_slot(m, old[i].key) = old[i];
        free(old);
        return 0;
}

int hashmap_put(HashMap *m, const void *key, void *value) {
        Slot *slot;
        int r;

        if (!value)
                return -EINVAL;

        r = make_room(m);
        if (r < 0)
                return r;

        slot = find_slot(m, key);
        if (slot->value)
                return -EEXIST;

        *slot = (Slot){ .key = key, .value = value };
        m->n++;
        return 0;
}

void *hashmap_get(const HashMap *m, const void *key) {
        return m->n > 0 ? find_slot(m, key)->value : NULL;
}

void *hashmap_remove(HashMap *m, const void *key) {
        size_t mask = m->n_slots - 1, hole, i;
        Slot *slot;
        void *value;

        if (m->n == 0)
                return NULL;

        slot = find_slot(m, key);
        value = slot->value;
        if (!value)
                return NULL;

        /* Each later slot of the run moves into the hole unless its home lies after the hole. */
        hole = (size_t) (slot - m->slots);
        for (i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
                size_t home = hash_key(m, m->slots[i].key) & mask;

                if (((i - home) & mask) < ((i - hole) & mask))
                        continue;
                m->slots[hole] = m->slots[i];
                hole = i;
        }
        m->slots[hole] = (Slot){};
        m->n--;
        return value;
}

size_t hashmap_size(const HashMap *m) {
        return m->n;
}

void *hashmap_next(const HashMap *m, size_t *i) {
        while (*i < m->n_slots) {
                void *value = m->slots[(*i)++].value;

                if (value)
                        return value;
        }
        return NULL;
}
