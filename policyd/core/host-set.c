/*
 * Sets of hosts
 */

#include "policyd/core/host-set.h"

int host_set_add(HostSet *s, uint32_t at, size_t n_words) {
        if (!s->words)
                s->words = calloc(n_words, sizeof(uint64_t));
        if (!s->words)
                return -ENOMEM;

        s->words[at / HOSTS_PER_WORD] |= UINT64_C(1) << at % HOSTS_PER_WORD;
        s->n++;
        return 0;
}

void host_set_remove(HostSet *s, uint32_t at) {
        s->words[at / HOSTS_PER_WORD] &= ~(UINT64_C(1) << at % HOSTS_PER_WORD);
        s->n--;
}

void host_set_done(HostSet *s) {
        free(s->words);
        *s = (HostSet){};
}

int host_memory_init(HostMemory *m, size_t n) {
        size_t n_words = (n + HOSTS_PER_WORD - 1) / HOSTS_PER_WORD;

        *m = (HostMemory){.n = n, .n_words = n_words};
        m->of = calloc(n_words * HOSTS_PER_WORD + 1, sizeof(uint64_t));
        m->most = calloc(n_words + 1, sizeof(uint64_t));
        if (m->of && m->most)
                return 0;

        host_memory_done(m);
        return -ENOMEM;
}

void host_memory_done(HostMemory *m) {
        free(m->of);
        free(m->most);
        *m = (HostMemory){};
}

void host_memory_set(HostMemory *m, uint32_t at, uint64_t free) {
        uint64_t *most = &m->most[at / HOSTS_PER_WORD], before = m->of[at];
        const uint64_t *of = m->of + at / HOSTS_PER_WORD * HOSTS_PER_WORD;

        m->of[at] = free;
        if (free >= *most)
                *most = free;
        else if (before == *most) {
                *most = 0;
                for (size_t i = 0; i < HOSTS_PER_WORD; i++)
                        *most = MAX_OF(*most, of[i]);
        }
}

/* Places come in growing order, so among equals the one that stands already is the better. */
static size_t top_insert(const HostMemory *m, uint32_t at, uint32_t *top, size_t n, size_t n_max) {
        size_t i = n < n_max ? n : n - 1;

        for (; i > 0 && m->of[top[i - 1]] < m->of[at]; i--)
                top[i] = top[i - 1];
        top[i] = at;
        return n < n_max ? n + 1 : n;
}

size_t host_set_top(const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter,
        void *userdata, uint32_t *ret, size_t n_max) {
        size_t n = 0;

        /* Once there are enough, need is what the last of them has and one byte. */
        for (size_t i = 0; i < m->n_words; i++) {
                if (words[i] == 0 || m->most[i] < need)
                        continue;
                for (uint64_t rest = words[i]; rest; rest &= rest - 1) {
                        uint32_t at = (uint32_t) (i * HOSTS_PER_WORD) + (uint32_t) __builtin_ctzll(rest);

                        if (m->of[at] < need || (filter && !filter(at, userdata)))
                                continue;
                        n = top_insert(m, at, ret, n, n_max);
                        if (n < n_max)
                                continue;
                        if (m->of[ret[n - 1]] == UINT64_MAX)
                                return n;
                        need = m->of[ret[n - 1]] + 1;
                }
        }

        return n;
}

uint32_t host_set_first(
        const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata) {
        for (size_t i = 0; i < m->n_words; i++) {
                if (words[i] == 0 || m->most[i] < need)
                        continue;
                for (uint64_t rest = words[i]; rest; rest &= rest - 1) {
                        uint32_t at = (uint32_t) (i * HOSTS_PER_WORD) + (uint32_t) __builtin_ctzll(rest);

                        if (m->of[at] >= need && (!filter || filter(at, userdata)))
                                return at;
                }
        }

        return UINT32_MAX;
}
