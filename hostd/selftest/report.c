/*
 * The results of the self-test
 */

#include <stdarg.h>

#include "common/json/json-get.h"
#include "hostd/selftest/report.h"

typedef enum Result {
        RESULT_OK,
        RESULT_FAILED,
        RESULT_SKIPPED,
        _RESULT_MAX,
} Result;

static const char *const result_names[_RESULT_MAX] = {
        [RESULT_OK] = "ok",
        [RESULT_FAILED] = "failed",
        [RESULT_SKIPPED] = "skipped",
};

void report_begin(Report *r, FILE *out, bool json) {
        *r = (Report){.out = out, .json = json};
        if (json) {
                r->checks = json_object_new_array();
                r->error = r->checks ? 0 : -ENOMEM;
        }
}

/* "#" begins what TAP calls a directive. */
static void print_text(FILE *out, const char *text) {
        for (; *text; text++)
                (void) fputc(*text == '#' || *text == '\n' ? ' ' : *text, out);
}

static void print_line(Report *r, Result result, const char *name, const char *detail, const char *help) {
        (void) fprintf(r->out, "%sok %u - %s%s", result == RESULT_FAILED ? "not " : "", r->n, name,
                result == RESULT_SKIPPED ? " # SKIP "
                : *detail                ? ": "
                                         : "");
        print_text(r->out, detail);
        (void) fputc('\n', r->out);
        if (help)
                (void) fprintf(r->out, "#   what helps: %s\n", help);
        (void) fflush(r->out);
}

static int add_check(Report *r, Result result, const char *name, const char *detail, const char *help) {
        struct json_object *notes;
        int e;

        r->last = json_object_new_object();
        if (!r->last || json_object_array_add(r->checks, r->last) < 0) {
                json_object_put(r->last);
                r->last = NULL;
                return -ENOMEM;
        }
        e = json_add_string(r->last, "name", name);
        if (e >= 0)
                e = json_add_string(r->last, "result", result_names[result]);
        if (e >= 0)
                e = json_add_string(r->last, "detail", detail);
        if (e >= 0 && help)
                e = json_add_string(r->last, "help", help);
        notes = e >= 0 ? json_object_new_array() : NULL;
        return notes ? json_add(r->last, "notes", notes) : -ENOMEM;
}

static _printf_(5, 0) void add(
        Report *r, Result result, const char *name, const char *help, const char *format, va_list args) {
        _cleanup_free_ char *detail = NULL;

        if (r->error < 0)
                return;
        if (vasprintf(&detail, format, args) < 0) {
                detail = NULL;
                r->error = -ENOMEM;
                return;
        }
        r->n++;
        r->n_failed += result == RESULT_FAILED;
        r->n_skipped += result == RESULT_SKIPPED;
        if (r->json)
                r->error = add_check(r, result, name, detail, help);
        else
                print_line(r, result, name, detail, help);
}

void report_ok(Report *r, const char *name, const char *format, ...) {
        va_list args;

        va_start(args, format);
        add(r, RESULT_OK, name, NULL, format, args);
        va_end(args);
}

void report_failed(Report *r, const char *name, const char *help, const char *format, ...) {
        va_list args;

        va_start(args, format);
        add(r, RESULT_FAILED, name, help, format, args);
        va_end(args);
}

void report_skipped(Report *r, const char *name, const char *format, ...) {
        va_list args;

        va_start(args, format);
        add(r, RESULT_SKIPPED, name, NULL, format, args);
        va_end(args);
}

static int add_note(Report *r, const char *text) {
        struct json_object *notes = NULL, *note;

        if (!json_object_object_get_ex(r->last, "notes", &notes))
                return -ENOMEM;
        note = json_object_new_string(text);
        if (note && json_object_array_add(notes, note) >= 0)
                return 0;
        json_object_put(note);
        return -ENOMEM;
}

void report_note(Report *r, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list args;
        int n;

        if (r->error < 0)
                return;
        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0) {
                text = NULL;
                r->error = -ENOMEM;
        } else if (r->json)
                r->error = add_note(r, text);
        else
                (void) fprintf(r->out, "#   %s\n", text);
}

static int print_json(Report *r) {
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *checks = take_ptr(r->checks);
        int e;

        e = o ? json_add(o, "checks", checks) : -ENOMEM;
        if (!o)
                json_object_put(checks);
        if (e >= 0)
                e = json_add_u64(o, "version", 1);
        if (e >= 0)
                e = json_add_string(o, "program_version", XENVGPU_VERSION);
        if (e >= 0)
                e = json_add_u64(o, "failed", r->n_failed);
        if (e < 0)
                return e;
        (void) fprintf(r->out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
        return 0;
}

int report_end(Report *r) {
        if (r->json && r->error >= 0)
                r->error = print_json(r);
        json_object_put(r->checks);
        r->checks = r->last = NULL;
        if (r->error < 0)
                return r->error;
        if (!r->json) {
                (void) fprintf(
                        r->out, "1..%u\n# %u of %u hold", r->n, r->n - r->n_failed - r->n_skipped, r->n);
                if (r->n_failed > 0)
                        (void) fprintf(r->out, ", %u do%s not", r->n_failed, r->n_failed == 1 ? "es" : "");
                if (r->n_skipped > 0)
                        (void) fprintf(r->out, ", %u do%s not apply here", r->n_skipped,
                                r->n_skipped == 1 ? "es" : "");
                (void) fputc('\n', r->out);
        }
        return r->n_failed > 0;
}
