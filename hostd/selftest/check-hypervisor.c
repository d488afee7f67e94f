/*
 * The self-test: Xen, and what the host has for VMs beside GPUs
 */

#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "hostd/edge/machine-facts.h"
#include "hostd/selftest/checks.h"

#define LEAST_FREE_MEMORY (UINT64_C(256) << 20)

static int open_source(Selftest *t) {
        int r;

        r = t->simulated ? machine_facts_simulated_new(t->host->sim_dir, &t->facts_source)
                         : machine_facts_libxl_new(&t->host->storage, &t->facts_source);
        if (r >= 0)
                r = machine_facts_read(t->facts_source, &t->facts);
        t->facts_known = r >= 0;
        return r;
}

static void check_xen(Selftest *t) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = open_source(t);
        if (r < 0) {
                report_failed(&t->report, "hypervisor",
                        "Boot this machine as dom0 of Xen (Debian: xen-system-amd64), see that xenstored runs, "
                        "and run this as root.",
                        "libxl or xenstore cannot be reached: %s", strerror(-r));
                return;
        }
        name = t->facts_source->ops->describe(t->facts_source);
        report_ok(&t->report, "hypervisor", "%s, %u processors, %s of memory", strempty(name), t->facts.cpus,
                SIZE_TEXT(t->facts.memory_total));
}

static void check_virtualization(Selftest *t) {
        if (t->facts.hvm)
                report_ok(&t->report, "HVM", "guests of type hvm can run");
        else
                report_failed(&t->report, "HVM", "Switch VT-x or AMD-V on in the firmware.",
                        "Xen offers none, and VMs with GPUs are HVM");
        if (t->facts.iommu)
                report_ok(&t->report, "IOMMU", "Xen uses it, so whole GPUs can be passed through");
        else
                report_failed(&t->report, "IOMMU",
                        "Switch VT-d or AMD-Vi on in the firmware and see that Xen's command line has no "
                        "iommu=off; "
                        "virt_caps of `xl info` then has hvm_directio. NVIDIA's vGPUs can do without it.",
                        "Xen uses none, so no GPU can be passed through");
}

static void check_memory(Selftest *t) {
        uint64_t least = LEAST_FREE_MEMORY;

        if (t->facts.memory_free >= least)
                report_ok(&t->report, "free memory", "%s for new VMs", SIZE_TEXT(t->facts.memory_free));
        else
                report_failed(&t->report, "free memory",
                        "Give dom0 less: boot Xen with dom0_mem=4G,max:4G or another fit amount.",
                        "%s, which is less than the smallest useful VM takes (%s)",
                        SIZE_TEXT(t->facts.memory_free), SIZE_TEXT(least));
}

static void check_list(Selftest *t, const char *name, char *const *list, const char *none) {
        _cleanup_strbuf_ StrBuf b = {};

        for (char *const *item = list; item && *item; item++)
                strbuf_addf(&b, "%s%s", b.len > 0 ? " " : "", *item);
        if (strbuf_error(&b) < 0)
                t->report.error = -ENOMEM;
        else if (b.len > 0)
                report_ok(&t->report, name, "%s", b.text);
        else
                report_skipped(&t->report, name, "%s", none);
}

void check_hypervisor(Selftest *t) {
        check_xen(t);
        if (!t->facts_known) {
                report_skipped(
                        &t->report, "HVM, IOMMU, memory, bridges, storage", "the hypervisor does not answer");
                return;
        }
        check_virtualization(t);
        check_memory(t);
        check_list(t, "bridges", t->facts.networks, "there is none: VMs with a network cannot start here");
        if (!isempty(t->host->ovsdb) && access(t->host->ovsdb, F_OK) == 0)
                report_note(&t->report, "and those of Open vSwitch, whose database is at %s", t->host->ovsdb);
        check_list(t, "storage", t->facts.storage, "there is none: VMs with disks cannot start here");
}
