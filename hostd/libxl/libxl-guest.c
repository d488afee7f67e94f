/*
 * A domain's life under libxl, between its making and its end
 *
 * libxl's events say only that something happened; the state is always asked for, by a hypercall, so that no
 * order of events can confuse it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <xendevicemodel.h>

#include "common/base/text.h"
#include "common/daemon/log.h"
#include "common/base/parse.h"
#include "hostd/libxl/libxl-private.h"
#include "hostd/run/run-record.h"

char *libxl_describe_error(LibxlHypervisor *h, const char *what, int rc) {
        const char *why = h->loop.xl->first_error;

        return isempty(why) ? text_printf("%s: libxl failed with %d.", what, rc)
                            : text_printf("%s: %s.", what, why);
}

/* What the hypervisor says of a domain. */

static GuestState state_of(const libxl_dominfo *info) {
        if (info->dying)
                return GUEST_GONE;
        if (!info->shutdown)
                return info->paused ? GUEST_PAUSED : GUEST_RUNNING;

        switch (info->shutdown_reason) {
        case LIBXL_SHUTDOWN_REASON_POWEROFF:
                return GUEST_POWEROFF;
        /* A soft reset would go on in the same domain; a new one serves the guest as well. */
        case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        case LIBXL_SHUTDOWN_REASON_REBOOT:
                return GUEST_REBOOT;
        case LIBXL_SHUTDOWN_REASON_SUSPEND:
                return GUEST_SUSPEND;
        case LIBXL_SHUTDOWN_REASON_WATCHDOG:
                return GUEST_WATCHDOG;
        case LIBXL_SHUTDOWN_REASON_CRASH:
        case LIBXL_SHUTDOWN_REASON_UNKNOWN:
                break;
        }
        return GUEST_CRASH;
}

static int read_state(LibxlHypervisor *h, GuestState *ret) {
        libxl_dominfo info;
        int rc;

        libxl_dominfo_init(&info);
        rc = libxl_domain_info(h->loop.xl->ctx, &info, h->domid);
        if (rc == 0)
                *ret = state_of(&info);
        libxl_dominfo_dispose(&info);
        if (rc == ERROR_DOMAIN_NOTFOUND)
                *ret = GUEST_GONE;
        return rc == ERROR_DOMAIN_NOTFOUND ? 0 : libxl_error_to_errno(rc);
}

int libxl_find_domain(LibxlHypervisor *h, const libxl_uuid *uuid, uint32_t *ret_domid, GuestState *ret) {
        libxl_dominfo *list;
        int n = 0, r = -ENOENT;

        list = libxl_list_domain(h->loop.xl->ctx, &n);
        if (!list)
                return -EIO;
        /* A domain that is dying belongs to no VM any more, though its memory may still be held. */
        for (int i = 0; i < n; i++)
                if (!list[i].dying && libxl_uuid_compare(&list[i].uuid, uuid) == 0) {
                        *ret_domid = list[i].domid;
                        *ret = state_of(&list[i]);
                        r = 0;
                }
        libxl_dominfo_list_free(list, n);
        return r;
}

/* libxl returns the id of a domain only after it is built; the hypervisor knows it earlier. */
uint32_t libxl_op_domid(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        uint32_t domid;
        GuestState state;

        if (h->domid == 0 && h->uuid_known && libxl_find_domain(h, &h->uuid, &domid, &state) >= 0)
                h->domid = domid;
        return h->domid;
}

int libxl_op_find(Hypervisor *hypervisor, const Uuid *uuid, GuestState *ret) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        uint32_t domid;
        int r;

        (void) memcpy(libxl_uuid_bytearray(&h->uuid), uuid->bytes, sizeof(uuid->bytes));
        h->uuid_known = true;
        r = libxl_find_domain(h, &h->uuid, &domid, ret);
        if (r >= 0)
                h->domid = domid;
        return r;
}

/* xenstore has only a pid, which another process may have by now. xenvgpu-dm has recorded when its own process started. */
static bool is_of_another(LibxlHypervisor *h, const ProcessId *id) {
        _cleanup_(dm_record_done) DmRecord dm = {};

        return dm_record_read(h->folder, &dm) >= 0 && dm.qemu.pid == id->pid &&
               dm.qemu.start_time != id->start_time;
}

int libxl_op_device_model(Hypervisor *hypervisor, ProcessId *ret) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        _cleanup_free_ char *text = NULL;
        ProcessId id;
        uint32_t pid;
        int r;

        if (libxl_op_domid(hypervisor) == 0)
                return -ENOENT;
        r = xenstore_read(h->xs, &text, "/local/domain/%" PRIu32 "/image/device-model-pid", h->domid);
        if (r >= 0)
                r = parse_u32(text, &pid);
        if (r < 0)
                return r == -ENOENT ? r : -EBADMSG;
        r = process_id_of((pid_t) pid, &id);
        if (r == -ESRCH || (r >= 0 && is_of_another(h, &id)))
                return -ENOENT;
        if (r >= 0)
                *ret = id;
        return r;
}

/* 1. Unpaused: libxl asks qemu for it, which may be slow. */

static void on_unpaused(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        long_operation_end(&h->unpausing, h->hypervisor.loop, libxl_error_to_errno(rc),
                rc ? libxl_describe_error(h, "The domain could not be unpaused", rc) : NULL);
}

int libxl_op_unpause(Hypervisor *hypervisor, HypervisorDone done, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        GuestState state;
        int r, rc;

        if (h->unpausing.running)
                return -EBUSY;
        r = read_state(h, &state);
        if (r < 0)
                return r;
        long_operation_begin(&h->unpausing, done, userdata);
        libxl_forget_error(h->loop.xl);

        /* An earlier instance unpaused it and died before that was recorded; Xen refuses a second time. */
        if (state != GUEST_PAUSED && state != GUEST_GONE) {
                long_operation_end(&h->unpausing, h->hypervisor.loop, 0, NULL);
                return 0;
        }
        rc = IN_AIR(h, libxl_domain_unpause(h->loop.xl->ctx, h->domid, LIBXL_HOW(on_unpaused, h)));
        if (rc)
                long_operation_forget(&h->unpausing);
        return libxl_error_to_errno(rc);
}

/* 2. Watched. */

static void notify_state(void *userdata) {
        LibxlHypervisor *h = userdata;
        GuestState state = _GUEST_STATE_INVALID;
        int r;

        r = read_state(h, &state);
        if (r < 0) {
                /* An event comes only once, so we exit: the next instance asks for the state when it begins. */
                (void) log_errno(r, "Cannot ask for the state of domain %" PRIu32 ", leaving", h->domid);
                loop_exit(h->hypervisor.loop, r);
                return;
        }
        if (state == h->last)
                return;
        h->last = state;
        h->changed(state, h->changed_userdata);
}


static void on_event(void *userdata, libxl_event *event) {
        LibxlHypervisor *h = userdata;

        int r = 0;

        if (event->domid == h->domid && h->changed)
                r = loop_call_soon(h->hypervisor.loop, &h->look, notify_state, h);
        if (r < 0)
                loop_exit(h->hypervisor.loop, r);
        libxl_event_free(h->loop.xl->ctx, event);
}

/* libxl may report nothing any more, so we exit: the next instance takes over what runs. */
static void on_disaster(void *userdata, libxl_event_type type, const char *message, int errnoval) {
        LibxlHypervisor *h = userdata;

        log_error("libxl cannot go on: %s (%s). Leaving, to be started anew.", message, strerror(errnoval));
        loop_exit(h->hypervisor.loop, errnoval > 0 ? -errnoval : -EIO);
}

void libxl_guest_attach(LibxlHypervisor *h) {
        static const libxl_event_hooks hooks = {
                .event_occurs_mask = LIBXL_EVENTMASK_ALL,
                .event_occurs = on_event,
                .disaster = on_disaster,
        };

        libxl_event_register_callbacks(h->loop.xl->ctx, &hooks, h);
}

void libxl_op_unwatch(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);

        if (h->death)
                libxl_evdisable_domain_death(h->loop.xl->ctx, h->death);
        h->death = NULL;
        h->changed = NULL;
        loop_timer_stop(h->look);
}

int libxl_op_watch(Hypervisor *hypervisor, GuestChanged changed, void *userdata) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        int r;

        libxl_op_unwatch(hypervisor);
        h->changed = changed;
        h->changed_userdata = userdata;
        h->last = _GUEST_STATE_INVALID;
        r = loop_call_soon(h->hypervisor.loop, &h->look, notify_state, h);
        if (r < 0)
                return r;
        return libxl_error_to_errno(libxl_evenable_domain_death(h->loop.xl->ctx, h->domid, 0, &h->death));
}

/* 3. Asked to shut down: through the drivers that know Xen, or else by its power button. */

static void on_button(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        if (rc)
                log_warning("The guest of domain %" PRIu32 " cannot be asked to shut down.", h->domid);
}

static int press_button(LibxlHypervisor *h) {
        return libxl_error_to_errno(IN_AIR(h,
                libxl_send_trigger(h->loop.xl->ctx, h->domid, LIBXL_TRIGGER_POWER, 0, LIBXL_HOW(on_button, h))));
}

static void on_asked(libxl_ctx *ctx, int rc, void *userdata) {
        LibxlHypervisor *h = userdata;

        h->in_air--;
        if (rc == ERROR_NOPARAVIRT)
                rc = press_button(h) < 0 ? ERROR_FAIL : 0;
        if (rc)
                log_warning("The guest of domain %" PRIu32 " cannot be asked to shut down.", h->domid);
}

int libxl_op_ask_shutdown(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);
        int rc;

        rc = IN_AIR(h, libxl_domain_shutdown(h->loop.xl->ctx, h->domid, LIBXL_HOW(on_asked, h)));
        return rc == ERROR_NOPARAVIRT ? press_button(h) : libxl_error_to_errno(rc);
}

/* libxl itself has no such call. */
int libxl_op_crash(Hypervisor *hypervisor) {
        LibxlHypervisor *h = libxl_of(hypervisor);

        if (!h->calls)
                h->calls = xendevicemodel_open(&h->loop.xl->logger, 0);
        if (!h->calls)
                return -EIO;
        return xendevicemodel_shutdown(h->calls, (domid_t) h->domid, LIBXL_SHUTDOWN_REASON_CRASH) < 0 ? -errno
                                                                                                     : 0;
}
