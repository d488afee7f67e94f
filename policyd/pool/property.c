/*
 * The properties of objects
 *
 * One small function for each kind of field; the lists of the schema say which one reads which field.
 */

#include "policyd/pool/property.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/strlist.h"
#include "protocol/names.h"

const char *object_path(ObjectClass c, const Uuid *id, char buf[static OBJECT_PATH_MAX]) {
        char *end = stpcpy(stpcpy(buf, POLICY_PATH "/"), object_class_to_string(c));

        *end++ = '/';
        uuid_to_path_element(id, end);
        return buf;
}

/* Texts */

static const char *text_plain(const void *field, char *buf) {
        return strempty(*(const char *const *) field);
}

/* A null one is not known yet. */
static const char *text_uuid(const void *field, char *buf) {
        return uuid_is_null(field) ? "" : uuid_to_string(field, buf);
}

static const char *text_pci(const void *field, char *buf) {
        return pci_address_to_string(field, buf);
}

/* XenServer's devices are texts. */
static const char *text_device(const void *field, char *buf) {
        snprintf(buf, PROPERTY_TEXT_MAX, "%" PRIu32, *(const uint32_t *) field);
        return buf;
}

static const char *text_health(const void *pgpu, char *buf) {
        return pgpu_health_to_string(pgpu_health(pgpu, NULL));
}

static const char *text_health_reason(const void *pgpu, char *buf) {
        const char *reason;

        (void) pgpu_health(pgpu, &reason);
        return reason;
}

/* Numbers */

static uint64_t number_bool(const void *field) {
        return *(const bool *) field;
}

static uint64_t number_u32(const void *field) {
        return *(const uint32_t *) field;
}

static uint64_t number_u64(const void *field) {
        return *(const uint64_t *) field;
}

static uint64_t number_whole_pgpu(const void *pgpu) {
        return PGPU_SIZE;
}

static uint64_t number_memory_computed(const void *host) {
        return host_memory_available(host);
}

/* -1: unknown. */
static uint64_t number_pgpu_node(const void *pgpu) {
        return (uint64_t) (int64_t) ((const Pgpu *) pgpu)->numa_node;
}

/* -1: none. */
static uint64_t number_vm_domain(const void *vm) {
        return ((const Vm *) vm)->domid ?: (uint64_t) -1;
}

static uint64_t number_remaining(const void *reservation) {
        return ((const Reservation *) reservation)->holds.n;
}

static OwnerUse quota_use(const Quota *q) {
        return owner_use(q->owned_by, q->group);
}

static uint64_t number_vgpus_used(const void *quota) {
        return quota_use(quota).vgpus;
}

static uint64_t number_size_used(const void *quota) {
        return quota_use(quota).size;
}

/* References */

static bool refer_to(const Object *o, Reference *ret) {
        *ret = (Reference){.class = o->class, .id = &o->id, .object = o};
        return true;
}

static bool next_single(const void *field, size_t *i, Reference *ret) {
        const Object *o = *(const Object *const *) field;

        return o && (*i)++ == 0 && refer_to(o, ret);
}

static bool next_in_array(const void *field, size_t *i, Reference *ret) {
        const PtrArray *a = field;

        return *i < a->n && refer_to(a->items[(*i)++], ret);
}

/* Those that run here, and those that are booked and do not run yet. */
static bool next_vgpu(const Pgpu *p, bool resident, size_t *i, Reference *ret) {
        while (*i < p->vgpus.n) {
                const Vgpu *v = p->vgpus.items[(*i)++];

                if ((v->resident_on == p) == resident)
                        return refer_to(&v->object, ret);
        }
        return false;
}

static bool next_resident_vgpu(const void *pgpu, size_t *i, Reference *ret) {
        return next_vgpu(pgpu, /* resident= */ true, i, ret);
}

static bool next_scheduled_vgpu(const void *pgpu, size_t *i, Reference *ret) {
        return next_vgpu(pgpu, /* resident= */ false, i, ret);
}

static bool next_supported_on(const void *type, size_t *i, Reference *ret) {
        const Pgpu *p = type_next_pgpu(type, /* supported= */ true, i);

        return p && refer_to(&p->object, ret);
}

static bool next_enabled_on(const void *type, size_t *i, Reference *ret) {
        const Pgpu *p = type_next_pgpu(type, /* supported= */ false, i);

        return p && refer_to(&p->object, ret);
}

/* By id: an object that is gone keeps its path here. */
static bool next_job_objects(const void *job, size_t *i, Reference *ret) {
        const Job *j = job;

        if (*i >= j->n_objects)
                return false;
        *ret = (Reference){.class = j->objects[*i].class, .id = &j->objects[*i].id};
        ++*i;
        return true;
}

/* Tuples */

/* What runs here and is not of the pool: of a domain of which only a name is known no uuid and no type. */
static bool tuple_outsider(const void *pgpu, size_t i, PropertyTuple *ret) {
        const Pgpu *p = pgpu;

        if (i > p->n_outsiders || (i == p->n_outsiders && isempty(p->held_by)))
                return false;
        ret->items[0] = i == p->n_outsiders ? "" : uuid_to_string(&p->outsiders[i].vm, ret->id);
        ret->items[1] = i == p->n_outsiders ? p->held_by : p->outsiders[i].name;
        ret->items[2] = i == p->n_outsiders ? "/" : object_path(CLASS_VGPU_TYPE, &p->outsiders[i].type->object.id, ret->path);
        return true;
}

static bool tuple_job_error(const void *job, size_t i, PropertyTuple *ret) {
        const Job *j = job;

        ret->items[0] = j->error == ERROR_NONE ? "" : error_code_name(j->error);
        ret->items[1] = strempty(j->error_message);
        ret->items[2] = NULL;
        return i == 0;
}

/* The types of the schema */

#define READ_TEXT .text = text_plain
#define READ_LINES .text = text_plain
#define READ_OWNER .text = text_plain
#define READ_UUID .text = text_uuid
#define READ_PCI .text = text_pci
#define READ_DEVICE .text = text_device
#define READ_WORD(enum) .words = &enum##_words
#define READ_TEXT_OF(name) .text = text_##name
#define READ_BOOL .number = number_bool
#define READ_U32 .number = number_u32
#define READ_U64 .number = number_u64
#define READ_LIMIT .number = number_u64
#define READ_NUMBER_OF(name) .number = number_##name
#define READ_FRACTION .number = NULL
#define READ_TEXTS .text = NULL
#define READ_MAP .text = NULL
#define READ_REF(class) .next = next_single
#define READ_REFS(class) .next = next_in_array
#define READ_PATHS_OF(name) .next = next_##name
#define READ_TUPLES_OF(name) .tuple = tuple_##name

/* Of a row in the schema: whether it stores, and of a kind, whether it is a time. */
#define STORES_ROW(member) true
#define STORES_OPT(member) true
#define STORES_SET(member) true
#define STORES_NONE false
#define STORES_NONE_OR_NULL false
#define IS_TIME_VALUE false
#define IS_TIME_STRINGS false
#define IS_TIME_MAP false
#define IS_TIME_REF false
#define IS_TIME_REFS false
#define IS_TIME_TIME true
#define IS_TIME_PERCENT false
#define IS_TIME_ERROR false
#define IS_TIME_OUTSIDE false
#define IS_TIME_LIMIT false

#define PROPERTY(x, bit, n, s, c, type, source, row, field, kind)                                            \
        {.name = n, .signature = s, .change = PROPERTY_##c, .stored = STORES_##row, .is_time = IS_TIME_##kind, \
                .offset = offsetof(x, source), READ_##type},
#define PROPERTIES(class, x, type, ...)                                                                      \
        static const Property properties_##class[] = {class##_SCHEMA(PROPERTY, SCHEMA_SKIP, type){}};
POOL_CLASSES(PROPERTIES)

#define PROPERTIES_OF(class, ...) [CLASS_##class] = properties_##class,

const Property *class_properties(ObjectClass c) {
        static const Property *const properties[_CLASS_MAX] = {POOL_CLASSES(PROPERTIES_OF)};

        return properties[c];
}

const Property *property_find(ObjectClass c, const char *name) {
        for (const Property *p = class_properties(c); p->name; p++)
                if (streq(p->name, name))
                        return p;
        return NULL;
}

const Property property_uuid = {
        .name = "UUID", .signature = "s", .change = PROPERTY_CONST, .offset = offsetof(Object, id), READ_UUID};

/* Values */

const void *property_field(const Object *o, const Property *p) {
        return (const char *) o + p->offset;
}

const char *property_text(const Object *o, const Property *p, char *buf) {
        return p->words ? word_of_value(p->words, *(const int *) property_field(o, p)) : p->text(property_field(o, p), buf);
}

uint64_t property_number(const Object *o, const Property *p) {
        return p->number(property_field(o, p));
}

double property_fraction(const Object *o, const Property *p) {
        return *(const double *) property_field(o, p);
}

const char *const *property_texts(const Object *o, const Property *p) {
        return *(const char *const *const *) property_field(o, p);
}

const char *property_map(const Object *o, const Property *p) {
        const char *json = *(const char *const *) property_field(o, p);

        return isempty(json) ? "{}" : json;
}

const char *property_next_path(const Object *o, const Property *p, size_t *i, char buf[static OBJECT_PATH_MAX]) {
        Reference to;

        return p->next(property_field(o, p), i, &to) ? object_path(to.class, to.id, buf) : NULL;
}

bool property_tuple(const Object *o, const Property *p, size_t i, PropertyTuple *ret) {
        return p->tuple(property_field(o, p), i, ret);
}

bool property_next_reference(const Object *o, const Property *p, size_t *i, Reference *ret) {
        return p->next(property_field(o, p), i, ret);
}

size_t property_count(const Object *o, const Property *p) {
        return p->next == next_in_array ? ((const PtrArray *) property_field(o, p))->n : 0;
}

/* Differences */

static bool same_paths(const Object *a, const Object *b, const Property *p) {
        char path_a[OBJECT_PATH_MAX], path_b[OBJECT_PATH_MAX];
        const char *next_a, *next_b;
        size_t i = 0, j = 0;

        do {
                next_a = property_next_path(a, p, &i, path_a);
                next_b = property_next_path(b, p, &j, path_b);
        } while (next_a && next_b && streq(next_a, next_b));
        return !next_a && !next_b;
}

static bool same_tuples(const Object *a, const Object *b, const Property *p) {
        PropertyTuple tuple_a, tuple_b;
        bool has_a, has_b;
        size_t i = 0;

        do {
                tuple_a = tuple_b = (PropertyTuple){};
                has_a = property_tuple(a, p, i, &tuple_a);
                has_b = property_tuple(b, p, i++, &tuple_b);
                for (size_t k = 0; k < PROPERTY_TUPLE_MAX; k++)
                        if (!streq_ptr(tuple_a.items[k], tuple_b.items[k]))
                                return false;
        } while (has_a && has_b && *p->signature == 'a');
        return has_a == has_b;
}

static bool same_value(const Object *a, const Object *b, const Property *p) {
        const char *type = *p->signature == 'a' ? p->signature + 1 : p->signature;
        char buf_a[PROPERTY_TEXT_MAX], buf_b[PROPERTY_TEXT_MAX];

        switch (*type) {
        case 's':
                return type == p->signature ? streq(property_text(a, p, buf_a), property_text(b, p, buf_b))
                                            : strv_equal((char *const *) property_texts(a, p),
                                                      (char *const *) property_texts(b, p));
        case '{':
                return streq(property_map(a, p), property_map(b, p));
        case 'o':
                return same_paths(a, b, p);
        case '(':
                return same_tuples(a, b, p);
        case 'd':
                return memcmp(property_field(a, p), property_field(b, p), sizeof(double)) == 0;
        default:
                return property_number(a, p) == property_number(b, p);
        }
}

uint64_t property_differences(const Object *a_or_null, const Object *b) {
        const Property *properties = class_properties(b->class);
        uint64_t bits = 0;

        for (size_t i = 0; properties[i].name; i++)
                if (properties[i].change != PROPERTY_CONST && (!a_or_null || !same_value(a_or_null, b, &properties[i])))
                        bits |= UINT64_C(1) << i;
        return bits;
}
