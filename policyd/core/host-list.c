/*
 * A long sorted list of hosts
 */

#include "policyd/core/host-index.h"

#define BLOCK_SIZE 64

/* Ranks stand beside the pointers: most comparisons need not touch the entries, which are far apart in memory. */
typedef struct HostBlock {
        uint64_t ranks[BLOCK_SIZE];
        HostEntry *items[BLOCK_SIZE];
        size_t n;
} HostBlock;

static int block_compare(const HostBlock *b, size_t at, const HostEntry *e, uint64_t rank) {
        if (b->ranks[at] != rank)
                return b->ranks[at] < rank ? -1 : 1;

        return host_entry_compare(b->items[at], e);
}

/* The last block whose first entry is not behind e: where e stands or belongs. */
static size_t list_find_block(const HostList *l, const HostEntry *e, uint64_t rank) {
        size_t low = 0, high = l->blocks.n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (block_compare(l->blocks.items[middle], 0, e, rank) <= 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low > 0 ? low - 1 : 0;
}

static size_t block_position(const HostBlock *b, const HostEntry *e, uint64_t rank) {
        size_t low = 0, high = b->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (block_compare(b, middle, e, rank) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

/* The upper half of a full block becomes a block of its own behind it. */
static int list_split(HostList *l, size_t at) {
        HostBlock *b = l->blocks.items[at], *upper;
        int r;

        upper = calloc(1, sizeof(HostBlock));
        if (!upper)
                return -ENOMEM;
        r = ptr_array_insert(&l->blocks, at + 1, upper);
        if (r < 0) {
                free(upper);
                return r;
        }

        upper->n = BLOCK_SIZE / 2;
        b->n = BLOCK_SIZE - upper->n;
        memcpy(upper->items, b->items + b->n, upper->n * sizeof(HostEntry *));
        memcpy(upper->ranks, b->ranks + b->n, upper->n * sizeof(uint64_t));
        return 0;
}

static int list_begin(HostList *l, HostEntry *e) {
        HostBlock *b = calloc(1, sizeof(HostBlock));
        int r = b ? ptr_array_add(&l->blocks, b) : -ENOMEM;

        if (r < 0) {
                free(b);
                return r;
        }

        b->items[0] = e;
        b->ranks[0] = host_entry_rank(e);
        b->n = l->n = 1;
        return 0;
}

int host_list_insert(HostList *l, HostEntry *e) {
        uint64_t rank = host_entry_rank(e);
        HostBlock *b;
        size_t at;
        int r;

        if (l->blocks.n == 0)
                return list_begin(l, e);

        at = list_find_block(l, e, rank);
        b = l->blocks.items[at];
        if (b->n == BLOCK_SIZE) {
                r = list_split(l, at);
                if (r < 0)
                        return r;
                b = l->blocks.items[list_find_block(l, e, rank)];
        }

        at = block_position(b, e, rank);
        memmove(b->items + at + 1, b->items + at, (b->n - at) * sizeof(HostEntry *));
        memmove(b->ranks + at + 1, b->ranks + at, (b->n - at) * sizeof(uint64_t));
        b->items[at] = e;
        b->ranks[at] = rank;
        b->n++;
        l->n++;
        return 0;
}

void host_list_remove(HostList *l, const HostEntry *e) {
        uint64_t rank = host_entry_rank(e);
        size_t block = list_find_block(l, e, rank), at;
        HostBlock *b = l->blocks.items[block];

        at = block_position(b, e, rank);
        b->n--;
        l->n--;
        memmove(b->items + at, b->items + at + 1, (b->n - at) * sizeof(HostEntry *));
        memmove(b->ranks + at, b->ranks + at + 1, (b->n - at) * sizeof(uint64_t));
        if (b->n > 0)
                return;

        ptr_array_remove_at(&l->blocks, block);
        free(b);
}

void host_list_done(HostList *l) {
        for (size_t i = 0; i < l->blocks.n; i++)
                free(l->blocks.items[i]);
        ptr_array_done(&l->blocks);
        l->n = 0;
}

HostEntry *host_cursor_next(HostCursor *c) {
        while (c->block < c->list->blocks.n) {
                const HostBlock *b = c->list->blocks.items[c->block];

                if (c->at < b->n)
                        return b->items[c->at++];
                c->block++;
                c->at = 0;
        }

        return NULL;
}
