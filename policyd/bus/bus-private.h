#pragma once

/*
 * The parts of the bus layer
 *
 * bus.c connects, and hands the table of classes down; receive.c sees every call first; long-answer.c has a
 * worker answer calls that take long, and backup.c has one make a backup; announce.c sends signals, and
 * show.c writes whole objects into messages; answer.c answers after the commit and handles idempotency keys;
 * object.c finds objects by path, for sd-bus and for arguments; properties.c writes the values of properties, and entries.c
 * changes maps and sets; change-log.c says who changed what. bus-<class>.c holds the vtable of one class and its methods. The folder call/ below knows neither objects
 * nor classes: it has the callers, the waiting calls, and the texts, options and sizes of messages.
 *
 * A handler's userdata is the object (Vm *, …), whose object.userdata is the Bus; the Manager's is the Bus.
 */

#include <systemd/sd-bus.h>

#include "common/base/strbuf.h"
#include "policyd/bus/access.h"
#include "policyd/bus/bus.h"
#include "policyd/bus/call/callers.h"
#include "policyd/bus/call/error.h"
#include "policyd/bus/call/options.h"
#include "policyd/bus/call/queue.h"
#include "policyd/bus/call/requests.h"
#include "policyd/bus/call/size.h"
#include "policyd/bus/call/worker.h"
#include "policyd/bus/change-log.h"
#include "policyd/pool/property.h"
#include "protocol/names.h"

_Static_assert(BUS_MESSAGE_MAX == POLICY_ANSWER_MAX, "answers are made for what a bus carries");

typedef struct LongAnswer LongAnswer;

/* What a method does to the pool; receive.c says what follows from it. */
typedef enum MethodKind {
        METHOD_CHANGES, /* shares the commit of those around it */
        METHOD_READS,
        METHOD_READS_AND_CHANGES, /* assumed of methods that are not in a table */
        METHOD_TAKES_LONG,        /* reads, and waits in line */
} MethodKind;

typedef struct MethodRow {
        const char *member; /* NULL: the end */
        MethodKind kind;
} MethodRow;

/* What each class shows. */
typedef struct BusClass {
        const char *interface;
        const sd_bus_vtable *vtable;
        const MethodRow *methods; /* those that do not just change the pool; NULL: none */
} BusClass;

extern const BusClass bus_class_host, bus_class_pgpu, bus_class_gpu_group, bus_class_vgpu_type, bus_class_vm,
        bus_class_vgpu, bus_class_reservation, bus_class_quota, bus_class_vm_group, bus_class_job, bus_class_manager;

/* What a class's enumerator is given. */
typedef struct ShownClass {
        Bus *bus;
        ObjectClass class;
        char path[OBJECT_PATH_MAX];
} ShownClass;

struct Bus {
        sd_event *event;
        sd_bus *bus;
        Policy *policy;
        BusOptions options;
        char *address, *group;
        uint32_t gid; /* of the group; UINT32_MAX: there is none */
        const BusClass *const *classes; /* by ObjectClass */
        const BusClass *manager;
        ShownClass shown[_CLASS_MAX];
        Callers callers;
        Requests requests;
        ChangeLog changes;
        Queue queue;
        LongAnswer *long_answer; /* is being made */
        sd_bus *replies;         /* where it goes: bus, or in the worker that makes it a connection to the parent */
        Worker *backup;          /* is being made */
        uint64_t backup_began;   /* µs since 1970 */
        uint32_t hosts_online;   /* as last announced */
        uint64_t epoch;          /* likewise */
};

/* bus.c: shows the objects on the connection that is in bus->bus */
int bus_show(Bus *bus);

/* receive.c: sd-bus's filter, before it looks for the method */
int bus_receive(sd_bus_message *m, void *userdata, sd_bus_error *error);
void bus_refuse_unknown(Caller *c, sd_bus_message *m, void *userdata); /* userdata: the Bus */

/* long-answer.c: answers a call whose turn it is, and lets the queue go on then; 0: the call is sd-bus's to answer, at once */
int long_answer(Bus *bus, sd_bus_message *m, sd_bus_error *error);
void long_answer_stop(Bus *bus);

/* adopt.c */
int method_adopt_vm(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_end_outside_vm(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* backup.c */
int method_backup(sd_bus_message *m, void *userdata, sd_bus_error *error);
void backup_stop(Bus *bus);

/* announce.c */
uint32_t count_hosts_online(Bus *bus);

/* show.c */
int bus_append_object(Bus *bus, sd_bus_message *m, const Object *o); /* oa{sa{sv}}: its path, and all that it shows */
int method_get_managed_objects(sd_bus_message *m, void *userdata, sd_bus_error *error);
/* The number of references in one property, or with NULL in all. Nothing else in an object grows with the
 * pool. */
size_t bus_count_references(const Object *o, const char *property_or_null);
/* One property, or with NULL all: refused when they are more than a message may be. */
int bus_check_properties(const Object *o, const char *property_or_null, sd_bus_error *error);

/* object.c */
/* The object at a path, of any class, or NULL. */
Object *object_at(Bus *bus, const char *path);
/* The object that an argument names; the error says which argument is wrong and what it should be. */
int object_argument(Bus *bus, const char *path, ObjectClass c, Object **ret, sd_bus_error *error);
/* The same, where "/" stands for none: NULL. */
int object_argument_or_none(Bus *bus, const char *path, ObjectClass c, Object **ret, sd_bus_error *error);
/* The same of the message's next argument. */
int object_read(Bus *bus, sd_bus_message *m, ObjectClass c, Object **ret, sd_bus_error *error);
int object_read_or_none(Bus *bus, sd_bus_message *m, ObjectClass c, Object **ret, sd_bus_error *error);
/* UnknownObject, if the path has no object and its class does not have this interface. */
int object_check_path(Bus *bus, const char *path, const char *interface, sd_bus_error *error);
/* NoSuchObject below a class where nothing is. */
int object_check_there(Bus *bus, const char *path, sd_bus_error *error);
int bus_find_object(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error);
int bus_enumerate(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error);

/* The handler of a method, and the object for it (of the Manager, the bus). NULL: it is sd-bus's to answer, or to refuse. */
sd_bus_message_handler_t bus_find_handler(Bus *bus, sd_bus_message *m, void **ret_object);

#define DECLARE_GETTER(name)                                                                                 \
        int name(sd_bus *sd, const char *path, const char *interface, const char *property,                  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error)

/* properties.c: the value alone */
int append_property(sd_bus_message *m, const Object *o, const Property *p);
DECLARE_GETTER(get_property); /* userdata is the object */

/* A method of a vtable, with its arguments and results in parentheses. Everybody may call it, and the bus's policy says who is
 * everybody. */
#define METHOD(name, arguments, results, handler)                                                            \
        SD_BUS_METHOD_WITH_ARGS(                                                                             \
                name, SD_BUS_ARGS arguments, SD_BUS_RESULT results, handler, SD_BUS_VTABLE_UNPRIVILEGED)
#define NOTHING (NULL)

/* entries.c: both methods of a property that is a map, or a set */
int method_set_entries(sd_bus_message *m, void *userdata, sd_bus_error *error);
int method_change_entries(sd_bus_message *m, void *userdata, sd_bus_error *error);
#define METHODS_OF_MAP(property)                                                                             \
        METHOD("Set" property, ("a{ss}", entries), NOTHING, method_set_entries),                             \
        METHOD("Change" property, ("a{ss}", set, "as", remove), NOTHING, method_change_entries)
#define METHODS_OF_SET(property)                                                                             \
        METHOD("Set" property, ("as", entries), NOTHING, method_set_entries),                                \
        METHOD("Change" property, ("as", add, "as", remove), NOTHING, method_change_entries)

/* A class: what it has methods for, by METHOD(), and the properties of its schema. kinds: METHOD_KINDS() of those that do not just
 * change the pool, or NULL. */
#define DEFINE_BUS_CLASS(name, class, kinds, ...)                                                            \
        static const sd_bus_vtable name##_vtable[] = {SD_BUS_VTABLE_START(0), ##__VA_ARGS__,                 \
                BUS_PROPERTY(, , "UUID", "s", CONST) class##_SCHEMA(BUS_PROPERTY, SCHEMA_SKIP, )             \
                SD_BUS_VTABLE_END};                                                                          \
        const BusClass bus_class_##name = {                                                                  \
                .interface = POLICY_IFACE_##class, .vtable = name##_vtable, .methods = kinds};
#define METHOD_KINDS(...) ((const MethodRow[]){__VA_ARGS__, {}})
#define BUS_PROPERTY(x, bit, name, signature, change, ...)                                                   \
        SD_BUS_PROPERTY(name, signature, get_property, 0, BUS_##change),
#define BUS_CONST SD_BUS_VTABLE_PROPERTY_CONST
#define BUS_CHANGES SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE
#define BUS_INVALIDATES SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION

/* answer.c. The end of a decision: 0 when it was made; the error of the refusal, or of r (negative errno), set in
 * error. Frees the refusal's content. */
int bus_decided(Bus *bus, int r, Refusal *refusal, sd_bus_error *error);
/* Answers m after the commit, with the path of o ("/" when o is NULL) or with nothing. Returns what a handler
 * returns. */
int bus_reply_object(Bus *bus, sd_bus_message *m, const Object *o_or_null, sd_bus_error *error);
int bus_reply_empty(Bus *bus, sd_bus_message *m, sd_bus_error *error);
/* The ends of most handlers in one: the refusal's error, or the reply later. */
int bus_finish(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, sd_bus_error *error);
/* A whole handler: nothing in, the use case, nothing out. The use case is a call with what stands here: p, the object o, refusal. */
#define DEFINE_METHOD(name, type, use_case)                                                                  \
        static int name(sd_bus_message *m, void *userdata, sd_bus_error *error) {                            \
                type *o = userdata;                                                                          \
                Bus *bus = o->object.userdata;                                                               \
                Policy *p = bus->policy;                                                                     \
                _cleanup_refusal_ Refusal refusal = {};                                                      \
                                                                                                             \
                return bus_finish(bus, m, use_case, &refusal, error);                                        \
        }
/* The same with one argument: its declaration, and the call that reads it. */
#define DEFINE_METHOD_READING(name, type, argument, read, use_case)                                          \
        static int name(sd_bus_message *m, void *userdata, sd_bus_error *error) {                            \
                type *o = userdata;                                                                          \
                Bus *bus = o->object.userdata;                                                               \
                Policy *p = bus->policy;                                                                     \
                _cleanup_refusal_ Refusal refusal = {};                                                      \
                argument;                                                                                    \
                int r;                                                                                       \
                                                                                                             \
                r = read;                                                                                    \
                return r < 0 ? r : bus_finish(bus, m, use_case, &refusal, error);                            \
        }
#define DEFINE_METHOD_OF_TEXT(name, type, what, form, use_case)                                              \
        DEFINE_METHOD_READING(name, type, const char *text, bus_text(m, what, form, &text, error), use_case)
#define DEFINE_METHOD_OF_RECORD(name, type, what, use_case)                                                  \
        DEFINE_METHOD_READING(name, type, const char *text, bus_record(m, what, &text, error), use_case)

/* The ends of methods that take long, in a worker too. The text is freed. */
int bus_reply_text(Bus *bus, sd_bus_message *m, int r, char *text, sd_bus_error *error);
int bus_reply_number(Bus *bus, sd_bus_message *m, uint32_t n);

/*
 * A call that may carry an idempotency key. In three steps of a handler: call_begin() reads the options, which are the last
 * argument, and returns 0 when the handler goes on, 1 when it is done (answered from the key, or parked: the message is received
 * again once the caller's uid is known), negative with the error set. The arguments are those that the key stands for. Then the
 * use case, with call.refusal; then call_finish().
 */
typedef struct Call {
        Bus *bus;
        sd_bus_message *m;
        sd_bus_error *error;
        Options options;
        Refusal refusal;
        char *arguments; /* NULL: no key was given */
        uint32_t uid;
} Call;
void call_done(Call *c);
#define _cleanup_call_ _cleanup_(call_done)
int call_begin(Call *c, unsigned allowed, const char *arguments, ...) _printf_(3, 4);
/* The end: r and the refusal as bus_decided(); the answer is the path of what was made. */
int call_finish(Call *c, int r, const Object *made_or_null);
