/*
 * A JSON object, or a record, in a file
 */

#include "common/io/file.h"
#include "hostd/run/json-file.h"

static char *path_of(const char *folder, const char *name_or_null) {
        return name_or_null ? path_join(folder, name_or_null) : strdup(folder);
}

int json_file_read(const char *folder, const char *name_or_null, size_t max, struct json_object **ret) {
        _cleanup_free_ char *path = path_of(folder, name_or_null), *text = NULL;
        size_t size;
        int r;

        r = path ? file_read(path, max, &text, &size) : -ENOMEM;
        if (r < 0)
                return r;
        r = json_parse_cleaned(&(JsonReader){}, text, size, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

int json_file_read_record(
        const char *folder, const char *name_or_null, size_t max, const RecordTable *table, void *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        memset(ret, 0, table->size);
        r = json_file_read(folder, name_or_null, max, &o);
        if (r >= 0)
                r = record_parse(table, &(JsonReader){}, o, ret);
        return r == -EINVAL ? -EBADMSG : r;
}

int json_file_write_record(const char *folder, const char *name_or_null, const RecordTable *table,
        const void *record, unsigned mode) {
        _cleanup_free_ char *path = path_of(folder, name_or_null);
        _cleanup_strbuf_ StrBuf b = {};

        record_write(table, record, &b, NULL);
        return !path || strbuf_error(&b) < 0 ? -ENOMEM : file_write_atomic(path, b.text, b.len, mode);
}
