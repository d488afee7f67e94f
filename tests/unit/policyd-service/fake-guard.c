/*
 * What a simulated host checks of an order by itself: the rules of hostd, in other words than policyd's
 */

#include "protocol/config-walk.h"
#include "protocol/vm-record.h"
#include "tests/unit/policyd-service/fake-link.h"

static uint32_t size_of_type_id(const char *type_id) {
        return streq(type_id, "12") || streq(type_id, "21") ? 2 : 1; /* eighths */
}

static bool has_text(char *const *list, const char *text) {
        for (; list && *list; list++)
                if (streq(*list, text))
                        return true;
        return false;
}

typedef struct Load {
        uint32_t eighths;
        const char *type_id;
        bool mixed, whole;
} Load;

static void load_add(Load *l, const StartOrder *order, const char *pci, size_t n_vgpus) {
        for (size_t i = 0; i < n_vgpus; i++) {
                const VgpuRecord *v = &order->vgpus[i];

                if (!streq(PCI_TEXT(&v->physical_pci_address), pci))
                        continue;
                l->mixed |= l->type_id && !streq(l->type_id, v->nvidia.type_id);
                l->type_id = v->nvidia.type_id;
                l->eighths += size_of_type_id(v->nvidia.type_id);
        }
        for (size_t i = 0; i < order->n_pcis; i++)
                l->whole |= streq(PCI_TEXT(&order->pcis[i].address), pci);
}

static Load load_of(const FakeHost *h, const char *pci) {
        Load l = {};

        for (size_t i = 0; i < h->n_vms; i++)
                load_add(&l, &h->vms[i].order, pci, h->vms[i].order.n_vgpus);
        return l;
}

static const FakeCard *card_at(const FakeHost *h, const PciAddress *pci) {
        for (size_t i = 0; i < h->n_cards; i++)
                if (streq(h->cards[i].pci, PCI_TEXT(pci)) && !h->cards[i].gone && !h->cards[i].held_by)
                        return &h->cards[i];
        return NULL;
}

static bool guard_refuses_gpus(const FakeHost *h, const StartOrder *order) {
        for (size_t i = 0; i < order->n_vgpus; i++) {
                const FakeCard *c = card_at(h, &order->vgpus[i].physical_pci_address);
                Load l = c ? load_of(h, c->pci) : (Load){};

                load_add(&l, &(StartOrder){.vgpus = order->vgpus}, c ? c->pci : "", i + 1);
                if (!c || l.mixed || l.whole || l.eighths > 8)
                        return true;
        }
        for (size_t i = 0; i < order->n_pcis; i++) {
                const FakeCard *c = card_at(h, &order->pcis[i].address);
                Load l = c ? load_of(h, c->pci) : (Load){};

                load_add(&l, &(StartOrder){.pcis = order->pcis, .n_pcis = i}, c ? c->pci : "", 0);
                if (!c || l.whole || l.eighths > 0)
                        return true;
        }
        return order->n_pcis > 0 && h->no_iommu;
}

static int refuse_key(const char *path, const char *key, const char *text, const char *fault, void *userdata) {
        (void) path;
        (void) text;
        (void) fault;
        (void) userdata;
        return streq(key, "pcidevs") ? 0 : 1;
}

/* As hostd does it, in one walk with the host's own rules. */
static bool guard_refuses_keys(const FakeHost *h, struct json_object *config) {
        const ConfigRules rules = {.storage = "/images", .allowed = h->allowed_config_keys};
        const ConfigAsks asks = {.objection = refuse_key};

        return h->allowed_config_keys && config_walk(config, &rules, &asks) != 0;
}

static bool order_has(const StartOrder *order, const char *function) {
        for (size_t i = 0; i < order->n_pcis; i++)
                if (streq(PCI_TEXT(&order->pcis[i].address), function))
                        return true;
        return false;
}

/* Those that are no GPU of the host: a GPU is looked at with the others. */
static bool guard_refuses_function(const FakeHost *h, const StartOrder *order, const char *function) {
        bool refuses = h->no_iommu || h->refuses_pcidevs || (h->functions[0] && !has_text((char *const *) h->functions, function));
        JsonReader reader = {};

        for (size_t i = 0; i < h->n_vms && !refuses && h->vms[i].order.vm.config; i++) {
                VmNeeds others = {};

                (void) vm_config_needs(&reader, h->vms[i].order.vm.config, false, &others);
                refuses = has_text(others.functions, function);
                vm_needs_done(&others);
        }
        return refuses && !order_has(order, function);
}

bool fake_guard_refuses(const FakeHost *h, const StartOrder *order) {
        JsonReader reader = {};
        VmNeeds needs = {};
        bool refuses;

        if (vm_config_needs(&reader, order->vm.config, order->n_vgpus > 0, &needs) < 0)
                return true;
        refuses = guard_refuses_gpus(h, order) || guard_refuses_keys(h, order->vm.config) ||
                  ((order->n_pcis > 0 || needs.functions[0]) && needs.target_memory != needs.max_memory);
        for (char **f = needs.functions; *f && !refuses; f++)
                refuses = guard_refuses_function(h, order, *f);
        vm_needs_done(&needs);
        return refuses;
}
