/*
 * The run folder: what is written is read back, and what is damaged is said to be
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/run/program.h"
#include "hostd/run/run-record.h"
#include "hostd/run/run-socket.h"

#define ID "01010203-0405-4607-8800-000000000000"

typedef struct Folder {
        char path[256];
} Folder;

static int set_up(void **state) {
        Folder *f = calloc(1, sizeof(*f));
        char template[] = "/tmp/xenvgpu-run-XXXXXX";

        assert_non_null(f);
        assert_non_null(mkdtemp(template));
        /* Deeper than a unix address is long. */
        (void) snprintf(f->path, sizeof(f->path), "%s/%0*d/%0*d", template, 60, 1, 60, 2);
        assert_int_equal(mkdir_parents(f->path, 0755), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Folder *f = *state;

        f->path[strlen("/tmp/xenvgpu-run-XXXXXX")] = '\0';
        assert_int_equal(remove_tree(f->path), 0);
        free(f);
        return 0;
}

static Uuid uuid(uint8_t n) {
        return (Uuid){ .bytes = { n, 1, 2, 3, 4, 5, 0x46, 7, 0x88 } };
}

static void assert_process(const ProcessId *a, const ProcessId *b) {
        assert_int_equal(a->pid, b->pid);
        assert_int_equal(a->start_time, b->start_time);
}

static void a_full_record_comes_back(void **state) {
        _cleanup_(run_record_done) RunRecord got = {};
        const RunRecord record = {
                .uuid = uuid(1),
                .token = uuid(2),
                .program = { 10, 1 },
                .state = VM_STATE_STOPPING,
                .stage = (char *) "cleanup",
                .progress = 0.25,
                .domid = 7,
                .qemu = { 11, 2 },
                .emulator = { 12, UINT64_C(5000000000) },
                .vgpus_active = true,
                .vgpus_plugged = true,
                .pcis_plugged = true,
                .reason = (char *) "failed",
                .error_name = (char *) "org.xenvgpu.Error.X",
                .error_message = (char *) "It \"failed\".\n",
                .reboots = 3,
                .stop_token = uuid(3),
                .stop_force = true,
                .let_go = true,
                .start_times = { .began = 50, .since = 60, .stage = START_QEMU, .spent = { [START_CREATE] = 10 } },
                .cut_offs = 2,
                .brief_lives = 4,
        };
        Folder *f = *state;

        assert_int_equal(run_record_write(f->path, &record), 0);
        assert_int_equal(run_record_read(f->path, &got), 0);
        assert_true(uuid_equal(&got.uuid, &record.uuid) && uuid_equal(&got.token, &record.token));
        assert_true(uuid_equal(&got.stop_token, &record.stop_token) && got.stop_force && got.let_go);
        assert_process(&got.program, &record.program);
        assert_process(&got.qemu, &record.qemu);
        assert_process(&got.emulator, &record.emulator);
        assert_int_equal(got.state, VM_STATE_STOPPING);
        assert_string_equal(got.stage, "cleanup");
        assert_true(got.progress > 0.24 && got.progress < 0.26);
        assert_int_equal(got.domid, 7);
        assert_true(got.vgpus_active && got.vgpus_plugged && got.pcis_plugged);
        assert_string_equal(got.reason, "failed");
        assert_string_equal(got.error_name, record.error_name);
        assert_string_equal(got.error_message, record.error_message);
        assert_int_equal(got.reboots, 3);
        assert_int_equal(got.cut_offs, 2);
        assert_int_equal(got.brief_lives, 4);
        assert_memory_equal(&got.start_times, &record.start_times, sizeof(StartTimes));
}

/* A program's words may be any bytes; the reason is not hidden by them. */
static void bad_bytes_do_not_hide_a_reason(void **state) {
        const RunRecord record = { .uuid = uuid(1),
                .token = uuid(2),
                .state = VM_STATE_HALTED,
                .reason = (char *) "failed",
                .error_name = (char *) "org.xenvgpu.Error.FailedToStartEmulator",
                .error_message = (char *) "code \xff\xc3 \x1b[1m" };
        const DmRecord dm = { .stage = (char *) "emulator", .error = (char *) "code \xc3\xef\xbf\xbe" };
        _cleanup_(run_record_done) RunRecord got = {};
        _cleanup_(dm_record_done) DmRecord got_dm = {};
        Folder *f = *state;

        assert_int_equal(run_record_write(f->path, &record), 0);
        assert_int_equal(run_record_read(f->path, &got), 0);
        assert_string_equal(got.error_message, "code \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd[1m");
        assert_int_equal(dm_record_write(f->path, &dm), 0);
        assert_int_equal(dm_record_read(f->path, &got_dm), 0);
        assert_string_equal(got_dm.error, "code \xef\xbf\xbd\xef\xbf\xbd");
}

static void what_is_absent_stays_absent(void **state) {
        _cleanup_(run_record_done) RunRecord got = {};
        const RunRecord record = { .uuid = uuid(1), .token = uuid(2), .state = VM_STATE_STARTING };
        Folder *f = *state;

        assert_int_equal(run_record_read(f->path, &got), -ENOENT);
        assert_int_equal(run_record_write(f->path, &record), 0);
        assert_int_equal(run_record_read(f->path, &got), 0);
        assert_int_equal(got.qemu.pid, 0);
        assert_int_equal(got.emulator.pid, 0);
        assert_null(got.error_name);
        assert_true(uuid_is_null(&got.stop_token));
        assert_false(got.let_go);
        assert_string_equal(got.stage, "");
}

static void damaged_records_are_told(void **state) {
        static const char *const texts[] = {
                "",
                "{",
                "[]",
                "{}",
                "{\"uuid\":7}",
                "{\"uuid\":\"" ID "\",\"token\":\"" ID "\",\"domid\":-1}",
        };
        Folder *f = *state;
        _cleanup_free_ char *path = path_join(f->path, "domain.json"), *dm = path_join(f->path, "dm.json"),
                            *order = path_join(f->path, "order.json");

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(run_record_done) RunRecord record = {};
                _cleanup_(dm_record_done) DmRecord dm_record = {};
                _cleanup_(start_order_done) StartOrder start = {};
                JsonReader reader = {};

                assert_int_equal(file_write_atomic(path, texts[i], strlen(texts[i]), 0644), 0);
                assert_int_equal(file_write_atomic(dm, texts[i], strlen(texts[i]), 0644), 0);
                assert_int_equal(file_write_atomic(order, texts[i], strlen(texts[i]), 0644), 0);
                assert_int_equal(run_record_read(f->path, &record), -EBADMSG);
                assert_int_equal(dm_record_read(f->path, &dm_record), -EBADMSG);
                assert_int_equal(run_order_read(&reader, f->path, &start), -EBADMSG);
                assert_true(*reader.error);
        }
}

static void the_device_models_word_comes_back(void **state) {
        const DmRecord record = { .stage = (char *) "failed", .emulator = { 5, 6 }, .error = (char *) "No." };
        _cleanup_(dm_record_done) DmRecord got = {};
        Folder *f = *state;

        assert_int_equal(dm_record_read(f->path, &got), -ENOENT);
        assert_int_equal(dm_record_write(f->path, &record), 0);
        assert_int_equal(dm_record_read(f->path, &got), 0);
        assert_string_equal(got.stage, "failed");
        assert_string_equal(got.state, "");
        assert_string_equal(got.error, "No.");
        assert_process(&got.emulator, &record.emulator);
        assert_int_equal(got.qemu.pid, 0);
}

static void arguments_go_both_ways(void **state) {
        const DomainProgram program = {
                .program = "/x/xenvgpu-domain",
                .folder = "/run/a b",
                .sim_dir = "/sim",
                .dm = "/x/dm",
                .emulator = "/x/vgpu",
                .emulator_form = EMULATOR_FORM_6X,
                .emulator_timeout = 7,
                .running_timeout = 8,
                .qemu = "/x/qemu",
                .qemu_vgpu_args = "-device vgpu",
                .sysfs = "/s y s",
                .gimtool = "/x/gimtool",
                .gimtool_timeout = 9,
                .core_dump_folder = "/x/dumps",
                .core_dumps = 7,
                .crash_on_emulator_death = true,
                .adopt = true,
        };
        _cleanup_(strv_freep) char **argv = NULL;
        _cleanup_free_ char *error = NULL;
        DomainProgram got = {};

        assert_int_equal(domain_program_build_argv(&program, &argv), 0);
        assert_int_equal(domain_program_parse_argv(argv, &got, &error), 0);
        assert_string_equal(got.folder, program.folder);
        assert_string_equal(got.hypervisor, "simulated");
        assert_string_equal(got.sim_dir, program.sim_dir);
        assert_string_equal(got.dm, program.dm);
        assert_string_equal(got.emulator, program.emulator);
        assert_string_equal(got.qemu, program.qemu);
        assert_string_equal(got.qemu_vgpu_args, program.qemu_vgpu_args);
        assert_int_equal(got.emulator_form, EMULATOR_FORM_6X);
        assert_int_equal(got.emulator_timeout, 7);
        assert_int_equal(got.running_timeout, 8);
        assert_string_equal(got.sysfs, program.sysfs);
        assert_string_equal(got.gimtool, program.gimtool);
        assert_int_equal(got.gimtool_timeout, 9);
        assert_string_equal(got.core_dump_folder, program.core_dump_folder);
        assert_int_equal(got.core_dumps, 7);
        assert_true(got.crash_on_emulator_death && got.adopt);
}

static void lines_of_a_program_name_its_vm(void **state) {
        char buf[PROGRAM_LOG_FIELD_MAX];

        assert_string_equal(program_log_field("/run/vm/6ba7b810-9dad-11d1-80b4-00c04fd430c8", buf),
                "XENVGPU_VM=6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        assert_string_equal(program_log_field("/run/vm/web", buf), "");
}

static void bad_arguments_are_named(void **state) {
        static const char *const bad[] = { "--nonsense", "--folder=", "--emulator-form=7",
                "--running-timeout=soon", "--on-emulator-death=x", "word" };
        const DomainProgram incomplete = { .program = "x", .folder = "/f", .dm = "/dm" };
        _cleanup_(strv_freep) char **argv = NULL;
        DomainProgram got;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char *list[] = { (char *) "p", (char *) "--dm=/d", (char *) bad[i], NULL };
                _cleanup_free_ char *error = NULL;

                assert_int_equal(domain_program_parse_argv(list, &got, &error), -EINVAL);
                assert_non_null(strstr(error, bad[i]));
        }
        {
                char *list[] = { (char *) "p", NULL };
                _cleanup_free_ char *error = NULL;

                assert_int_equal(domain_program_parse_argv(list, &got, &error), -EINVAL);
                assert_non_null(strstr(error, "--folder"));
        }
        assert_int_equal(domain_program_build_argv(&incomplete, &argv), -EINVAL);
}

static void the_environment_carries_the_settings(void **state) {
        const DomainProgram program = { .folder = "/f",
                .emulator = "/e",
                .emulator_form = EMULATOR_FORM_6X,
                .emulator_timeout = 9,
                .qemu = "/q",
                .qemu_vgpu_args = "-a -b" };
        const char *bad = NULL;
        DomainProgram got = {};

        assert_int_equal(dm_settings_export(&program), 0);
        assert_int_equal(dm_settings_import(&got, &bad), 0);
        assert_string_equal(got.folder, "/f");
        assert_string_equal(got.emulator, "/e");
        assert_int_equal(got.emulator_form, EMULATOR_FORM_6X);
        assert_int_equal(got.emulator_timeout, 9);
        assert_string_equal(got.qemu, "/q");
        assert_string_equal(got.qemu_vgpu_args, "-a -b");

        assert_int_equal(setenv("XENVGPU_EMULATOR_TIMEOUT", "-1", 1), 0);
        assert_int_equal(dm_settings_import(&got, &bad), -EINVAL);
        assert_string_equal(bad, "XENVGPU_EMULATOR_TIMEOUT");
        assert_int_equal(setenv("XENVGPU_EMULATOR_FORM", "5", 1), 0);
        assert_int_equal(dm_settings_import(&got, &bad), -EINVAL);
        assert_string_equal(bad, "XENVGPU_EMULATOR_FORM");
}

static void a_deep_folder_has_a_socket_too(void **state) {
        _cleanup_close_ int listen_fd = -1, client = -1, server = -1, again = -1;
        LineReader *reader = calloc(1, sizeof(*reader));
        Folder *f = *state;
        Uuid token = uuid(9);

        assert_non_null(reader);
        assert_int_equal(run_socket_connect(f->path, &client), -ENOENT);
        assert_int_equal(run_socket_listen(f->path, &listen_fd), 0);
        assert_int_equal(run_socket_connect(f->path, &client), 0);
        server = accept(listen_fd, NULL, NULL);
        assert_true(server >= 0);

        assert_int_equal(line_reader_fill(reader, server), -EAGAIN);
        assert_int_equal(run_socket_send_stop(client, &token, /* force= */ true), 0);
        assert_int_equal(line_reader_fill(reader, server), 1);
        assert_string_equal(line_reader_next(reader),
                "{\"command\":\"stop\",\"token\":\"09010203-0405-4607-8800-000000000000\",\"force\":true}");
        assert_null(line_reader_next(reader));

        /* What is left of an instance that died does not stand in the way. */
        assert_int_equal(run_socket_listen(f->path, &again), 0);
        free(reader);
}

static void lines_survive_how_they_are_cut(void **state) {
        static const char stream[] = "one\n\ntwo\nthr";
        LineReader *reader = calloc(1, sizeof(*reader));
        char got[64] = "", block[RUN_SOCKET_LINE_MAX];
        int fds[2];

        assert_non_null(reader);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        for (size_t i = 0; i < sizeof(stream) - 1; i++) {
                const char *line;

                assert_int_equal(write(fds[0], stream + i, 1), 1);
                assert_int_equal(line_reader_fill(reader, fds[1]), 1);
                while ((line = line_reader_next(reader))) {
                        strcat(got, line);
                        strcat(got, "|");
                }
        }
        assert_string_equal(got, "one||two|");

        memset(block, 'x', sizeof(block));
        assert_true(write(fds[0], block, sizeof(block)) > 0);
        while (line_reader_fill(reader, fds[1]) == 1)
                assert_null(line_reader_next(reader));
        assert_int_equal(line_reader_fill(reader, fds[1]), -EMSGSIZE);

        (void) close(fds[0]);
        (void) close(fds[1]);
        free(reader);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_full_record_comes_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_absent_stays_absent, set_up, tear_down),
                cmocka_unit_test_setup_teardown(bad_bytes_do_not_hide_a_reason, set_up, tear_down),
                cmocka_unit_test_setup_teardown(damaged_records_are_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_device_models_word_comes_back, set_up, tear_down),
                cmocka_unit_test(arguments_go_both_ways),
                cmocka_unit_test(lines_of_a_program_name_its_vm),
                cmocka_unit_test(bad_arguments_are_named),
                cmocka_unit_test(the_environment_carries_the_settings),
                cmocka_unit_test_setup_teardown(a_deep_folder_has_a_socket_too, set_up, tear_down),
                cmocka_unit_test(lines_survive_how_they_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
