#pragma once

/*
 * What the readers of a document share: the checks of its texts
 */

#include "common/json/json-get.h"
#include "common/base/text.h"

/* No string of a document with these bytes can be bad. */
bool json_bytes_are_good(const char *text, size_t size);

int json_check_texts(JsonReader *r, struct json_object *o); /* -EINVAL with the sentence in r->error */
int json_clean_texts(struct json_object *o);                /* -ENOMEM */

/* What the getters hold a string to: refused or cleaned, as the reader is. value is the member, or with NULL where it stands. */
int json_hold_text(JsonReader *r, const char *member, struct json_object *value, TextForm form);
