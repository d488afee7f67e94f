/*
 * VMs whose program cannot be kept running: over when nothing of them runs, and never begun again
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/io/file.h"
#include "hostd/run/run-record.h"
#include "hostd/run/run-socket.h"
#include "hostd/service/host-internal.h"
#include "tests/unit/hostd-service/world.h"

/* Leaves the record that the test wrote, and a line for each time that it was started. */
#define PROGRAM                                                                                              \
        "#!/bin/sh\n"                                                                                        \
        "here=${0%/*}\n"                                                                                     \
        "echo started >> $here/starts\n"                                                                     \
        "cp $here/record.json ${1#--folder=}/new && mv ${1#--folder=}/new ${1#--folder=}/domain.json\n"

static unsigned count_starts(const World *w) {
        _cleanup_free_ char *path = NULL;
        unsigned n = 0;
        char line[32];
        FILE *f;

        assert_true(asprintf(&path, "%s/starts", w->folder) > 0);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                n++;
        if (f)
                fclose(f);
        return n;
}

static void write_record(World *w, const Uuid *vm, const Uuid *token, VmState state, const char *stage) {
        RunRecord record = {
                .uuid = *vm, .token = *token, .state = state, .stage = (char *) stage, .domid = 5};
        _cleanup_free_ char *text = run_record_to_text(&record);

        assert_non_null(text);
        write_file(w->folder, "record.json", text);
}

/* A VM whose program dies each time with the given record. */
static void start_with(
        World *w, const char *program, const Uuid *vm, const Uuid *token, const char *stage) {
        _cleanup_free_ char *order = start_order(1, token, vm, NULL, 0);

        write_file(w->folder, "program", program);
        write_record(w, vm, token, VM_STATE_STARTING, stage);
        free(w->settings.domain_program);
        assert_true(asprintf(&w->settings.domain_program, "%s/program", w->folder) > 0);
        assert_int_equal(chmod(w->settings.domain_program, 0755), 0);
        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
}

static void start_with_program(World *w, const Uuid *vm, const Uuid *token, const char *stage) {
        start_with(w, PROGRAM, vm, token, stage);
}

static void copy_run_folder(World *w, const char *from, const char *to) {
        _cleanup_free_ char *command = NULL;

        assert_true(asprintf(&command, "rm -rf %s/%s && cp -r %s/%s %s/%s", w->folder, to, w->folder, from,
                            w->folder, to) > 0);
        assert_int_equal(system(command), 0);
}

static void save_run_folder(World *w) {
        copy_run_folder(w, "run", "saved");
}

/* hostd dies after it has stored the end, and before the run folder is gone. */
static void what_was_given_up_is_not_begun_again(void **state) {
        _cleanup_json_ struct json_object *inventory = NULL;
        Uuid token = new_uuid(), vm = new_uuid();
        World *w = *state;
        unsigned n;

        start_with_program(w, &vm, &token, "create");
        w->at_halt = save_run_folder;
        world_run_until_halted(w, &vm);
        n = count_starts(w);
        assert_true(n > 0);

        world_close(w);
        copy_run_folder(w, "saved", "run");
        world_open(w);
        inventory = world_inventory(w);
        assert_int_equal(length_of(inventory, "vms"), 0);
        world_settle(w);
        assert_int_equal(count_starts(w), n);
}

/* Something of the VM that is still ending, and writes into its run folder as fast as it can. */

static pid_t writer;

static void write_on(World *w) {
        char path[512];
        size_t n;

        n = (size_t) snprintf(path, sizeof(path), "%s/run/vm/%s/", w->folder, UUID_TEXT(&w->waiting_for));
        writer = fork();
        assert_true(writer >= 0);
        for (unsigned i = 0; writer == 0; i++) {
                int fd;

                (void) snprintf(path + n, sizeof(path) - n, "%u", i);
                fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                safe_close(fd);
        }
        (void) usleep(20000);
}

static void a_run_folder_goes_while_it_is_written_to(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *path = NULL;
        World *w = *state;
        struct dirent *e;
        unsigned n = 0;
        DIR *dir;

        start_with_program(w, &vm, &token, "create");
        w->at_halt = write_on;
        world_run_until_halted(w, &vm);
        assert_int_equal(kill(writer, SIGKILL), 0);
        assert_int_equal(waitpid(writer, NULL, 0), writer);

        assert_true(asprintf(&path, "%s/run/vm", w->folder) > 0);
        dir = opendir(path);
        assert_non_null(dir);
        while ((e = readdir(dir)))
                n += !streq(e->d_name, ".") && !streq(e->d_name, "..");
        closedir(dir);
        assert_int_equal(n, 0);
}

/* On a real hypervisor the domain stands without its processes, until the program has taken it down. */
static void a_domain_that_may_stand_is_not_over(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        World *w = *state;
        uint64_t now, end;

        free(w->settings.hypervisor);
        w->settings.hypervisor = strdup("libxl");
        start_with_program(w, &vm, &token, "create");
        w->waiting_for = vm;
        assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + 2000000; now < end;) {
                assert_true(sd_event_run(w->event, end - now) >= 0);
                assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
        }
        assert_false(w->halted);

        write_record(w, &vm, &token, VM_STATE_HALTED, "halted");
        world_run_until_halted(w, &vm);
        assert_true(count_starts(w) >= 3);
}

/*
 * A systemd that starts the program again by itself: units are plain processes, but a stop of one takes a
 * while, in which the program runs once more.
 */
typedef struct UnitOfOurs {
        World *world;
        UnitStopped done;
        void *userdata;
        sd_event_source *timer;
        unsigned n_stops;
        bool stopping;
        UnitsOps ops;
        char **argv;
} UnitOfOurs;

static UnitOfOurs ours;

static int on_unit_stopped(sd_event_source *source, uint64_t usec, void *userdata) {
        ours.timer = sd_event_source_disable_unref(ours.timer);
        ours.stopping = false;
        ours.done(ours.userdata);
        return 0;
}

static int unit_start(Units *units, const char *vm, const char *name_label, const char *const *argv,
        UnitStarted done, void *userdata, UnitCall **ret) {
        assert_false(ours.stopping);
        strv_free(ours.argv);
        ours.argv = calloc(3, sizeof(char *));
        ours.argv[0] = strdup(argv[0]);
        ours.argv[1] = strdup(argv[1]);
        return units_process.start(units, vm, name_label, argv, done, userdata, ret);
}

static void run_again(void) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) execv(ours.argv[0], ours.argv);
                _exit(1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int unit_stop(Units *units, const char *vm, UnitStopped done, void *userdata, UnitCall **ret) {
        run_again();
        ours.n_stops++;
        ours.stopping = true;
        ours.done = done;
        ours.userdata = userdata;
        /* What the caller holds is forgotten by units_process only when it ends before us. */
        *ret = (UnitCall *) &ours;
        return sd_event_add_time_relative(
                units->event, &ours.timer, CLOCK_MONOTONIC, 300000, 0, on_unit_stopped, NULL);
}

static void assert_told_as_failed(World *w) {
        struct json_object *event = last_told(w, HOST_SIGNAL_VM_EVENT), *error;

        assert_string_equal(text_of(event, "reason"), "failed");
        assert_true(json_object_object_get_ex(event, "error", &error));
        assert_string_equal(json_object_get_string(json_object_array_get_idx(error, 0)),
                "org.xenvgpu.Error.DomainFailed");
}

static void the_end_waits_for_the_unit(World *w) {
        assert_false(ours.stopping);
        assert_int_equal(ours.n_stops, 1);
}

static void nobody_starts_the_program_behind_our_back(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        World *w = *state;

        ours = (UnitOfOurs){.world = w, .ops = units_process};
        ours.ops.start = unit_start;
        ours.ops.stop = unit_stop;
        w->host->vm_context.units.ops = &ours.ops;
        start_with_program(w, &vm, &token, "create");
        w->at_halt = the_end_waits_for_the_unit;
        world_run_until_halted(w, &vm);
        assert_int_equal(ours.n_stops, 1);
        strv_free(ours.argv);
        assert_told_as_failed(w);
}

/* The third one lives, and the test listens in its place. */
#define LATE_PROGRAM PROGRAM "[ $(wc -l < $here/starts) -lt 3 ] || exec sleep 5\n"

static bool read_line(World *w, int fd, LineReader *lines, const char **ret) {
        for (unsigned i = 0; i < 1000; i++) {
                assert_true(sd_event_run(w->event, 10000) >= 0);
                if (line_reader_fill(lines, fd) < 0)
                        continue;
                *ret = line_reader_next(lines);
                if (*ret)
                        return true;
        }
        return false;
}

static void write_line(int fd, const RunRecord *record) {
        _cleanup_free_ char *text = run_record_to_text(record);

        assert_non_null(text);
        assert_true(dprintf(fd, "%s\n", text) > 0);
}

static int accept_hostd(World *w, int listener) {
        for (unsigned i = 0; i < 1000; i++) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0)
                        return fd;
                assert_true(sd_event_run(w->event, 10000) >= 0);
        }
        fail_msg("hostd does not connect");
        return -1;
}

/* On a real hypervisor: the program that comes back takes the domain down, and does not go on with the start. */
static void who_was_given_up_is_told_to_end(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *folder = NULL;
        _cleanup_close_ int listener = -1, fd = -1;
        RunRecord record = {.uuid = vm, .token = token, .state = VM_STATE_HALTED, .stage = (char *) "halted",
                .reason = (char *) "stopped"};
        LineReader lines = {};
        const char *line = "";
        World *w = *state;

        free(w->settings.hypervisor);
        w->settings.hypervisor = strdup("libxl");
        start_with(w, LATE_PROGRAM, &vm, &token, "create");
        /* Given up after two, and then begun once more. */
        assert_int_equal(w->settings.program_restarts, 1);
        for (unsigned i = 0; i < 1000 && count_starts(w) < 3; i++)
                assert_true(sd_event_run(w->event, 10000) >= 0);
        assert_true(asprintf(&folder, "%s/run/vm/%s", w->folder, UUID_TEXT(&vm)) > 0);
        assert_int_equal(run_socket_listen(folder, &listener), 0);

        fd = accept_hostd(w, listener);
        assert_true(read_line(w, fd, &lines, &line));
        assert_non_null(strstr(line, "\"stop\""));
        assert_non_null(strstr(line, UUID_TEXT(&token)));
        assert_non_null(strstr(line, "true"));
        w->waiting_for = vm;
        write_line(fd, &record);
        world_run_until_halted(w, &vm);
        assert_told_as_failed(w);
}

/* A program that holds its run folder, whose record somebody has spoilt while hostd was away. */

static pid_t hold_folder(const char *folder) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _cleanup_free_ char *path = path_join(folder, "lock");
        char byte;
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

                if (fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && write(fds[1], "x", 1) == 1)
                        (void) pause();
                _exit(1);
        }
        assert_int_equal(read(fds[0], &byte, 1), 1);
        (void) safe_close(fds[0]);
        (void) safe_close(fds[1]);
        return pid;
}

/* An order that is stored, and a run folder as of a start that was begun. */
static char *spoilt_folder(World *w, const Uuid *vm, const Uuid *token) {
        _cleanup_free_ char *order = start_order(1, token, vm, NULL, 0);
        char *folder;

        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
        world_close(w);
        assert_true(asprintf(&folder, "%s/run/vm/%s", w->folder, UUID_TEXT(vm)) > 0);
        assert_int_equal(mkdir_parents(folder, 0700), 0);
        write_file(folder, "order.json", order);
        write_file(folder, "domain.json", "{");
        return folder;
}

static void assert_runs_under(World *w, const Uuid *token) {
        _cleanup_json_ struct json_object *inventory = world_inventory(w);
        struct json_object *vms, *vm;

        assert_true(json_object_object_get_ex(inventory, "vms", &vms));
        assert_int_equal(json_object_array_length(vms), 1);
        vm = json_object_array_get_idx(vms, 0);
        assert_string_equal(text_of(vm, "state"), "running");
        assert_string_equal(text_of(vm, "token"), UUID_TEXT(token));
}

static void a_program_whose_record_is_spoilt_is_followed(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        RunRecord record = {.uuid = vm, .token = token, .state = VM_STATE_RUNNING, .stage = (char *) "running",
                .domid = 5};
        _cleanup_close_ int listener = -1, fd = -1;
        _cleanup_free_ char *folder = NULL;
        LineReader lines = {};
        World *w = *state;
        pid_t holder;

        folder = spoilt_folder(w, &vm, &token);
        holder = hold_folder(folder);
        assert_int_equal(run_socket_listen(folder, &listener), 0);
        world_open(w);
        fd = accept_hostd(w, listener);
        write_line(fd, &record);
        for (unsigned i = 0; i < 50; i++)
                assert_true(sd_event_run(w->event, 10000) >= 0);
        assert_runs_under(w, &token);
        /* It is not told to stop. */
        assert_int_equal(line_reader_fill(&lines, fd), -EAGAIN);

        world_close(w);
        assert_int_equal(kill(holder, SIGKILL), 0);
        assert_int_equal(waitpid(holder, NULL, 0), holder);
        world_open(w);
}

/* The program is gone as well: nobody knows more than that the domain is there. */
static void a_domain_whose_record_is_spoilt_is_not_ended(void **state) {
        Uuid token = new_uuid(), vm = new_uuid();
        _cleanup_free_ char *folder = NULL, *domain = NULL, *config = NULL;
        World *w = *state;

        folder = spoilt_folder(w, &vm, &token);
        assert_true(asprintf(&domain, "%s/sim/dom/5", w->folder) > 0);
        assert_true(asprintf(&config, "{\"c_info\":{\"name\":\"guest\",\"uuid\":\"%s\"}}", UUID_TEXT(&vm)) > 0);
        assert_int_equal(mkdir_parents(domain, 0755), 0);
        write_file(domain, "config.json", config);
        world_open(w);
        world_settle(w);
        assert_runs_under(w, &vm);

        assert_int_equal(remove_tree(domain), 0);
        assert_int_equal(host_rescan(w->host), 0);
        assert_string_equal(text_of(last_told(w, HOST_SIGNAL_VM_EVENT), "reason"), "gone");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_run_folder_goes_while_it_is_written_to, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        what_was_given_up_is_not_begun_again, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_domain_that_may_stand_is_not_over, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        nobody_starts_the_program_behind_our_back, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        who_was_given_up_is_told_to_end, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_program_whose_record_is_spoilt_is_followed, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_domain_whose_record_is_spoilt_is_not_ended, world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
