/*
 * A check of all of LMDB's pages that trusts no number in them
 *
 * The layout is that of mdb.c in LMDB 0.9. Page numbers and transaction numbers are of the machine's word
 * size.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/lmdb/check.h"

#define MAGIC UINT32_C(0xBEEFC0DE)
#define DATA_VERSION 1
#define PAGE_SIZE_MIN 512
#define PAGE_SIZE_MAX 65536
#define KEY_SIZE_MAX 511
#define DEPTH_MAX 32
#define NO_PAGE SIZE_MAX
#define N_METAS 2

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02, PAGE_OVERFLOW = 0x04, PAGE_META = 0x08 };
enum { NODE_BIG = 0x01, NODE_TABLE = 0x02 };
enum { TABLE_INTEGER_KEYS = 0x08 };

typedef struct RawHeader {
        size_t number;
        uint16_t pad, flags;
        uint16_t lower, upper; /* of an overflow page: a number of pages in 32 bits */
} RawHeader;

typedef struct RawNode {
        uint16_t low, high, flags, key_size;
} RawNode;

typedef struct RawTable {
        uint32_t pad; /* of the free table: the page size */
        uint16_t flags, depth;
        size_t n_branches, n_leaves, n_overflows, n_entries, root;
} RawTable;

typedef struct RawMeta {
        uint32_t magic, version;
        void *address;
        size_t map_size;
        RawTable free, main;
        size_t last_page, txn;
} RawMeta;

typedef struct Walk {
        int fd;
        size_t page_size;
        size_t n_pages; /* of the tree; the file may end before the last of them when those are free */
        size_t n_there; /* whole pages of the file, at most n_pages */
        uint8_t *seen;  /* one bit for each of these: in use, or free */
        size_t txn;
        char *problem;
} Walk;

typedef struct Bytes {
        const void *data; /* NULL: no bound */
        size_t size;
} Bytes;

typedef struct TableWalk TableWalk;
typedef int (*LeafVisitor)(TableWalk *t, size_t page, Bytes key, const RawNode *node, const uint8_t *data);

struct TableWalk {
        Walk *w;
        RawTable table;
        bool integer_keys;
        LeafVisitor visit;
        size_t n_entries;
};

#define fail(w, ...) text_refuse(&(w)->problem, -EBADMSG, __VA_ARGS__)

static int read_bytes(Walk *w, uint64_t offset, void *buf, size_t size) {
        for (size_t done = 0; done < size;) {
                ssize_t n = pread(w->fd, (uint8_t *) buf + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return fail(w, "the file ends within what it should hold");
                done += (size_t) MAX_OF(n, 0);
        }
        return 0;
}

static uint64_t page_offset(const Walk *w, size_t page) {
        return (uint64_t) page * w->page_size;
}

/* Each page may be used once only. */
static int take_page(Walk *w, size_t page) {
        uint8_t bit = (uint8_t) (1u << page % 8);

        if (page < N_METAS || page >= w->n_pages)
                return fail(w, "page %zu is named, and there is no such page", page);
        if (page >= w->n_there)
                return fail(w, "it ends before page %zu", page);
        if (w->seen[page / 8] & bit)
                return fail(w, "page %zu is used twice", page);
        w->seen[page / 8] |= bit;
        return 0;
}

static int compare_keys(const TableWalk *t, Bytes a, Bytes b) {
        size_t x, y;
        int r;

        if (t->integer_keys) {
                memcpy(&x, a.data, sizeof(x));
                memcpy(&y, b.data, sizeof(y));
                return x < y ? -1 : x > y;
        }
        r = memcmp(a.data, b.data, MIN_OF(a.size, b.size));
        return r ?: (a.size < b.size ? -1 : a.size > b.size);
}

/* Nodes */

static RawNode node_at(const uint8_t *page, size_t i, const uint8_t **ret_data) {
        uint16_t offset;
        RawNode node;

        memcpy(&offset, page + sizeof(RawHeader) + i * sizeof(offset), sizeof(offset));
        memcpy(&node, page + offset, sizeof(node));
        *ret_data = page + offset + sizeof(node);
        return node;
}

static size_t node_data_size(const RawNode *n) {
        return n->low | (size_t) n->high << 16;
}

static size_t node_child(const RawNode *n) {
        return (size_t) (n->low | (uint64_t) n->high << 16 | (uint64_t) n->flags << 32);
}

static size_t node_size(const RawNode *n, bool leaf) {
        size_t size = sizeof(*n) + n->key_size;

        if (leaf)
                size += n->flags & NODE_BIG ? sizeof(size_t) : node_data_size(n);
        return size + size % 2;
}

/* Nodes lie within the page and not over each other. */
static int check_nodes(Walk *w, size_t number, const uint8_t *page, size_t n, size_t upper, bool leaf) {
        uint8_t covered[PAGE_SIZE_MAX / 2 / 8] = {};

        for (size_t i = 0; i < n; i++) {
                uint16_t offset;
                RawNode node;
                size_t end;

                memcpy(&offset, page + sizeof(RawHeader) + i * sizeof(offset), sizeof(offset));
                if (offset < upper || offset % 2 != 0 || offset + sizeof(node) > w->page_size)
                        return fail(w, "page %zu has its entry %zu at %u", number, i, offset);
                memcpy(&node, page + offset, sizeof(node));
                end = offset + node_size(&node, leaf);
                if (end > w->page_size)
                        return fail(w, "page %zu has an entry %zu that ends outside it", number, i);
                for (size_t at = offset / 2; at < end / 2; at++) {
                        if (covered[at / 8] & 1u << at % 8)
                                return fail(w, "page %zu has entries that overlap", number);
                        covered[at / 8] |= (uint8_t) (1u << at % 8);
                }
        }
        return 0;
}

static int read_page(TableWalk *t, size_t number, bool leaf, uint8_t *page, size_t *ret_n) {
        Walk *w = t->w;
        RawHeader header;
        size_t n;
        int r;

        r = take_page(w, number);
        r = r ?: read_bytes(w, page_offset(w, number), page, w->page_size);
        if (r < 0)
                return r;
        memcpy(&header, page, sizeof(header));
        if (header.number != number || header.flags != (leaf ? PAGE_LEAF : PAGE_BRANCH))
                return fail(
                        w, "page %zu is not the %s page that it should be", number, leaf ? "leaf" : "branch");
        n = (header.lower - sizeof(header)) / 2;
        if (header.lower < sizeof(header) || header.lower % 2 != 0 || header.upper < header.lower ||
                header.upper > w->page_size || n < (leaf ? 1 : 2))
                return fail(w, "page %zu has a header that cannot be", number);
        r = check_nodes(w, number, page, n, header.upper, leaf);
        if (r < 0)
                return r;
        *ret_n = n;
        return 0;
}

/* Keys ascend, from the bound of the branch above up to its next one. */
static int check_key(const TableWalk *t, size_t page, Bytes key, Bytes previous, Bytes low, Bytes high) {
        if (key.size < 1 || key.size > KEY_SIZE_MAX || (t->integer_keys && key.size != sizeof(size_t)))
                return fail(t->w, "page %zu has a key of %zu bytes", page, key.size);
        if ((previous.data && compare_keys(t, previous, key) >= 0) ||
                (low.data && compare_keys(t, low, key) > 0) || (high.data && compare_keys(t, key, high) >= 0))
                return fail(t->w, "page %zu has keys that are not in order", page);
        return 0;
}

static int walk_page(TableWalk *t, size_t number, unsigned level, Bytes low, Bytes high);

static Bytes node_key(const RawNode *node, const uint8_t *data) {
        return (Bytes){data, node->key_size};
}

/* The first key of a branch is not checked; LMDB does not use it either: all keys below the second one are in
 * the first child. */
static int walk_branch(
        TableWalk *t, size_t number, const uint8_t *page, size_t n, unsigned level, Bytes low, Bytes high) {
        Bytes previous = {};
        int r = 0;

        for (size_t i = 1; i < n && r == 0; i++) {
                const uint8_t *data;
                RawNode node = node_at(page, i, &data);

                r = check_key(t, number, node_key(&node, data), previous, low, high);
                previous = node_key(&node, data);
        }
        for (size_t i = 0; i < n && r == 0; i++) {
                const uint8_t *data, *next_data;
                RawNode node = node_at(page, i, &data), next;
                Bytes to = high;

                if (i + 1 < n) {
                        next = node_at(page, i + 1, &next_data);
                        to = node_key(&next, next_data);
                }
                r = walk_page(t, node_child(&node), level + 1, i == 0 ? low : node_key(&node, data), to);
        }
        return r;
}

static int walk_leaf(TableWalk *t, size_t number, const uint8_t *page, size_t n, Bytes low, Bytes high) {
        Bytes previous = {};
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                const uint8_t *data;
                RawNode node = node_at(page, i, &data);
                Bytes key = node_key(&node, data);

                r = check_key(t, number, key, previous, low, high);
                r = r ?: t->visit(t, number, key, &node, data + node.key_size);
                previous = key;
        }
        t->n_entries += n;
        return r;
}

static int walk_page(TableWalk *t, size_t number, unsigned level, Bytes low, Bytes high) {
        _cleanup_free_ uint8_t *page = malloc(t->w->page_size);
        bool leaf = level == t->table.depth;
        size_t n = 0;
        int r;

        if (!page)
                return -ENOMEM;
        r = read_page(t, number, leaf, page, &n);
        if (r < 0)
                return r;
        return leaf ? walk_leaf(t, number, page, n, low, high)
                    : walk_branch(t, number, page, n, level, low, high);
}

static int walk_table(TableWalk *t, const char *name) {
        const RawTable *table = &t->table;
        int r = 0;

        if (table->depth > DEPTH_MAX || (table->depth == 0) != (table->root == NO_PAGE))
                return fail(t->w, "the table %s has a root that cannot be", name);
        if (table->root != NO_PAGE)
                r = walk_page(t, table->root, 1, (Bytes){}, (Bytes){});
        if (r == 0 && t->n_entries != table->n_entries)
                return fail(t->w, "the table %s has %zu entries and should have %zu", name, t->n_entries,
                        table->n_entries);
        return r;
}

/* Values */

/* A long value: pages of its own, one after the other, of which only the first has a header. */
static int take_overflow(Walk *w, const uint8_t *data, size_t size, size_t *ret_page) {
        RawHeader header;
        uint32_t n;
        size_t page;
        int r;

        memcpy(&page, data, sizeof(page));
        r = take_page(w, page);
        r = r ?: read_bytes(w, page_offset(w, page), &header, sizeof(header));
        if (r < 0)
                return r;
        n = header.lower | (uint32_t) header.upper << 16;
        if (header.number != page || header.flags != PAGE_OVERFLOW ||
                n < (sizeof(header) - 1 + size) / w->page_size + 1 || n > w->n_pages - page)
                return fail(w, "page %zu does not begin the value of %zu bytes that it should", page, size);
        for (uint32_t i = 1; i < n && r == 0; i++)
                r = take_page(w, page + i);
        *ret_page = page;
        return r;
}

static int visit_value(TableWalk *t, size_t page, Bytes key, const RawNode *node, const uint8_t *data) {
        size_t first;

        if (node->flags == NODE_BIG)
                return take_overflow(t->w, data, node_data_size(node), &first);
        return node->flags == 0 ? 0 : fail(t->w, "page %zu has an entry of an unknown kind", page);
}

static int visit_table(TableWalk *t, size_t page, Bytes key, const RawNode *node, const uint8_t *data) {
        TableWalk inner = {.w = t->w, .visit = visit_value};
        char name[64];

        snprintf(name, sizeof(name), "on page %zu", page);
        if (node->flags != NODE_TABLE || node_data_size(node) != sizeof(inner.table))
                return fail(t->w, "page %zu has an entry that is no table", page);
        memcpy(&inner.table, data, sizeof(inner.table));
        if (inner.table.flags != 0)
                return fail(t->w, "page %zu has a table of an unknown kind", page);
        return walk_table(&inner, name);
}

/* A number of pages, and the pages from the highest down. */
static int check_free_pages(Walk *w, size_t at, const size_t *list, size_t size) {
        size_t n = size / sizeof(*list), before = w->n_pages;

        if (n < 1 || list[0] > n - 1)
                return fail(w, "page %zu has a list of free pages that cannot be", at);
        for (size_t i = 1; i <= list[0]; i++) {
                int r = 0;

                if (list[i] < N_METAS || list[i] >= before)
                        return fail(w, "page %zu lists free pages that cannot be", at);
                before = list[i];
                if (list[i] < w->n_there)
                        r = take_page(w, list[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int visit_free(TableWalk *t, size_t page, Bytes key, const RawNode *node, const uint8_t *data) {
        _cleanup_free_ size_t *list = NULL;
        size_t size = node_data_size(node), first, txn;
        int r = 0;

        memcpy(&txn, key.data, sizeof(txn));
        if ((node->flags & ~NODE_BIG) != 0 || txn > t->w->txn || size > page_offset(t->w, t->w->n_pages))
                return fail(t->w, "page %zu has an entry that is no list of free pages", page);
        list = malloc(size + 1);
        if (!list)
                return -ENOMEM;
        if (node->flags & NODE_BIG) {
                r = take_overflow(t->w, data, size, &first);
                r = r ?: read_bytes(t->w, page_offset(t->w, first) + sizeof(RawHeader), list, size);
        } else
                memcpy(list, data, size);
        return r ?: check_free_pages(t->w, page, list, size);
}

/* The two meta pages are written alternately, so the older one is from the transaction before the last. */

static bool meta_is_sound(const RawHeader *h, const RawMeta *m, size_t i) {
        size_t page_size = m->free.pad;

        return h->number == i && h->flags == PAGE_META && m->magic == MAGIC && m->version == DATA_VERSION &&
               page_size >= PAGE_SIZE_MIN && page_size <= PAGE_SIZE_MAX &&
               (page_size & (page_size - 1)) == 0 && m->free.flags == TABLE_INTEGER_KEYS &&
               m->main.flags == 0 && m->last_page >= N_METAS - 1 && m->last_page <= m->map_size / page_size &&
               (m->txn == 0 || m->txn % 2 == i);
}

static int read_meta(Walk *w, size_t i, RawMeta *ret) {
        uint8_t bytes[sizeof(RawHeader) + sizeof(RawMeta)];
        RawHeader header;
        int r;

        r = read_bytes(w, page_offset(w, i), bytes, sizeof(bytes));
        if (r < 0)
                return r;
        memcpy(&header, bytes, sizeof(header));
        memcpy(ret, bytes + sizeof(header), sizeof(*ret));
        return meta_is_sound(&header, ret, i) ? 0 : fail(w, "its meta page %zu is damaged", i);
}

static int read_metas(Walk *w, RawMeta *ret) {
        RawMeta metas[N_METAS];
        size_t older, newer;
        int r;

        r = read_meta(w, 0, &metas[0]);
        if (r < 0)
                return r;
        w->page_size = metas[0].free.pad;
        r = read_meta(w, 1, &metas[1]);
        if (r < 0)
                return r;
        newer = metas[1].txn > metas[0].txn;
        older = 1 - newer;
        if (metas[older].free.pad != w->page_size ||
                (metas[newer].txn != 0 && metas[newer].txn != metas[older].txn + 1))
                return fail(w, "its two meta pages do not belong together");
        *ret = metas[newer];
        return 0;
}

static int check_tree(Walk *w, size_t file_size) {
        TableWalk free_walk = {.w = w, .integer_keys = true, .visit = visit_free};
        TableWalk main_walk = {.w = w, .visit = visit_table};
        RawMeta meta = {};
        int r;

        r = read_metas(w, &meta);
        if (r < 0)
                return r;
        w->txn = meta.txn;
        w->n_pages = meta.last_page + 1;
        w->n_there = MIN_OF(w->n_pages, file_size / w->page_size);
        w->seen = calloc(w->n_there / 8 + 1, 1);
        if (!w->seen)
                return -ENOMEM;
        main_walk.table = meta.main;
        free_walk.table = meta.free;
        /* The tables come first: if a page is both free and in use, the problem then names the list of free
         * pages. */
        r = walk_table(&main_walk, "of tables");
        return r ?: walk_table(&free_walk, "of free pages");
}

int db_check_file(int fd, char **ret_problem) {
        Walk w = {.fd = fd};
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        r = check_tree(&w, (size_t) st.st_size);
        free(w.seen);
        if (r == -EBADMSG)
                *ret_problem = w.problem;
        return r;
}
