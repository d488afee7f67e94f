/*
 * Cards known again: which of a host's cards are those that the pool has
 */

#include <string.h>

#include "policyd/decide/known-cards.h"

typedef struct Matching {
        const KnownCard *known, *found;
        size_t n_known, n_found;
        size_t *ret; /* of found */
        bool without_former;
} Matching;

static bool has_serial(const KnownCard *c) {
        return !isempty(c->serial);
}

/* A card may have a serial number of one kind today and of another tomorrow, by its driver. */
static bool serials_differ(const KnownCard *a, const KnownCard *b) {
        size_t kind;

        if (!has_serial(a) || !has_serial(b))
                return false;
        kind = strcspn(a->serial, "-");
        return strncmp(a->serial, b->serial, kind + 1) == 0 && !streq(a->serial, b->serial);
}

static size_t count_serial(const KnownCard *cards, size_t n, const char *serial) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++)
                k += streq_ptr(cards[i].serial, serial);
        return k;
}

static bool is_taken(const Matching *m, size_t known) {
        for (size_t i = 0; i < m->n_found; i++)
                if (m->ret[i] == known)
                        return true;
        return false;
}

static bool by_serial(const Matching *m, const KnownCard *k, const KnownCard *f) {
        return has_serial(k) && streq_ptr(k->serial, f->serial) && count_serial(m->known, m->n_known, k->serial) == 1 &&
               count_serial(m->found, m->n_found, k->serial) == 1;
}

static bool by_place(const Matching *m, const KnownCard *k, const KnownCard *f) {
        return pci_address_compare(&k->pci, &f->pci) == 0;
}

static void match_each(const Matching *m, bool (*is_same)(const Matching *m, const KnownCard *k, const KnownCard *f)) {
        for (size_t i = 0; i < m->n_found; i++)
                for (size_t k = 0; k < m->n_known && m->ret[i] == CARD_NEW; k++)
                        if (is_same(m, &m->known[k], &m->found[i]) && streq(m->known[k].model, m->found[i].model) &&
                                !serials_differ(&m->known[k], &m->found[i]) && !is_taken(m, k))
                                m->ret[i] = k;
}

static bool is_left(const Matching *m, size_t known, const char *model) {
        const KnownCard *k = &m->known[known];

        return streq(k->model, model) && !(k->former && m->without_former) && !is_taken(m, known);
}

/* How many of the model are left on either side, and how many of them stand before an address. */
typedef struct Left {
        size_t known, found, before;
} Left;

static Left count_left(const Matching *m, const KnownCard *f) {
        Left left = {};

        for (size_t k = 0; k < m->n_known; k++)
                left.known += is_left(m, k, f->model);
        for (size_t i = 0; i < m->n_found; i++) {
                if (m->ret[i] != CARD_NEW || !streq(m->found[i].model, f->model))
                        continue;
                left.found++;
                left.before += pci_address_compare(&m->found[i].pci, &f->pci) < 0;
        }
        return left;
}

/* Of two at one address, which one left after the other came, the first. */
static bool stands_before(const KnownCard *cards, size_t a, size_t b) {
        int order = pci_address_compare(&cards[a].pci, &cards[b].pci);

        return order < 0 || (order == 0 && a < b);
}

/* The one of the model that is left and has so many before it. */
static size_t nth_left(const Matching *m, const char *model, size_t before) {
        for (size_t k = 0; k < m->n_known; k++) {
                size_t n = 0;

                if (!is_left(m, k, model))
                        continue;
                for (size_t j = 0; j < m->n_known; j++)
                        n += is_left(m, j, model) && stands_before(m->known, j, k);
                if (n == before)
                        return k;
        }
        return CARD_NEW;
}

/* All of a model or none: one whose serial number is another's says that the order is not kept. */
static void match_model(const Matching *m, const char *model, size_t n, bool *ret_asks) {
        size_t of[n], at[n], count = 0;
        bool differ = false;

        for (size_t i = 0; i < m->n_found && count < n; i++) {
                if (m->ret[i] != CARD_NEW || !streq(m->found[i].model, model))
                        continue;
                at[count] = i;
                of[count] = nth_left(m, model, count_left(m, &m->found[i]).before);
                differ |= of[count] == CARD_NEW || serials_differ(&m->known[of[count]], &m->found[i]);
                count++;
        }
        for (size_t i = 0; i < count; i++) {
                if (differ)
                        ret_asks[at[i]] = true;
                else
                        m->ret[at[i]] = of[i];
        }
}

static bool may_be_any(const Matching *m, const KnownCard *f) {
        for (size_t k = 0; k < m->n_known; k++)
                if (is_left(m, k, f->model) && !serials_differ(&m->known[k], f))
                        return true;
        return false;
}

static void match_order(const Matching *m, bool *ret_asks) {
        for (size_t i = 0; i < m->n_found; i++)
                ret_asks[i] = false;
        for (size_t i = 0; i < m->n_found; i++) {
                const KnownCard *f = &m->found[i];
                Left left;

                if (m->ret[i] != CARD_NEW || ret_asks[i])
                        continue;
                left = count_left(m, f);
                if (left.known == left.found)
                        match_model(m, f->model, left.found, ret_asks);
                else
                        ret_asks[i] = may_be_any(m, f);
        }
}

void cards_match(const KnownCard *known, size_t n_known, const KnownCard *found, size_t n_found, size_t *ret, bool *ret_asks) {
        Matching m = {.known = known, .n_known = n_known, .found = found, .n_found = n_found, .ret = ret};

        for (size_t i = 0; i < n_found; i++)
                ret[i] = CARD_NEW;
        match_each(&m, by_serial);
        match_each(&m, by_place);
        match_order(&m, ret_asks);
        m.without_former = true;
        match_order(&m, ret_asks);
        m.without_former = false;
        for (size_t i = 0; i < n_found; i++)
                ret_asks[i] = ret[i] == CARD_NEW && may_be_any(&m, &found[i]);
}
