/*
 * One run of the command line: errors, and objects by name
 */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/json/json-get.h"
#include "common/json/json-write.h"
#include "common/base/parse.h"
#include "common/base/text.h"
#include "policyd/ctl/ctl.h"
#include "protocol/errors.h"
#include "protocol/names.h"

#define AMBIGUOUS_SHOWN 8
#define DBUS_ERRORS "org.freedesktop.DBus.Error." /* names for what is no error of policyd's */

const char *ctl_arg(const Ctl *ctl, const char *key) {
        return args_get(&ctl->args, key);
}

/* What went wrong last, for ctl_print_error(). */
static struct {
        char *code, *name, *message;
} last_error;

static void keep_error(const char *code, const char *name, const char *message) {
        free(last_error.code);
        free(last_error.name);
        free(last_error.message);
        last_error.code = strdup(code);
        last_error.name = strdup(name);
        last_error.message = strdup(message);
}

int ctl_add_error(struct json_object *record) {
        struct json_object *error = json_object_new_object();
        int r;

        r = json_add(record, "error", error);
        if (r >= 0)
                r = json_add_string(error, "code", strempty(last_error.code));
        if (r >= 0)
                r = json_add_string(error, "name", strempty(last_error.name));
        return r < 0 ? r : json_add_string(error, "message", strempty(last_error.message));
}

int ctl_print_error(void) {
        _cleanup_json_ struct json_object *record = NULL;

        if (!last_error.code || print_was_json())
                return 0;
        record = json_object_new_object();
        if (!record || ctl_add_error(record) < 0)
                return EXIT_REFUSED;
        keep_error("", "", "");
        return print_json(stdout, record) < 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* An error quotes texts that others chose: control characters are escaped, so that it stays one line and a terminal acts on nothing. */
static void say(const char *before, const char *text) {
        _cleanup_strbuf_ StrBuf b = {};

        text_escape(&b, text);
        fprintf(stderr, "%s%s\n", before, strempty(b.text));
}

static void say_formatted(const char *prefix, const char *code, const char *name, const char *format, va_list ap) _printf_(4, 0);

static void say_formatted(const char *prefix, const char *code, const char *name, const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;

        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        keep_error(code, name, strempty(text));
        say(prefix, strempty(text));
}

int ctl_usage(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say_formatted("xenvgpu: ", "USAGE", DBUS_ERRORS "InvalidArgs", format, ap);
        va_end(ap);
        return EXIT_USAGE;
}

int ctl_flag(const Ctl *ctl, const char *key, bool *ret) {
        const char *text = ctl_arg(ctl, key);
        bool value = false;

        if (text && parse_boolean(text, &value) < 0)
                return ctl_usage("%s=%s is neither true nor false", key, text);
        *ret = value;
        return 0;
}

/* "org.freedesktop.DBus.Error.AccessDenied" becomes ACCESS_DENIED. */
static char *foreign_code(const char *name) {
        const char *dot = strrchr(name, '.'), *word = dot ? dot + 1 : name;
        _cleanup_strbuf_ StrBuf b = {};

        for (const char *p = word; *p; p++)
                strbuf_addf(&b, "%s%c", p > word && isupper((unsigned char) *p) && islower((unsigned char) p[-1]) ? "_" : "",
                        toupper((unsigned char) *p));
        return strbuf_take(&b);
}

int ctl_say_code(const char *code, const char *name, const char *message) {
        keep_error(code, name, message);
        fprintf(stderr, "error: %s", code);
        say(": ", message);
        return EXIT_REFUSED;
}

int ctl_say_error(const char *name, const char *message) {
        ErrorCode code = error_code_from_name(name);
        _cleanup_free_ char *word = code >= 0 ? strdup(error_code_xapi(code)) : foreign_code(name);

        return ctl_say_code(strempty(word), name, message);
}

int ctl_say_not_here(const char *name, const char *why) {
        _cleanup_free_ char *sentence = NULL;

        if (asprintf(&sentence, "There is no %s here. %s", name, why) < 0)
                return ctl_no_memory();
        return ctl_say_error("org.xenvgpu.Error.NotSupported", sentence);
}

int ctl_unreachable(const char *name, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say_formatted("error: POLICYD_UNREACHABLE: ", "POLICYD_UNREACHABLE", isempty(name) ? DBUS_ERRORS "Disconnected" : name, format, ap);
        va_end(ap);
        return EXIT_UNREACHABLE;
}

int ctl_failed(int r, const ClientError *error) {
        switch (r) {
        case -EREMOTEIO:
                return ctl_say_error(strempty(error->name), strempty(error->message));
        case -ECONNREFUSED:
                return ctl_unreachable(error->name, "policyd cannot be reached (%s). Is xenvgpu-policyd running there? "
                                       "XENVGPU_ADDRESS and --host name another bus.",
                        strempty(error->message));
        case -ETIMEDOUT:
                return ctl_unreachable(error->name, "policyd gave no answer (%s), so whether it did this is not known. Look, and ask anew.", strempty(error->message));
        default:
                return ctl_say_error("org.xenvgpu.Error.InternalError", strerror(-r));
        }
}

int ctl_no_memory(void) {
        return ctl_failed(-ENOMEM, &(ClientError){});
}

int ctl_load(Ctl *ctl) {
        _cleanup_client_error_ ClientError error = {};
        int r = view_load(ctl->view, &error);

        return r < 0 ? ctl_failed(r, &error) : 0;
}

static int say_ambiguous(const char *text, StrBuf *names) {
        _cleanup_free_ char *given = strbuf_take(names), *sentence = NULL;

        if (!given || asprintf(&sentence,
                              "Several hosts have a PGPU at %s; give the uuid of one, or HOST/ADDRESS, which is one of %s.",
                              text, given) < 0)
                return ctl_no_memory();
        return ctl_say_error("org.xenvgpu.Error.AmbiguousName", sentence);
}

/* A PGPU has no name of its own: its address, if only one host has it, or HOST/ADDRESS, as lists show it.
 * -ENOENT: not this way; -EEXIST: several hosts have it, and names lists them, if not more than a few. */
static int find_pgpu(Ctl *ctl, const ClassInfo *class, const char *text, char **ret_path, StrBuf *names) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **list = NULL;
        const ViewObject *found = NULL;
        size_t n, n_found = 0;

        if (view_load_class(ctl->view, class_find("host"), NULL, &error) < 0 ||
                view_load_class(ctl->view, class, NULL, &error) < 0 ||
                view_list(ctl->view, class, &list, &n) < 0)
                return -EIO;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *label = object_label(ctl->view, list[i]->path);

                if (!label || !pgpu_label_is(label, text))
                        continue;
                found = list[i];
                if (n_found < AMBIGUOUS_SHOWN)
                        strbuf_addf(names, "%s%s", n_found > 0 ? ", " : "", label);
                else if (n_found == AMBIGUOUS_SHOWN)
                        strbuf_add(names, ", …");
                n_found++;
        }
        if (n_found != 1)
                return n_found == 0 ? -ENOENT : -EEXIST;
        *ret_path = strdup(found->path);
        return *ret_path ? 0 : -ENOMEM;
}

/* There is one, and its name is empty. */
static int find_pool(Ctl *ctl, const ClassInfo *class, const char *text, char **ret_path) {
        _cleanup_client_error_ ClientError error = {};
        _cleanup_free_ ViewObject **list = NULL;
        size_t n = 0;
        int r;

        r = view_load_class(ctl->view, class, NULL, &error);
        if (r >= 0)
                r = view_list(ctl->view, class, &list, &n);
        if (r < 0)
                return ctl_failed(r, &error);
        if (n == 0 || strcasecmp(list[0]->uuid, text) != 0)
                return ctl_say_error("org.xenvgpu.Error.NoSuchObject", "That is not the pool's uuid; xenvgpu pool-list has it.");
        *ret_path = strdup(list[0]->path);
        return *ret_path ? 0 : ctl_no_memory();
}

int ctl_find(Ctl *ctl, const ClassInfo *class, const char *text, char **ret_path) {
        _cleanup_json_ struct json_object *path = NULL;
        _cleanup_client_error_ ClientError error = {};
        _cleanup_strbuf_ StrBuf names = {};
        int r;

        if (streq(class->name, "pool"))
                return find_pool(ctl, class, text, ret_path);
        r = client_call(ctl->client, POLICY_PATH, POLICY_IFACE_MANAGER, "Find", &error, &path, "ss",
                class->word, text);
        if (r == -EREMOTEIO && streq(class->name, "pgpu")) {
                int found = find_pgpu(ctl, class, text, ret_path, &names);

                if (found >= 0)
                        return 0;
                if (found == -EEXIST)
                        return say_ambiguous(text, &names);
        }
        if (r < 0)
                return ctl_failed(r, &error);
        *ret_path = strdup(strempty(json_object_get_string(path)));
        return *ret_path ? 0 : ctl_failed(-ENOMEM, &error);
}

int ctl_find_key(Ctl *ctl, const char *key, const char *class_name, char **ret_path) {
        int r = ctl_find(ctl, class_find(class_name), ctl_arg(ctl, key), ret_path);

        if (r == 0 && streq(key, "uuid"))
                (void) path_to_uuid(*ret_path, ctl->subject);
        return r;
}

int ctl_usage_number(const Field *f, const char *text) {
        return ctl_usage("%s=%s is no %s; give one, or unlimited", f->name, text,
                f->kind == FIELD_PGPUS ? "number of PGPUs, such as 2 or 0.5" : "number");
}

void options_add(ClientOption *options, ClientOption option) {
        while (options->name)
                options++;
        *options = option;
}

void ctl_add_option(ClientOption *options, const Ctl *ctl, const char *key, const char *name) {
        const char *text = ctl_arg(ctl, key);

        if (text)
                options_add(options, (ClientOption){ .name = name, .type = 's', .text = text });
}

int ctl_print_text(Ctl *ctl, const char *text) {
        _cleanup_json_ struct json_object *o = NULL;

        if (!ctl->args.json) {
                puts(text);
                return 0;
        }
        o = json_object_new_string(text);
        return o && print_json(stdout, o) >= 0 ? 0 : EXIT_REFUSED;
}

int ctl_parse_written(StrBuf *b, struct json_object **ret) {
        _cleanup_free_ char *text = strbuf_take(b);
        JsonReader reader = {};

        return text && json_parse_answer(&reader, text, strlen(text), ret) >= 0 ? 0 : ctl_no_memory();
}

int ctl_print_written(StrBuf *b) {
        _cleanup_json_ struct json_object *o = NULL;
        int r = ctl_parse_written(b, &o);

        if (r != 0)
                return r;
        return print_json(stdout, o) < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int ctl_print_created(Ctl *ctl, struct json_object *path) {
        char uuid[37];

        return ctl_print_text(ctl, path_to_uuid(strempty(json_object_get_string(path)), uuid));
}
