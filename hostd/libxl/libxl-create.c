/*
 * The hypervisor ops on libxl: how a domain is made
 *
 * Functions to pass through are made assignable → libxl builds the domain and runs its device model. Each arrow is
 * a callback, in the order of the file. A create that fails was taken down by libxl itself, device model included;
 * the destroy that follows (libxl-hypervisor.c) then only finds nothing.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/io/file-lock.h"
#include "hostd/run/pci-function.h"
#include "hostd/libxl/libxl-config.h"
#include "hostd/libxl/libxl-private.h"

#define KIB_PER_MIB 1024
#define NAMING_PAUSE UINT64_C(10000)
#define NAMING_TRIES 500 /* 5 s */

/* 1. Is there memory for it? */

static int look_for_memory(LibxlHypervisor *h, libxl_domain_config *c, char **ret_error) {
        uint64_t need = 0, there = 0;
        int rc;

        /* Counts what libxl adds: shadow memory, video memory, slack for the hypervisor. */
        rc = libxl_domain_need_memory(h->loop.xl->ctx, c, INVALID_DOMID, &need);
        if (rc == 0)
                rc = libxl_get_free_memory(h->loop.xl->ctx, &there);
        if (rc)
                return libxl_error_to_errno(rc);
        if (need <= there)
                return 0;
        return text_refuse(ret_error, -ENOSPC,
                "The domain needs %" PRIu64 " MiB, of which %" PRIu64
                " MiB are free: end another VM, or give dom0 less memory.",
                need / KIB_PER_MIB, there / KIB_PER_MIB);
}

int libxl_op_check_memory(Hypervisor *hypervisor, struct json_object *config, char **ret_error) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        libxl_domain_config c;
        int r;

        r = libxl_config_from_json(h->loop.xl->ctx, config, &c);
        if (r < 0)
                return r;
        r = look_for_memory(h, &c, ret_error);
        libxl_domain_config_dispose(&c);
        return r;
}

/* 2. create: first the functions. */

void libxl_drop_config(LibxlHypervisor *h) {
        if (h->config_held)
                libxl_domain_config_dispose(&h->config);
        h->config_held = false;
}

static void end_create(LibxlHypervisor *h, int result, char *error) {
        h->building = false;
        libxl_drop_config(h);
        long_operation_end(&h->operation, h->hypervisor.loop, result, error);
}

static void build(LibxlHypervisor *h);

static void on_assigned(int result, const char *error, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->passthrough = helper_process_free(h->passthrough);
        if (result < 0)
                end_create(h, result, strdup(error));
        else
                build(h);
}

/* All functions of one card are passed to one guest. */
static int add_companions(libxl_domain_config *config) {
        int ordered = config->num_pcidevs, r = 0;

        for (int i = 0; i < ordered && r >= 0; i++) {
                PciAddress function = libxl_config_function(&config->pcidevs[i]);
                PciAddress companions[SLOT_FUNCTIONS];
                size_t n = pci_function_companions(PCI_SYSFS, &function, companions);

                for (size_t k = 0; k < n && r >= 0; k++)
                        r = libxl_config_add_function(config, &companions[k]);
        }
        return r;
}

static int take_functions(LibxlHypervisor *h) {
        size_t n = h->config.num_pcidevs > 0 ? (size_t) h->config.num_pcidevs : 0;
        _cleanup_free_ PciAddress *functions = calloc(n + 1, sizeof(*functions));
        _cleanup_(helper_work_done) HelperWork work = {};
        int r;

        if (!functions)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                functions[i] = libxl_config_function(&h->config.pcidevs[i]);
        r = passthrough_take(PCI_SYSFS, h->folder, functions, n, &work);
        return r < 0 ? r : helper_process_start(h->loop.event, &work, on_assigned, h, &h->passthrough);
}

int libxl_op_create(Hypervisor *hypervisor, struct json_object *config, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        int r;

        if (h->operation.running)
                return -EBUSY;
        libxl_forget_error(h->loop.xl);
        r = libxl_config_from_json(h->loop.xl->ctx, config, &h->config);
        if (r < 0)
                return r;
        h->config_held = true;
        libxl_uuid_copy(h->loop.xl->ctx, &h->uuid, &h->config.c_info.uuid);
        h->uuid_known = true;
        h->domid = h->new_domid = h->gone_domid = 0;

        long_operation_begin(&h->operation, done, userdata);
        if (h->config.num_pcidevs == 0) {
                build(h);
                return 0;
        }
        r = add_companions(&h->config);
        if (r >= 0)
                r = take_functions(h);
        if (r < 0) {
                libxl_drop_config(h);
                long_operation_forget(&h->operation);
        }
        return r;
}

/* 3. … then the domain, and its device model in it. */

/* libxl returns one number for most failures; what it says of a device model begins "domain 5 device model". */
static int build_error(const LibxlHypervisor *h, int rc) {
        int r = libxl_error_to_errno(rc);

        if ((r == -EIO || r == -ETIMEDOUT) && strstr(h->loop.xl->first_error, "device model"))
                return -ECHILD;
        return r;
}

/* If two starts found the same memory free, libxl fails one of them and gives no reason: what it had taken is
 * free again by now. */
static void fail_create(LibxlHypervisor *h, int rc) {
        char *error = libxl_describe_error(h, "The domain could not be created", rc), *memory = NULL;
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
                /* libxl returns the id of the domain that it has taken down again. */
                h->gone_domid = libxl_domid_valid_guest(h->new_domid) ? h->new_domid : h->domid;
                h->domid = 0;
                fail_create(h, rc);
        } else {
                h->domid = h->new_domid;
                end_create(h, 0, NULL);
        }
}

/* When libxl comes back from this call the domain is there and has its name. */
static void build_named(LibxlHypervisor *h) {
        int r, rc;

        r = libxl_config_name(h->loop.xl->ctx, &h->config);
        if (r < 0) {
                end_create(h, r, strdup("Out of memory."));
                return;
        }
        h->building = true;
        rc = IN_AIR(h,
                libxl_domain_create_new(h->loop.xl->ctx, &h->config, &h->new_domid, LIBXL_HOW(on_built, h), NULL));
        if (rc)
                fail_create(h, rc);
}

static void on_naming_retry(void *userdata) {
        build(userdata);
}

static int build_later(LibxlHypervisor *h) {
        if (h->naming_tries++ >= NAMING_TRIES)
                return -ETIMEDOUT;
        return loop_call_in(h->hypervisor.loop, &h->naming, NAMING_PAUSE, on_naming_retry, h);
}

/* libxl looks whether a name is free, then takes it: of two that do so at once both would have it. Others hold the
 * lock for moments; if one was stopped while it holds it, two domains of one name are better than no domain. */
static void build(LibxlHypervisor *h) {
        int lock = -1, r;

        r = file_lock_try(h->names_lock, &lock);
        if (r == -EBUSY)
                r = build_later(h);
        if (loop_timer_is_armed(h->naming))
                return;
        if (r < 0)
                (void) log_errno(r, "Cannot lock %s, ignoring", h->names_lock);
        h->naming_tries = 0;
        build_named(h);
        (void) file_unlock(lock);
}

/* libxl's abort does not reach a device model that is just starting, so that one is ended beside it. */
void libxl_op_cancel_create(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        ProcessId id;

        if (h->passthrough || loop_timer_is_armed(h->naming)) {
                h->passthrough = helper_process_free(h->passthrough);
                loop_timer_stop(h->naming);
                end_create(h, -ECANCELED, strdup("The start was cancelled."));
        } else if (h->building) {
                (void) libxl_ao_abort(h->loop.xl->ctx, LIBXL_HOW(on_built, h));
                if (libxl_op_device_model(hypervisor, &id) >= 0)
                        (void) process_signal(&id, SIGTERM);
        }
}
