/*
 * Objects of the pool, and how they change, in words
 *
 * Which properties there are, and which of them are stored, comes from the schema. Of a VM also its config is compared, which
 * is no property.
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/base/text.h"
#include "common/json/json-differences.h"
#include "policyd/bus/change-words.h"
#include "policyd/service/base/kinds.h"

#define TEXT_MAX 128 /* of one value */
#define LIST_MAX 24  /* elements of a list */
#define MEMBERS_MAX 8
#define PROPERTIES_MAX 64

struct Values {
        ObjectClass class;
        char *texts[PROPERTIES_MAX]; /* by property; NULL: it is not stored */
        char *config;                /* of a VM */
        const char *power;           /* likewise */
        char *vms;                   /* of a host: booked or running there */
};

/* Objects */

static const char *const class_words[_CLASS_MAX] = {
        [CLASS_HOST] = "host",
        [CLASS_PGPU] = "PGPU",
        [CLASS_GPU_GROUP] = "GPU group",
        [CLASS_VGPU_TYPE] = "VGPU type",
        [CLASS_VM] = "VM",
        [CLASS_VGPU] = "VGPU",
        [CLASS_RESERVATION] = "reservation",
        [CLASS_QUOTA] = "quota of",
        [CLASS_VM_GROUP] = "VM group",
        [CLASS_JOB] = "job",
};

static void add_name(const Object *o, StrBuf *b) {
        const char *name = object_name(o);

        if (o->class == CLASS_VGPU) {
                const Vgpu *v = CONTAINER_OF(o, Vgpu, object);

                strbuf_addf(b, "%" PRIu32 " of VM %s", v->device, TEXT_SHORT(v->vm->name_label, TEXT_MAX));
        } else
                strbuf_add(b, isempty(name) ? UUID_TEXT(&o->id) : TEXT_SHORT(name, TEXT_MAX));
}

const char *words_of_class(ObjectClass c) {
        return class_words[c];
}

void words_of_object(const Object *o, StrBuf *b) {
        strbuf_addf(b, "%s ", words_of_class(o->class));
        add_name(o, b);
}

/* Values */

static void add_text(const Property *p, const char *text, StrBuf *b) {
        if (p->words)
                strbuf_add(b, text);
        else
                strbuf_addf(b, "'%s'", TEXT_SHORT(text, TEXT_MAX));
}

static void add_time(uint64_t usec, StrBuf *b) {
        time_t seconds = (time_t) (usec / 1000000);
        char date[32] = "none";
        struct tm tm;

        if (usec > 0 && gmtime_r(&seconds, &tm))
                (void) strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
        strbuf_add(b, date);
}

static void add_number(const Object *o, const Property *p, StrBuf *b) {
        uint64_t n = property_number(o, p);

        if (*p->signature == 'b')
                strbuf_add(b, n ? "true" : "false");
        else if (n == UINT64_MAX)
                strbuf_add(b, "unlimited");
        else if (p->is_time)
                add_time(n, b);
        else
                strbuf_addf(b, "%" PRIu64, n);
}

static const char *separator(size_t i) {
        return i == 0 ? "" : ", ";
}

static void add_texts(const Object *o, const Property *p, StrBuf *b) {
        const char *const *texts = property_texts(o, p);

        for (size_t i = 0; texts && texts[i] && i < LIST_MAX; i++)
                strbuf_addf(b, "%s'%s'", separator(i), TEXT_SHORT(texts[i], TEXT_MAX));
}

/* A single reference may name an object; a list has them in brackets. */
static void add_references(const Object *o, const Property *p, StrBuf *b) {
        size_t i = 0, n = 0;
        Reference to;

        while (property_next_reference(o, p, &i, &to) && n < LIST_MAX) {
                strbuf_add(b, separator(n++));
                if (to.object)
                        add_name(to.object, b);
                else
                        strbuf_add(b, UUID_TEXT(to.id));
        }
        if (n == 0 && *p->signature != 'a')
                strbuf_add(b, "none");
}

static void add_value(const Object *o, const Property *p, StrBuf *b) {
        bool list = *p->signature == 'a' && p->signature[1] != '{';

        strbuf_add(b, list ? "[" : "");
        if (p->next)
                add_references(o, p, b);
        else if (streq(p->signature, "s"))
                add_text(p, property_text(o, p, (char[PROPERTY_TEXT_MAX]){}), b);
        else if (streq(p->signature, "as"))
                add_texts(o, p, b);
        else if (streq(p->signature, "a{ss}"))
                strbuf_add(b, strempty(property_map(o, p)));
        else if (p->number)
                add_number(o, p, b);
        strbuf_add(b, list ? "]" : "");
}

/* Not stored, and changed by a call all the same. */
static const struct {
        ObjectClass class;
        const char *name;
} told_besides[] = {{CLASS_HOST, "State"}, {CLASS_PGPU, "Health"}};

/* Long lists, and what is not a property of its own row, are left out. */
static bool is_told(ObjectClass c, const Property *p) {
        for (size_t i = 0; i < ARRAY_SIZE(told_besides); i++)
                if (told_besides[i].class == c && streq(told_besides[i].name, p->name))
                        return true;
        return p->stored && p->change != PROPERTY_INVALIDATES;
}

static char *value_of(const Object *o, const Property *p) {
        StrBuf b = {};

        add_value(o, p, &b);
        return strbuf_take(&b);
}

Values *values_free(Values *v) {
        if (!v)
                return NULL;
        for (size_t i = 0; i < PROPERTIES_MAX; i++)
                free(v->texts[i]);
        free(v->config);
        free(v->vms);
        free(v);
        return NULL;
}

static int read_vm(const Vm *vm, Values *v) {
        bool starting = vm->power_state == POWER_HALTED && vm->booking != BOOKING_NONE;

        v->power = starting ? "halted (starting)" : power_state_to_string(vm->power_state);
        v->config = strdup(strempty(vm->config));
        return v->config ? 0 : -ENOMEM;
}

static char *vms_of(const Host *h) {
        StrBuf b = {};

        strbuf_add(&b, "[");
        for (size_t i = 0; i < h->vms.n && i < LIST_MAX; i++) {
                strbuf_add(&b, separator(i));
                add_name(&((const Vm *) h->vms.items[i])->object, &b);
        }
        strbuf_add(&b, h->vms.n > LIST_MAX ? ", …]" : "]");
        return strbuf_take(&b);
}

static int read_host(const Host *h, Values *v) {
        v->vms = vms_of(h);
        return v->vms ? 0 : -ENOMEM;
}

Values *values_read(const Object *o) {
        const Property *properties = class_properties(o->class);
        Values *v = calloc(1, sizeof(*v));

        if (!v)
                return NULL;
        v->class = o->class;
        for (size_t i = 0; properties[i].name && i < PROPERTIES_MAX; i++) {
                if (!is_told(o->class, properties + i))
                        continue;
                v->texts[i] = value_of(o, properties + i);
                if (!v->texts[i])
                        return values_free(v);
        }
        if ((o->class == CLASS_VM && read_vm(CONTAINER_OF(o, Vm, object), v) < 0) ||
                (o->class == CLASS_HOST && read_host(CONTAINER_OF(o, Host, object), v) < 0))
                return values_free(v);
        return v;
}

/* Changes */

static void add_config_changes(const char *what, const char *before, const char *after, size_t *n, StrBuf *b) {
        _cleanup_strbuf_ StrBuf members = {};
        size_t n_members = json_differences(before, after, MEMBERS_MAX, &members);

        if (n_members == 0 || strbuf_error(&members) < 0)
                return;
        strbuf_addf(b, "%s%s: %s", (*n)++ == 0 ? ": " : "; ", what, strempty(members.text));
        if (n_members > MEMBERS_MAX)
                strbuf_addf(b, " and %zu more", n_members - MEMBERS_MAX);
}

static void add_change(const char *what, const char *before, const char *after, size_t *n, StrBuf *b) {
        if (!streq(before, after))
                strbuf_addf(b, "%s%s %s → %s", (*n)++ == 0 ? ": " : ", ", what, before, after);
}

/* A start or a stop begins now, and changes the power state later. */
static void add_job(const Values *before, const Job *j, size_t *n, StrBuf *b) {
        OperationKind kind = operation_kind_from_string(j->operation);
        const char *to = kind == OPERATION_START ? "running" : kind == OPERATION_REBOOT ? "halted → running" : "halted";

        strbuf_addf(b, "%sPowerState %s → %s by job %s%s", (*n)++ == 0 ? ": " : ", ", before->power, to,
                UUID_TEXT(&j->object.id), j->object.is_new ? "" : ", which goes on already");
}

bool words_of_changes(const Values *before, const Object *now, uint64_t which, const Job *job_or_null, StrBuf *b) {
        const Property *properties = class_properties(now->class);
        size_t n = 0;

        if (job_or_null && before->power)
                add_job(before, job_or_null, &n, b);

        for (size_t i = 0; properties[i].name && i < PROPERTIES_MAX; i++) {
                const Property *p = properties + i;
                _cleanup_free_ char *value = NULL;

                if (!before->texts[i] || !(which & UINT64_C(1) << i))
                        continue;
                value = value_of(now, p);
                if (value && streq(p->signature, "a{ss}"))
                        add_config_changes(p->name, before->texts[i], value, &n, b);
                else if (value)
                        add_change(p->name, before->texts[i], value, &n, b);
        }
        if (before->config)
                add_config_changes("config", before->config, CONTAINER_OF(now, Vm, object)->config, &n, b);
        if (before->vms) {
                _cleanup_free_ char *vms = vms_of(CONTAINER_OF(now, Host, object));

                add_change("VMs", before->vms, strempty(vms), &n, b);
        }
        return n > 0;
}

static bool says_something(const char *value) {
        static const char *const nothing[] = {"''", "[]", "none", "0", "false"};

        /* A map may hold what is not for everybody. */
        if (!value || *value == '{')
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
                if (streq(value, nothing[i]))
                        return false;
        return true;
}

static void add_values(const Values *v, StrBuf *b) {
        const Property *properties = class_properties(v->class);
        size_t n = 0;

        for (size_t i = 0; properties[i].name && i < PROPERTIES_MAX; i++)
                if (says_something(v->texts[i]))
                        strbuf_addf(b, "%s%s %s", n++ == 0 ? ": " : ", ", properties[i].name, v->texts[i]);
}

void words_of_end(const Values *before, StrBuf *b) {
        strbuf_add(b, ", which is gone");
        add_values(before, b);
}

void words_of_beginning(const Object *o, StrBuf *b) {
        Values *v = values_read(o);

        if (v)
                add_values(v, b);
        values_free(v);
}
