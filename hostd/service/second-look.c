/*
 * A second look at virtual functions that are suspect
 */

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "hostd/run/division.h"
#include "hostd/service/host-internal.h"
#include "hostd/service/second-look.h"
#include "hostd/service/tool.h"
#include "hostd/vm/vms.h"

struct SecondLook {
        Hostd *host;
        PciAddress pgpu;
        bool again, undivide_again;
        Tool *tool;
        SecondLook *next;
};

int host_look_at_divisions(Hostd *h) {
        _cleanup_free_ const char **used = NULL;
        int r;

        r = vms_list_virtual(h->vms, &used);
        return r < 0 ? r : gpus_look_at_divisions(&h->gpus, used);
}

static SecondLook *find_look(const Hostd *h, const PciAddress *pgpu) {
        SecondLook *l = h->looks;

        while (l && pci_address_compare(&l->pgpu, pgpu) != 0)
                l = l->next;
        return l;
}

static void forget(SecondLook *l) {
        Hostd *h = l->host;

        for (SecondLook **at = &h->looks; *at; at = &(*at)->next)
                if (*at == l) {
                        *at = l->next;
                        break;
                }
        (void) tool_forget(l->tool);
        free(l);
}

/* 1. A program is started, as those of VMs are: hostd itself may not write to sysfs, and may be restarted. */

static void on_ended(void *userdata);

static int start(Hostd *h, SecondLook *l, bool undivide) {
        const HostSettings *s = h->settings;
        const char *const argv[] = {s->domain_program, DIVISION_LOOK_VERB, h->parts->runtime_dir, s->sysfs_path, PCI_TEXT(&l->pgpu),
                undivide && !streq_ptr(s->sriov_division, "fixed") ? "1" : "0", NULL};
        char description[64];
        const UnitTool tool = {"xenvgpu-functions", PCI_TEXT(&l->pgpu),
                text_format(description, sizeof(description), "Look at virtual functions of PGPU %s", PCI_TEXT(&l->pgpu))};

        return tool_run(h, &tool, argv, on_ended, l, &l->tool);
}

int second_look(Hostd *h, const PciAddress *pgpu, bool undivide) {
        SecondLook *l = find_look(h, pgpu);
        int r;

        if (!h->vm_context.units.ops->start_tool || !isempty(h->settings->pci_dump)) {
                notifier_touch(&h->notifier);
                return 0;
        }
        if (l) {
                l->again = true;
                l->undivide_again |= undivide;
                return 0;
        }
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        *l = (SecondLook){.host = h, .pgpu = *pgpu, .next = h->looks};
        h->looks = l;
        r = start(h, l, undivide);
        if (r < 0)
                forget(l);
        return r;
}

/* 2. Its end. */

static void on_ended(void *userdata) {
        SecondLook *l = userdata;
        bool again = l->again, undivide = l->undivide_again;
        const PciAddress pgpu = l->pgpu;
        Hostd *h = l->host;

        l->tool = NULL;
        forget(l);
        notifier_touch(&h->notifier);
        if (again && second_look(h, &pgpu, undivide) < 0)
                log_error("There is no memory for another look at PGPU %s.", PCI_TEXT(&pgpu));
}

void second_look_at_all(Hostd *h) {
        int r = 0;

        for (size_t i = 0; i < h->gpus.hardware.n_pgpus && r >= 0; i++)
                if (h->gpus.hardware.pgpus[i].n_suspect > 0)
                        r = second_look(h, &h->gpus.hardware.pgpus[i].address, /* undivide= */ false);
        if (r < 0)
                (void) log_errno(r, "Failed to look at suspect functions again, ignoring");
}

void second_looks_forget(Hostd *h) {
        while (h->looks)
                forget(h->looks);
}
