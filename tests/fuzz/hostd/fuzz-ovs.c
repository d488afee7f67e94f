/*
 * Open vSwitch's database: whatever the server says, in whatever pieces, names of bridges come out, or the connection ends
 *
 * A byte before each piece says how long it is.
 */

#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/text.h"
#include "hostd/edge/ovs-bridges.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/sim/sim-loop.h"

static void on_changed(void *userdata) {
        (*(unsigned *) userdata)++;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void) unlink(path);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 8) < 0)
                abort();
        return fd;
}

static void check_names(const OvsBridges *o) {
        _cleanup_(strv_freep) char **names = NULL;

        if (ovs_bridges_add_to(o, &names) < 0)
                abort();
        for (char **name = names; name && *name; name++)
                if (!text_is_name(*name, strlen(*name)))
                        abort();
}

static void turn(sd_event *event) {
        while (sd_event_run(event, 0) > 0)
                ;
}

static void say(sd_event *event, int fd, const uint8_t *data, size_t size) {
        while (size > 0) {
                size_t n = MIN_OF((size_t) data[0], size - 1);

                if (send(fd, data + 1, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                        return;
                turn(event);
                data += n + 1;
                size -= n + 1;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *path = path_join(scratch_folder(), "db.sock");
        _cleanup_(sim_loop_freep) SimLoop *sim = NULL;
        _cleanup_close_ int listener = listen_at(path), fd = -1;
        sd_event *event = NULL;
        unsigned n_changed = 0;
        OvsBridges *o;

        if (sd_event_new(&event) < 0 || sim_loop_new(1, &sim) < 0 ||
                ovs_bridges_new(sim_loop_of(sim), event, path, on_changed, &n_changed, &o) < 0)
                abort();
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                abort();
        say(event, fd, data, size);
        check_names(o);
        (void) ovs_bridges_free(o);
        (void) sd_event_unref(event);
        return 0;
}
