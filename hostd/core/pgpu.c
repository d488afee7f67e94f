/*
 * A PGPU: a GPU of the host that VMs may use
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/idset.h"
#include "hostd/core/pgpu.h"

#define PCI_CLASS_VGA 0x0300
#define PCI_CLASS_3D 0x0302
#define PCI_CLASS_DISPLAY_OTHER 0x0380
#define PCI_CLASS_ACCELERATOR 0x1200

void pgpu_done(Pgpu *p) {
        free(p->vendor_name);
        free(p->device_name);
        free(p->driver);
        free(p->bridge);
        free(p->pci_switch);
        free(p->serial);
        free(p->suspicion);
        free(p->companions);
        strv_free(p->supported);
        strv_free(p->enabled);
        *p = (Pgpu){};
}

static bool is_named(uint16_t vendor, uint16_t device, char *const *list) {
        char name[sizeof("VVVV:DDDD")], by_vendor[sizeof("VVVV")];

        (void) snprintf(by_vendor, sizeof(by_vendor), "%04x", vendor);
        (void) snprintf(name, sizeof(name), "%04x:%04x", vendor, device);
        for (; list && *list; list++)
                if (strcasecmp(*list, by_vendor) == 0 || strcasecmp(*list, name) == 0)
                        return true;
        return false;
}

bool pgpu_is_candidate(uint16_t pci_class, uint16_t vendor, uint16_t device, char *const *accelerators) {
        switch (pci_class) {
        case PCI_CLASS_VGA:
        case PCI_CLASS_3D:
        case PCI_CLASS_DISPLAY_OTHER:
                return true;
        case PCI_CLASS_ACCELERATOR:
                return is_named(vendor, device, accelerators);
        }
        return false;
}

bool pgpu_is_hidden_from_dom0(const Pgpu *p) {
        static const char *const holders[] = { "pciback", "xen-pciback", "vfio-pci" };

        for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
                if (streq(strempty(p->driver), holders[i]))
                        return true;
        return false;
}

bool pgpu_offers_passthrough(const Pgpu *p) {
        return pci_address_is_xens(&p->address) && !pgpu_division_is_fixed(p) &&
               (!p->is_system_display_device || pgpu_is_hidden_from_dom0(p));
}

const char *pgpu_division(const Pgpu *p, char buf[static PGPU_DIVISION_MAX]) {
        if (p->n_functions > 0)
                text_format(buf, PGPU_DIVISION_MAX, "%s %" PRIu32, pgpu_division_is_fixed(p) ? "fixed" : "ours", p->n_functions);
        else
                (void) stpcpy(buf, "none");
        return buf;
}

bool pgpu_offers_nothing(const Pgpu *p) {
        return p->is_lost || (p->n_suspect > 0 && p->n_suspect >= p->n_functions);
}

const char *pgpu_condition(const Pgpu *p) {
        return p->is_lost ? "lost" : p->n_suspect > 0 ? "suspect" : "good";
}

const char *pgpu_condition_reason(const Pgpu *p) {
        return p->is_lost ? PGPU_LOST_REASON : p->n_suspect > 0 ? strempty(p->suspicion) : "";
}

const Pgpu *pgpu_find(const Pgpu *pgpus, size_t n, const PciAddress *address) {
        for (size_t i = 0; i < n; i++)
                if (pci_address_compare(&pgpus[i].address, address) == 0)
                        return &pgpus[i];
        return NULL;
}

const Pgpu *pgpu_find_by_function(const Pgpu *pgpus, size_t n, const PciAddress *address) {
        const Pgpu *found = pgpu_find(pgpus, n, address);

        for (size_t i = 0; i < n && !found; i++)
                for (size_t j = 0; j < pgpus[i].n_companions; j++)
                        if (pci_address_compare(&pgpus[i].companions[j], address) == 0)
                                found = &pgpus[i];
        return found;
}

bool pgpu_supports(const Pgpu *p, const char *identifier) {
        return strv_contains(p->supported, identifier);
}

bool pgpu_enables(const Pgpu *p, const char *identifier) {
        return strv_contains(p->enabled, identifier);
}
