/*
 * A VGPU type as a host knows it
 *
 * The identifiers are spelled here and nowhere else.
 */

#include <inttypes.h>
#include <stdio.h>

#include "common/base/text.h"
#include "hostd/core/host-type.h"

char *host_type_identifier_nvidia(uint16_t pdev, const uint16_t *psubdev, uint16_t vdev, uint16_t vsubdev) {
        char card[5] = "";

        if (psubdev)
                snprintf(card, sizeof(card), "%04x", *psubdev);
        return text_printf("0001:nvidia,%04x,%s,%04x,%04x", pdev, card, vdev, vsubdev);
}

char *host_type_identifier_gvt_g(uint16_t pdev, uint64_t low, uint64_t high, uint64_t fence) {
        return text_printf("0001:gvt-g,%04x,%" PRIx64 ",%" PRIx64 ",%" PRIx64, pdev, low, high, fence);
}

char *host_type_identifier_mxgpu(uint16_t pdev, uint64_t framebuffer_bytes) {
        return text_printf("0001:mxgpu,%04x,%" PRIx64, pdev, framebuffer_bytes);
}

char *host_type_identifier_sriov(const SriovType *t) {
        char card[5] = "";

        if (!t->any_psubdev)
                snprintf(card, sizeof(card), "%04x", t->psubdev);
        return text_printf("0001:sriov,%04x,%04x,%s,%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%" PRIx64 ",%s", t->vendor, t->pdev,
                card, t->vfs_per_pgpu, t->framebuffer, t->exec_quantum_ms, t->preempt_timeout_us,
                sriov_priority_to_string(t->priority));
}

int host_type_make_passthrough(HostType *ret) {
        _cleanup_(host_type_done) HostType t = {
                .implementation = TYPE_PASSTHROUGH,
                .identifier = strdup(PASSTHROUGH_IDENTIFIER),
                .vendor_name = strdup(""),
                .model_name = strdup(PASSTHROUGH_NAME),
                .instances = 1,
        };

        if (!t.identifier || !t.vendor_name || !t.model_name)
                return -ENOMEM;

        *ret = take_struct(t);
        return 0;
}

const char *host_type_driver(VgpuImplementation implementation) {
        switch (implementation) {
        case TYPE_NVIDIA:
        case TYPE_NVIDIA_SRIOV:
                return "nvidia";
        case TYPE_GVT_G:
                return "i915";
        case TYPE_MXGPU:
                return "gim";
        case TYPE_SRIOV: /* the PF's own, whichever it is */
        case TYPE_PASSTHROUGH:
        case _VGPU_IMPLEMENTATION_MAX:
        case _VGPU_IMPLEMENTATION_INVALID:
                break;
        }
        return NULL;
}

uint32_t host_type_size(uint32_t instances) {
        return instances > 0 ? PGPU_SIZE / instances : 0;
}

void host_type_done(HostType *t) {
        free(t->identifier);
        free(t->vendor_name);
        free(t->model_name);
        free(t->type_id);
        free(t->vclass);
        free(t->config_file);
        *t = (HostType){};
}

const HostType *host_type_find(const HostType *types, size_t n, const char *identifier) {
        for (size_t i = 0; i < n; i++)
                if (streq(types[i].identifier, identifier))
                        return &types[i];
        return NULL;
}

HostType *host_types_free(HostType *types, size_t n) {
        for (size_t i = 0; i < n; i++)
                host_type_done(&types[i]);
        free(types);
        return NULL;
}

bool host_type_allows_beside(const HostType *a, const HostType *b) {
        return a->self_compatible_on_pgpu && streq(a->identifier, b->identifier);
}
