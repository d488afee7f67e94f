/*
 * Whole hosts in one process: hardware, hypervisor, units, programs, the database and time are the test's
 *
 * No file is read or written. A program here is a row of a table. It listens, tells that it runs a second later, and takes a second to stop. Nothing
 * watches a descriptor, and a minute passes as fast as its timers are called.
 */

#include <stdio.h>

#include "hostd/core/idset.h"
#include "tests/sim/sim-db.h"
#include "tests/sim/sim-loop.h"
#include "tests/unit/hostd-service/world.h"

#define N_HOSTS 12
#define SECOND UINT64_C(1000000)

typedef struct Machine Machine;

typedef struct Program {
        Machine *machine;
        char *folder;
        RunRecord record;
        ProcessId process; /* pid 0: it does not run */
        LoopTimer *timer;
        void (*ended)(void *userdata);
        void *ended_userdata;
        const RunLinkHandlers *handlers;
        void *link_userdata;
        UnitStarted started;
        void *started_userdata;
} Program;

struct Machine {
        SimLoop *sim;
        SimDb *database;
        HostParts parts;
        HostFactsSource facts;
        HardwareSource hardware;
        Hostd *host;
        Program programs[8];
        pid_t last_pid;
        unsigned n_killed, n_halted, n_failed;
        bool deaf; /* programs do not listen */
};

/* The machine. */

static int read_facts(HostFactsSource *source, HostFacts *ret) {
        *ret = (HostFacts){
                .memory_total = 64ull << 30,
                .memory_free = 64ull << 30,
                .cpus = 4,
                .hvm = true,
                .networks = idset_new(),
                .storage = idset_new(),
                .hostname = strdup("simulated"),
                .boot_id = strdup("boot"),
        };
        return 0;
}

static int memory_free(HostFactsSource *source, uint64_t *ret) {
        *ret = 64ull << 30;
        return 0;
}

static int each_domain(HostFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata) {
        return 0;
}

static HostFactsSource *free_facts(HostFactsSource *source) {
        return NULL;
}

static const HostFactsOps facts_ops = {
        .hypervisor = "simulated",
        .read = read_facts,
        .memory_free = memory_free,
        .each_domain = each_domain,
        .free = free_facts,
};

static int scan(Hardware *ret, void *userdata) {
        Hardware h = {
                .pgpus = calloc(1, sizeof(Pgpu)),
                .n_pgpus = 1,
                .types = calloc(1, sizeof(HostType)),
                .n_types = 1,
                .problems = idset_new(),
        };

        h.pgpus[0] = (Pgpu){
                .address = {.bus = 0x83},
                .vendor_name = strdup(""),
                .device_name = strdup("K1"),
                .driver = strdup(""),
                .bridge = strdup(""),
        };
        assert_int_equal(idset_add(&h.pgpus[0].supported, K100), 0);
        h.types[0] = (HostType){
                .implementation = TYPE_NVIDIA,
                .identifier = strdup(K100),
                .vendor_name = strdup(""),
                .model_name = strdup("GRID K100"),
                .instances = 8,
                .size = host_type_size(8),
                .self_compatible_on_pgpu = true,
                .config_file = strdup("/usr/share/nvidia/vgx/grid_k100.conf"),
        };
        *ret = h;
        return 0;
}

static bool is_lost(const PciAddress *address, void *userdata) {
        return false;
}

/* The programs. */

static Program *find_program(Machine *m, const char *folder) {
        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                if (m->programs[i].folder && streq(m->programs[i].folder, folder))
                        return &m->programs[i];
        return NULL;
}

static Program *program_of(Programs *p, const char *folder) {
        return find_program(p->context, folder);
}

static bool has_folder(Programs *p, const char *folder) {
        return program_of(p, folder);
}

static int make_folder(Programs *p, const char *folder, bool empty, const char *order) {
        _cleanup_(start_order_done) StartOrder start = {};
        Program *free_row = program_of(p, folder);
        Machine *m = p->context;
        JsonReader reader = {};

        for (size_t i = 0; !free_row && i < ARRAY_SIZE(m->programs); i++)
                if (!m->programs[i].folder)
                        free_row = &m->programs[i];
        assert_non_null(free_row);
        if (free_row->folder)
                return 0;
        *free_row = (Program){.machine = m, .folder = strdup(folder)};
        assert_int_equal(start_order_read(&reader, order, &start), 0);
        free_row->record.token = start.token;
        return 0;
}

static int remove_folder(Programs *p, const char *folder, const Uuid *token) {
        Program *program = program_of(p, folder);

        if (!program)
                return 0;
        run_record_done(&program->record);
        loop_timer_free(program->timer);
        free(program->folder);
        *program = (Program){};
        return 0;
}

static int each_folder(Programs *p, ProgramFolderVisitor visitor, void *userdata) {
        return 0;
}

static int read_record(Programs *p, const char *folder, RunRecord *ret) {
        Program *program = program_of(p, folder);

        if (!program || !program->record.stage)
                return -ENOENT;
        *ret = program->record;
        ret->stage = strdup(program->record.stage);
        ret->reason = strdup(program->record.reason);
        return 0;
}

static int write_record(Programs *p, const char *folder, const RunRecord *record) {
        return 0;
}

static int find_holder(Programs *p, const char *folder, ProcessId *ret) {
        const Program *program = program_of(p, folder);

        if (!program || program->process.pid == 0)
                return -ENOENT;
        *ret = program->process;
        return 0;
}

static bool is_alive(Programs *p, const ProcessId *process) {
        Machine *m = p->context;

        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                if (process->pid > 0 && m->programs[i].process.pid == process->pid)
                        return true;
        return false;
}

static void end(void *userdata) {
        Program *program = userdata;

        program->process = (ProcessId){};
        if (program->ended)
                program->ended(program->ended_userdata);
}

static void end_soon(Program *program) {
        (void) loop_timer_free(program->timer);
        program->timer = NULL;
        assert_int_equal(loop_call_soon(sim_loop_of(program->machine->sim), &program->timer, end, program), 0);
}

static void kill_process(Programs *p, const ProcessId *process) {
        Machine *m = p->context;

        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                if (m->programs[i].process.pid == process->pid && process->pid > 0) {
                        m->n_killed++;
                        end_soon(&m->programs[i]);
                }
}

static size_t kill_rest(Programs *p, const char *folder) {
        return 0;
}

static int watch(Programs *p, const ProcessId *process, void (*ended)(void *userdata), void *userdata,
        ProgramWatch **ret) {
        Machine *m = p->context;

        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                if (m->programs[i].process.pid == process->pid) {
                        m->programs[i].ended = ended;
                        m->programs[i].ended_userdata = userdata;
                        *ret = (ProgramWatch *) &m->programs[i];
                        return 0;
                }
        return -ESRCH;
}

static ProgramWatch *unwatch(ProgramWatch *w) {
        if (w)
                ((Program *) w)->ended = NULL;
        return NULL;
}

/* Says where it is, and hostd takes the texts. */
static void tell(Program *program, VmState state, const char *stage) {
        Uuid vm, token = program->record.token;
        RunRecord record;

        run_record_done(&program->record);
        assert_int_equal(uuid_from_string(strrchr(program->folder, '/') + 1, &vm), 0);
        program->record = (RunRecord){
                .uuid = vm,
                .token = token,
                .program = program->process,
                .state = state,
                .domid = 5,
                .stage = strdup(stage),
                .reason = strdup(state == VM_STATE_HALTED ? "stopped" : ""),
        };
        record = program->record;
        record.stage = strdup(record.stage);
        record.reason = strdup(record.reason);
        program->handlers->record(&record, program->link_userdata);
        run_record_done(&record);
}

static void run(void *userdata) {
        tell(userdata, VM_STATE_RUNNING, "running");
}

static void halt(void *userdata) {
        tell(userdata, VM_STATE_HALTED, "halted");
}

static void after(Program *program, uint64_t usec, LoopFunction call) {
        program->timer = loop_timer_free(program->timer);
        assert_int_equal(loop_call_in(sim_loop_of(program->machine->sim), &program->timer, usec, call, program), 0);
}

static int connect_line(
        Programs *p, const char *folder, const RunLinkHandlers *handlers, void *userdata, RunLink **ret) {
        Program *program = program_of(p, folder);
        Machine *m = p->context;

        if (!program || m->deaf)
                return -ECONNREFUSED;
        program->handlers = handlers;
        program->link_userdata = userdata;
        after(program, SECOND, run);
        *ret = (RunLink *) program;
        return 0;
}

static int send_stop(RunLink *link, const Uuid *token, bool force) {
        after((Program *) link, SECOND, halt);
        return 0;
}

static RunLink *disconnect(RunLink *link) {
        return NULL;
}

static const ProgramsOps programs_ops = {
        .has_folder = has_folder,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .each_folder = each_folder,
        .read_record = read_record,
        .write_record = write_record,
        .find_holder = find_holder,
        .is_alive = is_alive,
        .kill = kill_process,
        .kill_rest = kill_rest,
        .watch = watch,
        .unwatch = unwatch,
        .connect = connect_line,
        .send_stop = send_stop,
        .disconnect = disconnect,
};

static void executed(void *userdata) {
        Program *program = userdata;

        program->process = (ProcessId){.pid = ++program->machine->last_pid, .start_time = 1};
        program->started(0, &program->process, program->started_userdata);
}

static int start_unit(Units *units, const char *vm, const char *const *argv, UnitStarted done, void *userdata,
        UnitCall **ret) {
        Machine *m = units->userdata;
        char folder[64];
        Program *program;

        (void) snprintf(folder, sizeof(folder), "vm/%s", vm);
        program = find_program(m, folder);
        assert_non_null(program);
        program->started = done;
        program->started_userdata = userdata;
        after(program, 1000, executed);
        *ret = (UnitCall *) program;
        return 0;
}

static UnitCall *forget_unit(UnitCall *call) {
        return NULL;
}

static const UnitsOps units_ops = {.name = "simulated", .start = start_unit, .forget = forget_unit};

/* Hosts. */

static void on_signal(HostSignal signal, const char *json, void *userdata) {
        Machine *m = userdata;

        if (signal == HOST_SIGNAL_VM_EVENT && strstr(json, "\"state\":\"halted\"")) {
                m->n_halted++;
                m->n_failed += strstr(json, "DomainFailed") != NULL;
        }
}

static void on_property(HostProperty property, void *userdata) {
}

static void on_pgpu(const PciAddress *address, void *userdata) {
}

static void on_pgpu_changed(const PciAddress *address, PgpuProperty property, void *userdata) {
}

static void on_status(void *userdata) {
}

static const HostListener listener = {
        .signal = on_signal,
        .property = on_property,
        .pgpu = {.added = on_pgpu, .removed = on_pgpu, .changed = on_pgpu_changed},
        .status = on_status,
};

static const HostSettings settings = {
        .hypervisor = (char *) "simulated",
        .sim_dir = (char *) "",
        .hostname = (char *) "",
        .boot_id_file = (char *) "",
        .ovsdb = (char *) "",
        .domain_program = (char *) "/bin/false",
        .dm_program = (char *) "/bin/false",
        .emulator = (char *) "/bin/false",
        .emulator_arguments = (char *) "today",
        .qemu = (char *) "/bin/false",
        .qemu_vgpu_args = (char *) "",
        .on_emulator_death = (char *) "report",
        .pci_dump = (char *) "",
        .sysfs_path = (char *) "",
        .concurrent_starts = 4,
        .program_restarts = 2,
};

/* hostd starts on this machine, and policyd claims the host with the epoch. */
static void open_host(Machine *m, uint64_t epoch) {
        _cleanup_refusal_ Refusal refusal = {};
        _cleanup_free_ char *problem = NULL;
        uint64_t held;
        Uuid id;

        assert_int_equal(loop_new_uuid(m->parts.loop, &id), 0);
        assert_int_equal(host_store_open(sim_db_source(m->database), &id, &problem, &m->parts.store), 0);
        assert_int_equal(host_open(&m->parts, &m->host), 0);
        assert_int_equal(host_begin(m->host, &listener, m), 0);
        assert_int_equal(host_claim(m->host, CLAIMER, epoch, POOL, "instance", 0, &held, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

/* It ends, and its programs run on. */
static void close_host(Machine *m) {
        m->host = host_close(m->host);
        m->parts.store = host_store_close(m->parts.store);
}

static void open_machine(Machine *m, SimLoop *sim) {
        *m = (Machine){.sim = sim, .facts = {.ops = &facts_ops}, .hardware = {.scan = scan, .is_lost = is_lost}};
        assert_int_equal(sim_db_new(&m->database), 0);
        m->parts = (HostParts){
                .loop = sim_loop_of(sim),
                .settings = &settings,
                .state_dir = "/nonexistent",
                .runtime_dir = "/nonexistent",
                .hardware = &m->hardware,
                .facts = &m->facts,
                .programs = {.ops = &programs_ops, .folder = (char *) "vm", .context = m},
                .units = {.ops = &units_ops, .userdata = m},
        };
        open_host(m, 1);
}

static void close_machine(Machine *m) {
        close_host(m);
        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                if (m->programs[i].folder)
                        (void) remove_folder(&m->parts.programs, m->programs[i].folder, &UUID_NULL);
        sim_db_free(m->database);
}

static ErrorCode try_start(Machine *m, Uuid *ret) {
        _cleanup_refusal_ Refusal refusal = {};
        Uuid vm = new_uuid(), token = new_uuid();
        _cleanup_free_ char *order = start_order(1, &token, &vm, "grid_k100", 0x83);

        assert_int_equal(host_start_vm(m->host, CLAIMER, order, &refusal), 0);
        *ret = vm;
        return refusal.code;
}

static Uuid start_on(Machine *m) {
        Uuid vm;

        assert_int_equal(try_start(m, &vm), ERROR_NONE);
        return vm;
}

static void stop_on(Machine *m, uint64_t epoch, const Uuid *vm) {
        _cleanup_free_ char *order = stop_order(epoch, vm, /* force= */ false);
        _cleanup_refusal_ Refusal refusal = {};

        assert_int_equal(host_stop_vm(m->host, CLAIMER, order, &refusal), 0);
        assert_int_equal(refusal.code, ERROR_NONE);
}

static unsigned count_running(const Machine *m) {
        unsigned n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(m->programs); i++)
                n += m->programs[i].folder && m->programs[i].record.state == VM_STATE_RUNNING;
        return n;
}

static void many_hosts_live_in_one_process(void **state) {
        static Machine machines[N_HOSTS];
        Uuid vms[N_HOSTS][6];
        SimLoop *sim;

        assert_int_equal(sim_loop_new(7, &sim), 0);
        for (unsigned i = 0; i < N_HOSTS; i++) {
                open_machine(&machines[i], sim);
                for (unsigned k = 0; k < 6; k++)
                        vms[i][k] = start_on(&machines[i]);
        }
        sim_loop_run(sim, 10 * SECOND);
        for (unsigned i = 0; i < N_HOSTS; i++)
                assert_int_equal(count_running(&machines[i]), 6);

        for (unsigned i = 0; i < N_HOSTS; i++)
                for (unsigned k = 0; k < 6; k++)
                        stop_on(&machines[i], 1, &vms[i][k]);
        sim_loop_run(sim, 10 * SECOND);
        for (unsigned i = 0; i < N_HOSTS; i++) {
                assert_int_equal(machines[i].n_halted, 6);
                assert_int_equal(machines[i].n_failed, 0);
                close_machine(&machines[i]);
        }
        sim_loop_free(sim);
}

/* It is killed after half a minute and started again, which is not too often in a minute: no one waits for those. */
static void a_deaf_program_is_started_again(void **state) {
        static Machine m;
        SimLoop *sim;

        assert_int_equal(sim_loop_new(7, &sim), 0);
        open_machine(&m, sim);
        m.deaf = true;
        (void) start_on(&m);
        sim_loop_run(sim, 29 * SECOND);
        assert_int_equal(m.n_killed, 0);
        sim_loop_run(sim, 2 * SECOND);
        assert_int_equal(m.n_killed, 1);
        /* The window of a minute begins anew before the third start. */
        sim_loop_run(sim, 600 * SECOND);
        assert_true(m.n_killed > 5);
        assert_int_equal(m.n_halted, 0);
        close_machine(&m);
        sim_loop_free(sim);
}

/* What a host has committed is all that the next hostd knows of it. */
static void a_host_is_found_again(void **state) {
        static Machine m;
        Uuid host, vm;
        SimLoop *sim;

        assert_int_equal(sim_loop_new(7, &sim), 0);
        open_machine(&m, sim);
        host = *host_get_uuid(m.host);
        for (unsigned i = 0; i < 3; i++)
                vm = start_on(&m);
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(count_running(&m), 3);

        close_host(&m);
        open_host(&m, 2);
        assert_true(uuid_equal(host_get_uuid(m.host), &host));
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(count_running(&m), 3);
        assert_int_equal(m.last_pid, 3); /* none was started again */
        stop_on(&m, 2, &vm);
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(m.n_halted, 1);
        assert_int_equal(count_running(&m), 2);
        close_machine(&m);
        sim_loop_free(sim);
}

static void a_full_disk_refuses_orders(void **state) {
        static Machine m;
        SimLoop *sim;
        Uuid vm;

        assert_int_equal(sim_loop_new(7, &sim), 0);
        open_machine(&m, sim);
        sim_db_fail(m.database, SIM_DB_NOT_WRITTEN, -ENOSPC, 0);
        assert_int_equal(try_start(&m, &vm), ERROR_STORAGE_FAILED);
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(m.last_pid, 0);
        sim_db_fail(m.database, SIM_DB_WORKS, 0, 0);
        vm = start_on(&m);
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(count_running(&m), 1);
        close_machine(&m);
        sim_loop_free(sim);
}

/*
 * One start, and a disk that takes n changes and no more; then hostd starts again on a disk that works. An order that was
 * accepted runs, once. One that was refused does not, unless it was written before the disk failed.
 */
static bool start_with_failing_disk(SimDbFault fault, unsigned n) {
        static Machine m;
        ErrorCode code;
        SimLoop *sim;
        Uuid vm;

        assert_int_equal(sim_loop_new(7 + n, &sim), 0);
        open_machine(&m, sim);
        sim_db_fail(m.database, fault, -EIO, n);
        code = try_start(&m, &vm);
        sim_loop_run(sim, 10 * SECOND);
        assert_int_equal(count_running(&m), code == ERROR_NONE);
        sim_db_cut(m.database);
        close_host(&m);
        sim_db_fail(m.database, SIM_DB_WORKS, 0, 0);
        open_host(&m, 2);
        sim_loop_run(sim, 10 * SECOND);
        assert_true(m.last_pid <= 1);
        assert_int_equal(count_running(&m), m.last_pid);
        if (code == ERROR_NONE || fault == SIM_DB_NOT_WRITTEN)
                assert_int_equal(count_running(&m), code == ERROR_NONE);
        close_machine(&m);
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
        static Machine m;
        SimLoop *sim;
        int status;
        Uuid vm;

        assert_int_equal(sim_loop_new(7, &sim), 0);
        open_machine(&m, sim);
        sim_db_fail(m.database, SIM_DB_WRITTEN, -ESTALE, 0);
        assert_int_equal(try_start(&m, &vm), ERROR_STORAGE_FAILED);
        assert_true(sim_loop_has_exited(sim, &status));
        assert_int_not_equal(status, 0);
        close_machine(&m);
        sim_loop_free(sim);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(many_hosts_live_in_one_process),
                cmocka_unit_test(a_deaf_program_is_started_again),
                cmocka_unit_test(a_host_is_found_again),
                cmocka_unit_test(a_full_disk_refuses_orders),
                cmocka_unit_test(an_order_is_whole_or_absent),
                cmocka_unit_test(a_lost_database_ends_hostd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
