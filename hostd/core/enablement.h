#pragma once

/*
 * Enablement: which supported types a PGPU may run
 *
 * Stored is what an administrator disabled, and what was ever seen; enabled is supported minus disabled. So a
 * type that is new comes enabled, and a disablement survives the type's vanishing and return. Types are
 * disabled only while no VGPU of them is resident or being started. All functions are pure; sets are
 * NULL-terminated identifiers.
 */

#include "protocol/refusal.h"
#include "hostd/core/pgpu.h"

typedef struct Enablement {
        char **disabled, **seen; /* sorted */
} Enablement;

void enablement_done(Enablement *e);

/* Adds what is supported now to what was seen; *ret_changed: store it. */
int enablement_note_seen(Enablement *e, char *const *supported, bool *ret_changed);

/* The enabled ones of supported, in its order. */
int enablement_enabled(const Enablement *e, char *const *supported, char ***ret);

/*
 * An administrator's change. wanted may be identifiers or unique model names of types that the PGPU supports.
 * busy is the identifiers of VGPUs on this PGPU that are resident or being started. On 0 with
 * ret_refusal->code ERROR_NONE, *ret is the new state to store. Refusals: VGPU_TYPE_NOT_SUPPORTED,
 * AMBIGUOUS_NAME, PGPU_IN_USE_BY_VM. Types that are not supported now keep what was stored for them.
 */
typedef enum EnablementChange {
        ENABLEMENT_SET,
        ENABLEMENT_ADD,
        ENABLEMENT_REMOVE,
        _ENABLEMENT_CHANGE_MAX,
        _ENABLEMENT_CHANGE_INVALID = -EINVAL,
} EnablementChange;

int enablement_change(const Enablement *e, const Pgpu *p, const HostType *types, size_t n_types,
        EnablementChange change, const char *const *wanted, const char *const *busy, Enablement *ret,
        Refusal *ret_refusal);
