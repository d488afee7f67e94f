#pragma once

/*
 * Promises: what must read back after a call that was acknowledged
 *
 * A row for each method that changes something. It lists facts, each a property and where its value comes from; they go to the
 * history with the call, and the auditor holds them against what is read at the end. Where nothing can be read back, the row
 * says what is checked instead. A method that has no row fails tests/prove.
 */

#include "tests/proof/promise-line.h"
#include "tests/proof/work-private.h"

/* " sets=PROPERTY of=OBJECT value=VALUE" for each fact of the call; a text is its hash, an object its uuid. */
void promises_describe(const Call *c, StrBuf *b);

/* The properties that some row promises. */
bool promises_name(const char *property);
/* What the file misses: rows of methods that change something, and rows of methods that are not there. 0: nothing. */
size_t promises_check(FILE *file);

/* As the history has it. */
typedef char ModelValue[48];
const char *promise_text(const char *text, ModelValue ret);
const char *promise_json(const char *json, const char *member_or_null, ModelValue ret);
