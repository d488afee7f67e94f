#pragma once

/*
 * UUIDs
 *
 * Sixteen bytes by value; the all-zero one is "none". Text is 36 characters in lower case
 * (8-4-4-4-12); reading accepts either case and nothing around it.
 */

#include "common/base/macros.h"

typedef struct Uuid {
        uint8_t bytes[16];
} Uuid;

#define UUID_NULL ((Uuid){})
#define UUID_TEXT_MAX 37

static inline bool uuid_equal(const Uuid *a, const Uuid *b) {
        return memcmp(a->bytes, b->bytes, 16) == 0;
}

bool uuid_is_null(const Uuid *id);
int uuid_compare(const Uuid *a, const Uuid *b);

/* -EINVAL when the text is not a UUID. */
int uuid_from_string(const char *text, Uuid *ret);

/* Writes 37 bytes and returns buf. */
const char *uuid_to_string(const Uuid *id, char buf[static UUID_TEXT_MAX]);

/* A version-4 UUID of these bytes. */
Uuid uuid_from_random(const uint8_t bytes[static 16]);
/* The same, from getrandom(2); not for core folders, which take ids from their caller. */
int uuid_generate(Uuid *ret);

/* The last element of a D-Bus object path: "_" and the text with "_" for "-". buf holds 38 bytes. */
const char *uuid_to_path_element(const Uuid *id, char buf[static UUID_TEXT_MAX + 1]);
int uuid_from_path_element(const char *element, Uuid *ret);

#define UUID_TEXT(id) uuid_to_string((id), (char[UUID_TEXT_MAX]){})
