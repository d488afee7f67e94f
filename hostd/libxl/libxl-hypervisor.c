/*
 * The hypervisor ops on libxl: how a domain is ended, and the ops as a whole
 *
 * destroy:   libxl takes the domain down → its device model is gone
 * give back: the functions that were passed through; not for a guest that reboots, since programs that monitor GPUs
 *            would open them in between
 *
 * Each arrow is a callback, in the order of the file.
 */

#include <inttypes.h>
#include <stdio.h>
#include <xendevicemodel.h>

#include "common/daemon/log.h"
#include "common/io/file.h"
#include "hostd/hypervisor/emulator-watch.h"
#include "hostd/libxl/libxl-hypervisor.h"
#include "hostd/libxl/libxl-private.h"

#define DEVICE_MODEL_GRACE (5 * UINT64_C(1000000))
#define QEMU_ROOT "/run/xen/qemu-root-" /* and its domid: libxl's choice */
#define NAMES_LOCK "../../names.lock" /* of the runtime folder */

/* 1. destroy: the domain, */

static void end_device_model(LibxlHypervisor *h);

static void on_destroyed(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        if (rc && rc != ERROR_DOMAIN_NOTFOUND)
                long_operation_end(&h->operation, h->hypervisor.loop, libxl_error_to_errno(rc),
                        libxl_describe_error(h, "The domain could not be destroyed", rc));
        else
                end_device_model(h);
}

static int destroy(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        GuestState state;
        ProcessId id;
        int r, rc;

        if (h->operation.running)
                return -EBUSY;
        if (h->domid == 0 && h->uuid_known) {
                r = libxl_find_domain(h, &h->uuid, &h->domid, &state);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        libxl_op_unwatch(hypervisor);
        long_operation_forget(&h->unpausing);
        libxl_forget_error(h->loop.xl);
        long_operation_begin(&h->operation, done, userdata);

        /* A try before this one may have seen it, and lost the key that says so. */
        if (libxl_op_device_model(hypervisor, &id) >= 0)
                h->device_model = id;
        if (h->domid == 0) {
                end_device_model(h);
                return 0;
        }

        h->in_air++;
        rc = libxl_domain_destroy(h->loop.xl->ctx, h->domid, LIBXL_HOW(on_destroyed, h));
        if (rc) {
                /* The loop tells it, as everything else of a destroy. */
                on_destroyed(h->loop.xl->ctx, rc, h);
        }
        return 0;
}

/* 2. … its device model, which libxl told to go and did not wait for. */

/* When it ends it writes into the backends of its disks; if libxl has removed them after its timeout, that makes their
 * folder anew. Of one that did not come up in time libxl leaves its own folder; and of one without privileges the empty
 * folder that was its root. */
void libxl_sweep(LibxlHypervisor *h) {
        static const char *const folders[] = { "backend/qdisk", "backend/vkbd", "backend/vfb", "device-model" };
        char root[sizeof(QEMU_ROOT) + 16];
        int r = 0;

        if (h->gone_domid == 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(folders) && r >= 0; i++)
                r = xenstore_remove(h->xs, "/local/domain/0/%s/%" PRIu32, folders[i], h->gone_domid);
        if (r < 0)
                (void) log_errno(r, "Cannot remove what xenstore has of domain %" PRIu32 ", ignoring", h->gone_domid);

        (void) snprintf(root, sizeof(root), QEMU_ROOT "%" PRIu32, h->gone_domid);
        if (rmdir(root) < 0 && errno != ENOENT)
                (void) log_errno(-errno, "Cannot remove %s, ignoring", root);
}

static void on_device_model_ended(int status, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->device_model_end = process_watch_free(h->device_model_end);
        libxl_sweep(h);
        long_operation_end(&h->operation, h->hypervisor.loop, 0, NULL);
}

static void end_device_model(LibxlHypervisor *h) {
        int r = -ESRCH;

        if (h->domid > 0)
                h->gone_domid = h->domid;
        h->domid = 0;
        if (h->device_model.pid > 0)
                r = process_end_new(h->loop.event, &h->device_model, DEVICE_MODEL_GRACE,
                        on_device_model_ended, h, &h->device_model_end);
        h->device_model = (ProcessId){};
        if (r >= 0)
                return;
        if (r != -ESRCH)
                (void) log_errno(r, "Cannot end the device model, ignoring");
        libxl_sweep(h);
        long_operation_end(&h->operation, h->hypervisor.loop, 0, NULL);
}

/* 3. give back: the functions that were taken for it. */

static void on_given_back(int result, const char *error, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->passthrough = helper_process_free(h->passthrough);
        if (result >= 0)
                passthrough_forget(h->folder);
        long_operation_end(&h->operation, h->hypervisor.loop, result, strdup(error));
}

static int give_back(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        _cleanup_(helper_work_done) HelperWork work = {};
        int r;

        if (h->operation.running)
                return -EBUSY;
        /* Once more: of a create that failed, the device model may have been there until now. */
        libxl_sweep(h);
        r = passthrough_give_back(h->folder, &work);
        if (r >= 0)
                r = helper_process_start(h->loop.event, &work, on_given_back, h, &h->passthrough);
        if (r < 0 && r != -ENOENT)
                return r;
        long_operation_begin(&h->operation, done, userdata);
        if (r == -ENOENT)
                long_operation_end(&h->operation, h->hypervisor.loop, 0, NULL);
        return 0;
}

static void child_reaped(Hypervisor *hypervisor, pid_t pid, int status) {
        libxl_loop_child_reaped(&libxl_of(hypervisor)->loop, pid, status);
}

/* libxl cannot be closed while operations are under way; in that case this process exits at once, and the
 * kernel closes it. */
static Hypervisor *free_hypervisor(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);

        (void) helper_process_free(h->passthrough);
        h->naming = loop_timer_free(h->naming);
        (void) process_watch_free(h->device_model_end);
        hypervisor_unwatch_emulator(hypervisor);
        long_operation_done(&h->operation);
        long_operation_done(&h->unpausing);
        if (h->in_air > 0)
                return NULL;

        if (h->loop.xl)
                libxl_op_unwatch(hypervisor);
        h->look = loop_timer_free(h->look);
        libxl_drop_config(h);
        if (h->calls)
                (void) xendevicemodel_close(h->calls);
        libxl_loop_done(&h->loop);
        (void) xenstore_close(h->xs);
        free(h->folder);
        free(h->names_lock);
        free(h);
        return NULL;
}

static const HypervisorOps libxl_ops = {
        .check_memory = libxl_op_check_memory,
        .create = libxl_op_create,
        .cancel_create = libxl_op_cancel_create,
        .domid = libxl_op_domid,
        .unpause = libxl_op_unpause,
        .ask_shutdown = libxl_op_ask_shutdown,
        .crash = libxl_op_crash,
        .destroy = destroy,
        .give_back = give_back,
        .watch = libxl_op_watch,
        .unwatch = libxl_op_unwatch,
        .watch_emulator = hypervisor_watch_emulator,
        .unwatch_emulator = hypervisor_unwatch_emulator,
        .find = libxl_op_find,
        .device_model = libxl_op_device_model,
        .child_reaped = child_reaped,
        .free = free_hypervisor,
};

int libxl_hypervisor_new(sd_event *event, Loop *loop, const char *folder, Hypervisor **ret) {
        LibxlHypervisor *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->hypervisor.ops = &libxl_ops;
        h->hypervisor.event = event;
        h->hypervisor.loop = loop;
        h->folder = strdup(folder);
        h->names_lock = path_join(folder, NAMES_LOCK);
        r = h->folder && h->names_lock ? libxl_loop_init(&h->loop, event) : -ENOMEM;
        if (r >= 0)
                r = xenstore_open(&h->xs);
        if (r < 0) {
                (void) free_hypervisor(&h->hypervisor);
                return r;
        }
        libxl_guest_attach(h);
        *ret = &h->hypervisor;
        return 0;
}
