#pragma once

/*
 * The properties of objects, as clients see them
 *
 * protocol/schema/classes.h says which properties a class has; here each gets its value, once for the bus and for List. How it is read
 * follows from its signature:
 *
 *   s           property_text()
 *   b, u, t     property_number(); i as well, whose negative numbers are large ones
 *   d           property_fraction()
 *   as          property_texts()
 *   a{ss}       property_map()
 *   o, ao       property_next_path(), one after the other; "o" without any is "/"
 *   (ss)        property_tuple() 0
 *   a(sso)      property_tuple(), one after the other
 */

#include "policyd/pool/pool.h"

/* /org/xenvgpu/Policy1/<class>/_<uuid> */
#define OBJECT_PATH_MAX 80
const char *object_path(ObjectClass c, const Uuid *id, char buf[static OBJECT_PATH_MAX]);
#define OBJECT_PATH(o)                                                                                       \
        object_path(((const Object *) (o))->class, &((const Object *) (o))->id, (char[OBJECT_PATH_MAX]){})

/* An object by its name: it need not be in the pool any more. */
typedef struct Reference {
        ObjectClass class;
        const Uuid *id;
        const Object *object; /* NULL: it may be gone */
} Reference;

#define PROPERTY_TEXT_MAX OBJECT_PATH_MAX /* of a text that is made when it is asked for */

#define PROPERTY_TUPLE_MAX 3
typedef struct PropertyTuple {
        const char *items[PROPERTY_TUPLE_MAX]; /* NULL after the last; "o" is a path */
        char id[UUID_TEXT_MAX], path[OBJECT_PATH_MAX];
} PropertyTuple;

typedef enum PropertyChange {
        PROPERTY_CONST,
        PROPERTY_CHANGES,     /* announced with its value */
        PROPERTY_INVALIDATES, /* announced without its value, which clients then read */
} PropertyChange;

typedef struct Property {
        const char *name; /* on D-Bus */
        const char *signature;
        PropertyChange change;
        bool stored;  /* in the object's row: the rest is told by hosts, or follows from it */
        bool is_time; /* µs since 1970 */
        size_t offset; /* of the field in the object, or 0: the object itself */
        /* The one that the signature wants. */
        const WordTable *words; /* of an enum */
        const char *(*text)(const void *field, char buf[static PROPERTY_TEXT_MAX]);
        uint64_t (*number)(const void *field);
        bool (*next)(const void *field, size_t *i, Reference *ret);
        bool (*tuple)(const void *field, size_t i, PropertyTuple *ret);
} Property;

/* Property n is that of bit n in Object.changed. The last has no name. */
const Property *class_properties(ObjectClass c);
const Property *property_find(ObjectClass c, const char *name); /* or NULL */
extern const Property property_uuid;

/* buf holds PROPERTY_TEXT_MAX; the text stands there, or belongs to the object. */
const char *property_text(const Object *o, const Property *p, char *buf);
uint64_t property_number(const Object *o, const Property *p);
double property_fraction(const Object *o, const Property *p);
const char *const *property_texts(const Object *o, const Property *p); /* NULL: none */
const void *property_field(const Object *o, const Property *p); /* where its value stands, for who changes it */
const char *property_map(const Object *o, const Property *p); /* the text of a JSON object of texts */
/* *i begins at 0; NULL at the end. */
const char *property_next_path(const Object *o, const Property *p, size_t *i, char buf[static OBJECT_PATH_MAX]);
bool property_next_reference(const Object *o, const Property *p, size_t *i, Reference *ret); /* the same, as an object */
bool property_tuple(const Object *o, const Property *p, size_t i, PropertyTuple *ret);
/* How many references a list has that may grow with the pool; 0 for any other property. */
size_t property_count(const Object *o, const Property *p);
/* The bits (Object.changed) of the properties that differ between two states of one object, perhaps of two pools. NULL: all of b that
 * may change. */
uint64_t property_differences(const Object *a_or_null, const Object *b);
