#pragma once

/*
 * A workload: every call of both interfaces, by chance, in states where it makes sense and where it does not
 *
 * Calls go to the functions that the buses call (policyd/service/policy.h, hostd/service), with the checks of texts and the
 * idempotency keys of the bus. The table of methods (work-methods.c) is held against the interface documents.
 */

#include "tests/proof/mirror.h"

typedef struct Work Work;

typedef struct MethodCount {
        uint64_t called, acked, refused;
} MethodCount;

size_t work_n_methods(void);
/* "VM.Start"; *ret_elsewhere: the test that calls it where this process cannot, or NULL. */
const char *work_method_name(size_t i, const char **ret_elsewhere);
/* Methods of the documents that nobody calls, and calls of methods that no document has; named in file. */
size_t work_check_methods(FILE *file);

/* counts: work_n_methods() of them, which outlive it. */
Work *work_new(World *w, Mirror *mirror, MethodCount *counts);
Work *work_free(Work *work);
void work_call(Work *work); /* one call */
void work_end(Work *work);  /* strangers leave */

/* For scripts as well. */
void work_begin(World *w); /* the hosts are added */
/* Of a VM's record. */
#define WORK_CONFIG                                                                                          \
        "\"config\":{\"c_info\":{\"type\":\"hvm\"},\"b_info\":{\"max_memkb\":1048576,\"target_memkb\":"       \
        "1048576,\"max_vcpus\":1}}"
/* What came of the last call, to the history: it failed, was refused, or waits for its commit. Frees the refusal. */
void came_of(World *w, int r, Refusal *refusal);
