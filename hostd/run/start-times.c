/*
 * How long each stage of a VM's start took
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hostd/run/start-times.h"

static const char *const stage_names[_START_STAGE_MAX] = {
        [START_QUEUED] = "queued",
        [START_LEASE] = "lease",
        [START_LAUNCH] = "launch",
        [START_PREPARE] = "prepare",
        [START_CREATE] = "create",
        [START_EMULATOR] = "emulator",
        [START_QEMU] = "qemu",
        [START_UNPAUSE] = "unpause",
        [START_CLEANUP] = "cleanup",
};

const char *start_stage_to_string(StartStage stage) {
        return stage >= 0 && stage < _START_STAGE_MAX ? stage_names[stage] : NULL;
}

StartStage start_stage_from_string(const char *text) {
        for (int i = 0; i < _START_STAGE_MAX; i++)
                if (streq_ptr(text, stage_names[i]))
                        return (StartStage) i;
        return _START_STAGE_INVALID;
}

uint64_t start_times_now(void) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

void start_times_end(StartTimes *t, uint64_t now) {
        if (t->since != 0 && now > t->since)
                t->spent[t->stage] += now - t->since;
        t->since = 0;
}

void start_times_enter(StartTimes *t, StartStage stage, uint64_t now) {
        start_times_end(t, now);
        if (t->began == 0)
                t->began = now;
        t->stage = stage;
        t->since = now;
}

void start_times_join(StartTimes *ours, const StartTimes *theirs) {
        if (theirs->began == 0)
                return;
        if (ours->began == 0)
                ours->began = theirs->began;
        start_times_end(ours, theirs->began);
        for (int i = 0; i < _START_STAGE_MAX; i++)
                ours->spent[i] += theirs->spent[i];
}

uint64_t start_times_total(const StartTimes *t) {
        uint64_t total = 0;

        for (int i = 0; i < _START_STAGE_MAX; i++)
                total += t->spent[i];
        return total;
}

static int write_stages(
        const StartTimes *t, void (*write)(FILE *f, const char *stage, uint64_t usec, bool first), char **ret) {
        _cleanup_free_ char *text = NULL;
        bool first = true;
        size_t size = 0;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        for (int i = 0; i < _START_STAGE_MAX; i++) {
                if (t->spent[i] == 0)
                        continue;
                write(f, stage_names[i], t->spent[i], first);
                first = false;
        }
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = take_ptr(text);
        return 0;
}

static void write_seconds(FILE *f, const char *stage, uint64_t usec, bool first) {
        (void) fprintf(f, "%s%s %.2f", first ? "" : ", ", stage, (double) usec / 1e6);
}

static void write_field(FILE *f, const char *stage, uint64_t usec, bool first) {
        (void) fprintf(f, "%s%s=%" PRIu64, first ? "" : " ", stage, (usec + 500) / 1000);
}

int start_times_to_text(const StartTimes *t, char **ret) {
        return write_stages(t, write_seconds, ret);
}

int start_times_to_fields(const StartTimes *t, char **ret) {
        return write_stages(t, write_field, ret);
}

/* On disk: {"began":µs,"since":µs,"stage":"create","spent":{"prepare":µs}}, without the two once it is over. */

static int parse_present(JsonReader *r, struct json_object *o, StartTimes *t) {
        const char *stage = NULL;
        int e;

        e = json_opt_string(r, o, "stage", &stage);
        if (e >= 0)
                e = json_opt_u64(r, o, "since", &t->since);
        if (e < 0 || t->since == 0)
                return e;
        t->stage = start_stage_from_string(stage);
        return t->stage < 0 ? json_fail(r, "stage", "is no stage of a start") : 0;
}

static int parse_spent(JsonReader *r, struct json_object *o, StartTimes *t) {
        struct json_object *spent;
        size_t mark;
        int e;

        e = json_get_object(r, o, "spent", &spent);
        if (e < 0)
                return e;
        mark = json_enter(r, "spent");
        for (int i = 0; i < _START_STAGE_MAX && e >= 0; i++)
                e = json_opt_u64(r, spent, stage_names[i], &t->spent[i]);
        json_leave(r, mark);
        return e;
}

int start_times_parse(JsonReader *r, struct json_object *record, StartTimes *ret) {
        struct json_object *o = NULL;
        StartTimes t = {};
        size_t mark;
        int e;

        e = json_opt_object(r, record, "start_times", &o);
        if (e < 0)
                return e;
        if (o) {
                mark = json_enter(r, "start_times");
                e = json_get_u64(r, o, "began", &t.began);
                if (e >= 0)
                        e = parse_present(r, o, &t);
                if (e >= 0)
                        e = parse_spent(r, o, &t);
                json_leave(r, mark);
                if (e < 0)
                        return e;
        }
        *ret = t;
        return 0;
}

static int build_spent(const StartTimes *t, struct json_object *o) {
        struct json_object *spent;
        int r;

        spent = json_object_new_object();
        if (!spent)
                return -ENOMEM;
        r = json_add(o, "spent", spent);
        for (int i = 0; i < _START_STAGE_MAX && r >= 0; i++)
                if (t->spent[i] > 0)
                        r = json_add_u64(spent, stage_names[i], t->spent[i]);
        return r;
}

int start_times_build(const StartTimes *t, struct json_object *record) {
        struct json_object *o;
        int r;

        if (t->began == 0)
                return 0;
        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        r = json_add(record, "start_times", o);
        if (r >= 0)
                r = json_add_u64(o, "began", t->began);
        if (r >= 0 && t->since != 0)
                r = json_add_string(o, "stage", stage_names[t->stage]);
        if (r >= 0 && t->since != 0)
                r = json_add_u64(o, "since", t->since);
        if (r >= 0)
                r = build_spent(t, o);
        return r;
}
