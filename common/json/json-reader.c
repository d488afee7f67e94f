/*
 * Where a reader is in its document, and what it found wrong there
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/json/json-get.h"

/* Appends to the path; one that does not fit ends in "…", which is enough to find the place. */
static size_t enter(JsonReader *r, const char *text) {
        size_t mark = strlen(r->path);

        text_short(text, r->path + mark, sizeof(r->path) - mark);
        return mark;
}

size_t json_enter(JsonReader *r, const char *member) {
        size_t mark = strlen(r->path);

        if (mark > 0)
                enter(r, ".");
        enter(r, member);
        return mark;
}

size_t json_enter_index(JsonReader *r, size_t index) {
        char text[32];

        snprintf(text, sizeof(text), "[%zu]", index);
        return enter(r, text);
}

void json_leave(JsonReader *r, size_t mark) {
        r->path[mark] = '\0';
}

int json_fail(JsonReader *r, const char *member, const char *format, ...) {
        _cleanup_free_ char *reason = NULL;
        va_list ap;

        if (r->error[0])
                return -EINVAL;

        va_start(ap, format);
        reason = text_vprintf(format, ap);
        va_end(ap);
        if (!reason)
                return -ENOMEM;

        if (!member && !r->path[0])
                text_format(r->error, sizeof(r->error), "The record %s", reason);
        else
                text_format(r->error, sizeof(r->error), "%s%s%s %s", r->path, member && r->path[0] ? "." : "",
                        strempty(member), reason);
        return -EINVAL;
}
