#pragma once

/*
 * The parts of the bus layer
 *
 * bus.c connects and registers; receive.c is what every call passes first, and
 * methods.c says what each method does; queue.c lets long answers wait in line, child.c makes them aside, size.c knows what a message may be, and managed.c
 * shows all objects; object.c finds objects by path, for sd-bus and for arguments; getters.c turns
 * fields into properties; options.c reads a{sv}; request.c answers after the commit; callers.c knows who
 * asks; announce.c says what is announced, and emit.c sends the signals of objects. bus-<class>.c holds the vtable of one class and its methods.
 *
 * A handler's userdata is the object (Vm *, …), whose object.userdata is the Bus; the Manager's is the Bus.
 */

#include <systemd/sd-bus.h>

#include "common/base/hashmap.h"
#include "common/base/strbuf.h"
#include "common/base/text.h"
#include "policyd/bus/bus.h"
#include "policyd/pool/property.h"
#include "protocol/names.h"

#define PROPERTIES_MAX 64
/* What the bus's own settings let through at least (dbus-daemon: max_message_size of the system bus), less the header. */
#define BUS_MESSAGE_MAX POLICY_ANSWER_MAX

typedef struct Caller Caller;
typedef struct Request Request;
typedef struct ParkedRequest ParkedRequest;
typedef struct QueuedCall QueuedCall;
typedef struct Child Child;
typedef struct Backup Backup;

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
        char *address;
        ShownClass shown[_CLASS_MAX];
        HashMap *callers;        /* by unique name */
        Caller *oldest, *newest; /* the same, by age */
        Caller *turn, *turn_tail; /* those with long answers to come, in the order of their turns */
        size_t n_queued;          /* calls that wait for a turn */
        sd_bus_message *turn_call; /* has its turn; sd-bus is about to receive it again */
        sd_event_source *turn_source;
        uint64_t last_turn; /* monotonic µs */
        Child *child;       /* makes the answer whose turn it is */
        Backup *backup;     /* is being made */
        int child_output;   /* in the child; -1: this is the parent */
        Request *requests;       /* not yet answered */
        Request *reserved;       /* one of them: the place of the call that is being handled */
        uint32_t hosts_online;   /* as last announced */
        uint64_t epoch;          /* likewise */
        const sd_bus_vtable *properties[_CLASS_MAX][PROPERTIES_MAX]; /* by bit of Object.changed */
};

/* What each class shows. */
typedef struct BusClass {
        const char *interface;
        const sd_bus_vtable *vtable;
        const char *const *properties; /* by bit of Object.changed; NULL: not shown */
} BusClass;

extern const BusClass bus_class_host, bus_class_pgpu, bus_class_gpu_group, bus_class_vgpu_type, bus_class_vm,
        bus_class_vgpu, bus_class_reservation, bus_class_quota, bus_class_vm_group, bus_class_job;
extern const sd_bus_vtable bus_manager_vtable[];
const BusClass *bus_class(ObjectClass c);

/* read-only.c: refused while a row of the database is unreadable */
int bus_check_changeable(Bus *bus, sd_bus_error *error);

/* methods.c */
typedef enum MethodKind {
        METHOD_UNKNOWN, /* reads and changes, for all that is known */
        METHOD_READS,
        METHOD_CHANGES,
        METHOD_TAKES_LONG, /* reads, and waits in line */
        METHOD_SHOWS_ALL,  /* the same, one of a caller at a time */
} MethodKind;
MethodKind method_kind(const char *interface, const char *member);

/* receive.c: sd-bus's filter, before it looks for the method */
int bus_receive(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* queue.c: calls that take long. Whether it is the one that has its turn now; with queue_go_on() the next has. */
bool queue_take_turn(Bus *bus, sd_bus_message *m);
/* 1: it waits and is received again. */
int queue_receive(Bus *bus, sd_bus_message *m, MethodKind kind, sd_bus_error *error);
void queue_hurry(Bus *bus); /* who has waited for long is not overtaken for ever */
void queue_go_on(Bus *bus); /* the answer whose turn it was is given */
void queue_drop(Caller *c); /* its caller left */
void queue_free(Bus *bus);

/* backup.c */
int method_backup(sd_bus_message *m, void *userdata, sd_bus_error *error);
void backup_stop(Bus *bus);

/* child.c: 1: a child makes the answer, and queue_go_on() follows; 0: it is to be made here */
int child_answer(Bus *bus, sd_bus_message *m);
void child_stop(Bus *bus);
/* In the child they end it, and the answer is the parent's to send; false in the parent. */
bool child_gives_text(Bus *bus, const char *text);
bool child_gives_number(Bus *bus, uint32_t n);

/* size.c */
int bus_message_size(sd_bus_message *m, size_t *ret); /* of the body of a sealed message; the next read begins at its start */
int bus_refuse_size(sd_bus_error *error, const char *what);
/* Lists of references are all that grows with the pool. Of one property, or with NULL of all. */
size_t bus_count_references(const Object *o, const char *property_or_null);
/* One property, or with NULL all: refused when they are more than a message may be. */
int bus_check_properties(const Object *o, const char *property_or_null, sd_bus_error *error);

/* managed.c */
int bus_answer_managed(Bus *bus, sd_bus_message *m, sd_bus_error *error);

/* object.c */
/* The object at a path, of any class, or NULL. */
Object *object_at(Bus *bus, const char *path);
/* The object that an argument names; the error says which argument is wrong and what it should be. */
int object_argument(Bus *bus, const char *path, ObjectClass c, Object **ret, sd_bus_error *error);
/* The same of the message's next argument. */
int object_read(Bus *bus, sd_bus_message *m, ObjectClass c, Object **ret, sd_bus_error *error);
/* UnknownObject for a method that is not its class's, on a path where nothing is. */
int object_check_path(Bus *bus, const char *path, const char *interface, sd_bus_error *error);
/* NoSuchObject below a class where nothing is. */
int object_check_there(Bus *bus, const char *path, sd_bus_error *error);
int bus_find_object(sd_bus *sd, const char *path, const char *interface, void *userdata, void **ret_found,
        sd_bus_error *error);
int bus_enumerate(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error);

/* getters.c: userdata is the field that the vtable's offset names. Text, numbers and vectors of text need
 * none: sd-bus reads them itself. */
#define DECLARE_GETTER(name)                                                                                 \
        int name(sd_bus *sd, const char *path, const char *interface, const char *property,                  \
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
DECLARE_GETTER(get_bool); /* bool */
DECLARE_GETTER(get_uuid); /* Uuid */
DECLARE_GETTER(get_ref);  /* Object *: its path, "/" when NULL */
DECLARE_GETTER(get_refs); /* PtrArray of objects */
DECLARE_GETTER(get_u32_as_u64);

/* options.c */
enum {
        OPTION_IDEMPOTENCY_KEY = 1 << 0,
        OPTION_DEVICE = 1 << 1,
        OPTION_DRY_RUN = 1 << 2,
        OPTION_RESERVATION = 1 << 3,
        OPTION_OWNER = 1 << 4,
        OPTION_NAME_DESCRIPTION = 1 << 5,
        OPTION_EXTRA_ARGS = 1 << 6,
        OPTION_VGPUS_MAX = 1 << 7,
        OPTION_SIZE_MAX = 1 << 8,
        OPTION_PLACEMENT = 1 << 9,
};
typedef struct Options {
        unsigned present;
        const char *idempotency_key, *device, *reservation, *owner, *name_description,
                *extra_args, *placement; /* NULL when absent; they belong to the message */
        int dry_run;
        uint64_t vgpus_max, size_max; /* of what is present */
} Options;
/* Reads an a{sv}; a key that is not allowed, twice there, or of the wrong type is an error that names it. */
int options_read(sd_bus_message *m, unsigned allowed, Options *ret, sd_bus_error *error);
/* Adds all but the key itself, in a fixed order: the arguments that a key stands for. */
void options_describe(const Options *o, StrBuf *b);

/* request.c */
int bus_error_set(sd_bus_error *error, ErrorCode code, const char *format, ...) _printf_(3, 4);
/* The end of a decision: 0 when it was made; the error of the refusal, or of r (negative errno), set in
 * error. Frees the refusal's content. */
int bus_decided(int r, Refusal *refusal, sd_bus_error *error);
/* Answers m after the commit, with the path of o ("/" when o is NULL) or with nothing. Returns what a handler
 * returns. */
int bus_reply_object(Bus *bus, sd_bus_message *m, const Object *o_or_null, sd_bus_error *error);
int bus_reply_empty(Bus *bus, sd_bus_message *m, sd_bus_error *error);
/* The ends of most handlers in one: the refusal's error, or the reply later. */
int bus_finish(Bus *bus, sd_bus_message *m, int r, Refusal *refusal, sd_bus_error *error);
/* A whole handler: nothing in, the use case of an object, nothing out. */
#define DEFINE_METHOD(name, type, use_case)                                                                  \
        static int name(sd_bus_message *m, void *userdata, sd_bus_error *error) {                            \
                type *o = userdata;                                                                          \
                Bus *bus = o->object.userdata;                                                               \
                _cleanup_refusal_ Refusal refusal = {};                                                      \
                                                                                                             \
                return bus_finish(bus, m, use_case(bus->policy, o, &refusal), &refusal, error);              \
        }
/* The next argument, a text or a JSON record of a client; what names it in the error. See common/daemon/bus-text.h. */
int bus_text(sd_bus_message *m, const char *what, TextForm form, const char **ret, sd_bus_error *error);
int bus_record(sd_bus_message *m, const char *what, const char **ret, sd_bus_error *error);
/* A whole handler: one text in, the use case, nothing out. object is the handler's userdata. */
typedef int (*ChangeByText)(Policy *p, void *object, const char *text, Refusal *refusal);
int bus_change_by_text(sd_bus_message *m, void *object, const char *what, TextForm form, ChangeByText change,
        sd_bus_error *error);
int bus_change_by_record(
        sd_bus_message *m, void *object, const char *what, ChangeByText change, sd_bus_error *error);
/* Makes the request of a call that is about to be handled; the next call frees it when nobody took it. */
int request_reserve(Bus *bus, sd_bus_message *m, sd_bus_error *error);
/* For answers that come by themselves: hand request_committed() and the request to whom will call it once; on
 * failure request_cancel(). */
int request_take(Bus *bus, sd_bus_message *m, Request **ret, sd_bus_error *error);
Request *request_cancel(Request *q);
void request_committed(ErrorCode code, const char *message, void *userdata);
void requests_drop(Bus *bus);
/* The ends of methods that take long, in the child too. The text is freed. */
int bus_reply_text(Bus *bus, sd_bus_message *m, int r, char *text, sd_bus_error *error);
int bus_reply_number(Bus *bus, sd_bus_message *m, uint32_t n);
int bus_send_text(sd_bus_message *m, const char *text);

/*
 * Idempotency, in three steps of a handler. bus_key_check() returns 0 when the handler goes on, 1 when it is
 * done (answered from the key, or parked: the message is received again once the caller's uid is known),
 * negative with the error set. After the decision bus_key_record().
 */
typedef struct KeyUse {
        const char *key; /* NULL: none given */
        char *arguments;
        uint32_t uid;
} KeyUse;
void key_use_done(KeyUse *k);
#define _cleanup_key_use_ _cleanup_(key_use_done)
int bus_key_check(
        Bus *bus, sd_bus_message *m, const Options *o, StrBuf *arguments, KeyUse *ret, sd_bus_error *error);
int bus_key_record(Bus *bus, sd_bus_message *m, const KeyUse *k, const Object *made, sd_bus_error *error);

/* callers.c */
struct Caller {
        Bus *bus;
        char name[64];      /* unique names are short; longer ones get LimitReached */
        uint64_t n_waiting; /* requests and parked messages */
        size_t n_parked;
        bool has_uid;
        uint32_t uid;
        sd_bus_slot *vanish_slot, *ask_slot;
        ParkedRequest *parked, *parked_tail; /* until the uid is known */
        QueuedCall *queued, *queued_tail;    /* until it is their turn */
        Caller *next_turn;
        Caller *older, *newer;
};
int caller_get(Bus *bus, const char *name, Caller **ret);
void caller_settle(Caller *c); /* a request of it was answered */
int caller_watch(Caller *c);   /* forgets it, and what waits, when it leaves the bus */
/* Receives m again when the uid is known; 1, or negative with the error set. */
int caller_park(Caller *c, sd_bus_message *m, sd_bus_error *error);
void callers_free(Bus *bus);

/* emit.c */
int emit_prepare(Bus *bus); /* once; -ENOENT, -E2BIG: a class names a property that its vtable does not have or does not announce, or too many */
int emit_changed(Bus *bus, const Object *o);
int emit_added(Bus *bus, const Object *o);
int emit_append_object(Bus *bus, sd_bus_message *m, const Object *o); /* oa{sa{sv}}: its path, and all that it shows */
int emit_removed(Bus *bus, const Object *o);

/* announce.c */
uint32_t count_hosts_online(Bus *bus);
