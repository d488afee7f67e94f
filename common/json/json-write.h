#pragma once

/*
 * Writing JSON as text at once
 *
 * For records that are written often, or with thousands of members: json-c makes an object for each value, which costs
 * several times the writing. The buffer remembers a lack of memory, so that nothing needs a check until strbuf_take().
 *
 * A member is named in an object and NULL in an array. Commas come by themselves: one stands wherever something precedes that
 * is no opening bracket. The text is that of json_to_text(): compact, "/" as it is.
 */

#include "common/base/pci-address.h"
#include "common/base/strbuf.h"
#include "common/base/uuid.h"

struct json_object;

void json_write_open(StrBuf *b, const char *member_or_null, char bracket); /* '{' or '[' */
void json_write_close(StrBuf *b, char bracket);                            /* '}' or ']' */

void json_write_string(StrBuf *b, const char *member_or_null, const char *value_or_null); /* NULL is "" */
void json_write_u64(StrBuf *b, const char *member_or_null, uint64_t value);
void json_write_double(StrBuf *b, const char *member_or_null, double value); /* nine digits, finite */
void json_write_bool(StrBuf *b, const char *member_or_null, bool value);
void json_write_uuid(StrBuf *b, const char *member_or_null, const Uuid *value);
void json_write_strv(StrBuf *b, const char *member_or_null, const char *const *v); /* NULL is an empty array */
void json_write_pci(StrBuf *b, const char *member_or_null, const PciAddress *value); /* {"domain":0,"bus":132,"dev":0,"fn":0} */
/* A value that is JSON text already, as it stands. */
void json_write_text(StrBuf *b, const char *member_or_null, const char *json);

/* What json-c has read. */
void json_write_value(StrBuf *b, const char *member_or_null, struct json_object *value);

/* A string of that many bytes, which may hold NUL. */
void json_write_chars(StrBuf *b, const char *member_or_null, const char *chars, size_t n);
