/*
 * The arguments of the display emulator and of qemu
 *
 * Vectors are built in a list that remembers its first failure, so that the builders read like the command
 * lines that they make.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "hostd/dm/arguments.h"

typedef struct List {
        char **items; /* NULL-terminated once it holds anything */
        size_t n;
        int error;
} List;

char **arguments_free(char **arguments) {
        for (char **a = arguments; a && *a; a++)
                free(*a);
        free(arguments);
        return NULL;
}

static void list_done(List *l) {
        l->items = arguments_free(l->items);
}

static void list_take(List *l, char *item) {
        char **items = NULL;

        if (item && l->error >= 0)
                items = realloc(l->items, (l->n + 2) * sizeof(char *));
        if (!items) {
                free(item);
                l->error = -ENOMEM;
                return;
        }
        l->items = items;
        l->items[l->n++] = item;
        l->items[l->n] = NULL;
}

static _printf_(2, 3) void list_add(List *l, const char *format, ...) {
        va_list args;
        char *item;

        va_start(args, format);
        if (vasprintf(&item, format, args) < 0)
                item = NULL;
        va_end(args);
        list_take(l, item);
}

static int list_finish(List *l, char ***ret) {
        if (l->error < 0)
                return l->error;
        *ret = take_ptr(l->items);
        return 0;
}

static bool is_compute(const DmGpu *g) {
        return streq_ptr(g->vclass, "Compute");
}

int dm_gpus_check(const DmGpu *gpus, size_t n_gpus, const char **ret_error) {
        for (size_t i = 0; i < n_gpus; i++)
                if (gpus[i].kind != DM_GPU_NVIDIA && n_gpus > 1) {
                        *ret_error = "Unsupported vGPU configuration: several VGPUs in one VM must all be "
                                     "NVIDIA's.";
                        return -EINVAL;
                }
        return 0;
}

bool dm_needs_emulator(const DmGpu *gpus, size_t n_gpus) {
        return n_gpus > 0 && gpus[0].kind == DM_GPU_NVIDIA;
}

static int compare_slots(const void *a, const void *b) {
        const DmGpu *const *left = a, *const *right = b;

        return pci_address_compare(&(*left)->slot, &(*right)->slot);
}

static void add_device(List *l, const DmGpu *g) {
        bool extra = !isempty(g->extra_args);

        list_add(l, "--device=%s,%s,%s,%s%s%s", PCI_TEXT(&g->host),
                g->config_file ? g->config_file : g->type_id, PCI_TEXT(&g->slot), UUID_TEXT(&g->uuid),
                extra ? "," : "", extra ? g->extra_args : "");
}

static int build_today(List *l, uint32_t domid, const DmGpu *gpus, size_t n_gpus, const char **ret_error) {
        _cleanup_free_ const DmGpu **sorted = NULL;
        bool console = false;

        sorted = calloc(n_gpus, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n_gpus; i++) {
                if (isempty(gpus[i].type_id) && isempty(gpus[i].config_file)) {
                        *ret_error =
                                "The VGPU's record is incomplete: it has neither type_id nor config_file.";
                        return -EINVAL;
                }
                sorted[i] = &gpus[i];
                console = console || !is_compute(&gpus[i]);
        }
        qsort(sorted, n_gpus, sizeof(*sorted), compare_slots);

        list_add(l, "--suspend=/var/lib/xen/demu-save.%" PRIu32, domid);
        for (size_t i = 0; i < n_gpus; i++)
                add_device(l, sorted[i]);
        if (!console)
                list_add(l, "--noconsole");
        return 0;
}

static int build_6x(List *l, const DmGpu *gpus, size_t n_gpus, const char **ret_error) {
        bool extra = !isempty(gpus->extra_args);

        if (n_gpus != 1) {
                *ret_error = "The 6.x form of the emulator takes one VGPU for each VM.";
                return -EINVAL;
        }
        if (isempty(gpus->config_file)) {
                *ret_error = "The 6.x form of the emulator needs the VGPU's config_file.";
                return -EINVAL;
        }
        list_add(l, "--gpu=%s", PCI_TEXT(&gpus->host));
        list_add(l, "--config=%s%s%s", gpus->config_file, extra ? "," : "", extra ? gpus->extra_args : "");
        return 0;
}

int dm_build_emulator_arguments(const char *program, DmForm form, uint32_t domid, uint32_t vcpus,
        const DmGpu *gpus, size_t n_gpus, char ***ret, const char **ret_error) {

        _cleanup_(list_done) List l = {};
        int r;

        list_add(&l, "%s", program);
        list_add(&l, "--domain=%" PRIu32, domid);
        list_add(&l, "--vcpus=%" PRIu32, vcpus);
        r = form == DM_FORM_6X ? build_6x(&l, gpus, n_gpus, ret_error)
                               : build_today(&l, domid, gpus, n_gpus, ret_error);
        if (r < 0)
                return r;
        return list_finish(&l, ret);
}

static void add_words(List *l, const char *words) {
        for (;;) {
                size_t n;

                words += strspn(words, " \t");
                n = strcspn(words, " \t");
                if (n == 0)
                        return;
                list_take(l, strndup(words, n));
                words += n;
        }
}

/* What stands for the VM's display: everything when its first VGPU is no passthrough one. */
static void add_display(List *l, const char *vgpu_args, const DmGpu *g) {
        switch (g->kind) {
        case DM_GPU_NVIDIA:
                add_words(l, is_compute(g) ? "-std-vga" : vgpu_args);
                break;
        case DM_GPU_GVT_G:
                list_add(l, "-xengt");
                list_add(l, "-vgt_low_gm_sz");
                list_add(l, "%" PRIu64, g->low_gm_sz);
                list_add(l, "-vgt_high_gm_sz");
                list_add(l, "%" PRIu64, g->high_gm_sz);
                list_add(l, "-vgt_fence_sz");
                list_add(l, "%" PRIu64, g->fence_sz);
                list_add(l, "-priv");
                break;
        case DM_GPU_MXGPU:
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
        const DmGpu *gpus, size_t n_gpus, char ***ret) {

        /* An MxGPU guest keeps its emulated card beside the VF; GVT-g and NVIDIA bring their own display. */
        bool replace = n_gpus > 0 && gpus[0].kind != DM_GPU_MXGPU, placed = !replace;
        _cleanup_(list_done) List l = {};

        list_add(&l, "%s", program);
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
                        list_add(&l, "%s", *a);
        }
        if (!placed)
                add_display(&l, vgpu_args, gpus);

        return list_finish(&l, ret);
}
