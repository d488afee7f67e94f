/*
 * How near PGPUs of one host are to each other
 */

#include "policyd/decide/nearness.h"

#define FEW_PLACES 8

static bool same_place(const Pgpu *a, const Pgpu *b) {
        return a->numa_node == b->numa_node && streq_ptr(a->pci_switch, b->pci_switch);
}

size_t places_find(PciPlaces *places, const Pgpu *p) {
        for (size_t i = 0; i < places->n; i++)
                if (same_place(places->first[i], p))
                        return i;
        if (places->n == PLACES_MAX)
                return PLACES_MAX - 1;
        places->first[places->n] = p;
        return places->n++;
}

static uint32_t spread_make(uint32_t n_nodes, uint32_t n_places) {
        return n_nodes << 16 | n_places;
}

uint32_t places_spread(const PciPlaces *places, uint32_t set) {
        uint32_t n_nodes = 0;

        for (size_t i = 0; i < places->n; i++) {
                bool seen = !(set >> i & 1);

                for (size_t j = 0; j < i && !seen; j++)
                        seen = set >> j & 1 && places->first[j]->numa_node == places->first[i]->numa_node;
                n_nodes += !seen;
        }
        return spread_make(n_nodes, (uint32_t) __builtin_popcount(set));
}

uint32_t pgpus_spread(Pgpu *const *pgpus, size_t n) {
        PciPlaces places = {};
        uint32_t set = 0;

        for (size_t i = 0; i < n && n > 1; i++)
                set |= UINT32_C(1) << places_find(&places, pgpus[i]);
        return places_spread(&places, set);
}

static uint32_t set_of_node(const PciPlaces *places, size_t of) {
        uint32_t set = 0;

        for (size_t i = 0; i < places->n; i++)
                if (places->first[i]->numa_node == places->first[of]->numa_node)
                        set |= UINT32_C(1) << i;
        return set;
}

uint32_t places_next_set(const PciPlaces *places, uint32_t *at) {
        uint32_t n = (uint32_t) places->n, i = (*at)++;

        if (n <= FEW_PLACES)
                return i + 1 < UINT32_C(1) << n ? i + 1 : 0;
        if (i < n)
                return UINT32_C(1) << i;
        return i < 2 * n ? set_of_node(places, i - n) : 0;
}
