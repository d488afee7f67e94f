/*
 * A domain's life over a hypervisor that says what was asked of it
 *
 * The order has no GPU, so that nothing runs beside the hypervisor; each of its operations ends at once.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "hostd/domain/domain.h"
#include "hostd/run/run-record.h"

#define VM "11111111-1111-4111-8111-111111111111"
#define TOKEN "22222222-2222-4222-8222-222222222222"

typedef struct Host {
        Hypervisor hypervisor; /* first */
        sd_event *event;
        char *folder;
        int found; /* what find() says */
        GuestState state;
        unsigned n_creates, n_destroys, n_give_backs;
        ProcessId qemu;
        GuestChanged changed;
        void *changed_userdata;
        HypervisorDone done;
        void *done_userdata;
        sd_event_source *deferred;
} Host;

static Host *host_of(Hypervisor *h) {
        return CONTAINER_OF(h, Host, hypervisor);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Host *host = userdata;

        host->deferred = sd_event_source_disable_unref(host->deferred);
        host->done(0, "", host->done_userdata);
        return 0;
}

static int end_soon(Hypervisor *h, HypervisorDone done, void *userdata) {
        Host *host = host_of(h);

        assert_null(host->deferred);
        host->done = done;
        host->done_userdata = userdata;
        return sd_event_add_defer(host->event, &host->deferred, on_deferred, host);
}

static int check_memory(Hypervisor *h, struct json_object *config, char **ret_error) {
        return 0;
}

static ProcessId start_process(void) {
        ProcessId id;
        pid_t pid;

        pid = fork();
        if (pid == 0)
                for (;;)
                        (void) pause();
        assert_true(pid > 0);
        assert_int_equal(process_id_of(pid, &id), 0);
        return id;
}

static void end_process(ProcessId *id) {
        if (id->pid > 0 && kill(id->pid, SIGKILL) == 0)
                (void) waitpid(id->pid, NULL, 0);
        *id = (ProcessId){};
}

static int create(Hypervisor *h, struct json_object *config, HypervisorDone done, void *userdata) {
        host_of(h)->n_creates++;
        host_of(h)->qemu = start_process();
        return end_soon(h, done, userdata);
}

static void cancel_create(Hypervisor *h) {
}

static uint32_t domid(Hypervisor *h) {
        return host_of(h)->n_creates;
}

static int ask_shutdown(Hypervisor *h) {
        return 0;
}

static int destroy(Hypervisor *h, HypervisorDone done, void *userdata) {
        host_of(h)->n_destroys++;
        end_process(&host_of(h)->qemu);
        return end_soon(h, done, userdata);
}

static int give_back(Hypervisor *h, HypervisorDone done, void *userdata) {
        host_of(h)->n_give_backs++;
        return end_soon(h, done, userdata);
}

static int watch(Hypervisor *h, GuestChanged changed, void *userdata) {
        host_of(h)->changed = changed;
        host_of(h)->changed_userdata = userdata;
        return 0;
}

static void unwatch(Hypervisor *h) {
}

static int find(Hypervisor *h, const Uuid *uuid, GuestState *ret) {
        *ret = host_of(h)->state;
        return host_of(h)->found;
}

static int device_model(Hypervisor *h, ProcessId *ret) {
        *ret = host_of(h)->qemu;
        return ret->pid > 0 ? 0 : -ENOENT;
}

static Hypervisor *keep(Hypervisor *h) {
        return NULL;
}

static const HypervisorOps ops = {
        .check_memory = check_memory,
        .create = create,
        .cancel_create = cancel_create,
        .domid = domid,
        .unpause = end_soon,
        .ask_shutdown = ask_shutdown,
        .crash = ask_shutdown,
        .destroy = destroy,
        .give_back = give_back,
        .watch = watch,
        .unwatch = unwatch,
        .find = find,
        .device_model = device_model,
        .free = keep,
};

static void write_order(const char *folder, const char *more) {
        static const char format[] =
                "{\"version\":1,\"epoch\":1,\"token\":\"" TOKEN "\",\"vm\":{\"uuid\":\"" VM
                "\",\"name_label\":\"one\",\"owner\":\"\",\"affinity\":\"\",\"platform\":{},\"config\":{"
                "\"c_info\":{\"type\":\"hvm\",\"name\":\"one\"},\"b_info\":{\"max_vcpus\":1,\"max_memkb\":65536,"
                "\"target_memkb\":65536,\"type.hvm\":{}}%s%s}},\"pcis\":[],\"vgpus\":[]}";
        char text[1024];

        (void) snprintf(text, sizeof(text), format, *more ? "," : "", more);
        assert_int_equal(run_order_write(folder, text), 0);
}

static int set_up(void **state) {
        Host *host = calloc(1, sizeof(*host));

        assert_non_null(host);
        host->hypervisor.ops = &ops;
        host->found = -ENOENT;
        host->state = GUEST_RUNNING;
        host->folder = strdup("/tmp/xenvgpu-test-XXXXXX");
        assert_non_null(mkdtemp(host->folder));
        assert_true(sd_event_new(&host->event) >= 0);
        write_order(host->folder, "");
        *state = host;
        return 0;
}

static int tear_down(void **state) {
        Host *host = *state;

        end_process(&host->qemu);
        sd_event_source_disable_unref(host->deferred);
        sd_event_unref(host->event);
        assert_int_equal(remove_tree(host->folder), 0);
        free(host->folder);
        free(host);
        return 0;
}

static Domain *begin(Host *host, DomainProgram *program) {
        Domain *d = NULL;

        *program = (DomainProgram){ .folder = host->folder, .dm = "/bin/true" };
        assert_int_equal(domain_new(host->event, program, &host->hypervisor, &d), 0);
        assert_int_equal(domain_begin(d), 0);
        return d;
}

/* Until its record has come to the stage; an end is one too. */
static void run_until(Host *host, const char *stage) {
        for (int i = 0; i < 200; i++) {
                _cleanup_(run_record_done) RunRecord record = {};

                if (run_record_read(host->folder, &record) >= 0 && streq(record.stage, stage))
                        return;
                if (sd_event_get_state(host->event) == SD_EVENT_FINISHED)
                        break;
                assert_true(sd_event_run(host->event, 50000) >= 0);
        }
        fail_msg("never came to stage %s", stage);
}

static void write_record(Host *host, const char *stage) {
        RunRecord record = {
                .state = VM_STATE_STARTING,
                .stage = (char *) stage,
                .reason = (char *) "",
        };

        assert_int_equal(uuid_from_string(VM, &record.uuid), 0);
        assert_int_equal(uuid_from_string(TOKEN, &record.token), 0);
        assert_int_equal(process_id_of(getpid(), &record.program), 0);
        assert_int_equal(run_record_write(host->folder, &record), 0);
}

static void assert_end(Host *host, const char *reason, const char *error) {
        _cleanup_(run_record_done) RunRecord record = {};

        assert_int_equal(run_record_read(host->folder, &record), 0);
        assert_int_equal(record.state, VM_STATE_HALTED);
        assert_string_equal(record.reason, reason);
        assert_string_equal(strempty(record.error_name), error);
}

static void a_guest_that_reboots_keeps_what_was_taken_for_it(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        host->changed(GUEST_REBOOT, host->changed_userdata);
        run_until(host, "running");
        assert_int_equal(host->n_creates, 2);
        assert_int_equal(host->n_destroys, 1);
        assert_int_equal(host->n_give_backs, 0);

        host->changed(GUEST_POWEROFF, host->changed_userdata);
        run_until(host, "halted");
        assert_int_equal(host->n_destroys, 2);
        assert_int_equal(host->n_give_backs, 1);
        assert_end(host, "poweroff", "");
        (void) domain_free(d);
}

static void a_stop_while_the_guest_reboots_gives_it_back(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        host->changed(GUEST_REBOOT, host->changed_userdata);
        domain_wind_up(d);
        run_until(host, "halted");
        assert_int_equal(host->n_creates, 1);
        assert_int_equal(host->n_give_backs, 1);
        (void) domain_free(d);
}

static void reboot(Host *host, const char *next) {
        run_until(host, "running");
        host->changed(GUEST_REBOOT, host->changed_userdata);
        run_until(host, next);
}

static void a_guest_that_reboots_in_a_loop_is_held_up(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        reboot(host, "cleanup");
        reboot(host, "wait");
        assert_int_equal(host->n_creates, 2);
        reboot(host, "wait");
        assert_int_equal(host->n_creates, 3);
        {
                _cleanup_(run_record_done) RunRecord record = {};

                assert_int_equal(run_record_read(host->folder, &record), 0);
                assert_int_equal(record.state, VM_STATE_RUNNING);
                assert_int_equal(record.domid, 0);
                assert_int_equal(record.brief_lives, 3);
        }

        domain_wind_up(d);
        run_until(host, "halted");
        assert_int_equal(host->n_creates, 3);
        assert_int_equal(host->n_give_backs, 1);
        assert_end(host, "stopped", "");
        (void) domain_free(d);
}

/* Killed while it waits, it waits again. */
static void a_wait_survives_its_program(void **state) {
        Host *host = *state;
        RunRecord record = {
                .state = VM_STATE_RUNNING,
                .stage = (char *) "wait",
                .reason = (char *) "",
                .brief_lives = 2,
        };
        DomainProgram program;
        Domain *d;

        assert_int_equal(uuid_from_string(VM, &record.uuid), 0);
        assert_int_equal(uuid_from_string(TOKEN, &record.token), 0);
        assert_int_equal(process_id_of(getpid(), &record.program), 0);
        assert_int_equal(run_record_write(host->folder, &record), 0);
        d = begin(host, &program);
        assert_int_equal(host->n_creates, 0);
        run_until(host, "running");
        assert_int_equal(host->n_creates, 1);
        assert_int_equal(host->n_destroys, 0);
        (void) domain_free(d);
}

static void a_guest_that_its_watchdog_ends_follows_its_own_rule(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d;

        write_order(host->folder, "\"on_crash\":\"restart\",\"on_watchdog\":\"preserve\"");
        d = begin(host, &program);
        run_until(host, "running");
        host->changed(GUEST_WATCHDOG, host->changed_userdata);
        run_until(host, "crashed");
        domain_wind_up(d);
        run_until(host, "halted");
        assert_end(host, "stopped", "");
        (void) domain_free(d);
}

/* Cut off before it had made anything: the domain that is there is not its own. */
static void a_cut_off_before_the_create_leaves_others_domains_alone(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d;

        write_record(host, "prepare");
        host->found = 0;
        d = begin(host, &program);
        run_until(host, "halted");
        assert_int_equal(host->n_creates, 0);
        assert_int_equal(host->n_destroys, 0);
        assert_end(host, "failed", "org.xenvgpu.Error.VMBadPowerState");
        (void) domain_free(d);
}

static void a_cut_off_before_the_create_is_prepared_anew(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d;

        write_record(host, "prepare");
        d = begin(host, &program);
        run_until(host, "running");
        assert_int_equal(host->n_creates, 1);
        assert_int_equal(host->n_destroys, 0);
        (void) domain_free(d);
}

static void a_hypervisor_that_does_not_answer_has_not_lost_the_domain(void **state) {
        DomainProgram program;
        Host *host = *state;
        Domain *d = NULL;

        program = (DomainProgram){ .folder = host->folder, .dm = "/bin/true" };
        write_record(host, "running");
        host->found = -EIO;
        assert_int_equal(domain_new(host->event, &program, &host->hypervisor, &d), 0);
        assert_int_equal(domain_begin(d), -EIO);
        run_until(host, "running");
        assert_int_equal(host->n_destroys, 0);
        (void) domain_free(d);
}

static void lose_qemu(Host *host, int found, GuestState state) {
        host->found = found;
        host->state = state;
        assert_int_equal(kill(host->qemu.pid, SIGKILL), 0);
}

static void a_qemu_that_dies_under_its_guest_is_an_error(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        lose_qemu(host, 0, GUEST_RUNNING);
        run_until(host, "halted");
        assert_end(host, "device-model-died", "org.xenvgpu.Error.DomainFailed");
        (void) domain_free(d);
}

static void a_qemu_that_leaves_after_its_domain_is_none(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        lose_qemu(host, -ENOENT, GUEST_RUNNING);
        run_until(host, "halted");
        assert_end(host, "destroyed", "");
        (void) domain_free(d);
}

static void a_qemu_that_leaves_after_its_guest_is_none(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        lose_qemu(host, 0, GUEST_POWEROFF);
        run_until(host, "halted");
        assert_end(host, "poweroff", "");
        (void) domain_free(d);
}

static int on_destroyed(sd_event_source *source, uint64_t usec, void *userdata) {
        Host *host = userdata;

        host->found = -ENOENT;
        host->changed(GUEST_GONE, host->changed_userdata);
        return 0;
}

/* As xl destroy goes about it: paused, its qemu ended, and then destroyed. */
static void a_destruction_that_began_is_awaited(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        lose_qemu(host, 0, GUEST_PAUSED);
        assert_true(sd_event_add_time_relative(
                            host->event, NULL, CLOCK_MONOTONIC, 300000, 0, on_destroyed, host) >= 0);
        run_until(host, "halted");
        assert_end(host, "destroyed", "");
        (void) domain_free(d);
}

static void a_paused_guest_whose_qemu_died_is_ended_in_the_end(void **state) {
        Host *host = *state;
        DomainProgram program;
        Domain *d = begin(host, &program);

        run_until(host, "running");
        lose_qemu(host, 0, GUEST_PAUSED);
        run_until(host, "halted");
        assert_end(host, "device-model-died", "org.xenvgpu.Error.DomainFailed");
        (void) domain_free(d);
}

/* libxl gave a create up, and qemu did not hear it: it would go on writing to the VM's disks. */
static void a_device_model_that_is_left_is_ended(void **state) {
        Host *host = *state;
        DmRecord dm = { .stage = (char *) "ready", .state = (char *) "", .error = (char *) "" };
        DomainProgram program;
        Domain *d;

        dm.qemu = start_process();
        assert_int_equal(dm_record_write(host->folder, &dm), 0);
        write_record(host, "cleanup");
        d = begin(host, &program);
        domain_wind_up(d);
        run_until(host, "halted");
        assert_false(process_is_alive(&dm.qemu));
        (void) domain_free(d);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        a_guest_that_reboots_keeps_what_was_taken_for_it, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_stop_while_the_guest_reboots_gives_it_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_guest_that_reboots_in_a_loop_is_held_up, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_wait_survives_its_program, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_guest_that_its_watchdog_ends_follows_its_own_rule, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_cut_off_before_the_create_leaves_others_domains_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_cut_off_before_the_create_is_prepared_anew, set_up, tear_down),
                cmocka_unit_test_setup_teardown(
                        a_hypervisor_that_does_not_answer_has_not_lost_the_domain, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_qemu_that_dies_under_its_guest_is_an_error, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_qemu_that_leaves_after_its_domain_is_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_qemu_that_leaves_after_its_guest_is_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_destruction_that_began_is_awaited, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_paused_guest_whose_qemu_died_is_ended_in_the_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_device_model_that_is_left_is_ended, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
