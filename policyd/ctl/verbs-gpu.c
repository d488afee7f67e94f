/*
 * Verbs of VGPUs, PGPUs and GPU groups, and those that ask for advice, which change nothing
 */

#include <stdio.h>
#include <unistd.h>

#include "common/base/parse.h"
#include "common/base/pci-address.h"
#include "common/base/text.h"
#include "common/io/file.h"
#include "common/json/json-get.h"
#include "policyd/ctl/explain.h"
#include "policyd/ctl/verbs.h"

/*
 * Lines for a host's list of SR-IOV types: read on the host that has the board, from the kernel, since the list is a file of that
 * host. How a board is cut is the administrator's decision: each line stands for one way, and a PGPU is divided in one way at a
 * time.
 */

#define FUNCTIONS_MAX 256 /* of one board, as hostd's list has it */

typedef struct Ids {
        char *vendor, *device; /* four hex digits */
        uint32_t total;
} Ids;

static void ids_done(Ids *i) {
        free(i->vendor);
        free(i->device);
}

/* "0x8086" as "8086". -EINVAL: it is no such number, which a list of types would not take either. */
static int read_id(const char *folder, const char *name, char **ret) {
        _cleanup_free_ char *path = path_join(folder, name), *line = NULL;
        const char *id;

        if (!path || file_read_line(path, &line) < 0)
                return -ENOENT;
        id = startswith(line, "0x");
        if (!id || strlen(id) != 4 || strspn(id, "0123456789abcdef") != 4)
                return -EINVAL;
        *ret = strdup(id);
        return *ret ? 0 : -ENOMEM;
}

static int read_ids(const char *folder, Ids *ret) {
        _cleanup_free_ char *path = path_join(folder, "sriov_totalvfs"), *line = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = read_id(folder, "vendor", &ret->vendor) ?: read_id(folder, "device", &ret->device);
        return r < 0 || file_read_line(path, &line) < 0 ? r : parse_u32(line, &ret->total);
}

static char *name_of_way(const Ids *ids, const char *name, uint32_t n) {
        return name ? text_printf("%s 1/%u", name, n) : text_printf("GPU %s 1/%u", ids->device, n);
}

/* The number of functions of the next way; 0: there is none. */
static uint32_t next_way(const Ids *ids, uint32_t n) {
        return n == 0 ? 1 : n >= ids->total ? 0 : MIN_OF(n * 2, ids->total);
}

static int print_ways(const Ids *ids, const PciAddress *address, const char *name) {
        printf("# %s may have %u virtual functions. Keep the lines that you want in /etc/xenvgpu/sriov-types, and rescan.\n",
                PCI_TEXT(address), ids->total);
        for (uint32_t n = 0; (n = next_way(ids, n)) > 0;) {
                _cleanup_free_ char *of = name_of_way(ids, name, n);

                if (!of)
                        return ctl_no_memory();
                printf("%s:%s name='%s' vfs_per_pgpu=%u\n", ids->vendor, ids->device, of, n);
        }
        return EXIT_DONE;
}

static int add_way(struct json_object *ways, const Ids *ids, const char *name, uint32_t n) {
        struct json_object *way = json_object_new_object();
        _cleanup_free_ char *of = name_of_way(ids, name, n);

        if (!way || !of || json_object_array_add(ways, way) < 0) {
                json_object_put(way);
                return -ENOMEM;
        }
        return json_add_string(way, "vendor", ids->vendor) ?: json_add_string(way, "device", ids->device) ?:
               json_add_string(way, "name", of) ?: json_add_u64(way, "vfs_per_pgpu", n);
}

static int print_ways_as_json(const Ids *ids, const PciAddress *address, const char *name) {
        _cleanup_json_ struct json_object *answer = json_object_new_object();
        struct json_object *ways = json_object_new_array();
        int r = answer && ways ? 0 : -ENOMEM;

        r = r ?: json_add_string(answer, "pci_id", PCI_TEXT(address)) ?: json_add_u64(answer, "functions_max", ids->total);
        for (uint32_t n = 0; r == 0 && (n = next_way(ids, n)) > 0;)
                r = add_way(ways, ids, name, n);
        if (r == 0)
                r = json_add(answer, "types", take_ptr(ways));
        json_object_put(ways);
        return r < 0 || print_spelled(stdout, answer) < 0 ? ctl_no_memory() : EXIT_DONE;
}

/* The command line makes sense, and the board does not allow it. The sentence is freed. */
static int refuse(const char *name, char *sentence) {
        _cleanup_free_ char *owned = sentence;

        return owned ? ctl_say_error(name, owned) : ctl_no_memory();
}

/* "alpha/0000:03:00.0", and this machine is not called so. Another tree of sysfs may be that of any host. */
static bool is_elsewhere(const char *pgpu, const char *sysfs) {
        size_t n = strchr(pgpu, '/') ? (size_t) (strchr(pgpu, '/') - pgpu) : 0;
        char machine[256] = "";

        (void) gethostname(machine, sizeof(machine) - 1);
        return !sysfs && n > 0 && (strncmp(pgpu, machine, n) != 0 || !strchr(".", machine[n]));
}

static int read_board(const char *folder, const PciAddress *address, Ids *ret) {
        int r = read_ids(folder, ret);

        if (r == -ENOMEM)
                return ctl_no_memory();
        if (r < 0 && r != -ENOENT)
                return refuse("org.xenvgpu.Error.InvalidRecord", text_printf("In %s vendor, device or sriov_totalvfs is no number.", folder));
        if (r < 0)
                return refuse("org.xenvgpu.Error.NoSuchObject",
                        text_printf("This host has no PCI function %s; run this on the host that has the board.", PCI_TEXT(address)));
        if (ret->total == 0)
                return refuse("org.xenvgpu.Error.NotSupported",
                        text_printf("The kernel offers no virtual functions of %s: its driver, or the firmware's setup, has SR-IOV "
                                    "switched off, or the board has none.",
                                PCI_TEXT(address)));
        ret->total = MIN_OF(ret->total, (uint32_t) FUNCTIONS_MAX);
        return 0;
}

static int sriov_propose(Ctl *ctl) {
        const char *pgpu = ctl_arg(ctl, "pgpu"), *sysfs = ctl_arg(ctl, "sysfs"), *name = ctl_arg(ctl, "name");
        const char *slash = strrchr(pgpu, '/');
        _cleanup_free_ char *folder = NULL;
        _cleanup_(ids_done) Ids ids = {};
        PciAddress address;
        int r;

        /* HOST/ADDRESS too, as other verbs take it. */
        if (pci_address_from_string(slash ? slash + 1 : pgpu, &address) < 0)
                return ctl_usage("pgpu= takes the PCI address that the board has on this host, as 0000:03:00.0");
        if (is_elsewhere(pgpu, sysfs))
                return ctl_usage("the board of pgpu=%s is read on its host: run sriov-propose pgpu=%s there", pgpu, PCI_TEXT(&address));
        if (name && strchr(name, '\''))
                return ctl_usage("a name in the list has no apostrophe");
        if (asprintf(&folder, "%s/devices/%s", sysfs ?: "/sys/bus/pci", PCI_TEXT(&address)) < 0)
                return ctl_no_memory();
        r = read_board(folder, &address, &ids);
        if (r != 0)
                return r;
        return ctl->args.json ? print_ways_as_json(&ids, &address, name) : print_ways(&ids, &address, name);
}

static const Verb verbs[] = {
        VERB_CALL("vgpu-create", NULL, "CreateVGPU", CREATED,
                "Gives a halted VM a VGPU; without a type, a whole GPU (passthrough). Prints its uuid.",
                ARG_OBJECT("vm-uuid", "vm"), ARG_OBJECT("gpu-group-uuid", "gpu-group"),
                ARG_OBJECT_OR_NONE("vgpu-type-uuid", "vgpu-type"), ARG_OPTION("device", "device"), ARG_OPTION("extra-args", "extra_args"),
                ARG_IDEMPOTENCY_KEY),
        VERB_CALL("vgpu-destroy", "vgpu", "Destroy", NONE, "Takes a VGPU from its halted VM."),
        VERB_CALL("pgpu-get-remaining-capacity", "pgpu", "GetRemainingCapacity", NUMBER,
                "How many more VGPUs of a type fit on a PGPU now.", ARG_OBJECT("vgpu-type-uuid", "vgpu-type")),
        VERB_CALL("gpu-group-create", NULL, "CreateGPUGroup", CREATED, "Makes an empty GPU group. Prints its uuid.",
                ARG_TEXT("name-label"), ARG_OPTION("name-description", "name_description"), ARG_IDEMPOTENCY_KEY),
        VERB_CALL("gpu-group-destroy", "gpu-group", "Destroy", NONE,
                "Ends a GPU group that holds neither PGPUs nor VGPUs."),
        VERB_CALL("gpu-group-get-remaining-capacity", "gpu-group", "GetRemainingCapacity", NUMBER,
                "How many more VGPUs of a type fit in a group now.", ARG_OBJECT("vgpu-type-uuid", "vgpu-type")),
        VERB_SHOW("gpu-group-plan", "gpu-group", "Plan", plan_print,
                "The fewest VM restarts that free a whole PGPU for a type, or for passthrough.",
                ARG_OBJECT_OR_NONE("vgpu-type-uuid", "vgpu-type")),
        VERB_CALL("gpu-group-failures-to-tolerate", "gpu-group", "GetFailuresToTolerate", NUMBER,
                "How many hosts may fail with every VM of the group starting elsewhere."),
        VERB_SHOW("host-failure-check", NULL, "CheckHostFailure", failure_print,
                "Which running VMs could start elsewhere if a host failed.", ARG_OBJECT("uuid", "host")),
        { .name = "sriov-propose", .run = sriov_propose, .needs_no_pool = true,
          .summary = "Prints lines for /etc/xenvgpu/sriov-types of the host on which it runs, one for each way to cut a board.",
          .args = { ARG_KEY("pgpu"), ARG_MAY("name"), ARG_MAY("sysfs") } },
};

const VerbTable verbs_of_gpus = VERB_TABLE(verbs);
