#pragma once

/*
 * Words for people: pieces of the sentences of which refusals and remedies are made
 *
 * Each builder appends to a StrBuf, which remembers a lack of memory, so that a sentence is checked once at
 * its end.
 */

#include "common/base/strbuf.h"
#include "policyd/pool/pool.h"

#define NAMES_SHOWN 4

/* What stands before the i-th of n things: "", ", " or " and ". */
const char *list_separator(size_t i, size_t n);
/* "'a'", the i-th of n: with what stands before it. */
void sentence_name(StrBuf *b, size_t i, size_t n, const char *name);
/* "alpha, beta and gamma", or the first few "and 12 more": of n names only the first NAMES_SHOWN + 1 are
 * looked at. */
void sentence_names(StrBuf *b, const char *const *names, size_t n);
/* The same of objects, behind `before`; nothing when there are none. */
void sentence_objects(StrBuf *b, const char *before, const PtrArray *objects);
/*
 * Who uses something: distinct VMs of VGPUs, "VMs 'web-1' and 'web-2' (starting)"; reservations; "VM 'a', which is not of this
 * pool". Of one type, or of all (NULL); behind `before`. Returns how many: nothing is written when it is 0.
 */
size_t sentence_vms(StrBuf *b, const char *before, const PtrArray *vgpus, const VgpuType *t_or_null);
size_t sentence_reservations(StrBuf *b, const char *before, const PtrArray *holds, const VgpuType *t_or_null);
size_t sentence_outsiders(StrBuf *b, const char *before, const Pgpu *p, const VgpuType *t_or_null);
/* All of them on a PGPU; what they do there. */
#define USER_RUNS 1u
#define USER_RESERVED 2u
unsigned sentence_users(StrBuf *b, const Pgpu *p, const VgpuType *t_or_null);
/* "GRID K140Q", "passthrough", or the identifier of a type without a name; "GRID M60-2Q (0001:nvidia,13f2,,13f2,114e)"
 * where another type has the same name. */
const char *type_label(const VgpuType *t);
/* "0000:84:00.0 of beta" */
void sentence_pgpu(StrBuf *b, const Pgpu *p);
/* "a quarter of a PGPU", "1/7 of a PGPU", "a whole PGPU" */
void sentence_share(StrBuf *b, uint32_t size);

/* A number of bytes, rounded up for what is missing and down for what there is. */
void sentence_size(StrBuf *b, uint64_t bytes, bool up);

/* One more step of a remedy, of which b holds nothing else: "Enable GRID K140Q on 0000:84:00.0 of beta, and shut down VM
 * 'a'". The first begins the sentence. */
void sentence_step(StrBuf *b, const char *format, ...) _printf_(2, 3);

/* A whole sentence as part of another: "The connection was lost." is "the connection was lost". */
void sentence_clause(StrBuf *b, const char *sentence);
/* "alpha is offline: connection refused", "alpha is disabled" */
void sentence_unusable_host(StrBuf *b, const Host *h);

/* Steps as a sentence behind another; nothing when there are none. */
void sentence_add_steps(StrBuf *b, StrBuf *steps);
/* The step "enable GRID K140Q on 0000:84:00.0 of beta". */
void sentence_enable(StrBuf *b, const VgpuType *t, const Pgpu *p);

/* Hands the text to ret under code; -ENOMEM. */
int refusal_take(Refusal *ret, ErrorCode code, StrBuf *b);
