/*
 * Each method of protocol/ has its row in the table that says who may call it, and each row its method
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "policyd/bus/access.h"
#include "protocol/names.h"
#include "protocol/xml.h"
#include "tests/unit/policyd-bus/interface-lines.h"

static bool has_row(const char *method) {
        const char *row;
        Access access;

        for (size_t i = 0; (row = access_nth(i, &access)); i++)
                if (streq(row, method))
                        return true;
        return false;
}

static void test_each_method_has_its_row(void **state) {
        size_t n = 0, n_rows = 0;
        char method[128];
        Access access;

        for (const InterfaceXml *x = interface_xml; x->interface; x++) {
                const char *class = startswith(x->interface, POLICY_BUS_NAME ".");
                _cleanup_free_ char *lines = class ? interface_lines(x->xml, x->interface) : NULL;

                for (char *at = lines; at && (at = strstr(at, "method ")); at++, n++) {
                        snprintf(method, sizeof(method), "%s.%.*s", class, (int) strcspn(at + 7, "("), at + 7);
                        if (!has_row(method))
                                fail_msg("%s has no row in policyd/bus/access.c", method);
                }
        }
        while (access_nth(n_rows, &access))
                n_rows++;
        assert_int_equal(n_rows, n);
}

static void test_what_is_in_no_row_is_the_administrators(void **state) {
        assert_int_equal(access_of(POLICY_IFACE_VM, "Start"), ACCESS_ALLOCATE);
        assert_int_equal(access_of(POLICY_IFACE_VM, "Explain"), ACCESS_EVERYBODY);
        assert_int_equal(access_of(POLICY_IFACE_VM_GROUP, "Destroy"), ACCESS_CONFIGURE);
        assert_int_equal(access_of(POLICY_IFACE_VM, "Star"), ACCESS_ADMINISTER);
        assert_int_equal(access_of(POLICY_IFACE_VM, "Plan"), ACCESS_ADMINISTER);
        assert_int_equal(access_of(NULL, "Explain"), ACCESS_ADMINISTER);
        assert_int_equal(access_of("org.xenvgpu.Policy1", "Start"), ACCESS_ADMINISTER);
}

static void test_root_policyd_and_the_group_are_free(void **state) {
        uint32_t groups[] = {50, 60};
        Who who = {.has_uid = true, .uid = 12345, .groups = groups, .n_groups = 2, .user = "alice"};
        _cleanup_free_ char *sentence = NULL;

        assert_true(access_is_free(&(Who){.has_uid = true, .uid = 0}, UINT32_MAX));
        assert_true(access_is_free(&(Who){.has_uid = true, .uid = geteuid()}, UINT32_MAX));
        assert_true(access_is_free(&who, 60));
        assert_false(access_is_free(&who, 61));
        assert_false(access_is_free(&who, UINT32_MAX));
        sentence = access_refusal(&who, "Start", ACCESS_ALLOCATE, POLKIT_SILENT, "xenvgpu");
        assert_non_null(strstr(sentence, "org.xenvgpu.allocate"));
        assert_non_null(strstr(sentence, "polkit did not answer in time"));
        assert_non_null(strstr(sentence, "usermod -aG xenvgpu alice"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_method_has_its_row),
                cmocka_unit_test(test_what_is_in_no_row_is_the_administrators),
                cmocka_unit_test(test_root_policyd_and_the_group_are_free),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
