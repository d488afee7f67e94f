/*
 * NVIDIA's .conf files and the rule for host drivers
 */

#include "hostd/core/nvidia-conf.h"
#include "hostd/core/nvidia-driver.h"
#include "tests/unit/hostd-core/test.h"

#define CONF_REST                                                                                            \
        "plugin0.vgpu_type bar\n"                                                                            \
        "plugin0.vdev_id \"0x1111:0x2222\"\n"                                                                \
        "plugin0.max_instance 8 \n"                                                                          \
        "plugin0.num_heads 2\n"                                                                              \
        "plugin0.max_resolution 1920x1200\n"                                                                 \
        "plugin0.mappable_video_size 0x400000\n"                                                             \
        "\n"                                                                                                 \
        "connect0.up vmiop-display\n"                                                                        \
        "####### the end #######\n"

static int parse(const char *text, Told *told, NvidiaConf *ret) {
        ProblemSink sink = sink_to(told);

        return nvidia_conf_parse(text, strlen(text), &sink, ret);
}

static void assert_common(const NvidiaConf *c) {
        assert_int_equal(c->pdev, 0x3333);
        assert_int_equal(c->vdev, 0x1111);
        assert_int_equal(c->vsubdev, 0x2222);
        assert_int_equal(c->framebuffer, 268435456);
        assert_int_equal(c->heads, 2);
        assert_int_equal(c->instances, 8);
        assert_int_equal(c->max_x, 1920);
        assert_int_equal(c->max_y, 1200);
}

static void conf_of_one_board(void **state) {
        NvidiaConf c;
        Told told = {};

        assert_ok(parse("# by hand\nplugin0 foo\nplugin0.framebufferlength 0x10000000\nplugin0.pdev_id "
                        "\"0x3333:0x4444\"\n" CONF_REST,
                &told, &c));
        assert_common(&c);
        assert_false(c.any_psubdev);
        assert_int_equal(c.psubdev, 0x4444);
        assert_int_equal(told.n, 0);
}

static void conf_of_any_board(void **state) {
        NvidiaConf c;
        Told told = {};

        assert_ok(parse("plugin0.framebufferlength 268435456\r\nplugin0.pdev_id \t \"0X3333\"\r\n" CONF_REST,
                &told, &c));
        assert_common(&c);
        assert_true(c.any_psubdev);
}

static void conf_faults_are_named(void **state) {
        static const struct {
                const char *text, *reason;
                unsigned line;
        } cases[] = {
                { "", "plugin0.pdev_id is missing", 0 },
                { "plugin0.pdev_id \"0x3333\"\n" CONF_REST, "plugin0.framebufferlength is missing", 0 },
                { "\nplugin0.pdev_id 0x3333\n", "plugin0.pdev_id must be", 2 },
                { "plugin0.pdev_id \"\n", "plugin0.pdev_id must be", 1 },
                { "plugin0.pdev_id \"0x33333\"\n", "plugin0.pdev_id must be", 1 },
                { "plugin0.pdev_id \"0x3333:\"\n", "plugin0.pdev_id must be", 1 },
                { "plugin0.pdev_id\n", "plugin0.pdev_id must be", 1 },
                { "plugin0.vdev_id \"0x1111\"\n", "plugin0.vdev_id must be", 1 },
                { "plugin0.max_resolution 1920\n", "WIDTHxHEIGHT", 1 },
                { "plugin0.max_resolution 1920x1200x\n", "WIDTHxHEIGHT", 1 },
                { "plugin0.framebufferlength -1\n", "number of bytes", 1 },
                { "plugin0.num_heads 4294967296\n", "plugin0.num_heads must be", 1 },
                { "plugin0.num_heads two\n", "plugin0.num_heads must be", 1 },
                { "plugin0.max_instance 0\n", "from 1 to 1048576", 1 },
                { "plugin0.max_instance 1048577\n", "from 1 to 1048576", 1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                NvidiaConf c;
                Told told = {};

                assert_int_equal(parse(cases[i].text, &told, &c), -EINVAL);
                assert_contains(told.reason, cases[i].reason);
                assert_int_equal(told.line, cases[i].line);
        }
}

static void conf_values_are_bounded(void **state) {
        char text[400] = "plugin0.num_heads ";
        static const char with_nul[] = "plugin0.num_heads 2\0\n";
        NvidiaConf c;
        Told told = {};

        memset(text + strlen(text), '1', 300);
        assert_int_equal(parse(text, &told, &c), -EINVAL);
        assert_int_equal(nvidia_conf_parse(with_nul, sizeof(with_nul) - 1, NULL, &c), -EINVAL);
        assert_int_equal(nvidia_conf_parse(NULL, 0, NULL, &c), -EINVAL);
}

#define SUPPORTS(host, ...)                                                                                  \
        nvidia_driver_supports_multi_vgpu((host), (const char *const[]){ __VA_ARGS__, NULL })

static void same_version(void **state) {
        assert_true(SUPPORTS("430.19", "430.19"));
}

static void malformed_entry_spoils_all(void **state) {
        assert_false(SUPPORTS("430.19", "430.19", "typo_error"));
        assert_false(SUPPORTS("430.19", "typo_error", "430.19"));
        assert_false(SUPPORTS("430.19", "430.19", "430.18++"));
        assert_false(SUPPORTS("430.19", "430.19", ""));
        assert_false(SUPPORTS("430.19", "430.19", "430"));
        assert_false(SUPPORTS("430.19", "430.19", "1.2.3.4.5"));
        assert_false(SUPPORTS(
                "430.19", "430.19", "1.0000000000000000000000000000000000000000000000000000000000000000000"));
}

static void another_version(void **state) {
        assert_false(SUPPORTS("430.19", "430.18"));
        assert_false(SUPPORTS("430.19", "430.20"));
        assert_true(SUPPORTS("430.19", "430.18", "430.19"));
        assert_false(nvidia_driver_supports_multi_vgpu("430.19", (const char *const[]){ NULL }));
}

static void newer_version(void **state) {
        assert_true(SUPPORTS("430.400", "430.200+"));
        assert_true(SUPPORTS("430.200", "430.200+"));
        assert_true(SUPPORTS("440.10", "430.200+"));
        assert_true(SUPPORTS("535.154.02", "440.00+"));
}

static void older_version(void **state) {
        assert_false(SUPPORTS("100.800", "430.200+"));
        assert_false(SUPPORTS("430.19", "430.200+"));
}

static void host_version_must_be_one(void **state) {
        assert_false(SUPPORTS("garbage", "430.19"));
        assert_false(SUPPORTS("430.19+", "430.19"));
        assert_false(SUPPORTS("", "430.19"));
        assert_false(nvidia_driver_supports_multi_vgpu("0.0", nvidia_multi_vgpu_versions));
        assert_true(nvidia_driver_supports_multi_vgpu("430.42", nvidia_multi_vgpu_versions));
        assert_false(nvidia_driver_supports_multi_vgpu("430.43", nvidia_multi_vgpu_versions));
        assert_true(nvidia_driver_supports_multi_vgpu("470.63", nvidia_multi_vgpu_versions));
}

static void version_comes_from_the_link(void **state) {
        assert_string_equal(nvidia_driver_version_of_link("libnvidia-vgpu.so.430.42"), "430.42");
        assert_string_equal(nvidia_driver_version_of_link("/usr/lib64/libnvidia-vgpu.so.440.53"), "440.53");
        assert_string_equal(nvidia_driver_version_of_link("libnvidia-vgpu.so."), "0.0");
        assert_string_equal(nvidia_driver_version_of_link("other.so.1"), "0.0");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                CASE("H-CONF-1", conf_of_one_board),
                CASE("NV-DRV-1", same_version),
                CASE("NV-DRV-3", malformed_entry_spoils_all),
                CASE("NV-DRV-5", another_version),
                CASE("NV-DRV-7", newer_version),
                CASE("NV-DRV-9", older_version),
                cmocka_unit_test(conf_of_any_board),
                cmocka_unit_test(conf_faults_are_named),
                cmocka_unit_test(conf_values_are_bounded),
                cmocka_unit_test(host_version_must_be_one),
                cmocka_unit_test(version_comes_from_the_link),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
