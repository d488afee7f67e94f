/*
 * What both directions of xl.cfg need: members by path, sentences, quoted texts
 */

#include <stdarg.h>
#include <stdio.h>

#include "policyd/ctl/xl/xl-private.h"

bool xl_refuse(XlRead *r, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0) {
                text = NULL;
                r->no_memory = true;
        }
        va_end(ap);
        if (r->why.len == 0)
                strbuf_add(&r->why, strempty(text));
        return false;
}

struct json_object *xl_get(struct json_object *o, const char *path) {
        for (const char *at = path; o && *at;) {
                size_t n = strcspn(at, "/");
                _cleanup_free_ char *member = strndup(at, n);
                struct json_object *inner = NULL;

                if (!member || !json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, member, &inner))
                        return NULL;
                o = inner;
                at += n + (at[n] == '/');
        }
        return o;
}

void xl_put(XlRead *r, const char *path, struct json_object *value) {
        struct json_object *o = r->config, *inner;
        const char *slash;

        r->no_memory |= !value;
        for (; (slash = strchr(path, '/')); path = slash + 1) {
                _cleanup_free_ char *member = strndup(path, (size_t) (slash - path));

                if (!member)
                        break;
                if (!json_object_object_get_ex(o, member, &inner)) {
                        inner = json_object_new_object();
                        if (!inner || json_object_object_add(o, member, inner) < 0)
                                break;
                }
                o = inner;
        }
        if (slash || !value || json_object_object_add(o, path, value) < 0) {
                json_object_put(value);
                r->no_memory = true;
        }
}

void xl_put_text(XlRead *r, const char *path, const char *text) {
        xl_put(r, path, json_object_new_string(text));
}

void xl_put_number(XlRead *r, const char *path, int64_t number) {
        xl_put(r, path, json_object_new_int64(number));
}

void xl_write_text(StrBuf *b, const char *text) {
        char quote = strchr(text, '"') ? '\'' : '"';

        strbuf_addf(b, "%c", quote);
        for (; *text; text++)
                if (*text == quote || *text == '\\')
                        strbuf_addf(b, "\\%c", *text);
                else
                        strbuf_addf(b, "%c", *text);
        strbuf_addf(b, "%c", quote);
}
