#pragma once

/*
 * JSON that was written as text (common/json/json-write.h) as a member of an object
 */

#include "common/json/json-get.h"
#include "common/base/strbuf.h"

/* The buffer's whole text as a member; what it held is taken over either way. */
int json_text_add(struct json_object *o, const char *member, StrBuf *b);
