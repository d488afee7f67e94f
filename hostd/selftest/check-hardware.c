/*
 * The self-test: PGPUs and types
 */

#include "common/base/text.h"
#include "hostd/selftest/checks.h"

#define PROBLEMS_SHOWN 20

/* How many virtual types it offers, and what they need. */
static size_t count_types(const Selftest *t, const Pgpu *p, const char **ret_driver) {
        size_t n = 0;

        *ret_driver = NULL;
        for (size_t i = 0; i < t->hardware.n_types; i++) {
                const HostType *type = &t->hardware.types[i];

                if (type->implementation == TYPE_PASSTHROUGH || !pgpu_supports(p, type->identifier))
                        continue;
                n++;
                if (!*ret_driver)
                        *ret_driver = host_type_driver(type->implementation);
        }
        return n;
}

static void check_pgpu(Selftest *t, const Pgpu *p) {
        char name[32], what[512];
        const char *driver;
        size_t n_types;

        n_types = count_types(t, p, &driver);
        text_format(name, sizeof(name), "PGPU %s", PCI_TEXT(&p->address));
        text_format(what, sizeof(what), "%04x:%04x class %04x, %s %s, driver %s, %zu vGPU types",
                p->vendor_id, p->device_id, p->pci_class, p->vendor_name, p->device_name,
                isempty(p->driver) ? "none" : p->driver, n_types);

        if (p->is_lost)
                report_failed(&t->report, name,
                        "Switch the machine off and on, reseat the card, look at its power; `lspci -xxx` shows ff "
                        "while it is lost.",
                        "%s; " PGPU_LOST_REASON, what);
        else if (n_types > 0 && !t->simulated && !streq(p->driver, driver) && !pgpu_is_hidden_from_dom0(p))
                report_failed(&t->report, name,
                        "Install the vendor's host driver for this Xen and kernel, and load it; `lspci -nnk` "
                        "must show it as the kernel driver in use.",
                        "%s; its types are run by the driver %s", what, driver);
        else
                report_ok(&t->report, name, "%s", what);

        if (p->subsystem_known)
                report_note(&t->report, "board %04x:%04x, behind bridge %s", p->subsystem_vendor_id,
                        p->subsystem_device_id, isempty(p->bridge) ? "unknown" : p->bridge);
        if (p->is_system_display_device)
                report_note(&t->report, "it is the system's display%s",
                        pgpu_offers_passthrough(p) ? "" : ", so it cannot be passed through");
        if (n_types == 0)
                report_note(&t->report, "no type file names it: passthrough alone");
}

/* A type file is looked for in each place; a vendor's package brings one. */
static void note_files(Selftest *t) {
        const char *const places[] = {
                t->host->nvidia_conf_dir, t->host->nvidia_xml, t->host->gvtg_list, t->host->mxgpu_list};

        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                report_note(&t->report, "%s: %s", places[i],
                        access(places[i], R_OK) == 0 ? "there" : "not there");
}

static void check_types(Selftest *t) {
        size_t n = 0, n_problems = strv_count(t->hardware.problems);

        for (size_t i = 0; i < t->hardware.n_types; i++)
                n += t->hardware.types[i].implementation != TYPE_PASSTHROUGH;

        if (n_problems > 0)
                report_failed(&t->report, "type files",
                        "Mend or remove the entries below; each costs only itself. Send us a vendor's genuine "
                        "file that is not understood.",
                        "%zu types for the PGPUs here, and %zu problems", n, n_problems);
        else if (n > 0)
                report_ok(&t->report, "type files", "%zu types for the PGPUs here", n);
        else
                report_skipped(
                        &t->report, "type files", "none has a type for a PGPU here: passthrough alone");
        note_files(t);
        for (size_t i = 0; i < n_problems && i < PROBLEMS_SHOWN; i++)
                report_note(&t->report, "%s", t->hardware.problems[i]);
        if (n_problems > PROBLEMS_SHOWN)
                report_note(&t->report, "and %zu more", n_problems - PROBLEMS_SHOWN);
}

bool selftest_offers(const Selftest *t, VgpuImplementation implementation) {
        for (size_t i = 0; i < t->hardware.n_types; i++) {
                const HostType *type = &t->hardware.types[i];

                if (type->implementation != implementation)
                        continue;
                for (size_t k = 0; k < t->hardware.n_pgpus; k++)
                        if (pgpu_supports(&t->hardware.pgpus[k], type->identifier))
                                return true;
        }
        return false;
}

void check_hardware(Selftest *t) {
        const HardwareSettings settings = host_settings_hardware(t->host);
        int r;

        r = hardware_scan(&settings, &t->hardware);
        if (r < 0) {
                t->report.error = r;
                return;
        }
        if (t->hardware.n_pgpus == 0)
                report_failed(&t->report, "PGPUs",
                        "See whether `lspci -nn` shows a display controller (class 0300, 0302, 0380; 1200 by the setting accelerators); reseat the "
                        "card and look at the firmware's settings of its slot (Above 4G Decoding).",
                        "no GPU was found in %s", settings.pci.listing ?: strempty(settings.pci.sysfs_path));
        for (size_t i = 0; i < t->hardware.n_pgpus; i++)
                check_pgpu(t, &t->hardware.pgpus[i]);
        check_types(t);
}
