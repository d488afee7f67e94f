/*
 * What policyd counts, and how it is written
 */

#include <inttypes.h>
#include <stdio.h>

#include "policyd/service/base/metrics.h"

DEFINE_WORD_TABLE(operation_kind_words, OPERATION_KINDS)
DEFINE_WORDS(operation_kind, OperationKind, operation_kind_words)

/* s */
static const double work_bounds[HISTOGRAM_BOUNDS] = {
        5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1, 1};
static const double stage_bounds[HISTOGRAM_BOUNDS] = {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};

static void observe(Histogram *h, const double *bounds, double seconds) {
        size_t i = 0;

        while (i < HISTOGRAM_BOUNDS && seconds > bounds[i])
                i++;
        h->counts[i]++;
        h->sum += seconds;
}

void metrics_decided(Metrics *m, uint64_t nsec) {
        observe(&m->decisions, work_bounds, (double) nsec / 1e9);
}

void metrics_committed(Metrics *m, uint64_t nsec) {
        observe(&m->commits, work_bounds, (double) nsec / 1e9);
}

void metrics_passed_stage(Metrics *m, StartStage stage, uint64_t usec) {
        if (stage >= 0 && stage < _START_STAGE_MAX)
                observe(&m->stages[stage], stage_bounds, (double) usec / 1e6);
}

/* Writing */

void metric_family(MetricsText *t, const char *name, const char *type, const char *unit, const char *help) {
        const char *total = !t->openmetrics && streq(type, "counter") ? "_total" : "";

        strbuf_addf(&t->text, "# TYPE %s%s %s\n", name, total, type);
        if (t->openmetrics && *unit)
                strbuf_addf(&t->text, "# UNIT %s %s\n", name, unit);
        strbuf_addf(&t->text, "# HELP %s%s %s\n", name, total, help);
}

static void add_escaped(StrBuf *b, const char *value) {
        for (const char *c = value; *c; c++) {
                if (*c == '\\' || *c == '"')
                        strbuf_add(b, "\\");
                if (*c == '\n')
                        strbuf_add(b, "\\n");
                else
                        strbuf_add_n(b, c, 1);
        }
}

void metric_sample(MetricsText *t, const char *name, double value, const char *const *labels) {
        StrBuf *b = &t->text;

        strbuf_add(b, name);
        for (size_t i = 0; labels[i]; i += 2) {
                strbuf_addf(b, "%s%s=\"", i == 0 ? "{" : ",", labels[i]);
                add_escaped(b, labels[i + 1]);
                strbuf_add(b, labels[i + 2] ? "\"" : "\"}");
        }
        if (value == (double) (int64_t) value)
                strbuf_addf(b, " %.0f\n", value);
        else
                strbuf_addf(b, " %.9g\n", value);
}

/* label: of the whole histogram, or NULL. */
static void write_histogram(MetricsText *t, const char *name, const Histogram *h, const double *bounds, const char *label, const char *value) {
        const char *end = label ? "," : "";
        uint64_t count = 0;

        for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
                char bound[32] = "+Inf";

                count += h->counts[i];
                if (i < HISTOGRAM_BOUNDS)
                        snprintf(bound, sizeof(bound), "%g", bounds[i]);
                strbuf_addf(&t->text, "%s_bucket{", name);
                if (label)
                        strbuf_addf(&t->text, "%s=\"%s\"%s", label, value, end);
                strbuf_addf(&t->text, "le=\"%s\"} %" PRIu64 "\n", bound, count);
        }
        for (size_t i = 0; i < 2; i++) {
                strbuf_addf(&t->text, "%s_%s", name, i == 0 ? "sum" : "count");
                if (label)
                        strbuf_addf(&t->text, "{%s=\"%s\"}", label, value);
                strbuf_addf(&t->text, " %.9g\n", i == 0 ? h->sum : (double) count);
        }
}

void metrics_write(MetricsText *t, const Metrics *m) {
        metric_family(t, "xenvgpu_jobs_ended", "counter", "", "Jobs that have ended, by operation and result.");
        for (OperationKind k = 0; k < _OPERATION_KIND_MAX; k++)
                for (JobState s = 0; s < _JOB_STATE_MAX; s++)
                        if (job_state_is_final(s))
                                METRIC(t, "xenvgpu_jobs_ended_total", m->ended[k][s], "operation", operation_kind_to_string(k),
                                        "result", job_state_to_string(s));
        metric_family(t, "xenvgpu_refusals", "counter", "", "Calls that were refused, by error word.");
        for (ErrorCode c = ERROR_NONE + 1; c < _ERROR_MAX; c++)
                METRIC(t, "xenvgpu_refusals_total", m->refused[c], "error", error_code_word(c));
        metric_family(t, "xenvgpu_outside_ended", "counter", "", "VMs and domains that are not of the pool and that it ended, as somebody asked.");
        METRIC(t, "xenvgpu_outside_ended_total", m->ended_outside);
        metric_family(t, "xenvgpu_decision_seconds", "histogram", "seconds", "Time to decide on a start and book it, or refuse it.");
        write_histogram(t, "xenvgpu_decision_seconds", &m->decisions, work_bounds, NULL, NULL);
        metric_family(t, "xenvgpu_commit_seconds", "histogram", "seconds", "Time of a commit to the database.");
        write_histogram(t, "xenvgpu_commit_seconds", &m->commits, work_bounds, NULL, NULL);
        metric_family(t, "xenvgpu_start_stage_seconds", "histogram", "seconds", "Time that starts spent in a stage, as policyd heard of it.");
        for (StartStage s = 0; s < _START_STAGE_MAX; s++)
                write_histogram(t, "xenvgpu_start_stage_seconds", &m->stages[s], stage_bounds, "stage", start_stage_to_string(s));
}
