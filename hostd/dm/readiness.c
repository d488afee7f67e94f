/*
 * When the emulator is up
 */

#include <inttypes.h>
#include <poll.h>
#include <time.h>

#include "common/base/text.h"
#include "hostd/dm/readiness.h"

Readiness readiness_judge(EmulatorForm form, const char *state, const char *pid_key) {
        if (form == EMULATOR_FORM_6X)
                return isempty(pid_key) ? READINESS_WAIT : READINESS_READY;
        if (!state)
                return READINESS_WAIT;
        if (streq(state, "initialising") || streq(state, "resuming") || streq(state, "running"))
                return READINESS_READY;
        return streq(state, "error") ? READINESS_ERROR : READINESS_WAIT;
}

static uint64_t now_us(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

static int say_error_state(XenStore *xs, uint32_t domid, char **ret_error) {
        _cleanup_free_ char *code = NULL;

        (void) xenstore_read(xs, &code, "/local/domain/%" PRIu32 "/vgpu/error-code", domid);
        /* Xenstore holds any bytes. */
        if (text_clean_own(&code, TEXT_LINE, TEXT_NAME_MAX) < 0)
                return -ENOMEM;
        return text_refuse(ret_error, -EIO, "The vgpu emulator reported an error%s%s.", code ? ", code " : "", strempty(code));
}

static int say_end(Emulator *e, char **ret_error) {
        _cleanup_free_ char *how = NULL;
        int status;

        if (emulator_read_end(e, &status) < 0)
                return text_refuse(ret_error, -EIO, "The vgpu emulator exited unexpectedly.");
        how = emulator_end_to_text(status);
        return how ? text_refuse(ret_error, -EIO, "The vgpu emulator %s.", how) : -ENOMEM;
}

/* Reads what xenstore says now; READINESS_READY, _WAIT, _ERROR. */
static Readiness look(XenStore *xs, EmulatorForm form, uint32_t domid, char **state) {
        _cleanup_free_ char *pid_key = NULL;

        free(*state);
        *state = NULL;
        (void) xenstore_read(xs, state, "/local/domain/%" PRIu32 "/vgpu/state", domid);
        (void) xenstore_read(xs, &pid_key, "/local/domain/%" PRIu32 "/vgpu-pid", domid);
        return readiness_judge(form, *state, pid_key);
}

static int wait_loop(Emulator *e, XenStore *xs, EmulatorForm form, uint32_t domid, uint64_t timeout_us,
        char **state, char **ret_error) {

        struct pollfd fds[] = { { .fd = xenstore_fd(xs), .events = POLLIN },
                { .fd = e->link, .events = POLLIN } };
        uint64_t deadline = now_us() + timeout_us;

        for (;;) {
                uint64_t now = now_us();
                int r;

                /* An emulator that died is not ready, whatever it wrote before. */
                if (fds[1].revents)
                        return say_end(e, ret_error);
                switch (look(xs, form, domid, state)) {
                case READINESS_READY:
                        return 0;
                case READINESS_ERROR:
                        return say_error_state(xs, domid, ret_error);
                case READINESS_WAIT:
                        break;
                }
                if (now >= deadline)
                        return text_refuse(ret_error, -EIO, "The vgpu emulator was not up after %.1f seconds (state %s).",
                                (double) timeout_us / 1e6, *state ? *state : "not set");

                if (poll(fds, ARRAY_SIZE(fds),
                            (int) MIN_OF((deadline - now) / 1000 + 1, (uint64_t) 3600000)) < 0 &&
                        errno != EINTR)
                        return -errno;
                r = xenstore_drain(xs);
                if (r < 0)
                        return r;
        }
}

int emulator_wait_ready(Emulator *e, XenStore *xs, EmulatorForm form, uint32_t domid, uint64_t timeout_us,
        char **ret_state, char **ret_error) {

        char *state = NULL;
        int r;

        r = xenstore_watch(xs, "/local/domain/%" PRIu32 "/vgpu", domid);
        if (r >= 0)
                r = xenstore_watch(xs, "/local/domain/%" PRIu32 "/vgpu-pid", domid);
        if (r >= 0)
                r = wait_loop(e, xs, form, domid, timeout_us, &state, ret_error);
        *ret_state = state;
        return r;
}
