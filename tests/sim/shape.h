#pragma once

/*
 * The shape of a simulated pool
 *
 * Read from JSON:
 *
 *     {"types": {"K100": 8, "K140Q": 4},                    instances per PGPU
 *      "cards": {"K1": {"pgpus": 4, "types": ["K100", "K140Q"], "group": "K1"}},
 *      "hosts": [{"name": "host", "count": 16, "cards": ["K1", "K1"]}]}
 *
 * A card without "group" is in the group of its own name, so cards with different types can share one.
 * "count" makes that many hosts of the kind. Every PGPU also offers passthrough.
 */

#include "common/base/macros.h"

#define SHAPE_TYPES_MAX 32
#define SHAPE_CARDS_MAX 16
#define SHAPE_HOST_CARDS_MAX 16
#define SHAPE_HOSTS_MAX 20000
#define SHAPE_NAME_MAX 32

#define TYPE_NONE SIZE_MAX /* passthrough has no entry among the types */

typedef struct ShapeType {
        char name[SHAPE_NAME_MAX];
        uint32_t instances;
} ShapeType;

typedef struct ShapeCard {
        char name[SHAPE_NAME_MAX];
        size_t group; /* index of the first card of the group, whose name or "group" is the group's */
        char group_name[SHAPE_NAME_MAX];
        uint32_t pgpus;
        size_t types[SHAPE_TYPES_MAX], n_types;
} ShapeCard;

typedef struct ShapeHost {
        char name[SHAPE_NAME_MAX];
        size_t cards[SHAPE_HOST_CARDS_MAX], n_cards;
} ShapeHost;

typedef struct Shape {
        ShapeType types[SHAPE_TYPES_MAX];
        ShapeCard cards[SHAPE_CARDS_MAX];
        ShapeHost *hosts;
        size_t n_types, n_cards, n_hosts;
} Shape;

/* The two pools of the comparison: "even" and "unequal"; NULL for another name. */
const char *shape_text(const char *name);

/* -EINVAL with a sentence in error (of size bytes), -ENOMEM. */
int shape_parse(const char *text, size_t size, Shape *ret, char *error, size_t error_size);
void shape_done(Shape *s);
#define _cleanup_shape_ _cleanup_(shape_done)

/* SIZE_MAX: none of that name. A group goes by the index of its first card. */
size_t shape_find_type(const Shape *s, const char *name);
size_t shape_find_group(const Shape *s, const char *name);
/* The first group whose cards support the type; SIZE_MAX: none. */
size_t shape_group_of_type(const Shape *s, size_t type);
/* Whether a card of the group supports the type. */
bool shape_group_has_type(const Shape *s, size_t group, size_t type);
/* PGPUs in the group. */
uint32_t shape_group_pgpus(const Shape *s, size_t group);
