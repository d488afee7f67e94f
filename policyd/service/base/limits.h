#pragma once

/*
 * What every use case checks of what it is given, and of how much there may be
 */

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/service/base/batch.h"

/*
 * The result of a check, and of a use case that may refuse: 0, go on; 1, refused, and refusal says why;
 * negative, an error. So checks can be written in a row: r = check_label(…) ?: check_limit(…).
 */
static inline int refused(int r, const Refusal *refusal) {
        return r < 0 ? r : refusal->code != ERROR_NONE;
}
#define refuse(refusal, ...) refused(refusal_set(refusal, __VA_ARGS__), refusal)
/* For callers of the service, which look at the refusal: turns 1 into 0. */
static inline int decided(int r) {
        return r < 0 ? r : 0;
}

/* LimitReached when the class is full; n more are wanted. */
int check_limit(const Batch *b, ObjectClass c, size_t n, Refusal *refusal);
/* What people call an object: 1 to 1,024 bytes, one line (common/base/text.h). what: "A VM". */
int check_label(const char *what, const char *label, Refusal *refusal);
/* At most 4,096 bytes, of the form given. */
int check_text(
        const char *what, const char *field, const char *text_or_null, TextForm form, Refusal *refusal);
/* An empty text means no owner; OWNER_ANY is refused. */
int check_owner(const char *owner, Refusal *refusal);
int refuse_record(Refusal *refusal, const char *what, const JsonReader *reader);
