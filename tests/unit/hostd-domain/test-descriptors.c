/*
 * What a device model inherits reaches qemu, and nobody else
 *
 * libxl opens descriptors for the device model (its log, and under dm_restrict those that a qemu without privileges could not
 * open itself) and names them by number. xenvgpu-dm stands between the two, and starts the emulator meanwhile.
 */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/run/program.h"
#include "hostd/run/xenstore.h"
#include "tests/unit/hostd-domain/world.h"

#define DOMID "9"

/* Says which file each of its descriptors is; the shell's own come and go. */
#define QEMU "#!/bin/sh\nfor fd in 5 23 24; do readlink /proc/$$/fd/$fd; done >%s/qemu.fds\nls /proc/$$/fd >%s/qemu.all\n"

static int set_up(void **state) {
        *state = world_new();
        return 0;
}

static int tear_down(void **state) {
        world_free(*state);
        return 0;
}

static void write_world(World *w) {
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *folder = path_join(w->sim, "dom/" DOMID), *qemu = path_join(w->root, "qemu"),
                            *script = NULL;

        world_order(w, 1, NULL);
        assert_int_equal(mkdir_parents(folder, 0755), 0);
        assert_true(asprintf(&script, QEMU, w->root, w->root) > 0);
        assert_int_equal(file_write_atomic(qemu, script, strlen(script), 0755), 0);
        assert_int_equal(chmod(qemu, 0755), 0);
        assert_int_equal(xenstore_open(&xs), 0);
        assert_int_equal(xenstore_write(xs, w->sim, "/lab/sim-dir"), 0);
        assert_int_equal(xenstore_write(xs, "guest", "/local/domain/" DOMID "/name"), 0);
        assert_int_equal(xenstore_write(xs, DOMID, "/local/domain/" DOMID "/domid"), 0);
}

static void run_device_model(World *w) {
        _cleanup_free_ char *qemu = path_join(w->root, "qemu"), *file = path_join(w->root, "given");
        int status;
        pid_t pid;

        w->settings.qemu = qemu;
        w->settings.qemu_vgpu_args = "-vgpu";
        pid = fork();
        if (pid == 0) {
                int fd;

                /* Whatever the test itself was given. */
                (void) close_range(3, ~0U, 0);
                fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
                if (fd < 0 || dup2(fd, 5) < 0 || dup2(fd, 23) < 0 || dm_settings_export(&w->settings) < 0)
                        _exit(126);
                /* Not meant for it. */
                (void) fcntl(dup2(fd, 24), F_SETFD, FD_CLOEXEC);
                (void) execl(DM_PROGRAM, "xenvgpu-dm", "-xen-domid", DOMID, "-machine", "xenfv", (char *) NULL);
                _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void end_emulator(const ProcessId *emulator) {
        assert_true(process_is_alive(emulator));
        world_signal(emulator, SIGKILL);
}

static void assert_open(pid_t pid, const char *given, bool open) {
        char folder[64];
        struct dirent *entry;
        bool found = false;
        DIR *d;

        (void) snprintf(folder, sizeof(folder), "/proc/%d/fd", (int) pid);
        d = opendir(folder);
        assert_non_null(d);
        while ((entry = readdir(d))) {
                char target[512];
                ssize_t n = readlinkat(dirfd(d), entry->d_name, target, sizeof(target) - 1);

                target[MAX_OF(n, 0)] = '\0';
                found = found || streq(target, given);
        }
        (void) closedir(d);
        assert_true(found == open);
}

static void what_libxl_opens_reaches_qemu_alone(void **state) {
        _cleanup_free_ char *given = NULL, *path = NULL, *fds = NULL, *all_path = NULL, *all = NULL, *want = NULL;
        _cleanup_(dm_record_done) DmRecord dm = {};
        World *w = *state;

        given = path_join(w->root, "given");
        path = path_join(w->root, "qemu.fds");
        all_path = path_join(w->root, "qemu.all");
        write_world(w);
        run_device_model(w);

        assert_int_equal(file_read(path, 4096, &fds, NULL), 0);
        assert_true(asprintf(&want, "%s\n%s\n", given, given) > 0);
        assert_string_equal(fds, want);
        /* Standard ones, the two, and what the shell has open for its script and redirection. */
        assert_int_equal(file_read(all_path, 4096, &all, NULL), 0);
        assert_null(strstr(all, "\n3\n"));
        assert_null(strstr(all, "\n4\n"));

        assert_int_equal(dm_record_read(w->run, &dm), 0);
        assert_string_equal(dm.stage, "ready");
        assert_open(dm.emulator.pid, given, /* open= */ false);
        end_emulator(&dm.emulator);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_libxl_opens_reaches_qemu_alone, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
