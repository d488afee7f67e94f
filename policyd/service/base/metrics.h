#pragma once

/*
 * What policyd counts while it works: how long decisions, commits and the stages of starts take, how jobs end, what is refused
 *
 * Since this policyd began; a restart begins at 0, as readers of counters expect. What the pool is, its model says.
 */

#include "common/base/strbuf.h"
#include "policyd/pool/pool.h"
#include "policyd/service/base/kinds.h"
#include "protocol/event.h"

#define HISTOGRAM_BOUNDS 12

/* Counts by upper bound, each for itself; the last is for what is above all bounds. */
typedef struct Histogram {
        uint64_t counts[HISTOGRAM_BOUNDS + 1];
        double sum; /* s */
} Histogram;

typedef struct Metrics {
        Histogram decisions, commits;
        Histogram stages[_START_STAGE_MAX];
        uint64_t ended[_OPERATION_KIND_MAX][_JOB_STATE_MAX];
        uint64_t refused[_ERROR_MAX];
        uint64_t ended_outside;
} Metrics;

void metrics_decided(Metrics *m, uint64_t nsec);
void metrics_committed(Metrics *m, uint64_t nsec);
void metrics_passed_stage(Metrics *m, StartStage stage, uint64_t usec); /* nothing where it is none */

/*
 * A text in Prometheus' format or in OpenMetrics'. They differ in the name of a counter's family and in the last line.
 * metric_family() begins a family; unit is "" or "seconds". Values of labels are escaped.
 */
typedef struct MetricsText {
        StrBuf text;
        bool openmetrics;
} MetricsText;

void metric_family(MetricsText *t, const char *name, const char *type, const char *unit, const char *help);
/* labels: pairs of name and value, NULL at the end. */
void metric_sample(MetricsText *t, const char *name, double value, const char *const *labels);
#define METRIC(t, name, value, ...) metric_sample(t, name, (double) (value), (const char *const[]){__VA_ARGS__ __VA_OPT__(,) NULL})
/* The families of what was counted. */
void metrics_write(MetricsText *t, const Metrics *m);
