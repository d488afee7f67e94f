/*
 * The rows of the pool's objects, out of the schema
 *
 * Only members that are not single values are written by hand: what a host says about types, the objects of a
 * job and its error, and the PGPU that a VGPU is pinned to. row-load.c reads them after it has made the
 * object.
 *
 * Values that follow from others are not stored. The state of a host comes from its connection, and its
 * report says whether a PGPU is present. Members of a group name their group. The use of a quota is the sum
 * of VGPUs and held instances. What a VM needs is read from its config (vm-needs.h), so that the two cannot
 * differ.
 */

#include "policyd/store/row.h"

static const RecordField host_type_fields[] = {
        FIELD(RowHostType, type, REQUIRED, UUID),
        FIELD(RowHostType, size, REQUIRED, U32),
        FIELD(RowHostType, framebuffer_size, REQUIRED, U64),
        FIELD(RowHostType, internal_config, REQUIRED, JSON),
        FIELD(RowHostType, identifier, OPTIONAL, TEXT),
};
static const RecordTable host_type_table = RECORD_TABLE(RowHostType, host_type_fields);
static const RecordField host_types_fields[] = {FIELD_LIST(RowHostTypes, types, OPTIONAL, &host_type_table, SIZE_MAX)};
const RecordTable row_host_types = RECORD_TABLE(RowHostTypes, host_types_fields);

/* Of each type only what differs on this host, and of those that no PGPU of it supports: the others are in the rows of the
 * type and the PGPUs. */
static void write_host_types(const void *value, StrBuf *b, const char *member) {
        const PtrArray *types = value;
        bool any = false;

        for (size_t i = 0; i < types->n; i++) {
                const HostType *f = types->items[i];
                const RowHostType said = {f->type->object.id, f->size, f->framebuffer_size, f->internal_config,
                        (char *) strempty(f->identifier)};

                if (!host_type_differs(f) && host_type_is_supported(f))
                        continue;
                if (!any)
                        json_write_open(b, member, '[');
                any = true;
                record_write(&host_type_table, &said, b, NULL);
        }
        if (any)
                json_write_close(b, ']');
}

/* Stored as class and uuid, since a job may exist longer than its objects. */
static const RecordField job_object_fields[] = {
        FIELD(JobObject, class, REQUIRED, WORD, .words = &object_class_words),
        FIELD_AS(JobObject, id, "uuid", REQUIRED, UUID),
};
static const RecordTable job_object_table = RECORD_TABLE(JobObject, job_object_fields);
static const RecordField job_objects_fields[] = {
        FIELD_LIST(RowJobObjects, objects, REQUIRED, &job_object_table, JOB_OBJECTS_MAX)};
const RecordTable row_job_objects = RECORD_TABLE(RowJobObjects, job_objects_fields);

static void write_job_objects(const void *job, StrBuf *b, const char *member) {
        const Job *j = job;

        json_write_open(b, member, '[');
        for (size_t i = 0; i < j->n_objects; i++)
                record_write(&job_object_table, &j->objects[i], b, NULL);
        json_write_close(b, ']');
}

/* The error's name, and its sentence. */
static void write_job_error(const void *job, StrBuf *b, const char *member) {
        const Job *j = job;

        if (j->error == ERROR_NONE)
                return;
        json_write_string(b, member, error_code_name(j->error));
        json_write_string(b, "error_message", j->error_message);
}

static void write_pinned_pci(const void *value, StrBuf *b, const char *member) {
        if (CONTAINER_OF(value, Vgpu, pinned_pci)->pinned)
                json_write_string(b, member, PCI_TEXT((const PciAddress *) value));
}

static int read_later(JsonReader *r, struct json_object *o, const RecordField *f, void *value) {
        return 0;
}

/* The types of the schema as kinds of records */

#define ROW_PLAIN(k) .kind = RECORD_KIND_##k, .size = sizeof(RECORD_TYPE_##k)
#define ROW_TEXT ROW_PLAIN(TEXT)
#define ROW_LINES ROW_PLAIN(LINES)
#define ROW_JSON ROW_PLAIN(JSON)
#define ROW_MAP ROW_PLAIN(JSON)
#define ROW_TEXTS ROW_PLAIN(STRV)
#define ROW_BOOL ROW_PLAIN(BOOL)
#define ROW_U32 ROW_PLAIN(U32)
#define ROW_DEVICE ROW_PLAIN(U32)
#define ROW_U64 ROW_PLAIN(U64)
#define ROW_LIMIT ROW_PLAIN(LIMIT)
#define ROW_FRACTION ROW_PLAIN(PROGRESS)
#define ROW_UUID ROW_PLAIN(UUID)
#define ROW_PCI ROW_PLAIN(PCI_TEXT)
#define ROW_WORD(enum) ROW_PLAIN(WORD), .words = &enum##_words
/* Not plain: the pool's functions set them. */
#define ROW_OWNER .kind = RECORD_KIND_TEXT
#define ROW_REF(to) .kind = RECORD_KIND_OWN, .coder = &row_reference, .max = CLASS_##to
#define ROW_REFS(to) .kind = RECORD_KIND_OWN, .coder = &row_references, .max = CLASS_##to
#define ROW_CUSTOM(name) .kind = RECORD_KIND_OWN, .coder = &(const RecordCoder){.parse = read_later, .write = write_##name}
#define ROW_PATHS_OF(name) ROW_CUSTOM(name)
#define ROW_TUPLES_OF(name) ROW_CUSTOM(name)

/* ROW, OPT and SET(member) begin an entry that FIELD_END goes on with, and NONE takes it away. */
#define FIELD_ROW(m) {.member = m, .use = RECORD_REQUIRED, FIELD_END
#define FIELD_OPT(m) {.member = m, .use = RECORD_IF_ANY, FIELD_END
#define FIELD_SET(m) {.member = m, .use = RECORD_IF_SET, FIELD_END
#define FIELD_NONE(...)
#define FIELD_NONE_OR_NULL(...)
#define FIELD_END(x, source, kept) .offset = offsetof(x, source), ROW_##kept},

#define SHOWN(x, bit, name, signature, change, kept, source, row, ...) FIELD_##row(x, source, kept)
#define HIDDEN(x, kept, source, row) FIELD_##row(x, source, kept)
#define FIELDS(class, x, type, ...) static const RecordField fields_##class[] = {class##_SCHEMA(SHOWN, HIDDEN, type)};
#define FIELDS_OF(class, x, type, ...) [CLASS_##class] = RECORD_TABLE(type, fields_##class),
POOL_CLASSES(FIELDS)

const RecordTable *row_table(ObjectClass c) {
        static const RecordTable tables[_CLASS_MAX] = {POOL_CLASSES(FIELDS_OF)};

        return &tables[c];
}

int row_write(const Object *o, char **ret) {
        return row_to_text(row_table(o->class), &o->id, o, ret);
}
