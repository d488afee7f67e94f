/*
 * A machine of the pool: facts, power, and the life of its hostd
 *
 * What hostd has stored outlives its crash, which comes between two turns of the loop; domains and programs outlive it as
 * well, and a reboot ends them.
 */

#include "common/io/file.h"
#include "hostd/core/idset.h"
#include "hostd/service/claim.h"
#include "tests/proof/boards.h"

static Machine *machine_of(MachineFactsSource *source) {
        return CONTAINER_OF(source, MachineInside, facts)->machine;
}

static int memory_free(MachineFactsSource *source, uint64_t *ret) {
        *ret = MACHINE_MEMORY - MIN_OF(guests_memory(machine_of(source)), MACHINE_MEMORY);
        return 0;
}

static int read_facts(MachineFactsSource *source, MachineFacts *ret) {
        Machine *m = machine_of(source);

        *ret = (MachineFacts){
                .memory_total = MACHINE_MEMORY,
                .cpus = 8,
                .iommu = !m->lacks_iommu,
                .hvm = !m->lacks_hvm,
                .hostname = strdup(m->name),
        };
        if (asprintf(&ret->boot_id, "boot-%u-%u", m->number, m->boots) < 0)
                return -ENOMEM;
        return memory_free(source, &ret->memory_free);
}

static int each_domain(MachineFactsSource *source, bool functions, HostDomainVisitor visitor, void *userdata) {
        return guests_each_domain(machine_of(source), visitor, userdata);
}

static MachineFactsSource *free_facts(MachineFactsSource *source) {
        return NULL;
}

static const MachineFactsOps facts_ops = {
        .hypervisor = "xen",
        .read = read_facts,
        .memory_free = memory_free,
        .each_domain = each_domain,
        .free = free_facts,
};

static bool is_lost(const PciAddress *address, void *userdata) {
        return cards_is_lost(userdata, address);
}

static char *monitors[] = {(char *) "gpumon.service", (char *) "dcgm.service", NULL};

static char *allowed_keys[] = {(char *) "pcidevs", NULL};

static const HostSettings usual_settings = {
        .allowed_config_keys = allowed_keys,
        .hypervisor = (char *) "libxl",
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
        .emulator_timeout = MACHINE_EMULATOR_TIMEOUT,
        .running_timeout = MACHINE_RUNNING_TIMEOUT,
        .on_emulator_death = (char *) "report",
        .core_dump_folder = (char *) "/nonexistent",
        .core_dumps = 4,
        .pci_dump = (char *) "",
        .monitoring_units = monitors,
        .monitoring_stop_timeout = 10 * SECOND,
        .concurrent_starts = 4,
        .program_restarts = 2,
};

/* In memory where there is such a place. */
static void make_runtime_dir(Machine *m) {
        char **dir = &m->inside->runtime_dir;

        for (size_t i = 0; i < 2; i++) {
                *dir = strdup(i == 0 ? "/dev/shm/xenvgpu-prove.XXXXXX" : "/tmp/xenvgpu-prove.XXXXXX");
                if (mkdtemp(*dir))
                        return;
                free(*dir);
        }
        abort();
}

static void init_settings(Machine *m) {
        MachineInside *in = m->inside;

        in->folder = path_join(in->runtime_dir, "vm");
        in->sysfs = path_join(in->runtime_dir, "sys");
        in->settings = usual_settings;
        in->settings.sysfs_path = in->sysfs;
        in->settings.sriov_division = (char *) (m->keeps_divisions ? "fixed" : "ours");
}

void machine_init(Machine *m, unsigned number, uint64_t boards) {
        m->inside = calloc(1, sizeof(*m->inside));
        if (!m->inside)
                abort();
        m->inside->machine = m;
        m->inside->bad = chance(m->dice, 250) ? 4 : 1;
        m->number = number;
        (void) snprintf(m->name, sizeof(m->name), "h%u", number);
        m->n_pgpus = (unsigned) chance_between(m->dice, 1, PGPUS_MAX);
        m->inside->facts = (MachineFactsSource){.ops = &facts_ops};
        m->inside->hardware = (HardwareSource){.scan = cards_scan, .is_lost = is_lost, .userdata = m};
        if (sim_db_new(&m->inside->db) < 0 || loop_new_uuid(m->loop, &m->inside->first_id) < 0)
                abort();
        if (chance(m->dice, 700))
                m->inside->systemd = systemd_new(m);
        make_runtime_dir(m);
        boards_init(m, boards);
        init_settings(m);
}

/* What hostd tells. */

static void say_over(Machine *m, const char *json) {
        _cleanup_(vm_event_done) VmEvent e = {};
        _cleanup_json_ struct json_object *o = NULL;
        JsonReader reader = {};

        if (json_parse(&reader, json, strlen(json), &o) < 0 || vm_event_parse(&reader, o, &e) < 0)
                history_add(m->history, "%s event unreadable", m->name);
        else if (e.state == VM_STATE_HALTED)
                history_add(m->history, "%s event vm=%s over token=%s reason=%s", m->name, UUID_TEXT(&e.uuid),
                        UUID_TEXT(&e.head.token), e.reason);
}

static void on_signal(HostSignal signal, const char *json, void *userdata) {
        static const Told told[_HOST_SIGNAL_MAX] = {
                [HOST_SIGNAL_VM_EVENT] = TOLD_VM,
                [HOST_SIGNAL_VGPU_EVENT] = TOLD_VGPU,
                [HOST_SIGNAL_PCI_EVENT] = TOLD_PCI,
                [HOST_SIGNAL_INVENTORY_CHANGED] = TOLD_INVENTORY,
        };
        Machine *m = userdata;

        if (m->inside->hostd_loop.is_over)
                return;
        if (signal == HOST_SIGNAL_VM_EVENT)
                say_over(m, json);
        m->listener->tell(m, told[signal], json, m->userdata);
}

static void on_property(HostProperty property, void *userdata) {
}

static void on_pgpu(const PciAddress *address, void *userdata) {
}

static void on_pgpu_changed(const PciAddress *address, PgpuProperty property, void *userdata) {
}

static void on_status(void *userdata) {
}

static const HostListener host_listener = {
        .signal = on_signal,
        .property = on_property,
        .pgpu = {.added = on_pgpu, .removed = on_pgpu, .changed = on_pgpu_changed},
        .status = on_status,
};

/* Its life. */

static void on_restart(void *userdata) {
        machine_start_hostd(userdata);
}

static void end_hostd(Machine *m, bool by_itself) {
        if (!m->inside->hostd)
                return;
        history_add(m->history, "%s hostd ends%s", m->name, by_itself ? " by-itself" : "");
        m->inside->crashing = !by_itself;
        if (!by_itself)
                sim_db_cut(m->inside->db);
        m->inside->hostd = host_close(m->inside->hostd);
        m->inside->parts.store = host_store_close(m->inside->parts.store);
        process_loop_done(&m->inside->hostd_loop);
        m->inside->crashing = m->is_frozen = false;
        m->incarnation = 0;
        m->listener->went(m, m->userdata);
}

/* It left by itself, or died in a commit, and systemd starts it again. */
static void on_hostd_end(int status, void *userdata) {
        Machine *m = userdata;

        m->exits += status != PROCESS_KILLED;
        end_hostd(m, status != PROCESS_KILLED);
        if (loop_call_in(m->loop, &m->inside->restart, SECOND, on_restart, m) < 0)
                abort();
}

static void on_undecided(void *userdata) {
        Machine *m = userdata;

        m->inside->crashing = true;
        process_loop_kill(&m->inside->hostd_loop);
}

void machine_die_in_commit(Machine *m) {
        m->dies_later = !m->inside->hostd;
        sim_db_on_undecided(m->inside->db, on_undecided, m);
        if (m->inside->hostd)
                sim_db_fail(m->inside->db, chance(m->dice, 500) ? SIM_DB_WRITTEN : SIM_DB_LOST, -EIO, 0);
}

/* Its disk may be full, or fail: systemd tries again. */
static void start_again(Machine *m, int r) {
        history_add(m->history, "%s hostd cannot-start error=%d", m->name, r);
        m->inside->hostd = host_close(m->inside->hostd);
        m->inside->parts.store = host_store_close(m->inside->parts.store);
        process_loop_done(&m->inside->hostd_loop);
        if ((r != -ENOSPC && r != -EIO) || loop_call_in(m->loop, &m->inside->restart, SECOND, on_restart, m) < 0)
                abort();
}

static int open_hostd(Machine *m) {
        _cleanup_free_ char *problem = NULL;
        int r;

        r = host_store_open(sim_db_source(m->inside->db), &m->inside->first_id, &problem, &m->inside->parts.store);
        if (r >= 0) {
                hostd_say_found(m);
                r = host_open(&m->inside->parts, &m->inside->hostd);
        }
        if (r < 0)
                start_again(m, r);
        return r;
}

void machine_start_hostd(Machine *m) {
        int r;

        if (m->inside->hostd || !m->is_on)
                return;
        process_loop_init(&m->inside->hostd_loop, m->loop, on_hostd_end, m);
        m->inside->hostd_loop.ahead = m->clock_ahead;
        m->inside->parts = (HostParts){
                .loop = &m->inside->hostd_loop.loop,
                .settings = &m->inside->settings,
                .state_dir = "memory",
                .runtime_dir = m->inside->runtime_dir,
                .hardware = &m->inside->hardware,
                .facts = &m->inside->facts,
                .programs = {.ops = &guest_programs, .folder = m->inside->folder, .context = m},
                .units = {.ops = &guest_units, .userdata = m},
        };
        if (m->inside->systemd)
                m->inside->parts.units = (Units){.ops = &units_systemd, .systemd = m->inside->systemd};
        if (open_hostd(m) < 0)
                return;
        hostd_watch_phases(m);
        m->incarnation = ++m->incarnations;
        history_add(m->history, "%s hostd starts", m->name);
        if (m->dies_later)
                machine_die_in_commit(m);
        r = host_begin(m->inside->hostd, &host_listener, m);
        if (r < 0) {
                m->incarnation = 0;
                start_again(m, r);
                return;
        }
        m->listener->came(m, m->userdata);
}

/* Now and then it is stopped in good order. */
void machine_crash_hostd(Machine *m) {
        end_hostd(m, !m->is_frozen && !m->inside->crashing && trouble(m, 200));
}

void machine_list(Machine *m) {
        _cleanup_free_ char *path = path_join(m->inside->runtime_dir, "lease.json"), *note = NULL;
        size_t size;

        guests_list(m);
        boards_list(m);
        if (m->inside->systemd)
                systemd_list(m->inside->systemd, file_read(path, 65536, &note, &size) >= 0 ? note : "");
}

static void empty_runtime_dir(Machine *m) {
        static const char *const names[] = {"lease.json", "divisions", "vm", "sys"};

        for (size_t i = 0; i < (boards_has_one(m) ? ARRAY_SIZE(names) : 1); i++) {
                _cleanup_free_ char *path = path_join(m->inside->runtime_dir, names[i]);

                (void) remove_tree(path);
        }
        m->inside->n_over = 0;
}

bool machine_freeze(Machine *m) {
        if (!m->inside->hostd || m->is_frozen)
                return false;
        m->is_frozen = true;
        process_loop_freeze(&m->inside->hostd_loop);
        history_add(m->history, "%s hostd freezes", m->name);
        return true;
}

void machine_thaw(Machine *m) {
        if (!m->is_frozen)
                return;
        m->is_frozen = false;
        process_loop_thaw(&m->inside->hostd_loop);
        history_add(m->history, "%s hostd thaws", m->name);
}

void machine_power_on(Machine *m) {
        if (m->is_on)
                return;
        m->is_on = true;
        m->boots++;
        history_add(m->history, "%s power on", m->name);
        boards_power_on(m);
        if (m->inside->systemd)
                systemd_power_on(m->inside->systemd, monitors);
        machine_start_hostd(m);
}

void machine_power_off(Machine *m) {
        if (!m->is_on)
                return;
        end_hostd(m, /* by_itself= */ false);
        loop_timer_stop(m->inside->restart);
        m->is_on = false;
        history_add(m->history, "%s power off", m->name);
        if (m->inside->systemd)
                systemd_power_off(m->inside->systemd);
        guests_cut_power(m);
        empty_runtime_dir(m);
}

void machine_release_from_others(Machine *m, const char *pool) {
        _cleanup_(refusal_done) Refusal refusal = {};
        Hostd *h = m->inside->hostd;

        if (h && *host_get_claimed_by(h) && !streq(host_get_claimed_by(h), pool))
                (void) host_release(h, host_get_claimer(h), &refusal);
}

void machine_copy_store(Machine *m) {
        sim_db_free(m->inside->kept);
        m->inside->kept = sim_db_copy(m->inside->db);
}

bool machine_restore_store(Machine *m) {
        if (!m->inside->kept)
                return false;
        end_hostd(m, /* by_itself= */ false);
        sim_db_restore(m->inside->db, m->inside->kept);
        history_add(m->history, "%s restored", m->name);
        return true;
}

void machine_rescan(Machine *m) {
        if (m->inside->hostd && !m->is_frozen && host_rescan(m->inside->hostd) < 0)
                history_add(m->history, "%s rescan failed", m->name);
}

void machine_set_clock(Machine *m, uint64_t ahead) {
        m->clock_ahead = m->inside->hostd_loop.ahead = ahead;
}

bool machine_knows_later(const Machine *m, const char *pool, uint64_t epoch, uint64_t orders) {
        const Hostd *h = m->inside->hostd;

        if (!h || m->is_frozen || !streq(host_get_claimed_by(h), pool))
                return false;
        return host_get_epoch(h) > epoch || (host_get_epoch(h) == epoch && host_get_orders(h) > orders);
}

void machine_fail_commits(Machine *m, bool fail) {
        m->dies_later &= fail;
        sim_db_fail(m->inside->db, fail ? SIM_DB_NOT_WRITTEN : SIM_DB_WORKS, -ENOSPC, 0);
}

void machine_count_commit(Machine *m, uint64_t *count) {
        sim_db_count_fault(m->inside->db, count);
}

bool machine_kill_within(Machine *m, unsigned n, uint64_t *count) {
        if (!m->inside->hostd)
                return false;
        m->inside->hostd_loop.within_left = n;
        m->inside->hostd_loop.count = count;
        return true;
}

void machine_done(Machine *m) {
        end_hostd(m, /* by_itself= */ false);
        if (m->inside->systemd)
                systemd_power_off(m->inside->systemd);
        guests_cut_power(m);
        loop_timer_free(m->inside->restart);
        (void) systemd_close(m->inside->systemd);
        (void) remove_tree(m->inside->runtime_dir);
        boards_done(m);
        free(m->inside->folder);
        free(m->inside->sysfs);
        free(m->inside->runtime_dir);
        sim_db_free(m->inside->db);
        sim_db_free(m->inside->kept);
        free(m->inside->over);
        free(m->inside);
        m->inside = NULL;
}
