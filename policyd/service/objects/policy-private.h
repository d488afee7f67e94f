#pragma once

/*
 * The policy, assembled; what the use cases share
 */

#include "common/base/strbuf.h"
#include "policyd/decide/quota.h"
#include "policyd/pool/property.h"
#include "policyd/service/base/additions.h"
#include "policyd/service/base/limits.h"
#include "policyd/service/hosts/takeover.h"
#include "policyd/service/operations/operations.h"
#include "policyd/service/policy.h"
#include "policyd/words/rules.h"
#include "protocol/vm-record.h"

struct Policy {
        Batch batch;
        Hosts hosts;
        Operations operations;
        HostsListener hosts_listener;
        PolicyListener listener;
        void *userdata;
        LoopTimer *retry_timer, *expiry_timer;
        LoopTimer *clock_timer; /* while the clock stands before 1970 */
        uint64_t retry_delay;
        bool started;
};

/* vms.c */
int vm_add(Policy *p, const VmRecord *record, Vm **ret, Refusal *refusal);

/* vgpus.c */
int vgpu_check_extra_args(const VgpuType *type, const char *extra_args, Refusal *refusal);

/* vm-platform.c: text is platform's; refused like a use case. */
int vm_set_platform(Policy *p, Vm *vm, struct json_object *platform, const char *text, Refusal *refusal);

/* vm-adopt.c. What the host runs and the pool does not have, by its uuid or a name that one alone has there. */
int outside_find(Policy *p, const Host *h, const char *text, Uuid *ret, Refusal *refusal);

/* vm-groups.c. Checks first, as vm_groups_create(); no object may have the given id yet. */
int vm_group_check_placement(const char *placement_or_null, Refusal *refusal);
int vm_group_add(Policy *p, const Uuid *id_or_null, const char *name_label, const char *name_description,
        const char *placement_or_null, VmGroup **ret, Refusal *refusal);

/* reservations.c */
uint64_t reservations_next_expiry(const Policy *p);
void reservations_expire(Policy *p);

/* capacity.c. total: instances on the group's usable PGPUs if nothing else ran there. */
typedef struct TypeCounts {
        uint64_t total, used, scheduled, reserved, outside;
} TypeCounts;
TypeCounts group_count_type(const GpuGroup *g, const VgpuType *t);

/* quotas.c: "quotas": those that hold for an owner, with their use and what would be added; [] when there are
 * none */
void json_write_quotas(StrBuf *b, const Pool *pool, const char *owner, const QuotaNeed *needs, size_t n);

/* json-build.c: one entry of policy_list's objects */
void object_write_json(StrBuf *b, const Object *o);
