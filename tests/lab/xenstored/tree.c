/*
 * The tree of a xenstore, as values
 *
 * Every change walks from the root and makes each node on the way its own: one that another tree holds too is
 * copied, its children shared. So what a snapshot refers to is never written.
 */

#include "tests/lab/xenstored/tree.h"

#define PATH_MAX_BYTES 3072

/* A node that nobody gave permissions belongs to domain 0 and is closed to the others. */
static const char default_permissions[] = "n0";

static Node *node_unref(Node *n) {
        if (!n || --n->n_refs > 0)
                return NULL;

        for (size_t i = 0; i < n->n_children; i++)
                (void) node_unref(n->children[i]);
        free(n->children);
        free(n->name);
        free(n->value);
        free(n->permissions);
        free(n);
        return NULL;
}
DEFINE_CLEANUP(Node *, node_unref)

static int set_bytes(char **bytes, size_t *size, const char *from, size_t from_size) {
        char *copy;

        copy = malloc(from_size + 1);
        if (!copy)
                return -ENOMEM;
        if (from_size > 0)
                memcpy(copy, from, from_size);
        copy[from_size] = '\0';

        free(*bytes);
        *bytes = copy;
        *size = from_size;
        return 0;
}

static Node *node_new(const char *name, size_t name_size, const Node *like) {
        _cleanup_(node_unrefp) Node *n = NULL;
        int r;

        n = calloc(1, sizeof(*n));
        if (!n)
                return NULL;
        n->n_refs = 1;
        n->name = strndup(name, name_size);
        if (!n->name)
                return NULL;

        r = set_bytes(&n->value, &n->value_size, like ? like->value : "", like ? like->value_size : 0);
        if (r >= 0)
                r = set_bytes(&n->permissions, &n->permissions_size,
                        like ? like->permissions : default_permissions,
                        like ? like->permissions_size : sizeof(default_permissions));
        return r < 0 ? NULL : take_ptr(n);
}

/* Makes the node in *slot one that only this tree holds. */
static Node *node_own(Node **slot) {
        Node *old = *slot, *copy;

        if (old->n_refs == 1)
                return old;

        copy = node_new(old->name, strlen(old->name), old);
        if (!copy)
                return NULL;
        copy->generation = old->generation;
        if (old->n_children > 0) {
                copy->children = malloc(old->n_children * sizeof(Node *));
                if (!copy->children)
                        return node_unref(copy);
        }
        for (size_t i = 0; i < old->n_children; i++) {
                copy->children[i] = old->children[i];
                copy->children[i]->n_refs++;
        }
        copy->n_children = old->n_children;

        (void) node_unref(old);
        *slot = copy;
        return copy;
}

/* Where the child stands, or would stand. */
static size_t child_position(const Node *n, const char *name, size_t name_size, bool *ret_found) {
        size_t low = 0, high = n->n_children;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const char *other = n->children[middle]->name;
                int c = strncmp(other, name, name_size);

                if (c == 0 && other[name_size] == '\0') {
                        *ret_found = true;
                        return middle;
                }
                if (c < 0)
                        low = middle + 1;
                else
                        high = middle;
        }

        *ret_found = false;
        return low;
}

static int insert_child(Node *n, size_t at, Node *child) {
        Node **children;

        children = realloc(n->children, (n->n_children + 1) * sizeof(Node *));
        if (!children)
                return -ENOMEM;
        memmove(children + at + 1, children + at, (n->n_children - at) * sizeof(Node *));
        children[at] = child;
        n->children = children;
        n->n_children++;
        return 0;
}

/* Splits off the first element of a path; NULL at its end. */
static const char *next_element(const char **path, size_t *ret_size) {
        const char *element = *path;

        if (*element == '/')
                element++;
        if (*element == '\0')
                return NULL;
        *ret_size = strcspn(element, "/");
        *path = element + *ret_size;
        return element;
}

static size_t count_nodes(const Node *n) {
        size_t count = 1;

        for (size_t i = 0; i < n->n_children; i++)
                count += count_nodes(n->children[i]);
        return count;
}

int tree_init(Tree *ret) {
        Node *root;

        root = node_new("", 0, NULL);
        if (!root)
                return -ENOMEM;
        *ret = (Tree){ .root = root, .n_nodes = 1 };
        return 0;
}

void tree_done(Tree *t) {
        t->root = node_unref(t->root);
        t->n_nodes = 0;
}

void tree_share(const Tree *t, Tree *ret) {
        *ret = *t;
        ret->root->n_refs++;
}

bool tree_path_is_good(const char *path) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@";
        size_t size = strlen(path);

        if (path[0] != '/' || size > PATH_MAX_BYTES || path[strspn(path, allowed)] != '\0' ||
                strstr(path, "//"))
                return false;
        return size == 1 || path[size - 1] != '/';
}

const Node *tree_find(const Tree *t, const char *path) {
        const Node *n = t->root;
        const char *element;
        size_t size;

        while ((element = next_element(&path, &size))) {
                bool found;
                size_t at = child_position(n, element, size, &found);

                if (!found)
                        return NULL;
                n = n->children[at];
        }
        return n;
}

/* Walks to the node for writing. create makes what is missing. */
static int open_node(Tree *t, const char *path, bool create, uint64_t generation, Node **ret) {
        const char *element;
        size_t size;
        Node *n;

        n = node_own(&t->root);
        while (n && (element = next_element(&path, &size))) {
                bool found;
                size_t at = child_position(n, element, size, &found);

                if (!found) {
                        _cleanup_(node_unrefp) Node *child = NULL;

                        if (!create)
                                return -ENOENT;
                        if (t->n_nodes >= TREE_NODES_MAX)
                                return -ENOSPC;
                        child = node_new(element, size, NULL);
                        if (!child || insert_child(n, at, child) < 0)
                                return -ENOMEM;
                        child->generation = n->generation = generation;
                        t->n_nodes++;
                        child = NULL; /* the parent's now */
                }
                n = node_own(&n->children[at]);
        }
        if (!n)
                return -ENOMEM;

        *ret = n;
        return 0;
}

int tree_write(Tree *t, const char *path, const char *value, size_t size, uint64_t generation) {
        Node *n;
        int r;

        r = open_node(t, path, /* create= */ true, generation, &n);
        if (r < 0)
                return r;
        n->generation = generation;
        return set_bytes(&n->value, &n->value_size, value, size);
}

int tree_make(Tree *t, const char *path, uint64_t generation) {
        Node *n;

        if (tree_find(t, path))
                return 0;
        return open_node(t, path, /* create= */ true, generation, &n);
}

int tree_remove(Tree *t, const char *path, uint64_t generation) {
        const char *last = strrchr(path, '/');
        _cleanup_free_ char *parent_path = NULL;
        Node *parent;
        size_t at;
        bool found;
        int r;

        if (streq(path, "/"))
                return -EINVAL;
        if (!tree_find(t, path))
                return -ENOENT;

        parent_path = last == path ? strdup("/") : strndup(path, (size_t) (last - path));
        if (!parent_path)
                return -ENOMEM;
        r = open_node(t, parent_path, /* create= */ false, generation, &parent);
        if (r < 0)
                return r;

        at = child_position(parent, last + 1, strlen(last + 1), &found);
        t->n_nodes -= count_nodes(parent->children[at]);
        (void) node_unref(parent->children[at]);
        parent->n_children--;
        memmove(parent->children + at, parent->children + at + 1, (parent->n_children - at) * sizeof(Node *));
        parent->generation = generation;
        return 0;
}

int tree_set_permissions(
        Tree *t, const char *path, const char *permissions, size_t size, uint64_t generation) {
        Node *n;
        int r;

        r = open_node(t, path, /* create= */ false, generation, &n);
        if (r < 0)
                return r;
        n->generation = generation;
        return set_bytes(&n->permissions, &n->permissions_size, permissions, size);
}
