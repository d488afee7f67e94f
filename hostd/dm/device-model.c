/*
 * xenvgpu-dm: the device model that first starts the display emulator, then becomes qemu
 *
 * One straight line: find the order, start the emulator, wait until it is up, execute qemu. Whatever goes
 * wrong ends in fail(), which stops the emulator again, so that a failed start leaves no process behind.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "hostd/dm/arguments.h"
#include "hostd/dm/device-model.h"
#include "hostd/dm/emulator.h"
#include "hostd/dm/journal-stream.h"
#include "hostd/dm/readiness.h"
#include "hostd/run/dm-settings.h"
#include "hostd/run/run-record.h"
#include "hostd/run/xenstore.h"

#define DEFAULT_RUN_FOLDERS "/run/xenvgpu/vm"

typedef struct DeviceModel {
        const DmSettings *settings;
        char **argv;
        uint32_t domid, vcpus;
        char *folder;
        StartOrder order;
        DmGpu gpus[ORDER_GPUS_MAX];
        size_t n_gpus;
        Emulator emulator;
        DmRecord record;
} DeviceModel;

static void device_model_done(DeviceModel *dm) {
        free(dm->folder);
        start_order_done(&dm->order);
        emulator_done(&dm->emulator);
        dm_record_done(&dm->record);
}

static int write_record(DeviceModel *dm, const char *stage) {
        free(dm->record.stage);
        dm->record.stage = strdup(stage);
        if (!dm->record.stage)
                return -ENOMEM;
        return dm_record_write(dm->folder, &dm->record);
}

/* Logs and records the sentence; returns -EIO. */
static _printf_(2, 3) int fail(DeviceModel *dm, const char *format, ...) {
        va_list args;
        char *text;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);

        log_error("%s", strempty(text));
        free(dm->record.error);
        dm->record.error = text;
        if (dm->folder && write_record(dm, "failed") < 0)
                log_error("Cannot write dm.json in %s.", dm->folder);
        return -EIO;
}

static int find_domid(DeviceModel *dm) {
        const char *text = getenv("XEN_DOMAIN_ID");

        for (char **a = dm->argv + 1; *a; a++)
                if (streq(*a, "-xen-domid"))
                        text = a[1];
        if (!text || parse_u32(text, &dm->domid) < 0 || dm->domid == 0)
                return fail(dm, "The arguments hold no usable -xen-domid.");
        return 0;
}

/* Where no variable names it, the domain's path in xenstore ("/vm/<uuid>") does. */
static int find_folder(DeviceModel *dm) {
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *vm = NULL;
        const char *uuid;
        Uuid parsed;
        int r;

        if (dm->settings->folder) {
                dm->folder = strdup(dm->settings->folder);
                return dm->folder ? 0 : -ENOMEM;
        }

        r = xenstore_open(&xs);
        if (r >= 0)
                r = xenstore_read(xs, &vm, "/local/domain/%" PRIu32 "/vm", dm->domid);
        if (r < 0)
                return fail(dm, "Cannot read from xenstore which VM domain %" PRIu32 " is: %s.", dm->domid,
                        strerror(-r));
        uuid = startswith(vm, "/vm/");
        if (!uuid || uuid_from_string(uuid, &parsed) < 0)
                return fail(dm, "Domain %" PRIu32 " is no VM of ours ('%s').", dm->domid, vm);
        dm->folder = path_join(DEFAULT_RUN_FOLDERS, UUID_TEXT(&parsed));
        return dm->folder ? 0 : -ENOMEM;
}

static int take_gpu(const VgpuRecord *v, DmGpu *ret) {
        DmGpu g = {
                .host = v->virtual_pci_address ? *v->virtual_pci_address : v->physical_pci_address,
                .slot = v->nvidia.virtual_pci_address,
                .type_id = v->nvidia.type_id,
                .config_file = v->nvidia.config_file,
                .vclass = v->nvidia.vclass,
                .extra_args = v->nvidia.extra_args,
                .uuid = v->nvidia.uuid,
                .low_gm_sz = v->gvt_g.low_gm_sz,
                .high_gm_sz = v->gvt_g.high_gm_sz,
                .fence_sz = v->gvt_g.fence_sz,
        };

        g.kind = v->kind == VGPU_KIND_NVIDIA  ? DM_GPU_NVIDIA
                 : v->kind == VGPU_KIND_GVT_G ? DM_GPU_GVT_G
                                              : DM_GPU_MXGPU;
        *ret = g;
        /* The emulator wants one in any case. */
        return uuid_is_null(&g.uuid) ? uuid_generate(&ret->uuid) : 0;
}

static int read_order(DeviceModel *dm) {
        JsonReader reader = {};
        const char *error;
        VmNeeds needs;
        int r;

        r = run_order_read(&reader, dm->folder, &dm->order);
        if (r < 0)
                return fail(dm, "Cannot read order.json in %s: %s.", dm->folder,
                        r == -EBADMSG ? reader.error : strerror(-r));
        r = vm_config_needs(&reader, dm->order.vm.config, dm->order.n_vgpus > 0, &needs);
        if (r < 0)
                return fail(dm, "Cannot use the VM's config: %s.", reader.error);
        dm->vcpus = needs.vcpus;
        vm_needs_done(&needs);

        if (dm->order.n_vgpus > ORDER_GPUS_MAX)
                return fail(
                        dm, "The order has %zu VGPUs; %d are the most.", dm->order.n_vgpus, ORDER_GPUS_MAX);
        for (; dm->n_gpus < dm->order.n_vgpus; dm->n_gpus++) {
                r = take_gpu(&dm->order.vgpus[dm->n_gpus], &dm->gpus[dm->n_gpus]);
                if (r < 0)
                        return fail(dm, "Cannot make a uuid for the VGPU: %s.", strerror(-r));
        }
        if (dm_gpus_check(dm->gpus, dm->n_gpus, &error) < 0)
                return fail(dm, "%s", error);
        return 0;
}

static int launch_emulator(DeviceModel *dm, char *const *arguments) {
        static char path[] = "PATH=" DM_EMULATOR_PATH;
        const char *xenstored = getenv("XENSTORED_PATH");
        _cleanup_free_ char *store = NULL;
        _cleanup_close_ int output = -1;
        char identifier[32];
        char *environment[] = { path, NULL, NULL };
        int r;

        /* Only where xenstore is not where the emulator's library would look: a real one gets PATH alone. */
        if (xenstored) {
                if (asprintf(&store, "XENSTORED_PATH=%s", xenstored) < 0)
                        return -ENOMEM;
                environment[1] = store;
        }

        /* Our own stderr is the file that the hypervisor's library opened for qemu. */
        (void) snprintf(identifier, sizeof(identifier), "vgpu-%" PRIu32, dm->domid);
        output = journal_stream_open(identifier);
        r = emulator_start(arguments, environment, output, &dm->emulator);
        if (r < 0)
                return fail(dm, "Cannot start the vgpu emulator: %s.", strerror(-r));
        dm->record.emulator = dm->emulator.id;
        r = write_record(dm, "emulator");
        if (r < 0)
                return fail(dm, "Cannot write dm.json in %s: %s.", dm->folder, strerror(-r));
        r = emulator_release(&dm->emulator);
        if (r < 0)
                return fail(dm, "Cannot release the vgpu emulator: %s.", strerror(-r));
        return 0;
}

static int bring_up_emulator(DeviceModel *dm) {
        DmForm form = dm->settings->emulator_form == EMULATOR_FORM_6X ? DM_FORM_6X : DM_FORM_TODAY;
        _cleanup_(arguments_freep) char **arguments = NULL;
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *error = NULL;
        const char *refusal = NULL;
        int r;

        r = dm_build_emulator_arguments(dm->settings->emulator, form, dm->domid, dm->vcpus, dm->gpus,
                dm->n_gpus, &arguments, &refusal);
        if (r < 0)
                return fail(dm, "%s", refusal ? refusal : strerror(-r));
        r = launch_emulator(dm, arguments);
        if (r < 0)
                return r;

        /* Opened after the forks, since libxenstore reads on a thread. */
        r = xenstore_open(&xs);
        if (r >= 0)
                r = emulator_wait_ready(&dm->emulator, xs, form, dm->domid, dm->settings->emulator_timeout,
                        &dm->record.state, &error);
        if (r < 0)
                return fail(dm, "%s", error ? error : "xenstore does not answer.");
        return 0;
}

static int become_qemu(DeviceModel *dm) {
        _cleanup_(arguments_freep) char **arguments = NULL;
        int r;

        r = dm_build_qemu_arguments(dm->settings->qemu, (const char *const *) dm->argv + 1,
                dm->settings->qemu_vgpu_args, dm->gpus, dm->n_gpus, &arguments);
        if (r >= 0)
                r = process_id_of(getpid(), &dm->record.qemu);
        if (r >= 0)
                r = write_record(dm, "ready");
        if (r < 0)
                return fail(dm, "Cannot prepare qemu: %s.", strerror(-r));

        (void) execvp(arguments[0], arguments);
        return fail(dm, "Cannot execute %s: %s.", arguments[0], strerror(errno));
}

int device_model_run(const DmSettings *settings, char **argv) {
        _cleanup_(device_model_done) DeviceModel dm = { .settings = settings, .emulator = EMULATOR_NONE };
        int r;

        dm.argv = argv;
        r = find_domid(&dm);
        if (r >= 0)
                r = find_folder(&dm);
        if (r >= 0)
                r = read_order(&dm);
        if (r >= 0 && dm_needs_emulator(dm.gpus, dm.n_gpus))
                r = bring_up_emulator(&dm);
        if (r >= 0)
                r = become_qemu(&dm);

        emulator_stop(&dm.emulator);
        return EXIT_FAILURE;
}
