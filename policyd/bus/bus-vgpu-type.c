/*
 * org.xenvgpu.Policy1.VGPUType: made from what hosts report; nothing to call
 */

#include "policyd/bus/bus-private.h"

static DECLARE_GETTER(get_implementation) {
        return sd_bus_message_append_basic(reply, 's',
                vgpu_implementation_to_string(*(const VgpuImplementation *) userdata));
}

static const sd_bus_vtable vgpu_type_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("UUID", "s", get_uuid, offsetof(VgpuType, object.id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("VendorName", "s", NULL, offsetof(VgpuType, vendor_name),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "ModelName", "s", NULL, offsetof(VgpuType, model_name), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("FramebufferSize", "t", NULL, offsetof(VgpuType, framebuffer_size),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MaxHeads", "t", get_u32_as_u64, offsetof(VgpuType, max_heads),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MaxResolutionX", "t", get_u32_as_u64, offsetof(VgpuType, max_resolution_x),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MaxResolutionY", "t", get_u32_as_u64, offsetof(VgpuType, max_resolution_y),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Size", "t", get_u32_as_u64, offsetof(VgpuType, size), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Implementation", "s", get_implementation, offsetof(VgpuType, implementation),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY(
                "Identifier", "s", NULL, offsetof(VgpuType, identifier), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Experimental", "b", get_bool, offsetof(VgpuType, experimental),
                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("SupportedOnPGPUs", "ao", get_refs, offsetof(VgpuType, supported_on),
                SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("EnabledOnPGPUs", "ao", get_refs, offsetof(VgpuType, enabled_on),
                SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_PROPERTY("VGPUs", "ao", get_refs, offsetof(VgpuType, vgpus),
                SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION),
        SD_BUS_VTABLE_END,
};

const BusClass bus_class_vgpu_type = {
        .interface = POLICY_IFACE_VGPU_TYPE,
        .vtable = vgpu_type_vtable,
        .properties = (const char *const[]){"Identifier", "Implementation", "VendorName", "ModelName",
                "FramebufferSize", "MaxHeads", "MaxResolutionX", "MaxResolutionY", "Size", "Experimental",
                "SupportedOnPGPUs", "EnabledOnPGPUs", "VGPUs", NULL},
};
