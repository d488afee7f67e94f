/*
 * What every use case checks
 */

#include "policyd/service/base/limits.h"

#include <inttypes.h>

#define LABEL_MAX_BYTES 1024
#define TEXT_MAX_BYTES JSON_TEXT_MAX /* what the database gives back whole */

/* What people call an object: never empty, and in one line. */
static int check_name(const char *what, const char *field, const char *text, Refusal *refusal) {
        char buf[TEXT_FAULT_MAX];
        const char *fault;

        if (isempty(text) || strlen(text) > LABEL_MAX_BYTES)
                return refuse(refusal, ERROR_INVALID_RECORD, "%s needs a %s of 1 to %d bytes.", what, field,
                        LABEL_MAX_BYTES);
        fault = text_fault(text, strlen(text), TEXT_LINE, buf);
        return fault ? refuse(refusal, ERROR_INVALID_RECORD, "%s cannot have this %s: it %s.", what, field,
                               fault)
                     : 0;
}

int check_label(const char *what, const char *label, Refusal *refusal) {
        return check_name(what, "name_label", label, refusal);
}

int check_text(
        const char *what, const char *field, const char *text_or_null, TextForm form, Refusal *refusal) {
        const char *text = strempty(text_or_null), *fault;
        char buf[TEXT_FAULT_MAX];

        if (strlen(text) > TEXT_MAX_BYTES)
                return refuse(refusal, ERROR_INVALID_RECORD, "%s takes a %s of at most %d bytes, not %zu.",
                        what, field, TEXT_MAX_BYTES, strlen(text));
        fault = text_fault(text, strlen(text), form, buf);
        return fault ? refuse(refusal, ERROR_INVALID_RECORD, "%s cannot have this %s: it %s.", what, field,
                               fault)
                     : 0;
}

int check_owner(const char *owner, Refusal *refusal) {
        if (isempty(owner))
                return 0;
        if (streq(owner, OWNER_ANY))
                return refuse(refusal, ERROR_INVALID_RECORD,
                        "\"" OWNER_ANY "\" is no owner: it stands for every owner in quotas. Give a name, or "
                        "none.");
        return check_name("An owner", "name", owner, refusal);
}

int check_limit(const Batch *b, ObjectClass c, size_t n, Refusal *refusal) {
        uint64_t limit = b->options.limits[c];

        if (b->pool->objects[c].n + n <= limit)
                return 0;
        return refuse(refusal, ERROR_LIMIT_REACHED,
                "The pool has %zu object%s of class %s, and %" PRIu64
                " is the most. Remove some, or raise limit_%s in policyd's settings.",
                b->pool->objects[c].n, PLURAL(b->pool->objects[c].n), object_class_to_string(c), limit,
                object_class_to_string(c));
}

int refuse_record(Refusal *refusal, const char *what, const JsonReader *reader) {
        return refuse(refusal, ERROR_INVALID_RECORD, "The %s cannot be read: %s.", what, reader->error);
}
