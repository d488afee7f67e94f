/*
 * Structured logging
 *
 * $JOURNAL_STREAM holds the device and inode of the socket that systemd connected; when stderr is that socket,
 * messages go to the journal with their fields, else to stderr as one line each.
 */

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/daemon/log.h"
#include "common/base/text.h"

#define FIELDS_MAX 32
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const char *log_program = "xenvgpu";
static int log_max_level = LOG_INFO;
static bool log_to_journal;
static char log_context[128];

static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
                return false;
        if (fstat(STDERR_FILENO, &st) < 0)
                return false;
        if (st.st_dev != (dev_t) device || st.st_ino != (ino_t) inode)
                return false;

        /* Without a journal sd_journal_sendv() drops the message and reports success. */
        return access(JOURNAL_SOCKET, W_OK) == 0;
}

void log_setup(const char *program, int max_level) {
        log_program = program;
        log_max_level = max_level;
        log_to_journal = stderr_is_journal();
}

void log_set_context(const char *field) {
        text_short(strempty(field), log_context, sizeof(log_context));
}

/* Adds the field unless the line has it anyway. */
static void add_context(const char *const *fields, void (*add)(StrBuf *b, const char *field), StrBuf *b) {
        for (; fields && *fields; fields++)
                if (streq(*fields, log_context))
                        return;
        if (*log_context)
                add(b, log_context);
}

static const char *level_name(int level) {
        static const char *const names[] = {
                [LOG_EMERG] = "emergency", [LOG_ALERT] = "alert",   [LOG_CRIT] = "critical", [LOG_ERR] = "error",
                [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice", [LOG_INFO] = "info",     [LOG_DEBUG] = "debug",
        };

        return level >= 0 && (size_t) level < ARRAY_SIZE(names) ? names[level] : "debug";
}

static void add_ended_field(StrBuf *b, const char *field) {
        text_escape(b, field);
        strbuf_add_n(b, "", 1);
}

static int send_to_journal(int level, const char *message_id, const char *const *fields, const char *message) {
        _cleanup_free_ char *id = NULL, *identifier = NULL;
        _cleanup_strbuf_ StrBuf text = {}, all = {};
        struct iovec iov[FIELDS_MAX + 5];
        char priority[] = "PRIORITY=0";
        size_t at = 0;
        int n = 0;

        strbuf_add(&text, "MESSAGE=");
        text_escape(&text, message);
        if (asprintf(&identifier, "SYSLOG_IDENTIFIER=%s", log_program) < 0)
                return -ENOMEM;
        if (message_id && asprintf(&id, "MESSAGE_ID=%s", message_id) < 0)
                return -ENOMEM;

        priority[sizeof(priority) - 2] = (char) ('0' + (level & LOG_PRIMASK));
        for (int i = 0; fields && fields[i] && i < FIELDS_MAX; i++)
                add_ended_field(&all, fields[i]);
        add_context(fields, add_ended_field, &all);
        if (strbuf_error(&text) < 0 || strbuf_error(&all) < 0)
                return -ENOMEM;

        iov[n++] = (struct iovec){ text.text, text.len };
        iov[n++] = (struct iovec){ priority, strlen(priority) };
        iov[n++] = (struct iovec){ identifier, strlen(identifier) };
        if (id)
                iov[n++] = (struct iovec){ id, strlen(id) };
        for (; at < all.len; at += strlen(all.text + at) + 1)
                iov[n++] = (struct iovec){ all.text + at, strlen(all.text + at) };

        return sd_journal_sendv(iov, n);
}

static void add_spaced_field(StrBuf *b, const char *field) {
        strbuf_add(b, " ");
        text_escape(b, field);
}

static void write_line(int level, const char *message_id, const char *const *fields, const char *message) {
        _cleanup_strbuf_ StrBuf b = {};
        struct timespec now = {};
        char date[32] = "";
        struct tm tm = {};

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);

        strbuf_addf(&b, "%s.%03ldZ %s[%d] %s: ", date, now.tv_nsec / 1000000, log_program, (int) getpid(),
                level_name(level));
        text_escape(&b, message);
        if (message_id || (fields && fields[0]) || *log_context)
                strbuf_add(&b, " ");
        for (const char *const *f = fields; f && *f; f++)
                add_spaced_field(&b, *f);
        add_context(fields, add_spaced_field, &b);
        if (message_id)
                strbuf_addf(&b, " MESSAGE_ID=%s", message_id);
        strbuf_add(&b, "\n");

        /* One write, so that the lines of several processes in one file do not mix. */
        if (strbuf_error(&b) == 0 && write(STDERR_FILENO, b.text, b.len) < 0)
                return;
}

void log_full(int level, const char *message_id, const char *const *fields, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        int saved = errno;
        va_list ap;

        if (level > log_max_level)
                return;

        va_start(ap, format);
        message = text_vprintf(format, ap);
        va_end(ap);

        if (message && (!log_to_journal || send_to_journal(level, message_id, fields, message) < 0))
                write_line(level, message_id, fields, message);
        errno = saved;
}
