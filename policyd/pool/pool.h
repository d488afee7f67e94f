#pragma once

/*
 * The pool: policyd's model in memory
 *
 * Plain structs linked by pointers, one per object of the pool; read them freely, change them only through the
 * pool_* functions, which keep the reverse lists and indexes up to date and note what changed. No I/O, no clock, no
 * randomness: uuids and times come from the caller. The pool owns every object and frees what is removed when
 * pool_take_changes() has handed the change over and the caller calls pool_forget().
 *
 * Functions return 0, -ENOMEM or, where said, another negative errno. A rule that refuses is an ErrorCode
 * with a sentence in a Refusal, not an errno (protocol/refusal.h).
 */

#include "common/base/hashmap.h"
#include "common/base/pci-address.h"
#include "common/base/uuid.h"
#include "protocol/errors.h"
#include "protocol/refusal.h"
#include "protocol/schema/classes.h"
#include "protocol/schema/words.h"
#include "protocol/vgpu-implementation.h"

#define POOL_CLASS(class, ...) CLASS_##class,
typedef enum ObjectClass {
        POOL_CLASSES(POOL_CLASS) /* CLASS_HOST, … */
        _CLASS_MAX,
        _CLASS_INVALID = -EINVAL,
} ObjectClass;

const char *object_class_to_string(ObjectClass c); /* "host", "pgpu", "gpu_group", "vgpu_type", "vm", "vgpu", "reservation", "quota", "vm_group", "job" */
ObjectClass object_class_from_string(const char *text);

/* The words of enums that are properties, or stored. */
extern const WordTable object_class_words, host_state_words, place_standing_words, pgpu_health_words, group_algorithm_words,
        placement_words, power_state_words, booking_state_words, job_state_words;

typedef struct Pool Pool;
typedef struct Host Host;
typedef struct Pgpu Pgpu;
typedef struct GpuGroup GpuGroup;
typedef struct VgpuType VgpuType;
typedef struct HostType HostType;
typedef struct Vm Vm;
typedef struct Vgpu Vgpu;
typedef struct Reservation Reservation;
typedef struct Quota Quota;
typedef struct Owner Owner;
typedef struct VmGroup VmGroup;
typedef struct Job Job;
typedef struct FormerCard FormerCard;

/* First member of every object. */
typedef struct Object {
        ObjectClass class;
        bool is_new, removed, must_store;
        bool in_changes;
        Uuid id;
        uint64_t key;       /* storage key, growing; given by pool_add_*; 0 never */
        uint64_t changed;   /* PROP_* bits of this class since the last pool_take_changes() */
        struct Object *next_changed;
        void *userdata;     /* the bus layer's */
} Object;

/* A growing array of pointers, in insertion order unless said. Without a size the items are not its own. */
typedef struct PtrArray {
        void **items;
        size_t n, size;
} PtrArray;

bool ptr_array_contains(const PtrArray *a, const void *p);

/*
 * Property bits, one for each D-Bus property of a class: HOST_NAME_LABEL is 1 << HOST_NAME_LABEL_NUMBER, its place among the properties.
 * UUID has none: it never changes.
 */
#define POOL_NUMBER(x, bit, ...) x##_##bit##_NUMBER,
#define POOL_BIT(x, bit, ...) x##_##bit = 1 << x##_##bit##_NUMBER,
#define POOL_BITS(class, x, ...)                                                                             \
        enum { class##_SCHEMA(POOL_NUMBER, SCHEMA_SKIP, x) _##x##_PROPERTIES_MAX };                          \
        enum { class##_SCHEMA(POOL_BIT, SCHEMA_SKIP, x) };
POOL_CLASSES(POOL_BITS)

DEFINE_ENUM(HostState, HOST_STATE, HOST_STATES);
const char *host_state_to_string(HostState s);

/* How a host or a PGPU stands after starts that failed there (place-health.h): last is taken when nothing else will do, suspect is left
 * out, unless its group has nothing else. */
#define PLACE_STANDINGS(W) W(PLACE_GOOD, "good") W(PLACE_LAST, "last") W(PLACE_SUSPECT, "suspect")
DEFINE_ENUM(PlaceStanding, PLACE_STANDING, PLACE_STANDINGS);
const char *place_standing_to_string(PlaceStanding s);

/* Whether a PGPU can be relied on. Suspect: starts failed there, others are taken first; or its host gives some of its virtual
 * functions to no VM, and if that is all of them it offers no capacity. Lost: it does not answer, or is not there any
 * more, and offers no capacity. */
DEFINE_ENUM(PgpuHealth, PGPU_HEALTH, PGPU_HEALTHS);
const char *pgpu_health_to_string(PgpuHealth h);
PgpuHealth pgpu_health_from_string(const char *text);

DEFINE_ENUM(GroupAlgorithm, GROUP_ALGORITHM, GROUP_ALGORITHMS);
const char *group_algorithm_to_string(GroupAlgorithm a);
GroupAlgorithm group_algorithm_from_string(const char *text); /* dashes or underscores, any case */

DEFINE_ENUM(PowerState, POWER_STATE, POWER_STATES);
const char *power_state_to_string(PowerState s);

/* Of the VMs of a group, as XenServer has it; anti_affinity: hosts with few of them first. */
DEFINE_ENUM(VmPlacement, VM_PLACEMENT, PLACEMENTS);
const char *placement_to_string(VmPlacement p);
VmPlacement placement_from_string(const char *text); /* dashes or underscores, any case */

#define HOST_NOT_HEARD "Not heard from yet; try again in a moment."

struct Host {
        Object object;
        char *name_label, *address; /* address: what policyd dials */
        char *fingerprint; /* of its key for ssh; empty: known_hosts decides */
        char *name_description, *other_config, **tags; /* the last two NULL: empty, as in all classes; other_config is JSON text */
        HostState state;            /* not stored: connecting at start */
        char *state_reason;         /* "" when online */
        bool heard;                 /* was online since policyd started: what it said is known; not stored */
        bool enabled;
        Uuid host_uuid;             /* null until it was first met */
        char *hostname;             /* as it calls itself; "" until it was heard */
        char *boot_id;
        uint64_t memory_total, memory_free; /* bytes, as last reported */
        uint64_t memory_noted;      /* host_memory_available() when it was last noted as changed */
        bool iommu, hvm;
        bool refuses_pcidevs;       /* its administrator lets no config pass a PCI function through; not stored */
        char **allowed_config_keys; /* what configs may say there beyond the harmless; NULL: not told; not stored */
        char **networks, **storage; /* NULL-terminated, never NULL */
        char **functions; /* PCI functions that it may give to a VM; NULL: not told; not stored */
        char **taken_functions;     /* of these, what VMs have that are not of the pool; not stored */
        char **problems;            /* sentences, NULL-terminated, never NULL; not stored */
        char **outside_vms;         /* that run here and are not of the pool, "uuid name" each; NULL: none. Not stored */
        PtrArray pgpus;             /* by PCI address */
        PtrArray vms;               /* resident or scheduled here */
        PtrArray types;             /* HostType, owned: what it says of the types that it has */
        uint64_t seq;               /* of the last event taken in; not stored */
        PlaceStanding standing;     /* not stored */
        char *standing_reason;      /* a sentence; NULL while it is good */
        bool uneven;                /* it, or one of its PGPUs, is not good */
        bool unheard;               /* the database is an old copy, and the host was not heard since: anything may run there */
        Host *next_noted;           /* in the pool's notes: the next; itself: it is the last; NULL: it is not in them */
        uint64_t noted_pgpus;       /* then: which of its PGPUs changed (PGPU_BIT) */
        uint32_t place;             /* private to policyd/decide: where it stands in its arrays */
};

/* A VGPU of a VM that a host runs and that the pool has not there. */
typedef struct Outsider {
        Uuid vm;
        char *name;     /* of the VM, as its host calls it */
        VgpuType *type; /* what it counts as; passthrough takes the PGPU whole */
} Outsider;

struct Pgpu {
        Object object;
        Host *host;
        PciAddress pci;
        char *vendor_id, *device_id, *subsystem_vendor_id, *subsystem_device_id; /* four hex digits or "" */
        char *vendor_name, *device_name, *driver;
        char *other_config;
        char *serial_number; /* "dsn-…"; NULL or "": unknown */
        bool is_system_display_device;
        bool present;      /* false: stored, but its host has not reported it (yet); or a stranger holds it; or it is lost; such a PGPU offers no capacity */
        bool reported;     /* stands in its host's last report, though perhaps held or lost; not stored */
        PgpuHealth health;   /* as its host says; not stored */
        int32_t numa_node;   /* -1: unknown; not stored, as the next */
        PlaceStanding standing; /* its own, not its host's; not stored */
        char *standing_reason;  /* a sentence; NULL while it is good */
        char *pci_switch;    /* that it hangs on: address of its upstream port; NULL: none, or unknown */
        char *held_by;     /* "domain 'x' (id 7)", which is not of the pool; NULL: nobody. Not stored */
        char *division;      /* "none", "ours N", "fixed N" virtual functions */
        char *health_reason; /* a sentence; NULL while it is good */
        GpuGroup *group;   /* NULL: in none */
        PtrArray supported, enabled, disabling; /* VgpuType, shared (type-lists.c); disabling: no new placements, hostd is being asked */
        char **keeping;    /* identifiers of the types that were enabled in its former slot, until its host has them; NULL: none are due */
        PtrArray vgpus;    /* Vgpu resident or scheduled here, a VGPU that is both once */
        PtrArray holds;    /* Reservation, once per held instance */
        Outsider *outsiders; /* as its host reports them; not stored */
        size_t n_outsiders;
        uint32_t used;     /* sum of sizes of vgpus, holds and outsiders, and of suspect */
        uint32_t n_suspect; /* virtual functions that its host gives to no VM; not stored */
        uint32_t suspect;   /* their share of the PGPU, in units */
        uint32_t n_uses;
        struct PgpuUse *uses;   /* private to policyd/pool and policyd/decide: what stands there by type */
        char *name;        /* "host/0000:84:00.0", kept by the pool */
};

struct GpuGroup {
        Object object;
        char *name_label, *name_description, *other_config;
        GroupAlgorithm algorithm;
        char **gpu_types;  /* "10de/0ff2", NULL-terminated, never NULL */
        PtrArray pgpus;    /* by host name, then PCI address */
        PtrArray vgpus;
        PtrArray supported, enabled; /* unions over the PGPUs */
};

struct VgpuType {
        Object object;
        const Pool *pool;
        char *identifier; /* "" in old records */
        VgpuImplementation implementation;
        char *vendor_name, *model_name;
        char **differences; /* of hosts from what it shows, a text for each; NULL: none. Not stored */
        char *label; /* name and identifier, where another type has the same name; NULL: the name says which */
        uint64_t framebuffer_size;
        uint32_t max_heads, max_resolution_x, max_resolution_y;
        /* As its lead says, which is the host that was added first of those that have it; what counts for a PGPU is pgpu_type_size(). */
        uint32_t size; /* of PGPU_SIZE; 0 for passthrough and for imported types whose hardware was never seen */
        bool experimental;
        char *internal_config;       /* JSON text of an object; opaque here */
        char **compatible_on_pgpu;   /* identifiers of types that may join a PGPU that runs this one */
        char **compatible_in_vm;     /* identifiers of types that may stand in one VM with this one */
        size_t n_supported_on; /* PGPUs; type_next_pgpu() */
        PtrArray vgpus;
        PtrArray of_hosts;    /* HostType */
        HostType *lead;       /* NULL: no host has it */
        size_t n_other_sizes; /* hosts that say another size than the lead */
        size_t n_outsiders; /* on all PGPUs */
        uint64_t start_usec; /* what starts of VMs with it took lately; 0: none ended yet; not stored */
        uint64_t demand; /* requests seen, for best-fit's weights; not stored */
};

/* What one host says of a type: what counts on its PGPUs, and what a start there is given. */
struct HostType {
        Host *host;
        VgpuType *type;
        uint32_t size;
        uint64_t framebuffer_size;
        char *internal_config; /* JSON text of an object */
        char *identifier;      /* that its files have for it, where that is another than the type shows; else NULL */
};

/* Where a VM's order stands; docs/states.md. */
#define BOOKING_STATES(W)                                                                                     \
        W(BOOKING_NONE, "none")         /* halted, nothing booked */                                          \
        W(BOOKING_RESERVED, "reserved") /* on disk, order not sent: any failure releases */                   \
        W(BOOKING_SENT, "sent")         /* it may have reached the host: only its word (or DeclareDead) releases */ \
        W(BOOKING_RESIDENT, "resident") /* the host said that it runs */
DEFINE_ENUM(BookingState, BOOKING_STATE, BOOKING_STATES);
const char *booking_state_to_string(BookingState s);

struct Vm {
        Object object;
        char *name_label, *name_description, *owner, *affinity;
        char *other_config, **tags;
        Owner *owned_by; /* by that name; NULL: nobody's */
        char *platform, *config; /* JSON text, opaque here */
        /* What placement needs, read from config by the caller. */
        uint64_t memory;         /* bytes */
        uint64_t memory_max, memory_target; /* of these what the guest may have, and has */
        uint32_t vcpus;
        bool memory_counted;     /* the host's memory_free already knows it */
        bool target_is_max;      /* passthrough needs it */
        bool hvm;
        char **networks, **storage;
        char **functions; /* PCI functions that its config passes through, "0000:03:00.0" */
        char **objections; /* what a host must allow for its config, "key" or "key=text"; NULL: nothing */
        PowerState power_state;
        uint32_t domid;          /* on its host; 0: none, or not told yet. Not stored */
        uint64_t start_time;     /* when it last began to run, µs since 1970; 0: never */
        Host *resident_on, *scheduled_on;
        BookingState booking;
        Uuid token;              /* of the current start order; null when none */
        Uuid stop_token;         /* of the last stop order; null when none */
        bool uuid_given;         /* by who made it: it may be known elsewhere */
        uint64_t order;          /* number of the last order for it; 0: none */
        Reservation *reservation;/* what its start used up, until resident; NULL */
        VmGroup *group;          /* NULL: in none */
        PtrArray vgpus;          /* by device */
        char *decision;          /* decision record of the last placement, JSON text, or NULL */
        char **problems;         /* sentences, NULL-terminated; NULL: none, as nearly always. Not stored */
};

bool vm_has_vgpu(const Vm *vm); /* other than whole GPUs */

struct Vgpu {
        Object object;
        Vm *vm;
        GpuGroup *group;
        VgpuType *type;
        uint32_t device;
        char *extra_args, *other_config;
        bool pinned;             /* only a PGPU at pinned_pci will do: 6.x platform form; or passthrough that the VM's config names */
        PciAddress pinned_pci;
        bool currently_attached;
        char *function;          /* PCI address that it has on its host; NULL or "" while it is not resident */
        bool used_hold;          /* its slot was held by vm->reservation, which gets it back if the start fails; stored */
        Pgpu *scheduled_on, *resident_on;
};

/* A whole GPU that the VM's config names (pcidevs). */
static inline _unused_ bool vgpu_is_of_config(const Vgpu *v) {
        return v->pinned && v->type->implementation == TYPE_PASSTHROUGH;
}
bool vm_function_is_vgpu(const Vm *vm, const char *function); /* of its config; a card's other functions too */

struct Reservation {
        Object object;
        char *name_label;
        GpuGroup *group;
        VgpuType *type;
        uint32_t count;
        uint64_t expires; /* µs since the epoch; UINT64_MAX: never */
        uint64_t lasts;   /* µs from when it was made; 0: not known, as of an older version's */
        char *owner;
        Owner *owned_by;  /* by that name; NULL: nobody's */
        PtrArray holds;   /* Pgpu, one per instance still held: remaining = holds.n */
};

#define QUOTA_UNLIMITED UINT64_MAX
/* A quota of this owner holds for each owner that has none of its own for the same group. */
#define OWNER_ANY "*"

/* How much an owner may use; rules in quota.h. */
struct Quota {
        Object object;
        char *owner;
        Owner *owned_by;    /* by that name, never NULL */
        GpuGroup *group;    /* NULL: all groups together */
        uint64_t vgpus_max; /* or QUOTA_UNLIMITED */
        uint64_t size_max;  /* units of PGPU_SIZE, or QUOTA_UNLIMITED */
};

typedef struct OwnerUse {
        const GpuGroup *group; /* NULL: over all groups */
        uint64_t vgpus;        /* scheduled, resident, or held by its reservations */
        uint64_t size;         /* theirs, in units of PGPU_SIZE; passthrough takes a whole one */
} OwnerUse;

/* Not an object of the pool: it is there while any of its lists has something in it. */
struct Owner {
        char *name;
        PtrArray vms, reservations, quotas;
        OwnerUse *uses; /* private to owners.c */
        size_t n_uses;
};

struct VmGroup {
        Object object;
        char *name_label, *name_description;
        VmPlacement placement;
        PtrArray vms;
};

DEFINE_ENUM(JobState, JOB_STATE, JOB_STATES);
const char *job_state_to_string(JobState s);
JobState job_state_from_string(const char *text);
static inline bool job_state_is_final(JobState s) {
        return s >= JOB_DONE;
}

/* It may be gone. */
typedef struct JobObject {
        ObjectClass class;
        Uuid id;
} JobObject;
#define JOB_OBJECTS_MAX 4

struct Job {
        Object object;
        char *operation;  /* "start", "shutdown", "hard-shutdown", "reboot" */
        char *phase;      /* of a reboot: the operation that goes on, one of the first three; else NULL */
        JobState state;
        double progress;
        char *stage;
        JobObject objects[JOB_OBJECTS_MAX]; /* the VM first */
        size_t n_objects;
        Uuid token;       /* of the order that it follows */
        bool cancel_requested;
        char *first_try; /* a start that is tried once more: what became of it at first; else NULL */
        Uuid first_host; /* and where that was */
        ErrorCode error;
        char *error_message;
        uint64_t start_time, end_time; /* µs since the epoch; end 0 while it runs */
        char *started_by;              /* "alice (session-3.scope)" */
        uint64_t expected_end_time;    /* by the ends of earlier ones; 0: not known */
};

/*
 * For what is derived from the pool, and has to be refreshed where the pool changed (the scores of policyd/decide): the pool notes which
 * hosts are concerned, and calls nobody. Notes say nothing that the pool says, so they may be taken from a const pool.
 */
typedef struct PoolNotes {
        Host *hosts; /* that changed in what decisions ask, each once, with the PGPUs that did; pool_take_noted() */
        bool all;    /* any host may have changed, or hosts, groups or types came or went; whoever has looked at all clears it */
        void *kept;  /* what is derived, and what frees it with the pool */
        void (*kept_free)(void *kept);
} PoolNotes;

struct Pool {
        HashMap *by_id[_CLASS_MAX];
        PtrArray objects[_CLASS_MAX]; /* by key (creation) */
        uint64_t next_key;
        Object *changes; /* in order of first change */
        Object *changes_tail;
        HashMap *owners; /* by name */
        void *type_lists; /* that PGPUs share */
        size_t n_uneven; /* hosts that are not good places, or have a PGPU that is none (Host.uneven) */
        PtrArray removed; /* objects that pool_forget() has not been told of */
        PtrArray former; /* FormerCard, the oldest first (former-card.h) */
        PoolNotes *notes;
        bool simulated; /* what changes now is put back: no change is listed */
};

Pool *pool_new(void);
Pool *pool_free(Pool *pool);
DEFINE_CLEANUP(Pool *, pool_free)

/* Objects by id, or NULL; by uuid text or unique name_label: 0, -ENOENT, -EEXIST (several have the name). */
void *pool_get(const Pool *pool, ObjectClass c, const Uuid *id);
int pool_find(const Pool *pool, ObjectClass c, const char *uuid_or_name, Object **ret);
/* How many have the name; the oldest of them, up to n_max, are in ret. */
size_t pool_find_named(const Pool *pool, ObjectClass c, const char *name, Object **ret, size_t n_max);
/* What Find matches names on: name_label; model_name for types; "host/pci" and the bare pci id for PGPUs. */
const char *object_name(const Object *o);

/* Changes since the last call, as a list through next_changed; objects that were removed are in it once, with removed set. */
Object *pool_take_changes(Pool *pool);
/* After the change was written and announced: clears is_new and changed; frees a removed object. */
void pool_forget(Pool *pool, Object *o);
bool pool_has_changes(const Pool *pool);

/*
 * Adding. Every string is copied. id is given by the caller; key is taken from next_key, or is key when not 0 (loading from disk:
 * then nothing is noted as changed).
 */
int pool_add_host(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, const char *address, Host **ret);
int pool_add_pgpu(Pool *pool, const Uuid *id, uint64_t key, Host *host, const PciAddress *pci, const char *vendor_id, const char *device_id, Pgpu **ret);
int pool_add_gpu_group(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, GpuGroup **ret);
int pool_add_vgpu_type(Pool *pool, const Uuid *id, uint64_t key, const char *identifier, const char *vendor_name, const char *model_name, VgpuType **ret);
int pool_add_vm(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, Vm **ret);
int pool_add_vgpu(Pool *pool, const Uuid *id, uint64_t key, Vm *vm, GpuGroup *group, VgpuType *type, uint32_t device, Vgpu **ret);
int pool_add_reservation(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, GpuGroup *group, VgpuType *type, uint32_t count, Reservation **ret);
/* -EEXIST: the owner has a quota for that group already. */
int pool_add_quota(Pool *pool, const Uuid *id, uint64_t key, const char *owner, GpuGroup *group_or_null, Quota **ret);
int pool_add_vm_group(Pool *pool, const Uuid *id, uint64_t key, const char *name_label, VmPlacement placement, VmGroup **ret);
int pool_add_job(Pool *pool, const Uuid *id, uint64_t key, const char *operation, Job **ret);

/* Unlinks it from everything that points to it and notes the removal. Rules (in use?) are checked before, in rules.h. */
void pool_remove(Pool *pool, Object *o);

/* The next host that is noted, which leaves the notes, and the bits of its PGPUs that changed; NULL: no more. The i-th PGPU of a host has
 * the bit PGPU_BIT(i); those beyond the 63rd share one. */
#define PGPU_BIT(i) (UINT64_C(1) << MIN_OF((size_t) (i), (size_t) 63))
#define PGPU_BITS_ALL UINT64_MAX
Host *pool_take_noted(const Pool *pool, uint64_t *ret_pgpus);

/* Note a change of plain fields that the caller wrote itself: only of those without a setter below. A VM's memory and
 * memory_counted are such fields, and the order of hosts follows. */
void pool_touch(Pool *pool, Object *o, uint64_t properties, bool store);

/* Text setters used everywhere: replaces *field when it differs; 1 changed, 0 same, -ENOMEM. */
int text_set(char **field, const char *value);
int strv_set(char ***field, const char *const *value);

/* Host */
void pool_set_host_state(Pool *pool, Host *h, HostState state, const char *reason);
/* The names of its PGPUs, and the order in which groups have them, follow. */
int pool_set_host_name_label(Pool *pool, Host *h, const char *name_label);
void pool_set_host_enabled(Pool *pool, Host *h, bool enabled);
void pool_set_host_unheard(Pool *pool, Host *h, bool unheard);
void pool_set_host_memory(Pool *pool, Host *h, uint64_t total, uint64_t free);
/* What a host says of itself beside memory and cards; texts are copied, and lists end with NULL. On -ENOMEM some of it is
 * set, and the rest as it was. */
typedef struct HostFacts {
        const char *hostname, *boot_id;
        char *const *networks, *const *storage;
        char *const *functions, *const *allowed_config_keys;
        bool iommu, hvm, refuses_pcidevs;
} HostFacts;
int pool_set_host_facts(Pool *pool, Host *h, const HostFacts *facts);
void pool_set_host_machine(Pool *pool, Host *h, const Uuid *host_uuid);
/* Sentences; NULL: none. 0 or -ENOMEM. */
int pool_set_host_problems(Pool *pool, Host *h, const char *const *problems);
int pool_set_host_outside_vms(Pool *pool, Host *h, const char *const *vms_or_null);
int pool_set_vm_problems(Pool *pool, Vm *vm, const char *const *problems);
/* Free memory for a new VM: memory_free less the VMs booked here that the host's report does not know yet. */
uint64_t host_memory_available(const Host *h);
bool host_is_usable(const Host *h); /* online and enabled */

/* PGPU */
int pool_set_pgpu_group(Pool *pool, Pgpu *p, GpuGroup *group_or_null);
int pool_set_pgpu_supported(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n);
int pool_set_pgpu_enabled(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n);
int pool_set_pgpu_disabling(Pool *pool, Pgpu *p, VgpuType *const *types, size_t n);
void pool_set_pgpu_present(Pool *pool, Pgpu *p, bool present);
/* The PGPU is reported, and this holds it; NULL or "": nobody. 0 or -ENOMEM. */
/* The card stands in another slot now. */
int pool_set_pgpu_pci(Pool *pool, Pgpu *p, const PciAddress *pci);
int pool_set_pgpu_place(Pool *pool, Pgpu *p, int32_t numa_node, const char *pci_switch_or_null); /* in its host */
int pool_set_pgpu_division(Pool *pool, Pgpu *p, const char *division_or_null);
int pool_set_pgpu_held_by(Pool *pool, Pgpu *p, const char *by);
/* Names are copied. 0 or -ENOMEM, and then all is as before. */
int pool_set_pgpu_outsiders(Pool *pool, Pgpu *p, const Outsider *outsiders, size_t n);
/* How many VGPUs there are, whoever has them, and held instances. */
size_t pgpu_load(const Pgpu *p);
/* reason: a sentence, ignored for a good one. A lost PGPU is not present; one that is lost no more is, unless it is held. */
int pool_set_pgpu_health(Pool *pool, Pgpu *p, PgpuHealth health, const char *reason);
/* As a share of what it is divided into, so its division is set before. */
void pool_set_pgpu_suspects(Pool *pool, Pgpu *p, uint32_t n);

/* How places stand. reason: a sentence, ignored for a good one. 0 or -ENOMEM. */
int pool_set_host_standing(Pool *pool, Host *h, PlaceStanding standing, const char *reason);
int pool_set_pgpu_standing(Pool *pool, Pgpu *p, PlaceStanding standing, const char *reason);
/* Its own standing or its host's, whichever is worse, and why; "" for a good one. */
PlaceStanding pgpu_standing(const Pgpu *p, const char **ret_reason);
/* What clients are told: lost, else suspect by its standing, else good; and why. */
PgpuHealth pgpu_health(const Pgpu *p, const char **ret_reason);
/* It is suspect, and its group has a PGPU that can be used and is not. */
bool pgpu_is_left_out(const Pgpu *p);
/* Each of its virtual functions is: it offers nothing. */
bool pgpu_is_all_suspect(const Pgpu *p);

/* Group, type */
void pool_set_group_algorithm(Pool *pool, GpuGroup *g, GroupAlgorithm a);
int pool_set_group_gpu_types(Pool *pool, GpuGroup *g, const char *const *gpu_types);
int pool_set_type_identifier(Pool *pool, VgpuType *t, const char *identifier);
/* After types have come, gone or changed their names: which of them need more than their name to be told apart. */
void pool_label_types(Pool *pool);
int pool_set_type_size(Pool *pool, VgpuType *t, uint32_t size, VgpuImplementation implementation);
/* What a host says of a type; the text is copied. Stored with the host where it is another than the type shows. 1: it is another than before; 0; -ENOMEM. */
typedef struct TypeFacts {
        uint32_t size;
        uint64_t framebuffer_size;
        const char *internal_config;
        const char *identifier; /* NULL: as the type shows */
} TypeFacts;
int pool_set_host_type(Pool *pool, Host *h, VgpuType *t, const TypeFacts *facts);
/* From disk, while nothing is said of it yet: what the types show is left, until all are there and settled. */
int pool_load_host_type(Host *h, VgpuType *t, const TypeFacts *facts);
void pool_settle_types(Pool *pool);
/* It has these types and no others; what it said of one that still stands there is kept. */
int pool_keep_host_types(Pool *pool, Host *h, VgpuType *const *types, size_t n);
const HostType *host_find_type(const Host *h, const VgpuType *t); /* NULL: it says nothing of it */
const char *host_type_identifier(const HostType *f);
const char *type_identifier_on(const VgpuType *t, const Host *h); /* as the host calls it */
/* The type that a host calls so; else the one that shows that identifier. */
VgpuType *host_type_by_identifier(const Pool *pool, const Host *h, const char *identifier);
bool host_type_differs(const HostType *f);                        /* from what the type shows */
bool host_type_is_supported(const HostType *f);                   /* by a PGPU of the host, whose row then names the type */
/* What one VGPU of the type takes of a PGPU: as its host says, else as the type shows. */
uint32_t pgpu_type_size(const Pgpu *p, const VgpuType *t);
uint32_t pgpu_type_units(const Pgpu *p, const VgpuType *t); /* the same; of passthrough, the whole PGPU */
int pool_set_type_compatible(Pool *pool, VgpuType *t, const char *const *on_pgpu, const char *const *in_vm);
VgpuType *pool_type_by_identifier(const Pool *pool, const char *identifier);
/* The next PGPU that supports the type, or has it enabled, by key; NULL: no more. i begins with 0. */
Pgpu *type_next_pgpu(const VgpuType *t, bool supported, size_t *i);

int pool_set_vm_group(Pool *pool, Vm *vm, VmGroup *group_or_null);
void pool_set_vm_group_placement(Pool *pool, VmGroup *g, VmPlacement placement);
bool vm_spreads(const Vm *vm); /* its group is anti-affine */
/* How many others of its anti-affine group are scheduled or resident on a host. 0 for other groups. */
size_t vm_group_members_on(const Vm *vm, const Host *h);

/* VM and VGPU placement. host or pgpu NULL clears. A VGPU scheduled and then resident on one PGPU is counted once. */
int pool_set_vm_scheduled(Pool *pool, Vm *vm, Host *host);
int pool_set_vm_resident(Pool *pool, Vm *vm, Host *host);
void pool_set_vm_power_state(Pool *pool, Vm *vm, PowerState s);
void pool_set_vm_start_time(Pool *pool, Vm *vm, uint64_t now);
void pool_set_vm_domain(Pool *pool, Vm *vm, uint32_t domid_or_0);
/* token NULL keeps the token, except that BOOKING_NONE forgets it. Resident: what it used up of a reservation is spent. */
void pool_set_vm_booking(Pool *pool, Vm *vm, BookingState s, const Uuid *token);
int pool_set_vgpu_scheduled(Pool *pool, Vgpu *v, Pgpu *pgpu);
int pool_set_vgpu_resident(Pool *pool, Vgpu *v, Pgpu *pgpu);
/* The virtual function that it has. While it is resident, that is the PGPU itself unless the host says another. */
int pool_set_vgpu_function(Pool *pool, Vgpu *v, const char *function);
void pool_set_vgpu_attached(Pool *pool, Vgpu *v, bool attached);

/* Reservations */
int pool_hold(Pool *pool, Reservation *r, Pgpu *pgpu);      /* one instance */
void pool_unhold(Pool *pool, Reservation *r, Pgpu *pgpu);

/* Owners: a name that is empty is nobody. What stands or is held counts for the new owner at once. */
int pool_set_vm_owner(Pool *pool, Vm *vm, const char *owner);
int pool_set_reservation_owner(Pool *pool, Reservation *r, const char *owner);
void pool_set_quota_limits(Pool *pool, Quota *q, uint64_t vgpus_max, uint64_t size_max);
const Owner *pool_find_owner(const Pool *pool, const char *name); /* NULL: nothing has that owner */
OwnerUse owner_use(const Owner *o, const GpuGroup *group_or_null); /* nothing for NULL */
uint32_t type_units(const VgpuType *t); /* its size; of passthrough, a whole PGPU's */

/* Jobs: the one setter; final states stay. */
void pool_set_job_state(Pool *pool, Job *j, JobState s, const char *stage, double progress, uint64_t now);
int pool_set_job_error(Pool *pool, Job *j, ErrorCode code, const char *message);
