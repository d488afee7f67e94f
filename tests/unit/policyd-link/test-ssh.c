/*
 * A host behind ssh, with a script in ssh's place
 */

#include <sys/stat.h>

#include "tests/unit/policyd-link/link-world.h"

/* Writes the script; its path is w->settings.ssh_program from then on. */
static void put_script(World *w, char path[static 128], const char *format, ...)
        __attribute__((__format__(printf, 3, 4)));

static void put_script(World *w, char path[static 128], const char *format, ...) {
        va_list args;
        FILE *f;

        snprintf(path, 128, "%s/ssh", w->bus.dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\n");
        va_start(args, format);
        vfprintf(f, format, args);
        va_end(args);
        fclose(f);
        assert_int_equal(chmod(path, 0755), 0);
        w->settings.ssh_program = path;
}

static void test_a_host_behind_ssh_is_claimed(void **state) {
        World *w = *state;
        char path[128], log[128], line[1024] = "";
        FILE *f;

        snprintf(log, sizeof(log), "%s/arguments", w->bus.dir);
        put_script(w, path,
                "echo \"$@\" >%s\necho Warning: added a key >&2\nexec systemd-stdio-bridge --bus-path=%s\n",
                log, w->bus.address);
        fake_host_start(&w->host, &w->bus, w->event);
        world_dial(w, "ssh:xenvgpu@beta:2222");
        RUN_UNTIL(w, w->n_claimed == 1);
        assert_int_equal(link_start_vm(w->link, "{}", world_reply, w), 0);
        RUN_UNTIL(w, w->done == 1);

        f = fopen(log, "re");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof(line), f));
        fclose(f);
        assert_non_null(strstr(line, "BatchMode=yes"));
        assert_non_null(strstr(line, "StrictHostKeyChecking=yes"));
        assert_non_null(strstr(line, "ServerAliveInterval=10"));
        assert_non_null(strstr(line, "-p 2222 -- xenvgpu@beta systemd-stdio-bridge\n"));

        w->link = link_free(w->link);
        unlink(log);
        unlink(path);
}

static void test_the_words_of_ssh_are_the_reason(void **state) {
        World *w = *state;
        char path[128];

        put_script(w, path, "echo 'xenvgpu@beta: Permission denied (publickey).' >&2\nexit 255\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 2);
        assert_non_null(strstr(w->reason, "ssh: xenvgpu@beta: Permission denied (publickey)."));
        w->link = link_free(w->link);
        unlink(path);

        w->n_lost = 0;
        put_script(w, path, "echo 'ssh: connect to host beta port 22: Connection refused' >&2\nexit 255\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, " ssh: connect to host beta port 22: Connection refused"));
        assert_null(strstr(w->reason, "ssh: ssh"));
        unlink(path);
}

static void test_ssh_is_killed_with_its_link(void **state) {
        World *w = *state;
        char path[128];

        w->settings.connect_usec = 200000;
        put_script(w, path, "exec sleep 1000\n");
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_non_null(strstr(w->reason, "did not answer within 200 ms"));
        run_for(w, 100);
        w->link = link_free(w->link);
        unlink(path);
}

static void test_there_is_no_ssh(void **state) {
        World *w = *state;

        w->settings.ssh_program = "/nonexistent/ssh";
        world_dial(w, "ssh:xenvgpu@beta");
        RUN_UNTIL(w, w->n_lost == 1);
        assert_string_equal(w->reason, "The ssh program cannot be reached: No such file or directory.");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WORLD_TEST(test_a_host_behind_ssh_is_claimed),
                WORLD_TEST(test_the_words_of_ssh_are_the_reason),
                WORLD_TEST(test_ssh_is_killed_with_its_link),
                WORLD_TEST(test_there_is_no_ssh),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
