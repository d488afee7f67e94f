/*
 * An interface as sorted lines, so that the document and the live object can be compared
 *
 *   xenvgpu-interface-lines written INTERFACE                     as protocol/ documents it
 *   xenvgpu-interface-lines live ADDRESS SERVICE PATH INTERFACE   as the object introspects
 *
 * "method Name(in t epoch, out s inventory)", "signal Name(s event)", "property Name t read emits=true"; docs
 * are not compared.
 */

#include <expat.h>
#include <stdio.h>
#include <systemd/sd-bus.h>

#include "common/daemon/bus-open.h"
#include "common/base/macros.h"
#include "common/base/strbuf.h"
#include "protocol/xml.h"

typedef struct Lines {
        const char *interface;
        bool inside, is_property;
        unsigned n_args;
        char emits[16];
        StrBuf member;
        char *lines[128];
        size_t n;
} Lines;

static const char *attribute(const char **attributes, const char *name) {
        for (size_t i = 0; attributes[i]; i += 2)
                if (streq(attributes[i], name))
                        return attributes[i + 1];
        return "";
}

static void on_member(Lines *l, const char *kind, const char **attributes) {
        l->n_args = 0;
        l->is_property = streq(kind, "property");
        (void) strcpy(l->emits, "true");
        strbuf_addf(&l->member, "%s %s", kind, attribute(attributes, "name"));
        if (l->is_property)
                strbuf_addf(
                        &l->member, " %s %s", attribute(attributes, "type"), attribute(attributes, "access"));
        else
                strbuf_add(&l->member, "(");
}

static void on_argument(Lines *l, const char **attributes) {
        const char *direction = attribute(attributes, "direction");

        strbuf_addf(&l->member, "%s%s%s%s %s", l->n_args++ ? ", " : "", direction, *direction ? " " : "",
                attribute(attributes, "type"), attribute(attributes, "name"));
}

static void XMLCALL on_start(void *userdata, const char *name, const char **attributes) {
        Lines *l = userdata;

        if (streq(name, "interface"))
                l->inside = streq(attribute(attributes, "name"), l->interface);
        else if (!l->inside)
                return;
        else if (streq(name, "method") || streq(name, "signal") || streq(name, "property"))
                on_member(l, name, attributes);
        else if (streq(name, "arg"))
                on_argument(l, attributes);
        else if (streq(attribute(attributes, "name"), "org.freedesktop.DBus.Property.EmitsChangedSignal"))
                (void) snprintf(l->emits, sizeof(l->emits), "%s", attribute(attributes, "value"));
}

static void XMLCALL on_end(void *userdata, const char *name) {
        Lines *l = userdata;

        if (!l->inside || l->n == ARRAY_SIZE(l->lines))
                return;
        if (!streq(name, "method") && !streq(name, "signal") && !streq(name, "property"))
                return;
        if (l->is_property)
                strbuf_addf(&l->member, " emits=%s", l->emits);
        else
                strbuf_add(&l->member, ")");
        l->lines[l->n++] = strbuf_take(&l->member);
}

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int print_lines(const char *interface, const char *xml) {
        XML_Parser parser = XML_ParserCreate(NULL);
        Lines l = {.interface = interface};
        bool parsed;

        XML_SetUserData(parser, &l);
        XML_SetElementHandler(parser, on_start, on_end);
        parsed = XML_Parse(parser, xml, (int) strlen(xml), 1) == XML_STATUS_OK;
        XML_ParserFree(parser);

        qsort(l.lines, l.n, sizeof(char *), compare_lines);
        for (size_t i = 0; i < l.n; i++) {
                puts(l.lines[i]);
                free(l.lines[i]);
        }
        return parsed && l.n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_written(const char *interface) {
        for (const InterfaceXml *x = interface_xml; x->interface; x++)
                if (streq(x->interface, interface))
                        return print_lines(interface, x->xml);
        return EXIT_FAILURE;
}

static int print_live(const char *address, const char *service, const char *path, const char *interface) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        const char *xml;
        int r;

        r = bus_open(address, "interface-lines", &bus);
        if (r >= 0)
                r = sd_bus_call_method(bus, service, path, "org.freedesktop.DBus.Introspectable",
                        "Introspect", NULL, &reply, NULL);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &xml);
        return r < 0 ? EXIT_FAILURE : print_lines(interface, xml);
}

int main(int argc, char **argv) {
        if (argc == 3 && streq(argv[1], "written"))
                return print_written(argv[2]);
        if (argc == 6 && streq(argv[1], "live"))
                return print_live(argv[2], argv[3], argv[4], argv[5]);
        fprintf(stderr, "usage: %s written INTERFACE | live ADDRESS SERVICE PATH INTERFACE\n", argv[0]);
        return 2;
}
