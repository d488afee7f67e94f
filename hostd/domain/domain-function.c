/*
 * An MxGPU VGPU's virtual function
 *
 * Chosen when this program builds its first domain, unless the order names one: a guest that reboots keeps
 * it, and a program that is started again gets the same. The config is laid out anew with it.
 */

#include "hostd/domain/domain-config.h"
#include "hostd/domain/domain-private.h"
#include "hostd/helper/virtual-function.h"

#define MIB (UINT64_C(1) << 20)

static int set_function(VgpuRecord *v, const char *text) {
        PciAddress function;
        int r;

        r = pci_address_from_string(text, &function);
        if (r < 0)
                return r;
        if (!v->virtual_pci_address)
                v->virtual_pci_address = malloc(sizeof(*v->virtual_pci_address));
        if (!v->virtual_pci_address)
                return -ENOMEM;
        *v->virtual_pci_address = function;
        return 0;
}

static int lay_out_again(Domain *d) {
        _cleanup_free_ char *error = NULL;
        struct json_object *config;
        ErrorCode code;
        int r;

        r = domain_config_lay_out(&d->order, d->program->dm, &config, &code, &error);
        if (r < 0)
                return r;
        json_object_put(d->config);
        d->config = config;
        return 0;
}

static void on_chosen(int result, const char *words, void *userdata) {
        Domain *d = userdata;
        int r;

        if (result < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "%s", words);
        else {
                r = set_function(&d->order.vgpus[0], words);
                if (r >= 0)
                        r = lay_out_again(d);
                if (r >= 0)
                        domain_build(d);
                else
                        domain_fail(d, ERROR_DOMAIN_FAILED, "The virtual function '%s' cannot be used: %s.",
                                words, strerror(-r));
        }
}

void domain_choose_function(Domain *d) {
        const VgpuRecord *v = d->order.n_vgpus > 0 ? &d->order.vgpus[0] : NULL;
        _cleanup_(helper_work_done) HelperWork work = {};
        VirtualFunctionWish wish;
        int r;

        /* A bare listing of a PCI bus, in the lab, has no virtual functions. */
        if (!v || v->kind != VGPU_KIND_MXGPU || v->virtual_pci_address || !d->program->sysfs) {
                domain_bind_drivers(d);
                return;
        }
        wish = (VirtualFunctionWish){
                .folder = d->program->folder,
                .sysfs = d->program->sysfs,
                .gimtool = d->program->gimtool,
                .timeout = d->program->gimtool_timeout,
                .physical = v->physical_pci_address,
                .num_vfs = (uint32_t) v->mxgpu.vgpus_per_pgpu,
                .vf_fb_mib = (uint32_t) (v->mxgpu.framebufferbytes / MIB),
        };
        d->function = helper_process_free(d->function);
        work = virtual_function_work(&wish);
        r = helper_process_start(d->event, &work, on_chosen, d, &d->function);
        if (r < 0)
                domain_fail(d, ERROR_DOMAIN_FAILED, "The virtual function of PGPU %s cannot be chosen: %s.",
                        PCI_TEXT(&wish.physical), strerror(-r));
}
