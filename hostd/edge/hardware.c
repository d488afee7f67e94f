/*
 * The host's hardware in one reading
 *
 * PGPUs first, then the catalog of type files, then for each PGPU the types that the catalog gives it. The
 * same identifier on two PGPUs is one type; where their sizes differ (GVT-g counts by the aperture) the type
 * has the larger size, which fits on both.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/grow.h"
#include "hostd/core/idset.h"
#include "hostd/edge/hardware.h"
#include "hostd/edge/pci-access.h"

#define PROBLEMS_MAX 256

typedef struct ScanState {
        const HardwareSettings *settings;
        Hardware hardware;
        ProblemSink problems; /* of this scan */
        size_t n_problems;
        bool out_of_memory;
} ScanState;

/* Handlers return nothing, so that a lack of memory is kept for the end. Past the cap problems are only
 * counted. */
static void on_problem(const char *path, unsigned line, const char *reason, void *userdata) {
        _cleanup_free_ char *text = NULL;
        ScanState *s = userdata;

        if (s->n_problems++ >= PROBLEMS_MAX)
                return;

        text = line > 0 ? text_printf("%s:%u: %s", strempty(path), line, reason)
                        : text_printf("%s: %s", strempty(path), reason);
        if (!text || idset_add(&s->hardware.problems, text) < 0)
                s->out_of_memory = true;
}

static void add_overflow_problem(ScanState *s) {
        char text[64];

        if (s->n_problems <= PROBLEMS_MAX)
                return;
        snprintf(text, sizeof(text), "%zu more problems are not shown", s->n_problems - PROBLEMS_MAX);
        if (idset_add(&s->hardware.problems, text) < 0)
                s->out_of_memory = true;
}

static const char *pci_source(const HardwareSettings *settings) {
        if (settings->pci.listing)
                return settings->pci.listing;
        return settings->pci.sysfs_path ? settings->pci.sysfs_path : "/sys/bus/pci";
}

static int scan_pgpus(ScanState *s) {
        int r;

        s->problems.path = pci_source(s->settings);
        r = pci_scan(&s->settings->pci, &s->problems, &s->hardware.pgpus, &s->hardware.n_pgpus,
                &s->hardware.functions);
        if (r == -ENOMEM)
                return r;
        s->hardware.source_is_bad = r < 0;
        if (r == -EBADMSG)
                problem_report(&s->problems, 0, "no device in it can be read; this host shows no PGPUs");
        else if (r < 0)
                problem_report(&s->problems, 0, "it cannot be read (%s); this host shows no PGPUs", strerror(-r));
        return 0;
}

static const char *subsystem_name(
        uint16_t vendor, uint16_t device, uint16_t subvendor, uint16_t subdevice, void *userdata) {
        return pci_access_name_subsystem(userdata, vendor, device, subvendor, subdevice);
}

/* Takes the content of *t over, also on failure. */
static int merge_type(ScanState *s, const Pgpu *p, HostType *t) {
        Hardware *h = &s->hardware;
        HostType *known = (HostType *) host_type_find(h->types, h->n_types, t->identifier);

        if (!known) {
                if (GROW(h->types, h->n_types) < 0) {
                        host_type_done(t);
                        return -ENOMEM;
                }
                h->types[h->n_types++] = take_struct(*t);
                return 0;
        }

        if (known->instances != t->instances) {
                ProblemSink here = problems_in(&s->problems, PCI_TEXT(&p->address));

                problem_report(&here, 0,
                        "%" PRIu32 " of type '%s' fit there and %" PRIu32
                        " on another PGPU; the smaller number counts for both",
                        t->instances, t->identifier, known->instances);
                known->instances = MIN_OF(known->instances, t->instances);
                known->size = host_type_size(known->instances);
        }
        host_type_done(t);
        return 0;
}

static int merge_types(ScanState *s, Pgpu *p, HostType *types, size_t n) {
        size_t n_unusable = 0;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                if (host_type_is_usable(&types[i]))
                        r = idset_add(&p->supported, types[i].identifier);
                else
                        n_unusable++;
                if (r >= 0)
                        r = merge_type(s, p, &types[i]);
        }
        if (n_unusable > 0)
                problem_report(&s->problems, 0,
                        "PGPU %s runs none of its %zu VGPU types with SR-IOV (hostVgpuMode): " NVIDIA_SRIOV_REASON
                        "; pass the whole PGPU through",
                        PCI_TEXT(&p->address), n_unusable);
        return r;
}

static int find_types(ScanState *s, const TypeCatalog *catalog, PciAccess *names) {
        NameSource source = { subsystem_name, names };

        for (size_t i = 0; i < s->hardware.n_pgpus; i++) {
                Pgpu *p = &s->hardware.pgpus[i];
                HostType *types;
                size_t n;
                int r;

                r = catalog_types_for(catalog, p, &source, &s->problems, &types, &n);
                if (r < 0)
                        return r;
                r = merge_types(s, p, types, n);
                host_types_free(types, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int scan_types(ScanState *s) {
        _cleanup_(pci_access_freep) PciAccess *names = NULL;
        _cleanup_(type_catalog_done) TypeCatalog catalog = {};
        int r;

        r = type_files_read(&s->settings->files, &s->problems, &catalog);
        if (r < 0)
                return r;
        r = pci_access_new(PCI_ACCESS_METHOD_NAMES, s->settings->pci.pci_ids, &names);
        if (r < 0)
                return r;
        return find_types(s, &catalog, names);
}

int hardware_scan(const HardwareSettings *settings, Hardware *ret) {
        ScanState s = { .settings = settings };
        int r;

        s.problems = (ProblemSink){.handler = on_problem, .userdata = &s};
        r = scan_pgpus(&s);
        if (r >= 0)
                r = scan_types(&s);
        add_overflow_problem(&s);
        if (r < 0 || s.out_of_memory) {
                hardware_done(&s.hardware);
                return -ENOMEM;
        }

        *ret = s.hardware;
        return 0;
}

int hardware_mark_lost(Hardware *h, const HardwareSettings *settings, Pgpu *p) {
        _cleanup_free_ char *text = text_printf(
                "%s: PGPU %s is lost. " PGPU_LOST_REASON PGPU_LOST_HELP, pci_source(settings), PCI_TEXT(&p->address));

        p->is_lost = true;
        return text ? idset_add(&h->problems, text) : -ENOMEM;
}

void hardware_done(Hardware *h) {
        pgpus_free(h->pgpus, h->n_pgpus);
        host_types_free(h->types, h->n_types);
        strv_free(h->problems);
        strv_free(h->functions);
        *h = (Hardware){};
}
