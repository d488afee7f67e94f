/*
 * What a helper has to do for a VM's VGPUs before their domain can be built
 */

#include "hostd/domain/vgpu-setup.h"
#include "hostd/helper/native-driver.h"
#include "hostd/helper/virtual-function.h"
#include "hostd/run/pci-function.h"

#define MIB (UINT64_C(1) << 20)

static bool wants_function(const StartOrder *order) {
        return order->n_vgpus > 0 && vgpu_kind_has_function(order->vgpus[0].kind) && !order->vgpus[0].virtual_pci_address;
}

static DivisionWish begin_wish(const DomainProgram *p, const PciAddress *physical) {
        return (DivisionWish){
                .folder = p->folder,
                .sysfs = p->sysfs,
                .gimtool = p->gimtool,
                .timeout = p->gimtool_timeout,
                .keep = p->keep_divisions,
                .physical = *physical,
                .type = "",
        };
}

/* A whole PGPU that has virtual functions: dom0's driver must take them back before it is passed through. */
static bool find_divided(const DomainProgram *p, const StartOrder *order, PciAddress *ret) {
        PciAddress function;
        size_t n = 0;

        for (size_t i = 0; i < order->n_pcis; i++)
                if (pci_function_list_virtual(p->sysfs, &order->pcis[i].address, &function, 1, &n) >= 0 && n > 0) {
                        *ret = order->pcis[i].address;
                        return true;
                }
        return false;
}

SetupStep vgpu_setup_work(const DomainProgram *p, const StartOrder *order, HelperWork *ret) {
        const VgpuRecord *v = order->vgpus;
        PciAddress divided;
        DivisionWish wish;

        /* A bare listing of a PCI bus, in the lab, has neither virtual functions nor drivers. */
        if (!p->sysfs)
                return SETUP_NOTHING;
        if (find_divided(p, order, &divided)) {
                wish = begin_wish(p, &divided);
                *ret = virtual_function_undivide_work(&wish);
                return SETUP_AGAIN;
        }
        if (!wants_function(order))
                return native_driver_work(p->sysfs, v, order->n_vgpus, streq_ptr(p->hypervisor, "libxl"), ret) ? SETUP_LAST
                                                                                                              : SETUP_NOTHING;
        wish = begin_wish(p, &v->physical_pci_address);
        if (v->kind == VGPU_KIND_MXGPU) {
                wish.num_vfs = (uint32_t) v->mxgpu.vgpus_per_pgpu;
                wish.vf_fb_mib = (uint32_t) (v->mxgpu.framebufferbytes / MIB);
        } else {
                wish.num_vfs = (uint32_t) v->sriov.vfs_per_pgpu;
                wish.vf_fb_mib = (uint32_t) (v->sriov.framebufferbytes / MIB);
                wish.type = v->sriov.identifier;
                wish.exec_quantum_ms = v->sriov.exec_quantum_ms;
                wish.preempt_timeout_us = v->sriov.preempt_timeout_us;
                wish.priority = v->sriov.priority;
        }
        *ret = virtual_function_work(&wish);
        return SETUP_LAST;
}

bool vgpu_release_work(const DomainProgram *p, const StartOrder *order, HelperWork *ret) {
        if (!p->sysfs || order->n_vgpus == 0 || !vgpu_kind_has_function(order->vgpus[0].kind))
                return false;
        *ret = virtual_function_free_work(p->folder, p->sysfs);
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
