/*
 * Sets of hosts
 */

#include "policyd/decide/host-set.h"

#define FEW_WORDS 16 /* so many are looked at in the order of places */

static size_t sums_of(const HostMemory *m) {
        return m->n_words / HOSTS_PER_WORD + 1;
}

static uint64_t *bounds_of(uint64_t *words, const HostMemory *m) {
        return words + m->n_words + sums_of(m);
}

uint64_t *host_words_new(const HostMemory *m) {
        return calloc(2 * m->n_words + sums_of(m), sizeof(uint64_t));
}

static void words_raise(uint64_t *words, uint32_t at, const HostMemory *m) {
        uint64_t *bound = bounds_of(words, m) + at / HOSTS_PER_WORD;

        *bound = MAX_OF(*bound, m->of[at]);
}

void host_words_add(uint64_t *words, uint32_t at, const HostMemory *m) {
        size_t word = at / HOSTS_PER_WORD;

        words[word] |= UINT64_C(1) << at % HOSTS_PER_WORD;
        words[m->n_words + word / HOSTS_PER_WORD] |= UINT64_C(1) << word % HOSTS_PER_WORD;
        words_raise(words, at, m);
}

int host_set_add(HostSet *s, uint32_t at, const HostMemory *m) {
        if (!s->words)
                s->words = host_words_new(m);
        if (!s->words)
                return -ENOMEM;

        host_words_add(s->words, at, m);
        s->n++;
        return 0;
}

void host_set_remove(HostSet *s, uint32_t at, const HostMemory *m) {
        size_t word = at / HOSTS_PER_WORD;

        s->words[word] &= ~(UINT64_C(1) << at % HOSTS_PER_WORD);
        if (s->words[word] == 0) {
                s->words[m->n_words + word / HOSTS_PER_WORD] &= ~(UINT64_C(1) << word % HOSTS_PER_WORD);
                bounds_of(s->words, m)[word] = 0;
        }
        s->n--;
}

void host_set_raise(HostSet *s, uint32_t at, const HostMemory *m) {
        words_raise(s->words, at, m);
}

void host_set_fetch(const HostSet *s, uint32_t at, const HostMemory *m) {
        size_t word = at / HOSTS_PER_WORD;

        __builtin_prefetch(&s->words[word]);
        __builtin_prefetch(&bounds_of(s->words, m)[word]);
}

void host_words_clear(uint64_t *words, const HostMemory *m) {
        for (size_t i = 0; i < m->n_words; i += HOSTS_PER_WORD) {
                uint64_t *sum = &words[m->n_words + i / HOSTS_PER_WORD];

                for (; *sum; *sum &= *sum - 1) {
                        size_t word = i + (size_t) __builtin_ctzll(*sum);

                        words[word] = bounds_of(words, m)[word] = 0;
                }
        }
}

void host_words_take(uint64_t *words, const uint64_t *others, const uint64_t *only, const uint64_t *except,
        const HostMemory *m) {
        uint64_t *bounds = bounds_of(words, m);
        const uint64_t *their_bounds = bounds_of((uint64_t *) others, m);

        for (size_t i = 0; i < m->n_words; i += HOSTS_PER_WORD) {
                size_t sum = m->n_words + i / HOSTS_PER_WORD;

                for (uint64_t rest = others[sum]; rest; rest &= rest - 1) {
                        size_t bit = (size_t) __builtin_ctzll(rest), word = i + bit;
                        uint64_t in = others[word];

                        if (only)
                                in &= only[word];
                        if (except)
                                in &= ~except[word];
                        if (in == 0)
                                continue;
                        words[word] |= in;
                        words[sum] |= UINT64_C(1) << bit;
                        bounds[word] = MAX_OF(bounds[word], their_bounds[word]);
                }
        }
}

void host_set_done(HostSet *s) {
        free(s->words);
        *s = (HostSet){};
}

/* Memory */

int host_memory_init(HostMemory *m, size_t n) {
        size_t n_words = (n + HOSTS_PER_WORD - 1) / HOSTS_PER_WORD;

        *m = (HostMemory){.n = n, .n_words = n_words};
        m->of = calloc(n_words * HOSTS_PER_WORD + 1, sizeof(uint64_t));
        m->of_eight = calloc(n_words * HOSTS_PER_WORD / 8 + 1, sizeof(uint64_t));
        m->bounds = calloc(2 * n_words + 8, sizeof(uint64_t));
        if (m->of && m->of_eight && m->bounds)
                return 0;

        host_memory_done(m);
        return -ENOMEM;
}

void host_memory_done(HostMemory *m) {
        free(m->of);
        free(m->of_eight);
        free(m->bounds);
        *m = (HostMemory){};
}

static uint64_t most_of_eight(const uint64_t *of) {
        uint64_t most = 0;

        for (size_t i = 0; i < 8; i++)
                most = MAX_OF(most, of[i]);
        return most;
}

bool host_memory_set(HostMemory *m, uint32_t at, uint64_t free) {
        uint64_t before = m->of[at];
        size_t eight = at / 8;

        m->of[at] = MIN_OF(free, UINT64_MAX - 1) + 1;
        m->of_eight[eight] = most_of_eight(m->of + eight * 8);
        return m->of[at] > before;
}

/* Searching */

/* The best so far, most memory first, then by place. A host is one of them if it has more than above, or as
 * much and a place before. */
typedef struct Top {
        uint64_t *words;
        const HostMemory *m;
        uint64_t above;  /* what is needed; once they are enough, what the last has */
        uint32_t before; /* 0; once they are enough, the last's place */
        HostFilter filter;
        void *userdata;
        uint32_t *at;
        size_t n, n_max;
} Top;

static bool top_may_take(const Top *t, uint64_t memory, uint32_t at) {
        return memory > t->above || (memory == t->above && at < t->before);
}

static void top_insert(Top *t, uint32_t at) {
        const uint64_t *of = t->m->of;
        size_t i;

        if (t->filter && !t->filter(at, t->userdata))
                return;

        if (t->n < t->n_max)
                t->n++;
        for (i = t->n - 1; i > 0; i--) {
                uint32_t other = t->at[i - 1];

                if (of[other] > of[at] || (of[other] == of[at] && other < at))
                        break;
                t->at[i] = other;
        }
        t->at[i] = at;
        if (t->n == t->n_max) {
                t->before = t->at[t->n - 1];
                t->above = of[t->before];
        }
}

/* Returns the most that any of them has. */
static uint64_t top_take_hosts(Top *t, uint32_t first, uint64_t in) {
        const uint64_t *of = t->m->of + first;
        uint64_t most = 0;

        for (; in; in &= in - 1) {
                uint32_t i = (uint32_t) __builtin_ctzll(in);

                most = MAX_OF(most, of[i]);
                if (top_may_take(t, of[i], first + i))
                        top_insert(t, first + i);
        }
        return most;
}

/* Where few of the 64 are in the set, looking at them costs less than looking at the maxima of eight. */
static void top_take_word(Top *t, size_t word) {
        uint32_t first = (uint32_t) word * HOSTS_PER_WORD;
        uint64_t in = t->words[word], most = 0;

        if (__builtin_popcountll(in) <= 8)
                most = top_take_hosts(t, first, in);
        else
                for (uint32_t i = 0; i < HOSTS_PER_WORD; i += 8) {
                        uint64_t some = in & UINT64_C(0xff) << i, of_some = t->m->of_eight[(first + i) / 8];

                        if (some && top_may_take(t, of_some, first + i))
                                of_some = top_take_hosts(t, first, some);
                        most = MAX_OF(most, some ? of_some : 0);
                }
        bounds_of(t->words, t->m)[word] = most;
}

static bool words_are_few(const uint64_t *words, const HostMemory *m) {
        size_t n = 0;

        for (size_t i = 0; i < sums_of(m); i++)
                n += (size_t) __builtin_popcountll(words[m->n_words + i]);
        return n <= FEW_WORDS;
}

static void top_take_in_order(Top *t) {
        const HostMemory *m = t->m;
        const uint64_t *bounds = bounds_of(t->words, m);

        for (size_t i = 0; i < m->n_words; i += HOSTS_PER_WORD)
                for (uint64_t rest = t->words[m->n_words + i / HOSTS_PER_WORD]; rest; rest &= rest - 1) {
                        size_t word = i + (size_t) __builtin_ctzll(rest);

                        if (top_may_take(t, bounds[word], (uint32_t) word * HOSTS_PER_WORD))
                                top_take_word(t, word);
                }
}

/* The first of those that are the most. */
static size_t find_most(const uint64_t *of, size_t n) {
        uint64_t most = of[0];
        size_t found = 0;

        for (size_t i = 1; i < n; i++) {
                found = of[i] > most ? i : found;
                most = MAX_OF(most, of[i]);
        }
        return found;
}

/* The words by their bounds, greatest first, then by place, until what is left cannot be better. */
static void top_take_best_first(Top *t) {
        size_t n_words = t->m->n_words, n_eights = (n_words + 7) / 8;
        uint64_t *bounds = t->m->bounds, *of_eight = bounds + n_eights * 8;

        memcpy(bounds, bounds_of(t->words, t->m), n_words * sizeof(uint64_t));
        for (size_t i = 0; i < n_eights; i++)
                of_eight[i] = most_of_eight(bounds + i * 8);

        for (;;) {
                size_t eight = find_most(of_eight, n_eights);
                size_t word = eight * 8 + find_most(bounds + eight * 8, 8);

                if (!top_may_take(t, bounds[word], (uint32_t) word * HOSTS_PER_WORD))
                        return;
                top_take_word(t, word);
                bounds[word] = 0;
                of_eight[eight] = most_of_eight(bounds + eight * 8);
        }
}

size_t host_set_top(uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata,
        uint32_t *ret, size_t n_max) {
        Top t = {
                .words = words,
                .m = m,
                .above = need,
                .filter = filter,
                .userdata = userdata,
                .at = ret,
                .n_max = n_max,
        };

        if (words_are_few(words, m))
                top_take_in_order(&t);
        else
                top_take_best_first(&t);
        return t.n;
}

uint32_t host_set_first(
        const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata) {
        const uint64_t *bounds = bounds_of((uint64_t *) words, m);

        for (size_t i = 0; i < m->n_words; i++) {
                if (bounds[i] <= need)
                        continue;
                for (uint64_t rest = words[i]; rest; rest &= rest - 1) {
                        uint32_t at = (uint32_t) (i * HOSTS_PER_WORD) + (uint32_t) __builtin_ctzll(rest);

                        if (m->of[at] > need && (!filter || filter(at, userdata)))
                                return at;
                }
        }

        return UINT32_MAX;
}

size_t host_set_count(const uint64_t *words, const HostMemory *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_words; i += HOSTS_PER_WORD)
                for (uint64_t rest = words[m->n_words + i / HOSTS_PER_WORD]; rest; rest &= rest - 1)
                        n += (size_t) __builtin_popcountll(words[i + (size_t) __builtin_ctzll(rest)]);
        return n;
}
