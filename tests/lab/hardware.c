/*
 * Cards as a recorded machine
 *
 * One PCI domain (but for GB200): a host bridge and the integrated GPU on bus 0, a root port on bus 0 for each board, and
 * behind it what the board carries. A GRID board is a PCI switch (upstream port, one downstream port a GPU)
 * with each GPU function 0 of its own bus, as on the real K1 and K2; the buses of the first board's GPUs
 * start at 0x83, where they were seen on real machines. An HGX board has four switches, each with two GPUs and a network
 * card; the first two are on NUMA node 0, the others on node 1. Ids, class, revision and BAR sizes are as
 * public listings have them.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/base/pci-address.h"
#include "tests/lab/hardware.h"

#define FIRST_BOARD_BUS 0x81 /* of the first switch; its GPUs are two buses on */
#define FIRST_ROOT_PORT 3
#define CONFIG_SIZE 256
#define CONFIG_SIZE_EXTENDED 4096
#define SRIOV_OFFSET 0x100 /* of the one capability in the extended space */

#define BAR_MEMORY32 0x00000200ULL
#define BAR_PREFETCH64 0x0014220cULL
#define BAR_IO 0x00040101ULL

typedef struct Bar {
        uint64_t size;  /* bytes; 0: none */
        uint64_t flags; /* as in sysfs' resource file */
} Bar;

typedef struct Function {
        PciAddress address;
        uint16_t vendor, device, subsystem_vendor, subsystem_device;
        uint32_t class; /* class, subclass, programming interface */
        uint8_t revision;
        Bar bars[6];
        uint8_t secondary, subordinate; /* bridges */
        const char *driver;             /* NULL: none */
        int boot_vga;                   /* -1: no such file */
        unsigned total_functions;       /* virtual ones; 0: it cannot be divided */
        uint16_t function_device;
        char parent[128];               /* realpath of what it hangs on */
} Function;

typedef struct Machine {
        const char *folder;
        uint8_t next_bus, next_port;
        uint64_t next_address; /* where the next BAR stands; addresses only have to differ */
        int node;              /* NUMA node of what is written now; -1: unknown */
} Machine;

typedef struct Board {
        uint16_t vendor, device, subsystem_vendor, subsystem_device;
        uint8_t revision;
        size_t n_gpus;
        bool has_switch;
        uint32_t class; /* 0: a VGA controller */
        bool with_network_card;
        unsigned total_functions; /* virtual ones */
        uint16_t function_device;
        const char *driver;
        Bar bars[6];
} Board;

static const Board boards[_CARD_MAX] = {
        [CARD_K1] = {
                .vendor = 0x10de, .device = 0x0ff2, .subsystem_vendor = 0x10de, .subsystem_device = 0x1012,
                .revision = 0xa1, .n_gpus = 4, .has_switch = true,
                .bars = { { 16 << 20, BAR_MEMORY32 }, { 256 << 20, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 }, {},
                        { 128, BAR_IO } },
        },
        [CARD_K2] = {
                .vendor = 0x10de, .device = 0x11bf, .subsystem_vendor = 0x10de, .subsystem_device = 0x100a,
                .revision = 0xa1, .n_gpus = 2, .has_switch = true,
                .bars = { { 16 << 20, BAR_MEMORY32 }, { 128 << 20, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 }, {},
                        { 128, BAR_IO } },
        },
        [CARD_MXGPU] = {
                .vendor = 0x1002, .device = 0x6929, .subsystem_vendor = 0x1002, .subsystem_device = 0x0334,
                .revision = 0x00, .n_gpus = 1, .total_functions = 16, .function_device = 0x692f, .driver = "gim",
                .bars = { { 8ULL << 30, BAR_PREFETCH64 }, {}, { 2 << 20, BAR_PREFETCH64 }, {}, { 256, BAR_IO },
                        { 256 << 10, BAR_MEMORY32 } },
        },
        [CARD_SRIOV] = {
                .vendor = 0x8086, .device = 0xe212, .subsystem_vendor = 0x8086, .subsystem_device = 0x1114,
                .revision = 0x00, .n_gpus = 1, .total_functions = 4, .function_device = 0xe212, .driver = "xe",
                .bars = { { 16 << 20, BAR_PREFETCH64 }, {}, { 16ULL << 30, BAR_PREFETCH64 } },
        },
};

/* Ids and classes of pci.ids and of public listings (NVIDIA's and Intel's drivers, AMD's GIM); numbers of virtual functions as
 * such listings have them. */
static const Board newer_boards[_CARD_MAX] = {
        [CARD_A16] = {
                .vendor = 0x10de, .device = 0x25b6, .subsystem_vendor = 0x10de, .subsystem_device = 0x14a9,
                .revision = 0xa1, .n_gpus = 4, .has_switch = true, .class = 0x030200,
                .total_functions = 16, .function_device = 0x25b6, .driver = "nvidia",
                .bars = { { 16 << 20, BAR_MEMORY32 }, { 16ULL << 30, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 } },
        },
        [CARD_T4] = {
                .vendor = 0x10de, .device = 0x1eb8, .subsystem_vendor = 0x10de, .subsystem_device = 0x12a2,
                .revision = 0xa1, .n_gpus = 1, .class = 0x030200,
                .total_functions = 16, .function_device = 0x1eb8, .driver = "nvidia",
                .bars = { { 16 << 20, BAR_MEMORY32 }, { 256 << 20, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 } },
        },
        [CARD_L40S] = {
                .vendor = 0x10de, .device = 0x26b9, .subsystem_vendor = 0x10de, .subsystem_device = 0x1851,
                .revision = 0xa1, .n_gpus = 1, .class = 0x030200,
                .total_functions = 32, .function_device = 0x26b9, .driver = "nvidia",
                .bars = { { 16 << 20, BAR_MEMORY32 }, { 64ULL << 30, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 } },
        },
        [CARD_MI210] = {
                .vendor = 0x1002, .device = 0x740f, .subsystem_vendor = 0x1002, .subsystem_device = 0x0c34,
                .revision = 0x02, .n_gpus = 1, .class = 0x038000,
                .total_functions = 4, .function_device = 0x7410, .driver = "gim",
                .bars = { { 64ULL << 30, BAR_PREFETCH64 }, {}, { 2 << 20, BAR_PREFETCH64 } },
        },
        [CARD_MI325X] = {
                .vendor = 0x1002, .device = 0x74a5, .subsystem_vendor = 0x1002, .subsystem_device = 0x74a5,
                .revision = 0x00, .n_gpus = 1, .class = 0x120000,
                .total_functions = 4, .function_device = 0x74b9, .driver = "gim",
                .bars = { { 256ULL << 30, BAR_PREFETCH64 }, {}, { 2 << 20, BAR_PREFETCH64 } },
        },
        [CARD_FLEX] = {
                .vendor = 0x8086, .device = 0x56c0, .subsystem_vendor = 0x8086, .subsystem_device = 0x4905,
                .revision = 0x08, .n_gpus = 1, .class = 0x038000,
                .total_functions = 31, .function_device = 0x56c0, .driver = "i915",
                .bars = { { 16 << 20, BAR_PREFETCH64 }, {}, { 16ULL << 30, BAR_PREFETCH64 } },
        },
};

static const Board gb200_gpu = {
        .vendor = 0x10de, .device = 0x2941, .subsystem_vendor = 0x10de, .subsystem_device = 0x2046,
        .revision = 0xa1, .n_gpus = 1, .class = 0x030200,
        .bars = { { 16 << 20, BAR_PREFETCH64 }, {}, { 256ULL << 30, BAR_PREFETCH64 } },
};

/* What one of the four switches of an HGX board has. */
static const Board hgx_gpus = {
        .vendor = 0x10de, .device = 0x2330, .subsystem_vendor = 0x10de, .subsystem_device = 0x16c1,
        .revision = 0xa1, .n_gpus = 2, .has_switch = true, .class = 0x030200, .with_network_card = true,
        .bars = { { 16 << 20, BAR_PREFETCH64 }, {}, { 128ULL << 30, BAR_PREFETCH64 }, {}, { 32 << 20, BAR_PREFETCH64 } },
};

static const Board network_card = {
        .vendor = 0x15b3, .device = 0x1021, .subsystem_vendor = 0x15b3, .subsystem_device = 0x0022, .n_gpus = 1, .class = 0x020000,
        .bars = { { 32 << 20, BAR_PREFETCH64 } },
};

static int write_text(const char *folder, const char *name, const char *text) {
        _cleanup_free_ char *path = path_join(folder, name);
        _cleanup_close_ int fd = -1;
        size_t n = strlen(text);

        if (!path)
                return -ENOMEM;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        return write(fd, text, n) == (ssize_t) n ? 0 : -EIO;
}

static int write_hex(const char *folder, const char *name, unsigned digits, uint32_t value) {
        char text[16];

        snprintf(text, sizeof(text), "0x%0*x\n", (int) digits, value);
        return write_text(folder, name, text);
}

static bool function_is_bridge(const Function *f) {
        return f->class >> 8 == 0x0604;
}

static void put16(uint8_t *config, size_t offset, uint16_t value) {
        config[offset] = value & 0xff;
        config[offset + 1] = value >> 8;
}

static void put32(uint8_t *config, size_t offset, uint32_t value) {
        put16(config, offset, value & 0xffff);
        put16(config, offset + 2, value >> 16);
}

static void put_bars(uint8_t *config, const Function *f, const uint64_t *starts) {
        for (size_t i = 0; i < 6; i++) {
                const Bar *bar = &f->bars[i];

                if (bar->size == 0)
                        continue;
                if (bar->flags == BAR_IO)
                        put32(config, 0x10 + 4 * i, (uint32_t) starts[i] | 0x1);
                else if (bar->flags == BAR_MEMORY32)
                        put32(config, 0x10 + 4 * i, (uint32_t) starts[i]);
                else {
                        put32(config, 0x10 + 4 * i, (uint32_t) starts[i] | 0xc);
                        put32(config, 0x14 + 4 * i, starts[i] >> 32);
                }
        }
}

/* The configuration space: the header; of one that can be divided, 4096 bytes with its SR-IOV capability. */
static int write_config(const char *folder, const Function *f, const uint64_t *starts) {
        _cleanup_free_ char *path = path_join(folder, "config");
        _cleanup_close_ int fd = -1;
        size_t size = f->total_functions > 0 ? CONFIG_SIZE_EXTENDED : CONFIG_SIZE;
        uint8_t config[CONFIG_SIZE_EXTENDED] = {};

        if (!path)
                return -ENOMEM;

        put16(config, 0x00, f->vendor);
        put16(config, 0x02, f->device);
        put16(config, 0x04, function_is_bridge(f) ? 0x0007 : 0x0000);
        config[0x08] = f->revision;
        config[0x09] = f->class & 0xff;
        config[0x0a] = (f->class >> 8) & 0xff;
        config[0x0b] = f->class >> 16;
        if (function_is_bridge(f)) {
                config[0x0e] = 0x01;
                config[0x18] = f->address.bus;
                config[0x19] = f->secondary;
                config[0x1a] = f->subordinate;
        } else {
                put_bars(config, f, starts);
                put16(config, 0x2c, f->subsystem_vendor);
                put16(config, 0x2e, f->subsystem_device);
                config[0x3d] = f->class >> 16 == 0x03 ? 0x01 : 0x00;
        }

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        if (f->total_functions > 0) {
                put32(config, SRIOV_OFFSET, 0x00010010);
                put16(config, SRIOV_OFFSET + 0x0e, (uint16_t) f->total_functions);
        }
        return write(fd, config, size) == (ssize_t) size ? 0 : -EIO;
}

/* Thirteen lines: six BARs, the ROM, and six windows of a virtual function. */
static int write_resource(const char *folder, const Function *f, const uint64_t *starts) {
        char text[13 * 57 + 1];
        size_t n = 0;

        for (size_t i = 0; i < 13; i++) {
                const Bar *bar = i < 6 && f->bars[i].size > 0 ? &f->bars[i] : NULL;

                n += snprintf(text + n, sizeof(text) - n, "0x%016llx 0x%016llx 0x%016llx\n",
                        bar ? (unsigned long long) starts[i] : 0,
                        bar ? (unsigned long long) (starts[i] + bar->size - 1) : 0,
                        bar ? (unsigned long long) bar->flags : 0);
        }
        return write_text(folder, "resource", text);
}

static void place_bars(Machine *m, const Function *f, uint64_t *ret_starts) {
        for (size_t i = 0; i < 6; i++) {
                uint64_t size = f->bars[i].size;

                ret_starts[i] = 0;
                if (size == 0)
                        continue;
                if (f->bars[i].flags == BAR_IO) {
                        ret_starts[i] = 0x1000 + 0x100 * (uint64_t) f->address.bus;
                        continue;
                }
                /* 32-bit BARs stand below 4 GiB, 16 MiB apart. */
                if (f->bars[i].flags == BAR_MEMORY32) {
                        ret_starts[i] = 0x80000000ULL + ((uint64_t) f->address.bus << 22 & ~(size - 1));
                        continue;
                }
                m->next_address = (m->next_address + size - 1) & ~(size - 1);
                ret_starts[i] = m->next_address;
                m->next_address += size;
        }
}

static int write_realpath(const char *folder, const Function *f) {
        char text[256];

        snprintf(text, sizeof(text), "%s/%s\n", f->parent, PCI_TEXT(&f->address));
        return write_text(folder, "realpath", text);
}

/* What the kernel has for a function that can be divided; the lab's stand-in for it (tests/lab/kernel) works with these
 * files. Its driver is a link, since programs read it as one. */
static int sriov_write(const Machine *m, const char *folder, const Function *f) {
        _cleanup_free_ char *drivers = NULL, *link = path_join(folder, "driver"), *target = NULL;
        char total[16];
        int r;

        snprintf(total, sizeof(total), "%u\n", f->total_functions);
        if (!link || asprintf(&drivers, "%s/drivers/%s", m->folder, f->driver) < 0 ||
                asprintf(&target, "../../drivers/%s", f->driver) < 0)
                return -ENOMEM;
        r = mkdir_parents(drivers, 0755);
        if (r < 0)
                return r;
        if (symlink(target, link) < 0)
                return -errno;
        r = write_text(folder, "sriov_totalvfs", total);
        r = r ?: write_text(folder, "sriov_numvfs", "0\n");
        r = r ?: write_text(folder, "sriov_drivers_autoprobe", "1\n");
        r = r ?: write_text(folder, "reset", "");
        r = r ?: write_hex(folder, "sriov_vf_device", 4, f->function_device);
        return r ?: write_realpath(folder, f);
}

static int function_write(Machine *m, const Function *f) {
        char folder_name[PCI_ADDRESS_TEXT_MAX + 16], text[256], node[16];
        _cleanup_free_ char *folder = NULL;
        uint64_t starts[6];
        int r;

        snprintf(node, sizeof(node), "%d\n", m->node);
        snprintf(folder_name, sizeof(folder_name), "devices/%s", PCI_TEXT(&f->address));
        folder = path_join(m->folder, folder_name);
        if (!folder)
                return -ENOMEM;
        r = mkdir_parents(folder, 0755);
        if (r < 0)
                return r;

        place_bars(m, f, starts);
        if ((r = write_hex(folder, "vendor", 4, f->vendor)) < 0 ||
                (r = write_hex(folder, "device", 4, f->device)) < 0 ||
                (r = write_hex(folder, "subsystem_vendor", 4, f->subsystem_vendor)) < 0 ||
                (r = write_hex(folder, "subsystem_device", 4, f->subsystem_device)) < 0 ||
                (r = write_hex(folder, "class", 6, f->class)) < 0 ||
                (r = write_hex(folder, "revision", 2, f->revision)) < 0 ||
                (r = write_text(folder, "irq", "0\n")) < 0 ||
                (r = write_text(folder, "numa_node", node)) < 0 ||
                (r = write_text(folder, "enable", function_is_bridge(f) ? "1\n" : "0\n")) < 0 ||
                (r = write_config(folder, f, starts)) < 0 || (r = write_resource(folder, f, starts)) < 0)
                return r;

        if (f->boot_vga >= 0 && (r = write_text(folder, "boot_vga", f->boot_vga ? "1\n" : "0\n")) < 0)
                return r;
        if (f->total_functions > 0)
                return sriov_write(m, folder, f);
        if (f->driver) {
                snprintf(text, sizeof(text), "../../../bus/pci/drivers/%s\n", f->driver);
                r = write_text(folder, "driver.link", text);
                if (r < 0)
                        return r;
        }
        return write_realpath(folder, f);
}

static Function bridge_make(const char *parent, PciAddress address, uint16_t vendor, uint16_t device) {
        Function f = {
                .address = address,
                .vendor = vendor,
                .device = device,
                .class = 0x060400,
                .revision = vendor == 0x10b5 ? 0xca : 0x06,
                .driver = "pcieport",
                .boot_vga = -1,
        };

        snprintf(f.parent, sizeof(f.parent), "%s", parent);
        return f;
}

/* Writes a bridge and leaves its own path, where what hangs on it goes. */
static int bridge_write(
        Machine *m, Function *f, uint8_t secondary, uint8_t subordinate, char *path, size_t size) {
        f->secondary = secondary;
        f->subordinate = subordinate;
        if ((size_t) snprintf(path, size, "%s/%s", f->parent, PCI_TEXT(&f->address)) >= size)
                return -ENAMETOOLONG;
        return function_write(m, f);
}

static int gpu_write(Machine *m, const Board *board, const char *parent, PciAddress address) {
        Function f = {
                .address = address,
                .vendor = board->vendor,
                .device = board->device,
                .subsystem_vendor = board->subsystem_vendor,
                .subsystem_device = board->subsystem_device,
                .class = board->class ?: 0x030000,
                .revision = board->revision,
                .driver = board->driver,
                .boot_vga = board->class ? -1 : 0,
                .total_functions = board->total_functions,
                .function_device = board->function_device,
        };

        memcpy(f.bars, board->bars, sizeof(f.bars));
        snprintf(f.parent, sizeof(f.parent), "%s", parent);
        return function_write(m, &f);
}

static int board_write(Machine *m, const Board *board) {
        size_t n_cards = board->n_gpus + board->with_network_card;
        uint8_t bus = m->next_bus, last = bus + (board->has_switch ? 1 : -1) + n_cards;
        char root_path[64], up_path[96], down_path[128];
        Function root, up;
        int r;

        root = bridge_make("/sys/devices/pci0000:00", (PciAddress){ .dev = m->next_port++ }, 0x8086, 0x0c01);
        m->next_bus = last + 1;
        r = bridge_write(m, &root, bus, last, root_path, sizeof(root_path));
        if (r < 0)
                return r;
        if (!board->has_switch)
                return gpu_write(m, board, root_path, (PciAddress){ .bus = bus });

        up = bridge_make(root_path, (PciAddress){ .bus = bus }, 0x10b5, 0x8747);
        r = bridge_write(m, &up, bus + 1, last, up_path, sizeof(up_path));
        for (size_t i = 0; r >= 0 && i < n_cards; i++) {
                Function down =
                        bridge_make(up_path, (PciAddress){ .bus = bus + 1, .dev = 8 + i }, 0x10b5, 0x8747);

                r = bridge_write(m, &down, bus + 2 + i, bus + 2 + i, down_path, sizeof(down_path));
                if (r >= 0)
                        r = gpu_write(m, i < board->n_gpus ? board : &network_card, down_path,
                                (PciAddress){ .bus = bus + 2 + i });
        }
        return r;
}

/* The GPU in the processor: it is the machine's own display. BAR2 is the aperture that GVT-g divides. */
static int integrated_write(Machine *m) {
        Function f = {
                .address = { .dev = 2 },
                .vendor = 0x8086,
                .device = 0x041a,
                .subsystem_vendor = 0x15d9,
                .subsystem_device = 0x0811,
                .class = 0x030000,
                .revision = 0x06,
                .bars = { { 4 << 20, BAR_PREFETCH64 }, {}, { 1 << 30, BAR_PREFETCH64 }, {}, { 64, BAR_IO } },
                .driver = "i915",
                .boot_vga = 1,
                .parent = "/sys/devices/pci0000:00",
        };

        return function_write(m, &f);
}

static int hgx_write(Machine *m) {
        int r = 0;

        for (int i = 0; i < 4 && r >= 0; i++) {
                m->node = i / 2;
                r = board_write(m, &hgx_gpus);
        }
        m->node = -1;
        return r;
}

/* As on a machine of Grace processors: a root port on bus 0 of each domain, and the GPU on bus 1. */
static int gb200_write(Machine *m) {
        static const uint32_t domains[] = { 0x8, 0x9, 0x18, 0x19 };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(domains) && r >= 0; i++) {
                char bridge_path[64], root_path[96];
                Function root;

                m->node = (int) i / 2;
                snprintf(bridge_path, sizeof(bridge_path), "/sys/devices/pci%04x:00", domains[i]);
                root = bridge_make(bridge_path, (PciAddress){ .domain = domains[i] }, 0x10de, 0x22b1);
                r = bridge_write(m, &root, 1, 1, root_path, sizeof(root_path));
                if (r >= 0)
                        r = gpu_write(m, &gb200_gpu, root_path, (PciAddress){ .domain = domains[i], .bus = 1 });
        }
        m->node = -1;
        return r;
}

static const Board *board_of(Card card) {
        return card == CARD_NIC ? &network_card : newer_boards[card].n_gpus > 0 ? &newer_boards[card] : &boards[card];
}

static int card_write(Machine *m, Card card) {
        if (card == CARD_GVT)
                return integrated_write(m);
        if (card == CARD_HGX)
                return hgx_write(m);
        if (card == CARD_GB200)
                return gb200_write(m);
        return board_write(m, board_of(card));
}

static int host_bridge_write(Machine *m) {
        Function f = {
                .vendor = 0x8086,
                .device = 0x0c08,
                .subsystem_vendor = 0x15d9,
                .subsystem_device = 0x0811,
                .class = 0x060000,
                .revision = 0x06,
                .boot_vga = -1,
                .parent = "/sys/devices/pci0000:00",
        };

        return function_write(m, &f);
}

int hardware_write(const char *folder, const Card *cards, size_t n_cards) {
        _cleanup_free_ char *slots = path_join(folder, "slots");
        Machine m = {
                .folder = folder,
                .next_bus = FIRST_BOARD_BUS,
                .next_port = FIRST_ROOT_PORT,
                .next_address = 0x3800000000ULL,
                .node = -1,
        };
        int r;

        if (!slots)
                return -ENOMEM;
        r = remove_tree(folder);
        if (r >= 0)
                r = mkdir_parents(slots, 0755);
        if (r >= 0)
                r = host_bridge_write(&m);
        for (size_t i = 0; r >= 0 && i < n_cards; i++)
                r = card_write(&m, cards[i]);
        return r;
}
