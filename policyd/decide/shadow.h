#pragma once

/*
 * A host as it would be
 *
 * A copy of a host and of its PGPUs, usable whatever the host is, whose lists may be changed, so that the decider's own
 * functions can be asked what they would say then. The pool knows nothing of it; each PGPU still points to its group.
 */

#include "policyd/pool/pool.h"

typedef struct Shadow {
        const Host *of;
        Host host;
        Pgpu *pgpus;  /* parallel to of->pgpus; enabled, disabling, vgpus and holds are the copy's own */
        void **items; /* all lists */
        struct PgpuUse *uses;
} Shadow;

/* 0 or -ENOMEM. */
int shadow_init(Shadow *s, const Host *h);
void shadow_done(Shadow *s);
#define _cleanup_shadow_ _cleanup_(shadow_done)

/* Enables the type on the i-th PGPU. */
void shadow_enable(Shadow *s, size_t i, VgpuType *t);
/* The i-th PGPU as the pool has it again. */
void shadow_reset(Shadow *s, size_t i);
