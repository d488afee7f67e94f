/*
 * The results of the self-test
 */

#include <stdarg.h>

#include "common/base/text.h"
#include "hostd/selftest/report.h"
#include "protocol/record.h"

static const char *const result_names[_RESULT_MAX] = {
        [RESULT_OK] = "ok",
        [RESULT_FAILED] = "failed",
        [RESULT_SKIPPED] = "skipped",
};

void report_begin(Report *r, FILE *out, bool json) {
        *r = (Report){.out = out, .json = json};
        json_write_open(&r->text, NULL, '{');
        json_write_open(&r->text, "checks", '[');
}

static unsigned total(const Report *r) {
        return r->n[RESULT_OK] + r->n[RESULT_FAILED] + r->n[RESULT_SKIPPED];
}

/* "#" begins what TAP calls a directive. */
static void print_text(FILE *out, const char *text) {
        for (; *text; text++)
                (void) fputc(*text == '#' || *text == '\n' ? ' ' : *text, out);
}

static void print_line(Report *r, Result result, const char *name, const char *detail, const char *help) {
        (void) fprintf(r->out, "%sok %u - %s%s", result == RESULT_FAILED ? "not " : "", total(r), name,
                result == RESULT_SKIPPED ? " # SKIP "
                : *detail                ? ": "
                                         : "");
        print_text(r->out, detail);
        (void) fputc('\n', r->out);
        if (help)
                (void) fprintf(r->out, "#   what helps: %s\n", help);
        (void) fflush(r->out);
}

static void close_check(Report *r) {
        if (!r->in_check)
                return;
        json_write_close(&r->text, ']');
        json_write_close(&r->text, '}');
}

/* Its notes come after it. */
static void write_check(Report *r, Result result, const char *name, const char *detail, const char *help) {
        close_check(r);
        r->in_check = true;
        json_write_open(&r->text, NULL, '{');
        json_write_string(&r->text, "name", name);
        json_write_string(&r->text, "result", result_names[result]);
        json_write_string(&r->text, "detail", detail);
        if (help)
                json_write_string(&r->text, "help", help);
        json_write_open(&r->text, "notes", '[');
}

static _printf_(2, 0) char *format_text(Report *r, const char *format, va_list args) {
        char *text = r->error < 0 ? NULL : text_vprintf(format, args);

        if (!text)
                r->error = -ENOMEM;
        return text;
}

void report_add(Report *r, Result result, const char *name, const char *help, const char *format, ...) {
        _cleanup_free_ char *detail = NULL;
        va_list args;

        va_start(args, format);
        detail = format_text(r, format, args);
        va_end(args);
        if (!detail)
                return;
        r->n[result]++;
        (r->json ? write_check : print_line)(r, result, name, detail, help);
}

void report_note(Report *r, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;

        va_start(args, format);
        text = format_text(r, format, args);
        va_end(args);
        if (text && r->json)
                json_write_string(&r->text, NULL, text);
        else if (text)
                (void) fprintf(r->out, "#   %s\n", text);
}

static int print_json(Report *r) {
        _cleanup_json_ struct json_object *o = NULL;
        int e;

        close_check(r);
        json_write_close(&r->text, ']');
        json_write_u64(&r->text, "version", 1);
        json_write_string(&r->text, "program_version", XENVGPU_VERSION);
        json_write_u64(&r->text, "failed", r->n[RESULT_FAILED]);
        json_write_close(&r->text, '}');
        e = record_of_text(&r->text, &o);
        if (e >= 0)
                (void) fprintf(r->out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
        return e;
}

static void print_end(const Report *r) {
        unsigned failed = r->n[RESULT_FAILED], skipped = r->n[RESULT_SKIPPED];

        (void) fprintf(r->out, "1..%u\n# %u of %u hold", total(r), r->n[RESULT_OK], total(r));
        if (failed > 0)
                (void) fprintf(r->out, ", %u do%s not", failed, failed == 1 ? "es" : "");
        if (skipped > 0)
                (void) fprintf(r->out, ", %u do%s not apply here", skipped, skipped == 1 ? "es" : "");
        (void) fputc('\n', r->out);
}

int report_end(Report *r) {
        if (r->json && r->error >= 0)
                r->error = print_json(r);
        strbuf_done(&r->text);
        if (r->error < 0)
                return r->error;
        if (!r->json)
                print_end(r);
        return r->n[RESULT_FAILED] > 0;
}
