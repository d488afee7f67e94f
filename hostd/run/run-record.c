/*
 * The records of a run folder, both ways
 *
 * Reading checks everything, since a record may be what a program of an earlier version, or a full disk,
 * left.
 */

#include "common/io/file.h"
#include "hostd/run/run-record.h"

#define RECORD_SIZE_MAX (256u << 10)

static int copy_text(const char *text, char **ret) {
        *ret = strdup(strempty(text));
        return *ret ? 0 : -ENOMEM;
}

/* NULL stays NULL: an absent error is no error. */
static int copy_optional(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return text && !*ret ? -ENOMEM : 0;
}

static int process_parse(JsonReader *r, struct json_object *o, const char *member, ProcessId *ret) {
        struct json_object *process = NULL;
        ProcessId id = {};
        uint32_t pid = 0;
        size_t mark;
        int e;

        e = json_opt_object(r, o, member, &process);
        if (e < 0)
                return e;

        if (process) {
                mark = json_enter(r, member);
                e = json_get_u32(r, process, "pid", &pid);
                if (e >= 0)
                        e = json_get_u64(r, process, "start_time", &id.start_time);
                if (e >= 0 && (pid == 0 || pid > INT32_MAX))
                        e = json_fail(r, "pid", "is %u, which is no process", pid);
                json_leave(r, mark);
                if (e < 0)
                        return e;
        }

        id.pid = (pid_t) pid;
        *ret = id;
        return 0;
}

static int process_build(struct json_object *o, const char *member, const ProcessId *id) {
        struct json_object *process;
        int r;

        if (id->pid <= 0)
                return 0;

        process = json_object_new_object();
        if (!process)
                return -ENOMEM;
        r = json_add_u64(process, "pid", (uint64_t) id->pid);
        if (r >= 0)
                r = json_add_u64(process, "start_time", id->start_time);
        if (r < 0) {
                json_object_put(process);
                return r;
        }
        return json_add(o, member, process);
}

void run_record_done(RunRecord *rec) {
        free(rec->stage);
        free(rec->reason);
        free(rec->error_name);
        free(rec->error_message);
        *rec = (RunRecord){};
}

static int progress_parse(JsonReader *r, struct json_object *o, double *ret) {
        struct json_object *value;

        if (!json_object_object_get_ex(o, "progress", &value))
                return json_fail(r, "progress", "is missing");
        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                return json_fail(r, "progress", "is not a number");
        *ret = json_object_get_double(value);
        return 0;
}

static int run_record_parse_processes(JsonReader *r, struct json_object *o, RunRecord *rec) {
        int e;

        e = process_parse(r, o, "program", &rec->program);
        if (e >= 0)
                e = process_parse(r, o, "qemu", &rec->qemu);
        if (e >= 0)
                e = process_parse(r, o, "emulator", &rec->emulator);
        return e;
}

static int run_record_parse_flags(JsonReader *r, struct json_object *o, RunRecord *rec) {
        int e;

        rec->let_go = true; /* a record that does not say it knows no better */
        e = json_get_bool(r, o, "vgpus_active", &rec->vgpus_active);
        if (e >= 0)
                e = json_get_bool(r, o, "vgpus_plugged", &rec->vgpus_plugged);
        if (e >= 0)
                e = json_get_bool(r, o, "pcis_plugged", &rec->pcis_plugged);
        if (e >= 0)
                e = json_get_u32(r, o, "reboots", &rec->reboots);
        if (e >= 0)
                e = json_opt_uuid(r, o, "stop_token", &rec->stop_token);
        if (e >= 0)
                e = json_opt_bool(r, o, "stop_force", &rec->stop_force);
        if (e >= 0)
                e = json_opt_bool(r, o, "let_go", &rec->let_go);
        if (e >= 0)
                e = json_opt_u32(r, o, "cut_offs", &rec->cut_offs);
        if (e >= 0)
                e = json_opt_u32(r, o, "brief_lives", &rec->brief_lives);
        if (e >= 0)
                e = start_times_parse(r, o, &rec->start_times);
        return e;
}

static int run_record_parse_texts(JsonReader *r, struct json_object *o, RunRecord *rec) {
        const char *state, *stage, *reason, *error_name = NULL, *error_message = NULL;
        int e;

        e = json_get_string(r, o, "state", &state);
        if (e >= 0)
                e = json_get_string(r, o, "stage", &stage);
        if (e >= 0)
                e = json_get_lines(r, o, "reason", &reason);
        if (e >= 0)
                e = json_opt_string(r, o, "error_name", &error_name);
        if (e >= 0)
                e = json_opt_lines(r, o, "error_message", &error_message);
        if (e < 0)
                return e;

        rec->state = vm_state_from_string(state);
        if (rec->state < 0)
                return json_fail(r, "state", "is '%s', which is no state of a VM", state);

        e = copy_text(stage, &rec->stage);
        if (e >= 0)
                e = copy_text(reason, &rec->reason);
        if (e >= 0)
                e = copy_optional(error_name, &rec->error_name);
        if (e >= 0)
                e = copy_optional(error_message, &rec->error_message);
        return e;
}

int run_record_parse(JsonReader *r, struct json_object *o, RunRecord *ret) {
        _cleanup_(run_record_done) RunRecord rec = {};
        int e;

        e = json_get_uuid(r, o, "uuid", &rec.uuid);
        if (e >= 0)
                e = json_get_uuid(r, o, "token", &rec.token);
        if (e >= 0)
                e = json_get_u32(r, o, "domid", &rec.domid);
        if (e >= 0)
                e = progress_parse(r, o, &rec.progress);
        if (e >= 0)
                e = run_record_parse_processes(r, o, &rec);
        if (e >= 0)
                e = run_record_parse_flags(r, o, &rec);
        if (e >= 0)
                e = run_record_parse_texts(r, o, &rec);
        if (e < 0)
                return e;

        *ret = rec;
        rec = (RunRecord){};
        return 0;
}

static int run_record_fill(const RunRecord *rec, struct json_object *o) {
        int r;

        r = json_add_u64(o, "version", 1);
        if (r >= 0)
                r = json_add_uuid(o, "uuid", &rec->uuid);
        if (r >= 0)
                r = json_add_uuid(o, "token", &rec->token);
        if (r >= 0)
                r = json_add_string(o, "state", vm_state_to_string(rec->state));
        if (r >= 0)
                r = json_add_string(o, "stage", strempty(rec->stage));
        if (r >= 0)
                r = json_add_double(o, "progress", rec->progress);
        if (r >= 0)
                r = json_add_u64(o, "domid", rec->domid);
        if (r >= 0)
                r = process_build(o, "program", &rec->program);
        if (r >= 0)
                r = process_build(o, "qemu", &rec->qemu);
        if (r >= 0)
                r = process_build(o, "emulator", &rec->emulator);
        if (r >= 0)
                r = json_add_bool(o, "vgpus_active", rec->vgpus_active);
        if (r >= 0)
                r = json_add_bool(o, "vgpus_plugged", rec->vgpus_plugged);
        if (r >= 0)
                r = json_add_bool(o, "pcis_plugged", rec->pcis_plugged);
        if (r >= 0)
                r = json_add_string(o, "reason", strempty(rec->reason));
        if (r >= 0 && rec->error_name)
                r = json_add_string(o, "error_name", rec->error_name);
        if (r >= 0 && rec->error_message)
                r = json_add_string(o, "error_message", rec->error_message);
        if (r >= 0)
                r = json_add_u64(o, "reboots", rec->reboots);
        if (r >= 0 && !uuid_is_null(&rec->stop_token))
                r = json_add_uuid(o, "stop_token", &rec->stop_token);
        if (r >= 0)
                r = json_add_bool(o, "stop_force", rec->stop_force);
        if (r >= 0)
                r = json_add_bool(o, "let_go", rec->let_go);
        if (r >= 0)
                r = json_add_u64(o, "cut_offs", rec->cut_offs);
        if (r >= 0)
                r = json_add_u64(o, "brief_lives", rec->brief_lives);
        if (r >= 0)
                r = start_times_build(&rec->start_times, o);
        return r;
}

int run_record_build(const RunRecord *rec, struct json_object **ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        r = run_record_fill(rec, o);
        if (r < 0)
                return r;

        *ret = take_ptr(o);
        return 0;
}

static int read_json(
        JsonReader *r, const char *folder, const char *name, size_t max, struct json_object **ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;
        int e;

        path = path_join(folder, name);
        if (!path)
                return -ENOMEM;
        e = file_read(path, max, &text, &size);
        if (e < 0)
                return e;
        e = json_parse_cleaned(r, text, size, ret);
        return e == -EINVAL ? -EBADMSG : e;
}

static int write_json(const char *folder, const char *name, struct json_object *o) {
        _cleanup_free_ char *path = NULL, *text = NULL;

        path = path_join(folder, name);
        text = json_to_text(o);
        if (!path || !text)
                return -ENOMEM;
        return file_write_atomic(path, text, strlen(text), 0644);
}

int run_record_read(const char *folder, RunRecord *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = read_json(&reader, folder, "domain.json", RECORD_SIZE_MAX, &o);
        if (r < 0)
                return r;
        r = run_record_parse(&reader, o, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

int run_record_write(const char *folder, const RunRecord *rec) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = run_record_build(rec, &o);
        if (r < 0)
                return r;
        return write_json(folder, "domain.json", o);
}

void dm_record_done(DmRecord *rec) {
        free(rec->stage);
        free(rec->state);
        free(rec->error);
        *rec = (DmRecord){};
}

static int dm_record_parse(JsonReader *r, struct json_object *o, DmRecord *ret) {
        _cleanup_(dm_record_done) DmRecord rec = {};
        const char *stage, *state = NULL, *error = NULL;
        int e;

        e = json_get_string(r, o, "stage", &stage);
        if (e >= 0)
                e = json_opt_string(r, o, "state", &state);
        if (e >= 0)
                e = json_opt_lines(r, o, "error", &error);
        if (e >= 0)
                e = process_parse(r, o, "emulator", &rec.emulator);
        if (e >= 0)
                e = process_parse(r, o, "qemu", &rec.qemu);
        if (e >= 0)
                e = copy_text(stage, &rec.stage);
        if (e >= 0)
                e = copy_text(state, &rec.state);
        if (e >= 0)
                e = copy_text(error, &rec.error);
        if (e < 0)
                return e;

        *ret = rec;
        rec = (DmRecord){};
        return 0;
}

int dm_record_read(const char *folder, DmRecord *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};
        int r;

        r = read_json(&reader, folder, "dm.json", RECORD_SIZE_MAX, &o);
        if (r < 0)
                return r;
        r = dm_record_parse(&reader, o, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

int dm_record_write(const char *folder, const DmRecord *rec) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        o = json_object_new_object();
        if (!o)
                return -ENOMEM;
        r = json_add_u64(o, "version", 1);
        if (r >= 0)
                r = json_add_string(o, "stage", strempty(rec->stage));
        if (r >= 0)
                r = json_add_string(o, "state", strempty(rec->state));
        if (r >= 0)
                r = json_add_string(o, "error", strempty(rec->error));
        if (r >= 0)
                r = process_build(o, "emulator", &rec->emulator);
        if (r >= 0)
                r = process_build(o, "qemu", &rec->qemu);
        if (r < 0)
                return r;
        return write_json(folder, "dm.json", o);
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
