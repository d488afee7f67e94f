/*
 * A JSON object, or a record, in a file
 */

#include "common/io/file.h"
#include "hostd/run/json-file.h"

int json_file_read(JsonReader *r, const char *path, size_t max, struct json_object **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int e;

        e = file_read(path, max, &text, &size);
        if (e < 0)
                return e;
        e = json_parse_cleaned(r, text, size, ret);
        return e == -EINVAL ? -EBADMSG : e;
}

int json_file_write(const char *path, struct json_object *o, unsigned mode) {
        _cleanup_free_ char *text = json_to_text(o);

        return text ? file_write_atomic(path, text, strlen(text), mode) : -ENOMEM;
}

int json_file_read_record(JsonReader *r, const char *path, size_t max, const RecordTable *table, void *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int e;

        memset(ret, 0, table->size);
        e = json_file_read(r, path, max, &o);
        if (e >= 0)
                e = record_parse(table, r, o, ret);
        return e == -EINVAL ? -EBADMSG : e;
}

int json_file_write_record(const char *path, const RecordTable *table, const void *record, unsigned mode) {
        _cleanup_strbuf_ StrBuf b = {};

        record_write(table, record, &b, NULL);
        return strbuf_error(&b) < 0 ? -ENOMEM : file_write_atomic(path, b.text, b.len, mode);
}
