/*
 * Which addresses may be dialled
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policyd/link/address.h"
#include "policyd/link/link.h"

static void refused(const char *address, const char *because) {
        _cleanup_free_ char *message = NULL;

        assert_int_equal(link_check_address(address, &message), ERROR_INVALID_ADDRESS);
        assert_non_null(message);
        assert_non_null(strstr(message, because));
}

static void accepted(const char *address, const char *bus, const char *login, const char *port) {
        _cleanup_link_address_ LinkAddress a = {};
        _cleanup_free_ char *message = NULL;

        assert_int_equal(link_address_parse(address, &a, &message), 0);
        assert_true(streq_ptr(a.bus, bus));
        assert_true(streq_ptr(a.login, login));
        assert_true(streq_ptr(a.port, port));
}

static void test_local_buses(void **state) {
        accepted("", "unix:path=/run/dbus/system_bus_socket", NULL, NULL);
        accepted("system", "unix:path=/run/dbus/system_bus_socket", NULL, NULL);
        accepted("unix:path=/tmp/a", "unix:path=/tmp/a", NULL, NULL);
        accepted("unix:abstract=a,guid=00ff;unix:path=/b", "unix:abstract=a,guid=00ff;unix:path=/b", NULL,
                NULL);
        refused("unix:", "names no socket");
        refused("unix:path=", "names no socket");
        refused("unix:path=relative", "absolute");
        refused("unix:path=/a,path=/b", "names no socket");
        refused("unix:tmpdir=/tmp", "tmpdir");
        refused("unix:path=/"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaa",
                "107 bytes");
}

static void test_what_dbus_would_take_and_we_do_not(void **state) {
        refused("tcp:host=a,port=1", "no authentication");
        refused("nonce-tcp:host=a", "encryption");
        refused("unixexec:path=/bin/sh", "any command");
        refused("launchd:env=A", "refused");
        refused("unix:path=/a;tcp:host=b", "no authentication");
        refused("unix:path=/a;", "not understood");
        refused("gamma", "not understood");
        refused("unix:path=/a b", "blank");
        refused("ssh:a@b\n", "control");
}

static void test_logins(void **state) {
        accepted("ssh:xenvgpu@beta", NULL, "xenvgpu@beta", NULL);
        accepted("ssh:x-y.z_1@beta.example.org:2222", NULL, "x-y.z_1@beta.example.org", "2222");
        accepted("ssh:u@[fe80::1%eth0]:22", NULL, "u@fe80::1%eth0", "22");
        accepted("ssh:u@[::1]", NULL, "u@::1", NULL);
        refused("ssh:beta", "no user");
        refused("ssh:@beta", "user");
        refused("ssh:-oProxyCommand=x@beta", "user");
        refused("ssh:u@-oProxyCommand", "host");
        refused("ssh:u@", "host");
        refused("ssh:u@a;b", "host");
        refused("ssh:u@$(x)", "host");
        refused("ssh:u@[::1", "host");
        refused("ssh:u@[::1]x", "host");
        refused("ssh:u@a:0", "port");
        refused("ssh:u@a:65536", "port");
        refused("ssh:u@a:-1", "port");
        refused("ssh:u@a:", "port");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_local_buses),
                cmocka_unit_test(test_what_dbus_would_take_and_we_do_not),
                cmocka_unit_test(test_logins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
