/*
 * libxl's own form of a laid-out config
 */

#include <libxl_utils.h>

#include "common/json/json-get.h"
#include "hostd/libxl/domain-name.h"
#include "hostd/libxl/libxl-config.h"

#define SLOT_DEVFNS 8

static void overlay(libxl_domain_config *c) {
        /* Not the id of the domain that the config was once read off. */
        c->c_info.domid = INVALID_DOMID;

        /* Two starts at once cannot both count on the same free memory: the second one's claim fails at
         * once, and not halfway through building. */
        libxl_defbool_setdefault(&c->b_info.claim_mode, true);

        for (int i = 0; i < c->num_pcidevs; i++) {
                c->pcidevs[i].msitranslate = false;
                /* It was made assignable before; libxl must not take what someone else uses. */
                c->pcidevs[i].seize = false;
        }
}

int libxl_config_from_json(libxl_ctx *ctx, struct json_object *config, libxl_domain_config *ret) {
        _cleanup_free_ char *text = NULL;
        libxl_domain_config c;

        text = json_to_text(config);
        if (!text)
                return -ENOMEM;

        libxl_domain_config_init(&c);
        if (libxl_domain_config_from_json(ctx, &c, text) != 0) {
                libxl_domain_config_dispose(&c);
                return -EINVAL;
        }
        overlay(&c);
        *ret = c;
        return 0;
}

int libxl_config_name(libxl_ctx *ctx, libxl_domain_config *config) {
        _cleanup_free_ char *name = NULL;
        uint32_t domid;
        Uuid uuid;
        int r;

        (void) memcpy(uuid.bytes, libxl_uuid_bytearray(&config->c_info.uuid), sizeof(uuid.bytes));
        for (int form = 0; form < _DOMAIN_NAME_FORM_MAX; form++) {
                name = (free(name), NULL);
                r = domain_name_make(config->c_info.name, &uuid, (DomainNameForm) form, &name);
                if (r < 0)
                        return r;
                if (libxl_name_to_domid(ctx, name, &domid) != 0)
                        break;
        }
        free(config->c_info.name);
        config->c_info.name = take_ptr(name);
        return 0;
}

int libxl_config_add_function(libxl_domain_config *config, const PciAddress *function) {
        libxl_device_pci *list, *pci;
        uint32_t lowest = 0;

        for (int i = 0; i < config->num_pcidevs; i++) {
                PciAddress there = libxl_config_function(&config->pcidevs[i]);
                uint32_t devfn = config->pcidevs[i].vdevfn;

                if (pci_address_compare(&there, function) == 0)
                        return 0;
                if (devfn > 0 && (lowest == 0 || devfn < lowest))
                        lowest = devfn;
        }
        list = reallocarray(config->pcidevs, (size_t) config->num_pcidevs + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        config->pcidevs = list;
        pci = &list[config->num_pcidevs++];
        libxl_config_init_function(pci, function);
        /* In a slot of its own, as function 0. */
        pci->vfunc_mask = 1;
        /* Where the others' slots were chosen (hostd/domain/domain-config.c), the next one down. */
        if (lowest >= 2 * SLOT_DEVFNS)
                pci->vdevfn = lowest - SLOT_DEVFNS;
        return 0;
}

void libxl_config_init_function(libxl_device_pci *pci, const PciAddress *function) {
        libxl_device_pci_init(pci);
        pci->domain = (int) function->domain;
        pci->bus = function->bus;
        pci->dev = function->dev;
        pci->func = function->fn;
}

PciAddress libxl_config_function(const libxl_device_pci *pci) {
        return (PciAddress){
                .domain = (uint32_t) pci->domain,
                .bus = pci->bus,
                .dev = pci->dev,
                .fn = pci->func,
        };
}
