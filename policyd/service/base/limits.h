#pragma once

/*
 * What every use case checks of what it is given, and of how much there may be
 */

#include "common/base/text.h"
#include "common/json/json-get.h"
#include "policyd/service/base/batch.h"

/*
 * What a check comes to, and a use case that may refuse: 0, it goes on; 1, it is refused, and refusal says
 * why; negative, an error. So checks stand in a row: r = check_label(…) ?: check_limit(…).
 */
static inline int refused(int r, const Refusal *refusal) {
        return r < 0 ? r : refusal->code != ERROR_NONE;
}
#define refuse(refusal, ...) refused(refusal_set(refusal, __VA_ARGS__), refusal)
/* To callers of the service, who look at the refusal: 0 or an error. */
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
/* Empty is nobody's; OWNER_ANY is no owner. */
int check_owner(const char *owner, Refusal *refusal);
int refuse_record(Refusal *refusal, const char *what, const JsonReader *reader);
