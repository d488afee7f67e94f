#pragma once

/*
 * The hypervisor, as one VM's program uses it
 *
 * A Hypervisor serves one VM. Long operations return at once and end in one call of done() from the event
 * loop, never from inside the operation: the shape of libxl's ao_how callbacks and event generators. One
 * create, destroy or giving back is under way at a time, and an unpause between them. done() gets 0, or a
 * negative errno and a sentence that lives during the call (-ECANCELED after a cancel; -ECHILD from a create
 * whose device model did not come up).
 */

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "common/io/pidfd.h"
#include "common/base/loop.h"
#include "common/base/uuid.h"

typedef enum GuestState {
        GUEST_BUILDING, /* a create that is under way, or was cut off */
        GUEST_PAUSED,
        GUEST_RUNNING,
        GUEST_POWEROFF, /* shut down, the domain still there; so the following three */
        GUEST_REBOOT,
        GUEST_SUSPEND,
        GUEST_CRASH,
        GUEST_WATCHDOG, /* its own watchdog found it dead */
        GUEST_GONE,
        _GUEST_STATE_MAX,
        _GUEST_STATE_INVALID = -EINVAL,
} GuestState;

typedef struct Hypervisor Hypervisor;
typedef void (*HypervisorDone)(int result, const char *error, void *userdata);
typedef void (*GuestChanged)(GuestState state, void *userdata);
typedef void (*EmulatorChanged)(const char *state, void *userdata);

typedef struct HypervisorOps {
        /* 0, or -ENOSPC with a sentence (caller frees) when the host's free memory does not do for the
         * config. */
        int (*check_memory)(Hypervisor *h, struct json_object *config, char **ret_error);

        /* Builds the domain, paused, its device model running. After a failure the domain, if one was made,
         * is there until destroyed. */
        int (*create)(Hypervisor *h, struct json_object *config, HypervisorDone done, void *userdata);
        void (*cancel_create)(Hypervisor *h);
        /* Of the domain that create made or is making, or that find found; 0 when there is none. */
        uint32_t (*domid)(Hypervisor *h);

        /* A destroy cancels it: done() is not called then. */
        int (*unpause)(Hypervisor *h, HypervisorDone done, void *userdata);
        int (*ask_shutdown)(Hypervisor *h); /* the guest may take its time, or never do it */
        int (*crash)(Hypervisor *h);        /* ends the guest as crashed */
        int (*destroy)(Hypervisor *h, HypervisorDone done, void *userdata); /* no domain is fine */
        /* Gives back what else create took from the host, after the domain is destroyed; a guest that reboots
         * keeps it. NULL: it takes nothing. */
        int (*give_back)(Hypervisor *h, HypervisorDone done, void *userdata);

        /* Reports the state now and at each change, until stopped; also an end that came before the watch. */
        int (*watch)(Hypervisor *h, GuestChanged changed, void *userdata);
        void (*unwatch)(Hypervisor *h);

        /* Reports the state that the domain's display emulator writes ("running"; "error", also if it cannot be read any
         * more), now and at each change, until stopped. */
        int (*watch_emulator)(Hypervisor *h, EmulatorChanged changed, void *userdata);
        void (*unwatch_emulator)(Hypervisor *h);

        /* Takes over the domain of that uuid. -ENOENT. */
        int (*find)(Hypervisor *h, const Uuid *uuid, GuestState *ret);
        int (*device_model)(Hypervisor *h, ProcessId *ret); /* -ENOENT */

        /* A child of this process was reaped that no watch knows; it may be the implementation's own. May be
         * NULL. */
        void (*child_reaped)(Hypervisor *h, pid_t pid, int status);

        Hypervisor *(*free)(Hypervisor *h); /* the domain stays */
} HypervisorOps;

/* The first member of each implementation. */
struct Hypervisor {
        const HypervisorOps *ops;
        sd_event *event; /* both borrowed */
        Loop *loop;
        struct EmulatorWatch *emulator; /* hostd/hypervisor/emulator-watch.h */
};

static inline _unused_ Hypervisor *hypervisor_free(Hypervisor *h) {
        return h ? h->ops->free(h) : NULL;
}
DEFINE_CLEANUP(Hypervisor *, hypervisor_free)

static inline _unused_ void hypervisor_child_reaped(Hypervisor *h, pid_t pid, int status) {
        if (h->ops->child_reaped)
                h->ops->child_reaped(h, pid, status);
}
