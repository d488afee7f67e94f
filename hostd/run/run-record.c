/*
 * The records of a run folder, both ways
 *
 * Reading checks everything, since a record may be what a program of an earlier version, or a full disk,
 * left.
 */

#include "common/io/file.h"
#include "hostd/run/json-file.h"
#include "hostd/run/run-record.h"
#include "protocol/record.h"

#define RECORD_SIZE_MAX (256u << 10)

/* {"pid":7,"start_time":9}; absent: none. */

static int check_process(JsonReader *r, void *record) {
        const ProcessId *id = record;

        return id->pid > 0 ? 0 : json_fail(r, "pid", "is %d, which is no process", (int) id->pid);
}

static const RecordField process_fields[] = {
        { .member = "pid", .kind = RECORD_KIND_U32, .use = RECORD_REQUIRED, .offset = offsetof(ProcessId, pid) },
        FIELD(ProcessId, start_time, REQUIRED, U64),
};
static const RecordTable process_table = RECORD_TABLE(ProcessId, process_fields, .check = check_process);

#define FIELD_PROCESS(T, path) FIELD_RECORD(T, path, #path, IF_ANY, &process_table)

static const RecordField run_fields[] = {
        FIELD_VERSION,
        FIELD(RunRecord, uuid, REQUIRED, UUID),
        FIELD(RunRecord, token, REQUIRED, UUID),
        FIELD(RunRecord, state, REQUIRED, WORD, .words = &vm_states),
        FIELD(RunRecord, stage, REQUIRED, TEXT),
        FIELD(RunRecord, progress, REQUIRED, PROGRESS),
        FIELD(RunRecord, domid, REQUIRED, U32),
        FIELD_PROCESS(RunRecord, program),
        FIELD_PROCESS(RunRecord, qemu),
        FIELD_PROCESS(RunRecord, emulator),
        FIELD(RunRecord, vgpus_active, REQUIRED, BOOL),
        FIELD(RunRecord, vgpus_plugged, REQUIRED, BOOL),
        FIELD(RunRecord, pcis_plugged, REQUIRED, BOOL),
        FIELD(RunRecord, function, IF_SET, TEXT),
        FIELD(RunRecord, reason, REQUIRED, LINES),
        FIELD(RunRecord, error_name, IF_SET, TEXT),
        FIELD(RunRecord, error_message, IF_SET, LINES),
        FIELD(RunRecord, reboots, REQUIRED, U32),
        FIELD(RunRecord, stop_token, IF_ANY, UUID),
        FIELD(RunRecord, stop_force, OPTIONAL, BOOL),
        FIELD(RunRecord, let_go, OPTIONAL, BOOL),
        FIELD(RunRecord, cut_offs, OPTIONAL, U32),
        FIELD(RunRecord, brief_lives, OPTIONAL, U32),
        FIELD_RECORD(RunRecord, start_times, "start_times", OPTIONAL, &start_times_table),
};

/* If a record does not say whether the guest was unpaused, it may have been. */
static const RunRecord run_defaults = { .let_go = true };

static const RecordTable run_table = RECORD_TABLE(RunRecord, run_fields, .defaults = &run_defaults);

int run_record_parse(JsonReader *r, struct json_object *o, RunRecord *ret) {
        return record_parse(&run_table, r, o, ret);
}

char *run_record_to_text(const RunRecord *rec) {
        StrBuf b = {};

        record_write(&run_table, rec, &b, NULL);
        return strbuf_take(&b);
}

void run_record_done(RunRecord *rec) {
        record_done(&run_table, rec);
}

static const RecordField dm_fields[] = {
        FIELD_VERSION,
        FIELD(DmRecord, stage, REQUIRED, TEXT),
        FIELD(DmRecord, state, OPTIONAL, TEXT),
        FIELD(DmRecord, error, OPTIONAL, LINES),
        FIELD_PROCESS(DmRecord, emulator),
        FIELD_PROCESS(DmRecord, qemu),
};

static const RecordTable dm_table = RECORD_TABLE(DmRecord, dm_fields);

void dm_record_done(DmRecord *rec) {
        record_done(&dm_table, rec);
}

/* Files. */

int run_record_read(const char *folder, RunRecord *ret) {
        return json_file_read_record(folder, "domain.json", RECORD_SIZE_MAX, &run_table, ret);
}

int run_record_write(const char *folder, const RunRecord *rec) {
        return json_file_write_record(folder, "domain.json", &run_table, rec, 0644);
}

int dm_record_read(const char *folder, DmRecord *ret) {
        return json_file_read_record(folder, "dm.json", RECORD_SIZE_MAX, &dm_table, ret);
}

int dm_record_write(const char *folder, const DmRecord *rec) {
        return json_file_write_record(folder, "dm.json", &dm_table, rec, 0644);
}

int run_order_read_text(const char *folder, char **ret) {
        _cleanup_free_ char *path = path_join(folder, "order.json");
        size_t size;

        return path ? file_read(path, JSON_SIZE_MAX, ret, &size) : -ENOMEM;
}

int run_order_read(JsonReader *r, const char *folder, StartOrder *ret) {
        _cleanup_free_ char *text = NULL;
        int e;

        e = run_order_read_text(folder, &text);
        if (e < 0)
                return e;
        e = start_order_read(r, text, ret);
        return e == -EINVAL ? -EBADMSG : e;
}

int run_order_write(const char *folder, const char *text) {
        _cleanup_free_ char *path = path_join(folder, "order.json");

        return path ? file_write_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}
