/*
 * PGPUs through libpci
 *
 * First all functions of the source are read into a PciTree: their addresses and ids. Then each display
 * function becomes a PGPU, with what only sysfs has, not libpci; companions and, in a listing, the parent
 * bridge are found among the other functions.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/io/file.h"
#include "hostd/core/grow.h"
#include "hostd/core/idset.h"
#include "hostd/edge/card-serial.h"
#include "hostd/edge/pci-access.h"
#include "hostd/edge/pci-listing.h"
#include "hostd/edge/pci-scan.h"
#include "hostd/edge/sysfs-facts.h"
#include "hostd/run/division.h"
#include "hostd/run/pci-function.h"

#define ARBITER_SIZE_MAX 4096

typedef struct PciTree {
        PciFunction *functions; /* sorted by address */
        SysfsFacts *facts;      /* beside each function; NULL for a listing */
        char (*vpd)[CARD_NUMBER_MAX]; /* the same, of GPUs that have no other number */
        size_t n;
} PciTree;

static void tree_done(PciTree *t) {
        for (size_t i = 0; t->facts && i < t->n; i++)
                sysfs_facts_done(&t->facts[i]);
        free(t->facts);
        free(t->vpd);
        free(t->functions);
        *t = (PciTree){};
}

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(a, b);
}

static int compare_functions(const void *a, const void *b) {
        return pci_address_compare(&((const PciFunction *) a)->address, &((const PciFunction *) b)->address);
}

/* A function that cannot be read is left out; the others are kept. */
static int tree_read_functions(
        PciTree *t, PciAccess *access, const PciAddress *addresses, size_t n, const ProblemSink *problems) {
        t->functions = calloc(MAX_OF(n, (size_t) 1), sizeof(*t->functions));
        if (!t->functions)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                if (pci_access_read(access, &addresses[i], &t->functions[t->n]) >= 0)
                        t->n++;
                else
                        problem_report(problems, 0, "device %s is left out: %s", PCI_TEXT(&addresses[i]),
                                pci_access_error(access));
        }
        return 0;
}

static int read_listing(const char *path, const ProblemSink *problems, PciListing *ret) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = file_read(path, PCI_LISTING_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        return pci_listing_parse(data, size, problems, ret);
}

static int tree_from_listing(const char *path, const ProblemSink *problems, PciTree *ret) {
        _cleanup_(pci_listing_done) PciListing listing = {};
        int r;

        r = read_listing(path, problems, &listing);
        if (r < 0)
                return r;
        if (listing.n == 0 && listing.n_without_bytes > 0)
                problem_report(problems, 0,
                        "it names %zu devices and has the configuration bytes of none, as lspci -vvnn writes it; take "
                        "it with lspci -D -nn -xxx",
                        listing.n_without_bytes);
        if (listing.n == 0)
                return -EBADMSG;

        qsort(listing.functions, listing.n, sizeof(*listing.functions), compare_functions);
        for (size_t i = 0; i < listing.n; i++)
                if (listing.functions[i].all_ones && listing.functions[i].vendor_id == 0)
                        problem_report(problems, 0,
                                "device %s reads all ones, and the listing does not say what it was; one "
                                "by lspci -D -nn -xxx does",
                                PCI_TEXT(&listing.functions[i].address));
        ret->functions = take_ptr(listing.functions);
        ret->n = listing.n;
        return 0;
}

static int list_folder(const char *folder, const ProblemSink *problems, PciAddress **ret, size_t *ret_n) {
        _cleanup_(strv_freep) char **names = NULL;
        PciAddress *addresses;
        size_t n = 0;
        int r;

        r = folder_list(folder, &names);
        if (r < 0)
                return r;
        addresses = calloc(strv_count(names) + 1, sizeof(*addresses));
        if (!addresses)
                return -ENOMEM;
        /* As sysfs spells it: with the domain, in lower case. */
        for (char **name = names; *name; name++)
                if (pci_address_from_string(*name, &addresses[n]) >= 0 &&
                        strcasecmp(PCI_TEXT(&addresses[n]), *name) == 0)
                        n++;
                else
                        problem_report(problems, 0, "'%s' in %s is skipped: it is no PCI address", *name, folder);

        qsort(addresses, n, sizeof(*addresses), compare_addresses);
        *ret = addresses;
        *ret_n = n;
        return 0;
}

static int tree_read_facts(PciTree *t, const char *folder) {
        t->facts = calloc(MAX_OF(t->n, (size_t) 1), sizeof(*t->facts));
        if (!t->facts)
                return -ENOMEM;

        for (size_t i = 0; i < t->n; i++) {
                _cleanup_free_ char *path = NULL;
                int r;

                path = path_join(folder, PCI_TEXT(&t->functions[i].address));
                if (!path)
                        return -ENOMEM;
                r = sysfs_facts_read(path, &t->facts[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int tree_from_sysfs(const char *path, const ProblemSink *problems, PciTree *ret) {
        _cleanup_(pci_access_freep) PciAccess *access = NULL;
        _cleanup_free_ char *folder = NULL;
        _cleanup_free_ PciAddress *addresses = NULL;
        size_t n = 0;
        int r;

        folder = path_join(path, "devices");
        if (!folder)
                return -ENOMEM;
        r = list_folder(folder, problems, &addresses, &n);
        if (r < 0)
                return r;
        r = pci_access_new(PCI_ACCESS_METHOD_SYSFS, path, &access);
        if (r < 0)
                return r;

        r = tree_read_functions(ret, access, addresses, n, problems);
        if (r < 0)
                return r;
        if (ret->n == 0 && n > 0)
                return -EBADMSG;
        return tree_read_facts(ret, folder);
}

/* The first line of the arbiter's device: "count:4,PCI:0000:00:02.0,decodes=…". */
static bool arbiter_names(const char *path, PciAddress *ret) {
        _cleanup_free_ char *text = NULL;
        char *at, *end;

        if (!path || file_read(path, ARBITER_SIZE_MAX, &text, NULL) < 0)
                return false;

        *strchrnul(text, '\n') = '\0';
        at = strstr(text, "PCI:");
        if (!at)
                return false;
        at += strlen("PCI:");
        end = at + strcspn(at, ",");
        *end = '\0';
        return pci_address_from_string(at, ret) >= 0;
}

/* Whether it can be divided into virtual functions. */
static bool is_physical(const PciTree *t, size_t i) {
        return t->facts && t->facts[i].total_functions > 0;
}

/* A virtual function has no ids in its own configuration space; in a listing it is known by that. */
static bool is_virtual(const PciTree *t, size_t i) {
        return t->facts ? t->facts[i].is_virtual_function
                        : t->functions[i].vendor_id == PCI_VENDOR_OF_VIRTUAL_FUNCTION;
}

static bool is_gpu(const PciTree *t, size_t i, char *const *accelerators) {
        const PciFunction *f = &t->functions[i];

        return !is_virtual(t, i) && pgpu_is_candidate(f->pci_class, f->vendor_id, f->device_id, accelerators);
}

/* Another GPU, or a function whose virtual ones may be other VMs', is no part of this card. */
static int find_companions(const PciTree *t, char *const *accelerators, Pgpu *p) {
        for (size_t i = 0; i < t->n; i++) {
                const PciAddress *a = &t->functions[i].address;

                if (!pci_same_slot(a, &p->address) || a->fn == p->address.fn || is_virtual(t, i) ||
                        is_physical(t, i) || is_gpu(t, i, accelerators))
                        continue;
                if (GROW(p->companions, p->n_companions) < 0)
                        return -ENOMEM;
                p->companions[p->n_companions++] = *a;
        }
        return 0;
}

/* In a listing: the bridge whose bus below is the function's own. */
static char *find_bridge(const PciTree *t, const PciAddress *address) {
        for (size_t i = 0; i < t->n; i++) {
                const PciFunction *f = &t->functions[i];

                if (f->bus_below > 0 && f->bus_below == address->bus && f->address.domain == address->domain)
                        return strdup(PCI_TEXT(&f->address));
        }
        return strdup("");
}

static char *name_or_number(const char *name, const char *kind, uint16_t number) {
        return name ? strdup(name) : text_printf("%s %04x", kind, number);
}

typedef struct PgpuMaker {
        const PciTree *tree;
        PciAccess *names;
        char *const *accelerators;
        const char *nvidia_gpus;
        PciAddress display; /* as the arbiter says */
        bool display_known;
} PgpuMaker;

/* Vital product data is read slowly, and not beside a guest that has the card. */
static int tree_read_vpd(PciTree *t, const char *sysfs, char *const *accelerators) {
        t->vpd = calloc(MAX_OF(t->n, (size_t) 1), sizeof(*t->vpd));
        if (!t->vpd)
                return -ENOMEM;
        for (size_t i = 0; i < t->n; i++) {
                _cleanup_free_ char *folder = NULL;
                int r;

                if (!is_gpu(t, i, accelerators) || t->functions[i].serial != 0 || t->functions[i].all_ones ||
                        streq(t->facts[i].driver, "pciback"))
                        continue;
                folder = text_printf("%s/devices/%s", sysfs, PCI_TEXT(&t->functions[i].address));
                r = folder ? card_serial_of_vpd(folder, t->vpd[i]) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The GPUs of a board may tell the board's number, which says nothing of them. */
static bool vpd_is_its_own(const PciTree *t, size_t i) {
        if (!t->vpd || !*t->vpd[i])
                return false;
        for (size_t k = 0; k < t->n; k++)
                if (k != i && streq(t->vpd[k], t->vpd[i]))
                        return false;
        return true;
}

/* What the card itself says does not depend on the driver, so it comes first. NULL without memory. */
static char *serial_of(const PgpuMaker *m, size_t i) {
        const PciFunction *f = &m->tree->functions[i];
        char uuid[CARD_NUMBER_MAX] = "";

        if (f->serial != 0)
                return text_printf("dsn-%016" PRIx64, f->serial);
        if (vpd_is_its_own(m->tree, i))
                return text_printf("vpd-%s", m->tree->vpd[i]);
        if (!m->tree->facts || f->all_ones)
                return strdup("");
        if (*m->tree->facts[i].unique_id)
                return text_printf("amdgpu-%s", m->tree->facts[i].unique_id);
        if (m->nvidia_gpus && card_serial_of_nvidia(m->nvidia_gpus, &f->address, uuid) < 0)
                return NULL;
        return *uuid ? text_printf("nvidia-%s", uuid) : strdup("");
}

static void fill_facts(const PgpuMaker *m, const SysfsFacts *facts, Pgpu *p) {
        p->driver_known = true;
        p->bar2_size = facts->bar2_size;
        p->numa_node = facts->numa_node;
        p->node_known = facts->node_known;
        p->total_functions = facts->total_functions;
        p->bars_known = facts->bars_known;
        p->is_system_display_device = facts->boot_vga;
        p->display_known = facts->boot_vga_known;
}

static int make_pgpu(const PgpuMaker *m, size_t i, Pgpu *ret) {
        const PciFunction *f = &m->tree->functions[i];
        const SysfsFacts *facts = m->tree->facts ? &m->tree->facts[i] : NULL;
        _cleanup_(pgpu_done) Pgpu p = {
                .address = f->address,
                .vendor_id = f->vendor_id,
                .device_id = f->device_id,
                .subsystem_vendor_id = f->subsystem_vendor_id,
                .subsystem_device_id = f->subsystem_device_id,
                .subsystem_known = f->subsystem_vendor_id != 0,
                .pci_class = f->pci_class,
                .is_lost = f->all_ones,
        };

        if (facts)
                fill_facts(m, facts, &p);
        if (m->display_known) {
                p.display_known = true;
                p.is_system_display_device = pci_address_compare(&m->display, &p.address) == 0;
        }

        p.driver = strdup(facts ? facts->driver : "");
        p.bridge = facts ? strdup(facts->bridge) : find_bridge(m->tree, &p.address);
        p.pci_switch = strdup(facts ? facts->pci_switch : "");
        p.serial = serial_of(m, i);
        p.vendor_name = name_or_number(pci_access_name_vendor(m->names, p.vendor_id), "Vendor", p.vendor_id);
        p.device_name = name_or_number(
                pci_access_name_device(m->names, p.vendor_id, p.device_id), "Device", p.device_id);
        if (!p.driver || !p.bridge || !p.pci_switch || !p.serial || !p.vendor_name || !p.device_name || find_companions(m->tree, m->accelerators, &p) < 0)
                return -ENOMEM;

        *ret = take_struct(p);
        return 0;
}

static void report_pgpu(const Pgpu *p, const ProblemSink *problems) {
        if (p->is_lost)
                problem_report(problems, 0, "PGPU %s is lost. " PGPU_LOST_REASON PGPU_LOST_HELP, PCI_TEXT(&p->address));
        if (!pci_address_is_xens(&p->address))
                problem_report(problems, 0,
                        "nothing of PGPU %s can be passed through: its PCI domain has more than the 16 bits that Xen has "
                        "for it; take the card off the controller that hides it (Intel's VMD, in the firmware's setup)",
                        PCI_TEXT(&p->address));
}

static int make_pgpus(const PgpuMaker *m, const ProblemSink *problems, Pgpu **ret, size_t *ret_n) {
        Pgpu *pgpus = NULL;
        size_t n = 0;

        for (size_t i = 0; i < m->tree->n; i++) {
                Pgpu p;

                if (!is_gpu(m->tree, i, m->accelerators))
                        continue;
                if (make_pgpu(m, i, &p) < 0)
                        goto out_of_memory;
                report_pgpu(&p, problems);
                if (GROW(pgpus, n) < 0) {
                        pgpu_done(&p);
                        goto out_of_memory;
                }
                pgpus[n++] = p;
        }

        *ret = pgpus;
        *ret_n = n;
        return 0;

out_of_memory:
        pgpus_free(pgpus, n);
        return -ENOMEM;
}

#define CLASS_OF(pci_class) ((pci_class) >> 8)
#define CLASS_DISPLAY 0x03
#define CLASS_BRIDGE 0x06

/* A virtual function is its GPU's, and given to VMs with a booking alone. A listing does not say whose one is. */
static bool is_of_gpu(const PciTree *t, size_t i, const Pgpu *pgpus, size_t n_pgpus) {
        if (is_virtual(t, i))
                return !t->facts || pgpu_find(pgpus, n_pgpus, &t->facts[i].physical);
        return pgpu_find_by_function(pgpus, n_pgpus, &t->functions[i].address) != NULL;
}

static int list_others(const PciTree *t, const Pgpu *pgpus, size_t n_pgpus, char ***ret) {
        _cleanup_(strv_freep) char **others = NULL;

        for (size_t i = 0; i < t->n; i++) {
                const PciFunction *f = &t->functions[i];

                if (CLASS_OF(f->pci_class) == CLASS_DISPLAY || CLASS_OF(f->pci_class) == CLASS_BRIDGE ||
                        !pci_address_is_xens(&f->address) || is_of_gpu(t, i, pgpus, n_pgpus))
                        continue;
                if (idset_add(&others, PCI_TEXT(&f->address)) < 0)
                        return -ENOMEM;
        }
        *ret = take_ptr(others);
        return 0;
}

int pci_scan(const PciScanSettings *settings, const ProblemSink *problems, Pgpu **ret, size_t *ret_n,
        char ***ret_others) {
        _cleanup_(pci_access_freep) PciAccess *names = NULL;
        _cleanup_(tree_done) PciTree tree = {};
        PgpuMaker maker = { .tree = &tree };
        int r;

        if (settings->listing)
                r = tree_from_listing(settings->listing, problems, &tree);
        else
                r = tree_from_sysfs(
                        settings->sysfs_path ? settings->sysfs_path : PCI_SYSFS, problems, &tree);
        if (r < 0)
                return r;

        r = settings->listing ? 0
                              : tree_read_vpd(&tree, settings->sysfs_path ? settings->sysfs_path : PCI_SYSFS, settings->accelerators);
        r = r ?: pci_access_new(PCI_ACCESS_METHOD_NAMES, settings->pci_ids, &names);
        if (r < 0)
                return r;

        maker.names = names;
        maker.accelerators = settings->accelerators;
        maker.nvidia_gpus = settings->nvidia_gpus;
        maker.display_known = arbiter_names(settings->vga_arbiter, &maker.display);
        r = make_pgpus(&maker, problems, ret, ret_n);
        for (size_t i = 0; r >= 0 && i < *ret_n; i++)
                r = pci_scan_division(settings, &(*ret)[i]);
        return r < 0 ? r : list_others(&tree, *ret, *ret_n, ret_others);
}

#define REASON_MAX 255

/* The sentence of the first one, for all of them. */
static char *describe_suspects(const Pgpu *p, const PciAddress *first, const char *why) {
        _cleanup_free_ char *clause = text_clean(why, strlen(why), TEXT_LINE, REASON_MAX);

        if (!clause)
                return NULL;
        if (clause[0] >= 'A' && clause[0] <= 'Z')
                clause[0] = (char) (clause[0] - 'A' + 'a');
        if (p->n_suspect == 1)
                return text_printf("Virtual function %s is given to no VM: %s", PCI_TEXT(first), clause);
        return text_printf("%" PRIu32 " of %" PRIu32 " virtual functions are given to no VM; of the first one, %s: %s",
                p->n_suspect, p->n_functions, PCI_TEXT(first), clause);
}

/* A note that cannot be read is one. */
static int find_suspects(const PciScanSettings *settings, Pgpu *p, const PciAddress *functions) {
        _cleanup_free_ char *first_why = NULL;
        const PciAddress *first = NULL;

        p->n_suspect = 0;
        for (size_t i = 0; settings->runtime && i < p->n_functions; i++) {
                _cleanup_free_ char *why = NULL;

                if (strv_contains((char *const *) settings->used, PCI_TEXT(&functions[i])) ||
                        division_read_suspicion(settings->runtime, &functions[i], &why) == -ENOENT)
                        continue;
                if (p->n_suspect++ == 0) {
                        first = &functions[i];
                        first_why = take_ptr(why);
                }
        }
        free(p->suspicion);
        p->suspicion = first ? describe_suspects(p, first, first_why ?: "Its note cannot be read.") : NULL;
        return first && !p->suspicion ? -ENOMEM : 0;
}

int pci_scan_division(const PciScanSettings *settings, Pgpu *p) {
        PciAddress functions[SRIOV_FUNCTIONS_MAX];
        _cleanup_(division_done) Division note = {};
        size_t n = 0;

        if (settings->listing || p->total_functions == 0 ||
                pci_function_list_virtual(settings->sysfs_path ?: PCI_SYSFS, &p->address, functions,
                        ARRAY_SIZE(functions), &n) < 0)
                return 0;
        p->n_functions = (uint32_t) n;
        p->division_is_ours = settings->runtime && !settings->keeps_divisions &&
                              division_read_of(settings->runtime, &p->address, n, &note) >= 0;
        return find_suspects(settings, p, functions);
}

int pci_forget_stale_division(const PciScanSettings *settings, const Pgpu *p) {
        return p->n_functions > 0 || !p->division_is_ours
                       ? 0
                       : division_forget_stale(settings->runtime, settings->sysfs_path ?: PCI_SYSFS, &p->address);
}

int pci_find_physical(const PciScanSettings *settings, const PciAddress *address, PciAddress *ret) {
        return settings->listing ? -ENOENT : pci_function_physical(settings->sysfs_path ?: PCI_SYSFS, address, ret);
}

bool pci_is_lost(const PciScanSettings *settings, const PciAddress *address) {
        _cleanup_free_ char *path = text_printf(
                "%s/devices/%s/config", settings->sysfs_path ?: PCI_SYSFS, PCI_TEXT(address));
        _cleanup_close_ int fd = -1;
        uint8_t header[PCI_HEADER_SIZE];
        ssize_t n;

        if (settings->listing || !path)
                return false;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, header, sizeof(header));
        return n > 0 && pci_bytes_are_ones(header, (size_t) n);
}

Pgpu *pgpus_free(Pgpu *pgpus, size_t n) {
        for (size_t i = 0; i < n; i++)
                pgpu_done(&pgpus[i]);
        free(pgpus);
        return NULL;
}
