/*
 * An interface of an introspection document as sorted lines
 */

#include <expat.h>
#include <stdio.h>

#include "common/base/strbuf.h"
#include "tests/unit/policyd-bus/interface-lines.h"

#define LINES_MAX 128

typedef struct Reading {
        const char *wanted;
        bool inside, found;
        char *lines[LINES_MAX];
        size_t n;
        StrBuf in, out, head; /* of the member that is being read */
        char emits[32];
} Reading;

static const char *attribute(const char **attributes, const char *name) {
        for (size_t i = 0; attributes[i]; i += 2)
                if (streq(attributes[i], name))
                        return attributes[i + 1];
        return "";
}

static void begin(void *userdata, const char *element, const char **attributes) {
        Reading *r = userdata;

        if (streq(element, "interface")) {
                r->inside = streq(attribute(attributes, "name"), r->wanted);
                r->found = r->found || r->inside;
        } else if (!r->inside)
                return;
        else if (streq(element, "method") || streq(element, "signal"))
                strbuf_addf(&r->head, "%s %s", element, attribute(attributes, "name"));
        else if (streq(element, "property")) {
                strbuf_addf(&r->head, "property %s %s %s", attribute(attributes, "name"),
                        attribute(attributes, "type"), attribute(attributes, "access"));
                snprintf(r->emits, sizeof(r->emits), "true");
        } else if (streq(element, "arg")) {
                StrBuf *b = streq(attribute(attributes, "direction"), "out") ? &r->out : &r->in;

                strbuf_addf(b, "%s%s %s", b->len ? ", " : "", attribute(attributes, "type"),
                        attribute(attributes, "name"));
        } else if (streq(element, "annotation") &&
                   streq(attribute(attributes, "name"), "org.freedesktop.DBus.Property.EmitsChangedSignal"))
                snprintf(r->emits, sizeof(r->emits), "%s", attribute(attributes, "value"));
}

static void end(void *userdata, const char *element) {
        Reading *r = userdata;
        bool property = streq(element, "property");
        char *line = NULL;

        if (streq(element, "interface"))
                r->inside = false;
        if (!r->inside || (!property && !streq(element, "method") && !streq(element, "signal")) ||
                r->n >= LINES_MAX)
                return;
        if ((property ? asprintf(&line, "%s %s", r->head.text, r->emits)
                      : asprintf(&line, "%s(%s) -> (%s)", r->head.text, strempty(r->in.text),
                                strempty(r->out.text))) < 0)
                abort();
        r->lines[r->n++] = line;
        strbuf_done(&r->head);
        strbuf_done(&r->in);
        strbuf_done(&r->out);
        r->head = r->in = r->out = (StrBuf){};
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

char *interface_lines(const char *xml, const char *interface) {
        XML_Parser parser = XML_ParserCreate(NULL);
        Reading r = {.wanted = interface};
        StrBuf text = {};

        XML_SetUserData(parser, &r);
        XML_SetElementHandler(parser, begin, end);
        if (XML_Parse(parser, xml, (int) strlen(xml), /* isFinal= */ 1) != XML_STATUS_OK)
                r.found = false;
        XML_ParserFree(parser);

        qsort(r.lines, r.n, sizeof(char *), compare);
        for (size_t i = 0; i < r.n; i++) {
                strbuf_addf(&text, "%s\n", r.lines[i]);
                free(r.lines[i]);
        }
        if (r.found)
                return strbuf_take(&text);
        strbuf_done(&text);
        return NULL;
}
