/*
 * The arguments of the display emulator and of qemu
 */

#include <inttypes.h>

#include "hostd/dm/arguments.h"

static bool is_compute(const VgpuRecord *g) {
        return streq_ptr(g->nvidia.vclass, "Compute");
}

int dm_gpus_check(const VgpuRecord *gpus, size_t n_gpus, const char **ret_error) {
        for (size_t i = 0; i < n_gpus; i++)
                if (gpus[i].kind != VGPU_KIND_NVIDIA && n_gpus > 1) {
                        *ret_error = "Unsupported vGPU configuration: several VGPUs in one VM must all be "
                                     "NVIDIA's.";
                        return -EINVAL;
                }
        return 0;
}

bool dm_needs_emulator(const VgpuRecord *gpus, size_t n_gpus) {
        return n_gpus > 0 && gpus[0].kind == VGPU_KIND_NVIDIA;
}

static int compare_slots(const void *a, const void *b) {
        const VgpuRecord *const *left = a, *const *right = b;

        return pci_address_compare(&(*left)->nvidia.virtual_pci_address, &(*right)->nvidia.virtual_pci_address);
}

/* The virtual function where there is one. */
static const PciAddress *host_function(const VgpuRecord *g) {
        return g->virtual_pci_address ?: &g->physical_pci_address;
}

static void add_device(StrList *l, const VgpuRecord *g) {
        const char *extra = strempty(g->nvidia.extra_args);

        strlist_addf(l, "--device=%s,%s,%s,%s%s%s", PCI_TEXT(host_function(g)),
                g->nvidia.config_file ?: g->nvidia.type_id, PCI_TEXT(&g->nvidia.virtual_pci_address),
                UUID_TEXT(&g->nvidia.uuid), *extra ? "," : "", extra);
}

static int build_today(StrList *l, uint32_t domid, const VgpuRecord *gpus, size_t n_gpus, const char **ret_error) {
        _cleanup_free_ const VgpuRecord **sorted = NULL;
        bool console = false;

        sorted = calloc(n_gpus, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n_gpus; i++) {
                if (isempty(gpus[i].nvidia.type_id) && isempty(gpus[i].nvidia.config_file)) {
                        *ret_error =
                                "The VGPU's record is incomplete: it has neither type_id nor config_file.";
                        return -EINVAL;
                }
                sorted[i] = &gpus[i];
                console = console || !is_compute(&gpus[i]);
        }
        qsort(sorted, n_gpus, sizeof(*sorted), compare_slots);

        strlist_addf(l, "--suspend=/var/lib/xen/demu-save.%" PRIu32, domid);
        for (size_t i = 0; i < n_gpus; i++)
                add_device(l, sorted[i]);
        if (!console)
                strlist_add(l, "--noconsole");
        return 0;
}

static int build_6x(StrList *l, const VgpuRecord *gpus, size_t n_gpus, const char **ret_error) {
        const char *extra = strempty(gpus->nvidia.extra_args);

        if (n_gpus != 1) {
                *ret_error = "The 6.x form of the emulator takes one VGPU for each VM.";
                return -EINVAL;
        }
        if (isempty(gpus->nvidia.config_file)) {
                *ret_error = "The 6.x form of the emulator needs the VGPU's config_file.";
                return -EINVAL;
        }
        strlist_addf(l, "--gpu=%s", PCI_TEXT(host_function(gpus)));
        strlist_addf(l, "--config=%s%s%s", gpus->nvidia.config_file, *extra ? "," : "", extra);
        return 0;
}

int dm_build_emulator_arguments(const char *program, EmulatorForm form, uint32_t domid, uint32_t vcpus,
        const VgpuRecord *gpus, size_t n_gpus, char ***ret, const char **ret_error) {

        _cleanup_strlist_ StrList l = {};
        int r;

        strlist_add(&l, program);
        strlist_addf(&l, "--domain=%" PRIu32, domid);
        strlist_addf(&l, "--vcpus=%" PRIu32, vcpus);
        r = form == EMULATOR_FORM_6X ? build_6x(&l, gpus, n_gpus, ret_error)
                               : build_today(&l, domid, gpus, n_gpus, ret_error);
        if (r < 0)
                return r;
        return strlist_take(&l, ret);
}

/* What stands for the VM's display: everything when its first VGPU is no passthrough one. */
static void add_display(StrList *l, const char *vgpu_args, const VgpuRecord *g) {
        switch (g->kind) {
        case VGPU_KIND_NVIDIA:
                strlist_add_split(l, is_compute(g) ? "-std-vga" : vgpu_args, " \t");
                break;
        case VGPU_KIND_GVT_G:
                strlist_add(l, "-xengt");
                strlist_add(l, "-vgt_low_gm_sz");
                strlist_addf(l, "%" PRIu64, g->gvt_g.low_gm_sz);
                strlist_add(l, "-vgt_high_gm_sz");
                strlist_addf(l, "%" PRIu64, g->gvt_g.high_gm_sz);
                strlist_add(l, "-vgt_fence_sz");
                strlist_addf(l, "%" PRIu64, g->gvt_g.fence_sz);
                strlist_add(l, "-priv");
                break;
        case VGPU_KIND_MXGPU:
        case VGPU_KIND_SRIOV:
        case _VGPU_KIND_MAX:
        case _VGPU_KIND_INVALID:
                break;
        }
}

static bool is_display_device(const char *device) {
        static const char *const models[] = { "VGA", "cirrus-vga", "qxl-vga", "qxl", "virtio-vga",
                "vmware-svga", "bochs-display", "secondary-vga", "vgpu" };
        size_t n = strcspn(device, ",");

        for (size_t i = 0; i < ARRAY_SIZE(models); i++)
                if (strlen(models[i]) == n && memcmp(models[i], device, n) == 0)
                        return true;
        return false;
}

/* How many arguments from here on choose a display device: 0, 1 or 2. */
static size_t count_display_arguments(const char *const *argument) {
        if (streq(argument[0], "-std-vga") || streq(argument[0], "-vgpu"))
                return 1;
        if (!argument[1])
                return 0;
        if (streq(argument[0], "-vga"))
                return 2;
        return streq(argument[0], "-device") && is_display_device(argument[1]) ? 2 : 0;
}

int dm_build_qemu_arguments(const char *program, const char *const *arguments, const char *vgpu_args,
        const VgpuRecord *gpus, size_t n_gpus, char ***ret) {

        /* An MxGPU guest keeps its emulated card beside the VF; GVT-g and NVIDIA bring their own display. */
        bool replace = n_gpus > 0 && !vgpu_kind_has_function(gpus[0].kind), placed = !replace;
        _cleanup_strlist_ StrList l = {};

        strlist_add(&l, program);
        for (const char *const *a = arguments; *a; a++) {
                size_t skip = replace ? count_display_arguments(a) : 0;

                /* Without a display device to stand in for, the machine's description is where display
                 * arguments go before. */
                if (!placed && (skip > 0 || streq(*a, "-machine"))) {
                        add_display(&l, vgpu_args, gpus);
                        placed = true;
                }
                if (skip > 0)
                        a += skip - 1;
                else
                        strlist_add(&l, *a);
        }
        if (!placed)
                add_display(&l, vgpu_args, gpus);

        return strlist_take(&l, ret);
}
