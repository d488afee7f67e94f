/*
 * The rows of the pool's objects, out of the schema
 *
 * By hand only what is no single value: what a host says of types, what a job works on and how it failed, and the PGPU that a VGPU is
 * pinned to.
 *
 * Not stored is what is known again from elsewhere: a host's state belongs to the connection, whether a PGPU is present is for its host to
 * report, members of a group name it themselves, what a quota has used follows from what stands and is held, and what a VM needs is read
 * out of its config (vm-needs.h), so that it cannot disagree with it.
 */

#include "policyd/store/row.h"

const char *row_class_word(const void *field) {
        return object_class_to_string(*(const ObjectClass *) field);
}

int row_class_from_word(const char *text) {
        return object_class_from_string(text);
}

static const RowField host_type_fields[] = {
        ROW_FIELD(HostType, "size", U32, size),
        ROW_FIELD(HostType, "framebuffer_size", U64, framebuffer_size),
        ROW_FIELD(HostType, "internal_config", JSON, internal_config),
        {},
};

/* Of the types only what is another here than the type shows; the rest is in the types' own rows. */
static void write_host_types(StrBuf *b, const char *member, const void *object) {
        const Host *h = object;
        bool any = false;

        for (size_t i = 0; i < h->types.n; i++) {
                const HostType *f = h->types.items[i];

                if (!host_type_differs(f))
                        continue;
                if (!any)
                        json_write_open(b, member, '[');
                any = true;
                json_write_open(b, NULL, '{');
                json_write_uuid(b, "type", &f->type->object.id);
                row_write_fields(b, host_type_fields, f);
                json_write_close(b, '}');
        }
        if (any)
                json_write_close(b, ']');
}

static int load_host_type(RowReader *row, Host *h, const Uuid *id, const HostType *said) {
        const TypeFacts facts = {.size = said->size,
                .framebuffer_size = said->framebuffer_size,
                .internal_config = said->internal_config};
        VgpuType *t = pool_get(row->pool, CLASS_VGPU_TYPE, id);

        if (said->size > PGPU_SIZE)
                return json_fail(row->json, "size", "is %u, more than a whole PGPU (%u)", said->size, PGPU_SIZE);
        /* Where the type itself could not be read, the host tells again. */
        return t ? pool_load_host_type(h, t, &facts) : 0;
}

static int read_host_type(RowReader *row, size_t i, void *host) {
        HostType said = {};
        Uuid id;
        int q;

        q = json_get_uuid(row->json, row->record, "type", &id);
        q = q ?: row_read_fields(row, host_type_fields, &said);
        q = q ?: load_host_type(row, host, &id, &said);
        row_free_fields(host_type_fields, &said);
        return q;
}

static int read_host_types(RowReader *row, const char *member, void *host) {
        return row_read_list(row, member, SIZE_MAX, read_host_type, host);
}

/* As class and uuid: a job outlives what it worked on. */
static const RowField job_object_fields[] = {
        ROW_FIELD(JobObject, "class", ENUM, class, .word = row_class_word, .from_word = row_class_from_word),
        ROW_FIELD(JobObject, "uuid", UUID, id),
        {},
};

static void write_job_objects(StrBuf *b, const char *member, const void *object) {
        const Job *j = object;

        json_write_open(b, member, '[');
        for (size_t i = 0; i < j->n_objects; i++) {
                json_write_open(b, NULL, '{');
                row_write_fields(b, job_object_fields, &j->objects[i]);
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

static int read_job_object(RowReader *row, size_t i, void *object) {
        Job *j = object;

        j->n_objects = i + 1;
        return row_read_fields(row, job_object_fields, &j->objects[i]);
}

static int read_job_objects(RowReader *row, const char *member, void *job) {
        return row_read_list(row, member, JOB_OBJECTS_MAX, read_job_object, job);
}

/* By its word, and with the sentence. */
static void write_job_error(StrBuf *b, const char *member, const void *object) {
        const Job *j = object;

        if (j->error == ERROR_NONE)
                return;
        json_write_string(b, member, error_code_name(j->error));
        json_write_string(b, "error_message", j->error_message);
}

static int read_job_error(RowReader *row, const char *member, void *object) {
        const char *error, *message = "";
        ErrorCode code;
        int q = 0;

        q = q ?: json_get_string(row->json, row->record, member, &error);
        q = q ?: json_opt_string(row->json, row->record, "error_message", &message);
        if (q < 0)
                return q;
        code = error_code_from_name(error);
        return pool_set_job_error(row->pool, object, code == _ERROR_INVALID ? ERROR_INTERNAL_ERROR : code, message);
}

static void write_pinned_pci(StrBuf *b, const char *member, const void *object) {
        const Vgpu *v = object;

        if (v->pinned)
                json_write_string(b, member, PCI_TEXT(&v->pinned_pci));
}

static int read_pinned_pci(RowReader *row, const char *member, void *object) {
        Vgpu *v = object;

        v->pinned = true;
        return json_get_pci_text(row->json, row->record, member, &v->pinned_pci);
}

/* The tables */

#define DEFINE_WORD(name, type, to_string, from_string)                                                             \
        static const char *word_of_##name(const void *field) {                                               \
                return to_string(*(const type *) field);                                                     \
        }                                                                                                    \
        static int name##_of_word(const char *text) {                                                        \
                return from_string(text);                                                                    \
        }
DEFINE_WORD(algorithm, GroupAlgorithm, group_algorithm_to_string, group_algorithm_from_string)
DEFINE_WORD(implementation, VgpuImplementation, vgpu_implementation_to_string, vgpu_implementation_from_string)
DEFINE_WORD(power_state, PowerState, power_state_to_string, power_state_from_string)
DEFINE_WORD(booking, BookingState, booking_state_to_string, booking_state_from_string)
DEFINE_WORD(placement, VmPlacement, placement_to_string, placement_from_string)
DEFINE_WORD(job_state, JobState, job_state_to_string, job_state_from_string)

/* The types of the schema that are no RowType by themselves */
#define ROW_DEVICE ROW_U32
#define ROW_WORD(enum) ROW_ENUM, .word = word_of_##enum, .from_word = enum##_of_word
#define ROW_REF(to) ROW_REFERENCE, .class = CLASS_##to
#define ROW_REFS(to) ROW_REFERENCES, .class = CLASS_##to
#define ROW_CUSTOM(name) ROW_BY_HAND, .write = write_##name, .read = read_##name
#define ROW_PATHS_OF(name) ROW_CUSTOM(name)
#define ROW_TUPLES_OF(name) ROW_CUSTOM(name)

/* ROW(member) and OPT(member) begin an entry that FIELD_END goes on with, and NONE takes it away. */
#define FIELD_ROW(m) {.member = m, .presence = ROW_ALWAYS, FIELD_END
#define FIELD_OPT(m) {.member = m, .presence = ROW_UNLESS_NOTHING, FIELD_END
#define FIELD_NONE(...)
#define FIELD_END(x, source, kept) .offset = offsetof(x, source), .size = sizeof(((x *) 0)->source), .type = ROW_##kept},

#define SHOWN(x, bit, name, signature, change, kept, source, row, ...) FIELD_##row(x, source, kept)
#define HIDDEN(x, kept, source, row) FIELD_##row(x, source, kept)
#define FIELDS(class, x, type, ...) static const RowField fields_##class[] = {class##_SCHEMA(SHOWN, HIDDEN, type){}};
#define FIELDS_OF(class, ...) [CLASS_##class] = fields_##class,
POOL_CLASSES(FIELDS)

const RowField *row_fields(ObjectClass c) {
        static const RowField *const fields[_CLASS_MAX] = {POOL_CLASSES(FIELDS_OF)};

        return fields[c];
}

int row_write(const Object *o, char **ret) {
        return row_to_text(row_fields(o->class), &o->id, o, ret);
}
