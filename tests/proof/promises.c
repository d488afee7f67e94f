/*
 * Promises
 */

#include <inttypes.h>

#include "common/json/json-get.h"
#include "protocol/names.h"
#include "tests/proof/promises.h"
#include "tests/proof/texts.h"

typedef enum Source {
        FROM_TEXT,
        FROM_WORD,   /* that may be written in several ways */
        FROM_CONFIG, /* a VM's config */
        FROM_RECORD, /* the member of a VM's record, if it has one */
        FROM_OBJECT, /* none: no object */
        FROM_GIVEN,  /* a number: given[] of the call */
        FROM_YES,
        FROM_NO,
} Source;

typedef struct Fact {
        const char *property;
        Source from;
        unsigned i; /* which text, object, number */
} Fact;

typedef enum Of {
        OF_MADE,   /* what the call made is there */
        OF_CALLED, /* of the object that is called */
        OF_ENDED,  /* the object that is called is there no more */
        OF_SAID,   /* the call itself says what it promises */
        OF_NONE,
} Of;

typedef struct Promise {
        const char *interface, *method;
        Of of;
        const char *instead;
        Fact facts[6];
} Promise;

#define ROW(class, name, what, ...) {.interface = POLICY_IFACE_##class, .method = name, .of = OF_##what, .facts = {__VA_ARGS__}}
#define CALLED(class, name, ...) ROW(class, name, CALLED, __VA_ARGS__)
#define MADE(name, ...) ROW(MANAGER, name, MADE, __VA_ARGS__)
#define ENDED(class, name) ROW(class, name, ENDED, {})
#define SAID(class, name) ROW(class, name, SAID, {})
#define INSTEAD(class, name, why) {.interface = POLICY_IFACE_##class, .method = name, .of = OF_NONE, .instead = why}
#define HOST_ROW(class, name, what, why) {.interface = HOST_IFACE_##class, .method = name, .of = OF_##what, .instead = why}

static const Promise promises[] = {
        MADE("AddHost", {"NameLabel", FROM_TEXT, 0}, {"Address", FROM_TEXT, 1}),
        MADE("CreateGPUGroup", {"NameLabel", FROM_TEXT, 0}, {"NameDescription", FROM_TEXT, 1}),
        MADE("CreateVM", {"NameLabel", FROM_TEXT, 1}, {"Config", FROM_RECORD, 0}, {"Owner", FROM_RECORD, 0}, {"Affinity", FROM_RECORD, 0}),
        MADE("ImportVM", {"NameLabel", FROM_TEXT, 1}, {"Config", FROM_RECORD, 0}, {"Owner", FROM_RECORD, 0}, {"Affinity", FROM_RECORD, 0}),
        SAID(MANAGER, "AdoptVM"),
        INSTEAD(MANAGER, "EndOutsideVM", "it changes nothing of the pool; over-early: the host says when what it ended is over"),
        MADE("CreateVGPU", {"VM", FROM_OBJECT, 0}, {"GPUGroup", FROM_OBJECT, 1}, {"Type", FROM_OBJECT, 2}, {"Device", FROM_TEXT, 0}),
        MADE("Reserve", {"NameLabel", FROM_TEXT, 0}, {"Owner", FROM_TEXT, 1}, {"GPUGroup", FROM_OBJECT, 0}, {"Type", FROM_OBJECT, 1},
                {"Count", FROM_GIVEN, 0}),
        MADE("CreateQuota", {"Owner", FROM_TEXT, 0}, {"GPUGroup", FROM_OBJECT, 0}, {"VGPUsMax", FROM_GIVEN, 0}, {"SizeMax", FROM_GIVEN, 1}),
        MADE("CreateVMGroup", {"NameLabel", FROM_TEXT, 0}),
        INSTEAD(MANAGER, "RemoveRow", "scenario-unreadable-rows: the row is gone, or aside"),
        INSTEAD(MANAGER, "PoolKey", "scenario-ssh-set-up: the host lets the key in"),
        INSTEAD(MANAGER, "Backup", "scenario-backup: the copy opens and has its mark"),
        ENDED(HOST, "Remove"),
        SAID(HOST, "Enable"),
        CALLED(HOST, "Disable", {"Enabled", FROM_NO, 0}),
        CALLED(HOST, "SetFingerprint", {"Fingerprint", FROM_TEXT, 0}),
        CALLED(HOST, "SetNameLabel", {"NameLabel", FROM_TEXT, 0}),
        CALLED(HOST, "SetNameDescription", {"NameDescription", FROM_TEXT, 0}),
        SAID(HOST, "SetOtherConfig"),
        SAID(HOST, "ChangeOtherConfig"),
        SAID(HOST, "SetTags"),
        SAID(HOST, "ChangeTags"),
        INSTEAD(HOST, "Reconnect", "disagree: each host is online when all is quiet"),
        INSTEAD(HOST, "DeclareDead", "disagree, found=ends: what was booked there is not, or runs"),
        CALLED(PGPU, "SetGPUGroup", {"GPUGroup", FROM_OBJECT, 1}),
        SAID(PGPU, "AddEnabledVGPUType"),
        SAID(PGPU, "RemoveEnabledVGPUType"),
        SAID(PGPU, "SetEnabledVGPUTypes"),
        INSTEAD(PGPU, "Adopt", "disagree: the pool has each card that its host reports when all is quiet"),
        CALLED(PGPU, "ClearHealth", {"Health", FROM_YES, 0}),
        SAID(PGPU, "SetOtherConfig"),
        SAID(PGPU, "ChangeOtherConfig"),
        ENDED(GPU_GROUP, "Destroy"),
        SAID(GPU_GROUP, "SetOtherConfig"),
        SAID(GPU_GROUP, "ChangeOtherConfig"),
        CALLED(GPU_GROUP, "SetAllocationAlgorithm", {"AllocationAlgorithm", FROM_WORD, 0}),
        CALLED(GPU_GROUP, "SetNameLabel", {"NameLabel", FROM_TEXT, 0}),
        CALLED(GPU_GROUP, "SetNameDescription", {"NameDescription", FROM_TEXT, 0}),
        INSTEAD(VM, "Start", "lost, job-open: its job ends once, and is kept"),
        INSTEAD(VM, "StartOn", "lost, job-open: its job ends once, and is kept"),
        INSTEAD(VM, "Shutdown", "lost, job-open: its job ends once, and is kept"),
        INSTEAD(VM, "HardShutdown", "lost, job-open: its job ends once, and is kept"),
        INSTEAD(VM, "Reboot", "lost, job-open: its job ends once, and is kept"),
        INSTEAD(VM, "Ensure", "lost, job-open: its job ends once, and is kept"),
        CALLED(VM, "SetConfig", {"Config", FROM_CONFIG, 0}),
        CALLED(VM, "SetNameLabel", {"NameLabel", FROM_TEXT, 0}),
        CALLED(VM, "SetAffinity", {"Affinity", FROM_TEXT, 0}),
        CALLED(VM, "SetOwner", {"Owner", FROM_TEXT, 0}),
        CALLED(VM, "SetGroups", {"Groups", FROM_OBJECT, 1}),
        CALLED(VM, "SetNameDescription", {"NameDescription", FROM_TEXT, 0}),
        SAID(VM, "SetPlatform"),
        SAID(VM, "ChangePlatform"),
        SAID(VM, "SetOtherConfig"),
        SAID(VM, "ChangeOtherConfig"),
        SAID(VM, "SetTags"),
        SAID(VM, "ChangeTags"),
        ENDED(VM, "Destroy"),
        CALLED(VGPU, "SetExtraArgs", {"ExtraArgs", FROM_TEXT, 0}),
        SAID(VGPU, "SetOtherConfig"),
        SAID(VGPU, "ChangeOtherConfig"),
        ENDED(VGPU, "Destroy"),
        ENDED(RESERVATION, "Destroy"),
        CALLED(QUOTA, "SetVGPUsMax", {"VGPUsMax", FROM_GIVEN, 0}),
        CALLED(QUOTA, "SetSizeMax", {"SizeMax", FROM_GIVEN, 0}),
        ENDED(QUOTA, "Destroy"),
        CALLED(VM_GROUP, "SetNameLabel", {"NameLabel", FROM_TEXT, 0}),
        CALLED(VM_GROUP, "SetNameDescription", {"NameDescription", FROM_TEXT, 0}),
        CALLED(VM_GROUP, "SetPlacement", {"Placement", FROM_WORD, 0}),
        ENDED(VM_GROUP, "Destroy"),
        INSTEAD(JOB, "Cancel", "job-open: its job ends once"),
        HOST_ROW(MANAGER, "Claim", NONE, "epoch-fell: the host takes no lower epoch afterwards"),
        HOST_ROW(MANAGER, "ClaimWith", NONE, "epoch-fell: the host takes no lower epoch afterwards"),
        HOST_ROW(MANAGER, "Release", NONE, "disagree: the pool has the host when all is quiet"),
        HOST_ROW(MANAGER, "GetInventory", NONE, "it changes nothing"),
        HOST_ROW(MANAGER, "GetVM", NONE, "it changes nothing"),
        HOST_ROW(MANAGER, "StartVM", NONE, "over-early, domain-twice: it runs until the host says that it is over"),
        HOST_ROW(MANAGER, "StopVM", NONE, "over-early: the host says that it is over when it is"),
        HOST_ROW(MANAGER, "EndVM", NONE, "over-early: the host says that it is over when it is"),
        HOST_ROW(MANAGER, "Rescan", NONE, "it stores nothing: what it read is in the inventory"),
        HOST_ROW(PGPU, "ClearHealth", NONE, "it stores nothing: what it came to is in the inventory"),
        HOST_ROW(PGPU, "SetEnabledTypes", SAID, NULL),
        HOST_ROW(PGPU, "AddEnabledType", SAID, NULL),
        HOST_ROW(PGPU, "RemoveEnabledType", SAID, NULL),
        {},
};

static const Promise *find_row(const Method *m) {
        for (const Promise *p = promises; p->method; p++)
                if (streq(p->interface, m->interface) && streq(p->method, m->name))
                        return p;
        return NULL;
}

/* Values */

const char *promise_text(const char *text, ModelValue ret) {
        (void) snprintf(ret, sizeof(ModelValue), "%016" PRIx64, text_hash(text));
        return ret;
}

/* However it was written. "" where there is none. */
const char *promise_json(const char *json, const char *member_or_null, ModelValue ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        struct json_object *config;
        JsonReader reader = {};

        *ret = '\0';
        if (json_parse(&reader, json, strlen(json), &o) < 0)
                return ret;
        config = member_or_null ? json_object_object_get(o, member_or_null) : o;
        if (!config)
                return ret;
        if (json_object_is_type(config, json_type_string))
                return promise_text(json_object_get_string(config), ret);
        text = json_to_text(config);
        return promise_text(text, ret);
}

static const char *as_shown(const char *property, const char *value) {
        if (streq(property, "AllocationAlgorithm"))
                return group_algorithm_to_string(group_algorithm_from_string(value)) ?: value;
        return placement_to_string(placement_from_string(value)) ?: value;
}

static const char *member_of(const char *property) {
        return streq(property, "Config") ? "config" : streq(property, "Owner") ? "owner" : "affinity";
}

static const char *object_value(const Uuid *id, ModelValue ret) {
        (void) snprintf(ret, sizeof(ModelValue), "%s", uuid_is_null(id) ? "none" : UUID_TEXT(id));
        return ret;
}

/* "" where the call gave none. */
static const char *value_of(const Call *c, const Fact *f, ModelValue ret) {
        const Arguments *a = c->arguments;
        char number[24];

        switch (f->from) {
        case FROM_TEXT:
                return promise_text(a->texts[f->i], ret);
        case FROM_WORD:
                return promise_text(as_shown(f->property, a->texts[f->i]), ret);
        case FROM_CONFIG:
                return promise_json(a->texts[f->i], NULL, ret);
        case FROM_RECORD:
                return promise_json(a->texts[f->i], member_of(f->property), ret);
        case FROM_OBJECT:
                return object_value(&a->objects[f->i], ret);
        case FROM_GIVEN:
                (void) snprintf(number, sizeof(number), "%" PRIu64, c->given[f->i]);
                return promise_text(number, ret);
        case FROM_YES:
                return promise_text("true", ret);
        case FROM_NO:
                return promise_text("false", ret);
        }
        return "";
}

/* The line */

/* Where policyd chooses: a type, the device number, the end of the reservation as a date. */
static bool is_left_to_policyd(const Call *c, const Fact *f) {
        if (streq(f->property, "Device"))
                return !*c->arguments->texts[f->i] || streq(c->arguments->texts[f->i], "0"); /* as in XenServer */
        return streq(f->property, "Type") && uuid_is_null(&c->arguments->objects[f->i]);
}

void promises_describe(const Call *c, StrBuf *b) {
        const Promise *p = find_row(c->method);
        const Uuid *of;
        ModelValue value;

        strbuf_add(b, strempty(c->says.text));
        if (!p || p->of == OF_NONE || p->of == OF_SAID)
                return;
        of = p->of == OF_MADE ? (c->made ? &c->made->id : NULL) : &c->arguments->objects[0];
        if (!of)
                return;
        if (p->of != OF_CALLED)
                promise_add(b, "is", UUID_TEXT(of), p->of == OF_MADE ? "there" : "gone");
        for (const Fact *f = p->facts; f < p->facts + ARRAY_SIZE(p->facts) && f->property; f++)
                if (!is_left_to_policyd(c, f) && *value_of(c, f, value))
                        promise_add(b, f->property, UUID_TEXT(of), value);
}

/* The table */

bool promises_name(const char *property) {
        if (streq(property, "Enabled"))
                return true;
        for (const Promise *p = promises; p->method; p++)
                for (const Fact *f = p->facts; f < p->facts + ARRAY_SIZE(p->facts) && f->property; f++)
                        if (streq(f->property, property))
                                return true;
        return false;
}

static bool is_method(const Promise *p) {
        for (const Method *m = work_methods; m->interface; m++)
                if (streq(m->interface, p->interface) && streq(m->name, p->method))
                        return true;
        return false;
}

size_t promises_check(FILE *file) {
        size_t n = 0;

        for (const Method *m = work_methods; m->interface; m++)
                if (!(m->flags & METHOD_READS) && !find_row(m) && ++n)
                        fprintf(file, "What %s.%s promises is not known: add it to tests/proof/promises.c\n", m->interface, m->name);
        for (const Promise *p = promises; p->method; p++)
                if (!is_method(p) && ++n)
                        fprintf(file, "tests/proof/promises.c has %s.%s, which nobody calls.\n", p->interface, p->method);
        return n;
}
