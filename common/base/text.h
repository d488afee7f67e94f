#pragma once

/*
 * Text from outside
 *
 * Names, reasons and records come from clients, hosts, files, the database and other programs; they leave on
 * D-Bus, as JSON, in the journal and on terminals. A text is good when each of these can show it: UTF-8 (no
 * overlong forms, no surrogates, nothing above U+10FFFF) without noncharacters (U+FDD0 to U+FDEF and the last
 * two of each plane, which sd-bus sends to nobody) and without control characters (C0, DEL and C1, which
 * steer terminals). U+FFFD is good.
 *
 * What a client sends and is not good is refused with text_fault(). What a host, a file, the database or
 * another program says is cleaned: each character that is not good becomes U+FFFD.
 */

#include <stdarg.h>

#include "common/base/macros.h"
#include "common/base/strbuf.h"

typedef enum TextForm {
        TEXT_LINE,  /* one line: names, owners, addresses, reasons */
        TEXT_LINES, /* newline and tab are good too: descriptions, values in configs */
} TextForm;

/* One bad character is three bytes when it was cleaned. */
#define TEXT_CLEAN_GROWTH 3

bool text_is_good(const char *text, size_t size, TextForm form);

/* A good line of 1 to TEXT_NAME_MAX bytes: what files and other programs call something. */
#define TEXT_NAME_MAX 255
bool text_is_name(const char *text, size_t size);

/* Why a text is not good, as "holds the control character U+001B at byte 3", or NULL when it is good. */
#define TEXT_FAULT_MAX 80
const char *text_fault(const char *text, size_t size, TextForm form, char buf[static TEXT_FAULT_MAX]);

/* A good copy that the caller frees, NULL without memory. One longer than max bytes ends in "…" within them.
 */
char *text_clean(const char *text, size_t size, TextForm form, size_t max);

/* The same of a text that the caller owns: *text is replaced where it is not good, or longer than max. NULL
 * is left. -ENOMEM. */
int text_clean_own(char **text, TextForm form, size_t max);

/* A good copy of one line in buf, which holds size bytes, NUL included; one that does not fit ends in "…".
 * Returns buf. */
const char *text_short(const char *text, char *buf, size_t size);
#define TEXT_SHORT(text, max) text_short((text), (char[(max) + 1]){}, (max) + 1)

/* As printf(), into a new text as it is. The caller frees; NULL without memory. */
char *text_printf(const char *format, ...) _printf_(1, 2);
char *text_vprintf(const char *format, va_list args) _printf_(1, 0);

/* As snprintf(), for sentences: what stands in buf is good and is not cut inside a character. Empty without
 * memory. */
const char *text_format(char *buf, size_t size, const char *format, ...) _printf_(3, 4);

/* A sentence in *ret (caller frees) and why, a negative errno, as the result; without memory NULL and -ENOMEM. */
int text_refuse(char **ret, int why, const char *format, ...) _printf_(3, 4);
const char *text_vformat(char *buf, size_t size, const char *format, va_list args) _printf_(3, 0);

/* Adds the text as one line with nothing lost: newline and tab as \n and \t, each other byte that is not good
 * as \xNN. */
void text_escape(StrBuf *b, const char *text);
