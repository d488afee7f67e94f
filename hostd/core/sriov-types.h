#pragma once

/*
 * The list of SR-IOV types: how an administrator wants boards to be cut
 *
 *   VVVV:PPPP[:SSSS] name='…' vfs_per_pgpu=N [framebuffer_sz=MiB] [exec_quantum_ms=N] [preempt_timeout_us=N]
 *           [priority=low|normal|high] [experimental=0|1]
 *
 * one type a line: PCI vendor and device, and the board's subsystem device where it is for such boards alone. The members
 * after the name stand in any order, each once; one that is not known makes the line a bad one. Empty lines and lines
 * that begin with # are skipped. Entries come in the file's order.
 */

#include "common/base/words.h"
#include "hostd/core/problem.h"

#define SRIOV_TYPES_MAX 1024
#define SRIOV_FUNCTIONS_MAX 256 /* of one PGPU */

#define SRIOV_PRIORITIES(W)                                                                                         \
        W(SRIOV_PRIORITY_DEFAULT, "") W(SRIOV_PRIORITY_LOW, "low") W(SRIOV_PRIORITY_NORMAL, "normal")               \
        W(SRIOV_PRIORITY_HIGH, "high")
DEFINE_ENUM(SriovPriority, SRIOV_PRIORITY, SRIOV_PRIORITIES);

const char *sriov_priority_to_string(SriovPriority priority);
SriovPriority sriov_priority_from_string(const char *text);

typedef struct SriovType {
        uint16_t vendor, pdev, psubdev;
        bool any_psubdev;
        char *name;
        uint64_t vfs_per_pgpu;       /* 1 to SRIOV_FUNCTIONS_MAX */
        uint64_t framebuffer;        /* bytes; 0: not told */
        uint64_t exec_quantum_ms;    /* 0: the driver's */
        uint64_t preempt_timeout_us; /* the same */
        SriovPriority priority;
        bool experimental;
        unsigned line;
} SriovType;

/* -ENOMEM alone; a bad line is left out and reported. */
int sriov_types_parse(const char *data, size_t size, const ProblemSink *problems, SriovType **ret, size_t *ret_n);
SriovType *sriov_types_free(SriovType *types, size_t n);
