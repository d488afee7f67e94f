/*
 * PGPUs out of recorded machines: a sysfs tree and a bare listing of the same host
 *
 * The host has a bridge with one K1 function that dom0 shows its console on, a K1 function behind the same
 * bridge held by pciback, with a sound function in its slot, a network card with an SR-IOV VF that calls
 * itself a display, and a GPU that pci.ids does not know.
 */

#include "hostd/core/idset.h"
#include "hostd/edge/hardware.h"
#include "hostd/edge/pci-listing.h"
#include "hostd/edge/sysfs-facts.h"
#include "tests/unit/hostd-edge/test.h"

typedef struct Recorded {
        const char *address;
        uint16_t vendor, device, subvendor, subdevice;
        uint32_t class;
        uint8_t bus_below;
        const char *driver;   /* NULL: none */
        const char *parent;   /* "" a root bus */
        const char *boot_vga; /* NULL: no such file */
        bool virtual_function;
        const char *bar2; /* NULL: an unused region */
} Recorded;

static const Recorded machine[] = {
        { "0000:00:01.0", 0x8086, 0x0c01, 0, 0, 0x060400, 3, "pcieport", "", NULL, false, NULL },
        { "0000:00:02.0", 0x8086, 0x041a, 0x8086, 0x1234, 0x030000, 0, "i915", "", "0", false,
                "0x00000000c0000000 0x00000000ffffffff 0x0000000000042208" },
        { "0000:03:00.0", 0x10de, 0x0ff2, 0x10de, 0x1012, 0x030000, 0, "nouveau", "0000:00:01.0/", "1\n",
                false, NULL },
        { "0000:03:01.0", 0x10de, 0x0ff2, 0x10de, 0x1012, 0x030000, 0, "pciback", "0000:00:01.0/", "0", false,
                NULL },
        { "0000:03:01.1", 0x10de, 0x0e1b, 0x10de, 0x1012, 0x040300, 0, NULL, "0000:00:01.0/", NULL, false,
                NULL },
        { "0000:03:01.2", 0x1234, 0x0001, 0, 0, 0x030000, 0, NULL, "0000:00:01.0/", NULL, true, NULL },
        { "0000:04:00.0", 0x8086, 0x10d3, 0x8086, 0xa01f, 0x020000, 0, "e1000e", "0000:00:01.0/", NULL, false,
                NULL },
        { "0001:09:00.0", 0xf00d, 0x4321, 0, 0, 0x030200, 0, NULL, "", NULL, false, NULL },
};

static char *listing_of_machine(void);

static void record_text(void **state, const Recorded *r, const char *name, const char *format, ...)
        _printf_(4, 5);

static void record_text(void **state, const Recorded *r, const char *name, const char *format, ...) {
        char file[128], text[512];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        snprintf(file, sizeof(file), "sys/devices/%s/%s", r->address, name);
        write_file(state, file, text);
}

static void fill_config(const Recorded *r, uint8_t config[static 64]) {
        bool bridge = r->class == 0x060400;

        memset(config, 0, 64);
        config[0x00] = r->vendor & 0xff;
        config[0x01] = r->vendor >> 8;
        config[0x02] = r->device & 0xff;
        config[0x03] = r->device >> 8;
        config[0x09] = r->class & 0xff;
        config[0x0a] = r->class >> 8 & 0xff;
        config[0x0b] = r->class >> 16 & 0xff;
        config[0x0e] = bridge ? 1 : 0;
        if (bridge) {
                config[0x19] = r->bus_below;
                return;
        }
        config[0x2c] = r->subvendor & 0xff;
        config[0x2d] = r->subvendor >> 8;
        config[0x2e] = r->subdevice & 0xff;
        config[0x2f] = r->subdevice >> 8;
}

static void record_device(void **state, const Recorded *r) {
        _cleanup_free_ char *path = NULL;
        uint8_t config[64];
        char name[64];

        record_text(state, r, "vendor", "0x%04x\n", r->vendor);
        record_text(state, r, "device", "0x%04x\n", r->device);
        record_text(state, r, "class", "0x%06x\n", r->class);
        record_text(state, r, "irq", "0\n");
        record_text(state, r, "subsystem_vendor", "0x%04x\n", r->subvendor);
        record_text(state, r, "subsystem_device", "0x%04x\n", r->subdevice);
        record_text(
                state, r, "resource", "0x0 0x0 0x0\n0x0 0x0 0x0\n%s\n", r->bar2 ? r->bar2 : "0x0 0x0 0x0");
        record_text(state, r, "realpath", "/sys/devices/pci0000:00/%s%s\n", r->parent, r->address);
        if (r->driver)
                record_text(state, r, "driver.link", "../../../bus/pci/drivers/%s\n", r->driver);
        if (r->boot_vga)
                record_text(state, r, "boot_vga", "%s", r->boot_vga);
        if (r->virtual_function)
                record_text(state, r, "physfn.link", "../0000:03:01.0\n");

        fill_config(r, config);
        snprintf(name, sizeof(name), "sys/devices/%s/config", r->address);
        path = strdup(in_folder(state, name));
        assert_ok(file_write_atomic(path, (const char *) config, sizeof(config), 0600));
}

static void record_machine(void **state) {
        for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
                record_device(state, &machine[i]);
}

typedef struct Found {
        Pgpu *pgpus;
        size_t n;
        char **others;
        Told told;
} Found;

static int scan(const PciScanSettings *settings, Found *f) {
        ProblemSink sink = sink_to(&f->told);

        return pci_scan(settings, &sink, &f->pgpus, &f->n, &f->others);
}

static int scan_sysfs(void **state, Found *f) {
        _cleanup_free_ char *path = strdup(in_folder(state, "sys"));

        return scan(&(PciScanSettings){ .sysfs_path = path }, f);
}

static void found_done(Found *f) {
        pgpus_free(f->pgpus, f->n);
        strv_free(f->others);
}
#define _cleanup_found_ _cleanup_(found_done)

static void assert_k1(const Pgpu *p) {
        assert_int_equal(p->vendor_id, 0x10de);
        assert_int_equal(p->device_id, 0x0ff2);
        assert_true(p->subsystem_known);
        assert_int_equal(p->subsystem_vendor_id, 0x10de);
        assert_int_equal(p->subsystem_device_id, 0x1012);
        assert_int_equal(p->pci_class, 0x0300);
        assert_string_equal(p->vendor_name, "NVIDIA Corporation");
        assert_string_equal(p->device_name, "GK107GL [GRID K1]");
        assert_string_equal(p->bridge, "0000:00:01.0");
}

static void sysfs_tells_all(void **state) {
        _cleanup_found_ Found f = {};

        record_machine(state);
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.told.n, 0);
        assert_int_equal(f.n, 4);

        assert_string_equal(f.pgpus[0].driver, "i915");
        assert_true(f.pgpus[0].bars_known);
        assert_int_equal(f.pgpus[0].bar2_size, 1u << 30);
        assert_string_equal(f.pgpus[0].bridge, "");
        assert_true(f.pgpus[0].display_known);
        assert_false(f.pgpus[0].is_system_display_device);

        assert_string_equal(f.pgpus[0].pci_switch, "");
        assert_false(f.pgpus[0].node_known);

        assert_k1(&f.pgpus[1]);
        assert_true(f.pgpus[1].is_system_display_device);
        assert_string_equal(f.pgpus[1].driver, "nouveau");
        assert_false(pgpu_offers_passthrough(&f.pgpus[1]));
        assert_int_equal(f.pgpus[1].n_companions, 0);

        assert_k1(&f.pgpus[2]);
        assert_true(pgpu_is_hidden_from_dom0(&f.pgpus[2]));
        assert_int_equal(f.pgpus[2].n_companions, 1);
        assert_int_equal(f.pgpus[2].companions[0].fn, 1);

        assert_string_equal(f.pgpus[3].vendor_name, "Vendor f00d");
        assert_string_equal(f.pgpus[3].device_name, "Device 4321");
        assert_int_equal(f.pgpus[3].address.domain, 1);
        assert_false(f.pgpus[3].subsystem_known);
        assert_false(f.pgpus[3].display_known);
        assert_true(f.pgpus[3].driver_known);
        assert_string_equal(f.pgpus[3].driver, "");

        /* No bridge, no display, nothing that goes along with one. */
        assert_string_equal(f.others[0], "0000:04:00.0");
        assert_null(f.others[1]);
}

/* PCI Express, and one extended capability: the Device Serial Number. */
static void write_serial(void **state, const char *address, const Recorded *r, uint64_t serial) {
        uint8_t config[4096] = {};
        char name[64];

        fill_config(r, config);
        config[0x06] = 0x10;
        config[0x34] = 0x40;
        config[0x40] = 0x10;
        config[0x100] = 0x03;
        config[0x102] = 0x01;
        for (size_t i = 0; i < 8; i++)
                config[0x104 + i] = (uint8_t) (serial >> 8 * i);
        snprintf(name, sizeof(name), "sys/devices/%s/config", address);
        assert_ok(file_write_atomic(in_folder(state, name), (const char *) config, sizeof(config), 0600));
}

static int scan_with_nvidia(void **state, Found *f) {
        _cleanup_free_ char *path = strdup(in_folder(state, "sys")), *gpus = strdup(in_folder(state, "nvidia"));

        return scan(&(PciScanSettings){.sysfs_path = path, .nvidia_gpus = gpus}, f);
}

#define INFORMATION "Model: \t\t GRID K1\nGPU UUID: \t GPU-%08x-0000-4000-8000-000000000000\nBus Type: PCIe\n"

#define NUMBER(n) "nvidia-0000000" #n "-0000-4000-8000-000000000000"

static void write_vpd(void **state, const Pgpu *p, const char *data, size_t size) {
        char name[96];

        snprintf(name, sizeof(name), "sys/devices/%s/vpd", PCI_TEXT(&p->address));
        assert_ok(file_write_atomic(in_folder(state, name), data, size, 0600));
}

/*
 * Where the configuration space has none: of the vital product data, if it is no number of a board with several GPUs; else the
 * driver's. The third card is a guest's, whose data is left alone.
 */
static void a_number_of_the_driver_or_the_product_data(void **state) {
        static const char vpd[] = "\x90\x0b\0SN\x08" "K1-08150\x78";
        size_t size = sizeof(vpd) - 1;
        _cleanup_found_ Found f = {}, twins = {}, own = {}, cut = {};
        char name[96], text[160];

        record_machine(state);
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.n, 4);
        for (unsigned i = 1; i < 4; i++) {
                snprintf(name, sizeof(name), "nvidia/%s%s/information", i == 2 ? "0000" : "", PCI_TEXT(&f.pgpus[i].address));
                snprintf(text, sizeof(text), INFORMATION, i);
                write_file(state, name, text);
                write_vpd(state, &f.pgpus[i], vpd, size);
        }
        assert_ok(scan_with_nvidia(state, &twins));
        assert_string_equal(twins.pgpus[0].serial, "");
        assert_string_equal(twins.pgpus[1].serial, NUMBER(1));
        assert_string_equal(twins.pgpus[2].serial, NUMBER(2));
        assert_string_equal(twins.pgpus[3].serial, NUMBER(3));

        write_vpd(state, &f.pgpus[3], "", 0);
        assert_ok(scan_with_nvidia(state, &own));
        assert_string_equal(own.pgpus[1].serial, "vpd-K1-08150");
        assert_string_equal(own.pgpus[2].serial, NUMBER(2));
        assert_string_equal(own.pgpus[3].serial, NUMBER(3));

        write_vpd(state, &f.pgpus[1], vpd, size - 3);
        assert_ok(scan_with_nvidia(state, &cut));
        assert_string_equal(cut.pgpus[1].serial, NUMBER(1));
}

/* By the configuration space, which no driver changes; else by amdgpu's number. */
static void a_card_has_a_serial_number(void **state) {
        const Recorded *first = NULL;
        _cleanup_found_ Found f = {}, again = {};

        record_machine(state);
        for (size_t i = 0; i < ARRAY_SIZE(machine) && !first; i++)
                if (machine[i].device == 0x0ff2)
                        first = &machine[i];
        assert_non_null(first);
        write_serial(state, first->address, first, UINT64_C(0x0002c90300112233));
        record_text(state, first, "unique_id", "%s", "a1b2c3d4e5f60718");
        assert_ok(scan_sysfs(state, &f));
        assert_string_equal(f.pgpus[0].serial, "");
        assert_string_equal(f.pgpus[1].serial, "dsn-0002c90300112233");
        assert_string_equal(f.pgpus[2].serial, "");

        write_serial(state, first->address, first, UINT64_MAX);
        assert_ok(scan_sysfs(state, &again));
        assert_string_equal(again.pgpus[1].serial, "amdgpu-a1b2c3d4e5f60718");
}

static void broken_device_costs_itself_alone(void **state) {
        _cleanup_found_ Found f = {};

        record_machine(state);
        assert_ok(unlink(in_folder(state, "sys/devices/0000:03:00.0/vendor")));
        write_file(state, "sys/devices/0000:03:01.0/resource", "garbage\n");
        write_file(state, "sys/devices/not-a-device/vendor", "0x1\n");
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.n, 3);
        assert_int_equal(f.told.n, 2);
        assert_false(f.pgpus[1].bars_known);
}

/* A GPU that fell off the bus is still in sysfs, with its ids; its configuration space reads all ones. */
static void a_gpu_that_fell_off_the_bus_is_lost(void **state) {
        _cleanup_free_ char *sys = NULL, *config = NULL;
        _cleanup_found_ Found f = {};
        PciAddress lost = { .bus = 3, .dev = 1 }, well = { .bus = 3 };
        char ones[64];

        record_machine(state);
        sys = strdup(in_folder(state, "sys"));
        config = strdup(in_folder(state, "sys/devices/0000:03:01.0/config"));
        assert_false(pci_is_lost(&(PciScanSettings){ .sysfs_path = sys }, &lost));
        memset(ones, 0xff, sizeof(ones));
        assert_ok(file_write_atomic(config, ones, sizeof(ones), 0600));
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.n, 4);
        assert_k1(&f.pgpus[2]);
        assert_true(f.pgpus[2].is_lost);
        assert_false(f.pgpus[1].is_lost);
        assert_int_equal(f.told.n, 1);
        assert_contains(f.told.reason, "PGPU 0000:03:01.0 is lost");
        assert_true(pci_is_lost(&(PciScanSettings){ .sysfs_path = sys }, &lost));
        assert_false(pci_is_lost(&(PciScanSettings){ .sysfs_path = sys }, &well));
}

/* In a listing only the first line, which lspci has from the kernel, still says what it was. */
static void a_lost_gpu_in_a_listing_is_what_its_line_says(void **state) {
        _cleanup_free_ char *text = listing_of_machine(), *more = NULL;
        _cleanup_found_ Found f = {};
        char ones[320], *p = ones;

        for (int row = 0; row < 4; row++) {
                p += sprintf(p, "%x0:", row);
                for (int i = 0; i < 16; i++)
                        p += sprintf(p, " ff");
                p += sprintf(p, "\n");
        }
        assert_true(asprintf(&more,
                            "%s0000:84:00.0 VGA compatible controller [0300]: NVIDIA Corporation GK107GL [GRID K1] "
                            "[10de:0ff2] (rev ff)\n%s\n0000:85:00.0 VGA compatible controller: NVIDIA (rev ff)\n%s\n",
                            text, ones, ones) > 0);
        write_file(state, "listing", more);
        assert_ok(scan(&(PciScanSettings){ .listing = in_folder(state, "listing") }, &f));
        assert_int_equal(f.n, 5);
        assert_int_equal(f.pgpus[3].address.bus, 0x84);
        assert_true(f.pgpus[3].is_lost);
        assert_int_equal(f.pgpus[3].vendor_id, 0x10de);
        assert_int_equal(f.pgpus[3].device_id, 0x0ff2);
        assert_int_equal(f.told.n, 2); /* that one, and the one that nobody knows */
}

/* Behind Intel's VMD: seen, and not to be handed to Xen, which would take the function of domain 0. */
static void a_wide_domain_is_listed_and_not_passed_through(void **state) {
        static const Recorded hidden = { "10000:e1:00.0", 0x10de, 0x0ff2, 0x10de, 0x1012, 0x030000, 0, NULL, "", NULL,
                false, NULL };
        _cleanup_found_ Found f = {};

        record_machine(state);
        record_device(state, &hidden);
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.told.n, 1);
        assert_contains(f.told.reason, "nothing of PGPU 10000:e1:00.0 can be passed through");
        assert_int_equal(f.n, 5);
        assert_string_equal(PCI_TEXT(&f.pgpus[4].address), "10000:e1:00.0");
        assert_int_equal(f.pgpus[4].device_id, 0x0ff2);
        assert_false(pgpu_offers_passthrough(&f.pgpus[4]));
        assert_true(pgpu_offers_passthrough(&f.pgpus[3]));
        for (char **o = f.others; *o; o++)
                assert_false(startswith(*o, "10000:"));
}

/* An MI210 calls itself another display controller, an MI325X a processing accelerator, as Intel's NPU does. */
static void gpus_have_four_classes(void **state) {
        static const Recorded more[] = {
                { "0000:c1:00.0", 0x1002, 0x740f, 0x1002, 0x0c34, 0x038000, 0, NULL, "", NULL, false, NULL },
                { "0000:c2:00.0", 0x1002, 0x74a5, 0x1002, 0x74a5, 0x120000, 0, NULL, "", NULL, false, NULL },
                { "0000:c3:00.0", 0x8086, 0x7d1d, 0, 0, 0x120000, 0, NULL, "", NULL, false, NULL },
        };
        static char amd[] = "1002", *const accelerators[] = { amd, NULL };
        _cleanup_free_ char *path = NULL;
        _cleanup_found_ Found f = {};

        record_machine(state);
        for (size_t i = 0; i < ARRAY_SIZE(more); i++)
                record_device(state, &more[i]);
        path = strdup(in_folder(state, "sys"));
        assert_ok(scan(&(PciScanSettings){ .sysfs_path = path, .accelerators = accelerators }, &f));
        assert_int_equal(f.n, 6);
        assert_int_equal(f.pgpus[3].device_id, 0x740f);
        assert_int_equal(f.pgpus[4].device_id, 0x74a5);
        assert_true(strv_contains(f.others, "0000:c3:00.0"));
        assert_false(strv_contains(f.others, "0000:c2:00.0"));
}

/* Two GPUs in one slot, a network card with SR-IOV, a function of the GPU's own: only the sound is part of the card. */
static void companions_are_no_gpus_and_cannot_be_divided(void **state) {
        static const Recorded more[] = {
                { "0000:c1:00.0", 0x1002, 0x73a1, 0, 0, 0x038000, 0, NULL, "", NULL, false, NULL },
                { "0000:c1:00.1", 0x1002, 0xab28, 0, 0, 0x040300, 0, NULL, "", NULL, false, NULL },
                { "0000:c1:00.2", 0x1002, 0x73a1, 0, 0, 0x030000, 0, NULL, "", NULL, false, NULL },
                { "0000:c1:00.3", 0x8086, 0x1520, 0, 0, 0x020000, 0, NULL, "", NULL, false, NULL },
                { "0000:c1:00.4", 0x8086, 0x1520, 0, 0, 0x020000, 0, NULL, "", NULL, false, NULL },
                { "0000:c1:00.5", 0x1002, 0x73ae, 0, 0, 0x120000, 0, NULL, "", NULL, false, NULL },
        };
        _cleanup_found_ Found f = {};

        record_machine(state);
        for (size_t i = 0; i < ARRAY_SIZE(more); i++)
                record_device(state, &more[i]);
        record_text(state, &more[3], "sriov_totalvfs", "8\n");
        record_text(state, &more[4], "physfn.link", "../0000:c1:00.3\n");
        record_text(state, &more[5], "physfn.link", "../0000:c1:00.0\n");
        assert_ok(scan_sysfs(state, &f));
        assert_int_equal(f.n, 6);
        assert_int_equal(f.pgpus[3].n_companions, 1);
        assert_int_equal(f.pgpus[3].companions[0].fn, 1);
        assert_true(strv_contains(f.others, "0000:c1:00.3"));
        assert_true(strv_contains(f.others, "0000:c1:00.4"));
        assert_false(strv_contains(f.others, "0000:c1:00.5"));
}

/* Its ids stand in the physical function alone; its class is a display's. */
static void a_virtual_function_in_a_listing_is_no_pgpu(void **state) {
        static const char vf[] = "0000:41:00.4 3D controller: NVIDIA Corporation Device (rev a1)\n"
                                 "00: ff ff ff ff 06 00 10 00 a1 00 02 03 00 00 00 00\n"
                                 "10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
                                 "20: 00 00 00 00 00 00 00 00 00 00 00 00 de 10 82 14\n"
                                 "30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n";
        _cleanup_free_ char *text = listing_of_machine(), *more = NULL;
        _cleanup_found_ Found f = {};

        assert_true(asprintf(&more, "%s%s", text, vf) > 0);
        write_file(state, "listing", more);
        assert_ok(scan(&(PciScanSettings){ .listing = in_folder(state, "listing") }, &f));
        assert_int_equal(f.n, 4);
        assert_int_equal(f.told.n, 0);
}

static void a_listing_without_bytes_names_the_form_that_has_them(void **state) {
        _cleanup_found_ Found f = {};

        write_file(state, "vvnn",
                "84:00.0 VGA compatible controller [0300]: NVIDIA Corporation GK107GL [GRID K1] [10de:0ff2] (rev a1)\n"
                "\tSubsystem: NVIDIA Corporation GRID K1 [10de:1012]\n\n");
        assert_int_equal(scan(&(PciScanSettings){ .listing = in_folder(state, "vvnn") }, &f), -EBADMSG);
        assert_contains(f.told.reason, "as lspci -vvnn writes it; take it with lspci -D -nn -xxx");
}

static void arbiter_names_the_display(void **state) {
        _cleanup_free_ char *sys = NULL, *arbiter = NULL;
        _cleanup_found_ Found f = {}, g = {};

        record_machine(state);
        write_file(state, "arbiter",
                "count:2,PCI:0000:03:01.0,decodes=io+mem,owns=none,locks=none(0:0)\nPCI:0000:00:02.0\n");
        sys = strdup(in_folder(state, "sys"));
        arbiter = strdup(in_folder(state, "arbiter"));
        assert_ok(scan(&(PciScanSettings){ .sysfs_path = sys, .vga_arbiter = arbiter }, &f));
        assert_false(f.pgpus[1].is_system_display_device);
        assert_true(f.pgpus[2].is_system_display_device);

        write_file(state, "arbiter", "invalid\n");
        assert_ok(scan(&(PciScanSettings){ .sysfs_path = sys, .vga_arbiter = arbiter }, &g));
        assert_true(g.pgpus[1].is_system_display_device);
}

static void sources_that_are_none(void **state) {
        Found f = {};

        assert_int_equal(scan_sysfs(state, &f), -ENOENT);
        assert_int_equal(scan(&(PciScanSettings){ .listing = in_folder(state, "none") }, &f), -ENOENT);
        write_file(state, "empty", "");
        assert_int_equal(scan(&(PciScanSettings){ .listing = in_folder(state, "empty") }, &f), -EBADMSG);
        write_file(state, "words", "0000:03:00.0 VGA compatible controller\n");
        assert_int_equal(scan(&(PciScanSettings){ .listing = in_folder(state, "words") }, &f), -EBADMSG);
        assert_contains(f.told.reason, "lspci -D -nn -xxx");
        write_file(state, "sys/devices/0000:03:00.0/nothing", "");
        assert_int_equal(scan_sysfs(state, &f), -EBADMSG);
}

static char *listing_of_machine(void) {
        char *text = calloc(1, ARRAY_SIZE(machine) * 400), *p = text;

        for (size_t i = 0; i < ARRAY_SIZE(machine); i++) {
                uint8_t config[64];

                if (machine[i].virtual_function)
                        continue;
                fill_config(&machine[i], config);
                p += sprintf(p, "%s Some kind of device: with a name\n", machine[i].address);
                for (size_t j = 0; j < 64; j++) {
                        if (j % 16 == 0)
                                p += sprintf(p, "%02zx:", j);
                        p += sprintf(p, " %02x%s", config[j], j % 16 == 15 ? "\n" : "");
                }
                p += sprintf(p, "\n");
        }
        return text;
}

/* Root port, upstream port, downstream port, GPU; a root port alone is no switch. */
static void sysfs_tells_where_a_gpu_hangs(void **state) {
        static const struct {
                const char *path, *node, *pci_switch, *bridge;
                bool known;
        } cases[] = {
                {"/sys/devices/pci0000:00/0000:00:03.0/0000:81:00.0/0000:82:08.0/0000:83:00.0", "1", "0000:81:00.0", "0000:82:08.0", true},
                {"/sys/devices/pci0000:00/0000:00:03.0/0000:83:00.0", "0", "", "0000:00:03.0", true},
                {"/sys/devices/pci0000:00/0000:83:00.0", "-1", "", "", false},
                {"x", "", "", "", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                SysfsFacts f;

                write_file(state, "place/realpath", cases[i].path);
                write_file(state, "place/numa_node", cases[i].node);
                assert_ok(sysfs_facts_read(in_folder(state, "place"), &f));
                assert_string_equal(f.pci_switch, cases[i].pci_switch);
                assert_string_equal(f.bridge, cases[i].bridge);
                assert_int_equal(f.node_known, cases[i].known);
                if (f.node_known)
                        assert_int_equal(f.numa_node, i == 0);
                sysfs_facts_done(&f);
        }
}

/* Its reason goes out on the bus, which ends the connection of who sends what is no text. */
static void a_suspicion_is_a_sentence_whatever_its_note_holds(void **state) {
        static const struct {
                const char *note, *said;
        } cases[] = {
                {"Its reset failed: \x1b[2Jno\xff.", "Virtual function 0000:03:01.2 is given to no VM: its reset failed: \ufffd[2Jno\ufffd."},
                {"", "Virtual function 0000:03:01.2 is given to no VM: "},
        };
        _cleanup_free_ char *sysfs = strdup(in_folder(state, "sys")), *longer = calloc(1, 2001);

        record_machine(state);
        for (size_t i = 0; i <= ARRAY_SIZE(cases); i++) {
                const PciScanSettings settings = {.sysfs_path = sysfs, .runtime = *state};
                Pgpu p = {.address = {.bus = 3, .dev = 1}, .total_functions = 4};

                memset(longer, 'x', 2000);
                write_file(state, "divisions/0000:03:01.2.suspect", i < ARRAY_SIZE(cases) ? cases[i].note : longer);
                assert_ok(pci_scan_division(&settings, &p));
                assert_int_equal(p.n_suspect, 1);
                if (i < ARRAY_SIZE(cases))
                        assert_string_equal(p.suspicion, cases[i].said);
                else
                        assert_true(strlen(p.suspicion) < 400);
                pgpu_done(&p);
        }
}

static void listing_tells_what_it_can(void **state) {
        _cleanup_free_ char *text = listing_of_machine();
        _cleanup_found_ Found f = {};

        write_file(state, "listing", text);
        assert_ok(scan(&(PciScanSettings){ .listing = in_folder(state, "listing") }, &f));
        assert_int_equal(f.told.n, 0);
        assert_int_equal(f.n, 4);
        assert_k1(&f.pgpus[1]);
        assert_k1(&f.pgpus[2]);
        assert_false(f.pgpus[1].driver_known);
        assert_false(f.pgpus[1].display_known);
        assert_false(f.pgpus[1].bars_known);
        assert_string_equal(f.pgpus[1].driver, "");
        assert_int_equal(f.pgpus[2].n_companions, 1);
        assert_int_equal(f.pgpus[3].address.domain, 1);
        assert_string_equal(f.pgpus[3].bridge, "");
}

/* As a mail program may have left it: lines that end in CR LF, blanks in the lines between. */
static void listing_may_have_other_line_ends(void **state) {
        _cleanup_free_ char *text = listing_of_machine(), *other = calloc(3, strlen(text) + 1);
        char *p = other;
        PciListing listing;
        Told told = {};
        ProblemSink sink = sink_to(&told);

        for (const char *c = text; *c; c++)
                p += sprintf(p, *c != '\n' ? "%c" : p == other || p[-1] == '\n' ? " \r%c" : "\r%c", *c);
        assert_ok(pci_listing_parse(other, strlen(other), &sink, &listing));
        assert_int_equal(told.n, 0);
        assert_int_equal(listing.n, ARRAY_SIZE(machine) - 1);
        pci_listing_done(&listing);
}

/* Wherever it is cut, the devices before stand, and what is lost is told. */
static void cut_listing_gives_whole_devices(void **state) {
        _cleanup_free_ char *text = listing_of_machine();
        size_t n_before = 0;

        for (size_t size = 0; size < strlen(text); size += 7) {
                PciListing listing;
                Told told = {};
                ProblemSink sink = sink_to(&told);
                bool between =
                        size == 0 || (text[size - 1] == '\n' &&
                                             (text[size] == '\n' || (size > 1 && text[size - 2] == '\n')));

                assert_ok(pci_listing_parse(text, size, &sink, &listing));
                assert_true(listing.n >= n_before && listing.n <= ARRAY_SIZE(machine));
                assert_true(told.n == 1 || between || (listing.n > n_before && told.n == 0));
                n_before = listing.n;
                pci_listing_done(&listing);
        }
}

static void listing_faults_are_told_by_line(void **state) {
        static const char row[] = "00: 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 00\n";
        static const struct {
                const char *head, *tail, *reason;
                unsigned line;
        } cases[] = {
                { "0000:03:00.0 a\n", "20: 00\n", "this row is not", 3 },
                { "0000:03:00.0 a\n", "10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 0g\n",
                        "this row is not", 3 },
                { "0000:03:00.0 a\n", "10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n",
                        "this row is not", 3 },
                { "0000:03:00.0 a\n", "words\n", "this row is not", 3 },
                { "0000:03:00.0 a\n", "\tKernel driver in use: x\n", "break off", 1 },
                { "0000:03:00.0 a\n", "", "break off", 1 },
                { "0000:03:20.0 a\n", "", "belongs to none", 1 },
                { "0000:03:00.9 a\n", "", "belongs to none", 1 },
                { "00000000000000000000000000000 a\n", "", "belongs to none", 1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[512];
                PciListing listing;
                Told told = {};
                ProblemSink sink = sink_to(&told);

                snprintf(text, sizeof(text), "%s%s%s", cases[i].head, row, cases[i].tail);
                assert_ok(pci_listing_parse(text, strlen(text), &sink, &listing));
                assert_int_equal(listing.n, 0);
                assert_contains(told.reason, cases[i].reason);
                assert_int_equal(told.line, cases[i].line);
                pci_listing_done(&listing);
        }
}

static void same_address_twice_is_told(void **state) {
        _cleanup_free_ char *text = listing_of_machine(), *twice = malloc(2 * strlen(text) + 1);
        PciListing listing;
        Told told = {};
        ProblemSink sink = sink_to(&told);

        sprintf(twice, "%s%s", text, text);
        assert_ok(pci_listing_parse(twice, strlen(twice), &sink, &listing));
        assert_int_equal(listing.n, ARRAY_SIZE(machine) - 1);
        assert_int_equal(told.n, ARRAY_SIZE(machine) - 1);
        assert_contains(told.reason, "was there before");
        pci_listing_done(&listing);
}

static void regions_have_sizes(void **state) {
        uint64_t size;

        assert_ok(sysfs_resource_size("0x0 0xff 0x0\n0x1000 0x1fff 0x0\n", 1, &size));
        assert_int_equal(size, 4096);
        assert_ok(sysfs_resource_size("0x0 0x0 0x0\n", 0, &size));
        assert_int_equal(size, 0);
        assert_int_equal(sysfs_resource_size("0x0 0x0 0x0\n", 1, &size), -EBADMSG);
        assert_int_equal(sysfs_resource_size("0x0 0xff 0x0", 2, &size), -EBADMSG);
        assert_int_equal(sysfs_resource_size("x", 0, &size), -EBADMSG);
        assert_int_equal(sysfs_resource_size("0x0 0xffffffffffffffff 0x0", 0, &size), -EBADMSG);
}

static const char *shared(const char *name) {
        static char path[512];
        const char *folder = getenv("XENVGPU_SHARED_CASES");

        if (!folder) {
                skip();
                return NULL;
        }
        snprintf(path, sizeof(path), "%s/captured/%s", folder, name);
        return path;
}

static void assert_captured(const Found *f, bool sysfs) {
        size_t n_k1 = 0, n_k2 = 0;

        for (size_t i = 0; i < f->n; i++) {
                const Pgpu *p = &f->pgpus[i];

                n_k1 += p->device_id == 0x0ff2 && p->subsystem_device_id == 0x1012;
                n_k2 += p->device_id == 0x11bf && p->subsystem_device_id == 0x100a;
                assert_string_not_equal(p->bridge, "");
                assert_int_equal(p->driver_known, sysfs);
        }
        assert_int_equal(n_k1, 4);
        assert_int_equal(n_k2, 2);
        assert_int_equal(f->n, 6);
        assert_int_equal(f->told.n, 0);
}

static void captured_tree_has_a_k1_and_a_k2(void **state) {
        _cleanup_found_ Found f = {};

        assert_ok(scan(&(PciScanSettings){ .sysfs_path = shared("sysfs-k1x4-k2x2") }, &f));
        assert_captured(&f, /* sysfs= */ true);
        assert_true(f.pgpus[0].is_system_display_device);
        assert_string_equal(f.pgpus[0].driver, "pciback");
        assert_true(pgpu_offers_passthrough(&f.pgpus[0]));
}

static void captured_listing_has_a_k1_and_a_k2(void **state) {
        _cleanup_found_ Found f = {};

        assert_ok(scan(&(PciScanSettings){ .listing = shared("lspci-xxx-k1x4-k2x2.txt") }, &f));
        assert_captured(&f, /* sysfs= */ false);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                IN_FOLDER(sysfs_tells_all),
                IN_FOLDER(a_card_has_a_serial_number),
                IN_FOLDER(a_number_of_the_driver_or_the_product_data),
                IN_FOLDER(broken_device_costs_itself_alone),
                IN_FOLDER(a_gpu_that_fell_off_the_bus_is_lost),
                IN_FOLDER(a_lost_gpu_in_a_listing_is_what_its_line_says),
                IN_FOLDER(a_wide_domain_is_listed_and_not_passed_through),
                IN_FOLDER(gpus_have_four_classes),
                IN_FOLDER(companions_are_no_gpus_and_cannot_be_divided),
                IN_FOLDER(a_virtual_function_in_a_listing_is_no_pgpu),
                IN_FOLDER(a_listing_without_bytes_names_the_form_that_has_them),
                IN_FOLDER(arbiter_names_the_display),
                IN_FOLDER(sources_that_are_none),
                IN_FOLDER(sysfs_tells_where_a_gpu_hangs),
                IN_FOLDER(a_suspicion_is_a_sentence_whatever_its_note_holds),
                IN_FOLDER(listing_tells_what_it_can),
                cmocka_unit_test(listing_may_have_other_line_ends),
                cmocka_unit_test(cut_listing_gives_whole_devices),
                cmocka_unit_test(listing_faults_are_told_by_line),
                cmocka_unit_test(same_address_twice_is_told),
                cmocka_unit_test(regions_have_sizes),
                cmocka_unit_test(captured_tree_has_a_k1_and_a_k2),
                cmocka_unit_test(captured_listing_has_a_k1_and_a_k2),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
