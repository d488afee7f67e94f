#pragma once

/*
 * Remedies: what would let the pool take what it refuses
 *
 * A remedy names steps that suffice together, or says that they do not. For one PGPU they follow from what is on it; for
 * several VGPUs on a host, and for a host that cannot be used, they are tried on a shadow of the host.
 */

#include "policyd/decide/decider.h"
#include "policyd/words/sentence.h"

/* Of a PGPU's VGPUs or holds, by index; one more than fit are all of them. */
typedef uint64_t Picks;

/* The steps that let one PGPU take one more VGPU of a type, other checks of its host aside. */
typedef struct PgpuFix {
        const Pgpu *pgpu;
        const VgpuType *type;
        bool enable;
        Picks stop;             /* VGPUs whose VMs must go, all of them */
        Picks one_of;           /* besides: VGPUs of which any VM must go */
        Picks release;          /* holds whose reservations must go, all of them */
        bool end_outsiders;     /* what runs there and is not of the pool must go */
        const Reservation *use; /* a start that names this one needs no step but enable */
} PgpuFix;

/* False: the PGPU does not support the type, and nothing helps. own: the reservation that the start names, or NULL. */
bool pgpu_fix(const Pgpu *p, const VgpuType *t, const Reservation *own, PgpuFix *ret);
/* Of several VMs of which one has to go, only those that free so many bytes, if there is any. */
void pgpu_fix_prefer_memory(PgpuFix *fix, uint64_t wanted);
/* Memory that its steps free for certain, in bytes. */
uint64_t pgpu_fix_memory(const PgpuFix *fix);

/* Steps (sentence_step()); nothing when there are none. */
void sentence_fix(StrBuf *b, const PgpuFix *fix);
/* Where the type is supported at all, one with room for it before others, on a host that lacks nothing for d (NULL:
 * whatever it lacks); or that it is nowhere. */
void sentence_elsewhere(StrBuf *b, const VgpuType *t, const Demand *d);
/* Of a PGPU that is not there for us, on a host that can be used: "look for the card in beta", or who has to let go of it. */
void sentence_recover(StrBuf *b, const Pgpu *p);
/* "enable host beta", "bring host beta back online" */
void sentence_make_usable(StrBuf *b, const Host *h);

/*
 * For a host that admits each VGPU alone or none, the fewest steps found on its PGPUs with which it takes all of them: their
 * sentence, and the memory that they free. 1; 0: not even if nothing else ran there; -ENOMEM.
 */
int sentence_host_plan(
        StrBuf *b, const Demand *d, Assigner *assigner, const Host *h, uint64_t *ret_memory);

/*
 * What a host lacks beside GPUs, when so many more bytes of memory were free: "has no network 'x' and is 1 GiB short of
 * memory: …"; how many things. And the steps that would mend it, each with its alternative.
 */
size_t sentence_lacks(StrBuf *b, const Demand *d, const Host *h, uint64_t freed);
void sentence_lacks_remedy(StrBuf *b, const Demand *d, const Host *h);
/* Bytes that VMs there have to give up. */
uint64_t memory_to_free(const Demand *d, const Host *h);

/* Of one host (candidate-words.c). Sentences begin behind a full stop and end with one; 0 or -ENOMEM. */

/* What stops the VM there, as a clause: its GPUs, or what else is missing. */
void sentence_gpu_miss(StrBuf *b, const Candidate *c, const Demand *d);
void sentence_miss(StrBuf *b, const Candidate *c, const Demand *d);
/* Steps as a sentence; nothing when there are none. */
void sentence_add_steps(StrBuf *b, StrBuf *steps);
/* What would let its GPUs take the VM, and whether that suffices. */
int sentence_gpu_remedy(StrBuf *b, const Ranking *r, const Candidate *c);
/* "Enable host beta.", and whether that suffices. */
int sentence_usable_remedy(StrBuf *b, const Ranking *r, const Host *h);
/*
 * Of the hosts that cannot be used, those of a group or all, the first that would take the VM if it could be; disabled ones
 * before others. Where none would: the first of them. NULL: every host can be used.
 */
int find_unusable(const Ranking *r, const GpuGroup *group_or_null, const Host **ret);
