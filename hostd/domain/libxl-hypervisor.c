/*
 * The hypervisor ops on libxl: how a domain is made, and how it is ended
 *
 * create:    functions to pass through are made assignable → libxl builds the domain and runs its device model
 * destroy:   libxl takes the domain down → its device model is gone
 * give back: the functions; not for a guest that reboots, since whoever monitors the GPUs would seize them
 *            in between
 *
 * Each arrow is a callback, in the order of the file. A create that fails was taken down by libxl itself,
 * device model included; the destroy that follows then only finds nothing.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <xendevicemodel.h>

#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "common/io/file.h"
#include "hostd/domain/assign.h"
#include "hostd/domain/libxl-config.h"
#include "hostd/domain/libxl-hypervisor.h"
#include "hostd/domain/libxl-private.h"

#define DEVICE_MODEL_GRACE (5 * UINT64_C(1000000))
#define KIB_PER_MIB 1024
#define QEMU_ROOT "/run/xen/qemu-root-" /* and its domid: libxl's choice */
#define NAMES_LOCK "../../names.lock" /* of the runtime folder */
#define NAMING_PAUSE UINT64_C(10000)
#define NAMING_TRIES 500 /* 5 s */

char *libxl_say(LibxlHypervisor *h, const char *what, int rc) {
        const char *why = libxl_log_first_error(h->loop.log);
        char *text;
        int n;

        if (isempty(why))
                n = asprintf(&text, "%s: libxl failed with %d.", what, rc);
        else
                n = asprintf(&text, "%s: %s.", what, why);
        return n < 0 ? NULL : text;
}

/* 1. Is there memory for it? */

static int say_memory(uint64_t need, uint64_t there, char **ret) {
        if (asprintf(ret,
                    "The domain needs %" PRIu64 " MiB, of which %" PRIu64
                    " MiB are free: end another VM, or give dom0 less memory.",
                    need / KIB_PER_MIB, there / KIB_PER_MIB) < 0)
                return -ENOMEM;
        return -ENOSPC;
}

static int look_for_memory(LibxlHypervisor *h, libxl_domain_config *c, char **ret_error) {
        uint64_t need = 0, there = 0;
        int rc;

        /* Counts what libxl adds: shadow memory, video memory, slack for the hypervisor. */
        rc = libxl_domain_need_memory(h->loop.ctx, c, INVALID_DOMID, &need);
        if (rc == 0)
                rc = libxl_get_free_memory(h->loop.ctx, &there);
        if (rc)
                return libxl_error_to_errno(rc);
        return need > there ? say_memory(need, there, ret_error) : 0;
}

static int check_memory(Hypervisor *hypervisor, struct json_object *config, char **ret_error) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        libxl_domain_config c;
        int r;

        r = libxl_config_from_json(h->loop.ctx, config, &c);
        if (r < 0)
                return r;
        r = look_for_memory(h, &c, ret_error);
        libxl_domain_config_dispose(&c);
        return r;
}

/* 2. create: first the functions. */

static void drop_config(LibxlHypervisor *h) {
        if (h->config_held)
                libxl_domain_config_dispose(&h->config);
        h->config_held = false;
}

static void end_create(LibxlHypervisor *h, int result, char *error) {
        h->building = false;
        drop_config(h);
        libxl_operation_end(&h->operation, result, error);
}

static void build(LibxlHypervisor *h);

static void on_assigned(int result, const char *error, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->passthrough = passthrough_free(h->passthrough);
        if (result < 0)
                end_create(h, result, strdup(error));
        else
                build(h);
}

/* What belongs to one card goes to one guest. */
static int add_companions(libxl_domain_config *config) {
        int ordered = config->num_pcidevs, r = 0;

        for (int i = 0; i < ordered && r >= 0; i++) {
                PciAddress function = libxl_config_function(&config->pcidevs[i]);
                PciAddress companions[SLOT_FUNCTIONS];
                size_t n = assign_list_companions("/sys/bus/pci", &function, companions);

                for (size_t k = 0; k < n && r >= 0; k++)
                        r = libxl_config_add_function(config, &companions[k]);
        }
        return r;
}

static int take_functions(LibxlHypervisor *h) {
        _cleanup_free_ PciAddress *functions = NULL;
        size_t n = h->config.num_pcidevs > 0 ? (size_t) h->config.num_pcidevs : 0;

        functions = calloc(n + 1, sizeof(*functions));
        if (!functions)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                functions[i] = libxl_config_function(&h->config.pcidevs[i]);
        return passthrough_take(
                h->loop.event, h->folder, functions, n, on_assigned, h, &h->passthrough);
}

static int create(Hypervisor *hypervisor, struct json_object *config, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        int r;

        if (h->operation.running)
                return -EBUSY;
        libxl_log_reset(h->loop.log);
        r = libxl_config_from_json(h->loop.ctx, config, &h->config);
        if (r < 0)
                return r;
        h->config_held = true;
        libxl_uuid_copy(h->loop.ctx, &h->uuid, &h->config.c_info.uuid);
        h->uuid_known = true;
        h->domid = h->new_domid = h->gone_domid = 0;

        libxl_operation_begin(&h->operation, done, userdata);
        if (h->config.num_pcidevs == 0) {
                build(h);
                return 0;
        }
        r = add_companions(&h->config);
        if (r >= 0)
                r = take_functions(h);
        if (r < 0) {
                drop_config(h);
                libxl_operation_forget(&h->operation);
        }
        return r;
}

/* 3. … then the domain, and its device model in it. */

/* libxl returns one number for most failures; what it says of a device model begins "domain 5 device model". */
static int build_error(const LibxlHypervisor *h, int rc) {
        int r = libxl_error_to_errno(rc);

        if ((r == -EIO || r == -ETIMEDOUT) && strstr(libxl_log_first_error(h->loop.log), "device model"))
                return -ECHILD;
        return r;
}

/* Of two starts that found the same memory free libxl ends one, with no more than a failure: what it had taken is
 * free again by now. */
static void fail_create(LibxlHypervisor *h, int rc) {
        char *error = libxl_say(h, "The domain could not be created", rc), *memory = NULL;
        int r = build_error(h, rc);

        if (r != -ECANCELED && r != -ECHILD && look_for_memory(h, &h->config, &memory) == -ENOSPC) {
                r = -ENOSPC;
                free(error);
                error = memory;
        }
        end_create(h, r, error);
}

static void on_built(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        if (rc) {
                /* libxl tells which one it was that it has taken down again. */
                h->gone_domid = libxl_domid_valid_guest(h->new_domid) ? h->new_domid : h->domid;
                h->domid = 0;
                fail_create(h, rc);
        } else {
                h->domid = h->new_domid;
                end_create(h, 0, NULL);
        }
}

static libxl_asyncop_how how_to_build(LibxlHypervisor *h) {
        return (libxl_asyncop_how){ .callback = on_built, .u.for_callback = h };
}

/* When libxl comes back from this call the domain is there and has its name. */
static void build_named(LibxlHypervisor *h) {
        libxl_asyncop_how how = how_to_build(h);
        int r, rc;

        r = libxl_config_name(h->loop.ctx, &h->config);
        if (r < 0) {
                end_create(h, r, strdup("Out of memory."));
                return;
        }
        h->building = true;
        h->in_air++;
        rc = libxl_domain_create_new(h->loop.ctx, &h->config, &h->new_domid, &how, NULL);
        if (rc) {
                h->in_air--;
                fail_create(h, rc);
        }
}

static int on_naming_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        build(userdata);
        return 0;
}

static int build_later(LibxlHypervisor *h) {
        if (h->naming_tries++ >= NAMING_TRIES)
                return -ETIMEDOUT;
        return sd_event_add_time_relative(
                h->loop.event, &h->naming, CLOCK_MONOTONIC, NAMING_PAUSE, 0, on_naming_retry, h);
}

/* libxl looks whether a name is free, then takes it: of two that do so at once both would have it. Others hold the
 * lock for moments; should one have been stopped in them, two domains of a name are less than none. */
static void build(LibxlHypervisor *h) {
        int lock = -1, r;

        h->naming = sd_event_source_disable_unref(h->naming);
        r = file_lock_try(h->names_lock, &lock);
        if (r == -EBUSY)
                r = build_later(h);
        if (h->naming)
                return;
        if (r < 0)
                (void) log_errno(r, "Cannot lock %s, ignoring", h->names_lock);
        h->naming_tries = 0;
        build_named(h);
        (void) file_unlock(lock);
}

/* libxl's abort does not reach a device model that is just starting, so that one is ended beside it. */
static void cancel_create(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        libxl_asyncop_how how = how_to_build(h);
        ProcessId id;

        if (h->passthrough) {
                h->passthrough = passthrough_free(h->passthrough);
                end_create(h, -ECANCELED, strdup("The start was cancelled."));
        } else if (h->naming) {
                h->naming = sd_event_source_disable_unref(h->naming);
                end_create(h, -ECANCELED, strdup("The start was cancelled."));
        } else if (h->building) {
                (void) libxl_ao_abort(h->loop.ctx, &how);
                if (libxl_op_device_model(hypervisor, &id) >= 0)
                        (void) process_signal(&id, SIGTERM);
        }
}

/* 4. destroy: the domain, */

static void end_device_model(LibxlHypervisor *h);

static void on_destroyed(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        if (rc && rc != ERROR_DOMAIN_NOTFOUND)
                libxl_operation_end(&h->operation, libxl_error_to_errno(rc),
                        libxl_say(h, "The domain could not be destroyed", rc));
        else
                end_device_model(h);
}

static int destroy(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        libxl_asyncop_how how = { .callback = on_destroyed, .u.for_callback = h };
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
        libxl_operation_forget(&h->unpausing);
        libxl_log_reset(h->loop.log);
        libxl_operation_begin(&h->operation, done, userdata);

        /* A try before this one may have seen it, and lost the key that says so. */
        if (libxl_op_device_model(hypervisor, &id) >= 0)
                h->device_model = id;
        if (h->domid == 0) {
                end_device_model(h);
                return 0;
        }

        h->in_air++;
        rc = libxl_domain_destroy(h->loop.ctx, h->domid, &how);
        if (rc) {
                /* The loop tells it, as everything else of a destroy. */
                on_destroyed(h->loop.ctx, rc, h);
        }
        return 0;
}

/* 5. … its device model, which libxl told to go and did not wait for. */

/* As it goes it says so in the backends of its disks, and where libxl was tired of waiting and has removed them, that makes
 * their folder anew. Of one that did not come up in time libxl leaves its own folder; and of one without privileges the
 * empty folder that was its root. */
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
        libxl_operation_end(&h->operation, 0, NULL);
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
        libxl_operation_end(&h->operation, 0, NULL);
}

/* 6. give back: the functions that were taken for it. */

static void on_given_back(int result, const char *error, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->passthrough = passthrough_free(h->passthrough);
        libxl_operation_end(&h->operation, result, strdup(error));
}

static int give_back(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        int r;

        if (h->operation.running)
                return -EBUSY;
        /* Once more: of a create that failed, the device model may have been there until now. */
        libxl_sweep(h);
        r = passthrough_give_back(h->loop.event, h->folder, on_given_back, h, &h->passthrough);
        if (r < 0 && r != -ENOENT)
                return r;
        libxl_operation_begin(&h->operation, done, userdata);
        if (r == -ENOENT)
                libxl_operation_end(&h->operation, 0, NULL);
        return 0;
}

static void child_reaped(Hypervisor *hypervisor, pid_t pid, int status) {
        libxl_loop_child_reaped(&libxl_of(hypervisor)->loop, pid, status);
}

/* libxl cannot be closed with operations in the air; then we are leaving in a hurry, and the kernel closes
 * it. */
static Hypervisor *free_hypervisor(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);

        (void) passthrough_free(h->passthrough);
        h->naming = sd_event_source_disable_unref(h->naming);
        (void) process_watch_free(h->device_model_end);
        libxl_operation_forget(&h->operation);
        libxl_operation_forget(&h->unpausing);
        if (h->in_air > 0)
                return NULL;

        if (h->loop.ctx)
                libxl_op_unwatch(hypervisor);
        drop_config(h);
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
        .check_memory = check_memory,
        .create = create,
        .cancel_create = cancel_create,
        .domid = libxl_op_domid,
        .unpause = libxl_op_unpause,
        .ask_shutdown = libxl_op_ask_shutdown,
        .crash = libxl_op_crash,
        .destroy = destroy,
        .give_back = give_back,
        .watch = libxl_op_watch,
        .unwatch = libxl_op_unwatch,
        .find = libxl_op_find,
        .device_model = libxl_op_device_model,
        .child_reaped = child_reaped,
        .free = free_hypervisor,
};

int libxl_hypervisor_new(sd_event *event, const char *folder, Hypervisor **ret) {
        LibxlHypervisor *h;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->hypervisor.ops = &libxl_ops;
        h->operation.event = h->unpausing.event = event;
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
