/*
 * The echo service
 */

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <systemd/sd-event.h>

#include "common/daemon/bus-open.h"
#include "protocol/names.h"
#include "tests/bench/echo.h"

/* In memory that both processes share. */
struct Echo {
        pid_t pid;
        double signals; /* for one call */
};

/* In the echo's process */

typedef struct EchoService {
        const Echo *echo;
        sd_bus *bus;
        sd_bus_message **signals;
        size_t n_signals, next;
        double due;
} EchoService;

static int echo_signal(EchoService *e, sd_bus_message *like) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_signal(
                e->bus, &m, sd_bus_message_get_path(like), ECHO_NAME, sd_bus_message_get_member(like));
        if (r >= 0)
                r = sd_bus_message_rewind(like, true);
        if (r >= 0)
                r = sd_bus_message_copy(m, like, true);
        return r < 0 ? r : sd_bus_send(e->bus, m, NULL);
}

static int method_start(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        EchoService *e = userdata;
        int r;

        r = sd_bus_reply_method_return(m, "o", POLICY_PATH "/job/_11111111_2222_4333_8444_555555555555");
        for (e->due += e->echo->signals; e->due >= 1 && r >= 0; e->due--) {
                r = echo_signal(e, e->signals[e->next]);
                e->next = (e->next + 1) % e->n_signals;
        }
        return r < 0 ? r : 1;
}

static const sd_bus_vtable echo_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Start", "a{sv}", "o", method_start, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int find_any(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret,
        sd_bus_error *error) {
        *ret = userdata;
        return 1;
}

static int serve(const Stage *s, const Echo *echo) {
        EchoService e = {.echo = echo, .signals = s->kept, .n_signals = s->n_kept};
        sd_event *event;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = bus_open(s->address, "echo", &e.bus);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(
                        e.bus, NULL, POLICY_PATH, POLICY_IFACE_VM, echo_vtable, find_any, &e);
        if (r >= 0)
                r = sd_bus_request_name(e.bus, ECHO_NAME, 0);
        if (r >= 0)
                r = sd_bus_attach_event(e.bus, event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? r : sd_event_loop(event);
}

/* In the benchmark's */

static int wait_for_name(Stage *s) {
        for (unsigned i = 0; i < 500; i++, usleep(10000))
                if (sd_bus_call_method(s->connections[0], "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus", "GetNameOwner", NULL, NULL, "s", ECHO_NAME) >= 0)
                        return 0;
        return stage_say("the echo did not come up", -ETIMEDOUT);
}

int echo_new(Stage *s, Echo **ret) {
        _cleanup_(echo_freep) Echo *e = NULL;
        void *memory;
        pid_t pid;
        int r;

        if (s->n_kept == 0)
                return stage_say("no signals were kept", -ENODATA);
        memory = mmap(NULL, sizeof(Echo), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return -errno;
        e = memory;
        *e = (Echo){.signals = (double) s->n_kept};
        fflush(NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                _exit(serve(s, e) < 0 ? EXIT_FAILURE : 0);
        }

        e->pid = pid;
        r = wait_for_name(s);
        if (r < 0)
                return r;
        *ret = take_ptr(e);
        return 0;
}

Echo *echo_free(Echo *e) {
        if (!e)
                return NULL;
        if (e->pid > 0) {
                kill(e->pid, SIGTERM);
                waitpid(e->pid, NULL, 0);
        }
        munmap(e, sizeof(Echo));
        return NULL;
}

pid_t echo_pid(const Echo *e) {
        return e->pid;
}

void echo_set_signals(Echo *e, double n) {
        e->signals = n;
}
