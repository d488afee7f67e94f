#pragma once

/*
 * The tree of a xenstore, as values
 *
 * Nodes are shared between trees and copied when written, so that a transaction's snapshot costs one
 * reference, and a node that two trees share is the same in both. Each node carries the generation in which
 * it last changed itself (value, permissions, or which children it has; not what its children hold).
 *
 * Paths are absolute and checked (tree_path_is_good()). Calls return 0 or -ENOENT, -ENOMEM, -ENOSPC (too many
 * nodes), -EINVAL (removing the root).
 */

#include "common/base/macros.h"

#define TREE_NODES_MAX 65536
#define TREE_VALUE_MAX 4096

typedef struct Node Node;
struct Node {
        unsigned n_refs;
        uint64_t generation;
        char *name;
        char *value;
        size_t value_size;
        char *permissions; /* as on the wire: texts, each with its NUL */
        size_t permissions_size;
        Node **children; /* sorted by name */
        size_t n_children;
};

typedef struct Tree {
        Node *root;
        size_t n_nodes;
} Tree;

int tree_init(Tree *ret);
void tree_done(Tree *t);
void tree_share(const Tree *t, Tree *ret); /* a snapshot */

bool tree_path_is_good(const char *path);

/* The node, or NULL. It lives until the tree changes. */
const Node *tree_find(const Tree *t, const char *path);

/* Missing parents are made, empty. */
int tree_write(Tree *t, const char *path, const char *value, size_t size, uint64_t generation);
int tree_make(Tree *t, const char *path, uint64_t generation); /* an existing node stays as it is */
int tree_remove(Tree *t, const char *path, uint64_t generation);
int tree_set_permissions(
        Tree *t, const char *path, const char *permissions, size_t size, uint64_t generation);
