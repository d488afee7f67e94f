#pragma once

/*
 * Sets of hosts
 *
 * A set is a bitmap over the places of hosts: hosts in the order of their names have the places 0, 1, 2 …,
 * so that of two hosts that are equal in all else the one with the lower place is the better. Coming and
 * going is one bit, and one in a summary behind the words, which says in which of them there is anybody.
 *
 * Who of a set has most memory is asked in every decision, and memory changes with every start. So behind the
 * summary stands for each word a bound: no host of it that is in the set has more. A host that comes, or
 * whose memory grows, raises it (host_set_raise()); nobody lowers it but a search, which looks at the words
 * with the greatest bounds first, learns what they hold, and soon needs no others.
 */

#include "common/base/macros.h"

#define HOSTS_PER_WORD 64u

/* Free memory by place. Of hosts that cannot be used too: they are in no set. */
typedef struct HostMemory {
        uint64_t *of;       /* and one byte, so that 0 is less than no memory */
        uint64_t *of_eight; /* the most of each 8 hosts */
        uint64_t *bounds;   /* working memory of a search: those of the words that it has not looked at */
        size_t n, n_words;
} HostMemory;

int host_memory_init(HostMemory *m, size_t n); /* -ENOMEM */
void host_memory_done(HostMemory *m);
/* True: it has more than before. */
bool host_memory_set(HostMemory *m, uint32_t at, uint64_t free);
static inline uint64_t host_memory_of(const HostMemory *m, uint32_t at) {
        return m->of[at] - 1;
}

typedef struct HostSet {
        uint64_t *words; /* as many as all sets of one index, the summary, the bounds; NULL: empty so far */
        size_t n;
} HostSet;

static inline bool host_set_has(const HostSet *s, uint32_t at) {
        return s->words && (s->words[at / HOSTS_PER_WORD] >> at % HOSTS_PER_WORD & 1);
}

int host_set_add(HostSet *s, uint32_t at, const HostMemory *m);     /* -ENOMEM; once only */
void host_set_remove(HostSet *s, uint32_t at, const HostMemory *m); /* it is in the set */
void host_set_raise(HostSet *s, uint32_t at, const HostMemory *m);  /* so is this; its memory grew */
void host_set_fetch(const HostSet *s, uint32_t at, const HostMemory *m); /* into the caches; for speed only */
void host_set_done(HostSet *s);

/* A set's words with their summary and bounds, all zero; adding one host. */
uint64_t *host_words_new(const HostMemory *m);
void host_words_add(uint64_t *words, uint32_t at, const HostMemory *m);

/* What costs as many words as have anybody in them: words become empty; take in others, of those that are in
 * only (NULL: all) and not in except (NULL: none). */
void host_words_clear(uint64_t *words, const HostMemory *m);
void host_words_take(uint64_t *words, const uint64_t *others, const uint64_t *only, const uint64_t *except,
        const HostMemory *m);

/* Whether a host is one to be found; NULL: all are. */
typedef bool (*HostFilter)(uint32_t at, void *userdata);

/*
 * Of the hosts in words, at most n_max with the most memory, but at least need, most first, then by place.
 * Returns how many. Lowers bounds to what it finds.
 */
size_t host_set_top(uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata,
        uint32_t *ret, size_t n_max);
size_t host_set_count(const uint64_t *words, const HostMemory *m);
/* The first by place that has the memory; UINT32_MAX: none. */
uint32_t host_set_first(
        const uint64_t *words, const HostMemory *m, uint64_t need, HostFilter filter, void *userdata);
