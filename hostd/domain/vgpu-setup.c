/*
 * What a helper has to do for a VM's VGPUs before their domain can be built
 */

#include "hostd/domain/vgpu-setup.h"
#include "hostd/helper/native-driver.h"
#include "hostd/helper/virtual-function.h"

#define MIB (UINT64_C(1) << 20)

static bool wants_function(const StartOrder *order) {
        return order->n_vgpus > 0 && order->vgpus[0].kind == VGPU_KIND_MXGPU && !order->vgpus[0].virtual_pci_address;
}

bool vgpu_setup_work(const DomainProgram *p, const StartOrder *order, HelperWork *ret) {
        const VgpuRecord *v = order->vgpus;

        /* A bare listing of a PCI bus, in the lab, has neither virtual functions nor drivers. */
        if (!p->sysfs)
                return false;
        if (!wants_function(order))
                return native_driver_work(p->sysfs, v, order->n_vgpus, streq_ptr(p->hypervisor, "libxl"), ret);
        *ret = virtual_function_work(&(VirtualFunctionWish){
                .folder = p->folder,
                .sysfs = p->sysfs,
                .gimtool = p->gimtool,
                .timeout = p->gimtool_timeout,
                .physical = v->physical_pci_address,
                .num_vfs = (uint32_t) v->mxgpu.vgpus_per_pgpu,
                .vf_fb_mib = (uint32_t) (v->mxgpu.framebufferbytes / MIB),
        });
        return true;
}

int vgpu_setup_apply(StartOrder *order, const char *words) {
        PciAddress function;
        int r;

        if (!wants_function(order))
                return 0;
        r = pci_address_from_string(words, &function);
        if (r < 0)
                return r;
        order->vgpus[0].virtual_pci_address = malloc(sizeof(function));
        if (!order->vgpus[0].virtual_pci_address)
                return -ENOMEM;
        *order->vgpus[0].virtual_pci_address = function;
        return 1;
}
