/*
 * Files that hostd and its programs read of each other, of the kernel and of the simulation: whole values, or a refusal
 *
 * The first byte says which file the rest is.
 */

#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "common/base/text.h"
#include "common/io/file.h"
#include "common/io/pidfd.h"
#include "hostd/core/nvidia-driver.h"
#include "hostd/dm/readiness.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/edge/own-disks.h"
#include "hostd/edge/sysfs-facts.h"
#include "hostd/helper/passthrough.h"
#include "hostd/run/division.h"
#include "hostd/run/run-record.h"
#include "hostd/run/run-socket.h"
#include "hostd/run/sim-host.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

static void demand(bool holds) {
        if (!holds)
                abort();
}

static void read_run_record(const char *text) {
        RunRecord record, again;

        scratch_write("domain.json", text, strlen(text));
        if (run_record_read(scratch_folder(), &record) < 0)
                return;
        demand(record.stage && record.reason && run_record_write(scratch_folder(), &record) >= 0);
        demand(run_record_read(scratch_folder(), &again) >= 0 && again.state == record.state);
        run_record_done(&again);
        run_record_done(&record);
}

static void read_dm_record(const char *text) {
        DmRecord record;

        scratch_write("dm.json", text, strlen(text));
        if (dm_record_read(scratch_folder(), &record) < 0)
                return;
        demand(record.stage && record.state && record.error);
        dm_record_done(&record);
}

static void read_order(const char *text) {
        StartOrder order;
        JsonReader r = {};

        scratch_write("order.json", text, strlen(text));
        if (run_order_read(&r, scratch_folder(), &order) >= 0)
                start_order_done(&order);
        else
                demand(!isempty(r.error));
}

static void read_sim_host(const char *text) {
        MachineFactsSource *source;
        MachineFacts facts;
        SimHost host;

        scratch_write("host.json", text, strlen(text));
        if (sim_host_read(scratch_folder(), &host) >= 0)
                sim_host_done(&host);
        if (machine_facts_simulated_new(scratch_folder(), &source) < 0)
                return;
        if (machine_facts_read(source, &facts) >= 0)
                machine_facts_done(&facts);
        (void) machine_facts_source_free(source);
}

static void read_functions(const char *text) {
        HelperWork work;

        scratch_write("functions.json", text, strlen(text));
        if (passthrough_give_back(scratch_folder(), &work) >= 0)
                helper_work_done(&work);
}

/* Of two lines, as they come on the socket of a run folder. */
static void read_lines(const char *text) {
        LineReader reader = {};
        StopCommand command;
        JsonReader r = {};
        const char *line;
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                abort();
        if (send(fds[0], text, strlen(text), MSG_NOSIGNAL) >= 0)
                while (line_reader_fill(&reader, fds[1]) > 0)
                        while ((line = line_reader_next(&reader)))
                                if (run_socket_parse_stop(&r, line, &command) < 0)
                                        demand(!isempty(r.error));
        close(fds[0]);
        close(fds[1]);
}

static void read_lists(const char *text) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "list");
        _cleanup_(strv_freep) char **storage = NULL;
        const OwnDiskPaths paths = {.mountinfo = path, .swaps = path, .block = scratch_folder()};

        scratch_write("list", text, strlen(text));
        (void) own_disk_find(&paths, makedev(8, 1));
        (void) machine_facts_read_storage("/srv /dev", path, &storage);
}

static void read_sysfs(const char *text) {
        static const char *const names[] = {"driver.link", "physfn.link", "realpath", "boot_vga", "resource", "unique_id",
                "numa_node", "sriov_totalvfs"};
        SysfsFacts facts;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                scratch_write(names[i], text, strlen(text));
        if (sysfs_facts_read(scratch_folder(), &facts) < 0)
                return;
        demand(facts.driver && facts.bridge && facts.pci_switch);
        demand(isempty(facts.unique_id) || text_is_name(facts.unique_id, strlen(facts.unique_id)));
        sysfs_facts_done(&facts);
}

static void read_words(const char *text) {
        const char *version = nvidia_driver_version_of_link(text), *const allowed[] = {text, "440.00+", NULL};

        (void) nvidia_driver_supports_multi_vgpu(version, nvidia_multi_vgpu_versions);
        (void) nvidia_driver_supports_multi_vgpu("450.1", allowed);
        for (EmulatorForm form = 0; form < _EMULATOR_FORM_MAX; form++)
                (void) readiness_judge(form, text, text);
}

/* Of divisions, and of the function that a VM has. */
static void read_notes(const char *text) {
        static const PciAddress address = {.bus = 0x81};
        _cleanup_free_ char *folder = path_join(scratch_folder(), "divisions");
        FunctionNote function;
        Division division;

        if (!folder || mkdir_parents(folder, 0700) < 0)
                abort();
        scratch_write("function.json", text, strlen(text));
        scratch_write("divisions/0000:81:00.0", text, strlen(text));
        if (function_note_read(scratch_folder(), &function) >= 0)
                demand(function_note_write(scratch_folder(), &function) >= 0);
        if (division_read(scratch_folder(), &address, &division) < 0)
                return;
        demand(division_write(scratch_folder(), &address, &division) >= 0);
        division_done(&division);
}

/* A process gives itself any name. */
static void read_stat(const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        uint64_t start_time;
        char state = '\0';

        if (!copy)
                abort();
        demand(process_stat_parse(copy, &state, &start_time) < 0 || state != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static void (*const readers[])(const char *) = {read_run_record, read_dm_record, read_order, read_sim_host,
                read_functions, read_lines, read_lists, read_sysfs, read_words, read_stat, read_notes};
        _cleanup_free_ char *text = size > 0 ? strndup((const char *) data + 1, size - 1) : NULL;

        if (text)
                readers[(data[0] - (unsigned) '0') % ARRAY_SIZE(readers)](text);
        return 0;
}
