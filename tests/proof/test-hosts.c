/*
 * Whole hosts in one process, each a machine of the pool without the pool
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/daemon/log.h"
#include "hostd/service/claim.h"
#include "hostd/service/vm-orders.h"
#include "tests/proof/machine-private.h"
#include "tests/sim/sim-loop.h"

#define N_HOSTS 12
#define CLAIMER ":1.7"

typedef struct Host {
        Machine machine; /* first */
        Dice dice;
        History history;
        unsigned n_halted, n_failed;              /* as it told */
        unsigned n_programs, n_adopted, n_killed; /* as the history says */
} Host;

static void on_line(const char *line, void *userdata) {
        bool program = strstr(line, " program vm=");
        Host *h = userdata;

        h->n_programs += program && strstr(line, " starts");
        h->n_adopted += program && strstr(line, " starts adopts");
        h->n_killed += program && strstr(line, " why=killed");
}

static void on_told(Machine *m, Told told, const char *json, void *userdata) {
        Host *h = userdata;
        bool halted = told == TOLD_VM && strstr(json, "\"state\":\"halted\"");

        h->n_halted += halted;
        h->n_failed += halted && strstr(json, "DomainFailed");
}

static void on_life(Machine *m, void *userdata) {
}

static const MachineListener listener = {.tell = on_told, .came = on_life, .went = on_life};

static void claim(Host *h, uint64_t epoch) {
        _cleanup_refusal_ Refusal refusal = {};
        uint64_t held;

        assert_int_equal(host_claim(h->machine.inside->hostd, CLAIMER, epoch, "pool", "instance", 0, &held, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

static void open_host(Host *h, SimLoop *sim, unsigned number) {
        *h = (Host){.dice.state = 7 + number};
        h->history = (History){.loop = sim_loop_of(sim), .heard = on_line, .userdata = h};
        h->machine = (Machine){
                .loop = sim_loop_of(sim),
                .dice = &h->dice,
                .history = &h->history,
                .listener = &listener,
                .userdata = h,
        };
        machine_init(&h->machine, number, /* boards= */ 0);
        machine_power_on(&h->machine);
        claim(h, 1);
}

static void close_host(Host *h) {
        h->history.heard = NULL;
        machine_done(&h->machine);
}

static SimLoop *new_loop(uint64_t seed) {
        SimLoop *sim;

        assert_int_equal(sim_loop_new(seed, &sim), 0);
        return sim;
}

static ErrorCode try_start(Host *h, Uuid *ret) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *order = NULL;
        Uuid token;

        assert_int_equal(loop_new_uuid(h->machine.loop, ret), 0);
        assert_int_equal(loop_new_uuid(h->machine.loop, &token), 0);
        assert_true(asprintf(&order,
                            "{\"version\":1,\"epoch\":1,\"token\":\"%s\",\"vm\":{\"uuid\":\"%s\",\"name_label\":\"guest\","
                            "\"config\":{\"c_info\":{\"type\":\"hvm\",\"name\":\"guest\"},\"b_info\":{\"max_vcpus\":1,"
                            "\"max_memkb\":65536,\"target_memkb\":65536,\"type.hvm\":{}}}},\"pcis\":[],\"vgpus\":[{\"id\":"
                            "[\"%s\",\"0\"],\"position\":0,\"physical_pci_address\":{\"domain\":0,\"bus\":131,\"dev\":0,"
                            "\"fn\":0},\"implementation\":[\"Nvidia\",{\"virtual_pci_address\":{\"domain\":0,\"bus\":0,"
                            "\"dev\":11,\"fn\":0},\"config_file\":\"%s\",\"extra_args\":\"\"}]}]}",
                            UUID_TEXT(&token), UUID_TEXT(ret), UUID_TEXT(ret), card_types[0].config_file) > 0);
        assert_int_equal(host_start_vm(h->machine.inside->hostd, CLAIMER, order, &refusal), 0);
        return refusal.code;
}

static Uuid start_on(Host *h) {
        Uuid vm;

        assert_int_equal(try_start(h, &vm), ERROR_NONE);
        return vm;
}

static void stop_on(Host *h, uint64_t epoch, const Uuid *vm) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *order = NULL;
        Uuid token;

        assert_int_equal(loop_new_uuid(h->machine.loop, &token), 0);
        assert_true(asprintf(&order, "{\"version\":1,\"epoch\":%llu,\"token\":\"%s\",\"uuid\":\"%s\",\"force\":false}",
                            (unsigned long long) epoch, UUID_TEXT(&token), UUID_TEXT(vm)) > 0);
        assert_int_equal(host_stop_vm(h->machine.inside->hostd, CLAIMER, order, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

static size_t count_running(const Host *h) {
        size_t n = 0;

        for (const XenDomain *d = h->machine.inside->domains; d; d = d->next)
                n += d->state == GUEST_RUNNING;
        return n;
}

static void many_hosts_live_in_one_process(void **state) {
        static Host hosts[N_HOSTS];
        SimLoop *sim = new_loop(7);
        Uuid vms[N_HOSTS][6];

        for (unsigned i = 0; i < N_HOSTS; i++) {
                open_host(&hosts[i], sim, i);
                for (unsigned k = 0; k < 6; k++)
                        vms[i][k] = start_on(&hosts[i]);
        }
        sim_loop_run(sim, 30 * SECOND);
        for (unsigned i = 0; i < N_HOSTS; i++)
                assert_int_equal(count_running(&hosts[i]), 6);

        for (unsigned i = 0; i < N_HOSTS; i++)
                for (unsigned k = 0; k < 6; k++)
                        stop_on(&hosts[i], 1, &vms[i][k]);
        sim_loop_run(sim, 60 * SECOND);
        for (unsigned i = 0; i < N_HOSTS; i++) {
                assert_int_equal(hosts[i].n_halted, 6);
                assert_int_equal(hosts[i].n_failed, 0);
                close_host(&hosts[i]);
        }
        sim_loop_free(sim);
}

/* It is killed after half a minute and started again, which is not too often in a minute: no one waits for those. */
static void a_deaf_program_is_started_again(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;

        open_host(&h, sim, 0);
        h.machine.deaf = true;
        (void) start_on(&h);
        sim_loop_run(sim, 29 * SECOND);
        assert_int_equal(h.n_killed, 0);
        sim_loop_run(sim, 6 * SECOND);
        assert_int_equal(h.n_killed, 1);
        /* The window of a minute begins anew before the third start. */
        sim_loop_run(sim, 600 * SECOND);
        assert_true(h.n_killed > 5);
        assert_int_equal(h.n_halted, 0);
        assert_int_equal(guests_count(&h.machine), 1);
        close_host(&h);
        sim_loop_free(sim);
}

/* What a host has committed is all that the next hostd knows of it. */
static void a_host_is_found_again(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;
        Uuid host, vm;

        open_host(&h, sim, 0);
        host = *host_get_uuid(h.machine.inside->hostd);
        for (unsigned i = 0; i < 3; i++)
                vm = start_on(&h);
        sim_loop_run(sim, 30 * SECOND);
        assert_int_equal(count_running(&h), 3);

        machine_crash_hostd(&h.machine);
        machine_start_hostd(&h.machine);
        claim(&h, 2);
        assert_true(uuid_equal(host_get_uuid(h.machine.inside->hostd), &host));
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(count_running(&h), 3);
        assert_int_equal(h.n_programs, 3); /* none was started again */
        stop_on(&h, 2, &vm);
        sim_loop_run(sim, 60 * SECOND);
        assert_int_equal(h.n_halted, 1);
        assert_int_equal(count_running(&h), 2);
        close_host(&h);
        sim_loop_free(sim);
}

/* The guest does not notice: the next program finds its domain. */
static void a_program_that_is_killed_is_followed_by_another(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;
        Uuid vm;

        open_host(&h, sim, 0);
        vm = start_on(&h);
        sim_loop_run(sim, 30 * SECOND);
        assert_true(guests_kill_one(&h.machine));
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(h.n_programs, 2);
        assert_int_equal(h.machine.inside->last_domid, 1);
        assert_int_equal(count_running(&h), 1);
        stop_on(&h, 1, &vm);
        sim_loop_run(sim, 60 * SECOND);
        assert_int_equal(h.n_halted, 1);
        assert_int_equal(guests_count(&h.machine), 0);
        close_host(&h);
        sim_loop_free(sim);
}

/* No program can go on with such a record: the VM is over once somebody has ended its domain. */
static void a_domain_whose_record_is_spoilt_ends_with_it(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;

        open_host(&h, sim, 0);
        (void) start_on(&h);
        sim_loop_run(sim, 30 * SECOND);
        assert_true(folders_spoil_one(&h.machine));
        assert_true(guests_kill_one(&h.machine));
        sim_loop_run(sim, 20 * SECOND);
        assert_int_equal(h.n_halted, 0);
        assert_int_equal(count_running(&h), 1);
        sim_loop_run(sim, 240 * SECOND);
        assert_int_equal(h.n_halted, 1);
        assert_null(h.machine.inside->folders);
        close_host(&h);
        sim_loop_free(sim);
}

static void a_full_disk_refuses_orders(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;
        Uuid vm;

        open_host(&h, sim, 0);
        machine_fail_commits(&h.machine, true);
        assert_int_equal(try_start(&h, &vm), ERROR_STORAGE_FAILED);
        sim_loop_run(sim, 30 * SECOND);
        assert_int_equal(h.n_programs, 0);
        machine_fail_commits(&h.machine, false);
        vm = start_on(&h);
        sim_loop_run(sim, 30 * SECOND);
        assert_int_equal(count_running(&h), 1);
        close_host(&h);
        sim_loop_free(sim);
}

/*
 * One start, and a disk that takes n changes and no more; then hostd starts again on a disk that works. An order that was
 * accepted runs, once. One that was refused does not, unless it was written before the disk failed.
 */
static bool start_with_failing_disk(SimDbFault fault, unsigned n) {
        SimLoop *sim = new_loop(7 + n);
        static Host h;
        ErrorCode code;
        Uuid vm;

        open_host(&h, sim, 0);
        sim_db_fail(h.machine.inside->db, fault, -EIO, n);
        code = try_start(&h, &vm);
        sim_loop_run(sim, 30 * SECOND);
        assert_int_equal(count_running(&h), code == ERROR_NONE);
        machine_crash_hostd(&h.machine);
        sim_db_fail(h.machine.inside->db, SIM_DB_WORKS, 0, 0);
        machine_start_hostd(&h.machine);
        claim(&h, 2);
        sim_loop_run(sim, 30 * SECOND);
        assert_true(h.n_programs <= 1);
        assert_int_equal(count_running(&h), h.n_programs);
        if (code == ERROR_NONE || fault == SIM_DB_NOT_WRITTEN)
                assert_int_equal(count_running(&h), code == ERROR_NONE);
        close_host(&h);
        sim_loop_free(sim);
        return code == ERROR_NONE;
}

static void an_order_is_whole_or_absent(void **state) {
        for (SimDbFault fault = SIM_DB_NOT_WRITTEN; fault <= SIM_DB_WRITTEN; fault++) {
                unsigned n_accepted = 0;

                for (unsigned n = 0; n < 8; n++)
                        n_accepted += start_with_failing_disk(fault, n);
                assert_true(n_accepted > 0 && n_accepted < 8);
        }
}

/* The file was removed: what is written now would be gone with it, so hostd stops. */
static void a_lost_database_ends_hostd(void **state) {
        SimLoop *sim = new_loop(7);
        static Host h;
        Uuid vm;

        open_host(&h, sim, 0);
        sim_db_fail(h.machine.inside->db, SIM_DB_WRITTEN, -ESTALE, 0);
        assert_int_equal(try_start(&h, &vm), ERROR_STORAGE_FAILED);
        sim_loop_run(sim, SECOND / 2);
        assert_int_equal(h.machine.exits, 1);
        assert_null(h.machine.inside->hostd);
        close_host(&h);
        sim_loop_free(sim);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(many_hosts_live_in_one_process),
                cmocka_unit_test(a_deaf_program_is_started_again),
                cmocka_unit_test(a_host_is_found_again),
                cmocka_unit_test(a_program_that_is_killed_is_followed_by_another),
                cmocka_unit_test(a_domain_whose_record_is_spoilt_ends_with_it),
                cmocka_unit_test(a_full_disk_refuses_orders),
                cmocka_unit_test(an_order_is_whole_or_absent),
                cmocka_unit_test(a_lost_database_ends_hostd),
        };

        log_setup("test-proof-hosts", LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
