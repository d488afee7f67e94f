#pragma once

/*
 * A promise in a line of the history: " sets=PROPERTY of=OBJECT value=VALUE"
 */

#include "common/base/strbuf.h"

void promise_add(StrBuf *b, const char *property, const char *of, const char *value);
/* Whether a type is enabled on a card of a host. */
void promise_add_type(StrBuf *b, const char *host, const char *address, const char *device, const char *identifier, bool enabled);
/* Types that the caller does not know: they end, or stay where the host has no file of them. Named types come after this. */
void promise_add_other_types(StrBuf *b, const char *host, const char *address, const char *device);
/* An entry of a map, or of a set, where value is ""; NULL: it is not there. key NULL: no entry but those that are named after this. */
void promise_add_entry(StrBuf *b, const char *property, const char *key, const char *of, const char *value);
