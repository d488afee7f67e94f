/*
 * libxl on our event loop
 *
 * libxl asks for descriptors and timers through its osevent hooks, and is called with what happened from the
 * loop, never from within one of its own calls. It may ask for one descriptor twice, which epoll does not
 * take, so each registration watches a duplicate.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "common/daemon/log.h"
#include "hostd/libxl/libxl-loop.h"

#define USEC_PER_SEC UINT64_C(1000000)

typedef struct LibxlRegistration {
        LibxlLoop *loop;
        void *for_libxl;
        sd_event_source *source;
        int fd, watched_fd; /* libxl's, and our duplicate; -1 for a timer */
        short events;
} LibxlRegistration;

static LibxlRegistration *registration_free(LibxlRegistration *r) {
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->source);
        safe_close(r->watched_fd);
        free(r);
        return NULL;
}
DEFINE_CLEANUP(LibxlRegistration *, registration_free)

static LibxlRegistration *registration_new(LibxlLoop *loop, void *for_libxl) {
        LibxlRegistration *r = calloc(1, sizeof(*r));

        if (r)
                *r = (LibxlRegistration){ .loop = loop, .for_libxl = for_libxl, .fd = -1, .watched_fd = -1 };
        return r;
}

/* Descriptors. POLLIN and its like are EPOLLIN and its like on Linux. */

static int on_descriptor(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        LibxlRegistration *r = userdata;

        /* r may be gone during the call. */
        libxl_osevent_occurred_fd(r->loop->xl->ctx, r->for_libxl, r->fd, r->events, (short) revents);
        return 0;
}

/* Without wanted events libxl must not be called, not even for an error. */
static int watch_events(LibxlRegistration *r, short events) {
        int e;

        e = sd_event_source_set_io_events(r->source, (uint32_t) events);
        if (e >= 0)
                e = sd_event_source_set_enabled(r->source, events ? SD_EVENT_ON : SD_EVENT_OFF);
        if (e >= 0)
                r->events = events;
        return e;
}

static int fd_register(void *user, int fd, void **ret, short events, void *for_libxl) {
        LibxlLoop *loop = user;
        _cleanup_(registration_freep) LibxlRegistration *r = registration_new(loop, for_libxl);

        if (!r)
                return ERROR_OSEVENT_REG_FAIL;
        r->fd = fd;
        r->watched_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (r->watched_fd < 0 ||
                sd_event_add_io(loop->event, &r->source, r->watched_fd, (uint32_t) events, on_descriptor, r) < 0 ||
                watch_events(r, events) < 0)
                return ERROR_OSEVENT_REG_FAIL;
        *ret = take_ptr(r);
        return 0;
}

static int fd_modify(void *user, int fd, void **update, short events) {
        return watch_events(*update, events) < 0 ? ERROR_OSEVENT_REG_FAIL : 0;
}

static void fd_deregister(void *user, int fd, void *registration) {
        (void) registration_free(registration);
}

/* Timers. libxl counts by the wall clock; what it wants is a delay, so a clock that is set does not matter. */

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        LibxlRegistration *r = userdata;

        /* For libxl the timer ends when this call begins; if libxl still shortens it during the call, that
         * has no effect. */
        libxl_osevent_occurred_timeout(r->loop->xl->ctx, r->for_libxl);
        (void) registration_free(r);
        return 0;
}

static uint64_t delay_until(struct timeval abs) {
        struct timeval now, delay;

        (void) gettimeofday(&now, NULL);
        if (!timercmp(&abs, &now, >))
                return 0;
        timersub(&abs, &now, &delay);
        return (uint64_t) delay.tv_sec * USEC_PER_SEC + (uint64_t) delay.tv_usec;
}

static int timeout_register(void *user, void **ret, struct timeval abs, void *for_libxl) {
        LibxlLoop *loop = user;
        _cleanup_(registration_freep) LibxlRegistration *r = registration_new(loop, for_libxl);

        if (!r || sd_event_add_time_relative(
                          loop->event, &r->source, CLOCK_MONOTONIC, delay_until(abs), 1, on_time, r) < 0)
                return ERROR_OSEVENT_REG_FAIL;
        *ret = take_ptr(r);
        return 0;
}

/* Only ever called for "as soon as possible". */
static int timeout_modify(void *user, void **update, struct timeval abs) {
        LibxlRegistration *r = *update;

        return sd_event_source_set_time(r->source, 0) < 0 ? ERROR_OSEVENT_REG_FAIL : 0;
}

static void timeout_deregister(void *user, void *registration) {
        (void) registration_free(registration);
}

static const libxl_osevent_hooks osevent_hooks = {
        .fd_register = fd_register,
        .fd_modify = fd_modify,
        .fd_deregister = fd_deregister,
        .timeout_register = timeout_register,
        .timeout_modify = timeout_modify,
        .timeout_deregister = timeout_deregister,
};

/* Children: libxl executes device models and scripts right after this, with the signals as they are here. */

static pid_t fork_child(void *user) {
        sigset_t none;
        pid_t pid;

        pid = fork();
        if (pid == 0) {
                (void) signal(SIGPIPE, SIG_DFL);
                sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
        }
        return pid;
}

static const libxl_childproc_hooks childproc_hooks = {
        .chldowner = libxl_sigchld_owner_mainloop,
        .fork_replacement = fork_child,
};

void libxl_loop_child_reaped(LibxlLoop *loop, pid_t pid, int status) {
        (void) libxl_childproc_reaped(loop->xl->ctx, pid, status);
}

int libxl_loop_init(LibxlLoop *loop, sd_event *event) {
        int r;

        *loop = (LibxlLoop){ .event = sd_event_ref(event) };
        r = libxl_open(&loop->xl);
        if (r < 0) {
                libxl_loop_done(loop);
                return r;
        }
        libxl_childproc_setmode(loop->xl->ctx, &childproc_hooks, loop);
        libxl_osevent_register_hooks(loop->xl->ctx, &osevent_hooks, loop);
        return 0;
}

void libxl_loop_done(LibxlLoop *loop) {
        /* It takes back all that it has registered. */
        loop->xl = libxl_close(loop->xl);
        loop->event = sd_event_unref(loop->event);
}
