#pragma once

/*
 * JSON written as text at once
 *
 * For answers with a thousand like members, where a json-c object for each would cost more than all the deciding.
 */

#include "common/json/json-get.h"
#include "common/strbuf.h"

/* A string with its quotes. */
void json_text_string(StrBuf *b, const char *text);
/* The buffer's whole text, an array, as a member; what it held is taken over either way. */
int json_text_add(struct json_object *o, const char *member, StrBuf *array);
