/*
 * The store: one live tree, and transactions on snapshots of it
 */

#include "tests/lab/xenstored/store.h"

int store_init(Store *ret) {
        *ret = (Store){ .generation = 1 };
        return tree_init(&ret->tree);
}

void store_done(Store *s) {
        tree_done(&s->tree);
}

int transaction_new(const Store *s, uint32_t id, Transaction **ret) {
        Transaction *t;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->id = id;
        tree_share(&s->tree, &t->base);
        tree_share(&s->tree, &t->tree);
        *ret = t;
        return 0;
}

Transaction *transaction_free(Transaction *t) {
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->n_seen; i++)
                free(t->seen[i].path);
        for (size_t i = 0; i < t->n_changes; i++) {
                free(t->changes[i].path);
                free(t->changes[i].data);
        }
        free(t->seen);
        free(t->changes);
        tree_done(&t->base);
        tree_done(&t->tree);
        free(t);
        return NULL;
}

static int remember_seen(Transaction *t, const char *path, bool below) {
        struct Seen *seen;
        char *copy;

        for (size_t i = 0; i < t->n_seen; i++)
                if (t->seen[i].below == below && streq(t->seen[i].path, path))
                        return 0;
        if (t->n_seen >= TRANSACTION_STEPS_MAX)
                return -ENOSPC;

        copy = strdup(path);
        seen = realloc(t->seen, (t->n_seen + 1) * sizeof(*seen));
        if (seen)
                t->seen = seen;
        if (!copy || !seen) {
                free(copy);
                return -ENOMEM;
        }
        t->seen[t->n_seen++] = (struct Seen){ copy, below };
        return 0;
}

static int remember_change(Transaction *t, ChangeType type, const char *path, const char *data, size_t size) {
        Change change = { .type = type, .size = size }, *changes;

        if (t->n_changes >= TRANSACTION_STEPS_MAX)
                return -ENOSPC;

        changes = realloc(t->changes, (t->n_changes + 1) * sizeof(*changes));
        if (!changes)
                return -ENOMEM;
        t->changes = changes;

        change.path = strdup(path);
        change.data = malloc(size + 1);
        if (!change.path || !change.data) {
                free(change.path);
                free(change.data);
                return -ENOMEM;
        }
        if (size > 0)
                memcpy(change.data, data, size);
        t->changes[t->n_changes++] = change;
        return 0;
}

static int tree_apply(Tree *tree, const Change *c, uint64_t generation) {
        switch (c->type) {
        case CHANGE_WRITE:
                return tree_write(tree, c->path, c->data, c->size, generation);
        case CHANGE_MAKE:
                return tree_make(tree, c->path, generation);
        case CHANGE_REMOVE:
                return tree_remove(tree, c->path, generation);
        case CHANGE_PERMISSIONS:
                return tree_set_permissions(tree, c->path, c->data, c->size, generation);
        }
        return -EINVAL;
}

int store_find(Store *s, Transaction *t, const char *path, const Node **ret) {
        const Node *n;
        int r;

        if (t) {
                r = remember_seen(t, path, /* below= */ false);
                if (r < 0)
                        return r;
        }
        n = tree_find(t ? &t->tree : &s->tree, path);
        if (!n)
                return -ENOENT;
        *ret = n;
        return 0;
}

int store_change(Store *s, Transaction *t, ChangeType type, const char *path, const char *data, size_t size) {
        Change change = { type, (char *) path, (char *) data, size };
        int r;

        if (!t) {
                bool existed = tree_find(&s->tree, path);

                r = tree_apply(&s->tree, &change, ++s->generation);
                if (r >= 0 && !(type == CHANGE_MAKE && existed))
                        s->changed(path, type == CHANGE_REMOVE, s->userdata);
                return r;
        }

        r = remember_seen(t, path, type == CHANGE_REMOVE);
        if (r >= 0)
                r = tree_apply(&t->tree, &change, s->generation);
        if (r >= 0)
                r = remember_change(t, type, path, data, size);
        return r;
}

static bool seen_unchanged(const Store *s, const Transaction *t, const struct Seen *seen) {
        const Node *before = tree_find(&t->base, seen->path), *now = tree_find(&s->tree, seen->path);

        /* A node that changed in any way below itself was copied, since the base holds the old one. */
        if (seen->below || !before || !now)
                return before == now;
        return before->generation == now->generation;
}

int store_commit(Store *s, Transaction *t) {
        Tree result;
        int r;

        if (t->n_changes == 0)
                return 0;
        for (size_t i = 0; i < t->n_seen; i++)
                if (!seen_unchanged(s, t, &t->seen[i]))
                        return -EAGAIN;

        /* All or nothing: a step may still fail for want of room. */
        tree_share(&s->tree, &result);
        s->generation++;
        for (size_t i = 0; i < t->n_changes; i++) {
                r = tree_apply(&result, &t->changes[i], s->generation);
                if (r < 0) {
                        tree_done(&result);
                        return r;
                }
        }
        tree_done(&s->tree);
        s->tree = result;

        for (size_t i = 0; i < t->n_changes; i++)
                s->changed(t->changes[i].path, t->changes[i].type == CHANGE_REMOVE, s->userdata);
        return 0;
}
