#pragma once

/*
 * A hash map from UUIDs or strings to pointers
 *
 * Open addressing with linear probing; keys are not copied, they must live as long as their entry (they
 * stand in the value). Iteration order is unspecified: sort what people see.
 */

#include "common/base/uuid.h"

typedef struct HashMap HashMap;

/* hashmap-seed.c */
uint64_t hashmap_seed(const HashMap *m);

HashMap *hashmap_new_uuid(void);
HashMap *hashmap_new_string(void);
HashMap *hashmap_free(HashMap *m); /* not the values; returns NULL */
DEFINE_CLEANUP(HashMap *, hashmap_free)

int hashmap_put(HashMap *m, const void *key, void *value); /* -EEXIST, -ENOMEM, -EINVAL for a NULL value */
void *hashmap_get(const HashMap *m, const void *key);      /* NULL when absent */
void *hashmap_remove(HashMap *m, const void *key);         /* the value, or NULL */
size_t hashmap_size(const HashMap *m);

/* for (size_t i = 0; (v = hashmap_next(m, &i)); ) ... ; the map must not change meanwhile. */
void *hashmap_next(const HashMap *m, size_t *i);
