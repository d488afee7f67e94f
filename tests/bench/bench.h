#pragma once

/*
 * Benchmarks: rounds, targets, and how both are shown
 *
 * Every number is compared with a floor that was measured in the same round: only such ratios mean anything
 * on a machine that does other things too. A target's value is the median of the rounds' ratios.
 */

#include <stdio.h>

#include "common/base/macros.h"

#define ROUNDS_MAX 64
#define TARGETS_MAX 128

typedef struct Series {
        double values[ROUNDS_MAX];
        size_t n;
} Series;

void series_add(Series *s, double value);
double series_median(const Series *s);

/* Sorts values; p in 0..1. */
double percentile(double *values, size_t n, double p);

typedef struct Report {
        struct json_object *targets, *rounds;
        bool quick;
        bool all_met;
} Report;

int report_init(Report *r, bool quick);
void report_done(Report *r);
/* A target that is met when value <= limit (at_least: >=). Printed at once. */
void report_target(Report *r, const char *name, double value, double limit, bool at_least);
/* One measured number of one round. */
void report_round(Report *r, const char *bench, size_t round, const char *name, double value);
/* {"targets":[{"name","value","limit","met"}],"rounds":[{"bench","round","name","value"}]}; negative errno.
 */
int report_write(const Report *r, const char *path);

uint64_t now_ns(void);
uint64_t cpu_ns(void); /* of this process */
/* CPU time of another one; its resident memory, and of that what it allocated itself (no files, no database),
 * in bytes; 0 when it is gone. */
uint64_t cpu_ns_of(pid_t pid);
uint64_t children_cpu_ns_of(pid_t pid); /* of its children that have ended, in ticks of some ms */
uint64_t resident_of(pid_t pid);
uint64_t heap_of(pid_t pid);

/* The folder for everything on disk: --dir, else $TMPDIR, else /var/tmp. */
extern const char *bench_dir;

/* One LMDB commit of one record of 512 bytes with growing keys. */
typedef struct Floor Floor;
int floor_new(Floor **ret);
Floor *floor_free(Floor *f);
DEFINE_CLEANUP(Floor *, floor_free)
int floor_commit(Floor *f);

/* The benches; each returns 0 or a negative errno after it has said why. */
int bench_decision(Report *r);
int bench_durable(Report *r);
int bench_search(Report *r); /* how fast others are answered while a plan is searched for */
int bench_readers(Report *r); /* short calls beside long ones */
int bench_storm(Report *r); /* the boot storm, and what policyd needs to start again with its outcome */
