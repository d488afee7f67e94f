/*
 * How long each stage of a VM's start took
 */

#include <inttypes.h>

#include "hostd/run/start-times.h"

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

int start_times_to_text(const StartTimes *t, char **ret) {
        StrBuf b = {};

        for (int i = 0; i < _START_STAGE_MAX; i++)
                if (t->spent[i] > 0)
                        strbuf_addf(&b, "%s%s %.2f", b.len > 0 ? ", " : "", start_stage_to_string(i), (double) t->spent[i] / 1e6);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

int start_times_to_fields(const StartTimes *t, char **ret) {
        StrBuf b = {};

        for (int i = 0; i < _START_STAGE_MAX; i++)
                if (t->spent[i] > 0)
                        strbuf_addf(&b, "%s%s=%" PRIu64, b.len > 0 ? " " : "", start_stage_to_string(i), (t->spent[i] + 500) / 1000);
        *ret = strbuf_take(&b);
        return *ret ? 0 : -ENOMEM;
}

#define SPENT(i, name) FIELD_AS(StartTimes, spent[i], name, IF_ANY, U64)

static const RecordField spent_fields[] = {
        SPENT(START_QUEUED, "queued"),
        SPENT(START_LEASE, "lease"),
        SPENT(START_LAUNCH, "launch"),
        SPENT(START_PREPARE, "prepare"),
        SPENT(START_CREATE, "create"),
        SPENT(START_EMULATOR, "emulator"),
        SPENT(START_QEMU, "qemu"),
        SPENT(START_UNPAUSE, "unpause"),
        SPENT(START_CLEANUP, "cleanup"),
};

static const RecordTable spent_table = RECORD_TABLE(StartTimes, spent_fields);

static const RecordField fields[] = {
        FIELD(StartTimes, began, REQUIRED, U64),
        FIELD(StartTimes, since, IF_ANY, U64),
        FIELD(StartTimes, stage, OPTIONAL, WORD, .words = &start_stage_words),
        FIELD_GROUP("spent", REQUIRED, &spent_table),
};

const RecordTable start_times_table = RECORD_TABLE(StartTimes, fields);
