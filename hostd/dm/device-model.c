/*
 * xenvgpu-dm: the device model that first starts the display emulator, then becomes qemu
 *
 * One straight line: find the order, start the emulator, wait until it is up, execute qemu. Whatever goes
 * wrong ends in fail(), which stops the emulator again, so that a failed start leaves no process behind.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-journal.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file.h"
#include "common/base/parse.h"
#include "hostd/dm/arguments.h"
#include "hostd/dm/device-model.h"
#include "hostd/dm/emulator.h"
#include "hostd/dm/readiness.h"
#include "hostd/run/program.h"
#include "hostd/run/run-record.h"
#include "hostd/run/xenstore.h"

#define DEFAULT_RUN_FOLDERS "/run/xenvgpu/vm"

typedef struct DeviceModel {
        const DomainProgram *settings;
        char **argv;
        uint32_t domid, vcpus;
        char *folder;
        StartOrder order;
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
        text = text_vprintf(format, args);
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

        /* The emulator needs this argument in any case. */
        for (size_t i = 0; i < dm->order.n_vgpus && r >= 0; i++)
                if (uuid_is_null(&dm->order.vgpus[i].nvidia.uuid))
                        r = uuid_generate(&dm->order.vgpus[i].nvidia.uuid);
        if (r < 0)
                return fail(dm, "Cannot make a uuid for the VGPU: %s.", strerror(-r));
        if (dm_gpus_check(dm->order.vgpus, dm->order.n_vgpus, &error) < 0)
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

        /* Our own stderr is the file that the hypervisor's library opened for qemu. Where we run under systemd, the
         * output goes to its journal. */
        (void) snprintf(identifier, sizeof(identifier), "vgpu-%" PRIu32, dm->domid);
        if (getenv("JOURNAL_STREAM"))
                output = sd_journal_stream_fd(identifier, LOG_INFO, /* level_prefix= */ false);
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
        EmulatorForm form = dm->settings->emulator_form;
        _cleanup_(strv_freep) char **arguments = NULL;
        _cleanup_(xenstore_closep) XenStore *xs = NULL;
        _cleanup_free_ char *error = NULL;
        const char *refusal = NULL;
        int r;

        r = dm_build_emulator_arguments(dm->settings->emulator, form, dm->domid, dm->vcpus, dm->order.vgpus,
                dm->order.n_vgpus, &arguments, &refusal);
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
        _cleanup_(strv_freep) char **arguments = NULL;
        int r;

        r = dm_build_qemu_arguments(dm->settings->qemu, (const char *const *) dm->argv + 1,
                dm->settings->qemu_vgpu_args, dm->order.vgpus, dm->order.n_vgpus, &arguments);
        if (r >= 0)
                r = process_id_of(getpid(), &dm->record.qemu);
        if (r >= 0)
                r = write_record(dm, "ready");
        if (r < 0)
                return fail(dm, "Cannot prepare qemu: %s.", strerror(-r));

        (void) execvp(arguments[0], arguments);
        return fail(dm, "Cannot execute %s: %s.", arguments[0], strerror(errno));
}

int device_model_run(const DomainProgram *settings, char **argv) {
        _cleanup_(device_model_done) DeviceModel dm = { .settings = settings, .emulator = EMULATOR_NONE };
        int r;

        dm.argv = argv;
        r = find_domid(&dm);
        if (r >= 0)
                r = find_folder(&dm);
        if (r >= 0)
                log_set_context(program_log_field(dm.folder, (char[PROGRAM_LOG_FIELD_MAX]){}));
        if (r >= 0)
                r = read_order(&dm);
        if (r >= 0 && dm_needs_emulator(dm.order.vgpus, dm.order.n_vgpus))
                r = bring_up_emulator(&dm);
        if (r >= 0)
                r = become_qemu(&dm);

        emulator_stop(&dm.emulator);
        return EXIT_FAILURE;
}
