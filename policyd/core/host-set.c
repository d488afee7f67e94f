/*
 * Sets of hosts
 */

#include "policyd/core/host-set.h"

uint64_t *host_words_new(size_t n_words) {
        return calloc(n_words + n_words / HOSTS_PER_WORD + 1, sizeof(uint64_t));
}

void host_words_add(uint64_t *words, uint32_t at, size_t n_words) {
        size_t word = at / HOSTS_PER_WORD;

        words[word] |= UINT64_C(1) << at % HOSTS_PER_WORD;
        words[n_words + word / HOSTS_PER_WORD] |= UINT64_C(1) << word % HOSTS_PER_WORD;
}

int host_set_add(HostSet *s, uint32_t at, size_t n_words) {
        if (!s->words)
                s->words = host_words_new(n_words);
        if (!s->words)
                return -ENOMEM;

        host_words_add(s->words, at, n_words);
        s->n++;
        return 0;
}

void host_set_remove(HostSet *s, uint32_t at, size_t n_words) {
        size_t word = at / HOSTS_PER_WORD;

        s->words[word] &= ~(UINT64_C(1) << at % HOSTS_PER_WORD);
        if (s->words[word] == 0)
                s->words[n_words + word / HOSTS_PER_WORD] &= ~(UINT64_C(1) << word % HOSTS_PER_WORD);
        s->n--;
}

void host_words_clear(uint64_t *words, size_t n_words) {
        for (size_t i = 0; i < n_words; i += HOSTS_PER_WORD) {
                uint64_t *sum = &words[n_words + i / HOSTS_PER_WORD];

                for (; *sum; *sum &= *sum - 1)
                        words[i + (size_t) __builtin_ctzll(*sum)] = 0;
        }
}

void host_words_take(uint64_t *words, const uint64_t *others, const uint64_t *only, const uint64_t *except,
        size_t n_words) {
        for (size_t i = 0; i < n_words; i += HOSTS_PER_WORD) {
                size_t sum = n_words + i / HOSTS_PER_WORD;

                for (uint64_t rest = others[sum]; rest; rest &= rest - 1) {
                        size_t bit = (size_t) __builtin_ctzll(rest), word = i + bit;
                        uint64_t in = others[word];

                        if (only)
                                in &= only[word];
                        if (except)
                                in &= ~except[word];
                        words[word] |= in;
                        words[sum] |= (uint64_t) (in != 0) << bit;
                }
        }
}

void host_set_done(HostSet *s) {
        free(s->words);
        *s = (HostSet){};
}

int host_memory_init(HostMemory *m, size_t n) {
        size_t n_words = (n + HOSTS_PER_WORD - 1) / HOSTS_PER_WORD;

        *m = (HostMemory){.n = n, .n_words = n_words};
        m->of = calloc(n_words * HOSTS_PER_WORD + 1, sizeof(uint64_t));
        m->of_eight = calloc(n_words * HOSTS_PER_WORD / 8 + 1, sizeof(uint64_t));
        m->of_word = calloc(n_words + 1, sizeof(uint64_t));
        if (m->of && m->of_eight && m->of_word)
                return 0;

        host_memory_done(m);
        return -ENOMEM;
}

void host_memory_done(HostMemory *m) {
        free(m->of);
        free(m->of_eight);
        free(m->of_word);
        *m = (HostMemory){};
}

static uint64_t most_of_eight(const uint64_t *of) {
        uint64_t most = 0;

        for (size_t i = 0; i < 8; i++)
                most = MAX_OF(most, of[i]);
        return most;
}

void host_memory_set(HostMemory *m, uint32_t at, uint64_t free) {
        size_t eight = at / 8, word = at / HOSTS_PER_WORD;

        m->of[at] = MIN_OF(free, UINT64_MAX - 1) + 1;
        m->of_eight[eight] = most_of_eight(m->of + eight * 8);
        m->of_word[word] = most_of_eight(m->of_eight + word * 8);
}

/* The best so far, most memory first. */
typedef struct Top {
        const HostMemory *m;
        uint64_t above; /* to be one of them; once they are enough, above the last */
        HostFilter filter;
        void *userdata;
        uint32_t *at;
        size_t n, n_max;
} Top;

/* Places come in growing order, so among equals the one that stands already is the better. */
static void top_insert(Top *t, uint32_t at) {
        const uint64_t *of = t->m->of;
        size_t i;

        if (t->filter && !t->filter(at, t->userdata))
                return;

        if (t->n < t->n_max)
                t->n++;
        for (i = t->n - 1; i > 0 && of[t->at[i - 1]] < of[at]; i--)
                t->at[i] = t->at[i - 1];
        t->at[i] = at;
        if (t->n == t->n_max)
                t->above = of[t->at[t->n - 1]];
}

static void top_take(Top *t, uint32_t first, uint64_t in) {
        const uint64_t *of = t->m->of + first;

        for (; in; in &= in - 1) {
                unsigned i = (unsigned) __builtin_ctzll(in);

                if (of[i] > t->above)
                        top_insert(t, first + i);
        }
}

/* Where few of the 64 are in the set, looking at them costs less than looking at the maxima. */
static void top_take_word(Top *t, size_t word, uint64_t in) {
        uint32_t first = (uint32_t) word * HOSTS_PER_WORD;

        if (__builtin_popcountll(in) <= 16) {
                top_take(t, first, in);
                return;
        }
        for (uint32_t i = 0; i < 8; i++)
                if (t->m->of_eight[first / 8 + i] > t->above)
                        top_take(t, first, in & UINT64_C(0xff) << 8 * i);
}

size_t host_set_top(const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter,
        void *userdata, uint32_t *ret, size_t n_max) {
        Top t = {.m = m, .above = need, .filter = filter, .userdata = userdata, .at = ret, .n_max = n_max};

        for (size_t i = 0; i < m->n_words; i += HOSTS_PER_WORD)
                for (uint64_t rest = words[m->n_words + i / HOSTS_PER_WORD]; rest; rest &= rest - 1) {
                        size_t word = i + (size_t) __builtin_ctzll(rest);

                        if (m->of_word[word] > t.above)
                                top_take_word(&t, word, words[word]);
                }

        return t.n;
}

uint32_t host_set_first(
        const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata) {
        for (size_t i = 0; i < m->n_words; i++) {
                if (words[i] == 0 || m->of_word[i] <= need)
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
