/*
 * Clocks, percentiles, and the report
 */

#include <math.h>
#include <time.h>

#include "common/io/file.h"
#include "common/json/json-get.h"
#include "common/lmdb/table.h"
#include "tests/bench/bench.h"

const char *bench_dir = "/var/tmp";

void series_add(Series *s, double value) {
        if (s->n < ROUNDS_MAX)
                s->values[s->n++] = value;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

double percentile(double *values, size_t n, double p) {
        if (n == 0)
                return NAN;
        qsort(values, n, sizeof(double), compare_doubles);
        return values[MIN_OF((size_t) (p * (double) n), n - 1)];
}

double series_median(const Series *s) {
        Series copy = *s;

        return percentile(copy.values, copy.n, 0.5);
}

static uint64_t clock_ns(clockid_t clock) {
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

uint64_t now_ns(void) {
        return clock_ns(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void) {
        return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t cpu_ns_of(pid_t pid) {
        clockid_t clock;

        return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

/* The 16th and 17th word of /proc/PID/stat, in ticks; the second, in parentheses, may hold anything. */
uint64_t children_cpu_ns_of(pid_t pid) {
        unsigned long user = 0, system = 0;
        char path[64], line[1024] = "";
        const char *rest;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        rest = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
        fclose(f);
        if (!rest || sscanf(rest, ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system) != 2)
                return 0;
        return (user + system) * (UINT64_C(1000000000) / (uint64_t) sysconf(_SC_CLK_TCK));
}

/* "RssAnon:     1234 kB" of /proc/PID/status. */
static uint64_t status_bytes(pid_t pid, const char *field) {
        unsigned long kib = 0;
        char path[64], line[256];
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        while (kib == 0 && fgets(line, sizeof(line), f)) {
                const char *value = startswith(line, field);

                if (value && sscanf(value, ": %lu kB", &kib) != 1)
                        break;
        }
        fclose(f);
        return (uint64_t) kib << 10;
}

uint64_t resident_of(pid_t pid) {
        return status_bytes(pid, "VmRSS");
}

uint64_t heap_of(pid_t pid) {
        return status_bytes(pid, "RssAnon");
}

/* The report */

int report_init(Report *r, bool quick) {
        *r = (Report){.quick = quick, .all_met = true};
        r->targets = json_object_new_array();
        r->rounds = json_object_new_array();
        return r->targets && r->rounds ? 0 : -ENOMEM;
}

void report_done(Report *r) {
        json_object_put(r->targets);
        json_object_put(r->rounds);
}

void report_target(Report *r, const char *name, double value, double limit, bool at_least) {
        bool met = isfinite(value) && (at_least ? value >= limit : value <= limit);
        struct json_object *o = json_object_new_object();

        printf("  %-66s %10.3f %s %8.3f  %s\n", name, value, at_least ? ">=" : "<=", limit,
                met ? "met" : "NOT MET");
        fflush(stdout);
        r->all_met &= met;
        if (json_add_string(o, "name", name) >= 0 &&
                json_add_double(o, "value", isfinite(value) ? value : -1) >= 0 &&
                json_add_double(o, "limit", limit) >= 0 && json_add_bool(o, "met", met) >= 0)
                json_object_array_add(r->targets, o);
}

void report_round(Report *r, const char *bench, size_t round, const char *name, double value) {
        struct json_object *o = json_object_new_object();

        if (json_add_string(o, "bench", bench) >= 0 && json_add_u64(o, "round", round) >= 0 &&
                json_add_string(o, "name", name) >= 0 &&
                json_add_double(o, "value", isfinite(value) ? value : -1) >= 0)
                json_object_array_add(r->rounds, o);
}

int report_write(const Report *r, const char *path) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *text = NULL;

        if (!o || json_add(o, "targets", json_object_get(r->targets)) < 0 ||
                json_add(o, "rounds", json_object_get(r->rounds)) < 0)
                return -ENOMEM;
        text = json_to_text(o);
        return text ? file_write_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}

/* The floor on disk */

struct Floor {
        Db *db;
        char dir[256];
        uint64_t key;
};

Floor *floor_free(Floor *f) {
        if (!f)
                return NULL;
        db_close(f->db);
        if (*f->dir)
                remove_tree(f->dir);
        free(f);
        return NULL;
}

int floor_new(Floor **ret) {
        static const char *const tables[] = {"records", NULL};
        const DbOptions options = {.tables = tables, .map_size = 64 << 20, .map_max = 1 << 30};
        _cleanup_(floor_freep) Floor *f = calloc(1, sizeof(Floor));
        _cleanup_free_ char *problem = NULL;
        int r;

        if (!f)
                return -ENOMEM;
        snprintf(f->dir, sizeof(f->dir), "%.200s/xenvgpu-floor-XXXXXX", bench_dir);
        if (!mkdtemp(f->dir)) {
                *f->dir = '\0';
                return -errno;
        }
        r = db_open(f->dir, &options, &problem, &f->db);
        if (r < 0)
                return r;

        *ret = take_ptr(f);
        return 0;
}

int floor_commit(Floor *f) {
        static const char record[512];
        uint8_t key[8];
        DbTxn *txn;
        int r;

        r = db_begin(f->db, /* write= */ true, &txn);
        if (r < 0)
                return r;
        db_key_u64(++f->key, key);
        r = db_put(txn, 0, key, sizeof(key), record, sizeof(record));
        if (r < 0) {
                db_abort(txn);
                return r;
        }
        return db_commit(txn);
}
