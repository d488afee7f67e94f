/*
 * VMs whose program cannot be kept running: over when nothing of them runs, and never begun again
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "hostd/run/run-record.h"
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
        _cleanup_json_ struct json_object *o = NULL;

        assert_int_equal(run_record_build(&record, &o), 0);
        write_file(w->folder, "record.json", json_object_to_json_string(o));
}

/* A VM whose program dies each time with the given record. */
static void start_with_program(World *w, const Uuid *vm, const Uuid *token, const char *stage) {
        _cleanup_free_ char *order = start_order(1, token, vm, NULL, 0);

        write_file(w->folder, "program", PROGRAM);
        write_record(w, vm, token, VM_STATE_STARTING, stage);
        free(w->settings.domain_program);
        assert_true(asprintf(&w->settings.domain_program, "%s/program", w->folder) > 0);
        assert_int_equal(chmod(w->settings.domain_program, 0755), 0);
        world_claim(w, 1);
        assert_int_equal(give_start(w, order), ERROR_NONE);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        what_was_given_up_is_not_begun_again, world_setup, world_teardown),
                cmocka_unit_test_setup_teardown(
                        a_domain_that_may_stand_is_not_over, world_setup, world_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
