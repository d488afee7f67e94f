/*
 * A JSON object in a file
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
        _cleanup_free_ char *text = o ? json_to_text(o) : NULL;

        return text ? file_write_atomic(path, text, strlen(text), mode) : -ENOMEM;
}
