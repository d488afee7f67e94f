/*
 * Jobs on disk
 *
 * Objects are kept as class and uuid: a job outlives what it worked on. The error is kept by its word.
 */

#include "policyd/store/records.h"

static void write_objects(StrBuf *b, const Job *j) {
        json_write_open(b, "objects", '[');
        for (size_t i = 0; i < j->n_objects; i++) {
                json_write_open(b, NULL, '{');
                json_write_string(b, "class", object_class_to_string(j->objects[i].class));
                json_write_uuid(b, "uuid", &j->objects[i].id);
                json_write_close(b, '}');
        }
        json_write_close(b, ']');
}

static void job_build(const Object *o, StrBuf *b) {
        const Job *j = CONTAINER_OF(o, Job, object);

        json_write_string(b, "operation", j->operation);
        json_write_string(b, "state", job_state_to_string(j->state));
        json_write_double(b, "progress", j->progress);
        json_write_string(b, "stage", strempty(j->stage));
        write_objects(b, j);
        if (!uuid_is_null(&j->token))
                json_write_uuid(b, "token", &j->token);
        json_write_bool(b, "cancel_requested", j->cancel_requested);
        if (j->first_try) {
                json_write_string(b, "first_try", j->first_try);
                json_write_uuid(b, "first_host", &j->first_host);
        }
        if (j->error != ERROR_NONE) {
                json_write_string(b, "error", error_code_name(j->error));
                json_write_string(b, "error_message", strempty(j->error_message));
        }
        json_write_u64(b, "start_time", j->start_time);
        json_write_u64(b, "end_time", j->end_time);
}

static int get_objects(JsonReader *r, struct json_object *record, Job *j) {
        struct json_object *array;
        size_t n;
        int q;

        q = json_get_array(r, record, "objects", &array);
        if (q < 0)
                return q;
        n = json_object_array_length(array);
        if (n > JOB_OBJECTS_MAX)
                return json_fail(r, "objects", "has %zu entries; %d is the most", n, JOB_OBJECTS_MAX);
        for (size_t i = 0; i < n; i++) {
                struct json_object *item = json_object_array_get_idx(array, i);
                const char *class;

                if (!json_object_is_type(item, json_type_object))
                        return json_fail(r, "objects", "holds something that is no object");
                q = q ?: json_get_string(r, item, "class", &class);
                q = q ?: json_get_uuid(r, item, "uuid", &j->objects[i].id);
                if (q < 0)
                        return q;
                j->objects[i].class = object_class_from_string(class);
                if (j->objects[i].class == _CLASS_INVALID)
                        return json_fail(r, "objects", "names the unknown class '%s'", class);
                j->n_objects = i + 1;
        }
        return 0;
}

static double get_progress(struct json_object *record) {
        struct json_object *o;
        double progress;

        if (!json_object_object_get_ex(record, "progress", &o))
                return 0;
        progress = json_object_get_double(o);
        return progress >= 0 && progress <= 1 ? progress : 0;
}

static int state_from_string(const char *text) {
        return job_state_from_string(text);
}

static int job_create(Pool *pool, JsonReader *r, struct json_object *record, const Uuid *id, uint64_t key) {
        const char *operation, *stage, *error = NULL, *message = "", *first_try = NULL;
        uint64_t start_time, end_time;
        int state, q = 0;
        ErrorCode code;
        Job *j;

        q = q ?: json_get_string(r, record, "operation", &operation);
        q = q ?: stored_get_word(r, record, "state", state_from_string, &state);
        q = q ?: json_get_string(r, record, "stage", &stage);
        q = q ?: json_opt_string(r, record, "error", &error);
        q = q ?: json_opt_string(r, record, "error_message", &message);
        q = q ?: json_get_u64(r, record, "start_time", &start_time);
        q = q ?: json_get_u64(r, record, "end_time", &end_time);
        q = q ?: pool_add_job(pool, id, key, operation, &j);
        q = q ?: get_objects(r, record, j);
        q = q ?: json_opt_uuid(r, record, "token", &j->token);
        q = q ?: json_get_bool(r, record, "cancel_requested", &j->cancel_requested);
        q = q ?: json_opt_string(r, record, "first_try", &first_try);
        q = q ?: json_opt_uuid(r, record, "first_host", &j->first_host);
        if (q < 0)
                return q;
        if (first_try) {
                j->first_try = strdup(first_try);
                if (!j->first_try)
                        return -ENOMEM;
        }

        if (error) {
                code = error_code_from_name(error);
                q = pool_set_job_error(
                        pool, j, code == _ERROR_INVALID ? ERROR_INTERNAL_ERROR : code, message);
                if (q < 0)
                        return q;
        }
        pool_set_job_state(pool, j, state, stage, get_progress(record), end_time);
        j->start_time = start_time;
        j->end_time = end_time;
        return 0;
}

const RecordCodec job_codec = {.build = job_build, .create = job_create};
