#pragma once

/*
 * Structured logging
 *
 * Each message is one line; characters that cannot be shown are escaped (common/base/text.h), also in the fields. Messages go to
 * the journal when stderr is connected to it ($JOURNAL_STREAM), else to stderr, one line each:
 * "<iso time> <program>[pid] <level>: message  FIELD=value …". Fields are given as FIELD=value strings after the message,
 * ended by NULL (use the macros). MESSAGE_IDs and field names stand in common/daemon/log-ids.h, each id with an entry
 * in the catalog (packaging/), which a lint test checks. Only the edge and main log; libraries return errors.
 *
 * A process that is about one thing says so once (log_set_context()): each of its lines carries that field.
 */

#include <syslog.h>

#include "common/base/macros.h"

void log_setup(const char *program, int max_level);
/* "NAME=value", copied; cut at 127 bytes. NULL: none. */
void log_set_context(const char *field_or_null);

/* fields: NULL-terminated "NAME=value" texts, or NULL. */
void log_full(int level, const char *message_id, const char *const *fields, const char *format, ...) _printf_(4, 5);

#define log_debug(...) log_full(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_notice(...) log_full(LOG_NOTICE, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_error(...) log_full(LOG_ERR, NULL, NULL, __VA_ARGS__)

/* Logs "…: strerror" and returns r: return log_errno(r, "Failed to open %s", path); */
#define log_errno(r, format, ...)                                                                       \
        ({                                                                                              \
                int _r_ = (r);                                                                          \
                log_full(LOG_ERR, NULL, NULL, format ": %s", ##__VA_ARGS__, strerror(_r_ < 0 ? -_r_ : _r_)); \
                _r_;                                                                                    \
        })

/* One event with an id and fields: log_event(LOG_INFO, MSG_VM_PLACED, FIELDS("VM=...", ...), "Placed ..."). */
#define log_event(level, id, fields, ...) log_full(level, id, fields, __VA_ARGS__)
#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
