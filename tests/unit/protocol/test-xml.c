/*
 * The interface documents: each is XML, and says for every member what a reader needs
 */

#include <expat.h>

#include "protocol/names.h"
#include "protocol/xml.h"
#include "tests/unit/common/test.h"

typedef struct Reading {
        const char *interface;
        bool interface_seen;
        char member[128]; /* the open method, signal or property */
        bool is_property, documented, has_change_annotation;
        unsigned n_members;
} Reading;

static const char *attribute(const char **attributes, const char *name) {
        for (; *attributes; attributes += 2)
                if (streq(attributes[0], name))
                        return attributes[1];
        return NULL;
}

static void on_annotation(Reading *r, const char **attributes) {
        const char *name = attribute(attributes, "name"), *value = attribute(attributes, "value");

        if (streq(name, "org.gtk.GDBus.DocString"))
                r->documented = !isempty(value);
        if (streq(name, "org.freedesktop.DBus.Property.EmitsChangedSignal")) {
                assert_true(streq(value, "const") || streq(value, "true") || streq(value, "invalidates"));
                r->has_change_annotation = true;
        }
}

static bool is_member(const char *element) {
        return streq(element, "method") || streq(element, "signal") || streq(element, "property");
}

static void on_start(void *userdata, const char *element, const char **attributes) {
        Reading *r = userdata;

        if (streq(element, "interface")) {
                assert_string_equal(attribute(attributes, "name"), r->interface);
                r->interface_seen = true;
        } else if (streq(element, "annotation"))
                on_annotation(r, attributes);
        else if (streq(element, "arg")) {
                assert_non_null(attribute(attributes, "type"));
                if (isempty(attribute(attributes, "name")))
                        fail_msg("%s.%s has an argument without a name", r->interface, r->member);
        } else if (is_member(element)) {
                r->is_property = streq(element, "property");
                r->documented = r->has_change_annotation = false;
                r->n_members++;
                snprintf(r->member, sizeof(r->member), "%s", attribute(attributes, "name"));
                if (r->is_property) {
                        assert_string_equal(attribute(attributes, "access"), "read");
                        assert_non_null(attribute(attributes, "type"));
                }
        }
}

static void on_end(void *userdata, const char *element) {
        Reading *r = userdata;

        if (!is_member(element))
                return;
        if (!r->documented)
                fail_msg("%s.%s is not documented", r->interface, r->member);
        if (r->is_property && !r->has_change_annotation)
                fail_msg("%s.%s does not say how it changes", r->interface, r->member);
}

static void each_document_is_whole(void **state) {
        size_t n = 0;

        for (; interface_xml[n].interface; n++) {
                Reading r = { .interface = interface_xml[n].interface };
                XML_Parser parser = XML_ParserCreate(NULL);

                XML_SetUserData(parser, &r);
                XML_SetElementHandler(parser, on_start, on_end);
                if (XML_Parse(parser, interface_xml[n].xml, (int) strlen(interface_xml[n].xml), 1) != XML_STATUS_OK)
                        fail_msg("%s:%lu: %s", r.interface, XML_GetCurrentLineNumber(parser),
                                XML_ErrorString(XML_GetErrorCode(parser)));
                XML_ParserFree(parser);
                assert_true(r.interface_seen);
                assert_true(r.n_members > 0);
        }
        assert_null(interface_xml[n].xml);
}

static void each_named_interface_has_its_document(void **state) {
        static const char *const names[] = {
                POLICY_IFACE_MANAGER, POLICY_IFACE_HOST, POLICY_IFACE_PGPU,        POLICY_IFACE_GPU_GROUP,
                POLICY_IFACE_VGPU_TYPE, POLICY_IFACE_VM, POLICY_IFACE_VGPU,        POLICY_IFACE_RESERVATION,
                POLICY_IFACE_JOB,     HOST_IFACE_MANAGER, HOST_IFACE_PGPU,
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                size_t k = 0;

                while (interface_xml[k].interface && !streq(interface_xml[k].interface, names[i]))
                        k++;
                if (!interface_xml[k].interface)
                        fail_msg("%s has no document", names[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_document_is_whole),
                cmocka_unit_test(each_named_interface_has_its_document),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
