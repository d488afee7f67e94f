/*
 * What an object owns: texts, lists of texts, and lists of pointers, whose objects are the pool's
 *
 * The schema lists what is shown or stored; here is the rest. A field is owned by its type. Texts that are never NULL are empty in a new
 * object.
 */

#include "policyd/pool/pool-internal.h"

typedef enum OwnedKind {
        NOTHING,
        TEXT,
        TEXTS,
        LIST,
} OwnedKind;

typedef struct Owned {
        uint8_t class, kind;
        bool may_be_null;
        uint16_t offset;
} Owned;

#define STRUCT_OF(class, x, type, ...) typedef type struct_##class;
POOL_CLASSES(STRUCT_OF)

#define OWN(class, field, may_be_null)                                                                       \
        {CLASS_##class,                                                                                      \
                _Generic(((struct_##class *) 0)->field, char *: TEXT, char **: TEXTS, PtrArray: LIST, default: NOTHING), \
                may_be_null, offsetof(struct_##class, field)},
#define OWN_NEVER_NULL(class, field) OWN(class, field, false)
#define OWN_OR_NULL(class, field) OWN(class, field, true)

#define OWN_ROW(member) OWN_NEVER_NULL
#define OWN_OPT(member) OWN_NEVER_NULL
#define OWN_NONE(class, field) OWN_NEVER_NULL(class, field)
#define OWN_SET(member) OWN_OR_NULL
#define OWN_NONE_OR_NULL(class, field) OWN_OR_NULL(class, field)
#define SHOWN(class, bit, name, signature, change, type, source, row, ...) OWN_##row(class, source)
#define HIDDEN(class, type, source, row) OWN_##row(class, source)
#define LISTED(class, ...) class##_SCHEMA(SHOWN, HIDDEN, class)

/* clang-format off */
static const Owned owned[] = {
        POOL_CLASSES(LISTED)
        OWN_OR_NULL(HOST, standing_reason) OWN_OR_NULL(HOST, functions) OWN_OR_NULL(HOST, allowed_config_keys)
        OWN_OR_NULL(HOST, taken_functions) OWN_OR_NULL(HOST, vms)
        OWN_OR_NULL(PGPU, name) OWN_OR_NULL(PGPU, held_by) OWN_OR_NULL(PGPU, standing_reason)
        OWN_OR_NULL(PGPU, health_reason) OWN_OR_NULL(PGPU, disabling) OWN_OR_NULL(PGPU, vgpus)
        OWN_OR_NULL(VGPU_TYPE, of_hosts) OWN_OR_NULL(VGPU_TYPE, label)
        OWN_NEVER_NULL(VM, networks) OWN_NEVER_NULL(VM, storage) OWN_OR_NULL(VM, functions) OWN_OR_NULL(VM, objections)
        OWN_NEVER_NULL(JOB, error_message)
};
/* clang-format on */

static void *field_of(Object *o, const Owned *w) {
        return (char *) o + w->offset;
}

int owned_init(Object *o) {
        for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
                const Owned *w = &owned[i];
                int r = 0;

                if (w->class != o->class || w->may_be_null)
                        continue;
                if (w->kind == TEXT)
                        r = text_set(field_of(o, w), "");
                else if (w->kind == TEXTS)
                        r = strv_set(field_of(o, w), NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

void owned_free(Object *o) {
        for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
                const Owned *w = &owned[i];

                if (w->class != o->class)
                        continue;
                if (w->kind == LIST)
                        ptr_array_done(field_of(o, w));
                else if (w->kind == TEXTS)
                        strv_free(*(char ***) field_of(o, w));
                else if (w->kind == TEXT)
                        free(*(char **) field_of(o, w));
        }
}
