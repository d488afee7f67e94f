#pragma once

/*
 * Sentences of decisions
 *
 * policyd/decide answers with data: a verdict, a remedy, a denial. Here they become words. No search runs again; to name
 * what stands in the way on one PGPU or host, its verdict is looked up once more.
 * Builders append to a StrBuf, which remembers a lack of memory. The data, and so the words, are valid until the pool changes.
 */

#include "policyd/decide/denial.h"
#include "policyd/words/sentence.h"

/* Clauses (no full stop), and steps (sentence_step()). */

/* What is in the way on one PGPU, or how much room there is; the second for what an AllocVisitor gets, of a VGPU that may be
 * pinned elsewhere. */
void sentence_verdict(StrBuf *b, const PgpuVerdict *v, const VgpuType *t);
void sentence_vgpu_verdict(StrBuf *b, const Vgpu *vgpu, const PgpuVerdict *v);
/* What would help there, as steps: nothing when none is known; the first, with what its host needs. */
void sentence_remedy(StrBuf *b, const PgpuRemedy *remedy);
void sentence_pgpu_remedy(StrBuf *b, const PgpuRemedy *remedy);
/* Where the type is supported at all, or that it is nowhere. */
void sentence_elsewhere(StrBuf *b, const PgpuRemedy *remedy);
/* For a PGPU that cannot be used, on a host that can: "look for the card in beta", or who has to let go of it. */
void sentence_recover(StrBuf *b, const Pgpu *p);
/* "enable host beta", "bring host beta back online" */
void sentence_make_usable(StrBuf *b, const Host *h);
/* "end VM 'a', which is not of this pool, on beta itself" */
void sentence_end_outsiders(StrBuf *b, const Pgpu *p);
/* What stops the VM on a host whose GPUs are in the way. */
void sentence_gpu_miss(StrBuf *b, const Candidate *c, const Demand *d);

/* Sentences, which begin behind a full stop and end with one. */

/* What stops the VM on a host, and what would help there. */
void sentence_host(StrBuf *b, const Demand *d, const Candidate *c, const HostRemedy *remedy);
/* Only what would help, and whether that suffices. */
void sentence_host_remedy(StrBuf *b, const Demand *d, const Candidate *c_or_null, const HostRemedy *remedy);
/* What an AllocVisitor gets for a host. */
void sentence_host_verdict(StrBuf *b, const HostVerdict *v);
/* ": owner 'ann' may use 2 VGPUs …", behind what cannot be. */
void sentence_quota(StrBuf *b, const QuotaExcess *e);

/* Whole refusals; 0 or -ENOMEM. */

/* a->refusal gets the sentence of a->denial. brief: it is a reason among others, so no more than what is in the way and would help. */
int refuse_start(const AllocRequest *request, bool brief, Allocation *a);
/* "Reservation", its name, "cannot be made" */
int refuse_quota(const char *what, const char *name, const char *cannot, const QuotaExcess *e, Refusal *ret);
int refuse_holds(
        const GpuGroup *g, const VgpuType *t, uint32_t count, const HoldsDenial *denial, Refusal *ret);
