/*
 * A VM's program in its world: each way to start, to end, and to be cut off
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "tests/unit/hostd-domain/world.h"

#define ERROR(word) "org.xenvgpu.Error." word

static int set_up(void **state) {
        *state = world_new();
        return 0;
}

static int tear_down(void **state) {
        world_free(*state);
        return 0;
}

static RunRecord start(World *w, size_t n_vgpus, const char *more) {
        world_order(w, n_vgpus, more);
        world_launch(w, /* adopt= */ false);
        return world_await(w, "running");
}

/* For those who need not know its record. */
static void start_only(World *w, size_t n_vgpus, const char *more) {
        _cleanup_(run_record_done) RunRecord record = start(w, n_vgpus, more);

        assert_int_equal(record.state, VM_STATE_RUNNING);
}

static void assert_halted(World *w, const char *reason, const char *error) {
        _cleanup_(run_record_done) RunRecord record = world_record(w);

        assert_int_equal(record.state, VM_STATE_HALTED);
        assert_string_equal(record.reason, reason);
        assert_int_equal(record.domid, 0);
        assert_int_equal(record.qemu.pid, 0);
        assert_int_equal(record.emulator.pid, 0);
        assert_false(record.vgpus_active || record.vgpus_plugged || record.pcis_plugged);
        if (error)
                assert_string_equal(strempty(record.error_name), error);
        else
                assert_null(record.error_name);
        world_assert_clean(w);
}

static void a_vm_with_a_vgpu_runs_and_powers_off(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 1, NULL);
        _cleanup_free_ char *argv = world_qemu_argv(*state, record.domid);

        assert_int_equal(record.state, VM_STATE_RUNNING);
        assert_int_equal(record.domid, 1);
        assert_true(record.vgpus_active && record.vgpus_plugged);
        assert_true(process_is_alive(&record.emulator) && process_is_alive(&record.qemu));
        assert_non_null(strstr(argv, "\n-vgpu\n"));
        assert_null(strstr(argv, "VGA"));
        assert_non_null(strstr(argv, "\n-D\n/dev/null\n-m\n496\n"));

        world_guest(*state, "shutdown poweroff");
        world_await_exit(*state, 0);
        assert_halted(*state, "poweroff", NULL);
}

/* Whether an inotify instance of the process watches the folder. */
static bool watches(pid_t pid, const char *folder) {
        _cleanup_free_ char *infos = NULL, *mark = NULL;
        struct dirent *entry;
        bool found = false;
        struct stat st;
        DIR *dir;

        assert_int_equal(stat(folder, &st), 0);
        assert_true(asprintf(&mark, " ino:%lx ", (unsigned long) st.st_ino) > 0);
        assert_true(asprintf(&infos, "/proc/%d/fdinfo", (int) pid) > 0);
        dir = opendir(infos);
        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                _cleanup_free_ char *path = path_join(infos, entry->d_name), *text = NULL;

                if (file_read(path, 65536, &text, NULL) >= 0)
                        found |= strstr(text, mark) && strstr(text, "inotify wd:");
        }
        closedir(dir);
        return found;
}

/* Root has 128 instances of inotify on many machines, and hundreds of VMs run on one. */
static void a_vm_that_runs_takes_no_inotify_for_its_run_folder(void **state) {
        World *w = *state;

        start_only(w, 1, NULL);
        assert_false(watches(w->program, w->settings.folder));
        world_guest(w, "shutdown poweroff");
        world_await_exit(w, 0);
        assert_halted(w, "poweroff", NULL);
}

static void a_vm_without_gpu_keeps_its_display(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 0, NULL);
        _cleanup_free_ char *argv = world_qemu_argv(*state, record.domid);

        assert_non_null(strstr(argv, "\n-device\nVGA,vgamem_mb=16\n"));
        assert_int_equal(record.emulator.pid, 0);
        world_stop(*state, /* force= */ true);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

static void the_6x_form_needs_no_state(void **state) {
        World *w = *state;

        w->settings.emulator_form = EMULATOR_FORM_6X;
        {
                _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL);

                assert_true(record.vgpus_plugged);
        }
        world_stop(w, /* force= */ false);
        world_await_exit(w, 0);
        assert_halted(w, "stopped", NULL);
}

static void a_reboot_is_a_fresh_domain_with_the_same_vgpus(void **state) {
        _cleanup_(run_record_done) RunRecord before = start(*state, 2, "\"on_reboot\":\"restart\"");

        world_guest(*state, "shutdown reboot");
        {
                _cleanup_(run_record_done) RunRecord after = world_await_domid(*state, before.domid);

                assert_int_equal(after.state, VM_STATE_RUNNING);
                assert_int_equal(after.reboots, 1);
                assert_true(after.vgpus_plugged);
                assert_false(process_is_alive(&before.emulator));
                assert_true(process_is_alive(&after.emulator));
        }
        world_guest(*state, "shutdown poweroff");
        world_await_exit(*state, 0);
        assert_halted(*state, "poweroff", NULL);
}

static void a_reboot_may_be_an_end(void **state) {
        start_only(*state, 1, "\"on_reboot\":\"destroy\"");
        world_guest(*state, "shutdown reboot");
        world_await_exit(*state, 0);
        assert_halted(*state, "reboot", NULL);
}

static void a_crash_destroys_the_domain(void **state) {
        start_only(*state, 1, NULL);
        world_guest(*state, "shutdown crash");
        world_await_exit(*state, 0);
        assert_halted(*state, "crash", NULL);
}

static void a_crash_may_be_kept_until_stopped(void **state) {
        start_only(*state, 1, "\"on_crash\":\"preserve\"");
        world_guest(*state, "shutdown crash");
        {
                _cleanup_(run_record_done) RunRecord crashed = world_await(*state, "crashed");

                assert_int_equal(crashed.state, VM_STATE_RUNNING);
                assert_true(process_is_alive(&crashed.qemu));
        }
        world_stop(*state, /* force= */ false);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

static void a_crashed_guests_core_is_kept(void **state) {
        start_only(*state, 1, "\"on_crash\":\"coredump_destroy\"");
        world_guest(*state, "shutdown crash");
        world_await_exit(*state, 0);
        assert_halted(*state, "crash", NULL);
        assert_true(world_has_core(*state));
}

static void a_guest_whose_core_is_kept_may_go_on(void **state) {
        _cleanup_(run_record_done) RunRecord before = start(*state, 1, "\"on_crash\":\"coredump_restart\"");

        world_guest(*state, "shutdown crash");
        {
                _cleanup_(run_record_done) RunRecord after = world_await_domid(*state, before.domid);

                assert_true(after.vgpus_plugged);
                assert_true(world_has_core(*state));
        }
        world_stop(*state, /* force= */ true);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

static void without_cores_a_crashed_guest_ends_as_it_would(void **state) {
        World *w = *state;

        w->settings.core_dumps = 0;
        start_only(w, 1, "\"on_crash\":\"coredump_destroy\"");
        world_guest(w, "shutdown crash");
        world_await_exit(w, 0);
        assert_halted(w, "crash", NULL);
        assert_false(world_has_core(w));
}

/* Another VM's core is being written, so that this one's has to wait. */
static int hold_dumps(World *w) {
        _cleanup_free_ char *path = path_join(w->dumps, ".xenvgpu.lock");
        int fd;

        assert_int_equal(mkdir_parents(w->dumps, 0700), 0);
        assert_int_equal(file_lock(path, &fd), 0);
        return fd;
}

static void crash_and_wait(World *w) {
        _cleanup_(run_record_done) RunRecord record = {};

        start_only(w, 1, "\"on_crash\":\"coredump_destroy\"");
        world_guest(w, "shutdown crash");
        record = world_await(w, "dump");
        assert_int_equal(record.state, VM_STATE_STOPPING);
        assert_true(process_is_alive(&record.qemu));
}

static void a_core_is_given_up_for_a_forced_stop(void **state) {
        int lock = hold_dumps(*state);

        crash_and_wait(*state);
        world_stop(*state, /* force= */ true);
        world_await_exit(*state, 0);
        assert_halted(*state, "crash", NULL);
        assert_false(world_has_core(*state));
        (void) file_unlock(lock);
}

static void a_core_is_written_by_who_comes_after(void **state) {
        int lock = hold_dumps(*state);

        crash_and_wait(*state);
        world_kill(*state);
        world_launch(*state, /* adopt= */ true);
        (void) file_unlock(lock);
        world_await_exit(*state, 0);
        assert_halted(*state, "crash", NULL);
        assert_true(world_has_core(*state));
}

static void a_guest_that_hangs_is_only_stopped_by_force(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 1, NULL);

        world_hang(*state);
        world_stop(*state, /* force= */ false);
        {
                _cleanup_(run_record_done) RunRecord stopping = world_await(*state, "stop");

                assert_int_equal(stopping.state, VM_STATE_STOPPING);
        }
        (void) nanosleep(&(struct timespec){ .tv_nsec = 400000000 }, NULL);
        assert_true(process_is_alive(&record.qemu));
        world_stop(*state, /* force= */ true);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

/* systemd stops the unit: with the host, or by an administrator. */
static void a_host_that_goes_down_asks_the_guest(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 1, NULL);

        world_signal(&record.program, SIGTERM);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

/* As a predecessor that is not quite gone yet: until it is closed. */
static int hold_run_folder(const World *w) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        _cleanup_free_ char *path = path_join(w->run, "lock");
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_SETLK, &lock), 0);
        return fd;
}

static bool program_blocks_signal(const World *w, int signo) {
        _cleanup_free_ char *text = NULL;
        char path[64];
        size_t size;
        char *line;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", w->program);
        assert_int_equal(file_read(path, 65536, &text, &size), 0);
        line = strstr(text, "\nSigBlk:");
        return line && strtoull(line + strlen("\nSigBlk:"), NULL, 16) & 1ULL << (signo - 1);
}

static void a_host_that_goes_down_during_an_adoption_asks_the_guest(void **state) {
        World *w = *state;
        int lock;

        start_only(w, 1, NULL);
        world_kill(w);
        lock = hold_run_folder(w);
        world_launch(w, /* adopt= */ true);
        /* It waits for the folder for a second: it must be deaf to the signal's default action by then. */
        for (int i = 0; !program_blocks_signal(w, SIGTERM); i++) {
                assert_true(i < 200);
                (void) nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        }
        assert_int_equal(kill(w->program, SIGTERM), 0);
        (void) close(lock);
        world_await_exit(w, 0);
        assert_halted(w, "stopped", NULL);
}

static void an_emulator_that_dies_is_reported(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 1, NULL);

        world_signal(&record.emulator, SIGKILL);
        for (int i = 0;; i++) {
                _cleanup_(run_record_done) RunRecord now = world_record(*state);

                if (now.emulator.pid == 0) {
                        assert_int_equal(now.state, VM_STATE_RUNNING);
                        assert_true(now.vgpus_active);
                        assert_false(now.vgpus_plugged);
                        break;
                }
                assert_true(i < 500);
                (void) nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        }
        assert_true(process_is_alive(&record.qemu));
        world_stop(*state, /* force= */ false);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

static void an_emulator_that_dies_may_crash_the_guest(void **state) {
        World *w = *state;

        w->settings.crash_on_emulator_death = true;
        {
                _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL);

                world_signal(&record.emulator, SIGKILL);
        }
        world_await_exit(w, 0);
        assert_halted(w, "crash", NULL);
}

static void a_qemu_that_dies_takes_the_domain_along(void **state) {
        _cleanup_(run_record_done) RunRecord record = start(*state, 1, NULL);

        world_signal(&record.qemu, SIGKILL);
        world_await_exit(*state, 0);
        assert_halted(*state, "device-model-died", ERROR("DomainFailed"));
        run_record_done(&record);
        record = world_record(*state);
        assert_true(record.let_go);
}

static void a_domain_that_someone_destroys_is_over(void **state) {
        World *w = *state;
        _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL);
        char path[256], other[256];

        (void) snprintf(path, sizeof(path), "%s/dom/%" PRIu32, w->sim, record.domid);
        (void) snprintf(other, sizeof(other), "%s/dom/old-%" PRIu32, w->sim, record.domid);
        assert_int_equal(rename(path, other), 0);
        world_await_exit(w, 0);
        assert_halted(w, "destroyed", NULL);
}

/* Faults of emulator and qemu while the VM starts: the error's name, and what its sentence must say. */
static void faults_while_starting_are_told_apart(void **state) {
        static const struct {
                const char *faults, *error, *says;
        } cases[] = {
                { "{\"emulator\":\"exit-at-once\"}", ERROR("FailedToStartEmulator"),
                        "exited unexpectedly with status 3" },
                { "{\"emulator\":\"error\"}", ERROR("FailedToStartEmulator"), "code 7" },
                { "{\"emulator\":\"never-ready\"}", ERROR("FailedToStartEmulator"),
                        "not up after 2.0 seconds" },
                { "{\"emulator\":\"never-running\"}", ERROR("FailedToStartEmulator"), "running" },
                { "{\"qemu\":\"exit-at-once\"}", ERROR("FailedToStartEmulator"), "exited with status 4" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(run_record_done) RunRecord end = {};
                World *w = world_new();

                world_fault(w, cases[i].faults);
                world_order(w, 1, NULL);
                world_launch(w, /* adopt= */ false);
                world_await_exit(w, 0);
                end = world_record(w);
                if (!strstr(strempty(end.error_message), cases[i].says))
                        fail_msg("%s: %s", cases[i].faults, strempty(end.error_message));
                assert_halted(w, "failed", cases[i].error);
                assert_false(end.let_go);
                world_free(w);
        }
}

static void wrong_orders_are_refused(void **state) {
        static const struct {
                const char *more, *error;
        } cases[] = {
                { "\"c_info\":{\"type\":\"pv\"}", ERROR("FeatureRequiresHVM") },
                { "\"b_info\":{\"max_memkb\":8388608}", ERROR("HostNotEnoughFreeMemory") },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                World *w = world_new();

                world_order(w, 1, cases[i].more);
                world_launch(w, /* adopt= */ false);
                world_await_exit(w, 0);
                assert_halted(w, "failed", cases[i].error);
                world_free(w);
        }
}

/* On a machine whose kernel is a folder: what is written to "bind" binds nothing. */
static void add_gpu(World *w, const char *driver) {
        _cleanup_free_ char *sysfs = path_join(w->root, "pci"), *drivers = path_join(sysfs, "drivers/nvidia");
        _cleanup_free_ char *gpu = path_join(sysfs, "devices/0000:83:00.0"), *link = path_join(gpu, "driver");
        _cleanup_free_ char *bind = path_join(drivers, "bind"), *target = path_join("../../drivers", driver);

        assert_int_equal(mkdir_parents(gpu, 0755), 0);
        assert_int_equal(mkdir_parents(drivers, 0755), 0);
        assert_int_equal(file_write_atomic(bind, "", 0, 0600), 0);
        if (*driver)
                assert_int_equal(symlink(target, link), 0);
}

static void a_gpu_without_its_driver_fails_the_start(void **state) {
        static const struct {
                const char *driver, *says;
        } cases[] = {
                { "", "0000:83:00.0 has no driver, and nvidia" },
                { "nouveau", "0000:83:00.0 is held by the driver nouveau" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                World *w = world_new();
                _cleanup_free_ char *sysfs = path_join(w->root, "pci");
                _cleanup_(run_record_done) RunRecord end = {};

                add_gpu(w, cases[i].driver);
                w->settings.sysfs = sysfs;
                world_order(w, 1, NULL);
                world_launch(w, /* adopt= */ false);
                world_await_exit(w, 0);
                end = world_record(w);
                if (!strstr(strempty(end.error_message), cases[i].says))
                        fail_msg("%s", strempty(end.error_message));
                assert_halted(w, "failed", ERROR("DomainFailed"));
                world_free(w);
        }
}

/* Nor one that xen-pciback holds on a simulated host, where no libxl could take it from there. */
static void a_gpu_with_its_driver_does_not(void **state) {
        static const char *const drivers[] = { "nvidia", "pciback" };

        for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
                World *w = world_new();
                _cleanup_free_ char *sysfs = path_join(w->root, "pci");
                _cleanup_(run_record_done) RunRecord record = {};

                add_gpu(w, drivers[i]);
                w->settings.sysfs = sysfs;
                record = start(w, 1, NULL);
                assert_true(record.domid > 0);
                world_stop(w, /* force= */ true);
                world_await_exit(w, 0);
                assert_halted(w, "stopped", NULL);
                world_free(w);
        }
}

static void a_stop_cancels_a_create(void **state) {
        world_fault(*state, "{\"emulator\":\"slow=60000\"}");
        world_order(*state, 1, NULL);
        world_launch(*state, /* adopt= */ false);
        {
                _cleanup_(run_record_done) RunRecord record = world_await(*state, "emulator");

                assert_int_equal(record.state, VM_STATE_STARTING);
        }
        world_stop(*state, /* force= */ false);
        world_await_exit(*state, 0);
        assert_halted(*state, "stopped", NULL);
}

static void a_second_instance_is_sent_away(void **state) {
        World *w = *state;
        _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL);
        pid_t first = w->program;

        world_launch(w, /* adopt= */ true);
        world_await_exit(w, DOMAIN_PROGRAM_EXIT_BUSY);
        w->program = first;
        assert_true(process_is_alive(&record.qemu));
        world_stop(w, /* force= */ true);
        world_await_exit(w, 0);
        assert_halted(w, "stopped", NULL);
}

/* Killed while running: the next instance finds everything, and hears what happened meanwhile. */
static void a_killed_program_adopts_its_running_domain(void **state) {
        World *w = *state;
        _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL), after = {};

        world_kill(w);
        assert_true(process_is_alive(&record.qemu) && process_is_alive(&record.emulator));
        world_launch(w, /* adopt= */ true);
        world_stop(w, /* force= */ false);
        world_await_exit(w, 0);
        assert_halted(w, "stopped", NULL);
        after = world_record(w);
        assert_int_not_equal(after.program.pid, record.program.pid);
}

static void what_happened_while_the_program_was_dead_is_found(void **state) {
        static const struct {
                const char *guest;
                bool kill_qemu;
                const char *reason, *error;
        } cases[] = {
                { "shutdown poweroff", false, "poweroff", NULL },
                { "shutdown crash", false, "crash", NULL },
                { NULL, true, "device-model-died", ERROR("DomainFailed") },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                World *w = world_new();
                _cleanup_(run_record_done) RunRecord record = start(w, 1, NULL);

                world_kill(w);
                if (cases[i].guest)
                        world_guest(w, cases[i].guest);
                if (cases[i].kill_qemu)
                        world_signal(&record.qemu, SIGKILL);
                world_launch(w, /* adopt= */ true);
                world_await_exit(w, 0);
                assert_halted(w, cases[i].reason, cases[i].error);
                world_free(w);
        }
}

/* Killed at any moment of a start, the next instance brings the VM up, once. */
static void a_start_survives_kills_at_any_moment(void **state) {
        for (int i = 0; i < KILL_ROUNDS; i++) {
                World *w = world_new();
                long ms = i * 700 / KILL_ROUNDS;

                world_fault(w, i % 2 ? "{\"emulator\":\"slow=200\"}" : NULL);
                world_order(w, 1, NULL);
                world_launch(w, /* adopt= */ false);
                (void) nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
                world_kill(w);
                world_launch(w, /* adopt= */ true);
                {
                        _cleanup_(run_record_done) RunRecord record = world_await_domid(w, 0);

                        assert_true(process_is_alive(&record.qemu) && process_is_alive(&record.emulator));
                        assert_true(record.cut_offs <= 1);
                }
                world_stop(w, /* force= */ i % 2);
                world_await_exit(w, 0);
                assert_halted(w, "stopped", NULL);
                world_free(w);
        }
}

/* Killed at any moment of an end, the next instance finishes it. */
static void an_end_survives_kills_at_any_moment(void **state) {
        for (int i = 0; i < KILL_ROUNDS; i++) {
                World *w = world_new();
                long ms = i * 300 / KILL_ROUNDS;

                start_only(w, 1, NULL);
                world_stop(w, /* force= */ i % 2);
                (void) nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
                if (waitpid(w->program, NULL, WNOHANG) == 0)
                        world_kill(w);
                world_launch(w, /* adopt= */ true);
                world_await_exit(w, 0);
                assert_halted(w, "stopped", NULL);
                world_free(w);
        }
}

static void a_start_that_is_cut_off_again_and_again_ends(void **state) {
        World *w = *state;

        world_fault(w, "{\"emulator\":\"slow=60000\"}");
        world_order(w, 1, NULL);
        world_launch(w, /* adopt= */ false);
        for (uint32_t i = 0; i < 4; i++) {
                for (int tries = 0;; tries++) {
                        _cleanup_(run_record_done) RunRecord record = {};

                        if (run_record_read(w->run, &record) >= 0 && streq(record.stage, "emulator") &&
                                record.cut_offs == i)
                                break;
                        assert_true(tries < 1000);
                        (void) nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
                }
                world_kill(w);
                world_launch(w, /* adopt= */ true);
        }
        world_await_exit(w, 0);
        assert_halted(w, "failed", ERROR("DomainFailed"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_vm_with_a_vgpu_runs_and_powers_off, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_vm_that_runs_takes_no_inotify_for_its_run_folder, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_vm_without_gpu_keeps_its_display, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_6x_form_needs_no_state, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_reboot_is_a_fresh_domain_with_the_same_vgpus, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_reboot_may_be_an_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_crash_destroys_the_domain, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_crash_may_be_kept_until_stopped, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_crashed_guests_core_is_kept, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_guest_whose_core_is_kept_may_go_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_cores_a_crashed_guest_ends_as_it_would, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_core_is_given_up_for_a_forced_stop, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_core_is_written_by_who_comes_after, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_guest_that_hangs_is_only_stopped_by_force, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_host_that_goes_down_asks_the_guest, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_host_that_goes_down_during_an_adoption_asks_the_guest, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_emulator_that_dies_is_reported, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_emulator_that_dies_may_crash_the_guest, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_qemu_that_dies_takes_the_domain_along, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_domain_that_someone_destroys_is_over, set_up, tear_down),
                cmocka_unit_test(faults_while_starting_are_told_apart),
                cmocka_unit_test(wrong_orders_are_refused),
                cmocka_unit_test_setup_teardown(a_stop_cancels_a_create, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_second_instance_is_sent_away, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_killed_program_adopts_its_running_domain, set_up, tear_down),
                cmocka_unit_test(a_gpu_without_its_driver_fails_the_start),
                cmocka_unit_test(a_gpu_with_its_driver_does_not),
                cmocka_unit_test(what_happened_while_the_program_was_dead_is_found),
                cmocka_unit_test(a_start_survives_kills_at_any_moment),
                cmocka_unit_test(an_end_survives_kills_at_any_moment),
                cmocka_unit_test_setup_teardown(
                        a_start_that_is_cut_off_again_and_again_ends, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
