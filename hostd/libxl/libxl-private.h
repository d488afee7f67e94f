#pragma once

/*
 * The inside of the hypervisor ops on libxl, shared by libxl-create.c (how a domain is made), libxl-guest.c (its
 * life) and libxl-hypervisor.c (its end, and the whole)
 */

#include "hostd/hypervisor/long-operation.h"
#include "hostd/libxl/libxl-loop.h"
#include "hostd/helper/passthrough.h"
#include "common/daemon/process-watch.h"
#include "hostd/run/xenstore.h"

struct xendevicemodel_handle;

typedef struct LibxlHypervisor {
        Hypervisor hypervisor; /* first */
        LibxlLoop loop;
        XenStore *xs;
        char *folder;    /* of the VM */
        unsigned in_air; /* libxl's asynchronous operations that have not called back */

        /* the domain */
        libxl_uuid uuid;
        bool uuid_known;
        uint32_t domid; /* 0: none, or not known yet */

        /* create or destroy */
        LongOperation operation;
        bool building; /* libxl_domain_create_new() is under way */
        libxl_domain_config config;
        bool config_held;
        uint32_t new_domid;
        HelperProcess *passthrough; /* functions are taken, or given back */
        char *names_lock; /* path: one program of the host at a time names a domain */
        LoopTimer *naming;
        unsigned naming_tries;
        ProcessId device_model;
        ProcessWatch *device_model_end;
        uint32_t gone_domid; /* the last that was destroyed; 0: none since the last create */

        /* in between */
        LongOperation unpausing;
        libxl_evgen_domain_death *death;
        LoopTimer *look;
        GuestChanged changed;
        void *changed_userdata;
        GuestState last;
        struct xendevicemodel_handle *calls;
} LibxlHypervisor;

static inline LibxlHypervisor *libxl_of(Hypervisor *h) {
        return CONTAINER_OF(h, LibxlHypervisor, hypervisor);
}

/* How libxl reports the end of an asynchronous call; and such a call, which is under way unless it failed at once. It
 * may call back before it returns. */
#define LIBXL_HOW(function, h) (&(libxl_asyncop_how){ .callback = (function), .u.for_callback = (h) })
#define IN_AIR(h, call)                                                                                      \
        ({                                                                                                   \
                int _rc_;                                                                                    \
                (h)->in_air++;                                                                               \
                _rc_ = (call);                                                                               \
                if (_rc_)                                                                                    \
                        (h)->in_air--;                                                                       \
                _rc_;                                                                                        \
        })

/* "<what>: <libxl's first error>." */
char *libxl_describe_error(LibxlHypervisor *h, const char *what, int rc);

/* -ENOENT. */
int libxl_find_domain(LibxlHypervisor *h, const libxl_uuid *uuid, uint32_t *ret_domid, GuestState *ret);

/* Removes what xenstore and libxl have left of the domain that is gone, once its device model is too. */
void libxl_sweep(LibxlHypervisor *h);

/* The ops of libxl-create.c, and what of a create may be left. */
int libxl_op_check_memory(Hypervisor *hypervisor, struct json_object *config, char **ret_error);
int libxl_op_create(Hypervisor *hypervisor, struct json_object *config, HypervisorDone done, void *userdata);
void libxl_op_cancel_create(Hypervisor *hypervisor);
void libxl_drop_config(LibxlHypervisor *h);

/* The ops of libxl-guest.c. */
uint32_t libxl_op_domid(Hypervisor *hypervisor);
int libxl_op_unpause(Hypervisor *hypervisor, HypervisorDone done, void *userdata);
int libxl_op_ask_shutdown(Hypervisor *hypervisor);
int libxl_op_crash(Hypervisor *hypervisor);
int libxl_op_watch(Hypervisor *hypervisor, GuestChanged changed, void *userdata);
void libxl_op_unwatch(Hypervisor *hypervisor);
int libxl_op_find(Hypervisor *hypervisor, const Uuid *uuid, GuestState *ret);
int libxl_op_device_model(Hypervisor *hypervisor, ProcessId *ret);
void libxl_guest_attach(LibxlHypervisor *h); /* events of libxl come to us from now on */
